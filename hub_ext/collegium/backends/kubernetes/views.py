"""Jobs and pods of our runs as the cluster has them: one watch per kind, in each namespace or for the whole cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from collegium.backends.kubernetes import client, naming
from collegium.backends.kubernetes.cause import started_at
from collegium.backends.kubernetes.client import Cluster
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.watch import Watched
from collegium.domain.errors import NotFound, Unavailable

#: Set by the cluster on every pod of a Job.
JOB_NAME = "batch.kubernetes.io/job-name"
#: How long the first look at a namespace waits, in seconds.
_FIRST_LOOK = 10.0
#: After this many seconds without a word from the cluster, what is not seen counts as unknown.
_STALE = 60.0
#: Namespaces without runs are left alone after this many seconds.
_IDLE = 600.0
#: Conditions of a Job that is over, and phases of a pod that has begun.
_ENDS, _BEGUN = ("Complete", "Failed"), ("Running", "Succeeded", "Failed")


class Views:
    """Started when first asked for. A namespace that cannot be seen does not stand in the way of the others."""

    def __init__(self, cluster: Cluster, settings: KubernetesSettings) -> None:
        self._cluster, self._settings = cluster, settings
        self._labels = naming.selector({naming.INSTANCE: settings.instance, naming.KIND: naming.JOB_KIND})
        self._pairs: dict[str | None, tuple[Watched, Watched]] = {}
        self._used: dict[str | None, float] = {}
        self._failed: set[str | None] = set()
        self._followers: list[Callable[[], object]] = []

    def follow(self, heard: Callable[[], object]) -> Callable[[], None]:
        """Call this when a run may have begun or ended, as far as it is followed; the answer ends that."""
        self._followers.append(heard)
        return lambda: self._followers.remove(heard)

    async def ready(self, namespaces: Collection[str]) -> Mapping[str, Unavailable]:
        """See that these namespaces are followed; those of which nothing certain is known now, and why."""
        places = {self._place(namespace): namespace for namespace in namespaces}
        await self._rest(places.keys())
        problems = await asyncio.gather(*(self._look(place) for place in places))
        by_place = dict(zip(places, problems, strict=True))
        answers = {namespace: by_place[self._place(namespace)] for namespace in namespaces}
        return {namespace: problem for namespace, problem in answers.items() if problem is not None}

    def job(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A Job as last seen."""
        return self._pair(namespace)[0].get(name, namespace)

    def pods(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The pod of each Job as last seen, by namespace and name of the Job."""
        found: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for _, pods in self._pairs.values():
            for pod in pods.items():
                found.setdefault(_owner(pod), []).append(pod)
        return {owner: the_pod(candidates) for owner, candidates in found.items()}

    def note(self, job: dict[str, Any]) -> None:
        """A Job as the cluster has just answered."""
        self._pair(job["metadata"]["namespace"])[0].note(job)

    async def ask(self, namespace: str, name: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """A Job and its pod as the cluster has them at this moment; None is certain. Raises Unavailable."""
        try:
            job = await self._cluster.get(client.JOB, name, namespace)
        except NotFound:
            job = None
        except client.Refused as error:
            raise Unavailable(f"the Job {name} cannot be read: {error.message}") from error
        return job, await self.ask_pod(namespace, name)

    async def ask_pod(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The pod of a Job as the cluster has it at this moment; None is certain. Raises Unavailable."""
        try:
            pods, _ = await self._cluster.list(client.POD, namespace, labels=f"{JOB_NAME}={name}")
        except client.Refused as error:
            raise Unavailable(f"the pods of Job {name} cannot be listed: {error.message}") from error
        return the_pod(pods) if pods else None

    async def events(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """What was told of an object lately; nothing if that cannot be asked now."""
        try:
            events, _ = await self._cluster.list(client.EVENT, namespace, fields=f"involvedObject.name={name}")
        except (Unavailable, client.Refused):
            return []
        return events

    async def close(self) -> None:
        """Stop following."""
        pairs, self._pairs = self._pairs, {}
        await asyncio.gather(*(watched.stop() for pair in pairs.values() for watched in pair))

    def _place(self, namespace: str) -> str | None:
        return None if self._settings.watch == "cluster" else namespace

    def _pair(self, namespace: str) -> tuple[Watched, Watched]:
        place = self._place(namespace)
        if place not in self._pairs:
            self._pairs[place] = (
                Watched(self._cluster, client.JOB, namespace=place, labels=self._labels, heard=self._heard),
                Watched(self._cluster, client.POD, namespace=place, labels=self._labels, heard=self._heard),
            )
        return self._pairs[place]

    def _heard(self, obj: Mapping[str, Any]) -> None:
        """Of the many changes of a pod on its way, those that a job's state can depend on."""
        status = obj.get("status") or {}
        ended = any(c.get("status") == "True" for c in status.get("conditions") or () if c.get("type") in _ENDS)
        if ended or status.get("phase") in _BEGUN:
            for heard in list(self._followers):
                heard()

    async def _look(self, place: str | None) -> Unavailable | None:
        pair = self._pair(place or "")
        self._used[place] = time.monotonic()
        # Who has waited in vain does not wait again, for the others have to go on: its watches try for ever.
        patience = 0.01 if place in self._failed else _FIRST_LOOK
        try:
            for watched in pair:
                await watched.start()
            for watched in pair:
                await watched.synced(patience)
                watched.check_fresh(_STALE)
        except Unavailable as error:
            self._failed.add(place)
            return error
        self._failed.discard(place)
        return None

    async def _rest(self, wanted: Iterable[str | None]) -> None:
        now = time.monotonic()
        for place in [p for p, used in self._used.items() if p not in set(wanted) and now - used > _IDLE]:
            del self._used[place]
            for watched in self._pairs.pop(place, ()):
                await watched.stop()


def the_pod(pods: list[dict[str, Any]]) -> dict[str, Any]:
    """Of several pods of one Job, the one that ran; else the newest."""
    return max(pods, key=lambda pod: (started_at(pod) is not None, str(pod["metadata"].get("creationTimestamp") or "")))


def _owner(pod: Mapping[str, Any]) -> tuple[str, str]:
    metadata = pod["metadata"]
    return str(metadata.get("namespace") or ""), str((metadata.get("labels") or {}).get(JOB_NAME) or "")
