"""Wire models of what happened lately."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel


class ActivityOut(BaseModel):
    """One change of one object; ``user`` is whose it is, or who did it where it is nobody's. The object may be gone."""

    sequence: int
    at: datetime
    group: str
    kind: str
    id: str
    name: str
    user: str
    state: str
    reason: str
    message: str


class ActivityPage(BaseModel):
    """Newest first; ``next_cursor`` is absent on the last page."""

    items: list[ActivityOut]
    next_cursor: str | None = None
