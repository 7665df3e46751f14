"""From the wire to what a schedule is: the rules that a schema cannot say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobSpec
from collegium.domain.recurrence import (
    Recurrence,
    check_zone,
    instant,
    local_time,
    make_cron,
    make_interval,
    make_once,
)
from collegium.domain.schedules import Timing
from collegium.services.jobs.models import JobIn
from collegium.services.jobs.validate import read_spec
from collegium.services.schedules.models import CronIn, IntervalIn, OnceIn, PreviewIn, ScheduleIn, SchedulePatch

T = TypeVar("T")


def read_template(body: JobIn) -> JobSpec:
    """What the template comes to today; raises InvalidInput with ``template`` before the field."""
    if body.depends_on is not None:
        raise InvalidInput("template.depends_on", "cannot be in a schedule: those jobs would have ended before")
    return _within("template", lambda: read_spec(body))


def to_template(body: JobIn) -> dict[str, Any]:
    """As stored: what was asked for and nothing else, so that defaults stay those of the day."""
    return body.model_dump(mode="json", exclude_unset=True)


def read_recurrence(body: CronIn | IntervalIn | OnceIn, now: datetime) -> Recurrence:
    """The recurrence; raises InvalidInput with ``recurrence`` before the field."""
    return _within("recurrence", lambda: _recurrence(body, now))


def read_timing(body: ScheduleIn | PreviewIn, now: datetime) -> Timing:
    """When it is due; raises InvalidInput."""
    recurrence = read_recurrence(body.recurrence, now)
    start, end = _moment(body.start_at, recurrence, "start_at"), _moment(body.end_at, recurrence, "end_at")
    if isinstance(body, PreviewIn):
        return Timing(recurrence, start, end)
    return Timing(
        recurrence,
        start,
        end,
        body.max_runs,
        body.overlap,
        body.missed,
        body.missed_limit,
        timedelta(seconds=body.missed_horizon),
    )


def patch_timing(body: SchedulePatch, timing: Timing, now: datetime) -> Timing:
    """The timing with what is to change; raises InvalidInput."""
    given = body.model_fields_set
    recurrence = read_recurrence(body.recurrence, now) if body.recurrence is not None else timing.recurrence
    changes: dict[str, Any] = {"recurrence": recurrence}
    if "start_at" in given:
        changes["start_at"] = _moment(body.start_at, recurrence, "start_at")
    if "end_at" in given:
        changes["end_at"] = _moment(body.end_at, recurrence, "end_at")
    if "max_runs" in given:
        changes["max_runs"] = body.max_runs
    for name in ("overlap", "missed", "missed_limit"):
        if getattr(body, name) is not None:
            changes[name] = getattr(body, name)
    if body.missed_horizon is not None:
        changes["missed_horizon"] = timedelta(seconds=body.missed_horizon)
    return replace(timing, **changes)


def _recurrence(body: CronIn | IntervalIn | OnceIn, now: datetime) -> Recurrence:
    match body:
        case CronIn():
            return make_cron(body.expression, body.zone)
        case IntervalIn():
            anchor = now if body.anchor is None else _parse(body.anchor, "anchor")
            return make_interval(timedelta(seconds=body.every), anchor, body.zone)
        case OnceIn():
            return make_once(_parse(body.at, "at"), body.zone)


def _moment(text: str | None, recurrence: Recurrence, field: str) -> datetime | None:
    if text is None:
        return None
    local = local_time(_parse(text, field), check_zone(recurrence.zone), field)
    return instant(local, ZoneInfo(recurrence.zone)).astimezone(UTC)


def _parse(text: str, field: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, "is no time such as 2027-01-31T08:00 or 2027-01-31T08:00+01:00", text) from None


def _within(prefix: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except InvalidInput as error:
        details = error.details
        problem = error.message.removeprefix(f"{details['field']}: ")
        inner = InvalidInput(f"{prefix}.{details['field']}", problem, limit=details.get("limit"))
        inner.details = {**inner.details, "value": details.get("value")}
        raise inner from None
