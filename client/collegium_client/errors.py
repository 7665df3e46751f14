"""What can go wrong, as exceptions: the server's own refusals with all that it says, and the client's troubles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CollegiumError(Exception):
    """Base of all errors here. ``code`` is for programs, ``message`` for people, ``details`` are facts.

    ``request_id`` is what an administrator finds the request by; ``status`` the HTTP status, 0 if there was none.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        details: Mapping[str, Any] | None = None,
        request_id: str = "",
        status: int = 0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.details: Mapping[str, Any] = dict(details or {})
        self.request_id = request_id
        self.status = status

    @property
    def field(self) -> str:
        """The field that a refusal is about, as its dotted path; empty if it is about none."""
        return str(self.details.get("field") or "")


class SettingsError(CollegiumError):
    """Where to go, or with which token, is not known or not usable."""

    code = "settings"


class Unreachable(CollegiumError):
    """Nobody answered, or not a Collegium."""

    code = "unreachable"


class InvalidInput(CollegiumError):
    """A field cannot be accepted; ``details`` name ``field``, ``value`` and ``limit``."""

    code = "invalid"


class NotAuthenticated(CollegiumError):
    """No usable token."""

    code = "not_authenticated"


class Forbidden(CollegiumError):
    """The token or the role does not allow this."""

    code = "forbidden"


class NotFound(CollegiumError):
    """No such thing, or none that one may know of."""

    code = "not_found"


class Conflict(CollegiumError):
    """Not in the state that it is in."""

    code = "conflict"


class NotGranted(CollegiumError):
    """The group was not granted this."""

    code = "not_granted"


class QuotaExceeded(CollegiumError):
    """More than the quota could ever allow; ``details`` say which limit, what is used and by whom."""

    code = "quota_exceeded"


class KeyUsedOtherwise(CollegiumError):
    """The idempotency key stood for another request before."""

    code = "idempotency_mismatch"


class TooManyRequests(CollegiumError):
    """Still too many after all tries."""

    code = "too_many_requests"


class ServerTrouble(CollegiumError):
    """A fault of the server's, or a part of it does not answer."""

    code = "internal"


class JobFailed(CollegiumError):
    """A job ended without success; raised only where that is asked for. ``exit_code`` may be None."""

    code = "job_failed"

    def __init__(self, message: str, state: str, reason: str, exit_code: int | None) -> None:
        super().__init__(message, details={"state": state, "reason": reason, "exit_code": exit_code})
        self.state, self.reason, self.exit_code = state, reason, exit_code


class SweepFailed(CollegiumError):
    """A sweep ended without success; raised only where that is asked for. ``counts`` are its jobs by state."""

    code = "sweep_failed"

    def __init__(self, message: str, state: str, counts: Mapping[str, int]) -> None:
        super().__init__(message, details={"state": state, "counts": dict(counts)})
        self.state, self.counts = state, counts


class TimedOut(CollegiumError):
    """What was waited for did not happen in time; the job goes on."""

    code = "timed_out"


_BY_CODE: Mapping[str, type[CollegiumError]] = {
    kind.code: kind
    for kind in (
        InvalidInput,
        NotAuthenticated,
        Forbidden,
        NotFound,
        Conflict,
        NotGranted,
        QuotaExceeded,
        KeyUsedOtherwise,
        TooManyRequests,
        ServerTrouble,
    )
}


def refused(status: int, body: Any, url: str, request_id: str = "") -> CollegiumError:
    """The error for an answer that is none of success; ``body`` is decoded JSON or anything else."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) and isinstance(error.get("code"), str):
        details = error.get("details")
        kind = _BY_CODE.get(error["code"], ServerTrouble if status >= 500 else CollegiumError)
        return kind(
            str(error.get("message") or error["code"]),
            code=error["code"],
            details=details if isinstance(details, dict) else {},
            request_id=str(error.get("request_id") or request_id),
            status=status,
        )
    if status >= 500:
        return ServerTrouble(
            f"{url} answers with status {status}; the hub or its service may be starting.",
            code="unavailable",
            request_id=request_id,
            status=status,
        )
    return Unreachable(
        f"{url} answers with status {status}, and not as Collegium does. Is the URL right?", status=status
    )
