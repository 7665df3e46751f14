"""What somebody asks for when they submit: the spec, and what may still change or belongs to the moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collegium.db.specs import spec_to_json
from collegium.domain.dependencies import Dependency
from collegium.domain.jobs import JobSpec


@dataclass(frozen=True)
class Submission:
    """``default_timeout`` means that none was named, so that the group's stands."""

    spec: JobSpec
    default_timeout: bool = False
    priority: int = 0
    notes: str = ""
    tags: tuple[str, ...] = ()
    depends: Dependency | None = None

    def to_json(self) -> dict[str, Any]:
        """What an idempotency key stands for. Only what was asked for is in it, so that it is the same after an update
        and after a change of the group's default."""
        more: dict[str, Any] = {}
        if self.priority:
            more["priority"] = self.priority
        if self.notes:
            more["notes"] = self.notes
        if self.tags:
            more["tags"] = list(self.tags)
        if self.depends is not None:
            more["depends_on"] = [*self.depends.jobs, self.depends.need.value, self.depends.ending.value]
        return more | spec_to_json(self.spec)
