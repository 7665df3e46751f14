"""Archives become folders, here and not at whoever would have to fetch and send them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from collegium.domain.errors import DomainError, InvalidInput, shorten
from collegium.domain.file_tasks import FileTask, TaskKind
from collegium.domain.files import PLATFORM, EntryKind
from collegium.services.files.places import Place, Places
from collegium.services.files.runner import AT_ONCE, Result, TaskProgress, TaskRunner
from collegium.services.files.steps import need
from collegium.services.files.storage import StorageService
from collegium.services.files.work import FileWork
from collegium.services.unpacking.opening import Survey, entries, survey
from collegium.services.unpacking.source import Source

T = TypeVar("T")


class Unpacking:
    """Unpacks: what the archive tells of is looked at and given room first, then a hidden folder is filled."""

    def __init__(self, places: Places, storage: StorageService, work: FileWork) -> None:
        self._places, self._storage, self._work = places, storage, work
        self._threads = ThreadPoolExecutor(AT_ONCE, "collegium-unpacking")

    def register(self, runner: TaskRunner) -> None:
        """Take over this kind of task."""
        runner.register(TaskKind.UNPACK, self.unpack)

    async def unpack(self, task: FileTask, progress: TaskProgress, again: bool) -> Result:
        """One archive to one new folder."""
        [[from_, to]] = task.work["pairs"]
        place = await self._places.find(task.group, from_, "source")
        target = await self._places.find_new(task.group, to, "target")
        if (await need(place)).kind is not EntryKind.FILE:
            raise InvalidInput("source", "is a folder; name an archive", from_)
        async with place.store.open(place.root, place.path) as file:
            source = Source(file, asyncio.get_running_loop())
            told = await self._look(task, target, source, progress)
            if again and await self._work.is_there(task, target, told.size):
                progress(told.size)
            else:
                await self._work.make_room(task, target)
                await self._fill(task, target, source, told, progress)
        owner = target.root.owner
        return Result(_text(task, told), lambda uow: self._storage.settle_in(uow, owner, task.id, told.size))

    async def _look(self, task: FileTask, target: Place, source: Source, progress: TaskProgress) -> Survey:
        """What will be there, and room for it."""
        most, owner = None, target.root.owner
        if owner != PLATFORM:
            share = await self._storage.share(owner)
            most = None if share.limit is None else max(0, share.limit - share.used)
        told = await self._survey(target, source, most, progress)
        await self._storage.reserve(owner, task.user, task.id, task.target, told.size.bytes)
        if not told.whole:
            # There was more room than it seemed: an earlier try of ours may keep it.
            told = await self._survey(target, source, None, progress)
            await self._storage.reserve(owner, task.user, task.id, task.target, told.size.bytes)
        progress.total = told.size
        return told

    async def _survey(self, target: Place, source: Source, most: int | None, progress: TaskProgress) -> Survey:
        looking = partial(survey, source, target.shown, most, progress)
        return await _to_the_end(source, asyncio.get_running_loop().run_in_executor(self._threads, looking))

    async def _fill(self, task: FileTask, target: Place, source: Source, told: Survey, progress: TaskProgress) -> None:
        new = entries(source, target.shown, told)
        filling = target.store.fill(target.root, target.path, new, task.id, progress)
        try:
            await _to_the_end(source, filling)
        except DomainError:
            await self._work.bring_back(task, target)
            raise


async def _to_the_end(source: Source, work: Awaitable[T]) -> T:
    """The archive is closed only when no thread reads it any more."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        source.stop()
        if isinstance(running, asyncio.Task):
            running.cancel()
        await asyncio.wait([running])
        raise


def _text(task: FileTask, told: Survey) -> str:
    what = f"{told.size.files} file" + ("" if told.size.files == 1 else "s")
    text = f"{shorten(task.source)} was unpacked to {shorten(task.target)}: {what}."
    if told.left_out:
        one = told.left_out == 1
        text += f" {told.left_out} symbolic link{' or device was' if one else 's or devices were'} left out."
    return text
