"""Backends by name, and the fake's own tricks."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from collegium.backends import registry
from collegium.backends.memory import MemoryBackend
from collegium.backends.ports import RunPhase
from collegium.domain.errors import InvalidInput, StorageFull, Unavailable
from collegium.domain.jobs import WorkingDirectory


@pytest.fixture
def installed(monkeypatch: Any) -> None:
    """The entry points as the distribution declares them."""
    points = [
        EntryPoint("local", "collegium.backends.local:create", registry.GROUP),
        EntryPoint("broken", "builtins:dict", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])


@pytest.mark.usefixtures("installed")
def test_load(tmp_path: Path) -> None:
    backend = registry.load_backend("local", state_dir=tmp_path / "s", homes_dir=tmp_path / "h")
    assert backend.name == "local"
    with pytest.raises(InvalidInput, match="broken, local"):
        registry.load_backend("nomad")
    with pytest.raises(TypeError):
        registry.load_backend("local", colour="blue")
    with pytest.raises(TypeError, match="dict"):
        registry.load_backend("broken")


def test_supervisor_loads_next_to_nothing() -> None:
    """Each module more is latency of every run's start."""
    script = "import sys; import collegium.backends.local.supervisor; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path += {sys.path!r}; {script}"],
        capture_output=True,
        check=True,
        text=True,
    )
    heavy = {"json", "asyncio", "typing", "dataclasses", "pathlib", "subprocess", "re", "enum", "contextlib"}
    assert not set(answer.stdout.split()) & (heavy | {"collegium.backends.ports"})


async def test_faults_of_the_fake(place: Any) -> None:
    memory = MemoryBackend()
    request = place.request("x")
    memory.fail_next_start()
    memory.fail_next_observe()
    with pytest.raises(Unavailable):
        await memory.start(request)
    with pytest.raises(Unavailable):
        await memory.observe()
    assert await memory.observe() == {}
    await memory.start(request)
    memory.lose(request.key)
    assert (await memory.observe())[request.key].phase is RunPhase.LOST
    with pytest.raises(ValueError, match="over already"):
        memory.finish(request.key)
    memory.storage_full = True
    with pytest.raises(StorageFull):
        await memory.snapshot("job-two", "alice", "physics", WorkingDirectory())
    assert await memory.snapshots() == {"job-one": memory.since["job-one"]}
