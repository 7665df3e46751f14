"""People as an identity provider knows them, and whether what it last said may still be believed."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collegium.domain.errors import Forbidden, Unavailable
from collegium.domain.groups import Role


class Standing(enum.StrEnum):
    """Whether an account may be used. ``deleted`` keeps the name for ever: another account never inherits it."""

    ACTIVE = "active"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True)
class UserIdentity:
    """Which account of which provider a user is. ``checked_at``: when the provider last confirmed what we believe."""

    user: str
    issuer: str
    subject: str
    email: str = ""
    email_verified: bool = False
    standing: Standing = Standing.ACTIVE
    checked_at: datetime | None = None
    seen_at: datetime | None = None


@dataclass(frozen=True)
class Claims:
    """What a provider says of a person at one moment.

    ``paths`` are the full paths of their groups. ``roles`` (group path or name → role) come from a client role or a
    group's attribute; None where this answer says nothing about them, so that what is known stays. ``platform_admin``
    likewise.
    """

    subject: str
    username: str
    paths: frozenset[str]
    display_name: str = ""
    email: str = ""
    email_verified: bool = False
    roles: Mapping[str, Role] | None = None
    platform_admin: bool | None = None


class ProviderState(enum.StrEnum):
    """How the provider is. ``misconfigured``: it answers, but not what we need, so the last good answer stays."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    MISCONFIGURED = "misconfigured"


@dataclass(frozen=True)
class ProviderStatus:
    """The last word on the provider; ``message`` is for people. ``report`` is what the last whole walk found."""

    issuer: str
    state: ProviderState
    since: datetime
    message: str = ""
    synced_at: datetime | None = None
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True if groups are confirmed as they change."""
        return self.state is ProviderState.OK


@dataclass(frozen=True)
class GroupBinding:
    """Which group of the provider a group is. ``external_id`` is empty where only the path is known.

    ``roles`` are user name → role where the provider keeps roles in attributes of the group.
    """

    group: str
    issuer: str
    path: str
    external_id: str = ""
    gone_at: datetime | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)


class RevocationReason(enum.StrEnum):
    """Why somebody's work in a group must end."""

    REMOVED = "removed"
    DEMOTED = "demoted"
    DISABLED = "disabled"
    DELETED = "deleted"


@dataclass(frozen=True)
class Revocation:
    """Work whose owner lost the right to it: noticed, then ended when due, or withdrawn because the right came back."""

    id: str
    group: str
    user: str
    reason: RevocationReason
    noticed_at: datetime
    due_at: datetime
    holders: tuple[Mapping[str, Any], ...] = ()
    ended_at: datetime | None = None
    outcome: str = ""


def refuse_inactive(identity: UserIdentity | None) -> None:
    """Raise Forbidden for an account that the provider does not let in any more. None: no account of a provider."""
    if identity is not None and identity.standing is not Standing.ACTIVE:
        raise Forbidden(
            f"The account of {identity.user} is {identity.standing.value} at the identity provider. Whoever runs that "
            "can tell why.",
            standing=identity.standing.value,
        )


def refuse_unconfirmed(status: ProviderStatus | None, operation: str) -> None:
    """Raise Unavailable while the provider cannot confirm who is in which group: nothing new begins on old knowledge.

    No status means that no provider is in use.
    """
    if status is not None and not status.ok:
        raise Unavailable(
            f"{operation} waits until the identity provider answers again: {_reason(status)}. "
            "What runs goes on; try again in a moment.",
            provider=status.state.value,
            since=status.since.isoformat(),
        )


def refuse_stale(status: ProviderStatus | None, now: datetime, grace: timedelta) -> None:
    """Raise Unavailable where the provider has been silent for longer than ``grace``: then reading ends too."""
    if status is not None and not status.ok and now - status.since > grace:
        raise Unavailable(
            f"The identity provider has not answered for {int((now - status.since).total_seconds() // 60)} minutes: "
            f"{_reason(status)}. What runs goes on.",
            provider=status.state.value,
            since=status.since.isoformat(),
        )


def _reason(status: ProviderStatus) -> str:
    """The provider's trouble without a full stop, which the sentence around it brings."""
    return (status.message or status.state.value).rstrip(".")
