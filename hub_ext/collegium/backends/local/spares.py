"""Calls supervisors, and keeps one loaded and waiting: starting an interpreter is most of a run's start latency."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

from collegium.backends.local import shim


class Supervisors:
    """Hands attempts to supervisors. The waiting one ends by itself when this process does, however it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spare: IO[bytes] | None = None

    def call(self, attempt: Path) -> None:
        """Have this attempt supervised. Raises OSError if no process can be made.

        No word comes back: a supervisor that dies on the way is noticed by who looks at the attempt.
        """
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is None or not _tell(spare, attempt):
            _tell(_call(), attempt)
        threading.Thread(target=self._refill, daemon=True).start()

    def _refill(self) -> None:
        # Without a spare, the next call makes one.
        with contextlib.suppress(OSError), self._lock:
            if self._spare is None:
                self._spare = _call()


def _call() -> IO[bytes]:
    """A new supervisor's ear. It has left this process's family when this returns."""
    called = subprocess.Popen(
        [sys.executable, "-I", "-S", "-E", shim.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Nothing of our environment, which may hold secrets, is to be read in /proc either.
        env={name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"},
        cwd="/",
        start_new_session=True,
    )
    assert called.stdin is not None
    if called.wait():
        called.stdin.close()
        raise OSError(f"the supervisor ended with {called.returncode}")
    return called.stdin


def _tell(supervisor: IO[bytes], attempt: Path) -> bool:
    try:
        with supervisor:
            supervisor.write(os.fsencode(attempt) + b"\n")
    except OSError:
        return False
    return True
