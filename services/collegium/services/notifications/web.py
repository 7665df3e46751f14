"""One POST to somewhere else: to an address that was checked, with little time, and without listening to the answer."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from tornado.httpclient import HTTPError, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPTimeoutError, SimpleAsyncHTTPClient

from collegium.domain.destinations import Network
from collegium.domain.notifications import Try
from collegium.services import VERSION
from collegium.services.notifications.resolve import CheckedResolver, Lookup, OutOfReach

#: Requests at a time, and seconds for one.
MOST, PATIENCE = 16, 10.0
#: Bytes of an answer that are read and dropped; what says more is hung up on.
MAX_ANSWER = 64 << 10
_MAX_HEADERS = 16 << 10
#: With these, and all above 499, the place is in trouble and not the message.
_BUSY = {408, 425, 429}


class Web:
    """POSTs JSON. Follows no redirect, and goes through no proxy."""

    def __init__(self, lookup: Lookup, networks: Sequence[Network], patience: float = PATIENCE) -> None:
        self._lookup, self._networks, self._patience = lookup, networks, patience
        self._client: SimpleAsyncHTTPClient | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Try:
        """What came of it; never raises an Exception, and never quotes the URL or the answer."""
        if self._client is None:
            # Here, because it belongs to the event loop.
            resolver = CheckedResolver(self._lookup, self._networks)
            self._client = SimpleAsyncHTTPClient(
                force_instance=True,
                resolver=resolver,
                max_clients=MOST,
                max_buffer_size=2 * MAX_ANSWER,
                max_header_size=_MAX_HEADERS,
                max_body_size=MAX_ANSWER,
            )
        status: list[int] = []
        request = HTTPRequest(
            url,
            method="POST",
            body=body,
            headers={"Content-Type": "application/json", "User-Agent": f"Collegium/{VERSION}", **headers},
            follow_redirects=False,
            decompress_response=False,
            connect_timeout=self._patience,
            request_timeout=self._patience,
            header_callback=lambda line: _note_status(line, status),
            streaming_callback=lambda chunk: None,
        )
        try:
            async with asyncio.timeout(self._patience * 2):
                answer: HTTPResponse = await self._client.fetch(request, raise_error=False)
            # What the end of the connection was is of no interest where the answer was begun.
            code = status[-1] if status else answer.code
            return _verdict(code) if 100 <= code < 599 else _trouble(answer.error)
        except Exception as error:
            return _verdict(status[-1]) if status else _trouble(error)

    def close(self) -> None:
        """Let go of what is open."""
        if self._client is not None:
            self._client.close()


def signed(secret: str, body: bytes, timestamp: int) -> str:
    """The signature header: HMAC-SHA256 over the timestamp, a dot and the body as it is sent."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"v1={digest}"


def encode(data: Mapping[str, Any]) -> bytes:
    """A body."""
    return json.dumps(dict(data), ensure_ascii=False, separators=(",", ":")).encode()


def _note_status(line: str, status: list[int]) -> None:
    if line.startswith("HTTP/"):
        parts = line.split(None, 2)
        if len(parts) > 1 and parts[1].isdigit():
            status.append(int(parts[1]))


def _verdict(code: int) -> Try:
    if 200 <= code < 300:
        return Try(True, f"answered {code}")
    if 300 <= code < 400:
        return Try(False, f"answered {code}: redirects are not followed, give the address that it leads to")
    return Try(False, f"answered {code}", whole=code in _BUSY or code >= 500)


def _trouble(error: BaseException | None) -> Try:
    """The kind only: what libraries say repeats addresses."""
    cause: BaseException | None = error
    while cause is not None:
        match cause:
            case OutOfReach():
                return Try(False, str(cause), whole=True)
            case ssl.SSLCertVerificationError():
                return Try(False, "its certificate cannot be trusted", whole=True)
            case ssl.SSLError():
                return Try(False, "no secure connection could be made", whole=True)
            case HTTPTimeoutError() | TimeoutError():
                return Try(False, "did not answer in time", whole=True)
            case ConnectionRefusedError():
                return Try(False, "nobody listens there", whole=True)
            case UnicodeError():
                return Try(False, "its host is no name", whole=True)
            case OSError() if type(cause).__name__ == "gaierror":
                return Try(False, "its name has no address", whole=True)
        cause = cause.__cause__ or cause.__context__
    kind = "hung up" if isinstance(error, HTTPError | OSError) else type(error).__name__
    return Try(False, f"no answer: {kind}", whole=True)
