"""Routes of what is in files: bytes, previews, checksums, zip archives."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar
from urllib.parse import quote

from pydantic import Field

from collegium.domain.files import name_of
from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.endpoint import Endpoint, Header, Query
from collegium.services.files.conditions import SMALL, Conditions
from collegium.services.files.handlers import CHANGING, PathQuery
from collegium.services.files.models import ChecksumOut, EntryOut, FilePreviewOut
from collegium.services.files.types import media_type, shown_inline
from collegium.services.handlers import BaseHandler
from collegium.services.incoming import Incoming
from collegium.services.incoming_handler import IncomingHandler
from collegium.services.outgoing import send_file
from collegium.stores.port import OpenFile

#: Paths in the address of an archive: longer addresses do not come through proxies.
MOST = 200


class ContentQuery(PathQuery):
    """Which file, and how."""

    download: bool = Field(default=False, description="Have the browser save it, whatever it is.")


class PreviewQuery(PathQuery):
    """Which file, and how much of it."""

    rows: int = Field(default=100, ge=1, le=1000, description="Rows of a table.")


class ArchiveQuery(Query):
    """What is to be in it."""

    path: list[str] = Field(min_length=1, max_length=MOST, description="Files and folders, one or several.")


_READING = Endpoint(
    Operation.FILE_READ,
    "A file's bytes",
    query=ContentQuery,
    headers=(
        Header("Range", "One byte range; several are answered with the whole file.", "^bytes=[0-9]{0,18}-[0-9]{0,18}$"),
        Header("If-Range", "The range counts only if the file still has this ETag."),
        Header("If-None-Match", "304 if the file still has this ETag."),
    ),
    answers=(
        Header("Content-Range", "Which bytes a partial answer holds."),
        Header("Accept-Ranges", "`bytes`."),
        Header("ETag", "Changes with the content."),
    ),
    media=("application/octet-stream",),
    errors=(206, 304, 409, 416),
)


class ContentHandler(IncomingHandler):
    """``/groups/{group}/files/content``. A user's page is never one of ours: what a browser would run is saved, not
    shown, and whatever is shown is in a sandbox of its own."""

    raw_methods = ("PUT",)
    endpoints: ClassVar = {
        "GET": _READING,
        "HEAD": _READING,
        "PUT": Endpoint(
            Operation.FILE_WRITE,
            f"Write a file of at most {SMALL >> 20} MiB in one go",
            EntryOut,
            raw="application/octet-stream",
            query=PathQuery,
            headers=(
                Header("If-Match", "Only if the file still has this ETag; else 409."),
                Header("If-None-Match", "`*`: only if there is no such file yet; else 409."),
            ),
            errors=CHANGING,
        ),
    }

    async def get(self, group: str) -> None:
        """Download."""
        query, conditions = self.read_query(ContentQuery), Conditions.of(self.request.headers)
        async with self.context.contents.open(group, query.path) as file:
            self._describe(file, query.download)
            if conditions.unchanged(file.entry):
                self.set_status(304)
                return
            span = conditions.span(file.entry)
            start, end = span or (0, file.entry.size)
            if span is not None:
                self.set_status(206)
                self.set_header("Content-Range", f"bytes {start}-{end - 1}/{file.entry.size}")
            await send_file(self, file, start, end)

    async def head(self, group: str) -> None:
        """The same without the bytes."""
        await self.get(group)

    def _describe(self, file: OpenFile, download: bool) -> None:
        kind = media_type(file.entry.path)
        inline = not download and shown_inline(kind)
        name = quote(name_of(file.entry.path), safe="")
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{name}")
        self.set_header("ETag", f'"{file.entry.etag}"')
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Cache-Control", "private, no-cache")

    def receive(self, incoming: Incoming) -> Awaitable[EntryOut]:
        """Write while it arrives."""
        path, length = self.read_query(PathQuery).path, self.request.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else None
        by, conditions = By(self.caller.actor, self.request_id), Conditions.of(self.request.headers)
        return self.context.contents.put(by, self.path_kwargs["group"], path, incoming, size, conditions)

    async def put(self, group: str) -> None:
        """It is there."""
        self.write_json(await self.received())


class PreviewHandler(BaseHandler):
    """``/groups/{group}/files/preview``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.FILE_READ, "What a file looks like", FilePreviewOut, query=PreviewQuery, errors=(409, 429)
        )
    }

    async def get(self, group: str) -> None:
        """Its head."""
        query = self.read_query(PreviewQuery)
        self.write_json(await self.context.previews.of(self.caller.actor.user, group, query.path, query.rows))


class ChecksumHandler(BaseHandler):
    """``/groups/{group}/files/checksum``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.FILE_READ, "The SHA-256 of a file", ChecksumOut, query=PathQuery, errors=(409, 429))
    }

    async def get(self, group: str) -> None:
        """Known, or worked out now."""
        path = self.read_query(PathQuery).path
        self.write_json(await self.context.contents.checksum(self.caller.actor.user, group, path))


class ArchiveHandler(BaseHandler):
    """``/groups/{group}/files/archive``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.FILE_READ,
            "Files and folders as one zip archive",
            query=ArchiveQuery,
            media=("application/zip",),
            errors=(409, 429),
        )
    }

    async def get(self, group: str) -> None:
        """Made while it is sent; broken off if something in it changes, so that no half of it looks whole."""
        query = self.read_query(ArchiveQuery)
        async with self.context.archives.open(self.caller.actor.user, group, query.path) as archive:
            self.set_header("Content-Type", "application/zip")
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(archive.name, safe='')}")
            self.set_header("X-Accel-Buffering", "no")
            async for piece in archive.pieces():
                self.write(piece)
                await self.flush()
