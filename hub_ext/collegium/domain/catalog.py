"""Images, instance types, datasets, and what a group was granted of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from collegium.domain.groups import ManagedBy
from collegium.domain.resources import Resources


@dataclass(frozen=True)
class Placement:
    """Where and how something runs on a cluster, beside its size; a single machine has nothing to choose.

    ``tolerations`` and ``affinity`` are written as Kubernetes writes them. ``shared_memory`` is the size of
    ``/dev/shm`` in bytes, 0 for what the container runtime gives.
    """

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict)
    priority_class: str = ""
    shared_memory: int = 0

    def to_json(self) -> dict[str, Any]:
        """As stored in catalog rows and launch manifests."""
        return {
            "node_selector": dict(self.node_selector),
            "tolerations": [dict(t) for t in self.tolerations],
            "affinity": dict(self.affinity),
            "priority_class": self.priority_class,
            "shared_memory": self.shared_memory,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read the keys that ``to_json`` writes and no others; each may be missing, as in rows of earlier releases."""
        return cls(
            node_selector=data.get("node_selector") or {},
            tolerations=tuple(data.get("tolerations") or ()),
            affinity=data.get("affinity") or {},
            priority_class=data.get("priority_class") or "",
            shared_memory=data.get("shared_memory") or 0,
        )


@dataclass(frozen=True)
class InstanceType:
    """A named size. ``limits`` is what is counted against quota and enforced."""

    name: str
    display_name: str
    limits: Resources
    requests: Resources = field(default_factory=Resources)
    description: str = ""
    placement: Placement = field(default_factory=Placement)
    managed_by: ManagedBy = ManagedBy.FILE


@dataclass(frozen=True)
class Image:
    """Software to run in. ``reference`` is a container image, ``environment`` a Python prefix for the local backend.

    ``environment`` is a directory holding ``bin/python``, or ``hub`` for the one that runs the hub itself.
    ``pull_secret`` names the secret that opens the registry of ``reference``.
    """

    name: str
    display_name: str
    reference: str = ""
    environment: str = ""
    description: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    managed_by: ManagedBy = ManagedBy.FILE
    pull_secret: str = ""


class AccessMode(enum.StrEnum):
    """How a dataset is mounted."""

    READ_ONLY = "ro"
    READ_WRITE = "rw"


class SourceKind(enum.StrEnum):
    """Where a dataset lives. MANAGED: in the group's own files here; the others are somewhere else."""

    MANAGED = "managed"
    FOLDER = "folder"
    CLAIM = "claim"
    NFS = "nfs"
    S3 = "s3"
    GIT = "git"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Dataset:
    """Data that groups may be granted; ``source`` depends on the kind. Its name is the only one of this kind on the
    platform. ``owner`` is the group whose it is, empty for the platform's own; ``licence`` an SPDX id or a text."""

    name: str
    display_name: str
    kind: SourceKind
    source: Mapping[str, str]
    description: str = ""
    managed_by: ManagedBy = ManagedBy.FILE
    tags: tuple[str, ...] = ()
    licence: str = ""
    owner: str = ""
    created_by: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class GrantKind(enum.StrEnum):
    """What is granted."""

    INSTANCE_TYPE = "instance_type"
    IMAGE = "image"
    DATASET = "dataset"


@dataclass(frozen=True)
class Grant:
    """A group may use this object; ``access`` is set for datasets."""

    group: str
    kind: GrantKind
    name: str
    access: AccessMode | None = None
    managed_by: ManagedBy = ManagedBy.FILE


@dataclass(frozen=True)
class Offer:
    """All that one group may choose from, in the order of the catalog."""

    group: str
    instance_types: tuple[InstanceType, ...] = ()
    images: tuple[Image, ...] = ()
    datasets: tuple[tuple[Dataset, AccessMode], ...] = ()
