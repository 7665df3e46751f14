"""The one type system: what is accepted, what is refused, and that a refusal names field, value and limit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.errors import InvalidInput
from collegium.domain.notebooks import parameters_cell, read_notebook, read_parameters
from collegium.domain.parameters import (
    Parameter,
    ParameterType,
    declare,
    parameter_from_json,
    parameter_to_json,
    resolve_values,
)

T = ParameterType
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("parameter", "value", "passed_on"),
    [
        (Parameter("x", T.TEXT), "ü😀", "ü😀"),
        (Parameter("x", T.TEXT), "", ""),
        (Parameter("x", T.INTEGER), 3, 3),
        (Parameter("x", T.INTEGER), 3.0, 3),
        (Parameter("x", T.NUMBER), 3, 3),
        (Parameter("x", T.NUMBER, minimum=0, maximum=1), 0.5, 0.5),
        (Parameter("x", T.BOOLEAN), False, False),
        (Parameter("x", T.CHOICE, choices=("a", 1)), 1, 1),
        (Parameter("x", T.LIST, items=T.INTEGER), [1, 2.0], [1, 2]),
        (Parameter("x", T.LIST), [1, "a", None], [1, "a", None]),
        (Parameter("x", T.OBJECT), {"a": [1]}, {"a": [1]}),
        (Parameter("x", T.INTEGER, nullable=True), None, None),
        (Parameter("x"), None, None),
    ],
)
def test_accepted(parameter: Parameter, value: Any, passed_on: Any) -> None:
    (found,) = resolve_values([declare(parameter, "parameters.x")], {"x": value}).values()
    assert (found, type(found)) == (passed_on, type(passed_on))


@pytest.mark.parametrize(
    ("parameter", "value", "message", "limit"),
    [
        (Parameter("x", T.TEXT), 3, "values.x: must be text (got 3)", None),
        (Parameter("x", T.TEXT, maximum=2), "abc", "values.x: has a length of 3, it must be at most 2 (got 'abc')", 2),
        (Parameter("x", T.TEXT), "a" * 100_001, "values.x: has 100001 characters, at most 100000 are allowed", 100_000),
        (Parameter("x", T.INTEGER), "3", "values.x: must be a whole number (got '3')", None),
        (Parameter("x", T.INTEGER), 3.5, "values.x: must be a whole number (got 3.5)", None),
        (Parameter("x", T.INTEGER), True, "values.x: must be a whole number (got True)", None),
        (Parameter("x", T.INTEGER), 2**63, f"values.x: is beyond {2**63 - 1} (got {2**63})", 2**63 - 1),
        (Parameter("x", T.NUMBER, maximum=1), 2, "values.x: must be at most 1 (got 2)", 1),
        (Parameter("x", T.NUMBER, minimum=0.5), 0, "values.x: must be at least 0.5 (got 0)", 0.5),
        (Parameter("x", T.NUMBER), None, "values.x: must be a number (got null)", None),
        (Parameter("x", T.BOOLEAN), 1, "values.x: must be true or false (got 1)", None),
        (Parameter("x", T.CHOICE, choices=("a", "b")), "c", "values.x: must be one of a, b (got c)", ["a", "b"]),
        (Parameter("x", T.CHOICE, choices=(1,)), True, "values.x: must be one of 1 (got True)", [1]),
        (Parameter("x", T.LIST, items=T.TEXT), ["a", 1], "values.x.1: must be text (got 1)", None),
        (Parameter("x", T.LIST, minimum=1), [], "values.x: has a length of 0, it must be at least 1 (got [])", 1),
        (Parameter("x", T.LIST), "abc", "values.x: must be a list (got 'abc')", None),
        (Parameter("x", T.OBJECT), [], "values.x: must be an object (got [])", None),
    ],
)
def test_refused(parameter: Parameter, value: Any, message: str, limit: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve_values([parameter], {"x": value})
    assert caught.value.message == message
    assert caught.value.details["limit"] == limit


def test_names_and_defaults() -> None:
    declared = [
        Parameter("a", T.INTEGER, default=1),
        Parameter("b", T.TEXT, required=True),
        Parameter("c", T.TEXT),
    ]
    assert resolve_values(declared, {"b": "x"}) == {"a": 1, "b": "x"}
    assert resolve_values(declared, {"b": "x"}, defaults=False) == {"b": "x"}
    with pytest.raises(InvalidInput, match=r"values\.b: is required: text"):
        resolve_values(declared, {})
    with pytest.raises(InvalidInput, match=r"values.d: is not a parameter; declared are: a, b, c \(got 1\)"):
        resolve_values(declared, {"b": "x", "d": 1})


@pytest.mark.parametrize(
    ("parameter", "field"),
    [
        (Parameter("a b"), "parameters.x"),
        (Parameter("x", T.CHOICE), "parameters.x.choices"),
        (Parameter("x", T.TEXT, choices=("a",)), "parameters.x.choices"),
        (Parameter("x", T.CHOICE, choices=([1],)), "parameters.x.choices"),
        (Parameter("x", T.TEXT, items=T.TEXT), "parameters.x.items"),
        (Parameter("x", T.LIST, items=T.LIST), "parameters.x.items"),
        (Parameter("x", T.BOOLEAN, minimum=1), "parameters.x.minimum"),
        (Parameter("x", T.TEXT, maximum=-1), "parameters.x.maximum"),
        (Parameter("x", T.NUMBER, minimum=2, maximum=1), "parameters.x.minimum"),
        (Parameter("x", T.NUMBER, default="a"), "parameters.x.default"),
        (Parameter("x", T.NUMBER, default=3, maximum=2), "parameters.x.default"),
        (Parameter("x", T.NUMBER, default=3, required=True), "parameters.x.required"),
    ],
)
def test_declarations_that_make_no_sense(parameter: Parameter, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        declare(parameter, "parameters.x")
    assert caught.value.details["field"] == field


@given(st.sampled_from([t for t in T if t is not T.CHOICE]), JSON)
def test_a_value_is_passed_on_equal_or_refused_with_its_field(kind: ParameterType, value: Any) -> None:
    found, fields = value, ["values.x"]
    try:
        found = Parameter("x", kind).check(value, "values.x")
    except InvalidInput as error:
        fields.append(error.details["field"])
    assert found == value
    assert all(f.startswith("values.x") for f in fields)


def test_parameters_survive_storing() -> None:
    for parameter in (
        Parameter("x"),
        Parameter("x", T.CHOICE, "a", False, True, "which", choices=("a", None, 1.5)),
        Parameter("x", T.LIST, None, True, minimum=1, maximum=3, items=T.NUMBER),
        *(Parameter("x", T.ANY, empty, minimum=0) for empty in (False, 0, 0.0, "", [], {})),
    ):
        assert parameter_from_json(json.loads(json.dumps(parameter_to_json(parameter)))) == parameter


CELL = '''%matplotlib inline
"""What this is."""
lr = 0.1  # learning rate
epochs: int = 3
opt: Literal["adam", "sgd"] = "adam"  # which "one"
layers: list[int] = [64, 32]
seed = None  # type: int  for the generator
data = load("x")
a = 1; verbose = True
title: "Optional[str]" = None
deep = {"a": [1, 2], "b": (3,)}
odd: int = "text"
if verbose:
    inner = 1
x, y = 1, 2
lr = 0.2
'''


def test_a_cell() -> None:
    found = {p.name: p for p in read_parameters(CELL) or ()}
    assert list(found) == ["lr", "epochs", "opt", "layers", "seed", "data", "a", "verbose", "title", "deep", "odd"]
    assert found["lr"] == Parameter("lr", T.NUMBER, 0.2)
    assert found["epochs"] == Parameter("epochs", T.INTEGER, 3)
    assert found["opt"] == Parameter("opt", T.CHOICE, "adam", description='which "one"', choices=("adam", "sgd"))
    assert found["layers"] == Parameter("layers", T.LIST, [64, 32], items=T.INTEGER)
    assert found["seed"] == Parameter("seed", T.INTEGER, nullable=True, description="for the generator")
    # A whole number without a hint says little about what will be tried.
    assert (found["a"].type, found["verbose"].type, found["data"].type) == (T.NUMBER, T.BOOLEAN, T.ANY)
    assert (found["title"].type, found["title"].nullable) == (T.TEXT, True)
    assert found["deep"].default == {"a": [1, 2], "b": [3]}
    assert found["odd"].type is T.ANY


def notebook(source: Any, tags: Any = ("parameters",), **metadata: Any) -> bytes:
    cells = [{"source": "a = 0", "metadata": {}}, {"source": source, "metadata": {"tags": list(tags)}}]
    return json.dumps({"cells": cells, "metadata": metadata}).encode()


def test_notebooks() -> None:
    assert [p.name for p in read_notebook(notebook(["a = 1\n", "b = 2"])) or ()] == ["a", "b"]
    assert read_notebook(notebook("")) == []
    for data in (
        notebook("a = 1", ["other"]),
        notebook("a <- 1", language_info={"name": "R"}),
        notebook("a = (1"),
        b"",
        b"[]",
        b"{",
        b'{"cells": 1}',
        b'{"cells": [1, {"metadata": 3}]}',
        b"\xff",
        b"[" * 100_000,
    ):
        assert read_notebook(data) is None, data[:40]
    assert parameters_cell({"cells": [{"metadata": {"tags": ["parameters"]}, "source": 3}]}) == ""


@pytest.mark.parametrize("source", ["(" * 5000, "x = " + "-" * 100_000 + "1", "x: " + "None | " * 20_000 + "None = 1"])
def test_cells_that_are_out_to_hurt(source: str) -> None:
    assert read_parameters(source) is None or True


@given(st.text(max_size=200))
def test_any_cell_is_read_or_not(source: str) -> None:
    for parameter in read_parameters(source) or ():
        assert parameter.name.isidentifier()
