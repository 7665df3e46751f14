"""Looks at a group's queue, and changes what its admins may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from collegium.db import Database, UnitOfWork
from collegium.domain.admission import plan_admissions
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import NotFound
from collegium.domain.groups import Actor
from collegium.domain.jobs import JobState
from collegium.domain.queues import GroupSettings, JobBounds, QueueMode
from collegium.domain.shares import FileBounds
from collegium.quota.ledger import usage
from collegium.services.jobs.queue import Queue, read_queue, waiting
from collegium.services.queues.models import (
    HeadOut,
    LimitOut,
    QueueIn,
    QueueOut,
    SettingsIn,
    SettingsOut,
    ShareLinksOut,
)

#: The kind of the events that tell of a queue's mode.
EVENT = "queue"
#: The kind of those that tell of what a group's admins set.
SETTINGS = "settings"
_SETTINGS = ("job_timeout_seconds", "artifact_days", "share_links", "trash_days")


class QueueService:
    """Expects that the policy was asked already. ``wake`` tells the controller of this process, if there is one."""

    def __init__(
        self,
        database: Database,
        wake: Callable[[], object],
        clock: Callable[[], datetime],
        bounds: JobBounds,
        files: FileBounds,
    ) -> None:
        self._database, self._wake, self._clock, self._bounds, self._files = database, wake, clock, bounds, files

    async def queue(self, group: str) -> QueueOut:
        """How many wait for what, and who is next."""
        return await self._database.reading(lambda uow: self._look(uow, group))

    async def set_mode(self, actor: Actor, group: str, change: QueueIn) -> QueueOut:
        """Open, pause or drain."""

        def write(uow: UnitOfWork) -> QueueOut:
            self._lock(uow, group)
            moment, settings = self._clock(), uow.group_settings.get(group)
            if (settings.mode, settings.mode_reason) != (change.mode, change.reason):
                # Who opened it is nobody's question.
                who = ("", None) if change.mode is QueueMode.OPEN else (actor.user, moment)
                uow.group_settings.put(
                    replace(settings, mode=change.mode, mode_reason=change.reason, mode_by=who[0], mode_at=who[1])
                )
                details = {"from": settings.mode.value, "to": change.mode.value, "reason": change.reason}
                uow.audit.append(AuditEntry(moment, actor.user, "queue.mode", group, group, details=details))
                told = (change.mode.value, "ModeChanged", change.reason)
                uow.events.append(group, EVENT, group, moment, *told, name=group, user=actor.user)
            uow.announce()
            return self._look(uow, group)

        found = await self._database.writing(write)
        self._wake()
        return found

    async def settings(self, group: str) -> SettingsOut:
        """What is set, and what the platform allows."""
        return await self._database.reading(lambda uow: self._shown(uow.group_settings.get(group)))

    async def change_settings(self, actor: Actor, group: str, change: SettingsIn) -> SettingsOut:
        """Change what was given; raises InvalidInput beyond the platform's bounds."""
        given: dict[str, Any] = {name: getattr(change, name) for name in _SETTINGS if name in change.model_fields_set}
        self._check(given)

        def write(uow: UnitOfWork) -> SettingsOut:
            self._lock(uow, group)
            before = uow.group_settings.get(group)
            after = replace(before, **given)
            if after != before:
                uow.group_settings.put(after)
                details = {
                    name: {"from": getattr(before, name), "to": getattr(after, name)}
                    for name in given
                    if getattr(before, name) != getattr(after, name)
                }
                moment = self._clock()
                uow.audit.append(AuditEntry(moment, actor.user, "settings.edit", group, group, details=details))
                text = "; ".join(_changed(n, d["from"], d["to"]) for n, d in details.items())
                told = ("Changed", "SettingsChanged", text)
                uow.events.append(group, SETTINGS, group, moment, *told, name=group, user=actor.user)
            return self._shown(after)

        return await self._database.writing(write)

    def _check(self, given: Mapping[str, Any]) -> None:
        """Raise InvalidInput for what the platform does not allow; None is its own word."""
        checks: dict[str, Callable[[Any], object]] = {
            "job_timeout_seconds": lambda seconds: self._bounds.check_timeout(seconds, "job_timeout_seconds"),
            "artifact_days": self._bounds.check_days,
            "share_links": self._files.check_links,
            "trash_days": self._files.check_days,
        }
        for name, value in given.items():
            if value is not None:
                checks[name](value)

    def _lock(self, uow: UnitOfWork, group: str) -> None:
        """Two who change something at once change it one after the other."""
        if uow.groups.lock(group) is None:
            raise NotFound(f"group: there is no group {group}", field="group", value=group)

    def _look(self, uow: UnitOfWork, group: str) -> QueueOut:
        queue = read_queue(uow, group, self._clock())
        pending = uow.jobs.count([JobState.PENDING], group)
        settings = queue.settings
        return QueueOut(
            mode=settings.mode,
            reason=settings.mode_reason,
            by=settings.mode_by,
            at=settings.mode_at,
            ready=len(queue.ready),
            later=len(queue.later),
            held=pending - len(queue.ready) - len(queue.later),
            starting=uow.jobs.count([JobState.PREPARING], group),
            running=uow.jobs.count([JobState.RUNNING], group),
            by_user=dict(Counter(j.user for j in queue.ready).most_common(100)),
            head=self._head(uow, group, queue),
        )

    def _head(self, uow: UnitOfWork, group: str, queue: Queue) -> HeadOut | None:
        if queue.paused or not queue.ready:
            return None
        places = plan_admissions(usage(uow, group), [waiting(j) for j in queue.ready], self._clock(), queue.ends)
        for job, place in zip(queue.ready, places, strict=True):
            if not place.admit:
                text = place.decision.message()
                return HeadOut(id=job.id, name=job.name, user=job.user, message=text, earliest_start=place.earliest)
        return None

    def _shown(self, settings: GroupSettings) -> SettingsOut:
        bounds, files = self._bounds, self._files
        return SettingsOut(
            job_timeout_seconds=LimitOut(
                own=settings.job_timeout_seconds, holds=bounds.timeout(settings), most=bounds.max_timeout_seconds
            ),
            artifact_days=LimitOut(
                own=settings.artifact_days, holds=bounds.days(settings), most=bounds.max_artifact_days
            ),
            share_links=ShareLinksOut(
                own=settings.share_links, holds=files.links(settings.share_links), most=files.max_share_links
            ),
            trash_days=LimitOut(
                own=settings.trash_days, holds=files.days(settings.trash_days), most=files.max_trash_days
            ),
        )


def _changed(name: str, before: object, after: object) -> str:
    """One setting's change, for people."""
    words = ["the default" if value is None else str(value) for value in (before, after)]
    return f"{name} was {words[0]} and is {words[1]}"
