"""Datasets and shared files in pods, and the volumes behind datasets that lie elsewhere. Pure: mounts in, JSON out.

What the file store holds is mounted from the files volume, by the folder of its tree. Everything else is mounted by a
claim in the group's namespace: one that is there already, one that we make of a size, or the twin of a source (NFS, a
folder of the nodes, S3 through a driver), for which we make a static volume and its claim. Pods name neither NFS
servers nor folders of nodes: Pod Security *restricted* forbids them to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from collegium.backends.kubernetes import naming, pods
from collegium.backends.kubernetes.client import CLAIM, VOLUME
from collegium.backends.kubernetes.manifests import common_labels, manifest
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.catalog import Dataset, SourceKind
from collegium.domain.errors import InvalidInput
from collegium.domain.files import Root
from collegium.domain.mounts import DATASETS_AT, DATASETS_VARIABLE, PROJECT_VARIABLE, Mount, MountAbilities, folders_of
from collegium.domain.names import bound_name
from collegium.stores.settings import FileSettings

#: Folder of the files volume that holds the trees of the file store.
SHARED = "shared"
#: Label ``kind`` of volumes and claims of datasets, and annotation with the dataset's name.
DATA, DATASET = "data", f"{naming.DOMAIN}/dataset"
#: Annotation of a group's files claim: the trees that its pods mount from there have been made. The kubelet would make
#: those that are missing as root's, and nobody could write there.
TREES = f"{naming.DOMAIN}/trees"
#: What a twin says it has room for: nobody looks, but quotas count it.
_NOMINAL = "1Ki"
_TWINS = (SourceKind.NFS, SourceKind.FOLDER, SourceKind.S3)


def abilities(settings: KubernetesSettings, files: FileSettings, to_be_seen: bool = False) -> MountAbilities:
    """What can be mounted into pods. ``to_be_seen``: for who cannot make what is mounted."""
    store = ""
    if files.store != "posix":
        store = "shared files and datasets are kept in object storage; read them as collegium://<group>/<path>"
    elif files.folder and files.folder.rstrip("/") != f"{settings.files_dir.rstrip('/')}/{SHARED}":
        store = "shared files and datasets are in a folder that is not on the files volume"
    return MountAbilities(store, lambda dataset: source_problem(settings, dataset), to_be_seen=to_be_seen)


def source_problem(settings: KubernetesSettings, dataset: Dataset) -> str:
    """Why a dataset that lies elsewhere cannot be mounted, empty if it can: what the operator allows decides."""
    source, kind = dataset.source, dataset.kind
    if kind is SourceKind.CLAIM:
        if source.get("claim") == settings.files_claim:
            return f"its claim {settings.files_claim} is the files volume, which holds the files of all groups"
        made = "size" in source and not settings.manage_namespaces
        return "claims are made by an administrator here, so its source must name no size" if made else ""
    if kind not in _TWINS:
        return f"a dataset of kind {kind.value} cannot be mounted"
    if not settings.manage_namespaces:
        return "volumes are made by an administrator here; let its source be a claim"
    if kind is SourceKind.NFS:
        server = source.get("server", "")
        return "" if server in settings.dataset_nfs_servers else f"the operator does not allow the NFS server {server}"
    if kind is SourceKind.FOLDER:
        path = source.get("path", "")
        allowed = any(path == each or path.startswith(f"{each}/") for each in settings.dataset_host_paths)
        fine = allowed and not {"", ".", ".."} & set(path.split("/")[1:])
        return "" if fine else f"the operator does not allow the folder {path} of the nodes"
    if not settings.dataset_csi:
        return "it is in object storage, and there is no driver to mount it; read it as collegium://"
    if dataset.owner:
        # The driver has the operator's keys, which open more than this group may see.
        return "object storage of groups is not mounted; read it as collegium://"
    return ""


def claim_name(settings: KubernetesSettings, group: str, mount: Mount) -> str:
    """The claim of a dataset that lies elsewhere. A source that changes has another one."""
    if mount.kind is SourceKind.CLAIM:
        return mount.source["claim"]
    source = json.dumps([mount.kind, dict(mount.source)], sort_keys=True)
    return bound_name(DATA, settings.instance, settings.namespace_of(group), group, mount.dataset, source)


def pod_parts(
    settings: KubernetesSettings, group: str, mounts: Iterable[Mount]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Volumes, without the files volume, and mounts of a container; those that are left out are."""
    volumes: list[dict[str, Any]] = []
    places: list[dict[str, Any]] = []
    for mount in folders_of(mounts):
        if mount.root is not None:
            places.append(pods.files_mount(sub_path(mount.root), mount.path, mount.read_only))
            continue
        name = f"{DATA}-{len(volumes)}"
        claim: dict[str, Any] = {"claimName": claim_name(settings, group, mount)}
        place: dict[str, Any] = {"name": name, "mountPath": mount.path}
        if mount.read_only:
            claim["readOnly"] = place["readOnly"] = True
        volumes.append({"name": name, "persistentVolumeClaim": claim})
        places.append(place)
    return volumes, places


def sub_path(root: Root) -> str:
    """Where the files volume has a tree of the file store."""
    return f"{SHARED}/{root.owner}/{root.area}"


def pod_variables(mounts: Iterable[Mount]) -> dict[str, str]:
    """Variables that say where a pod finds its mounts."""
    found = {DATASETS_VARIABLE: DATASETS_AT}
    for mount in folders_of(mounts):
        if not mount.dataset:
            found[PROJECT_VARIABLE] = mount.path
    return found


def needed(settings: KubernetesSettings, group: str, mount: Mount) -> list[tuple[Any, dict[str, Any]]]:
    """What has to be made for a dataset that lies elsewhere, in order; nothing for a claim that is to be there."""
    if mount.kind is SourceKind.CLAIM:
        return [(CLAIM, _sized(settings, group, mount))] if "size" in mount.source else []
    name, place = claim_name(settings, group, mount), settings.namespace_of(group)
    notes = {DATASET: mount.dataset, naming.OWNER_GROUP: group}
    claim_spec = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "volumeName": name,
        "resources": {"requests": {"storage": _NOMINAL}},
    }
    spec = {
        "capacity": {"storage": _NOMINAL},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": place, "name": name},
        **_source(settings, group, mount),
    }
    made = [manifest(VOLUME, name, data_labels(settings, group), spec=spec)]
    made.append(manifest(CLAIM, name, data_labels(settings, group), place, spec=claim_spec))
    for body in made:
        body["metadata"]["annotations"] = notes
    return list(zip((VOLUME, CLAIM), made, strict=True))


def data_labels(settings: KubernetesSettings, group: str) -> dict[str, str]:
    """Labels of volumes and claims of a group's datasets."""
    return {**common_labels(settings, group), naming.KIND: DATA}


def _sized(settings: KubernetesSettings, group: str, mount: Mount) -> dict[str, Any]:
    source = mount.source
    spec: dict[str, Any] = {
        "accessModes": [source.get("access_mode") or "ReadWriteMany"],
        "resources": {"requests": {"storage": source["size"]}},
    }
    if source.get("storage_class"):
        spec["storageClassName"] = source["storage_class"]
    body = manifest(CLAIM, source["claim"], data_labels(settings, group), settings.namespace_of(group), spec=spec)
    body["metadata"]["annotations"] = {DATASET: mount.dataset, naming.OWNER_GROUP: group}
    return body


def _source(settings: KubernetesSettings, group: str, mount: Mount) -> dict[str, Any]:
    source = mount.source
    if mount.kind is SourceKind.NFS:
        return {"nfs": {"server": source["server"], "path": source["path"]}}
    if mount.kind is SourceKind.FOLDER:
        # It must be there: the kubelet would else make an empty one.
        return {"hostPath": {"path": source["path"], "type": "Directory"}}
    words = {
        "bucket": source["bucket"],
        "prefix": source.get("prefix", ""),
        "endpoint": source.get("endpoint", ""),
        "region": source.get("region", ""),
        "namespace": settings.namespace_of(group),
        "dataset": mount.dataset,
        "name": claim_name(settings, group, mount),
    }
    return dict(_filled(settings.dataset_csi, words))


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    """Each ``{word}`` replaced once: what stands in a replacement is not replaced again."""
    if isinstance(value, str):
        try:
            return value.format_map(words)
        except (LookupError, ValueError, AttributeError) as error:
            raise InvalidInput("kubernetes.dataset_csi", f"holds a placeholder that is not known: {error}") from error
    if isinstance(value, Mapping):
        return {key: _filled(each, words) for key, each in value.items()}
    return [_filled(each, words) for each in value] if isinstance(value, (list, tuple)) else value
