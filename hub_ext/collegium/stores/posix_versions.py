"""Versions of datasets: trees of links to objects, each of which is the one copy of a content that versions share.

``<owner>/datasets/<name>/objects/<2>/<sha256>`` are the objects, ``indexes/<number>`` say what each version holds and
from which file it was taken. The head is never linked to: whoever writes into a file of it changes no version.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import fcntl
import hashlib
import itertools
import json
import os
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from collegium.backends.local import tree
from collegium.domain.errors import Conflict, Unavailable
from collegium.domain.files import Root, Size, parent_of
from collegium.stores import posix_kernel as kernel
from collegium.stores.port import FileHash, Progress
from collegium.stores.posix_ground import Ground, closing, parts_of, told
from collegium.stores.posix_listing import walk
from collegium.stores.posix_trees import Trees

_READERS = 4
_AHEAD = 32
#: A file changed this recently may change again without its times telling: they are as coarse as the kernel's clock.
_SETTLED_NS = 2 * 10**9
_FILE_MODE, _FOLDER_MODE = 0o444, 0o555
_MAKING, _UNSWEPT = ".making", ".unswept"


class Busy(Unavailable):
    """Another version of the dataset is being made."""


@dataclass(frozen=True)
class _Line:
    """What an index says of a file: its hash, and the file that had it."""

    path: str
    size: int
    digest: str
    inode: int = 0
    modified_ns: int = 0
    changed_ns: int = 0

    @property
    def hash(self) -> FileHash:
        return FileHash(self.path, self.size, f"sha256:{self.digest}")

    def is_of(self, facts: os.stat_result) -> bool:
        """Is this file, untouched, what was hashed?"""
        return self.inode != 0 and (self.inode, self.size, self.modified_ns, self.changed_ns) == (
            facts.st_ino,
            facts.st_size,
            facts.st_mtime_ns,
            facts.st_ctime_ns,
        )


@dataclass(frozen=True)
class Versions:
    """Makes and removes versions. Blocks; called in threads."""

    ground: Ground

    def snapshot(self, source: Root, target: Root, progress: Progress) -> Sequence[FileHash]:
        """See the port. Raises Busy."""
        name, number = _version(target)
        place = self.ground.base / target.owner / "datasets" / name
        with told(source.area), self._locked(target.owner, name):
            with self.ground.made(target.owner, "datasets", name, "versions"):
                pass
            version = place / "versions" / number
            if not version.is_dir():
                self._clean(place)
                with self._cleaned(place):
                    lines = self._make(source, target.owner, place, progress)
                    _write_index(place, number, lines)
                    os.rename(place / _MAKING, version)
                kernel.sync_path(version.parent)
                kernel.sync_path(place)
            os.chmod(version, _FOLDER_MODE)
            if (place / _UNSWEPT).exists():
                self._clean(place)
            lines = list(_read_index(place, number)) or [_Line(*line) for line in _hashed(version)]
        return [line.hash for line in lines]

    def _make(self, source: Root, owner: str, place: Path, progress: Progress) -> list[_Line]:
        os.mkdir(place / _MAKING, 0o755)
        (place / "objects").mkdir(0o700, exist_ok=True)
        known = {line.path: line for line in _latest_index(place)}
        lines: list[_Line] = []
        with contextlib.ExitStack() as stack:
            making = stack.enter_context(closing(tree.open_root(place / _MAKING)))
            objects = stack.enter_context(closing(tree.open_root(place / "objects")))
            work, _ = stack.enter_context(self.ground.work(owner))
            shelf = _Shelf(self.ground, objects, work, making)
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(_READERS, "collegium-hash"))
            waiting: list[concurrent.futures.Future[_Line]] = []

            def settle(leave: int) -> None:
                while len(waiting) > leave:
                    line = waiting.pop(0).result()
                    lines.append(line)
                    progress(Size(1, line.size))

            try:
                top = stack.enter_context(self.ground.folder(source, ()))
            except FileNotFoundError:
                return []
            try:
                for found in walk(top):
                    if found.is_folder:
                        with shelf.folder(found.path) as above:
                            os.mkdir(found.name, 0o755, dir_fd=above)
                        continue
                    try:
                        fd = kernel.open_regular(found.folder, found.name)
                    except OSError as error:
                        if error.errno in (errno.ENOENT, errno.EINVAL, errno.ELOOP, errno.ENXIO):
                            continue  # Gone, or something else since it was listed.
                        raise
                    waiting.append(pool.submit(shelf.keep, fd, found.path, known.get(found.path)))
                    settle(_AHEAD)
                settle(0)
            finally:
                # Nothing more is begun; what runs has its descriptors until it ends.
                concurrent.futures.wait([one for one in waiting if not one.cancel()])
        self._seal(place, len(lines))
        return sorted(lines, key=lambda line: line.path)

    def _seal(self, place: Path, files: int) -> None:
        """Let nobody write by accident, and put it all on the disk before it has a name."""
        with closing(tree.open_root(place / _MAKING)) as making:
            for found in walk(making):
                if found.is_folder:
                    os.chmod(found.name, _FOLDER_MODE, dir_fd=found.folder)
        tree.sync(place / _MAKING, files)
        for folder in (place / "objects", *(place / "objects").iterdir()):
            kernel.sync_path(folder)

    def remove(self, root: Root) -> None:
        """See the port: any tree, with what only it has."""
        parts = root.area.split("/")
        Trees(self.ground).throw_away(root.owner, *parts)
        if parts[0] != "datasets":
            return
        name = parts[1]
        place = self.ground.base / root.owner / "datasets" / name
        if not place.is_dir():
            return
        with told(root.area):
            if root.frozen:
                (place / "indexes" / parts[-1]).unlink(missing_ok=True)
                (place / _UNSWEPT).touch()
            # While a version is made, its maker sweeps afterwards.
            with contextlib.suppress(Busy), self._locked(root.owner, name):
                self._clean(place)
                for below in ("versions", "indexes", "objects", ""):
                    with contextlib.suppress(OSError):
                        (place / below).rmdir()

    @contextlib.contextmanager
    def _locked(self, owner: str, name: str) -> Iterator[None]:
        try:
            with self.ground.locked(owner, f"dataset-{name}", fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield
        except BlockingIOError as error:
            raise Busy(f"another version of {name} is being made; try again when it is done") from error

    @contextlib.contextmanager
    def _cleaned(self, place: Path) -> Iterator[None]:
        """Leave nothing of what fails."""
        try:
            yield
        except BaseException:
            self._clean(place)
            raise

    def _clean(self, place: Path) -> None:
        """Remove what a crash left half made, and objects that no version has, which may not be whole."""
        if not ((place / _MAKING).exists() or (place / _UNSWEPT).exists()):
            return
        kernel.remove(place / _MAKING)
        with contextlib.suppress(FileNotFoundError):
            for folder in os.scandir(place / "objects"):
                for entry in os.scandir(folder.path):
                    if entry.stat(follow_symlinks=False).st_nlink == 1:
                        os.unlink(entry.path)
                with contextlib.suppress(OSError):
                    os.rmdir(folder.path)
        (place / _UNSWEPT).unlink(missing_ok=True)


class _Shelf:
    """Puts contents among the objects, once each, and links versions to them."""

    def __init__(self, ground: Ground, objects: int, work: int, making: int) -> None:
        self.ground, self.objects, self.work, self.making = ground, objects, work, making
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.settled = time.time_ns() - _SETTLED_NS

    @contextlib.contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """The folder of a path in the version."""
        with closing(kernel.open_beneath(self.making, parts_of(parent_of(path)), kernel.FOLDER)) as fd:
            yield fd

    def keep(self, fd: int, path: str, known: _Line | None) -> _Line:
        """Take an open file, which is closed, into the version."""
        with closing(fd):
            facts = os.fstat(fd)
            if known is not None and known.is_of(facts) and self._link(known.digest, path):
                return known
            digest, size = self._store(fd)
            if not self._link(digest, path):
                raise Unavailable("an object has gone while a version was made; try again", path=path)
        if max(facts.st_mtime_ns, facts.st_ctime_ns) > self.settled or size != facts.st_size:
            return _Line(path, size, digest)
        return _Line(path, size, digest, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns)

    def _store(self, fd: int) -> tuple[str, int]:
        """Make a content an object if it is none yet: its hash and size. What is hashed is the copy."""
        name = str(next(self.numbers))
        self.ground.check_room(fd, os.fstat(fd).st_size)
        with closing(os.open(name, kernel.CREATE, 0o600, dir_fd=self.work)) as copy:
            sha256, size = hashlib.sha256(), 0
            shared = kernel.clone(fd, copy)
            while data := os.pread(copy if shared else fd, kernel.PIECE, size):
                sha256.update(data)
                size = size + len(data) if shared else kernel.write_all(copy, [data], size)
            os.fchmod(copy, _FILE_MODE)
        digest = sha256.hexdigest()
        self._shelve(name, digest)
        return digest, size

    def _shelve(self, name: str, digest: str) -> None:
        with contextlib.suppress(FileExistsError):
            os.mkdir(digest[:2], 0o700, dir_fd=self.objects)
        with contextlib.suppress(FileExistsError):
            os.link(name, f"{digest[:2]}/{digest}", src_dir_fd=self.work, dst_dir_fd=self.objects)
        os.unlink(name, dir_fd=self.work)

    def _link(self, digest: str, path: str) -> bool:
        """Give an object a name in the version; False if there is no such object."""
        kept = f"{digest[:2]}/{digest}"
        # One at a time, since an object that has all the names it can have changes place.
        with self.folder(path) as folder, self.lock:
            name = parts_of(path)[-1]
            for _ in range(2):
                try:
                    os.link(kept, name, src_dir_fd=self.objects, dst_dir_fd=folder, follow_symlinks=False)
                except FileNotFoundError:
                    return False
                except OSError as error:
                    if error.errno != errno.EMLINK:
                        raise
                    self._renew(kept, digest)
                else:
                    return True
        return False

    def _renew(self, kept: str, digest: str) -> None:
        """An object has as many names as the file system allows: a copy of it takes the next ones."""
        inode = os.stat(kept, dir_fd=self.objects, follow_symlinks=False).st_ino
        with closing(kernel.open_beneath(self.objects, kept.split("/"), kernel.READ)) as full:
            name = str(next(self.numbers))
            with closing(os.open(name, kernel.CREATE, 0o600, dir_fd=self.work)) as copy:
                kernel.copy_content(full, copy, lambda count: None)
                os.fchmod(copy, _FILE_MODE)
            with contextlib.suppress(FileNotFoundError):
                os.rename(kept, f"{kept}.{inode}", src_dir_fd=self.objects, dst_dir_fd=self.objects)
            self._shelve(name, digest)


def _version(root: Root) -> tuple[str, str]:
    match root.area.split("/"):
        case ["datasets", name, "versions", number]:
            return name, number
    raise Conflict("only versions of datasets are snapshots", area=root.area)


def _write_index(place: Path, number: str, lines: Sequence[_Line]) -> None:
    folder = place / "indexes"
    folder.mkdir(0o700, exist_ok=True)
    temporary = folder / f".{number}"
    with temporary.open("w", encoding="utf-8") as file:
        for line in lines:
            values = (line.path, line.size, line.digest, line.inode, line.modified_ns, line.changed_ns)
            file.write(json.dumps(values, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, folder / number)
    kernel.sync_path(folder)


def _read_index(place: Path, number: str) -> Iterator[_Line]:
    with contextlib.suppress(FileNotFoundError), (place / "indexes" / number).open(encoding="utf-8") as file:
        for line in file:
            yield _Line(*json.loads(line))


def _latest_index(place: Path) -> Iterator[_Line]:
    with contextlib.suppress(FileNotFoundError):
        numbers = [name for name in os.listdir(place / "indexes") if name.isdecimal()]
        if numbers:
            yield from _read_index(place, max(numbers, key=int))


def _hashed(version: Path) -> list[tuple[str, int, str]]:
    """What a version holds, by reading it all."""
    lines = []
    with closing(tree.open_root(version)) as top:
        for found in walk(top):
            if stat.S_ISREG(found.facts.st_mode):
                with closing(kernel.open_regular(found.folder, found.name)) as fd, os.fdopen(os.dup(fd), "rb") as file:
                    lines.append((found.path, found.facts.st_size, hashlib.file_digest(file, "sha256").hexdigest()))
    return sorted(lines)
