"""System calls that Python does not offer: what contains a path, renames without replacing, and copies without reading.

Each has another way where the kernel, the file system or a sandbox's filter does not have it; both ways are tested.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import functools
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from collegium.backends.local import tree

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: NONBLOCK: opening a pipe that nobody writes to must not wait.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
PIECE = 1 << 20
#: How much a copy asks the kernel for at once: progress is told, and giving up noticed, in these steps.
STRIDE = 16 << 20
_OPENAT2 = 437  # The same on every architecture but Alpha.
#: BENEATH, NO_SYMLINKS, NO_MAGICLINKS.
_RESOLVE = 0x08 | 0x04 | 0x02
_NOREPLACE = 1
_FICLONE = 0x40049409
_SYNC_WRITE = 2
#: The kernel's PATH_MAX, with the byte that ends it.
_PATH_MAX = 4096
#: "I do not have this call", and what filters of system calls answer instead.
_LACKING = frozenset({errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV})
_libc = ctypes.CDLL(None, use_errno=True)


class _How(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def _openat2(folder: int, path: str, flags: int) -> int:
    how = _How(flags, 0, _RESOLVE)
    for _ in range(128):
        fd: int = _libc.syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(folder),
            ctypes.c_char_p(os.fsencode(path)),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if fd >= 0:
            return fd
        # AGAIN: something was renamed at that moment, so the kernel could not be sure.
        if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
    code = ctypes.get_errno()
    raise OSError(code, os.strerror(code), path)


@functools.cache
def has_openat2() -> bool:
    """Does this kernel, and the filter around this process, allow it?"""
    root = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(_openat2(root, ".", FOLDER))
    except OSError:
        return False
    finally:
        os.close(root)
    return True


def open_beneath(folder: int, parts: Sequence[str], flags: int) -> int:
    """Open what is below an open folder, never through a link and never outside. Raises OSError."""
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\0" in part:
            raise OSError(errno.EINVAL, "not a plain name", part)
    path = "/".join(parts) or "."
    if has_openat2() and len(os.fsencode(path)) < _PATH_MAX:
        return _openat2(folder, path, flags)
    if not parts:
        return os.open(".", flags, dir_fd=folder)
    above = tree.open_folder(folder, parts[:-1])
    try:
        return os.open(parts[-1], flags | os.O_NOFOLLOW, dir_fd=above)
    finally:
        os.close(above)


def open_regular(folder: int, name: str) -> int:
    """Open a regular file in an open folder for reading. Raises OSError; EINVAL for anything else."""
    return tree.open_file(folder, [name])


def rename_new(source: int, name: str, target: int, new_name: str) -> None:
    """Rename unless something is there already. Raises OSError, EEXIST among others."""
    if _renameat2(source, name, target, new_name):
        return
    facts = os.stat(name, dir_fd=source, follow_symlinks=False)
    if stat.S_ISDIR(facts.st_mode):
        # Making it is what fails if something is there; only an empty folder can be replaced by a folder.
        os.mkdir(new_name, 0o700, dir_fd=target)
        os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=target)
    else:
        os.link(name, new_name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        os.unlink(name, dir_fd=source)


def _renameat2(source: int, name: str, target: int, new_name: str) -> bool:
    """False if this system cannot."""
    call = getattr(_libc, "renameat2", None)
    if call is None:
        return False
    if call(source, os.fsencode(name), target, os.fsencode(new_name), _NOREPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL) and not _inside(source, name, target):
        return False
    raise OSError(code, os.strerror(code), new_name)


def _inside(source: int, name: str, target: int) -> bool:
    """Is the target folder the source, or somewhere below it? That is the other reason for EINVAL."""
    with contextlib.suppress(OSError):
        facts = os.stat(name, dir_fd=source, follow_symlinks=False)
        at, last = os.dup(target), None
        try:
            while (here := os.fstat(at)) and (here.st_dev, here.st_ino) != last:
                if (here.st_dev, here.st_ino) == (facts.st_dev, facts.st_ino):
                    return True
                last, above = (here.st_dev, here.st_ino), os.open("..", FOLDER, dir_fd=at)
                os.close(at)
                at = above
        finally:
            os.close(at)
    return False


def copy_content(source: int, target: int, progress: Callable[[int], None]) -> None:
    """Copy an open file into an empty one: shared by the file system, else within the kernel, else read and written."""
    size = os.fstat(source).st_size
    if clone(source, target):
        progress(size)
        return
    done = 0
    copy = _copy_range
    while True:
        try:
            copied = copy(source, target, done)
        except OSError as error:
            if copy is _read_write or error.errno not in _LACKING:
                raise
            copy = _read_write
            continue
        # Some file systems answer 0 for files whose size they only know once these are read.
        if not copied and copy is not _read_write:
            copy = _read_write
            continue
        if not copied:
            return
        done += copied
        progress(copied)


def _copy_range(source: int, target: int, offset: int) -> int:
    return os.copy_file_range(source, target, STRIDE, offset, offset)


def _read_write(source: int, target: int, offset: int) -> int:
    data = os.pread(source, PIECE, offset)
    write_all(target, [data], offset)
    return len(data)


def clone(source: int, target: int) -> bool:
    """Let an empty file share the content of another, where the file system can."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError as error:
        if error.errno in tree.NO_ROOM:
            raise
        return False
    return True


def write_all(fd: int, pieces: Sequence[bytes], offset: int) -> int:
    """Write pieces one behind the other; the offset behind them. Raises OSError, having written a beginning."""
    views = [memoryview(piece) for piece in pieces if piece]
    first = 0
    while first < len(views):
        written = os.pwritev(fd, views[first : first + 512], offset)
        offset += written
        while first < len(views) and written >= len(views[first]):
            written -= len(views[first])
            first += 1
        if written:
            views[first] = views[first][written:]
    return offset


def start_writing(fd: int, offset: int, size: int) -> None:
    """Have the kernel begin to write this range to the disk, so that the sync that follows has less to wait for."""
    call = getattr(_libc, "sync_file_range", None)
    if call is not None:
        call(ctypes.c_int(fd), ctypes.c_int64(offset), ctypes.c_int64(size), ctypes.c_uint(_SYNC_WRITE))


def sync_path(folder: Path) -> None:
    """Put the names in a private folder on disk."""
    fd = tree.open_root(folder)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Remove a private folder that nobody else changes, except others who remove it as well."""
    with contextlib.suppress(FileNotFoundError):
        tree.remove(path)
