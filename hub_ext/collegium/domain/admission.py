"""Who of those in line may start: a pure function of the ledger, the line, and what is known of ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collegium.domain.quota import (
    NOTHING,
    GroupUsage,
    Limits,
    QuotaDecision,
    Reservation,
    ReservationState,
    Scope,
    Violation,
    WorkloadKind,
    violations,
)
from collegium.domain.resources import Resources

#: A job that is let in before its turn must be over so long before it is in the way: starts and ends take a while.
SLACK = timedelta(minutes=2)


@dataclass(frozen=True)
class Waiting:
    """A job in line, as the planner sees it. ``seconds`` is its time limit; 0 is none, so that it may never end."""

    id: str
    user: str
    resources: Resources
    seconds: int = 0


@dataclass(frozen=True)
class Place:
    """The answer for one waiting job: admit now, or why not and at which position (1 is next).

    ``earliest`` is when the head of the line starts at the latest, if those who are in its way have time limits.
    """

    id: str
    admit: bool
    position: int
    decision: QuotaDecision
    earliest: datetime | None = None


def plan_admissions(
    usage: GroupUsage,
    queue: Sequence[Waiting],
    now: datetime = datetime.min,
    ends: Mapping[str, datetime] | None = None,
) -> list[Place]:
    """Walk a group's queue in order and say who may start. ``ends`` tells of workloads by when they are over.

    A job over its member's own share is passed over and holds nobody up. The first that the group has no room for is
    the head of the line: what it needs is reserved for the moment at which enough of those who run are over. Those
    behind it may start before it only if that delays it by nothing: they are over by then, or fit beside it then.
    """
    line = _Line(usage, now, ends or {})
    places: list[Place] = []
    waiting = 0
    for job in queue:
        decision = line.decide(job)
        if decision.granted:
            line.admit(job)
            places.append(Place(job.id, True, 0, decision))
            continue
        waiting += 1
        # What can never fit, since a limit was lowered, would be in everybody's way for ever.
        own = decision.never or any(v.scope is Scope.MEMBER for v in decision.violations)
        if line.head is None and not own:
            line.reserve(job)
            places.append(Place(job.id, False, waiting, decision, line.earliest))
        else:
            places.append(Place(job.id, False, waiting, decision))
    return places


class _Line:
    """Running sums over a queue, so that thousands who wait are planned in one pass."""

    def __init__(self, usage: GroupUsage, now: datetime, ends: Mapping[str, datetime]) -> None:
        self._usage, self._now = usage, now
        self._live = list(usage.live)
        self._used = usage.used
        self._members: dict[str, tuple[Resources, Limits]] = {}
        self._holders: dict[str, tuple[tuple[str, int], ...]] = {}
        self._ends = dict(ends)
        self.head: Waiting | None = None
        self.earliest: datetime | None = None
        #: What is in use when the head starts: the group's, and that of the head's owner.
        self._then = self._then_mine = NOTHING

    def decide(self, job: Waiting) -> QuotaDecision:
        charge, (mine, limits) = _charge(job), self._member(job.user)
        usage = self._usage
        group = violations(Scope.GROUP, usage.group, usage.limits, self._used, charge, self._held)
        found = (*group, *violations(Scope.MEMBER, job.user, limits, mine, charge))
        return QuotaDecision(found or self._in_the_way(job, charge))

    def admit(self, job: Waiting) -> None:
        charge, (mine, limits) = _charge(job), self._member(job.user)
        self._live.append(_as_live(self._usage.group, job))
        self._holders.clear()
        self._used = self._used + charge
        self._members[job.user] = (mine + charge, limits)
        if job.seconds:
            self._ends[job.id] = self._now + timedelta(seconds=job.seconds)
        if self.head is not None and not self._over_in_time(job):
            self._then = self._then + charge
            if job.user == self.head.user:
                self._then_mine = self._then_mine + charge

    def reserve(self, job: Waiting) -> None:
        """This job is the head; find out when it can start at the latest."""
        self.head = job
        charge, limits = _charge(job), self._usage.limits
        then, mine = self._used, self._member(job.user)[0]
        own = self._member(job.user)[1]
        self._then, self._then_mine = then, mine
        known = [(max(self._ends[r.workload_id], self._now), r) for r in self._live if r.workload_id in self._ends]
        for end, over in sorted(known, key=lambda k: k[0]):
            then = _less(then, over.charge)
            if over.user == job.user:
                mine = _less(mine, over.charge)
            if _fits(limits, then, charge) and _fits(own, mine, charge):
                self.earliest, self._then, self._then_mine = end, then, mine
                break

    def _in_the_way(self, job: Waiting, charge: Resources) -> tuple[Violation, ...]:
        """What the head would miss if this job started now."""
        head = self.head
        if head is None or self._over_in_time(job):
            return ()
        kept, usage, (mine, own) = _charge(head), self._usage, self._member(job.user)
        found = list(violations(Scope.GROUP, usage.group, usage.limits, self._then, charge, self._held, kept))
        if job.user == head.user:
            found += violations(Scope.MEMBER, job.user, own, self._then_mine, charge, set_aside=kept)
        # Decided by what is in use then, told by what is in use now.
        used = {Scope.GROUP: self._used, Scope.MEMBER: mine}
        return tuple(replace(v, used=used[v.scope][v.resource]) for v in found)

    def _over_in_time(self, job: Waiting) -> bool:
        if self.earliest is None or not job.seconds:
            return False
        return self._now + timedelta(seconds=job.seconds) + SLACK <= self.earliest

    def _member(self, user: str) -> tuple[Resources, Limits]:
        if user not in self._members:
            self._members[user] = (self._usage.used_by(user), self._usage.limits_of(user))
        return self._members[user]

    def _held(self, resource: str) -> tuple[tuple[str, int], ...]:
        if resource not in self._holders:
            now = GroupUsage(self._usage.group, self._usage.limits, tuple(self._live))
            self._holders[resource] = now.holders(resource)
        return self._holders[resource]


def _charge(job: Waiting) -> Resources:
    return job.resources.with_count(WorkloadKind.JOB.counted_as)


def _less(amount: Resources, over: Resources) -> Resources:
    return Resources({name: amount[name] - over[name] for name in amount})


def _fits(limits: Limits, used: Resources, charge: Resources) -> bool:
    return all(used[name] + amount <= limits[name] for name, amount in charge.items() if name in limits)


def _as_live(group: str, job: Waiting) -> Reservation:
    moment = datetime.min
    return Reservation(job.id, group, job.user, WorkloadKind.JOB, job.id, job.resources, ReservationState.HELD, moment)
