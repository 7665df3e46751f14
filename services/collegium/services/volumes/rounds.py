"""Writes down what volumes the backend has, and has those resized that somebody asked for."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from collegium.backends.ports import VolumeProvider
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, NotFound, Unavailable, shorten
from collegium.domain.volumes import Volume
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.metrics import Metrics

#: Seconds between looks, between tries of a resize, and for one look.
EVERY, AGAIN, PATIENCE = 60.0, 10.0, 60.0
_log = logging.getLogger("collegium.controller")


class VolumeRounds:
    """Goes on beside the controller's rounds."""

    def __init__(self, database: Database, volumes: VolumeProvider, lease: Lease, metrics: Metrics) -> None:
        self._database, self._volumes, self._lease, self._metrics = database, volumes, lease, metrics
        self._task: asyncio.Task[None] | None = None
        self._due = self._resize_due = 0.0

    async def round(self) -> None:
        """Begin what is due; returns without waiting for it."""
        moment = asyncio.get_running_loop().time()
        if self._task is not None:
            return
        wanted: list[Volume] = []
        if moment >= self._resize_due:
            wanted = await self._database.reading(lambda uow: uow.volumes.wanted())
            self._resize_due = moment + (AGAIN if wanted else 0.0)
        if wanted or moment >= self._due:
            self._due = moment + EVERY
            self._task = asyncio.create_task(self._work(wanted))
            self._task.add_done_callback(self._ended)

    async def settle(self) -> None:
        """Wait for what was begun."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def stop(self) -> None:
        """Drop what is under way."""
        if self._task is not None:
            self._task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled() or (error := task.exception()) is None or isinstance(error, LeaseLost):
            return
        self._metrics.failure("volumes")
        trace = None if isinstance(error, Unavailable | TimeoutError) else error
        _log.warning("volumes are looked at again later: %s", error, exc_info=trace)

    async def _work(self, wanted: list[Volume]) -> None:
        for volume in wanted:
            await self._resize(volume)
        groups = await self._database.reading(lambda uow: [g.name for g in uow.groups.all()])
        async with asyncio.timeout(PATIENCE):
            found = await self._volumes.volumes(groups)
        before = await self._database.reading(lambda uow: uow.volumes.all())
        plain = [replace(v, wanted=None, refused="") for v in before]
        if wanted or sorted(plain, key=_key) != sorted(found, key=_key):
            await self._lease.write(lambda uow: uow.volumes.replace(found))

    async def _resize(self, volume: Volume) -> None:
        assert volume.wanted is not None
        try:
            async with asyncio.timeout(PATIENCE):
                await self._volumes.resize(volume.group, volume.name, volume.wanted)
            return
        except (Conflict, NotFound) as error:
            refused = shorten(error.message, 500) or ""

        def write(uow: UnitOfWork) -> None:
            uow.volumes.ask(volume.group, volume.name, None, refused)

        await self._lease.write(write)


def _key(volume: Volume) -> tuple[str, str, str]:
    return volume.order
