"""Routes of what happened lately."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_user_name
from collegium.domain.policy import Operation
from collegium.services.activity.models import ActivityPage
from collegium.services.activity.service import ActivityFilter
from collegium.services.endpoint import Endpoint, Query
from collegium.services.handlers import BaseHandler


class ActivityQuery(Query):
    """Which events."""

    kind: str | None = Field(
        default=None,
        pattern=r"^[a-z]{1,16}(,[a-z]{1,16}){0,9}$",
        max_length=170,
        description="Kinds of object, comma-separated: `job`, `schedule`, `sweep`, `server`, `queue`, `settings` …",
    )
    user: str | None = Field(
        default=None, pattern=r"^[a-z0-9]([a-z0-9._@+-]{0,126}[a-z0-9])?$", description="Only what is this user's."
    )
    mine: bool = Field(default=False, description="Only what is yours.")
    limit: int = Field(default=20, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")

    def filter(self, me: str) -> ActivityFilter:
        """As the service knows it; raises InvalidInput for what contradicts itself."""
        user = check_user_name(self.user) if self.user else None
        if self.mine and user not in (None, me):
            raise InvalidInput("user", "contradicts mine", self.user)
        return ActivityFilter(tuple(sorted(set(self.kind.split(",")))) if self.kind else (), me if self.mine else user)


class ActivityHandler(BaseHandler):
    """``/activity``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.ACTIVITY_READ,
            "What happened in all your groups, newest first",
            ActivityPage,
            query=ActivityQuery,
            errors=(400,),
        )
    }

    async def get(self) -> None:
        """A page."""
        query, actor = self.read_query(ActivityQuery), self.caller.actor
        found = await self.context.activity.page(actor.roles, query.filter(actor.user), query.limit, query.cursor)
        self.write_json(found)


class GroupActivityHandler(BaseHandler):
    """``/groups/{group}/activity``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.GROUP_ACTIVITY,
            "What happened in the group, newest first",
            ActivityPage,
            query=ActivityQuery,
            errors=(400,),
        )
    }

    async def get(self, group: str) -> None:
        """A page."""
        query, me = self.read_query(ActivityQuery), self.caller.actor.user
        self.write_json(await self.context.activity.page([group], query.filter(me), query.limit, query.cursor))
