"""Reads what jobs write into their ``metrics.jsonl``, while they run and once more when they are over.

What was read and how far is stored together, so that a figure is neither lost nor counted twice, whatever is killed.
What is remembered here is only when to look again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from collegium.backends.ports import VolumeProvider
from collegium.db import Database, UnitOfWork
from collegium.db.metrics import Found, Unread
from collegium.domain.errors import DomainError, NotFound
from collegium.domain.metrics import MAX_FILE, MAX_LINE, METRICS_FILE, read_lines
from collegium.services.controller.lease import Lease
from collegium.services.metrics import Metrics

#: Bytes of one file in one round, and of all; files that are looked at in one round, and at the same time.
PIECE, ROUND = 512 << 10, 2 << 20
LOOKS, AT_ONCE = 200, 8
#: Seconds until the file of a running job is looked at again: after it grew, and at most.
SOON, LATE = 2.0, 15.0
_log = logging.getLogger("collegium.controller")


class FigureRounds:
    """One round per call, bounded in bytes and in files; whoever waited longest comes first."""

    def __init__(self, database: Database, volumes: VolumeProvider, lease: Lease, metrics: Metrics) -> None:
        self._database, self._volumes, self._lease, self._metrics = database, volumes, lease, metrics
        #: When each file is due, and how long it waits by now. The end of an attempt makes it due at once.
        self._due: dict[tuple[str, bool], tuple[float, float]] = {}

    async def round(self) -> None:
        """Look at the files that are due, and keep what was new in one transaction."""
        moment = asyncio.get_running_loop().time()
        files = await self._database.reading(lambda uow: uow.metrics.unread())
        places = {_place(f) for f in files}
        self._due = {place: due for place, due in self._due.items() if place in places}
        waiting = sorted((self._due.get(_place(f), (0.0, 0.0))[0], i) for i, f in enumerate(files))
        due = [files[i] for when, i in waiting if when <= moment][:LOOKS]
        changes: list[tuple[Unread, Found]] = []
        left = ROUND
        for start in range(0, len(due), AT_ONCE):
            if left <= 0:
                break
            part = due[start : start + AT_ONCE]
            found = await asyncio.gather(*(self._look(f, max(MAX_LINE, min(PIECE, left // len(part)))) for f in part))
            for file, new in zip(part, found, strict=True):
                self._plan(file, new, moment)
                if new is not None and (new.complete or new.offset > file.offset):
                    left -= new.offset - file.offset
                    changes.append((file, new))
        if changes:
            await self._lease.write(lambda uow: _take(uow, changes))

    def _plan(self, file: Unread, new: Found | None, moment: float) -> None:
        _, waited = self._due.get(_place(file), (0.0, 0.0))
        pause = min(LATE, max(SOON, 2 * waited))
        if new is not None and file.over:
            pause = 0.0
        elif new is not None and new.offset > file.offset:
            pause = SOON
        self._due[_place(file)] = (moment + pause, pause)

    async def _look(self, file: Unread, most: int) -> Found | None:
        """What is new in a file; None if it cannot be read now."""
        try:
            return await self._read(file, most)
        except Exception as error:
            self._metrics.failure("figures")
            trace = not isinstance(error, DomainError)
            _log.warning("the figures of %s are read later: %s", file.run_key, error, exc_info=trace)
            return None

    async def _read(self, file: Unread, most: int) -> Found:
        most = max(0, min(most, MAX_FILE - file.offset))
        data = bytearray()
        try:
            end = file.offset + most
            async for piece in self._volumes.open_artifact(file.run_key, METRICS_FILE, file.offset, end):
                data += piece
        except NotFound:
            return Found((), file.offset, complete=file.over)
        ended = file.over and len(data) < most
        # Whoever writes without end is not listened to for ever.
        enough = len(data) == most and file.offset + most >= MAX_FILE
        if ended and data and not data.endswith(b"\n"):
            # The last line of a file need not be ended.
            data += b"\n"
        figures, read, bad = await asyncio.to_thread(read_lines, bytes(data))
        return Found(tuple(figures), MAX_FILE if enough else file.offset + read, bad, ended or enough)


def _place(file: Unread) -> tuple[str, bool]:
    return file.run_key, file.over


def _take(uow: UnitOfWork, changes: Sequence[tuple[Unread, Found]]) -> None:
    for file, found in changes:
        uow.metrics.take(file, found)
