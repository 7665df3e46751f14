"""The client in a server of a real hub, with nothing set; and what that server's token may not do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collegium.hub.configuration import DEMO_CATALOG, DEMO_HOME
from support.installation import Installation, call, until

PROGRAM = """
import asyncio
from collegium_client import AsyncClient, Client, errors

with Client() as client:
    assert client.context().user.name == "ann"
    assert "scientific-python" in [image.name for image in client.get_groups_group_catalog("physics").images]
    size = dict(image="scientific-python", instance_type="small")
    job = client.jobs.submit(name="from a notebook", command="echo said", **size)
    print("".join(piece.text for piece in job.follow()), job.wait(120, check=True).state)
    for group in ("chemistry", "nosuch"):
        try:
            client.jobs.submit(name="x", command="true", group=group, **size)
        except errors.Forbidden as error:
            print(group, error.code)

async def look():
    async with AsyncClient() as client:
        return [j.name async for j in client.jobs.list()]

print(asyncio.run(look()))
"""
FILES = """
import hashlib, os
from pathlib import Path
import fsspec
from collegium_client import Client

big = Path("big.bin")
big.write_bytes(os.urandom(5 << 20))
with Client() as client:
    sent = client.files.upload(big, "in/big.bin")
    assert client.files.checksum("in/big.bin") == hashlib.sha256(big.read_bytes()).hexdigest()
    client.files.move("in/big.bin", "in/moved.bin")
    with fsspec.open("collegium://physics/in/notes.txt", "w") as file:
        file.write("by its name")
    print(sent.size, [e.name for e in client.files.list("in")])
    made = client.datasets.create(name="client-notes", copy_from=["in/notes.txt"])
    version = client.datasets.snapshot("client-notes", "first")
    with fsspec.open(f"collegium://physics/.datasets/client-notes@{version.number}/notes.txt", "r") as file:
        print(version.state, file.read())
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("client")
    running = Installation(folder / "hub", Path(shutil.copy(DEMO_CATALOG, folder / "catalog.yaml")))
    shutil.copytree(DEMO_HOME, running.state / "homes" / "ann" / "physics")
    try:
        yield running.start()
    finally:
        running.stop()


def environment_in(hub: Installation, user: str, server: str) -> dict[str, str]:
    """The environment of what runs in a server, read from the server itself."""
    hub.token(user)
    options = {"group": "physics", "instance_type": "small", "image": "scientific-python"}
    status, answer = hub.as_admin("POST", f"/users/{user}/servers/{server}", options)
    assert status in (201, 202) or "already running" in str(answer), answer

    def ready() -> bool:
        model: Any = hub.as_admin("GET", f"/users/{user}")[1]
        return bool(model["servers"].get(server, {}).get("ready"))

    until("the server is ready", ready)
    for pid in hub.processes("singleuser"):
        text = (Path("/proc") / str(pid) / "environ").read_text(errors="replace")
        found = dict(item.split("=", 1) for item in text.split("\0") if "=" in item)
        if found.get("JUPYTERHUB_SERVER_NAME") == server and found.get("JUPYTERHUB_USER") == user:
            return {**found, "PATH": os.pathsep.join([str(Path(sys.executable).parent), found["PATH"]])}
    raise AssertionError("the server has no process")


def test_with_nothing_set_in_a_server(hub: Installation) -> None:
    inside = environment_in(hub, "ann", "physics")
    ran = subprocess.run([sys.executable, "-c", PROGRAM], env=inside, capture_output=True, text=True, timeout=180)
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "said",
        " Succeeded",
        "chemistry forbidden",
        "nosuch forbidden",
        "['from a notebook']",
    ]

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["collegium", *arguments], env=inside, capture_output=True, text=True, timeout=180, cwd=inside["HOME"]
        )

    done = command("jobs", "submit", "--follow", "echo word; exit 4")
    assert (done.returncode, done.stdout) == (4, "word\n")
    refused = command("jobs", "list", "-g", "chemistry")
    assert refused.returncode == 1
    assert "This server's own token is for jobs of its group alone" in refused.stderr
    assert "(from this server)" in command("whoami").stdout


def test_files_of_the_group_in_a_server(hub: Installation) -> None:
    inside = environment_in(hub, "ann", "physics")
    ran = subprocess.run(
        [sys.executable, "-c", FILES], env=inside, capture_output=True, text=True, timeout=180, cwd=inside["HOME"]
    )
    assert ran.stderr == ""
    # What servers and jobs of the group find in their project.
    assert (hub.state / "files/physics/files/in/moved.bin").stat().st_size == 5 << 20
    assert ran.stdout.splitlines() == [f"{5 << 20} ['moved.bin', 'notes.txt']", "Ready by its name"]


def test_a_servers_token_is_for_jobs_of_its_group_and_nothing_else(hub: Installation) -> None:
    inside = environment_in(hub, "ann", "other")
    token = inside["JUPYTERHUB_API_TOKEN"]
    # A name that is no group of hers: nothing says which group it will be started in next.
    for path in ("/groups/physics/jobs", "/groups/chemistry/jobs", "/groups/physics/audit", "/users", "/audit"):
        assert hub.request("GET", path, token)[0] == 403, path
    assert hub.request("GET", "/context", token)[0] == 200
    model = call("GET", f"{hub.url}/hub/api/user", token)[1]
    ours = sorted(s for s in model["scopes"] if s.startswith("custom:"))
    assert ours == [
        "custom:collegium:files:read!group=other",
        "custom:collegium:files:write!group=other",
        "custom:collegium:groups:read!user=ann",
        "custom:collegium:jobs:read!group=other",
        "custom:collegium:jobs:write!group=other",
    ]
    for method, path in (("POST", "/users/ann/tokens"), ("GET", "/users"), ("POST", "/users/ann/servers/physics")):
        assert call(method, f"{hub.url}/hub/api{path}", token, {} if method == "POST" else None)[0] in (403, 404), path
