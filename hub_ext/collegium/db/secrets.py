"""Secrets of groups: sealed values, and who will want them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.db.job_tables import sweeps
from collegium.db.jobs import OPEN
from collegium.db.schedule_tables import schedules
from collegium.db.secret_tables import secrets
from collegium.domain.catalog import SourceKind
from collegium.domain.files import PLATFORM
from collegium.domain.schedules import ScheduleState
from collegium.domain.secrets import Secret, SecretKind, SecretUse

_s, _j, _w, _c, _d = secrets.c, t.jobs.c, sweeps.c, schedules.c, t.datasets.c
#: Kinds of datasets whose ``secret`` is one of these; that of others is a word of their own.
_OPENED = (SourceKind.GIT.value, SourceKind.S3.value)
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

    def known(self, group: str, names: Collection[str]) -> dict[str, Secret]:
        """Those of these names that a group may use. Whoever holds the group's row keeps its own from being deleted."""
        return {name: secret for name, (secret, _) in self.usable(group, names).items()}

    def put(self, secret: Secret, sealed: str | None) -> None:
        """Insert or replace; without a sealed value the one that is there stays. The caller holds the group's row."""
        values = {
            "description": secret.description,
            **({} if sealed is None else {"sealed": sealed}),
            "kind": secret.kind.value,
            "groups": list(secret.groups) or None,
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

    def usable(self, group: str, names: Collection[str]) -> dict[str, tuple[Secret, str]]:
        """Those of these names that a group may use, with their sealed values: its own, else the platform's that are
        kept for it."""
        where = (_s.group_name.in_([group, PLATFORM]), _s.name.in_(set(names)))
        found: dict[str, tuple[Secret, str]] = {}
        for row in self._c.execute(sa.select(secrets).where(*where)):
            secret = _secret(row)
            if secret.is_for(group) and (row.name not in found or secret.group == group):
                found[row.name] = (secret, row.sealed)
        return found

    def shared(self, group: str) -> list[Secret]:
        """The platform's that a group may use, by name."""
        return [s for s in self.all(PLATFORM) if s.is_for(group)]

    def sealed(self, group: str, name: str) -> str | None:
        """The sealed value of one."""
        statement = sa.select(_s.sealed).where(_s.group_name == group, _s.name == name)
        return self._c.execute(statement).scalar_one_or_none()

    def registries(self) -> list[tuple[Secret, str]]:
        """All that open registries, with their sealed values."""
        where = _s.kind == SecretKind.REGISTRY.value
        rows = self._c.execute(sa.select(secrets).where(where).order_by(_s.group_name, _s.name))
        return [(_secret(row), row.sealed) for row in rows]

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
        """Secret → what of the group will want it: jobs that are not over, sweeps that go on, schedules not ended, and
        datasets. Of the platform's: what of any group that has none of this name, and images."""
        found: dict[str, list[SecretUse]] = defaultdict(list)
        own = self._own() if group == PLATFORM else {}
        for whose, use, names in (*self._users(group), *self._datasets(group)):
            for name in sorted(set(names)):
                if whose == group or name not in own.get(whose, ()):
                    found[name].append(use)
        if group == PLATFORM:
            for use, name in self._images():
                found[name].append(use)
        return found

    def _own(self) -> dict[str, set[str]]:
        """Group → the names of its own secrets."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._c.execute(sa.select(_s.group_name, _s.name).where(_s.group_name != PLATFORM)):
            found[row.group_name].add(row.name)
        return found

    def _datasets(self, group: str) -> Iterator[tuple[str, SecretUse, Iterable[str]]]:
        statement = sa.select(t.datasets).where(_d.deleting_at.is_(None)).order_by(_d.name)
        if group != PLATFORM:
            statement = statement.where(_d.owner == group)
        for row in self._c.execute(statement):
            name = row.spec["source"].get("secret") if row.spec["kind"] in _OPENED else None
            if name:
                use = SecretUse("dataset", row.name, row.spec["display_name"], row.created_by)
                yield row.owner or PLATFORM, use, [name]

    def _images(self) -> Iterator[tuple[SecretUse, str]]:
        for row in self._c.execute(sa.select(t.images).order_by(t.images.c.name)):
            if name := row.spec.get("pull_secret"):
                yield SecretUse("image", row.name, row.spec["display_name"], ""), name

    def _users(self, group: str) -> Iterator[tuple[str, SecretUse, Iterable[str]]]:
        ended = ScheduleState.ENDED.value
        asked = (
            ("schedule", _c, _c.template, _c.run_as, (_c.state != ended,)),
            ("sweep", _w, _w.spec, _w.user_name, (_w.finished_at.is_(None), _w.deleted_at.is_(None))),
            ("job", _j, _j.spec, _j.user_name, (OPEN, _j.deleted_at.is_(None))),
        )
        for kind, c, spec, user, alive in asked:
            statement = sa.select(c.id, c.name, c.group_name, user.label("user_name"), spec.label("spec"))
            statement = statement.where(sa.cast(spec, sa.Text).like(_NAMES_SOME), *alive)
            if group != PLATFORM:
                statement = statement.where(c.group_name == group)
            for row in self._c.execute(statement.order_by(c.id)):
                use = SecretUse(kind, row.id, row.name, row.user_name)
                yield row.group_name, use, (row.spec.get("secrets") or {}).values()


def _secret(row: Any) -> Secret:
    return Secret(
        row.group_name,
        row.name,
        row.description,
        row.created_by,
        row.created_at,
        row.updated_by,
        row.updated_at,
        SecretKind(row.kind),
        tuple(row.groups or ()),
    )
