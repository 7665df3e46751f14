"""Notifications: what is told of, where to, and how often that is tried."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import Event, JobState, Notify, NotifyOn
from collegium.domain.names import check_object_name
from collegium.domain.schedules import RunReason, ScheduleReason, ScheduleState

#: In a job's ``notify``: whoever submitted it.
ME = "me"
#: Channels of a group, addresses of a channel.
MAX_CHANNELS, MAX_ADDRESSES = 50, 20
#: Seconds before the second try; each wait is twice the last, up to an hour.
FIRST_WAIT, LONGEST_WAIT = 10, 3600
#: Tries until a delivery is given up: the waits between them come to some 23 hours.
MAX_TRIES = 32
#: What happened longer ago is news to nobody, after an outage least of all.
STALE = timedelta(days=1)


class Topic(enum.StrEnum):
    """What one can be told of."""

    JOB_SUCCEEDED = "job.succeeded"
    JOB_FAILED = "job.failed"
    JOB_CANCELLED = "job.cancelled"
    SCHEDULE_PAUSED = "schedule.paused"
    SCHEDULE_MISSED = "schedule.missed"
    SWEEP_ENDED = "sweep.ended"


#: The topic of a message that somebody asked for, to see whether it arrives.
TEST = "test"


class ChannelKind(enum.StrEnum):
    """How a channel speaks."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    SLACK = "slack"


@dataclass(frozen=True)
class Channel:
    """Where a group's notifications go. ``url`` and ``secret`` are sealed; ``origin`` is scheme and host of the URL."""

    id: str
    group: str
    name: str
    kind: ChannelKind
    created_by: str
    created_at: datetime
    updated_at: datetime
    addresses: tuple[str, ...] = ()
    origin: str = ""
    url: str = ""
    secret: str = ""
    events: frozenset[Topic] = frozenset()
    enabled: bool = True


@dataclass(frozen=True)
class OwnSettings:
    """What one person wants to hear of what is theirs; ``groups`` None means all."""

    user: str
    address: str = ""
    events: frozenset[Topic] = frozenset()
    groups: frozenset[str] | None = None
    enabled: bool = True

    def wants(self, topic: Topic, group: str) -> bool:
        """Is this asked for?"""
        return self.enabled and topic in self.events and (self.groups is None or group in self.groups)


class DeliveryState(enum.StrEnum):
    """Pending is tried again until it is Sent, or Failed for good; Dropped had nowhere to go."""

    PENDING = "Pending"
    SENT = "Sent"
    FAILED = "Failed"
    DROPPED = "Dropped"


@dataclass(frozen=True)
class Delivery:
    """One message to one place. ``target`` is a channel's id or that of a person (see ``person``); ``id`` stays the
    same however often it is tried. ``event`` is the number of the event it tells of, None for a test."""

    id: str
    group: str
    target: str
    topic: str
    object_id: str
    payload: Mapping[str, Any]
    created_at: datetime
    next_at: datetime
    event: int | None = None
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    message: str = ""
    finished_at: datetime | None = None
    sequence: int = 0


@dataclass(frozen=True)
class Try:
    """How a try ended. ``lasting`` says that another can change nothing, ``whole`` that it is the place and not this
    message which is in trouble."""

    sent: bool
    message: str = ""
    lasting: bool = False
    whole: bool = False


def person(user: str) -> str:
    """The target that stands for a person's own address."""
    return f"user:{user}"


def person_of(target: str) -> str | None:
    """The person of a target, None for a channel's."""
    return target.removeprefix("user:") if target.startswith("user:") else None


def check_channel_name(name: str, field: str = "name") -> str:
    """A channel's name: as of other objects, but not the word for oneself."""
    if name == ME:
        raise InvalidInput(field, "is the word for one's own address", name)
    return check_object_name(name, field)


def topic_of(event: Event) -> Topic | None:
    """What an event is to those who want to be told, None for what is of no interest."""
    if event.kind == "job":
        return _JOBS.get(event.state)
    if event.kind == "sweep":
        return Topic.SWEEP_ENDED if event.state in _JOBS else None
    if event.kind != "schedule":
        return None
    if event.state == ScheduleState.PAUSED.value:
        # Whoever paused or changed it by hand knows.
        return None if event.reason == ScheduleReason.BY_USER.value else Topic.SCHEDULE_PAUSED
    if event.state == "Missed" or event.reason == RunReason.NOT_SUBMITTED.value:
        return Topic.SCHEDULE_MISSED
    return None


_JOBS = {
    JobState.SUCCEEDED.value: Topic.JOB_SUCCEEDED,
    JobState.FAILED.value: Topic.JOB_FAILED,
    JobState.CANCELLED.value: Topic.JOB_CANCELLED,
}
_ENDS = {
    JobState.SUCCEEDED.value: NotifyOn.SUCCEEDED,
    JobState.FAILED.value: NotifyOn.FAILED,
    JobState.CANCELLED.value: NotifyOn.CANCELLED,
}


def asked(notify: tuple[Notify, ...], state: str) -> set[str]:
    """Names of channels that a job or sweep asked to be told of this end."""
    end = _ENDS.get(state)
    return {n.channel for n in notify if end is not None and (end in n.on or NotifyOn.DONE in n.on)}


def wait(attempts: int) -> timedelta:
    """How long to wait after so many tries."""
    return timedelta(seconds=min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 20)))


def after(delivery: Delivery, tried: Try, now: datetime) -> Delivery:
    """The delivery after a try."""
    attempts = delivery.attempts + 1
    values: dict[str, Any] = {**vars(delivery), "attempts": attempts, "message": tried.message}
    if tried.sent:
        values |= {"state": DeliveryState.SENT, "finished_at": now}
    elif tried.lasting or attempts >= MAX_TRIES:
        values |= {"state": DeliveryState.FAILED, "finished_at": now}
    else:
        values["next_at"] = now + wait(attempts)
    return Delivery(**values)
