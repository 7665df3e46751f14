"""When something is due: cron, interval or one date, each by the clock of an IANA zone.

Due times are instants (UTC). A local time that a zone skips is due once, at the next moment that exists; one that comes
twice is due once, the first time. The one exception is made where it is said: every hour means every hour that passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from collegium.domain.errors import InvalidInput

MIN_EVERY, MAX_EVERY = timedelta(minutes=1), timedelta(days=3660)
MAX_EXPRESSION = 200
#: Files beside the zones: this machine's own zone, and one that stands for "not set".
_NO_ZONES = frozenset({"localtime", "Factory", "posixrules"})
_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_STEP = re.compile(r"/(\d+)", re.ASCII)
_SECOND = timedelta(seconds=1)
#: Years that dates may have: beyond, arithmetic with zones leaves what a date can hold.
_FIRST_YEAR, _LAST_YEAR = 1971, 9000


@dataclass(frozen=True)
class Cron:
    """Five fields: minute, hour, day of month, month, day of week."""

    expression: str
    zone: str

    def after(self, moment: datetime) -> datetime | None:
        """The first due time later than ``moment``, None if there is none in the next fifty years."""
        zone = _zone(self.zone)
        here = moment.astimezone(zone)
        wall = here.replace(tzinfo=None, fold=0)
        first = next((due for due in self._first_passes(wall, zone) if due > moment), None)
        again = self._second_pass(here, zone)
        return min((due for due in (first, again) if due is not None), default=None)

    def _first_passes(self, wall: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        # In order, for a later local time never comes to an earlier instant: one in the gap comes to its end.
        return (instant(local, zone) for local in _matches(self.expression, wall))

    def _second_pass(self, here: datetime, zone: ZoneInfo) -> datetime | None:
        """For every hour (``*``): the next due time in an hour that the clock shows again.

        Whoever names an hour wants it once; whoever wants every hour, or every five minutes, wants no hour left out.
        """
        wall = here.replace(tzinfo=None, fold=0)
        if self.expression.split()[1] != "*" or not _repeats(wall, zone):
            return None
        start = wall
        if here.fold == 0:
            turn = _turn(_utc(wall, zone, 0), _utc(wall, zone, 1), zone)
            start = turn.astimezone(zone).replace(tzinfo=None, fold=0) - _SECOND
        local = next(_matches(self.expression, start), None)
        return _utc(local, zone, 1) if local is not None and _repeats(local, zone) else None


@dataclass(frozen=True)
class Interval:
    """Every so much time that passes, counted from ``anchor``, a local time. Clocks that are changed change nothing."""

    every: timedelta
    anchor: datetime
    zone: str

    def after(self, moment: datetime) -> datetime | None:
        """The first due time later than ``moment``."""
        anchor = instant(self.anchor, _zone(self.zone))
        steps = max(0, (moment - anchor) // self.every + 1)
        due = anchor + steps * self.every
        return due if due.year < _LAST_YEAR else None


@dataclass(frozen=True)
class Once:
    """One local time."""

    at: datetime
    zone: str

    def after(self, moment: datetime) -> datetime | None:
        """The due time if it is later than ``moment``."""
        due = instant(self.at, _zone(self.zone))
        return due if due > moment else None


Recurrence = Cron | Interval | Once


def make_cron(expression: str, zone: str) -> Cron:
    """Raises InvalidInput naming the field, also for an expression that never comes true, such as 30 February."""
    check_zone(zone)
    text = " ".join(expression.split())
    parts = text.split(" ")
    if len(text) > MAX_EXPRESSION:
        raise InvalidInput("expression", f"is longer than {MAX_EXPRESSION} characters", text, MAX_EXPRESSION)
    if len(parts) != len(_FIELDS):
        problem = f"must have five fields ({', '.join(_FIELDS)}), it has {len(parts) if text else 0}"
        raise InvalidInput("expression", problem, expression)
    _check_steps(parts, expression)
    try:
        found = next(CronSim(text, datetime(2000, 1, 1)), None)
    except CronSimError:
        raise InvalidInput("expression", _problem(parts), expression) from None
    except (ValueError, TypeError, AssertionError, OverflowError):
        raise InvalidInput("expression", "is no cron expression", expression) from None
    if found is None:
        raise InvalidInput("expression", "never comes true: no month has such a day", expression)
    return Cron(text, zone)


def make_interval(every: timedelta, anchor: datetime, zone: str) -> Interval:
    """Raises InvalidInput; an ``anchor`` with an offset is taken to the zone's clock."""
    check_zone(zone)
    seconds = int(every.total_seconds())
    if not MIN_EVERY <= every <= MAX_EVERY:
        problem = f"must be {MIN_EVERY.seconds} to {int(MAX_EVERY.total_seconds())} seconds"
        limit = MIN_EVERY if every < MIN_EVERY else MAX_EVERY
        raise InvalidInput("every", problem, seconds, int(limit.total_seconds()))
    return Interval(every, local_time(anchor, zone, "anchor"), zone)


def make_once(at: datetime, zone: str) -> Once:
    """Raises InvalidInput; an ``at`` with an offset is taken to the zone's clock."""
    check_zone(zone)
    return Once(local_time(at, zone, "at"), zone)


def local_time(moment: datetime, zone: str, field: str) -> datetime:
    """As the zone's clock shows it, to the second. Without an offset it is that already. Raises InvalidInput."""
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise InvalidInput(field, f"must be in the years {_FIRST_YEAR} to {_LAST_YEAR}", moment.isoformat())
    if moment.tzinfo is not None:
        moment = moment.astimezone(_zone(zone))
    return moment.replace(tzinfo=None, fold=0, microsecond=0)


def check_zone(zone: str) -> str:
    """An IANA zone's name; raises InvalidInput."""
    if zone not in _zones():
        raise InvalidInput("zone", "is no IANA time zone such as Europe/Berlin or UTC", zone)
    return zone


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's clock shows ``local``: the first time if it does twice, the next moment if it never does."""
    first, second = _utc(local, zone, 0), _utc(local, zone, 1)
    # In a gap, fold 0 counts with the offset from before, fold 1 with the one from after: the gap lies between.
    return _turn(second, first, zone) if second < first else first


def upcoming(recurrence: Recurrence, after: datetime, until: datetime | None = None) -> Iterator[datetime]:
    """Due times later than ``after``, in order, to ``until``."""
    due = recurrence.after(after)
    while due is not None and (until is None or due <= until):
        yield due
        due = recurrence.after(due)


def describe(recurrence: Recurrence) -> str:
    """For people."""
    match recurrence:
        case Cron():
            try:
                # Its words are written for seconds too, so it wants an iterator of its own.
                text = CronSim(recurrence.expression, datetime(2000, 1, 1)).explain()
            except (ValueError, TypeError, AssertionError, KeyError, IndexError):
                text = recurrence.expression
        case Interval():
            text = f"Every {_span(recurrence.every)} from {recurrence.anchor:%Y-%m-%d %H:%M:%S}"
        case Once():
            text = f"Once, on {recurrence.at:%Y-%m-%d at %H:%M:%S}"
    return f"{text} ({recurrence.zone})"


def to_json(recurrence: Recurrence) -> dict[str, Any]:
    """As stored; the inverse of ``from_json``."""
    match recurrence:
        case Cron():
            return {"kind": "cron", "expression": recurrence.expression, "zone": recurrence.zone}
        case Interval():
            every, anchor = int(recurrence.every.total_seconds()), recurrence.anchor.isoformat()
            return {"kind": "interval", "every": every, "anchor": anchor, "zone": recurrence.zone}
        case Once():
            return {"kind": "once", "at": recurrence.at.isoformat(), "zone": recurrence.zone}


def from_json(data: Mapping[str, Any]) -> Recurrence:
    """From what is stored. A zone that this machine does not know any more shows when it is asked for due times."""
    zone = data["zone"]
    match data["kind"]:
        case "cron":
            return Cron(data["expression"], zone)
        case "interval":
            return Interval(timedelta(seconds=data["every"]), datetime.fromisoformat(data["anchor"]), zone)
        case "once":
            return Once(datetime.fromisoformat(data["at"]), zone)
    raise InvalidInput("kind", "is none of cron, interval, once", data["kind"])


def note(recurrence: Recurrence, due: datetime) -> str:
    """What is odd about a due time because clocks are changed; empty for nearly all."""
    zone = _zone(recurrence.zone)
    here = due.astimezone(zone)
    wall = here.replace(tzinfo=None, fold=0)
    match recurrence:
        case Cron():
            meant = next(_matches(recurrence.expression, wall - _SECOND), None) == wall
        case Once():
            meant = recurrence.at == wall
        case Interval():
            meant = True
    if not meant:
        return "the clock skips the time that was meant; this is the next one that it shows"
    if _repeats(wall, zone):
        return f"the clock shows this time twice; this is the {'second' if here.fold else 'first'}"
    return ""


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(check_zone(name))


def _matches(expression: str, wall: datetime) -> Iterator[datetime]:
    found = copy(_parsed(expression))
    found.dt = wall.replace(microsecond=0)
    return found


@lru_cache(maxsize=1024)
def _parsed(expression: str) -> CronSim:
    """Reading takes longer than going to the next time."""
    try:
        return CronSim(expression, datetime(2000, 1, 1))
    except CronSimError:
        raise InvalidInput("expression", "is no cron expression", expression) from None


def _utc(local: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _repeats(local: datetime, zone: ZoneInfo) -> bool:
    return _utc(local, zone, 0) < _utc(local, zone, 1)


def _turn(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the zone's clock was changed, between two instants of which only one is before it."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + timedelta(seconds=(after - before) // (2 * _SECOND))
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


def _check_steps(parts: list[str], expression: str) -> None:
    """Every 90th minute is no time: it would mean each full hour, which nobody meant who wrote it."""
    for number, (name, part) in enumerate(zip(_FIELDS, parts, strict=True)):
        most = _RANGES[number][1]
        if any(len(step) > 3 or int(step) > most for step in _STEP.findall(part)):
            problem = f"field {number + 1} ({name}) is wrong: {part[:40]}; a step is at most {most}"
            raise InvalidInput("expression", problem, expression, most)


def _problem(parts: list[str]) -> str:
    """Which of the fields is wrong; each is tried with the others as stars."""
    for number, (name, part) in enumerate(zip(_FIELDS, parts, strict=True)):
        alone = ["*"] * len(parts)
        alone[number] = part
        try:
            CronSim(" ".join(alone), datetime(2000, 1, 1))
        except CronSimError:
            first, last = _RANGES[number]
            return f"field {number + 1} ({name}) is wrong: {part[:40]}; it goes from {first} to {last}"
    return "never comes true: no month that is named has such a day"


def _span(every: timedelta) -> str:
    seconds = int(every.total_seconds())
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return name if count == 1 else f"{count} {name}s"
    raise AssertionError


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(z for z in available_timezones() if z not in _NO_ZONES and not re.match("right/|posix/", z))
