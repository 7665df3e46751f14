"""What people asked for, as it is stored: JSON that earlier releases wrote is read, and theirs read what we write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from collegium.domain.datasets import DatasetChoice
from collegium.domain.jobs import JobSpec, NotebookSpec, Notify, NotifyOn, WorkingDirectory
from collegium.domain.parameters import parameter_from_json, parameter_to_json
from collegium.domain.retries import RetryPolicy, retry_from_json, retry_to_json
from collegium.domain.sweeps import Axis, Between, Choices, Goal, Objective, Space, SpaceKind, Spread, Steps


def spec_to_json(spec: JobSpec) -> dict[str, Any]:
    """A job's spec as stored; the inverse of ``spec_from_json``.

    What later releases added is left out if not asked for: a key that stood for a request still does after an update.
    """
    more: dict[str, Any] = {}
    if spec.retry != RetryPolicy():
        more["retry"] = retry_to_json(spec.retry)
    if spec.parameters:
        more["parameters"] = [parameter_to_json(p) for p in spec.parameters]
    if spec.values:
        more["values"] = dict(spec.values)
    if spec.secrets:
        more["secrets"] = dict(spec.secrets)
    if spec.notify:
        more["notify"] = [{"channel": n.channel, "on": sorted(n.on)} for n in spec.notify]
    if spec.datasets is not None:
        more["datasets"] = [str(choice) for choice in spec.datasets]
    return more | {
        "name": spec.name,
        "instance_type": spec.instance_type,
        "image": spec.image,
        "command": spec.command,
        "notebook": None
        if spec.notebook is None
        else {
            "path": spec.notebook.path,
            "parameters": dict(spec.notebook.parameters),
            "kernel": spec.notebook.kernel,
        },
        "environment": dict(spec.environment),
        "working_directory": None
        if spec.working_directory is None
        else {
            "path": spec.working_directory.path,
            "files": None if spec.working_directory.files is None else list(spec.working_directory.files),
        },
        "timeout_seconds": spec.timeout_seconds,
        "retries": spec.retries,
    }


def spec_from_json(data: Mapping[str, Any]) -> JobSpec:
    """A job's spec from its stored form."""
    notebook, directory = data["notebook"], data["working_directory"]
    files = directory and directory["files"]
    return JobSpec(
        name=data["name"],
        instance_type=data["instance_type"],
        image=data["image"],
        command=data["command"],
        notebook=notebook and NotebookSpec(notebook["path"], notebook["parameters"], notebook["kernel"]),
        environment=data["environment"],
        working_directory=directory and WorkingDirectory(directory["path"], None if files is None else tuple(files)),
        timeout_seconds=data["timeout_seconds"],
        retries=data["retries"],
        retry=retry_from_json(data["retry"]) if "retry" in data else RetryPolicy(),
        parameters=tuple(parameter_from_json(p) for p in data.get("parameters", ())),
        values=data.get("values", {}),
        secrets=data.get("secrets", {}),
        notify=notify_from_json(data.get("notify", ())),
        datasets=tuple(DatasetChoice.parse(c) for c in data["datasets"]) if "datasets" in data else None,
    )


def notify_from_json(data: Iterable[Mapping[str, Any]]) -> tuple[Notify, ...]:
    """Who is told of a job's end, from its stored form."""
    return tuple(Notify(n["channel"], frozenset(NotifyOn(o) for o in n["on"])) for n in data)


def space_to_json(space: Space) -> dict[str, Any]:
    """A sweep's space as stored."""
    return {
        "kind": space.kind.value,
        "axes": [[name, _axis_to_json(axis)] for name, axis in space.axes.items()],
        "points": [dict(p) for p in space.points],
        "number": space.number,
        "seed": space.seed,
    }


def _axis_to_json(axis: Axis) -> dict[str, Any]:
    match axis:
        case Choices(values):
            return {"values": list(values)}
        case Steps(start, stop, step):
            return {"start": start, "stop": stop, "step": step}
        case Spread(start, stop, number, log):
            return {"start": start, "stop": stop, "count": number, "log": log}
        case Between(low, high, log, whole):
            return {"low": low, "high": high, "log": log, "whole": whole}


def space_from_json(data: Mapping[str, Any]) -> Space:
    """The inverse of ``space_to_json``."""
    return Space(
        SpaceKind(data["kind"]),
        {name: _axis_from_json(axis) for name, axis in data["axes"]},
        tuple(data["points"]),
        data["number"],
        data["seed"],
    )


def _axis_from_json(axis: Mapping[str, Any]) -> Axis:
    if "values" in axis:
        return Choices(tuple(axis["values"]))
    if "low" in axis:
        return Between(axis["low"], axis["high"], axis["log"], axis["whole"])
    if "step" in axis:
        return Steps(axis["start"], axis["stop"], axis["step"])
    return Spread(axis["start"], axis["stop"], axis["count"], axis["log"])


def objective_to_json(objective: Objective | None) -> dict[str, str] | None:
    """A sweep's objective as stored."""
    return None if objective is None else {"metric": objective.metric, "goal": objective.goal.value}


def objective_from_json(data: Mapping[str, str] | None) -> Objective | None:
    """The inverse of ``objective_to_json``."""
    return None if data is None else Objective(data["metric"], Goal(data["goal"]))
