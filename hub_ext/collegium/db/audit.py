"""The audit log: appended to, read, trimmed by age, never changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.domain.audit import AuditEntry, Outcome

_a = t.audit.c


class Audit:
    """Rows of ``audit``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def append(self, entry: AuditEntry) -> None:
        """Add a line, in the same transaction as what it tells of."""
        self._c.execute(
            sa.insert(t.audit).values(
                at=entry.at,
                actor=entry.actor[:128],
                action=entry.action,
                group_name=entry.group,
                object=entry.object[:320],
                outcome=entry.outcome.value,
                reason=entry.reason,
                details=dict(entry.details),
                request_id=entry.request_id,
            )
        )

    def page(self, limit: int, before: int | None = None, group: str | None = None, text: str = "") -> list[AuditEntry]:
        """Newest first, below a number; of one group, or of all; ``text`` is in actor, action or object."""
        statement = sa.select(t.audit)
        if before is not None:
            statement = statement.where(_a.sequence < before)
        if group is not None:
            statement = statement.where(_a.group_name == group)
        if text:
            found = [c.icontains(text, autoescape=True) for c in (_a.actor, _a.action, _a.object)]
            statement = statement.where(sa.or_(*found))
        return [_entry(r) for r in self._c.execute(statement.order_by(_a.sequence.desc()).limit(limit))]

    def delete_before(self, moment: datetime) -> int:
        """Forget lines of before; how many there were."""
        return self._c.execute(sa.delete(t.audit).where(_a.at < moment)).rowcount


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        row.at,
        row.actor,
        row.action,
        row.object,
        row.group_name,
        Outcome(row.outcome),
        row.reason,
        row.details,
        row.request_id,
        row.sequence,
    )
