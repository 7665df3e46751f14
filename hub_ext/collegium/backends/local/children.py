"""Which processes are ours: those that a run's program left behind become its supervisor's children."""

from __future__ import annotations

import os


def children() -> list[int]:
    """Our direct children, adopted ones included."""
    try:
        pid = os.getpid()
        return [int(p) for line in _lines(f"/proc/{pid}/task/{pid}/children", True) for p in line.split()]
    except OSError:
        pass
    # Kernels without CONFIG_PROC_CHILDREN.
    found = []
    for name in os.listdir("/proc"):
        for line in _lines(f"/proc/{name}/stat") if name.isdigit() else ():
            if int(line.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(name))
    return found


def _lines(path: str, must: bool = False) -> list[str]:
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        if must:
            raise
        return []
