"""Is this installation able to work: database, backend, and a controller with a pulse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from pydantic import BaseModel

from collegium.backends.ports import Backend
from collegium.db import Database
from collegium.services.controller.lease import LEASE, TTL
from collegium.services.controller.loop import Controller

#: Seconds that a part may take to answer before it counts as failing.
PATIENCE = 5.0
#: Seconds for which an answer is given again, so that asking often costs nothing.
CACHE = 1.0


class HealthOut(BaseModel):
    """``status`` is ``ok`` or ``failing``; each part says ``ok`` or what is wrong, without details."""

    status: str
    parts: dict[str, str]
    controller_heartbeat_seconds: float | None


class ReadyOut(BaseModel):
    """Of this process alone: ``ok`` if it can do its part, else what is wrong; ``controller`` says what it is now."""

    status: str
    parts: dict[str, str]


class Health:
    """Looks at the parts. ``controller`` is this process's own, None where another process controls."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        clock: Callable[[], datetime],
        controller: Controller | None = None,
    ) -> None:
        self._database, self._backend, self._clock, self._controller = database, backend, clock, controller
        self._last: tuple[float, HealthOut] | None = None
        self._last_ready: tuple[float, ReadyOut] | None = None
        self._lock = asyncio.Lock()

    async def ready(self) -> ReadyOut:
        """May this process be sent work: its database answers, and its controller, if it has one, goes round.

        Neither the hub nor the backend counts: without them much still works, and no other replica has more of them.
        """
        loop = asyncio.get_running_loop()
        async with self._lock:
            if self._last_ready is None or loop.time() - self._last_ready[0] > CACHE:
                self._last_ready = (loop.time(), await self._ask_ready())
            return self._last_ready[1]

    async def _ask_ready(self) -> ReadyOut:
        async def database() -> str:
            await self._database.reading(lambda uow: uow.leases.expires_at(LEASE))
            return "ok"

        parts = {"database": await _try(database)}
        well = parts["database"] == "ok"
        if self._controller is not None:
            parts["controller"] = self._controller.standing
            well = well and parts["controller"] in ("active", "standby")
        return ReadyOut(status="ok" if well else "failing", parts=parts)

    async def look(self) -> HealthOut:
        """The state of all parts, at most CACHE seconds old."""
        loop = asyncio.get_running_loop()
        async with self._lock:
            if self._last is None or loop.time() - self._last[0] > CACHE:
                self._last = (loop.time(), await self._ask())
            return self._last[1]

    async def _ask(self) -> HealthOut:
        expiry: datetime | None = None

        async def database() -> str:
            nonlocal expiry
            expiry = await self._database.reading(lambda uow: uow.leases.expires_at(LEASE))
            return "ok"

        async def backend() -> str:
            await self._backend.jobs.observe()
            return "ok"

        parts = {"database": await _try(database)}
        if self._controller is not None:
            # Who only answers requests has no way to see what runs; the controller's pulse speaks for it.
            parts["backend"] = await _try(backend)
        age = None if expiry is None else (self._clock() - (expiry - TTL)).total_seconds()
        parts["controller"] = "ok" if age is not None and age <= TTL.total_seconds() else "no controller has a pulse"
        status = "ok" if all(p == "ok" for p in parts.values()) else "failing"
        return HealthOut(
            status=status, parts=parts, controller_heartbeat_seconds=None if age is None else round(age, 1)
        )


async def _try(question: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return await question()
    except TimeoutError:
        return "does not answer in time"
    except Exception:
        return "fails"
