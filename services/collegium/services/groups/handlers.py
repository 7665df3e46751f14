"""Routes of groups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from pydantic import Field

from collegium.domain.policy import Operation
from collegium.services.endpoint import EVENT_STREAM, Endpoint, Header, Query
from collegium.services.event import ServerEvent
from collegium.services.groups.models import CatalogOut, ContextOut, GroupOut, UsageOut
from collegium.services.handlers import BaseHandler
from collegium.services.sse import StreamHandler, read_number

#: Seconds of silence after which a stream takes a breath (heartbeat, and a look at whether it may go on).
BREATH = 2.0


class EventQuery(Query):
    """``after`` resumes; ``Last-Event-ID`` wins over it."""

    after: int | None = Field(
        default=None, ge=0, le=2**53, description="Send changes above this number; default: new ones only."
    )


class ContextHandler(BaseHandler):
    """``/context``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.CONTEXT_READ, "You, your groups and roles, your servers", ContextOut)
    }

    async def get(self) -> None:
        """What a sidebar needs first."""
        self.write_json(await self.context.groups.context(self.caller.actor))


class GroupHandler(BaseHandler):
    """``/groups/{group}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.GROUP_READ, "The group, and what you may do there and why", GroupOut)
    }

    async def get(self, group: str) -> None:
        """One group."""
        self.write_json(await self.context.groups.group(self.caller, group))


class UsageHandler(BaseHandler):
    """``/groups/{group}/usage``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.GROUP_USAGE, "Used and limit, and every holder", UsageOut)}

    async def get(self, group: str) -> None:
        """Use and limits."""
        self.write_json(await self.context.groups.usage(self.caller.actor, group))


class CatalogHandler(BaseHandler):
    """``/groups/{group}/catalog``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.GROUP_CATALOG, "Instance types, images and datasets", CatalogOut)}

    async def get(self, group: str) -> None:
        """What may be launched."""
        self.write_json(await self.context.groups.catalog(self.caller.actor, group))


class EventsHandler(StreamHandler):
    """``/groups/{group}/events``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.GROUP_EVENTS,
            "Server-sent events, one per change of state",
            query=EventQuery,
            headers=(Header("Last-Event-ID", "Resume after this number.", "^[0-9]{1,16}$"),),
            media=(EVENT_STREAM,),
            errors=(400, 429),
        )
    }

    async def get(self, group: str) -> None:
        """Follow the group."""
        after, last = self.read_query(EventQuery).after, self.last_event_id()
        start = read_number(last, "Last-Event-ID") if last else after
        await self.send_events(self._changes(group, start))

    async def _changes(self, group: str, start: int | None) -> AsyncIterator[ServerEvent | None]:
        seen = await self.context.groups.newest_event(group) if start is None else start
        newest = 0
        while True:
            found = await self.context.groups.events(group, seen)
            for event in found:
                seen = event.sequence
                yield ServerEvent("change", event.model_dump(mode="json"), str(seen))
            if not found:
                yield None
                newest = await self.context.feed.wait(newest, BREATH)
