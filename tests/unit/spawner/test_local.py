from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.spawner import SpawnException

from collegium.domain.catalog import Grant, GrantKind, Image
from collegium.domain.groups import ManagedBy
from collegium.spawner import local, process
from collegium.spawner.local import GroupLocalSpawner

GOOD = {"group": "physics", "instance_type": "small", "image": "tiny"}
SERVER = """#!{python}
import http.server, os, pathlib, signal, sys, urllib.parse
pathlib.Path("seen").write_text("\\n".join([*sys.argv[1:], *(f"{{k}}={{v}}" for k, v in os.environ.items())]))
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
port = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"]).port
http.server.HTTPServer(("127.0.0.1", port), http.server.BaseHTTPRequestHandler).serve_forever()
"""


class Local(GroupLocalSpawner):
    """The real one; only what the hub would have to be there for is replaced."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.api_token = "the-server-token"
        self.hub.api_url = "http://127.0.0.1:8081/hub/api"
        self.hub.public_host = ""
        self.user.url = "/user/ann/"
        self.oauth_client_id = "jupyterhub-user-ann"


@pytest.fixture
def image(bench, tmp_path: Path) -> Path:
    """An image whose server is twelve lines of Python; returns its program."""
    program = tmp_path / "env" / "bin" / local.PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text(SERVER.format(python=sys.executable))
    program.chmod(0o755)
    with bench.database.write() as uow:
        images = [
            Image("tiny", "Tiny", environment=str(tmp_path / "env"), variables={"COLOUR": "blue", "CPU_LIMIT": "9"})
        ]
        images.append(Image("gone", "Gone", environment=str(tmp_path / "gone")))
        images.append(Image("cloud", "Cloud", reference="example.org/x:1"))
        grants = [Grant("physics", GrantKind.IMAGE, i.name) for i in images]
        uow.catalog.replace(ManagedBy.API, [], images, [], grants)
    return program


@pytest.fixture
async def spawner(bench, image):
    made = bench.spawner("ann", "physics", GOOD, kind=Local)
    made.interrupt_timeout = made.term_timeout = 1
    yield made
    await made.stop(now=True)


async def test_start_home_environment_and_stop(bench, spawner, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HUB_SECRET", "hush")
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "hush")
    spawner.skeleton = str(tmp_path / "skeleton")
    (tmp_path / "skeleton").mkdir()
    (tmp_path / "skeleton" / "README.md").write_text("hello")
    ip, _ = await spawner.start()
    assert ip == "127.0.0.1"
    home = tmp_path / "state" / "homes" / "ann" / "physics"
    assert (home / "README.md").read_text() == "hello"
    seen = (home / "seen").read_text().splitlines()
    env = dict(line.split("=", 1) for line in seen if "=" in line)
    assert ("--allow-root" in seen) == (os.geteuid() == 0)
    assert env["HOME"] == env["JUPYTERHUB_ROOT_DIR"] == str(home)
    assert env["PATH"].split(":")[0] == str(tmp_path / "env" / "bin")
    assert (env["COLLEGIUM_GROUP"], env["COLLEGIUM_INSTANCE_TYPE"], env["COLLEGIUM_IMAGE"]) == (
        "physics",
        "small",
        "tiny",
    )
    assert (env["COLOUR"], env["JUPYTERHUB_API_TOKEN"], env["JUPYTERHUB_DEFAULT_URL"]) == (
        "blue",
        "the-server-token",
        "/lab",
    )
    assert env["MEM_LIMIT"] == str(1 << 30)
    assert not {
        "HUB_SECRET",
        "CONFIGPROXY_AUTH_TOKEN",
        "COLLEGIUM_DATABASE_URL",
        "COLLEGIUM_STATE_DIR",
        "PYTHONPATH",
    } & set(env)
    assert await spawner.poll() is None
    identity = spawner.process_id
    await spawner.stop()
    assert not identity.alive
    assert await spawner.poll() is not None
    assert bench.live() == []
    assert not (spawner.folder / "process").exists()


async def test_found_again_after_a_restart_of_the_hub(bench, spawner) -> None:
    await spawner.start()
    other = bench.spawner("ann", "physics", GOOD, kind=Local)
    other.interrupt_timeout = other.term_timeout = 1
    other.load_state(spawner.get_state())
    assert await other.poll() is None
    # The child is reaped by init in life and by the first object here.
    stopping = asyncio.create_task(other.stop())
    while not stopping.done():
        await spawner.poll()
        await asyncio.sleep(0.05)
    await stopping
    assert await other.poll() == 0
    assert bench.live() == []


async def test_an_orphan_is_ended_when_the_server_is_polled_or_started_anew(bench, spawner) -> None:
    await spawner.start()
    orphan = spawner.process_id
    # A hub that was killed in the middle of a start knows nothing of the process.
    other = bench.spawner("ann", "physics", GOOD, kind=Local)
    assert await other.poll() == 0
    assert not orphan.alive
    assert bench.live() == []


async def test_a_server_that_ends_while_starting_shows_its_last_words(bench, spawner, image: Path) -> None:
    image.write_text(f"#!{sys.executable}\nimport sys\nprint('<b>no such module</b>', flush=True)\nsys.exit(3)\n")
    with pytest.raises(SpawnException) as caught:
        await spawner.start()
    assert (caught.value.status_code, caught.value.reason) == (503, "unavailable")
    assert "status 3" in caught.value.message
    assert "&lt;b&gt;no such module" in caught.value.jupyterhub_html_message
    assert bench.live() == []
    assert not (spawner.folder / "process").exists()


async def test_a_cancelled_start_leaves_no_process(bench, spawner, image: Path) -> None:
    image.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(300)\n")
    task = asyncio.create_task(spawner.start())
    record = spawner.folder / "process"
    while not record.exists() or process.ProcessId.from_file(record) is None:
        await asyncio.sleep(0.02)
    identity = process.ProcessId.from_file(record)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not identity.alive
    assert bench.live() == []


@pytest.mark.parametrize(("name", "text"), [("gone", "jupyterhub-singleuser is missing"), ("cloud", "no environment")])
async def test_an_image_that_is_not_here_is_refused_clearly(bench, image, name: str, text: str) -> None:
    spawner = bench.spawner("ann", "physics", {**GOOD, "image": name}, kind=Local)
    with pytest.raises(SpawnException) as caught:
        await spawner.start()
    assert (caught.value.status_code, caught.value.reason) == (503, "unavailable")
    assert text in caught.value.message
    assert bench.live() == []


async def test_a_stubborn_server_is_killed_with_all_it_started(bench, spawner, image: Path) -> None:
    image.write_text(
        image.read_text().replace(
            "signal.signal(signal.SIGINT, lambda *_: sys.exit(0))",
            "import subprocess; subprocess.Popen(['sleep', '300'], start_new_session=True)\n"
            "for s in (signal.SIGINT, signal.SIGTERM): signal.signal(s, signal.SIG_IGN)",
        )
    )
    spawner.interrupt_timeout = spawner.term_timeout = 0
    await spawner.start()
    await spawner.stop()
    assert bench.live() == []
    assert list(process._marked(spawner.server_key)) == []


def test_keys_differ_between_users_servers_and_installations(bench, monkeypatch, tmp_path: Path) -> None:
    keys = {
        bench.spawner(u, s, kind=Local).server_key for u, s in [("ann", ""), ("ann", "x"), ("annx", ""), ("a", "nn/x")]
    }
    monkeypatch.setenv("COLLEGIUM_STATE_DIR", str(tmp_path / "other"))
    keys.add(bench.spawner("ann", "", kind=Local).server_key)
    assert len(keys) == 5


def test_the_hubs_own_environment() -> None:
    assert local.program_of(Image("x", "X", environment="hub")) == Path(sys.prefix) / "bin" / local.PROGRAM
