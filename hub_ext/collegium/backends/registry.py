"""Finds backends by the name that the operator chose."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from collegium.backends.ports import Backend
from collegium.domain.errors import InvalidInput

GROUP = "collegium.backends"


def load_backend(name: str, **options: Any) -> Backend:
    """Make the backend behind entry point ``name`` of group ``collegium.backends``; ``options`` go to its factory.

    Raises InvalidInput if there is no such backend, TypeError if the factory takes other options or makes something
    else, and whatever the factory raises.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise InvalidInput("backend", f"is not installed here; installed are: {known}", name)
    backend = found[name].load()(**options)
    if not isinstance(backend, Backend):
        raise TypeError(f"backend {name} made a {type(backend).__name__}, not a Backend")
    return backend
