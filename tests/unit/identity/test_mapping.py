"""Paths of a realm as groups of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.groups import Role
from collegium.domain.names import check_group_name
from collegium.identity.mapping import exact, full_path, place, placement, roles_from_client, slug
from collegium.identity.settings import GroupRules, RoleRules

GROUPS, ROLES = GroupRules(), RoleRules()
LABS = GroupRules(prefix="/labs", include=("phys*", "bio*"), exclude=("*-old",))
FLAT = RoleRules(source="client-role")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/physics", "physics"),
        ("physics", "physics"),
        ("/Physics", "physics"),
        ("/physics/theory", "physics-theory"),
        ("/physics_theory", "physics-theory"),
        ("/physics-theory", "physics-theory"),
        ("/a~/b", "a-b"),
        ("/ Físicas ", "f-sicas"),
        ("/ＰＨＹＳＩＣＳ", "physics"),
        ("/2027 students", "g-2027-students"),
    ],
)
def test_names_follow_from_paths(path: str, name: str) -> None:
    assert slug(path, GROUPS) == name


def test_what_is_cut_or_has_no_latin_letter_keeps_a_mark_of_its_own() -> None:
    long = [slug(f"/{'x' * 255}{i}", GROUPS) for i in range(50)]
    assert len(set(long)) == 50
    assert all(len(n) <= 30 and n.startswith("x") for n in long)
    greek, russian = slug("/φυσική", GROUPS), slug("/физика", GROUPS)
    assert greek != russian
    assert greek.startswith("g-")
    # A few letters among many others say too little.
    assert slug("/物理学研究室a", GROUPS) != slug("/化学研究室室a", GROUPS)


def test_the_operator_may_name_a_path() -> None:
    rules = GroupRules(names={"/физика": "physics"})
    assert slug("/физика", rules) == "physics"
    assert exact("/физика", "physics", rules)


def test_exact_is_letter_for_letter() -> None:
    assert exact("/a-b", "a-b", GROUPS)
    assert not exact("/a_b", "a-b", GROUPS)
    assert not exact("/A-b", "a-b", GROUPS)


@given(st.text(max_size=300))
def test_every_path_has_a_valid_name_and_always_the_same(text: str) -> None:
    for rules in (GROUPS, LABS):
        name = slug(f"{rules.prefix}/{text}", rules)
        assert name == slug(f"{rules.prefix}/{text}", rules)
        assert 1 <= len(name) <= 30
        assert check_group_name(name) == name


@pytest.mark.parametrize(
    ("path", "base", "role"),
    [
        ("/physics", "/physics", Role.MEMBER),
        ("/physics/admins", "/physics", Role.ADMIN),
        ("/physics/maintainers", "/physics", Role.MAINTAINER),
        ("/physics/viewers", "/physics", Role.VIEWER),
        ("/physics/theory", "/physics/theory", Role.MEMBER),
        ("/physics/theory/admins", "/physics/theory", Role.ADMIN),
        # At the top it is a group of that name, not a role in none.
        ("/admins", "/admins", Role.MEMBER),
        ("/physics/Admins", "/physics/Admins", Role.MEMBER),
    ],
)
def test_places(path: str, base: str, role: Role) -> None:
    found = place(path, GROUPS, ROLES)
    assert found is not None
    assert (found.path, found.role) == (base, role)


def test_prefix_include_and_exclude() -> None:
    found = placement(
        ["/labs/physics/admins", "/labs/bio-old", "/labs/chemistry", "/labs", "/labsX/physics", "/physics"], LABS, ROLES
    )
    assert found.roles == {"/labs/physics": Role.ADMIN}
    assert found.ignored == ["/labs", "/labs/bio-old", "/labs/chemistry", "/labsX/physics", "/physics"]
    assert place("/labs/admins", GroupRules(prefix="/labs"), ROLES).path == "/labs/admins"


def test_the_highest_role_counts_and_order_does_not() -> None:
    paths = ["/p/viewers", "/p", "/p/admins", "/p/maintainers"]
    assert placement(paths, GROUPS, ROLES) == placement(reversed(paths), GROUPS, ROLES)
    assert placement(paths, GROUPS, ROLES).roles == {"/p": Role.ADMIN}
    assert placement(["/p/viewers"], GROUPS, ROLES).roles == {"/p": Role.VIEWER}


def test_five_hundred_groups() -> None:
    assert len(placement([f"/g{i}" for i in range(500)], GROUPS, ROLES).roles) == 500


def test_flat_names() -> None:
    assert full_path("physics") == full_path("/physics") == "/physics"


def test_client_roles() -> None:
    names = ["physics:admin", "physics:viewers", "lab/a:maintainers", "other", "physics:king", "x:y:admin", ":admin"]
    assert roles_from_client(names, FLAT) == {"physics": Role.ADMIN, "lab/a": Role.MAINTAINER, "x:y": Role.ADMIN}
    rules = RoleRules(source="client-role", pattern="group-{group}.{role}")
    # The pattern's dot is a dot.
    assert roles_from_client(["group-a.admin", "group-aXadmin"], rules) == {"a": Role.ADMIN}
