"""What a run uses of CPU, memory and GPUs: lines that are sampled beside it, and the series that are drawn of them.

A line is ``u <milliseconds> <CPU microseconds so far> <bytes of memory>`` or ``g <milliseconds> <thousandths of a GPU>
<bytes of GPU memory>``; time counts from the run's start, ``-`` is unknown. Lines are only ever appended. After every
few hundred of them a sampler waits twice as long, so a file grows with the logarithm of the time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

#: More than the lines of ten years; whatever follows is not looked at.
MAX_BYTES = 512 << 10
#: Points of a series at most.
MAX_POINTS = 600
#: Larger figures than these are nothing that anybody measured.
_MOST = 2**62

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Usage:
    """Series of (seconds since the start, figure): cores, bytes, GPUs kept busy (of all together), bytes."""

    cpu: Points = ()
    memory: Points = ()
    gpu: Points = ()
    gpu_memory: Points = ()

    def __bool__(self) -> bool:
        return bool(self.cpu or self.memory or self.gpu or self.gpu_memory)


def read_usage(data: bytes) -> Usage:
    """The series of a sampler's lines. The run may have written them itself: what makes no sense is left out."""
    processor: list[tuple[float, float]] = []
    memory: list[tuple[float, float]] = []
    gpu: list[tuple[float, float]] = []
    gpu_memory: list[tuple[float, float]] = []
    for kind, at, first, second in _lines(data[:MAX_BYTES]):
        if kind == b"u":
            _add(processor, at, first, 1)
            _add(memory, at, second, 1)
        else:
            _add(gpu, at, first, 1000)
            _add(gpu_memory, at, second, 1)
    return Usage(_rates(processor), _peaks(memory), _means(gpu), _peaks(gpu_memory))


def _lines(data: bytes) -> Iterable[tuple[bytes, float, int | None, int | None]]:
    # The last line may be half there.
    for line in data[: data.rfind(b"\n") + 1].splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[0] in (b"u", b"g") and (at := _number(fields[1])) is not None:
            yield fields[0], at / 1000, _number(fields[2]), _number(fields[3])


def _number(field: bytes) -> int | None:
    if not field.isdigit() or len(field) > 19:
        return None
    value = int(field)
    return value if value <= _MOST else None


def _add(series: list[tuple[float, float]], at: float, value: int | None, unit: int) -> None:
    # Time goes on, whatever is written.
    if value is not None and (not series or at > series[-1][0]):
        series.append((at, value / unit))


def _buckets(series: list[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Neighbours together, so that there are at most MAX_POINTS of equal width."""
    if len(series) <= MAX_POINTS:
        return [[p] for p in series]
    start, span = series[0][0], series[-1][0] - series[0][0]
    found: list[list[tuple[float, float]]] = []
    last = -1
    for point in series:
        bucket = min(MAX_POINTS - 1, int((point[0] - start) / span * MAX_POINTS))
        if bucket != last:
            found.append([])
            last = bucket
        found[-1].append(point)
    return found


def _rates(total: list[tuple[float, float]]) -> Points:
    """Cores between two looks at a counter of microseconds; a counter that goes back says nothing."""
    found = []
    ends = [total[0], *(b[-1] for b in _buckets(total[1:]))] if total else []
    for (before, low), (at, high) in pairwise(ends):
        found.append((at, round(max(0.0, high - low) / 1e6 / (at - before), 4)))
    return tuple(found)


def _peaks(series: list[tuple[float, float]]) -> Points:
    return tuple((b[-1][0], max(v for _, v in b)) for b in _buckets(series))


def _means(series: list[tuple[float, float]]) -> Points:
    return tuple((b[-1][0], round(sum(v for _, v in b) / len(b), 4)) for b in _buckets(series))
