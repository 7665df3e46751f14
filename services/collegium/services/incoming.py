"""Bodies that are handed on while they arrive: of any size, in memory that does not grow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from collegium.domain.errors import DomainError, Unavailable

#: Bytes that wait between the connection and whoever takes them. When it is full, the sender waits.
BUFFER = 1 << 20
#: Pieces smaller than this on the average are handed on together.
SMALL = 32 << 10


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

    def _check(self) -> None:
        """Raise why no more is to come, at once; what came before a mere end of the connection is still handed on."""
        if self._cut is not None and not isinstance(self._cut, CutOff):
            raise self._cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self._check()
            if self._pieces:
                pieces, self._pieces = self._pieces, []
                # Many small ones as one: each costs several turns. Large ones would cost being copied.
                if self._size < SMALL * len(pieces):
                    pieces = [b"".join(pieces)]
                self._size = 0
                self._changed.set()
                for piece in pieces:
                    self._check()
                    yield piece
            elif self._cut is not None:
                raise self._cut
            elif self._ended:
                return
            else:
                self._changed.clear()
                await self._changed.wait()
