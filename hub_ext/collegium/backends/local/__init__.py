"""Runs on this machine: supervised processes, folders for homes, kernel limits where the kernel grants them."""

# The supervisor of each run imports this package on its way to the first instruction of the user's program, so nothing
# but names may load here; ``typing`` alone would cost it more than all it needs.
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collegium.backends.ports import Backend


def create(**options: Any) -> Backend:
    """The factory behind the entry point ``local``; options as in ``backend.create_local``."""
    from collegium.backends.local.backend import create_local

    return create_local(**options)
