"""Lists of a version's files: JSON lines, kept in the store by their SHA-256, read page by page."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import IO, Any

from collegium.domain.datasets import DatasetVersion
from collegium.domain.errors import Conflict, InvalidInput, NotFound
from collegium.domain.files import Root
from collegium.services.datasets.models import ManifestLine
from collegium.stores.port import FileHash, FileStore, OpenFile

_PIECE = 1 << 20
#: Bytes of a list that stay in memory while it is written.
_IN_MEMORY = 4 << 20


class Manifests:
    """Writes and reads them. A list is the same file wherever it holds the same."""

    def __init__(self, store: FileStore) -> None:
        self._store = store

    async def write(self, owner: str, dataset: str, lines: Iterable[FileHash]) -> str:
        """Keep a list; answers with its SHA-256."""
        return await self.write_lines(
            owner, dataset, ({"path": x.path, "size": x.size, "digest": x.digest} for x in lines)
        )

    async def write_lines(self, owner: str, dataset: str, lines: Iterable[dict[str, Any]]) -> str:
        """The same, of lines that may say more."""
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            digest = await asyncio.to_thread(_spool, file, lines)
            file.seek(0)
            root = Root.manifests(owner, dataset)
            await self._store.ensure(root)
            await self._store.write(root, _name(digest), _pieces(file), replace=True)
        return digest

    async def page(self, version: DatasetVersion, offset: int, limit: int) -> tuple[list[ManifestLine], int | None]:
        """Lines from a byte on, and where the next page begins, None at the end. Raises InvalidInput (``cursor``)."""
        found: list[ManifestLine] = []
        async for line, end in self.lines(version, offset):
            if len(found) == limit:
                return found, offset
            found.append(ManifestLine(path=line["path"], size=line["size"], digest=line["digest"]))
            offset = end
        return found, None

    @asynccontextmanager
    async def open(self, version: DatasetVersion) -> AsyncIterator[OpenFile]:
        """The list as a file. Raises Conflict if it is gone."""
        root = Root.manifests(version.owner, version.dataset)
        async with AsyncExitStack() as stack:
            try:
                file = await stack.enter_async_context(self._store.open(root, _name(version.manifest)))
            except NotFound:
                raise Conflict(f"The list of files of version {version.number} is gone from the store.") from None
            yield file

    async def lines(self, version: DatasetVersion, offset: int = 0) -> AsyncIterator[tuple[dict[str, Any], int]]:
        """Each line from a byte on, and the byte behind it. Raises Conflict if the list is gone."""
        rest = b""
        async with self.open(version) as file:
            if offset > file.entry.size:
                raise InvalidInput("cursor", "is not one that this list gave out", offset)
            async for piece in file.read(offset):
                *whole, rest = (rest + piece).split(b"\n")
                for line in whole:
                    offset += len(line) + 1
                    yield _read(line), offset

    async def remove(self, owner: str, dataset: str, digest: str) -> None:
        """Forget a list; fine if it is not there."""
        ticket = f"manifest-{digest[:40]}"
        with suppress(NotFound):
            await self._store.discard(Root.manifests(owner, dataset), _name(digest), ticket)
        await self._store.purge(owner, ticket)


def _name(digest: str) -> str:
    return f"{digest}.jsonl"


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
        assert isinstance(found, dict)
    except (ValueError, AssertionError):
        # A cursor that somebody made up leads into the middle of a line.
        raise InvalidInput("cursor", "is not one that this list gave out") from None
    return found


def _spool(file: IO[bytes], lines: Iterable[dict[str, Any]]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        digest.update(text)
        file.write(text)
    return digest.hexdigest()


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    while piece := await asyncio.to_thread(file.read, _PIECE):
        yield piece
