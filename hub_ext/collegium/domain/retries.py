"""When a failed attempt is started again, and how long that waits."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class RetryOn(enum.StrEnum):
    """A kind of failure. Cancelled jobs, and those that cannot start at all, are never started again."""

    EXIT_CODE = "exit_code"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    LOST = "lost"


@dataclass(frozen=True)
class RetryPolicy:
    """Attempt n + 1 waits ``base × factor^(n - 1)`` seconds, at most ``max``; ``exit_codes`` empty means any code."""

    base_seconds: int = 0
    factor: float = 2.0
    max_seconds: int = 3600
    on: frozenset[RetryOn] = frozenset(RetryOn)
    exit_codes: frozenset[int] = frozenset()

    def covers(self, cause: RetryOn | None, exit_code: int | None) -> bool:
        """Is this failure one after which to try again?"""
        if cause is None or cause not in self.on:
            return False
        return cause is not RetryOn.EXIT_CODE or not self.exit_codes or exit_code in self.exit_codes

    def delay(self, attempt: int) -> int:
        """Seconds to wait after the failure of this attempt (the first is 1)."""
        if not self.base_seconds:
            return 0
        return int(min(float(self.max_seconds), self.base_seconds * self.factor ** (attempt - 1)))


def retry_to_json(policy: RetryPolicy) -> dict[str, Any]:
    """JSON-ready."""
    return {
        "base_seconds": policy.base_seconds,
        "factor": policy.factor,
        "max_seconds": policy.max_seconds,
        "on": sorted(c.value for c in policy.on),
        "exit_codes": sorted(policy.exit_codes),
    }


def retry_from_json(data: Mapping[str, Any]) -> RetryPolicy:
    """The inverse of ``retry_to_json``."""
    return RetryPolicy(
        data["base_seconds"],
        data["factor"],
        data["max_seconds"],
        frozenset(RetryOn(c) for c in data["on"]),
        frozenset(data["exit_codes"]),
    )
