"""Wire models of user administration."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collegium.domain.groups import Role
from collegium.identity.people import Action
from collegium.services.words import RoleWord, one_of

Address = Annotated[str, StringConstraints(max_length=254)]
PersonName = Annotated[str, StringConstraints(max_length=120)]
GroupName = Annotated[str, StringConstraints(max_length=30)]
#: Groups of one person that can be said at once.
MAX_GROUPS = 500
#: Hours for which a mail's link may be good.
MAX_HOURS = 72


class Strict(BaseModel):
    """Unknown fields are refused, never dropped in silence."""

    model_config = ConfigDict(extra="forbid")


class UserGroup(Strict):
    """A role in a group."""

    group: GroupName
    role: RoleWord = Role.MEMBER


class AccountOut(BaseModel):
    """An account at the provider, and what is known of it here. ``id`` is the provider's.

    ``name`` is who the person is here, null before their first login. ``read_only`` says why nothing of the account can
    be changed from here, empty if it can; groups can still be, for they are not the directory's.
    """

    id: str
    username: str
    email: str
    email_verified: bool
    first_name: str
    last_name: str
    enabled: bool
    created_at: datetime | None
    federated: bool
    read_only: str
    required_actions: list[str]
    name: str | None
    standing: str | None
    platform_admin: bool
    last_seen: datetime | None
    groups: list[UserGroup]


class UserDetail(AccountOut):
    """One account. ``out_of_bounds`` says why it is left alone: administrators are changed at the provider only."""

    out_of_bounds: str


class UserPage(BaseModel):
    """A page of accounts by name; ``total`` counts all that fit."""

    items: list[AccountOut]
    total: int
    next_cursor: str | None = None


class UserIn(Strict):
    """An account to make. Its owner sets the password by way of the mail, or an administrator does."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(title="User name")
    email: Address = Field(default="", title="E-mail address")
    first_name: PersonName = Field(default="", title="First name")
    last_name: PersonName = Field(default="", title="Last name")
    enabled: bool = Field(default=True, title="May log in")
    groups: list[UserGroup] = Field(default_factory=list, max_length=MAX_GROUPS, title="Groups")
    send_mail: bool = Field(default=True, title="Send a mail to verify the address and set a password")


class UserCreated(UserDetail):
    """``problems`` are sentences on what could not be done after the account was made."""

    problems: list[str]


class UserPatch(Strict):
    """What to change; what is left out stays."""

    email: Address | None = None
    first_name: PersonName | None = None
    last_name: PersonName | None = None
    enabled: bool | None = None


class PasswordOut(BaseModel):
    """A password for one login, shown only here."""

    password: str


class MailIn(Strict):
    """What the person is asked to do, by a link that is good for ``hours``."""

    actions: list[Annotated[Action, one_of(Action)]] = Field(min_length=1, max_length=4)
    hours: int = Field(default=24, ge=1, le=MAX_HOURS)


class MailOut(BaseModel):
    """Where the mail went."""

    email: str


class DeletedOut(BaseModel):
    """What is gone."""

    id: str


class GroupsIn(Strict):
    """All roles that the person is to have; every other one in a group of ours ends."""

    groups: list[UserGroup] = Field(max_length=MAX_GROUPS)


class GroupResult(BaseModel):
    """What became of one group; ``reason`` says why it was refused."""

    group: str
    role: Role | None
    outcome: Literal["added", "changed", "removed", "unchanged", "refused"]
    reason: str = ""


class GroupsOut(UserDetail):
    """The person as they are now, and what became of each group."""

    results: list[GroupResult]


class ImportIn(Strict):
    """CSV with a first line of names: username, email, first_name, last_name, enabled, groups."""

    csv: Annotated[str, StringConstraints(max_length=1 << 20)]
    dry_run: bool = False
    send_mail: bool = False


class ImportRow(BaseModel):
    """What became, or with ``dry_run`` would become, of one line. ``line`` counts from 1, the names' line included."""

    line: int
    username: str
    action: Literal["create", "update", "unchanged", "refused"]
    message: str


class ImportOut(BaseModel):
    """Every line's outcome, and how many there are of each."""

    dry_run: bool
    rows: list[ImportRow]
    counts: dict[str, int]
