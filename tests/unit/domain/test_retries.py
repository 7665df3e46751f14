"""Which failures are tried again, after how long; and the platform's bounds on what groups set."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.errors import InvalidInput
from collegium.domain.queues import GroupSettings, JobBounds
from collegium.domain.retries import RetryOn, RetryPolicy, retry_from_json, retry_to_json


def test_waits_grow_to_their_bound() -> None:
    policy = RetryPolicy(10, 3.0, 100)
    assert [policy.delay(n) for n in range(1, 6)] == [10, 30, 90, 100, 100]
    assert [RetryPolicy().delay(n) for n in (1, 10)] == [0, 0]


@given(st.integers(0, 86400), st.floats(1, 10), st.integers(1, 86400), st.integers(1, 11))
def test_no_wait_is_above_the_bound_or_shorter_than_the_one_before(
    base: int, factor: float, most: int, attempt: int
) -> None:
    policy = RetryPolicy(base, factor, most)
    assert 0 <= policy.delay(attempt) <= policy.delay(attempt + 1) <= most


def test_causes() -> None:
    only = RetryPolicy(on=frozenset({RetryOn.EXIT_CODE, RetryOn.LOST}), exit_codes=frozenset({75}))
    assert only.covers(RetryOn.EXIT_CODE, 75)
    assert not only.covers(RetryOn.EXIT_CODE, 1)
    assert only.covers(RetryOn.LOST, None)
    assert not only.covers(RetryOn.TIMEOUT, 75)
    assert not only.covers(None, 75)
    assert all(RetryPolicy().covers(cause, 1) for cause in RetryOn)
    assert retry_from_json(json.loads(json.dumps(retry_to_json(only)))) == only


def test_bounds() -> None:
    bounds = JobBounds(3600, 7200, 7, 30)
    nothing = GroupSettings("g")
    assert (bounds.timeout(nothing), bounds.days(nothing)) == (3600, 7)
    assert bounds.timeout(GroupSettings("g", job_timeout_seconds=60)) == 60
    # What was set before the platform's bound was lowered is bounded all the same, and so is "none".
    assert bounds.timeout(GroupSettings("g", job_timeout_seconds=99999)) == 7200
    assert bounds.timeout(GroupSettings("g", job_timeout_seconds=0)) == 7200
    assert JobBounds().timeout(GroupSettings("g", job_timeout_seconds=0)) == 0
    assert JobBounds(max_timeout_seconds=60).timeout(nothing) == 60
    assert bounds.check_timeout(7200) == 7200
    for wrong in (0, 7201):
        with pytest.raises(InvalidInput) as caught:
            bounds.check_timeout(wrong)
        assert caught.value.details == {"field": "timeout_seconds", "value": str(wrong), "limit": 7200}
    assert JobBounds().check_timeout(0) == 0
