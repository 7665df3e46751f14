"""Who of those in line may start: the ledger's answer, written down together with the place it gives."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError
from collegium.domain.identity import refuse_inactive
from collegium.domain.jobs import Job, JobReason, JobState
from collegium.domain.launch import LaunchOptions, resolve
from collegium.domain.policy import Operation
from collegium.domain.quota import Place, Waiting, WorkloadKind
from collegium.quota.ledger import Claim, Ledger
from collegium.services.controller.lease import Lease
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

    def __init__(self, database: Database, lease: Lease, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        self._database, self._lease, self._metrics, self._clock = database, lease, metrics, clock
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
        waiting = uow.jobs.waiting()
        self._metrics.jobs({**counts, JobState.PENDING: sum(waiting.values())})
        return {g: (n, uow.events.last(g), tuple(live.get(g, ()))) for g, n in waiting.items()}

    def _admit(self, uow: UnitOfWork, group: str) -> list[Job]:
        # The group's row first: whoever else writes in this group waits, and what is read below stays true.
        uow.groups.lock(group)
        queue = self._still_granted(uow, group, uow.jobs.open([JobState.PENDING], group))
        places = Ledger().admit(uow, group, [(Waiting(j.id, j.user, j.resources), _claim(j)) for j in queue])
        moment, admitted = self._clock(), []
        for job, place in zip(queue, places, strict=False):
            if place.admit:
                attempt = job.attempt + 1
                admitted.append(
                    uow.jobs.move(job, JobState.PREPARING, JobReason.ADMITTED, ADMITTED_TEXT, moment, attempt=attempt)
                )
            else:
                _explain(uow, job, place)
        self._metrics.decisions(len(admitted), len(places) - len(admitted))
        return admitted

    def _still_granted(self, uow: UnitOfWork, group: str, queue: list[Job]) -> list[Job]:
        """Those whose author may still run what they asked for; the others end here, with the reason."""
        offer = uow.catalog.offer(group)
        checked: dict[tuple[str, str, str], DomainError | None] = {}
        kept: list[Job] = []
        for job in queue:
            ask = (job.user, job.spec.instance_type, job.spec.image)
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
                uow.jobs.move(job, JobState.FAILED, JobReason.NO_LONGER_GRANTED, text, self._clock())
        return kept


def _only_longer(before: Any, mark: Any) -> bool:
    """A long queue grew and no place was freed: those who came last can wait for their answer."""
    return bool(mark[0] > LONG and before[2] == mark[2])


def _claim(job: Job) -> Claim:
    return Claim(
        group=job.group,
        user=job.user,
        kind=WorkloadKind.JOB,
        workload_id=job.id,
        resources=job.resources,
        label=job.spec.name,
        instance_type=job.spec.instance_type,
    )


def _explain(uow: UnitOfWork, job: Job, place: Place) -> None:
    if place.position <= EXPLAINED or job.reason is JobReason.SUBMITTED:
        retrying = job.reason is JobReason.RETRYING
        # Why it is started again is worth more than that it waits.
        if not retrying:
            uow.jobs.explain(job, JobReason.WAITING_FOR_QUOTA, place.decision.message())
