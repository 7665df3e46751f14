"""Channels of groups, and what people want to hear themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from collegium.db.notification_tables import channels, deliveries, own_notifications
from collegium.domain.errors import Conflict
from collegium.domain.notifications import Channel, ChannelKind, OwnSettings, Topic

_c, _o = channels.c, own_notifications.c


class Channels:
    """Rows of ``channels``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of_groups(self, groups: Collection[str]) -> list[Channel]:
        """All of these groups, by group and name."""
        statement = sa.select(channels).where(_c.group_name.in_(sorted(groups)))
        return [_channel(r) for r in self._connection.execute(statement.order_by(_c.group_name, _c.name))]

    def named(self, group: str, name: str) -> Channel | None:
        """One by its name."""
        return self._one(_c.group_name == group, _c.name == name)

    def get(self, channel_id: str) -> Channel | None:
        """One by its id."""
        return self._one(_c.id == channel_id)

    def count(self, group: str) -> int:
        """How many a group has."""
        statement = sa.select(sa.func.count()).where(_c.group_name == group)
        return int(self._connection.execute(statement).scalar_one())

    def insert(self, channel: Channel) -> None:
        """Add one. Raises Conflict if its name is taken."""
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    sa.insert(channels).values(
                        id=channel.id,
                        group_name=channel.group,
                        created_by=channel.created_by,
                        created_at=channel.created_at,
                        **_values(channel),
                    )
                )
        except IntegrityError:
            raise Conflict(
                f"name: group {channel.group} has a channel {channel.name} already.", field="name", value=channel.name
            ) from None

    def change(self, channel: Channel) -> None:
        """Write what may be changed. The caller holds the group's row."""
        self._connection.execute(sa.update(channels).where(_c.id == channel.id).values(_values(channel)))

    def delete(self, channel: Channel) -> None:
        """Remove one, and what was or was to be sent by it."""
        self._connection.execute(sa.delete(deliveries).where(deliveries.c.target == channel.id))
        self._connection.execute(sa.delete(channels).where(_c.id == channel.id))

    def _one(self, *where: sa.ColumnElement[bool]) -> Channel | None:
        row = self._connection.execute(sa.select(channels).where(*where)).one_or_none()
        return None if row is None else _channel(row)


class OwnNotifications:
    """Rows of ``own_notifications``; whoever has none hears nothing but what a job of theirs asks for."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, users: Collection[str]) -> dict[str, OwnSettings]:
        """The settings of those who made some."""
        statement = sa.select(own_notifications).where(_o.user_name.in_(sorted(users)))
        return {r.user_name: _own(r) for r in self._connection.execute(statement)}

    def get(self, user: str) -> OwnSettings:
        """One person's."""
        return self.of([user]).get(user) or OwnSettings(user)

    def put(self, settings: OwnSettings) -> None:
        """Insert or replace."""
        values = {
            "address": settings.address,
            "events": sorted(settings.events),
            "groups": None if settings.groups is None else sorted(settings.groups),
            "enabled": settings.enabled,
        }
        where = _o.user_name == settings.user
        if not self._connection.execute(sa.update(own_notifications).where(where).values(values)).rowcount:
            self._connection.execute(sa.insert(own_notifications).values(user_name=settings.user, **values))


def _values(channel: Channel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "kind": channel.kind.value,
        "addresses": list(channel.addresses),
        "origin": channel.origin,
        "url": channel.url,
        "secret": channel.secret,
        "events": sorted(channel.events),
        "enabled": channel.enabled,
        "updated_at": channel.updated_at,
    }


def _channel(row: Any) -> Channel:
    return Channel(
        id=row.id,
        group=row.group_name,
        name=row.name,
        kind=ChannelKind(row.kind),
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        addresses=tuple(row.addresses),
        origin=row.origin,
        url=row.url,
        secret=row.secret,
        events=frozenset(Topic(e) for e in row.events),
        enabled=row.enabled,
    )


def _own(row: Any) -> OwnSettings:
    groups = None if row.groups is None else frozenset(row.groups)
    return OwnSettings(row.user_name, row.address, frozenset(Topic(e) for e in row.events), groups, row.enabled)
