"""How much each owner stores, and known checksums of files."""

from __future__ import annotations

import hashlib
from datetime import datetime

import sqlalchemy as sa

from collegium.db.file_tables import checksums, stored
from collegium.domain.file_tasks import Stored
from collegium.domain.files import Root, Size

_s, _c = stored.c, checksums.c
_ONE = sa.select(stored).where(_s.owner == sa.bindparam("whose"))
_ADD = (
    sa.update(stored)
    .where(_s.owner == sa.bindparam("whose"))
    .values(files=_s.files + sa.bindparam("more_files"), bytes=_s.bytes + sa.bindparam("more_bytes"))
)


class StoredSizes:
    """Rows of ``stored``. Only ``collegium.quota.ledger`` changes them."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def get(self, owner: str) -> Stored:
        """Of one owner; nothing without a row."""
        row = self._c.execute(_ONE, {"whose": owner}).one_or_none()
        # Where pods removed what was counted, the sum may be off until it is measured; it is never shown below 0.
        return (
            Stored(owner) if row is None else Stored(owner, Size(max(0, row.files), max(0, row.bytes)), row.measured_at)
        )

    def plain(self, owner: str) -> Size:
        """The plain numbers of one owner, as ``measured`` compares them; they may be below 0."""
        row = self._c.execute(_ONE, {"whose": owner}).one_or_none()
        return Size() if row is None else Size(row.files, row.bytes)

    def sizes(self) -> dict[str, Size]:
        """The plain numbers of all owners, as ``measured`` compares them."""
        return {r.owner: Size(r.files, r.bytes) for r in self._c.execute(sa.select(stored))}

    def due(self, before: datetime) -> list[str]:
        """Owners that were not measured since then."""
        found = sa.or_(_s.measured_at.is_(None), _s.measured_at < before)
        return list(self._c.execute(sa.select(_s.owner).where(found).order_by(_s.measured_at.nulls_first())).scalars())

    def add(self, owner: str, change: Size) -> None:
        """So much more, or less. The caller holds the group's row."""
        values = {"whose": owner, "more_files": change.files, "more_bytes": change.bytes}
        if not self._c.execute(_ADD, values).rowcount:
            self._c.execute(sa.insert(stored).values(owner=owner, files=change.files, bytes=change.bytes))

    def measured(self, owner: str, size: Size, at: datetime | None) -> None:
        """This is what there is. ``at`` None: look again soon."""
        values = {"files": size.files, "bytes": size.bytes, "measured_at": at}
        if not self._c.execute(sa.update(stored).where(_s.owner == owner).values(values)).rowcount:
            self._c.execute(sa.insert(stored).values(owner=owner, **values))

    def look_again(self, owner: str) -> None:
        """Nobody knows what there is any more, or it may have been counted twice: it is to be measured soon."""
        self._c.execute(sa.update(stored).where(_s.owner == owner).values(measured_at=None))


class Checksums:
    """Rows of ``checksums``: of a file at a path as long as it has the same ETag."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def get(self, root: Root, path: str, etag: str) -> str | None:
        """The SHA-256, if it is known."""
        where = (_c.owner == root.owner) & (_c.place == _place(root, path)) & (_c.etag == etag)
        return self._c.execute(sa.select(_c.sha256).where(where)).scalar_one_or_none()

    def put(self, root: Root, path: str, etag: str, sha256: str, at: datetime) -> None:
        """Remember it instead of an earlier one."""
        where, values = (_c.owner == root.owner) & (_c.place == _place(root, path)), {"etag": etag, "sha256": sha256}
        if not self._c.execute(sa.update(checksums).where(where).values(**values, at=at)).rowcount:
            self._c.execute(sa.insert(checksums).values(owner=root.owner, place=_place(root, path), **values, at=at))

    def delete_before(self, moment: datetime) -> int:
        """Forget old ones; they can be worked out again."""
        return self._c.execute(sa.delete(checksums).where(_c.at < moment)).rowcount


def _place(root: Root, path: str) -> str:
    return hashlib.sha256(f"{root.area}\0{path}".encode()).hexdigest()
