"""Wire models of secrets. A value goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collegium.domain.secrets import MAX_VALUE


class SecretIn(BaseModel):
    """A secret to set. What is left out stays as it is; a new one needs a value."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: str | None = Field(
        default=None, title="Value", description=f"At most {MAX_VALUE} bytes. It cannot be read again.", repr=False
    )
    description: Annotated[str, StringConstraints(max_length=500)] | None = Field(default=None, title="Description")


class SecretOut(BaseModel):
    """A secret without its value. ``used_by`` counts schedules, sweeps and jobs that are still to run with it."""

    name: str
    description: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    used_by: int = 0


class SecretList(BaseModel):
    """The group's secrets by name. ``problem`` says why none can be set or used now, empty if they can."""

    items: list[SecretOut]
    problem: str = ""
