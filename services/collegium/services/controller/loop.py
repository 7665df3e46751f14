"""The controller's round: look, compare, act; again a second later, or at once when something was asked for.

Nothing is remembered that matters: kill the process anywhere, start it again, and the next round goes on from what the
database wants and the backend says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

from collegium.backends.ports import Backend
from collegium.db import Database
from collegium.services.controller.housekeeping import Housekeeping
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.controller.servers import ServerSource
from collegium.services.jobs.runner import JobRounds
from collegium.services.metrics import Metrics

#: Seconds between rounds.
INTERVAL = 1.0
_log = logging.getLogger("collegium.controller")


class Controller:
    """Runs rounds while it holds the lease."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        metrics: Metrics,
        wake: asyncio.Event,
        servers: ServerSource | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._backend, self._servers, self._clock = database, backend, servers, clock
        self._metrics, self._wake = metrics, wake
        self.lease = Lease(database, clock)
        self._forget()

    def _forget(self) -> None:
        """Parts with an empty memory: what another controller did meanwhile is not in ours."""
        self.jobs = JobRounds(self._database, self._backend, self.lease, self._metrics, self._clock)
        self.housekeeping = Housekeeping(self._database, self._backend, self.lease, self._servers, self._clock)

    async def run(self) -> None:
        """Rounds until cancelled; then the lease is given up."""
        try:
            while True:
                self._wake.clear()
                await self.round()
                try:
                    async with asyncio.timeout(INTERVAL):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            try:
                async with asyncio.timeout(5):
                    await asyncio.shield(self.lease.give_up())
            except Exception:
                _log.warning("the lease could not be given up")

    async def round(self) -> bool:
        """One round; False if another process controls. Never raises an Exception: what failed is tried next time."""
        started = time.monotonic()
        try:
            if not await self.lease.hold():
                return False
            await self._step("jobs", self.jobs.round)
            await self._step("housekeeping", self.housekeeping.round)
        except LeaseLost:
            _log.warning("another process controls now")
            self._forget()
            return False
        except Exception:
            self._metrics.failure("lease")
            _log.exception("the lease could not be renewed")
            return False
        self._metrics.tick(time.monotonic() - started)
        return True

    async def _step(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except LeaseLost:
            raise
        except Exception:
            self._metrics.failure(name)
            _log.exception("step %s failed and is tried again", name)
