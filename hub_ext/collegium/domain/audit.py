"""The audit log's words: who did what to which object, how it ended, and why."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: The actor of what nobody asked for: sync, sweeps, reconciling.
SYSTEM = "collegium"


class Outcome(enum.StrEnum):
    """How it ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class AuditEntry:
    """One line. ``details`` hold no secret; ``group`` is empty for what concerns the platform."""

    at: datetime
    actor: str
    action: str
    object: str
    group: str = ""
    outcome: Outcome = Outcome.DONE
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    request_id: str = ""
    sequence: int = 0
