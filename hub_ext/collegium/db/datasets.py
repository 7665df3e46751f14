"""Datasets one by one: those that the API made, their grants, and look-ups of all of them by name."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.catalog import EVERY_GROUP, dataset_of, dataset_spec
from collegium.db.dataset_tables import dataset_health, dataset_uses, dataset_versions
from collegium.domain.catalog import AccessMode, Dataset, Grant, GrantKind, SourceKind
from collegium.domain.groups import ManagedBy

_d, _g, _v = t.datasets.c, t.grants.c, dataset_versions.c
#: Behind all that the catalog file puts in order.
_POSITION = 1_000_000
_OF_DATASETS = _g.kind == GrantKind.DATASET.value


class Datasets:
    """Rows of ``datasets``, and of ``grants`` as far as they are about one. Those being deleted are not seen unless
    asked for."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def get(self, name: str, *, lock: bool = False, deleting: bool = False) -> Dataset | None:
        """One by name; with ``lock`` nobody else changes it, grants it or begins a use of it before the transaction
        ends."""
        statement = sa.select(t.datasets).where(_d.name == name)
        if not deleting:
            statement = statement.where(_d.deleting_at.is_(None))
        if lock:
            statement = statement.with_for_update()
        row = self._c.execute(statement).one_or_none()
        return None if row is None else dataset_of(row)

    def hold(self, names: Collection[str]) -> set[str]:
        """Those of these that are there; nobody who takes one with ``lock`` goes on before the transaction ends."""
        statement = sa.select(_d.name).where(_d.name.in_(list(names)), _d.deleting_at.is_(None)).order_by(_d.name)
        return set(self._c.execute(statement.with_for_update(read=True)).scalars())

    def taken(self, name: str) -> bool:
        """Is the name in use, or are there versions left of one that the catalog file does not declare any more?"""
        here = sa.select(_d.name).where(_d.name == name)
        left = sa.select(_v.dataset).where(_v.dataset == name)
        return self._c.execute(sa.union_all(here, left).limit(1)).first() is not None

    def count(self, owner: str) -> int:
        """How many a group has made."""
        statement = sa.select(sa.func.count()).where(_d.owner == owner, _d.managed_by == ManagedBy.API.value)
        return int(self._c.execute(statement).scalar_one())

    def insert(self, dataset: Dataset) -> None:
        """Write a new one down; raises IntegrityError if its name is taken. No grant of an earlier one counts."""
        self._c.execute(sa.delete(t.grants).where(_OF_DATASETS, _g.name == dataset.name))
        self._c.execute(
            sa.insert(t.datasets).values(
                name=dataset.name,
                position=_POSITION,
                spec=dataset_spec(dataset),
                managed_by=ManagedBy.API.value,
                owner=dataset.owner,
                created_by=dataset.created_by,
                created_at=dataset.created_at,
                updated_at=dataset.updated_at,
            )
        )

    def change(self, dataset: Dataset) -> None:
        """Write anew what is told of one that the API made, and its source."""
        where = (_d.name == dataset.name) & (_d.managed_by == ManagedBy.API.value)
        values = {"spec": dataset_spec(dataset), "updated_at": dataset.updated_at}
        self._c.execute(sa.update(t.datasets).where(where).values(values))

    def begin_delete(self, name: str, at: datetime) -> None:
        """From now on nobody sees it or has a grant; its name stays taken until ``remove``."""
        self._c.execute(sa.update(t.datasets).where(_d.name == name).values(deleting_at=at))
        self._c.execute(sa.delete(t.grants).where(_OF_DATASETS, _g.name == name))

    def deleting(self) -> list[Dataset]:
        """Those whose files are being removed."""
        statement = sa.select(t.datasets).where(_d.deleting_at.is_not(None)).order_by(_d.deleting_at, _d.name)
        return [dataset_of(r) for r in self._c.execute(statement)]

    def remove(self, name: str) -> None:
        """Forget one and all that is known of it. Its numbers are not given out again."""
        for table in (dataset_versions, dataset_health, dataset_uses):
            self._c.execute(sa.delete(table).where(table.c.dataset == name))
        self._c.execute(sa.delete(t.datasets).where(_d.name == name))

    def access(self, group: str) -> dict[str, AccessMode]:
        """Which datasets a group may use, and how: its own grant wins over everybody's."""
        return {name: mode for name, (mode, _) in self.granted(group).items()}

    def granted(self, group: str) -> dict[str, tuple[AccessMode, ManagedBy]]:
        """As ``access``, and who made the grant."""
        statement = sa.select(t.grants).where(_OF_DATASETS, _g.group_name.in_([group, EVERY_GROUP]))
        found: dict[str, tuple[AccessMode, ManagedBy]] = {}
        # The group's own comes after "*".
        for row in self._c.execute(statement.order_by(_g.group_name)):
            found[row.name] = (AccessMode(row.access or AccessMode.READ_ONLY), ManagedBy(row.managed_by))
        return found

    def access_to(self, group: str, name: str) -> AccessMode | None:
        """How a group may use one dataset; None if it may not."""
        statement = sa.select(_g.access).where(_OF_DATASETS, _g.name == name, _g.group_name.in_([group, EVERY_GROUP]))
        row = self._c.execute(statement.order_by(_g.group_name.desc()).limit(1)).first()
        return None if row is None else AccessMode(row.access or AccessMode.READ_ONLY)

    def page(
        self, names: Collection[str] | None, search: str, tag: str, limit: int, after: str = "", deleting: bool = False
    ) -> list[Dataset]:
        """By name, beyond ``after``: all, or of these names; ``search`` is part of name, title or description."""
        found: list[Dataset] = []
        wanted, text = None if names is None else set(names), search.casefold()
        while len(found) < limit:
            statement = sa.select(t.datasets).where(_d.name > after)
            if not deleting:
                statement = statement.where(_d.deleting_at.is_(None))
            rows = self._c.execute(statement.order_by(_d.name).limit(500)).all()
            for row in rows:
                if (wanted is None or row.name in wanted) and _matches(dataset := dataset_of(row), text, tag):
                    found.append(dataset)
            if len(rows) < 500:
                break
            after = rows[-1].name
        return found[:limit]

    def of_kinds(self, kinds: Collection[SourceKind]) -> list[Dataset]:
        """All of some kinds, by name."""
        rows = self._c.execute(sa.select(t.datasets).where(_d.deleting_at.is_(None)).order_by(_d.name))
        return [d for d in map(dataset_of, rows) if d.kind in kinds]

    def grants(self, names: Collection[str]) -> dict[str, list[Grant]]:
        """Dataset → its grants, by group."""
        found: dict[str, list[Grant]] = {name: [] for name in names}
        statement = sa.select(t.grants).where(_OF_DATASETS, _g.name.in_(list(found)))
        for row in self._c.execute(statement.order_by(_g.name, _g.group_name)):
            found[row.name].append(_grant(row))
        return found

    def grant(self, group: str, name: str, access: AccessMode) -> None:
        """Make or change a grant of the API's."""
        where = _OF_DATASETS & (_g.group_name == group) & (_g.name == name)
        values = {"access": access.value, "managed_by": ManagedBy.API.value}
        if not self._c.execute(sa.update(t.grants).where(where).values(values)).rowcount:
            kind = GrantKind.DATASET.value
            self._c.execute(sa.insert(t.grants).values(group_name=group, kind=kind, name=name, **values))

    def revoke(self, group: str, name: str) -> None:
        """Take a grant away; fine if it is not there."""
        self._c.execute(sa.delete(t.grants).where(_OF_DATASETS, _g.group_name == group, _g.name == name))


def _grant(row: Any) -> Grant:
    access = AccessMode(row.access) if row.access else None
    return Grant(row.group_name, GrantKind(row.kind), row.name, access, ManagedBy(row.managed_by))


def _matches(dataset: Dataset, text: str, tag: str) -> bool:
    if tag and tag not in dataset.tags:
        return False
    told = (dataset.name, dataset.display_name, dataset.description)
    return not text or any(text in part.casefold() for part in told)
