"""Wire models of shared files. Every path is relative to the group's shared files."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from collegium.domain.file_tasks import TaskKind, TaskState
from collegium.domain.files import MAX_PATH, EntryKind

#: Paths that one request may name.
MAX_PATHS = 1000
PathText = Annotated[str, StringConstraints(max_length=MAX_PATH)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PreviewKind(enum.StrEnum):
    """How a file can be shown."""

    IMAGE = "image"
    TEXT = "text"
    TABLE = "table"
    NOTEBOOK = "notebook"
    PDF = "pdf"
    NONE = "none"


class CellKind(enum.StrEnum):
    """Cells of a notebook."""

    CODE = "code"
    MARKDOWN = "markdown"
    RAW = "raw"


class EntryOut(BaseModel):
    """A file or folder. Folders have the size 0 and no ``etag``; some stores know no time of theirs."""

    name: str
    path: str
    kind: EntryKind
    size: int
    modified_at: datetime | None
    etag: str = Field(description="Changes with the content; without quotes.")
    media_type: str


class StorageShare(BaseModel):
    """What the owner of these files stores, in bytes; ``limit`` null is none."""

    used: int
    limit: int | None


class EntryPage(BaseModel):
    """A part of a folder, or of what was found in it: there, pages may be short or empty before the end."""

    path: str
    writable: bool
    items: list[EntryOut]
    next_cursor: str | None = None
    storage: StorageShare | None = Field(default=None, description="Null where somebody else's storage is shown.")


class EntryDetail(EntryOut):
    """One file or folder, and where it is found elsewhere."""

    writable: bool
    sha256: str | None = Field(description="Null until it was asked for once since the file changed.")
    preview: PreviewKind
    mounted_at: str = Field(description="Where servers and jobs find it; may begin with a variable of theirs.")
    uri: str = Field(description="For `fsspec` and the programs that use it.")


class ColumnOut(BaseModel):
    """A column of a table."""

    name: str
    type: str


class CellOutputOut(BaseModel):
    """One thing that a cell showed; ``image`` is a PNG as a ``data:`` URL."""

    text: str | None = None
    image: str | None = None


class CellOut(BaseModel):
    """A cell of a notebook."""

    type: CellKind
    source: str
    outputs: list[CellOutputOut]


class FilePreviewOut(BaseModel):
    """What a file looks like. ``none`` comes with a ``reason``; ``image`` and ``pdf`` are shown from their content."""

    kind: PreviewKind
    reason: str = ""
    text: str | None = None
    truncated: bool = False
    columns: list[ColumnOut] | None = None
    rows: list[list[JsonValue]] | None = None
    cells: list[CellOut] | None = None


class ChecksumOut(BaseModel):
    """The SHA-256 of a file as it was when it had this ``etag``."""

    path: str
    etag: str
    sha256: str


class FolderIn(_Strict):
    """A folder to make, with those above it."""

    path: PathText = Field(title="Path")


class MoveIn(_Strict):
    """What to move or rename, or to copy, and to where."""

    source: PathText = Field(title="From")
    target: PathText = Field(title="To", description="The new path itself, not the folder to put it in.")
    replace: bool = Field(
        default=False, title="Replace", description="Put what is at the target into the trash. Folders never merge."
    )


class UnpackIn(_Strict):
    """Which archive to unpack, and into which new folder."""

    source: PathText = Field(title="Archive", description="A zip, or a tar that may be packed by gzip, bzip2 or xz.")
    target: PathText = Field(title="To", description="The folder that is made, not the one to put it in.")
    replace: bool = Field(
        default=False, title="Replace", description="Put what is at the target into the trash. Folders never merge."
    )


class DeleteIn(_Strict):
    """What to put into the trash."""

    paths: list[PathText] = Field(min_length=1, max_length=MAX_PATHS, title="Paths")


class RestoreIn(_Strict):
    """Where to put it back."""

    path: PathText | None = Field(default=None, title="Path", description="Left out: where it was.")


class FileCount(BaseModel):
    """How much of something."""

    files: int
    bytes: int


class FileTaskOut(BaseModel):
    """Work on files. Short work has ended when the request that asked for it is answered."""

    id: str
    kind: TaskKind
    state: TaskState
    user: str
    source: str
    target: str
    done: FileCount
    total: FileCount | None
    message: str
    created_at: datetime
    finished_at: datetime | None


class FileTaskPage(BaseModel):
    """Work on the group's files, newest first."""

    items: list[FileTaskOut]
    next_cursor: str | None = None


class TrashOut(BaseModel):
    """Something that was deleted, and until when it can be restored."""

    id: str
    path: str
    name: str
    kind: EntryKind
    size: int
    files: int
    deleted_by: str
    deleted_at: datetime
    expires_at: datetime


class TrashPage(BaseModel):
    """What was deleted, latest first."""

    items: list[TrashOut]
    next_cursor: str | None = None


class PurgedOut(BaseModel):
    """What is gone for good."""

    count: int
    size: int


class StorageOut(BaseModel):
    """What the group stores: ``used`` counts files, trash and unfinished uploads alike.

    ``uploads`` is kept for uploads under way and counts against the limit, too. Files that servers and jobs write count
    when they are measured next.
    """

    used: int
    files: int
    limit: int | None
    uploads: int
    trash: int
    measured_at: datetime | None
