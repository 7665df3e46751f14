"""Wire models of invitations. Limits stand here so that OpenAPI and the portal's form show them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collegium.domain.groups import Role
from collegium.services.words import RoleWord

MAX_USES = 100
MAX_HOURS = 72
MAX_DOMAINS = 20
Address = Annotated[str, StringConstraints(max_length=254)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=200)]
PersonName = Annotated[str, StringConstraints(max_length=120)]


class Strict(BaseModel):
    """Unknown fields are refused, never dropped in silence."""

    model_config = ConfigDict(extra="forbid")


class InvitationIn(Strict):
    """An invitation to make. ``email`` or ``domains`` bind it to who can prove such an address."""

    role: RoleWord = Field(default=Role.MEMBER, title="Role")
    max_uses: int = Field(default=1, ge=1, le=MAX_USES, title="How many people may use it")
    expires_in: int = Field(default=24, ge=1, le=MAX_HOURS, title="Valid for", description="In hours.")
    email: Address = Field(default="", title="Address", description="Only whoever has this address can use it.")
    domains: list[Annotated[str, StringConstraints(max_length=254)]] = Field(
        default_factory=list, max_length=MAX_DOMAINS, title="Domains", description="Only addresses of these domains."
    )
    note: Annotated[str, StringConstraints(max_length=120)] = Field(
        default="", title="Note", description="For the group's admins; the invited do not see it."
    )
    send_mail: bool = Field(default=False, title="Send the link to the address")


class InvitationOut(BaseModel):
    """An invitation as it is now: ``state`` is open, used up, expired or revoked."""

    id: str
    group: str
    role: Role
    state: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    max_uses: int
    uses: int
    used_by: list[str]
    email: str
    domains: list[str]
    note: str
    mailed_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str


class InvitationCreated(InvitationOut):
    """``link`` is in this answer and nowhere else. ``mail_problem`` says why no mail went out; the link works still."""

    link: str
    mail_problem: str = ""


class InvitationList(BaseModel):
    """The group's newest invitations. ``problem`` says why none can be made now, empty if they can.

    ``roles`` are those that an invitation can be for.
    """

    items: list[InvitationOut]
    problem: str
    mail: bool
    roles: list[Role]


class TokenIn(Strict):
    """What stands behind the # of a link."""

    token: Token


class LookOut(BaseModel):
    """What a link leads to. ``bound_to`` tells whose address it needs; ``registration``: can an account be made?"""

    group: str
    group_display_name: str
    role: Role
    invited_by: str
    expires_at: datetime
    state: str
    bound_to: str
    registration: bool


class AcceptedOut(BaseModel):
    """Where one is now. ``already`` is true if nothing had to change."""

    group: str
    role: Role
    already: bool = False


class RegisterIn(TokenIn):
    """An account to be made. The password is chosen by way of a mail to the address."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(title="User name")
    email: Address = Field(title="E-mail address")
    first_name: PersonName = Field(default="", title="First name")
    last_name: PersonName = Field(default="", title="Last name")


class RegisteredOut(BaseModel):
    """The account is there; ``mail_sent`` says whether the mail that opens it is on its way."""

    group: str
    role: Role
    username: str
    mail_sent: bool
    message: str
