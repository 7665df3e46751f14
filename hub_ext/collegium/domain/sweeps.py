"""Sweeps and arrays: one job many times, each time with other values."""

from __future__ import annotations

import enum
import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobState
from collegium.domain.resources import Resources

#: Most points of a sweep, and parameters that vary in it.
MAX_POINTS, MAX_AXES = 10_000, 50


class SpaceKind(enum.StrEnum):
    """How the points are made."""

    GRID = "grid"
    RANDOM = "random"
    LIST = "list"
    ARRAY = "array"


@dataclass(frozen=True)
class Choices:
    """These values, one after the other or drawn."""

    values: tuple[Any, ...]

    def count(self) -> int:
        """How many."""
        return len(self.values)

    def at(self, index: int) -> Any:
        """The value at a place."""
        return self.values[index]

    def draw(self, source: random.Random) -> Any:
        """Any of them."""
        return self.values[min(len(self.values) - 1, int(source.random() * len(self.values)))]

    def samples(self) -> Sequence[Any]:
        """Values that must be acceptable for all to be."""
        return self.values


@dataclass(frozen=True)
class Steps:
    """``start``, ``start + step`` … up to ``stop``, which is included if it is hit. Counted exactly, in decimals."""

    start: int | float
    stop: int | float
    step: int | float

    def count(self) -> int:
        """How many."""
        span, step = Decimal(str(self.stop)) - Decimal(str(self.start)), Decimal(str(self.step))
        return int(span / step) + 1 if span * step >= 0 else 0

    def at(self, index: int) -> int | float:
        """The value at a place: whole as long as all that it is made of is."""
        if all(isinstance(x, int) for x in (self.start, self.step)):
            return self.start + index * self.step
        return float(Decimal(str(self.start)) + index * Decimal(str(self.step)))

    def samples(self) -> Sequence[Any]:
        """All of them: between two whole ends there may be others."""
        return [self.at(i) for i in range(self.count())]


@dataclass(frozen=True)
class Spread:
    """``number`` values from ``start`` to ``stop``, both included, at equal distances or, with ``log``, ratios."""

    start: int | float
    stop: int | float
    number: int
    log: bool = False

    def count(self) -> int:
        """How many."""
        return self.number

    def at(self, index: int) -> float:
        """The value at a place."""
        if index == 0 or self.number == 1:
            return float(self.start)
        if index == self.number - 1:
            return float(self.stop)
        share = index / (self.number - 1)
        if self.log:
            return math.exp(math.log(self.start) + share * (math.log(self.stop) - math.log(self.start)))
        return self.start + share * (self.stop - self.start)

    def samples(self) -> Sequence[Any]:
        """All of them: between two whole ends there may be others."""
        return [self.at(i) for i in range(self.number)]


@dataclass(frozen=True)
class Between:
    """Drawn from ``low`` to ``high``, evenly or, with ``log``, evenly in the logarithm; whole numbers if ``whole``."""

    low: int | float
    high: int | float
    log: bool = False
    whole: bool = False

    def draw(self, source: random.Random) -> int | float:
        """A value."""
        low: float
        high: float
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole and not self.log else (self.low, self.high)
        share = source.random()
        if self.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else float(value)

    def samples(self) -> Sequence[Any]:
        """The two ends."""
        return (self.low, self.high)


Axis = Choices | Steps | Spread | Between


@dataclass(frozen=True)
class Space:
    """All points of a sweep. A point is worked out from its number alone: nothing is stored, any may be asked again."""

    kind: SpaceKind
    axes: Mapping[str, Axis] = field(default_factory=dict)
    points: tuple[Mapping[str, Any], ...] = ()
    number: int = 0
    seed: int = 0

    @property
    def total(self) -> int:
        """How many points. Cheap also where they are far too many."""
        match self.kind:
            case SpaceKind.GRID:
                return math.prod(axis.count() for axis in self.axes.values() if not isinstance(axis, Between))
            case SpaceKind.LIST:
                return len(self.points)
        return self.number

    def point(self, index: int) -> dict[str, Any]:
        """The values of one point, from 0. In a grid the last axis moves fastest."""
        match self.kind:
            case SpaceKind.LIST:
                return dict(self.points[index])
            case SpaceKind.RANDOM:
                # Each point has a source of its own, so it is the same whatever was drawn before.
                source = random.Random(f"{self.seed}:{index}")
                return {n: a.draw(source) for n, a in self.axes.items() if isinstance(a, Choices | Between)}
            case SpaceKind.GRID:
                values: dict[str, Any] = {}
                for name, axis in reversed(list(self.axes.items())):
                    assert not isinstance(axis, Between)
                    index, place = divmod(index, axis.count())
                    values[name] = axis.at(place)
                return dict(reversed(list(values.items())))
        return {}

    def place(self, name: str) -> str:
        """Where a varied parameter stands in what people wrote: the field that a refusal names."""
        return f"random.space.{name}" if self.kind is SpaceKind.RANDOM else f"{self.kind.value}.{name}"


def check_space(space: Space) -> Space:
    """The space if it can be walked; raises InvalidInput with the axis, or with the number of points."""
    kind = space.kind.value
    if len(space.axes) > MAX_AXES:
        raise InvalidInput(kind, f"varies {len(space.axes)} parameters, at most {MAX_AXES} are allowed", limit=MAX_AXES)
    if not space.axes and space.kind in (SpaceKind.GRID, SpaceKind.RANDOM):
        raise InvalidInput(kind, "must vary at least one parameter", limit=1)
    for name, axis in space.axes.items():
        _check_axis(axis, space.place(name), space.kind is SpaceKind.GRID)
    total = space.total
    if not 1 <= total <= MAX_POINTS:
        # A number of thousands of digits can be reckoned with, not shown.
        shown = total if total < 10**15 else f"about 10^{math.log10(total):.0f}"
        raise InvalidInput(kind, f"must have 1 to {MAX_POINTS} points", shown, MAX_POINTS)
    return space


def _check_axis(axis: Axis, name: str, once: bool) -> None:
    """``once``: a value that comes twice would give the same point twice."""
    match axis:
        case Choices(values):
            if not values:
                raise InvalidInput(f"{name}.values", "must hold at least one value")
            if once:
                _check_different(values, f"{name}.values")
        case Steps(start, stop, step):
            if not step:
                raise InvalidInput(f"{name}.step", "must not be 0", step)
            if axis.count() < 1:
                raise InvalidInput(f"{name}.step", f"never leads from {start} to {stop}", step)
        case Spread():
            _check_spread(axis, name)
        case Between():
            _check_range(axis, name)


def _check_different(values: Sequence[Any], name: str) -> None:
    seen: dict[str, int] = {}
    for index, value in enumerate(values):
        # As JSON: 1 and true are equal in Python only.
        first = seen.setdefault(json.dumps(value, sort_keys=True), index)
        if first != index:
            raise InvalidInput(f"{name}.{index}", f"is the same as value {first}", value)


def _check_spread(axis: Spread, name: str) -> None:
    if axis.number < 1:
        raise InvalidInput(f"{name}.count", "must be at least 1", axis.number, 1)
    if axis.number > 1 and axis.start == axis.stop:
        raise InvalidInput(f"{name}.stop", f"is start, too, which gives {axis.number} times the same", axis.stop)
    lowest = min(axis.start, axis.stop)
    if axis.log and lowest <= 0:
        raise InvalidInput(name, "needs ends above 0 for a logarithmic scale", lowest, 0)


def _check_range(axis: Between, name: str) -> None:
    low, high = axis.low, axis.high
    if low > high:
        raise InvalidInput(f"{name}.low", "is above high", low, high)
    for end, value in (("low", low), ("high", high)):
        if axis.whole and value != int(value):
            raise InvalidInput(f"{name}.{end}", "must be a whole number where whole ones are drawn", value)
    if axis.log and low <= 0:
        raise InvalidInput(f"{name}.low", "must be above 0 for a logarithmic scale", low, 0)


class Goal(enum.StrEnum):
    """Which end of a metric is good."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True)
class Objective:
    """What the best job is best at: the last value of a metric."""

    metric: str
    goal: Goal = Goal.MINIMIZE


@dataclass(frozen=True)
class Sweep:
    """A sweep's row: the parent of its jobs, which are made a few at a time.

    ``job`` is what somebody asked each job to be, as it came in; ``launch`` and ``resources`` are what that resolved to
    on the day, and all jobs run as that. ``made`` counts the points that have become jobs, which are always the first;
    ``concurrency`` 0 leaves the limit to the quota. ``state`` is RUNNING until every job is over.
    """

    id: str
    group: str
    user: str
    name: str
    job: Mapping[str, Any]
    space: Space
    launch: Mapping[str, Any]
    resources: Resources
    state: JobState
    message: str
    created_at: datetime
    sequence: int = 0
    made: int = 0
    concurrency: int = 0
    objective: Objective | None = None
    priority: int = 0
    tags: tuple[str, ...] = ()
    notes: str = ""
    finished_at: datetime | None = None
    cancel_requested_by: str | None = None
    rerun_of: str | None = None


def verdict(sweep: Sweep, counts: Mapping[JobState, int]) -> tuple[JobState, str] | None:
    """The end of a sweep whose jobs have these states; None while there is more to come."""
    over = sum(n for state, n in counts.items() if state.final)
    if sum(counts.values()) > over or (sweep.made < sweep.space.total and sweep.cancel_requested_by is None):
        return None
    if sweep.cancel_requested_by is not None:
        return JobState.CANCELLED, f"Cancelled by {sweep.cancel_requested_by}."
    # Counted are those that are still there: somebody may have deleted some.
    bad = over - counts.get(JobState.SUCCEEDED, 0)
    if not bad:
        return JobState.SUCCEEDED, ""
    return JobState.FAILED, f"{bad} of {sweep.made} jobs did not succeed."


@dataclass(frozen=True)
class SweepFilter:
    """What to list; empty means all. ``text`` matches anywhere in the name, case-insensitively."""

    states: frozenset[JobState] = frozenset()
    user: str | None = None
    text: str | None = None
