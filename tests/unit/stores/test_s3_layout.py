"""How uploads are laid out in S3: no byte in two parts or none, and never more parts than S3 takes."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from collegium.stores.s3_bucket import Found
from collegium.stores.s3_layout import MAX_PARTS, Layout, MiB, Sent, State

TiB = 1 << 40
PART, LARGEST = 8 * MiB, 12 * MiB
SIZES = st.one_of(st.integers(0, 64 * MiB), st.integers(0, 5 * TiB), st.just(5 * TiB))


@given(size=st.none() | SIZES, index=st.integers(0, MAX_PARTS - 1))
def test_parts_lie_side_by_side(size: int | None, index: int) -> None:
    layout = Layout.planned(size, PART, LARGEST)
    start, end = layout.bounds(index)
    if start >= (size if size is not None else 1 << 63):
        return
    assert 0 < end - start <= 5 << 30
    assert layout.bounds(index + 1)[0] == end or end == size
    assert end == size or end - start >= 5 * MiB
    for byte in {start, (start + end) // 2, end - 1}:
        assert layout.index(byte) == index
        first, last = layout.chunk_at(byte)
        assert start <= first <= byte < last <= end and last - first <= LARGEST
        assert (first, last) == (start, end) or end - start > LARGEST


@given(size=SIZES)
def test_parts_suffice(size: int) -> None:
    known = Layout.planned(size, PART)
    assert size == 0 or known.index(size - 1) < 9500
    assert Layout.planned(None, PART).index(size) < MAX_PARTS


def found(name: str, size: int) -> Found:
    return Found("p/" + name, size, "e", datetime.now(UTC))


def test_what_counts_after_bytes_were_forgotten() -> None:
    layout = Layout(10, 10, False, 45)
    listed = [Sent(number, 10, f"e{number}") for number in (1, 2, 3)]
    objects = [found("tail.30.4", 4), found("tail.30.2", 2), found("tail.10.7", 7), found("whole.3", 10)]
    state = State.read(layout, listed, objects, "p/")
    assert (state.in_parts, state.chain, state.received) == (30, [(30, 4)], 34)
    assert state.strays == ["p/tail.30.2", "p/tail.10.7"]
    # Back to byte 17: parts 2 and 3 count no more, and what of part 2 stays is beside it.
    state = State.read(layout, listed, [*objects, found("shift.1.4", 0)], "p/")
    assert (state.in_parts, state.chain, state.received) == (10, [(10, 7)], 17)
    assert [state.number(index) for index in range(4)] == [1, 4, 5, 6]
    listed += [Sent(4, 10, "e4"), Sent(5, 10, "e5"), Sent(6, 10, "e6"), Sent(7, 5, "e7")]
    state = State.read(layout, listed, [found("shift.1.4", 0)], "p/")
    assert [part.number for part in state.counted] == [1, 4, 5, 6, 7] and state.received == 45
    # Back once more, further: the later of two counts.
    state = State.read(layout, listed, [found("shift.1.4", 0), found("shift.0.8", 0)], "p/")
    assert (state.received, state.number(0), state.next_number) == (0, 8, 9)


def test_a_gap_ends_what_counts() -> None:
    layout = Layout(10, 10, False, 45)
    state = State.read(layout, [Sent(1, 10, ""), Sent(3, 10, "")], [found("tail.30.3", 3)], "p/")
    assert state.received == 10
    # A part of another size than it should have is none of ours.
    assert State.read(layout, [Sent(1, 9, "")], [], "p/").received == 0
