"""Makes versions happen and removes what was deleted: first the row, then the files, then the row again.

Kill the process anywhere: what is written is gone on with, and nothing is half there for anybody to see.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.audit import SYSTEM
from collegium.domain.catalog import Dataset, SourceKind
from collegium.domain.datasets import DatasetVersion, VersionState
from collegium.domain.errors import DomainError, StorageFull, Unavailable, shorten
from collegium.domain.files import PLATFORM, Size
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.datasets.find import EVENT
from collegium.services.datasets.make import Made, Maker
from collegium.services.datasets.versions import new_version
from collegium.services.metrics import Metrics

#: Datasets that are worked on at a time.
AT_ONCE = 3
#: Seconds between looks for repositories of the platform that nobody fetched yet.
LOOK = 30.0
#: A version that could not be made so many times, which is about an hour, has failed.
GIVE_UP = 25
_FIRST, _MOST = 2.0, 300.0
_MESSAGE = 500
_log = logging.getLogger("collegium.controller")


@dataclass(frozen=True)
class _Todo:
    """What there is to do for one dataset; ``dataset`` None: it is no more declared."""

    name: str
    dataset: Dataset | None
    versions: Sequence[DatasetVersion]
    deleting: bool


class DatasetRounds:
    """One round per call; the work goes on beside the rounds. What it remembers costs patience, not truth."""

    def __init__(
        self, database: Database, maker: Maker, lease: Lease, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._maker, self._lease = database, maker, lease
        self._metrics, self._clock = metrics, clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._backoff: dict[str, tuple[float, int]] = {}
        self._look_due = 0.0

    async def round(self) -> None:
        """Look, and begin what is due; returns without waiting for it."""
        moment = asyncio.get_running_loop().time()
        if moment >= self._look_due:
            self._look_due = moment + LOOK
            if await self._database.reading(_unfetched):
                await self._lease.write(self._fetch_first)
        found = await self._database.reading(_todo)
        names = {todo.name for todo in found}
        self._backoff = {name: b for name, b in self._backoff.items() if name in names}
        for todo in found:
            if todo.name not in self._tasks and moment >= self._backoff.get(todo.name, (0.0, 0))[0]:
                task = asyncio.create_task(self._work(todo))
                self._tasks[todo.name] = task
                task.add_done_callback(partial(self._ended, todo.name))

    async def settle(self) -> None:
        """Wait for what was begun."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        for task in self._tasks.values():
            task.cancel()

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        if not task.cancelled():
            task.exception()

    async def _work(self, todo: _Todo) -> None:
        async with self._places:
            try:
                for version in todo.versions:
                    if version.state is VersionState.DELETING or todo.deleting:
                        await self._unmake(version)
                    else:
                        await self._make(todo.dataset, version)
                if todo.deleting:
                    await self._remove(todo)
            except LeaseLost:
                # The controller's next round finds it out too.
                return
            except Exception as error:
                failures = self._backoff.get(todo.name, (0.0, 0))[1]
                wait = min(_MOST, _FIRST * 2.0**failures)
                self._backoff[todo.name] = (asyncio.get_running_loop().time() + wait, failures + 1)
                self._metrics.failure("dataset")
                trace = not isinstance(error, DomainError)
                _log.warning("dataset %s is seen to again in %.0f seconds: %s", todo.name, wait, error, exc_info=trace)
                return
            self._backoff.pop(todo.name, None)

    async def _make(self, dataset: Dataset | None, version: DatasetVersion) -> None:
        if dataset is None:
            await self._failed(version, "The dataset is not declared any more.")
            return
        try:
            made = await self._maker.make(dataset, version)
        except (Unavailable, StorageFull) as error:
            if self._backoff.get(version.dataset, (0.0, 0))[1] < GIVE_UP:
                text = f"It cannot be made now and is tried again: {error.message}"
                await self._write(version, replace(version, message=shorten(text, _MESSAGE) or ""), None)
                raise
            await self._failed(version, error.message)
        except DomainError as error:
            await self._failed(version, error.message)
        else:
            await self._ready(version, made)

    async def _ready(self, version: DatasetVersion, made: Made) -> None:
        after = replace(
            version,
            state=VersionState.READY,
            message=made.message,
            manifest=made.manifest,
            revision=made.revision,
            files=made.files,
            bytes=made.bytes,
            tables=made.tables,
            ready_at=self._clock(),
        )
        what = f"{made.files} file" + ("" if made.files == 1 else "s")
        told = f"Version {version.number} of dataset {version.dataset} is ready: {what}."
        await self._write(version, after, told, made.new)

    async def _failed(self, version: DatasetVersion, message: str) -> None:
        await self._maker.remove(version, manifest=False)
        text = shorten(message, _MESSAGE) or ""
        told = f"Version {version.number} of dataset {version.dataset} failed: {text}"
        await self._write(version, replace(version, state=VersionState.FAILED, message=text), told)

    async def _write(
        self, before: DatasetVersion, after: DatasetVersion, told: str | None, new: Size | None = None
    ) -> None:
        def write(uow: UnitOfWork) -> None:
            # Somebody may have deleted it meanwhile; the next round sees to its files then.
            written = uow.dataset_versions.change(before, after)
            if after.state is not VersionState.MAKING:
                self._maker.settle(uow, after, new if written else None)
            if written and told and before.owner != PLATFORM:
                at, state, user = self._clock(), after.state.value, before.created_by
                uow.events.append(before.owner, EVENT, before.dataset, at, state, f"Version{state}", told, user=user)

        await self._lease.write(write)

    async def _unmake(self, version: DatasetVersion) -> None:
        def only(uow: UnitOfWork) -> bool:
            return not uow.dataset_versions.has_manifest(version.dataset, version.manifest, besides=version.number)

        await self._maker.remove(version, await self._database.reading(only))

        def write(uow: UnitOfWork) -> None:
            uow.dataset_versions.delete(version)
            self._maker.settle(uow, version, None)

        await self._lease.write(write)

    async def _remove(self, todo: _Todo) -> None:
        assert todo.dataset is not None
        owner = todo.dataset.owner or PLATFORM
        if todo.dataset.kind in (SourceKind.MANAGED, SourceKind.GIT, SourceKind.S3):
            await self._maker.remove_all(owner, todo.name)

        def write(uow: UnitOfWork) -> None:
            uow.datasets.remove(todo.name)
            if owner != PLATFORM:
                uow.stored.look_again(owner)

        await self._lease.write(write)

    def _fetch_first(self, uow: UnitOfWork) -> None:
        for name in _unfetched(uow):
            if dataset := uow.datasets.get(name, lock=True):
                new_version(uow, dataset, dataset.created_by or SYSTEM, self._clock(), "The first fetch.")


def _todo(uow: UnitOfWork) -> list[_Todo]:
    going = {d.name: d for d in uow.datasets.deleting()}
    versions: dict[str, list[DatasetVersion]] = {}
    for version in uow.dataset_versions.unsettled():
        if version.dataset not in going:
            versions.setdefault(version.dataset, []).append(version)
    found = [_Todo(n, d, uow.dataset_versions.page(n, 1000), True) for n, d in going.items()]
    return found + [_Todo(n, uow.datasets.get(n), v, False) for n, v in versions.items()]


def _unfetched(uow: UnitOfWork) -> list[str]:
    """Repositories that those who run the platform declared: nobody is asked to fetch them by hand."""
    names = [d.name for d in uow.datasets.of_kinds([SourceKind.GIT]) if not d.owner]
    counted = uow.dataset_versions.counts(names)
    return [n for n in names if n not in counted and not uow.dataset_versions.count(n)]
