"""Which kind of archive it is: its content tells, whatever it is called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from collegium.domain.files import Size
from collegium.services.unpacking import tars, zips
from collegium.services.unpacking.members import Checked, Member
from collegium.services.unpacking.source import Source
from collegium.stores.port import NewEntry, Progress


@dataclass(frozen=True)
class Survey:
    """What an archive tells of itself; not ``whole`` where the looking ended because it was too much already."""

    size: Size
    left_out: int
    whole: bool = True


def survey(source: Source, target: str, most: int | None, progress: Progress) -> Survey:
    """Go through the entries without unpacking any. Raises InvalidInput for what may not be unpacked; ends early with
    more than ``most`` bytes. Blocks."""
    checked = Checked(target, source.size)
    for _ in checked.entries(_members(source)):
        progress(Size())
        if most is not None and checked.size.bytes > most:
            return Survey(checked.size, checked.left_out, whole=False)
    return Survey(checked.size, checked.left_out)


def entries(source: Source, target: str, told: Survey) -> Iterator[NewEntry]:
    """The entries with their content. Raises as ``survey``, and for more than that told of. Blocks."""
    return Checked(target, source.size, told.size).entries(_members(source))


def _members(source: Source) -> Iterator[Member]:
    if source.read(0, 4) in zips.MARKS:
        return zips.members(source)
    return tars.members(source)
