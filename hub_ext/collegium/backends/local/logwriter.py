"""Writes a run's output in segments, so that neither a flood nor a full disk hurts the run or the machine.

A segment is a file named after the logical offset of its first byte, 20 digits. What is not kept (over the cap, or no
room on the disk) shows as a hole between one segment's end and the next one's name. Standard library only, and little
of it (no deque, no contextlib): the supervisor loads this before the user's program starts.
"""

# contextlib would cost each start of a run more time than the rest of this module.
# ruff: noqa: SIM105

from __future__ import annotations

import os
import time

SEGMENT = 1 << 20
HEAD = 16 << 20
TAIL = 48 << 20
#: After a failed write nothing is tried for this long (seconds): a full disk must not cost a busy loop.
PAUSE = 0.2


class LogWriter:
    """Keeps the first ``head`` bytes and the newest ``tail`` bytes of what is written, never raises."""

    def __init__(self, directory: str, segment: int = SEGMENT, head: int = HEAD, tail: int = TAIL) -> None:
        self._directory = directory
        self._segment, self._head, self._tail = segment, head, tail
        self._fd = -1
        self._length = 0
        self._start = 0
        self._newest: list[tuple[int, int]] = []
        self._newest_bytes = 0
        self._quiet_until = 0.0
        #: Bytes ever given to ``write``, kept or not.
        self.offset = 0

    def write(self, data: bytes) -> None:
        """Append ``data``; what finds no room is counted in ``offset`` and lost."""
        view = memoryview(data)
        if self._fd < 0 and time.monotonic() < self._quiet_until:
            # Not a failure of its own: it must not put the next try off again, or a chatty run would never resume.
            self.offset += len(view)
            return
        while view:
            try:
                if self._fd < 0:
                    self._open()
                written = os.write(self._fd, view[: self._segment - self._length])
            except OSError:
                # ENOSPC, EDQUOT, EIO, a folder that is gone: the run goes on, its output has a hole.
                self._quiet_until = time.monotonic() + PAUSE
                self.offset += len(view)
                self._end_segment()
                return
            view = view[written:]
            self.offset += written
            self._length += written
            if self._length >= self._segment:
                self._end_segment()

    def close(self) -> None:
        """Put the last segment on disk."""
        if self._fd >= 0:
            try:
                os.fsync(self._fd)
            except OSError:
                pass
        self._end_segment()

    def _path(self, start: int) -> str:
        return f"{self._directory}/{start:020d}"

    def _open(self) -> None:
        self._trim()
        self._fd = os.open(self._path(self.offset), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._start, self._length = self.offset, 0

    def _end_segment(self) -> None:
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        if not self._length:
            self._unlink(self._start)
        elif self._start >= self._head:
            self._newest.append((self._start, self._length))
            self._newest_bytes += self._length

    def _trim(self) -> None:
        # The count is bounded too: a disk that fills and empties by turns makes many short segments.
        most = 4 * (self._tail // self._segment + 1)
        while self._newest and (self._newest_bytes + self._segment > self._tail or len(self._newest) >= most):
            start, length = self._newest.pop(0)
            self._newest_bytes -= length
            self._unlink(start)

    def _unlink(self, start: int) -> None:
        try:
            os.unlink(self._path(start))
        except OSError:
            pass
