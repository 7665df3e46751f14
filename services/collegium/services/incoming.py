"""Bodies that are handed on while they arrive: of any size, in memory that does not grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

from collegium.domain.errors import DomainError, Unavailable
from collegium.services.handlers import BaseHandler

#: Bytes that wait between the connection and whoever takes them. When it is full, the sender waits.
BUFFER = 1 << 20


class CutOff(Unavailable):
    """The sender left before the end of the body."""


class Incoming:
    """A body as an asynchronous iterator: pieces go in at one end and out at the other, few at a time."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._changed = asyncio.Event()
        self._ended = self._refused = False
        self._cut: DomainError | None = None
        #: Bytes that came so far.
        self.received = 0

    async def put(self, piece: bytes) -> None:
        """Add a piece; waits while too much is waiting already. Dropped once nobody takes any more."""
        self.received += len(piece)
        while self._size >= BUFFER and not self._refused:
            self._changed.clear()
            await self._changed.wait()
        if not self._refused:
            self._pieces.append(piece)
            self._size += len(piece)
            self._changed.set()

    def end(self) -> None:
        """That was all."""
        self._ended = True
        self._changed.set()

    def cut_off(self, error: DomainError | None = None) -> None:
        """The sender is gone, or may send no more: ``error`` says why."""
        self._cut = self._cut or error or CutOff("The connection ended before the body did.")
        self._changed.set()

    def refuse(self) -> None:
        """Nobody takes any more; what still comes is dropped, so that the answer can be delivered."""
        self._refused = True
        self._pieces.clear()
        self._size = 0
        self._changed.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            if self._cut is not None and not isinstance(self._cut, CutOff):
                raise self._cut
            if self._pieces:
                # Many small ones as one: each costs a thread's turn.
                piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                self._pieces.clear()
                self._size = 0
                self._changed.set()
                yield piece
            elif self._cut is not None:
                raise self._cut
            elif self._ended:
                return
            else:
                self._changed.clear()
                await self._changed.wait()


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
