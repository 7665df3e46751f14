"""What of an API server's refusal may be shown: nothing that was sent, however it is quoted.

Validation errors quote values, whole pod templates and differences between two; webhooks quote what they like.
Environments of pods hold tokens, so values are cut where the server is known to put them, and masked wherever else.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from collegium.domain.errors import shorten

_LIMIT = 1000
#: Shorter strings are no secrets, and are parts of other words.
_SECRET_LENGTH = 6
#: From here on a message repeats what was sent, or what is there.
_QUOTES = re.compile(r"\b(?:Invalid|Duplicate|Unsupported) value: |error found in #|bigger context|[{]")
#: The end of a quoted value.
_END = re.compile(r"[\"}\]]: |value: [\w.+-]+: ")
_MASKED = ("data", "stringData", "binaryData", "annotations", "command", "args")
_MARK = "…"


def refusal(status: Mapping[str, Any], sent: Mapping[str, Any] | None) -> str:
    """A message on one line from a ``Status`` object that answers a request with the body ``sent``."""
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, Mapping) else None
    secrets = _secrets(sent or {})
    if status.get("reason") == "Invalid" and isinstance(causes, list) and causes:
        found = (_cause(c, secrets) for c in causes[:8] if isinstance(c, Mapping))
        text = "is invalid: " + "; ".join(dict.fromkeys(found))
    else:
        text = _cut(_mask(str(status.get("message") or ""), secrets))
    return shorten(" ".join(text.split()), _LIMIT) or ""


def _cause(cause: Mapping[str, Any], secrets: list[str]) -> str:
    field, message = (_mask(str(cause.get(k) or ""), secrets) for k in ("field", "message"))
    quoted = _QUOTES.search(message)
    if quoted is not None:
        ends = list(_END.finditer(message, quoted.start()))
        message = f"{message[: quoted.start()]}{message[ends[-1].end() :] if ends else _MARK}"
    return f"{field}: {_cut(message)}"


def _cut(message: str) -> str:
    quoted = _QUOTES.search(message)
    return message if quoted is None else message[: quoted.start()] + _MARK


def _mask(message: str, secrets: list[str]) -> str:
    for secret in secrets:
        message = message.replace(secret, _MARK)
    return message


def _secrets(sent: Any) -> list[str]:
    """Every value that may be one, as it is and as it is quoted, longest first so that none hides in another."""
    found: set[str] = set()
    for value in _values(sent):
        variants = [value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], value.strip()]
        variants += [base64.b64encode(value.encode()).decode(), *value.splitlines()]
        found.update(v for v in variants if len(v) >= _SECRET_LENGTH)
    return sorted(found, key=len, reverse=True)


def _values(sent: Any) -> Iterator[str]:
    if isinstance(sent, Mapping):
        for key, value in sent.items():
            if key in _MASKED:
                yield from _leaves(value, encoded=key == "data")
            elif key == "env" and isinstance(value, list):
                yield from _leaves([e.get("value") for e in value if isinstance(e, Mapping)])
            else:
                yield from _values(value)
    elif isinstance(sent, list | tuple):
        for value in sent:
            yield from _values(value)


def _leaves(value: Any, encoded: bool = False) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if encoded:
            try:
                yield base64.b64decode(value, validate=True).decode()
            except ValueError:
                return
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _leaves(inner, encoded)
