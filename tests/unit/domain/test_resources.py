import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.errors import InvalidInput
from collegium.domain.resources import MAX_AMOUNT, Resources, describe_amount, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "resource", "amount"),
    [
        ("500m", "cpu", 500),
        ("2", "cpu", 2000),
        (2, "cpu", 2000),
        ("1.5", "cpu", 1500),
        (".5", "cpu", 500),
        ("0", "cpu", 0),
        ("1Gi", "memory", 2**30),
        ("1G", "memory", 10**9),
        ("1.5Ki", "memory", 1536),
        ("1000m", "memory", 1),
        ("3", "nvidia.com/gpu", 3),
        (str(MAX_AMOUNT), "memory", MAX_AMOUNT),
    ],
)
def test_quantities_are_exact(text: str | int, resource: str, amount: int) -> None:
    assert parse_quantity(text, resource) == amount


@pytest.mark.parametrize(
    ("text", "resource"),
    [
        ("1e400", "cpu"),
        ("1e3", "memory"),
        ("-1", "cpu"),
        (-1, "memory"),
        ("0.1m", "cpu"),
        ("0.5", "nvidia.com/gpu"),
        ("1.0001", "cpu"),
        ("", "cpu"),
        (" 1", "cpu"),
        ("1\n", "cpu"),
        ("1 Gi", "memory"),
        ("NaN", "cpu"),
        ("Infinity", "memory"),
        ("0x10", "memory"),
        ("٣", "memory"),
        ("9" * 400, "memory"),
        ("9007199254740993", "memory"),
        ("9Ei", "memory"),
        (True, "cpu"),
        (1.5, "cpu"),
        (None, "cpu"),
        ([], "cpu"),
    ],
)
def test_what_is_no_quantity_is_refused_with_its_field(text: object, resource: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_quantity(text, resource, "limits.x")  # type: ignore[arg-type]
    assert refusal.value.details["field"] == "limits.x"
    assert len(refusal.value.message) < 250


@given(st.integers(0, MAX_AMOUNT), st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]))
def test_printing_and_reading_again_changes_nothing(amount: int, resource: str) -> None:
    assert parse_quantity(format_quantity(amount, resource), resource) == amount


@given(st.text(max_size=40), st.sampled_from(["cpu", "memory"]))
def test_any_text_is_read_or_refused_but_never_crashes(text: str, resource: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert 0 <= parse_quantity(text, resource) <= MAX_AMOUNT


def test_amounts_for_people() -> None:
    assert describe_amount(1500, "cpu") == "1.5 CPU"
    assert describe_amount(2**29, "memory") == "512 MiB memory"
    assert describe_amount(1500, "memory") == "1500 bytes memory"
    assert describe_amount(1, "count/jobs") == "1 job"
    assert Resources.parse({"cpu": "2", "memory": "1Gi"}).with_count("jobs").describe() == "2 CPU, 1 GiB memory"


def test_resources_cannot_be_negative_or_fractional() -> None:
    for amount in (-1, 0.5, True):
        with pytest.raises(InvalidInput):
            Resources({"cpu": amount})  # type: ignore[dict-item]
