"""Runs a program that writes no file above a size and does not outlive whoever started it.

``fence.py <bytes> <program> <argument>…``. It stands alone: it is run by its path, before anything else is imported.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Set the limits, then become the program."""
    limit, program = int(sys.argv[1]), sys.argv[2:]
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
