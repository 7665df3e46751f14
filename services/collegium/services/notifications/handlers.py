"""Routes of notifications."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.endpoint import Endpoint, Query
from collegium.services.handlers import BaseHandler
from collegium.services.notifications.models import (
    ChannelIn,
    ChannelList,
    ChannelOut,
    ChannelPatch,
    DeliveryOut,
    DeliveryPage,
    OwnIn,
    OwnOut,
)

_WRITE = (400, 409, 413, 415)


class DeliveryQuery(Query):
    """Which page."""

    limit: int = Field(default=20, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")


class ChannelsHandler(BaseHandler):
    """``/groups/{group}/channels``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.CHANNEL_LIST, "The group's notification channels", ChannelList),
        "POST": Endpoint(
            Operation.CHANNEL_CREATE, "Make a channel", ChannelOut, 201, body=ChannelIn, errors=(*_WRITE, 503)
        ),
    }

    async def get(self, group: str) -> None:
        """All."""
        self.write_json(await self.context.channels.all(self.caller.actor, group))

    async def post(self, group: str) -> None:
        """Make."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(ChannelIn)
        self.write_json(await self.context.channels.create(by, group, body))


class ChannelHandler(BaseHandler):
    """``/groups/{group}/channels/{channel}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.CHANNEL_READ, "One channel", ChannelOut),
        "PATCH": Endpoint(
            Operation.CHANNEL_EDIT, "Change a channel", ChannelOut, body=ChannelPatch, errors=(*_WRITE, 503)
        ),
        "DELETE": Endpoint(
            Operation.CHANNEL_DELETE, "Delete a channel with what it sent", ChannelOut, errors=(400, 413)
        ),
    }

    async def get(self, group: str, channel: str) -> None:
        """One."""
        self.write_json(await self.context.channels.get(self.caller.actor, group, channel))

    async def patch(self, group: str, channel: str) -> None:
        """Change."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(ChannelPatch)
        self.write_json(await self.context.channels.change(by, group, channel, body))

    async def delete(self, group: str, channel: str) -> None:
        """Delete."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.channels.delete(by, group, channel))


class TestHandler(BaseHandler):
    """``/groups/{group}/channels/{channel}/test``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.CHANNEL_TEST, "Send a test message by a channel", DeliveryOut, 201, errors=(400, 409, 413)
        )
    }

    async def post(self, group: str, channel: str) -> None:
        """Try it out."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.channels.test(by, group, channel))


class DeliveriesHandler(BaseHandler):
    """``/groups/{group}/channels/{channel}/deliveries``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.CHANNEL_DELIVERIES,
            "What was sent by a channel, the newest first",
            DeliveryPage,
            query=DeliveryQuery,
            errors=(400,),
        )
    }

    async def get(self, group: str, channel: str) -> None:
        """A page."""
        query = self.read_query(DeliveryQuery)
        self.write_json(await self.context.channels.deliveries(group, channel, query.limit, query.cursor))


class OwnHandler(BaseHandler):
    """``/notifications``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.NOTIFICATION_READ, "What you want to hear by mail", OwnOut),
        "PUT": Endpoint(
            Operation.NOTIFICATION_EDIT,
            "Set what you want to hear by mail",
            OwnOut,
            body=OwnIn,
            errors=(400, 413, 415),
        ),
    }

    async def get(self) -> None:
        """Yours."""
        self.write_json(await self.context.own_notifications.get(self.caller.actor))

    async def put(self) -> None:
        """Set yours."""
        body = self.read_body(OwnIn)
        self.write_json(await self.context.own_notifications.put(self.caller.actor, body))
