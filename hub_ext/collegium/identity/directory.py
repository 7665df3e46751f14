"""People and groups of a realm, and what the sync account may be asked of them. ``admin.py`` asks Keycloak."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """An account of the realm."""

    id: str
    username: str
    enabled: bool
    display_name: str = ""
    email: str = ""
    email_verified: bool = False

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> DirectoryUser:
        """From Keycloak's representation; a profile may lack anything but id and name."""
        names = (str(row.get("firstName") or ""), str(row.get("lastName") or ""))
        return cls(
            str(row["id"]),
            str(row["username"]),
            bool(row.get("enabled", False)),
            " ".join(n for n in names if n),
            str(row.get("email") or ""),
            bool(row.get("emailVerified", False)),
        )


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """A group of the realm. ``parent`` is the id of the group above it, empty at the top."""

    id: str
    name: str
    path: str
    parent: str = ""
    attributes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, row: Mapping[str, Any], parent: str = "") -> DirectoryGroup:
        """From Keycloak's representation."""
        attributes = {str(k): tuple(str(i) for i in v) for k, v in (row.get("attributes") or {}).items()}
        above = str(row.get("parentId") or parent)
        return cls(str(row["id"]), str(row["name"]), str(row["path"]), above, attributes)


class Directory(Protocol):
    """What sync asks. Every method raises Unavailable (no answer) and Misconfigured (an answer that cannot help)."""

    #: Questions asked so far.
    requests: int

    async def ping(self) -> None:
        """Does it answer, and may we ask?"""

    async def person(self, subject: str) -> DirectoryUser | None:
        """An account, None if it is deleted."""

    async def groups_of(self, subject: str, attributes: bool = False) -> list[DirectoryGroup] | None:
        """The groups that somebody is in, None if the account is deleted."""

    async def realm_roles(self, subject: str) -> frozenset[str] | None:
        """The realm roles that somebody has, by whatever way; None if we may not know."""

    async def client_roles(self, subject: str, client: str) -> frozenset[str] | None:
        """The same for the roles of a client."""

    async def groups(self, attributes: bool = False) -> list[DirectoryGroup]:
        """Every group of the realm."""

    async def has_group(self, group: str) -> bool:
        """Is there a group of this id?"""

    def members(self, group: str) -> AsyncIterator[list[DirectoryUser]]:
        """Pages of those who are in a group itself, not only below it."""

    async def close(self) -> None:
        """Let go of the connections."""
