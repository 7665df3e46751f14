"""A pipe with a name, through which supervisors tell that a run began or ended.

It is found by its path, so a service that was started again hears of runs that an earlier one has begun. A ring that is
lost costs patience only: ``observe`` says the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)


def listen(bell: Path, heard: Callable[[], object]) -> Callable[[], None]:
    """Call ``heard`` on the running loop at each ring; the answer ends that."""
    try:
        ear = _open(bell)
    except OSError as error:
        log.warning("ends of runs are seen a little later: %s cannot be listened to: %s", bell, error)
        return lambda: None
    loop = asyncio.get_running_loop()

    def ring() -> None:
        try:
            os.read(ear, 65536)
        except OSError:
            # Somebody else who listens was faster.
            return
        heard()

    def end() -> None:
        loop.remove_reader(ear)
        os.close(ear)

    loop.add_reader(ear, ring)
    return end


def _open(bell: Path) -> int:
    try:
        os.mkfifo(bell, 0o600)
    except FileExistsError:
        if not stat.S_ISFIFO(os.lstat(bell).st_mode):
            os.unlink(bell)
            os.mkfifo(bell, 0o600)
    # For both directions: with a writer there is never an end of the file, which would be heard for ever.
    return os.open(bell, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
