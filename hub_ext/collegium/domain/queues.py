"""A group's queue and what its admins may set about jobs."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from collegium.domain.errors import Conflict, InvalidInput
from collegium.domain.shares import ShareLinks

#: Priorities go from -10 to 10, and a step is worth an hour of waiting: nobody is passed by what comes 20 hours later.
MAX_PRIORITY = 10
AGEING = timedelta(hours=1)


def rank(created_at: datetime, priority: int) -> datetime:
    """A job's place in the order of its queue, lowest first.

    Waiting raises a job by one step an hour, which is the same as to put a step of priority an hour earlier: an order
    that never changes while jobs wait, and in which each has only so many before it.
    """
    return created_at - priority * AGEING


class QueueMode(enum.StrEnum):
    """open; paused: jobs are taken and none starts; draining: none is taken, those that wait still start."""

    OPEN = "open"
    PAUSED = "paused"
    DRAINING = "draining"


@dataclass(frozen=True)
class GroupSettings:
    """What a group's admins set. None leaves it to the platform's default; a time limit of 0 is none."""

    group: str
    mode: QueueMode = QueueMode.OPEN
    mode_reason: str = ""
    mode_by: str = ""
    mode_at: datetime | None = None
    job_timeout_seconds: int | None = None
    artifact_days: int | None = None
    share_links: ShareLinks | None = None
    trash_days: int | None = None

    def refuse_new(self) -> None:
        """Raise Conflict while no new jobs are taken."""
        if self.mode is QueueMode.DRAINING:
            raise Conflict(self.why(), group=self.group, mode=self.mode.value, by=self.mode_by)

    def why(self) -> str:
        """The sentence for those who wait or are refused; empty while the queue is open."""
        if self.mode is QueueMode.OPEN:
            return ""
        what = "is paused" if self.mode is QueueMode.PAUSED else "takes no new jobs"
        because = f": {self.mode_reason}" if self.mode_reason else ""
        return f"The queue of group {self.group} {what}, by {self.mode_by}{because}."


@dataclass(frozen=True)
class JobBounds:
    """The platform's own: defaults for groups that say nothing, and what no group may pass. 0 is no bound."""

    timeout_seconds: int = 0
    max_timeout_seconds: int = 0
    artifact_days: int = 0
    max_artifact_days: int = 0

    def timeout(self, settings: GroupSettings) -> int:
        """The time limit of a job that names none."""
        wanted = self.timeout_seconds if settings.job_timeout_seconds is None else settings.job_timeout_seconds
        return _within(wanted, self.max_timeout_seconds)

    def days(self, settings: GroupSettings) -> int:
        """For how many days artifacts are kept; 0 is for ever."""
        wanted = self.artifact_days if settings.artifact_days is None else settings.artifact_days
        return _within(wanted, self.max_artifact_days)

    def check_timeout(self, seconds: int, field: str = "timeout_seconds") -> int:
        """The time limit if the platform allows it; raises InvalidInput."""
        return _allowed(seconds, self.max_timeout_seconds, field, "seconds")

    def check_days(self, days: int, field: str = "artifact_days") -> int:
        """The days if the platform allows them; raises InvalidInput."""
        return _allowed(days, self.max_artifact_days, field, "days")


def _within(wanted: int, bound: int) -> int:
    return min(wanted or bound, bound) if bound else wanted


def _allowed(wanted: int, bound: int, field: str, unit: str) -> int:
    if bound and not 1 <= wanted <= bound:
        none = ", and 0 would be no limit" if not wanted else ""
        raise InvalidInput(field, f"the platform allows 1 to {bound} {unit}{none}", wanted, bound)
    return wanted
