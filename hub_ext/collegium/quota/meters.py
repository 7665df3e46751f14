"""What is used and what is left, as rows that a page can show."""

from __future__ import annotations

from dataclasses import dataclass

from collegium.domain.quota import GroupUsage, Limits
from collegium.domain.resources import COUNT_PREFIX, CPU, MEMORY, STORAGE, Resources, short_amount


@dataclass(frozen=True)
class Meter:
    """One limited resource. Texts are amounts (``1.5``, ``512 MiB``) that ``label`` names; ``percent`` is 0 to 100.

    ``whose`` is "group" or "you".
    """

    resource: str
    label: str
    whose: str
    used: str
    limit: str
    left: str
    percent: int

    @property
    def full(self) -> bool:
        """True when nothing is left."""
        return self.percent >= 100


def meters(usage: GroupUsage, user: str) -> tuple[Meter, ...]:
    """A meter for each limit of the group and, after it, for each limit of the member; CPU and memory come first."""
    own = usage.limits_of(user)
    rows: list[Meter] = []
    for resource in sorted({*usage.limits, *own}, key=_order):
        if resource in usage.limits:
            rows.append(_meter(resource, "group", usage.limits, usage.used))
        if resource in own:
            rows.append(_meter(resource, "you", own, usage.used_by(user)))
    return tuple(rows)


def _meter(resource: str, whose: str, limits: Limits, used: Resources) -> Meter:
    limit, amount = limits[resource], used[resource]
    return Meter(
        resource,
        _label(resource),
        whose,
        short_amount(amount, resource),
        short_amount(limit, resource),
        short_amount(max(0, limit - amount), resource),
        100 if amount >= limit else amount * 100 // limit,
    )


def _label(resource: str) -> str:
    if resource.startswith(COUNT_PREFIX):
        return resource.removeprefix(COUNT_PREFIX).capitalize()
    return {CPU: "CPU", MEMORY: "Memory", STORAGE: "Storage"}.get(resource, resource)


def _order(resource: str) -> tuple[int, str]:
    return ((CPU, MEMORY).index(resource) if resource in (CPU, MEMORY) else 2, resource)
