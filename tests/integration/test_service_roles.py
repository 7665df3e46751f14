"""Several processes over one PostgreSQL: who answers, who controls, how fast one sees what the other did."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tornado.netutil import bind_sockets

from collegium.db import Database
from collegium.settings import Settings
from integration.services.harness import API, BODY, PREFIX, FakeHub, running_hub, seed

pytestmark = pytest.mark.slow
JOBS = f"{API}/groups/physics/jobs"


async def until(question: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await question():
            await asyncio.sleep(0.05)


def free_port() -> int:
    (socket,) = bind_sockets(0, "127.0.0.1")
    with socket:
        return int(socket.getsockname()[1])


@dataclass
class Replica:
    """One process in one role."""

    process: asyncio.subprocess.Process
    client: httpx.AsyncClient
    log: Path

    async def get(self, path: str) -> httpx.Response | None:
        with suppress(httpx.TransportError):
            return await self.client.get(PREFIX + path)
        return None

    async def ready(self) -> bool:
        answer = await self.get("health/ready")
        return answer is not None and answer.status_code == 200

    async def is_now(self, standing: str) -> bool:
        answer = await self.get("health/ready")
        return answer is not None and answer.json()["parts"].get("controller") == standing

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    async def end(self, kill: bool = False) -> int:
        if self.process.returncode is None:
            (self.process.kill if kill else self.process.terminate)()
        return await asyncio.wait_for(self.process.wait(), 30)


@dataclass
class Place:
    """A database, a hub, a folder, and the processes on them."""

    environment: dict[str, str]
    folder: Path
    replicas: list[Replica] = field(default_factory=list)

    async def start(self, role: str, *options: str) -> Replica:
        url = f"http://127.0.0.1:{free_port()}"
        log = self.folder / f"{role}-{len(self.replicas)}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "collegium.services", f"--role={role}", *options),
                env={**self.environment, "JUPYTERHUB_SERVICE_URL": url},
                stderr=output,
            )
        client = httpx.AsyncClient(base_url=url, headers={"Authorization": "token mia"}, verify=False, timeout=10)
        self.replicas.append(Replica(process, client, log))
        return self.replicas[-1]


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with running_hub() as hub:
        yield hub


@pytest.fixture
async def place(tmp_path: Path, hub: FakeHub, postgresql_url: str) -> AsyncIterator[Place]:
    name = f"t{uuid.uuid4().hex}"
    engine = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    settings = Settings.at(tmp_path / "state", postgresql_url.replace("/postgres?", f"/{name}?"))
    database = Database.open(settings)
    with database.write() as uow:
        seed(uow)
    database.close()
    environment = {
        **settings.environment(),
        "PATH": str(Path(sys.executable).parent) + ":/usr/bin:/bin",
        "PYTHONPATH": ":".join(p for p in sys.path if p),
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": "service-token",
        "JUPYTERHUB_CLIENT_ID": "service-collegium",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
    }
    place = Place(environment, tmp_path)
    yield place
    for replica in place.replicas:
        await replica.end(kill=True)
        await replica.client.aclose()
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


async def changes(client: httpx.AsyncClient, found: list[tuple[float, dict[str, Any]]]) -> None:
    """Collect a group's events as they come."""
    async with client.stream("GET", f"{API}/groups/physics/events", timeout=None) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                found.append((time.monotonic(), json.loads(line.removeprefix("data: "))))


async def test_what_one_is_asked_another_does_and_a_third_tells(place: Place) -> None:
    asked, told, controls = [await place.start(role) for role in ("api", "api", "controller")]
    for replica in (asked, told, controls):
        await until(replica.ready)
    found: list[tuple[float, dict[str, Any]]] = []
    following = asyncio.create_task(changes(told.client, found))
    seconds: list[float] = []
    for _ in range(5):
        begin = time.monotonic()
        answer = await asked.client.post(JOBS, json={**BODY, "command": "true"})
        assert answer.status_code == 201, answer.text
        job = answer.json()["id"]

        async def seen(job: str = job) -> bool:
            return any(e["id"] == job and e["state"] == "Succeeded" for _, e in found)

        await until(seen)
        states = [(at, e["state"]) for at, e in found if e["id"] == job]
        # One that ends at once may be over before anybody saw it run.
        assert [s for _, s in states if s != "Running"] == ["Pending", "Preparing", "Succeeded"]
        seconds.append(states[1][0] - begin)
    # A round a second by whoever controls, and a look every half second by whoever tells.
    assert sorted(seconds)[2] < 3, seconds
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    log = await told.client.get(f"{JOBS}/{job}/logs")
    assert log.status_code == 200
    for replica in (asked, told, controls):
        assert await replica.end() == 0


async def test_one_controls_and_another_stands_by(place: Place) -> None:
    first = await place.start("controller")
    await until(lambda: first.is_now("active"))
    second = await place.start("controller")
    await until(lambda: second.is_now("standby"))
    assert await second.ready()
    await first.end()
    # It gave the lease up, so nobody waits for its end.
    await until(lambda: second.is_now("active"), 10)
    third = await place.start("controller")
    await until(lambda: third.is_now("standby"))
    await second.end(kill=True)
    await until(lambda: third.is_now("active"), 40)


async def test_what_each_role_answers(place: Place) -> None:
    api, controller = await place.start("api"), await place.start("controller")
    await until(api.ready)
    await until(controller.ready)
    for replica in (api, controller):
        live = await replica.get("health/live")
        assert live is not None and (live.status_code, live.json()) == (200, {"status": "ok"})
    refused = await controller.get("api/v1/info")
    assert refused is not None and refused.status_code in (401, 404)
    whole = [await r.get("health") for r in (api, controller)]
    assert [sorted(w.json()["parts"]) for w in whole if w] == [
        ["controller", "database"],
        ["backend", "controller", "database"],
    ]
    # Without a controller requests are still answered, and the whole is not well.
    await controller.end()
    assert await api.ready()
    assert (await api.client.get(f"{API}/groups/physics/jobs")).status_code == 200


async def test_a_database_that_comes_later(place: Place, tmp_path: Path) -> None:
    place.environment["COLLEGIUM_DATABASE_URL"], right = (
        f"postgresql+psycopg://collegium:hunter2@/later?host={tmp_path}/nowhere",
        place.environment["COLLEGIUM_DATABASE_URL"],
    )
    late = await place.start("all")

    async def complained(replica: Replica) -> bool:
        return any("does not answer yet" in line["message"] for line in replica.lines())

    await until(lambda: complained(late))
    # It lets itself be stopped meanwhile, and then is not a failure.
    assert await late.end() == 0
    hopeless = await place.start("all", "--CollegiumService.database_patience=2")
    assert await asyncio.wait_for(hopeless.process.wait(), 30) == 1
    for replica in (late, hopeless):
        text = replica.log.read_text()
        assert "Traceback" not in text and "hunter2" not in text
    assert "did not answer for 2 seconds" in hopeless.lines()[-1]["message"]
    link = tmp_path / "nowhere"
    waiting = await place.start("all")
    await until(lambda: complained(waiting))
    # The server comes up where it was expected.
    url = sa.make_url(right)
    place.environment["COLLEGIUM_DATABASE_URL"] = right
    link.symlink_to(str(url.query["host"]))
    engine = sa.create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE later"))
    try:
        await until(waiting.ready)
        assert any("answers after" in line["message"] for line in waiting.lines())
        await waiting.end()
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text("DROP DATABASE later WITH (FORCE)"))
        engine.dispose()
