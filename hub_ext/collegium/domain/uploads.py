"""Uploads: their states, their ids and the arithmetic of their parts."""

from __future__ import annotations

import base64
import enum
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collegium.domain.files import Root

#: S3 takes no more parts, and no smaller ones (but the last).
MAX_PARTS = 10_000
MIN_PART = 16 << 20
MiB = 1 << 20


class UploadState(enum.StrEnum):
    """Open → Finishing (all bytes are there) → Done | Failed."""

    OPEN = "Open"
    FINISHING = "Finishing"
    DONE = "Done"
    FAILED = "Failed"

    @property
    def over(self) -> bool:
        """True if nothing becomes of it any more."""
        return self in (UploadState.DONE, UploadState.FAILED)


@dataclass(frozen=True)
class Upload:
    """One upload. ``path`` is as its sender wrote it, ``root`` and ``inner`` are where that is in the store; ``offset``
    is what was known last: the store knows better. ``store_state`` is the store's own, None until it was asked.

    ``unverified`` is the offset after which bytes may have come whose checksum was not seen to be right; they are
    forgotten before anybody is told of them. ``sender`` stands for the request that sends now, or was killed while it
    did; ``replaced`` is the size of the file that it takes the place of. Of a ``cleared`` one neither the store nor the
    ledger has anything.
    """

    id: str
    group: str
    user: str
    path: str
    root: Root
    inner: str
    size: int | None
    created_at: datetime
    expires_at: datetime
    offset: int = 0
    replace: bool = False
    sha256: str = ""
    metadata: str = ""
    state: UploadState = UploadState.OPEN
    store_state: Mapping[str, str] | None = None
    part_size: int | None = None
    unverified: int | None = None
    message: str = ""
    finished_at: datetime | None = None
    sender: str = ""
    replaced: int | None = None
    cleared: bool = False
    #: Its place in lists.
    number: int = 0

    @property
    def direct(self) -> bool:
        """Do its parts go straight to the store?"""
        return self.part_size is not None

    @property
    def parts(self) -> int | None:
        """How many parts it has, if they go straight to the store."""
        return None if self.part_size is None or self.size is None else max(1, -(-self.size // self.part_size))

    def size_of(self, number: int) -> int:
        """Bytes of one of its parts."""
        assert self.part_size is not None
        assert self.size is not None
        return min(self.part_size, self.size - (number - 1) * self.part_size)


@dataclass(frozen=True)
class UploadOptions:
    """What an operator sets. ``max_size`` 0 is no limit; ``age`` counts from the last byte that came."""

    max_size: int = 0
    age: timedelta = timedelta(days=7)
    #: A request costs a few transactions; what came of one that is cut off is kept, so that large ones lose nothing.
    chunk_size: int = 64 * MiB


def new_upload_id() -> str:
    """An id that nobody guesses: 160 random bits."""
    return "upl-" + base64.b32hexencode(secrets.token_bytes(20)).decode().lower()


def part_size_of(size: int) -> int:
    """The size of each part but the last: as small as S3's number of parts allows, in whole MiB."""
    return max(MIN_PART, -(-size // (MAX_PARTS * MiB)) * MiB)
