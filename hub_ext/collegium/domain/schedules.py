"""Schedules: work that starts by itself, what became of each due time, and what is to be done about those missed."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobState
from collegium.domain.recurrence import Recurrence, upcoming

#: A due time that is looked at later than this was missed: nobody was there. Long enough for one controller to take
#: over from another.
LATE = timedelta(seconds=60)
#: How far a clock may be behind what was looked at already before that counts as a clock that was set back.
SET_BACK = timedelta(seconds=5)
MAX_LIMIT = 100
MAX_HORIZON = timedelta(days=7)
#: Due times that one look goes through; the rest is for the next look.
MOST = 1000
_MOMENT = timedelta(microseconds=1)


class ScheduleState(enum.StrEnum):
    """An ended schedule has no due time left; changing it may give it some."""

    ACTIVE = "Active"
    PAUSED = "Paused"
    ENDED = "Ended"


class ScheduleReason(enum.StrEnum):
    """Why a schedule is in its state."""

    STARTED = "Started"
    BY_USER = "ByUser"
    FAILURE_STREAK = "FailureStreak"
    NO_RIGHT = "NoRight"
    INVALID = "Invalid"
    MAX_RUNS = "MaxRuns"
    NO_MORE_DUE = "NoMoreDue"


class Overlap(enum.StrEnum):
    """What becomes of a due time while an earlier run goes on: both run, the new one is left out, the old one ends."""

    ALLOW = "allow"
    FORBID = "forbid"
    REPLACE = "replace"


class Missed(enum.StrEnum):
    """What becomes of due times at which no controller was there: nothing, one run for all of them, or each."""

    SKIP = "skip"
    ONCE = "once"
    ALL = "all"


class Trigger(enum.StrEnum):
    """Why a run came about: its time, a time that was missed, or a person."""

    TIME = "time"
    MISSED = "missed"
    PERSON = "person"


class RunState(enum.StrEnum):
    """Due is written before anything is done about it; Submitted has a job; the rest is final."""

    DUE = "Due"
    SUBMITTED = "Submitted"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    SKIPPED = "Skipped"

    @property
    def final(self) -> bool:
        """True once nothing more happens."""
        return self not in (RunState.DUE, RunState.SUBMITTED)


class RunReason(enum.StrEnum):
    """Why a run is in its state."""

    FIRED = "Fired"
    SUBMITTED = "Submitted"
    JOB_ENDED = "JobEnded"
    OVERLAP = "Overlap"
    REPLACED = "Replaced"
    NOT_SUBMITTED = "NotSubmitted"
    NO_RIGHT = "NoRight"
    PAUSED = "Paused"


#: How a run ends whose job has ended.
OUTCOME = {
    JobState.SUCCEEDED: RunState.SUCCEEDED,
    JobState.FAILED: RunState.FAILED,
    JobState.CANCELLED: RunState.CANCELLED,
}


@dataclass(frozen=True)
class Timing:
    """When a schedule is due, and what is done about due times that were missed."""

    recurrence: Recurrence
    start_at: datetime | None = None
    end_at: datetime | None = None
    max_runs: int | None = None
    overlap: Overlap = Overlap.FORBID
    missed: Missed = Missed.ONCE
    #: The newest so many of those missed count, if they are no older than the horizon.
    missed_limit: int = 10
    missed_horizon: timedelta = timedelta(days=1)

    def after(self, moment: datetime) -> datetime | None:
        """The next due time later than ``moment``."""
        due = self.recurrence.after(self._from(moment))
        return None if due is None or (self.end_at is not None and due > self.end_at) else due

    def upcoming(self, moment: datetime, count: int) -> list[datetime]:
        """The next few, as they will be."""
        found: list[datetime] = []
        due = self.after(moment)
        while due is not None and len(found) < count:
            found.append(due)
            due = self.after(due)
        return found

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Due times later than ``after``, to ``until``; the first MOST of them."""
        end = until if self.end_at is None else min(until, self.end_at)
        found: list[datetime] = []
        for due in upcoming(self.recurrence, self._from(after), end):
            found.append(due)
            if len(found) == MOST:
                break
        return found

    def _from(self, moment: datetime) -> datetime:
        return moment if self.start_at is None else max(moment, self.start_at - _MOMENT)


@dataclass(frozen=True)
class Schedule:
    """A schedule's row. ``looked_until``: every due time to then was decided on; ``next_due`` is the first one after.

    ``template`` is the body that a job is submitted with, read anew each time. ``run_as`` is whose jobs these are: who
    last wrote the template or took the schedule over. ``runs`` counts what its time brought about, ``failures`` how
    many ended badly in a row. ``version`` grows with each change by a person.
    """

    id: str
    group: str
    name: str
    timing: Timing
    template: Mapping[str, Any]
    run_as: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    looked_until: datetime
    next_due: datetime | None
    state: ScheduleState = ScheduleState.ACTIVE
    reason: ScheduleReason = ScheduleReason.STARTED
    message: str = ""
    max_failures: int = 5
    runs: int = 0
    failures: int = 0
    version: int = 1

    @property
    def left(self) -> int | None:
        """How many runs are left, None if there is no limit."""
        return None if self.timing.max_runs is None else max(0, self.timing.max_runs - self.runs)


@dataclass(frozen=True)
class ScheduleRun:
    """What became of one due time. ``due_at`` is unique in its schedule; ``finished_at`` is when the job ended."""

    schedule_id: str
    group: str
    due_at: datetime
    trigger: Trigger
    state: RunState
    reason: RunReason
    fired_at: datetime
    message: str = ""
    requested_by: str = ""
    run_as: str = ""
    job_id: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    sequence: int = 0

    @property
    def key(self) -> str:
        """Under this idempotency key its job is submitted."""
        return f"schedule:{self.schedule_id}:{int(self.due_at.timestamp() * 1_000_000)}"

    @property
    def seconds(self) -> float | None:
        """How long its job ran, None while it runs or if it never did."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())


@dataclass(frozen=True)
class ScheduleFilter:
    """What to list; empty means all. ``user`` made it, or its jobs are theirs."""

    states: frozenset[ScheduleState] = frozenset()
    user: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class Plan:
    """What one look at a schedule comes to. ``missed`` due times come to no run of their own."""

    fire: tuple[tuple[datetime, Trigger], ...] = ()
    missed: int = 0
    looked_until: datetime = field(kw_only=True)
    next_due: datetime | None = field(kw_only=True)


def plan(timing: Timing, looked_until: datetime, known: Collection[datetime], now: datetime) -> Plan:
    """Decide on the due times between the last look and ``now``. ``known`` are those that have a row already.

    A clock that was set back takes the look back with it, or nothing would be due until it has caught up; what was
    fired ahead of its time is known by its row and is not fired again.
    """
    if now < looked_until:
        return Plan(looked_until=now, next_due=timing.after(now))
    on_time = [d for d in timing.between(max(looked_until, now - LATE), now) if d not in known]
    late: list[datetime] = []
    if looked_until < now - LATE:
        late = _late(timing, looked_until, now - LATE, known)
    chosen = _chosen(timing, late, bool(on_time), now)
    fire = [(d, Trigger.MISSED) for d in chosen] + [(d, Trigger.TIME) for d in on_time]
    return Plan(tuple(fire), len(late) - len(chosen), looked_until=now, next_due=timing.after(now))


def _late(timing: Timing, after: datetime, until: datetime, known: Collection[datetime]) -> list[datetime]:
    """The newest MOST of those missed within the horizon; older ones concern nobody any more."""
    start, found = max(after, until - MAX_HORIZON), deque[datetime](maxlen=MOST)
    while batch := timing.between(start, until):
        found.extend(d for d in batch if d not in known)
        start = batch[-1]
    return list(found)


def _chosen(timing: Timing, late: list[datetime], on_time: bool, now: datetime) -> list[datetime]:
    recent = [d for d in late if d >= now - timing.missed_horizon]
    match timing.missed:
        case Missed.SKIP:
            return []
        case Missed.ONCE:
            # A run that comes now anyway makes up for those missed.
            return [] if on_time else recent[-1:]
        case Missed.ALL:
            return recent[-timing.missed_limit :]


def check_timing(timing: Timing, now: datetime) -> datetime:
    """The first due time. Raises InvalidInput naming the field that keeps it from ever being due."""
    if timing.start_at is not None and timing.end_at is not None and timing.end_at < timing.start_at:
        raise InvalidInput("end_at", "is before start_at", timing.end_at.isoformat(), timing.start_at.isoformat())
    if timing.end_at is not None and timing.end_at <= now:
        raise InvalidInput("end_at", "is over already", timing.end_at.isoformat(), now.isoformat())
    if not 1 <= timing.missed_limit <= MAX_LIMIT:
        raise InvalidInput("missed_limit", f"must be 1 to {MAX_LIMIT}", timing.missed_limit, MAX_LIMIT)
    if not timedelta() <= timing.missed_horizon <= MAX_HORIZON:
        days = MAX_HORIZON.days
        raise InvalidInput("missed_horizon", f"must be 0 to {days} days", timing.missed_horizon.total_seconds(), days)
    due = timing.after(now)
    if due is None and timing.end_at is not None and timing.recurrence.after(now) is not None:
        raise InvalidInput("end_at", "is before the first due time", timing.end_at.isoformat())
    if due is None:
        raise InvalidInput("recurrence", "never comes: all its due times are over")
    return due
