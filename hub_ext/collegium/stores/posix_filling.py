"""Many new files at once: written where nobody sees them, put on the disk together, and renamed into sight."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from collegium.backends.local import tree
from collegium.domain.errors import Conflict
from collegium.domain.files import Root, Size, name_of, parent_of
from collegium.stores import posix_kernel as kernel
from collegium.stores.port import NewEntry, Progress
from collegium.stores.posix_ground import Ground, closing, parts_of, told, writable

#: Bytes between looks at how much room the disk has.
_LOOK = 16 << 20
_NEW = "new"


def fill(ground: Ground, root: Root, path: str, entries: Iterator[NewEntry], progress: Progress) -> Size:
    """See the port. Blocks; called in a thread."""
    writable(root)
    path = "/".join(parts_of(path))
    if not path:
        raise Conflict("the top folder is there already", path=path)
    with told(path):
        with contextlib.suppress(OSError):
            ground.facts(root, parts_of(path))
            raise Conflict("something else is at this path already", path=path)
        with ground.work(root.owner) as (work, place):
            ground.check_room(work, 0)
            ground.new_folder(work, _NEW)
            with (
                closing(kernel.open_beneath(work, [_NEW], kernel.FOLDER)) as top,
                contextlib.closing(_Folder(ground, top, path, progress)) as folder,
            ):
                for entry in entries:
                    folder.add(entry)
                done = folder.done
            # One sync of everything, not one of each: thousands of small files would take minutes.
            tree.sync(place, done.files)
            ground.place(work, _NEW, root, path, replace=False)
    return done


@dataclass
class _Folder:
    """What is being filled; the folder of the latest entry stays open, since the next one is mostly beside it."""

    ground: Ground
    top: int
    path: str
    progress: Progress
    done: Size = field(default_factory=Size)
    _open: int | None = None
    _above: str = ""
    _unseen: int = 0

    def add(self, entry: NewEntry) -> None:
        """Make one."""
        path = "/".join(parts_of(entry.path))
        with told(f"{self.path}/{path}"):
            folder = self._enter(parent_of(path))
            if entry.pieces is None:
                self.ground.new_folder(folder, name_of(path))
                return
            with closing(self.ground.create(folder, name_of(path))) as fd:
                self._write(fd, entry.pieces)
        self._tell(Size(1, 0))

    def _tell(self, more: Size) -> None:
        self.done += more
        self.progress(more)

    def _write(self, fd: int, pieces: Iterator[bytes]) -> None:
        size = 0
        for piece in pieces:
            self._unseen += len(piece)
            if self._unseen >= _LOOK:
                self.ground.check_room(fd, len(piece))
                self._unseen = 0
            size = kernel.write_all(fd, [piece], size)
            self._tell(Size(0, len(piece)))

    def _enter(self, path: str) -> int:
        if self._open is None or path != self._above:
            self.close()
            self._open, self._above = kernel.open_beneath(self.top, parts_of(path), kernel.FOLDER), path
        return self._open

    def close(self) -> None:
        """Let go of the folder that is open."""
        if self._open is not None:
            os.close(self._open)
            self._open = None
