"""Bytes of an upload as they come: a chunk is filled, sent when it is full, and kept when no more comes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from collegium.domain.errors import Conflict
from collegium.stores.port import Transfer
from collegium.stores.s3_layout import MiB, State
from collegium.stores.s3_sending import Sending

#: Bytes of one append that are in memory: those of the chunk that comes, and of chunks on their way.
MEMORY = 24 * MiB


@dataclass
class Live:
    """What this process knows of an upload: whose turn it is, and the checksum of what came through here."""

    turn: int = 0
    sending: set[asyncio.Task[None]] = field(default_factory=set)
    hash: Any = None
    hashed: int = 0
    before: tuple[int, Any] | None = None


class Writer:
    """One append: fills a chunk, sends it, and keeps what is left at the end."""

    def __init__(self, sending: Sending, transfer: Transfer, state: State, live: Live, turn: int) -> None:
        self._sending, self._transfer, self._state, self._live, self._turn = sending, transfer, state, live, turn
        self._layout = state.layout
        self.at = state.received
        #: The chunk that is being filled, where it begins, and how much of it is kept already.
        self._start = self.at
        self._buffer: io.BytesIO | None = None
        self._kept = 0
        self._chain = state.chain
        #: Chunks on their way, with the memory that they are in.
        self._parts: dict[asyncio.Task[None], io.BytesIO] = {}
        #: Memory of chunks that arrived, which is used again: what is given back and taken anew is in pieces soon.
        self._free: list[io.BytesIO] = []

    async def _room(self) -> io.BytesIO:
        """The chunk that is being filled. A new one waits until the others leave so much memory."""
        if self._buffer is None:
            size = self._layout.chunk_at(self._start)[1] - self._start
            while self._parts and (sum(map(_size, self._parts.values())) + size > MEMORY):
                await self._through(len(self._parts) - 1)
            fits = next((one for one in self._free if _size(one) == size), None)
            if fits is None:
                # All at once: what grows takes more, and is copied each time. None that is free will fit again.
                self._free, fits = [], io.BytesIO()
                fits.seek(size - 1)
                fits.write(b"\0")
            else:
                self._free.remove(fits)
            fits.seek(0)
            self._buffer = fits
        return self._buffer

    async def load(self) -> None:
        """What of the chunk is there already. A part that is whole beside the upload, because its sender broke off just
        then, becomes one first."""
        if not self._chain:
            return
        index = self._layout.index(self._chain[0][0])
        if "upload_id" in self._transfer.state and self.at == self._layout.bounds(index)[1]:
            await self._sending.promote(self._transfer, self._state.number(index), self._chain)
            self._chain = []
            return
        start, length = self._chain[-1]
        if self.at < self._layout.chunk_at(start)[1]:
            self._start, self._kept = start, length
            (await self._room()).write(await self._sending.load(self._transfer, start, length))
            self._chain.pop()

    def _mine(self) -> None:
        if self._live.turn != self._turn:
            raise Conflict("Another sender goes on with this upload")

    async def add(self, piece: bytes) -> None:
        """More bytes."""
        self._mine()
        view = memoryview(piece)
        size = self._transfer.size
        if size is not None and self.at + len(view) > size:
            raise Conflict(f"More came than the {size} bytes that were announced")
        while view:
            end = self._layout.chunk_at(self._start)[1]
            some = view[: end - self.at]
            (await self._room()).write(some)
            self.at += len(some)
            view = view[len(some) :]
            if self.at == end and end != size:
                await self._send()

    async def _hash(self) -> None:
        live = self._live
        if live.hash is not None and self._start <= live.hashed < self.at:
            with (
                (await self._room()).getbuffer() as whole,
                whole[live.hashed - self._start : self.at - self._start] as fresh,
            ):
                # Not to be broken off: the checksum has either seen these bytes or not.
                work = asyncio.ensure_future(asyncio.to_thread(live.hash.update, fresh))
                try:
                    await asyncio.shield(work)
                finally:
                    await asyncio.wait({work})
                    live.hashed = self.at

    async def _send(self) -> None:
        """A full chunk."""
        self._mine()
        index = self._layout.index(self._start)
        start, end = self._layout.bounds(index)
        await self._hash()
        if self._transfer.state.get("upload_id") and (start, end) == (self._start, self.at):
            body = await self._room()
            self._parts[self._begun(self._send_part(self._state.number(index), body))] = body
            self._buffer = None
        else:
            await self._keep()
            self._chain.append((self._start, self.at - self._start))
            if self.at == end and "upload_id" in self._transfer.state:
                await self._sending.promote(self._transfer, self._state.number(index), self._chain)
                self._chain = []
        self._start, self._kept = self.at, 0
        if self._buffer is not None:
            self._free.append(self._buffer)
            self._buffer = None

    def _begun(self, call: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something on its way, which whoever has the next turn waits for."""
        task = asyncio.create_task(call)
        self._live.sending.add(task)
        task.add_done_callback(self._live.sending.discard)
        task.add_done_callback(_quiet)
        return task

    async def _send_part(self, number: int, body: io.BytesIO) -> None:
        await self._sending.send_part(self._transfer, number, body)

    async def _keep(self) -> None:
        body = await self._room()
        body.truncate(self.at - self._start)
        await self._begun(self._sending.keep(self._transfer, self._start, body))

    async def _through(self, left: int) -> None:
        """Wait until so few are on their way; raises what one of them raised."""
        while len(self._parts) > left:
            done, _ = await asyncio.wait(self._parts, return_when=asyncio.FIRST_COMPLETED)
            arrived = [(task, self._parts.pop(task)) for task in done]
            for task, body in arrived:
                task.result()
                self._free.append(body)

    async def end(self) -> None:
        """Make durable what came."""
        try:
            self._mine()
            if self.at - self._start > self._kept:
                start, end = self._layout.bounds(self._layout.index(self._start))
                if self.at == end == self._transfer.size and start == self._start and not self._chain:
                    await self._send()
                else:
                    await self._hash()
                    await self._keep()
                    self._kept = self.at - self._start
        finally:
            await self._through(0)
        await self._sending.drop(self._state.strays)


def _size(body: io.BytesIO) -> int:
    with body.getbuffer() as whole:
        return len(whole)


def _quiet(task: asyncio.Task[None]) -> None:
    """Its error is taken by who waits for it, if anybody does."""
    if not task.cancelled():
        task.exception()
