"""Reading the audit log. Every method expects that the policy was asked already."""

from __future__ import annotations

from collegium.db import Database
from collegium.domain.audit import AuditEntry
from collegium.services.audit.models import AuditOut, AuditPage
from collegium.services.paging import number_cursor, read_number_cursor, split_page

_KIND = "a"


class AuditService:
    """Reads only: lines are written together with what they tell of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, group: str | None, limit: int, cursor: str | None, text: str) -> AuditPage:
        """Lines of a group, or of everything, newest first; ``text`` is in actor, action or object."""
        before = read_number_cursor(_KIND, cursor) if cursor else None
        found = await self._database.reading(lambda uow: uow.audit.page(limit + 1, before, group, text))
        found, following = split_page(found, limit, lambda e: number_cursor(_KIND, e.sequence))
        return AuditPage(items=[_out(e) for e in found], next_cursor=following)


def _out(e: AuditEntry) -> AuditOut:
    return AuditOut(
        sequence=e.sequence,
        at=e.at,
        actor=e.actor,
        action=e.action,
        object=e.object,
        group=e.group,
        outcome=e.outcome,
        reason=e.reason,
        details=dict(e.details),
        request_id=e.request_id,
    )
