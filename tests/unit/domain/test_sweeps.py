"""Spaces of sweeps: how many points, which ones, and what cannot be one."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.db.specs import objective_from_json, objective_to_json, space_from_json, space_to_json
from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobState
from collegium.domain.resources import Resources
from collegium.domain.sweeps import (
    MAX_POINTS,
    Axis,
    Between,
    Choices,
    Goal,
    Objective,
    Space,
    SpaceKind,
    Spread,
    Steps,
    Sweep,
    check_space,
    verdict,
)

WHOLE = st.integers(-(10**6), 10**6)
REAL = st.floats(-1e9, 1e9, allow_nan=False)
VALUE = st.one_of(st.booleans(), st.integers(), st.text(max_size=5), st.none())
CHOICES = st.lists(VALUE, min_size=1, max_size=6, unique_by=json.dumps).map(lambda v: Choices(tuple(v)))


@st.composite
def steps(draw: st.DrawFn) -> Steps:
    """Up to twenty steps, up or down, whole or in hundredths."""
    if draw(st.booleans()):
        start, step = draw(WHOLE), draw(st.integers(-9, 9).filter(bool))
        return Steps(start, start + step * draw(st.integers(0, 19)), step)
    start, step = draw(st.integers(-999, 999)), draw(st.integers(-99, 99).filter(bool))
    return Steps(start / 100, (start + step * draw(st.integers(0, 19))) / 100, step / 100)


@st.composite
def spread(draw: st.DrawFn) -> Spread:
    """Up to nine values, at distances that are to be seen."""
    log = draw(st.booleans())
    start = draw(st.floats(1e-6, 1e6)) if log else draw(REAL)
    stop = start * draw(st.floats(1.5, 1e6)) if log else start + draw(st.floats(1, 1e6))
    ends = (start, stop) if draw(st.booleans()) else (stop, start)
    return Spread(*ends, draw(st.integers(1, 9)), log)


@st.composite
def between(draw: st.DrawFn) -> Between:
    """Bounds of any kind."""
    log, whole = draw(st.booleans()), draw(st.booleans())
    kind: st.SearchStrategy[Any] = st.integers(1, 10**6) if whole else st.floats(1e-6, 1e6)
    low, high = sorted((draw(kind), draw(kind)))
    return Between(low, high, log, whole)


GRID = st.dictionaries(st.sampled_from("abc"), st.one_of(CHOICES, steps(), spread()), min_size=1)


@given(GRID)
def test_the_points_of_a_grid_are_all_combinations_once(axes: dict[str, Axis]) -> None:
    space = check_space(Space(SpaceKind.GRID, axes))
    points = [space.point(i) for i in range(space.total)]
    assert len({json.dumps(p) for p in points}) == space.total == math.prod(len(a.samples()) for a in axes.values())
    assert all(list(p) == list(axes) for p in points)
    for name, axis in axes.items():
        assert {json.dumps(p[name]) for p in points} == {json.dumps(v) for v in axis.samples()}
        if isinstance(axis, Steps | Spread):
            low, high = sorted((axis.start, axis.stop))
            assert all(low <= p[name] <= high for p in points)


@given(
    st.dictionaries(st.sampled_from("abc"), st.one_of(CHOICES, between()), min_size=1),
    st.integers(),
    st.integers(1, 20),
)
def test_drawn_points_are_within_bounds_and_the_same_again(axes: dict[str, Any], seed: int, number: int) -> None:
    space = check_space(Space(SpaceKind.RANDOM, axes, number=number, seed=seed))
    # Asked in another order, and after the way to the database and back.
    again = space_from_json(json.loads(json.dumps(space_to_json(space))))
    assert [space.point(i) for i in range(number)] == [again.point(i) for i in reversed(range(number))][::-1]
    for index in range(number):
        for name, value in space.point(index).items():
            axis = axes[name]
            if isinstance(axis, Choices):
                assert value in axis.values
            else:
                assert axis.low <= value <= axis.high
                assert isinstance(value, int if axis.whole else float)


def test_counts_and_points() -> None:
    assert [Steps(0, 1, 0.1).at(i) for i in (1, 3, 10)] == [0.1, 0.3, 1.0]
    assert (Steps(0, 1, 0.1).count(), Steps(5, 1, -2).count(), Steps(1, 5, -1).count()) == (11, 3, 0)
    assert list(Spread(1, 100, 3, log=True).samples()) == pytest.approx([1, 10, 100])
    assert Spread(7, 9, 1).samples() == [7.0]
    listed = Space(SpaceKind.LIST, points=({"a": 1}, {}))
    assert (listed.total, listed.point(1)) == (2, {})
    assert (Space(SpaceKind.ARRAY, number=3).total, Space(SpaceKind.ARRAY, number=3).point(2)) == (3, {})
    for space in (listed, Space(SpaceKind.ARRAY, number=3)):
        assert space_from_json(space_to_json(space)) == space
    assert objective_from_json(objective_to_json(Objective("f1", Goal.MAXIMIZE))) == Objective("f1", Goal.MAXIMIZE)


def refusal(kind: SpaceKind, number: int = 0, **axes: Axis) -> tuple[str, Any]:
    with pytest.raises(InvalidInput) as error:
        check_space(Space(kind, axes, number=number))
    return error.value.details["field"], error.value.details["value"]


def test_what_cannot_be() -> None:
    grid, random = SpaceKind.GRID, SpaceKind.RANDOM
    assert refusal(grid) == ("grid", None)
    assert refusal(grid, a=Choices(())) == ("grid.a.values", None)
    # 1 and true are two values, 1 and 1 are one.
    check_space(Space(grid, {"a": Choices((1, True, "1", None))}))
    assert refusal(grid, a=Choices((1, True, 1))) == ("grid.a.values.2", "1")
    assert refusal(grid, a=Spread(1, 1, 2)) == ("grid.a.stop", "1")
    assert refusal(grid, a=Spread(-1, 1, 2, log=True)) == ("grid.a", "-1")
    assert refusal(grid, **{f"a{i}": Choices((1,)) for i in range(51)})[0] == "grid"
    assert refusal(random, 1, a=Between(2, 1)) == ("random.space.a.low", "2")
    assert refusal(random, 1, a=Between(1, 2.5, whole=True)) == ("random.space.a.high", "2.5")
    assert refusal(random, 0, a=Between(1, 2))[0] == "random"
    check_space(Space(SpaceKind.ARRAY, number=MAX_POINTS))
    assert refusal(SpaceKind.ARRAY, MAX_POINTS + 1) == ("array", "10001")


def test_far_too_many_are_counted_at_once() -> None:
    # One after the other would take longer than there is time.
    wide = {f"a{i}": Steps(0, 1e300, 1e-300) for i in range(50)}
    assert refusal(SpaceKind.GRID, **wide) == ("grid", "about 10^30000")
    assert refusal(SpaceKind.GRID, a=Steps(1, 1_000_000, 1)) == ("grid", "1000000")
    assert refusal(SpaceKind.GRID, a=Spread(0, 1, 2**53)) == ("grid", f"about 10^{math.log10(2**53):.0f}")


def sweep(made: int, total: int = 3, cancelled_by: str | None = None) -> Sweep:
    return Sweep(
        id="swp-1",
        group="physics",
        user="mia",
        name="s",
        job={},
        space=Space(SpaceKind.ARRAY, number=total),
        launch={},
        resources=Resources({}),
        state=JobState.RUNNING,
        message="",
        created_at=datetime(2027, 1, 1, tzinfo=UTC),
        made=made,
        cancel_requested_by=cancelled_by,
    )


def test_verdict() -> None:
    good, bad, going = JobState.SUCCEEDED, JobState.FAILED, JobState.PENDING
    assert verdict(sweep(2), {good: 2}) is None
    assert verdict(sweep(3), {good: 2, going: 1}) is None
    assert verdict(sweep(3), {good: 3}) == (JobState.SUCCEEDED, "")
    assert verdict(sweep(3), {good: 2, bad: 1}) == (JobState.FAILED, "1 of 3 jobs did not succeed.")
    # One was deleted meanwhile.
    assert verdict(sweep(3), {good: 2}) == (JobState.SUCCEEDED, "")
    assert verdict(sweep(1, cancelled_by="ada"), {going: 1}) is None
    assert verdict(sweep(0, cancelled_by="ada"), {}) == (JobState.CANCELLED, "Cancelled by ada.")
