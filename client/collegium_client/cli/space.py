"""What varies in a sweep: ``--grid``, ``--random``, ``--array``, ``--objective``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from collegium_client.cli.common import F
from collegium_client.cli.values import pairs, value

#: The body's words for a space; there is one of them.
KINDS = ("grid", "random", "list", "array")
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_STEPS = re.compile(rf"({_NUMBER}):({_NUMBER}):({_NUMBER})", re.ASCII)
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})((?::\w+)*)", re.ASCII)
_OPTIONS = (
    click.option(
        "--grid",
        "grid",
        multiple=True,
        metavar="NAME=VALUES",
        help="Every combination: lr=0.1,0.2, n=1:10:1 (start:stop:step), lr=1e-4..1e-1:4:log (four, at equal ratios).",
    ),
    click.option(
        "--random",
        "random",
        multiple=True,
        metavar="NAME=RANGE",
        help="Drawn points: lr=1e-4..1e-1:log, n=1..100:whole, kind=a,b. Takes --count.",
    ),
    click.option("--count", type=click.IntRange(min=1), metavar="N", help="So many drawn points."),
    click.option("--seed", type=int, metavar="N", help="The same seed draws the same points."),
    click.option("--array", type=click.IntRange(min=1), metavar="N", help="So many jobs that differ in SWEEP_INDEX."),
    click.option(
        "--concurrency", type=click.IntRange(min=0), metavar="N", help="So many at once; 0: the quota decides."
    ),
    click.option("--objective", metavar="METRIC[:GOAL]", help="What the best job is best at: loss:minimize."),
)


def space_options(command: F) -> F:
    """What varies."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def fill_space(body: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Options over what a file said. Raises UsageError for none, and for several."""
    named = [name for name in ("grid", "random", "array") if given[name]]
    if len(named) > 1:
        raise click.UsageError("--grid, --random and --array exclude one another")
    if named:
        for kind in KINDS:
            body.pop(kind, None)
    if given["grid"]:
        body["grid"] = {n: _grid_axis(n, text) for n, text in pairs("--grid", given["grid"]).items()}
    if given["random"]:
        space = {n: _drawn_axis(n, text) for n, text in pairs("--random", given["random"]).items()}
        body["random"] = {"space": space}
    if given["array"]:
        body["array"] = given["array"]
    _fill_drawing(body, given)
    if not any(body.get(kind) for kind in KINDS):
        raise click.UsageError("nothing varies: give --grid, --random, --array or -f FILE")
    if given["concurrency"] is not None:
        body["concurrency"] = given["concurrency"]
    if given["objective"]:
        body["objective"] = _objective(given["objective"])


def _fill_drawing(body: dict[str, Any], given: Mapping[str, Any]) -> None:
    drawing = body.get("random")
    for option in ("count", "seed"):
        if given[option] is not None:
            if not isinstance(drawing, dict):
                raise click.UsageError(f"--{option} goes with --random")
            drawing[option] = given[option]
    if isinstance(drawing, dict) and "count" not in drawing:
        raise click.UsageError("--random takes --count: how many points to draw")


def _grid_axis(name: str, text: str) -> dict[str, Any]:
    steps = _STEPS.fullmatch(text)
    if steps:
        return dict(zip(("start", "stop", "step"), map(_number, steps.groups()), strict=True))
    spread = _RANGE.fullmatch(text)
    if not spread:
        return {"values": _values("--grid", name, text)}
    words = [w for w in spread[3].split(":") if w]
    counts = [w for w in words if w.isdecimal()]
    if len(counts) != 1 or set(words) - {*counts, "log"}:
        raise click.BadParameter(f"{name}: a range takes how many, and perhaps log: 0..1:5", param_hint="--grid")
    found = {"start": _number(spread[1]), "stop": _number(spread[2]), "count": int(counts[0])}
    return {**found, "log": True} if "log" in words else found


def _drawn_axis(name: str, text: str) -> dict[str, Any]:
    drawn = _RANGE.fullmatch(text)
    if not drawn:
        return {"values": _values("--random", name, text)}
    words = {w for w in drawn[3].split(":") if w}
    if words - {"log", "whole"}:
        raise click.BadParameter(f"{name}: a range takes log and whole, as in 1..100:log:whole", param_hint="--random")
    return {"low": _number(drawn[1]), "high": _number(drawn[2]), **dict.fromkeys(sorted(words), True)}


def _values(option: str, name: str, text: str) -> list[Any]:
    found = value(f"{option} {name}", text if text.startswith("[") else f"[{text}]")
    if not isinstance(found, list) or not found:
        raise click.BadParameter(f"{name} has no values", param_hint=option)
    return found


def _number(text: str) -> int | float:
    return int(text) if re.fullmatch(r"[-+]?\d+", text, re.ASCII) else float(text)


def _objective(text: str) -> dict[str, str]:
    metric, sign, goal = text.rpartition(":")
    if not sign:
        return {"metric": text}
    if goal not in ("minimize", "maximize"):
        raise click.BadParameter(f"{goal!r} is neither minimize nor maximize", param_hint="--objective")
    return {"metric": metric, "goal": goal}
