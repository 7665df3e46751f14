"""Zip archives.

The library's reader keeps every entry in memory and gives decompressors all the room they ask for; this one goes along
the list at the archive's end, and gives the same library's decompressors a bound.
"""

from __future__ import annotations

import bz2
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from collegium.services.unpacking.members import Member, MemberKind
from collegium.services.unpacking.source import PIECE, Source, broken, refused

#: What such an archive begins with: an entry, or its end, old or new, if it is empty.
MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06")
_END = struct.Struct("<4s4H2LH")
_FAR = struct.Struct("<4sLQL")
_FAR_END = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_LOCAL = struct.Struct("<4s2B4HL2L2H")
_LONG = 0xFFFFFFFF
#: Bits of an entry's flags: encrypted in one way or the other, a patch, and a name in UTF-8.
_ENCRYPTED, _PATCH, _UTF8 = 0x2041, 0x20, 0x800
_STORED, _DEFLATED, _BZIP2 = 0, 8, 12
#: Systems whose entries have a mode of Unix.
_UNIX = (3, 19)
_READ = 1 << 16


@dataclass(frozen=True)
class _Entry:
    name: str
    method: int
    crc: int
    packed: int
    size: int
    offset: int


def members(source: Source) -> Iterator[Member]:
    """The entries, in the order of the list."""
    at, end, count = _list_of(source)
    seen = 0
    while at < end:
        fields = _unpacked(_ENTRY, source.read(at, _ENTRY.size), b"PK\x01\x02", "its list of entries is damaged")
        system, flags, method, crc = fields[2], fields[5], fields[6], fields[9]
        lengths, attributes = fields[12:15], fields[17]
        more = source.read(at + _ENTRY.size, sum(lengths))
        at += _ENTRY.size + sum(lengths)
        if at > end or len(more) != sum(lengths):
            raise broken("its list of entries is cut off")
        name = _name(more[: lengths[0]], flags)
        size, packed, offset = _sizes(fields, more[lengths[0] : lengths[0] + lengths[1]], name)
        seen += 1
        kind = _kind(name, attributes >> 16 if system in _UNIX else 0)
        if kind is MemberKind.FILE:
            _check(name, flags, method)
        entry = _Entry(name, method, crc, packed, size, offset)
        yield Member(name, kind, size, partial(_pieces, source, entry))
    if seen & 0xFFFF != count & 0xFFFF:
        raise broken(f"its list has {seen} entries and not {count}")


def _list_of(source: Source) -> tuple[int, int, int]:
    """Where the list of entries begins and ends, and how many there are."""
    start = max(0, source.size - _END.size - 0xFFFF)
    tail = source.read(start, source.size - start)
    place = tail.rfind(b"PK\x05\x06")
    while place >= 0:
        found = tail[place : place + _END.size]
        if len(found) == _END.size and place + _END.size + _END.unpack(found)[7] == len(tail):
            break
        place = tail.rfind(b"PK\x05\x06", 0, place)
    if place < 0:
        raise broken("it is cut off: its end is missing")
    _, disk, first, _, count, size, at, _ = _END.unpack(tail[place : place + _END.size])
    end = start + place
    far = source.read(max(0, end - _FAR.size), _FAR.size) if end >= _FAR.size else b""
    if far[:4] == b"PK\x06\x07":
        end = _FAR.unpack(far)[2]
        fields = _unpacked(_FAR_END, source.read(end, _FAR_END.size), b"PK\x06\x06", "its end is damaged")
        disk, first, count, size, at = fields[4], fields[5], fields[7], fields[8], fields[9]
    if disk or first:
        raise broken("it is one of several parts")
    if at + size > end:
        raise broken("its list of entries is not where it should be")
    return at, at + size, count


def _unpacked(form: struct.Struct, data: bytes, mark: bytes, problem: str) -> tuple[int, ...]:
    if len(data) != form.size or data[:4] != mark:
        raise broken(problem)
    return form.unpack(data)


def _name(raw: bytes, flags: int) -> str:
    """UTF-8 also where it is not said, as many programs have it, and the old code page where it cannot be."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        if flags & _UTF8:
            raise refused(repr(raw), "has a name that is not in UTF-8") from None
        return raw.decode("cp437")


def _sizes(fields: tuple[int, ...], extra: bytes, name: str) -> tuple[int, int, int]:
    """Size, packed size and place of an entry; what is too large for them is in the extra fields."""
    values = [fields[11], fields[10], fields[18]]
    while len(extra) >= 4 and _LONG in values:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 1:
            rest = extra[4 : 4 + length]
            for number, value in enumerate(values):
                if value == _LONG:
                    if len(rest) < 8:
                        raise refused(name, "has no size")
                    values[number], rest = int.from_bytes(rest[:8], "little"), rest[8:]
            break
        extra = extra[4 + length :]
    return values[0], values[1], values[2]


def _kind(name: str, mode: int) -> MemberKind:
    if name.endswith("/"):
        return MemberKind.FOLDER
    form = stat.S_IFMT(mode)
    if form == stat.S_IFDIR:
        return MemberKind.FOLDER
    return MemberKind.FILE if form in (0, stat.S_IFREG) else MemberKind.OTHER


def _check(name: str, flags: int, method: int) -> None:
    if flags & _ENCRYPTED:
        raise refused(name, "is encrypted; unpack it where its password is")
    if flags & _PATCH or method not in (_STORED, _DEFLATED, _BZIP2):
        raise refused(name, f"is packed by method {method}; known are stored, deflated and bzip2")


def _pieces(source: Source, entry: _Entry) -> Iterator[bytes]:
    """The content, which is what the list says of it."""
    head = source.read(entry.offset, _LOCAL.size)
    fields = _unpacked(_LOCAL, head, b"PK\x03\x04", f"its entry {entry.name!r} is not where it should be")
    start = entry.offset + _LOCAL.size + fields[10] + fields[11]
    end = start + entry.packed
    if end > source.size:
        raise refused(entry.name, "is cut off")
    size = crc = 0
    raw = _raw(source, start, end)
    for piece in raw if entry.method == _STORED else _unpacking(raw, entry):
        size += len(piece)
        if size > entry.size:
            raise refused(entry.name, f"is larger than the {entry.size} bytes that the archive tells of")
        crc = zlib.crc32(piece, crc)
        yield piece
    if size != entry.size:
        raise refused(entry.name, f"has {size} bytes and not the {entry.size} that the archive tells of")
    if crc != entry.crc:
        raise refused(entry.name, "is damaged: its checksum differs")


def _raw(source: Source, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        piece = source.read(start, min(_READ, end - start))
        yield piece
        start += len(piece)


def _unpacking(raw: Iterator[bytes], entry: _Entry) -> Iterator[bytes]:
    try:
        yield from _inflated(raw) if entry.method == _DEFLATED else _bunzipped(raw)
    except (zlib.error, OSError, EOFError):
        raise refused(entry.name, "is damaged or cut off") from None


def _inflated(raw: Iterator[bytes]) -> Iterator[bytes]:
    machine = zlib.decompressobj(-zlib.MAX_WBITS)
    while not machine.eof:
        data = machine.unconsumed_tail or next(raw, b"")
        piece = machine.decompress(data, PIECE)
        if piece:
            yield piece
        elif not data:
            raise EOFError


def _bunzipped(raw: Iterator[bytes]) -> Iterator[bytes]:
    machine = bz2.BZ2Decompressor()
    while not machine.eof:
        data = next(raw, b"") if machine.needs_input else b""
        if machine.needs_input and not data:
            raise EOFError
        if piece := machine.decompress(data, PIECE):
            yield piece
