"""Wire models of members and revocations."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel

from collegium.domain.groups import Role
from collegium.domain.identity import RevocationReason, Standing


class MemberOut(BaseModel):
    """One member. ``standing`` is that of the account at the identity provider; without one it is ``active``."""

    name: str
    display_name: str
    role: Role
    standing: Standing


class MemberPage(BaseModel):
    """Members by name; ``next_cursor`` is absent on the last page."""

    items: list[MemberOut]
    next_cursor: str | None = None


class EndingHolder(BaseModel):
    """A server or job of a revocation. ``asked``: its end was asked for; ``live``: it is not over yet."""

    kind: str
    id: str
    label: str
    asked: bool
    live: bool


class RevocationOut(BaseModel):
    """Work whose owner lost the right to it. ``outcome`` is empty until it ended: stopped, withdrawn or over."""

    id: str
    group: str
    user: str
    reason: RevocationReason
    noticed_at: datetime
    due_at: datetime
    ended_at: datetime | None
    outcome: str
    holders: list[EndingHolder]


class RevocationList(BaseModel):
    """The group's newest hundred, ended ones too."""

    items: list[RevocationOut]
