"""Routes of members and revocations."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.policy import Operation
from collegium.services.endpoint import Endpoint, Query
from collegium.services.handlers import BaseHandler
from collegium.services.members.models import MemberPage, RevocationList


class MemberQuery(Query):
    """Which page."""

    limit: int = Field(default=1000, ge=1, le=1000)
    cursor: str | None = Field(default=None, max_length=256, description="`next_cursor` of the page before.")


class MembersHandler(BaseHandler):
    """``/groups/{group}/members``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.GROUP_MEMBERS,
            "Members of the group with role and standing",
            MemberPage,
            query=MemberQuery,
            errors=(400,),
        )
    }

    async def get(self, group: str) -> None:
        """A page of members."""
        query = self.read_query(MemberQuery)
        self.write_json(await self.context.members.page(group, query.limit, query.cursor))


class RevocationsHandler(BaseHandler):
    """``/groups/{group}/revocations``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.GROUP_REVOCATIONS, "Work that outlived its owner's right to it", RevocationList)
    }

    async def get(self, group: str) -> None:
        """The newest."""
        self.write_json(await self.context.members.revocations(group))
