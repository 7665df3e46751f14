"""Walking, copying and removing folders that somebody else may change at the same moment.

Everything goes from one open directory to the next (``dir_fd``) and never through a symbolic link, so a link put in
place at any moment leads nowhere. Only regular files are ever opened for reading, and never in a way that can block.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Deeper folders than this are not walked: each level costs an open descriptor.
MAX_DEPTH = 64
PIECE = 1 << 20
#: Up to this many files are synced one by one; beyond, the whole file system once.
SYNC_EACH = 64
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
#: NONBLOCK: opening a pipe that nobody writes to must not wait.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: What a full disk, an exhausted quota and a file size limit look like.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class TooMuch(Exception):
    """A copy went over its budget; ``what`` is ``files``, ``bytes`` or ``depth``."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"more than {limit} {what}")
        self.what, self.limit = what, limit


@dataclass
class Budget:
    """Counts files and bytes against caps."""

    max_files: int = 2**63
    max_bytes: int = 2**63
    files: int = 0
    bytes: int = 0

    def take_file(self) -> None:
        """Count a file; raises TooMuch."""
        self.files += 1
        if self.files > self.max_files:
            raise TooMuch("files", self.max_files)

    def take_bytes(self, amount: int) -> None:
        """Count bytes; raises TooMuch."""
        self.bytes += amount
        if self.bytes > self.max_bytes:
            raise TooMuch("bytes", self.max_bytes)


def open_root(path: str | Path) -> int:
    """Open a folder that the operator chose; links on the way to it are theirs and are followed."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def open_folder(root: int, parts: Sequence[str]) -> int:
    """Open a folder below ``root``. Raises OSError if a part is missing or is not a folder (links are not)."""
    current = os.dup(root)
    for part in parts:
        if part in ("", ".", "..") or "/" in part:
            os.close(current)
            raise OSError(errno.EINVAL, "not a plain name", part)
        try:
            following = os.open(part, _DIRECTORY, dir_fd=current)
        finally:
            os.close(current)
        current = following
    return current


def open_file(root: int, parts: Sequence[str]) -> int:
    """Open a regular file below ``root`` for reading. Raises OSError; EINVAL for anything but a regular file."""
    folder = open_folder(root, parts[:-1])
    try:
        return _open_regular(folder, parts[-1])
    finally:
        os.close(folder)


def _open_regular(folder: int, name: str) -> int:
    if name in ("", ".", "..") or "/" in name:
        raise OSError(errno.EINVAL, "not a plain name", name)
    # Looked at first: opening a device may do things. Looked at again: it may be another file by then.
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
    fd = os.open(name, _FILE, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", name)
    return fd


def copy_tree(source: int, target: int, budget: Budget, skip: frozenset[str] = frozenset(), link: bool = False) -> None:
    """Copy all regular files below one open folder into another that is empty; what is no file or folder is left out.

    ``link`` shares the files instead where the file system can. Raises TooMuch, or OSError (ENOSPC and so on).
    """
    _copy_folder(source, target, budget, skip, link, 0)


def _copy_folder(source: int, target: int, budget: Budget, skip: frozenset[str], link: bool, depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise TooMuch("depth", MAX_DEPTH)
    with os.scandir(source) as entries:
        found = [(e.name, e.is_dir(follow_symlinks=False), e.is_file(follow_symlinks=False)) for e in entries]
    for name, is_folder, is_file in found:
        if name in skip:
            continue
        # Gone or become something else since it was listed: it is simply not part of the copy.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            if is_folder:
                below = open_folder(source, [name])
                try:
                    with made_folder(target, name) as new:
                        _copy_folder(below, new, budget, skip, link, depth + 1)
                finally:
                    os.close(below)
            elif is_file:
                _copy_entry(source, target, name, budget, link)


def _copy_entry(source: int, target: int, name: str, budget: Budget, link: bool) -> None:
    if link:
        with contextlib.suppress(OSError):
            os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            budget.take_file()
            budget.take_bytes(os.stat(name, dir_fd=target, follow_symlinks=False).st_size)
            return
    try:
        fd = _open_regular(source, name)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO):
            return
        raise
    try:
        copy_file(fd, target, name, budget)
    finally:
        os.close(fd)


def copy_file(source: int, folder: int, name: str, budget: Budget) -> None:
    """Copy an open file to a new name in an open folder: content, time and the owner's permission to execute."""
    budget.take_file()
    facts = os.fstat(source)
    # Told before copying, so that one enormous file is refused at once; counted again as it is read, for it may grow.
    if budget.bytes + facts.st_size > budget.max_bytes:
        raise TooMuch("bytes", budget.max_bytes)
    mode = 0o700 if facts.st_mode & stat.S_IXUSR else 0o600
    target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        while data := os.read(source, PIECE):
            budget.take_bytes(len(data))
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]
        os.utime(target, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    finally:
        os.close(target)


@contextlib.contextmanager
def made_folder(parent: int, name: str) -> Iterator[int]:
    """Make a folder (or take the one that is there) and open it."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
    fd = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)


def walk_files(root: int, most: int) -> Iterator[tuple[str, os.stat_result]]:
    """Regular files below an open folder, sorted, as relative path and facts; at most ``most``, MAX_DEPTH levels deep.

    Names that are not UTF-8 are left out: they cannot be told to anyone.
    """
    left = [most]

    def walk(folder: int, prefix: str, depth: int) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(folder) as entries:
            # Sorted as full paths are: a folder's name counts with its slash.
            names = sorted((e.name + "/" if e.is_dir(follow_symlinks=False) else e.name) for e in entries)
        for name in names:
            if left[0] <= 0:
                return
            try:
                name.encode()
                if name.endswith("/"):
                    if depth + 1 < MAX_DEPTH:
                        below = open_folder(folder, [name[:-1]])
                        try:
                            yield from walk(below, prefix + name, depth + 1)
                        finally:
                            os.close(below)
                else:
                    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISREG(facts.st_mode):
                        left[0] -= 1
                        yield prefix + name, facts
            except (OSError, UnicodeEncodeError):
                continue

    yield from walk(root, "", 0)


def sync(root: Path, files: int) -> None:
    """Put a freshly built tree on disk before it gets its name."""
    fd = open_root(root)
    try:
        if files <= SYNC_EACH:
            _sync_below(fd)
        elif ctypes.CDLL(None, use_errno=True).syncfs(fd):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(fd)


def _sync_below(folder: int) -> None:
    with os.scandir(folder) as entries:
        names = [(e.name, e.is_dir(follow_symlinks=False)) for e in entries]
    for name, is_folder in names:
        fd = os.open(name, _DIRECTORY if is_folder else _FILE, dir_fd=folder)
        try:
            if is_folder:
                _sync_below(fd)
            else:
                os.fsync(fd)
        finally:
            os.close(fd)
    os.fsync(folder)


def remove(path: Path) -> None:
    """Remove a folder and all below it, however deep and whatever its permissions; fine if it is not there.

    Nothing recurses: folders are first moved up to the root of what is removed, which is where they are emptied.
    """
    try:
        os.chmod(path, 0o700)
        root = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(path)
        return
    try:
        pending = _empty(root, root)
        while pending:
            name = pending.pop()
            with contextlib.suppress(OSError):
                os.chmod(name, 0o700, dir_fd=root)
            folder = os.open(name, _DIRECTORY, dir_fd=root)
            try:
                pending += _empty(folder, root)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=root)
    finally:
        os.close(root)
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path)


def _empty(folder: int, root: int) -> list[str]:
    """Unlink the files of a folder and move its folders to ``root`` under fresh names; those names."""
    with os.scandir(folder) as entries:
        found = [(e.name, e.is_dir(follow_symlinks=False)) for e in entries]
    names = []
    for name, is_folder in found:
        if is_folder:
            fresh = f".removing-{secrets.token_hex(12)}"
            # Moving a folder rewrites its "..", which takes permission to write in it.
            with contextlib.suppress(OSError):
                os.chmod(name, 0o700, dir_fd=folder)
            os.rename(name, fresh, src_dir_fd=folder, dst_dir_fd=root)
            names.append(fresh)
        else:
            os.unlink(name, dir_fd=folder)
    return names
