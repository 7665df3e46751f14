"""Entry of a run's supervisor: ``python -I -S -E shim.py``, told the attempt's directory on standard input.

It leaves its caller before it loads anything, so that the caller waits for the interpreter's start only, and so that
the run is nobody's child but init's. A supervisor may be called ahead of need and wait, loaded, for its directory; an
input that ends without one means that the caller is gone.
"""

import os
import sys

if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    # -I leaves no path but the standard library's; the package is found from this file's own place.
    sys.path.insert(0, os.path.abspath(__file__).rsplit("/collegium/", 1)[0])
    from collegium.backends.local.supervisor import main

    told = b""
    while piece := os.read(0, 8192):
        told += piece
    # A caller that dies while it writes leaves no full line.
    os._exit(main(os.fsdecode(told[:-1])) if told.endswith(b"\n") else 0)
