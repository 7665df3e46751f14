"""The program: which backend with which options, and what is let go of at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.netutil import bind_sockets

from collegium.backends.memory import MemoryBackend
from collegium.backends.ports import Backend
from collegium.cipher import VARIABLE, Cipher
from collegium.domain.errors import InvalidInput
from collegium.services import application
from collegium.services.application import CollegiumService
from collegium.settings import Settings

CIPHER = Cipher.generate()


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of each backend that was asked for."""
    seen: list[dict[str, Any]] = []

    def load(name: str, **options: Any) -> Backend:
        seen.append({"name": name, **options})
        return MemoryBackend().backend

    monkeypatch.setattr(application, "load_backend", load)
    return seen


@pytest.mark.parametrize(("role", "identity"), [("api", False), ("controller", True), ("all", True)])
def test_kubernetes_gets_its_settings_and_only_who_controls_an_identity(
    role: str, identity: bool, options: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLLEGIUM_KUBERNETES", json.dumps({"instance": "blue"}))
    service = CollegiumService(role=role, backend="kubernetes", backend_options={"log_tail": 5})
    service._load_backend(Settings.at(tmp_path), CIPHER)
    (given,) = options
    assert (given["identity"], given["settings"].instance, given["log_tail"]) == (identity, "blue", 5)
    assert given["cipher"] is CIPHER


@pytest.mark.parametrize("role", ["api", "controller", "all"])
def test_a_key_is_made_only_by_who_has_the_state_for_itself(
    role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert CollegiumService(role=role)._cipher(Settings.at(tmp_path)).ready == (role == "all")


def test_what_the_operator_says_wins(options: list[dict[str, Any]], tmp_path: Path) -> None:
    CollegiumService(backend_options={"homes_dir": "/h"})._load_backend(Settings.at(tmp_path), CIPHER)
    own = {"state_dir": tmp_path / "local", "files_dir": tmp_path / "files"}
    assert options == [{"name": "local", "homes_dir": "/h", **own}]


def test_wrong_settings_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLLEGIUM_KUBERNETES", json.dumps({"instanze": "blue"}))
    with pytest.raises(InvalidInput, match=r"kubernetes.instanze: is not a setting"):
        CollegiumService(backend="kubernetes")._load_backend(Settings.at(tmp_path), CIPHER)


@pytest.mark.parametrize("role", ["api", "controller"])
async def test_the_real_one_is_made_without_a_loop_and_without_a_cluster(
    role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLLEGIUM_KUBERNETES", json.dumps({"files_dir": str(tmp_path / "files"), "tools_image": "i"}))
    service = CollegiumService(role=role, backend="kubernetes")
    backend = await asyncio.to_thread(service._load_backend, Settings.at(tmp_path), CIPHER)
    assert backend.name == "kubernetes"
    if backend.close is not None:
        await backend.close()


async def test_the_backend_is_closed_at_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    monkeypatch.setattr(application, "load_backend", lambda *_, **__: replace(MemoryBackend().backend, close=close))
    monkeypatch.setenv("COLLEGIUM_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("COLLEGIUM_DATABASE_URL", raising=False)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "t")
    monkeypatch.setenv("JUPYTERHUB_CLIENT_ID", "c")
    (socket,) = bind_sockets(0, "127.0.0.1")
    port = socket.getsockname()[1]
    socket.close()
    running = asyncio.create_task(CollegiumService(port=port, prefix="/s/", drain_seconds=0.1).run())
    async with asyncio.timeout(30), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        while not await _ready(client):
            await asyncio.sleep(0.1)
        assert not closed
        os.kill(os.getpid(), signal.SIGTERM)
        await running
    assert closed == [True]


async def _ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/s/health/ready")).status_code == 200
    except httpx.TransportError:
        return False
