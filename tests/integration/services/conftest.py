"""Fixtures of the service's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from collegium.db import Database
from integration.services.harness import Clock, FakeHub, Service, copy_of, running_hub, running_service, template


@pytest.fixture(scope="session")
def seeded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("template"))


@pytest.fixture
def seeded(seeded_file: Path, tmp_path: Path) -> Iterator[Database]:
    database = copy_of(seeded_file, tmp_path / "state")
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with running_hub() as hub:
        yield hub


@pytest.fixture
async def service(seeded: Database, hub: FakeHub, clock: Clock) -> AsyncIterator[Service]:
    async with running_service(seeded, hub, clock=clock) as service:
        yield service
