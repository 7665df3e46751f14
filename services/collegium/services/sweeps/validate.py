"""From the wire to what a sweep is: the rules that a schema cannot say."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collegium.domain.errors import InvalidInput, NotGranted
from collegium.domain.names import check_env_name
from collegium.domain.parameters import Parameter, ParameterType, resolve_values
from collegium.domain.sweeps import (
    MAX_AXES,
    Axis,
    Between,
    Choices,
    Objective,
    Space,
    SpaceKind,
    Spread,
    Steps,
    check_space,
)
from collegium.services.jobs.models import JobIn
from collegium.services.jobs.submission import Submission
from collegium.services.jobs.validate import check_size, read_spec, read_submission
from collegium.services.sweeps.models import DrawnAxisIn, GridAxisIn, ObjectiveIn, SweepIn, SweepJobIn

_KINDS = {"grid": "grid", "random": "random", "list": "listed", "array": "array"}


def read_space(body: SweepIn) -> Space:
    """The points; raises InvalidInput naming the field. Its cost does not grow with the number of points of a grid."""
    given = [word for word, name in _KINDS.items() if getattr(body, name) is not None]
    if len(given) != 1:
        raise InvalidInput("grid", "give exactly one of grid, random, list and array", ", ".join(given) or "none")
    if body.grid is not None:
        space = Space(SpaceKind.GRID, {n: _grid_axis(a, f"grid.{n}") for n, a in body.grid.items()})
    elif body.random is not None:
        drawn = {n: _drawn_axis(a, f"random.space.{n}") for n, a in body.random.space.items()}
        space = Space(SpaceKind.RANDOM, drawn, number=body.random.count, seed=body.random.seed)
    elif body.listed is not None:
        space = Space(SpaceKind.LIST, points=tuple(body.listed))
        for index, point in enumerate(space.points):
            if len(point) > MAX_AXES:
                raise InvalidInput(f"list.{index}", f"holds more than {MAX_AXES} names", len(point), MAX_AXES)
    else:
        space = Space(SpaceKind.ARRAY, number=body.array or 0)
    check_space(space)
    for name, place in _names(space):
        check_env_name(name, place)
    return space


def read_parameters(job: SweepJobIn) -> tuple[Parameter, ...]:
    """What the job declares, after a look at all of it but its values; raises InvalidInput naming the field."""
    # Required ones may come from the points.
    free = {n: p.model_copy(update={"required": False}) for n, p in job.parameters.items()}
    with below("job"):
        spec = read_spec(job.model_copy(update={"parameters": free, "values": {}}))
    return tuple(replace(p, required=job.parameters[p.name].required) for p in spec.parameters)


def check_values(space: Space, job: SweepJobIn, parameters: Sequence[Parameter]) -> None:
    """Raise InvalidInput for a varied parameter that is not declared, is given in the job too, or takes a value of
    another type or out of bounds; for a point that lacks a required one; and for values that are too long together.

    Where nobody declares any, everything goes.
    """
    fixed = {**(job.notebook.parameters if job.notebook else {}), **job.values}
    for name, place in _names(space):
        if name in fixed:
            raise InvalidInput(place, "is given in the job's values too", fixed[name])
    if parameters:
        declared = {p.name: p for p in parameters}
        for name, place in _names(space):
            if name not in declared:
                known = ", ".join(list(declared)[:20]) or "none"
                raise InvalidInput(place, f"is not a parameter; declared are: {known}")
        if space.kind is SpaceKind.LIST:
            _check_points(space, declared, fixed)
        else:
            for name, axis in space.axes.items():
                _check_axis(axis, declared[name], space.place(name))
        # In all but a list each point has the same names, so one tells whether a required one is missing.
        resolve_values(parameters, {**fixed, **space.point(0)}, "job.values")
    check_size({**fixed, **_longest(space)}, space.kind.value)


def read_point(body: JobIn) -> Submission:
    """What one point asks for; raises InvalidInput with ``job`` before the field."""
    with below("job"):
        return read_submission(body)


def read_objective(body: ObjectiveIn | None) -> Objective | None:
    """What the best is best at; raises InvalidInput for a metric that no job can tell."""
    if body is None:
        return None
    if not body.metric.isprintable():
        raise InvalidInput("objective.metric", "must not hold control characters", body.metric)
    return Objective(body.metric, body.goal)


def _check_points(space: Space, declared: Mapping[str, Parameter], fixed: Mapping[str, Any]) -> None:
    for index, point in enumerate(space.points):
        for name, value in point.items():
            declared[name].check(value, f"list.{index}.{name}")
        for name, parameter in declared.items():
            if parameter.required and name not in point and name not in fixed:
                raise InvalidInput(f"list.{index}.{name}", "is required")


def _check_axis(axis: Axis, parameter: Parameter, place: str) -> None:
    match axis:
        case Choices(values):
            for index, value in enumerate(values):
                parameter.check(value, f"{place}.values.{index}")
            return
        case Between(low, high, _, whole):
            if parameter.type is ParameterType.INTEGER and not whole:
                raise InvalidInput(f"{place}.whole", "must be true: the parameter takes whole numbers only", whole)
            if parameter.type is ParameterType.CHOICE:
                raise InvalidInput(place, "must be drawn from values: the parameter is a choice")
            parameter.check(low, f"{place}.low")
            parameter.check(high, f"{place}.high")
            return
    for value in axis.samples():
        parameter.check(value, place)


def _grid_axis(body: GridAxisIn, place: str) -> Axis:
    given = {n for n in ("values", "start", "stop", "step", "count") if getattr(body, n) is not None}
    if body.log and given != {"start", "stop", "count"}:
        raise InvalidInput(f"{place}.log", "belongs to start, stop and count", body.log)
    if body.values is not None and given == {"values"}:
        return Choices(tuple(body.values))
    if body.start is not None and body.stop is not None:
        if body.step is not None and given == {"start", "stop", "step"}:
            return Steps(body.start, body.stop, body.step)
        if body.count is not None and given == {"start", "stop", "count"}:
            return Spread(body.start, body.stop, body.count, body.log)
    raise InvalidInput(place, "give values, or start and stop with either step or count", _shown(given))


def _drawn_axis(body: DrawnAxisIn, place: str) -> Axis:
    given = {n for n in ("values", "low", "high") if getattr(body, n) is not None}
    if body.values is not None and given == {"values"} and not body.log and not body.whole:
        return Choices(tuple(body.values))
    if body.low is not None and body.high is not None and given == {"low", "high"}:
        return Between(body.low, body.high, body.log, body.whole)
    raise InvalidInput(place, "give values alone, or low and high", _shown(given))


@contextlib.contextmanager
def below(place: str) -> Iterator[None]:
    """A refusal in here is of a field below this place."""
    try:
        yield
    except (InvalidInput, NotGranted) as error:
        raise error.below(place) from None


def _shown(given: Collection[str]) -> str:
    return ", ".join(sorted(given)) or "none"


def _names(space: Space) -> Iterable[tuple[str, str]]:
    """Each varied parameter with its first place."""
    if space.kind is not SpaceKind.LIST:
        return [(name, space.place(name)) for name in space.axes]
    found: dict[str, str] = {}
    for index, point in enumerate(space.points):
        for name in point:
            found.setdefault(name, f"list.{index}.{name}")
    return list(found.items())


def _longest(space: Space) -> dict[str, Any]:
    """A point that is as long as any."""
    if space.kind is SpaceKind.LIST:
        return dict(max(space.points, key=_length))
    return {name: max(axis.samples(), key=_length) for name, axis in space.axes.items()}


def _length(value: Any) -> int:
    return len(json.dumps(value))
