"""A disk that is full when a test wants it to be."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIB = 1 << 20


@contextmanager
def small_disk(place: Path, mib: int) -> Iterator[Path]:
    """A real file system of its own size."""
    place.mkdir(parents=True)
    root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    options = f"size={mib}m,mode=0700,uid={os.geteuid()},gid={os.getegid()}"
    subprocess.run([*root, "mount", "-t", "tmpfs", "-o", options, "collegium-test", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run([*root, "umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that there is."""
    file = disk / "filler"
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    size = MIB
    while size:
        try:
            os.write(fd, b"\0" * size)
        except OSError:
            size //= 2
    os.close(fd)
    return file
