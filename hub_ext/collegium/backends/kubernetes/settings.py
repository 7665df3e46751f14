"""What hub and service must agree on to share a cluster. One mapping, read by both: the chart writes it, ``install(c)``
takes it, and ``COLLEGIUM_KUBERNETES`` (JSON, or a path to a JSON file) hands it from process to process."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_group_name, check_object_name

VARIABLE = "COLLEGIUM_KUBERNETES"
_CHOICES = {"homes": ("claim", "shared"), "watch": ("namespace", "cluster")}


@dataclass(frozen=True)
class KubernetesSettings:
    """One installation on one cluster. Sizes of storage are Kubernetes quantities, times are seconds."""

    #: Tells this installation's objects from another's on the same cluster (label ``app.kubernetes.io/instance``).
    instance: str = "collegium"
    #: Where hub, proxy and service run.
    control_namespace: str = "collegium"
    #: Namespace of a group; without ``{group}`` all groups share one.
    namespace: str = "collegium-{group}"
    #: Make and update the groups' namespaces, quotas and policies. Off: an administrator does, and we only use them.
    manage_namespaces: bool = True
    #: Read pods and jobs by one watch per namespace (least rights) or one for the cluster (above some 50 groups).
    watch: str = "namespace"
    #: All our pods run as this user and group, so that they share files. Never root.
    uid: int = 1000
    gid: int = 1000
    #: Runs the pods that copy files for us: the image of the service itself.
    tools_image: str = ""
    image_pull_policy: str = "IfNotPresent"
    #: Names of pull secrets of type dockerconfigjson, for all pods of groups.
    pull_secrets: Sequence[str] = ()
    #: Folder with ``<name>/.dockerconfigjson`` to copy those into group namespaces from; empty: they are there already.
    pull_secrets_dir: str = ""
    #: The read-write-many volume for jobs' files: the claim's name in every namespace, and where the service has it.
    files_claim: str = "collegium-files"
    files_dir: str = "/srv/collegium/files"
    #: Source of the static volume behind that claim (``{"nfs": {…}}``, ``{"csi": {…}}``); empty: the claims are there.
    #: ``{namespace}`` in its texts is replaced, for drivers that want another handle in every namespace.
    files_volume: Mapping[str, Any] = field(default_factory=dict)
    files_capacity: str = "100Gi"
    #: Homes: ``claim`` (one volume claim per user and group) or ``shared`` (folders of the files volume).
    homes: str = "claim"
    home_storage_class: str = ""
    home_capacity: str = "10Gi"
    home_access_mode: str = "ReadWriteOnce"
    #: Where a home is mounted in servers.
    home_mount: str = "/home/jovyan"
    #: How long a pod may take until its containers run: image pull, volumes, a free node.
    start_deadline: int = 600
    #: Kueue's LocalQueue for the jobs of each group by its name, ``*`` for all others; without one Kueue has no say.
    kueue_queues: Mapping[str, str] = field(default_factory=dict)
    #: Added to the groups' limits in ResourceQuotas, so that the ledger alone decides in normal use.
    headroom: Mapping[str, str] = field(default_factory=lambda: {"cpu": "1", "memory": "1Gi", "storage": "1Gi"})
    #: Datasets elsewhere: NFS servers and folders of the nodes, with what is below, that they may be on; no others.
    dataset_nfs_servers: Sequence[str] = ()
    dataset_host_paths: Sequence[str] = ()
    #: How a driver mounts an S3 dataset of the platform: parts of a static volume, ``csi`` and maybe ``mountOptions``,
    #: in which ``{bucket}``, ``{prefix}``, ``{endpoint}``, ``{region}``, ``{namespace}``, ``{dataset}`` and ``{name}``
    #: are replaced; empty: none does.
    dataset_csi: Mapping[str, Any] = field(default_factory=dict)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: Sequence[Mapping[str, Any]] = ()
    #: Who answers DNS on port 53, as peers of a NetworkPolicy: the cluster's DNS pods and the node-local cache.
    dns_peers: Sequence[Mapping[str, Any]] = (
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
    )
    #: Group pods may open connections to the internet, but never into these ranges; IPv6 only if some are of IPv6.
    internet: bool = True
    blocked_ranges: Sequence[str] = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10")
    #: Pods of one group may talk to one another.
    within_group: bool = False
    hub_port: int = 8081
    proxy_port: int = 8000
    server_port: int = 8888

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InvalidInput(f"kubernetes.{name}", f"must be one of {', '.join(allowed)}", getattr(self, name))
        if self.uid < 1 or self.gid < 1:
            raise InvalidInput("kubernetes.uid", "must not be root", self.uid)
        for path in self.dataset_host_paths:
            if not path.startswith("/") or {"", ".", ".."} & set(path.split("/")[1:]):
                raise InvalidInput(
                    "kubernetes.dataset_host_paths", "must be paths from /, without '..' and '/' at the end", path
                )
        if self.dataset_csi and not isinstance(self.dataset_csi.get("csi"), Mapping):
            raise InvalidInput("kubernetes.dataset_csi", "must hold csi, the source of a volume")
        for group, queue in self.kueue_queues.items():
            if group != "*":
                check_group_name(group, "kubernetes.kueue_queues")
            check_object_name(queue, f"kubernetes.kueue_queues.{group}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> KubernetesSettings:
        """Read names above as keys. Raises InvalidInput for unknown keys and wrong types: nothing is dropped."""
        known = {f.name: f for f in dataclasses.fields(cls)}
        for key, value in values.items():
            if key not in known:
                raise InvalidInput(f"kubernetes.{key}", f"is not a setting; settings are {', '.join(sorted(known))}")
            wanted = {"str": str, "int": int, "bool": bool}.get(str(known[key].type).partition("[")[0])
            kinds = wanted or (Mapping if str(known[key].type).startswith("Mapping") else (list, tuple))
            if not isinstance(value, kinds) or (wanted is int and isinstance(value, bool)):
                raise InvalidInput(f"kubernetes.{key}", f"must be of type {known[key].type}", value)
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**fields)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> KubernetesSettings:
        """Read ``COLLEGIUM_KUBERNETES``; defaults if it is not set. Raises InvalidInput."""
        text = environment.get(VARIABLE) or "{}"
        try:
            values = json.loads(Path(text).read_text() if text.startswith("/") else text)
        except (OSError, ValueError) as error:
            raise InvalidInput(VARIABLE, f"cannot be read as JSON: {error}") from error
        if not isinstance(values, Mapping):
            raise InvalidInput(VARIABLE, "must be a JSON object")
        return cls.from_mapping(values)

    def to_json(self) -> str:
        """What ``from_environment`` reads."""
        return json.dumps(dataclasses.asdict(self))

    def namespace_of(self, group: str) -> str:
        """The group's namespace. Raises InvalidInput for what is not a group's name."""
        return self.namespace.replace("{group}", check_group_name(group))

    def queue_of(self, group: str) -> str:
        """Kueue's queue for the group's jobs, empty if it has none."""
        return self.kueue_queues.get(group, self.kueue_queues.get("*", ""))
