"""What must not be read in the logs of runs with secrets.

On a cluster the program writes its log itself: a process between the two would need something in every image, and
would take signals and back pressure from the program. So the log is masked whenever it is read while the run goes on,
and when it is over a masked copy takes its place. Positions in it must stand, so a value becomes as many asterisks as
it has bytes.

For that the values are kept in the attempt's folder, in ``mask``: sealed, out of the run's sight, and only for as long
as the log is not masked for good. Whoever reads logs has the key, for it may be another process than the controller.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

from collegium.backends.local.layout import sync_directory, write_durable
from collegium.cipher import Cipher
from collegium.domain.errors import Misconfigured
from collegium.domain.masking import Shapes, blot, join
from collegium.domain.secrets import MIN_MASKED, shapes

_FILE = "mask"
#: Bytes of a log that are looked at together.
_PIECE = 1 << 20
#: Runs whose shapes are remembered.
_REMEMBERED = 64


class Masks:
    """Keeps, finds and removes them. All methods block."""

    def __init__(self, cipher: Cipher) -> None:
        self._cipher = cipher
        self._known: OrderedDict[Path, tuple[tuple[int, int], Shapes]] = OrderedDict()

    def add(self, attempt: Path, values: Iterable[str]) -> None:
        """These values, and those that an earlier start may have given it. Raises OSError; Misconfigured: no key."""
        kept = self._values(attempt) or []
        together = sorted({*kept, *values})
        if together != kept:
            sealed = self._cipher.seal(json.dumps(together), _about(attempt))
            write_durable(attempt / _FILE, sealed.encode())

    def of(self, attempt: Path) -> Shapes:
        """What is to be masked in the log now, nothing if there is nothing. Raises Misconfigured: no key opens it."""
        try:
            found = os.stat(attempt / _FILE)
        except FileNotFoundError:
            return Shapes()
        mark = (found.st_ino, found.st_mtime_ns)
        known = self._known.get(attempt)
        if known is None or known[0] != mark:
            values = self._values(attempt)
            if values is None:
                return Shapes()
            known = self._known[attempt] = (mark, Shapes(shapes(values)))
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known[1]

    def drop(self, attempt: Path) -> None:
        """The log needs them no more."""
        self._known.pop(attempt, None)
        if (attempt / _FILE).exists():
            (attempt / _FILE).unlink(missing_ok=True)
            sync_directory(attempt)

    def _values(self, attempt: Path) -> list[str] | None:
        try:
            sealed = (attempt / _FILE).read_text()
        except FileNotFoundError:
            return None
        try:
            return [str(value) for value in json.loads(self._cipher.open(sealed, _about(attempt)))]
        except Misconfigured as error:
            # Better no log than one with secrets in it.
            raise Misconfigured(f"This log cannot be shown, since secrets may be in it. {error.message}") from None


def _about(attempt: Path) -> str:
    return f"run {attempt.parent.parent.name}.{attempt.name}"


def masked(
    piece: bytes, before: bytes, behind: bytes, looked_for: Shapes, *, cut_before: bool, cut_behind: bool
) -> bytes:
    """A piece of a log, with asterisks for what is covered. ``before`` and ``behind`` are what stands around it, as far
    as a shape reaches; ``cut``: beyond that nothing is kept, so that a part of a shape counts as one."""
    text = before + piece + behind
    spans = looked_for.find(text)
    if cut_before and (end := looked_for.begun(text)) >= MIN_MASKED:
        spans = join([(0, end), *spans])
    if cut_behind and len(text) - (begin := looked_for.undecided(text)) >= MIN_MASKED:
        spans = join([*spans, (begin, len(text))])
    return blot(text, spans)[len(before) : len(before) + len(piece)]


def masked_pieces(
    fd: int, first: int, last: int, looked_for: Shapes, *, cut_before: bool
) -> Iterator[tuple[int, bytes]]:
    """The bytes [first, last) of a log that is over, masked, piece by piece with their places. Raises OSError."""
    reach = looked_for.reach
    before, position = b"", first
    while position < last and (piece := os.pread(fd, min(_PIECE, last - position), position)):
        following = position + len(piece)
        behind = os.pread(fd, min(reach, last - following), following)
        done = masked(
            piece,
            before,
            behind,
            looked_for,
            cut_before=cut_before and position - len(before) == first,
            cut_behind=following + len(behind) >= last,
        )
        yield position, done
        before, position = (before + piece)[-reach:] if reach else b"", following
