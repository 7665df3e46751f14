"""Work beside the rounds: whose failure it is, how long it waits, how much goes on at once."""

from __future__ import annotations

import asyncio
import logging

import pytest

from collegium.domain.errors import Conflict, Unavailable
from collegium.services.controller.errands import Errands
from collegium.services.controller.lease import LeaseLost
from collegium.services.metrics import Metrics


def made(metrics: Metrics | None = None, at_once: int = 2) -> Errands[str]:
    return Errands[str]("sweep", at_once, 0.5, 15.0, metrics or Metrics())


async def test_pauses_grow_to_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 100.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: moment)
    errands, pauses = made(), (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0)
    for number, pause in enumerate(pauses):
        assert errands.ready("a")
        assert errands.failures("a") == number
        errands.wait("a")
        moment += pause - 0.25
        assert not errands.ready("a")
        assert errands.ready("b")
        moment += 0.25
    for _ in range(2000):
        errands.wait("a")
    moment += 15.0
    assert errands.ready("a")


async def test_what_is_forgotten() -> None:
    errands = made()
    for item in ("a", "b", "c"):
        errands.wait(item)
    errands.succeeded("a")
    errands.succeeded("never")
    errands.keep(item for item in ("a", "b"))
    assert [errands.failures(i) for i in ("a", "b", "c")] == [0, 1, 0]
    assert [errands.ready(i) for i in ("a", "b", "c")] == [True, False, True]


@pytest.mark.parametrize(
    ("error", "goes_on", "failures"),
    [
        (None, True, 0),
        (Conflict("somebody was faster"), True, 0),
        (LeaseLost(), False, 0),
        (Unavailable("later"), True, 1),
        (ZeroDivisionError("a fault"), True, 1),
    ],
)
async def test_attempts(
    error: Exception | None, goes_on: bool, failures: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        if error is not None:
            raise error

    metrics = Metrics()
    errands = made(metrics)
    with caplog.at_level(logging.WARNING, "collegium.controller"):
        assert await errands.attempt("a", "sweep a", work) is goes_on
    assert errands.failures("a") == failures
    counted = metrics.registry.get_sample_value("collegium_controller_failures_total", {"step": "sweep"})
    assert (counted or 0) == failures
    assert caplog.messages == [f"sweep a is tried again: {error}"] * failures
    # A trace is only of what nobody foresaw.
    assert [bool(r.exc_info) for r in caplog.records] == [isinstance(error, ZeroDivisionError)] * failures


async def test_so_many_at_once_and_no_more() -> None:
    errands, going, most = made(), 0, 0

    async def work() -> None:
        nonlocal going, most
        going += 1
        most = max(most, going)
        await asyncio.sleep(0)
        going -= 1

    async def attempt(key: str) -> None:
        assert await errands.attempt(key, key, work)

    for key in "abcdefg":
        errands.begin(key, attempt(key))
        assert errands.under_way(key)
    await errands.settle()
    assert (going, most) == (0, 2)
    assert not any(errands.under_way(key) for key in "abcdefg")


async def test_what_is_dropped() -> None:
    errands, event = made(at_once=1), asyncio.Event()

    async def work() -> None:
        await event.wait()

    async def attempt(key: str) -> None:
        await errands.attempt(key, key, work)

    errands.begin("a", attempt("a"))
    errands.begin("b", attempt("b"))
    await asyncio.sleep(0)
    errands.stop()
    await errands.settle()
    assert not errands.under_way("a")
    assert not errands.under_way("b")
    # It did not fail, and another can have the place.
    assert errands.failures("a") == 0
    event.set()
    assert await errands.attempt("a", "a", work)
