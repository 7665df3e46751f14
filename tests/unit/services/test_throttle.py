"""Buckets per key."""

from __future__ import annotations

import pytest

from collegium.domain.errors import TooManyRequests
from collegium.services import throttle
from collegium.services.throttle import Throttle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_and_then_one_at_a_time() -> None:
    clock = Clock()
    bucket = Throttle(3, 10.0, clock)
    for _ in range(3):
        bucket.use("a")
    with pytest.raises(TooManyRequests) as caught:
        bucket.use("a")
    assert caught.value.details["retry_after"] == 10
    bucket.use("b")
    clock.now = 10.0
    bucket.use("a")
    with pytest.raises(TooManyRequests):
        bucket.use("a")
    clock.now = 1000.0
    for _ in range(3):
        bucket.use("a")


def test_refused_tries_cost_nothing() -> None:
    clock = Clock()
    bucket = Throttle(1, 10.0, clock)
    bucket.use("a")
    for _ in range(50):
        with pytest.raises(TooManyRequests):
            bucket.use("a")
    clock.now = 10.0
    bucket.use("a")


def test_a_flood_of_keys_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_KEYS", 3)
    bucket = Throttle(1, 10.0, Clock())
    for i in range(100):
        bucket.use(str(i))
    assert len(bucket._full) == 3
