"""Users, groups and memberships."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.domain.groups import Actor, Group, ManagedBy, Membership, Role
from collegium.domain.identity import Standing
from collegium.domain.quota import Limits

_g, _m = t.groups.c, t.memberships.c
# Made once: every request asks these.
_GROUP = sa.select(t.groups).where(_g.name == sa.bindparam("group"))
_LOCK = _GROUP.with_for_update()
_HOLD = sa.select(_g.name).where(_g.name == sa.bindparam("group")).with_for_update()
_ROLES = sa.select(_m.group_name, _m.role).where(_m.user_name == sa.bindparam("user"))
_LIMITS = sa.select(_m.user_name, _m.limits).where(_m.group_name == sa.bindparam("group"), _m.limits.is_not(None))


@dataclass(frozen=True)
class User:
    """A person. ``password_hash`` is set only where Collegium itself checks passwords; never log it."""

    name: str
    display_name: str = ""
    platform_admin: bool = False
    password_hash: str | None = None
    managed_by: ManagedBy = ManagedBy.FILE


@dataclass(frozen=True)
class Member:
    """A member as others may see them."""

    name: str
    display_name: str
    role: Role
    standing: Standing = Standing.ACTIVE


class Users:
    """Rows of ``users``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def get(self, name: str) -> User | None:
        """One user, None if unknown."""
        row = self._c.execute(sa.select(t.users).where(t.users.c.name == name)).one_or_none()
        return None if row is None else _user(row)

    def all(self) -> list[User]:
        """Every user by name."""
        return [_user(r) for r in self._c.execute(sa.select(t.users).order_by(t.users.c.name))]

    def put(self, user: User) -> None:
        """Insert or replace, but keep a stored password where ``user`` has none."""
        values = {
            "display_name": user.display_name,
            "platform_admin": user.platform_admin,
            "managed_by": user.managed_by.value,
        }
        if user.password_hash is not None:
            values["password_hash"] = user.password_hash
        if not self._c.execute(sa.update(t.users).where(t.users.c.name == user.name).values(values)).rowcount:
            self._c.execute(sa.insert(t.users).values(name=user.name, **values))

    def delete(self, name: str) -> None:
        """Remove a user; memberships are the caller's to remove."""
        self._c.execute(sa.delete(t.users).where(t.users.c.name == name))


class Groups:
    """Rows of ``groups``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def get(self, name: str) -> Group | None:
        """One group, None if unknown."""
        row = self._c.execute(_GROUP, {"group": name}).one_or_none()
        return None if row is None else _group(row)

    def all(self) -> list[Group]:
        """Every group by name."""
        return [_group(r) for r in self._c.execute(sa.select(t.groups).order_by(t.groups.c.name))]

    def lock(self, name: str) -> Group | None:
        """Hold the group's row until the transaction ends, so that quota is decided by one at a time.

        SQLite has locked the whole database already. None if there is no such group.
        """
        row = self._c.execute(_LOCK, {"group": name}).one_or_none()
        return None if row is None else _group(row)

    def hold(self, name: str) -> None:
        """The same for whoever does not need to know the group."""
        if self._c.dialect.name != "sqlite":
            self._c.execute(_HOLD, {"group": name})

    def put(self, group: Group) -> None:
        """Insert or replace."""
        values = {
            "display_name": group.display_name,
            "description": group.description,
            "contact": group.contact,
            "limits": dict(group.limits),
            "member_limits": dict(group.member_limits),
            "managed_by": group.managed_by.value,
            "invitations": group.invitations,
        }
        if not self._c.execute(sa.update(t.groups).where(t.groups.c.name == group.name).values(values)).rowcount:
            self._c.execute(sa.insert(t.groups).values(name=group.name, **values))

    def delete(self, name: str) -> None:
        """Remove a group and its memberships; jobs and reservations stay as history."""
        self._c.execute(sa.delete(t.memberships).where(t.memberships.c.group_name == name))
        self._c.execute(sa.delete(t.groups).where(t.groups.c.name == name))


class Memberships:
    """Who is what in which group: the live truth for every permission."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def of_user(self, user: str) -> dict[str, Role]:
        """The user's role per group."""
        return {r.group_name: Role(r.role) for r in self._c.execute(_ROLES, {"user": user})}

    def of_group(self, group: str) -> list[Membership]:
        """The group's members by name."""
        m = t.memberships.c
        rows = self._c.execute(sa.select(t.memberships).where(m.group_name == group).order_by(m.user_name))
        return [_membership(r) for r in rows]

    def people(self, group: str, after: str, limit: int) -> list[Member]:
        """The next members by name, with what is known of them as people."""
        m, u, i = t.memberships.c, t.users.c, t.identities.c
        statement = (
            sa.select(m.user_name, u.display_name, m.role, i.standing)
            .join_from(t.memberships, t.users, u.name == m.user_name, isouter=True)
            .join(t.identities, i.user_name == m.user_name, isouter=True)
            .where(m.group_name == group, m.user_name > after)
            .order_by(m.user_name)
            .limit(limit)
        )
        return [
            Member(r[0], r[1] or "", Role(r[2]), Standing(r[3] or Standing.ACTIVE.value))
            for r in self._c.execute(statement)
        ]

    def limits_in(self, group: str) -> dict[str, Limits]:
        """The members that have limits of their own in the group."""
        return {r.user_name: Limits(r.limits) for r in self._c.execute(_LIMITS, {"group": group})}

    def all(self) -> list[Membership]:
        """Every membership by group and name."""
        m = t.memberships.c
        return [_membership(r) for r in self._c.execute(sa.select(t.memberships).order_by(m.group_name, m.user_name))]

    def actor(self, user: str, platform_admin: bool | None = None, scopes: Iterable[str] = ()) -> Actor:
        """The person with their live roles; platform admin as stored unless the caller knows better."""
        if platform_admin is None:
            statement = sa.select(t.users.c.platform_admin).where(t.users.c.name == user)
            platform_admin = bool(self._c.execute(statement).scalar_one_or_none())
        return Actor(user, self.of_user(user), platform_admin, frozenset(scopes))

    def put(self, membership: Membership) -> None:
        """Insert or replace."""
        m = t.memberships.c
        values = {
            "role": membership.role.value,
            "limits": None if membership.limits is None else dict(membership.limits),
        }
        where = (m.group_name == membership.group) & (m.user_name == membership.user)
        if not self._c.execute(sa.update(t.memberships).where(where).values(values)).rowcount:
            self._c.execute(
                sa.insert(t.memberships).values(group_name=membership.group, user_name=membership.user, **values)
            )

    def replace_for_user(self, user: str, roles: Mapping[str, Role]) -> None:
        """Make the user's memberships exactly ``roles`` (what an identity provider said), keeping member limits."""
        for group in set(self.of_user(user)) - set(roles):
            self.delete(group, user)
        m = t.memberships.c
        for group, role in roles.items():
            where = (m.group_name == group) & (m.user_name == user)
            if not self._c.execute(sa.update(t.memberships).where(where).values(role=role.value)).rowcount:
                self._c.execute(sa.insert(t.memberships).values(group_name=group, user_name=user, role=role.value))

    def delete(self, group: str, user: str) -> None:
        """End a membership."""
        m = t.memberships.c
        self._c.execute(sa.delete(t.memberships).where((m.group_name == group) & (m.user_name == user)))


def _user(row: Any) -> User:
    return User(row.name, row.display_name, row.platform_admin, row.password_hash, ManagedBy(row.managed_by))


def _group(row: Any) -> Group:
    return Group(
        row.name,
        row.display_name,
        row.description,
        row.contact,
        Limits(row.limits),
        Limits(row.member_limits),
        ManagedBy(row.managed_by),
        row.invitations,
    )


def _membership(row: Any) -> Membership:
    limits = None if row.limits is None else Limits(row.limits)
    return Membership(row.group_name, row.user_name, Role(row.role), limits)
