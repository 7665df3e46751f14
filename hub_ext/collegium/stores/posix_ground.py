"""The ground that a POSIX store stands on: where trees are, how they are entered, and how files come into sight.

``<base>/<owner>/files`` and ``<base>/<owner>/datasets/<name>/{head,versions/<n>}`` are what people and their programs
see and change; ``uploads``, ``trash`` and ``objects`` beside them are the store's own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import stat
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from collegium.backends.local import tree
from collegium.domain.errors import Conflict, DomainError, InvalidInput, NotFound, StorageFull, Unavailable
from collegium.domain.files import Entry, EntryKind, Root, check_path, name_of, parent_of
from collegium.stores import posix_kernel as kernel

#: Kept free on the file system: this share, but no more than this many bytes.
FLOOR_SHARE, FLOOR_BYTES = 0.05, 1 << 30
#: Work that was begun longer ago than this and that nobody holds is a crash's remains.
SECONDS_OF_GRACE = 60
_LOCKS = 64
_HOLD = ".hold"
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.EXDEV, errno.ENXIO})
_IN_THE_WAY = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.EISDIR})


def parts_of(path: str) -> list[str]:
    """A path as names, checked here once more. Raises InvalidInput."""
    clean = check_path(path)
    return clean.split("/") if clean else []


def check_key(key: str, field: str) -> str:
    """A name that the store's callers made, for a folder of its own."""
    if not key or len(key) > 128 or not key.isascii() or not key.replace("-", "").replace("_", "").isalnum():
        raise InvalidInput(field, "must be 1 to 128 letters, digits, '-' or '_'", key, 128)
    return key


def entry_of(path: str, facts: os.stat_result) -> Entry:
    """What is told of a file or folder."""
    at = datetime.fromtimestamp(facts.st_mtime, UTC)
    if stat.S_ISDIR(facts.st_mode):
        return Entry(path, EntryKind.FOLDER, modified_at=at)
    return Entry(path, EntryKind.FILE, facts.st_size, at, f"{facts.st_ino:x}-{facts.st_mtime_ns:x}-{facts.st_size:x}")


@contextlib.contextmanager
def told(path: str) -> Iterator[None]:
    """Turn what the system says into what people are told."""
    try:
        yield
    except OSError as error:
        raise _told(error, path) from error


def _told(error: OSError, path: str) -> DomainError:
    if error.errno in tree.NO_ROOM:
        return StorageFull("the disk that holds the files has no room left", path=path)
    if error.errno in _ABSENT:
        return NotFound("there is no such file or folder", path=path)
    if error.errno in _IN_THE_WAY:
        return Conflict("something else is at this path already", path=path)
    if error.errno == errno.ENAMETOOLONG:
        return Conflict("the file system cannot hold a name as long as this", path=path)
    return Unavailable(f"the files cannot be reached now: {os.strerror(error.errno or 0)}", path=path)


@contextlib.contextmanager
def closing(fd: int) -> Iterator[int]:
    """An open file or folder for as long as the block lasts."""
    try:
        yield fd
    finally:
        os.close(fd)


@dataclass(frozen=True)
class Ground:
    """``uid`` and ``gid`` are who is to own what people see, where the service itself is root."""

    base: Path
    uid: int | None = None
    gid: int | None = None
    floor: int | None = None

    @property
    def file_mode(self) -> int:
        """Of files that people see."""
        return 0o600 if self.gid is None else 0o660

    @property
    def folder_mode(self) -> int:
        """Of folders that people see."""
        return 0o700 if self.gid is None else 0o770

    @property
    def way_mode(self) -> int:
        """Of folders on the way to those: who mounts a tree need not own them, and sees nothing there."""
        return 0o700 if self.uid is None else 0o711

    def hand_over(self, fd: int) -> None:
        """Give an open file or folder to whom people's programs run as."""
        if os.geteuid() == 0 and self.uid is not None:
            os.fchown(fd, self.uid, -1 if self.gid is None else self.gid)

    def check_room(self, fd: int, asked: int) -> None:
        """Raise StorageFull unless there is room for this many bytes above what is kept free."""
        facts = os.fstatvfs(fd)
        floor = self.floor
        if floor is None:
            floor = min(int(facts.f_blocks * facts.f_frsize * FLOOR_SHARE), FLOOR_BYTES)
        free = facts.f_bavail * facts.f_frsize
        if free - asked < floor:
            raise StorageFull(
                f"the disk of the files has {free} bytes left, of which {floor} are kept free; {asked} were asked for",
                free=free,
                kept=floor,
                asked=asked,
            )

    def open_base(self) -> int:
        """The folder that all others are in. Raises Unavailable."""
        try:
            return tree.open_root(self.base)
        except OSError as error:
            raise Unavailable(f"the folder of the files cannot be opened: {error.strerror}") from error

    def open_below(self, *parts: str) -> int:
        """The same, to be closed by the caller."""
        base = self.open_base()
        try:
            return kernel.open_beneath(base, parts, kernel.FOLDER)
        finally:
            os.close(base)

    @contextlib.contextmanager
    def inside(self, *parts: str) -> Iterator[int]:
        """A folder below the base, for as long as the block lasts."""
        with closing(self.open_below(*parts)) as fd:
            yield fd

    @contextlib.contextmanager
    def made(self, *parts: str) -> Iterator[int]:
        """The same for one of the store's own, made if it is not there."""
        with closing(self._make(parts)) as fd:
            yield fd

    def _make(self, parts: Sequence[str]) -> int:
        try:
            return self.open_below(*parts)
        except FileNotFoundError:
            current = self.open_base()
            for number, part in enumerate(parts):
                current = self._down(current, part, self._mode_of(parts[: number + 1]))
            return current

    def _mode_of(self, parts: Sequence[str]) -> int | None:
        """Of a folder below the base that is made; None for a tree, which is handed over."""
        match parts:
            case [_, "files"] | [_, "datasets", _, "head"]:
                return None
            case [_] | [_, "datasets"] | [_, "datasets", _] | [_, "datasets", _, "versions"]:
                return self.way_mode
        return 0o700

    def _down(self, folder: int, name: str, mode: int | None) -> int:
        """Open a folder in an open one, which is closed; made if it is not there."""
        try:
            try:
                return os.open(name, kernel.FOLDER, dir_fd=folder)
            except FileNotFoundError:
                pass
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=folder)
            fd = os.open(name, kernel.FOLDER, dir_fd=folder)
            try:
                os.fchmod(fd, self.folder_mode if mode is None else mode)
                if mode is None:
                    self.hand_over(fd)
                os.fsync(folder)
            except OSError:
                os.close(fd)
                raise
            return fd
        finally:
            os.close(folder)

    @contextlib.contextmanager
    def tree(self, root: Root) -> Iterator[int]:
        """The top of a tree, made if it is not there."""
        with self.made(root.owner, *root.area.split("/")) as fd:
            yield fd

    @contextlib.contextmanager
    def folder(self, root: Root, parts: Sequence[str]) -> Iterator[int]:
        """A folder in a tree. Raises FileNotFoundError and the like."""
        with self.inside(root.owner, *root.area.split("/"), *parts) as fd:
            yield fd

    @contextlib.contextmanager
    def made_folder(self, root: Root, parts: Sequence[str]) -> Iterator[int]:
        """The same, made with those above it. Raises Conflict if a file is in the way."""
        writable(root)
        with closing(self._make_folder(root, parts)) as fd:
            yield fd

    def _make_folder(self, root: Root, parts: Sequence[str]) -> int:
        top = [root.owner, *root.area.split("/")]
        with contextlib.suppress(OSError):
            return self.open_below(*top, *parts)
        current = self._make(top)
        for number, part in enumerate(parts):
            try:
                current = self._down(current, part, None)
            except OSError as error:
                if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                way = "/".join(parts[: number + 1])
                raise Conflict("a file is in the way of this folder", path=way) from error
        return current

    def facts(self, root: Root, parts: Sequence[str]) -> os.stat_result:
        """Of the file or folder at a path, which is no root. Raises FileNotFoundError and the like."""
        with self.folder(root, parts[:-1]) as above:
            facts = os.stat(parts[-1], dir_fd=above, follow_symlinks=False)
        if not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), parts[-1])
        return facts

    def stat(self, root: Root, path: str) -> Entry:
        """What is at a path."""
        parts = parts_of(path)
        if parts:
            return entry_of("/".join(parts), self.facts(root, parts))
        try:
            with self.folder(root, ()) as fd:
                return entry_of("", os.fstat(fd))
        except FileNotFoundError:
            return Entry("", EntryKind.FOLDER)

    def create(self, folder: int, name: str) -> int:
        """A new empty file in an open folder, as people will see it, for reading and writing."""
        fd = os.open(name, kernel.CREATE, 0o600, dir_fd=folder)
        try:
            os.fchmod(fd, self.file_mode)
            self.hand_over(fd)
        except OSError:
            os.close(fd)
            raise
        return fd

    def new_folder(self, folder: int, name: str) -> None:
        """A new folder in an open one, as people will see it."""
        os.mkdir(name, 0o700, dir_fd=folder)
        with closing(os.open(name, kernel.FOLDER, dir_fd=folder)) as fd:
            os.fchmod(fd, self.folder_mode)
            self.hand_over(fd)

    @contextlib.contextmanager
    def work(self, owner: str) -> Iterator[tuple[int, Path]]:
        """A folder for what nobody may see yet, or any more; it goes with all that is left in it."""
        name = secrets.token_hex(12)
        with self.made(owner, "uploads", ".work") as works:
            os.mkdir(name, 0o700, dir_fd=works)
            fd = os.open(name, kernel.FOLDER, dir_fd=works)
        path = self.base / owner / "uploads" / ".work" / name
        try:
            # Held as long as somebody works in it: what nobody holds was left by a crash. A file, since network file
            # systems lock no folders.
            with closing(os.open(_HOLD, kernel.CREATE, 0o600, dir_fd=fd)) as hold:
                fcntl.flock(hold, fcntl.LOCK_EX)
                yield fd, path
        finally:
            os.close(fd)
            kernel.remove(path)

    def sweep(self, owner: str) -> None:
        """Remove what crashes left of work."""
        with contextlib.suppress(FileNotFoundError), self.inside(owner, "uploads", ".work") as works:
            for name in os.listdir(works):
                # Gone already, or somebody else's: left alone.
                with contextlib.suppress(OSError), self.inside(owner, "uploads", ".work", name) as fd:
                    if os.fstat(fd).st_mtime < time.time() - SECONDS_OF_GRACE:
                        with closing(os.open(_HOLD, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600, dir_fd=fd)) as hold:
                            fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
                            kernel.remove(self.base / owner / "uploads" / ".work" / name)

    @contextlib.contextmanager
    def lock(self, root: Root, path: str) -> Iterator[None]:
        """Hold off others who replace the file at a path, in this process and in others."""
        with self.locked(root.owner, f"{zlib.crc32(f'{root.area}/{path}'.encode()) % _LOCKS}", fcntl.LOCK_EX):
            yield

    @contextlib.contextmanager
    def locked(self, owner: str, name: str, how: int) -> Iterator[None]:
        """Hold a lock of an owner. Raises BlockingIOError if it is not to be waited for."""
        with self.made(owner, "uploads") as uploads:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(f".lock-{name}", flags, 0o600, dir_fd=uploads)
        with closing(fd):
            fcntl.flock(fd, how)
            yield

    def place(self, source: int, name: str, root: Root, path: str, *, replace: bool, if_etag: str = "") -> Entry:
        """Rename a file or folder to where it is seen, and make that durable. Folders replace nothing."""
        writable(root)
        path = "/".join(parts_of(path))
        if not path:
            raise Conflict("the top folder is always there", path=path)
        facts = os.stat(name, dir_fd=source, follow_symlinks=False)
        with told(path), self.made_folder(root, parts_of(parent_of(path))) as folder:
            new = name_of(path)
            if stat.S_ISDIR(facts.st_mode) or not (replace or if_etag):
                kernel.rename_new(source, name, folder, new)
            else:
                with self.lock(root, path):
                    if if_etag:
                        self._check_etag(folder, new, path, if_etag)
                    os.rename(name, new, src_dir_fd=source, dst_dir_fd=folder)
            os.fsync(folder)
        return entry_of(path, facts)

    def _check_etag(self, folder: int, name: str, path: str, etag: str) -> None:
        try:
            present = entry_of(path, os.stat(name, dir_fd=folder, follow_symlinks=False)).etag
        except FileNotFoundError:
            present = ""
        if present != etag:
            raise Conflict("the file has changed since it was read", path=path, etag=present)


def writable(root: Root) -> None:
    """Raise Conflict for a version of a dataset."""
    if root.frozen:
        raise Conflict("versions of datasets never change", area=root.area)
