"""What is made of a sampler's lines, the run's own nonsense included."""

from __future__ import annotations

from collegium.domain.usage import MAX_BYTES, MAX_POINTS, Usage, read_usage


def test_rates_between_counters_and_figures_as_they_are() -> None:
    data = b"u 0 0 -\nu 2000 1000000 100\ng 2000 1500 7\nu 4000 5000000 90\ng 4000 500 9\n"
    assert read_usage(data) == Usage(
        cpu=((2.0, 0.5), (4.0, 2.0)),
        memory=((2.0, 100), (4.0, 90)),
        gpu=((2.0, 1.5), (4.0, 0.5)),
        gpu_memory=((2.0, 7), (4.0, 9)),
    )


def test_nonsense_is_left_out() -> None:
    data = b"\0\xff\nu\nu 1 2\nx 1 2 3\nu -5 1 1\nu 1 nan inf\nu 99999999999999999999999 1 1\nu 1000 5 6\n"
    data += b"u 1000 9 9\nu 500 9 9\nu 3000 1 8\nu 4000 1000001 "
    found = read_usage(data)
    # Time goes on, a counter that goes back says nothing, and the last line is not whole.
    assert found.memory == ((1.0, 6), (3.0, 8))
    assert found.cpu == ((3.0, 0.0),)
    assert not read_usage(b"")


def test_however_long_it_ran_it_is_not_drawn_with_more_points() -> None:
    lines, at, every = [b"u 0 0 0\n"], 0, 2000
    while at < 30 * 86_400_000:
        for i in range(300):
            at += every
            # One core all the time, and one look that saw a peak.
            lines.append(b"u %d %d %d\n" % (at, at * 1000, 5_000_000 if i == 7 and every == 8000 else 1))
        every *= 2
    data = b"".join(lines)
    assert len(data) < MAX_BYTES / 2
    found = read_usage(data)
    assert 200 < len(found.cpu) <= MAX_POINTS
    assert 200 < len(found.memory) <= MAX_POINTS
    assert {cores for _, cores in found.cpu} == {1.0}
    assert found.cpu[-1][0] == at / 1000
    assert max(size for _, size in found.memory) == 5_000_000


def test_an_endless_file_is_read_to_its_bound() -> None:
    assert len(read_usage(b"u 1 1 1\n" * (MAX_BYTES // 4)).memory) == 1
