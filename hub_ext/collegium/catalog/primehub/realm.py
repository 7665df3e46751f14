"""A realm export of Keycloak, reduced to what PrimeHub kept in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collegium.catalog.primehub.findings import Findings, Where
from collegium.catalog.primehub.read import as_list, as_mapping, as_text, read_json
from collegium.domain.errors import shorten

Attributes = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class RealmGroup:
    """A group at the top of the realm; PrimeHub knows no others."""

    where: Where
    name: str
    path: str
    attributes: Attributes
    roles: tuple[str, ...]
    client_roles: Mapping[str, tuple[str, ...]]
    subgroups: tuple[str, ...]


@dataclass(frozen=True)
class RealmUser:
    """An account. Nothing of its credentials is read."""

    where: Where
    name: str
    display_name: str
    enabled: bool
    service_account: bool
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    platform_admin: bool
    attributes: Attributes


@dataclass(frozen=True)
class Realm:
    """``users`` is None where the export has none, as Keycloak's partial export does."""

    where: Where
    name: str
    groups: tuple[RealmGroup, ...]
    users: tuple[RealmUser, ...] | None
    invitations: int


def read_realm(paths: Sequence[Path], findings: Findings) -> Realm | None:
    """Read an export: the realm's file, and its files of users if Keycloak wrote them apart."""
    main: tuple[Where, Mapping[str, Any]] | None = None
    users: list[RealmUser] = []
    has_users = False
    for path in paths:
        where = Where(str(path))
        data = _one_realm(read_json(path, findings), where, findings)
        if data is None:
            continue
        if data.get("users") is not None:
            has_users = True
            users += _users(data, where, findings)
        if "groups" not in data and "roles" not in data and "users" in data:
            continue
        if main is not None:
            findings.problem(where, "", f"is a second realm beside {main[0].file}")
            continue
        main = (where, data)
    _refuse_twins("user", [(u.where, u.name) for u in users], findings)
    if main is None:
        if not findings.of():
            findings.problem(Where(", ".join(map(str, paths))), "", "holds no realm")
        return None
    where, data = main
    return Realm(
        where,
        as_text(data.get("realm"), where, "realm", findings),
        _groups(data, where, findings),
        tuple(sorted(users, key=lambda u: u.name)) if has_users else None,
        _invitations(data, where, findings),
    )


def _one_realm(data: Any, where: Where, findings: Findings) -> Mapping[str, Any] | None:
    if isinstance(data, list):
        if len(data) != 1:
            names = ", ".join(str(shorten(r.get("realm") if isinstance(r, dict) else r)) for r in data[:5])
            findings.problem(where, "", f"holds {len(data)} realms ({names}); write PrimeHub's into a file of its own")
            return None
        data = data[0]
    if data is None:
        return None
    if not isinstance(data, dict) or not {"realm", "groups", "users"} & set(data):
        findings.problem(where, "", "is not a realm export of Keycloak: it has no realm, groups or users")
        return None
    return data


def _groups(data: Mapping[str, Any], file: Where, findings: Findings) -> tuple[RealmGroup, ...]:
    found: list[RealmGroup] = []
    if not data.get("groups"):
        findings.problem(file, "groups", "is missing or empty; export the realm with its groups and roles")
    for i, item in enumerate(as_list(data.get("groups"), file, "groups", findings)):
        entry = as_mapping(item, file, f"groups[{i}]", findings)
        name = as_text(entry.get("name"), file, f"groups[{i}].name", findings)
        if not name:
            findings.problem(file, f"groups[{i}].name", "is missing")
            continue
        where = Where(file.file, f"group {name}")
        subgroups = as_list(entry.get("subGroups"), where, "subGroups", findings)
        found.append(
            RealmGroup(
                where,
                name,
                as_text(entry.get("path"), where, "path", findings) or f"/{name}",
                _attributes(entry, where, findings),
                _texts(entry.get("realmRoles"), where, "realmRoles", findings),
                {
                    client: _texts(roles, where, f"clientRoles.{client}", findings)
                    for client, roles in as_mapping(entry.get("clientRoles"), where, "clientRoles", findings).items()
                },
                tuple(
                    as_text(as_mapping(s, where, "subGroups", findings).get("name"), where, "subGroups.name", findings)
                    for s in subgroups
                ),
            )
        )
    _refuse_twins("group", [(g.where, g.path) for g in found], findings)
    # Keycloak exports in no order; the same realm shall give the same catalog.
    return tuple(sorted(found, key=lambda g: g.path))


def _users(data: Mapping[str, Any], file: Where, findings: Findings) -> list[RealmUser]:
    found = []
    for i, item in enumerate(as_list(data.get("users"), file, "users", findings)):
        entry = as_mapping(item, file, f"users[{i}]", findings)
        name = as_text(entry.get("username"), file, f"users[{i}].username", findings)
        if not name:
            findings.problem(file, f"users[{i}].username", "is missing")
            continue
        where = Where(file.file, f"user {name}")
        first, last = (as_text(entry.get(k), where, k, findings) for k in ("firstName", "lastName"))
        clients = as_mapping(entry.get("clientRoles"), where, "clientRoles", findings)
        management = _texts(clients.get("realm-management"), where, "clientRoles.realm-management", findings)
        roles = _texts(entry.get("realmRoles"), where, "realmRoles", findings)
        found.append(
            RealmUser(
                where,
                name,
                f"{first} {last}".strip(),
                entry.get("enabled") is not False,
                bool(entry.get("serviceAccountClientId")) or name.startswith("service-account-"),
                _texts(entry.get("groups"), where, "groups", findings),
                roles,
                "realm-admin" in management or (data.get("realm") == "master" and "admin" in roles),
                _attributes(entry, where, findings),
            )
        )
    return found


def _attributes(entry: Mapping[str, Any], where: Where, findings: Findings) -> Attributes:
    attributes = as_mapping(entry.get("attributes"), where, "attributes", findings)
    return {
        name: _texts(value if isinstance(value, list) else [value], where, name, findings)
        for name, value in sorted(attributes.items())
    }


def _texts(value: Any, where: Where, name: str, findings: Findings) -> tuple[str, ...]:
    return tuple(as_text(v, where, name, findings) for v in as_list(value, where, name, findings))


def _invitations(data: Mapping[str, Any], where: Where, findings: Findings) -> int:
    roles = as_mapping(data.get("roles"), where, "roles", findings)
    for i, item in enumerate(as_list(roles.get("realm"), where, "roles.realm", findings)):
        role = as_mapping(item, where, f"roles.realm[{i}]", findings)
        if role.get("name") == "invitation":
            return len(as_mapping(role.get("attributes"), where, "roles.realm.invitation.attributes", findings))
    return 0


def _refuse_twins(what: str, keys: list[tuple[Where, str]], findings: Findings) -> None:
    seen: dict[str, Where] = {}
    for where, key in keys:
        if key in seen:
            findings.problem(where, "", f"the {what} {shorten(key)} is there twice (also in {seen[key].file})")
        seen[key] = where
