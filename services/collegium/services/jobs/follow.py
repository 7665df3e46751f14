"""Logs as text and as a stream that can be resumed at any byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from collegium.backends.ports import LogChunk, LogSource
from collegium.db import Database
from collegium.domain.jobs import Job
from collegium.services.event import ServerEvent
from collegium.services.jobs.find import get_job
from collegium.services.jobs.text import dangling, held_back

#: Bytes read at once: the bound on the memory of one stream.
PIECE = 65536
#: Seconds between looks at a log: while it grows, and at rest.
FAST, SLOW = 0.25, 1.0


@dataclass(frozen=True)
class Slice:
    """Which bytes of an attempt's log an answer holds: ``[start, end)``; ``complete`` if nothing follows."""

    key: str
    start: int
    end: int
    complete: bool


class LogService:
    """Reads the logs of one group's jobs. Memory per reader is bounded by PIECE."""

    def __init__(self, database: Database, logs: LogSource) -> None:
        self._database, self._logs = database, logs

    async def slice(self, group: str, job_id: str, attempt: int | None, offset: int, limit: int | None) -> Slice:
        """What there is to read now, cut between characters. Raises NotFound."""
        job = await self._job(group, job_id)
        number = job.attempt if attempt is None else attempt
        key = f"{job.id}.{number}"
        over = job.state.final or number < job.attempt
        if not 1 <= number <= job.attempt:
            return Slice(key, 0, 0, job.state.final)
        size = await self._logs.size(key)
        start = min(offset, size) if offset >= 0 else max(0, size + offset)
        if offset < 0:
            start += dangling((await self._logs.read(key, start, 4)).data) if start else 0
        end = size if limit is None else min(size, start + limit)
        if end > start and not (over and end == size):
            last = await self._logs.read(key, max(start, end - 4), min(4, end - start))
            end -= held_back(last.data) if end - held_back(last.data) > start else 0
        return Slice(key, start, end, over and end == size)

    async def read(self, part: Slice) -> AsyncIterator[bytes]:
        """The bytes of a slice; a line marks what is no longer kept."""
        at = part.start
        while at < part.end:
            chunk = await self._logs.read(part.key, at, min(PIECE, part.end - at))
            if chunk.offset > at:
                yield f"[{min(chunk.offset, part.end) - at} bytes of this log are no longer kept]\n".encode()
            if not chunk.data:
                return
            yield chunk.data[: max(0, part.end - chunk.offset)]
            at = chunk.next_offset

    async def follow(
        self, group: str, job_id: str, attempt: int | None, offset: int
    ) -> AsyncIterator[ServerEvent | None]:
        """Events of the log from one place to the job's end; None is a breath. Raises NotFound at the first step.

        Every event's id is ``<attempt>:<offset>`` of what follows it, always between two characters, so a client that
        comes back with the last id misses nothing and gets nothing twice.
        """
        job = await self._job(group, job_id)
        number, at, pause = job.attempt if attempt is None else attempt, offset, FAST
        while True:
            key = f"{job.id}.{number}"
            over = job.state.final or number < job.attempt
            chunk = await self._logs.read(key, at, PIECE) if number else LogChunk(b"", 0, 0)
            event, at = _event(number, at, chunk, over)
            if event is not None:
                pause = FAST
                yield event
            elif not over:
                yield None
                await asyncio.sleep(pause)
                pause = min(SLOW, pause * 1.5)
                job = await self._job(group, job_id)
            elif number < job.attempt:
                number, at = number + 1, 0
                yield ServerEvent("attempt", {"attempt": number}, f"{number}:0")
            else:
                yield _end(job, number, at)
                return

    async def _job(self, group: str, job_id: str) -> Job:
        return await self._database.reading(lambda uow: get_job(uow, group, job_id))


def _event(number: int, at: int, chunk: LogChunk, over: bool) -> tuple[ServerEvent | None, int]:
    """The event for a chunk and the place after it; no event if there is nothing to say yet."""
    data, start, gap = chunk.data, chunk.offset, chunk.gap
    if at < 0 and start:
        cut = dangling(data)
        data, start = data[cut:], start + cut
    if at >= 0 and start > at:
        gap = max(gap, start - at)
    if not data:
        # Nothing, unless all up to here was lost.
        lost = ServerEvent("log", {"text": "", "offset": start, "gap": gap}, f"{number}:{start}")
        return (lost, start) if 0 <= at < start else (None, at)
    keep = 0 if over and chunk.complete else held_back(data)
    if keep == len(data):
        if not over:
            return None, start
        keep = 0
    text = data[: len(data) - keep].decode("utf-8", "replace")
    after = start + len(data) - keep
    return ServerEvent("log", {"text": text, "offset": start, "gap": gap}, f"{number}:{after}"), after


def _end(job: Job, number: int, at: int) -> ServerEvent:
    data = {"state": job.state.value, "reason": job.reason.value, "message": job.message, "exit_code": job.exit_code}
    return ServerEvent("end", data, f"{number}:{max(0, at)}")
