"""Tar archives, packed or plain: from the first entry to the last, once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

from collegium.services.unpacking.members import Member, MemberKind
from collegium.services.unpacking.source import PIECE, Source, Stream, broken, refused

#: What packed ones begin with.
GZIP, BZIP2, XZ = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
#: Bytes that may stand before one entry: headers, long names and what else tells of it.
_HEADERS = 1 << 20
#: Memory that xz may take: what its strongest usual setting, -9, needs. Its usual one needs 9 MiB.
XZ_MEMORY = 72 << 20
#: Bytes behind the end that are looked at, so that the checksum of what is packed is seen.
_BEHIND = 1 << 20
_SKIP = 1 << 16


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Xz:
    """Packed by xz, in bounded memory, which the library's own file cannot."""

    def __init__(self, packed: _Readable) -> None:
        self._packed = packed
        self._machine = self._fresh()
        self._left = b""

    def _fresh(self) -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        while True:
            if self._machine.eof:
                self._left = (self._machine.unused_data.lstrip(b"\0")) or self._more().lstrip(b"\0")
                if not self._left:
                    return b""
                self._machine = self._fresh()
            data, self._left = self._left, b""
            if self._machine.needs_input and not data and not (data := self._more()):
                raise EOFError
            if found := self._machine.decompress(data, size):
                return found

    def _more(self) -> bytes:
        return self._packed.read(_SKIP)


class _Forward:
    """What the library reads headers of: it goes forwards only, and no header is longer than it may be."""

    def __init__(self, stream: Any, source: Source, packed: bool) -> None:
        self._stream, self._source, self._packed = stream, source, packed
        self._at = 0
        self.left = _HEADERS
        #: What was read last: zeros, if it is the end.
        self.last = b""

    def tell(self) -> int:
        return self._at

    def seek(self, place: int) -> None:
        """Go forwards."""
        if place < self._at:
            raise broken("it leads back into itself")
        if not self._packed:
            # Nothing is there to be read, if it is behind the end.
            self._stream.seek(place)
            self._at = place
            return
        while self._at < place and (piece := self.content(min(_SKIP, place - self._at))):
            del piece

    def read(self, size: int) -> bytes:
        """Of headers."""
        if size > self.left:
            raise broken(f"more than {_HEADERS} bytes tell of one entry")
        self.left -= size
        found = []
        while size > 0 and (piece := self.content(size)):
            found.append(piece)
            size -= len(piece)
        self.last = b"".join(found)
        return self.last

    def content(self, size: int) -> bytes:
        """Some of the bytes that come next."""
        found: bytes = self._stream.read(size)
        self._at += len(found)
        return found


def members(source: Source) -> Iterator[Member]:
    """The entries in their order."""
    stream, packed = _opened(source)
    forward = _Forward(stream, source, packed)
    try:
        yield from _members(forward, "holds" if packed else "is")
        if packed:
            behind = 0
            while behind < _BEHIND and (piece := forward.content(_SKIP)):
                behind += len(piece)
    except EOFError:
        raise broken("it is cut off") from None
    except lzma.LZMAError as error:
        if "limit" in str(error):
            raise broken(f"it was packed so that unpacking takes more than {XZ_MEMORY >> 20} MiB of memory") from None
        raise broken("it is damaged or cut off") from None
    except (OSError, RecursionError, ValueError, tarfile.TarError, zlib.error):
        raise broken("it is damaged or cut off") from None


def _opened(source: Source) -> tuple[Any, bool]:
    start, stream = source.read(0, 6), Stream(source)
    if start.startswith(GZIP):
        return gzip.GzipFile(fileobj=stream), True
    if start.startswith(BZIP2):
        return bz2.BZ2File(stream), True
    if start.startswith(XZ):
        return _Xz(stream), True
    return stream, False


def _members(forward: _Forward, how: str) -> Iterator[Member]:
    try:
        archive: Any = tarfile.TarFile(
            fileobj=forward,  # type: ignore[arg-type]
            encoding="utf-8",
            errors="surrogateescape",
        )
    except tarfile.ReadError:
        raise broken(f"it {how} no archive: known are zip and tar, plain or packed by gzip, bzip2 or xz") from None
    while (info := archive.next()) is not None:
        # The library keeps them all.
        archive.members.clear()
        archive.pax_headers.clear()
        yield _member(forward, info)
        forward.left = _HEADERS
    if forward.last.strip(b"\0") or len(forward.last) != tarfile.BLOCKSIZE:
        raise broken("it is cut off or damaged: its end is missing")


def _member(forward: _Forward, info: tarfile.TarInfo) -> Member:
    if info.islnk():
        raise refused(info.name, "is a hard link; pack it with tar --hard-dereference")
    if info.issparse():
        raise refused(info.name, "is a sparse file; pack it without tar --sparse")
    if info.size < 0:
        raise refused(info.name, "has a size below zero")
    if info.isdir():
        return Member(info.name, MemberKind.FOLDER)
    if not info.isreg():
        return Member(info.name, MemberKind.OTHER)
    return Member(info.name, MemberKind.FILE, info.size, lambda: _pieces(forward, info))


def _pieces(forward: _Forward, info: tarfile.TarInfo) -> Iterator[bytes]:
    left = info.size
    while left:
        piece = forward.content(min(PIECE, left))
        if not piece:
            raise refused(info.name, "is cut off")
        left -= len(piece)
        yield piece
