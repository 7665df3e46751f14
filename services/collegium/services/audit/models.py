"""Wire models of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from collegium.domain.audit import Outcome


class AuditOut(BaseModel):
    """Who did what to which object, how it ended, and why. ``group`` is empty for what concerns the platform."""

    sequence: int
    at: datetime
    actor: str
    action: str
    object: str
    group: str
    outcome: Outcome
    reason: str
    details: dict[str, Any]
    request_id: str


class AuditPage(BaseModel):
    """Newest first; ``next_cursor`` is absent on the last page."""

    items: list[AuditOut]
    next_cursor: str | None = None
