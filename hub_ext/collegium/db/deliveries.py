"""The outbox: what is to be told, and how far the events were read for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.job_tables import sweeps
from collegium.db.notification_tables import channels, deliveries, notification_cursors
from collegium.db.specs import notify_from_json
from collegium.domain.jobs import Event, Notify
from collegium.domain.notifications import ChannelKind, Delivery, DeliveryState

_d, _n = deliveries.c, notification_cursors.c
# Literal text: with bound values neither database would use the partial indexes.
_PENDING, _OVER = sa.text("deliveries.state = 'Pending'"), sa.text("deliveries.state != 'Pending'")


@dataclass(frozen=True)
class SweepFacts:
    """What is told of a sweep."""

    id: str
    user: str
    name: str
    state: str
    made: int
    created_at: datetime
    finished_at: datetime | None
    notify: tuple[Notify, ...]


class Deliveries:
    """Rows of ``deliveries``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, new: Sequence[Delivery]) -> int:
        """Add those that are not there yet; how many they were."""
        rows = [
            {
                "id": d.id,
                "group_name": d.group,
                "target": d.target,
                "topic": d.topic,
                "object_id": d.object_id,
                "event": d.event,
                "payload": dict(d.payload),
                "state": d.state.value,
                "attempts": d.attempts,
                "message": d.message,
                "created_at": d.created_at,
                "next_at": d.next_at,
                "finished_at": d.finished_at,
            }
            for d in new
        ]
        if not rows:
            return 0
        known = set(self._c.execute(sa.select(_d.id).where(_d.id.in_([r["id"] for r in rows]))).scalars())
        fresh = [r for r in rows if r["id"] not in known]
        if fresh:
            self._c.execute(sa.insert(deliveries), fresh)
        return len(fresh)

    def due_targets(self, moment: datetime, limit: int) -> list[tuple[str, bool]]:
        """Places that something is to be sent to by now, and whether that is mail."""
        due = sa.select(_d.target).where(_PENDING, _d.next_at <= moment).distinct().limit(limit).subquery()
        statement = sa.select(due.c.target, channels.c.kind).join(channels, channels.c.id == due.c.target, isouter=True)
        return [(r.target, r.kind in (None, ChannelKind.EMAIL.value)) for r in self._c.execute(statement)]

    def due(self, target: str, moment: datetime, limit: int) -> list[Delivery]:
        """What is to be sent to one place by now, oldest first."""
        statement = sa.select(deliveries).where(_PENDING, _d.target == target, _d.next_at <= moment)
        return [_delivery(r) for r in self._c.execute(statement.order_by(_d.sequence).limit(limit))]

    def move(self, after: Sequence[Delivery]) -> None:
        """Write how tries ended; what is over already stays."""
        if not after:
            return
        statement = (
            sa.update(deliveries)
            .where(_d.sequence == sa.bindparam("number"), _PENDING)
            .values(
                state=sa.bindparam("new_state"),
                attempts=sa.bindparam("new_attempts"),
                message=sa.bindparam("new_message"),
                next_at=sa.bindparam("new_next_at"),
                finished_at=sa.bindparam("new_finished_at"),
            )
        )
        values = [
            {
                "number": d.sequence,
                "new_state": d.state.value,
                "new_attempts": d.attempts,
                "new_message": d.message,
                "new_next_at": d.next_at,
                "new_finished_at": d.finished_at,
            }
            for d in after
        ]
        self._c.execute(statement, values)

    def drop(self, target: str, message: str, moment: datetime) -> int:
        """End all that is to be sent to a place that is none any more."""
        values = {"state": DeliveryState.DROPPED.value, "message": message, "finished_at": moment}
        return self._c.execute(sa.update(deliveries).where(_PENDING, _d.target == target).values(values)).rowcount

    def page(self, target: str, limit: int, before: int | None = None) -> list[Delivery]:
        """Those to one place, the newest first."""
        statement = sa.select(deliveries).where(_d.target == target)
        if before is not None:
            statement = statement.where(_d.sequence < before)
        return [_delivery(r) for r in self._c.execute(statement.order_by(_d.sequence.desc()).limit(limit))]

    def last(self, targets: Collection[str]) -> dict[str, Delivery]:
        """The newest to each place."""
        newest = sa.select(sa.func.max(_d.sequence)).where(_d.target.in_(sorted(targets))).group_by(_d.target)
        found = self._c.execute(sa.select(deliveries).where(_d.sequence.in_(newest)))
        return {r.target: _delivery(r) for r in found}

    def count(self) -> dict[str, int]:
        """How many there are in each state."""
        statement = sa.select(_d.state, sa.func.count()).group_by(_d.state)
        return {row[0]: row[1] for row in self._c.execute(statement)}

    def delete_before(self, moment: datetime) -> int:
        """Forget those that were over before."""
        return self._c.execute(sa.delete(deliveries).where(_OVER, _d.finished_at < moment)).rowcount


class NotificationCursors:
    """Rows of ``notification_cursors``.

    A cursor per group, since numbers of events appear in order within a group only: a transaction that is slow to
    commit in one group must not hide its events behind those of another.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def missing(self) -> bool:
        """Is there a group that has no cursor?"""
        return bool(self._c.execute(sa.select(self._without().exists())).scalar_one()) or not self._begun()

    def begin(self) -> None:
        """Give every group a cursor: at the first time behind all that ever happened, later before it."""
        newest = 0
        if not self._begun():
            newest = self._c.execute(sa.select(sa.func.max(t.events.c.sequence))).scalar_one() or 0
            self._c.execute(sa.insert(notification_cursors).values(group_name="", sequence=newest))
        names = list(self._c.execute(self._without()).scalars())
        if names:
            rows = [{"group_name": name, "sequence": newest} for name in names]
            self._c.execute(sa.insert(notification_cursors), rows)

    def unread(self, limit: int) -> list[Event]:
        """Events beyond their group's cursor, in order."""
        e = t.events.c
        statement = (
            sa.select(t.events)
            .join(notification_cursors, (e.group_name == _n.group_name) & (e.sequence > _n.sequence))
            .order_by(e.sequence)
            .limit(limit)
        )
        return [
            Event(r.sequence, r.group_name, r.kind, r.object_id, r.at, r.state, r.reason, r.message)
            for r in self._c.execute(statement)
        ]

    def advance(self, events: Sequence[Event]) -> None:
        """These were read."""
        last = {e.group: e.sequence for e in events}
        for group, sequence in sorted(last.items()):
            where = (_n.group_name == group) & (_n.sequence < sequence)
            self._c.execute(sa.update(notification_cursors).where(where).values(sequence=sequence))

    def sweeps(self, ids: Collection[str]) -> dict[str, SweepFacts]:
        """What is told of these sweeps."""
        found = {}
        for r in self._c.execute(sa.select(sweeps).where(sweeps.c.id.in_(sorted(ids)))):
            notify = notify_from_json(r.spec.get("notify", ()))
            found[r.id] = SweepFacts(r.id, r.user_name, r.name, r.state, r.made, r.created_at, r.finished_at, notify)
        return found

    def _begun(self) -> bool:
        return bool(self._c.execute(sa.select(sa.exists().where(_n.group_name == ""))).scalar_one())

    def _without(self) -> sa.Select[Any]:
        known = sa.select(_n.group_name)
        return sa.select(t.groups.c.name).where(t.groups.c.name.not_in(known))


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row.id,
        group=row.group_name,
        target=row.target,
        topic=row.topic,
        object_id=row.object_id,
        payload=row.payload,
        created_at=row.created_at,
        next_at=row.next_at,
        event=row.event,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        message=row.message,
        finished_at=row.finished_at,
        sequence=row.sequence,
    )
