"""One look at the newest event number for all who follow: a hundred panels cost the database as much as one."""

from __future__ import annotations

import asyncio

from collegium.db import Database

#: Seconds between looks while anybody waits.
INTERVAL = 0.5


class Feed:
    """Wakes its waiters when any event was added; looks only while there are waiters."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest = 0
        self._waiters = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, seen: int, timeout: float) -> int:
        """The newest number of all groups once it is above ``seen``, or whatever it is after ``timeout`` seconds.

        Trouble with the database is waited out: the caller's own reading is where it shows.
        """
        self._waiters += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: self._newest > seen)
        except TimeoutError:
            pass
        finally:
            self._waiters -= 1
        return self._newest

    async def _look(self) -> None:
        while self._waiters:
            try:
                newest = await self._database.reading(lambda uow: uow.events.newest())
            except Exception:
                newest = self._newest
            if newest != self._newest:
                async with self._changed:
                    self._newest = newest
                    self._changed.notify_all()
            await asyncio.sleep(INTERVAL)
