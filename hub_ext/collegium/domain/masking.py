"""Takes what must not be read out of a stream of bytes, wherever the stream is cut into pieces.

A byte is masked if any shape that is looked for covers it, shapes that overlap included; so the result does not depend
on how the bytes came. No imports: the supervisor of a run loads this before the user's program starts.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

MASK = b"***"
#: Bytes by which a shape's places are found; each has at least as many.
_HEAD = 4


class Masker:
    """Masks a stream. What may be the beginning of a shape is held back until that is known."""

    def __init__(self, shapes: Sequence[bytes]) -> None:
        """Every shape has 4 bytes or more."""
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
        spans = find(text, self._shapes)
        if self._covered:
            spans = join([(0, self._covered), *spans])
        keep = len(text) if final else undecided(text, self._shapes)
        if final and len(text) - (cut := undecided(text, self._shapes)) >= _HEAD:
            spans = join([*spans, (cut, len(text))])
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


def find(text: bytes, shapes: Sequence[bytes]) -> list[tuple[int, int]]:
    """All stretches that shapes cover, in order, without touching one another."""
    spans = []
    for shape in shapes:
        at = text.find(shape)
        while at >= 0:
            spans.append((at, at + len(shape)))
            at = text.find(shape, at + 1)
    return join(spans)


def join(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same stretches in order, those that touch as one."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def undecided(text: bytes, shapes: Sequence[bytes]) -> int:
    """Where the longest end of ``text`` begins that is the beginning of a shape; its length if there is none."""
    first = len(text)
    for shape in shapes:
        at = max(0, len(text) - len(shape) + 1)
        head = shape[:_HEAD]
        while at < first:
            found = text.find(head, at)
            if found < 0:
                # What is left is shorter than a head.
                found = max(at, len(text) - _HEAD + 1)
                while found < first and not shape.startswith(text[found:]):
                    found += 1
                first = min(first, found)
                break
            if shape.startswith(text[found:]):
                first = min(first, found)
                break
            at = found + 1
    return first


def begun(text: bytes, shapes: Sequence[bytes]) -> int:
    """Where the longest beginning of ``text`` ends that is the end of a shape; 0 if there is none."""
    return len(text) - undecided(text[::-1], [shape[::-1] for shape in shapes])


def blot(text: bytes, shapes: Sequence[bytes]) -> bytes:
    """The same number of bytes, with asterisks for what shapes cover: for a text in which places must stand."""
    spans = find(text, shapes)
    if not spans:
        return text
    out, position = [], 0
    for begin, end in spans:
        out += [text[position:begin], b"*" * (end - begin)]
        position = end
    return b"".join([*out, text[position:]])
