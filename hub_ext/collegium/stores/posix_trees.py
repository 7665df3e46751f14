"""Moving, copying, throwing away and measuring whole trees."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from collegium.backends.local import tree
from collegium.domain.errors import Conflict, NotFound
from collegium.domain.files import Root, Size, name_of, parent_of
from collegium.stores import posix_kernel as kernel
from collegium.stores.port import Progress
from collegium.stores.posix_ground import Ground, check_key, closing, parts_of, told, writable
from collegium.stores.posix_listing import walk

#: Deeper folders are not measured; programs make such only by mistake, and paths to them cannot be told.
_MEASURED_DEPTH = 1000


@dataclass(frozen=True)
class Trees:
    """What is done to more than one file at a time. Blocks; called in threads."""

    ground: Ground

    def move(self, root: Root, source: str, target_root: Root, target: str, replace: bool) -> None:
        """See the port."""
        writable(root)
        writable(target_root)
        source, target = "/".join(parts_of(source)), "/".join(parts_of(target))
        if not source or not target:
            raise Conflict("the top folder cannot be moved", path=source or target)
        if (root, source) == (target_root, target):
            self.ground.stat(root, source)
            return
        if root == target_root and target.startswith(source + "/"):
            raise Conflict("a folder cannot be moved into itself", path=target)
        with told(source):
            try:
                self.ground.facts(root, parts_of(source))
                with self.ground.folder(root, parts_of(parent_of(source))) as folder:
                    self.ground.place(folder, name_of(source), target_root, target, replace=replace)
                    os.fsync(folder)
            except FileNotFoundError:
                # Done already, before a crash?
                self.ground.stat(target_root, target)
            except OSError as error:
                if error.errno == errno.EXDEV:
                    raise Conflict("the two places are on different file systems; copy instead", path=target) from error
                raise

    def copy(self, root: Root, source: str, target_root: Root, target: str, replace: bool, progress: Progress) -> Size:
        """See the port."""
        writable(target_root)
        source, target = "/".join(parts_of(source)), "/".join(parts_of(target))
        if not target:
            raise Conflict("the top folder is there already", path=target)
        if root == target_root and (not source or target == source or target.startswith(source + "/")):
            raise Conflict("a folder cannot be copied into itself", path=target)
        with told(source):
            is_folder = not source or stat.S_ISDIR(self.ground.facts(root, parts_of(source)).st_mode)
            self._check_free(target_root, target, replace and not is_folder)
            with self.ground.work(target_root.owner) as (work, path):
                if is_folder:
                    with self.ground.folder(root, parts_of(source)) as top:
                        done = self._copy_folder(top, work, progress)
                else:
                    with self.ground.folder(root, parts_of(parent_of(source))) as above:
                        done = self._copy_file(above, name_of(source), work, "copy", progress)
                tree.sync(path, done.files)
                self.ground.place(work, "copy", target_root, target, replace=replace)
        return done

    def _check_free(self, root: Root, path: str, replace: bool) -> None:
        """Better known before everything was copied; placing it finds out once more."""
        with contextlib.suppress(NotFound, OSError):
            present = self.ground.stat(root, path)
            if not replace or present.kind == "folder":
                raise Conflict("something else is at this path already", path=path)

    def _copy_folder(self, source: int, work: int, progress: Progress) -> Size:
        done = Size()
        self.ground.new_folder(work, "copy")
        with closing(kernel.open_beneath(work, ["copy"], kernel.FOLDER)) as target:
            for found in walk(source):
                above = parts_of(parent_of(found.path))
                with closing(kernel.open_beneath(target, above, kernel.FOLDER)) as folder:
                    if found.is_folder:
                        self.ground.new_folder(folder, found.name)
                        continue
                    # Gone, or something else since it was listed: it is not part of the copy.
                    with contextlib.suppress(FileNotFoundError):
                        done += self._copy_file(found.folder, found.name, folder, found.name, progress)
        return done

    def _copy_file(self, source: int, name: str, folder: int, new: str, progress: Progress) -> Size:
        with regular(source, name) as fd:
            facts = os.fstat(fd)
            self.ground.check_room(folder, facts.st_size)
            with closing(self.ground.create(folder, new)) as target:
                kernel.copy_content(fd, target, lambda count: progress(Size(0, count)))
                if facts.st_mode & stat.S_IXUSR:
                    os.fchmod(target, self.ground.file_mode | 0o100)
                progress(Size(1, 0))
                return Size(1, os.fstat(target).st_size)

    # Trash.

    def discard(self, root: Root, path: str, ticket: str) -> Size:
        """See the port."""
        writable(root)
        path = "/".join(parts_of(path))
        if not path:
            raise Conflict("the top folder cannot be deleted", path=path)
        with told(path), self.ground.made(root.owner, "trash", check_key(ticket, "ticket")) as place:
            if not os.listdir(place):
                try:
                    self.ground.facts(root, parts_of(path))
                    with self.ground.folder(root, parts_of(parent_of(path))) as folder:
                        kernel.rename_new(folder, name_of(path), place, name_of(path))
                        os.fsync(place)
                        os.fsync(folder)
                except OSError:
                    with contextlib.suppress(OSError):
                        os.rmdir(self.ground.base / root.owner / "trash" / ticket)
                    raise
            return _size_of(place)

    def restore(self, owner: str, ticket: str, root: Root, path: str) -> None:
        """See the port."""
        with told(path):
            try:
                with self.ground.inside(owner, "trash", check_key(ticket, "ticket")) as place:
                    names = os.listdir(place)
                    if names:
                        self.ground.place(place, names[0], root, path, replace=False)
                        os.fsync(place)
                    else:
                        self.ground.stat(root, path)
                os.rmdir(self.ground.base / owner / "trash" / ticket)
            except FileNotFoundError:
                # Done already, before a crash?
                self.ground.stat(root, path)

    def purge(self, owner: str, ticket: str) -> None:
        """See the port."""
        self.throw_away(owner, "trash", check_key(ticket, "ticket"))

    def tickets(self, owner: str) -> dict[str, datetime]:
        """See the port."""
        return self.dated(owner, "trash")

    def dated(self, owner: str, area: str) -> dict[str, datetime]:
        """Folders in one of the store's own places, and since when they are there."""
        found: dict[str, datetime] = {}
        with told(area), contextlib.suppress(FileNotFoundError), self.ground.inside(owner, area) as fd:
            for name in os.listdir(fd):
                if not name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):
                        facts = os.stat(name, dir_fd=fd, follow_symlinks=False)
                        found[name] = datetime.fromtimestamp(facts.st_mtime, UTC)
        return found

    # For good.

    def throw_away(self, *parts: str, durably: bool = True) -> None:
        """Remove a folder below the base; out of sight at once, then off the disk."""
        with (
            told("/".join(parts[1:])),
            contextlib.suppress(FileNotFoundError),
            self.ground.inside(*parts[:-1]) as above,
        ):
            os.stat(parts[-1], dir_fd=above, follow_symlinks=False)
            with self.ground.work(parts[0]) as (work, _):
                with (
                    contextlib.suppress(PermissionError),
                    closing(os.open(parts[-1], kernel.FOLDER, dir_fd=above)) as fd,
                ):
                    # Moving a folder takes permission to write in it.
                    os.fchmod(fd, 0o700)
                os.rename(parts[-1], "gone", src_dir_fd=above, dst_dir_fd=work)
                if durably:
                    os.fsync(above)

    def measure(self, owner: str) -> Size:
        """See the port. Versions are left out: their files are links to the objects."""
        count = _Count()
        base = self.ground.base / owner
        with told(""):
            for name in ("files", "trash"):
                count.below(base / name)
            for dataset in _folders(base / "datasets"):
                count.below(dataset / "head")
                count.below(dataset / "objects")
        return Size(count.files, count.bytes)


@contextlib.contextmanager
def regular(folder: int, name: str) -> Iterator[int]:
    """A regular file; anything else is not there."""
    try:
        fd = kernel.open_regular(folder, name)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ELOOP, errno.ENXIO):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error
        raise
    with closing(fd):
        yield fd


def _folders(path: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [path / entry.name for entry in os.scandir(path) if entry.is_dir(follow_symlinks=False)]
    return []


def _size_of(folder: int) -> Size:
    count = _Count()
    count.within(folder)
    return Size(count.files, count.bytes)


class _Count:
    """Files and their bytes, each file once however many names it has."""

    def __init__(self) -> None:
        self.files = self.bytes = 0
        self._linked: set[tuple[int, int]] = set()

    def below(self, path: Path) -> None:
        """All below one of the store's places, or nothing if it is not there."""
        with contextlib.suppress(FileNotFoundError), closing(os.open(path, kernel.FOLDER)) as fd:
            self.within(fd)

    def within(self, top: int) -> None:
        """All below an open folder. Each is entered from the top, so that depth costs no descriptors."""
        pending: list[tuple[str, ...]] = [()]
        while pending:
            parts = pending.pop()
            try:
                fd = kernel.open_beneath(top, parts, kernel.FOLDER)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES):
                    continue  # Gone meanwhile, or shut by its owner, who must not stop the counting by that.
                raise
            with closing(fd), os.scandir(fd) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if len(parts) < _MEASURED_DEPTH:
                            pending.append((*parts, entry.name))
                    elif entry.is_file(follow_symlinks=False):
                        with contextlib.suppress(FileNotFoundError):
                            self.add(entry.stat(follow_symlinks=False))

    def add(self, facts: os.stat_result) -> None:
        """Count a file."""
        if facts.st_nlink > 1:
            key = (facts.st_dev, facts.st_ino)
            if key in self._linked:
                return
            self._linked.add(key)
        self.files += 1
        self.bytes += facts.st_size
