"""What a process of this machine has used. Small: it is imported into hubs that are measured."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """Seconds of processor so far; bytes in memory now, and at most."""

    cpu: float
    resident: int
    peak: int


def cost(pid: int | str = "self") -> Cost:
    """Of one process, without its children."""
    return Cost(seconds(Path(f"/proc/{pid}/stat").read_text()), memory(pid), memory(pid, "VmHWM"))


def memory(pid: int | str = "self", name: str = "VmRSS") -> int:
    """A line of its status, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def seconds(stat: str) -> float:
    """Processor time, user and system, in what ``/proc/<pid>/stat`` says."""
    words = stat.rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS
