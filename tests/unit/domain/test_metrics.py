"""Figures that jobs tell of themselves: what is a line, what is kept, and that hostile files cost little."""

from __future__ import annotations

import json
import math
from itertools import pairwise

from collegium.domain.metrics import MAX_KEYS, MAX_LINE, MAX_POINTS, Measurement, Series, gather, read_lines, thinned


def test_lines() -> None:
    data = b'{"key": "loss", "value": 0.5, "step": 3}\n\n{"step": 4, "loss": 0.25, "acc": 1, "time": 9}\n{"loss": 2'
    found, end, bad = read_lines(data)
    assert found == [Measurement("loss", 0.5, 3), Measurement("loss", 0.25, 4), Measurement("acc", 1.0, 4)]
    assert (end, bad) == (data.rindex(b"\n") + 1, 0)


def test_what_is_no_figure() -> None:
    lines = ["[]", "1", "{", '{"loss": NaN}', '{"loss": true}', '{"loss": "1"}', '{"": 1}', '{"a\\u0000": 1}']
    lines += ['{"step": -1, "loss": 1}', '{"step": 1.5, "loss": 1}', '{"loss": 1e999}', '{"loss": 1%s}' % ("0" * 400)]
    lines += ["[" * 5000, '{"%s": 1}' % ("k" * 121)]
    found, end, bad = read_lines("\n".join([*lines, ""]).encode())
    assert (found, bad, end) == ([], len(lines), len("\n".join([*lines, ""])))
    assert read_lines(b"x" * MAX_LINE) == ([], MAX_LINE, 1)
    assert read_lines(b"x" * (MAX_LINE - 1)) == ([], 0, 0)


def test_a_series_keeps_its_shape() -> None:
    series = Series("loss")
    for start in range(0, 10_000, 1000):
        series = series.extended(Measurement("loss", float(i)) for i in range(start, start + 1000))
    assert (series.step, series.value, series.minimum, series.maximum) == (9999, 9999.0, 0.0, 9999.0)
    assert series.count == 10_000
    assert MAX_POINTS / 2 <= len(series.points) <= MAX_POINTS
    steps = [step for step, _ in series.points]
    assert {b - a for a, b in pairwise(steps)} == {series.stride}
    again = series.extended([Measurement("loss", -1.0, steps[5])])
    assert again.points[5] == (steps[5], -1.0)
    assert (again.value, again.minimum) == (9999.0, -1.0)


def test_keys_are_bounded() -> None:
    changed, refused = gather({"a": Series("a")}, [Measurement(f"k{i}", 1.0) for i in range(150)])
    assert (len(changed), refused) == (MAX_KEYS - 1, 51)


def test_steps_in_any_order() -> None:
    found = Series("x").extended(Measurement("x", float(step), step) for step in (5, 1, 3, 3, 9, 0))
    assert found.points == ((0, 0.0), (1, 1.0), (3, 3.0), (5, 5.0), (9, 9.0))
    assert (found.step, found.value, found.count) == (9, 9.0, 6)


def test_thinned() -> None:
    points = [(i, float(i)) for i in range(1000)]
    few = thinned(points, 50)
    assert (len(few), few[0], few[-1]) == (50, points[0], points[-1])
    assert thinned(points, 1000) == tuple(points)
    assert thinned(points, 1) == (points[-1],)
    assert thinned([], 5) == ()
    assert json.loads(json.dumps(few))[0] == [0, 0.0]
    assert not any(math.isnan(v) for _, v in few)
