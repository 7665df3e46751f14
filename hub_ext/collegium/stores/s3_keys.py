"""Where what is in a bucket. All keys of an owner begin alike, and no path leads out of that.

Below ``<prefix>/<owner>/``: ``files/…`` and ``datasets/<name>/…`` as Root has them, ``ready/<area>`` for versions that
are whole, ``trash/<ticket>/item…`` and ``tickets/<ticket>``, ``uploads/<id>/…`` and ``transfers/<id>``, and ``work/…``,
which says what is being copied or moved. Markers are empty objects; that of a folder ends in a slash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from collegium.domain.errors import InvalidInput
from collegium.domain.files import PLATFORM, Root, check_path
from collegium.domain.names import check_group_name
from collegium.stores.s3_bucket import MAX_KEY

#: Room for a key to become that of the trash, or of another tree.
_SPARE = 160
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Keys:
    """Keys below one prefix."""

    prefix: str

    def owner(self, owner: str) -> str:
        """Before all that belongs to an owner."""
        if owner != PLATFORM:
            check_group_name(owner, "owner")
        return f"{self.prefix.strip('/')}/{owner}/".lstrip("/")

    def root(self, root: Root) -> str:
        """Before all of a tree."""
        return f"{self.owner(root.owner)}{root.area}/"

    def path(self, root: Root, path: str) -> str:
        """Of a file; with a slash behind it, of a folder's marker and before all that is in it."""
        return self.root(root) + check_path(path)

    def new(self, root: Root, path: str) -> str:
        """Of something that is to be made. Raises InvalidInput for what S3 takes no more."""
        key = self.path(root, path)
        if "\ufffe" in path or "\uffff" in path:
            raise InvalidInput("path", "holds a character that no XML can hold, and so no listing of S3", path)
        if len(key.encode()) > MAX_KEY - _SPARE:
            most = MAX_KEY - _SPARE - len(self.root(root).encode())
            raise InvalidInput("path", f"is longer than {most} bytes, all that an S3 store has room for", path, most)
        return key

    def ready(self, root: Root) -> str:
        """Says that a version is whole."""
        return f"{self.owner(root.owner)}ready/{root.area}"

    def item(self, owner: str, ticket: str) -> str:
        """What is in the trash under a ticket."""
        return f"{self.owner(owner)}trash/{checked(ticket, 'ticket')}/item"

    def ticket(self, owner: str, ticket: str) -> str:
        """Says since when it is there."""
        return f"{self.owner(owner)}tickets/{checked(ticket, 'ticket')}"

    def upload(self, owner: str, name: str) -> str:
        """Before all of an upload that is not at its path yet."""
        return f"{self.owner(owner)}uploads/{checked(name, 'id')}/"

    def transfer(self, owner: str, name: str) -> str:
        """Says that an upload was begun."""
        return f"{self.owner(owner)}transfers/{checked(name, 'id')}"

    def work(self, owner: str) -> str:
        """Before records of what is being copied or moved."""
        return f"{self.owner(owner)}work/"


def checked(name: str, field: str) -> str:
    """An id of the caller's as part of a key; raises InvalidInput."""
    if not _ID.fullmatch(name):
        raise InvalidInput(field, "must be letters, digits, dots, hyphens and underscores", name)
    return name
