"""Accounts at an identity provider, its groups, how it is, and work that outlived its owner's right to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.schedule_tables import schedules
from collegium.domain.groups import Role
from collegium.domain.identity import (
    GroupBinding,
    ProviderState,
    ProviderStatus,
    Revocation,
    RevocationReason,
    Standing,
    UserIdentity,
)
from collegium.domain.quota import WorkloadKind

_i, _g, _p, _r = t.identities.c, t.identity_groups.c, t.identity_providers.c, t.revocations.c
#: How exact ``seen_at`` is: a write per request would cost more than it tells.
SEEN = timedelta(minutes=1)
# Literal text: with bound values neither database would use the partial indexes.
_LIVE = sa.text("reservations.state != 'released'")
_OPEN = sa.text("jobs.state IN ('Pending', 'Preparing', 'Running')")

# Made once: every request asks these.
_OF_USER = sa.select(t.identities).where(_i.user_name == sa.bindparam("user"))
_CURRENT = sa.select(t.identity_providers).order_by(_p.issuer).limit(1)


class Identities:
    """Rows of ``identities``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def of_user(self, user: str, *, lock: bool = False) -> UserIdentity | None:
        """The account of a user, None for users of another kind (the catalog's).

        With ``lock`` nobody else decides about them until this transaction ends.
        """
        return self._one(_OF_USER, lock, user=user)

    def of_subject(self, issuer: str, subject: str, *, lock: bool = False) -> UserIdentity | None:
        """Who an account is here, None if it never came; ``lock`` as above."""
        return self._one(sa.select(t.identities).where(_i.issuer == issuer, _i.subject == subject), lock)

    def locked(self, users: Collection[str]) -> list[UserIdentity]:
        """Several at once, by name."""
        statement = sa.select(t.identities).where(_i.user_name.in_(users)).order_by(_i.user_name)
        return [_identity(r) for r in self._c.execute(statement.with_for_update())]

    def _one(self, statement: sa.Select[Any], lock: bool, **values: str) -> UserIdentity | None:
        # SQLite has locked the whole database already.
        row = self._c.execute(statement.with_for_update() if lock else statement, values).one_or_none()
        return None if row is None else _identity(row)

    def all(self, issuer: str) -> list[UserIdentity]:
        """Every account of a provider by name."""
        statement = sa.select(t.identities).where(_i.issuer == issuer).order_by(_i.user_name)
        return [_identity(r) for r in self._c.execute(statement)]

    def put(self, identity: UserIdentity) -> None:
        """Insert or replace all but ``seen_at``, which only ever moves forward by ``see``."""
        values = {
            "issuer": identity.issuer,
            "subject": identity.subject,
            "email": identity.email,
            "email_verified": identity.email_verified,
            "standing": identity.standing.value,
            "checked_at": identity.checked_at,
        }
        where = _i.user_name == identity.user
        if not self._c.execute(sa.update(t.identities).where(where).values(values)).rowcount:
            values["seen_at"] = identity.seen_at
            self._c.execute(sa.insert(t.identities).values(user_name=identity.user, **values))

    def check(self, users: Sequence[str], at: datetime) -> None:
        """The provider confirmed these without a change; a later word stays."""
        older = _i.checked_at.is_(None) | (_i.checked_at < at)
        for start in range(0, len(users), 500):
            names = users[start : start + 500]
            self._c.execute(sa.update(t.identities).where(_i.user_name.in_(names), older).values(checked_at=at))

    def see(self, user: str, at: datetime) -> bool:
        """Note that the user is about; False if that was known to the minute already."""
        fresh = _i.seen_at.is_(None) | (_i.seen_at < at - SEEN)
        statement = sa.update(t.identities).where(_i.user_name == user, fresh).values(seen_at=at)
        return bool(self._c.execute(statement).rowcount)

    def watched(self, issuer: str, since: datetime) -> list[UserIdentity]:
        """Active accounts that were about since then, or have something that lives: a server, a job, a schedule."""
        live = sa.select(t.reservations.c.user_name).where(t.reservations.c.state != "released")
        waiting = sa.select(t.jobs.c.user_name).where(t.jobs.c.state.in_(["Pending", "Preparing", "Running"]))
        scheduled = sa.select(schedules.c.run_as).where(schedules.c.state == "Active")
        statement = sa.select(t.identities).where(
            _i.issuer == issuer,
            _i.standing != Standing.DELETED.value,
            (_i.seen_at >= since) | _i.user_name.in_(live) | _i.user_name.in_(waiting) | _i.user_name.in_(scheduled),
        )
        return [_identity(r) for r in self._c.execute(statement.order_by(_i.user_name))]

    def delete(self, user: str) -> None:
        """Forget an account, so that its name is free. Only an operator decides that."""
        self._c.execute(sa.delete(t.identities).where(_i.user_name == user))


class GroupBindings:
    """Rows of ``identity_groups``: at most one group of the provider per group of ours."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def all(self) -> list[GroupBinding]:
        """Every binding by group."""
        return [_binding(r) for r in self._c.execute(sa.select(t.identity_groups).order_by(_g.group_name))]

    def of_paths(self, issuer: str, paths: Sequence[str]) -> list[GroupBinding]:
        """The bindings of some paths, by group; a deleted group's may have the same path as a living one's."""
        found: list[GroupBinding] = []
        for start in range(0, len(paths), 500):
            where = (_g.issuer == issuer) & _g.path.in_(paths[start : start + 500])
            found += [_binding(r) for r in self._c.execute(sa.select(t.identity_groups).where(where))]
        return sorted(found, key=lambda b: b.group)

    def of_group(self, group: str) -> GroupBinding | None:
        """The binding of a group, None if it has none."""
        row = self._c.execute(sa.select(t.identity_groups).where(_g.group_name == group)).one_or_none()
        return None if row is None else _binding(row)

    def put(self, binding: GroupBinding) -> None:
        """Insert or replace."""
        values = {
            "issuer": binding.issuer,
            "path": binding.path,
            "external_id": binding.external_id,
            "gone_at": binding.gone_at,
            "roles": {user: role.value for user, role in binding.roles.items()},
        }
        where = _g.group_name == binding.group
        if not self._c.execute(sa.update(t.identity_groups).where(where).values(values)).rowcount:
            self._c.execute(sa.insert(t.identity_groups).values(group_name=binding.group, **values))

    def delete(self, group: str) -> None:
        """End a binding."""
        self._c.execute(sa.delete(t.identity_groups).where(_g.group_name == group))


class Providers:
    """Rows of ``identity_providers``: one per issuer, written when something changed."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def current(self) -> ProviderStatus | None:
        """The provider in use, None where there is none."""
        row = self._c.execute(_CURRENT).one_or_none()
        return None if row is None else _status(row)

    def begin(self, issuer: str, now: datetime) -> None:
        """This provider and no other is in use from here on; an empty issuer says that there is none."""
        self._c.execute(sa.delete(t.identity_providers).where(_p.issuer != issuer))
        if issuer and self.current() is None:
            self._c.execute(
                sa.insert(t.identity_providers).values(
                    issuer=issuer, state=ProviderState.OK.value, since=now, message="", synced_at=None, report={}
                )
            )

    def say(self, issuer: str, state: ProviderState, message: str, now: datetime) -> bool:
        """Note how the provider is; False if nothing is new. ``since`` stays while it is not ok."""
        status = self.current()
        if status is None or status.issuer != issuer or (status.state, status.message) == (state, message):
            return False
        values: dict[str, Any] = {"state": state.value, "message": message}
        if state is ProviderState.OK or status.ok:
            values["since"] = now
        self._c.execute(sa.update(t.identity_providers).where(_p.issuer == issuer).values(values))
        return True

    def walked(self, issuer: str, report: Mapping[str, Any], now: datetime) -> None:
        """Keep what a whole walk found."""
        where = _p.issuer == issuer
        self._c.execute(sa.update(t.identity_providers).where(where).values(synced_at=now, report=dict(report)))


class Revocations:
    """Rows of ``revocations``: at most one that is open per user and group."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def open(self) -> list[Revocation]:
        """All that have not ended, oldest first."""
        statement = sa.select(t.revocations).where(_r.ended_at.is_(None)).order_by(_r.noticed_at, _r.id)
        return [_revocation(r) for r in self._c.execute(statement)]

    def of_group(self, group: str, limit: int = 100) -> list[Revocation]:
        """The group's newest, ended ones too."""
        statement = sa.select(t.revocations).where(_r.group_name == group)
        return [_revocation(r) for r in self._c.execute(statement.order_by(_r.noticed_at.desc()).limit(limit))]

    def of_user(self, user: str) -> list[Revocation]:
        """The user's that have not ended, oldest first."""
        statement = sa.select(t.revocations).where(_r.ended_at.is_(None), _r.user_name == user)
        return [_revocation(r) for r in self._c.execute(statement.order_by(_r.noticed_at, _r.id))]

    def suspects(self) -> list[tuple[str, str, Role | None, Standing]]:
        """Group, user, role and standing of all who have a server or a job that is not over, and no right to it now.

        One question for everything, since it is asked every other second.
        """
        m, res, j = t.memberships.c, t.reservations.c, t.jobs.c
        servers = sa.select(res.group_name, res.user_name).where(_LIVE, res.kind == WorkloadKind.SERVER.value)
        jobs = sa.select(j.group_name, j.user_name).where(_OPEN)
        owners = sa.union(servers, jobs).subquery()
        group, user = owners.c.group_name, owners.c.user_name
        standing = sa.func.coalesce(_i.standing, Standing.ACTIVE.value)
        statement = (
            sa.select(group, user, m.role, standing)
            .join_from(owners, t.memberships, (m.group_name == group) & (m.user_name == user), isouter=True)
            .join(t.identities, _i.user_name == user, isouter=True)
            .where(m.role.is_(None) | (m.role == Role.VIEWER.value) | (standing != Standing.ACTIVE.value))
            .order_by(group, user)
        )
        return [(r[0], r[1], None if r[2] is None else Role(r[2]), Standing(r[3])) for r in self._c.execute(statement)]

    def insert(self, revocation: Revocation) -> None:
        """Begin one."""
        self._c.execute(
            sa.insert(t.revocations).values(
                id=revocation.id,
                group_name=revocation.group,
                user_name=revocation.user,
                reason=revocation.reason.value,
                noticed_at=revocation.noticed_at,
                due_at=revocation.due_at,
                holders=[dict(h) for h in revocation.holders],
                ended_at=None,
                outcome="",
            )
        )

    def change(self, revocation: Revocation) -> None:
        """Store reason, due time, holders and end."""
        self._c.execute(
            sa.update(t.revocations)
            .where(_r.id == revocation.id)
            .values(
                reason=revocation.reason.value,
                due_at=revocation.due_at,
                holders=[dict(h) for h in revocation.holders],
                ended_at=revocation.ended_at,
                outcome=revocation.outcome,
            )
        )


def _identity(row: Any) -> UserIdentity:
    return UserIdentity(
        row.user_name,
        row.issuer,
        row.subject,
        row.email,
        row.email_verified,
        Standing(row.standing),
        row.checked_at,
        row.seen_at,
    )


def _binding(row: Any) -> GroupBinding:
    roles = {user: Role(role) for user, role in row.roles.items()}
    return GroupBinding(row.group_name, row.issuer, row.path, row.external_id, row.gone_at, roles)


def _status(row: Any) -> ProviderStatus:
    return ProviderStatus(row.issuer, ProviderState(row.state), row.since, row.message, row.synced_at, row.report)


def _revocation(row: Any) -> Revocation:
    return Revocation(
        row.id,
        row.group_name,
        row.user_name,
        RevocationReason(row.reason),
        row.noticed_at,
        row.due_at,
        tuple(row.holders),
        row.ended_at,
        row.outcome,
    )
