"""Looks at the sources of all datasets, one after the other and now and then, and writes down what was found."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collegium.backends.ports import DatasetSources
from collegium.db import Database, UnitOfWork
from collegium.db.catalog import EVERY_GROUP
from collegium.domain.catalog import Dataset, SourceKind
from collegium.domain.datasets import Health, SourceHealth, VersionState
from collegium.domain.errors import DomainError, NotFound, shorten
from collegium.domain.files import PLATFORM, EntryKind, Root, Size
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.datasets.sources import S3Sources
from collegium.services.metrics import Metrics
from collegium.stores.port import FileStore

#: Sources that are looked at at the same time, and seconds that one may take.
AT_ONCE, PATIENCE = 4, 30.0
#: Entries that are counted; of larger trees the size is not told.
COUNTED = 200_000
#: Groups in which one source is looked at.
GROUPS = 200
#: Seconds between looks for what is new.
PAUSE = 3.0
#: Seconds for which a count of a dataset's files is good, although its owner stores more or less since.
FRESH = 15.0
_log = logging.getLogger("collegium.controller")


@dataclass(frozen=True)
class _Declared:
    """What the answer depends on: if any of it changes, somebody looks at once."""

    dataset: Dataset
    groups: frozenset[str]
    newest: tuple[int, str] | None
    #: What the owner of a managed one stores, with all its other files; None of other kinds.
    stored: Size | None


class HealthRounds:
    """Goes on beside the controller's rounds. What it remembers is when it looked last."""

    def __init__(
        self,
        database: Database,
        store: FileStore,
        s3: S3Sources,
        sources: DatasetSources | None,
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
        every: timedelta,
    ) -> None:
        self._database, self._store, self._s3, self._sources = database, store, s3, sources
        self._lease, self._metrics, self._clock, self._every = lease, metrics, clock, every.total_seconds()
        self._task: asyncio.Task[None] | None = None
        self._due = self._next = 0.0
        #: What each was at its latest look, and when that was.
        self._known: dict[str, tuple[_Declared, float]] = {}

    async def round(self) -> None:
        """Begin to look, at everything where that is due, else at what is new or has changed."""
        if self._task is not None:
            return
        moment = asyncio.get_running_loop().time()
        if moment < self._next:
            return
        self._next = moment + PAUSE
        found = await self._database.reading(_declared)
        whole = moment >= self._due
        todo = [each.dataset for name, each in found.items() if whole or self._is_due(name, each, moment)]
        if whole:
            self._due = moment + self._every
        now = {dataset.name for dataset in todo}
        self._known = {name: (each, moment) if name in now else self._known[name] for name, each in found.items()}
        if todo or whole:
            self._task = asyncio.create_task(self._look_at(todo, list(found)))
            self._task.add_done_callback(self._ended)

    def _is_due(self, name: str, new: _Declared, moment: float) -> bool:
        """Has anything changed? Of what is stored many small changes are looked at together."""
        if name not in self._known:
            return True
        known, looked = self._known[name]
        if replace(new, stored=known.stored) != known:
            return True
        return new.stored != known.stored and moment >= looked + FRESH

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
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, LeaseLost):
            self._metrics.failure("health")
            _log.warning("the sources of datasets could not be looked at", exc_info=error)

    async def _look_at(self, todo: Sequence[Dataset], names: Sequence[str]) -> None:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(dataset: Dataset) -> None:
            async with slots:
                found = await self._look(dataset)
            await self._lease.write(lambda uow: uow.dataset_health.put(dataset.name, found))

        await asyncio.gather(*(one(d) for d in todo))
        if await self._database.reading(lambda uow: uow.dataset_health.known() - set(names)):
            await self._lease.write(lambda uow: uow.dataset_health.keep_only(names))

    async def _look(self, dataset: Dataset) -> list[SourceHealth]:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await self._look_by_kind(dataset)
        except NotFound as error:
            found = [SourceHealth(dataset.name, Health.MISSING, error.message)]
        except DomainError as error:
            found = [SourceHealth(dataset.name, Health.BROKEN, error.message)]
        except TimeoutError:
            found = [SourceHealth(dataset.name, Health.BROKEN, f"no answer in {PATIENCE:.0f} seconds")]
        moment = self._clock()
        return [replace(h, checked_at=moment, message=shorten(h.message, 500) or "") for h in found]

    async def _look_by_kind(self, dataset: Dataset) -> list[SourceHealth]:
        name = dataset.name
        match dataset.kind:
            case SourceKind.ENVIRONMENT:
                return [SourceHealth(name, Health.OK)]
            case SourceKind.MANAGED:
                root = Root.head(dataset.owner or PLATFORM, name)
                # Servers mount it once it was seen, and the kubelet would make a folder that is not there.
                await self._store.ensure(root)
                size = await self._count(root)
                counted = (None, None) if size is None else (size.files, size.bytes)
                return [SourceHealth(name, Health.OK, files=counted[0], bytes=counted[1])]
            case SourceKind.GIT:
                return [await self._repository(dataset)]
            case SourceKind.S3:
                await self._s3.look(dataset)
                return [SourceHealth(name, Health.OK)]
        return await self._elsewhere(dataset)

    async def _count(self, root: Root) -> Size | None:
        total, seen = Size(), 0
        async for entry in self._store.walk(root, ""):
            seen += 1
            if seen > COUNTED:
                return None
            if entry.kind is EntryKind.FILE:
                total += Size(1, entry.size)
        return total

    async def _repository(self, dataset: Dataset) -> SourceHealth:
        def look(uow: UnitOfWork) -> tuple[int, str]:
            latest = uow.dataset_versions.ready(dataset.name)
            newest = next(iter(uow.dataset_versions.page(dataset.name, 1)), None)
            failed = newest.message if newest and newest.state is VersionState.FAILED else ""
            return (latest.number if latest else 0), failed

        number, failed = await self._database.reading(look)
        if not number:
            # Who asked for a version that failed is told why; without one there is nothing to use.
            return SourceHealth(dataset.name, Health.BROKEN if failed else Health.UNKNOWN, failed or "not fetched yet")
        await self._store.list(Root.version(dataset.owner or PLATFORM, dataset.name, number), "", limit=1)
        return SourceHealth(dataset.name, Health.OK, f"the last fetch failed: {failed}" if failed else "")

    async def _elsewhere(self, dataset: Dataset) -> list[SourceHealth]:
        if self._sources is None:
            return [SourceHealth(dataset.name, Health.UNKNOWN, "nobody looks at it from here")]
        found: list[SourceHealth] = []
        for group in await self._database.reading(lambda uow: _groups(uow, dataset)):
            found.append(await self._sources.look(group, dataset))
            if not found[-1].group:
                return found[-1:]
        return found or [SourceHealth(dataset.name, Health.UNKNOWN, "no group was granted it")]


def _declared(uow: UnitOfWork) -> dict[str, _Declared]:
    grants: dict[str, set[str]] = {}
    for grant in uow.catalog.grants():
        grants.setdefault(grant.name, set()).add(grant.group)
    found = {d.name: d for d in uow.catalog.datasets()}
    newest, sizes = uow.dataset_versions.newest(list(found)), uow.stored.sizes()

    def declared(name: str, dataset: Dataset) -> _Declared:
        stored = sizes.get(dataset.owner or PLATFORM, Size()) if dataset.kind is SourceKind.MANAGED else None
        return _Declared(dataset, frozenset(grants.get(name, ())), newest.get(name), stored)

    return {name: declared(name, dataset) for name, dataset in found.items()}


def _groups(uow: UnitOfWork, dataset: Dataset) -> list[str]:
    granted = {g.group for g in uow.datasets.grants([dataset.name])[dataset.name]}
    everywhere = EVERY_GROUP in granted
    return sorted(g.name for g in uow.groups.all() if everywhere or g.name in granted)[:GROUPS]
