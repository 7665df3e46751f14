"""The async client: the same as ``collegium_client.client``, to be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self, TypeVar

import httpx

from collegium_client import exchange
from collegium_client.aio_files import AsyncFiles
from collegium_client.aio_jobs import AsyncJobs
from collegium_client.aio_schedules import AsyncSchedules
from collegium_client.aio_sweeps import AsyncSweeps
from collegium_client.exchange import Answer, Retry
from collegium_client.methods import AsyncMethods
from collegium_client.models import ContextOut
from collegium_client.settings import Settings, only_group
from collegium_client.wire import Operation

T = TypeVar("T")


class AsyncClient(AsyncMethods):
    """See ``Client``. An async context manager, or ``await aclose()``."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        group: str | None = None,
        *,
        settings: Settings | None = None,
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.settings = settings or Settings.find(url, token, group)
        self.retry = retry or Retry()
        self._http = httpx.AsyncClient(**exchange.client_options(self.settings, transport))
        self._group = self.settings.group
        self.jobs = AsyncJobs(self)
        self.schedules = AsyncSchedules(self)
        self.sweeps = AsyncSweeps(self)
        self.files = AsyncFiles(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def context(self) -> ContextOut:
        """Who one is, and one's groups and servers."""
        return await self.get_context()

    async def group(self, name: str | None = None) -> str:
        """The group to work in: the given one, else that of the settings, else one's only one. Raises SettingsError."""
        if name or self._group:
            return name or self._group
        self._group = only_group([g.name for g in (await self.context()).groups])
        return self._group

    async def send(self, operation: Operation[T]) -> T:
        """Carry out an operation; raises CollegiumError."""
        return (await self.ask(operation)).value

    async def ask(self, operation: Operation[T]) -> Answer[T]:
        """The same with the answer's headers."""
        failures = 0
        while True:
            try:
                response = await self._http.send(exchange.request_of(self._http, operation))
            except httpx.TransportError as error:
                failures += 1
                if failures >= self.retry.tries or not exchange.is_worth_retrying(operation, error):
                    raise exchange.unreachable(self.settings.url, error) from error
                await self.pause(failures)
                continue
            failures += 1
            if failures >= self.retry.tries or not exchange.is_worth_retrying(operation, response):
                return exchange.read(operation, response)
            await self.pause(failures, exchange.asked_pause(response))

    @asynccontextmanager
    async def stream(self, operation: Operation[bytes], accept: str) -> AsyncIterator[httpx.Response]:
        """An answer that is read piece by piece; raises CollegiumError, and httpx.TransportError while it lasts."""
        request = exchange.request_of(self._http, operation)
        request.headers["Accept"] = accept
        request.extensions["timeout"] = exchange.STREAM_TIMEOUT.as_dict()
        response = await self._http.send(request, stream=True)
        try:
            if response.status_code >= 300:
                await response.aread()
                exchange.read(operation, response)
            exchange.check_media(response, accept)
            yield response
        finally:
            await response.aclose()

    async def pause(self, failures: int, asked: float | None = None) -> None:
        """Wait before the next try."""
        await asyncio.sleep(self.retry.pause(failures, asked))
