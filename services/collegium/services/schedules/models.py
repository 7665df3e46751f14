"""Wire models of schedules. Moments go in as text: a local time of the schedule's zone, or one with an offset."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from collegium.domain.jobs import JobKind
from collegium.domain.recurrence import MAX_EVERY, MAX_EXPRESSION, MIN_EVERY
from collegium.domain.schedules import (
    MAX_HORIZON,
    MAX_LIMIT,
    Missed,
    Overlap,
    RunReason,
    RunState,
    ScheduleReason,
    ScheduleState,
    Trigger,
)
from collegium.services.jobs.models import EventOut, JobIn, Name, Strict
from collegium.services.words import one_of

Zone = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Moment = Annotated[str, StringConstraints(min_length=1, max_length=40)]
OverlapWord = Annotated[Overlap, one_of(Overlap)]
MissedWord = Annotated[Missed, one_of(Missed)]
#: Due times that a preview shows.
SHOWN = 5
#: Runs that a trend is made of.
WINDOW = 50
_ZONE = Field(default="UTC", title="Time zone", description="An IANA name such as Europe/Berlin.")


class CronIn(Strict):
    """At the times of a cron expression. Skipped local times are due at the next that exists, repeated ones once."""

    kind: Literal["cron"]
    expression: Annotated[str, StringConstraints(max_length=MAX_EXPRESSION)] = Field(
        title="Expression", description="Five fields: minute, hour, day of month, month, day of week."
    )
    zone: Zone = _ZONE


class IntervalIn(Strict):
    """Every so many seconds that pass, counted from an anchor; changes of the clock do not matter."""

    kind: Literal["interval"]
    every: int = Field(
        ge=int(MIN_EVERY.total_seconds()), le=int(MAX_EVERY.total_seconds()), title="Every", description="In seconds."
    )
    anchor: Moment | None = Field(
        default=None, title="Counted from", description="A local time of the zone; now, if left out."
    )
    zone: Zone = _ZONE


class OnceIn(Strict):
    """On one date."""

    kind: Literal["once"]
    at: Moment = Field(title="At", description="A local time of the zone, such as 2027-01-31T08:00.")
    zone: Zone = _ZONE


RecurrenceIn = Annotated[CronIn | IntervalIn | OnceIn, Field(discriminator="kind")]


class PreviewIn(Strict):
    """When would it be due?"""

    recurrence: RecurrenceIn
    start_at: Moment | None = None
    end_at: Moment | None = None


class ScheduleIn(Strict):
    """A schedule to make."""

    name: Name = Field(title="Name", description="One of its kind in the group.")
    recurrence: RecurrenceIn = Field(title="When")
    template: JobIn = Field(title="Job", description="What is submitted each time; files are taken as they are then.")
    start_at: Moment | None = Field(default=None, title="Not before")
    end_at: Moment | None = Field(default=None, title="Not after")
    max_runs: int | None = Field(
        default=None, ge=1, le=1_000_000, title="Most runs", description="Ends after so many; no limit without it."
    )
    overlap: OverlapWord = Field(
        default=Overlap.FORBID,
        title="If an earlier run goes on",
        description="allow: both run; forbid: the new one is left out; replace: the earlier one is cancelled.",
    )
    missed: MissedWord = Field(
        default=Missed.ONCE,
        title="If due times were missed",
        description="skip: they are left out; once: one run makes up for all; all: each runs, up to the limit.",
    )
    missed_limit: int = Field(
        default=10, ge=1, le=MAX_LIMIT, title="At most", description="So many of the newest missed due times run."
    )
    missed_horizon: int = Field(
        default=86400,
        ge=0,
        le=int(MAX_HORIZON.total_seconds()),
        title="Not older than (seconds)",
        description="What was missed longer ago is left out.",
    )
    max_failures: int = Field(
        default=5,
        ge=0,
        le=1000,
        title="Pause after failures",
        description="So many failed runs in a row pause the schedule; 0: never.",
    )
    paused: bool = Field(default=False, title="Begin paused")


class SchedulePatch(Strict):
    """What is to change; what is left out stays. ``null`` takes a start, an end or a limit away."""

    name: Name | None = None
    recurrence: RecurrenceIn | None = None
    template: JobIn | None = Field(default=None, description="Jobs are those of whoever wrote this last.")
    start_at: Moment | None = None
    end_at: Moment | None = None
    max_runs: int | None = Field(default=None, ge=1, le=1_000_000)
    overlap: OverlapWord | None = None
    missed: MissedWord | None = None
    missed_limit: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    missed_horizon: int | None = Field(default=None, ge=0, le=int(MAX_HORIZON.total_seconds()))
    max_failures: int | None = Field(default=None, ge=0, le=1000)
    version: int | None = Field(
        default=None, ge=1, le=2**31 - 1, description="Refuse the change if it is another one by now."
    )


class ResumeIn(Strict):
    """``take_over``: from now on its jobs are those of the caller, with the caller's files and share of the quota."""

    take_over: bool = False


class DueOut(BaseModel):
    """A due time: the instant, what the zone's clock shows then, and what is odd about it."""

    at: datetime
    local: str
    note: str = ""


class PreviewOut(BaseModel):
    """The next due times, and the recurrence in words."""

    description: str
    items: list[DueOut]


class ScheduleRunOut(BaseModel):
    """What became of one due time; ``seconds`` is how long its job ran, ``job`` is null as long as there is none."""

    sequence: int
    due_at: datetime
    trigger: Trigger
    state: RunState
    reason: RunReason
    message: str
    requested_by: str
    run_as: str
    job: str | None
    fired_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None


class TrendPoint(BaseModel):
    """One run that has ended."""

    due_at: datetime
    state: RunState
    seconds: float | None


class Trend(BaseModel):
    """The newest runs that have ended, oldest first. ``change`` compares the median time of the newer half with the
    older half's: 0.1 is a tenth slower. Null where there is nothing to compare."""

    succeeded: int
    failed: int
    cancelled: int
    success_rate: float | None
    median_seconds: float | None
    change: float | None
    points: list[TrendPoint]


class ScheduleOut(BaseModel):
    """A schedule as it is now. ``run_as`` is whose jobs it submits; ``failures`` counts those in a row."""

    id: str
    group: str
    name: str
    state: ScheduleState
    reason: ScheduleReason
    message: str
    recurrence: dict[str, Any]
    description: str
    start_at: datetime | None
    end_at: datetime | None
    max_runs: int | None
    overlap: Overlap
    missed: Missed
    missed_limit: int
    missed_horizon: int
    max_failures: int
    kind: JobKind
    image: str
    instance_type: str
    run_as: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    runs: int
    failures: int
    next_at: datetime | None
    last_run: ScheduleRunOut | None
    version: int


class ScheduleDetail(ScheduleOut):
    """A schedule with its job, its next due times, how it went, and its history."""

    template: dict[str, Any]
    upcoming: list[DueOut]
    trend: Trend
    history: list[EventOut]


class SchedulePage(BaseModel):
    """A page of schedules, oldest first; ``next_cursor`` is absent on the last page."""

    items: list[ScheduleOut]
    next_cursor: str | None = None


class ScheduleRunPage(BaseModel):
    """A page of runs, newest first, and the trend of those that have ended."""

    items: list[ScheduleRunOut]
    trend: Trend
    next_cursor: str | None = None
