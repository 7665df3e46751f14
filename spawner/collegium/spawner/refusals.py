"""From a refusal of the domain to the exception that JupyterHub shows, counts and does not log as a crash."""

from __future__ import annotations

import enum
from typing import Any

from jupyterhub.spawner import SpawnException
from markupsafe import Markup

from collegium.domain.errors import (
    DomainError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotGranted,
    QuotaExceeded,
    StorageFull,
    Unavailable,
)


class Reason(enum.StrEnum):
    """Labels of the spawn metric; a small fixed set."""

    OPTIONS = "options"
    NOT_GRANTED = "not_granted"
    FORBIDDEN = "forbidden"
    QUOTA = "quota"
    UNAVAILABLE = "unavailable"


_TABLE: tuple[tuple[type[DomainError], Reason, int, str], ...] = (
    (InvalidInput, Reason.OPTIONS, 400, "These options cannot be used"),
    # 404: whether a group exists is not told to those outside.
    (NotFound, Reason.NOT_GRANTED, 404, "No such group"),
    (NotGranted, Reason.NOT_GRANTED, 403, "Not granted to this group"),
    (Forbidden, Reason.FORBIDDEN, 403, "Your role does not allow this"),
    (QuotaExceeded, Reason.QUOTA, 409, "Over quota"),
    (StorageFull, Reason.UNAVAILABLE, 503, "No room left"),
    (Unavailable, Reason.UNAVAILABLE, 503, "Not available now"),
)


#: Seconds after which what is not available now may be tried again.
RETRY_AFTER = 5


class Refusal(SpawnException):  # type: ignore[misc]  # jupyterhub has no type information
    """A start that policy or the machine refuses; the message may be shown.

    The two ``jupyterhub_…`` attributes are what JupyterHub's pages look for; without them they print the exception's
    representation.
    """

    def __init__(self, message: str, reason: Reason, status: int, html: Markup) -> None:
        super().__init__(message, reason=reason.value, message_html=str(html), status_code=status)
        self.jupyterhub_message = message
        self.jupyterhub_html_message = str(html)


def refusal(error: DomainError) -> Refusal:
    """The exception for a domain error."""
    for kind, reason, status, title in _TABLE:
        if isinstance(error, kind):
            found = Refusal(error.message, reason, status, _html(title, _sentences(error)))
            if isinstance(error, Unavailable):
                # Where JupyterHub looks for headers of its answer.
                found.headers = {"Retry-After": str(RETRY_AFTER)}
            return found
    return Refusal(error.message, Reason.UNAVAILABLE, 400, _html("The server was not started", [error.message]))


def start_failure(message: str, log_tail: str = "") -> Refusal:
    """The exception for a server that could not be started; ``log_tail`` is shown as it is."""
    html = _html("The server did not start", [message])
    if log_tail:
        html += Markup(
            '<details open class="mt-2"><summary>Last lines of its log</summary><pre class="mb-0">{}</pre></details>'
        ).format(log_tail)
    return Refusal(message, Reason.UNAVAILABLE, 503, html)


def _sentences(error: DomainError) -> list[str]:
    violations: Any = error.details.get("violations") if isinstance(error, QuotaExceeded) else None
    return [v["message"] for v in violations] if violations else [error.message]


def _html(title: str, sentences: list[str]) -> Markup:
    body = Markup("<br>").join(sentences)
    return Markup("<strong>{}.</strong> {}").format(title, body)
