"""Datasets, versions and uses as wire models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from collegium.db import UnitOfWork
from collegium.db.dataset_records import VersionCount
from collegium.domain.catalog import AccessMode, Dataset, Grant, SourceKind
from collegium.domain.datasets import DatasetUse, DatasetVersion, SourceHealth
from collegium.domain.files import DATASETS
from collegium.domain.sources import ONLY_READ, shown
from collegium.services.datasets.models import (
    DatasetDetail,
    DatasetSummary,
    GrantOut,
    SourceHealthOut,
    TableOut,
    UseOut,
    VersionDetail,
    VersionOut,
)
from collegium.services.datasets.platform_models import PlatformDataset, PlatformGrantOut

#: Where servers and jobs find a dataset.
Shown = Callable[[Dataset], str]


@dataclass(frozen=True)
class Facts:
    """What is known of some datasets beside what they are."""

    versions: dict[str, VersionCount] = field(default_factory=dict)
    health: dict[tuple[str, str], SourceHealth] = field(default_factory=dict)

    @classmethod
    def of(cls, uow: UnitOfWork, names: Sequence[str]) -> Facts:
        """Asked for all at once."""
        return cls(uow.dataset_versions.counts(names), uow.dataset_health.of(names))

    def health_of(self, name: str, group: str) -> SourceHealth:
        """What holds in a group."""
        return self.health.get((name, group)) or self.health.get((name, "")) or SourceHealth(name)

    def versions_of(self, name: str) -> VersionCount:
        """How many there are."""
        return self.versions.get(name) or VersionCount()

    def holds(self, dataset: Dataset) -> tuple[int | None, int | None]:
        """Bytes and files: of what is in it now, or of its newest version."""
        found = self.health_of(dataset.name, "")
        latest = self.versions_of(dataset.name).latest
        if dataset.kind in (SourceKind.GIT, SourceKind.S3) or found.bytes is None:
            return (latest.bytes, latest.files) if latest else (None, None)
        return found.bytes, found.files


def effective(kind: SourceKind, access: AccessMode) -> AccessMode:
    """What can be done with it: some kinds are only read."""
    return AccessMode.READ_ONLY if kind in ONLY_READ else access


def dataset_out(dataset: Dataset, group: str, access: AccessMode, facts: Facts, mounted: Shown) -> DatasetSummary:
    """As a group sees it."""
    counted, (size, files) = facts.versions_of(dataset.name), facts.holds(dataset)
    return DatasetSummary(
        name=dataset.name,
        display_name=dataset.display_name,
        description=dataset.description,
        tags=list(dataset.tags),
        licence=dataset.licence,
        kind=dataset.kind,
        owner=dataset.owner or None,
        access=effective(dataset.kind, access),
        mine=dataset.owner == group,
        size=size,
        files=files,
        versions=counted.count,
        latest_version=counted.latest.number if counted.latest else None,
        health=health_out(facts.health_of(dataset.name, group)),
        mounted_at=mounted(dataset),
        path=f"{DATASETS}/{dataset.name}",
        managed_by=dataset.managed_by,
        created_by=dataset.created_by,
        created_at=dataset.created_at,
        updated_at=dataset.updated_at,
    )


def detail_out(summary: DatasetSummary, dataset: Dataset, grants: Sequence[Grant], owner: bool) -> DatasetDetail:
    """With source and grants for those whose it is."""
    return DatasetDetail(
        **summary.model_dump(),
        source=shown(dataset.kind, dataset.source) if owner else None,
        grants=[grant_out(g) for g in grants if g.group != dataset.owner] if owner else None,
    )


def platform_out(
    dataset: Dataset, grants: Sequence[Grant], facts: Facts, used_by: int, deleting: bool
) -> PlatformDataset:
    """As those who run the platform see it."""
    counted, (size, files) = facts.versions_of(dataset.name), facts.holds(dataset)
    return PlatformDataset(
        name=dataset.name,
        display_name=dataset.display_name,
        description=dataset.description,
        tags=list(dataset.tags),
        licence=dataset.licence,
        kind=dataset.kind,
        owner=dataset.owner or None,
        source=shown(dataset.kind, dataset.source),
        grants=[
            PlatformGrantOut(group=g.group, access=g.access or AccessMode.READ_ONLY, managed_by=g.managed_by)
            for g in grants
        ],
        health=health_out(worst([h for (name, _), h in facts.health.items() if name == dataset.name], dataset.name)),
        size=size,
        files=files,
        versions=counted.count,
        latest_version=counted.latest.number if counted.latest else None,
        used_by=used_by,
        deleting=deleting,
        managed_by=dataset.managed_by,
        created_by=dataset.created_by,
        created_at=dataset.created_at,
        updated_at=dataset.updated_at,
    )


def worst(found: Sequence[SourceHealth], name: str) -> SourceHealth:
    """What is told of a dataset that is not alike in every group: the worst, and where."""
    order = ("unknown", "ok", "missing", "broken")
    if not found:
        return SourceHealth(name)
    return max(found, key=lambda h: (order.index(h.state.value), h.group))


def health_out(health: SourceHealth) -> SourceHealthOut:
    """Whether its source was there."""
    where = f"in group {health.group}: " if health.group and health.message else ""
    return SourceHealthOut(state=health.state, message=where + health.message, checked_at=health.checked_at)


def grant_out(grant: Grant) -> GrantOut:
    """Who may use it."""
    return GrantOut(group=grant.group, access=grant.access or AccessMode.READ_ONLY)


def version_out(version: DatasetVersion) -> VersionOut:
    """A version."""
    return VersionOut(
        number=version.number,
        state=version.state,
        note=version.note,
        message=version.message,
        manifest=version.manifest,
        revision=version.revision,
        files=version.files,
        size=version.bytes,
        created_by=version.created_by,
        created_at=version.created_at,
        ready_at=version.ready_at,
        path=f"{DATASETS}/{version.dataset}@{version.number}",
    )


def version_detail(version: DatasetVersion) -> VersionDetail:
    """With its first tables."""
    return VersionDetail(
        **version_out(version).model_dump(), tables=[TableOut.model_validate(t) for t in version.tables]
    )


def use_out(use: DatasetUse) -> UseOut:
    """A workload that has it, or had it."""
    return UseOut(
        dataset=use.dataset,
        version=use.version,
        kind=use.kind,
        id=use.workload_id,
        label=use.label,
        group=use.group,
        user=use.user,
        access=use.access,
        at=use.at,
        ended_at=use.ended_at,
    )
