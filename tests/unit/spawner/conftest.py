from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.spawner import Spawner

from collegium.db import Database
from collegium.domain.quota import Reservation, WorkloadKind
from collegium.settings import Settings
from collegium.spawner.mixin import GroupSpawnerMixin

GOOD = {"group": "physics", "instance_type": "small", "image": "scientific-python"}


class Machine(Spawner):
    """A spawner without a machine: ``fails`` is raised by the verb it names."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.running = False
        self.fails: dict[str, BaseException] = {}
        self.seen: list[str] = []
        self.on_start: Any = None

    async def start(self) -> tuple[str, int]:
        self.seen.append("start")
        if self.on_start:
            await self.on_start()
        if "start" in self.fails:
            raise self.fails["start"]
        self.running = True
        if "late" in self.fails:
            raise self.fails["late"]
        return "127.0.0.1", 4711

    async def stop(self, now: bool = False) -> None:
        self.seen.append("stop")
        if "stop" in self.fails:
            raise self.fails["stop"]
        if "survives" not in self.fails:
            self.running = False

    async def poll(self) -> int | None:
        return None if self.running else 7

    def get_env(self) -> dict[str, str]:
        return {"JUPYTERHUB_API_TOKEN": "token", "OMP_NUM_THREADS": "64"}


class Grouped(GroupSpawnerMixin, Machine):
    pass


class Bench:
    """Makes spawners of users and looks into the ledger."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def spawner(self, user: str = "ann", server: str = "", options: Any = None, kind: type = Grouped) -> Any:
        orm = SimpleNamespace(name=server, server=None, user_options=None, display_name=server)
        owner = SimpleNamespace(
            name=user,
            escaped_name=user,
            spawners={},
            orm_spawners={server: orm},
            server_url=lambda name: f"/user/{user}/{name}/",
        )
        spawner = kind(user=owner, orm_spawner=orm, hub=SimpleNamespace(base_url="/hub/"))
        spawner.user_options = GOOD if options is None else options
        return spawner

    def live(self) -> list[Reservation]:
        with self.database.read() as uow:
            return uow.reservations.live(kinds=[WorkloadKind.SERVER])


@pytest.fixture
def bench(demo_database: Database, monkeypatch, tmp_path) -> Bench:
    settings = Settings.at(tmp_path / "state")
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("collegium.spawner.mixin.shared_database", lambda: demo_database)
    return Bench(demo_database)
