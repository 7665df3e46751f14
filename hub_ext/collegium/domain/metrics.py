"""Figures that a job tells of itself: a line of JSON for each in ``metrics.jsonl`` among its artifacts."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The file, relative to the artifacts.
METRICS_FILE = "metrics.jsonl"
#: Keys of one job, characters of a key, and bytes of a line.
MAX_KEYS, MAX_KEY, MAX_LINE = 100, 120, 65536
#: Bytes that are read of a file; a job that writes more is told so.
MAX_FILE = 64 << 20
#: Points kept of a series: when there are more, every second one is dropped, and from then on only so many are added.
MAX_POINTS = 1000
MAX_STEP = 2**53
_RESERVED = frozenset({"key", "value", "step", "time", "timestamp"})


@dataclass(frozen=True)
class Measurement:
    """One figure; ``step`` None means one more than the last."""

    key: str
    value: float
    step: int | None = None


@dataclass(frozen=True)
class Series:
    """What is kept of a key: the latest figure, the extremes, and at most MAX_POINTS points, every ``stride``-th."""

    key: str
    step: int = -1
    value: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    count: int = 0
    stride: int = 1
    points: tuple[tuple[int, float], ...] = ()

    def extended(self, found: Iterable[Measurement]) -> Series:
        """With these figures. A step that has a point already gets the new value."""
        step, value, low, high = self.step, self.value, self.minimum, self.maximum
        count, stride, points = self.count, self.stride, list(self.points)
        for one in found:
            at = step + 1 if one.step is None else one.step
            before = bisect_right(points, at, key=_step) - 1
            if before >= 0 and points[before][0] == at:
                points[before] = (at, one.value)
            elif count % stride == 0:
                points.insert(before + 1, (at, one.value))
            count += 1
            low, high = min(low, one.value), max(high, one.value)
            if at >= step:
                step, value = at, one.value
            if len(points) > MAX_POINTS:
                points, stride = points[::2], stride * 2
        return Series(self.key, step, value, low, high, count, stride, tuple(points))


def _step(point: tuple[int, float]) -> int:
    return point[0]


def thinned(points: Sequence[tuple[int, float]], most: int) -> tuple[tuple[int, float], ...]:
    """At most ``most`` of the points, evenly; the first and the last are among them."""
    last = len(points) - 1
    if last < most:
        return tuple(points)
    if most < 2:
        return tuple(points[-1:])
    return tuple(points[i * last // (most - 1)] for i in range(most))


def read_lines(data: bytes) -> tuple[list[Measurement], int, int]:
    """Figures of the complete lines, how many bytes those were, and how many lines made no sense.

    A line is ``{"key": "loss", "value": 0.5, "step": 3}`` or, for several at once, ``{"step": 3, "loss": 0.5, …}``.
    """
    end = data.rfind(b"\n") + 1
    if not end and len(data) >= MAX_LINE:
        # Not a line of ours, however it ends.
        return [], len(data), 1
    found: list[Measurement] = []
    bad = 0
    for line in data[:end].splitlines():
        if not line.strip():
            continue
        read = _line(line)
        bad += not read
        found += read
    return found, end, bad


def _line(line: bytes) -> list[Measurement]:
    try:
        facts = json.loads(line) if len(line) <= MAX_LINE else None
    except (ValueError, RecursionError):
        return []
    if not isinstance(facts, dict):
        return []
    step = facts.get("step")
    if step is not None and not (isinstance(step, int) and not isinstance(step, bool) and 0 <= step <= MAX_STEP):
        return []
    plain: Mapping[str, Any] = (
        {facts["key"]: facts.get("value")}
        if isinstance(facts.get("key"), str)
        else {k: v for k, v in facts.items() if k not in _RESERVED}
    )
    return [Measurement(k, float(v), step) for k, v in plain.items() if _good(k, v)]


def _good(key: str, value: Any) -> bool:
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        return False
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        # Not a number, or none that a database or JSON can hold.
        return math.isfinite(float(value))
    except OverflowError:
        return False


def gather(known: Mapping[str, Series], found: Iterable[Measurement]) -> tuple[dict[str, Series], int]:
    """The series that change, with these figures added, and how many figures had no place (MAX_KEYS)."""
    sorted_out: dict[str, list[Measurement]] = {}
    refused = 0
    for one in found:
        new = one.key not in sorted_out and one.key not in known
        if new and len(known.keys() | sorted_out.keys()) >= MAX_KEYS:
            refused += 1
            continue
        sorted_out.setdefault(one.key, []).append(one)
    return {k: known.get(k, Series(k)).extended(figures) for k, figures in sorted_out.items()}, refused
