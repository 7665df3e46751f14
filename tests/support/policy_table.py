"""The policy table read a second time: what a caller must be answered, worked out apart from the code that answers."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from collegium.domain.groups import Role
from collegium.domain.policy import NEEDS_MEMBERSHIP, POLICY, Operation
from collegium.hub.scopes import PREFIX
from collegium.services.app import ROUTES
from collegium.services.openapi import describe_api

#: Path, method and operation of everything that the API has, as its description says.
OPERATIONS: list[tuple[str, str, Operation]] = [
    (path, method, Operation(description["x-operation"]))
    for path, methods in json.loads(describe_api(ROUTES))["paths"].items()
    for method, description in methods.items()
]


@dataclass(frozen=True)
class Caller:
    """Somebody and the group that they ask about: ``role`` is theirs in it, ``exists`` says whether there is one."""

    user: str
    role: Role | None
    exists: bool
    platform_admin: bool = False


def is_public(operation: Operation) -> bool:
    """Does it need no token?"""
    rule = POLICY[operation]
    return rule.scope is None and rule.role is None and not rule.platform


def verdict(operation: Operation, caller: Caller, group: str | None, scopes: Collection[str], other: bool) -> int:
    """403, 404, or 200 for whoever is let in. ``other``: the object belongs to somebody else."""
    rule = POLICY[operation]
    if rule.scope:
        name = f"{PREFIX}{rule.scope}"
        if not {name, f"{name}!user={caller.user}", f"{name}!group={group}"} & set(scopes):
            return 403
    if rule.platform:
        return 200 if caller.platform_admin else 403
    if rule.role is None:
        return 200
    if not caller.exists or (caller.role is None and not caller.platform_admin):
        return 404
    if caller.role is None:
        return 403 if operation in NEEDS_MEMBERSHIP else 200
    needed = rule.others if other and rule.others else rule.role
    return 200 if caller.role.rank >= needed.rank else 403
