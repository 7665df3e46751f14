"""Copies within a bucket. S3 renames nothing and copies one object at a time, so that a folder that is being copied or
moved is hidden by a record, written before, until it is whole: a kill at any moment leaves what can be gone on with.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from collegium.domain.errors import Conflict
from collegium.domain.files import Size
from collegium.stores.port import Progress
from collegium.stores.s3_bucket import Bucket, Found, Gone, short

#: Copies at once.
AT_ONCE = 8


@dataclass(frozen=True)
class Work:
    """Hashes of keys that are hidden: where something is being copied to, and where it was once it is moved."""

    hidden: frozenset[str] = frozenset()

    def hides(self, key: str) -> bool:
        """May nobody see what is at a key? So it is for all below."""
        if not self.hidden:
            return False
        parts = key.split("/")
        return any(short("/".join(parts[:count])) in self.hidden for count in range(1, len(parts) + 1))


class Copier:
    """Copies, moves and the records of them. Keys come without a slash at the end; ``work`` is before the records."""

    #: Objects up to this are copied by one call; larger ones in pieces.
    whole, piece = 1 << 30, 512 << 20
    #: A record that nobody went on with for so long is swept.
    abandoned = timedelta(days=2)

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def work(self, work: str) -> Work:
        """What is going on, of one owner."""
        copying: set[tuple[str, str]] = set()
        removing: set[tuple[str, str]] = set()
        async for one in self._bucket.objects(work):
            kind, first, second = one.key[len(work) :].split("-")
            (removing if kind == "r" else copying).add((first, second))
        # A move is one step: with its second record the target is seen, whatever the first one says.
        hidden = {target for target, source in copying if (source, target) not in removing}
        return Work(frozenset(hidden | {source for source, _ in removing}))

    def copying(self, work: str, source: str, target: str) -> str:
        """The record that hides a target until it is whole."""
        return f"{work}c-{short(target)}-{short(source)}"

    def checking(self, work: str, upload: str, target: str) -> str:
        """The record that hides an upload's target until its checksum is seen to be right. Not swept: the upload is."""
        return f"{work}v-{short(target)}-{short(upload)}"

    def removing(self, work: str, source: str, target: str) -> str:
        """The record that hides a source whose copy is whole."""
        return f"{work}r-{short(source)}-{short(target)}"

    async def note(self, record: str, hidden: str) -> None:
        """Write a record; its content is the key that it hides."""
        await self._bucket.put(record, hidden.encode())

    async def copy_object(self, found: Found, target: str) -> None:
        """Copy an object by the server itself; a folder's marker is made anew, which is what all servers take."""
        if target.endswith("/"):
            await self._bucket.put(target)
            return
        source = {"Bucket": self._bucket.name, "Key": found.key}
        if found.size <= self.whole:
            await self._bucket.call("copy_object", Key=target, CopySource=source)
            return
        # Parts bring no metadata along, which says whose write an object was.
        known = await self._bucket.head(found.key)
        metadata = dict(known.metadata) if known is not None else {}
        begun = await self._bucket.call("create_multipart_upload", Key=target, Metadata=metadata)
        upload = {"Key": target, "UploadId": begun["UploadId"]}
        parts: dict[int, str] = {}
        size = max(self.piece, -(-found.size // 10_000))

        async def one(number: int, start: int) -> None:
            until = min(start + size, found.size) - 1
            answer = await self._bucket.call(
                "upload_part_copy",
                **upload,
                PartNumber=number,
                CopySource=source,
                CopySourceIfMatch=f'"{found.etag}"',
                CopySourceRange=f"bytes={start}-{until}",
            )
            parts[number] = answer["CopyPartResult"]["ETag"]

        async def jobs() -> AsyncIterator[Coroutine[Any, Any, None]]:
            for number, start in enumerate(range(0, found.size, size), 1):
                yield one(number, start)

        try:
            await bounded(jobs(), 4)
            listed = [{"PartNumber": number, "ETag": parts[number]} for number in sorted(parts)]
            await self._bucket.call("complete_multipart_upload", **upload, MultipartUpload={"Parts": listed})
        except BaseException:
            await asyncio.shield(self._bucket.call("abort_multipart_upload", **upload))
            raise

    async def mirror(
        self, source: str, target: str, progress: Progress, hides: Callable[[str], bool] = lambda key: False
    ) -> Size:
        """Make ``target/…`` what ``source/…`` is, without what is hidden; what an earlier try has copied stays. Returns
        how much there is."""
        total = Size()

        async def one(found: Found, there: Found | None) -> None:
            nonlocal total
            if there is None or there.size != found.size or there.modified <= found.modified:
                try:
                    await self.copy_object(found, target + found.key[len(source) :])
                except Gone:
                    # It was removed since it was listed: it is not part of the copy.
                    extra.extend([there.key] if there is not None else [])
                    return
            if not found.key.endswith("/"):
                total += Size(1, found.size)
                progress(Size(1, found.size))

        extra: list[str] = []

        async def jobs() -> AsyncIterator[Coroutine[Any, Any, None]]:
            async for ours, theirs in self._joined(source + "/", target + "/"):
                if ours is not None and not hides(ours.key):
                    yield one(ours, theirs)
                elif theirs is not None:
                    extra.append(theirs.key)

        await bounded(jobs(), AT_ONCE)
        await self._bucket.delete(extra)
        return total

    async def drain(self, source: str, target: str) -> None:
        """Remove a file or folder whose copy is at ``target``; what was written there meanwhile is copied first."""
        file, copied = await asyncio.gather(self._bucket.head(source), self._bucket.head(target))
        if file is not None and (copied is None or file.modified >= copied.modified):
            await self.copy_object(file, target)
        files = [source]
        folders: list[str] = []
        async for ours, theirs in self._joined(source + "/", target + "/"):
            if ours is None:
                continue
            if theirs is None or ours.modified >= theirs.modified:
                await self.copy_object(ours, target + ours.key[len(source) :])
            (folders if ours.key.endswith("/") else files).append(ours.key)
            if len(files) >= 1000:
                await self._bucket.delete(files)
                files = []
        await self._bucket.delete(files)
        await self._bucket.delete(folders[::-1])

    async def _joined(self, left: str, right: str) -> AsyncIterator[tuple[Found | None, Found | None]]:
        """Objects below two prefixes, side by side where they are called the same."""
        ours, theirs = self._bucket.objects(left), self._bucket.objects(right)
        one, other = await anext(ours, None), await anext(theirs, None)
        while one is not None or other is not None:
            name = one.key[len(left) :].encode() if one is not None else None
            its = other.key[len(right) :].encode() if other is not None else None
            if its is None or (name is not None and name < its):
                yield one, None
                one = await anext(ours, None)
            elif name is None or its < name:
                yield None, other
                other = await anext(theirs, None)
            else:
                yield one, other
                one, other = await anext(ours, None), await anext(theirs, None)

    async def sweep(self, work: str) -> None:
        """Remove what copies left that nobody went on with, and records of moves that are through."""
        async for record in self._bucket.objects(work):
            if not record.key.startswith(work + "v-") and datetime.now(UTC) - record.modified > self.abandoned:
                hidden = (await self._bucket.get(record.key)).decode()
                await self._bucket.clear(hidden + "/")
                await self._bucket.delete([hidden, record.key])


async def bounded(jobs: AsyncIterable[Coroutine[Any, Any, None]], at_once: int) -> None:
    """Run jobs, so many at once; the first error ends them all and goes on."""
    running: set[asyncio.Task[None]] = set()
    try:
        async for job in jobs:
            running.add(asyncio.ensure_future(job))
            running = await _room(running, at_once)
        await _room(running, 1)
    except BaseException:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise


async def _room(running: set[asyncio.Task[None]], at_once: int) -> set[asyncio.Task[None]]:
    while len(running) >= at_once:
        done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    return running


def not_inside(source: str, target: str) -> None:
    """Raise Conflict for a folder that would go into itself."""
    if source == target or target.startswith(source + "/"):
        raise Conflict("A folder cannot go into itself")
