"""What has to change in the realm so that somebody has one role in a group and no more."""

from __future__ import annotations

import itertools

import pytest

from collegium.domain.errors import InvalidInput
from collegium.domain.groups import Role
from collegium.identity.mapping import placement
from collegium.identity.places import plan, spots
from collegium.identity.settings import GroupRules, RoleRules

BASE = "/labs/physics"
RULES = RoleRules()
EVERY = list(spots(BASE, RULES))


@pytest.mark.parametrize("role", [*Role, None])
@pytest.mark.parametrize("inside", [c for n in range(5) for c in itertools.combinations(EVERY, n)], ids=len)
def test_from_anywhere_to_everywhere(inside: tuple[str, ...], role: Role | None) -> None:
    """After joining alone nobody has less than they had or should have; after leaving they have exactly the role."""
    join, leave = plan(BASE, RULES, {*inside, "/other"}, role)
    groups = GroupRules(prefix="/labs")
    between = placement({*inside, *join}, groups, RULES).roles.get(BASE)
    after = placement({*inside, *join} - {*leave}, groups, RULES).roles.get(BASE)
    assert after is role
    assert role is None or (between is not None and between.rank >= role.rank)
    assert not set(join) & set(inside)
    assert set(leave) <= set(inside)
    assert plan(BASE, RULES, ({*inside, *join} - {*leave}), role) == ([], [])


def test_a_role_without_a_place() -> None:
    rules = RoleRules(names={"admins": Role.ADMIN})
    with pytest.raises(InvalidInput) as caught:
        plan(BASE, rules, (), Role.VIEWER)
    assert caught.value.details["field"] == "role"
    assert plan(BASE, rules, (), Role.MEMBER) == ([BASE], [])


def test_another_default() -> None:
    rules = RoleRules(default=Role.VIEWER, names={"members": Role.MEMBER, "admins": Role.ADMIN})
    assert plan(BASE, rules, {BASE}, Role.MEMBER) == ([f"{BASE}/members"], [])
    assert plan(BASE, rules, {BASE, f"{BASE}/members"}, Role.VIEWER) == ([], [f"{BASE}/members"])


def test_roles_that_are_no_subgroups() -> None:
    rules = RoleRules(source="attribute")
    assert spots(BASE, rules) == {BASE: Role.MEMBER}


def test_which_roles_can_be_given() -> None:
    assert RULES.givable == tuple(Role) == RoleRules(source="client-role").givable
    assert RoleRules(names={"admins": Role.ADMIN}).givable == (Role.MEMBER, Role.ADMIN)
    assert RoleRules(source="attribute", default=Role.VIEWER).givable == (Role.VIEWER,)
