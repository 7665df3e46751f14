"""What the Kubernetes benchmarks share: a place on the test cluster, and when pods move on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.cost import seconds
from benchmarks.running import until
from collegium.backends.kubernetes import manifests, naming
from collegium.backends.kubernetes.client import CLAIM, NAMESPACE, POD, SERVICE_ACCOUNT, VOLUME, Cluster
from collegium.backends.kubernetes.settings import KubernetesSettings
from support.cluster import TestCluster, running_cluster


@dataclass(frozen=True)
class Kube:
    """Namespaces and volumes with the label of this run, and a folder that the node has at the same path."""

    cluster: TestCluster
    word: str
    files: Path

    @property
    def selector(self) -> str:
        """Finds what is of this run."""
        return f"{naming.INSTANCE}={self.word}"

    def settings(self, **fields: Any) -> KubernetesSettings:
        """Of an installation whose hub and service are processes of this machine."""
        given: dict[str, Any] = {
            "instance": self.word,
            "namespace": self.word + "-{group}",
            "control_namespace": "default",
            "files_dir": str(self.files),
            "files_volume": {"hostPath": {"path": str(self.files)}},
            "home_capacity": "64Mi",
            "tools_image": self.cluster.images.hub,
        }
        return KubernetesSettings(**{**given, **fields})

    async def space(self, settings: KubernetesSettings, group: str) -> None:
        """A group's namespace as the controller makes it, without quota and policies: this hub is not in a pod."""
        place = settings.namespace_of(group)
        async with connected(self.cluster) as api:
            await api.apply(NAMESPACE, manifests.namespace(settings, group))
            await api.apply(SERVICE_ACCOUNT, manifests.service_account(settings, group), place)
            await api.apply(VOLUME, manifests.files_volume(settings, group))
            await api.apply(CLAIM, manifests.files_claim(settings, group), place)

    def clear(self) -> None:
        """Take all of it off the cluster, and wait until it is gone: the next measurement shall be alone."""
        for kind in ("namespace", "persistentvolume"):
            self.cluster.kubectl("delete", kind, "-l", self.selector, "--wait=false", "--ignore-not-found")
        until("the namespaces are gone", lambda: not self.left(), 900, 1.0)

    def remove(self) -> None:
        """All of it, files included."""
        self.clear()
        shutil.rmtree(self.files, ignore_errors=True)

    def left(self) -> list[str]:
        """Namespaces that are still there."""
        return self.cluster.kubectl("get", "namespace", "-l", self.selector, "-o", "name").split()


@contextlib.contextmanager
def kube() -> Iterator[Kube]:
    """A place on the test cluster, which is started if it is not up."""
    with running_cluster() as cluster:
        word = f"bench{uuid.uuid4().hex[:6]}"
        files = cluster.files_dir / word
        files.mkdir()
        os.chown(files, 1000, 1000)
        place = Kube(cluster, word, files)
        try:
            yield place
        finally:
            place.remove()


@contextlib.asynccontextmanager
async def connected(cluster: TestCluster) -> AsyncIterator[Cluster]:
    """A connection of the administrator."""
    api = Cluster(kubeconfig=str(cluster.kubeconfig), request_timeout=60.0)
    try:
        yield api
    finally:
        await api.close()


def node_cpu(cluster: TestCluster, program: str) -> float:
    """Seconds of processor that one of the node's programs has used so far."""
    read = f'read -r p < /run/pids/{program} && cat "/proc/$p/stat"'
    return seconds(cluster.node_exec("bash", "-c", read))


@dataclass
class Moments:
    """When the API server told us of each step of the newest pod: ``made``, ``placed`` on a node, ``runs``.

    The cluster itself writes down whole seconds only.
    """

    api: Cluster
    labels: str
    seen: dict[str, float] = field(default_factory=dict)
    _uid: str = ""

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator[Moments]:
        """Watch while the block runs."""
        task = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def forget(self) -> None:
        """Another pod is about to come."""
        self.seen, self._uid = {}, ""

    async def _watch(self) -> None:
        while True:
            known, version = await self.api.list(POD, labels=self.labels)
            old = {pod["metadata"]["uid"] for pod in known}
            events = self.api.watch(POD, labels=self.labels, resource_version=version, timeout_seconds=3600)
            async with contextlib.aclosing(events):
                async for event, pod in events:
                    if event in ("ADDED", "MODIFIED") and pod["metadata"]["uid"] not in old:
                        self._take(pod, old)

    def _take(self, pod: dict[str, Any], old: set[str]) -> None:
        now, uid = time.time(), pod["metadata"]["uid"]
        if not self.seen:
            self._uid = uid
        if uid != self._uid:
            # Of the start before, which is going away.
            old.add(uid)
            return
        self.seen.setdefault("made", now)
        if pod["spec"].get("nodeName"):
            self.seen.setdefault("placed", now)
        if any("running" in c.get("state", {}) for c in pod["status"].get("containerStatuses") or ()):
            self.seen.setdefault("runs", now)
