"""Secrets of groups: sealed values, and who will want them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.job_tables import sweeps
from collegium.db.jobs import OPEN
from collegium.db.schedule_tables import schedules
from collegium.db.secret_tables import secrets
from collegium.domain.schedules import ScheduleState
from collegium.domain.secrets import Secret, SecretUse

_s, _j, _w, _c = secrets.c, t.jobs.c, sweeps.c, schedules.c
#: What a stored spec holds if it names any; those that only look like it are read in vain.
_NAMES_SOME = '%"secrets":%'


class Secrets:
    """Rows of ``secrets``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def all(self, group: str) -> list[Secret]:
        """Those of a group, by name."""
        rows = self._c.execute(sa.select(secrets).where(_s.group_name == group).order_by(_s.name))
        return [_secret(row) for row in rows]

    def get(self, group: str, name: str) -> Secret | None:
        """One of a group."""
        row = self._c.execute(sa.select(secrets).where(_s.group_name == group, _s.name == name)).one_or_none()
        return None if row is None else _secret(row)

    def count(self, group: str) -> int:
        """How many a group has."""
        return int(self._c.execute(sa.select(sa.func.count()).where(_s.group_name == group)).scalar_one())

    def known(self, group: str, names: Collection[str]) -> set[str]:
        """Those of these names that a group has. Whoever holds the group's row keeps them from being deleted."""
        statement = sa.select(_s.name).where(_s.group_name == group, _s.name.in_(set(names)))
        return set(self._c.execute(statement).scalars())

    def put(self, secret: Secret, sealed: str | None) -> None:
        """Insert or replace; without a sealed value the one that is there stays. The caller holds the group's row."""
        values = {
            "description": secret.description,
            **({} if sealed is None else {"sealed": sealed}),
            "created_by": secret.created_by,
            "created_at": secret.created_at,
            "updated_by": secret.updated_by,
            "updated_at": secret.updated_at,
        }
        where = (_s.group_name == secret.group) & (_s.name == secret.name)
        if not self._c.execute(sa.update(secrets).where(where).values(values)).rowcount:
            self._c.execute(sa.insert(secrets).values(group_name=secret.group, name=secret.name, **values))

    def delete(self, secret: Secret) -> None:
        """Remove it."""
        self._c.execute(sa.delete(secrets).where(_s.group_name == secret.group, _s.name == secret.name))

    def sealed(self, group: str, names: Collection[str]) -> dict[str, tuple[Secret, str]]:
        """Those of these names that a group has, with their sealed values."""
        rows = self._c.execute(sa.select(secrets).where(_s.group_name == group, _s.name.in_(set(names))))
        return {row.name: (_secret(row), row.sealed) for row in rows}

    def every(self, after: tuple[str, str] = ("", ""), limit: int = 100) -> list[tuple[Secret, str]]:
        """All there are, group by group, with their sealed values; beyond ``after``, a group and a name."""
        place = sa.tuple_(_s.group_name, _s.name)
        statement = sa.select(secrets).where(place > sa.tuple_(*(sa.literal(x) for x in after)))
        rows = self._c.execute(statement.order_by(_s.group_name, _s.name).limit(limit))
        return [(_secret(row), row.sealed) for row in rows]

    def renew(self, secret: Secret, before: str, after: str) -> None:
        """Put another seal on the same value, unless there is a new value by now."""
        where = (_s.group_name == secret.group) & (_s.name == secret.name) & (_s.sealed == before)
        self._c.execute(sa.update(secrets).where(where).values(sealed=after))

    def uses(self, group: str) -> dict[str, list[SecretUse]]:
        """Secret → what of the group will want it: jobs that are not over, sweeps that go on, schedules not ended."""
        found: dict[str, list[SecretUse]] = defaultdict(list)
        for use, names in self._users(group):
            for name in sorted(set(names.values())):
                found[name].append(use)
        return found

    def _users(self, group: str) -> Iterator[tuple[SecretUse, Mapping[str, str]]]:
        ended = ScheduleState.ENDED.value
        asked = (
            ("schedule", _c, _c.template, _c.run_as, (_c.state != ended,)),
            ("sweep", _w, _w.spec, _w.user_name, (_w.finished_at.is_(None), _w.deleted_at.is_(None))),
            ("job", _j, _j.spec, _j.user_name, (OPEN, _j.deleted_at.is_(None))),
        )
        for kind, c, spec, user, alive in asked:
            statement = sa.select(c.id, c.name, user.label("user_name"), spec.label("spec"))
            statement = statement.where(c.group_name == group, sa.cast(spec, sa.Text).like(_NAMES_SOME), *alive)
            for row in self._c.execute(statement.order_by(c.id)):
                yield SecretUse(kind, row.id, row.name, row.user_name), row.spec.get("secrets") or {}


def _secret(row: Any) -> Secret:
    return Secret(
        row.group_name,
        row.name,
        row.description,
        row.created_by,
        row.created_at,
        row.updated_by,
        row.updated_at,
    )
