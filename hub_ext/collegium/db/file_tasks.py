"""Work on files, and what lies in the trash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db.file_tables import file_tasks, trash
from collegium.domain.file_tasks import FileTask, TaskKind, TaskState, TrashEntry, TrashState
from collegium.domain.files import EntryKind, Size

_f, _t = file_tasks.c, trash.c
# Literal text: with a bound value neither database would use the partial index.
_RUNNING = sa.text("file_tasks.state = 'Running'")


class FileTasks:
    """Rows of ``file_tasks``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, task: FileTask) -> None:
        """Add one."""
        self._c.execute(
            sa.insert(file_tasks).values(
                id=task.id,
                group_name=task.group,
                kind=task.kind.value,
                state=task.state.value,
                user_name=task.user,
                source=task.source,
                target=task.target,
                work=dict(task.work),
                done_files=task.done.files,
                done_bytes=task.done.bytes,
                total_files=task.total.files if task.total else None,
                total_bytes=task.total.bytes if task.total else None,
                message=task.message,
                request_id=task.request_id,
                created_at=task.created_at,
                finished_at=task.finished_at,
                holder=task.holder,
                seen_at=task.seen_at,
            )
        )

    def get(self, group: str, task_id: str) -> FileTask | None:
        """One of a group."""
        row = self._c.execute(sa.select(file_tasks).where(_f.id == task_id, _f.group_name == group)).one_or_none()
        return None if row is None else _task(row)

    def page(self, group: str, limit: int, before: int | None = None) -> list[FileTask]:
        """Newest first, below a number."""
        statement = sa.select(file_tasks).where(_f.group_name == group)
        if before is not None:
            statement = statement.where(_f.sequence < before)
        return [_task(r) for r in self._c.execute(statement.order_by(_f.sequence.desc()).limit(limit))]

    def running(self, group: str | None = None, user: str | None = None) -> list[FileTask]:
        """Those that go on, oldest first."""
        statement = sa.select(file_tasks).where(_RUNNING).order_by(_f.sequence)
        if group is not None:
            statement = statement.where(_f.group_name == group)
        if user is not None:
            statement = statement.where(_f.user_name == user)
        return [_task(r) for r in self._c.execute(statement)]

    def dead(self, before: datetime, limit: int) -> list[FileTask]:
        """Those that go on and whose process gave no sign of life since."""
        statement = sa.select(file_tasks).where(_RUNNING, _f.seen_at < before).order_by(_f.sequence)
        return [_task(r) for r in self._c.execute(statement.limit(limit))]

    def take(self, task_id: str, holder: str, before: datetime, at: datetime) -> bool:
        """Make it ours if it is still dead; False if another was faster."""
        where = (_f.id == task_id) & _RUNNING & (_f.seen_at < before)
        return bool(self._c.execute(sa.update(file_tasks).where(where).values(holder=holder, seen_at=at)).rowcount)

    def note(self, task_id: str, holder: str, done: Size, total: Size | None, at: datetime) -> bool:
        """How far it is, and that it lives; False if it is not ours any more."""
        values: dict[str, Any] = {"done_files": done.files, "done_bytes": done.bytes, "seen_at": at}
        if total is not None:
            values |= {"total_files": total.files, "total_bytes": total.bytes}
        where = (_f.id == task_id) & _RUNNING & (_f.holder == holder)
        return bool(self._c.execute(sa.update(file_tasks).where(where).values(values)).rowcount)

    def finish(self, task: FileTask, state: TaskState, done: Size, message: str, at: datetime) -> bool:
        """It is over; False if it was already, or is not ours any more."""
        where = (_f.id == task.id) & _RUNNING & (_f.holder == task.holder)
        values = {
            "state": state.value,
            "done_files": done.files,
            "done_bytes": done.bytes,
            "message": message,
            "finished_at": at,
        }
        if state is TaskState.SUCCEEDED:
            values |= {"total_files": done.files, "total_bytes": done.bytes}
        return bool(self._c.execute(sa.update(file_tasks).where(where).values(values)).rowcount)

    def delete_before(self, moment: datetime) -> int:
        """Forget those that were over by then."""
        return self._c.execute(sa.delete(file_tasks).where(_f.finished_at < moment)).rowcount


class Trash:
    """Rows of ``trash``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, entry: TrashEntry) -> None:
        """Add one, unless it is there."""
        if self.get(entry.id) is not None:
            return
        self._c.execute(
            sa.insert(trash).values(
                id=entry.id,
                owner=entry.owner,
                group_name=entry.group,
                area=entry.area,
                path=entry.path,
                shown=entry.shown,
                kind=entry.kind.value,
                files=entry.size.files,
                bytes=entry.size.bytes,
                deleted_by=entry.deleted_by,
                deleted_at=entry.deleted_at,
                state=entry.state.value,
            )
        )

    def get(self, entry_id: str) -> TrashEntry | None:
        """One, in whatever state."""
        row = self._c.execute(sa.select(trash).where(_t.id == entry_id)).one_or_none()
        return None if row is None else _entry(row)

    def page(self, group: str, limit: int, before: int | None = None) -> list[TrashEntry]:
        """What a group can restore, latest first, below a number."""
        statement = sa.select(trash).where(_t.group_name == group, _t.state == TrashState.KEPT.value)
        if before is not None:
            statement = statement.where(_t.sequence < before)
        return [_entry(r) for r in self._c.execute(statement.order_by(_t.sequence.desc()).limit(limit))]

    def expired(self, group: str, before: datetime, limit: int) -> list[TrashEntry]:
        """What was deleted before then and is kept, oldest first."""
        statement = sa.select(trash).where(_t.group_name == group, _t.state == TrashState.KEPT.value)
        return [
            _entry(r)
            for r in self._c.execute(statement.where(_t.deleted_at < before).order_by(_t.sequence).limit(limit))
        ]

    def groups(self) -> list[str]:
        """Groups that have something in a trash."""
        return list(self._c.execute(sa.select(_t.group_name).distinct()).scalars())

    def owners(self) -> list[str]:
        """Owners of storage that have something in a trash."""
        return list(self._c.execute(sa.select(_t.owner).distinct()).scalars())

    def in_state(self, state: TrashState, limit: int, after: int = 0) -> list[TrashEntry]:
        """What is in a state, above a number, in order."""
        statement = sa.select(trash).where(_t.state == state.value, _t.sequence > after)
        return [_entry(r) for r in self._c.execute(statement.order_by(_t.sequence).limit(limit))]

    def purging(self, owner: str) -> bool:
        """Is something of this owner being removed for good?"""
        where = _t.owner == owner, _t.state == TrashState.PURGING.value
        return self._c.execute(sa.select(_t.id).where(*where).limit(1)).first() is not None

    def of_owner(self, owner: str) -> list[TrashEntry]:
        """Everything of one owner."""
        return [_entry(r) for r in self._c.execute(sa.select(trash).where(_t.owner == owner).order_by(_t.sequence))]

    def size(self, owner: str) -> Size:
        """What all of an owner's trash takes."""
        columns = sa.func.coalesce(sa.func.sum(_t.files), 0), sa.func.coalesce(sa.func.sum(_t.bytes), 0)
        row = self._c.execute(sa.select(*columns).where(_t.owner == owner)).one()
        return Size(int(row[0]), int(row[1]))

    def keep(self, entry_id: str, size: Size) -> bool:
        """The store has it; False if it had already."""
        where = (_t.id == entry_id) & (_t.state == TrashState.MOVING.value)
        values = {"state": TrashState.KEPT.value, "files": size.files, "bytes": size.bytes}
        return bool(self._c.execute(sa.update(trash).where(where).values(values)).rowcount)

    def change(self, entry_id: str, before: TrashState, after: TrashState) -> bool:
        """From one state to another; False if it is not in the first one any more."""
        where = (_t.id == entry_id) & (_t.state == before.value)
        return bool(self._c.execute(sa.update(trash).where(where).values(state=after.value)).rowcount)

    def purge_all(self, group: str, user: str | None) -> tuple[int, int]:
        """What is kept of a group, deleted by somebody or (None) by anybody, is to be purged: how many, how much."""
        where = (_t.group_name == group) & (_t.state == TrashState.KEPT.value)
        if user is not None:
            where &= _t.deleted_by == user
        columns = sa.func.count(), sa.func.coalesce(sa.func.sum(_t.bytes), 0)
        count, size = self._c.execute(sa.select(*columns).where(where)).one()
        self._c.execute(sa.update(trash).where(where).values(state=TrashState.PURGING.value))
        return int(count), int(size)

    def delete(self, entry_id: str) -> bool:
        """It is gone, or where it was; False if somebody said so before."""
        return bool(self._c.execute(sa.delete(trash).where(_t.id == entry_id)).rowcount)


def _task(row: Any) -> FileTask:
    return FileTask(
        id=row.id,
        group=row.group_name,
        kind=TaskKind(row.kind),
        user=row.user_name,
        source=row.source,
        target=row.target,
        created_at=row.created_at,
        work=row.work,
        state=TaskState(row.state),
        done=Size(row.done_files, row.done_bytes),
        total=None if row.total_bytes is None else Size(row.total_files, row.total_bytes),
        message=row.message,
        holder=row.holder,
        seen_at=row.seen_at,
        finished_at=row.finished_at,
        request_id=row.request_id,
        sequence=row.sequence,
    )


def _entry(row: Any) -> TrashEntry:
    return TrashEntry(
        id=row.id,
        owner=row.owner,
        group=row.group_name,
        area=row.area,
        path=row.path,
        shown=row.shown,
        kind=EntryKind(row.kind),
        deleted_by=row.deleted_by,
        deleted_at=row.deleted_at,
        size=Size(row.files, row.bytes),
        state=TrashState(row.state),
        sequence=row.sequence,
    )
