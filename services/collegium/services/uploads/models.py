"""Wire models of uploads. Those who send by tus see headers instead."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collegium.domain.files import MAX_PATH
from collegium.domain.resources import MAX_AMOUNT
from collegium.domain.uploads import MAX_PARTS, UploadState

#: Parts that one request may ask addresses for.
MAX_SIGNED = 100
Sha256 = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
PartNumber = Annotated[int, Field(ge=1, le=MAX_PARTS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class UploadIn(_Strict):
    """An upload to begin without tus. ``direct``: its parts go straight to the store, where that is allowed."""

    path: Annotated[str, StringConstraints(max_length=MAX_PATH)] = Field(title="Path")
    size: int = Field(ge=0, le=MAX_AMOUNT, title="Size", description="In bytes; the storage is reserved at once.")
    replace: bool = Field(default=False, title="Replace a file that is there")
    sha256: Sha256 | None = Field(default=None, title="SHA-256 of the whole", description="Checked at the end.")
    direct: bool = Field(default=False, title="Send straight to the store")


class UploadOut(BaseModel):
    """An upload. ``size`` is null while its sender has not said it; ``offset`` counts the bytes that are safe.

    The last three are those of an upload whose parts go straight to the store: each part but the last has
    ``part_size`` bytes, and ``received`` are the numbers of those that the store has (null in lists).
    """

    id: str
    path: str
    size: int | None
    offset: int
    user: str
    state: UploadState
    replace: bool
    created_at: datetime
    expires_at: datetime
    message: str
    part_size: int | None = None
    parts: int | None = None
    received: list[int] | None = None


class UploadPage(BaseModel):
    """Uploads, the newest first."""

    items: list[UploadOut]
    next_cursor: str | None = None


class PartsIn(_Strict):
    """Which parts."""

    numbers: list[PartNumber] = Field(min_length=1, max_length=MAX_SIGNED, title="Numbers")


class PartOut(BaseModel):
    """Where to PUT a part, as it is: no header of ours, no token."""

    number: int
    url: str


class PartList(BaseModel):
    """Addresses of parts, valid for an hour."""

    items: list[PartOut]


class StoreOut(BaseModel):
    """What senders should know. ``direct``: parts may go straight to the store; ``max_size`` null is no limit."""

    kind: str
    direct: bool
    chunk_size: int = Field(description="Bytes that one request had better send.")
    max_size: int | None
