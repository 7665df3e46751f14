"""Quota arithmetic: limits, usage, and the decision that every part of Collegium shows alike."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collegium.domain.errors import InvalidInput, QuotaExceeded
from collegium.domain.resources import (
    STORAGE,
    Resources,
    check_resource_name,
    describe_amount,
    parse_quantity,
    short_amount,
    total,
)

NOTHING = Resources()


class WorkloadKind(enum.StrEnum):
    """Whatever holds a reservation."""

    SERVER = "server"
    JOB = "job"
    DEPLOYMENT = "deployment"
    APP = "app"
    #: Room for a file that is on its way.
    UPLOAD = "upload"
    #: Room for what a request or a task is writing: small files, copies.
    WRITE = "write"

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
    #: Not in use, but kept for jobs in front.
    set_aside: int = 0

    @property
    def never(self) -> bool:
        """True if the ask alone is above the limit, so that waiting cannot help."""
        return self.asked > self.limit

    def sentence(self) -> str:
        """The explanation shown in the form, the API, the sidebar and on the spawn page."""
        whose = f"Group {self.subject}" if self.scope is Scope.GROUP else f"Share of {self.subject}"
        limit, asked = describe_amount(self.limit, self.resource), describe_amount(self.asked, self.resource)
        if self.never:
            return f"{whose}: at most {limit}; {asked} was asked, which can never fit."
        text = f"{whose}: {short_amount(self.used, self.resource)} of {limit} in use"
        if self.set_aside:
            text += f", {short_amount(self.set_aside, self.resource)} kept for those in front"
        text += f"; {asked} more was asked"
        if self.scope is Scope.GROUP and self.holders:
            held = [f"{user} holds {short_amount(amount, self.resource)}" for user, amount in self.holders[:5]]
            text += f" ({', '.join(held)})"
        return text + "."

    def facts(self) -> dict[str, Any]:
        """JSON-ready form; amounts in the resource's unit."""
        return {
            "scope": self.scope.value,
            "subject": self.subject,
            "resource": self.resource,
            "limit": self.limit,
            "used": self.used,
            "set_aside": self.set_aside,
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
    #: Bytes of files that the group keeps, beside what is on its way.
    stored: int = 0

    @property
    def used(self) -> Resources:
        """Sum over the group."""
        return total([*(r.charge for r in self.live), Resources({STORAGE: self.stored})])

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

    def decide(self, user: str, kind: WorkloadKind, asked: Resources) -> QuotaDecision:
        """Would one more workload fit?"""
        charge = asked.with_count(kind.counted_as)
        found = [
            *violations(Scope.GROUP, self.group, self.limits, self.used, charge, self.holders),
            *violations(Scope.MEMBER, user, self.limits_of(user), self.used_by(user), charge),
        ]
        return QuotaDecision(tuple(found))


def violations(
    scope: Scope,
    subject: str,
    limits: Limits,
    used: Resources,
    asked: Resources,
    holders: Callable[[str], Sequence[tuple[str, int]]] = lambda _: (),
    set_aside: Resources = NOTHING,
) -> Iterable[Violation]:
    """Each limit that stands in the way of so much more."""
    for name, amount in asked.items():
        if name in limits and used[name] + set_aside[name] + amount > limits[name]:
            yield Violation(
                scope, subject, name, limits[name], used[name], amount, tuple(holders(name)), set_aside[name]
            )
