"""Wire models of sweeps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field, JsonValue, StringConstraints

from collegium.domain.jobs import JobState
from collegium.domain.metrics import MAX_KEY
from collegium.domain.sweeps import MAX_AXES, MAX_POINTS, Goal
from collegium.domain.tags import MAX_TAGS
from collegium.services.jobs.models import EventOut, JobIn, Name, Notes, Priority, Strict, Tag
from collegium.services.words import one_of

#: Points that a preview shows.
SHOWN = 20
#: So far from the edge of what a computer can reckon with that nothing in between falls off it.
Number = Annotated[int, Field(ge=-(2**63), lt=2**63)] | Annotated[float, Field(ge=-1e300, le=1e300)]
Count = Annotated[int, Field(ge=1, le=2**53)]
Concurrency = Annotated[int, Field(ge=0, le=MAX_POINTS)]
Axis = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Values = Annotated[list[JsonValue], Field(min_length=1, max_length=MAX_POINTS)]


class SweepJobIn(JobIn):
    """What each job of a sweep is: as for one job, without its name."""

    name: Name = Field(default="point", title="Name", description="Of no use here: jobs are named after the sweep.")


class GridAxisIn(Strict):
    """The values of one parameter: `values`, or `start` and `stop` with either `step` or `count`."""

    values: Values | None = Field(default=None, title="Values")
    start: Number | None = Field(default=None, title="From")
    stop: Number | None = Field(default=None, title="To", description="Included if it is hit.")
    step: Number | None = Field(default=None, title="Step")
    count: Count | None = Field(default=None, title="How many", description="At equal distances, both ends included.")
    log: bool = Field(default=False, title="Logarithmic", description="With `count`: at equal ratios.")


class DrawnAxisIn(Strict):
    """What one parameter is drawn from: `values`, or everything from `low` to `high`."""

    values: Values | None = Field(default=None, title="Values")
    low: Number | None = Field(default=None, title="From")
    high: Number | None = Field(default=None, title="To")
    log: bool = Field(default=False, title="Logarithmic", description="Evenly in the logarithm.")
    whole: bool = Field(default=False, title="Whole numbers")


class RandomIn(Strict):
    """Points that are drawn. The same seed gives the same points."""

    space: dict[Axis, DrawnAxisIn] = Field(min_length=1, max_length=MAX_AXES, title="Parameters")
    count: Count = Field(title="How many")
    seed: int = Field(default=0, ge=-(2**53), le=2**53, title="Seed")


class ObjectiveIn(Strict):
    """What the best job is best at: the last value of a metric."""

    metric: Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY)] = Field(title="Metric")
    goal: Annotated[Goal, one_of(Goal)] = Field(default=Goal.MINIMIZE, title="Goal")


class SweepIn(Strict):
    """A sweep to submit: a job and exactly one of grid, random, list and array."""

    name: Name = Field(title="Name")
    job: SweepJobIn = Field(title="Job")
    grid: dict[Axis, GridAxisIn] | None = Field(
        default=None, min_length=1, max_length=MAX_AXES, title="Grid", description="Every combination."
    )
    random: RandomIn | None = Field(default=None, title="Random")
    listed: list[dict[Axis, JsonValue]] | None = Field(
        default=None, alias="list", min_length=1, title="List", description="These points and no others."
    )
    array: Count | None = Field(
        default=None, title="Array", description="So many jobs that differ in `SWEEP_INDEX` only, which counts from 0."
    )
    concurrency: Concurrency = Field(
        default=0, title="At the same time", description="0: as many as the quota has room for."
    )
    objective: ObjectiveIn | None = Field(default=None, title="Objective")
    priority: Priority = Field(default=0, title="Priority", description="As of a job.")
    tags: list[Tag] = Field(
        default_factory=list, max_length=MAX_TAGS, title="Tags", description="Its jobs have them too."
    )
    notes: Notes = Field(default="", title="Notes")


class SweepEdit(Strict):
    """What can be changed after submit; what is left out stays."""

    notes: Notes | None = None
    tags: list[Tag] | None = Field(default=None, max_length=MAX_TAGS)
    concurrency: Concurrency | None = Field(default=None, description="Only while it goes on.")


class SweepPreview(BaseModel):
    """How many jobs it would be, and the values of the first."""

    total: int
    points: list[dict[str, Any]]


class ObjectiveOut(BaseModel):
    """What the best job is best at."""

    metric: str
    goal: Goal


class BestOut(BaseModel):
    """The best job so far, of those that succeeded or run."""

    job: str
    point: int
    value: float
    values: dict[str, Any]


class SweepOut(BaseModel):
    """A sweep as it is now. ``total`` points become jobs, ``made`` of them have; ``counts`` are jobs by state."""

    id: str
    group: str
    user: str
    name: str
    state: JobState
    message: str
    kind: str
    total: int
    made: int
    counts: dict[str, int]
    concurrency: int
    objective: ObjectiveOut | None
    best: BestOut | None
    priority: int
    tags: list[str]
    notes: str
    created_at: datetime
    finished_at: datetime | None
    cancel_requested_by: str | None


class SweepDetail(SweepOut):
    """A sweep with its job and its space as they were asked for, what that resolved to, and its history."""

    spec: dict[str, Any]
    space: dict[str, Any]
    launch: dict[str, Any]
    history: list[EventOut]


class SweepPage(BaseModel):
    """A page of sweeps, the newest first; ``next_cursor`` is absent on the last page."""

    items: list[SweepOut]
    next_cursor: str | None = None


class PointOut(BaseModel):
    """One point; ``job`` is null as long as there is none, ``value`` without a figure of the objective's metric."""

    point: int
    values: dict[str, Any]
    job: str | None
    state: JobState | None
    value: float | None


class PointPage(BaseModel):
    """A page of points in order; ``next_cursor`` is absent on the last page."""

    items: list[PointOut]
    next_cursor: str | None = None
