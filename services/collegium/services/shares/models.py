"""Wire models of share links. The link itself is told once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from collegium.domain.files import MAX_PATH, EntryKind

MAX_DAYS = 365
MAX_NOTE = 200


class ShareIn(BaseModel):
    """A link to make. It never opens more than the group's settings allow at the time when it is opened."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    path: Annotated[str, StringConstraints(max_length=MAX_PATH)] = Field(title="File or folder")
    expires_in_days: int = Field(default=7, ge=1, le=MAX_DAYS, title="Valid for", description="In days.")
    password: Annotated[str, StringConstraints(min_length=8, max_length=200)] | None = Field(
        default=None, title="Password", description="Asked of whoever opens the link.", repr=False
    )
    public: bool = Field(
        default=False, title="Without login", description="Possible where the group's settings say `public`."
    )
    note: Annotated[str, StringConstraints(max_length=MAX_NOTE)] = Field(
        default="", title="Note", description="For the group; whoever opens the link does not see it."
    )


class ShareOut(BaseModel):
    """A link, without what opens it. ``opened`` counts how often its page or a file was asked for.

    ``problem`` says why it opens nothing for anybody now, empty if it does.
    """

    id: str
    path: str
    kind: EntryKind
    created_by: str
    created_at: datetime
    expires_at: datetime
    has_password: bool
    public: bool
    revoked_at: datetime | None
    opened: int
    opened_at: datetime | None
    note: str
    problem: str


class ShareCreated(ShareOut):
    """``url`` is in this answer and nowhere else."""

    url: str


class SharePage(BaseModel):
    """The group's links, the newest first. ``allowed`` is what its settings allow; ``problem`` says why none can be
    made now, empty if they can."""

    items: list[ShareOut]
    next_cursor: str | None = None
    allowed: str
    problem: str = ""
