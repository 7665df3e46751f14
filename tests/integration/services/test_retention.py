"""What is kept of a job over HTTP: artifacts for as long as the group keeps them, and of a flood of a log its ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from collegium.backends.memory import MemoryBackend
from collegium.db import Database
from collegium.domain.queues import JobBounds
from collegium.services.controller.options import ControlOptions
from integration.services.harness import Clock, FakeHub, Service, running_service

JOBS = "/groups/physics/jobs"
FLOOD = 5 << 30


@pytest.fixture
async def service(seeded: Database, hub: FakeHub, clock: Clock) -> AsyncIterator[Service]:
    """A platform that keeps artifacts for a week, and of a log little."""
    options = ControlOptions(bounds=JobBounds(artifact_days=7))
    memory = MemoryBackend(log_cap=4096)
    async with running_service(seeded, hub, clock=clock, options=options, memory=memory) as service:
        yield service


async def started(service: Service) -> str:
    job = await service.submit()
    await service.round(2)
    service.memory.write_artifact(f"{job}.1", "model.bin", b"weights")
    return job


async def test_artifacts_are_shown_as_gone(service: Service, clock: Clock) -> None:
    job, running = await started(service), await started(service)
    service.memory.finish(f"{job}.1")
    await service.round()
    ended = datetime.fromisoformat((await service.job(job))["finished_at"])
    found = (await service.client().get(f"{JOBS}/{job}/artifacts")).json()
    assert [a["path"] for a in found["items"]] == ["model.bin"]
    assert (datetime.fromisoformat(found["kept_until"]), found["gone_at"]) == (ended + timedelta(days=7), None)
    clock.forward(8 * 86400)
    assert service.context.controller is not None
    keeper = service.context.controller.housekeeping.remains
    await service.round()
    keeper.look_again()
    await keeper.round()
    await keeper.settle()
    shown = await service.job(job)
    assert datetime.fromisoformat(shown["artifacts_gone_at"]) - ended > timedelta(days=7)
    found = (await service.client().get(f"{JOBS}/{job}/artifacts")).json()
    assert (found["items"], found["gone_at"], found["kept_until"]) == ([], shown["artifacts_gone_at"], None)
    answer = await service.client().get(f"{JOBS}/{job}/artifacts/model.bin")
    assert answer.status_code == 404
    assert f"removed on {shown['artifacts_gone_at'][:10]}" in answer.json()["error"]["message"]
    # What goes on keeps all it has, however long it takes.
    found = (await service.client().get(f"{JOBS}/{running}/artifacts")).json()
    assert ([a["path"] for a in found["items"]], found["kept_until"], found["gone_at"]) == (["model.bin"], None, None)


async def test_of_a_log_of_five_gigabytes_the_newest_is_there_and_the_gap_is_told(service: Service) -> None:
    job = await started(service)
    key = f"{job}.1"
    # As a backend keeps it that dropped all but the newest: the count of all that was written goes on.
    service.memory.runs[key].log_size = FLOOD - 5000
    service.memory.write_log(key, b"x" * 4990 + b"the end.\r\n")
    service.memory.finish(key, 3)
    await service.round()
    assert (await service.job(job))["message"] == "The command failed (exit code 3)."
    answer = await service.client().get(f"{JOBS}/{job}/logs")
    first, _, rest = answer.text.partition("\n")
    assert first == f"[{FLOOD - 4096} bytes of this log are no longer kept]"
    assert len(rest) == 4096 and rest.endswith("the end.\r\n")
    head = answer.headers
    assert (head["x-log-next-offset"], head["x-log-complete"]) == (str(FLOOD), "true")
    assert (await service.client().get(f"{JOBS}/{job}/logs?offset=-10")).text == "the end.\r\n"
    async with service.client().stream("GET", f"{JOBS}/{job}/logs?follow=true") as stream:
        told = [json.loads(line[6:]) async for line in stream.aiter_lines() if line.startswith("data: ")]
    assert told[0]["gap"] == FLOOD - 4096 and told[-1]["state"] == "Failed"
