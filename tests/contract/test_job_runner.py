"""What every JobRunner promises."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from collegium.backends.ports import RunPhase, StartFailed
from collegium.domain.catalog import Image
from collegium.domain.jobs import JobReason
from collegium.domain.names import new_id

if TYPE_CHECKING:
    from conftest import Harness


async def test_success(harness: Harness) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    status = await harness.run(harness.request())
    assert (status.phase, status.exit_code, status.reason) == (RunPhase.SUCCEEDED, 0, None)
    assert status.started_at is not None
    assert status.finished_at is not None
    assert before <= status.started_at <= status.finished_at <= datetime.now(UTC) + timedelta(seconds=1)


async def test_failure_has_code_reason_and_message(harness: Harness) -> None:
    status = await harness.run(harness.request(exit_code=3))
    assert (status.phase, status.exit_code, status.reason) == (RunPhase.FAILED, 3, JobReason.EXIT_CODE)
    assert "3" in status.message


async def test_running_is_seen(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    status = await harness.running(request.key)
    assert status.started_at is not None
    assert (status.finished_at, status.exit_code, status.reason) == (None, None, None)
    await harness.release(request.key)
    assert (await harness.finished(request.key)).phase is RunPhase.SUCCEEDED


async def test_start_is_seen_at_once(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    assert request.key in await harness.backend.jobs.observe()


async def test_start_again_runs_once(harness: Harness) -> None:
    request = harness.request(hold=True)
    for _ in range(3):
        await harness.backend.jobs.start(request)
    await harness.running(request.key)
    await harness.backend.jobs.start(request)
    await harness.release(request.key)
    await harness.finished(request.key)
    await harness.backend.jobs.start(request)
    assert (await harness.finished(request.key)).phase is RunPhase.SUCCEEDED
    assert await harness.executions(request.key) == 1


async def test_starts_at_once_run_once(harness: Harness) -> None:
    request = harness.request()
    await asyncio.gather(*(harness.backend.jobs.start(request) for _ in range(5)))
    await harness.finished(request.key)
    assert await harness.executions(request.key) == 1


async def test_start_after_forget_does_nothing(harness: Harness) -> None:
    request = harness.request()
    await harness.run(request)
    await harness.backend.jobs.forget(request.key)
    await harness.backend.jobs.start(request)
    assert await harness.status(request.key) is None
    assert await harness.executions(request.key) == 1


async def test_attempts_of_a_job_are_separate_runs(harness: Harness) -> None:
    job_id = new_id("job")
    first, second = harness.request(f"{job_id}.1", exit_code=1), harness.request(f"{job_id}.2")
    assert (await harness.run(first)).phase is RunPhase.FAILED
    assert (await harness.run(second)).phase is RunPhase.SUCCEEDED
    assert {first.key, second.key} <= set(await harness.backend.jobs.observe())


async def test_start_that_can_never_work(harness: Harness) -> None:
    request = replace(harness.request(), image=Image("empty", "Empty"))
    with pytest.raises(StartFailed, match="empty"):
        await harness.backend.jobs.start(request)
    assert await harness.status(request.key) is None


@pytest.mark.parametrize("change", [{"argv": []}, {"job_id": "job-other"}])
async def test_start_of_nonsense(harness: Harness, change: dict[str, object]) -> None:
    request = replace(harness.request(), **change)  # type: ignore[arg-type]
    with pytest.raises(StartFailed):
        await harness.backend.jobs.start(request)
    assert await harness.backend.jobs.observe() == {}


async def test_stop(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    await harness.backend.jobs.stop(request.key)
    await harness.backend.jobs.stop(request.key)
    status = await harness.finished(request.key)
    assert (status.phase, status.reason) == (RunPhase.FAILED, JobReason.CANCELLED)
    assert status.message


async def test_stop_by_force_after_the_grace(harness: Harness) -> None:
    request = harness.request(stubborn=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    await harness.backend.jobs.stop(request.key, 0.3)
    assert (await harness.finished(request.key)).reason is JobReason.CANCELLED


async def test_stop_may_shorten_the_grace(harness: Harness) -> None:
    request = harness.request(stubborn=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    await harness.backend.jobs.stop(request.key, 3600)
    await harness.backend.jobs.stop(request.key, 0)
    assert (await harness.finished(request.key)).reason is JobReason.CANCELLED


async def test_stopped_before_start_never_starts(harness: Harness) -> None:
    request = harness.request()
    await harness.backend.jobs.stop(request.key)
    await harness.backend.jobs.start(request)
    status = await harness.finished(request.key)
    assert (status.phase, status.reason, status.started_at) == (RunPhase.FAILED, JobReason.CANCELLED, None)
    assert await harness.executions(request.key) == 0
    await harness.backend.jobs.forget(request.key)
    await harness.backend.jobs.start(request)
    assert await harness.status(request.key) is None
    assert await harness.executions(request.key) == 0


async def test_stop_of_the_finished_changes_nothing(harness: Harness) -> None:
    request = harness.request()
    status = await harness.run(request)
    await harness.backend.jobs.stop(request.key)
    assert await harness.status(request.key) == status


@pytest.mark.parametrize("key", ["job-nobody.1", "nonsense", "../../etc/passwd.1", ""])
async def test_unknown_keys_are_fine(harness: Harness, key: str) -> None:
    await harness.backend.jobs.forget(key)
    await harness.backend.jobs.stop(key)
    await harness.backend.jobs.forget(key)
    assert await harness.backend.jobs.observe() == {}


async def test_forget_leaves_live_runs_alone(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    await harness.backend.jobs.forget(request.key)
    assert await harness.status(request.key) is not None
    await harness.release(request.key)
    await harness.finished(request.key)


async def test_forget_keeps_log_and_artifacts(harness: Harness) -> None:
    request = harness.request(log=b"kept", artifacts={"a.txt": b"kept too"})
    await harness.run(request)
    await harness.backend.jobs.forget(request.key)
    await harness.backend.jobs.forget(request.key)
    assert await harness.backend.jobs.observe() == {}
    chunk = await harness.backend.logs.read(request.key)
    assert chunk.data.endswith(b"kept")
    assert chunk.complete
    assert [a.path for a in await harness.backend.volumes.artifacts(request.key)] == ["a.txt"]


async def test_a_new_service_sees_the_same(harness: Harness) -> None:
    done, live = harness.request(exit_code=4), harness.request(hold=True)
    ended = await harness.run(done)
    await harness.backend.jobs.start(live)
    await harness.running(live.key)
    other = harness.reopen()
    seen = await other.jobs.observe()
    assert seen[done.key] == ended
    assert seen[live.key].phase is RunPhase.RUNNING
    await other.jobs.start(live)
    await other.jobs.stop(live.key)
    assert (await harness.finished(live.key)).reason is JobReason.CANCELLED
    assert await harness.executions(live.key) == 1


async def test_the_message_of_every_failure_is_there(harness: Harness) -> None:
    for status in [await harness.run(harness.request(exit_code=code)) for code in (1, 255)]:
        assert status.reason is not None
        assert status.message


async def test_who_follows_hears_of_an_end_that_nobody_asked_for(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    # Another service than the one that began it.
    other, over = harness.reopen(), asyncio.Event()
    assert (await other.jobs.observe())[request.key].phase is RunPhase.RUNNING
    assert other.follow is not None
    end = other.follow(over.set)
    await harness.release(request.key)
    async with asyncio.timeout(60):
        while not (await other.jobs.observe())[request.key].phase.final:
            await over.wait()
            over.clear()
    end()
