"""Files of groups: where they are, what their paths may be, and what is told of one.

A path is checked once, at the door, by ``check_path``; below it the file system's own calls, or the store's prefix,
contain it again.
"""

from __future__ import annotations

import enum
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_group_name, check_object_name

#: Longest path and longest name in it, in bytes of UTF-8, as Linux has them.
MAX_PATH, MAX_NAME = 4096, 255
#: Deepest path, in parts.
MAX_DEPTH = 64
#: Owner of what belongs to no group: datasets that the platform's admins made.
PLATFORM = "_platform"
#: First part of paths that lead to datasets: ``.datasets/digits@3/train.csv``.
DATASETS = ".datasets"


def check_path(path: str, field: str = "path") -> str:
    """A path below a root, ``""`` for the root itself, without slashes at its ends; raises InvalidInput.

    Refused are ``..`` and ``.`` as parts, empty parts, NUL and other control characters, text that UTF-8 cannot hold,
    and what is longer than MAX_PATH, MAX_NAME or deeper than MAX_DEPTH.
    """
    if not isinstance(path, str):
        raise InvalidInput(field, "must be text", path)
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise InvalidInput(field, "is not valid Unicode", path) from None
    if size > MAX_PATH:
        raise InvalidInput(field, f"is longer than {MAX_PATH} bytes", path, MAX_PATH)
    clean = path.strip("/")
    if not clean:
        return ""
    parts = clean.split("/")
    if len(parts) > MAX_DEPTH:
        raise InvalidInput(field, f"is deeper than {MAX_DEPTH} folders", path, MAX_DEPTH)
    for part in parts:
        if part in ("", ".", ".."):
            raise InvalidInput(field, "must not hold empty parts, '.' or '..'", path)
        if len(part.encode()) > MAX_NAME:
            raise InvalidInput(field, f"holds a name that is longer than {MAX_NAME} bytes", part, MAX_NAME)
        if any(unicodedata.category(c) == "Cc" for c in part):
            raise InvalidInput(field, "must not hold control characters", path)
    return clean


def check_new_path(path: str, field: str = "path") -> str:
    """A path of something that is to be made: as ``check_path``, not the root, and in Unicode NFC, so that two names
    that look alike are one."""
    clean = check_path(unicodedata.normalize("NFC", path) if isinstance(path, str) else path, field)
    if not clean:
        raise InvalidInput(field, "must not be empty", path)
    return clean


def parent_of(path: str) -> str:
    """The folder of a path, ``""`` for the root."""
    return path.rpartition("/")[0]


def name_of(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


def joined(folder: str, name: str) -> str:
    """A path below a folder."""
    return f"{folder}/{name}" if folder else name


@dataclass(frozen=True, order=True)
class Root:
    """A tree of files in a store. ``owner`` is a group's name or PLATFORM.

    ``area`` is ``files`` (the shared files of a group), or ``head``, ``versions/<number>`` or ``manifests`` below
    ``datasets/<name>``; no other form exists.
    """

    owner: str
    area: str = "files"

    def __post_init__(self) -> None:
        if self.owner != PLATFORM:
            check_group_name(self.owner, "owner")
        match self.area.split("/"):
            case ["files"]:
                pass
            case ["datasets", name, "head" | "manifests"]:
                check_object_name(name, "dataset")
            case ["datasets", name, "versions", number] if number.isascii() and number.isdecimal():
                check_object_name(name, "dataset")
            case _:
                raise InvalidInput("area", "is no place of files", self.area)

    @classmethod
    def head(cls, owner: str, dataset: str) -> Root:
        """What is in a dataset now."""
        return cls(owner, f"datasets/{dataset}/head")

    @classmethod
    def version(cls, owner: str, dataset: str, number: int) -> Root:
        """A version of a dataset, which never changes."""
        return cls(owner, f"datasets/{dataset}/versions/{number}")

    @classmethod
    def manifests(cls, owner: str, dataset: str) -> Root:
        """The lists of files of a dataset's versions, each by its SHA-256."""
        return cls(owner, f"datasets/{dataset}/manifests")

    @property
    def frozen(self) -> bool:
        """True if nothing may be written here but the snapshot itself."""
        return "/versions/" in self.area


class EntryKind(enum.StrEnum):
    """What a path leads to. Links, devices and pipes are nothing at all here."""

    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True)
class Entry:
    """A file or folder. ``path`` is relative to the root; ``size`` in bytes, 0 for folders; ``etag`` (without quotes)
    changes with the content, empty for folders. S3 knows no time of a folder."""

    path: str
    kind: EntryKind
    size: int = 0
    modified_at: datetime | None = None
    etag: str = ""

    @property
    def name(self) -> str:
        """The last part of the path."""
        return name_of(self.path)


class Order(enum.StrEnum):
    """By what a folder is listed. Names are compared by their bytes in UTF-8; ties go by name."""

    NAME = "name"
    SIZE = "size"
    MODIFIED = "modified"


@dataclass(frozen=True)
class Page:
    """A part of a folder, or of what a search found. ``after`` asks for what follows, None at the end; the search of a
    large tree gives pages that are short or empty before its end."""

    entries: tuple[Entry, ...]
    after: str | None = None


@dataclass(frozen=True)
class Size:
    """How much a tree holds."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Size) -> Size:
        return Size(self.files + other.files, self.bytes + other.bytes)
