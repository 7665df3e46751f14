"""What a workload finds where: the one computation of mounts for servers, jobs and deployments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from collegium.domain.catalog import AccessMode, SourceKind
from collegium.domain.files import Root

#: Where a workload on a cluster finds datasets and the shared files of its group; on one machine the variables below
#: say where they are.
DATASETS_AT, PROJECT_AT = "/datasets", "/project"
#: Variables that say it everywhere.
DATASETS_VARIABLE, PROJECT_VARIABLE = "COLLEGIUM_DATASETS", "COLLEGIUM_PROJECT"


@dataclass(frozen=True)
class Mount:
    """One folder of a workload.

    ``path`` is absolute, as on a cluster (``/datasets/digits``, ``/project/physics``). Either ``root`` says which
    tree of the file store it is, or ``kind`` and ``source`` which source elsewhere. ``dataset`` and ``version`` are
    for lineage; ``problem`` is why it is left out of the start, empty if it is not.
    """

    path: str
    access: AccessMode
    root: Root | None = None
    dataset: str = ""
    version: int | None = None
    kind: SourceKind | None = None
    source: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """As launch manifests hold it; no value of a variable."""
        return {
            "path": self.path,
            "access": self.access.value,
            "dataset": self.dataset,
            "version": self.version,
            "kind": self.kind.value if self.kind else "",
            "problem": self.problem,
        }
