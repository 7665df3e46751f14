"""What people ask to be done with files: checked at once, then done by a task."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.file_tasks import FileTask, TaskKind, TrashState
from collegium.domain.files import EntryKind, check_path, joined, name_of
from collegium.domain.names import new_id
from collegium.services.by import By
from collegium.services.files.models import FileTaskOut, FileTaskPage, MoveIn, UnpackIn
from collegium.services.files.places import Place, Places
from collegium.services.files.runner import TaskRunner
from collegium.services.files.steps import check_apart, in_the_way, look, need, outermost
from collegium.services.files.trash import TrashService
from collegium.services.files.views import task_out
from collegium.services.paging import number_cursor, read_number_cursor

_KIND = "filetask-"
#: Paths of one request that are looked at together.
TOGETHER = 16


class FileTaskService:
    """Begins tasks and tells of them. Expects that the policy was asked already."""

    def __init__(
        self,
        database: Database,
        places: Places,
        runner: TaskRunner,
        trash: TrashService,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._places, self._runner = database, places, runner
        self._trash, self._clock = trash, clock

    async def get(self, group: str, task_id: str) -> FileTaskOut:
        """One. Raises NotFound."""
        task = await self._database.reading(lambda uow: uow.file_tasks.get(group, task_id))
        if task is None:
            raise NotFound(f"Group {group} has no task {shorten(task_id)}.")
        return task_out(task)

    async def page(self, group: str, limit: int, cursor: str | None) -> FileTaskPage:
        """Newest first."""
        before = read_number_cursor(_KIND, cursor) if cursor else None
        found = await self._database.reading(lambda uow: uow.file_tasks.page(group, limit + 1, before))
        more = number_cursor(_KIND, found[limit - 1].sequence) if len(found) > limit else None
        return FileTaskPage(items=[task_out(t) for t in found[:limit]], next_cursor=more)

    async def move(self, by: By, group: str, asked: MoveIn) -> FileTaskOut:
        """Move or rename. Raises NotFound, Conflict, Forbidden, InvalidInput, QuotaExceeded."""
        source = await self._places.find_own(group, asked.source, "source")
        return await self._relocate(by, TaskKind.MOVE, source, asked)

    async def copy(self, by: By, group: str, asked: MoveIn) -> FileTaskOut:
        """Copy. Raises as ``move``."""
        source = await self._places.find(group, asked.source, "source")
        return await self._relocate(by, TaskKind.COPY, source, asked)

    async def unpack(self, by: By, group: str, asked: UnpackIn) -> FileTaskOut:
        """Make a folder of what is in an archive. Raises as ``move``."""
        source = await self._places.find(group, asked.source, "source")
        if (await need(source)).kind is not EntryKind.FILE:
            raise InvalidInput("source", "is a folder; name an archive", asked.source)
        target = await self._target(source, asked.target, asked.replace)
        work = {"pairs": [[source.shown, target.shown]], "replace": asked.replace}
        return await self._begin(by, group, TaskKind.UNPACK, source.shown, target.shown, work)

    async def copy_into(self, by: By, group: str, paths: Sequence[str], folder: str) -> FileTaskOut:
        """Copy several things into a folder, such as one of a dataset. Raises as ``copy``."""
        pairs = []
        for path in outermost([check_path(p, "paths") for p in paths]):
            source = await self._places.find(group, path, "paths")
            target = await self._target(source, joined(check_path(folder, "target"), name_of(path)), replace=False)
            pairs.append([source.shown, target.shown])
        shown = pairs[0][0] if len(pairs) == 1 else f"{len(pairs)} files and folders"
        work = {"pairs": pairs, "replace": False}
        return await self._begin(by, group, TaskKind.DATASET_COPY, shown, check_path(folder), work)

    async def delete(self, by: By, group: str, paths: Sequence[str]) -> FileTaskOut:
        """Put into the trash. Raises NotFound for any that is not there, and then leaves all where they are."""
        clean = outermost([check_path(p, "paths") for p in paths])
        for start in range(0, len(clean), TOGETHER):
            await asyncio.gather(*(self._deletable(group, p) for p in clean[start : start + TOGETHER]))
        shown = clean[0] if len(clean) == 1 else f"{len(clean)} files and folders"
        return await self._begin(by, group, TaskKind.DELETE, shown, "", {"paths": clean})

    async def restore(self, by: By, group: str, trash_id: str, path: str | None) -> FileTaskOut:
        """Back from the trash, to where it was or elsewhere. Raises NotFound, Conflict, Forbidden, InvalidInput."""
        entry = await self._trash.find(group, trash_id)
        target = await self._places.find_new(group, entry.shown if path is None else path)
        if target.root.owner != entry.owner or target.store is not self._places.store:
            raise InvalidInput("path", f"must be in the storage of {entry.owner}, whose this is", path)
        if await look(target) is not None:
            raise in_the_way(target)

        def write(uow: UnitOfWork) -> None:
            if not uow.trash.change(entry.id, TrashState.KEPT, TrashState.RESTORING):
                raise Conflict(f"{shorten(entry.shown)} is being restored or removed already.")

        task = self._task(by, group, TaskKind.RESTORE, entry.shown, target.shown, {"trash": entry.id})
        return task_out(await self._runner.begin(task, write))

    async def _relocate(self, by: By, kind: TaskKind, source: Place, asked: MoveIn) -> FileTaskOut:
        await need(source)
        target = await self._target(source, asked.target, asked.replace)
        work = {"pairs": [[source.shown, target.shown]], "replace": asked.replace}
        return await self._begin(by, source.group, kind, source.shown, target.shown, work)

    async def _target(self, source: Place, path: str, replace: bool) -> Place:
        target = await self._places.find_new(source.group, path, "target")
        check_apart(source, target)
        if not replace and await look(target) is not None:
            raise in_the_way(target)
        return target

    async def _deletable(self, group: str, path: str) -> None:
        await need(await self._places.find_own(group, path, "paths"))

    async def _begin(
        self, by: By, group: str, kind: TaskKind, source: str, target: str, work: dict[str, object]
    ) -> FileTaskOut:
        return task_out(await self._runner.begin(self._task(by, group, kind, source, target, work)))

    def _task(self, by: By, group: str, kind: TaskKind, source: str, target: str, work: dict[str, object]) -> FileTask:
        user, moment = by.actor.user, self._clock()
        return FileTask(new_id("tsk"), group, kind, user, source, target, moment, work, request_id=by.request_id)
