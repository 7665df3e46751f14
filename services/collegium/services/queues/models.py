"""Wire models of queues and settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from collegium.domain.queues import QueueMode
from collegium.domain.shares import ShareLinks
from collegium.services.jobs.models import MAX_SECONDS, Strict
from collegium.services.words import one_of


class QueueIn(Strict):
    """Open the queue, pause it (jobs are taken and none starts), or drain it (none is taken, those there go on)."""

    mode: Annotated[QueueMode, one_of(QueueMode)] = Field(title="Mode")
    reason: Annotated[str, StringConstraints(max_length=500, strip_whitespace=True)] = Field(
        default="", title="Reason", description="Shown to those who wait or are refused."
    )


class HeadOut(BaseModel):
    """The first job in line that the group has no room for; room is kept for it."""

    id: str
    name: str
    user: str
    message: str
    earliest_start: datetime | None = None


class QueueOut(BaseModel):
    """The queue as it is now.

    ``ready`` stand in line, ``later`` are tried again at some time, ``held`` wait for other jobs; ``by_user`` counts
    those who stand in line.
    """

    mode: QueueMode
    reason: str
    by: str
    at: datetime | None
    ready: int
    later: int
    held: int
    starting: int
    running: int
    by_user: dict[str, int]
    head: HeadOut | None = None


class SettingsIn(Strict):
    """What is left out stays; null is the platform's default."""

    job_timeout_seconds: int | None = Field(
        default=None,
        ge=0,
        le=MAX_SECONDS,
        title="Time limit of jobs (seconds)",
        description="Of jobs that name none; 0 is no limit.",
    )
    artifact_days: int | None = Field(
        default=None, ge=0, le=3650, title="Days to keep artifacts", description="After the job's end; 0 is for ever."
    )
    share_links: Annotated[ShareLinks, one_of(ShareLinks)] | None = Field(
        default=None,
        title="Share links",
        description="For nobody, members of the group, whoever is logged in, or everybody who has the link.",
    )
    trash_days: int | None = Field(
        default=None, ge=0, le=3650, title="Days to keep deleted files", description="0: they are gone at once."
    )


class LimitOut(BaseModel):
    """A setting: what the group set (null: nothing), what holds, and the most there may be (0: no bound)."""

    own: int | None
    holds: int
    most: int


class ShareLinksOut(BaseModel):
    """As a limit, in words: each allows what those before it allow."""

    own: ShareLinks | None
    holds: ShareLinks
    most: ShareLinks


class SettingsOut(BaseModel):
    """What the group's admins may set about jobs and files."""

    job_timeout_seconds: LimitOut
    artifact_days: LimitOut
    share_links: ShareLinksOut
    trash_days: LimitOut
