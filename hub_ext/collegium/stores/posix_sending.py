"""The way of an upload's bytes from an event loop to the disk: gathered, written in a thread, synced in another."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from collegium.stores.posix_uploads import Sender

#: Written at once; twice as much is in memory at most.
BATCH = 1 << 20
#: Made durable when this much was written, or when this long has passed since something was.
SYNC_BYTES, SYNC_SECONDS = 64 << 20, 2.0

Submit = Callable[..., "asyncio.Future[Any]"]


class Sending:
    """One ``append``: pieces come while what came before is written, and that is synced while more is written."""

    def __init__(self, sender: Sender, submit: Submit) -> None:
        self.sender, self.submit = sender, submit
        self._batch: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Future[Any] | None = None
        self._syncing: asyncio.Future[Any] | None = None
        self._pulsing: asyncio.Task[None] | None = None
        self._begun = time.monotonic()
        self._alone = asyncio.Lock()

    async def run(self, pieces: AsyncIterator[bytes]) -> int:
        """Send them all; the offset that is durable. What came before an error is kept."""
        timer = asyncio.get_running_loop().call_later(SYNC_SECONDS, self._begin_pulse)
        try:
            async for piece in pieces:
                self._batch.append(piece)
                self._size += len(piece)
                if self._size >= BATCH:
                    await self._flush()
        except BaseException:
            # The first error is the one to tell.
            with contextlib.suppress(Exception):
                await _to_the_end(self._settle(timer))
            raise
        await _to_the_end(self._settle(timer))
        return self.sender.durable

    def _begin_pulse(self) -> None:
        self._pulsing = asyncio.ensure_future(self._pulse())

    async def _flush(self) -> None:
        async with self._alone:
            if self._writing is not None:
                writing, self._writing = self._writing, None
                await writing
            if self._batch:
                batch, self._batch, self._size = self._batch, [], 0
                self._writing = self.submit(self.sender.write, batch)
            if self.sender.written - self.sender.durable >= SYNC_BYTES:
                await self._sync()

    async def _sync(self) -> None:
        """Begin to make durable what was written; one after the other, so a slow disk slows the sender."""
        if self._syncing is not None:
            syncing, self._syncing = self._syncing, None
            await syncing
        if self.sender.written > self.sender.durable:
            self._begun = time.monotonic()
            self._syncing = self.submit(self.sender.sync)

    async def _pulse(self) -> None:
        """Make durable what came, when little comes or nothing any more: its sender may be dead."""
        with contextlib.suppress(Exception):  # The sending itself meets the same error.
            while True:
                if time.monotonic() - self._begun >= SYNC_SECONDS:
                    await self._flush()
                    async with self._alone:
                        if self._writing is not None:
                            await asyncio.wait([self._writing])
                        await self._sync()
                await asyncio.sleep(SYNC_SECONDS)

    async def _settle(self, timer: asyncio.TimerHandle) -> None:
        """Write and sync what is left, and let go."""
        timer.cancel()
        if self._pulsing is not None:
            self._pulsing.cancel()
            await asyncio.wait([self._pulsing])
        try:
            if self._writing is None and self._syncing is None and self._batch:
                # All of it, mostly: a turn from thread to thread is much of the work of a small file.
                batch, self._batch = self._batch, []
                self._writing = self.submit(self.sender.end, batch)
                await asyncio.shield(self._writing)
                return
            failure: BaseException | None = None
            try:
                await self._flush()
                await self._flush()
            except Exception as error:
                failure = error
            if self._writing is not None:
                await asyncio.wait([self._writing])
            # What was written before a failure is kept.
            await self._sync()
            if self._syncing is not None:
                await self._syncing
            if failure is not None:
                raise failure
        finally:
            for work in (self._writing, self._syncing):
                if work is not None:
                    await asyncio.wait([work])
            self.sender.close()


async def _to_the_end(work: Any) -> None:
    """Await something that must not be left half done, even if whoever asked is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.done():
                break
            cancelled = error
        except Exception:
            break
    task.result()
    if cancelled is not None:
        raise cancelled
