"""What the plain and the async client share: building requests, reading answers, and when to try again."""

from __future__ import annotations

import json
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from collegium_client.errors import CollegiumError, InvalidInput, Unreachable, refused
from collegium_client.settings import Settings
from collegium_client.wire import Operation

T = TypeVar("T")
VERSION = "0.1.0"
#: Seconds to connect, and to wait for the next piece of an answer.
TIMEOUT = httpx.Timeout(60, connect=10)
#: The service sends something into a silent stream every 15 seconds.
STREAM_TIMEOUT = httpx.Timeout(45, connect=10)
#: Did nothing, or nothing that would be wrong to do again.
_TRY_AGAIN = frozenset({429, 502, 503, 504})
#: Longest time that a server's Retry-After is obeyed.
_MOST_PATIENCE = 60.0
#: Trouble before anything was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Retry:
    """How often to try, and seconds between tries: ``first``, then doubled up to ``most``, each a little random."""

    tries: int = 6
    first: float = 0.5
    most: float = 15.0

    def pause(self, failures: int, asked: float | None = None) -> float:
        """Seconds before the next try after so many failures."""
        wait: float = min(self.most, self.first * 2 ** min(failures - 1, 30)) * random.uniform(0.75, 1.25)
        return max(wait, min(asked, _MOST_PATIENCE)) if asked is not None else wait


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A decoded answer with its headers."""

    value: T
    headers: Mapping[str, str]


def client_options(settings: Settings, transport: Any = None, timeout: httpx.Timeout = TIMEOUT) -> dict[str, Any]:
    """Arguments of httpx's clients. Redirects are not followed: a token goes where it was meant for."""
    host = urlsplit(settings.url).hostname or ""
    return {
        "base_url": settings.url,
        "headers": {
            "Authorization": f"token {settings.token}",
            "User-Agent": f"collegium-client/{VERSION}",
            "Accept": "application/json",
        },
        "timeout": timeout,
        "follow_redirects": False,
        # What is on this machine is not asked for through a proxy.
        "trust_env": host not in ("127.0.0.1", "localhost", "::1"),
        "transport": transport,
    }


def request_of(client: httpx.Client | httpx.AsyncClient, operation: Operation[Any]) -> httpx.Request:
    """The request for an operation, with an id to find it by."""
    headers = {**operation.sent_headers(), "X-Request-ID": secrets.token_hex(8)}
    body = operation.content
    if body is None and (body := _encoded(operation.sent_body())) is not None:
        headers["Content-Type"] = "application/json"
    return client.build_request(
        operation.method,
        operation.path.lstrip("/"),
        params=operation.sent_query() or None,
        headers=headers,
        content=body,
    )


def _encoded(body: Any) -> bytes | None:
    try:
        return None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"this is not JSON: {error}") from None


def is_worth_retrying(operation: Operation[Any], problem: httpx.Response | httpx.TransportError) -> bool:
    """May it be sent again? What may have been done already only where doing it again changes nothing."""
    if operation.content is not None and not isinstance(operation.content, bytes):
        # Given out once already; who sends in pieces knows where to go on.
        return False
    if isinstance(problem, httpx.Response):
        return problem.status_code == 429 or (problem.status_code in _TRY_AGAIN and operation.repeatable)
    if isinstance(problem, httpx.UnsupportedProtocol | httpx.ProxyError):
        return False
    return isinstance(problem, _NOT_SENT) or operation.repeatable


def asked_pause(response: httpx.Response) -> float | None:
    """``Retry-After`` in seconds."""
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


def read(operation: Operation[T], response: httpx.Response) -> Answer[T]:
    """The decoded answer; raises CollegiumError for a refusal and Unreachable for what is no answer of ours."""
    if response.status_code >= 400:
        raise refusal(response)
    if response.is_redirect:
        raise Unreachable(f"{shown(response)} answers with a redirect. Is the URL right?", status=response.status_code)
    if operation.reply is bytes:
        return Answer(response.content, response.headers)  # type: ignore[arg-type]
    model = operation.reply
    assert issubclass(model, BaseModel)
    try:
        value = model.model_validate_json(response.content)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"])) or "the body"
        raise Unreachable(
            f"{shown(response)} answers in a way that this client does not understand ({where}: {problem['msg']}). "
            "Is the URL right, and the client as new as the server?",
            status=response.status_code,
        ) from None
    return Answer(value, response.headers)


def check_media(response: httpx.Response, accept: str) -> None:
    """Raises Unreachable where something else than the wanted stream comes, such as somebody's login page."""
    got = response.headers.get("Content-Type", "")
    if accept != "*/*" and not got.startswith(accept):
        raise Unreachable(f"{shown(response)} answers with {got or 'nothing'} instead of {accept}. Is the URL right?")


def refusal(response: httpx.Response) -> CollegiumError:
    """The error in an answer whose body was read."""
    try:
        body = response.json()
    except ValueError:
        body = None
    return refused(response.status_code, body, shown(response), response.headers.get("X-Request-ID", ""))


def unreachable(url: str, error: httpx.TransportError) -> Unreachable:
    """The error for no answer."""
    why = (
        {
            httpx.ConnectTimeout: "nobody answers there",
            httpx.ReadTimeout: "the answer does not come",
            httpx.RemoteProtocolError: "the connection was closed before the answer",
        }.get(type(error))
        or str(error)
        or type(error).__name__
    )
    return Unreachable(f"{url} cannot be reached: {why}.")


def shown(response: httpx.Response) -> str:
    """The address without its query, for people."""
    return str(response.request.url.copy_with(query=None))


def raise_unless_passing(problem: Exception, url: str, failures: int, tries: int) -> None:
    """Raise what is not over in a moment, and what happened too often."""
    if not is_passing(problem) or failures >= tries:
        if isinstance(problem, httpx.TransportError):
            raise unreachable(url, problem) from problem
        raise problem


def is_passing(problem: Exception) -> bool:
    """Trouble that may be over in a moment."""
    if isinstance(problem, CollegiumError):
        return problem.status in (429, 502, 503, 504)
    return isinstance(problem, httpx.TransportError)
