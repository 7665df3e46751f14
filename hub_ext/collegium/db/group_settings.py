"""What groups' admins set about jobs and the queue."""

from __future__ import annotations

import sqlalchemy as sa

from collegium.db.job_tables import group_settings
from collegium.domain.queues import GroupSettings, QueueMode
from collegium.domain.shares import ShareLinks

_s = group_settings.c


class GroupSettingsRows:
    """Rows of ``group_settings``; a group without one has the defaults."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def get(self, group: str) -> GroupSettings:
        """What is set in one group."""
        r = self._c.execute(sa.select(group_settings).where(_s.group_name == group)).one_or_none()
        if r is None:
            return GroupSettings(group)
        return GroupSettings(
            r.group_name,
            QueueMode(r.mode),
            r.mode_reason,
            r.mode_by,
            r.mode_at,
            r.job_timeout_seconds,
            r.artifact_days,
            ShareLinks(r.share_links) if r.share_links else None,
            r.trash_days,
        )

    def all(self) -> dict[str, GroupSettings]:
        """What is set, for each group that set something."""
        names = self._c.execute(sa.select(_s.group_name).order_by(_s.group_name)).scalars()
        return {name: self.get(name) for name in names}

    def put(self, settings: GroupSettings) -> None:
        """Insert or replace. The caller holds the group's row."""
        values = {
            "mode": settings.mode.value,
            "mode_reason": settings.mode_reason,
            "mode_by": settings.mode_by,
            "mode_at": settings.mode_at,
            "job_timeout_seconds": settings.job_timeout_seconds,
            "artifact_days": settings.artifact_days,
            "share_links": settings.share_links.value if settings.share_links else None,
            "trash_days": settings.trash_days,
        }
        where = _s.group_name == settings.group
        if not self._c.execute(sa.update(group_settings).where(where).values(values)).rowcount:
            self._c.execute(sa.insert(group_settings).values(group_name=settings.group, **values))
