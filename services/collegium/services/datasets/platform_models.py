"""Wire models of datasets as those who run the platform see them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from collegium.domain.catalog import AccessMode, SourceKind
from collegium.domain.groups import ManagedBy
from collegium.services.datasets.models import (
    AccessWord,
    Description,
    GrantOut,
    KindWord,
    Label,
    Licence,
    Source,
    SourceHealthOut,
    Tags,
)
from collegium.services.jobs.models import Strict


class GroupGrantIn(Strict):
    """A group that is to have it."""

    group: str = Field(title="Group")
    access: AccessWord = Field(default=AccessMode.READ_ONLY, title="Access")


class PlatformDatasetIn(Strict):
    """A dataset of the platform's own, of any kind."""

    name: str = Field(title="Name", description="One of its kind on the platform; it is part of every path.")
    display_name: Label | None = Field(default=None, title="Display name")
    description: Description = Field(default="", title="Description")
    tags: Tags = Field(default_factory=list, title="Tags")
    licence: Licence = Field(default="", title="Licence", description="An SPDX id, or a text.")
    kind: KindWord = Field(title="Kind")
    source: Source = Field(default_factory=dict)
    everyone: AccessWord | None = Field(default=None, title="Every group", description="null: only the groups below.")
    grants: list[GroupGrantIn] = Field(default_factory=list, max_length=1000, title="Groups")


class PlatformDatasetPatch(Strict):
    """What is to change; what is left out stays. A source is given whole; the kind stays."""

    display_name: Label | None = None
    description: Description | None = None
    tags: Tags | None = None
    licence: Licence | None = None
    source: Source | None = None


class PlatformGrantOut(GrantOut):
    """A grant; those of the catalog file are changed there."""

    managed_by: ManagedBy


class PlatformDataset(BaseModel):
    """A dataset with everything that is known of it; ``used_by`` counts workloads that have it now."""

    name: str
    display_name: str
    description: str
    tags: list[str]
    licence: str
    kind: SourceKind
    owner: str | None
    source: dict[str, str]
    grants: list[PlatformGrantOut]
    health: SourceHealthOut
    size: int | None
    files: int | None
    versions: int
    latest_version: int | None
    used_by: int
    deleting: bool
    managed_by: ManagedBy
    created_by: str
    created_at: datetime | None
    updated_at: datetime | None


class PlatformDatasetPage(BaseModel):
    """A page of all datasets by name."""

    items: list[PlatformDataset]
    next_cursor: str | None = None
