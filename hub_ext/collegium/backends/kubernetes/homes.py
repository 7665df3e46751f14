"""Homes: one volume claim per user and group, or folders of the files volume. The hub's spawner uses this too."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import CLAIM, AlreadyExists, Cluster, Refused
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.local import tree
from collegium.backends.local.layout import make_durable
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, StorageFull, Unavailable
from collegium.domain.names import check_group_name, check_user_name
from collegium.domain.resources import STORAGE, parse_quantity

log = logging.getLogger(__name__)
#: Folder of the files volume that holds the homes where ``settings.homes`` is ``shared``.
SHARED = "homes"
#: Mode of folders on the way to what pods mount: the kubelet need not own them to pass, and sees nothing there.
PASSABLE = 0o711
#: Name of the volume in a pod.
VOLUME = "home"


def home_claim(settings: KubernetesSettings, user: str, group: str) -> dict[str, Any]:
    """The claim of a user's home in a group, as it is made. Raises InvalidInput for names that are none."""
    check_user_name(user)
    check_group_name(group)
    spec: dict[str, Any] = {
        "accessModes": [settings.home_access_mode],
        "resources": {"requests": {"storage": settings.home_capacity}},
    }
    if settings.home_storage_class:
        spec["storageClassName"] = settings.home_storage_class
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": naming.home_claim_name(user, group),
            "namespace": settings.namespace_of(group),
            "labels": naming.labels(settings.instance, "home", group, user),
            "annotations": {naming.OWNER: user, naming.OWNER_GROUP: group},
        },
        "spec": spec,
    }


def home_volume(
    settings: KubernetesSettings, user: str, group: str, *, read_only: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Volume and mount of a user's home for a pod in the group's namespace; after ``ensure_home``, never without."""
    name = naming.home_claim_name(check_user_name(user), check_group_name(group))
    mount: dict[str, Any] = {"name": VOLUME, "mountPath": settings.home_mount}
    claim = name
    if settings.homes == "shared":
        claim = settings.files_claim
        mount["subPath"] = f"{SHARED}/{name}"
    source: dict[str, Any] = {"claimName": claim}
    if read_only:
        mount["readOnly"] = True
    return {"name": VOLUME, "persistentVolumeClaim": source}, mount


def shared_home(settings: KubernetesSettings, user: str, group: str) -> Path:
    """Where the service has a home that is a folder of the files volume."""
    return Path(settings.files_dir) / SHARED / naming.home_claim_name(check_user_name(user), check_group_name(group))


async def ensure_home(cluster: Cluster, settings: KubernetesSettings, user: str, group: str) -> str:
    """Make the user's home in this group, or check that the one there is theirs: the claim's name, or the folder.

    Raises Forbidden if it belongs to somebody else, Conflict if nothing says whose it is, StorageFull, and Unavailable
    with the reason if it cannot be used now. Never mount a home without having asked.
    """
    if settings.homes == "shared":
        return str(await asyncio.to_thread(make_shared_home, settings, user, group))
    wanted = home_claim(settings, user, group)
    name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
    try:
        found = await cluster.get(CLAIM, name, namespace)
    except NotFound:
        found = await _create(cluster, wanted)
    except Refused as error:
        # Rights come with the group's space, and go with it.
        raise Unavailable(f"the group's namespace {namespace} is being prepared, or closed: {error.message}") from error
    check_home(found, user, group)
    await _expand(cluster, found, wanted)
    return str(name)


def make_shared_home(settings: KubernetesSettings, user: str, group: str) -> Path:
    """Make the folder of a home on the files volume. Raises StorageFull and Unavailable."""
    home = shared_home(settings, user, group)
    try:
        if not home.is_dir():
            make_durable(home, Path(settings.files_dir))
            home.parent.chmod(PASSABLE)
        hand_over(settings, home)
    except OSError as error:
        if error.errno in tree.NO_ROOM:
            raise StorageFull("there is no room for a new home on the files volume") from error
        raise Unavailable(f"the home could not be made on the files volume: {error.strerror}") from error
    return home


def hand_over(settings: KubernetesSettings, *paths: Path) -> None:
    """Give files to the user that all pods run as, where the service itself is root. Raises OSError."""
    if os.geteuid() == 0:
        for path in paths:
            os.chown(path, settings.uid, settings.gid, follow_symlinks=False)


def check_home(claim: Mapping[str, Any], user: str, group: str) -> None:
    """Refuse a claim that is not this user's in this group, or that cannot be mounted now."""
    metadata, name = claim["metadata"], claim["metadata"]["name"]
    notes = metadata.get("annotations") or {}
    if not notes.get(naming.OWNER) or not notes.get(naming.OWNER_GROUP):
        raise Conflict(
            f"the volume claim {name} has no {naming.OWNER} and {naming.OWNER_GROUP} annotations; an administrator must"
            " say whose home it is before it is mounted",
            claim=name,
        )
    if (notes[naming.OWNER], notes[naming.OWNER_GROUP]) != (user, group):
        raise Forbidden(f"the volume claim {name} is the home of somebody else and is not mounted", claim=name)
    if metadata.get("deletionTimestamp"):
        raise Unavailable(f"the home's volume claim {name} is being deleted; try again when it is gone", claim=name)
    if (claim.get("status") or {}).get("phase") == "Lost":
        raise Unavailable(f"the volume behind the home's claim {name} is lost; ask an administrator", claim=name)


async def _create(cluster: Cluster, wanted: dict[str, Any]) -> dict[str, Any]:
    name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
    try:
        return await cluster.create(CLAIM, wanted, namespace)
    except AlreadyExists:
        try:
            return await cluster.get(CLAIM, name, namespace)
        except NotFound as error:
            raise Unavailable(f"the home's volume claim {name} has just been deleted; try again") from error
    except NotFound as error:
        raise Unavailable(f"the group's namespace {namespace} is being prepared; try again in a moment") from error
    except Refused as error:
        size = wanted["spec"]["resources"]["requests"]["storage"]
        if "exceeded quota" in error.message:
            raise StorageFull(f"the group's storage quota has no room for a home of {size}", limit=size) from error
        raise Unavailable(f"the home of {size} could not be made: {error.message}") from error


async def _expand(cluster: Cluster, claim: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Ask for more room if more is configured. A home that cannot grow is still a home."""
    metadata, size = claim["metadata"], wanted["spec"]["resources"]["requests"]["storage"]
    if (claim.get("status") or {}).get("phase") != "Bound":
        return  # Only bound claims can grow.
    try:
        present = parse_quantity(claim["spec"]["resources"]["requests"]["storage"], STORAGE)
    except (InvalidInput, KeyError):
        return  # Not ours to judge: another notation, by somebody who chose it.
    if parse_quantity(size, STORAGE, "kubernetes.home_capacity") <= present:
        return
    # The uid makes sure that it is the claim that was checked.
    change = {"metadata": {"uid": metadata["uid"]}, "spec": {"resources": {"requests": {"storage": size}}}}
    try:
        await cluster.patch(CLAIM, metadata["name"], change, metadata["namespace"])
    except (Refused, Conflict) as error:
        log.warning("home %s could not be expanded to %s: %s", metadata["name"], size, error)
