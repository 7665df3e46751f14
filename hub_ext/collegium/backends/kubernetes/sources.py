"""DatasetSources on a cluster: claims and twins of sources, made and removed by the controller alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from collegium.backends.kubernetes import data, naming
from collegium.backends.kubernetes.client import CLAIM, VOLUME, AlreadyExists, Cluster, Kind, Refused
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.catalog import AccessMode, Dataset
from collegium.domain.datasets import Health, SourceHealth
from collegium.domain.errors import Conflict, DomainError, NotFound, Unavailable
from collegium.domain.mounts import Mount, dataset_mount, folders_of

log = logging.getLogger(__name__)


class KubernetesSources:
    """See DatasetSources."""

    def __init__(self, cluster: Cluster, settings: KubernetesSettings, *, stored: bool = True) -> None:
        """``stored``: trees of the file store are on the files volume."""
        self._cluster, self._settings, self._stored = cluster, settings, stored
        self._marked: set[str] = set()

    async def ensure(self, group: str, mounts: Sequence[Mount]) -> None:
        """See DatasetSources. Tells the hub that the group's trees are there, which it cannot see."""
        await self._mark(group)
        for mount in folders_of(mounts):
            if mount.root is None:
                for kind, body in data.needed(self._settings, group, mount):
                    try:
                        await self._keep(kind, body)
                    except (Refused, Conflict) as error:
                        # ``look`` finds it, and everybody is told there.
                        log.warning("dataset %s of group %s is not ready: %s", mount.dataset, group, error)

    async def tidy(self, group: str, mounts: Sequence[Mount]) -> None:
        """See DatasetSources. Kubernetes itself keeps a claim for as long as a pod has it; claims that were made of a
        size hold data, and stay."""
        if not any((self._settings.dataset_nfs_servers, self._settings.dataset_host_paths, self._settings.dataset_csi)):
            # No twins, and no right to look for any.
            return
        keep = {data.claim_name(self._settings, group, m) for m in folders_of(mounts) if m.root is None}
        try:
            found, _ = await self._cluster.list(VOLUME, labels=naming.selector(self._labels(group)))
            for volume in found:
                name = volume["metadata"]["name"]
                if name not in keep:
                    await self._cluster.delete(CLAIM, name, self._settings.namespace_of(group))
                    await self._cluster.delete(VOLUME, name)
        except Refused as error:
            raise Unavailable(f"volumes of datasets of group {group} cannot be removed: {error.message}") from error

    async def look(self, group: str, dataset: Dataset) -> SourceHealth:
        """See DatasetSources."""
        if problem := data.source_problem(self._settings, dataset):
            return SourceHealth(dataset.name, Health.UNKNOWN, problem)
        mount = dataset_mount(dataset, group, AccessMode.READ_ONLY)
        problem = await claim_problem(self._cluster, self._settings, group, mount)
        state = Health.MISSING if problem else Health.OK
        return SourceHealth(dataset.name, state, problem, group=group)

    async def _mark(self, group: str) -> None:
        if not self._stored or group in self._marked:
            return
        name, place = self._settings.files_claim, self._settings.namespace_of(group)
        try:
            await self._cluster.patch(CLAIM, name, {"metadata": {"annotations": {data.TREES: "made"}}}, place)
        except (NotFound, Refused) as error:
            log.warning("group %s has no files volume that can be used: %s", group, error)
        else:
            self._marked.add(group)

    def _labels(self, group: str) -> dict[str, str]:
        return data.data_labels(self._settings, group)

    async def _keep(self, kind: Kind, body: dict[str, Any]) -> None:
        """Make it if it is not there: neither can be changed. Never take over another's."""
        metadata = body["metadata"]
        name, place = metadata["name"], metadata.get("namespace")
        try:
            found = await self._cluster.get(kind, name, place)
        except NotFound:
            try:
                found = await self._cluster.create(kind, body, place)
            except AlreadyExists:
                found = await self._cluster.get(kind, name, place)
            except NotFound as error:
                raise Unavailable(f"the namespace {place} is being prepared") from error
        if not _is_ours(found, body):
            raise Conflict(
                f"the {kind.name} {name} exists and is not of dataset {metadata['annotations'][data.DATASET]}"
            )
        if kind is VOLUME and (found.get("status") or {}).get("phase") == "Released":
            # Of a claim that is gone: let the next of its name have it.
            free = {"spec": {"claimRef": {"uid": None, "resourceVersion": None}}}
            await self._cluster.patch(VOLUME, name, free)


async def claim_problem(cluster: Cluster, settings: KubernetesSettings, group: str, mount: Mount) -> str:
    """Why the claim of a dataset cannot be mounted by pods of the group now, empty if it can. Raises Unavailable."""
    name, place = data.claim_name(settings, group, mount), settings.namespace_of(group)
    made = data.needed(settings, group, mount)
    try:
        found = await cluster.get(CLAIM, name, place)
    except NotFound:
        return "it is being prepared" if made else f"there is no claim {name} in the namespace {place}"
    except Refused as error:
        raise Unavailable(f"the claim {name} cannot be read: {error.message}") from error
    phase = (found.get("status") or {}).get("phase")
    if made and not _is_ours(found, made[-1][1]):
        return f"the claim {name} in the namespace {place} belongs to something else"
    if (found["metadata"].get("annotations") or {}).get(naming.OWNER):
        return f"the claim {name} is somebody's home"
    if found["metadata"].get("deletionTimestamp"):
        return f"its claim {name} is being deleted"
    if phase == "Lost":
        return f"the volume behind its claim {name} is lost"
    if len(made) > 1 and phase != "Bound":
        return "it is being prepared"
    return ""


async def claim_problems(
    cluster: Cluster, settings: KubernetesSettings, group: str, mounts: Sequence[Mount]
) -> Mapping[str, str]:
    """Dataset → why it cannot be mounted after all; of the shared files it is under an empty name."""
    found: dict[str, str] = {}
    stored = [mount for mount in folders_of(mounts) if mount.root is not None]
    if stored and (problem := await _files_problem(cluster, settings, group)):
        found |= dict.fromkeys((mount.dataset for mount in stored), problem)
    for mount in folders_of(mounts):
        if mount.root is None:
            try:
                problem = await claim_problem(cluster, settings, group, mount)
            except DomainError as error:
                problem = error.message
            if problem:
                found[mount.dataset] = problem
    return found


async def _files_problem(cluster: Cluster, settings: KubernetesSettings, group: str) -> str:
    place = settings.namespace_of(group)
    try:
        claim = await cluster.get(CLAIM, settings.files_claim, place)
    except NotFound:
        return f"the namespace {place} has no claim {settings.files_claim} on the files volume"
    except (DomainError, Refused) as error:
        return f"the files volume cannot be looked for: {error.message}"
    made = data.TREES in (claim["metadata"].get("annotations") or {})
    return "" if made else "the group's shared files are being prepared; they are there in a moment"


def _is_ours(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Was it made for this very dataset of this group of this installation?"""
    labels, notes = (wanted["metadata"][part] for part in ("labels", "annotations"))
    metadata = found["metadata"]
    return bool(
        labels.items() <= (metadata.get("labels") or {}).items()
        and notes.items() <= (metadata.get("annotations") or {}).items()
    )
