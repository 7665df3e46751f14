"""Who asks for a change, as the audit log wants to know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collegium.domain.audit import AuditEntry
from collegium.domain.groups import Actor


@dataclass(frozen=True)
class By:
    """A person, and the id of their request."""

    actor: Actor
    request_id: str = ""

    def entry(
        self, at: datetime, action: str, object: str, group: str, details: Mapping[str, Any] | None = None
    ) -> AuditEntry:
        """The line of something that they did."""
        return AuditEntry(at, self.actor.user, action, object, group, details=details or {}, request_id=self.request_id)
