"""Volumes as the backend told of them last, and what is to become of their sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from collegium.db.dataset_tables import volumes
from collegium.domain.volumes import Volume, VolumeKind

_v = volumes.c


class Volumes:
    """Rows of ``volumes``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def all(self) -> list[Volume]:
        """All, by group, kind and name."""
        return [_volume(r) for r in self._c.execute(sa.select(volumes).order_by(_v.group_name, _v.kind, _v.name))]

    def get(self, group: str, name: str, *, lock: bool = False) -> Volume | None:
        """One."""
        statement = sa.select(volumes).where(_v.group_name == group, _v.name == name)
        row = self._c.execute(statement.with_for_update() if lock else statement).one_or_none()
        return None if row is None else _volume(row)

    def wanted(self) -> list[Volume]:
        """Those that are to become larger."""
        return [_volume(r) for r in self._c.execute(sa.select(volumes).where(_v.wanted.is_not(None)))]

    def replace(self, found: Sequence[Volume]) -> None:
        """What the backend says there is; what was asked of a volume that is still there stays."""
        before = {(v.group, v.name): v for v in self.all()}
        self._c.execute(sa.delete(volumes))
        for volume in found:
            known = before.get((volume.group, volume.name))
            wanted = known.wanted if known and known.wanted and known.wanted > (volume.capacity or 0) else None
            self._c.execute(
                sa.insert(volumes).values(
                    group_name=volume.group,
                    name=volume.name,
                    kind=volume.kind.value,
                    user_name=volume.user,
                    capacity=volume.capacity,
                    used=volume.used,
                    state=volume.state,
                    message=volume.message,
                    resizable=volume.resizable,
                    wanted=wanted,
                    refused=known.refused if known else "",
                )
            )

    def ask(self, group: str, name: str, wanted: int | None, refused: str = "") -> None:
        """Write what is wanted of it, or why that was refused."""
        where = (_v.group_name == group) & (_v.name == name)
        self._c.execute(sa.update(volumes).where(where).values(wanted=wanted, refused=refused))


def _volume(row: Any) -> Volume:
    return Volume(
        VolumeKind(row.kind),
        row.name,
        row.group_name,
        row.user_name,
        row.capacity,
        row.used,
        row.state,
        row.message,
        row.resizable,
        row.wanted,
        row.refused,
    )
