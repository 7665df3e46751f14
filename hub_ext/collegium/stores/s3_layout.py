"""How an upload lies in S3: which bytes are in which part, and what of it is there. No calls in here.

Part ``i`` always holds the same bytes, whoever sends it and when: a request of a process that was killed, which the
server gets to late, changes nothing. What is less than a part is kept in objects of their own, named by their first
byte and their length, until the part is full.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collegium.stores.s3_bucket import Found

MiB = 1 << 20
#: S3 takes 10,000 parts. Some are left for those that were sent again, because their checksum was wrong.
PLANNED = 9000
MAX_PARTS = 10_000
#: Where the size is unknown parts double after so many: 10,000 of them hold 5 TiB.
_STEP = 1000
_TAIL = re.compile(r"tail\.([0-9]+)\.([0-9]+)", re.ASCII)
_SHIFT = re.compile(r"shift\.([0-9]+)\.([0-9]+)", re.ASCII)


@dataclass(frozen=True)
class Layout:
    """Bytes of parts: ``part`` each, twice as many after each thousand where the size was unknown at the beginning.
    What is kept in memory, and sent, at a time is a part of up to ``largest`` bytes, and ``chunk`` of a larger one."""

    part: int
    chunk: int
    growing: bool = False
    size: int | None = None
    largest: int = 0

    @classmethod
    def planned(cls, size: int | None, chunk: int, largest: int = 0) -> Layout:
        """For a new upload."""
        if size is None:
            return cls(chunk, chunk, True, None, largest)
        return cls(max(chunk, -(-size // (PLANNED * MiB)) * MiB), chunk, False, size, largest)

    def bounds(self, index: int) -> tuple[int, int]:
        """First byte of a part, and that behind its last."""
        step, rest = divmod(index, _STEP) if self.growing else (0, index)
        length = self.part << step
        start = self.part * _STEP * ((1 << step) - 1) + rest * length
        return start, start + length if self.size is None else min(start + length, self.size)

    def index(self, offset: int) -> int:
        """Which part a byte is in."""
        if not self.growing:
            return offset // self.part
        step = (offset // (self.part * _STEP) + 1).bit_length() - 1
        return step * _STEP + (offset - self.part * _STEP * ((1 << step) - 1)) // (self.part << step)

    def chunk_at(self, offset: int) -> tuple[int, int]:
        """First byte of the chunk that a byte is in, and that behind its last."""
        start, end = self.bounds(self.index(offset))
        if end - start <= self.largest:
            return start, end
        first = start + (offset - start) // self.chunk * self.chunk
        return first, min(first + self.chunk, end)


@dataclass(frozen=True)
class Sent:
    """A part that S3 has."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True)
class State:
    """What is there of an upload: its parts as S3 lists them, and the objects beside it."""

    layout: Layout
    listed: Mapping[int, Sent]
    tails: Mapping[tuple[int, int], str]
    #: (index, number): from this index on, parts have numbers from this one on. Written when bytes are forgotten.
    shifts: Sequence[tuple[int, int]]

    @classmethod
    def read(cls, layout: Layout, listed: Sequence[Sent], objects: Sequence[Found], prefix: str) -> State:
        """From what was listed. An object's length is its own, whatever its name says."""
        tails, shifts = {}, []
        for one in objects:
            if match := _TAIL.fullmatch(one.key, len(prefix)):
                tails[int(match[1]), one.size] = one.key
            elif match := _SHIFT.fullmatch(one.key, len(prefix)):
                shifts.append((int(match[1]), int(match[2])))
        return cls(layout, {part.number: part for part in listed}, tails, sorted(shifts, key=lambda shift: shift[1]))

    def number(self, index: int) -> int:
        """The number of a part."""
        for first, number in reversed(self.shifts):
            if first <= index:
                return number + index - first
        return index + 1

    @property
    def next_number(self) -> int:
        """One that no part has or ever had."""
        return max([*self.listed, *(number for _, number in self.shifts), 0]) + 1

    @property
    def counted(self) -> list[Sent]:
        """The parts that count, from the first byte on without a gap."""
        found: list[Sent] = []
        while (part := self.listed.get(self.number(len(found)))) is not None:
            start, end = self.layout.bounds(len(found))
            whole = part.size == end - start
            if start >= end or not (whole or (self.layout.size is None and 0 < part.size < end - start)):
                break
            found.append(part)
            if not whole:
                break
        return found

    @property
    def in_parts(self) -> int:
        """Bytes in those."""
        return sum(part.size for part in self.counted)

    @property
    def chain(self) -> list[tuple[int, int]]:
        """(first byte, length) of the objects that go on where the parts end."""
        at = self.in_parts
        found: list[tuple[int, int]] = []
        while longest := max((length for start, length in self.tails if start == at), default=0):
            found.append((at, longest))
            at += longest
        return found

    @property
    def received(self) -> int:
        """Bytes that are there from the first on."""
        return self.in_parts + sum(length for _, length in self.chain)

    @property
    def strays(self) -> list[str]:
        """Objects that no longer count."""
        chain = set(self.chain)
        return [key for tail, key in self.tails.items() if tail not in chain]

    @property
    def direct(self) -> list[Sent]:
        """Parts that their sender sent here itself, of sizes of its choice; empty if one is missing."""
        parts = [self.listed[number] for number in sorted(self.listed)]
        return parts if [part.number for part in parts] == list(range(1, len(parts) + 1)) else []
