"""Folders of a bucket: their pages, what a search finds in them, and all that is below them."""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Callable

from collegium.domain.errors import InvalidInput
from collegium.domain.files import Entry, EntryKind, Order, Page, check_path, name_of, parent_of
from collegium.stores.pages import after_for, after_path, matcher, read_after, read_after_path
from collegium.stores.s3_bucket import BATCH, Bucket, Found

#: Objects that one search looks at.
LOOKED_AT = 5 * BATCH
#: Says of a key, without a slash at its end, whether nobody may see it now.
Hidden = Callable[[str], bool]


def entry_of(found: Found, base: str) -> Entry:
    """A file, by its object."""
    return Entry(found.key[len(base) :], EntryKind.FILE, found.size, found.modified, found.etag)


def folder(path: str) -> Entry:
    """A folder."""
    return Entry(path, EntryKind.FOLDER)


class Listing:
    """What is below ``base``, the key before all paths. Raises what the bucket raises."""

    def __init__(self, bucket: Bucket, base: str, hidden: Hidden) -> None:
        self._bucket, self._base, self._hidden = bucket, base, hidden

    async def page(self, path: str, order: Order, descending: bool, after: str | None, limit: int) -> Page:
        """A page of a folder. Keys come in the order of names, a folder's name with its slash; for any other order the
        whole folder is looked at, and what the page needs is kept of it."""
        start = None if after is None else read_after(order, descending, after)
        if order is Order.NAME and not descending:
            found = []
            async for entry in self._entries(path, start[1] if start else ""):
                found.append(entry)
                if len(found) > limit:
                    break
        else:
            found = await self._best(path, order, descending, start, limit + 1)
        more = len(found) > limit
        last = found[:limit][-1] if more else None
        cursor = after_for(order, descending, _sorted_name(last), _value(order, last)) if last else None
        return Page(tuple(found[:limit]), cursor)

    async def _entries(self, path: str, after: str = "") -> AsyncIterator[Entry]:
        prefix = self._base + (path + "/" if path else "")
        async for objects, folders in self._bucket.pages(prefix, after=prefix + after if after else "", delimiter="/"):
            entries = [(one.key, entry_of(one, self._base)) for one in objects if one.key != prefix]
            entries += [(key, folder(key[len(self._base) : -1])) for key in folders]
            for key, entry in sorted(entries, key=lambda both: both[0].encode()):
                if usable(entry.path) and not self._hidden(key.rstrip("/")):
                    yield entry

    async def _best(
        self, path: str, order: Order, descending: bool, start: tuple[int, str] | None, count: int
    ) -> list[Entry]:
        def place(entry: Entry) -> tuple[int, bytes]:
            return _value(order, entry), _sorted_name(entry).encode()

        bound = None if start is None else (start[0], start[1].encode())
        best: list[Entry] = []
        fresh: list[Entry] = []
        choose = heapq.nlargest if descending else heapq.nsmallest
        async for entry in self._entries(path):
            at = place(entry)
            if bound is None or (at < bound if descending else at > bound):
                fresh.append(entry)
            if len(fresh) >= BATCH:
                best, fresh = choose(count, best + fresh, key=place), []
        return choose(count, best + fresh, key=place)

    async def search(self, path: str, text: str, after: str | None, limit: int) -> Page:
        """What matches below a folder. The cursor is a path, a folder's with a slash."""
        matches = matcher(text)
        last = read_after_path(text, after) if after is not None else ""
        found: list[Entry] = []
        looked = 0
        async for entry in self.below(path, last):
            looked += 1
            if matches(entry.name):
                if len(found) == limit:
                    return Page(tuple(found), after_path(text, last))
                found.append(entry)
            last = entry.path + ("/" if entry.kind is EntryKind.FOLDER else "")
            if looked >= LOOKED_AT:
                return Page(tuple(found), after_path(text, last))
        return Page(tuple(found))

    async def below(self, path: str, after: str = "") -> AsyncIterator[Entry]:
        """Everything below a folder by path, folders before what is in them, also those that only their files tell of.
        ``after`` is a path, a folder's with a slash."""
        told = {*_above(after, path)} if after else set()
        prefix = self._base + (path + "/" if path else "")
        async for one in self._bucket.objects(prefix, after=self._base + after if after else ""):
            inner = one.key[len(self._base) :]
            marker = inner.endswith("/")
            above = _above(inner, path)
            # Only the way to here can be met again.
            told &= set(above)
            if one.key == prefix or not usable(inner.removesuffix("/")) or self._covered(above, inner):
                continue
            for each in above:
                if each not in told:
                    told.add(each)
                    yield folder(each)
            if not marker:
                yield entry_of(one, self._base)

    def _covered(self, above: list[str], inner: str) -> bool:
        return any(self._hidden(self._base + one) for one in (*above, inner.rstrip("/")))


def _above(inner: str, path: str) -> list[str]:
    """Folders between a path and what is below it, the outermost first; a folder, with its slash, is one itself."""
    found = []
    here = parent_of(inner)
    while here and here != path:
        found.append(here)
        here = parent_of(here)
    return found[::-1]


def usable(path: str) -> bool:
    """Can it be asked for? Others than we may have put keys there that are no paths."""
    try:
        return bool(path) and check_path(path) == path
    except InvalidInput:
        return False


def _sorted_name(entry: Entry) -> str:
    return name_of(entry.path) + ("/" if entry.kind is EntryKind.FOLDER else "")


def _value(order: Order, entry: Entry) -> int:
    if order is Order.SIZE:
        return entry.size
    if order is Order.MODIFIED and entry.modified_at is not None:
        return int(entry.modified_at.timestamp() * 1_000_000)
    return 0
