"""The one error edge: which refusal has which HTTP status, and what its body looks like."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError
from tornado.web import HTTPError

from collegium.domain import errors as e
from collegium.services.groups.models import ErrorBody, ErrorOut
from collegium.services.refusals import (
    ChecksumMismatch,
    Gone,
    MethodNotAllowed,
    PreconditionFailed,
    RangeNotSatisfiable,
    UnsupportedMedia,
)

#: Every subclass of DomainError has a row; a test walks them.
STATUS: Mapping[type[e.DomainError], int] = {
    e.InvalidInput: 400,
    e.NotAuthenticated: 401,
    e.Forbidden: 403,
    e.NotFound: 404,
    MethodNotAllowed: 405,
    e.Conflict: 409,
    Gone: 410,
    PreconditionFailed: 412,
    e.TooLarge: 413,
    UnsupportedMedia: 415,
    RangeNotSatisfiable: 416,
    e.IdempotencyMismatch: 422,
    e.NotGranted: 422,
    e.QuotaExceeded: 422,
    e.TooManyRequests: 429,
    ChecksumMismatch: 460,
    e.Unavailable: 503,
    e.Misconfigured: 503,
    e.StorageFull: 507,
}
#: Seconds after which a caller may try again.
RETRY_AFTER = {429: 5, 503: 5, 507: 60}
#: Fields whose values are secrets, also where they are wrong.
_UNQUOTED = {"secret", "url"}
#: What pydantic says of the form of a body, in words of this API.
_WORDS = {
    "extra_forbidden": "is no field here",
    "model_type": "must be an object with fields",
    "model_attributes_type": "must be an object with fields",
    "dict_type": "must be an object with fields",
    "union_tag_not_found": "must have the field {discriminator}",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "string_pattern_mismatch": "must be of the form {pattern}",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
}
_CODES = {400: "invalid", 401: "not_authenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


def describe(error: BaseException | None, request_id: str) -> tuple[int, ErrorOut]:
    """The status and body for anything that was raised; what is not ours to show becomes ``internal``."""
    match error:
        case e.DomainError():
            status = next((STATUS[c] for c in type(error).__mro__ if c in STATUS), 500)
            if status != 500:
                return status, _body(error.code, error.message, error.details, request_id)
        case ValidationError():
            refusal = invalid_field(error)
            return 400, _body(refusal.code, refusal.message, refusal.details, request_id)
        case HTTPError() if error.status_code in _CODES:
            return error.status_code, _body(
                _CODES[error.status_code], HTTPStatus(error.status_code).phrase, {}, request_id
            )
    message = f"Something went wrong here. Give the request id {request_id} to whoever runs this hub."
    return 500, _body("internal", message, {}, request_id)


def invalid_field(error: ValidationError, body: Any = None) -> e.InvalidInput:
    """The first problem that pydantic found, in our form; ``body`` is what was read, if it was JSON."""
    first = error.errors(include_url=False, include_context=True)[0]
    path = first["loc"] if body is None else _place(first["loc"], body, first["type"] == "missing")
    field = ".".join(str(p) for p in path) or "body"
    context = first.get("ctx", {})
    limit = next(
        (context[k] for k in ("max_length", "min_length", "le", "ge", "lt", "gt", "expected") if k in context), None
    )
    hidden = first["type"] in ("missing", "extra_forbidden") or field in _UNQUOTED
    value = None if hidden else first.get("input")
    words = _WORDS.get(first["type"])
    problem = words.format(**context) if words else first["msg"].removeprefix("Value error, ")
    return e.InvalidInput(field, problem[:1].lower() + problem[1:], value, limit)


def _place(location: Sequence[int | str], body: Any, missing: bool) -> list[int | str]:
    """The path as the body has it: pydantic also names which form of several it tried, which nobody has written."""
    path: list[int | str] = []
    for index, part in enumerate(location):
        if isinstance(body, dict) and part in body:
            body = body[str(part)]
        elif isinstance(body, list) and isinstance(part, int) and part < len(body):
            body = body[part]
        elif not missing or index < len(location) - 1:
            continue
        path.append(part)
    return path


def _body(code: str, message: str, details: Mapping[str, Any], request_id: str) -> ErrorOut:
    # Details come from many places: whatever JSON cannot hold is shown as text rather than failing in the error edge.
    safe = json.loads(json.dumps(dict(details), default=str))
    return ErrorOut(error=ErrorBody(code=code, message=message, details=safe, request_id=request_id))
