"""What a group needs to exist on a cluster, as manifests. Pure: settings and limits in, JSON out."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import (
    CLAIM,
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    SECRET,
    SERVICE_ACCOUNT,
    VOLUME,
    Kind,
)
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.names import bound_name
from collegium.domain.quota import Limits
from collegium.domain.resources import CPU, MEMORY, STORAGE, format_quantity, parse_quantity

#: Name of the group's ResourceQuota and LimitRange.
NAME = "collegium"
#: Label of a namespace whose group was removed; it is kept for the data in it.
REMOVED = f"{naming.DOMAIN}/removed"
SPACE = "space"
#: What a container gets that names no limits; ours name them.
DEFAULT_LIMITS = {"cpu": "500m", "memory": "512Mi"}
DEFAULT_REQUESTS = {"cpu": "50m", "memory": "128Mi"}
#: Nothing of a group is reachable from outside but through the proxy.
_NO_DOORS = {"services.loadbalancers": "0", "services.nodeports": "0"}
_DOCKER = ".dockerconfigjson"
_RBAC = "rbac.authorization.k8s.io"


def own_namespace(settings: KubernetesSettings) -> bool:
    """True if every group has a namespace of its own; else all share one, which no group's quota can fence."""
    return "{group}" in settings.namespace


def common_labels(settings: KubernetesSettings, group: str = "") -> dict[str, str]:
    """Labels of what belongs to a space; with a group only where no other group shares it."""
    found = {naming.MANAGED_BY: naming.MANAGER, naming.INSTANCE: settings.instance, naming.KIND: SPACE}
    if group:
        found[naming.GROUP] = group
    return found


def manifest(
    kind: Kind, name: str, labels: Mapping[str, str], namespace: str | None = None, **fields: Any
) -> dict[str, Any]:
    """An object of ours."""
    metadata: dict[str, Any] = {"name": name, "labels": dict(labels)}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {"apiVersion": kind.api, "kind": kind.name, "metadata": metadata, **fields}


def namespace_labels(settings: KubernetesSettings, group: str) -> dict[str, str]:
    """Labels that make a namespace ours."""
    return common_labels(settings, group if own_namespace(settings) else "")


def namespace(settings: KubernetesSettings, group: str, removed: bool = False) -> dict[str, Any]:
    """The namespace; Kubernetes itself refuses pods in it that are not *restricted*."""
    labels = {
        **namespace_labels(settings, group),
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    if removed:
        labels[REMOVED] = "true"
    return manifest(NAMESPACE, settings.namespace_of(group), labels)


def service_account(settings: KubernetesSettings, group: str) -> dict[str, Any]:
    """What all our pods of the group run as: it may do nothing and gets no token."""
    place, labels = settings.namespace_of(group), common_labels(settings)
    return manifest(SERVICE_ACCOUNT, naming.ACCOUNT, labels, place, automountServiceAccountToken=False)


def quota_hard(settings: KubernetesSettings, limits: Limits) -> dict[str, str]:
    """``hard`` of the ResourceQuota: the group's limits and the headroom, so that the ledger decides in normal use.

    Counts are the ledger's alone, and so is a resource that Kubernetes does not know (its names hold a slash).
    """
    hard = dict(_NO_DOORS)
    for name, limit in limits.items():
        key = {CPU: "limits.cpu", MEMORY: "limits.memory", STORAGE: "requests.storage"}.get(name)
        if key is None:
            if "/" not in name or name.startswith("count/"):
                continue
            key = f"requests.{name}"
        amount = limit + parse_quantity(settings.headroom.get(name, "0"), name, f"kubernetes.headroom.{name}")
        if name == STORAGE:
            # The claim on the shared files volume asks for its whole size in every namespace.
            amount += parse_quantity(settings.files_capacity, STORAGE, "kubernetes.files_capacity")
        hard[key] = format_quantity(amount, name)
    return hard


def resource_quota(settings: KubernetesSettings, group: str, limits: Limits, removed: bool = False) -> dict[str, Any]:
    """The second fence behind the ledger. One below what runs is fine: Kubernetes only refuses what is new."""
    hard = {**quota_hard(settings, limits), **({"pods": "0"} if removed else {})}
    return manifest(
        RESOURCE_QUOTA, NAME, common_labels(settings, group), settings.namespace_of(group), spec={"hard": hard}
    )


def limit_range(settings: KubernetesSettings, group: str) -> dict[str, Any]:
    """Defaults for pods that name no limits, which a quota on limits would else refuse with a riddle."""
    spec = {"limits": [{"type": "Container", "default": DEFAULT_LIMITS, "defaultRequest": DEFAULT_REQUESTS}]}
    return manifest(LIMIT_RANGE, NAME, common_labels(settings, group), settings.namespace_of(group), spec=spec)


def role_bindings(settings: KubernetesSettings, group: str) -> list[dict[str, Any]]:
    """The controller's and the hub's rights in this namespace, in the order in which they are needed."""
    return [role_binding(settings, group, component) for component in ("controller", "hub")]


def role_binding(settings: KubernetesSettings, group: str, component: str) -> dict[str, Any]:
    """Binds the chart's ClusterRole ``<instance>-<component>`` to that component's service account, here only."""
    name = f"{settings.instance}-{component}"
    return manifest(
        ROLE_BINDING,
        name,
        common_labels(settings),
        settings.namespace_of(group),
        roleRef={"apiGroup": _RBAC, "kind": "ClusterRole", "name": name},
        subjects=[{"kind": "ServiceAccount", "name": component, "namespace": settings.control_namespace}],
    )


def files_volume(settings: KubernetesSettings, group: str) -> dict[str, Any]:
    """The twin of the files volume for one namespace: same source, bound to that namespace's claim and no other."""
    place = settings.namespace_of(group)
    source = _filled(settings.files_volume, place)
    spec = {
        "capacity": {"storage": settings.files_capacity},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": place,
            "name": settings.files_claim,
        },
        **source,
    }
    return manifest(VOLUME, files_volume_name(settings, group), common_labels(settings), spec=spec)


def files_volume_name(settings: KubernetesSettings, group: str) -> str:
    """Cluster-wide, so bound to installation and namespace."""
    return bound_name("files", settings.instance, settings.namespace_of(group))


def files_claim(settings: KubernetesSettings, group: str) -> dict[str, Any]:
    """The claim on that volume."""
    spec = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "volumeName": files_volume_name(settings, group),
        "resources": {"requests": {"storage": settings.files_capacity}},
    }
    place = settings.namespace_of(group)
    return manifest(CLAIM, settings.files_claim, common_labels(settings), place, spec=spec)


def pull_secret(settings: KubernetesSettings, group: str, name: str, content: bytes) -> dict[str, Any]:
    """A copy of an installation's pull secret. Its body must not reach a log."""
    return manifest(
        SECRET,
        name,
        common_labels(settings),
        settings.namespace_of(group),
        type="kubernetes.io/dockerconfigjson",
        data={_DOCKER: base64.b64encode(content).decode()},
    )


def ranges_by_family(blocked: Sequence[str]) -> dict[str, list[str]]:
    """Blocked ranges below the whole internet of their family; a family without any is not opened at all."""
    found: dict[str, list[str]] = {}
    for text in blocked:
        whole = "0.0.0.0/0" if ipaddress.ip_network(text).version == 4 else "::/0"
        found.setdefault(whole, []).append(text)
    return found


def _filled(source: Any, place: str) -> Any:
    if isinstance(source, str):
        return source.replace("{namespace}", place)
    if isinstance(source, Mapping):
        return {key: _filled(value, place) for key, value in source.items()}
    if isinstance(source, (list, tuple)):
        return [_filled(value, place) for value in source]
    return source
