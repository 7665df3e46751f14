"""The one family of exceptions whose text may reach a user.

Anything else that escapes is an internal error: it is logged with a request id and shown as nothing but that id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class DomainError(Exception):
    """A refusal or failure that the user may read.

    ``code`` is a stable word for programs, ``message`` a sentence for people, ``details`` JSON-ready facts.
    """

    code = "error"
    #: Is it in the audit log already?
    written_down = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details

    def below(self, place: str) -> Self:
        """The same refusal of a field that stands below another; one of no field as it is."""
        field = self.details.get("field")
        if field is None or not self.message.startswith(f"{field}: "):
            return self
        moved = type(self).__new__(type(self))
        DomainError.__init__(moved, f"{place}.{self.message}", **{**self.details, "field": f"{place}.{field}"})
        return moved


class InvalidInput(DomainError):
    """A field has a value that cannot be accepted; ``details`` carry ``field``, ``value`` and ``limit``."""

    code = "invalid"

    def __init__(self, field: str, problem: str, value: Any = None, limit: Any = None) -> None:
        shown = shorten(value)
        text = f"{field}: {problem}" + (f" (got {shown})" if value is not None else "")
        super().__init__(text, field=field, value=shown, limit=limit)

    @property
    def problem(self) -> str:
        """The message without field and value."""
        return self.message.removeprefix(f"{self.details['field']}: ").partition(" (got ")[0]


class NotAuthenticated(DomainError):
    """No usable token came with the request."""

    code = "not_authenticated"


class Forbidden(DomainError):
    """The actor is known and belongs here, but their role or token does not allow this operation."""

    code = "forbidden"


class NotFound(DomainError):
    """No such object, or none that this actor may know of."""

    code = "not_found"


class Conflict(DomainError):
    """The object is not in a state that allows this."""

    code = "conflict"


class IdempotencyMismatch(DomainError):
    """An Idempotency-Key came back with another request body."""

    code = "idempotency_mismatch"


class NotGranted(DomainError):
    """A launch asked for an image, instance type or option that the group was not granted."""

    code = "not_granted"


class QuotaExceeded(DomainError):
    """A quota says no; ``details`` is the whole decision."""

    code = "quota_exceeded"


class TooLarge(DomainError):
    """The request or the data it names is larger than the limit."""

    code = "too_large"


class TooManyRequests(DomainError):
    """The caller is over a rate or concurrency limit."""

    code = "too_many_requests"


class StorageFull(DomainError):
    """The server has no room to store this; nothing was kept."""

    code = "storage_full"


class Unavailable(DomainError):
    """A part that this operation needs does not answer now; trying again later is right."""

    code = "unavailable"


class Misconfigured(DomainError):
    """A part answers, but not what we need: somebody must change a setting. ``details`` may say ``person``: the name of
    the only one whom it concerns."""

    code = "misconfigured"


def shorten(value: Any, limit: int = 80) -> str | None:
    """Make any value printable on one line of at most ``limit`` characters, for messages and logs."""
    if value is None:
        return None
    text = value if isinstance(value, str) else repr(value)
    clean = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[: limit + 1])
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"
