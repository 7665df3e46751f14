"""Runs on a Kubernetes cluster: Jobs in a namespace per group, their files on one read-write-many volume."""

# The copy pod imports this package, so nothing that needs a cluster may load here.
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collegium.backends.ports import Backend


def create(**options: Any) -> Backend:
    """The factory behind the entry point ``kubernetes``; options as in ``backend.create_kubernetes``."""
    from collegium.backends.kubernetes.backend import create_kubernetes

    return create_kubernetes(**options)
