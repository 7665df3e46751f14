"""Logs of runs: one file each on the files volume, which the run itself appends to, kept below a cap.

Of a log over the cap, the first ``head`` and the newest ``tail`` bytes can be read. What lies between is taken out of
the file while the run goes on where the file system can (a hole), and at the latest when the run is over (a copy
without it). Offsets never change. The program may do to its log what it likes: whatever is not a regular file counts as
empty, and nothing is ever opened through a link.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from collegium.backends.kubernetes.masks import Masks, masked, masked_pieces
from collegium.backends.local import tree
from collegium.backends.local.layout import Layout, sync_directory, write_durable
from collegium.backends.local.usage import attempt_usage
from collegium.backends.ports import LogChunk
from collegium.domain.errors import Misconfigured
from collegium.domain.masking import Shapes
from collegium.domain.usage import Usage

HEAD = 16 << 20
TAIL = 48 << 20
#: Holes are punched in steps, so that a chatty run costs a call per step.
_STEP = 1 << 20
_BLOCK = 4096
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_LOG, _DROPPED = "output", "dropped.json"
#: What a file system without holes answers.
_NO_HOLES = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM})
_NOTHING = Shapes()
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class LogCaps:
    """What is kept of a log at most, in bytes: the beginning and the newest."""

    head: int = HEAD
    tail: int = TAIL

    def dropped(self, size: int) -> tuple[int, int]:
        """First byte that is not kept of a log of this size, and the first after it that is."""
        return (self.head, size - self.tail) if size > self.head + self.tail else (0, 0)


class FileLogs:
    """LogSource over the attempts' ``log`` folders."""

    def __init__(self, layout: Layout, caps: LogCaps, masks: Masks) -> None:
        self._layout, self._caps, self._masks = layout, caps, masks

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
        if attempt is None:
            return 0
        final = _final_size(attempt)
        if final is not None:
            return final
        looked_for = self._masks.of(attempt)
        fd = _open(attempt, os.O_RDONLY)
        try:
            size = 0 if fd is None else os.fstat(fd).st_size
            return size if fd is None else size - self._open_end(attempt, fd, size, looked_for)
        finally:
            if fd is not None:
                os.close(fd)

    def _read(self, key: str, offset: int, limit: int) -> LogChunk:
        attempt = self._layout.known(key)
        if attempt is None:
            return LogChunk(b"", 0, 0)
        # Asked first: what is written after this look makes the next chunk, not the last one.
        final = _final_size(attempt)
        # Before the log is opened: with nothing to look for any more, the one that is there then is a masked one.
        looked_for = self._masks.of(attempt)
        fd = _open(attempt, os.O_RDONLY)
        try:
            chunk = self._chunk(attempt, fd, offset, limit, final)
            return self._masked(attempt, fd, chunk, final, looked_for) if looked_for and fd is not None else chunk
        finally:
            if fd is not None:
                os.close(fd)

    def _chunk(self, attempt: Path, fd: int | None, offset: int, limit: int, final: int | None) -> LogChunk:
        size = 0 if fd is None else os.fstat(fd).st_size
        total, over = (size, False) if final is None else (final, True)
        if offset > total and not over:
            return LogChunk(b"", offset, offset)
        wanted = max(0, total + offset) if offset < 0 else min(offset, total)
        while True:
            first, behind = self._hole(attempt, total)
            begin = behind if first <= wanted < behind else wanted
            end = min(total, begin + max(0, limit))
            if begin < first:
                end = min(end, first)  # a chunk is one piece without holes
            data = b"" if fd is None else os.pread(fd, end - begin, begin)
            # Somebody may have punched a hole under our hands; they did so for a size that is not above this one.
            size = 0 if fd is None else os.fstat(fd).st_size
            hole = self._hole(attempt, max(total, size) if not over else total)
            if not _overlap((begin, begin + len(data)), hole):
                break
            total = max(total, size) if not over else total
        if over and not data and end > begin:
            begin = end = total  # it was cut short by the run itself
        following = begin + len(data)
        return LogChunk(data, begin, following, begin - wanted, over and following >= total)

    def _masked(self, attempt: Path, fd: int, chunk: LogChunk, final: int | None, looked_for: Shapes) -> LogChunk:
        """The chunk without what must not be read; of a log that goes on, without an end that may become such."""
        size = os.fstat(fd).st_size if final is None else final
        begin, end = chunk.offset, chunk.next_offset
        if final is None:
            end = max(begin, min(end, size - self._open_end(attempt, fd, size, looked_for)))
        gone, kept = self._hole(attempt, size)
        low, high = (kept, size) if begin >= kept else (0, gone)
        reach = looked_for.reach
        start, stop = max(low, begin - reach), min(high, end + reach)
        data = masked(
            chunk.data[: end - begin],
            os.pread(fd, begin - start, start),
            os.pread(fd, max(0, stop - end), end),
            looked_for,
            cut_before=start == low > 0,
            cut_behind=stop == high and (high < size or final is not None),
        )
        return replace(chunk, data=data, next_offset=end)

    def _open_end(self, attempt: Path, fd: int, size: int, looked_for: Shapes) -> int:
        """How many bytes at the end of a log that goes on may be the beginning of what must not be read."""
        if not looked_for:
            return 0
        start = max(self._hole(attempt, size)[1], size - looked_for.reach)
        text = os.pread(fd, size - start, start)
        return len(text) - looked_for.undecided(text)

    def _hole(self, attempt: Path, size: int) -> tuple[int, int]:
        """What is gone or counts as gone: the caps may have been other ones when it was taken out."""
        first, behind = self._caps.dropped(size)
        was_first, was_behind = _dropped(attempt)
        if not was_behind:
            return first, behind
        if not behind:
            return was_first, was_behind
        return min(first, was_first), max(behind, was_behind)


def make_log(attempt: Path) -> Path:
    """Make an empty log for a run that is about to start; the file."""
    path = attempt / "log" / _LOG
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    return path


def log_size(attempt: Path) -> int:
    """Bytes in the log now."""
    fd = _open(attempt, os.O_RDONLY)
    if fd is None:
        return 0
    try:
        return os.fstat(fd).st_size
    finally:
        os.close(fd)


def trim_log(attempt: Path, caps: LogCaps) -> None:
    """Give back the room of what is over the cap while the run goes on. Raises OSError for a failing disk only."""
    fd = _open(attempt, os.O_RDWR)
    if fd is None:
        return
    try:
        first, behind = caps.dropped(os.fstat(fd).st_size)
        _, was_behind = _dropped(attempt)
        if behind - max(first, was_behind) < _STEP:
            return
        _drop(attempt, first, behind)
        _punch(fd, first, behind)
    finally:
        os.close(fd)


def settle_log(attempt: Path, caps: LogCaps, masks: Masks) -> int:
    """Bring the log of a run that is over below the cap, and mask it for good; the bytes ever written. What still
    writes to it writes to a file that has no name any more."""
    fd = _open(attempt, os.O_RDWR)
    if fd is None:
        return 0
    try:
        os.fsync(fd)
        size = os.fstat(fd).st_size
        first, behind = caps.dropped(size)
        # A full disk must not keep a run from being over: its log may stay as large as it is.
        # Nor must a key that does not fit: what cannot be masked now is masked, or refused, whenever it is read.
        with contextlib.suppress(OSError, Misconfigured):
            looked_for = masks.of(attempt)
            if behind > first:
                _drop(attempt, first, behind)
            if looked_for:
                # A copy, not in place: half of a value that is masked would keep the other from being found again.
                _copy_without(attempt, fd, size, first, behind, looked_for)
                masks.drop(attempt)
            elif behind > first and not _punch(fd, first, behind):
                _copy_without(attempt, fd, size, first, behind)
        return size
    finally:
        os.close(fd)


def _open(attempt: Path, flags: int) -> int | None:
    """The log, if there is one and it is a regular file."""
    try:
        folder = tree.open_root(attempt)
        try:
            below = tree.open_folder(folder, ["log"])
        finally:
            os.close(folder)
    except OSError:
        return None
    try:
        fd = tree.open_file(below, [_LOG])
        if flags == os.O_RDONLY:
            return fd
        try:
            # The very file that was just found to be a regular one, whatever its name is by now.
            return os.open(f"/proc/self/fd/{fd}", flags | os.O_CLOEXEC)
        finally:
            os.close(fd)
    except OSError:
        return None
    finally:
        os.close(below)


def _final_size(attempt: Path) -> int | None:
    """Bytes ever written, once the run is over; None before."""
    try:
        record = json.loads((attempt / "exit.json").read_bytes())
        return int(record["log_size"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return log_size(attempt)


def _dropped(attempt: Path) -> tuple[int, int]:
    try:
        first, behind = json.loads((attempt / "log" / _DROPPED).read_bytes())
        return int(first), int(behind)
    except (OSError, ValueError, TypeError):
        return 0, 0


def _drop(attempt: Path, first: int, behind: int) -> None:
    """Write down what is about to be taken out; before it is, so that nobody ever reads zeros for text."""
    was_first, was_behind = _dropped(attempt)
    if was_behind:
        first, behind = min(first, was_first), max(behind, was_behind)
    write_durable(attempt / "log" / _DROPPED, json.dumps([first, behind]).encode())


def _punch(fd: int, first: int, behind: int) -> bool:
    """Make a hole of the whole blocks in between; False if the file system has none."""
    begin, end = -(-first // _BLOCK) * _BLOCK, behind // _BLOCK * _BLOCK
    if end <= begin:
        return True
    if _libc.fallocate(fd, _KEEP_SIZE | _PUNCH_HOLE, ctypes.c_long(begin), ctypes.c_long(end - begin)) == 0:
        return True
    code = ctypes.get_errno()
    if code in _NO_HOLES:
        return False
    raise OSError(code, os.strerror(code))


def _copy_without(attempt: Path, fd: int, size: int, first: int, behind: int, looked_for: Shapes = _NOTHING) -> None:
    """Replace the log by a masked copy that is only written where it is kept: sparse wherever files can be."""
    folder = attempt / "log"
    fresh = folder / f".{_LOG}.new"
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    target = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(target, size)
        for begin, end in ((0, first), (behind, size)):
            for position, piece in masked_pieces(fd, begin, end, looked_for, cut_before=begin > 0):
                while piece:
                    written = os.pwrite(target, piece, position)
                    position, piece = position + written, piece[written:]  # noqa: PLW2901 - the rest of it
        os.fsync(target)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    finally:
        os.close(target)
    os.rename(fresh, folder / _LOG)
    sync_directory(folder)


def _overlap(piece: tuple[int, int], hole: tuple[int, int]) -> bool:
    return max(piece[0], hole[0]) < min(piece[1], hole[1])
