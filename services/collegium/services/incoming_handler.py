"""Handlers that hand a body on while it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from collegium.services.handlers import BaseHandler
from collegium.services.incoming import Incoming


class IncomingHandler(BaseHandler):
    """Base of handlers that take a raw body. ``receive`` starts once the caller was let in, before the body is read;
    the method, which runs when all was read, gets its result from ``received``."""

    #: Methods whose body is handed on.
    raw_methods: tuple[str, ...] = ()
    _incoming: Incoming | None = None
    _work: asyncio.Task[Any] | None = None

    def receive(self, incoming: Incoming) -> Awaitable[Any]:
        """Take the body; runs as a task of its own."""
        raise NotImplementedError

    async def decide(self) -> None:
        """As ever; then begin."""
        await super().decide()
        if self.request.method in self.raw_methods:
            self._incoming = Incoming()
            self._work = asyncio.create_task(self._receive(self._incoming))

    async def _receive(self, incoming: Incoming) -> Any:
        try:
            return await self.receive(incoming)
        finally:
            incoming.refuse()

    async def data_received(self, chunk: bytes) -> None:  # type: ignore[override]
        """Hand it on; the sender waits for whoever takes it."""
        if self._incoming is None:
            super().data_received(chunk)
        else:
            await self._incoming.put(chunk)

    async def received(self) -> Any:
        """What ``receive`` made of it; raises what it raised."""
        assert self._incoming is not None
        assert self._work is not None
        self._incoming.end()
        return await self._work

    def on_connection_close(self) -> None:
        """The client left: what came is not all."""
        if self._incoming is not None:
            self._incoming.cut_off()
        if self._work is not None:
            # Nobody asks for its result any more.
            self._work.add_done_callback(lambda task: task.cancelled() or task.exception())
        super().on_connection_close()
