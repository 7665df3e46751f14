"""Uploads in folders: ``<owner>/uploads/<id>`` holds the bytes that came (``data``) and how many count (``mark``).

Bytes count once they are on the disk and the mark, written after them, is too; whatever lies behind the mark was never
acknowledged and is cut off by the next sender. A sender holds the upload by a generation, not by a lock: the next one
takes it over, and a former one that comes back to life finds that out before it writes another byte.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from collegium.domain.errors import Conflict, NotFound
from collegium.domain.files import Entry
from collegium.stores import posix_kernel as kernel
from collegium.stores.port import Transfer
from collegium.stores.posix_ground import Ground, check_key, closing, entry_of, parts_of, told, writable
from collegium.stores.posix_trees import Trees

#: Beyond the disk's own sector, so that writing one slot never harms the other.
_SLOT = 4096
_MARK = struct.Struct(">QQQ")
#: Room is asked for again after so many bytes.
_ASK_ROOM = 16 << 20
#: Checksums of the whole that are kept up to date; others are computed when an upload is finished.
_HASHES = 1000


class _NoUpload(NotFound):
    """It never was, or has ended."""


@dataclass(frozen=True)
class Mark:
    """How many bytes of an upload count, and who may add to them. ``number`` counts the marks."""

    number: int = 0
    generation: int = 0
    offset: int = 0

    @classmethod
    def read(cls, fd: int) -> Mark:
        """The latest mark that was written whole."""
        best = cls()
        data = os.pread(fd, 2 * _SLOT, 0)
        for at in (0, _SLOT):
            body, check = data[at : at + _MARK.size], data[at + _MARK.size : at + _MARK.size + 4]
            if len(check) == 4 and zlib.crc32(body) == int.from_bytes(check, "big"):
                best = max(best, cls(*_MARK.unpack(body)), key=lambda mark: mark.number)
        return best

    def write(self, fd: int, generation: int, offset: int) -> Mark:
        """The mark after this one, in the other slot."""
        mark = Mark(self.number + 1, generation, offset)
        body = _MARK.pack(mark.number, generation, offset)
        kernel.write_all(fd, [body + zlib.crc32(body).to_bytes(4, "big")], _SLOT * (mark.number % 2))
        return mark


@contextlib.contextmanager
def _held(mark: int) -> Iterator[None]:
    """Alone with an upload, for as long as a few system calls take."""
    fcntl.flock(mark, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(mark, fcntl.LOCK_UN)


@dataclass
class _Running:
    """A checksum of the first bytes of an upload, valid while nobody else had it in hand."""

    generation: int
    offset: int
    sha256: Any


@dataclass
class Hashes:
    """Checksums that grow with their uploads, so that the whole need not be read again."""

    _kept: OrderedDict[tuple[str, str], _Running] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, transfer: Transfer, generation: int, offset: int) -> Any:
        """The checksum so far, None if it is not known."""
        with self._lock:
            running = self._kept.pop((transfer.root.owner, transfer.id), None)
        if running is not None and (running.generation, running.offset) == (generation, offset):
            return running.sha256
        return hashlib.sha256() if offset == 0 and transfer.checked else None

    def keep(self, transfer: Transfer, generation: int, offset: int, sha256: Any) -> None:
        """Remember it for the next piece."""
        with self._lock:
            self._kept[transfer.root.owner, transfer.id] = _Running(generation, offset, sha256)
            while len(self._kept) > _HASHES:
                self._kept.popitem(last=False)


class Sender:
    """One sender's hold on an upload. ``durable`` is the offset that counts; the rest is on its way to the disk.

    ``write`` and ``sync`` may run at the same time, in two threads; each of them only once at a time.
    """

    def __init__(self, ground: Ground, hashes: Hashes, transfer: Transfer, offset: int) -> None:
        self.ground, self.hashes, self.transfer = ground, hashes, transfer
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(_folder(ground, transfer))
            self.mark = stack.enter_context(closing(_open(folder, "mark", transfer)))
            self.data = stack.enter_context(closing(_open(folder, "data", transfer)))
            with _held(self.mark):
                mark = Mark.read(self.mark)
                if mark.offset != offset:
                    raise Conflict(f"the upload has {mark.offset} bytes, not {offset}", offset=mark.offset)
                self.sha256 = hashes.take(transfer, mark.generation, offset)
                self.generation = mark.generation + 1
                mark.write(self.mark, self.generation, offset)
                os.ftruncate(self.data, offset)
            self.first = offset == 0
            self._write_failure: Exception | None = None
            self._sync_failure: Exception | None = None
            self.written = self.durable = offset
            self._asked = offset
            # The file lock holds off others, but not two threads with one and the same open file.
            self._alone = threading.Lock()
            self._stack = stack.pop_all()

    def close(self) -> None:
        """Let go, leaving the checksum for whoever goes on."""
        if self.sha256 is not None and self.durable == self.written:
            self.hashes.keep(self.transfer, self.generation, self.durable, self.sha256)
        self._stack.close()

    def write(self, pieces: Sequence[bytes]) -> None:
        """Add pieces. Raises Conflict if somebody has taken over, and StorageFull with a beginning of them written;
        after a failure nothing more is taken, for it would not join."""
        if self._write_failure is not None:
            raise self._write_failure
        try:
            self._write(pieces)
        except Exception as error:
            self._write_failure = error
            raise

    def _write(self, pieces: Sequence[bytes]) -> None:
        size = sum(map(len, pieces))
        if self.transfer.size is not None and self.written + size > self.transfer.size:
            raise Conflict(
                f"the upload was declared to have {self.transfer.size} bytes, and {self.written + size} came",
                size=self.transfer.size,
            )
        with told(self.transfer.path), self._alone, _held(self.mark):
            self._check_hold()
            if self.written + size > self._asked:
                self.ground.check_room(self.data, max(size, _ASK_ROOM // 2))
                self._asked = self.written + _ASK_ROOM
            begun = self.written
            try:
                self.written = kernel.write_all(self.data, pieces, begun)
            except OSError:
                self.written, self.sha256 = max(begun, os.fstat(self.data).st_size), None
                raise
        if begun // kernel.STRIDE != self.written // kernel.STRIDE:
            start = max(self.durable, begun - kernel.STRIDE)
            kernel.start_writing(self.data, start, self.written - start)
        if self.sha256 is not None:
            for piece in pieces:
                self.sha256.update(piece)

    def sync(self) -> None:
        """Put what was written on the disk, and say so in the mark. What fails to get there does not count, nor what
        comes later: the system tells of a failure only once."""
        if self._sync_failure is not None:
            raise self._sync_failure
        try:
            self._sync()
        except Exception as error:
            self._sync_failure = error
            raise

    def end(self, pieces: Sequence[bytes]) -> None:
        """Write and sync in one turn; what was written before a failure is kept."""
        try:
            self.write(pieces)
        finally:
            self.sync()

    def _sync(self) -> None:
        offset = self.written
        with told(self.transfer.path):
            # The first time with whose it is and who may read it, so that finishing it has nothing to sync.
            (os.fsync if self.first else os.fdatasync)(self.data)
            with self._alone, _held(self.mark):
                mark = self._check_hold()
                mark.write(self.mark, self.generation, offset)
                os.fdatasync(self.mark)
            if self.first:
                # From here on the upload itself outlives a power failure.
                for parts in ((self.transfer.id,), ()):
                    with self.ground.inside(self.transfer.root.owner, "uploads", *parts) as fd:
                        os.fsync(fd)
                self.first = False
        self.durable = offset

    def _check_hold(self) -> Mark:
        mark = Mark.read(self.mark)
        if mark.generation != self.generation:
            raise Conflict("another sender has taken this upload over", offset=mark.offset)
        return mark


@dataclass(frozen=True)
class Uploads:
    """Beginnings and ends of uploads. Blocks; called in threads."""

    ground: Ground
    hashes: Hashes = field(default_factory=Hashes)

    def begin(self, transfer: Transfer) -> dict[str, str]:
        """See the port. The file's number on its disk tells, after a crash, whether it has come into sight."""
        owner = transfer.root.owner
        with told(transfer.path), self.ground.made(owner, "uploads", check_key(transfer.id, "upload")) as folder:
            if transfer.size:
                self.ground.check_room(folder, transfer.size)
            with contextlib.suppress(FileExistsError):
                os.close(os.open("mark", kernel.CREATE, 0o600, dir_fd=folder))
            with closing(_open(folder, "mark", transfer)) as mark:
                # What has bytes and no file any more is a file already.
                if Mark.read(mark).number == 0:
                    with contextlib.suppress(FileExistsError):
                        os.close(self.ground.create(folder, "data"))
            with closing(_open(folder, "data", transfer)) as data:
                return {"inode": str(os.fstat(data).st_ino)}

    def take(self, transfer: Transfer, offset: int) -> Sender:
        """Become the sender."""
        with told(transfer.path):
            return Sender(self.ground, self.hashes, transfer, offset)

    def received(self, transfer: Transfer) -> int:
        """See the port."""
        with told(transfer.path), self._marked(transfer) as (_, mark):
            return Mark.read(mark).offset

    def truncate(self, transfer: Transfer, offset: int) -> None:
        """See the port."""
        with told(transfer.path), self._marked(transfer) as (folder, fd), _held(fd):
            mark = Mark.read(fd)
            if offset > mark.offset:
                raise Conflict(f"the upload has {mark.offset} bytes, fewer than {offset}", offset=mark.offset)
            mark.write(fd, mark.generation + 1, offset)
            os.fdatasync(fd)
            with closing(_open(folder, "data", transfer)) as data:
                os.ftruncate(data, offset)

    def abort(self, transfer: Transfer) -> None:
        """See the port."""
        with contextlib.suppress(NotFound), told(transfer.path), self._marked(transfer) as (_, fd), _held(fd):
            # Whoever still sends finds out.
            mark = Mark.read(fd)
            mark.write(fd, mark.generation + 1, 0)
        Trees(self.ground).throw_away(transfer.root.owner, "uploads", check_key(transfer.id, "upload"))

    def finish(self, transfer: Transfer, replace: bool, sha256: str) -> Entry:
        """See the port."""
        writable(transfer.root)
        with told(transfer.path):
            try:
                with self._marked(transfer) as (folder, fd), _held(fd):
                    entry = self._finish(transfer, folder, fd, replace, sha256)
            except _NoUpload:
                entry = self._finished(transfer)
            Trees(self.ground).throw_away(transfer.root.owner, "uploads", transfer.id, durably=False)
            return entry

    def _finish(self, transfer: Transfer, folder: int, fd: int, replace: bool, sha256: str) -> Entry:
        mark = Mark.read(fd)
        with closing(_open(folder, "data", transfer)) as data:
            if transfer.size is not None and mark.offset != transfer.size:
                raise Conflict(f"{mark.offset} of {transfer.size} bytes have come", offset=mark.offset)
            running = self.hashes.take(transfer, mark.generation, mark.offset)
            # Nobody adds to it from here on.
            mark.write(fd, mark.generation + 1, mark.offset)
            if os.fstat(data).st_size != mark.offset:
                os.ftruncate(data, mark.offset)
            if sha256:
                digest = _digest(data, mark.offset, running)
                if digest != sha256.lower():
                    raise Conflict(f"the checksum of what came is {digest}, not {sha256}", sha256=digest)
            if mark.offset == 0:
                os.fsync(data)
            entry = self.ground.place(folder, "data", transfer.root, transfer.path, replace=replace)
        os.fsync(folder)
        return entry

    def _finished(self, transfer: Transfer) -> Entry:
        """The file, if this upload has become it."""
        parts = parts_of(transfer.path)
        if parts and transfer.state.get("inode"):
            with contextlib.suppress(OSError):
                facts = self.ground.facts(transfer.root, parts)
                if str(facts.st_ino) == transfer.state["inode"] and stat.S_ISREG(facts.st_mode):
                    return entry_of("/".join(parts), facts)
        raise NotFound("there is no such upload", upload=transfer.id)

    @contextlib.contextmanager
    def _marked(self, transfer: Transfer) -> Iterator[tuple[int, int]]:
        with _folder(self.ground, transfer) as folder, closing(_open(folder, "mark", transfer)) as mark:
            yield folder, mark


@contextlib.contextmanager
def _folder(ground: Ground, transfer: Transfer) -> Iterator[int]:
    try:
        fd = ground.open_below(transfer.root.owner, "uploads", check_key(transfer.id, "upload"))
    except FileNotFoundError as error:
        raise _NoUpload("there is no such upload", upload=transfer.id) from error
    with closing(fd):
        yield fd


def _open(folder: int, name: str, transfer: Transfer) -> int:
    try:
        return os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError as error:
        raise _NoUpload("there is no such upload", upload=transfer.id) from error


def _digest(fd: int, size: int, running: Any) -> str:
    if running is None:
        running, at = hashlib.sha256(), 0
        while at < size and (data := os.pread(fd, kernel.PIECE, at)):
            running.update(data)
            at += len(data)
    digest: str = running.hexdigest()
    return digest
