"""Routes of the audit log."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.policy import Operation
from collegium.services.audit.models import AuditPage
from collegium.services.endpoint import Endpoint, Query
from collegium.services.handlers import BaseHandler


class AuditQuery(Query):
    """Which lines."""

    text: str = Field(
        default="", max_length=120, pattern=r"^[^\x00]*$", description="Part of actor, action or object, in any case."
    )
    limit: int = Field(default=50, ge=1, le=500)
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")


class GroupAuditHandler(BaseHandler):
    """``/groups/{group}/audit``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.GROUP_AUDIT, "The group's audit log, newest first", AuditPage, query=AuditQuery, errors=(400,)
        )
    }

    async def get(self, group: str) -> None:
        """A page."""
        query = self.read_query(AuditQuery)
        self.write_json(await self.context.audit.page(group, query.limit, query.cursor, query.text))


class AuditHandler(BaseHandler):
    """``/audit``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.AUDIT_READ, "The whole audit log, newest first", AuditPage, query=AuditQuery, errors=(400,)
        )
    }

    async def get(self) -> None:
        """A page."""
        query = self.read_query(AuditQuery)
        self.write_json(await self.context.audit.page(None, query.limit, query.cursor, query.text))
