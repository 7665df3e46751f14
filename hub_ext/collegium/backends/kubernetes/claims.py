"""Volume claims of groups as an administrator sees them: how large, in what state, and how they grow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import CLAIM, Cluster, Refused
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.errors import Conflict, InvalidInput, NotFound, Unavailable
from collegium.domain.names import check_group_name
from collegium.domain.resources import STORAGE, parse_quantity
from collegium.domain.volumes import Volume, VolumeKind

#: Namespaces that are asked at the same time.
_AT_ONCE = 8


async def list_claims(cluster: Cluster, settings: KubernetesSettings, groups: Sequence[str]) -> list[Volume]:
    """Claims of this installation in the namespaces of groups. Raises Unavailable."""
    slots = asyncio.Semaphore(_AT_ONCE)
    labels = naming.selector({naming.INSTANCE: settings.instance})

    async def of(namespace: str) -> list[Mapping[str, Any]]:
        async with slots:
            try:
                found, _ = await cluster.list(CLAIM, namespace, labels=labels)
            except (Refused, NotFound):
                # A namespace that is being made, or closed: our rights come and go with it.
                return []
            return list(found)

    spaces: dict[str, list[str]] = {}
    for group in groups:
        spaces.setdefault(settings.namespace_of(group), []).append(group)
    found: dict[tuple[str, str], Volume] = {}
    for namespace, claims in zip(spaces, await asyncio.gather(*(of(n) for n in spaces)), strict=True):
        for claim in claims:
            volume = _volume(settings, claim, spaces[namespace])
            if volume is not None:
                found[volume.group, volume.name] = volume
    return list(found.values())


async def resize_claim(cluster: Cluster, settings: KubernetesSettings, group: str, name: str, size: int) -> None:
    """Ask for more room. Raises NotFound; Conflict where that is not possible; Unavailable."""
    namespace = settings.namespace_of(check_group_name(group))
    try:
        claim = await cluster.get(CLAIM, name, namespace)
    except Refused as error:
        raise Unavailable(f"the namespace {namespace} is being prepared, or closed: {error.message}") from error
    volume = _volume(settings, claim, [group])
    if volume is None:
        raise NotFound(f"There is no volume {name} of group {group}.")
    if not volume.resizable:
        raise Conflict(f"The claim {name} cannot grow: {volume.message or 'it is ' + volume.state}.")
    if size <= (_requested(claim) or 0):
        return
    # The uid makes sure that it is the claim that was looked at.
    change = {
        "metadata": {"uid": claim["metadata"]["uid"]},
        "spec": {"resources": {"requests": {"storage": str(size)}}},
    }
    try:
        await cluster.patch(CLAIM, name, change, namespace)
    except Refused as error:
        raise Conflict(f"The cluster refuses to make the claim {name} larger: {error.message}") from error


def _volume(settings: KubernetesSettings, claim: Mapping[str, Any], groups: Sequence[str]) -> Volume | None:
    """None for a claim of another installation or group."""
    metadata, status = claim["metadata"], claim.get("status") or {}
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    name, phase = metadata["name"], str(status.get("phase") or "Pending")
    if labels.get(naming.INSTANCE) != settings.instance:
        return None
    if name == settings.files_claim:
        return Volume(VolumeKind.FILES, name, groups[0], "", _capacity(claim), None, phase)
    group = labels.get(naming.GROUP, "")
    if group not in groups:
        return None
    kind = VolumeKind.HOME if labels.get(naming.KIND) == "home" else VolumeKind.DATASET
    message = _message(status, metadata)
    grows = phase == "Bound" and not metadata.get("deletionTimestamp")
    return Volume(kind, name, group, notes.get(naming.OWNER, ""), _capacity(claim), None, phase, message, grows)


def _message(status: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    if metadata.get("deletionTimestamp"):
        return "it is being deleted"
    if status.get("phase") == "Lost":
        return "the volume behind it is lost"
    if status.get("phase") != "Bound":
        return "nothing is bound to it yet, which may wait for the first pod"
    for condition in status.get("conditions") or []:
        if condition.get("status") == "True" and condition.get("type") in ("Resizing", "FileSystemResizePending"):
            return "it is being resized" + (f": {condition['message']}" if condition.get("message") else "")
    return ""


def _capacity(claim: Mapping[str, Any]) -> int | None:
    present = ((claim.get("status") or {}).get("capacity") or {}).get("storage")
    return _quantity(present) if present is not None else _requested(claim)


def _requested(claim: Mapping[str, Any]) -> int | None:
    return _quantity(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage"))


def _quantity(text: Any) -> int | None:
    try:
        return parse_quantity(text, STORAGE)
    except InvalidInput:
        return None
