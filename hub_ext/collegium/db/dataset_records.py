"""What is known of datasets beside what they are: versions, health, and who uses them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.dataset_tables import dataset_health, dataset_numbers, dataset_uses, dataset_versions
from collegium.domain.catalog import AccessMode
from collegium.domain.datasets import DatasetUse, DatasetVersion, Health, SourceHealth, VersionState
from collegium.domain.jobs import JobState

_v, _n, _h, _u = dataset_versions.c, dataset_numbers.c, dataset_health.c, dataset_uses.c


@dataclass(frozen=True)
class VersionCount:
    """How many versions of a dataset there are, and the newest that is ready."""

    count: int = 0
    latest: DatasetVersion | None = None


class DatasetVersions:
    """Rows of ``dataset_versions``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def next_number(self, dataset: str) -> int:
        """A number that this name never had. The caller holds the dataset's row."""
        where = _n.dataset == dataset
        if not self._c.execute(sa.update(dataset_numbers).where(where).values(last=_n.last + 1)).rowcount:
            self._c.execute(sa.insert(dataset_numbers).values(dataset=dataset, last=1))
        return int(self._c.execute(sa.select(_n.last).where(where)).scalar_one())

    def insert(self, version: DatasetVersion) -> None:
        """Write a new one down."""
        self._c.execute(sa.insert(dataset_versions).values(_row(version)))

    def get(self, dataset: str, number: int, *, lock: bool = False) -> DatasetVersion | None:
        """One."""
        statement = sa.select(dataset_versions).where(_v.dataset == dataset, _v.number == number)
        row = self._c.execute(statement.with_for_update() if lock else statement).one_or_none()
        return None if row is None else _version(row)

    def ready(self, dataset: str, number: int = 0) -> DatasetVersion | None:
        """One that can be used; 0 is the newest of them."""
        statement = sa.select(dataset_versions).where(
            _v.dataset == dataset, _v.state == VersionState.READY.value, *([_v.number == number] if number else [])
        )
        row = self._c.execute(statement.order_by(_v.number.desc()).limit(1)).first()
        return None if row is None else _version(row)

    def change(self, before: DatasetVersion, after: DatasetVersion) -> bool:
        """Write it anew; False, and nothing is written, if it is in another state by now."""
        where = (_v.dataset == before.dataset) & (_v.number == before.number) & (_v.state == before.state.value)
        return bool(self._c.execute(sa.update(dataset_versions).where(where).values(_row(after))).rowcount)

    def page(self, dataset: str, limit: int, before: int | None = None) -> list[DatasetVersion]:
        """Newest first."""
        statement = sa.select(dataset_versions).where(_v.dataset == dataset)
        if before is not None:
            statement = statement.where(_v.number < before)
        return [_version(r) for r in self._c.execute(statement.order_by(_v.number.desc()).limit(limit))]

    def count(self, dataset: str) -> int:
        """How many there are, in any state."""
        return int(self._c.execute(sa.select(sa.func.count()).where(_v.dataset == dataset)).scalar_one())

    def counts(self, datasets: Collection[str]) -> dict[str, VersionCount]:
        """Of each: how many are ready or being made, and the newest that is ready."""
        if not datasets:
            return {}
        known = (_v.dataset.in_(list(datasets)), _v.state != VersionState.DELETING.value)
        counted = sa.select(_v.dataset, sa.func.count().label("n")).where(*known).group_by(_v.dataset)
        newest = (
            sa.select(_v.dataset, sa.func.max(_v.number).label("number"))
            .where(_v.dataset.in_(list(datasets)), _v.state == VersionState.READY.value)
            .group_by(_v.dataset)
            .subquery()
        )
        joined = sa.and_(_v.dataset == newest.c.dataset, _v.number == newest.c.number)
        rows = self._c.execute(sa.select(dataset_versions).join(newest, joined))
        latest = {row.dataset: _version(row) for row in rows}
        return {r.dataset: VersionCount(r.n, latest.get(r.dataset)) for r in self._c.execute(counted)}

    def newest(self, datasets: Collection[str]) -> dict[str, tuple[int, str]]:
        """Of each that has any: number and state of its newest version."""
        if not datasets:
            return {}
        last = sa.select(_v.dataset, sa.func.max(_v.number).label("number")).group_by(_v.dataset).subquery()
        joined = sa.and_(_v.dataset == last.c.dataset, _v.number == last.c.number)
        rows = self._c.execute(sa.select(_v.dataset, _v.number, _v.state).join(last, joined))
        wanted = set(datasets)
        return {r.dataset: (r.number, r.state) for r in rows if r.dataset in wanted}

    def ready_numbers(self, datasets: Collection[str]) -> dict[str, list[int]]:
        """Of each: the numbers of versions that can be used."""
        found: dict[str, list[int]] = {}
        statement = sa.select(_v.dataset, _v.number).where(
            _v.dataset.in_(list(datasets)), _v.state == VersionState.READY.value
        )
        for row in self._c.execute(statement.order_by(_v.number)):
            found.setdefault(row.dataset, []).append(row.number)
        return found

    def unsettled(self) -> list[DatasetVersion]:
        """Those being made or deleted, oldest first."""
        states = [VersionState.MAKING.value, VersionState.DELETING.value]
        statement = sa.select(dataset_versions).where(_v.state.in_(states))
        return [_version(r) for r in self._c.execute(statement.order_by(_v.created_at, _v.dataset, _v.number))]

    def has_manifest(self, dataset: str, digest: str, besides: int) -> bool:
        """Does another of its versions have the same list of files?"""
        where = (_v.dataset == dataset) & (_v.manifest == digest) & (_v.number != besides)
        return self._c.execute(sa.select(_v.number).where(where).limit(1)).first() is not None

    def delete(self, version: DatasetVersion) -> None:
        """Forget one."""
        where = (_v.dataset == version.dataset) & (_v.number == version.number)
        self._c.execute(sa.delete(dataset_versions).where(where))


class DatasetHealth:
    """Rows of ``dataset_health``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def put(self, dataset: str, found: Sequence[SourceHealth]) -> None:
        """Write what was found last, and forget what was before."""
        self._c.execute(sa.delete(dataset_health).where(_h.dataset == dataset))
        for health in found:
            self._c.execute(
                sa.insert(dataset_health).values(
                    dataset=dataset,
                    group_name=health.group,
                    state=health.state.value,
                    message=health.message,
                    checked_at=health.checked_at,
                    files=health.files,
                    bytes=health.bytes,
                )
            )

    def of(self, datasets: Collection[str]) -> dict[tuple[str, str], SourceHealth]:
        """By dataset and group, ``""`` where it is the same for all."""
        rows = self._c.execute(sa.select(dataset_health).where(_h.dataset.in_(list(datasets))))
        return {(r.dataset, r.group_name): _health(r) for r in rows}

    def get(self, dataset: str, group: str = "") -> SourceHealth:
        """What holds for a group: its own row, else that of all, else unknown."""
        found = self.of([dataset])
        return found.get((dataset, group)) or found.get((dataset, "")) or SourceHealth(dataset)

    def known(self) -> set[str]:
        """Datasets of which anything is known."""
        return set(self._c.execute(sa.select(_h.dataset).distinct()).scalars())

    def keep_only(self, datasets: Collection[str]) -> None:
        """Forget those of datasets that are no more."""
        for name in self.known() - set(datasets):
            self._c.execute(sa.delete(dataset_health).where(_h.dataset == name))


class DatasetUses:
    """Rows of ``dataset_uses``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def begin(self, use: DatasetUse) -> None:
        """A workload has it from now on; fine if that is written already."""
        same = (_u.kind == use.kind) & (_u.workload_id == use.workload_id) & (_u.dataset == use.dataset)
        same &= (_u.version == (use.version or 0)) & _u.ended_at.is_(None)
        if self._c.execute(sa.select(_u.sequence).where(same)).first() is None:
            self._c.execute(
                sa.insert(dataset_uses).values(
                    dataset=use.dataset,
                    version=use.version or 0,
                    kind=use.kind,
                    workload_id=use.workload_id,
                    label=use.label,
                    group_name=use.group,
                    user_name=use.user,
                    access=use.access.value,
                    at=use.at,
                )
            )

    def end(self, kind: str, workload_id: str, at: datetime) -> int:
        """The workload is over, and with it all its uses; answers how many ended."""
        where = (_u.kind == kind) & (_u.workload_id == workload_id) & _u.ended_at.is_(None)
        return self._c.execute(sa.update(dataset_uses).where(where).values(ended_at=at)).rowcount

    def live(
        self, dataset: str = "", group: str = "", version: int | None = None, limit: int = 100
    ) -> list[DatasetUse]:
        """Those that have not ended, oldest first; ``version`` 0 is what is in the dataset."""
        statement = sa.select(dataset_uses).where(_u.ended_at.is_(None))
        if dataset:
            statement = statement.where(_u.dataset == dataset)
        if group:
            statement = statement.where(_u.group_name == group)
        if version is not None:
            statement = statement.where(_u.version == version)
        return [_use(r) for r in self._c.execute(statement.order_by(_u.sequence).limit(limit))]

    def waiting(self, dataset: str, number: int) -> list[DatasetUse]:
        """Pending jobs that chose this version of a dataset, as the uses that they will be."""
        j = t.jobs.c
        statement = sa.select(j.id, j.group_name, j.user_name, j.name, j.launch, j.created_at).where(
            j.state == JobState.PENDING.value,
            # Few jobs name versions; those that only look like it are read in vain.
            sa.cast(j.launch, sa.Text).contains(f'"{dataset}": {number}', autoescape=True),
        )
        access, found = AccessMode.READ_ONLY, self._c.execute(statement.order_by(j.id))
        return [
            DatasetUse(dataset, number, "job", r.id, r.group_name, r.user_name, access, r.created_at, label=r.name)
            for r in found
            if (r.launch.get("pins") or {}).get(dataset) == number
        ]

    def count_live(self, datasets: Collection[str]) -> dict[str, int]:
        """How many workloads have each of these now."""
        many = sa.func.count(sa.distinct(_u.kind + ":" + _u.workload_id))
        statement = sa.select(_u.dataset, many.label("n")).where(_u.ended_at.is_(None), _u.dataset.in_(list(datasets)))
        return {r.dataset: r.n for r in self._c.execute(statement.group_by(_u.dataset))}

    def page(
        self,
        dataset: str,
        version: int | None = None,
        kind: str = "",
        group: str = "",
        limit: int = 50,
        before: int | None = None,
    ) -> list[tuple[int, DatasetUse]]:
        """Newest first, each with its sequence, which asks for what follows."""
        statement = sa.select(dataset_uses).where(_u.dataset == dataset)
        if version is not None:
            statement = statement.where(_u.version == version)
        if kind:
            statement = statement.where(_u.kind == kind)
        if group:
            statement = statement.where(_u.group_name == group)
        if before is not None:
            statement = statement.where(_u.sequence < before)
        return [(r.sequence, _use(r)) for r in self._c.execute(statement.order_by(_u.sequence.desc()).limit(limit))]


def _row(version: DatasetVersion) -> dict[str, Any]:
    return {
        "dataset": version.dataset,
        "number": version.number,
        "owner": version.owner,
        "state": version.state.value,
        "note": version.note,
        "message": version.message,
        "manifest": version.manifest,
        "asked": version.asked,
        "revision": version.revision,
        "files": version.files,
        "bytes": version.bytes,
        "tables": list(version.tables),
        "created_by": version.created_by,
        "created_at": version.created_at,
        "ready_at": version.ready_at,
    }


def _version(row: Any) -> DatasetVersion:
    return DatasetVersion(
        row.dataset,
        row.number,
        VersionState(row.state),
        row.created_by,
        row.created_at,
        row.note,
        row.message,
        row.manifest,
        row.revision,
        row.files,
        row.bytes,
        tuple(row.tables),
        row.ready_at,
        row.asked,
        row.owner,
    )


def _health(row: Any) -> SourceHealth:
    return SourceHealth(
        row.dataset, Health(row.state), row.message, row.checked_at, row.group_name, row.files, row.bytes
    )


def _use(row: Any) -> DatasetUse:
    return DatasetUse(
        row.dataset,
        row.version or None,
        row.kind,
        row.workload_id,
        row.group_name,
        row.user_name,
        AccessMode(row.access),
        row.at,
        row.ended_at,
        row.label,
    )
