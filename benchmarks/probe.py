"""Looks into a hub from inside: how late its event loop is, and what the process uses. For ``extra_handlers``."""

from __future__ import annotations

import asyncio
import gc
import time
from array import array
from typing import ClassVar

from tornado.web import RequestHandler

from benchmarks.cost import cost

#: Seconds between two looks at the clock.
TICK = 0.02


class ProbeHandler(RequestHandler):
    """``GET …/probe``: since the one before, by how many seconds each tick came late; processor time; memory."""

    _late: ClassVar[array[float]] = array("d")
    _ticking: ClassVar[asyncio.Task[None] | None] = None

    async def get(self) -> None:
        kind = type(self)
        if kind._ticking is None:
            kind._ticking = asyncio.create_task(_tick(kind._late))
        late = list(kind._late)
        if self.get_query_argument("collect", ""):
            gc.collect()
        now = cost()
        self.write({"late": late, "cpu": now.cpu, "resident": now.resident, "peak": now.peak})
        # What the answer itself took is nobody's.
        await self.finish()
        await asyncio.sleep(2 * TICK)
        del kind._late[:]


async def _tick(late: array[float]) -> None:
    while True:
        begun = time.perf_counter()
        await asyncio.sleep(TICK)
        late.append(max(0.0, time.perf_counter() - begun - TICK))
