"""Where things are on disk, how they are made durable, and who is alive.

``state_dir`` holds ``runs/<job>/source`` (the snapshot), ``runs/<job>/attempts/<n>/`` (one per run), ``live/<key>`` (an
empty file per run that is not forgotten, so that watching costs nothing for the thousands that are) and ``tmp/``.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from collegium.backends.local import tree

_JOB = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){0,62}", re.ASCII)
_ATTEMPT = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


class Layout:
    """The paths below one state directory. Ids are checked before any of them becomes part of a path."""

    def __init__(self, state_dir: Path) -> None:
        self.root = state_dir
        self.runs = state_dir / "runs"
        self.live = state_dir / "live"
        self.tmp = state_dir / "tmp"
        self.groups = state_dir / "groups"
        self.bell = state_dir / "bell"

    def prepare(self, spare: float = 0.0) -> None:
        """Make the folders and clear what a crash left half-made; harmless beside another live instance.

        What is younger than ``spare`` seconds stays: instances on other machines do not see one another's locks.
        """
        for folder in (self.root, self.runs, self.live, self.tmp, self.groups):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self.tmp.iterdir():
            if left.is_file():
                # A lock; only of folders that are gone.
                if not (self.tmp / left.name[1:].removesuffix(".lock")).exists():
                    left.unlink(missing_ok=True)
                continue
            with contextlib.suppress(OSError), locked(left, wait=False):
                if not spare or left.stat().st_mtime < time.time() - spare:
                    tree.remove(left)

    def job(self, job_id: str) -> Path:
        """A job's folder. Raises ValueError for what is not a job id."""
        if not isinstance(job_id, str) or not _JOB.fullmatch(job_id):
            raise ValueError(f"not a job id: {job_id!r}")
        return self.runs / job_id

    def attempt(self, key: str) -> Path:
        """A run's folder. Raises ValueError for what is not ``<job id>.<attempt>``."""
        job_id, _, number = key.rpartition(".") if isinstance(key, str) else ("", "", "")
        if not _ATTEMPT.fullmatch(number):
            raise ValueError(f"not a run key: {key!r}")
        return self.job(job_id) / "attempts" / number

    def known(self, key: str) -> Path | None:
        """A run's folder if the key is well-formed and the folder is there."""
        try:
            path = self.attempt(key)
        except ValueError:
            return None
        return path if path.is_dir() else None

    @contextlib.contextmanager
    def building(self) -> Iterator[Path]:
        """A fresh folder in ``tmp`` to build something in, removed afterwards unless it was renamed away."""
        path = self.tmp / f"build-{secrets.token_hex(8)}"
        path.mkdir(mode=0o700)
        with locked(path):
            try:
                yield path
            finally:
                tree.remove(path)


def make_durable(path: Path, below: Path) -> None:
    """Make ``path`` and its parents up to ``below`` (which exists), so that they survive a power failure."""
    if path == below or path.is_dir():
        return
    make_durable(path.parent, below)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Put a folder's entries on disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_durable(path: Path, data: bytes) -> None:
    """Replace a file whole: after a crash it holds the old or the new content. Mode 0600."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_directory(path.parent)


def wish_end(attempt: Path, grace: float) -> None:
    """Leave the wish that a run ends: it never starts, or ends within ``grace`` seconds; again may shorten it.

    On a full disk the wish is an empty file, which needs no room and means at once: a run that filled the disk must not
    be the one that cannot be ended. Raises OSError.
    """
    with contextlib.suppress(FileNotFoundError, ValueError):
        grace = min(grace, float((attempt / "stop").read_text()))
    try:
        write_durable(attempt / "stop", repr(max(0.0, float(grace))).encode())
    except OSError as error:
        if error.errno not in tree.NO_ROOM:
            raise
        (attempt / "stop").touch(mode=0o600)


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 0600 whose loss in a crash does no harm."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "w") as file:
        file.write(text)


@contextlib.contextmanager
def locked(folder: Path, wait: bool = True) -> Iterator[None]:
    """Hold a folder against other threads and processes that use this function; OSError if busy and not waiting.

    NFS refuses to lock a folder (EBADF), and a file beside it is locked instead; that file stays.
    """
    how = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, how)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            beside = os.open(_beside(folder), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            os.dup2(beside, fd, inheritable=False)
            os.close(beside)
            fcntl.flock(fd, how)
        yield
    finally:
        os.close(fd)


def _beside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def supervised(attempt: Path) -> bool:
    """True while a supervisor lives in this attempt. Asks without locking, so it never stands in a start's way."""
    try:
        fd = os.open(attempt / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # struct flock of 64-bit Linux: type, whence, start, length, pid.
        question = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer: tuple[int, ...] = struct.unpack("hhqqi4x", fcntl.fcntl(fd, fcntl.F_GETLK, question))
        return answer[0] != fcntl.F_UNLCK
    finally:
        os.close(fd)


def boot_id() -> str:
    """Changes with every start of the machine."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()
