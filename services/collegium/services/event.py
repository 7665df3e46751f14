"""A server-sent event, before it meets a connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ServerEvent:
    """One event; ``data`` is sent as JSON."""

    event: str
    data: Mapping[str, Any]
    id: str

    def encode(self) -> str:
        """The wire form. JSON holds no raw line break, so neither does the frame."""
        return f"id: {self.id}\nevent: {self.event}\ndata: {json.dumps(dict(self.data))}\n\n"
