"""Which group of ours a path of the realm stands for. First come stays: no other path gets a bound name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from collegium.db import UnitOfWork
from collegium.domain.audit import SYSTEM, AuditEntry
from collegium.domain.errors import InvalidInput
from collegium.domain.groups import Group, ManagedBy
from collegium.domain.identity import GroupBinding
from collegium.domain.names import check_group_name
from collegium.domain.quota import Limits
from collegium.identity.mapping import exact, inner_path, slug
from collegium.identity.settings import KeycloakSettings


@dataclass
class Bound:
    """``groups`` is path → group. ``unknown`` are paths that nobody declared, ``refused`` sentences on the rest."""

    groups: dict[str, GroupBinding] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def bind(uow: UnitOfWork, settings: KeycloakSettings, paths: Iterable[str], at: datetime) -> Bound:
    """Find or make the binding of each path; writes what is new."""
    paths = list(paths)
    ours = uow.group_bindings.of_paths(settings.issuer, paths)
    # A group that was renamed may have the path of one that was deleted: the living one has it.
    known = {b.path: b for b in sorted(ours, key=lambda b: b.gone_at is None)}
    found = Bound()
    candidates: dict[str, list[str]] = {}
    for path in paths:
        binding = known.get(path)
        if binding is None:
            candidates.setdefault(slug(path, settings.groups), []).append(path)
        elif binding.gone_at is not None:
            found.refused.append(
                f"{path} was deleted in Keycloak and made again; what the old group left stays closed until an "
                f"operator runs: collegium identity rebind {binding.group}"
            )
        else:
            found.groups[path] = binding
    for name, alike in sorted(candidates.items()):
        _bind_new(uow, settings, name, alike, at, found)
    return found


def _bind_new(
    uow: UnitOfWork, settings: KeycloakSettings, name: str, alike: list[str], at: datetime, found: Bound
) -> None:
    chosen = [p for p in alike if exact(p, name, settings.groups)] if len(alike) > 1 else alike
    if len(chosen) != 1:
        found.refused.append(
            f"{', '.join(sorted(alike))} would all be the group {name}: say which in keycloak.groups.names"
        )
        return
    path = chosen[0]
    found.refused += [f"{p} would be the group {name}, which is {path}" for p in alike if p != path]
    present = uow.group_bindings.of_group(name)
    if present is not None and present.issuer == settings.issuer:
        found.refused.append(f"{path} would be the group {name}, which is {present.path} already")
        return
    try:
        check_group_name(name)
    except InvalidInput as error:
        found.refused.append(f"{path}: {error.message}; name it in keycloak.groups.names")
        return
    if uow.groups.get(name) is None:
        if not settings.groups.create:
            found.unknown.append(path)
            return
        _create(uow, settings, name, path, at)
    binding = GroupBinding(name, settings.issuer, path)
    uow.group_bindings.put(binding)
    uow.audit.append(AuditEntry(at, SYSTEM, "group.bind", path, name, reason="first seen in Keycloak"))
    found.groups[path] = binding


def _create(uow: UnitOfWork, settings: KeycloakSettings, name: str, path: str, at: datetime) -> None:
    limits = Limits.parse(settings.groups.new_limits)
    title = inner_path(path, settings.groups).replace("/", " / ")[:120]
    shown = "".join(c for c in title if c.isprintable()).strip() or name
    uow.groups.put(Group(name, shown, f"From Keycloak: {path}"[:1000], limits=limits, managed_by=ManagedBy.IDP))
    uow.audit.append(AuditEntry(at, SYSTEM, "group.create", path, name, reason="keycloak.groups.create is on"))


def rebind(uow: UnitOfWork, group: str, at: datetime, by: str) -> GroupBinding | None:
    """Let whatever group now has the path take over; the binding as it is then, None if there is none."""
    binding = uow.group_bindings.of_group(group)
    if binding is None:
        return None
    fresh = replace(binding, external_id="", gone_at=None, roles={})
    uow.group_bindings.put(fresh)
    uow.audit.append(AuditEntry(at, by, "group.rebind", binding.path, group))
    return fresh
