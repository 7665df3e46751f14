"""Routes of share links."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.endpoint import Endpoint, Query
from collegium.services.handlers import BaseHandler
from collegium.services.shares.models import ShareCreated, ShareIn, ShareOut, SharePage


class ShareQuery(Query):
    """Which page."""

    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=400, description="`next_cursor` of the page before.")


class SharesHandler(BaseHandler):
    """``/groups/{group}/files/shares``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.SHARE_LIST, "The group's share links, the newest first", SharePage, query=ShareQuery),
        "POST": Endpoint(
            Operation.SHARE_CREATE,
            "Share a file or folder; the link is in this answer only",
            ShareCreated,
            201,
            body=ShareIn,
            errors=(400, 409, 413, 415),
        ),
    }

    async def get(self, group: str) -> None:
        """A page of links."""
        query = self.read_query(ShareQuery)
        self.write_json(await self.context.shares.page(group, query.limit, query.cursor))

    async def post(self, group: str) -> None:
        """Share."""
        by, body = By(self.caller.actor, self.request_id), self.read_private_body(ShareIn)
        # Where the hub was not told its own address, the one that the sharer's browser uses is right for others too.
        root = self.context.public_url or f"{self.request.protocol}://{self.request.host}"
        pages = f"{root.rstrip('/')}{self.context.prefix.rstrip('/')}/share"
        self.write_json(await self.context.shares.create(by, group, body, pages))


class ShareHandler(BaseHandler):
    """``/groups/{group}/files/shares/{share}``."""

    endpoints: ClassVar = {
        "DELETE": Endpoint(
            Operation.SHARE_REVOKE, "Revoke a link: from now on it opens nothing", ShareOut, errors=(400, 413)
        )
    }

    async def delete(self, group: str, share: str) -> None:
        """Revoke."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.shares.revoke(by, group, share))
