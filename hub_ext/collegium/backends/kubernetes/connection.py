"""The connection below ``client.py``: configuration, credentials that renew themselves, and one exchange at a time.

The library's configuration and transport are used, its models are not: an object is the JSON that came. What goes wrong
leaves as ``Broken``, which has only words of ours in it. The library's own exceptions hold request bodies, headers and
parts of the kubeconfig, so none of them may leave, not even as the context of another.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import time
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

#: Requests at a time, watches not counted: a burst of ours must not starve the other users of the API server.
_PARALLEL = 32
#: Refused credentials are read anew, but not more often than this.
_RENEW_SECONDS = 30.0
T = TypeVar("T")
_REST_LOGGERS = ("kubernetes.client.rest", "kubernetes.aio.client.rest", "kubernetes_asyncio.client.rest")


def _only_warnings(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING


# These write whole bodies at debug level, with the tokens in the environment of every pod.
for _name in _REST_LOGGERS:
    logging.getLogger(_name).addFilter(_only_warnings)


class Broken(Exception):
    """No answer came. ``timed_out`` if that is because we stopped waiting."""

    def __init__(self, problem: str, timed_out: bool = False) -> None:
        super().__init__(problem)
        self.timed_out = timed_out


@dataclass(frozen=True)
class Request:
    """What to send. ``repr`` shows neither body nor query."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    content_type: str = "application/json"


@dataclass(frozen=True)
class Answer:
    """A status and the JSON object that came with it; empty if it was none."""

    status: int
    data: dict[str, Any] = field(repr=False)
    retry_after: float | None = None


class Stream:
    """The lines of an answer that goes on for long."""

    def __init__(self, response: Any, seconds: float) -> None:
        self._response = response
        self._deadline = asyncio.get_running_loop().time() + seconds
        self._rest = b""

    async def lines(self) -> list[bytes] | None:
        """The next whole lines; None at a regular end. Raises Broken, also if it ends inside a line."""
        chunk = await _guarded(self._response.content.readany(), self._deadline, "the connection is silent")
        if not chunk and self._rest:
            raise Broken("the connection ended inside an event")
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        return whole if chunk else None

    def close(self) -> None:
        """Hang up."""
        self._response.close()


class Connection:
    """The way to one cluster, made at the first request and again when its credentials are refused."""

    def __init__(self, kubeconfig: str | None, context: str | None, timeout: float) -> None:
        self._kubeconfig, self._context, self._timeout = kubeconfig, context, timeout
        self._client: Any = None
        #: The one before, for the requests and watches that are still on it.
        self._former: Any = None
        self._opening = asyncio.Lock()
        self._renewed = float("-inf")
        self._slots = asyncio.Semaphore(_PARALLEL)

    async def exchange(self, request: Request) -> Answer:
        """Send, and read the whole answer. Raises Broken."""
        return await self._in_time(self._exchange(request))

    async def stream(self, request: Request, seconds: float) -> Stream | Answer:
        """Send, and hand out what comes for ``seconds``; an Answer if nothing will. Raises Broken."""
        return await self._in_time(self._stream(request, seconds))

    async def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        clients, self._client, self._former = (self._client, self._former), None, None
        for client in clients:
            if client is not None:
                await client.close()

    async def _in_time(self, work: Awaitable[T]) -> T:
        deadline = asyncio.get_running_loop().time() + self._timeout
        return await _guarded(work, deadline, f"no answer within {self._timeout:g} s")

    async def _exchange(self, request: Request) -> Answer:
        async with self._slots:
            return await _read(await self._send(request))

    async def _stream(self, request: Request, seconds: float) -> Stream | Answer:
        response = await self._send(request)
        return Stream(response, seconds) if response.status == 200 else await _read(response)

    async def _send(self, request: Request) -> Any:
        client = await self._open()
        response = await self._once(client, request)
        if response.status != 401:
            return response
        renewed = await self._renew(client)
        if renewed is client:
            return response
        response.close()
        return await self._once(renewed, request)

    async def _once(self, client: Any, request: Request) -> Any:
        import aiohttp

        headers = {"Accept": "application/json", "Content-Type": request.content_type, "User-Agent": "collegium"}
        token = await client.configuration.get_api_key_with_prefix("BearerToken")
        if token:
            headers["Authorization"] = token.strip()
        query = f"?{urlencode(request.query)}" if request.query else ""
        url = client.configuration.host + request.path + query
        forever = aiohttp.ClientTimeout(total=None)
        body = None if request.body is None else dict(request.body)
        answer = await client.call_api(request.method, url, headers, body, _request_timeout=forever)
        return answer.response

    async def _open(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._connect()
            return self._client

    async def _renew(self, refused: Any) -> Any:
        """A client with credentials read anew, or the same one if that was tried just now."""
        async with self._opening:
            if self._client is not refused or time.monotonic() < self._renewed + max(_RENEW_SECONDS, 2 * self._timeout):
                return self._client or refused
            self._renewed = time.monotonic()
            fresh = await self._connect()
            former, self._former, self._client = self._former, refused, fresh
        # No request has been on it for that long, and a watch comes back.
        if former is not None:
            await former.close()
        return fresh

    async def _connect(self) -> Any:
        problem = ""
        try:
            # The library takes a second or two to import, for its models.
            await asyncio.to_thread(_library)
            return await _client(self._kubeconfig, self._context)
        except Exception as error:
            problem = type(error).__name__
        raise Broken(f"the Kubernetes configuration cannot be read ({problem})")


def _library() -> None:
    importlib.import_module("kubernetes.aio.client")
    importlib.import_module("kubernetes.aio.config")


async def _client(kubeconfig: str | None, context: str | None) -> Any:
    client: Any = importlib.import_module("kubernetes.aio.client")
    config: Any = importlib.import_module("kubernetes.aio.config")
    incluster_config: Any = importlib.import_module("kubernetes.aio.config.incluster_config")

    # 0 is no limit: hundreds of watches are open all the time.
    settings = client.Configuration(connection_pool_maxsize=0)
    inside = os.environ.get(incluster_config.SERVICE_HOST_ENV_NAME)
    if kubeconfig is None and context is None and inside and Path(incluster_config.SERVICE_TOKEN_FILENAME).exists():
        incluster_config.InClusterConfigLoader(
            token_filename=incluster_config.SERVICE_TOKEN_FILENAME,
            cert_filename=incluster_config.SERVICE_CERT_FILENAME,
        ).load_and_set(settings)
    else:
        path = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube/config")
        await config.load_kube_config(path, context, client_configuration=settings, persist_config=False)
    return client.ApiClient(settings)


async def _guarded(work: Awaitable[T], deadline: float, late: str) -> T:
    """Await, until ``deadline``. What fails comes as Broken, raised out here so that it has no context."""
    problem = None
    try:
        async with asyncio.timeout_at(deadline):
            return await work
    except TimeoutError:
        problem = Broken(late, timed_out=True)
    except Broken as error:
        problem = Broken(str(error))
    except _failures() as error:
        problem = Broken(f"the connection broke ({type(error).__name__})")
    raise problem


def _failures() -> tuple[type[Exception], ...]:
    import aiohttp
    from kubernetes.aio.client.exceptions import OpenApiException
    from kubernetes.aio.config import ConfigException

    # ValueError: a header or address that cannot be sent. The two after: a session that was closed at this moment.
    known = (aiohttp.ClientError, OSError, ValueError, RuntimeError, AssertionError)
    return (*known, OpenApiException, ConfigException)


async def _read(response: Any) -> Answer:
    raw = await response.read()
    data: Any = None
    try:
        data = json.loads(raw)
    except ValueError:
        # The error holds all of what came.
        data = None
    if not isinstance(data, dict):
        if response.status < 300:
            raise Broken("the answer is not JSON")
        data = {}
    return Answer(response.status, data, _seconds(response.headers.get("Retry-After")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
