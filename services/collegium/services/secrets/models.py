"""Wire models of secrets. A value goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collegium.domain.secrets import MAX_VALUE, SecretKind
from collegium.services.words import one_of

KindWord = Annotated[SecretKind, one_of(SecretKind)]


class SecretIn(BaseModel):
    """A secret to set. What is left out stays as it is; a new one needs a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: str | None = Field(
        default=None, title="Value", description=f"At most {MAX_VALUE} bytes. It cannot be read again.", repr=False
    )
    fields: dict[str, str] | None = Field(
        default=None,
        max_length=10,
        title="Fields",
        description="In place of a value. git: username and password, or ssh_key (and known_hosts); s3: access_key and"
        " secret_key; registry: server, username and password.",
        repr=False,
    )
    kind: KindWord | None = Field(
        default=None, title="Kind", description="opaque is for variables of jobs; it stays as it was made."
    )
    description: Annotated[str, StringConstraints(max_length=500)] | None = Field(default=None, title="Description")


class SecretUseOut(BaseModel):
    """Something that still wants the secret: a job, sweep, schedule, dataset or image."""

    kind: str
    id: str
    name: str
    user: str


class SecretOut(BaseModel):
    """A secret without its value. ``used_by`` counts what still wants it, ``uses`` are the first of these. One of the
    ``platform`` is kept for groups by those who run it, and changed by them alone."""

    name: str
    kind: SecretKind = SecretKind.OPAQUE
    platform: bool = False
    description: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    used_by: int = 0
    uses: list[SecretUseOut] = Field(default_factory=list)


class SecretList(BaseModel):
    """The group's secrets by name. ``problem`` says why none can be set or used now, empty if they can."""

    items: list[SecretOut]
    problem: str = ""
