"""From events to deliveries: who is told of what, decided in one transaction with how far the events were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from collegium.db import UnitOfWork
from collegium.db.deliveries import SweepFacts
from collegium.domain.jobs import Event, Job, Notify
from collegium.domain.names import bound_name
from collegium.domain.notifications import (
    ME,
    STALE,
    Channel,
    Delivery,
    OwnSettings,
    Topic,
    asked,
    person,
    topic_of,
)
from collegium.domain.schedules import Schedule

#: Events in one transaction.
MANY = 1000


@dataclass(frozen=True)
class News:
    """Something to tell: whose it is, what was asked for, and what is said."""

    event: Event
    topic: Topic
    user: str
    state: str
    notify: tuple[Notify, ...]
    payload: Mapping[str, Any]


def collect(uow: UnitOfWork, moment: datetime, portal: str) -> tuple[int, int]:
    """Write what is to be told of the next events; how many were read, and how many deliveries came of them.

    ``portal`` is the address of the portal, empty if nobody knows it.
    """
    uow.notification_cursors.begin()
    events = uow.notification_cursors.unread(MANY)
    if not events:
        return 0, 0
    found = [(e, topic) for e in events if e.at >= moment - STALE and (topic := topic_of(e)) is not None]
    news = list(_news(uow, found, portal))
    made = uow.deliveries.insert(list(_deliveries(uow, news, moment))) if news else 0
    uow.notification_cursors.advance(events)
    return len(events), made


def _news(uow: UnitOfWork, found: Sequence[tuple[Event, Topic]], portal: str) -> Iterable[News]:
    jobs: dict[str, Job] = {}
    for group in sorted({e.group for e, _ in found if e.kind == "job"}):
        jobs |= uow.jobs.some(group, [e.object_id for e, _ in found if e.kind == "job" and e.group == group])
    sweeps = uow.notification_cursors.sweeps([e.object_id for e, _ in found if e.kind == "sweep"])
    for event, topic in found:
        address = f"{portal}#/groups/{quote(event.group)}/{event.kind}s/{quote(event.object_id)}" if portal else ""
        payload = {"event": topic.value, "at": event.at.isoformat(), "group": event.group, "url": address}
        if event.kind == "job" and (job := jobs.get(event.object_id)) is not None:
            # Points of a sweep are told of together, when it has ended.
            if job.sweep is None:
                yield News(
                    event, topic, job.user, job.state.value, job.spec.notify, payload | {"job": _job(job, event)}
                )
        elif event.kind == "sweep" and (sweep := sweeps.get(event.object_id)) is not None:
            yield News(event, topic, sweep.user, sweep.state, sweep.notify, payload | {"sweep": _sweep(sweep)})
        elif event.kind == "schedule":
            schedule = uow.schedules.get(event.group, event.object_id)
            if schedule is not None:
                yield News(
                    event, topic, schedule.run_as, event.state, (), payload | {"schedule": _schedule(schedule, event)}
                )


def _deliveries(uow: UnitOfWork, news: Sequence[News], moment: datetime) -> Iterable[Delivery]:
    own = uow.own_notifications.of({n.user for n in news})
    channels: dict[str, list[Channel]] = {}
    for channel in uow.channels.of_groups({n.event.group for n in news}):
        if channel.enabled:
            channels.setdefault(channel.group, []).append(channel)
    for n in news:
        for target in _targets(n, channels.get(n.event.group, []), own.get(n.user) or OwnSettings(n.user)):
            key = bound_name("ntf", target, str(n.event.sequence))
            yield Delivery(
                id=key,
                group=n.event.group,
                target=target,
                topic=n.topic.value,
                object_id=n.event.object_id,
                payload={"id": key, **n.payload},
                created_at=moment,
                next_at=moment,
                event=n.event.sequence,
            )


def _targets(news: News, channels: Sequence[Channel], own: OwnSettings) -> Iterable[str]:
    """Each place once, however many reasons there are."""
    names = asked(news.notify, news.state)
    for channel in channels:
        # A channel hears of what happens from when it was made.
        if channel.name in names or (news.topic in channel.events and channel.created_at <= news.event.at):
            yield channel.id
    if own.wants(news.topic, news.event.group) or (ME in names and own.enabled):
        yield person(news.user)


def _job(job: Job, event: Event) -> dict[str, Any]:
    begin, end = job.started_at, job.finished_at
    return {
        "id": job.id,
        "name": job.spec.name,
        "user": job.user,
        "state": event.state,
        "reason": event.reason,
        "exit_code": job.exit_code,
        "attempt": job.attempt,
        "created_at": job.created_at.isoformat(),
        "started_at": begin and begin.isoformat(),
        "finished_at": end and end.isoformat(),
        "duration_seconds": round((end - begin).total_seconds(), 3) if begin and end else None,
    }


def _sweep(sweep: SweepFacts) -> dict[str, Any]:
    end = sweep.finished_at
    return {
        "id": sweep.id,
        "name": sweep.name,
        "user": sweep.user,
        "state": sweep.state,
        "jobs": sweep.made,
        "created_at": sweep.created_at.isoformat(),
        "finished_at": end and end.isoformat(),
        "duration_seconds": round((end - sweep.created_at).total_seconds(), 3) if end else None,
    }


def _schedule(schedule: Schedule, event: Event) -> dict[str, Any]:
    return {
        "id": schedule.id,
        "name": schedule.name,
        "user": schedule.run_as,
        "state": schedule.state.value,
        "reason": event.reason,
    }
