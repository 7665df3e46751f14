"""Routes of invitations."""

from __future__ import annotations

from typing import ClassVar

from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.endpoint import Endpoint
from collegium.services.handlers import BaseHandler
from collegium.services.invitations.models import (
    AcceptedOut,
    InvitationCreated,
    InvitationIn,
    InvitationList,
    InvitationOut,
    LookOut,
    RegisteredOut,
    RegisterIn,
    TokenIn,
)

_GUEST = (400, 404, 409, 413, 415, 429)


class InvitationsHandler(BaseHandler):
    """``/groups/{group}/invitations``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.INVITATION_LIST, "The group's invitations, newest first", InvitationList),
        "POST": Endpoint(
            Operation.INVITATION_CREATE,
            "Invite somebody; the link is in this answer only",
            InvitationCreated,
            201,
            body=InvitationIn,
            errors=(400, 409, 413, 415),
        ),
    }

    async def get(self, group: str) -> None:
        """The newest."""
        self.write_json(await self.context.invitations.of_group(group))

    async def post(self, group: str) -> None:
        """Invite."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(InvitationIn)
        # Where the hub was not told its own address, the one that the inviter's browser uses is right for others too.
        root = self.context.public_url or f"{self.request.protocol}://{self.request.host}"
        page = f"{root.rstrip('/')}{self.context.prefix.rstrip('/')}/invitation"
        self.write_json(await self.context.invitations.create(by, group, body, page))


class InvitationHandler(BaseHandler):
    """``/groups/{group}/invitations/{invitation}``."""

    endpoints: ClassVar = {
        "DELETE": Endpoint(
            Operation.INVITATION_REVOKE, "Revoke an invitation; whoever used it stays", InvitationOut, errors=(400, 413)
        )
    }

    async def delete(self, group: str, invitation: str) -> None:
        """Revoke."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.invitations.revoke(by, group, invitation))


class LookHandler(BaseHandler):
    """``/invitations/look``."""

    endpoints: ClassVar = {
        "POST": Endpoint(Operation.INVITATION_LOOK, "What a link leads to", LookOut, body=TokenIn, errors=_GUEST)
    }

    async def post(self) -> None:
        """Look."""
        token = self.read_body(TokenIn).token
        self.write_json(await self.context.guests.look(token, self.request.remote_ip or ""))


class AcceptHandler(BaseHandler):
    """``/invitations/accept``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.INVITATION_ACCEPT, "Join with one's own account", AcceptedOut, body=TokenIn, errors=_GUEST
        )
    }

    async def post(self) -> None:
        """Accept."""
        by, token = By(self.caller.actor, self.request_id), self.read_body(TokenIn).token
        self.write_json(await self.context.guests.accept(by, token, self.request.remote_ip or ""))


class RegisterHandler(BaseHandler):
    """``/invitations/register``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.INVITATION_REGISTER,
            "Get an account by way of a link",
            RegisteredOut,
            201,
            body=RegisterIn,
            errors=(*_GUEST, 403, 503),
        )
    }

    async def post(self) -> None:
        """Register."""
        body = self.read_body(RegisterIn)
        self.write_json(await self.context.guests.register(body, self.request.remote_ip or "", self.request_id))
