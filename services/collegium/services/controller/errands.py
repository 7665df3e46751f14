"""Work that goes on beside the controller's rounds, a few pieces at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from collegium.domain.errors import Conflict, DomainError
from collegium.services.controller.lease import LeaseLost
from collegium.services.metrics import Metrics

#: What is waited for after a failure.
Item = TypeVar("Item", str, int)
_log = logging.getLogger("collegium.controller")


class Errands(Generic[Item]):
    """One task per key. A failure is only that of its item, which then waits ``first`` seconds, twice as long each time
    after, and ``last`` at most. What it remembers costs patience, not truth."""

    def __init__(self, kind: str, at_once: int, first: float, last: float, metrics: Metrics) -> None:
        self._kind, self._first, self._last, self._metrics = kind, first, last, metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(at_once)
        self._backoff: dict[Item, tuple[float, int]] = {}

    def begin(self, key: str, work: Coroutine[Any, Any, None]) -> None:
        """Start a task; there must be none of this key."""
        task = asyncio.create_task(work)
        self._tasks[key] = task
        task.add_done_callback(partial(self._ended, key))

    def under_way(self, key: str) -> bool:
        """Is there a task of this key?"""
        return key in self._tasks

    async def settle(self) -> None:
        """Wait for what was begun."""
        while self._tasks:
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            await asyncio.sleep(0)

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        for task in self._tasks.values():
            task.cancel()

    async def attempt(self, item: Item, about: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it when there is a place; False if another process controls. ``about`` names it in the log."""
        async with self._places:
            try:
                await work()
            except Conflict:
                # Somebody was faster; the next round sees what they made of it.
                pass
            except LeaseLost:
                # The controller's next round finds it out too, and begins anew.
                return False
            except Exception as error:
                self.wait(item)
                self._metrics.failure(self._kind)
                trace = not isinstance(error, DomainError)
                _log.warning("%s is tried again: %s", about, error, exc_info=trace)
        return True

    def ready(self, item: Item) -> bool:
        """Need it not wait?"""
        return asyncio.get_running_loop().time() >= self._backoff.get(item, (0.0, 0))[0]

    def failures(self, item: Item) -> int:
        """How often in a row it failed."""
        return self._backoff.get(item, (0.0, 0))[1]

    def wait(self, item: Item) -> None:
        """It failed, or was refused for now."""
        failures = self.failures(item)
        pause = min(self._last, self._first * 2.0 ** min(failures, 10))
        self._backoff[item] = (asyncio.get_running_loop().time() + pause, failures + 1)

    def succeeded(self, item: Item) -> None:
        """It need not wait any more."""
        self._backoff.pop(item, None)

    def keep(self, items: Iterable[Item]) -> None:
        """Forget all others."""
        kept = set(items)
        self._backoff = {item: waits for item, waits in self._backoff.items() if item in kept}

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(key, None)
        if not task.cancelled():
            # Whatever there was to say of it was said; this only marks it as looked at.
            task.exception()
