"""Requests to the provider: short, of limited size, and none at all for a while after several went unanswered."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from collegium.domain.errors import Misconfigured, Unavailable, shorten

#: Bytes that one answer may have. Somebody in 500 groups with paths of 255 characters needs half of it.
MAX_ANSWER = 256 * 1024
#: So many questions in a row without an answer, and people's questions are not asked any more.
FAILURES = 3
#: Seconds between two probes; the last one stays.
PAUSES = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Answer:
    """Status and JSON body (None where it is none). ``skew`` is their clock less ours in seconds, if they said."""

    status: int
    body: Any
    skew: float | None = None

    @property
    def error(self) -> str:
        """The OAuth error code of a refusal."""
        return str(self.body.get("error", "")) if isinstance(self.body, Mapping) else ""

    @property
    def reason(self) -> str:
        """The provider's own words on a refusal, on one line."""
        said = self.body.get("error_description") if isinstance(self.body, Mapping) else None
        return shorten(str(said or self.error or f"HTTP {self.status}"), 200) or ""


class Circuit:
    """Lets nobody wait for a time-out that others have just waited for.

    After ``FAILURES`` questions in a row without an answer it opens: then ``probe`` alone asks, in the background and
    after growing pauses, and its first answer closes it again.
    """

    def __init__(self, probe: Callable[[], Awaitable[bool]], pauses: Sequence[float] = PAUSES) -> None:
        self._probe, self._pauses = probe, pauses
        self._failures = 0
        self._probing: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """True while nothing is asked."""
        return self._probing is not None

    def enter(self) -> None:
        """Raise Unavailable while it is open."""
        if self.is_open:
            raise Unavailable("Keycloak does not answer; it is asked again every few seconds.")

    def failed(self) -> None:
        """No answer."""
        self._failures += 1
        if self._failures >= FAILURES and self._probing is None:
            self._probing = asyncio.ensure_future(self._until_it_answers())

    def answered(self) -> None:
        """Whatever it was, it was an answer."""
        self._failures = 0
        if self._probing is not None and self._probing is not asyncio.current_task():
            self._probing.cancel()
        self._probing = None

    async def _until_it_answers(self) -> None:
        pauses = chain(self._pauses, repeat(self._pauses[-1]))
        while True:
            await asyncio.sleep(next(pauses))
            if await self._probe():
                return self.answered()


class Fetcher:
    """``get`` and ``post`` raise Unavailable for silence and 5xx, Misconfigured for what waiting cannot heal.

    ``probe`` is the address that is asked while nothing else is.
    """

    def __init__(self, patience: float, probe: str, ca_file: str | None = None) -> None:
        self.patience = patience
        self.circuit = Circuit(self._probe)
        self._probed = probe
        self._ca = ca_file
        self._client: SimpleAsyncHTTPClient | None = None

    async def get(self, url: str, token: str = "") -> Answer:
        """GET, with a bearer token if there is one."""
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return await self._fetch(HTTPRequest(url, headers=headers))

    async def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """POST of a form."""
        return await self._fetch(
            HTTPRequest(url, "POST", headers={"Accept": "application/json"}, body=urlencode(dict(form)))
        )

    async def _probe(self) -> bool:
        try:
            await self._ask(HTTPRequest(self._probed))
        except Misconfigured:
            # An answer too: what is wrong with it, the next question tells.
            return True
        except Exception:
            # Whatever it was: if probing ended here, nothing would ever be asked again.
            return False
        return True

    async def _fetch(self, request: HTTPRequest) -> Answer:
        self.circuit.enter()
        try:
            answer = await self._ask(request)
        except Unavailable:
            self.circuit.failed()
            raise
        except Misconfigured:
            self.circuit.answered()
            raise
        self.circuit.answered()
        return answer

    async def _ask(self, request: HTTPRequest) -> Answer:
        where = urlsplit(request.url).path
        body = _Body(request)
        request.follow_redirects, request.decompress_response = False, False
        request.connect_timeout = request.request_timeout = self.patience
        request.ca_certs = self._ca
        if self._client is None:
            # Not the hub's own client, which may be another implementation; ten at once would queue a login storm.
            self._client = SimpleAsyncHTTPClient(force_instance=True, max_clients=64, max_body_size=4 * MAX_ANSWER)
        try:
            response = await self._client.fetch(request, raise_error=False)
        except ssl.SSLCertVerificationError as error:
            raise Misconfigured(
                f"keycloak.ca_file: Keycloak's certificate is not trusted ({error.verify_message})"
            ) from None
        except (HTTPError, OSError, ValueError) as error:
            if body.too_large:
                raise _too_large(where) from None
            if isinstance(error, HTTPTimeoutError):
                raise Unavailable(f"Keycloak did not answer within {self.patience:g} seconds.", path=where) from None
            raise Unavailable(f"Keycloak cannot be reached ({type(error).__name__}).", path=where) from None
        return self._read(response, body, where)

    @staticmethod
    def _read(response: HTTPResponse, body: _Body, where: str) -> Answer:
        status = response.code
        if status >= 500 or status == 429:
            raise Unavailable(f"Keycloak answers {status}.", path=where, status=status)
        if body.too_large:
            raise _too_large(where)
        if 300 <= status < 400:
            there = urlsplit(response.headers.get("Location", ""))
            raise Misconfigured(
                f"keycloak.issuer: Keycloak sends us on to {there.scheme}://{there.hostname}; give that address",
                path=where,
            )
        return Answer(status, body.json(), _skew(response.headers.get("Date")))


class _Body:
    """Collects what comes, and only so much of it."""

    def __init__(self, request: HTTPRequest) -> None:
        self._parts = bytearray()
        self.too_large = False
        request.header_callback, request.streaming_callback = self._header, self._chunk

    def json(self) -> Any:
        """The body as JSON, None if it is something else."""
        try:
            return json.loads(self._parts)
        except (ValueError, RecursionError):
            return None

    def _header(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-length" and value.strip().isdigit():
            self.too_large = self.too_large or int(value) > MAX_ANSWER

    def _chunk(self, data: bytes) -> None:
        if len(self._parts) + len(data) > MAX_ANSWER:
            self.too_large = True
        else:
            self._parts += data


def _too_large(where: str) -> Misconfigured:
    return Misconfigured(
        f"Keycloak's answer at {where} is larger than {MAX_ANSWER} bytes; a mapper of the realm's client puts too much "
        "into it. Nothing was cut off: it was not believed at all.",
        path=where,
        limit=MAX_ANSWER,
    )


def _skew(date: str | None) -> float | None:
    try:
        said = parsedate_to_datetime(date or "")
    except (TypeError, ValueError):
        return None
    if said.tzinfo is None:
        return None
    return (said - datetime.now(UTC)).total_seconds()
