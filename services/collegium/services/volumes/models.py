"""Wire models of volumes and of the platform's secrets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collegium.domain.secrets import MAX_VALUE, SecretKind
from collegium.domain.volumes import VolumeKind
from collegium.services.jobs.models import Strict
from collegium.services.secrets.models import KindWord, SecretUseOut


class VolumeOut(BaseModel):
    """A volume at the backend. ``capacity`` and ``used`` in bytes, null where nobody knows."""

    group: str | None
    kind: VolumeKind
    name: str
    user: str | None
    capacity: int | None
    used: int | None
    state: str
    message: str
    resizable: bool


class VolumePage(BaseModel):
    """A page of volumes, by group, kind and name."""

    items: list[VolumeOut]
    next_cursor: str | None = None


class ResizeIn(Strict):
    """A volume that is to become larger; none becomes smaller."""

    group: str | None = Field(default=None, title="Group", description="null for a volume of no group.")
    name: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(title="Volume")
    size: Annotated[str, StringConstraints(min_length=1, max_length=32)] | int = Field(
        title="Size", description="In bytes, or as 20Gi."
    )


class PlatformSecretIn(BaseModel):
    """A secret that groups may use. What is left out stays as it is; a new one needs a value, or fields."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    kind: KindWord | None = Field(default=None, title="Kind", description="opaque without; it stays as it was made.")
    value: str | None = Field(
        default=None, title="Value", description=f"At most {MAX_VALUE} bytes. It cannot be read again.", repr=False
    )
    fields: dict[str, str] | None = Field(
        default=None,
        max_length=10,
        title="Fields",
        description="For git, s3 and registry, in place of a value.",
        repr=False,
    )
    description: Annotated[str, StringConstraints(max_length=500)] | None = Field(default=None, title="Description")
    groups: list[str] | Literal["*"] | None = Field(
        default=None, title="Groups", description="Names, or `*` for every group; nobody if it was never given."
    )


class PlatformSecretOut(BaseModel):
    """A secret without its value, and which groups may use it."""

    name: str
    kind: SecretKind
    description: str
    groups: list[str] | Literal["*"]
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    used_by: int
    uses: list[SecretUseOut]


class PlatformSecretList(BaseModel):
    """All of them by name; ``problem`` says why none can be set or used now, empty if they can."""

    items: list[PlatformSecretOut]
    problem: str = ""
