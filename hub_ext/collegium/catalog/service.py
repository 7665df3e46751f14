"""Compare a catalog file with the database, and make the database follow it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from collegium.catalog.schema import CatalogFile, InstanceTypeEntry, MemberEntry
from collegium.db.accounts import User
from collegium.db.catalog import EVERY_GROUP
from collegium.db.engine import Database, UnitOfWork
from collegium.domain.catalog import AccessMode, Dataset, Grant, GrantKind, Image, InstanceType, Placement
from collegium.domain.errors import Conflict
from collegium.domain.groups import Group, ManagedBy, Membership
from collegium.domain.quota import Limits
from collegium.domain.resources import MEMORY, Resources, parse_quantity
from collegium.domain.tags import check_tags


@dataclass(frozen=True)
class Declared:
    """A catalog as domain objects."""

    users: tuple[User, ...]
    groups: tuple[Group, ...]
    memberships: tuple[Membership, ...]
    instance_types: tuple[InstanceType, ...]
    images: tuple[Image, ...]
    datasets: tuple[Dataset, ...]
    grants: tuple[Grant, ...]


@dataclass(frozen=True)
class Change:
    """One difference: ``+`` new, ``-`` gone, ``~`` changed (``fields`` names what)."""

    sign: str
    what: str
    name: str
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.sign} {self.what} {self.name}" + (f" ({', '.join(self.fields)})" if self.fields else "")


def declared(catalog: CatalogFile) -> Declared:
    """Translate a checked file into domain objects."""
    grants: list[Grant] = []
    owners = {d.name: d.owner for d in catalog.datasets if d.owner is not None}
    for kind, entries in (
        (GrantKind.INSTANCE_TYPE, catalog.instance_types),
        (GrantKind.IMAGE, catalog.images),
        (GrantKind.DATASET, catalog.datasets),
    ):
        access = AccessMode.READ_ONLY if kind is GrantKind.DATASET else None
        grants += [Grant(EVERY_GROUP, kind, e.name, access) for e in entries if e.everyone]
    for g in catalog.groups:
        grants += [Grant(g.name, GrantKind.INSTANCE_TYPE, n) for n in dict.fromkeys(g.instance_types)]
        grants += [Grant(g.name, GrantKind.IMAGE, n) for n in dict.fromkeys(g.images)]
        grants += [Grant(g.name, GrantKind.DATASET, d.name, d.access) for d in {d.name: d for d in g.datasets}.values()]
    # What a group owns, it may write.
    grants = [g for g in grants if not (g.kind is GrantKind.DATASET and owners.get(g.name) == g.group)]
    grants += [Grant(owner, GrantKind.DATASET, name, AccessMode.READ_WRITE) for name, owner in owners.items()]
    return Declared(
        users=tuple(User(u.name, u.display_name, u.platform_admin, u.password_hash) for u in catalog.users),
        groups=tuple(
            Group(
                g.name,
                g.display_name or g.name,
                g.description,
                g.contact,
                Limits.parse(g.limits),
                Limits.parse(g.member_limits),
                invitations=g.invitations,
            )
            for g in catalog.groups
        ),
        memberships=tuple(
            _membership(g.name, user, entry) for g in catalog.groups for user, entry in g.members.items()
        ),
        instance_types=tuple(
            InstanceType(
                t.name,
                t.display_name or t.name,
                Resources.parse(t.limits),
                Resources.parse(t.requests),
                t.description,
                _placement(t),
            )
            for t in catalog.instance_types
        ),
        images=tuple(
            Image(
                i.name,
                i.display_name or i.name,
                i.reference,
                i.environment,
                i.description,
                i.variables,
                pull_secret=i.pull_secret or "",
            )
            for i in catalog.images
        ),
        datasets=tuple(
            Dataset(
                d.name,
                d.display_name or d.name,
                d.kind,
                d.source,
                d.description,
                tags=check_tags(d.tags),
                licence=d.licence,
                owner=d.owner or "",
            )
            for d in catalog.datasets
        ),
        grants=tuple(grants),
    )


def diff_catalog(database: Database, catalog: CatalogFile) -> list[Change]:
    """What applying the file would change."""
    with database.read() as uow:
        return _changes(uow, declared(catalog))


def apply_catalog(database: Database, catalog: CatalogFile) -> list[Change]:
    """Make all rows that files manage follow this file, in one transaction; returns what changed.

    Passwords that were set otherwise stay where the file has none. Rows that the API made are left alone; a name that
    both declare raises Conflict and nothing is changed.
    """
    wanted = declared(catalog)
    with database.write() as uow:
        changes = _changes(uow, wanted)
        _refuse_foreign(uow, wanted)
        if changes:
            _apply(uow, wanted)
        return changes


def _apply(uow: UnitOfWork, wanted: Declared) -> None:
    for user in uow.users.all():
        if user.managed_by is ManagedBy.FILE and user.name not in {u.name for u in wanted.users}:
            uow.users.delete(user.name)
    for user in wanted.users:
        uow.users.put(user)
    keep = {g.name for g in wanted.groups}
    for group in uow.groups.all():
        if group.managed_by is ManagedBy.FILE and group.name not in keep:
            uow.groups.delete(group.name)
    for group in wanted.groups:
        uow.groups.put(group)
    # Without users in the file, membership comes from an identity provider and is not the file's to end.
    if wanted.users:
        members = {(m.group, m.user) for m in wanted.memberships}
        for present in uow.memberships.all():
            if present.group in keep and (present.group, present.user) not in members:
                uow.memberships.delete(present.group, present.user)
    for membership in wanted.memberships:
        uow.memberships.put(membership)
    uow.catalog.replace(ManagedBy.FILE, wanted.instance_types, wanted.images, wanted.datasets, wanted.grants)


def _changes(uow: UnitOfWork, wanted: Declared) -> list[Change]:
    users = [u for u in uow.users.all() if u.managed_by is ManagedBy.FILE]
    declared_hash = {u.name: u.password_hash for u in wanted.users}
    # A hash that the file does not state is not a difference.
    users = [
        User(u.name, u.display_name, u.platform_admin, declared_hash.get(u.name) and u.password_hash) for u in users
    ]
    groups = [g for g in uow.groups.all() if g.managed_by is ManagedBy.FILE]
    ours = {g.name for g in (*groups, *wanted.groups)}
    memberships = [m for m in uow.memberships.all() if m.group in ours]
    if not wanted.users:
        declared_keys = {(m.group, m.user) for m in wanted.memberships}
        memberships = [m for m in memberships if (m.group, m.user) in declared_keys]
    by_file = ManagedBy.FILE
    return [
        *_compare("user", {u.name: u for u in users}, {u.name: u for u in wanted.users}, hidden="password_hash"),
        *_compare("group", {g.name: g for g in groups}, {g.name: g for g in wanted.groups}),
        *_compare(
            "membership",
            {f"{m.group}/{m.user}": m for m in memberships},
            {f"{m.group}/{m.user}": m for m in wanted.memberships},
        ),
        *_compare_list(
            "instance type", [t for t in uow.catalog.instance_types() if t.managed_by is by_file], wanted.instance_types
        ),
        *_compare_list("image", [i for i in uow.catalog.images() if i.managed_by is by_file], wanted.images),
        *_compare_list("dataset", [d for d in uow.catalog.datasets() if d.managed_by is by_file], wanted.datasets),
        *_compare("grant", _grants(g for g in uow.catalog.grants() if g.managed_by is by_file), _grants(wanted.grants)),
    ]


def _compare(what: str, have: Mapping[str, Any], want: Mapping[str, Any], hidden: str = "") -> list[Change]:
    changes = [Change("-", what, n) for n in have if n not in want]
    for name, item in want.items():
        if name not in have:
            changes.append(Change("+", what, name))
        elif item != have[name]:
            old, new = asdict(have[name]), asdict(item)
            fields = tuple(f for f in new if new[f] != old[f])
            changes.append(Change("~", what, name, tuple("password" if f == hidden else f for f in fields)))
    return changes


def _compare_list(what: str, have: list[Any], want: tuple[Any, ...]) -> list[Change]:
    changes = _compare(what, {i.name: i for i in have}, {i.name: i for i in want})
    if not changes and [i.name for i in have] != [i.name for i in want]:
        changes.append(Change("~", what + "s", "all", ("order",)))
    return changes


def _grants(grants: Any) -> dict[str, Grant]:
    return {f"{g.group}: {g.kind.value.replace('_', ' ')} {g.name}": g for g in grants}


def _refuse_foreign(uow: UnitOfWork, wanted: Declared) -> None:
    sections: tuple[tuple[str, Sequence[Any], Sequence[Any]], ...] = (
        ("user", uow.users.all(), wanted.users),
        ("group", uow.groups.all(), wanted.groups),
        ("instance type", uow.catalog.instance_types(), wanted.instance_types),
        ("image", uow.catalog.images(), wanted.images),
        ("dataset", [*uow.catalog.datasets(), *uow.datasets.deleting()], wanted.datasets),
    )
    for what, have, want in sections:
        taken = {i.name for i in have if i.managed_by is ManagedBy.API} & {i.name for i in want}
        if taken:
            raise Conflict(
                f"The {what} {sorted(taken)[0]} was made through the API; rename it in the file or delete it there."
            )


def _placement(entry: InstanceTypeEntry) -> Placement:
    return Placement(
        entry.node_selector,
        tuple(t.manifest() for t in entry.tolerations),
        entry.affinity.manifest() if entry.affinity else {},
        entry.priority_class or "",
        parse_quantity(entry.shared_memory or 0, MEMORY),
    )


def _membership(group: str, user: str, entry: MemberEntry) -> Membership:
    return Membership(group, user, entry.role, None if entry.limits is None else Limits.parse(entry.limits))
