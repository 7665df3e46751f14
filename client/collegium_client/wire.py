"""An operation as a value: what is sent, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel

T = TypeVar("T")
#: The same again does no more than once; a POST is only safe with a key.
_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
IDEMPOTENCY_KEY = "Idempotency-Key"


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One request. ``path`` is relative to the service; None among query and headers is left out."""

    method: str
    path: str
    reply: type[T]
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: BaseModel | Mapping[str, Any] | None = None
    #: A body that is no JSON: bytes, or what gives them piece by piece and can be given out once.
    content: Any = None

    @property
    def repeatable(self) -> bool:
        """May it be sent again when nobody knows what became of it?"""
        return self.method in _REPEATABLE or bool(self.headers.get(IDEMPOTENCY_KEY))

    def sent_query(self) -> dict[str, str | list[str]]:
        """As in an address; a list is the same name several times."""
        given = {k: v for k, v in self.query.items() if v is not None}
        return {k: [_text(x) for x in v] if isinstance(v, list) else _text(v) for k, v in given.items()}

    def sent_headers(self) -> dict[str, str]:
        """Only what was given."""
        return {k: v for k, v in self.headers.items() if v is not None}

    def sent_body(self) -> Any:
        """JSON, or None."""
        if isinstance(self.body, BaseModel):
            return self.body.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return dict(self.body) if self.body is not None else None


def place(value: str, *, slashes: bool = False) -> str:
    """A value as part of a path."""
    return quote(value, safe="/" if slashes else "")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)
