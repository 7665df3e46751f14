"""Share links: who may open one, and what the link itself says."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from collegium.domain.errors import InvalidInput
from collegium.domain.files import EntryKind


class ShareLinks(enum.StrEnum):
    """Whom a group's links may open something for; each allows what those before it allow."""

    OFF = "off"
    MEMBERS = "members"
    LOGIN = "login"
    PUBLIC = "public"

    @property
    def rank(self) -> int:
        """Its place in that order."""
        return list(ShareLinks).index(self)


@dataclass(frozen=True)
class Share:
    """A link to a file or folder of a group. Only hashes of its token and its password are kept."""

    id: str
    group: str
    path: str
    kind: EntryKind
    token_hash: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    public: bool = False
    password_hash: str = ""
    note: str = ""
    revoked_at: datetime | None = None
    revoked_by: str = ""
    opened: int = 0
    opened_at: datetime | None = None
    #: Its place in lists.
    number: int = 0


@dataclass(frozen=True)
class FileBounds:
    """The platform's own word about files: what groups have that say nothing, and what none may pass.

    ``max_trash_days`` 0 is no bound.
    """

    share_links: ShareLinks = ShareLinks.MEMBERS
    max_share_links: ShareLinks = ShareLinks.PUBLIC
    trash_days: int = 30
    max_trash_days: int = 0

    def links(self, own: ShareLinks | None) -> ShareLinks:
        """Whom links open something for in a group that set this."""
        return min(own or self.share_links, self.max_share_links, key=lambda s: s.rank)

    def days(self, own: int | None) -> int:
        """For how many days a group's trash is kept."""
        wanted = self.trash_days if own is None else own
        return min(wanted, self.max_trash_days) if self.max_trash_days else wanted

    def check_links(self, asked: ShareLinks, field: str = "share_links") -> None:
        """Raise InvalidInput for more than the platform allows."""
        if asked.rank > self.max_share_links.rank:
            raise InvalidInput(field, "is more than the platform allows", asked.value, self.max_share_links.value)

    def check_days(self, days: int, field: str = "trash_days") -> None:
        """Raise InvalidInput for more days than the platform allows."""
        if self.max_trash_days and days > self.max_trash_days:
            raise InvalidInput(
                field, f"the platform allows at most {self.max_trash_days} days", days, self.max_trash_days
            )
