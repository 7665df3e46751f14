"""Wire models of the identity provider and of the links to one's account."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from collegium.domain.groups import Role


class AccountLinks(BaseModel):
    """Where one looks after one's account; profile and password are null where no provider keeps it."""

    profile_url: str | None
    password_url: str | None
    tokens_url: str
    logout_url: str


class MissingOut(BaseModel):
    """Something that is not set up: what does not work without it, and how to enable it."""

    what: str
    why: str
    how: str


class IdentityOut(BaseModel):
    """How the provider is. ``provider`` is ``keycloak``, or ``local`` where the hub checks passwords itself.

    ``roles`` are those that can be given from here: none without an account that may, fewer than all where the provider
    keeps the others in a way that is changed there alone.

    ``report`` is what the last whole walk of the group sync found; empty before the first.
    """

    provider: Literal["keycloak", "local"]
    issuer: str
    state: str
    message: str
    since: datetime | None
    synced_at: datetime | None
    report: dict[str, Any]
    roles: list[Role]
    missing: list[MissingOut]
