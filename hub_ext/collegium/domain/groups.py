"""Groups, the roles that people have in them, and the person who acts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from collegium.domain.quota import Limits


class Role(enum.StrEnum):
    """What a member may do in a group, in rising order; each includes those before it."""

    VIEWER = "viewer"
    MEMBER = "member"
    MAINTAINER = "maintainer"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for viewer up to 3 for group admin."""
        return list(Role).index(self)

    @property
    def label(self) -> str:
        """The role's name for people."""
        return {Role.ADMIN: "group admin"}.get(self, self.value)


class ManagedBy(enum.StrEnum):
    """Who owns a row: the catalog file (read-only in the API), the API, or the identity provider."""

    FILE = "file"
    API = "api"
    IDP = "idp"


@dataclass(frozen=True)
class Group:
    """A group as the database knows it: what it is, not who is in it."""

    name: str
    display_name: str
    description: str = ""
    contact: str = ""
    limits: Limits = field(default_factory=Limits)
    member_limits: Limits = field(default_factory=Limits)
    managed_by: ManagedBy = ManagedBy.FILE
    #: May group admins invite people?
    invitations: bool = False


@dataclass(frozen=True)
class Membership:
    """One person's role in one group, with their own limits there where they differ from the group's default."""

    group: str
    user: str
    role: Role
    limits: Limits | None = None


@dataclass(frozen=True)
class Actor:
    """Who asks: a user, their live roles per group, and what the token they came with allows."""

    user: str
    roles: Mapping[str, Role] = field(default_factory=dict)
    platform_admin: bool = False
    scopes: frozenset[str] = frozenset()

    def role_in(self, group: str) -> Role | None:
        """The actor's role in a group, None for strangers."""
        return self.roles.get(group)
