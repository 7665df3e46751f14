"""What a job says while it starts, and what an outage of the backend changes: nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from collegium.backends.ports import RunPhase, RunStatus
from collegium.domain.errors import Unavailable
from collegium.domain.jobs import JobReason
from collegium.services.jobs.admission import ADMITTED_TEXT
from integration.services.harness import Service

JOBS = "/groups/physics/jobs"


async def told(service: Service, job: str) -> tuple[str, str, str]:
    found = await service.job(job)
    return found["state"], found["reason"], found["message"]


async def test_a_job_says_what_it_waits_for(service: Service) -> None:
    job = await service.submit()
    service.memory.hold(f"{job}.1", "")
    await service.round(2)
    assert await told(service, job) == ("Preparing", "Admitted", ADMITTED_TEXT)
    for text in ("The image is being pulled.", "No node has room: 0/3 nodes have 4 CPU free."):
        service.memory.hold(f"{job}.1", text)
        await service.round()
        assert await told(service, job) == ("Preparing", "Admitted", text)
    service.memory.hold(f"{job}.1", "")
    await service.round()
    # What it waited for has come to pass.
    assert await told(service, job) == ("Preparing", "Admitted", ADMITTED_TEXT)
    service.memory.let_go(f"{job}.1")
    await service.round()
    assert await told(service, job) == ("Running", "Started", "")
    assert [e["state"] for e in (await service.job(job))["history"]] == ["Pending", "Preparing", "Running"]


async def test_only_news_is_written(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await service.submit()
    service.memory.hold(f"{job}.1", "The image is being pulled.")
    await service.round(2)
    controller = service.context.controller
    assert controller is not None and controller.files is not None and controller.dataset_health is not None
    # What is looked at now and then is looked at for the first time.
    for part in (controller.files, controller.dataset_health, controller.volumes):
        await part.settle()
    writes = 0
    write = controller.lease.write

    async def counted(function: Any) -> Any:
        nonlocal writes
        writes += 1
        return await write(function)

    monkeypatch.setattr(controller.lease, "write", counted)
    await service.round(5)
    assert writes == 0


async def test_an_endless_message_is_cut(service: Service) -> None:
    job = await service.submit()
    service.memory.hold(f"{job}.1", "x" * 100_000)
    await service.round(2)
    assert len((await told(service, job))[2]) == 500


async def test_what_could_not_be_started_says_why(service: Service) -> None:
    job = await service.submit(retries=3)
    service.memory.hold(f"{job}.1", "The image is being pulled.")
    await service.round(2)
    text = "The image registry.example.org/no:1 cannot be pulled: not found."
    service.memory.runs[f"{job}.1"].status = RunStatus(
        f"{job}.1", RunPhase.FAILED, reason=JobReason.START_FAILED, message=text
    )
    await service.round()
    assert await told(service, job) == ("Failed", "StartFailed", text)


async def test_a_job_that_only_starts_can_be_cancelled(service: Service) -> None:
    job = await service.submit()
    service.memory.hold(f"{job}.1", "No node has room.")
    await service.round(2)
    assert (await service.client().post(f"{JOBS}/{job}/cancel")).status_code < 300
    await service.round(2)
    assert (await told(service, job))[:2] == ("Cancelled", "Cancelled")


async def test_an_outage_changes_no_state(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    running, starting, gone = [await service.submit() for _ in range(3)]
    service.memory.hold(f"{starting}.1", "The image is being pulled.")
    await service.round(2)
    waiting = await service.submit(instance_type="big")
    await service.round()
    before = [await told(service, j) for j in (running, starting, gone, waiting)]
    service.memory.outage = True
    service.memory.finish(f"{gone}.1")
    with caplog.at_level(logging.INFO, "collegium.controller"):
        await service.round(5)
        assert [await told(service, j) for j in (running, starting, gone, waiting)] == before
        # Told once, without a stack trace.
        assert [r.getMessage() for r in caplog.records if "step jobs" in r.getMessage()] == [
            "step jobs failed and is tried again: the backend does not answer"
        ]
        assert not any(r.exc_info and r.exc_info[0] is Unavailable for r in caplog.records)
        service.memory.outage = False
        service.memory.let_go(f"{starting}.1")
        await service.round(2)
    assert "step jobs works again" in caplog.text
    states = [(await told(service, j))[0] for j in (running, starting, gone)]
    assert states == ["Running", "Running", "Succeeded"]


async def test_an_outage_between_look_and_act(service: Service) -> None:
    """The backend goes away after it was looked at: a start is tried again, and starts once."""
    job = await service.submit()
    service.memory.fail_next_start()
    await service.round()
    assert (await told(service, job))[:2] == ("Preparing", "Admitted")
    assert "tried again" in (await told(service, job))[2]
    async with asyncio.timeout(10):
        while (await told(service, job))[0] != "Running":
            await service.round()
            await asyncio.sleep(0.1)
    assert service.memory.runs[f"{job}.1"].executions == 1
