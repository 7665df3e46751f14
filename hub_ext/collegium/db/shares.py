"""Share links."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db.share_tables import share_links
from collegium.domain.files import EntryKind
from collegium.domain.shares import Share

_s = share_links.c


class Shares:
    """Rows of ``share_links``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, share: Share) -> None:
        """A new one."""
        self._c.execute(
            sa.insert(share_links).values(
                id=share.id,
                group_name=share.group,
                path=share.path,
                kind=share.kind.value,
                token_hash=share.token_hash,
                created_by=share.created_by,
                created_at=share.created_at,
                expires_at=share.expires_at,
                public=share.public,
                password_hash=share.password_hash,
                note=share.note,
                revoked_by="",
                opened=0,
            )
        )

    def get(self, share_id: str) -> Share | None:
        """One."""
        row = self._c.execute(sa.select(share_links).where(_s.id == share_id)).one_or_none()
        return None if row is None else _share(row)

    def page(self, group: str, before: int | None, limit: int) -> list[Share]:
        """Those of a group, the newest first, below a number."""
        statement = sa.select(share_links).where(_s.group_name == group)
        if before is not None:
            statement = statement.where(_s.sequence < before)
        return [_share(row) for row in self._c.execute(statement.order_by(_s.sequence.desc()).limit(limit))]

    def count_open(self, group: str, moment: datetime) -> int:
        """How many of a group are not over."""
        where = (_s.group_name == group) & _s.revoked_at.is_(None) & (_s.expires_at > moment)
        return int(self._c.execute(sa.select(sa.func.count()).select_from(share_links).where(where)).scalar_one())

    def revoke(self, share_id: str, by: str, at: datetime) -> None:
        """End one; who ended it first counts."""
        where = (_s.id == share_id) & _s.revoked_at.is_(None)
        self._c.execute(sa.update(share_links).where(where).values(revoked_at=at, revoked_by=by))

    def count(self, share_id: str, at: datetime) -> None:
        """It was opened once more."""
        values = {"opened": _s.opened + 1, "opened_at": at}
        self._c.execute(sa.update(share_links).where(_s.id == share_id).values(values))

    def forget(self, before: datetime) -> int:
        """Delete rows of links that ended before a moment; returns how many."""
        return self._c.execute(sa.delete(share_links).where(_s.expires_at < before)).rowcount


def _share(row: Any) -> Share:
    return Share(
        id=row.id,
        group=row.group_name,
        path=row.path,
        kind=EntryKind(row.kind),
        token_hash=row.token_hash,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        public=row.public,
        password_hash=row.password_hash,
        note=row.note,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        opened=row.opened,
        opened_at=row.opened_at,
        number=row.sequence,
    )
