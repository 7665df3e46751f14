"""Pieces of pod manifests that servers, jobs and copies share. Pure: settings in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.catalog import Placement
from collegium.domain.resources import COUNT_PREFIX, CPU, MEMORY, STORAGE, Resources, format_quantity

#: Name of the volume with jobs' files in a pod.
FILES = "files"
_SHARED_MEMORY = "shared-memory"


def pod_security(settings: KubernetesSettings) -> dict[str, Any]:
    """``securityContext`` of a pod under Pod Security *restricted*.

    No ``fsGroup`` here: it would have the kubelet change the owner of all that a shared volume holds.
    """
    return {
        "runAsNonRoot": True,
        "runAsUser": settings.uid,
        "runAsGroup": settings.gid,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security() -> dict[str, Any]:
    """``securityContext`` of a container under Pod Security *restricted*."""
    return {"allowPrivilegeEscalation": False, "privileged": False, "capabilities": {"drop": ["ALL"]}}


def resource_requirements(limits: Resources, requests: Resources | None = None) -> dict[str, Any]:
    """``resources`` of a container: limits are enforced, requests are what the scheduler sets aside.

    Only CPU and memory can be set aside in part; whatever else there is (GPUs of any name) is given whole or not at
    all. A request is never above its limit. Storage and counts are nothing that a container has.
    """
    asked = requests or Resources()
    held = {name: amount for name, amount in limits.items() if name != STORAGE and not name.startswith(COUNT_PREFIX)}
    aside = {name: min(asked[name] or held.get(name, 0), held.get(name, asked[name])) for name in (CPU, MEMORY)}
    found: dict[str, Any] = {}
    if held:
        found["limits"] = {name: format_quantity(amount, name) for name, amount in held.items()}
    if any(aside.values()):
        found["requests"] = {name: format_quantity(amount, name) for name, amount in aside.items() if amount}
    return found


def placement_fields(settings: KubernetesSettings, placement: Placement) -> dict[str, Any]:
    """``nodeSelector``, ``tolerations``, ``affinity`` and ``priorityClassName`` of a pod, those that there are.

    The installation's own node selector wins: it says where work of groups may run at all.
    """
    fields: dict[str, Any] = {
        "nodeSelector": {**placement.node_selector, **settings.node_selector},
        "tolerations": [dict(toleration) for toleration in (*settings.tolerations, *placement.tolerations)],
        "affinity": dict(placement.affinity),
        "priorityClassName": placement.priority_class,
    }
    return {name: value for name, value in fields.items() if value}


def shared_memory(placement: Placement) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Volumes and mounts of ``/dev/shm``; it counts against the container's memory limit."""
    if not placement.shared_memory:
        return [], []
    size = format_quantity(placement.shared_memory, MEMORY)
    volume = {"name": _SHARED_MEMORY, "emptyDir": {"medium": "Memory", "sizeLimit": size}}
    return [volume], [{"name": _SHARED_MEMORY, "mountPath": "/dev/shm"}]  # noqa: S108


def pull_secrets(settings: KubernetesSettings, pull_secret: str = "") -> list[dict[str, str]]:
    """``imagePullSecrets`` of a pod: the installation's and the image's own, each once."""
    names = dict.fromkeys([*settings.pull_secrets, *([pull_secret] if pull_secret else [])])
    return [{"name": name} for name in names]


def files_volume(settings: KubernetesSettings, read_only: bool = False) -> dict[str, Any]:
    """The volume with jobs' files, by the claim that every group's namespace has."""
    claim: dict[str, Any] = {"claimName": settings.files_claim}
    if read_only:
        claim["readOnly"] = True
    return {"name": FILES, "persistentVolumeClaim": claim}


def files_mount(sub_path: str, path: str, read_only: bool = False) -> dict[str, Any]:
    """A mount of one folder or file of it. Raises ValueError for a sub path that is none: the root is nobody's."""
    if not sub_path or any(part in ("", ".", "..") for part in sub_path.split("/")):
        raise ValueError(f"not a path below the files volume: {sub_path!r}")
    mount: dict[str, Any] = {"name": FILES, "mountPath": path, "subPath": sub_path}
    if read_only:
        mount["readOnly"] = True
    return mount


def base_pod(settings: KubernetesSettings, placement: Placement | None = None, pull_secret: str = "") -> dict[str, Any]:
    """Fields of a pod's ``spec`` that are the same for everything we run in a group's namespace."""
    spec: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "serviceAccountName": naming.ACCOUNT,
        # Else every service of the namespace becomes environment variables, and a name of theirs can hide the user's.
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security(settings),
        **placement_fields(settings, placement or Placement()),
    }
    if secrets := pull_secrets(settings, pull_secret):
        spec["imagePullSecrets"] = secrets
    return spec


def literal(text: str) -> str:
    """Text that Kubernetes hands on unchanged: it replaces ``$(NAME)`` in commands, arguments and variables."""
    return text.replace("$", "$$")


def environment_list(variables: Mapping[str, str]) -> list[dict[str, str]]:
    """``env`` of a container, every value literal."""
    return [{"name": name, "value": literal(value)} for name, value in variables.items()]
