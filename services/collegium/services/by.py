"""Who asks for a change, as the audit log wants to know it."""

from __future__ import annotations

from dataclasses import dataclass

from collegium.domain.groups import Actor


@dataclass(frozen=True)
class By:
    """A person, and the id of their request."""

    actor: Actor
    request_id: str = ""
