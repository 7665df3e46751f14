"""Uploads on their way, and for a while those that are over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from collegium.db.upload_tables import LEFT, uploads
from collegium.domain.files import Root
from collegium.domain.uploads import Upload, UploadState

_u = uploads.c
# Made once: a small file is hardly more work than making them.
_INSERT = sa.insert(uploads)
_LOCK = sa.select(uploads).where(_u.id == sa.bindparam("upload")).with_for_update()
_PUT = sa.update(uploads).where(_u.id == sa.bindparam("upload"))


class Uploads:
    """Rows of ``uploads``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def insert(self, upload: Upload) -> None:
        """A new one."""
        fixed = {
            "id": upload.id,
            "group_name": upload.group,
            "user_name": upload.user,
            "path": upload.path,
            "owner": upload.root.owner,
            "area": upload.root.area,
            "inner_path": upload.inner,
            "replace": upload.replace,
            "sha256": upload.sha256,
            "metadata": upload.metadata,
            "part_size": upload.part_size,
            "created_at": upload.created_at,
        }
        self._c.execute(_INSERT, {**fixed, **_changing(upload)})

    def get(self, group: str, upload_id: str) -> Upload | None:
        """One of a group."""
        row = self._c.execute(sa.select(uploads).where(_u.id == upload_id, _u.group_name == group)).one_or_none()
        return None if row is None else _upload(row)

    def lock(self, upload_id: str) -> Upload | None:
        """One, held until the transaction ends. Whoever needs a group's row takes that first."""
        row = self._c.execute(_LOCK, {"upload": upload_id}).one_or_none()
        return None if row is None else _upload(row)

    def put(self, upload: Upload) -> None:
        """Change one. The caller holds it."""
        self._c.execute(_PUT, {"upload": upload.id, **_changing(upload)})

    def delete(self, upload_id: str) -> None:
        """Forget one."""
        self._c.execute(sa.delete(uploads).where(_u.id == upload_id))

    def page(self, group: str, user: str | None, before: int | None, limit: int) -> list[Upload]:
        """Those of a group, or of one of its people, the newest first, below a number."""
        statement = sa.select(uploads).where(_u.group_name == group)
        if user is not None:
            statement = statement.where(_u.user_name == user)
        if before is not None:
            statement = statement.where(_u.sequence < before)
        return [_upload(row) for row in self._c.execute(statement.order_by(_u.sequence.desc()).limit(limit))]

    def left(self, after: int, limit: int) -> list[Upload]:
        """Those of which something may be left, beyond a number, the oldest first."""
        statement = sa.select(uploads).where(LEFT, _u.sequence > after).order_by(_u.sequence).limit(limit)
        return [_upload(row) for row in self._c.execute(statement)]

    def known(self, ids: Collection[str]) -> set[str]:
        """Those of these ids that the store may have something of."""
        found, wanted = set[str](), iter(set(ids))
        # Databases bound how many values a question may hold.
        while part := list(islice(wanted, 1000)):
            found.update(self._c.execute(sa.select(_u.id).where(LEFT, _u.id.in_(part))).scalars())
        return found

    def finishing(self, owner: str) -> bool:
        """Is one of them coming into sight in a tree of this owner?"""
        where = LEFT, _u.owner == owner, _u.state == UploadState.FINISHING.value
        return self._c.execute(sa.select(_u.id).where(*where).limit(1)).first() is not None

    def owners(self) -> set[str]:
        """Whose trees uploads lead to."""
        return set(self._c.execute(sa.select(_u.owner).distinct()).scalars())

    def forget(self, moment: datetime) -> int:
        """Delete rows of what is over since long; returns how many."""
        return self._c.execute(sa.delete(uploads).where(_u.cleared, _u.expires_at < moment)).rowcount


def _changing(upload: Upload) -> dict[str, Any]:
    return {
        "size": upload.size,
        "offset": upload.offset,
        "state": upload.state.value,
        "store_state": None if upload.store_state is None else dict(upload.store_state),
        "unverified": upload.unverified,
        "message": upload.message,
        "expires_at": upload.expires_at,
        "finished_at": upload.finished_at,
        "sender": upload.sender,
        "replaced": upload.replaced,
        "cleared": upload.cleared,
    }


def _upload(row: Any) -> Upload:
    return Upload(
        id=row.id,
        group=row.group_name,
        user=row.user_name,
        path=row.path,
        root=Root(row.owner, row.area),
        inner=row.inner_path,
        size=row.size,
        created_at=row.created_at,
        expires_at=row.expires_at,
        offset=row.offset,
        replace=row.replace,
        sha256=row.sha256,
        metadata=row.metadata,
        state=UploadState(row.state),
        store_state=row.store_state,
        part_size=row.part_size,
        unverified=row.unverified,
        message=row.message,
        finished_at=row.finished_at,
        sender=row.sender,
        replaced=row.replaced,
        cleared=row.cleared,
        number=row.sequence,
    )
