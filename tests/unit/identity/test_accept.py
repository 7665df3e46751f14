"""What the database believes after an answer: people, names, groups and roles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from collegium.db import Database
from collegium.db.accounts import User
from collegium.domain.errors import Forbidden, InvalidInput
from collegium.domain.groups import ManagedBy, Role
from collegium.domain.identity import GroupBinding, Standing
from collegium.identity.accept import Accepted, accept, dismiss
from collegium.identity.bind import rebind
from unit.identity.conftest import at, claims, keycloak

Declare = Callable[..., Database]
KC = keycloak()


def take(database: Database, said, seconds: float = 0, settings=KC, **more) -> Accepted:
    with database.write() as uow:
        return accept(uow, settings, said, at(seconds), **more)


def stored(database: Database, user: str) -> dict[str, Role]:
    with database.read() as uow:
        return uow.memberships.of_user(user)


def lines(database: Database) -> list[tuple[str, str, str]]:
    with database.read() as uow:
        return [(a.action, a.object, a.group) for a in reversed(uow.audit.page(100))]


def test_the_first_login_and_a_second_look(declared: Declare) -> None:
    database = declared("physics", "chemistry")
    said = claims("Ann", "/physics/admins", "/chemistry", "/unknown", email="a@x", email_verified=True)
    found = take(database, said)
    assert (found.user, found.platform_admin, found.changed) == ("ann", False, True)
    assert found.roles == {"physics": Role.ADMIN, "chemistry": Role.MEMBER} == stored(database, "ann")
    assert found.unknown == ("/unknown",)
    assert lines(database) == [
        ("group.bind", "/chemistry", "chemistry"),
        ("group.bind", "/physics", "physics"),
        ("membership.add", "ann", "chemistry"),
        ("membership.add", "ann", "physics"),
    ]
    again = take(database, said, 5)
    assert (again.changed, again.roles) == (False, found.roles)
    assert len(lines(database)) == 4
    with database.read() as uow:
        identity = uow.identities.of_user("ann")
        assert (identity.checked_at, identity.email, identity.email_verified) == (at(5), "a@x", True)
        assert uow.users.get("ann").managed_by is ManagedBy.IDP


def test_changes_of_groups_roles_and_admin_right_are_followed_and_told(declared: Declare) -> None:
    database = declared("physics", "chemistry")
    take(database, claims("ann", "/physics", platform_admin=True))
    before = len(lines(database))
    found = take(database, claims("ann", "/physics/viewers", "/chemistry", platform_admin=False), 1)
    assert found.roles == {"physics": Role.VIEWER, "chemistry": Role.MEMBER}
    assert not found.platform_admin
    assert lines(database)[before:] == [
        ("group.bind", "/chemistry", "chemistry"),
        ("membership.add", "ann", "chemistry"),
        ("membership.role", "ann", "physics"),
        ("platform_admin.revoke", "ann", ""),
    ]
    assert take(database, claims("ann"), 2).roles == {} == stored(database, "ann")


def test_an_answer_that_is_silent_about_the_admin_right_leaves_it(declared: Declare) -> None:
    database = declared()
    take(database, claims("ann", platform_admin=True))
    assert take(database, claims("ann", platform_admin=None), 1).platform_admin
    assert not take(database, claims("bob", platform_admin=None), 1).platform_admin


def test_a_stale_answer_changes_nothing(declared: Declare) -> None:
    database = declared("physics")
    take(database, claims("ann"), 10)
    late = take(database, claims("ann", "/physics", platform_admin=True), 9)
    assert (late.roles, late.platform_admin, late.changed) == ({}, False, False)
    assert stored(database, "ann") == {}


def test_a_renamed_account_keeps_its_name_even_for_one_that_could_not_be_used(declared: Declare) -> None:
    database = declared("physics")
    take(database, claims("ann", "/physics"))
    for second, name in enumerate(["anna.new", "Ανα", "x" * 200, "bob"], 1):
        assert take(database, replace(claims("ann", "/physics"), username=name), second).user == "ann"


@pytest.mark.parametrize("name", ["bob", "BOB", "Bob"])
def test_a_name_of_another_account_is_refused(declared: Declare, name: str) -> None:
    database = declared("physics")
    take(database, claims("bob", "/physics/admins"))
    with pytest.raises(Forbidden, match=r"belongs to another account here.*Ask a platform admin"):
        take(database, replace(claims("eve", "/physics"), username=name))
    # Deleted accounts too: nobody inherits what they left.
    with database.write() as uow:
        assert dismiss(uow, "bob", Standing.DELETED, at(5), "gone")
    with pytest.raises(Forbidden):
        take(database, replace(claims("eve", "/physics"), username=name))
    assert stored(database, "bob") == {}


@pytest.mark.parametrize("name", ["", "Ψ", "a/b", "../x", "a b", "x" * 129, "a\n", ".a", "a\0"])
def test_names_that_cannot_be_used(declared: Declare, name: str) -> None:
    with pytest.raises(InvalidInput, match="username: cannot be used here"):
        take(declared(), replace(claims("eve"), username=name))


def test_a_user_from_before_needs_the_operators_word(declared: Declare) -> None:
    database = declared("physics")
    with database.write() as uow:
        uow.users.put(User("ann", managed_by=ManagedBy.FILE))
    with pytest.raises(Forbidden, match=r"from before Keycloak.*adopt_users"):
        take(database, claims("ann"))
    with pytest.raises(Forbidden, match="from before Keycloak"):
        take(database, claims("cem"), older_user=True)
    adopting = keycloak(adopt_users=True)
    assert take(database, claims("ann", "/physics"), settings=adopting).user == "ann"
    assert take(database, claims("cem"), settings=adopting, older_user=True).user == "cem"
    # Known from then on, whatever JupyterHub has.
    assert take(database, claims("cem"), 1, older_user=True).user == "cem"


@pytest.mark.parametrize(
    ("paths", "bound", "refused"),
    [
        (["/a_b", "/a-b"], {"/a-b"}, "/a_b would be the group a-b, which is /a-b"),
        (["/A-B", "/a_b"], set(), "/A-B, /a_b would all be the group a-b: say which in keycloak.groups.names"),
        (["/a_b"], {"/a_b"}, ""),
    ],
)
def test_paths_that_look_alike(declared: Declare, paths: list[str], bound: set[str], refused: str) -> None:
    database = declared("a-b")
    found = take(database, claims("ann", *paths))
    assert " ".join(found.problems) == refused
    with database.read() as uow:
        assert {b.path for b in uow.group_bindings.all()} == bound


def test_first_come_stays(declared: Declare) -> None:
    database = declared("a-b")
    take(database, claims("ann", "/a_b"))
    found = take(database, claims("eve", "/a-b/admins"))
    assert (found.roles, found.problems) == ({}, ("/a-b would be the group a-b, which is /a_b already",))
    assert take(database, claims("ann", "/a_b"), 1).roles == {"a-b": Role.MEMBER}


def test_a_group_that_was_deleted_and_made_again_stays_closed_until_rebound(declared: Declare) -> None:
    database = declared("physics")
    take(database, claims("ann", "/physics"))
    with database.write() as uow:
        uow.group_bindings.put(GroupBinding("physics", KC.issuer, "/physics", "old-id", gone_at=at(1)))
    found = take(database, claims("ann", "/physics"), 2)
    assert found.roles == {}
    assert "collegium identity rebind physics" in found.problems[0]
    with database.write() as uow:
        assert rebind(uow, "physics", at(3), "admin") is not None
        assert rebind(uow, "nonesuch", at(3), "admin") is None
    assert take(database, claims("ann", "/physics"), 4).roles == {"physics": Role.MEMBER}


def test_groups_are_made_where_the_operator_wants_it(declared: Declare) -> None:
    database = declared()
    creating = keycloak(groups={"create": True, "new_limits": {"cpu": "2"}})
    paths = [f"/{'long name ' * 20}{i}" for i in range(3)] + ["/Физика", "/a/b"]
    found = take(database, claims("ann", *paths), settings=creating)
    assert len(found.roles) == 5
    with database.read() as uow:
        groups = uow.groups.all()
    assert all(g.managed_by is ManagedBy.IDP and g.limits["cpu"] == 2000 for g in groups)
    assert "a / b" in {g.display_name for g in groups}


def test_five_hundred_groups(declared: Declare) -> None:
    database = declared(*[f"g{i}" for i in range(500)])
    paths = [f"/g{i}" for i in range(500)]
    assert len(take(database, claims("ann", *paths)).roles) == 500
    assert len(take(database, claims("ann", *paths[:-1]), 1).roles) == 499


def test_a_bound_group_that_left_the_catalog_gives_nothing(declared: Declare) -> None:
    database = declared("physics")
    take(database, claims("ann", "/physics"))
    with database.write() as uow:
        uow.groups.delete("physics")
    assert take(database, claims("ann", "/physics"), 1).roles == {}


def test_roles_of_client_roles(declared: Declare) -> None:
    database = declared("physics", "chemistry")
    settings = keycloak(roles={"source": "client-role"})
    said = claims("ann", "/physics", "/chemistry", roles={"physics": Role.ADMIN, "biology": Role.ADMIN})
    assert take(database, said, settings=settings).roles == {"physics": Role.ADMIN, "chemistry": Role.MEMBER}
    # An answer that says nothing about roles, such as the sync's, leaves them.
    silent = claims("ann", "/physics", "/chemistry", roles=None)
    assert take(database, silent, 1, settings).roles["physics"] is Role.ADMIN
    # A role in a group that one is not in is none.
    assert take(database, claims("ann", roles={"physics": Role.ADMIN}), 2, settings).roles == {}
    by_path = claims("bob", "/physics", roles={"physics": Role.VIEWER})
    assert take(database, by_path, settings=settings).roles == {"physics": Role.VIEWER}


def test_roles_of_group_attributes(declared: Declare) -> None:
    database = declared("physics")
    settings = keycloak(roles={"source": "attribute", "default": "viewer"})
    assert take(database, claims("ann", "/physics"), settings=settings).roles == {"physics": Role.VIEWER}
    with database.write() as uow:
        binding = GroupBinding("physics", KC.issuer, "/physics", roles={"ann": Role.ADMIN})
        uow.group_bindings.put(binding)
    assert take(database, claims("ann", "/physics"), 1, settings).roles == {"physics": Role.ADMIN}
    # A subgroup is a group of its own there.
    assert take(database, claims("bob", "/physics/admins"), settings=settings).unknown == ("/physics/admins",)


def test_a_disabled_account_comes_back(declared: Declare) -> None:
    database = declared("physics")
    take(database, claims("ann", "/physics", platform_admin=True))
    with database.write() as uow:
        assert dismiss(uow, "ann", Standing.DISABLED, at(1), "disabled in Keycloak")
        assert not dismiss(uow, "ann", Standing.DISABLED, at(2), "again")
        assert not dismiss(uow, "nobody", Standing.DISABLED, at(2), "never came")
    assert stored(database, "ann") == {}
    with database.read() as uow:
        assert not uow.users.get("ann").platform_admin
    assert take(database, claims("ann", "/physics"), 3).roles == {"physics": Role.MEMBER}
    assert ("user.enable", "ann", "") in lines(database)
