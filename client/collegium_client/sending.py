"""What the plain and the async client share where files are sent: tus 1.0 as operations, and pieces of a local file."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from collegium_client.errors import CollegiumError, Conflict, Unreachable
from collegium_client.models import EntryOut, UploadOut
from collegium_client.wire import Operation, place

#: Told bytes so far and bytes in all.
Progress = Callable[[int, int], None]
PIECE = 1 << 20
#: Tries of a whole upload whose bytes turned out to be those of another file.
ANEW = 2
#: Seconds between looks at an upload that is being finished: at first, and at most.
FIRST_LOOK, LAST_LOOK = 0.1, 2.0
_TUS = {"Tus-Resumable": "1.0.0"}
_OFFSET = "Upload-Offset"


@dataclass(frozen=True)
class Sending:
    """A local file on its way to a path."""

    file: Path
    path: str
    size: int
    replace: bool
    sha256: str = ""

    @classmethod
    def of(cls, local: str | Path, path: str, replace: bool, checksum: bool) -> Sending:
        """Look at a local file. Raises CollegiumError (code ``local_file``)."""
        file = Path(local)
        try:
            with file.open("rb") as opened:
                size = os.fstat(opened.fileno()).st_size
                digest = hashlib.file_digest(opened, "sha256").hexdigest() if checksum else ""
        except OSError as error:
            raise unreadable(file, error) from error
        return cls(file, path, size, replace, digest)

    def pieces(self, start: int, count: int, progress: Progress | None = None) -> Iterator[bytes]:
        """``count`` bytes from ``start``; raises CollegiumError if the file has become shorter."""
        try:
            with self.file.open("rb") as opened:
                opened.seek(start)
                while count > 0:
                    piece = opened.read(min(PIECE, count))
                    if not piece:
                        raise CollegiumError(f"{self.file} became shorter while it was sent", code="local_file")
                    count, start = count - len(piece), start + len(piece)
                    yield piece
                    if progress is not None:
                        progress(start, self.size)
        except OSError as error:
            raise unreadable(self.file, error) from error

    def is_of(self, upload: UploadOut) -> bool:
        """Could this be an unfinished upload of the same file?"""
        same = (upload.path, upload.size, upload.replace) == (self.path, self.size, self.replace)
        return same and str(upload.state) == "Open" and upload.part_size is None

    def body(self) -> Mapping[str, object]:
        """To begin with parts that go straight to the store."""
        asked: dict[str, object] = {"path": self.path, "size": self.size, "replace": self.replace, "direct": True}
        return {**asked, "sha256": self.sha256} if self.sha256 else asked


def create(group: str, sending: Sending) -> Operation[bytes]:
    """Begin an upload."""
    metadata = {"path": sending.path, "replace": "true" if sending.replace else "false"}
    if sending.sha256:
        metadata["sha256"] = sending.sha256
    pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
    headers = {**_TUS, "Upload-Length": str(sending.size), "Upload-Metadata": pairs}
    return Operation("POST", _uploads(group), bytes, headers=headers)


def look(group: str, upload: str) -> Operation[bytes]:
    """How many bytes are safe."""
    return Operation("HEAD", f"{_uploads(group)}/{place(upload)}", bytes, headers=_TUS)


def more(group: str, upload: str, offset: int, content: object, count: int) -> Operation[bytes]:
    """The next ``count`` bytes."""
    headers = {
        **_TUS,
        _OFFSET: str(offset),
        "Content-Type": "application/offset+octet-stream",
        "Content-Length": str(count),
    }
    return Operation("PATCH", f"{_uploads(group)}/{place(upload)}", bytes, headers=headers, content=content)


def put(group: str, path: str, data: bytes, if_match: str | None, if_none_match: str | None) -> Operation[EntryOut]:
    """A small file in one go."""
    headers = {
        "Content-Type": "application/octet-stream",
        "If-Match": None if if_match is None else f'"{if_match}"',
        "If-None-Match": if_none_match,
    }
    target = f"/api/v1/groups/{place(group)}/files/content"
    return Operation("PUT", target, EntryOut, query={"path": path}, headers=headers, content=data)


def id_of(headers: Mapping[str, str]) -> str:
    """The upload that was begun. Raises Unreachable where the answer names none."""
    name = headers.get("Location", "").rpartition("/")[2]
    if not name:
        raise Unreachable("the server began an upload and did not say which; is the client as new as the server?")
    return name


def offset_of(headers: Mapping[str, str]) -> int:
    """Bytes that are safe. Raises Unreachable."""
    text = headers.get(_OFFSET, "")
    if not text.isascii() or not text.isdecimal():
        raise Unreachable("the server did not say how much of an upload it has")
    return int(text)


def failed(upload: UploadOut) -> Conflict:
    """The error of an upload that came whole and was not taken."""
    return Conflict(f"{upload.path}: {upload.message or 'the upload failed'}")


def unreadable(file: Path, error: OSError) -> CollegiumError:
    """The error of a local file."""
    return CollegiumError(f"{file} cannot be read: {error.strerror}", code="local_file")


def files_below(folder: Path) -> Iterator[tuple[Path, str]]:
    """Files of a local folder and their paths below it; links are not followed into folders."""
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            file = Path(where) / name
            if file.is_file():
                yield file, file.relative_to(folder).as_posix()


def error_is_final(error: Exception) -> bool:
    """Would going on at the right place not help?"""
    if isinstance(error, CollegiumError):
        return error.status not in (0, 409, 429, 460, 502, 503, 504) or error.code == "local_file"
    return False


def _uploads(group: str) -> str:
    return f"/api/v1/groups/{place(group)}/files/uploads"
