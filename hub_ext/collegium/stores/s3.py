"""Files of groups in a bucket of an S3 server. ``docs/files.md`` says what of it differs from folders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from collegium.domain.errors import Conflict, DomainError, Misconfigured, NotFound
from collegium.domain.files import Entry, EntryKind, Root, Size, check_new_path, parent_of
from collegium.stores.port import FileHash, NewEntry, Part, Progress, Transfer
from collegium.stores.s3_bucket import Bucket, Changed, Credentials
from collegium.stores.s3_copies import Work, not_inside
from collegium.stores.s3_filling import Filling
from collegium.stores.s3_keys import Keys
from collegium.stores.s3_listing import Listing, entry_of, folder
from collegium.stores.s3_reading import Place, S3Reader
from collegium.stores.s3_sending import WRITER
from collegium.stores.s3_uploads import Uploads
from collegium.stores.settings import FileSettings

_FROZEN = "A version of a dataset never changes"


class S3Store(S3Reader):
    """A bucket, or what is below a prefix in it. Conditional writes of the server decide between two writers."""

    def __init__(self, settings: FileSettings) -> None:
        self.direct = settings.direct
        bucket = Bucket(
            settings.bucket,
            settings.endpoint,
            settings.region,
            lambda: _credentials(settings),
            ca_file=settings.ca_file,
        )
        super().__init__(bucket, Keys(settings.prefix))
        public = settings.public_endpoint or settings.endpoint
        self._uploads = Uploads(self._bucket, self._keys, self._copier, self.direct, public)

    # Making and changing.

    async def _room(self, root: Root, path: str, *, replace: bool) -> Place:
        """Where something may be made. Raises Conflict for what is in the way."""
        if root.frozen:
            raise Conflict(_FROZEN)
        key = self._keys.new(root, path)
        file, below, work = await asyncio.gather(self._bucket.head(key), self._bucket.any(key + "/"), self._work(root))
        if work.hides(key):
            raise Conflict(f"{path} is being copied or moved: try again when that is done")
        if below:
            raise Conflict(f"There is a folder {path}")
        if file is not None and not replace:
            raise Conflict(f"There is {path} already")
        await self._folders(root, parent_of(path))
        return Place(key, file, False, work)

    async def _folders(self, root: Root, path: str) -> None:
        """Make a folder and those above. A marker tells that no file is in its way, nor in that of those above."""
        if not path or await self._bucket.head(self._keys.new(root, path) + "/") is not None:
            return
        parts = path.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        files = await asyncio.gather(*(self._bucket.head(self._keys.path(root, one)) for one in above))
        for one, file in zip(above, files, strict=True):
            if file is not None:
                raise Conflict(f"{one} is a file")
        for one in above:
            await self._bucket.put(self._keys.path(root, one) + "/")

    async def make_folder(self, root: Root, path: str) -> Entry:
        """Make a folder and those above it."""
        if root.frozen:
            raise Conflict(_FROZEN)
        if (await self._work(root)).hides(self._keys.new(root, path)):
            raise Conflict(f"{path} is being copied or moved: try again when that is done")
        await self._folders(root, path)
        return folder(path)

    async def write(
        self, root: Root, path: str, pieces: AsyncIterator[bytes], *, replace: bool, if_etag: str = ""
    ) -> Entry:
        """A small file in one go."""
        place = await self._room(root, path, replace=replace)
        if if_etag and (place.file is None or place.file.etag != if_etag):
            raise Conflict(f"{path} was changed meanwhile")
        condition = {"IfMatch": f'"{if_etag}"'} if if_etag else {} if replace else {"IfNoneMatch": "*"}
        writer = uuid4().hex
        try:
            await self._uploads.calls.write(place.key, pieces, writer, condition)
        except Changed:
            # The answer to a write that was made may have been lost, and the next try found it.
            found = await self._bucket.head(place.key)
            if found is None or found.metadata.get(WRITER) != writer:
                raise Conflict(f"{path} was changed meanwhile" if if_etag else f"There is {path} already") from None
        return await self._entry(root, place.key)

    async def _entry(self, root: Root, key: str) -> Entry:
        found = await self._bucket.head(key)
        if found is None:
            raise NotFound("It was removed meanwhile")
        return entry_of(found, self._keys.root(root))

    async def move(self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False) -> None:
        """Copy, and remove what was copied."""
        if root.frozen or target_root.frozen:
            raise Conflict(_FROZEN)
        was, to = self._keys.path(root, source), self._keys.new(target_root, target)
        removing = self._copier.removing(self._keys.work(root.owner), was, to)
        if await self._bucket.head(removing) is None:
            if (await self._look(root, source)).free and not (await self._look(target_root, target)).free:
                return
            await self._copy(root, source, target_root, target, replace, lambda size: None, removing)
        else:
            await self._bucket.delete([self._copier.copying(self._keys.work(target_root.owner), was, to)])
        await self._remove_copied(was, to, removing)

    async def _remove_copied(self, source: str, target: str, record: str) -> None:
        """The second half of a move: what is at the source is hidden, and goes."""
        await self._copier.drain(source, target)
        await self._bucket.delete([record])

    async def copy(
        self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False, progress: Progress
    ) -> Size:
        """Copy by the server itself."""
        return await self._copy(root, source, target_root, target, replace, progress)

    async def _copy(
        self, root: Root, source: str, target_root: Root, target: str, replace: bool, progress: Progress, then: str = ""
    ) -> Size:
        """Copy; ``then`` is the record to write at the moment at which the target becomes visible."""
        if target_root.frozen:
            raise Conflict(_FROZEN)
        place = await self._look(root, source)
        if place.free:
            raise NotFound(f"There is no {source}")
        to = self._keys.new(target_root, target)
        not_inside(place.key, to)
        record = self._copier.copying(self._keys.work(target_root.owner), place.key, to)
        if await self._bucket.head(record) is None:
            there = await self._look(target_root, target)
            if place.folder and not there.free:
                raise Conflict(f"There is {target} already")
            if (await self._room(target_root, target, replace=replace)).file is None:
                await self._copier.note(record, to)
        try:
            size = await self._copied(place, to, progress)
        except (Exception, asyncio.CancelledError):
            await asyncio.shield(self._give_up(record, to))
            raise
        if then:
            await self._copier.note(then, place.key)
        await self._bucket.delete([record])
        return size

    async def _copied(self, place: Place, to: str, progress: Progress) -> Size:
        if place.file is None:
            return await self._copier.mirror(place.key, to, progress)
        await self._copier.copy_object(place.file, to)
        progress(Size(1, place.file.size))
        return Size(1, place.file.size)

    async def fill(self, root: Root, path: str, entries: Iterator[NewEntry], ticket: str, progress: Progress) -> Size:
        """Write each object, behind a record of which the ticket is a part."""
        if root.frozen:
            raise Conflict(_FROZEN)
        to = self._keys.new(root, check_new_path(path))
        record = self._copier.copying(self._keys.work(root.owner), ticket, to)
        if await self._bucket.head(record) is None:
            await self._room(root, path, replace=False)
            await self._copier.note(record, to)
        # Of what an earlier try wrote nobody knows whether it is whole.
        await self._bucket.clear(to + "/")
        try:
            size = await Filling(self._bucket, self._keys, self._uploads.calls, root, path, entries, progress).run()
        except DomainError:
            # Not where somebody else goes on with it: a process that ends, or that lost the task.
            await asyncio.shield(self._give_up(record, to))
            raise
        await self._bucket.delete([record])
        return size

    async def _give_up(self, record: str, to: str) -> None:
        """Remove a half copy, if it is ours to remove: without a record it would be a file that was replaced."""
        if await self._bucket.head(record) is not None:
            await self._bucket.clear(to + "/")
            await self._bucket.delete([to])
            await self._bucket.delete([record])

    # Trash, and removing.

    async def discard(self, root: Root, path: str, ticket: str) -> Size:
        """Move into the trash."""
        if root.frozen:
            raise Conflict(_FROZEN)
        item, note = self._keys.item(root.owner, ticket), self._keys.ticket(root.owner, ticket)
        was = self._keys.path(root, path)
        removing = self._copier.removing(self._keys.work(root.owner), was, item)
        if await self._bucket.head(removing) is None:
            place = await self._look(root, path)
            if place.free:
                if await self._bucket.head(note) is None:
                    raise NotFound(f"There is no {path}")
                return await self._size(item)
            await self._bucket.put(note)
            await self._copied(place, item, lambda size: None)
            await self._copier.note(removing, was)
        await self._remove_copied(was, item, removing)
        return await self._size(item)

    async def _size(self, key: str) -> Size:
        file = await self._bucket.head(key)
        total = Size() if file is None else Size(1, file.size)
        async for one in self._bucket.objects(key + "/"):
            total += Size() if one.key.endswith("/") else Size(1, one.size)
        return total

    async def restore(self, owner: str, ticket: str, root: Root, path: str) -> None:
        """Back from the trash."""
        item = self._keys.item(owner, ticket)
        to = self._keys.new(root, path)
        file, below = await asyncio.gather(self._bucket.head(item), self._bucket.any(item + "/"))
        place = Place(item, file, below, Work())
        work = self._keys.work(root.owner)
        record, whole = self._copier.copying(work, item, to), self._copier.removing(work, item, to)
        if await self._bucket.head(whole) is None:
            if place.free:
                if (await self._look(root, path)).free:
                    raise NotFound("It is not in the trash")
                return
            if await self._bucket.head(record) is None:
                await self._room(root, path, replace=False)
                await self._copier.note(record, to)
            try:
                await self._copied(place, to, lambda size: None)
            except (Exception, asyncio.CancelledError):
                await asyncio.shield(self._give_up(record, to))
                raise
            await self._copier.note(whole, item)
        await self._bucket.delete([record])
        await self.purge(owner, ticket)
        await self._bucket.delete([whole])

    async def purge(self, owner: str, ticket: str) -> None:
        """Remove for good."""
        item = self._keys.item(owner, ticket)
        await self._bucket.clear(item + "/")
        await self._bucket.delete([item])
        await self._bucket.delete([self._keys.ticket(owner, ticket)])

    async def tickets(self, owner: str) -> Mapping[str, datetime]:
        """What is in the trash; copies that nobody went on with are swept by the way."""
        await self._copier.sweep(self._keys.work(owner))
        return await self._since(self._keys.owner(owner) + "tickets/")

    async def _since(self, prefix: str) -> dict[str, datetime]:
        return {one.key[len(prefix) :]: one.modified async for one in self._bucket.objects(prefix)}

    async def remove(self, root: Root) -> None:
        """Remove a whole tree."""
        await self._bucket.delete([self._keys.ready(root)])
        await self._bucket.clear(self._keys.root(root))

    async def measure(self, owner: str) -> Size:
        """All that an owner's files take."""
        start = self._keys.owner(owner)
        total = Size()
        for area in ("files/", "datasets/", "trash/"):
            async for one in self._bucket.objects(start + area):
                total += Size() if one.key.endswith("/") else Size(1, one.size)
        return total

    async def snapshot(self, source: Root, target: Root, progress: Progress) -> Sequence[FileHash]:
        """Copy a tree object by object; the version is there when the last thing written says so."""
        base = self._keys.root(target)
        if not await self._visible(target):
            try:
                # What is being copied into the source now is nothing yet.
                hides = (await self._work(source)).hides
                await self._copier.mirror(self._keys.root(source)[:-1], base[:-1], progress, hides)
                await self._bucket.put(self._keys.ready(target))
            except Exception:
                # Not where it is broken off: another process may go on with it by now.
                await asyncio.shield(self._bucket.clear(base))
                raise
        files = [
            FileHash(entry.path, entry.size, f"etag:{entry.etag}")
            async for entry in Listing(self._bucket, base, lambda key: False).below("")
            if entry.kind is EntryKind.FILE
        ]
        return sorted(files, key=lambda file: file.path.encode())

    # Uploads.

    async def begin(self, transfer: Transfer) -> Mapping[str, str]:
        """Prepare an upload."""
        return await self._uploads.begin(transfer)

    async def received(self, transfer: Transfer) -> int:
        """Bytes that are durable."""
        return await self._uploads.received(transfer)

    async def append(self, transfer: Transfer, offset: int, pieces: AsyncIterator[bytes]) -> int:
        """Add bytes."""
        return await self._uploads.append(transfer, offset, pieces)

    async def truncate(self, transfer: Transfer, offset: int) -> None:
        """Forget bytes."""
        await self._uploads.truncate(transfer, offset)

    async def finish(self, transfer: Transfer, *, replace: bool, sha256: str = "") -> Entry:
        """Make the file visible."""
        if transfer.root.frozen:
            raise Conflict(_FROZEN)
        key = self._keys.new(transfer.root, transfer.path)
        if not await self._uploads.done(transfer, key):
            if not await self._uploads.checking(transfer, key):
                await self._uploads.known(transfer)
                await self._room(transfer.root, transfer.path, replace=replace)
            try:
                await self._uploads.finish(transfer, key, replace, sha256)
            except Changed:
                if not await self._uploads.done(transfer, key):
                    raise Conflict(f"There is {transfer.path} already") from None
        await self._uploads.forget(transfer)
        return await self._entry(transfer.root, key)

    async def abort(self, transfer: Transfer) -> None:
        """Forget an upload."""
        await self._uploads.abort(transfer)

    async def transfers(self, owner: str) -> Mapping[str, datetime]:
        """Uploads that were begun and not ended."""
        return await self._since(self._keys.owner(owner) + "transfers/")

    async def sign_parts(self, transfer: Transfer, numbers: Sequence[int], seconds: int) -> Sequence[str]:
        """Addresses to PUT parts to."""
        return await self._uploads.sign(transfer, numbers, seconds)

    async def parts(self, transfer: Transfer) -> Sequence[Part]:
        """Parts that are here."""
        return await self._uploads.parts(transfer)


def _credentials(settings: FileSettings) -> Credentials:
    """Keys as their files hold them now. Raises Misconfigured."""
    if not settings.access_key_file and not settings.secret_key_file:
        return Credentials()
    try:
        access, secret = (Path(f).read_text().strip() for f in (settings.access_key_file, settings.secret_key_file))
    except (OSError, ValueError):
        raise Misconfigured("The files with the keys of the S3 server cannot be read") from None
    if not access or not secret:
        raise Misconfigured("A file with a key of the S3 server is empty")
    return Credentials(access, secret)
