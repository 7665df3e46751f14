"""Takes what must not be read out of a stream of bytes, wherever the stream is cut into pieces.

A byte is masked if any shape that is looked for covers it, shapes that overlap included; so the result does not depend
on how the bytes came. Hardly any imports: the supervisor of a run loads this before the user's program starts.
"""

from __future__ import annotations

from bisect import bisect_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MASK = b"***"
#: Bytes by which a shape's places are found; each has at least as many.
HEAD = 4
#: Above this many shapes one pass over the text is cheaper than one for each.
_MANY = 64


class Shapes:
    """What is looked for: byte strings of 4 bytes or more. Neither their number nor their form makes a search slow."""

    def __init__(self, shapes: Iterable[bytes] = ()) -> None:
        self._all = sorted(set(shapes))
        #: Bytes around a place that decide whether it is covered.
        self.reach = max((len(shape) for shape in self._all), default=1) - 1
        self._begin = {shape[:n] for shape in self._all for n in range(1, HEAD)}
        #: Beginning → length → shapes.
        self._by_head: dict[bytes, dict[int, set[bytes]]] = {}
        for shape in self._all:
            self._by_head.setdefault(shape[:HEAD], {}).setdefault(len(shape), set()).add(shape)
        self._mirrored: Shapes | None = None

    def __bool__(self) -> bool:
        return bool(self._all)

    def find(self, text: bytes) -> list[tuple[int, int]]:
        """All stretches that shapes cover, in order, without touching one another."""
        if len(self._all) > _MANY:
            return join(self._pass(text))
        spans: list[tuple[int, int]] = []
        for shape in self._all:
            size, at = len(shape), text.find(shape)
            while at >= 0:
                spans.append((at, at + size))
                # The last one that begins in this one or just behind it: those in between cover nothing more.
                following = text.rfind(shape, at + 1, at + 2 * size)
                at = following if following >= 0 else text.find(shape, at + size)
        return join(spans)

    def _pass(self, text: bytes) -> list[tuple[int, int]]:
        spans, heads = [], self._by_head
        for at in range(len(text) - HEAD + 1):
            known = heads.get(text[at : at + HEAD])
            if known is not None:
                size = max((n for n, shapes in known.items() if text[at : at + n] in shapes), default=0)
                if size:
                    spans.append((at, at + size))
        return spans

    def undecided(self, text: bytes) -> int:
        """Where the longest end of ``text`` begins that is the beginning of a shape; its length if there is none."""
        size = len(text)
        for at in range(max(0, size - self.reach), size):
            if size - at < HEAD:
                if text[at:] in self._begin:
                    return at
            elif text[at : at + HEAD] in self._by_head:
                rest = text[at:]
                place = bisect_left(self._all, rest)
                # Those that begin with it come next, itself first; what is whole is not undecided.
                place += place < len(self._all) and self._all[place] == rest
                if place < len(self._all) and self._all[place].startswith(rest):
                    return at
        return size

    def begun(self, text: bytes) -> int:
        """Where the longest beginning of ``text`` ends that is the end of a shape; 0 if there is none."""
        if self._mirrored is None:
            self._mirrored = Shapes(shape[::-1] for shape in self._all)
        return len(text) - self._mirrored.undecided(text[::-1])


class Masker:
    """Masks a stream. What may be the beginning of a shape is held back until that is known."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._held = b""
        #: How far into ``_held`` the shapes found so far reach, and whether a mask stands for what came just before.
        self._covered = 0
        self._masking = False

    def feed(self, data: bytes) -> bytes:
        """What can be told of the stream so far, masked: ``***`` for each stretch, however long it was."""
        return self._pass(data, final=False)

    def close(self) -> bytes:
        """The rest. It may be the beginning of a shape that was cut off, which is masked, too, unless it is short."""
        return self._pass(b"", final=True)

    def _pass(self, data: bytes, final: bool) -> bytes:
        text = self._held + data
        spans = self._shapes.find(text)
        if self._covered:
            spans = join([(0, self._covered), *spans])
        keep = self._shapes.undecided(text)
        if final:
            if len(text) - keep >= HEAD:
                spans = join([*spans, (keep, len(text))])
            keep = len(text)
        out, position = [], 0
        for begin, end in spans:
            if begin >= keep:
                break
            if begin > position:
                out.append(text[position:begin])
                self._masking = False
            if not self._masking:
                out.append(MASK)
                self._masking = True
            position = min(end, keep)
        if keep > position:
            out.append(text[position:keep])
            self._masking = False
        self._covered = max([0, *(end - keep for begin, end in spans if begin <= keep)])
        self._held = text[keep:]
        return b"".join(out)


def join(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same stretches in order, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def blot(text: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """The same number of bytes, with asterisks for these stretches: for a text in which places must stand."""
    out, position = [], 0
    for begin, end in spans:
        out += [text[position:begin], b"*" * (end - begin)]
        position = end
    return b"".join([*out, text[position:]])
