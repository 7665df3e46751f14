"""Wire models of datasets as groups see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from collegium.domain.catalog import AccessMode, SourceKind
from collegium.domain.datasets import MAX_LICENCE, MAX_SOURCE, MAX_TAGS, Health, VersionState
from collegium.domain.files import MAX_PATH
from collegium.domain.groups import ManagedBy
from collegium.services.files.models import ColumnOut
from collegium.services.jobs.models import Strict, Tag
from collegium.services.words import one_of

Label = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Description = Annotated[str, StringConstraints(max_length=2000)]
Licence = Annotated[str, StringConstraints(max_length=MAX_LICENCE)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS)]
Path = Annotated[str, StringConstraints(max_length=MAX_PATH)]
Source = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=8192)]],
    Field(
        max_length=MAX_SOURCE,
        title="Source",
        description="managed: nothing; git: url, revision, secret, folder; s3: bucket, prefix, endpoint, region,"
        " secret; folder: path; nfs: server, path; claim: claim, size, storage_class, access_mode; environment: the"
        " variables.",
    ),
]
AccessWord = Annotated[AccessMode, one_of(AccessMode)]
KindWord = Annotated[SourceKind, one_of(SourceKind)]


class DatasetIn(Strict):
    """A dataset to make. It is the group's own; nobody else sees it until it is granted."""

    name: str = Field(title="Name", description="One of its kind on the platform; it is part of every path.")
    display_name: Label | None = Field(default=None, title="Display name")
    description: Description = Field(default="", title="Description")
    tags: Tags = Field(default_factory=list, title="Tags")
    licence: Licence = Field(default="", title="Licence", description="An SPDX id, or a text.")
    kind: KindWord = Field(default=SourceKind.MANAGED, title="Kind", description="managed, git or s3.")
    source: Source = Field(default_factory=dict)
    copy_from: list[Path] | None = Field(
        default=None,
        max_length=1000,
        title="Copy from",
        description="Paths of the group's shared files that are copied into it; for kind managed.",
    )


class DatasetPatch(Strict):
    """What is to change; what is left out stays."""

    display_name: Label | None = None
    description: Description | None = None
    tags: Tags | None = None
    licence: Licence | None = None


class SourceHealthOut(BaseModel):
    """Whether its source was there when somebody looked last."""

    state: Health
    message: str
    checked_at: datetime | None


class DatasetSummary(BaseModel):
    """A dataset that the group owns or was granted.

    ``owner`` is null for the platform's own; ``access`` is what servers and jobs of the group may do; ``size`` and
    ``files`` are of what is in it now, or of its newest version where it has nothing but versions, null while nobody
    counted; ``mounted_at`` is where servers and jobs find it on a cluster.
    """

    name: str
    display_name: str
    description: str
    tags: list[str]
    licence: str
    kind: SourceKind
    owner: str | None
    access: AccessMode
    mine: bool
    size: int | None
    files: int | None
    versions: int
    latest_version: int | None
    health: SourceHealthOut
    mounted_at: str
    path: str
    managed_by: ManagedBy
    created_by: str
    created_at: datetime | None
    updated_at: datetime | None


class GrantOut(BaseModel):
    """A group that may use the dataset; ``*`` is every group."""

    group: str
    access: AccessMode


class DatasetDetail(DatasetSummary):
    """One dataset. ``source`` and ``grants`` are for those whose it is, null for others; secrets are named, not told.
    ``copying`` is the id of the task that copies files into it, right after it was made."""

    source: dict[str, str] | None
    grants: list[GrantOut] | None
    copying: str | None = None


class DatasetPage(BaseModel):
    """A page of datasets by name; ``next_cursor`` is null on the last page."""

    items: list[DatasetSummary]
    next_cursor: str | None = None


class VersionIn(Strict):
    """A version to make of what is there now; of git and S3 sources this fetches."""

    note: Annotated[str, StringConstraints(max_length=500)] = Field(default="", title="Note")
    revision: Annotated[str, StringConstraints(max_length=250)] | None = Field(
        default=None, title="Revision", description="For git: a branch, tag or commit; its default branch without."
    )


class VersionOut(BaseModel):
    """A snapshot that never changes. ``manifest`` is the SHA-256 of the list of its files; ``revision`` the commit of a
    git source; ``size`` in bytes. ``message`` says why it failed, or what it waits for."""

    number: int
    state: VersionState
    note: str
    message: str
    manifest: str
    revision: str
    files: int
    size: int
    created_by: str
    created_at: datetime
    ready_at: datetime | None
    path: str


class TableOut(BaseModel):
    """A table in a version: its columns, and its first rows. ``rows`` is null where counting would read it whole."""

    path: str
    columns: list[ColumnOut]
    rows: int | None
    sample: list[list[Any]]


class VersionDetail(VersionOut):
    """A version with its first tables."""

    tables: list[TableOut]


class VersionPage(BaseModel):
    """A page of versions, newest first."""

    items: list[VersionOut]
    next_cursor: str | None = None


class ManifestLine(BaseModel):
    """A file of a version; ``digest`` is ``sha256:…``, or ``etag:…`` of what lies in S3."""

    path: str
    size: int
    digest: str


class ManifestPage(BaseModel):
    """A page of a version's files, by path."""

    items: list[ManifestLine]
    next_cursor: str | None = None


class UseOut(BaseModel):
    """A workload that used the dataset: ``version`` null is what was in it ``at`` that time."""

    dataset: str
    version: int | None
    kind: str
    id: str
    label: str
    group: str
    user: str
    access: AccessMode
    at: datetime
    ended_at: datetime | None


class UsePage(BaseModel):
    """A page of uses, newest first."""

    items: list[UseOut]
    next_cursor: str | None = None


class GrantIn(Strict):
    """How the other group may use it."""

    access: AccessWord = Field(default=AccessMode.READ_ONLY, title="Access")


class RevokedOut(BaseModel):
    """Who still holds what was taken away: what runs keeps it until it ends, the next start is without."""

    holders: list[UseOut]


class CopyIn(Strict):
    """Files of the group's shared files to copy into the dataset."""

    paths: list[Path] = Field(min_length=1, max_length=1000, title="Files and folders")
    target: Path = Field(default="", title="Into", description="A folder of the dataset; its root if empty.")
