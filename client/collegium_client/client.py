"""The plain client."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self, TypeVar

import httpx

from collegium_client import exchange
from collegium_client.datasets import Datasets
from collegium_client.exchange import Answer, Retry
from collegium_client.files import Files
from collegium_client.jobs import Jobs
from collegium_client.methods import Methods
from collegium_client.models import ContextOut
from collegium_client.schedules import Schedules
from collegium_client.settings import Settings, only_group
from collegium_client.sweeps import Sweeps
from collegium_client.wire import Operation

T = TypeVar("T")


class Client(Methods):
    """A Collegium. Without arguments it is the one of ``collegium_client.settings``; a context manager, or ``close()``.

    ``jobs``, ``schedules``, ``sweeps``, ``files`` and ``datasets`` are what most programs need; besides, each operation
    of the API is a method.
    What may be done twice without harm is tried again when the network or the server fails; a submit always may, for it
    carries a key.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        group: str | None = None,
        *,
        settings: Settings | None = None,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.settings = settings or Settings.find(url, token, group)
        self.retry = retry or Retry()
        self._http = httpx.Client(**exchange.client_options(self.settings, transport))
        self._group = self.settings.group
        self.jobs = Jobs(self)
        self.schedules = Schedules(self)
        self.sweeps = Sweeps(self)
        self.files = Files(self)
        self.datasets = Datasets(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def context(self) -> ContextOut:
        """Who one is, and one's groups and servers."""
        return self.get_context()

    def group(self, name: str | None = None) -> str:
        """The group to work in: the given one, else that of the settings, else one's only one. Raises SettingsError."""
        if name or self._group:
            return name or self._group
        self._group = only_group([g.name for g in self.context().groups])
        return self._group

    def send(self, operation: Operation[T]) -> T:
        """Carry out an operation; raises CollegiumError."""
        return self.ask(operation).value

    def ask(self, operation: Operation[T]) -> Answer[T]:
        """The same with the answer's headers."""
        failures = 0
        while True:
            try:
                response = self._http.send(exchange.request_of(self._http, operation))
            except httpx.TransportError as error:
                failures += 1
                if failures >= self.retry.tries or not exchange.is_worth_retrying(operation, error):
                    raise exchange.unreachable(self.settings.url, error) from error
                self.pause(failures)
                continue
            failures += 1
            if failures >= self.retry.tries or not exchange.is_worth_retrying(operation, response):
                return exchange.read(operation, response)
            self.pause(failures, exchange.asked_pause(response))

    @contextmanager
    def stream(self, operation: Operation[bytes], accept: str) -> Iterator[httpx.Response]:
        """An answer that is read piece by piece; raises CollegiumError, and httpx.TransportError while it lasts."""
        request = exchange.request_of(self._http, operation)
        request.headers["Accept"] = accept
        request.extensions["timeout"] = exchange.STREAM_TIMEOUT.as_dict()
        response = self._http.send(request, stream=True)
        try:
            if response.status_code >= 300:
                response.read()
                exchange.read(operation, response)
            exchange.check_media(response, accept)
            yield response
        finally:
            response.close()

    def pause(self, failures: int, asked: float | None = None) -> None:
        """Wait before the next try."""
        time.sleep(self.retry.pause(failures, asked))
