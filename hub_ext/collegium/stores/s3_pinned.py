"""A version of a dataset that lies in a bucket: what a list says was there, read as it was or not at all.

The list is a file of JSON lines in the order of their paths. It is searched where it lies, so that a list of millions
takes no memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import datetime
from typing import Any

from collegium.domain.errors import Conflict, NotFound
from collegium.domain.files import Root
from collegium.stores.port import OpenFile
from collegium.stores.s3_bucket import BATCH, Bucket, Found
from collegium.stores.s3_keys import Keys
from collegium.stores.s3_reading import S3Reader
from collegium.stores.s3_source import S3Source

#: Bytes that are read to find a line, more than the longest has; and lines of a folder that are passed one by one.
_NEAR, _PASSED = 64 << 10, 500
#: What comes behind a slash.
_BEHIND = chr(ord("/") + 1)
OpenList = Callable[[], AbstractAsyncContextManager[OpenFile]]


class PinnedSource(S3Source):
    """Reads what a list says. ``made_at`` is when it was made, which stands for the time of its files."""

    def __init__(self, source: S3Source, list_of_files: OpenList, made_at: datetime) -> None:
        S3Reader.__init__(self, _Listed(source, list_of_files, made_at), _Top(""))
        self._base = ""

    async def close(self) -> None:
        """The bucket belongs to its source."""


class _Top(Keys):
    def root(self, root: Root) -> str:
        return ""


class _Listed(Bucket):
    """A bucket as the list has it."""

    def __init__(self, source: S3Source, list_of_files: OpenList, made_at: datetime) -> None:
        self.name = "dataset"
        self._source, self._list, self._made_at = source, list_of_files, made_at

    async def head(self, key: str) -> Found | None:
        """A file of the list."""
        async with self._opened() as lines:
            async for _, line in lines.scan(await lines.first(key)):
                return self._found(line) if line["path"] == key else None
        return None

    async def any(self, prefix: str) -> bool:
        """Is there something below a prefix?"""
        async with self._opened() as lines:
            async for _, line in lines.scan(await lines.first(prefix)):
                return str(line["path"]).startswith(prefix)
        return False

    async def pages(
        self, prefix: str, *, after: str = "", delimiter: str = "", most: int = BATCH
    ) -> AsyncIterator[tuple[list[Found], list[str]]]:
        """Files, and with a delimiter folders, in the order of keys."""
        objects: list[Found] = []
        folders: list[str] = []
        inside, passed = "", 0
        async with self._opened() as lines:
            jump: str | None = max(prefix, after)
            while jump is not None:
                at, jump = await lines.first(jump), None
                async with aclosing(lines.scan(at)) as found:
                    async for _, line in found:
                        path = str(line["path"])
                        if not path.startswith(prefix):
                            break
                        if inside and path.startswith(inside):
                            passed += 1
                            if passed > _PASSED:
                                jump = inside[:-1] + _BEHIND
                                break
                            continue
                        rest = path[len(prefix) :]
                        if delimiter and delimiter in rest:
                            inside, passed = prefix + rest.partition(delimiter)[0] + delimiter, 0
                            folders += [inside] if inside > after else []
                        elif path > after:
                            objects.append(self._found(line))
                        if len(objects) + len(folders) >= most:
                            yield objects, folders
                            objects, folders = [], []
        if objects or folders:
            yield objects, folders

    async def read(self, found: Found, start: int, end: int | None) -> AsyncIterator[bytes]:
        """Bytes of a file, if the bucket still has it."""
        more = {"version_id": found.version} if found.version else {}
        line = {"path": found.key, "size": found.size, "digest": f"etag:{found.etag}", **more}
        try:
            async with self._source.open_line(line) as file:
                async for piece in file.read(start, end):
                    yield piece
        except (Conflict, NotFound):
            raise Conflict(
                f"The bucket no more holds {found.key} as it was when this version was made.", path=found.key
            ) from None

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[_Lines]:
        async with self._list() as file:
            yield _Lines(file)

    def _found(self, line: dict[str, Any]) -> Found:
        etag, version = str(line["digest"]).partition(":")[2], str(line.get("version_id") or "")
        return Found(str(line["path"]), int(line["size"]), etag, self._made_at, version)


class _Lines:
    """Lines of an open list, sorted by path."""

    def __init__(self, file: OpenFile) -> None:
        self._file, self._size = file, file.entry.size

    async def scan(self, at: int) -> AsyncGenerator[tuple[int, dict[str, Any]]]:
        """Each line from one that begins at this byte, with the byte it begins at."""
        rest = b""
        async for piece in self._file.read(at):
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield at, json.loads(line)
                at += len(line) + 1
            await asyncio.sleep(0)

    async def first(self, key: str) -> int:
        """Where the first line begins whose path is this or comes behind it; the end if there is none."""
        low, high = 0, self._size
        while high - low > _NEAR:
            middle = (low + high) // 2
            found = await self._next(middle, high)
            if found is None or found[1] >= key:
                high = middle
            else:
                low = found[0]
        async for at, line in self.scan(low):
            if str(line["path"]) >= key:
                return at
        return self._size

    async def _next(self, at: int, before: int) -> tuple[int, str] | None:
        """The first line that begins at or behind a byte: where it begins, and its path. None if none does before
        another byte."""
        data = b"".join([piece async for piece in self._file.read(at - 1, min(self._size, at + _NEAR))])
        begin = data.find(b"\n") + 1
        start, end = at - 1 + begin, data.find(b"\n", begin)
        if begin == 0 or end < 0 or start >= before:
            return None
        return start, str(json.loads(data[begin:end])["path"])
