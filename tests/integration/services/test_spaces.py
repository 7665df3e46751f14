"""Every group has its space at the backend: new ones, changed ones, those in trouble, those of the past."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from collegium.backends.memory import MemoryBackend
from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.catalog import Grant, GrantKind
from collegium.domain.groups import Group, ManagedBy
from collegium.domain.quota import Limits
from collegium.services.controller import spaces as module
from collegium.services.controller.spaces import GroupSpaces
from collegium.services.metrics import Metrics
from integration.services.harness import Service


@pytest.fixture
def memory() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def spaces(seeded: Database, memory: MemoryBackend, metrics: Metrics) -> GroupSpaces:
    return GroupSpaces(seeded, memory.backend, metrics)


async def round(spaces: GroupSpaces) -> None:
    await spaces.round()
    await spaces.settle()


async def until(condition: Callable[[], bool], spaces: GroupSpaces) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await round(spaces)
            await asyncio.sleep(0.02)


async def test_once_for_every_group(spaces: GroupSpaces, memory: MemoryBackend) -> None:
    for _ in range(5):
        await round(spaces)
    assert sorted(memory.space_calls) == [("ensure", "chemistry"), ("ensure", "physics")]
    assert memory.groups["physics"] == Limits.parse({"cpu": "4", "memory": "8Gi"})


async def test_at_each_change(spaces: GroupSpaces, memory: MemoryBackend, seeded: Database) -> None:
    await round(spaces)
    memory.space_calls.clear()
    with seeded.write() as uow:
        uow.groups.put(Group("geology", "Geology"))
        physics = uow.groups.get("physics")
        assert physics is not None
        uow.groups.put(replace(physics, limits=Limits.parse({"cpu": "9"})))
    await round(spaces)
    assert sorted(memory.space_calls) == [("ensure", "geology"), ("ensure", "physics")]
    assert memory.groups["physics"] == Limits.parse({"cpu": "9"})
    memory.space_calls.clear()
    with seeded.write() as uow:
        uow.catalog.replace(ManagedBy.API, [], [], [], [Grant("chemistry", GrantKind.IMAGE, "secret")])
    await round(spaces)
    assert memory.space_calls == [("ensure", "chemistry")]


async def test_again_after_a_while(spaces: GroupSpaces, memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.05)
    await until(lambda: memory.space_calls.count(("ensure", "physics")) == 3, spaces)


async def test_one_groups_trouble_is_its_own(
    spaces: GroupSpaces,
    memory: MemoryBackend,
    metrics: Metrics,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "FIRST", 0.05)
    memory.broken_spaces.add("chemistry")
    with caplog.at_level(logging.INFO, "collegium.controller"):
        await round(spaces)
        assert memory.space_calls == [("ensure", "physics")]
        (told,) = (r for r in caplog.records if r.levelno == logging.WARNING)
        assert told.__dict__["group"] == "chemistry" and not told.exc_info
        assert "the space of chemistry cannot be made" in told.getMessage()
        await spaces.round()
        text = metrics.text().decode()
        assert 'collegium_group_spaces{state="failing"} 1.0' in text
        assert 'collegium_group_spaces{state="ready"} 1.0' in text
        assert 'collegium_controller_failures_total{step="space"}' in text
        memory.broken_spaces.clear()
        await until(lambda: "chemistry" in memory.groups, spaces)
    assert "well again" in caplog.text
    await spaces.round()
    assert 'collegium_group_spaces{state="failing"} 0.0' in metrics.text().decode()


async def test_a_failure_is_not_tried_at_once(spaces: GroupSpaces, memory: MemoryBackend, metrics: Metrics) -> None:
    memory.broken_spaces.add("chemistry")
    for _ in range(5):
        await round(spaces)
    assert 'collegium_controller_failures_total{step="space"} 1.0' in metrics.text().decode()


async def test_a_space_that_hangs_holds_nobody_up(
    spaces: GroupSpaces, memory: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    ensure = memory.ensure

    async def hang(group: str, limits: Limits) -> None:
        if group == "chemistry":
            await asyncio.Event().wait()
        await ensure(group, limits)

    monkeypatch.setattr(memory, "ensure", hang)
    async with asyncio.timeout(1):
        await spaces.round()
    await spaces.settle()
    assert list(memory.groups) == ["physics"]


async def test_a_group_that_ended_is_removed_once(spaces: GroupSpaces, memory: MemoryBackend, seeded: Database) -> None:
    await round(spaces)
    memory.space_calls.clear()
    with seeded.write() as uow:
        uow.groups.delete("chemistry")
    for _ in range(4):
        await round(spaces)
    assert memory.space_calls == [("remove", "chemistry")]
    # And it may come back.
    with seeded.write() as uow:
        uow.groups.put(Group("chemistry", "Chemistry"))
    await round(spaces)
    assert memory.space_calls[1:] == [("ensure", "chemistry")]


async def test_a_group_that_ended_while_nobody_looked(
    spaces: GroupSpaces, memory: MemoryBackend, seeded: Database
) -> None:
    with seeded.write() as uow:
        uow.events.append("alchemy", "job", "job-1", now(), "Succeeded", "Completed", "")
    for _ in range(3):
        await round(spaces)
    assert memory.space_calls.count(("remove", "alchemy")) == 1


async def test_what_runs_keeps_its_space(service: Service) -> None:
    assert service.context.controller is not None
    job = await service.submit()
    await service.round(2)
    spaces = service.context.controller.housekeeping.spaces
    await service.database.writing(lambda uow: uow.groups.delete("physics"))
    await round(spaces)
    assert ("remove", "physics") not in service.memory.space_calls
    service.memory.finish(f"{job}.1")
    await service.round()
    await round(spaces)
    assert ("remove", "physics") in service.memory.space_calls


async def test_the_controller_sees_to_it(service: Service) -> None:
    assert service.context.controller is not None
    task = asyncio.create_task(service.context.controller.run())
    async with asyncio.timeout(10):
        while "physics" not in service.memory.groups:
            await asyncio.sleep(0.05)
        await service.database.writing(lambda uow: uow.groups.put(Group("geology", "Geology")))
        while "geology" not in service.memory.groups:
            await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
