"""The events of a pod that starts: they say what its status does not, about volumes and pulls."""

from __future__ import annotations

import contextlib
import time

from collegium.backends.kubernetes.client import EVENT, Cluster, Refused
from collegium.domain.errors import NotFound, Unavailable
from collegium.spawner.kube_watch import Pod

#: Seconds between two looks at first and later on; the watch of pods tells everything else at once.
_FIRST, _LATER = 1.0, 5.0


class PodEvents:
    """Read now and then, for one pod and only while it starts: a watch of all events costs more than it tells."""

    def __init__(self, cluster: Cluster, pod: Pod) -> None:
        self._cluster = cluster
        self._namespace, self._uid = pod["metadata"]["namespace"], pod["metadata"]["uid"]
        self._begun = time.monotonic()
        self._next = self._begun + _FIRST
        self._found: list[Pod] = []

    async def get(self) -> list[Pod]:
        """The events as last read; those of a moment ago if the API server does not answer."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + min(max((now - self._begun) / 4, _FIRST), _LATER)
            with contextlib.suppress(Unavailable, Refused, NotFound):
                fields = f"involvedObject.uid={self._uid}"
                self._found, _ = await self._cluster.list(EVENT, self._namespace, fields=fields)
        return self._found
