"""Events and idempotency keys."""

from __future__ import annotations

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
        self, group: str, kind: str, object_id: str, at: datetime, state: str, reason: str, message: str
    ) -> None:
        """Add an event. The group's row is locked first, so that numbers appear in order within a group.

        SQLite has locked the whole database already.
        """
        if self._c.dialect.name != "sqlite":
            self._c.execute(sa.select(t.groups.c.name).where(t.groups.c.name == group).with_for_update())
        self._c.execute(
            sa.insert(t.events).values(
                group_name=group, kind=kind, object_id=object_id, at=at, state=state, reason=reason, message=message
            )
        )

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
    return Event(row.sequence, row.group_name, row.kind, row.object_id, row.at, row.state, row.reason, row.message)
