"""Shared files for async programs, to be awaited: what is more than one request. For the rest there are the methods of
the client itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from collegium_client import operations, sending
from collegium_client.download import Download
from collegium_client.errors import CollegiumError, Conflict
from collegium_client.exchange import raise_unless_passing
from collegium_client.models import EntryDetail, EntryOut, FileTaskOut
from collegium_client.sending import Progress, Sending, error_is_final

if TYPE_CHECKING:
    from collegium_client.aio import AsyncClient

_ANYTHING = "*/*"
_FIRST_LOOK, _LAST_LOOK = 0.25, 3.0


class AsyncFiles:
    """See ``Files``."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(
        self, path: str = "", group: str | None = None, *, sort: str | None = None, search: str | None = None
    ) -> AsyncIterator[EntryOut]:
        """What is in a folder, or what is found below it; pages are fetched as they are needed."""
        chosen, cursor = await self._client.group(group), None
        while True:
            page = await self._client.get_groups_group_files(
                chosen, path=path, sort=sort, search=search, cursor=cursor, limit=1000
            )
            for entry in page.items:
                yield entry
            cursor = page.next_cursor
            if cursor is None:
                return

    async def read(self, path: str, group: str | None = None, *, start: int = 0, end: int | None = None) -> bytes:
        """The bytes [start, end) of a file, in memory."""
        wanted = None if not start and end is None else f"bytes={start}-{'' if end is None else end - 1}"
        chosen = await self._client.group(group)
        return await self._client.send(operations.get_groups_group_files_content(chosen, path=path, range=wanted))

    async def write(
        self, path: str, data: bytes, group: str | None = None, *, if_match: str | None = None, replace: bool = True
    ) -> EntryOut:
        """A small file in one go; see ``Files.write``."""
        nothing_there = None if replace or if_match else "*"
        return await self._client.send(
            sending.put(await self._client.group(group), path, data, if_match, nothing_there)
        )

    async def download(
        self, path: str, target: str | Path = ".", group: str | None = None, progress: Progress | None = None
    ) -> Path:
        """Fetch a file into a folder, or to a path that is none; see ``Files.download``."""
        chosen, place, failures = await self._client.group(group), Path(target), 0
        with Download(place / path.rpartition("/")[2] if place.is_dir() else place, progress) as download:
            while not download.complete:
                before = download.at
                try:
                    await self._fetch(chosen, path, download)
                except (httpx.TransportError, CollegiumError) as error:
                    failures = 1 if download.at > before else failures + 1
                    raise_unless_passing(error, self._client.settings.url, failures, self._client.retry.tries)
                    await self._client.pause(failures)
            return download.finish()

    async def upload(
        self,
        local: str | Path,
        path: str,
        group: str | None = None,
        *,
        replace: bool = False,
        checksum: bool = True,
        progress: Progress | None = None,
    ) -> EntryDetail:
        """Send a local file, of any size, to a path; a connection that breaks is taken up where it broke."""
        chosen = await self._client.group(group)
        whole = await asyncio.to_thread(Sending.of, local, path.strip("/"), replace, checksum)
        made = await self._client.ask(sending.create(chosen, whole))
        upload = sending.id_of(made.headers)
        await self._send(chosen, upload, whole, progress)
        pause = sending.FIRST_LOOK
        while True:
            now = await self._client.get_groups_group_files_uploads_upload(chosen, upload)
            if str(now.state) == "Done":
                return await self._client.get_groups_group_files_entry(chosen, path=whole.path)
            if str(now.state) == "Failed":
                raise sending.failed(now)
            await asyncio.sleep(pause)
            pause = min(sending.LAST_LOOK, pause * 1.5)

    async def unpack(self, source: str, target: str, group: str | None = None, *, replace: bool = False) -> FileTaskOut:
        """Make the folder ``target`` of what is in an archive, a zip or tar; answers when it is done."""
        body = {"source": source, "target": target, "replace": replace}
        chosen = await self._client.group(group)
        return await self.wait(await self._client.post_groups_group_files_unpack(chosen, body), chosen)

    async def wait(self, task: FileTaskOut, group: str | None = None) -> FileTaskOut:
        """Wait for the end of work on files. Raises Conflict, with its words, if it failed."""
        pause = _FIRST_LOOK
        while str(task.state) == "Running":
            await asyncio.sleep(pause)
            pause = min(_LAST_LOOK, pause * 1.5)
            task = await self._client.get_groups_group_files_tasks_task(await self._client.group(group), task.id)
        if str(task.state) == "Failed":
            raise Conflict(task.message or f"the {task.kind} failed", details={"task": task.id})
        return task

    async def _fetch(self, group: str, path: str, download: Download) -> None:
        same = download.etag if download.at else None
        operation = operations.get_groups_group_files_content(
            group, path=path, download=True, range=download.range, if_range=same
        )
        async with self._client.stream(operation, _ANYTHING) as response:
            download.begin(response)
            async for piece in response.aiter_bytes():
                download.write(piece)
            download.end()

    async def _send(self, group: str, upload: str, whole: Sending, progress: Progress | None) -> None:
        chunk = (await self._client.get_groups_group_files_store(group)).chunk_size
        at, failures = 0, 0
        while at < whole.size:
            count = min(chunk, whole.size - at)
            try:
                operation = sending.more(group, upload, at, _pieces(whole, at, count, progress), count)
                at, failures = sending.offset_of((await self._client.ask(operation)).headers), 0
            except (httpx.TransportError, CollegiumError) as error:
                failures += 1
                if error_is_final(error):
                    raise
                if failures >= self._client.retry.tries:
                    raise_unless_passing(error, self._client.settings.url, failures, failures)
                await self._client.pause(failures)
                seen = await self._client.ask(sending.look(group, upload))
                at, before = sending.offset_of(seen.headers), at
                failures = failures if at <= before else 0


async def _pieces(whole: Sending, start: int, count: int, progress: Progress | None) -> AsyncIterator[bytes]:
    pieces = whole.pieces(start, count, progress)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece
