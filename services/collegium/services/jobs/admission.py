"""Who of those in line may start: the ledger's answer, written down together with the place it gives."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from collegium.catalog.mounts import begin_uses, mounts_of, recorded
from collegium.db import Database, UnitOfWork
from collegium.db.jobs import InLine
from collegium.domain.admission import Place
from collegium.domain.catalog import Offer
from collegium.domain.errors import Conflict, DomainError
from collegium.domain.identity import refuse_inactive
from collegium.domain.jobs import Job, JobReason, JobState
from collegium.domain.launch import LaunchOptions, resolve
from collegium.domain.mounts import MountAbilities
from collegium.domain.policy import Operation
from collegium.domain.quota import WorkloadKind
from collegium.quota.ledger import Claim, Ledger
from collegium.services.controller.lease import Lease
from collegium.services.jobs.manifest import left_out
from collegium.services.jobs.queue import read_queue, waiting
from collegium.services.metrics import Metrics

#: Seconds after which a queue is looked at even if nothing that we can see has changed (limits, grants, memberships).
ANYWAY = 10.0
#: A queue longer than this that only grew is looked at once in so many seconds.
LONG, INTERVAL = 100, 1.0
#: How many at the head of the line are told in their row what they wait for; lists compute it for all when asked.
EXPLAINED = 20
#: What a job that was let in says until the backend has something better to say.
ADMITTED_TEXT = "Quota is taken; it is being started."


class Admission:
    """One round looks at each group whose queue, events or ledger changed since the last look."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
        mounts: MountAbilities | None = None,
    ) -> None:
        self._database, self._lease, self._metrics, self._clock = database, lease, metrics, clock
        self._mounts = mounts or MountAbilities()
        self._seen: dict[str, tuple[float, Any]] = {}

    async def round(self) -> list[Job]:
        """Admit all who fit, group by group; returns them as Preparing, to be started."""
        marks = await self._database.reading(self._marks)
        moment = asyncio.get_running_loop().time()
        admitted: list[Job] = []
        for group, mark in marks.items():
            when, before = self._seen.get(group, (0.0, None))
            if before == mark and moment - when < ANYWAY:
                continue
            if before and _only_longer(before, mark) and moment - when < INTERVAL:
                continue
            admitted += await self._lease.write(partial(self._admit, group=group))
            # The mark from before our own changes: if anything happened since, the next round looks again.
            self._seen[group] = (moment, mark)
        self._seen = {g: s for g, s in self._seen.items() if g in marks}
        return admitted

    def _marks(self, uow: UnitOfWork) -> dict[str, Any]:
        """Per group with a queue: numbers that change whenever the answer could."""
        live: dict[str, list[Any]] = {}
        counts: Counter[JobState] = Counter()
        for r in uow.reservations.live():
            live.setdefault(r.group, []).append((r.id, r.state))
            if r.kind is WorkloadKind.JOB:
                counts[JobState.PREPARING if r.bound_at is None else JobState.RUNNING] += 1
        self._metrics.jobs({**counts, JobState.PENDING: sum(uow.jobs.waiting().values())})
        modes = {g: s.mode for g, s in uow.group_settings.all().items()}
        return {
            g: (n, uow.events.last(g), tuple(live.get(g, ())), priorities, modes.get(g))
            for g, (n, priorities) in uow.jobs.pressing(self._clock()).items()
        }

    def _admit(self, uow: UnitOfWork, group: str) -> list[Job]:
        # The group's row first: whoever else writes in this group waits, and what is read below stays true.
        uow.groups.lock(group)
        moment, admitted = self._clock(), []
        queue = read_queue(uow, group, moment)
        if queue.paused:
            for job in queue.ready[:EXPLAINED]:
                _say(uow, job, JobReason.QUEUE_PAUSED, queue.settings.why())
            return []
        ready = self._still_granted(uow, group, queue.ready)
        asked = [(waiting(j), _claim(group, j)) for j in ready]
        places = Ledger().admit(uow, group, asked, moment, queue.ends)
        whole = uow.jobs.some(group, [j.id for j, place in zip(ready, places, strict=False) if place.admit])
        offer = uow.catalog.offer(group) if whole else None
        for job, place in zip(ready, places, strict=False):
            if place.admit and offer is not None:
                admitted += self._let_in(uow, offer, whole[job.id])
            else:
                _explain(uow, job, place)
        self._metrics.decisions(len(admitted), len(places) - len(admitted))
        return admitted

    def _let_in(self, uow: UnitOfWork, offer: Offer, job: Job) -> list[Job]:
        """The job as it is to be started; none if it chose a dataset that cannot be had any more, which is its end."""
        moment = self._clock()
        try:
            mounts = mounts_of(uow, offer, self._mounts, job.spec.datasets, job.launch.get("pins"))
        except DomainError as error:
            Ledger().release(uow, WorkloadKind.JOB, job.id)
            reason = JobReason.START_FAILED if isinstance(error, Conflict) else JobReason.NO_LONGER_GRANTED
            uow.jobs.move(job, JobState.FAILED, reason, f"It may no longer run: {error.message}", moment)
            return []
        entries = recorded(mounts, self._mounts)
        job = uow.jobs.note_datasets(job, entries)
        begin_uses(uow, entries, WorkloadKind.JOB, job.id, job.group, job.user, job.spec.name, moment)
        text = " ".join(part for part in (ADMITTED_TEXT, left_out(job.launch)) if part)
        return [uow.jobs.move(job, JobState.PREPARING, JobReason.ADMITTED, text, moment, attempt=job.attempt + 1)]

    def _still_granted(self, uow: UnitOfWork, group: str, queue: list[InLine]) -> list[InLine]:
        """Those whose author may still run what they asked for; the others end here, with the reason."""
        offer = uow.catalog.offer(group)
        checked: dict[tuple[str, str, str], DomainError | None] = {}
        kept: list[InLine] = []
        for job in queue:
            ask = (job.user, job.instance_type, job.image)
            if ask not in checked:
                try:
                    refuse_inactive(uow.identities.of_user(job.user))
                    actor = uow.memberships.actor(job.user)
                    resolve(actor, LaunchOptions(group, *ask[1:]), offer, Operation.JOB_SUBMIT)
                    checked[ask] = None
                except DomainError as error:
                    checked[ask] = error
            refusal = checked[ask]
            if refusal is None:
                kept.append(job)
            else:
                text = f"It may no longer run: {refusal.message}"
                whole = _whole(uow, group, job)
                uow.jobs.move(whole, JobState.FAILED, JobReason.NO_LONGER_GRANTED, text, self._clock())
        return kept


def _whole(uow: UnitOfWork, group: str, waits: InLine) -> Job:
    job = uow.jobs.get(group, waits.id)
    assert job is not None, "read in this very transaction"
    return job


def _only_longer(before: Any, mark: Any) -> bool:
    """A long queue grew and no place was freed: those who came last can wait for their answer."""
    return bool(mark[0] > LONG and before[2] == mark[2])


def _claim(group: str, job: InLine) -> Claim:
    return Claim(
        group=group,
        user=job.user,
        kind=WorkloadKind.JOB,
        workload_id=job.id,
        resources=job.resources,
        label=job.name,
        instance_type=job.instance_type,
    )


def _explain(uow: UnitOfWork, job: InLine, place: Place) -> None:
    if place.position <= EXPLAINED or job.reason in (JobReason.SUBMITTED, JobReason.QUEUE_PAUSED):
        _say(uow, job, JobReason.WAITING_FOR_QUOTA, place.decision.message())


def _say(uow: UnitOfWork, job: InLine, reason: JobReason, text: str) -> None:
    # Why it is started again is worth more than that it waits.
    if job.reason is not JobReason.RETRYING:
        uow.jobs.explain(job, reason, text)
