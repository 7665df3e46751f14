"""Runs tasks: the row first, then the work, with a sign of life each second; another process takes up what one left.

Work is a function per kind of task that may be called again for the same row after a crash at any moment.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.audit import AuditEntry, Outcome
from collegium.domain.errors import DomainError, TooManyRequests, Unavailable
from collegium.domain.file_tasks import DEAD_AFTER, FileTask, TaskKind, TaskState
from collegium.domain.files import Size, name_of

#: The kind of the events that tell of files.
EVENT = "file"
#: Seconds that a request waits for the end of what it began.
PATIENCE = 2.0
#: Seconds between signs of life of a task that works, and of one that waits for its turn.
BEAT, WAITING = 1.0, 10.0
#: Tasks that work at the same time in one process; others wait. And those that one person may have open.
AT_ONCE, OF_ONE = 4, 20
_log = logging.getLogger("collegium.services")


class TaskLost(Exception):
    """Another process has the task now."""


class TaskProgress:
    """How far a task is. Stores call it, perhaps from threads, with what was done since they called last."""

    def __init__(self) -> None:
        self.done = Size()
        self.total: Size | None = None
        self.lost = False

    def __call__(self, more: Size) -> None:
        """So much more is done. Raises TaskLost if it is not ours to do any more."""
        if self.lost:
            raise TaskLost
        self.done += more


@dataclass(frozen=True)
class Result:
    """What came of a task. ``settle`` runs in the transaction that ends it."""

    message: str
    settle: Callable[[UnitOfWork], object] | None = None


#: The work of a kind of task. ``again``: an earlier try was cut off somewhere.
Work = Callable[[FileTask, TaskProgress, bool], Awaitable[Result]]
#: What becomes of a task that failed, beside its row: room that is given back.
Undo = Callable[[UnitOfWork, FileTask], object]


class TaskRunner:
    """The tasks of this process."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock
        self.holder = secrets.token_hex(8)
        self._works: dict[TaskKind, Work] = {}
        self._undo: Undo = lambda uow, task: None
        self._tasks: dict[str, asyncio.Task[DomainError | None]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)

    def register(self, kind: TaskKind, work: Work) -> None:
        """Who does tasks of this kind."""
        self._works[kind] = work

    def undo_with(self, undo: Undo) -> None:
        """What is called in the transaction that writes down a failure."""
        self._undo = undo

    async def begin(self, task: FileTask, write: Callable[[UnitOfWork], object] | None = None) -> FileTask:
        """Write the row, with whatever else belongs to its transaction, start, and wait a moment for the end.

        Answers with the task as it is then; raises what it failed with, if it failed meanwhile.
        """
        task = replace(task, holder=self.holder, seen_at=self._clock())

        def insert(uow: UnitOfWork) -> None:
            if len(uow.file_tasks.running(user=task.user)) >= OF_ONE:
                raise TooManyRequests(f"You have {OF_ONE} tasks on files under way; wait for one to end.", limit=OF_ONE)
            uow.file_tasks.insert(task)
            if write is not None:
                write(uow)

        await self._database.writing(insert)
        running = self._start(task, again=False)
        await asyncio.wait([running], timeout=PATIENCE)
        if running.done() and not running.cancelled() and (error := running.result()) is not None:
            raise error
        found = await self._database.reading(lambda uow: uow.file_tasks.get(task.group, task.id))
        return found or task

    async def take_up(self) -> int:
        """Go on with tasks whose process is gone; how many there were."""
        moment = self._clock()
        before, room = moment - DEAD_AFTER, 2 * AT_ONCE - len(self._tasks)
        if room <= 0:
            return 0
        found = await self._database.reading(lambda uow: uow.file_tasks.dead(before, room))
        for task in found:
            take = partial(_take, task=task.id, holder=self.holder, before=before, at=moment)
            taken = await self._database.writing(take)
            if taken:
                _log.warning("task %s is taken up: its process is gone", task.id)
                self._start(replace(task, holder=self.holder), again=True)
        return len(found)

    async def settle(self) -> None:
        """Wait for all that is under way."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def close(self) -> None:
        """Drop what is under way: another process, or this one after its start, goes on with it."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, task: FileTask, again: bool) -> asyncio.Task[DomainError | None]:
        running = asyncio.create_task(self._run(task, again))
        self._tasks[task.id] = running
        running.add_done_callback(lambda _: self._tasks.pop(task.id, None))
        return running

    async def _run(self, task: FileTask, again: bool) -> DomainError | None:
        """The task's own failure, None if there was none."""
        progress = TaskProgress()
        beat = asyncio.create_task(self._beat(task, progress, WAITING))
        failure: DomainError | None = None
        try:
            async with self._places:
                beat.cancel()
                beat = asyncio.create_task(self._beat(task, progress, BEAT))
                result = await self._works[task.kind](task, progress, again)
        except TaskLost:
            _log.warning("task %s goes on in another process", task.id)
            return None
        except DomainError as error:
            failure = error
        except Exception:
            # Nothing of ours may leave a task running for ever; what failed is in the log.
            _log.exception("task %s failed", task.id)
            failure = Unavailable(f"Something went wrong here. Give the task's id {task.id} to whoever runs this hub.")
        finally:
            beat.cancel()
        # If this is not written, somebody takes the task up once more.
        if failure is None:
            await self._end(task, progress, TaskState.SUCCEEDED, result.message, result.settle)
        else:
            await self._end(task, progress, TaskState.FAILED, failure.message, lambda uow: self._undo(uow, task))
        return failure

    async def _beat(self, task: FileTask, progress: TaskProgress, pause: float) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                ours = await self._database.writing(
                    lambda uow: uow.file_tasks.note(task.id, self.holder, progress.done, progress.total, self._clock())
                )
            except DomainError as error:
                _log.warning("how far task %s is could not be written down: %s", task.id, error)
                continue
            if not ours:
                progress.lost = True
                return

    async def _end(
        self,
        task: FileTask,
        progress: TaskProgress,
        state: TaskState,
        message: str,
        also: Callable[[UnitOfWork], object] | None,
    ) -> None:
        moment = self._clock()

        def write(uow: UnitOfWork) -> None:
            uow.groups.lock(task.group)
            if not uow.file_tasks.finish(task, state, progress.done, message, moment):
                return
            if also is not None:
                also(uow)
            _tell(uow, task, state, message, moment)

        await self._database.writing(write)


def _take(uow: UnitOfWork, task: str, holder: str, before: datetime, at: datetime) -> bool:
    return uow.file_tasks.take(task, holder, before, at)


def _tell(uow: UnitOfWork, task: FileTask, state: TaskState, message: str, moment: datetime) -> None:
    """In the group's activity and in the audit log."""
    reason = "".join(part.title() for part in task.kind.value.split("-"))
    name = name_of(task.target or task.source)
    uow.events.append(task.group, EVENT, task.id, moment, state.value, reason, message, name=name, user=task.user)
    uow.audit.append(
        AuditEntry(
            moment,
            task.user,
            f"file.{task.kind.value}",
            task.source or task.target,
            task.group,
            Outcome.DONE if state is TaskState.SUCCEEDED else Outcome.FAILED,
            "" if state is TaskState.SUCCEEDED else message,
            {"target": task.target, "files": task.done.files} if task.target else {},
            task.request_id,
        )
    )
