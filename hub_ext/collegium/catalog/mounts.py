"""Mounts of workloads as the database knows them, and who uses which dataset: for spawners and the service alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from collegium.db import UnitOfWork
from collegium.domain.catalog import AccessMode, Dataset, Offer, SourceKind
from collegium.domain.datasets import DatasetChoice, DatasetUse
from collegium.domain.mounts import Mount, MountAbilities, by_address, dataset_mount, plan_mounts, project_mount
from collegium.domain.quota import WorkloadKind


def mounts_of(
    uow: UnitOfWork,
    offer: Offer,
    abilities: MountAbilities,
    chosen: Sequence[DatasetChoice] | None = None,
    pins: Mapping[str, int] | None = None,
) -> tuple[Mount, ...]:
    """What a workload of the group gets now, of datasets in ``pins`` these versions. Raises as ``plan_mounts``."""
    if chosen is not None and pins:
        chosen = [replace(c, version=pins.get(c.name, c.version)) for c in chosen]
    names = {c.name for c in chosen or ()}
    datasets = [d for d, _ in offer.datasets if chosen is None or d.name in names]
    # Where nobody asks for a version, only git's newest one matters.
    versioned = [d.name for d in datasets if chosen is not None or d.kind is SourceKind.GIT]
    versions = uow.dataset_versions.ready_numbers(versioned) if versioned else {}
    if chosen is None:
        versions |= {name: [number] for name, number in (pins or {}).items() if number in versions.get(name, ())}
    health = uow.dataset_health.of([d.name for d in datasets]).values() if datasets else ()
    return plan_mounts(offer, abilities, chosen=chosen, versions=versions, health=health)


def check_choice(uow: UnitOfWork, offer: Offer, chosen: Sequence[DatasetChoice] | None) -> None:
    """Refuse what the group was not granted, and versions that are not ready: for what runs some other day, when the
    sources may be well again. Raises as ``plan_mounts``."""
    if chosen:
        anywhere = MountAbilities(elsewhere=lambda _: "")
        versions = uow.dataset_versions.ready_numbers([c.name for c in chosen])
        plan_mounts(offer, anywhere, chosen=chosen, versions=versions)


def recorded(mounts: Iterable[Mount], abilities: MountAbilities) -> list[dict[str, Any]]:
    """Datasets of a workload as its launch manifest holds them; no source and no value."""
    return [
        {
            "name": m.dataset,
            "version": m.version,
            "access": m.access.value,
            "path": abilities.shown(m),
            "problem": m.problem,
            "enforced": abilities.enforced,
        }
        for m in mounts
        if m.dataset
    ]


def mounts_again(
    uow: UnitOfWork, group: str, entries: Iterable[Mapping[str, Any]], abilities: MountAbilities
) -> tuple[Mount, ...]:
    """The mounts that ``recorded`` wrote down, made again; of datasets that are gone, none."""
    kept = [e for e in entries if not e["problem"]]
    found = {d.name: d for d in uow.catalog.datasets()} if kept else {}
    mounts = [_again(found[e["name"]], group, e) for e in kept if e["name"] in found]
    return (project_mount(group, abilities), *mounts)


def _again(dataset: Dataset, group: str, entry: Mapping[str, Any]) -> Mount:
    mount = dataset_mount(dataset, group, AccessMode(entry["access"]), entry["version"])
    return mount if entry["path"] else by_address(mount)


def begin_uses(
    uow: UnitOfWork,
    entries: Iterable[Mapping[str, Any]],
    kind: WorkloadKind,
    workload_id: str,
    group: str,
    user: str,
    label: str,
    at: datetime,
) -> None:
    """Write down that a workload has these datasets from now on, in the transaction that starts it. Nobody deletes one
    of them, or a version, meanwhile."""
    used = [e for e in entries if not e["problem"]]
    if used:
        uow.datasets.hold([e["name"] for e in used])
    for e in used:
        access = AccessMode(e["access"])
        uow.dataset_uses.begin(
            DatasetUse(e["name"], e["version"], kind.value, workload_id, group, user, access, at, label=label)
        )


def end_uses(uow: UnitOfWork, kind: WorkloadKind, workload_id: str, at: datetime) -> None:
    """The same for its end. Fine if there are none."""
    uow.dataset_uses.end(kind.value, workload_id, at)
