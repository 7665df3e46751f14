"""Listing, searching and walking folders of any size, in memory that does not grow with them."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collegium.domain.files import MAX_DEPTH, Entry, Order, Page, joined
from collegium.stores import posix_kernel as kernel
from collegium.stores.pages import after_for, after_path, matcher, read_after, read_after_path
from collegium.stores.posix_ground import entry_of

#: Entries that one call of a search looks at.
LOOKED_AT = 20_000
#: Sorts behind every name: none is as long.
_LAST = "\U0010ffff" * 64
_MOST = 2**63


def told_name(name: str) -> bool:
    """Can the name be told to anyone? What is on disk need not be UTF-8."""
    if name.isascii():
        return name.isprintable()
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not any(c < " " or "\x7f" <= c < "\xa0" for c in name)


def page_of(folder: int, path: str, order: Order, descending: bool, after: str | None, limit: int) -> Page:
    """A page of an open folder. Everything is looked at, but only what may be on the page is kept."""
    by_name = order is Order.NAME
    low: Any = "" if by_name else (-_MOST, "")
    high: Any = _LAST if by_name else (_MOST, _LAST)
    if after is not None:
        value, name = read_after(order, descending, after)
        at: Any = name if by_name else (value, name)
        low, high = (low, at) if descending else (at, high)
    names = _names(folder, low, high, descending, limit + 1) if by_name else []
    if not by_name:
        valued = _values(folder, order, low, high, descending, limit + 1)
        names = [name for _, name in valued]
    more, shown = len(names) > limit, names[:limit]
    following = None
    if more:
        following = after_for(order, descending, shown[-1], 0 if by_name else valued[limit - 1][0])
    return Page(tuple(_entries(folder, path, shown)), following)


def _entries(folder: int, path: str, names: list[str]) -> Iterator[Entry]:
    for name in names:
        # Gone since it was listed, or something else by now.
        with contextlib.suppress(FileNotFoundError):
            facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode):
                yield entry_of(joined(path, name), facts)


def _names(folder: int, low: str, high: str, descending: bool, count: int) -> list[str]:
    """The first names between two, in order."""
    kept: list[str] = []
    full = 4 * count + 1000
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if low < name < high and _is_shown(entry) and told_name(name):
                kept.append(name)
                if len(kept) >= full:
                    kept.sort(reverse=descending)
                    del kept[count:]
                    # What is behind the last of them is on another page.
                    low, high = (kept[-1], high) if descending else (low, kept[-1])
    kept.sort(reverse=descending)
    return kept[:count]


def _values(
    folder: int, order: Order, low: tuple[int, str], high: tuple[int, str], descending: bool, count: int
) -> list[tuple[int, str]]:
    """The same by size or time, which takes a look at every file."""
    kept: list[tuple[int, str]] = []
    full = 4 * count + 1000
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _is_shown(entry):
                continue
            try:
                facts = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            value = facts.st_mtime_ns
            if order is Order.SIZE:
                value = 0 if stat.S_ISDIR(facts.st_mode) else facts.st_size
            item = (value, entry.name)
            if low < item < high and told_name(entry.name):
                kept.append(item)
                if len(kept) >= full:
                    kept.sort(reverse=descending)
                    del kept[count:]
                    low, high = (kept[-1], high) if descending else (low, kept[-1])
    kept.sort(reverse=descending)
    return kept[:count]


def _is_shown(entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)


@dataclass
class Search:
    """One call of a search: from where the last one ended, until enough is found or looked at.

    Everything goes by path, a folder's counting with its slash, so that a path is all there is to remember.
    """

    text: str
    limit: int
    left: int = LOOKED_AT
    last: str = ""

    def run(self, folder: int, path: str, after: str | None) -> Page:
        """The page."""
        start = "" if after is None else read_after_path(self.text, after)
        matches = matcher(self.text)
        found: list[Entry] = []
        for above, prefix, name, key in self._ordered(folder, "", start, 0):
            self.last, self.left = prefix + key, self.left - 1
            if matches(name):
                found += _entries(above, (joined(path, prefix) if prefix else path).rstrip("/"), [name])
            if len(found) >= self.limit or self.left <= 0:
                return Page(tuple(found), after_path(self.text, self.last))
        return Page(tuple(found))

    def _ordered(self, folder: int, prefix: str, start: str, depth: int) -> Iterator[tuple[int, str, str, str]]:
        """What is below an open folder, behind ``start``: the folder it is in, that one's path, its name, its key."""
        head, slash, rest = start.partition("/")
        position = head + slash
        if slash:
            yield from self._below(folder, prefix, head, rest, depth)
        while keys := _keys(folder, position, max(self.left, 1)):
            for key in keys:
                yield folder, prefix, key.rstrip("/"), key
                if key.endswith("/"):
                    yield from self._below(folder, prefix, key[:-1], "", depth)
            position = keys[-1]

    def _below(
        self, folder: int, prefix: str, name: str, start: str, depth: int
    ) -> Iterator[tuple[int, str, str, str]]:
        if depth + 1 >= MAX_DEPTH:
            return
        try:
            fd = kernel.open_beneath(folder, [name], kernel.FOLDER)
        except OSError:
            return  # Gone, or no folder any more.
        try:
            yield from self._ordered(fd, f"{prefix}{name}/", start, depth + 1)
        finally:
            os.close(fd)


def _keys(folder: int, low: str, count: int) -> list[str]:
    """Names in an open folder behind one, folders with a slash, in order; at most ``count``."""
    kept: list[str] = []
    high = _LAST
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            key = entry.name + "/" if is_folder else entry.name
            if low < key < high and (is_folder or entry.is_file(follow_symlinks=False)) and told_name(entry.name):
                kept.append(key)
                if len(kept) >= 4 * count + 1000:
                    kept.sort()
                    del kept[count:]
                    high = kept[-1]
    kept.sort()
    return kept[:count]


@dataclass(frozen=True)
class Found:
    """A file or folder on a walk; ``folder`` is what it is in, open until the walk goes on."""

    folder: int
    name: str
    path: str
    facts: os.stat_result

    @property
    def is_folder(self) -> bool:
        """Else it is a regular file."""
        return stat.S_ISDIR(self.facts.st_mode)


def walk(top: int, path: str = "") -> Iterator[Found]:
    """All below an open folder, folders before what is in them; MAX_DEPTH levels deep, which is how deep paths are."""
    depth = path.count("/") + 1 if path else 0
    scans = [_Scan(top, path)]
    try:
        while scans:
            scan = scans[-1]
            entry = next(scan.entries, None)
            if entry is None:
                scans.pop().close(top)
            elif _is_shown(entry) and told_name(entry.name):
                found = _found(scan, entry.name)
                if found is None:
                    continue
                below = None
                if found.is_folder and depth + len(scans) < MAX_DEPTH:
                    below = _Scan.below(found)
                    if below is None:
                        continue
                    scans.append(below)
                yield found
    finally:
        for scan in scans:
            scan.close(top)


def _found(scan: _Scan, name: str) -> Found | None:
    try:
        facts = os.stat(name, dir_fd=scan.folder, follow_symlinks=False)
    except FileNotFoundError:
        return None  # Gone since it was listed: it is not part of the walk.
    if stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode):
        return Found(scan.folder, name, joined(scan.path, name), facts)
    return None


class _Scan:
    """One folder of a walk."""

    def __init__(self, folder: int, path: str) -> None:
        self.folder, self.path = folder, path
        self.entries = os.scandir(folder)

    @classmethod
    def below(cls, found: Found) -> _Scan | None:
        """None if it is gone or no folder any more."""
        try:
            fd = os.open(found.name, kernel.FOLDER, dir_fd=found.folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise
        try:
            return cls(fd, found.path)
        except OSError:
            os.close(fd)
            raise

    def close(self, top: int) -> None:
        self.entries.close()
        if self.folder != top:
            os.close(self.folder)
