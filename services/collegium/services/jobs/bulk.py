"""Many jobs ended or removed at once, in parts: others have their turn between two of them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.db.job_bulk import JobHead
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, Forbidden, shorten
from collegium.domain.groups import Actor
from collegium.domain.jobs import Job, JobFilter, JobState
from collegium.domain.policy import Operation, explain
from collegium.services.jobs.find import get_job, is_job_id

#: Jobs that one transaction changes.
PART = 250
#: Jobs that one request changes; a filter may match more, which ``remaining`` tells.
MOST = 20_000
#: Refusals that are told one by one.
TOLD = 20


class BulkAction(enum.StrEnum):
    """What is done to each."""

    CANCEL = "cancel"
    DELETE = "delete"

    @property
    def operation(self) -> Operation:
        """The row of the policy table that says who may."""
        return Operation.JOB_CANCEL if self is BulkAction.CANCEL else Operation.JOB_DELETE

    @property
    def states(self) -> frozenset[JobState]:
        """In which it can be done."""
        return frozenset(s for s in JobState if s.final is (self is BulkAction.DELETE))


@dataclass(frozen=True)
class Refused:
    """A job to which it was not done, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Done:
    """What came of it: ``changed`` would be the number, after a dry run."""

    matched: int
    changed: int
    refused: tuple[Refused, ...]
    refused_count: int
    remaining: int = 0


class BulkService:
    """Cancels and deletes. ``wake`` tells the controller of this process, if there is one."""

    def __init__(self, database: Database, wake: Callable[[], object], clock: Callable[[], datetime]) -> None:
        self._database, self._wake, self._clock = database, wake, clock

    async def run(
        self, actor: Actor, group: str, action: BulkAction, wanted: JobFilter | Sequence[str], dry_run: bool = False
    ) -> Done:
        """Do it to all that a filter matches, or to these ids; what cannot be done is told and does not stop the rest.

        A filter that names no states is for those in which it can be done.
        """
        if isinstance(wanted, JobFilter):
            ids, remaining = await self._database.reading(lambda uow: _matching(uow, group, action, wanted))
        else:
            ids, remaining = list(dict.fromkeys(wanted)), 0
        changed, refused = 0, list[Refused]()
        for start in range(0, len(ids), PART):
            good, bad = await self._part(actor, group, action, ids[start : start + PART], dry_run)
            changed += good
            refused += bad
        if changed and not dry_run:
            self._wake()
        return Done(len(ids) + remaining, changed, tuple(refused[:TOLD]), len(refused), remaining)

    async def delete(self, actor: Actor, group: str, job_id: str) -> Job:
        """Remove one job; its files go soon after. Answers with the job as it was.

        Raises NotFound; Forbidden for another's job without the role; Conflict for one that is not over, or that others
        wait for.
        """

        def write(uow: UnitOfWork) -> Job:
            job = get_job(uow, group, job_id)
            verdict = explain(actor, Operation.JOB_DELETE, group, owner=job.user)
            if not verdict.allowed:
                raise Forbidden(verdict.reason, operation=Operation.JOB_DELETE.value, group=group)
            refused = self._change(uow, actor, group, BulkAction.DELETE, [job_id])
            if refused:
                raise Conflict(refused[0].reason, job=job_id, state=job.state.value)
            return job

        job = await self._database.writing(write)
        self._wake()
        return job

    async def _part(
        self, actor: Actor, group: str, action: BulkAction, ids: list[str], dry_run: bool
    ) -> tuple[int, list[Refused]]:
        if dry_run:
            refused = await self._database.reading(lambda uow: _judge(uow, actor, group, action, ids)[1])
        else:
            refused = await self._database.writing(lambda uow: self._change(uow, actor, group, action, ids))
        return len(ids) - len(refused), refused

    def _change(self, uow: UnitOfWork, actor: Actor, group: str, action: BulkAction, ids: list[str]) -> list[Refused]:
        """One transaction's part; those to which it was not done."""
        good, refused = _judge(uow, actor, group, action, ids, lock=True)
        if not good:
            return refused
        moment = self._clock()
        if action is BulkAction.CANCEL:
            uow.many_jobs.cancel(group, good, actor.user, moment)
        else:
            uow.many_jobs.delete(group, good, actor.user, moment)
        others = [h for h in good if h.user != actor.user]
        if others:
            # One line for all of them: each job's own history says who it was.
            details = {"jobs": len(others), "owners": sorted({h.user for h in others})[:TOLD], "name": others[0].name}
            about = others[0].id if len(others) == 1 else group
            uow.audit.append(AuditEntry(moment, actor.user, action.operation.value, about, group, details=details))
        uow.announce()
        return refused


def _matching(uow: UnitOfWork, group: str, action: BulkAction, filter: JobFilter) -> tuple[list[str], int]:
    """The ids that a filter is for, and how many more there are than one request changes."""
    asked = replace(filter, states=filter.states or action.states)
    found = [h.id for h in uow.many_jobs.matching(group, asked, MOST)]
    return found, uow.many_jobs.count(group, asked) - len(found) if len(found) == MOST else 0


def _judge(
    uow: UnitOfWork, actor: Actor, group: str, action: BulkAction, ids: Collection[str], *, lock: bool = False
) -> tuple[list[JobHead], list[Refused]]:
    """Those to which it can be done now, and why not to the others."""
    heads = uow.many_jobs.some(group, [i for i in ids if is_job_id(i)], lock=lock)
    awaited, going = set[str](), set[str]()
    if action is BulkAction.DELETE:
        awaited = uow.dependencies.waiting_on(heads)
        going = uow.many_jobs.open_sweeps({h.sweep for h in heads.values() if h.sweep})
    good, refused = [], []
    for job_id in ids:
        head = heads.get(job_id)
        why = (
            f"Group {group} has no such job." if head is None else _why_not(actor, group, action, head, awaited, going)
        )
        if why:
            refused.append(Refused(shorten(job_id) or "", why))
        elif head is not None:
            good.append(head)
    return good, refused


def _why_not(
    actor: Actor, group: str, action: BulkAction, head: JobHead, awaited: Collection[str], going: Collection[str]
) -> str:
    verdict = explain(actor, action.operation, group, owner=head.user)
    if not verdict.allowed:
        return verdict.reason
    if action is BulkAction.CANCEL:
        return f"The job is over: it is {head.state}." if head.state.final else ""
    if not head.state.final:
        return f"The job is not over: it is {head.state}. Cancel it first."
    if head.id in awaited:
        return "Other jobs wait for this one; cancel them first, or wait until they have begun."
    if head.sweep in going:
        return f"The job belongs to the sweep {head.sweep}, which goes on; cancel that first, or wait for its end."
    return ""
