"""The port to the files of groups. ``tests/contract/test_stores.py`` runs the same suite on every implementation.

What is written, moved, copied or restored to a path finds the folders above it made. ``replace`` is of files by
files; a folder takes the place of nothing, and nothing takes the place of a folder. Versions of datasets take nothing
but their snapshot (Conflict).

Paths come checked (``collegium.domain.files.check_path``); a store contains them once more, by the kernel's own calls
or by its prefix, so that a link put in place at any moment leads nowhere. Verbs may be repeated after a crash. All
raise NotFound for what is not there, Conflict for what is in the way, StorageFull, and Unavailable if trying again may
help; nothing else escapes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collegium.domain.files import Entry, Order, Page, Root, Size

#: Called with how much was done since it was called last, perhaps in a thread; may raise to give up.
Progress = Callable[[Size], None]


class OpenFile(Protocol):
    """One file as it was when it was opened: replacing it meanwhile changes nothing."""

    entry: Entry
    #: A descriptor that can be read from, where there is one.
    fileno: int | None

    def read(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes [start, end) in pieces of at most 1 MiB."""


@dataclass(frozen=True)
class Transfer:
    """An upload as the store knows it. ``state`` is what ``begin`` answered; JSON-ready, kept by the caller.

    ``checked`` tells early that ``finish`` will be given a checksum, so that the whole need not be read for it.
    """

    id: str
    root: Root
    path: str
    size: int | None
    state: Mapping[str, str] = field(default_factory=dict)
    checked: bool = False


@dataclass(frozen=True)
class Part:
    """A part of an upload that its sender sent straight to the store; numbers count from 1."""

    number: int
    etag: str = ""
    size: int = 0


@dataclass(frozen=True)
class NewEntry:
    """Something of a folder that is filled: a folder, or a file with its pieces, of at most 1 MiB each."""

    path: str
    pieces: Iterator[bytes] | None = None


@dataclass(frozen=True)
class FileHash:
    """One line of a manifest. ``digest`` is ``sha256:…``, or ``etag:…`` where the store reads nothing to copy it."""

    path: str
    size: int
    digest: str


class FileStore(Protocol):
    """Trees of files by Root, beside them uploads that nobody sees yet and a trash, per owner."""

    #: ``posix`` or ``s3``.
    kind: str
    #: May senders be given addresses to send parts to?
    direct: bool

    async def ensure(self, root: Root) -> None:
        """Make the tree if it is not there."""

    async def stat(self, root: Root, path: str) -> Entry:
        """What is at a path; the root itself is a folder with the path ``""``, there or not."""

    async def list(
        self,
        root: Root,
        path: str,
        order: Order = Order.NAME,
        descending: bool = False,
        after: str | None = None,
        limit: int = 200,
    ) -> Page:
        """A page of a folder, in memory that does not grow with the folder; ``descending`` is the exact reverse. Raises
        InvalidInput (field ``cursor``)."""

    async def search(self, root: Root, path: str, text: str, after: str | None = None, limit: int = 200) -> Page:
        """Entries below a folder, however deep, whose name holds the text (case ignored) or matches it as a pattern
        with ``*`` and ``?``, by path, in which a folder's counts with its slash; each call looks at a bounded number of
        entries."""

    def open(self, root: Root, path: str) -> AbstractAsyncContextManager[OpenFile]:
        """Open a file for reading."""

    def walk(self, root: Root, path: str) -> AsyncIterator[Entry]:
        """Every entry below a folder, folders before what is in them."""

    async def make_folder(self, root: Root, path: str) -> Entry:
        """Make a folder and those above it; fine if it is there. Raises Conflict if a file is in the way."""

    async def write(
        self, root: Root, path: str, pieces: AsyncIterator[bytes], *, replace: bool, if_etag: str = ""
    ) -> Entry:
        """A small file in one go, visible only whole. ``if_etag``: raises Conflict unless that is what is there."""

    async def move(self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False) -> None:
        """Rename, also to another tree. Folders are never merged. Done already is done."""

    async def copy(
        self, root: Root, source: str, target_root: Root, target: str, *, replace: bool = False, progress: Progress
    ) -> Size:
        """Copy a file or folder within the store. A target is visible only whole; a copy that was cut off may be
        begun anew."""

    async def fill(self, root: Root, path: str, entries: Iterator[NewEntry], ticket: str, progress: Progress) -> Size:
        """Make a folder of entries with paths in it, each folder before what is in it, each path once. It is visible
        only whole. ``entries`` is asked in a thread, may block, and may raise: nothing is made then. One that was cut
        off may be begun anew, with the same ticket and all entries."""

    async def discard(self, root: Root, path: str, ticket: str) -> Size:
        """Move into the trash of the root's owner under a ticket. Done already is done."""

    async def restore(self, owner: str, ticket: str, root: Root, path: str) -> None:
        """Back from the trash to a path; raises Conflict if something is there."""

    async def purge(self, owner: str, ticket: str) -> None:
        """Remove for good; unknown tickets are fine."""

    async def tickets(self, owner: str) -> Mapping[str, datetime]:
        """What is in the trash, and since when, so that what a crash left can be found."""

    async def remove(self, root: Root) -> None:
        """Remove a whole tree for good; fine if it is not there."""

    async def measure(self, owner: str) -> Size:
        """What an owner's trees and trash take. Uploads are not counted: the ledger keeps room for all of each."""

    async def snapshot(self, source: Root, target: Root, progress: Progress) -> Sequence[FileHash]:
        """Copy a tree into one that never changes, sharing what it can; the list is sorted by path. ``target`` is
        visible only whole; if it is there already, it is answered for as it is."""

    async def begin(self, transfer: Transfer) -> Mapping[str, str]:
        """Prepare an upload; the answer is its ``state``, the same each time. Nothing is visible at its path."""

    async def received(self, transfer: Transfer) -> int:
        """Bytes of an upload that are durable."""

    async def append(self, transfer: Transfer, offset: int, pieces: AsyncIterator[bytes]) -> int:
        """Add bytes at ``offset``, which must be what ``received`` says (else Conflict), and make them durable; answers
        with the new offset. If ``pieces`` raises, what came is kept, made durable, and the error goes on."""

    async def truncate(self, transfer: Transfer, offset: int) -> None:
        """Forget bytes after ``offset``: they did not match their checksum. A store may have to forget some before it
        too, unless that is where the last append began; ``received`` tells."""

    async def finish(self, transfer: Transfer, *, replace: bool, sha256: str = "") -> Entry:
        """Check the checksum of the whole, if one is given, and make the file visible at its path, whole. Raises
        Conflict for a checksum that differs or a file in the way; done already is done."""

    async def abort(self, transfer: Transfer) -> None:
        """Forget an upload and its bytes; unknown ones are fine."""

    async def transfers(self, owner: str) -> Mapping[str, datetime]:
        """Ids of uploads that have bytes here, and since when."""

    async def sign_parts(self, transfer: Transfer, numbers: Sequence[int], seconds: int) -> Sequence[str]:
        """Addresses to PUT parts to, where ``direct``."""

    async def parts(self, transfer: Transfer) -> Sequence[Part]:
        """Parts that the store has, where ``direct``."""

    async def close(self) -> None:
        """Let go of connections and threads."""
