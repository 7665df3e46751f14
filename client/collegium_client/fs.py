"""Files of groups for pandas and everything else that reads by ``fsspec``: ``collegium://<group>/<path>``.

``collegium://physics/results/run.csv`` is a shared file, ``collegium://physics/.datasets/digits@3/train.csv`` one of a
version of a dataset. Address and token are found as everywhere in this client (``collegium_client.settings``), which in
servers and jobs of a hub needs nothing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from collegium_client.client import Client
from collegium_client.errors import CollegiumError, Conflict, Forbidden, NotFound
from collegium_client.models import EntryDetail, EntryOut
from collegium_client.sending import PIECE

#: Bytes that are fetched at a time, and asked for ahead.
BLOCK = 5 << 20


class CollegiumFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no type information
    """``url``, ``token`` and ``client`` say which Collegium; without them it is the one of this process."""

    protocol = "collegium"
    root_marker = ""
    cachable = True

    def __init__(
        self, url: str | None = None, token: str | None = None, client: Client | None = None, **options: Any
    ) -> None:
        # What was listed may be another's to change at any moment.
        super().__init__(use_listings_cache=False, **options)
        self.client = client or Client(url, token)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(p) for p in path]
        return str(path).removeprefix("collegium://").removeprefix("collegium:").strip("/")

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What is in a folder; without a group one's groups. A file is listed as itself."""
        group, below = self._place(path)
        try:
            if not group:
                found = [_folder(g.name) for g in self.client.context().groups]
            elif below and (entry := self._entry(group, below)).kind == "file":
                found = [_info(group, entry)]
            else:
                found = [_info(group, e) for e in self.client.files.list(below, group)]
        except CollegiumError as error:
            raise _told(error, path) from error
        return found if detail else [f["name"] for f in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size, type, time and ``etag`` of one file or folder."""
        group, below = self._place(path)
        if not below:
            return _folder(group)
        try:
            return _info(group, self._entry(group, below))
        except CollegiumError as error:
            raise _told(error, path) from error

    def modified(self, path: str) -> datetime:
        """When it was changed last; raises NotImplementedError where the store does not know."""
        at: datetime | None = self.info(path)["mtime"]
        if at is None:
            raise NotImplementedError(f"nothing is known of the time of {path}")
        return at

    def checksum(self, path: str) -> str:
        """The SHA-256, in hex."""
        group, below = self._place(path)
        try:
            return self.client.files.checksum(below, group)
        except CollegiumError as error:
            raise _told(error, path) from error

    def ukey(self, path: str) -> str:
        """Changes with the content."""
        found = self.info(path)
        return str(found["etag"] or found["size"])

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """Bytes of a file; negative positions count from its end."""
        group, below = self._place(path)
        if (start or 0) < 0 or (end or 0) < 0:
            size = int(self.info(path)["size"])
            start = max(0, size + start) if start is not None and start < 0 else start
            end = size + end if end is not None and end < 0 else end
        try:
            return self.client.files.read(below, group, start=start or 0, end=end)
        except CollegiumError as error:
            raise _told(error, path) from error

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """A small file in one go."""
        group, below = self._place(path)
        try:
            self.client.files.write(below, value, group, replace=mode != "create")
        except CollegiumError as error:
            raise _told(error, path) from error

    def get_file(self, rpath: str, lpath: Any, callback: Any = None, outfile: Any = None, **options: Any) -> None:
        """Fetch a file; a connection that breaks is taken up where it broke."""
        if outfile is not None or self.isdir(rpath):
            super().get_file(rpath, lpath, outfile=outfile, **({"callback": callback} if callback else {}), **options)
            return
        group, below = self._place(rpath)
        target = Path(lpath)
        try:
            self.client.files.download(below, target, group)
        except CollegiumError as error:
            raise _told(error, rpath) from error

    def put_file(self, lpath: Any, rpath: str, callback: Any = None, mode: str = "overwrite", **_: Any) -> None:
        """Send a file, of any size; a connection that breaks is taken up where it broke."""
        local = Path(lpath)
        if local.is_dir():
            self.makedirs(rpath, exist_ok=True)
            return
        group, below = self._place(rpath)
        try:
            self.client.files.upload(local, below, group, replace=mode != "create")
        except CollegiumError as error:
            raise _told(error, rpath) from error

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Make a folder and those above it. Raises FileExistsError."""
        if self.exists(path):
            raise FileExistsError(path)
        self.makedirs(path, exist_ok=True)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """The same; with ``exist_ok`` one that is there is fine."""
        group, below = self._place(path)
        if not exist_ok and self.exists(path):
            raise FileExistsError(path)
        if below:
            try:
                self.client.files.make_folder(below, group)
            except CollegiumError as error:
                raise _told(error, path) from error

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Put into the trash. A folder that is not empty only if ``recursive``."""
        for one in self.expand_path(path, recursive=False):
            if not recursive and self.isdir(one) and self.ls(one):
                raise OSError(f"{one} is not empty")
            self.rm_file(one)

    def rm_file(self, path: str) -> None:
        """Put one thing into the trash."""
        group, below = self._place(path)
        try:
            self.client.files.delete(below, group)
        except CollegiumError as error:
            raise _told(error, path) from error

    rmdir = rm_file

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copy, within a group at the server."""
        (group, source), (other, target) = self._place(path1), self._place(path2)
        if group != other:
            with tempfile.TemporaryDirectory() as folder:
                local = Path(folder) / "file"
                self.get_file(path1, local)
                self.put_file(local, path2)
            return
        if self.isdir(path1):
            self.makedirs(path2, exist_ok=True)
            return
        try:
            self.client.files.copy(source, target, group, replace=True)
        except CollegiumError as error:
            raise _told(error, path1) from error

    def mv(self, path1: str, path2: str, recursive: bool = False, maxdepth: int | None = None, **options: Any) -> None:
        """Rename or move, within a group at the server."""
        (group, source), (other, target) = self._place(path1), self._place(path2)
        if group != other:
            super().mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **options)
            return
        try:
            self.client.files.move(source, target, group, replace=True)
        except CollegiumError as error:
            raise _told(error, path1) from error

    def _open(self, path: str, mode: str = "rb", block_size: Any = None, **options: Any) -> CollegiumFile:
        options.pop("autocommit", None)
        size = self.info(path)["size"] if mode == "rb" else None
        return CollegiumFile(self, path, mode, block_size=block_size or BLOCK, size=size, **options)

    def _place(self, path: str) -> tuple[str, str]:
        group, _, below = str(self._strip_protocol(path)).partition("/")
        return group, below.strip("/")

    def _entry(self, group: str, below: str) -> EntryDetail:
        return self.client.files.get(below, group)


class CollegiumFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file that is read by ranges, or written beside its place and sent when it is closed."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        return bytes(self.fs.cat_file(self.path, start, end))

    def _initiate_upload(self) -> None:
        if self.mode == "ab":
            raise NotImplementedError("files of groups are replaced whole; read it, and write it anew")
        self._draft = tempfile.NamedTemporaryFile(prefix="collegium-")  # noqa: SIM115 - closed by the last chunk

    def _upload_chunk(self, final: bool = False) -> bool:
        self.buffer.seek(0)
        while piece := self.buffer.read(PIECE):
            self._draft.write(piece)
        if final:
            self._draft.flush()
            try:
                self.fs.put_file(self._draft.name, self.path, mode="create" if self.mode == "xb" else "overwrite")
            finally:
                self._draft.close()
        return True


def _info(group: str, entry: EntryOut | EntryDetail) -> dict[str, Any]:
    return {
        "name": f"{group}/{entry.path}",
        "size": entry.size,
        "type": "directory" if entry.kind == "folder" else "file",
        "mtime": entry.modified_at,
        "etag": entry.etag,
    }


def _folder(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory", "mtime": None, "etag": ""}


def _told(error: CollegiumError, path: Any) -> Exception:
    """As other file systems say it, so that programs which know those know this; anything else as it is."""
    kinds: Sequence[tuple[type[CollegiumError], type[OSError]]] = (
        (NotFound, FileNotFoundError),
        (Forbidden, PermissionError),
    )
    for ours, theirs in kinds:
        if isinstance(error, ours):
            return theirs(f"{path}: {error.message}")
    if isinstance(error, Conflict):
        return FileExistsError(f"{path}: {error.message}")
    return error
