"""The work of tasks: each may be cut off anywhere and done once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, DomainError, NotFound, shorten
from collegium.domain.file_tasks import NOTHING, FileTask, TaskKind, TrashEntry, TrashState
from collegium.domain.files import EntryKind, Size
from collegium.services.files.places import Place, Places
from collegium.services.files.runner import Result, TaskProgress, TaskRunner
from collegium.services.files.steps import copy_across, in_the_way, look, need, size_of
from collegium.services.files.storage import StorageService
from collegium.services.files.trash import TrashService

#: Rows of the trash that are written together.
PART = 100


class FileWork:
    """Moves, copies, deletes and restores."""

    def __init__(
        self,
        database: Database,
        places: Places,
        storage: StorageService,
        trash: TrashService,
        clock: Callable[[], datetime],
    ) -> None:
        self._database, self._places, self._storage = database, places, storage
        self._trash, self._clock = trash, clock

    def register(self, runner: TaskRunner) -> None:
        """Take over these kinds of task."""
        runner.register(TaskKind.MOVE, self.move)
        runner.register(TaskKind.COPY, self.copy)
        runner.register(TaskKind.DATASET_COPY, self.copy)
        runner.register(TaskKind.DELETE, self.delete)
        runner.register(TaskKind.RESTORE, self.restore)
        runner.undo_with(self.undo)

    def undo(self, uow: UnitOfWork, task: FileTask) -> None:
        """A task failed: room that was kept for it is given back, and what was to be restored is in the trash."""
        self._storage.give_back(uow, task.id)
        if task.kind is TaskKind.RESTORE:
            uow.trash.change(str(task.work["trash"]), TrashState.RESTORING, TrashState.KEPT)

    async def move(self, task: FileTask, progress: TaskProgress, again: bool) -> Result:
        """One source to one target."""
        [[from_, to]] = task.work["pairs"]
        source = await self._places.find_own(task.group, from_, "source")
        target = await self._places.find_new(task.group, to, "target")
        entry = await look(source)
        if entry is None:
            if not again or await look(target) is None:
                raise NotFound(f"There is no {shorten(from_)}.", path=shorten(from_))
            return Result(_moved(source, target))
        if source.store is not target.store:
            raise Conflict("These are in different stores; copy and delete instead.")
        size = NOTHING
        if source.root.owner != target.root.owner:
            size = await size_of(source, entry)
            await self._storage.reserve(target.root.owner, task.user, task.id, task.target, size.bytes)
        await self.make_room(task, target)
        try:
            await source.store.move(source.root, source.path, target.root, target.path)
        except DomainError:
            await self.bring_back(task, target)
            raise

        def settle(uow: UnitOfWork) -> None:
            if source.root.owner != target.root.owner:
                self._storage.settle_in(uow, target.root.owner, task.id, size)
                self._storage.settle_in(uow, source.root.owner, task.id, Size(-size.files, -size.bytes))

        return Result(_moved(source, target), settle)

    async def copy(self, task: FileTask, progress: TaskProgress, again: bool) -> Result:
        """Each source to its target, one after the other."""
        pairs = [
            (await self._places.find(task.group, a), await self._places.find_new(task.group, b))
            for a, b in task.work["pairs"]
        ]
        sizes = [await size_of(source, await need(source)) for source, _ in pairs]
        total, owner = sum(sizes, NOTHING), pairs[0][1].root.owner
        progress.total = total
        await self._storage.reserve(owner, task.user, task.id, task.target, total.bytes)
        for (source, target), size in zip(pairs, sizes, strict=True):
            if again and await self.is_there(task, target, size):
                progress(size)
                continue
            # A folder from another store may be half there: it is gone on with.
            if not (again and source.store is not target.store and await self._is_ours(task, target)):
                await self.make_room(task, target)
            await self._copy_one(task, source, target, progress)
        what = f"{total.files} file" + ("" if total.files == 1 else "s")
        text = f"{shorten(task.source)} was copied to {shorten(task.target)}: {what}."
        return Result(text, lambda uow: self._storage.settle_in(uow, owner, task.id, total))

    async def delete(self, task: FileTask, progress: TaskProgress, again: bool) -> Result:
        """Each path into the trash, under a ticket that another try finds again."""
        paths, gone = list(task.work["paths"]), 0
        for start in range(0, len(paths), PART):
            entries = [
                await self._row(task, number, paths[number]) for number in range(start, min(len(paths), start + PART))
            ]
            await self._database.writing(partial(_insert, entries=entries))
            for entry in entries:
                try:
                    progress(await self._trash.discard(entry))
                except NotFound:
                    gone += 1
        if gone == len(paths) and not again:
            raise NotFound(f"There is no {shorten(task.source)} any more.", path=shorten(task.source))
        text = f"{shorten(task.source)} went to the trash."
        return Result(text + (f" {gone} of them were gone already." if gone else ""))

    async def restore(self, task: FileTask, progress: TaskProgress, again: bool) -> Result:
        """From the trash to its target."""
        entry = await self._database.reading(lambda uow: uow.trash.get(str(task.work["trash"])))
        if entry is None:
            raise NotFound(f"{shorten(task.source)} is not in the trash any more.")
        target = await self._places.find_new(task.group, task.target)
        await target.store.restore(entry.owner, entry.id, target.root, target.path)
        progress(entry.size)
        text = f"{shorten(task.source)} was restored" + (
            "." if task.target == task.source else f" as {shorten(task.target)}."
        )
        return Result(text, lambda uow: uow.trash.delete(entry.id))

    async def _copy_one(self, task: FileTask, source: Place, target: Place, progress: TaskProgress) -> None:
        try:
            if source.store is target.store:
                roots = (source.root, source.path, target.root, target.path)
                await source.store.copy(*roots, progress=progress)
            else:
                await copy_across(source, target, progress)
        except DomainError:
            await self.bring_back(task, target)
            raise

    async def is_there(self, task: FileTask, target: Place, size: Size) -> bool:
        """Did an earlier try come so far?"""
        entry = await look(target)
        return entry is not None and await self._is_ours(task, target) and await size_of(target, entry) == size

    async def _is_ours(self, task: FileTask, target: Place) -> bool:
        """Is what is there now ours? Nothing was there when the task began, or it is in the trash by now."""
        if not task.work["replace"]:
            return True
        return await self._database.reading(lambda uow: uow.trash.get(_ticket(task, target))) is not None

    async def make_room(self, task: FileTask, target: Place) -> None:
        """What is at a target that may be replaced goes to the trash."""
        there = await look(target)
        if there is None:
            return
        if not task.work["replace"]:
            raise in_the_way(target)
        entry = self._trash_row(task, _ticket(task, target), target, there.kind)
        await self._database.writing(lambda uow: uow.trash.insert(entry))
        await self._trash.discard(entry)

    async def bring_back(self, task: FileTask, target: Place) -> None:
        """What was replaced, when nothing came in its place."""
        ticket = _ticket(task, target)
        if task.work["replace"] and await self._database.reading(lambda uow: uow.trash.get(ticket)):
            await target.store.restore(target.root.owner, ticket, target.root, target.path)
            await self._database.writing(lambda uow: uow.trash.delete(ticket))

    async def _row(self, task: FileTask, number: int, path: str) -> TrashEntry:
        place = await self._places.find_own(task.group, path, "paths")
        entry = await look(place)
        kind = EntryKind.FILE if entry is None else entry.kind
        return self._trash_row(task, f"trs{task.id[3:]}-{number}", place, kind)

    def _trash_row(self, task: FileTask, ticket: str, place: Place, kind: EntryKind) -> TrashEntry:
        root, moment = place.root, self._clock()
        return TrashEntry(ticket, root.owner, task.group, root.area, place.path, place.shown, kind, task.user, moment)


def _insert(uow: UnitOfWork, entries: Sequence[TrashEntry]) -> None:
    for entry in entries:
        uow.trash.insert(entry)


def _ticket(task: FileTask, target: Place) -> str:
    number = next(i for i, (_, to) in enumerate(task.work["pairs"]) if to == target.shown)
    return f"trs{task.id[3:]}-{number}"


def _moved(source: Place, target: Place) -> str:
    return f"{shorten(source.shown)} was moved to {shorten(target.shown)}."
