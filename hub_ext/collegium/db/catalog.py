"""Images, instance types, datasets and grants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.domain.catalog import (
    AccessMode,
    Dataset,
    Grant,
    GrantKind,
    Image,
    InstanceType,
    Offer,
    Placement,
    SourceKind,
)
from collegium.domain.groups import ManagedBy
from collegium.domain.resources import Resources

#: A grant to this "group" is a grant to every group.
EVERY_GROUP = "*"


class Catalog:
    """Rows of the catalog tables; order is the order of the catalog file."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def instance_types(self) -> list[InstanceType]:
        """All, in order."""
        return [_instance_type(r) for r in self._rows(t.instance_types)]

    def images(self) -> list[Image]:
        """All, in order."""
        return [_image(r) for r in self._rows(t.images)]

    def datasets(self) -> list[Dataset]:
        """All but those being deleted, in order."""
        return [dataset_of(r) for r in self._rows(t.datasets) if r.deleting_at is None]

    def grants(self, group: str | None = None) -> list[Grant]:
        """All grants, or those that apply to one group."""
        g = t.grants.c
        statement = sa.select(t.grants).order_by(g.group_name, g.kind, g.name)
        if group is not None:
            statement = statement.where(g.group_name.in_([group, EVERY_GROUP]))
        return [
            Grant(
                r.group_name,
                GrantKind(r.kind),
                r.name,
                AccessMode(r.access) if r.access else None,
                ManagedBy(r.managed_by),
            )
            for r in self._c.execute(statement)
        ]

    def offer(self, group: str) -> Offer:
        """What one group may choose from. An empty list means nothing, never everything."""
        granted: dict[tuple[GrantKind, str], AccessMode | None] = {}
        for grant in self.grants(group):
            key = (grant.kind, grant.name)
            # The group's own grant sorts after "*" and wins over it.
            granted[key] = grant.access
        return Offer(
            group,
            tuple(i for i in self.instance_types() if (GrantKind.INSTANCE_TYPE, i.name) in granted),
            tuple(i for i in self.images() if (GrantKind.IMAGE, i.name) in granted),
            tuple(
                (d, granted[GrantKind.DATASET, d.name] or AccessMode.READ_ONLY)
                for d in self.datasets()
                if (GrantKind.DATASET, d.name) in granted
            ),
        )

    def replace(
        self,
        managed_by: ManagedBy,
        instance_types: Iterable[InstanceType],
        images: Iterable[Image],
        datasets: Iterable[Dataset],
        grants: Iterable[Grant],
    ) -> None:
        """Make the rows of one manager exactly these; rows of the other stay."""
        for table in (t.instance_types, t.images, t.datasets, t.grants):
            self._c.execute(sa.delete(table).where(table.c.managed_by == managed_by.value))
        sections: tuple[tuple[sa.Table, Iterable[InstanceType | Image | Dataset]], ...] = (
            (t.instance_types, instance_types),
            (t.images, images),
            (t.datasets, datasets),
        )
        for table, items in sections:
            for position, item in enumerate(items):
                owner = {"owner": item.owner} if isinstance(item, Dataset) else {}
                self._c.execute(
                    sa.insert(table).values(
                        name=item.name, position=position, spec=_spec(item), managed_by=managed_by.value, **owner
                    )
                )
        for grant in grants:
            # The other manager may have made the same one.
            self._c.execute(
                sa.delete(t.grants).where(
                    t.grants.c.group_name == grant.group,
                    t.grants.c.kind == grant.kind.value,
                    t.grants.c.name == grant.name,
                )
            )
            self._c.execute(
                sa.insert(t.grants).values(
                    group_name=grant.group,
                    kind=grant.kind.value,
                    name=grant.name,
                    access=grant.access.value if grant.access else None,
                    managed_by=managed_by.value,
                )
            )
        # A grant must not wait for somebody else's dataset of the same name.
        gone = t.grants.c.name.not_in(sa.select(t.datasets.c.name))
        self._c.execute(sa.delete(t.grants).where(t.grants.c.kind == GrantKind.DATASET.value, gone))

    def _rows(self, table: sa.Table) -> Iterable[Any]:
        return self._c.execute(sa.select(table).order_by(table.c.position, table.c.name))


def _spec(item: InstanceType | Image | Dataset) -> dict[str, Any]:
    match item:
        case InstanceType():
            return {
                "display_name": item.display_name,
                "description": item.description,
                "limits": dict(item.limits),
                "requests": dict(item.requests),
                # Beside the others: the release before wrote its node_selector here, and reads it here.
                **item.placement.to_json(),
            }
        case Image():
            return {
                "display_name": item.display_name,
                "description": item.description,
                "reference": item.reference,
                "environment": item.environment,
                "variables": dict(item.variables),
                "pull_secret": item.pull_secret,
            }
        case Dataset():
            return dataset_spec(item)


def _instance_type(row: Any) -> InstanceType:
    s = row.spec
    return InstanceType(
        row.name,
        s["display_name"],
        Resources(s["limits"]),
        Resources(s["requests"]),
        s["description"],
        Placement.from_json(s),
        ManagedBy(row.managed_by),
    )


def _image(row: Any) -> Image:
    s = row.spec
    return Image(
        row.name,
        s["display_name"],
        s["reference"],
        s["environment"],
        s["description"],
        s["variables"],
        ManagedBy(row.managed_by),
        s.get("pull_secret", ""),
    )


def dataset_spec(dataset: Dataset) -> dict[str, Any]:
    """What is stored of a dataset beside its columns."""
    return {
        "display_name": dataset.display_name,
        "description": dataset.description,
        "kind": dataset.kind.value,
        "source": dict(dataset.source),
        "tags": list(dataset.tags),
        "licence": dataset.licence,
    }


def dataset_of(row: Any) -> Dataset:
    """A row of ``datasets``."""
    s = row.spec
    return Dataset(
        row.name,
        s["display_name"],
        SourceKind(s["kind"]),
        s["source"],
        s["description"],
        ManagedBy(row.managed_by),
        tuple(s.get("tags", ())),
        s.get("licence", ""),
        row.owner,
        row.created_by,
        row.created_at,
        row.updated_at,
    )
