"""Snapshots of homes that only a pod can mount: a short pod copies from the claim to the job's folder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from collegium.backends.kubernetes import copier, exchange, naming, pods
from collegium.backends.kubernetes.client import EVENT, POD, AlreadyExists, Cluster, Refused
from collegium.backends.kubernetes.homes import PASSABLE, ensure_home, hand_over, home_volume
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.local.layout import Layout, write_durable
from collegium.backends.local.snapshot import check_working_directory, copy_problems, keep_source, measure_source
from collegium.backends.ports import Snapshot
from collegium.domain.errors import DomainError, InvalidInput, NotFound, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import bound_name

log = logging.getLogger(__name__)
#: Small and the same for everyone; fits into the headroom of a group's ResourceQuota.
RESOURCES = {
    "requests": {"cpu": "50m", "memory": "96Mi"},
    "limits": {"cpu": "500m", "memory": "256Mi"},
}
#: A copy that is not over by then is given up, in seconds.
DEADLINE = 300
#: How often the pod is asked for, and for how long its answer may take to be seen here after its end.
_ASK_EVERY, _ANSWER_WITHIN, _LOOK_EVERY = 1.0, 10.0, 0.1
_GONE_WITHIN = 20.0
#: Waiting for these does not help.
_HOPELESS = frozenset({"ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})


class Copier(Protocol):
    """Makes homes and snapshots of them, here or by asking somebody who can."""

    async def home(self, user: str, group: str) -> str:
        """See VolumeProvider."""

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """See VolumeProvider."""


def copy_pod(settings: KubernetesSettings, job_id: str, user: str, group: str, folder: str) -> dict[str, Any]:
    """The pod that copies for one job; ``folder`` is the path below the files volume that it may write to."""
    home, home_mount = home_volume(settings, user, group, read_only=True)
    container = {
        "name": "copy",
        "image": settings.tools_image,
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["python", "-m", copier.__name__],
        "resources": RESOURCES,
        "volumeMounts": [{**home_mount, "mountPath": copier.HOME_AT}, pods.files_mount(folder, copier.JOB_AT)],
        "securityContext": {**pods.container_security(), "readOnlyRootFilesystem": True},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": bound_name("copy", job_id),
            "namespace": settings.namespace_of(group),
            "labels": {**naming.labels(settings.instance, naming.COPY, group, user), naming.JOB: job_id},
            "annotations": {naming.OWNER: user, naming.OWNER_GROUP: group},
        },
        "spec": {
            **pods.base_pod(settings),
            "activeDeadlineSeconds": DEADLINE,
            "terminationGracePeriodSeconds": 1,
            "affinity": _near_server(settings, user, group),
            "containers": [container],
            "volumes": [home, pods.files_volume(settings)],
        },
    }


def _near_server(settings: KubernetesSettings, user: str, group: str) -> dict[str, Any]:
    """A home that only one node can have at a time is where the user's server is."""
    wanted = naming.labels(settings.instance, naming.SERVER, group, user)
    term = {"labelSelector": {"matchLabels": wanted}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}


class PodCopier:
    """Copies by pods in the group's namespace, one at a time in each group. Idempotent by job id."""

    def __init__(
        self,
        cluster: Cluster,
        settings: KubernetesSettings,
        layout: Layout,
        max_bytes: int,
        max_files: int,
        deadline: float = DEADLINE,
    ) -> None:
        if not settings.tools_image:
            raise InvalidInput("kubernetes.tools_image", "must be set: its pods copy files out of homes")
        self._cluster, self._settings, self._layout = cluster, settings, layout
        self._max_bytes, self._max_files, self._deadline = max_bytes, max_files, deadline
        self._turns: dict[str, asyncio.Lock] = {}

    async def home(self, user: str, group: str) -> str:
        """See VolumeProvider."""
        return await ensure_home(self._cluster, self._settings, user, group)

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """See VolumeProvider. A job that has a source keeps it."""
        check_working_directory(source)
        # The owner is asked for each time: nothing mounts a home without it.
        await self.home(user, group)
        until = time.monotonic() + self._deadline
        turn = self._turns.setdefault(group, asyncio.Lock())
        try:
            async with asyncio.timeout(self._deadline):
                await turn.acquire()
        except TimeoutError as error:
            raise Unavailable("too many copies of this group's files are under way; try again later") from error
        try:
            there = await asyncio.to_thread(measure_source, self._layout, job_id, self._max_files)
            return there or await self._copy(job_id, user, group, source, until)
        except Refused as error:
            raise Unavailable(f"the cluster does not let the files be copied: {error.message}") from error
        finally:
            turn.release()

    async def _copy(self, job_id: str, user: str, group: str, source: WorkingDirectory, until: float) -> Snapshot:
        with copy_problems():
            async with self._building() as folder:
                await asyncio.to_thread(self._ask, folder, source)
                below = str(folder.relative_to(Path(self._settings.files_dir).absolute()))
                async with self._running(copy_pod(self._settings, job_id, user, group, below)) as pod:
                    answer = await self._answer(folder, pod, until)
                taken = exchange.read_snapshot(answer)
                await asyncio.to_thread(self._keep, job_id, folder / copier.SOURCE)
                return taken

    @contextlib.asynccontextmanager
    async def _building(self) -> AsyncIterator[Path]:
        """A folder on the files volume that is gone afterwards."""
        building = self._layout.building()
        folder = await asyncio.to_thread(building.__enter__)
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(building.__exit__, None, None, None))

    def _keep(self, job_id: str, source: Path) -> None:
        if source.is_symlink() or not source.is_dir():
            raise Unavailable("the copy of the files left no folder")
        keep_source(self._layout, job_id, source)

    def _ask(self, folder: Path, source: WorkingDirectory) -> None:
        request = {
            "working_directory": exchange.write_working_directory(source),
            "max_files": self._max_files,
            "max_bytes": self._max_bytes,
        }
        write_durable(folder / copier.REQUEST, json.dumps(request).encode())
        hand_over(self._settings, folder / copier.REQUEST, folder)
        # The kubelet passes through, even where the volume's server takes its root for nobody.
        self._layout.tmp.chmod(PASSABLE)

    @contextlib.asynccontextmanager
    async def _running(self, pod: dict[str, Any]) -> AsyncIterator[Mapping[str, Any]]:
        """The pod while it is needed. After a failure it is gone when this ends: nothing writes to the folder then."""
        namespace = pod["metadata"]["namespace"]
        await self._sweep(namespace)
        made = await self._create(pod)
        name, uid = made["metadata"]["name"], made["metadata"].get("uid")
        try:
            yield made
        except BaseException:
            await asyncio.shield(self._remove(name, namespace, uid))
            raise
        # Its answer was the last thing it wrote, so its end need not be waited for.
        await asyncio.shield(self._remove(name, namespace, uid, wait=False))

    async def _create(self, pod: dict[str, Any]) -> Mapping[str, Any]:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        for _ in range(2):
            try:
                return await self._cluster.create(POD, pod, namespace)
            except AlreadyExists:
                # Of an earlier try that was killed; it writes into a folder that is no longer ours.
                await self._remove(name, namespace, None)
            except NotFound as error:
                raise Unavailable(f"the group's namespace {namespace} is being prepared; try again shortly") from error
            except Refused as error:
                raise Unavailable(f"the copy of the files cannot start now: {error.message}") from error
        raise Unavailable("an earlier copy of these files does not end; try again later")

    async def _remove(self, name: str, namespace: str, uid: str | None, wait: bool = True) -> None:
        """Delete and wait until the pod is gone; if the cluster does not answer, the pod's own deadline ends it."""
        until = time.monotonic() + _GONE_WITHIN
        try:
            await self._cluster.delete(POD, name, namespace, grace_seconds=1, uid=uid)
            while wait and time.monotonic() < until:
                found = await self._cluster.get(POD, name, namespace)
                if uid is not None and found["metadata"]["uid"] != uid:
                    return
                await asyncio.sleep(2 * _LOOK_EVERY)
        except NotFound:
            return
        except (DomainError, Refused) as error:
            log.warning("the copy pod %s in %s could not be removed: %s", name, namespace, error)

    async def _sweep(self, namespace: str) -> None:
        """Remove finished copies that a killed service left behind."""
        ours = naming.selector({naming.INSTANCE: self._settings.instance, naming.KIND: naming.COPY})
        found, _ = await self._cluster.list(POD, namespace, labels=ours)
        for pod in found:
            if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
                metadata = pod["metadata"]
                await self._cluster.delete(POD, metadata["name"], namespace, grace_seconds=1)

    async def _answer(self, folder: Path, pod: Mapping[str, Any], until: float) -> dict[str, Any]:
        """The result, which the pod writes last; asks for the pod only to learn why there is none."""
        asked, over, seen = time.monotonic(), None, pod
        while True:
            try:
                return await asyncio.to_thread(exchange.read_message, folder / copier.RESULT)
            except FileNotFoundError:
                pass
            except ValueError as error:
                raise Unavailable("the answer of the copy cannot be read") from error
            now = time.monotonic()
            if over is not None and now > over + _ANSWER_WITHIN:
                raise Unavailable(f"the copy of the files failed: {_failure(seen)}")
            if now > until:
                raise Unavailable(f"the copy of the files did not end in time: {await self._cause(seen)}")
            if over is None and now > asked + _ASK_EVERY:
                asked, (seen, ended) = now, await self._look(seen)
                over = now if ended else None
            await asyncio.sleep(_LOOK_EVERY)

    async def _look(self, seen: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
        """The pod now, and whether it is over. Raises Unavailable if there is no hope; an outage is sat out."""
        metadata = seen["metadata"]
        try:
            found = await self._cluster.get(POD, metadata["name"], metadata["namespace"])
        except NotFound:
            return {**seen, "status": {"reason": "Deleted"}}, True
        except Unavailable:
            return seen, False
        waiting = _waiting(found)
        if waiting.get("reason") in _HOPELESS:
            raise Unavailable(f"the copy of the files cannot start: {_text(waiting)}")
        return found, (found.get("status") or {}).get("phase") in ("Succeeded", "Failed")

    async def _cause(self, pod: Mapping[str, Any]) -> str:
        """Why a pod does not get on: what the cluster warned of last."""
        metadata = pod["metadata"]
        with contextlib.suppress(DomainError, Refused):
            events, _ = await self._cluster.list(
                EVENT, metadata["namespace"], fields=f"involvedObject.name={metadata['name']},type=Warning"
            )
            if events:
                return _text(events[-1])
        return _text(_waiting(pod)) if _waiting(pod) else f"the pod is {(pod.get('status') or {}).get('phase', 'new')}"


def _waiting(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        waiting = (status.get("state") or {}).get("waiting")
        if waiting:
            return dict(waiting)
    return {}


def _failure(pod: Mapping[str, Any]) -> str:
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or []:
        ended = (container.get("state") or {}).get("terminated")
        if ended:
            return f"{ended.get('reason') or 'Error'} (exit code {ended.get('exitCode')})"
    return _text(status)


def _text(facts: Mapping[str, Any]) -> str:
    return ": ".join(str(facts[key])[:300] for key in ("reason", "message") if facts.get(key)) or "no reason is known"
