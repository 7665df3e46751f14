"""What may be in an archive: names that stay inside, each once, and no more than was told."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from collegium.domain.errors import InvalidInput
from collegium.domain.files import Size, check_new_path, joined, parent_of
from collegium.services.unpacking.source import broken, refused
from collegium.stores.port import NewEntry

#: Most files and folders of one archive.
MAX_ENTRIES = 200_000
#: An archive may become so many times larger than it is; up to the second number of bytes it does not matter.
MAX_RATIO, ALWAYS = 200, 1 << 30


class MemberKind(enum.Enum):
    """What an entry is. LINKS and devices are left out."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"


@dataclass(frozen=True)
class Member:
    """An entry as its archive tells of it. ``pieces`` gives ``size`` bytes, or raises; before the next one is asked
    for."""

    name: str
    kind: MemberKind
    size: int = 0
    pieces: Callable[[], Iterator[bytes]] | None = None


class Checked:
    """The entries of an archive for a folder ``target``; counts them meanwhile. Paths are kept as short hashes, so that
    the longest names take no more memory than others."""

    def __init__(self, target: str, archive: int, most: Size | None = None) -> None:
        self._target, self._most = target, most
        self._bytes = max(ALWAYS, archive * MAX_RATIO)
        self._files: set[int] = set()
        self._folders: set[int] = set()
        self._seen = 0
        self.size = Size()
        self.left_out = 0

    def entries(self, members: Iterator[Member]) -> Iterator[NewEntry]:
        """As a store fills a folder with them: each folder before what is in it."""
        for member in members:
            self._count()
            if member.kind is MemberKind.OTHER:
                self.left_out += 1
                continue
            path = self._clean(member.name)
            if not path:
                if member.kind is MemberKind.FILE:
                    raise refused(member.name, "has no name")
                continue
            yield from self._above(path, member.name)
            key = _key(path)
            if member.kind is MemberKind.FOLDER:
                yield from self._folder(path, key, member.name)
                continue
            if key in self._files or key in self._folders:
                raise refused(member.name, "is there twice")
            self._files.add(key)
            self._grow(member)
            assert member.pieces is not None
            yield NewEntry(path, member.pieces())

    def _count(self) -> None:
        self._seen += 1
        if max(self._seen, len(self._files) + len(self._folders)) > MAX_ENTRIES:
            raise broken(f"it holds more than {MAX_ENTRIES} files and folders")

    def _grow(self, member: Member) -> None:
        if member.size < 0:
            raise refused(member.name, "has a size below zero")
        self.size += Size(1, member.size)
        if self.size.bytes > self._bytes:
            raise broken(f"it unpacks to more than {self._bytes} bytes, {MAX_RATIO} times what it is")
        if self._most is not None and (self.size.bytes > self._most.bytes or self.size.files > self._most.files):
            raise broken("it was changed while it was read")

    def _above(self, path: str, name: str) -> Iterator[NewEntry]:
        missing = []
        above = parent_of(path)
        while above and (key := _key(above)) not in self._folders:
            missing.append((above, key))
            above = parent_of(above)
        for one, key in reversed(missing):
            yield from self._folder(one, key, name)

    def _folder(self, path: str, key: int, name: str) -> Iterator[NewEntry]:
        if key in self._files:
            raise refused(name, "needs a folder where there is a file")
        if key not in self._folders:
            self._folders.add(key)
            self._count_folder()
            yield NewEntry(path)

    def _count_folder(self) -> None:
        if len(self._files) + len(self._folders) > MAX_ENTRIES:
            raise broken(f"it holds more than {MAX_ENTRIES} files and folders")

    def _clean(self, name: str) -> str:
        """The path below the target; empty for the top itself, which ``tar c .`` tells of."""
        inner = name
        while inner.startswith("./"):
            inner = inner[2:]
        if "\\" in inner:
            raise refused(name, "has a backslash in its name")
        if inner[1:2] == ":" and inner[0].isascii() and inner[0].isalpha():
            raise refused(name, "begins with the letter of a drive")
        if inner.startswith("/"):
            raise refused(name, "has an absolute path")
        inner = inner.rstrip("/")
        if inner in ("", "."):
            return ""
        try:
            path = check_new_path(joined(self._target, inner), "source")
        except InvalidInput as error:
            raise refused(name, error.problem) from None
        return path[len(self._target) + 1 :] if self._target else path


def _key(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "little")
