"""Where values are on one machine, and for how long."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

from collegium.backends.ports import RunRequest

VALUE = "marker-7f3a9c"


def with_secret(place: Any, *argv: str) -> RunRequest:
    return replace(place.request(*argv), secrets={"TOKEN": VALUE})


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def places(root: Path) -> dict[str, int]:
    """Files that hold the value, and their modes."""
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in root.rglob("*") if VALUE.encode() in read(p)}


def arguments() -> bytes:
    """Of all processes of this machine."""
    return b"".join(read(p) for p in Path("/proc").glob("[0-9]*/cmdline"))


async def test_in_one_private_file_while_it_runs_and_nowhere_after(place: Any) -> None:
    backend = place.open()
    script = 'echo "it is $TOKEN"; while ! test -e "$COLLEGIUM_ARTIFACTS/go"; do sleep 0.02; done'
    request = with_secret(place, "/bin/sh", "-c", script)
    await backend.jobs.start(request)
    output = place.attempt(request.key) / "log" / f"{0:020d}"
    await place.until(lambda: read(output) == b"it is ***\n", "its word", backend)
    assert places(place.state) == {"launch": 0o600}
    assert VALUE.encode() not in arguments()
    (place.attempt(request.key) / "artifacts" / "go").touch()
    await place.finished(backend)
    assert places(place.state) == {}


async def test_nothing_stays_when_the_supervisor_is_killed(place: Any, hands: Any) -> None:
    backend = place.open()
    await backend.jobs.start(with_secret(place, "sleep", "60"))
    await place.until(lambda: place.supervisor() and (place.attempt("job-one.1") / "started").exists(), "a start")
    hands.kill(place.supervisor())
    await place.finished(backend)
    assert places(place.state) == {}


async def test_what_a_killed_start_left_goes(place: Any) -> None:
    backend, attempt = place.open(), place.attempt("job-one.1")
    attempt.mkdir(parents=True)
    (attempt / ".launch.0a1b2c3d").write_text(VALUE)
    await place.run(backend, with_secret(place, "true"))
    assert places(place.state) == {}
