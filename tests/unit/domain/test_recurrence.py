"""Due times by the clocks of all zones: what is skipped, what comes twice, what never comes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collegium.domain.errors import InvalidInput
from collegium.domain.recurrence import (
    Cron,
    Interval,
    Recurrence,
    check_zone,
    describe,
    from_json,
    instant,
    make_cron,
    make_interval,
    make_once,
    note,
    to_json,
    upcoming,
)

ZONES = sorted(z for z in available_timezones() if z not in ("localtime", "Factory"))
#: Clocks that change by an hour, by half of one, at midnight, in the south, and not at all.
ODD = ["Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Beirut", "America/Santiago", "Asia/Kathmandu"]
quick = settings(deadline=None, max_examples=60)
zones = st.sampled_from(ODD) | st.sampled_from(ZONES)
#: To 2037: files of zones list their changes to then, beyond is a rule.
moments = st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)).map(lambda m: m.replace(tzinfo=UTC, microsecond=0))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]


def shown(expression: str, zone: str, after: datetime, count: int) -> list[str]:
    """Local times of what is due."""
    due = islice(upcoming(make_cron(expression, zone), after), count)
    return [d.astimezone(ZoneInfo(zone)).strftime("%d %H:%M%z") for d in due]


def test_a_skipped_time_is_due_once_at_the_next_that_exists() -> None:
    assert shown("30 2 * * *", "Europe/Berlin", utc(2026, 3, 27, 20), 3) == [
        "28 02:30+0100",
        "29 03:00+0200",
        "30 02:30+0200",
    ]
    # Four skipped times and one that exists: one due time.
    assert shown("*/15 2,3 * * *", "Europe/Berlin", utc(2026, 3, 28, 23), 3) == [
        "29 03:00+0200",
        "29 03:15+0200",
        "29 03:30+0200",
    ]
    # Midnight does not exist in Havana on this day.
    assert shown("0 0 8 3 *", "America/Havana", utc(2026, 1, 1), 1) == ["08 01:00-0400"]


def test_a_repeated_time_is_due_once_the_first_time() -> None:
    assert shown("30 2 * * *", "Europe/Berlin", utc(2026, 10, 24, 20), 2) == ["25 02:30+0200", "26 02:30+0100"]
    assert shown("*/30 2 * * *", "Europe/Berlin", utc(2026, 10, 24, 20), 3) == [
        "25 02:00+0200",
        "25 02:30+0200",
        "26 02:00+0100",
    ]


def test_every_hour_leaves_no_hour_out() -> None:
    assert shown("0 * * * *", "Europe/Berlin", utc(2026, 10, 24, 23, 30), 4) == [
        "25 02:00+0200",
        "25 02:00+0100",
        "25 03:00+0100",
        "25 04:00+0100",
    ]
    # Half an hour comes twice.
    assert shown("*/30 * * * *", "Australia/Lord_Howe", utc(2027, 4, 3, 14, 0), 4) == [
        "04 01:30+1100",
        "04 01:30+1030",
        "04 02:00+1030",
        "04 02:30+1030",
    ]


def test_a_whole_day_that_a_zone_skipped() -> None:
    # Samoa went over the date line and had no 30 December 2011.
    found = list(upcoming(Cron("0 12 * * *", "Pacific/Apia"), utc(2011, 12, 28), utc(2012, 1, 1, 12)))
    local = [d.astimezone(ZoneInfo("Pacific/Apia")).strftime("%d %H:%M") for d in found]
    assert local == ["28 12:00", "29 12:00", "31 00:00", "31 12:00", "01 12:00"]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "five fields"),
        ("* * * *", "it has 4"),
        ("* * * * * *", "it has 6"),
        ("@daily", "five fields"),
        ("61 * * * *", "field 1 (minute)"),
        ("0 24 * * *", "field 2 (hour)"),
        ("0 0 32 * *", "field 3 (day of month)"),
        ("0 0 * FOO *", "field 4 (month)"),
        ("0 0 * * 8", "field 5 (day of week)"),
        ("5-1 * * * *", "field 1 (minute)"),
        ("*/0 * * * *", "field 1 (minute)"),
        ("*/90 * * * *", "a step is at most 59"),
        ("0 0-20/24,1 * * *", "a step is at most 23"),
        ("0 0 * * 8-9", "it goes from 0 to 7"),
        ("0 0 30 2 *", "never comes true"),
        ("0 0 31 2,4,6,9,11 *", "never comes true"),
        ("0 0 LW * */6", "never comes true"),
        ("* * * * " + "1," * 100 + "1", "longer than 200"),
    ],
)
def test_wrong_expressions(expression: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make_cron(expression, "UTC")
    assert refused.value.details["field"] == "expression"
    assert said in refused.value.message


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "localtime", "../../etc/passwd", "Europe", "right/UTC", "utc "])
def test_wrong_zones(zone: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        make_cron("* * * * *", zone)
    assert refused.value.details["field"] == "zone"


def test_wrong_intervals_and_dates() -> None:
    for every in (timedelta(), timedelta(seconds=59), timedelta(days=-1), timedelta(days=4000)):
        with pytest.raises(InvalidInput, match="every"):
            make_interval(every, datetime(2026, 1, 1), "UTC")
    for year in (1, 1900, 9999):
        with pytest.raises(InvalidInput, match="years"):
            make_once(datetime(year, 1, 1), "UTC")


@quick
@given(
    st.text(st.characters(codec="utf-8"), max_size=60) | st.from_regex(r"[0-9*/,LW#A-Z-]{1,8}( [0-9*/,LW#-]{1,8}){4}")
)
def test_no_text_does_anything_but_mean_something_or_be_refused(text: str) -> None:
    try:
        cron = make_cron(text, "Europe/Berlin")
    except InvalidInput as error:
        refused = error
    else:
        describe(cron)
        # Perhaps not within fifty years of any day, but never an error.
        cron.after(utc(2026, 1, 1))
        return
    assert refused.details["field"] == "expression"


def test_leap_days() -> None:
    assert shown("0 0 29 2 *", "UTC", utc(2026, 1, 1), 2) == ["29 00:00+0000"] * 2
    found = list(islice(upcoming(make_cron("0 0 29 2 *", "UTC"), utc(2096, 1, 1)), 2))
    assert [d.year for d in found] == [2096, 2104]


def test_intervals_do_not_mind_clocks_that_change() -> None:
    every_six = make_interval(timedelta(hours=6), datetime(2026, 3, 28, 12), "Europe/Berlin")
    found = list(islice(upcoming(every_six, utc(2026, 3, 1)), 4))
    assert [d.isoformat() for d in found] == [
        "2026-03-28T11:00:00+00:00",
        "2026-03-28T17:00:00+00:00",
        "2026-03-28T23:00:00+00:00",
        "2026-03-29T05:00:00+00:00",
    ]


def test_odd_due_times_say_so() -> None:
    daily = make_cron("30 2 * * *", "Europe/Berlin")
    assert "skips" in note(daily, utc(2026, 3, 29, 1))
    assert "first" in note(daily, utc(2026, 10, 25, 0, 30))
    assert note(daily, utc(2026, 5, 1, 0, 30)) == ""
    once = make_once(datetime(2026, 3, 29, 2, 30), "Europe/Berlin")
    (due,) = upcoming(once, utc(2026, 1, 1))
    assert (due, "skips" in note(once, due)) == (utc(2026, 3, 29, 1), True)
    hourly = make_cron("0 * * * *", "Europe/Berlin")
    assert "second" in note(hourly, utc(2026, 10, 25, 1))


def test_a_date_with_an_offset_is_taken_to_the_zone() -> None:
    once = make_once(datetime(2026, 7, 1, 12, tzinfo=UTC), "Asia/Tokyo")
    assert once.at == datetime(2026, 7, 1, 21)


@pytest.mark.parametrize(
    "recurrence",
    [
        make_cron("0 4 * * 1-5", "Europe/Berlin"),
        make_interval(timedelta(minutes=90), datetime(2026, 1, 1), "UTC"),
        make_once(datetime(2027, 1, 31, 8), "Asia/Tokyo"),
    ],
)
def test_stored_and_read_again(recurrence: Recurrence) -> None:
    assert from_json(to_json(recurrence)) == recurrence
    assert recurrence.zone in describe(recurrence)


def test_a_stored_zone_that_is_gone_shows_when_it_is_used() -> None:
    stored = from_json({"kind": "cron", "expression": "* * * * *", "zone": "Mars/Olympus"})
    with pytest.raises(InvalidInput, match="zone"):
        stored.after(utc(2026, 1, 1))


@quick
@given(zones, moments)
def test_every_real_local_time_is_its_own_instant(zone: str, moment: datetime) -> None:
    tz = ZoneInfo(zone)
    here = moment.astimezone(tz)
    local = here.replace(tzinfo=None, fold=0)
    found = instant(local, tz)
    assert found.astimezone(tz).replace(tzinfo=None, fold=0) == local
    assert found == moment if here.fold == 0 else found < moment


@quick
@given(zones, st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1)), st.integers(1, 10_000))
def test_a_later_local_time_is_never_an_earlier_instant(zone: str, local: datetime, seconds: int) -> None:
    tz = ZoneInfo(zone)
    assert instant(local, tz) <= instant(local + timedelta(seconds=seconds), tz)


@quick
@given(zones, moments, st.integers(0, 59), st.integers(0, 23))
def test_a_daily_time_is_due_on_each_day_once(zone: str, start: datetime, minute: int, hour: int) -> None:
    daily, tz = make_cron(f"{minute} {hour} * * *", zone), ZoneInfo(zone)
    found = list(islice(upcoming(daily, start), 400))
    days = [d.astimezone(tz).date() for d in found]
    # Each day of the calendar, none twice. (No zone has left out a day since 2020.)
    assert all(b - a == timedelta(days=1) for a, b in pairwise(days)), (zone, days)
    assert all(a < b for a, b in pairwise(found))


@quick
@given(zones, moments, st.sampled_from([1, 5, 10, 15, 20, 30]))
def test_every_few_minutes_leaves_no_gap(zone: str, start: datetime, minutes: int) -> None:
    found = list(islice(upcoming(make_cron(f"*/{minutes} * * * *", zone), start), 300))
    assert all(timedelta() < b - a <= timedelta(minutes=minutes) for a, b in pairwise(found)), (zone, found)


@quick
@given(zones, moments, st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 */5 * * *", "15 1-3 * * *", "0 0 1 * *"]))
def test_where_one_begins_to_look_does_not_matter(zone: str, start: datetime, expression: str) -> None:
    cron = make_cron(expression, zone)
    found = list(islice(upcoming(cron, start), 40))
    for before, due in pairwise(found):
        for look in (before, before + (due - before) / 3, due - timedelta(microseconds=1)):
            assert cron.after(look) == due


@quick
@given(zones, moments, st.integers(60, 10_000_000), moments)
def test_intervals(zone: str, anchor: datetime, every: int, start: datetime) -> None:
    interval = make_interval(timedelta(seconds=every), anchor, zone)
    assert isinstance(interval, Interval)
    first = interval.after(start)
    assert first is not None and first > start
    local = instant(interval.anchor, ZoneInfo(zone))
    assert (first - local) % timedelta(seconds=every) == timedelta() and first >= local
    assert first - start <= timedelta(seconds=every) or first == local


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_three_years_in_every_zone(part: int) -> None:
    """A daily time near the changes, each zone: as many due times as days, in order."""
    for number, zone in enumerate(ZONES[part::4]):
        minute, hour = number % 60, number % 4
        found = upcoming(make_cron(f"{minute} {hour} * * *", check_zone(zone)), utc(2026, 1, 1), utc(2029, 1, 1))
        days = {d.astimezone(ZoneInfo(zone)).date() for d in found}
        assert 1095 <= len(days) <= 1097, zone
