"""The lease that makes one controller the active one, and the fence that keeps a stale one from writing."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from collegium.db import Database, UnitOfWork

LEASE = "controller"
TTL = timedelta(seconds=15)
#: Seconds after which an idle holder renews.
RENEW = 5.0
T = TypeVar("T")


class LeaseLost(Exception):
    """Another process controls now; this one must forget what it believed and step back."""


class Lease:
    """One process's claim to be the controller."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self.holder = secrets.token_hex(8)
        self._generation: int | None = None
        self._renewed = 0.0
        #: A write found out that the lease is lost, and whoever goes round does not know it yet.
        self.lost = False

    @property
    def held(self) -> bool:
        """True if the last look said so; only a write can be sure."""
        return self._generation is not None

    async def hold(self) -> bool:
        """Take or renew the lease if it is time to; False while another holds it.

        Raises LeaseLost also for what a task beside the rounds found out.
        """
        if self.lost:
            self.lost = False
            raise LeaseLost
        if self.held and asyncio.get_running_loop().time() - self._renewed < RENEW:
            return True
        generation = await self._database.writing(self._acquire)
        fresh = self._generation in (None, generation)
        self._generation = generation
        self._renewed = asyncio.get_running_loop().time()
        if not fresh:
            raise LeaseLost
        return generation is not None

    async def write(self, function: Callable[[UnitOfWork], T]) -> T:
        """A transaction that commits only if this process is still the controller of the same generation.

        A process that slept through its lease finds out here, and nothing of what it meant to write is kept.
        """

        def fenced(uow: UnitOfWork) -> T:
            if self._generation is None or self._acquire(uow) != self._generation:
                raise LeaseLost
            return function(uow)

        try:
            result = await self._database.writing(fenced)
        except LeaseLost:
            self._generation, self.lost = None, True
            raise
        self._renewed = asyncio.get_running_loop().time()
        return result

    async def give_up(self) -> None:
        """End the claim, so that the next controller need not wait."""
        if self.held:
            self._generation = None
            await self._database.writing(lambda uow: uow.leases.give_up(LEASE, self.holder))

    def _acquire(self, uow: UnitOfWork) -> int | None:
        return uow.leases.acquire(LEASE, self.holder, self._clock(), TTL)
