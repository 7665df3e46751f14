"""What every backend tells of what a run uses."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from collegium.domain.names import new_id
from collegium.domain.usage import Usage

if TYPE_CHECKING:
    from conftest import Harness


async def test_measured_while_it_runs_and_kept_when_it_is_over(harness: Harness) -> None:
    request = harness.request(hold=True)
    await harness.backend.jobs.start(request)
    await harness.running(request.key)
    async with asyncio.timeout(30):
        while not (during := await harness.backend.logs.usage(request.key)).memory:
            await asyncio.sleep(0.02)
    assert all(at >= 0 and size > 0 for at, size in during.memory)
    assert all(at >= 0 and cores >= 0 for at, cores in during.cpu)
    # It asked for none.
    assert (during.gpu, during.gpu_memory) == ((), ())
    await harness.release(request.key)
    await harness.finished(request.key)
    await harness.backend.jobs.forget(request.key)
    after = await harness.reopen().logs.usage(request.key)
    assert after.memory[: len(during.memory)] == during.memory
    await harness.backend.volumes.discard(request.job_id)
    assert await harness.backend.logs.usage(request.key) == Usage()


async def test_of_runs_that_never_were(harness: Harness) -> None:
    stopped = harness.request()
    await harness.backend.jobs.stop(stopped.key)
    for key in (stopped.key, new_id("job") + ".1", "nonsense", "../../etc.1"):
        assert await harness.backend.logs.usage(key) == Usage()
