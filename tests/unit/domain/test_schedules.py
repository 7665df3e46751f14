"""What is due after any pause: zones × changes of the clock × outages × clocks that are set."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collegium.domain.errors import InvalidInput
from collegium.domain.recurrence import Recurrence, make_cron, make_interval, make_once, upcoming
from collegium.domain.schedules import LATE, Missed, Timing, Trigger, check_timing, plan

START = datetime(2026, 3, 27, tzinfo=UTC)
quick = settings(deadline=None, max_examples=60)
recurrences = st.builds(
    make_cron,
    st.sampled_from(["*/10 * * * *", "30 2 * * *", "0 * * * *", "15 1-3 * * *", "0 0 * * *", "*/20 2 * * 0"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "America/New_York"]),
) | st.builds(
    lambda minutes: make_interval(timedelta(minutes=minutes), datetime(2026, 3, 27, 0, 7), "Europe/Berlin"),
    st.integers(1, 600),
)
starts = st.sampled_from([START, datetime(2026, 10, 24, tzinfo=UTC), datetime(2027, 4, 3, tzinfo=UTC)])
#: Seconds until the next look: mostly some, at times an outage of up to two days.
looks = st.lists(st.integers(1, 50) | st.integers(61, 2 * 86400), min_size=1, max_size=30)


class World:
    """A controller that looks now and then, and what is written down."""

    def __init__(self, timing: Timing, now: datetime) -> None:
        self.timing, self.now, self.looked = timing, now, now
        self.fired: list[tuple[datetime, Trigger, datetime]] = []

    def look(self) -> None:
        known = {due for due, _, _ in self.fired}
        made = plan(self.timing, self.looked, known, self.now)
        for due, trigger in made.fire:
            if due not in known:
                self.fired.append((due, trigger, self.now))
        self.looked = made.looked_until
        assert made.next_due == self.timing.after(self.now)


@quick
@given(recurrences, starts, looks, st.sampled_from(Missed), st.integers(1, 20), st.integers(0, 86400))
def test_outages(
    recurrence: Recurrence, start: datetime, pauses: list[int], missed: Missed, limit: int, horizon: int
) -> None:
    timing = Timing(recurrence, missed=missed, missed_limit=limit, missed_horizon=timedelta(seconds=horizon))
    world = World(timing, start)
    for pause in pauses:
        before, number = world.now, len(world.fired)
        shown = timing.after(before)
        world.now += timedelta(seconds=pause)
        world.look()
        due = list(upcoming(recurrence, before, world.now))
        new = [d for d, _, _ in world.fired[number:]]
        on_time = [d for d in due if d > world.now - LATE]
        late = [d for d in due if d <= world.now - LATE]
        recent = [d for d in late if d >= world.now - timing.missed_horizon]
        # What was shown as next is what comes next.
        assert (due[0] if due else None) == (shown if shown is not None and shown <= world.now else None)
        assert [d for d in new if d > world.now - LATE] == on_time
        made_up = [d for d in new if d <= world.now - LATE]
        if missed is Missed.SKIP:
            assert made_up == []
        elif missed is Missed.ONCE:
            assert made_up == ([] if on_time else recent[-1:])
        else:
            assert made_up == recent[-limit:]
        assert new == sorted(new)
    assert max(Counter(d for d, _, _ in world.fired).values(), default=1) == 1


@quick
@given(recurrences, starts, st.lists(st.integers(-7200, 7200), min_size=2, max_size=40))
def test_clocks_that_are_set_back_and_forth(recurrence: Recurrence, start: datetime, jumps: list[int]) -> None:
    """No due time comes twice, and none is lost that a clock goes through by itself."""
    world = World(Timing(recurrence, missed=Missed.SKIP), start)
    for jump in jumps:
        world.now += timedelta(seconds=jump)
        world.look()
        # Then a while of ordinary looks.
        before = world.now
        for _ in range(20):
            world.now += timedelta(seconds=30)
            world.look()
        fired = {due for due, _, _ in world.fired}
        assert set(world.timing.between(before, world.now)) <= fired
    assert max(Counter(d for d, _, _ in world.fired).values(), default=1) == 1


def test_a_long_outage_ends_with_the_newest() -> None:
    timing = Timing(make_cron("* * * * *", "UTC"), missed=Missed.ALL, missed_limit=3)
    now = START + timedelta(days=30)
    made = plan(timing, START, (), now)
    assert [d for d, t in made.fire if t is Trigger.MISSED] == [now - timedelta(minutes=m) for m in (3, 2, 1)]
    assert [d for d, t in made.fire if t is Trigger.TIME] == [now]
    assert made.missed > 0


def test_start_and_end_are_inclusive() -> None:
    timing = Timing(make_cron("0 * * * *", "UTC"), START + timedelta(hours=2), START + timedelta(hours=4))
    assert timing.upcoming(START, 5) == [START + timedelta(hours=h) for h in (2, 3, 4)]
    assert timing.after(START + timedelta(hours=4)) is None


@pytest.mark.parametrize(
    ("timing", "field"),
    [
        (Timing(make_once(datetime(2026, 1, 1), "UTC")), "recurrence"),
        (Timing(make_cron("0 0 * * *", "UTC"), end_at=START - timedelta(hours=1)), "end_at"),
        (Timing(make_cron("0 0 1 1 *", "UTC"), end_at=START + timedelta(days=2)), "end_at"),
        (Timing(make_cron("0 0 * * *", "UTC"), START + timedelta(days=9), START + timedelta(days=8)), "end_at"),
        (Timing(make_cron("0 0 * * *", "UTC"), missed_limit=101), "missed_limit"),
        (Timing(make_cron("0 0 * * *", "UTC"), missed_horizon=timedelta(days=8)), "missed_horizon"),
    ],
)
def test_what_can_never_be_due_is_refused(timing: Timing, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_timing(timing, START)
    assert refused.value.details["field"] == field
