"""A small file on its way into sight. Each step is one turn in a thread: turns are much of the work of a small file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from collegium.domain.errors import Conflict
from collegium.domain.files import Entry, EntryKind, Root
from collegium.stores import posix_kernel as kernel
from collegium.stores.posix_ground import Ground, closing, entry_of, parts_of, told


class Writing:
    """``begin``, any number of ``put``, ``end``; ``close`` where it comes to no end. Blocks; called in threads."""

    def __init__(self, ground: Ground, root: Root, path: str, replace: bool, if_etag: str) -> None:
        self._ground, self._root, self._path = ground, root, path
        self._replace, self._if_etag = replace, if_etag
        self._stack = contextlib.ExitStack()
        self._folder = self._file = -1
        self._size = 0
        #: Is there something to close?
        self.open = False

    def begin(self) -> None:
        """A place that nobody sees."""
        self._check_target()
        with told(self._path):
            self.open = True
            self._folder, _ = self._stack.enter_context(self._ground.work(self._root.owner))
            self._ground.check_room(self._folder, 0)
            self._file = self._stack.enter_context(closing(self._ground.create(self._folder, "file")))

    def _check_target(self) -> None:
        """Better known before everything was sent; placing it finds out once more."""
        if not parts_of(self._path):
            raise Conflict("the top folder is no file", path=self._path)
        with contextlib.suppress(OSError):
            facts = entry_of(self._path, self._ground.facts(self._root, parts_of(self._path)))
            if facts.kind is EntryKind.FOLDER or not (self._replace or self._if_etag):
                raise Conflict("something else is at this path already", path=self._path)

    def put(self, pieces: Sequence[bytes]) -> None:
        """More of it."""
        with told(self._path):
            self._ground.check_room(self._file, sum(map(len, pieces)))
            self._size = kernel.write_all(self._file, pieces, self._size)

    def end(self, pieces: Sequence[bytes]) -> Entry:
        """The rest of it; on the disk, then in sight."""
        try:
            self.put(pieces)
            with told(self._path):
                os.fsync(self._file)
            return self._ground.place(
                self._folder, "file", self._root, self._path, replace=self._replace, if_etag=self._if_etag
            )
        finally:
            self.close()

    def close(self) -> None:
        """Nothing that nobody sees is left."""
        self.open = False
        self._stack.close()
