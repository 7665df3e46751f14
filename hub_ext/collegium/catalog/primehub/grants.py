"""Realm roles such as ``it:small`` and ``ds:rw:digits`` → grants."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from collegium.catalog.primehub.findings import Findings, Where
from collegium.catalog.primehub.realm import Realm, RealmGroup
from collegium.domain.catalog import AccessMode

_ROLE = re.compile(r"(?P<prefix>.*?:)??(?P<kind>ds:rw|ds|it|img):(?P<name>[^:]+)")
_KINDS = {"it": "InstanceType", "img": "Image", "ds": "Dataset", "ds:rw": "Dataset"}
#: Roles that Keycloak gives by itself, and the one that holds invitations.
_KEYCLOAK = re.compile(r"offline_access|uma_authorization|default-roles-.+|invitation")

#: Kind, name → access; None for what is not data.
Granted = dict[tuple[str, str], AccessMode | None]


@dataclass(frozen=True)
class Grants:
    """Path of each group → what it was granted, and what all groups were."""

    by_group: Mapping[str, Granted]
    everyone: Granted = field(default_factory=dict)


def grants(realm: Realm, everyone: str, prefix: str, findings: Findings) -> Grants:
    """Read the roles that are mapped to groups. ``everyone`` is the group whose grants are for all."""
    prefix = f"{prefix.rstrip(':')}:" if prefix else ""
    others: Counter[str] = Counter()
    by_group = {g.path: _of_group(g, prefix, others, findings) for g in realm.groups}
    if others and not any(by_group.values()):
        found = ", ".join(sorted(p.rstrip(":") or "none" for p in others))
        findings.problem(
            realm.where, "groups.realmRoles", f"no role has the prefix {prefix or 'none'}; --prefix may be: {found}"
        )
    elif not any(by_group.values()):
        findings.lost(
            realm.where, "groups.realmRoles", "no group holds a role such as it:…, img:… or ds:…: nothing is granted"
        )
    common = next((g for g in realm.groups if g.name == everyone), None)
    if common is None:
        findings.todo(
            realm.where, "groups", f"there is no group {everyone}, so nothing is for all; --everyone names it"
        )
    return Grants(
        {p: g for p, g in by_group.items() if common is None or p != common.path},
        by_group[common.path] if common else {},
    )


def report_people(realm: Realm, findings: Findings) -> None:
    """Say which people hold grants or platform powers by themselves: grants are to groups here."""
    for user in realm.users or ():
        direct = sorted(r for r in user.roles if _ROLE.fullmatch(r))
        if direct:
            findings.lost(user.where, "realmRoles", f"{', '.join(direct)}: grants are to groups, not to people")
    for group in realm.groups:
        for client, roles in group.client_roles.items():
            findings.lost(group.where, f"clientRoles.{client}", f"{', '.join(roles)}: roles of clients are not read")


def only_known(granted: Granted, where: Where, known: Mapping[str, Mapping[str, str]], findings: Findings) -> Granted:
    """The grants of things that were read; the others are reported."""
    for kind, name in granted:
        if name not in known.get(kind, {}):
            findings.lost(
                where, f"{kind} {name}", "was granted, but is not among what was read or could be carried over"
            )
    return {(k, n): a for (k, n), a in granted.items() if n in known.get(k, {})}


def _of_group(group: RealmGroup, prefix: str, others: Counter[str], findings: Findings) -> Granted:
    found: Granted = {}
    for role in group.roles:
        match = _ROLE.fullmatch(role)
        if match is None:
            if not _KEYCLOAK.fullmatch(role):
                findings.lost(group.where, f"role {role}", "is none of PrimeHub's")
            continue
        if (match["prefix"] or "") != prefix:
            others[match["prefix"] or ""] += 1
            findings.lost(
                group.where, f"role {role}", f"has not the prefix {prefix or 'none'}, so it is not of this PrimeHub"
            )
            continue
        key = (_KINDS[match["kind"]], match["name"])
        access = None
        if key[0] == "Dataset":
            access = AccessMode.READ_WRITE if match["kind"] == "ds:rw" else AccessMode.READ_ONLY
            # With both roles PrimeHub let people write.
            access = AccessMode.READ_WRITE if found.get(key) is AccessMode.READ_WRITE else access
        found[key] = access
    return found


def names_of(granted: Granted, kind: str, names: Mapping[str, str]) -> Sequence[tuple[str, AccessMode | None]]:
    """The catalog's names of what is granted of one kind, sorted."""
    return sorted((names[n], a) for (k, n), a in granted.items() if k == kind)
