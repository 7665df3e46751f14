"""What a run used, from the file beside its log; on every backend whose files are in folders."""

from __future__ import annotations

import os

from collegium.backends.local import tree
from collegium.backends.local.layout import Layout
from collegium.domain.usage import MAX_BYTES, Usage, read_usage

#: The file in an attempt's folder.
FILE = "usage"


def attempt_usage(layout: Layout, key: str) -> Usage:
    """The series of one run. The run may have done to the file what it liked: what is not a regular file is nothing."""
    attempt = layout.known(key)
    if attempt is None:
        return Usage()
    try:
        folder = tree.open_root(attempt)
        try:
            fd = tree.open_file(folder, [FILE])
        finally:
            os.close(folder)
        with os.fdopen(fd, "rb") as file:
            return read_usage(file.read(MAX_BYTES))
    except OSError:
        return Usage()
