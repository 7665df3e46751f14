from __future__ import annotations

from collegium.authenticator import throttle
from collegium.authenticator.throttle import Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_attempts_are_counted_when_they_begin_so_that_parallel_ones_do_not_slip_through() -> None:
    t = Throttle(3, 60, Clock())
    assert [t.begin("ann", "1.2.3.4") for _ in range(5)] == [0, 0, 0, 60, 60]


def test_another_address_or_user_is_not_held_up() -> None:
    t = Throttle(1, 60, Clock())
    t.begin("ann", "a")
    assert t.begin("ann", "b") == 0
    assert t.begin("bob", "a") == 0
    assert t.begin("ann", "a") == 60


def test_the_pause_ends_when_the_oldest_failure_leaves_the_window() -> None:
    clock = Clock()
    t = Throttle(2, 60, clock)
    t.begin("ann", "")
    clock.now += 30
    t.begin("ann", "")
    clock.now += 10
    assert t.begin("ann", "") == 20
    clock.now += 20
    assert t.begin("ann", "") == 0


def test_success_forgets_the_failures() -> None:
    t = Throttle(2, 60, Clock())
    t.begin("ann", "")
    t.begin("ann", "")
    t.succeeded("ann", "")
    assert t.begin("ann", "") == 0


def test_a_flood_of_names_does_not_grow_without_bound(monkeypatch) -> None:
    monkeypatch.setattr(throttle, "MAX_KEYS", 10)
    t = Throttle(2, 60, Clock())
    for i in range(100):
        t.begin(f"u{i}", "")
    assert len(t._attempts) == 10
