"""A local folder as one archive that is made while it is sent: thousands of small files are one upload, and are files
again where they go."""

from __future__ import annotations

import os
import secrets
import tarfile
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from collegium_client.errors import CollegiumError, Conflict
from collegium_client.models import FileTaskOut, UploadOut
from collegium_client.sending import PIECE, Progress, Sending, unreadable

if TYPE_CHECKING:
    from collegium_client.files import Files

#: Most files and folders that the service takes out of one archive.
MAX_ENTRIES = 200_000
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
#: How far back an archive that was just deleted is looked for in the trash.
_LATEST = 200


@dataclass(frozen=True)
class Member:
    """A file, or a folder, and where in the archive it begins."""

    file: Path
    name: str
    size: int
    modified: int
    folder: bool
    start: int = 0
    head: int = 0

    def header(self) -> bytes:
        """What stands before it. Whose it is and who may read it is of no concern where it goes."""
        info = tarfile.TarInfo(self.name)
        info.size, info.mtime = self.size, self.modified // 1_000_000_000
        info.type = tarfile.DIRTYPE if self.folder else tarfile.REGTYPE
        return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")

    def pieces(self) -> Iterator[bytes]:
        """All of it, to the next one. Raises CollegiumError if the file is another than it was."""
        yield self.header()
        if self.folder:
            return
        try:
            with self.file.open("rb") as opened:
                facts, left = os.fstat(opened.fileno()), self.size
                if (facts.st_size, facts.st_mtime_ns) != (self.size, self.modified):
                    raise CollegiumError(f"{self.file} was changed while the folder was sent", code="local_file")
                while left and (piece := opened.read(min(PIECE, left))):
                    left -= len(piece)
                    yield piece
        except OSError as error:
            raise unreadable(self.file, error) from error
        if left:
            raise CollegiumError(f"{self.file} became shorter while it was sent", code="local_file")
        yield bytes(-self.size % _BLOCK)


@dataclass(frozen=True)
class Packed(Sending):
    """Such an archive on its way; the same bytes at the same place each time, as long as no file changes."""

    members: Sequence[Member] = ()

    @classmethod
    def folder(cls, local: Path, path: str) -> Packed:
        """Look at all that is in a folder. Raises CollegiumError (code ``local_file``)."""
        members: list[Member] = []
        at = 0
        for member in _members(local):
            if len(members) >= MAX_ENTRIES:
                text = f"{local} has more than {MAX_ENTRIES} files and folders, the most of one archive; send its parts"
                raise CollegiumError(text, code="local_file")
            try:
                member.name.encode()
            except UnicodeError:
                text = f"{member.name!a} in {local} is no name in UTF-8"
                raise CollegiumError(text, code="local_file") from None
            head = len(member.header())
            members.append(Member(member.file, member.name, member.size, member.modified, member.folder, at, head))
            at += head + member.size + -member.size % _BLOCK
        return cls(local, path, at + len(_END), False, "", members)

    def pieces(self, start: int, count: int, progress: Progress | None = None) -> Iterator[bytes]:
        """``count`` bytes from ``start``, in pieces that are worth a call each."""
        buffer = bytearray()
        for part in self._clipped(start, start + count):
            buffer += part
            if len(buffer) >= PIECE:
                start += len(buffer)
                yield bytes(buffer)
                buffer.clear()
                if progress is not None:
                    progress(start, self.size)
        if buffer:
            yield bytes(buffer)
            if progress is not None:
                progress(start + len(buffer), self.size)

    def _clipped(self, start: int, end: int) -> Iterator[bytes]:
        first = max(0, bisect_right(self.members, start, key=lambda m: m.start) - 1)
        at = self.members[first].start if self.members else 0
        for part in self._from(first):
            if at >= end:
                return
            yield part[max(0, start - at) : end - at]
            at += len(part)

    def _from(self, first: int) -> Iterator[bytes]:
        for member in islice(self.members, first, None):
            yield from member.pieces()
        yield _END

    def is_of(self, upload: UploadOut) -> bool:
        """Never: whether what is there already is the same nobody knows."""
        return False


def _members(folder: Path) -> Iterator[Member]:
    """As ``files_below``, with the folders, so that empty ones are there as well."""

    def failed(error: OSError) -> None:
        raise unreadable(Path(error.filename or folder), error) from error

    for where, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not (Path(where) / name).is_symlink())
        for name in folders:
            inner = Path(where) / name
            yield Member(inner, inner.relative_to(folder).as_posix(), 0, 0, folder=True)
        for name in sorted(names):
            file = Path(where) / name
            if file.is_file():
                facts = file.stat()
                below = file.relative_to(folder).as_posix()
                yield Member(file, below, facts.st_size, facts.st_mtime_ns, folder=False)


def place_beside(target: str) -> str:
    """Where the archive lies for as long as it is needed."""
    above = target.rpartition("/")[0]
    return f"{above}/.collegium-{secrets.token_hex(6)}.tar".lstrip("/")


def default_target(source: str) -> str:
    """The folder beside an archive that is called as it is, without its ending."""
    lower = source.lower()
    for ending in (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tbz2", ".txz", ".tar", ".zip"):
        if lower.endswith(ending) and not lower.endswith(f"/{ending}") and len(lower) > len(ending):
            return source[: -len(ending)]
    return f"{source}.unpacked"


def unpack_sent(files: Files, packed: Packed, target: str, group: str, replace: bool) -> FileTaskOut:
    """Unpack what was sent, and let nothing of it stay. Raises what went wrong, with what to do about it."""
    try:
        done = files.unpack(packed.path, target, group, replace=replace)
    except CollegiumError as error:
        raise _told(
            error,
            f"all was sent and is in {packed.path}, but was not unpacked: {error.message}. "
            f"Try 'collegium files unpack {quote(packed.path)} {quote(target)}', or remove it",
        ) from error
    try:
        files.delete(packed.path, group)
        trashed = next((t for t in islice(files.trash(group), _LATEST) if t.path == packed.path), None)
        if trashed is None:
            raise Conflict("it is not in the trash")
        files.purge(trashed.id, group)
    except CollegiumError as error:
        raise _told(
            error,
            f"all is in {target}, but the archive {packed.path} that it came in could not be removed for good: "
            f"{error.message}. Delete it, and purge it from the trash",
        ) from error
    return done


def _told(error: CollegiumError, text: str) -> CollegiumError:
    return type(error)(text, code=error.code, details=error.details, request_id=error.request_id, status=error.status)
