"""Files of groups in a folder: of this machine, or a mounted volume."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from collegium.domain.errors import Conflict, NotFound, Unavailable
from collegium.domain.files import Entry, Order, Page, Root, Size
from collegium.stores import posix_kernel as kernel
from collegium.stores.port import FileHash, NewEntry, OpenFile, Part, Progress, Transfer
from collegium.stores.posix_filling import fill
from collegium.stores.posix_ground import Ground, closing, entry_of, parts_of, told, writable
from collegium.stores.posix_listing import Search, page_of, walk
from collegium.stores.posix_sending import BATCH, Sending
from collegium.stores.posix_trees import Trees, regular
from collegium.stores.posix_uploads import Sender, Uploads
from collegium.stores.posix_versions import Busy, Versions
from collegium.stores.posix_writing import Writing

#: Threads for looks and reads, for uploads, for their ends, which may have to read them, and for whole trees: none
#: waits for one of another kind.
LOOKS, WRITES, ENDS, LONG = 8, 8, 4, 4
#: Seconds between looks whether a dataset's other version is done.
TURN = 0.1
_WALKED = 500

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class PosixFile:
    """An open file. See the port."""

    entry: Entry
    fileno: int | None
    _run: Callable[..., Any]

    async def read(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See the port. Raises Unavailable if the file was made shorter meanwhile."""
        end = self.entry.size if end is None else min(end, self.entry.size)
        while start < end:
            data = await self._run(os.pread, self.fileno, min(kernel.PIECE, end - start), start)
            if not data:
                raise Unavailable("the file was made shorter while it was read", path=self.entry.path)
            yield data
            start += len(data)


class PosixStore:
    """A store in ``folder``. ``uid`` and ``gid`` are to own what people see, if the service is root;
    ``floor`` bytes are kept free on the disk, by default 5 % of it, at most 1 GiB. Raises Unavailable."""

    kind = "posix"
    direct = False

    def __init__(self, folder: Path, uid: int | None = None, gid: int | None = None, floor: int | None = None) -> None:
        self.ground = Ground(Path(os.path.abspath(folder)), uid, gid, floor)
        try:
            self.ground.base.mkdir(parents=True, exist_ok=True, mode=self.ground.way_mode)
        except OSError as error:
            raise Unavailable(f"the folder of the files cannot be made: {error.strerror}") from error
        self._trees, self._uploads, self._versions = Trees(self.ground), Uploads(self.ground), Versions(self.ground)
        self._looks = ThreadPoolExecutor(LOOKS, "collegium-files")
        self._writes = ThreadPoolExecutor(WRITES, "collegium-uploads")
        self._ends = ThreadPoolExecutor(ENDS, "collegium-ends")
        self._long = ThreadPoolExecutor(LONG, "collegium-trees")

    def _submit(
        self, pool: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kw: P.kwargs
    ) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(pool, functools.partial(call, *args, **kw))

    async def _whole(self, pool: ThreadPoolExecutor, call: Callable[P, T], *args: P.args, **kw: P.kwargs) -> T:
        """To its end, whoever gives up: what it uses must not be closed under it."""
        running = self._submit(pool, call, *args, **kw)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    async def ensure(self, root: Root) -> None:
        """See the port."""
        await self._submit(self._looks, self._ensure, root)

    def _ensure(self, root: Root) -> None:
        with told(""), self.ground.made_folder(root, ()):
            pass

    async def stat(self, root: Root, path: str) -> Entry:
        """See the port."""
        return await self._submit(self._looks, self._stat, root, path)

    def _stat(self, root: Root, path: str) -> Entry:
        with told(path):
            return self.ground.stat(root, path)

    async def list(
        self,
        root: Root,
        path: str,
        order: Order = Order.NAME,
        descending: bool = False,
        after: str | None = None,
        limit: int = 200,
    ) -> Page:
        """See the port."""
        return await self._submit(self._looks, self._list, root, path, order, descending, after, limit)

    def _list(self, root: Root, path: str, order: Order, descending: bool, after: str | None, limit: int) -> Page:
        with self._folder(root, path) as folder:
            return Page(()) if folder is None else page_of(folder, path.strip("/"), order, descending, after, limit)

    @contextlib.contextmanager
    def _folder(self, root: Root, path: str) -> Iterator[int | None]:
        """A folder of a tree; None for the top of one that was not made yet."""
        with told(path):
            parts = parts_of(path)
            try:
                fd = self.ground.open_below(root.owner, *root.area.split("/"), *parts)
            except FileNotFoundError:
                if parts:
                    raise
                yield None
                return
            with closing(fd):
                yield fd

    async def search(self, root: Root, path: str, text: str, after: str | None = None, limit: int = 200) -> Page:
        """See the port."""
        return await self._submit(self._looks, self._search, root, path, text, after, limit)

    def _search(self, root: Root, path: str, text: str, after: str | None, limit: int) -> Page:
        with self._folder(root, path) as folder:
            return Page(()) if folder is None else Search(text, limit).run(folder, path.strip("/"), after)

    def open(self, root: Root, path: str) -> AbstractAsyncContextManager[OpenFile]:
        """See the port."""
        return self._open(root, path)

    @contextlib.asynccontextmanager
    async def _open(self, root: Root, path: str) -> AsyncIterator[OpenFile]:
        opening = self._submit(self._looks, self._open_file, root, path)
        try:
            fd, entry = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close)
            raise
        reading: list[asyncio.Future[Any]] = []

        async def run(call: Callable[..., Any], *args: Any) -> Any:
            reading[:] = [self._submit(self._looks, call, *args)]
            return await asyncio.shield(reading[0])

        try:
            yield PosixFile(entry, fd, run)
        finally:
            # A thread may still be reading for somebody who has gone; the number must not be another file's by then.
            if reading and not reading[0].done():
                reading[0].add_done_callback(lambda _: os.close(fd))
            else:
                os.close(fd)

    def _open_file(self, root: Root, path: str) -> tuple[int, Entry]:
        parts = parts_of(path)
        with told(path):
            if not parts:
                raise NotFound("the top folder is no file", path=path)
            with self.ground.folder(root, parts[:-1]) as folder, regular(folder, parts[-1]) as fd:
                return os.dup(fd), entry_of("/".join(parts), os.fstat(fd))

    async def walk(self, root: Root, path: str) -> AsyncIterator[Entry]:
        """See the port."""
        entries = self._walk(root, path)
        try:
            while batch := await self._submit(self._looks, lambda: list(islice(entries, _WALKED))):
                for entry in batch:
                    yield entry
        finally:
            await self._submit(self._looks, entries.close)

    def _walk(self, root: Root, path: str) -> Any:
        with self._folder(root, path) as folder:
            if folder is not None:
                for found in walk(folder, path.strip("/")):
                    yield entry_of(found.path, found.facts)

    async def make_folder(self, root: Root, path: str) -> Entry:
        """See the port."""
        return await self._submit(self._looks, self._make_folder, root, path)

    def _make_folder(self, root: Root, path: str) -> Entry:
        with told(path), self.ground.made_folder(root, parts_of(path)) as fd:
            return entry_of("/".join(parts_of(path)), os.fstat(fd))

    async def write(
        self, root: Root, path: str, pieces: AsyncIterator[bytes], *, replace: bool, if_etag: str = ""
    ) -> Entry:
        """See the port."""
        writable(root)
        writing = Writing(self.ground, root, path, replace, if_etag)
        try:
            await self._whole(self._writes, writing.begin)
            batch: list[bytes] = []
            async for piece in pieces:
                batch.append(piece)
                if sum(map(len, batch)) >= BATCH:
                    await self._whole(self._writes, writing.put, batch)
                    batch = []
            return await self._whole(self._writes, writing.end, batch)
        finally:
            if writing.open:
                await self._whole(self._writes, writing.close)

    async def move(self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False) -> None:
        """See the port."""
        await self._submit(self._looks, self._trees.move, root, source, target_root, target, replace)

    async def copy(
        self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False, progress: Progress
    ) -> Size:
        """See the port. ``progress`` is called in a thread."""
        return await self._submit(self._long, self._trees.copy, root, source, target_root, target, replace, progress)

    async def fill(self, root: Root, path: str, entries: Iterator[NewEntry], ticket: str, progress: Progress) -> Size:
        """See the port. Where the caller gives up, its entries must end, or raise."""
        return await self._whole(self._long, fill, self.ground, root, path, entries, progress)

    async def discard(self, root: Root, path: str, ticket: str) -> Size:
        """See the port."""
        return await self._submit(self._long, self._trees.discard, root, path, ticket)

    async def restore(self, owner: str, ticket: str, root: Root, path: str) -> None:
        """See the port."""
        await self._submit(self._looks, self._trees.restore, owner, ticket, root, path)

    async def purge(self, owner: str, ticket: str) -> None:
        """See the port."""
        await self._submit(self._long, self._trees.purge, owner, ticket)

    async def tickets(self, owner: str) -> Mapping[str, datetime]:
        """See the port."""
        return await self._submit(self._looks, self._trees.tickets, owner)

    async def remove(self, root: Root) -> None:
        """See the port."""
        await self._submit(self._long, self._versions.remove, root)

    async def measure(self, owner: str) -> Size:
        """See the port. Versions that share a content count it once."""
        return await self._submit(self._long, self._trees.measure, owner)

    async def snapshot(self, source: Root, target: Root, progress: Progress) -> Sequence[FileHash]:
        """See the port. ``progress`` is called in a thread. While another version of the dataset is made, here or by
        another process, this one waits for its turn."""
        given_up = False

        def told(more: Size) -> None:
            if given_up:
                raise Conflict("the version was given up")
            progress(more)

        while True:
            making = self._submit(self._long, self._versions.snapshot, source, target, told)
            try:
                return await asyncio.shield(making)
            except Busy:
                told(Size())
                await asyncio.sleep(TURN)
            except asyncio.CancelledError:
                # The thread ends with its next file; whoever makes a version next waits for that.
                given_up = True
                making.add_done_callback(lambda made: made.cancelled() or made.exception())
                raise

    async def begin(self, transfer: Transfer) -> Mapping[str, str]:
        """See the port."""
        return await self._submit(self._writes, self._uploads.begin, transfer)

    async def received(self, transfer: Transfer) -> int:
        """See the port."""
        return await self._submit(self._looks, self._uploads.received, transfer)

    async def append(self, transfer: Transfer, offset: int, pieces: AsyncIterator[bytes]) -> int:
        """See the port. Of two senders the later one goes on; the other is told so at its next piece."""
        taking = self._submit(self._writes, self._uploads.take, transfer, offset)
        try:
            sender = await asyncio.shield(taking)
        except asyncio.CancelledError:
            taking.add_done_callback(_let_go)
            # Not after whoever asks next: that one would be displaced by somebody who has gone.
            await asyncio.wait([taking])
            raise
        return await Sending(sender, functools.partial(self._submit, self._writes)).run(pieces)

    async def truncate(self, transfer: Transfer, offset: int) -> None:
        """See the port."""
        await self._submit(self._writes, self._uploads.truncate, transfer, offset)

    async def finish(self, transfer: Transfer, *, replace: bool, sha256: str = "") -> Entry:
        """See the port."""
        return await self._submit(self._ends, self._uploads.finish, transfer, replace, sha256)

    async def abort(self, transfer: Transfer) -> None:
        """See the port."""
        await self._submit(self._writes, self._uploads.abort, transfer)

    async def transfers(self, owner: str) -> Mapping[str, datetime]:
        """See the port. What crashes left of other work is removed on this occasion."""
        return await self._submit(self._looks, self._transfers, owner)

    def _transfers(self, owner: str) -> Mapping[str, datetime]:
        with told("uploads"):
            self.ground.sweep(owner)
            return self._trees.dated(owner, "uploads")

    async def sign_parts(self, transfer: Transfer, numbers: Sequence[int], seconds: int) -> Sequence[str]:
        """See the port: a folder has no addresses."""
        raise Conflict("this store takes no parts from senders; send them to the service", upload=transfer.id)

    async def parts(self, transfer: Transfer) -> Sequence[Part]:
        """See the port."""
        return ()

    async def close(self) -> None:
        """See the port."""
        for pool in (self._looks, self._writes, self._ends, self._long):
            pool.shutdown(wait=False)


def _let_go(taking: asyncio.Future[Sender]) -> None:
    if not taking.cancelled() and taking.exception() is None:
        taking.result().close()


def _close(opening: asyncio.Future[tuple[int, Entry]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result()[0])
