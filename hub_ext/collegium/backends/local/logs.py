"""Reads the segments that ``logwriter`` writes, while it writes them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from collegium.backends.local.layout import Layout
from collegium.backends.local.status import read_exit, read_status
from collegium.backends.local.usage import attempt_usage
from collegium.backends.ports import LogChunk
from collegium.domain.usage import Usage


class LocalLogs:
    """LogSource over the attempts' ``log`` folders."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    async def read(self, key: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        """See LogSource."""
        return await asyncio.to_thread(self._read, key, offset, limit)

    async def size(self, key: str) -> int:
        """See LogSource."""
        return await asyncio.to_thread(self._size, key)

    async def usage(self, key: str) -> Usage:
        """See LogSource."""
        return await asyncio.to_thread(attempt_usage, self._layout, key)

    def _size(self, key: str) -> int:
        attempt = self._layout.known(key)
        return 0 if attempt is None else _total(attempt, _segments(attempt))

    def _read(self, key: str, offset: int, limit: int) -> LogChunk:
        attempt = self._layout.known(key)
        if attempt is None:
            return LogChunk(b"", 0, 0)
        # Asked before looking at the segments: what is written after the look makes the next chunk, not the last one.
        over = (attempt / "exit.json").exists() or read_status(key, attempt).phase.final
        while True:
            try:
                return _chunk(attempt, offset, limit, over)
            except FileNotFoundError:
                # The segment was dropped between listing and opening it. A writer can outrun us only so often: each
                # time round, the first segment that is left is newer.
                continue


def _chunk(attempt: Path, offset: int, limit: int, over: bool) -> LogChunk:
    segments = _segments(attempt)
    total = _total(attempt, segments)
    if offset > total and not over:
        return LogChunk(b"", offset, offset)
    wanted = max(0, total + offset) if offset < 0 else min(offset, total)
    begin = position = wanted
    data = bytearray()
    for start, length in segments:
        if start + length <= position:
            continue
        if start > position:
            if data:
                break  # a chunk is one piece without holes
            begin = position = start
        if len(data) >= limit:
            break
        piece = _piece(attempt, start, position - start, min(limit - len(data), start + length - position))
        data += piece
        position += len(piece)
    if over and not data and not any(start + length > position for start, length in segments):
        begin = position = total  # the very end was lost to a full disk
    return LogChunk(bytes(data), begin, position, begin - wanted, over and position >= total)


def _segments(attempt: Path) -> list[tuple[int, int]]:
    """Start and length of each segment that is kept, in order."""
    while True:
        try:
            with os.scandir(attempt / "log") as entries:
                starts = sorted((int(e.name) for e in entries if e.name.isdigit()), reverse=True)
        except FileNotFoundError:
            return []
        # Lengths are taken after all names: a segment with a follower has its final length. Newest first: the oldest
        # may be dropped meanwhile, and are then simply not there. If the newest is gone, the list is too old.
        found = []
        for start in starts:
            try:
                found.append((start, os.stat(attempt / "log" / f"{start:020d}").st_size))
            except FileNotFoundError:
                if not found:
                    break
        if found or not starts:
            return found[::-1]


def _piece(attempt: Path, start: int, skip: int, most: int) -> bytes:
    fd = os.open(attempt / "log" / f"{start:020d}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(fd, most, skip)
    finally:
        os.close(fd)


def _total(attempt: Path, segments: list[tuple[int, int]]) -> int:
    record = read_exit(attempt) or {}
    last = sum(segments[-1]) if segments else 0
    return max(last, int(record.get("log_size", 0)))
