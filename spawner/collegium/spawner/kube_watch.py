"""The hub's view of the pods of servers: one watch per namespace or one for the cluster, shared by all spawners.

KubeSpawner's own watcher gives up after a minute of trouble, and its cache then lies for ever. This one never gives up,
and knows how old its knowledge is, so that nobody concludes from silence that a server is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import POD, Cluster
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.watch import Watched
from collegium.domain.errors import Unavailable

#: Beyond this age of the last word from the API server, an absent pod is asked for and not taken for gone.
MAX_AGE = 60.0
#: A namespace where nobody has had a server for this long is not watched any longer.
UNUSED = 900.0
#: Changes that come together are told together: thousands of servers may start at once.
_GATHER = 0.02
EVERYWHERE = "*"

Pod = dict[str, Any]


class ServerPods:
    """The pods of servers in one namespace (None: in all) as the cluster last told."""

    def __init__(self, cluster: Cluster, namespace: str | None, instance: str, **pace: Any) -> None:
        labels = naming.selector({naming.INSTANCE: instance, naming.KIND: naming.SERVER})
        self.watched = Watched(cluster, POD, namespace=namespace, labels=labels, **pace)
        self.asked = time.monotonic()
        self._waiting: dict[asyncio.Event, tuple[str, str, str]] = {}
        self._teller: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch; does not wait. May be called again."""
        await self.watched.start()
        if self._teller is None:
            self._teller = asyncio.create_task(self._tell())

    async def stop(self) -> None:
        """End the watch."""
        if self._teller is not None:
            self._teller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._teller
        await self.watched.stop()

    def get(self, namespace: str, name: str) -> Pod | None:
        """The pod as last seen."""
        self.asked = time.monotonic()
        return self.watched.get(name, namespace)

    def problem(self) -> str:
        """Why an absent pod is no proof now; empty while the view is fresh."""
        try:
            self.watched.check_fresh(MAX_AGE)
        except Unavailable as error:
            return error.message
        return ""

    async def change(self, namespace: str, name: str, version: str, seconds: float) -> None:
        """Wait until the pod is seen in another version (empty: not there), at most for ``seconds``."""
        if self._version(namespace, name) != version:
            return
        told = asyncio.Event()
        self._waiting[told] = (namespace, name, version)
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), seconds)
        finally:
            del self._waiting[told]

    def _version(self, namespace: str, name: str) -> str:
        return version_of(self.get(namespace, name))

    async def _tell(self) -> None:
        changed = self.watched.changed()
        while True:
            await changed.wait()
            changed.clear()
            for told, (namespace, name, version) in list(self._waiting.items()):
                if self._version(namespace, name) != version:
                    told.set()
            await asyncio.sleep(_GATHER)


def version_of(pod: Mapping[str, Any] | None) -> str:
    """What differs whenever a pod does; empty for none."""
    return f"{pod['metadata'].get('uid')}/{pod['metadata'].get('resourceVersion')}" if pod else ""


class HubSide:
    """What all spawners of a hub share: the connection and the views. ``pace`` is for ``Watched``."""

    def __init__(self, cluster: Cluster | None = None, **pace: Any) -> None:
        self.cluster, self._pace = cluster or Cluster(), pace
        self._views: dict[str, ServerPods] = {}

    async def pods(self, settings: KubernetesSettings, namespace: str) -> ServerPods:
        """The view that has the namespace's pods, begun if it is the first time that anybody asks."""
        key = EVERYWHERE if settings.watch == "cluster" else namespace
        view = self._views.get(key)
        if view is None:
            where = None if key == EVERYWHERE else key
            view = self._views[key] = ServerPods(self.cluster, where, settings.instance, **self._pace)
            await self._end_unused()
        await view.start()
        view.asked = time.monotonic()
        return view

    def freshness(self) -> dict[str, str]:
        """For health: what is watched (a namespace, or ``*``) and what is wrong with that, empty if nothing is."""
        return {key: view.problem() for key, view in self._views.items()}

    async def close(self) -> None:
        """End all watches and connections."""
        views, self._views = list(self._views.values()), {}
        for view in views:
            await view.stop()
        await self.cluster.close()

    async def _end_unused(self) -> None:
        long_ago = time.monotonic() - UNUSED
        for key in [k for k, v in self._views.items() if v.asked < long_ago]:
            await self._views.pop(key).stop()


_sides: WeakKeyDictionary[asyncio.AbstractEventLoop, HubSide] = WeakKeyDictionary()


def hub_side() -> HubSide:
    """The one of this event loop; a hub has one loop."""
    loop = asyncio.get_running_loop()
    if loop not in _sides:
        _sides[loop] = HubSide()
    return _sides[loop]


def freshness() -> dict[str, str]:
    """See ``HubSide.freshness``; of this event loop."""
    return hub_side().freshness()
