"""Events and idempotency keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.domain.jobs import Event

_e = t.events.c


class Events:
    """Rows of ``events``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def append(
        self,
        group: str,
        kind: str,
        object_id: str,
        at: datetime,
        state: str,
        reason: str,
        message: str,
        *,
        name: str = "",
        user: str = "",
    ) -> None:
        """Add an event. The group's row is locked first, so that numbers appear in order within a group.

        ``user`` is whose object it is, or who did it where it is nobody's.
        """
        self.add([Event(0, group, kind, object_id, at, state, reason, message, name, user)])

    def add(self, events: Sequence[Event]) -> None:
        """Add events of one group, in this order; their own numbers do not count."""
        if not events:
            return
        self.lock(events[0].group)
        rows = [
            {
                "group_name": e.group,
                "kind": e.kind,
                "object_id": e.object_id,
                "at": e.at,
                "state": e.state,
                "reason": e.reason,
                "message": e.message,
                "name": e.name[:120],
                "user_name": e.user[:128],
            }
            for e in events
        ]
        self._c.execute(sa.insert(t.events), rows)

    def lock(self, group: str) -> None:
        """Hold the group's row until the transaction ends. Whoever changes jobs takes it before their rows, so that
        nobody waits for one who waits for them. SQLite has locked the whole database already."""
        if self._c.dialect.name != "sqlite":
            self._c.execute(sa.select(t.groups.c.name).where(t.groups.c.name == group).with_for_update())

    def page(
        self,
        groups: Collection[str],
        limit: int,
        before: int | None = None,
        *,
        kinds: Collection[str] = (),
        user: str | None = None,
    ) -> list[Event]:
        """The newest events of these groups, newest first, below a number; of some kinds (none: all), of one person.

        One question for each group and kind: each goes down an index as far as needed and no further, which no single
        question over all of them does on either database.
        """
        found: list[Event] = []
        for group in groups:
            for kind in kinds or ("",):
                statement = sa.select(t.events).where(_e.group_name == group)
                if kind:
                    statement = statement.where(_e.kind == kind)
                if user is not None:
                    statement = statement.where(_e.user_name == user)
                if before is not None:
                    statement = statement.where(_e.sequence < before)
                rows = self._c.execute(statement.order_by(_e.sequence.desc()).limit(limit))
                found += [_event(r) for r in rows]
        return sorted(found, key=lambda e: -e.sequence)[:limit]

    def after(self, group: str, sequence: int, limit: int = 500) -> list[Event]:
        """The group's events above a number, in order."""
        statement = sa.select(t.events).where(_e.group_name == group, _e.sequence > sequence)
        return [_event(r) for r in self._c.execute(statement.order_by(_e.sequence).limit(limit))]

    def of(self, object_id: str) -> list[Event]:
        """The history of one object, in order."""
        statement = sa.select(t.events).where(_e.object_id == object_id).order_by(_e.sequence)
        return [_event(r) for r in self._c.execute(statement)]

    def last(self, group: str) -> int:
        """The group's newest number, 0 if there is none."""
        return self._c.execute(sa.select(sa.func.max(_e.sequence)).where(_e.group_name == group)).scalar_one() or 0

    def groups(self) -> set[str]:
        """Every group, past or present, in which anything ever happened."""
        return set(self._c.execute(sa.select(_e.group_name).distinct()).scalars())

    def newest(self) -> int:
        """The newest number of all groups, 0 if there is none."""
        return self._c.execute(sa.select(sa.func.max(_e.sequence))).scalar_one() or 0


class IdempotencyKeys:
    """Which request a key stood for, and what came of it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def find(self, principal: str, operation: str, group: str, key: str) -> tuple[str, str] | None:
        """``(request hash, object id)`` of an earlier use, None if the key is new."""
        k = t.idempotency_keys.c
        row = self._c.execute(
            sa.select(k.request_hash, k.object_id).where(
                k.principal == principal, k.operation == operation, k.group_name == group, k.key == key
            )
        ).one_or_none()
        return None if row is None else (row.request_hash, row.object_id)

    def insert(
        self, principal: str, operation: str, group: str, key: str, request_hash: str, object_id: str, at: datetime
    ) -> None:
        """Remember a use."""
        self._c.execute(
            sa.insert(t.idempotency_keys).values(
                principal=principal,
                operation=operation,
                group_name=group,
                key=key,
                request_hash=request_hash,
                object_id=object_id,
                created_at=at,
            )
        )

    def delete_before(self, moment: datetime) -> None:
        """Forget old keys."""
        self._c.execute(sa.delete(t.idempotency_keys).where(t.idempotency_keys.c.created_at < moment))


def _event(row: Any) -> Event:
    head = (row.sequence, row.group_name, row.kind, row.object_id, row.at)
    return Event(*head, row.state, row.reason, row.message, row.name, row.user_name)
