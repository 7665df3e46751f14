"""The realm's groups by id, which says what a path cannot: what was renamed, and what is only a namesake."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from collegium.db import UnitOfWork
from collegium.domain.audit import SYSTEM, AuditEntry
from collegium.domain.errors import shorten
from collegium.domain.groups import Role
from collegium.domain.identity import GroupBinding
from collegium.identity.bind import bind
from collegium.identity.directory import DirectoryGroup
from collegium.identity.mapping import place
from collegium.identity.settings import KeycloakSettings, RoleRules

_BETWEEN = re.compile(r"[\s,;]+")


class Tree:
    """Groups whose path says where they are.

    Keycloak writes the group ``b`` in ``a`` and a group at the top that is called ``a/b`` as the same path. The second
    kind, and whatever is below it, counts for nothing here.
    """

    def __init__(self, groups: Iterable[DirectoryGroup]) -> None:
        self.groups = {g.id: g for g in groups}
        plain: dict[str, bool] = {"": True}
        for group in self.groups.values():
            self._decide(group, plain)
        self._plain = {id for id, yes in plain.items() if yes and id}
        self.refused = [
            f"{shorten(g.path, 300)} has a slash in its own name or is below such a group: rename it in Keycloak"
            for g in sorted(self.groups.values(), key=lambda g: g.path)
            if "/" in g.name
        ]

    def path_of(self, group: str) -> str | None:
        """The path of a group that counts."""
        return self.groups[group].path if group in self._plain else None

    def knows(self, group: DirectoryGroup) -> bool:
        """True if the group is here just as somebody's list of groups says it; both lists have attributes or none."""
        known = self.groups.get(group.id)
        return known is not None and (known.path, known.attributes) == (group.path, group.attributes)

    def by_path(self) -> dict[str, DirectoryGroup]:
        """Those that count. Siblings have different names, so a path is one group's."""
        return {self.groups[id].path: self.groups[id] for id in self._plain}

    def _decide(self, group: DirectoryGroup, plain: dict[str, bool]) -> None:
        chain = [group]
        while chain[-1].id not in plain and chain[-1].parent not in plain:
            above = self.groups.get(chain[-1].parent)
            if above is None or len(chain) > len(self.groups):
                # Made or moved while we listed: the next look will know.
                plain[chain[-1].parent] = False
                break
            chain.append(above)
        for g in reversed(chain):
            plain.setdefault(g.id, plain[g.parent] and "/" not in g.name)


@dataclass
class Followed:
    """``groups`` is path → binding, of those that are open and exist here. The rest is for the report."""

    groups: dict[str, GroupBinding] = field(default_factory=dict)
    undeclared: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def vanished(bindings: Iterable[GroupBinding], tree: Tree) -> list[str]:
    """Ids that the list lacks. A list may lack what exists, so each must be asked for before it counts as gone."""
    return [b.external_id for b in bindings if b.external_id and b.external_id not in tree.groups]


def follow(uow: UnitOfWork, settings: KeycloakSettings, tree: Tree, gone: Collection[str], at: datetime) -> Followed:
    """Bring all bindings up to date; idempotent. ``gone`` are the ids that Keycloak says do not exist."""
    here = tree.by_path()
    for binding in uow.group_bindings.all():
        if binding.issuer == settings.issuer:
            _follow_one(uow, binding, tree, here, gone, at)
    wanted = []
    for path in here:
        spot = place(path, settings.groups, settings.roles)
        if spot is not None and spot.path == path:
            wanted.append(path)
    bound = bind(uow, settings, sorted(wanted), at)
    found = Followed(undeclared=bound.unknown, refused=[*tree.refused, *bound.refused])
    declared = {g.name for g in uow.groups.all()}
    for path, binding in bound.groups.items():
        known = replace(binding, external_id=here[path].id, roles=attribute_roles(here[path], settings.roles))
        if known != binding:
            uow.group_bindings.put(known)
        if known.group in declared:
            found.groups[path] = known
    return found


def attribute_roles(group: DirectoryGroup, rules: RoleRules) -> dict[str, Role]:
    """User name → highest role, where the group's attributes say so."""
    if rules.source != "attribute":
        return {}
    found: dict[str, Role] = {}
    for name, role in rules.names.items():
        for user in _users(group.attributes, name):
            if user not in found or role.rank > found[user].rank:
                found[user] = role
    return found


def _users(attributes: Mapping[str, Sequence[str]], name: str) -> list[str]:
    return [u for text in attributes.get(name, ()) for u in _BETWEEN.split(text.casefold()) if u]


def _follow_one(
    uow: UnitOfWork,
    binding: GroupBinding,
    tree: Tree,
    here: Mapping[str, DirectoryGroup],
    gone: Collection[str],
    at: datetime,
) -> None:
    if not binding.external_id:
        if binding.path in here and binding.gone_at is None:
            uow.group_bindings.put(replace(binding, external_id=here[binding.path].id))
        return
    path = tree.path_of(binding.external_id)
    if path is not None:
        if path != binding.path or binding.gone_at is not None:
            uow.group_bindings.put(replace(binding, path=path, gone_at=None))
        if path != binding.path:
            uow.audit.append(
                AuditEntry(at, SYSTEM, "group.rename", path, binding.group, details={"before": binding.path})
            )
    elif binding.external_id in gone and binding.gone_at is None:
        uow.group_bindings.put(replace(binding, gone_at=at, roles={}))
        uow.audit.append(
            AuditEntry(at, SYSTEM, "group.gone", binding.path, binding.group, reason="deleted in Keycloak")
        )
