"""Looks at a group's queue, and changes what its admins may."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.domain.admission import plan_admissions
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import NotFound
from collegium.domain.groups import Actor
from collegium.domain.jobs import JobState
from collegium.domain.queues import GroupSettings, JobBounds, QueueMode
from collegium.quota.ledger import usage
from collegium.services.jobs.queue import Queue, read_queue, waiting
from collegium.services.queues.models import HeadOut, LimitOut, QueueIn, QueueOut, SettingsIn, SettingsOut

#: The kind of the events that tell of a queue's mode.
EVENT = "queue"
#: The kind of those that tell of what a group's admins set.
SETTINGS = "settings"


class QueueService:
    """Expects that the policy was asked already. ``wake`` tells the controller of this process, if there is one."""

    def __init__(
        self, database: Database, wake: Callable[[], object], clock: Callable[[], datetime], bounds: JobBounds
    ) -> None:
        self._database, self._wake, self._clock, self._bounds = database, wake, clock, bounds

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
        given = change.model_fields_set
        if "job_timeout_seconds" in given and change.job_timeout_seconds is not None:
            self._bounds.check_timeout(change.job_timeout_seconds, "job_timeout_seconds")
        if "artifact_days" in given and change.artifact_days is not None:
            self._bounds.check_days(change.artifact_days)

        def write(uow: UnitOfWork) -> SettingsOut:
            self._lock(uow, group)
            before = uow.group_settings.get(group)
            after = before
            if "job_timeout_seconds" in given:
                after = replace(after, job_timeout_seconds=change.job_timeout_seconds)
            if "artifact_days" in given:
                after = replace(after, artifact_days=change.artifact_days)
            if after != before:
                uow.group_settings.put(after)
                details = {
                    name: {"from": getattr(before, name), "to": getattr(after, name)}
                    for name in ("job_timeout_seconds", "artifact_days")
                    if getattr(before, name) != getattr(after, name)
                }
                moment = self._clock()
                uow.audit.append(AuditEntry(moment, actor.user, "settings.edit", group, group, details=details))
                text = "; ".join(_changed(n, d["from"], d["to"]) for n, d in details.items())
                told = ("Changed", "SettingsChanged", text)
                uow.events.append(group, SETTINGS, group, moment, *told, name=group, user=actor.user)
            return self._shown(after)

        return await self._database.writing(write)

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
        bounds = self._bounds
        return SettingsOut(
            job_timeout_seconds=LimitOut(
                own=settings.job_timeout_seconds, holds=bounds.timeout(settings), most=bounds.max_timeout_seconds
            ),
            artifact_days=LimitOut(
                own=settings.artifact_days, holds=bounds.days(settings), most=bounds.max_artifact_days
            ),
        )


def _changed(name: str, before: int | None, after: int | None) -> str:
    """One setting's change, for people."""
    words = ["the default" if value is None else str(value) for value in (before, after)]
    return f"{name} was {words[0]} and is {words[1]}"
