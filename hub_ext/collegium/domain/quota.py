"""Quota arithmetic: limits, usage, and the decision that every part of Collegium shows alike."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collegium.domain.errors import InvalidInput, QuotaExceeded
from collegium.domain.resources import (
    COUNT_PREFIX,
    Resources,
    check_resource_name,
    describe_amount,
    parse_quantity,
    total,
)


class WorkloadKind(enum.StrEnum):
    """Whatever holds a reservation."""

    SERVER = "server"
    JOB = "job"
    DEPLOYMENT = "deployment"
    APP = "app"

    @property
    def counted_as(self) -> str:
        """The word in ``count/…`` limits."""
        return self.value + "s"


@dataclass(frozen=True)
class Limits(Mapping[str, int]):
    """Upper bounds per resource. A resource that is absent is unlimited; 0 means none."""

    amounts: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, amount in self.amounts.items():
            if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
                raise InvalidInput(f"limits.{name}", "must be a whole number of at least 0", amount, 0)
        object.__setattr__(self, "amounts", dict(sorted(self.amounts.items())))

    @classmethod
    def parse(cls, quantities: Mapping[str, str | int], field: str = "limits") -> Limits:
        """Build from quantity text: ``{"cpu": "4", "memory": "8Gi", "count/jobs": 10}``; raises InvalidInput."""
        return cls({check_resource_name(k, field): parse_quantity(v, k, f"{field}.{k}") for k, v in quantities.items()})

    def __getitem__(self, name: str) -> int:
        return self.amounts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.amounts)

    def __len__(self) -> int:
        return len(self.amounts)

    def __hash__(self) -> int:
        return hash(tuple(self.amounts.items()))


class Scope(enum.StrEnum):
    """Whose limit it is."""

    GROUP = "group"
    MEMBER = "member"


class ReservationState(enum.StrEnum):
    """held: quota taken, workload not seen yet; bound: workload runs; released: given back."""

    HELD = "held"
    BOUND = "bound"
    RELEASED = "released"


@dataclass(frozen=True)
class Reservation:
    """One workload's place in the ledger. Live reservations (held, bound) count against quota."""

    id: str
    group: str
    user: str
    kind: WorkloadKind
    workload_id: str
    resources: Resources
    state: ReservationState
    created_at: datetime
    expires_at: datetime | None = None
    bound_at: datetime | None = None
    released_at: datetime | None = None
    label: str = ""
    instance_type: str = ""

    @property
    def charge(self) -> Resources:
        """What is counted: the resources and one of the workload's kind."""
        return self.resources.with_count(self.kind.counted_as)


@dataclass(frozen=True)
class Violation:
    """One limit that stands in the way: whose, of what, how much is used, asked and allowed, and who holds it."""

    scope: Scope
    subject: str
    resource: str
    limit: int
    used: int
    asked: int
    holders: tuple[tuple[str, int], ...] = ()

    @property
    def never(self) -> bool:
        """True if the ask alone is above the limit, so that waiting cannot help."""
        return self.asked > self.limit

    def sentence(self) -> str:
        """The explanation shown in the form, the API, the sidebar and on the spawn page."""
        whose = f"Group {self.subject}" if self.scope is Scope.GROUP else f"Your share in the group ({self.subject})"
        text = f"{whose} is limited to {describe_amount(self.limit, self.resource)}"
        if self.never:
            return f"{text}; {describe_amount(self.asked, self.resource)} was asked, which can never fit."
        used, asked = describe_amount(self.used, self.resource), describe_amount(self.asked, self.resource)
        text += f"; {used} in use and {asked} more was asked"
        if self.scope is Scope.GROUP and self.holders:
            text += (
                " (held by " + ", ".join(f"{u}: {describe_amount(a, self.resource)}" for u, a in self.holders[:5]) + ")"
            )
        return text + "."

    def facts(self) -> dict[str, Any]:
        """JSON-ready form; amounts in the resource's unit."""
        return {
            "scope": self.scope.value,
            "subject": self.subject,
            "resource": self.resource,
            "limit": self.limit,
            "used": self.used,
            "asked": self.asked,
            "never": self.never,
            "holders": [{"user": u, "amount": a} for u, a in self.holders],
            "message": self.sentence(),
        }


@dataclass(frozen=True)
class QuotaDecision:
    """Yes, or no with every limit in the way."""

    violations: tuple[Violation, ...] = ()

    @property
    def granted(self) -> bool:
        """True if nothing stands in the way."""
        return not self.violations

    @property
    def never(self) -> bool:
        """True if it cannot fit even into an empty group."""
        return any(v.never for v in self.violations)

    @property
    def group_blocked(self) -> bool:
        """True if a limit of the whole group is in the way."""
        return any(v.scope is Scope.GROUP for v in self.violations)

    def message(self) -> str:
        """All reasons in one text."""
        return " ".join(v.sentence() for v in self.violations)

    def facts(self) -> dict[str, Any]:
        """JSON-ready form."""
        return {"granted": self.granted, "never": self.never, "violations": [v.facts() for v in self.violations]}

    def error(self) -> QuotaExceeded:
        """The refusal to raise."""
        return QuotaExceeded(self.message(), **self.facts())


@dataclass(frozen=True)
class GroupUsage:
    """What a group holds at one moment, with the limits that apply."""

    group: str
    limits: Limits
    live: tuple[Reservation, ...]
    member_limits: Mapping[str, Limits] = field(default_factory=dict)
    default_member_limits: Limits = field(default_factory=Limits)

    @property
    def used(self) -> Resources:
        """Sum over the group."""
        return total(r.charge for r in self.live)

    def used_by(self, user: str) -> Resources:
        """Sum over one member."""
        return total(r.charge for r in self.live if r.user == user)

    def limits_of(self, user: str) -> Limits:
        """A member's limits: their own entry for a resource, else the group's default for members."""
        own = self.member_limits.get(user)
        return self.default_member_limits if own is None else Limits({**self.default_member_limits, **own})

    def holders(self, resource: str) -> tuple[tuple[str, int], ...]:
        """Who holds how much of a resource, largest first."""
        sums: dict[str, int] = {}
        for r in self.live:
            if r.charge[resource]:
                sums[r.user] = sums.get(r.user, 0) + r.charge[resource]
        return tuple(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    def decide(
        self, user: str, kind: WorkloadKind, asked: Resources, set_aside: Resources | None = None
    ) -> QuotaDecision:
        """Would one more workload fit? ``set_aside`` is claimed by jobs that wait in front."""
        charge = asked.with_count(kind.counted_as)
        group_used = self.used + (set_aside or Resources())
        violations = [
            *_violations(Scope.GROUP, self.group, self.limits, group_used, charge, self.holders),
            *_violations(Scope.MEMBER, user, self.limits_of(user), self.used_by(user), charge, lambda _: ()),
        ]
        return QuotaDecision(tuple(violations))


def _violations(
    scope: Scope, subject: str, limits: Limits, used: Resources, asked: Resources, holders: Any
) -> Iterable[Violation]:
    for resource, amount in asked.items():
        if resource in limits and used[resource] + amount > limits[resource]:
            yield Violation(
                scope, subject, resource, limits[resource], used[resource], amount, tuple(holders(resource))
            )


@dataclass(frozen=True)
class Waiting:
    """A job in line, as the admission planner sees it."""

    id: str
    user: str
    resources: Resources


@dataclass(frozen=True)
class Place:
    """The planner's answer for one waiting job: admit now, or why not and at which position (1 is next)."""

    id: str
    admit: bool
    position: int
    decision: QuotaDecision


def plan_admissions(usage: GroupUsage, queue: Sequence[Waiting]) -> list[Place]:
    """Walk a group's queue in order and say who may start.

    A job over its member's own share is passed over and holds nobody up. A job that the group has no room for sets its
    whole ask aside: those behind it may start only if they fit beside that, so a large job waits for its turn but is
    never overtaken for what it needs.
    """
    live = list(usage.live)
    set_aside = Resources()
    places: list[Place] = []
    waiting = 0
    for job in queue:
        now = GroupUsage(usage.group, usage.limits, tuple(live), usage.member_limits, usage.default_member_limits)
        decision = now.decide(job.user, WorkloadKind.JOB, job.resources, set_aside)
        if decision.granted:
            live.append(_as_live(usage.group, job))
            places.append(Place(job.id, True, 0, decision))
            continue
        waiting += 1
        over_own_share = any(v.scope is Scope.MEMBER for v in decision.violations)
        if not over_own_share:
            set_aside = set_aside + job.resources.with_count(WorkloadKind.JOB.counted_as)
        places.append(Place(job.id, False, waiting, decision))
    return places


def _as_live(group: str, job: Waiting) -> Reservation:
    moment = datetime.min
    return Reservation(job.id, group, job.user, WorkloadKind.JOB, job.id, job.resources, ReservationState.HELD, moment)


def is_count(resource: str) -> bool:
    """True for ``count/jobs`` and the like."""
    return resource.startswith(COUNT_PREFIX)
