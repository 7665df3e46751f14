"""Groups by id: which of them say where they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.groups import Role
from collegium.identity.directory import DirectoryGroup
from collegium.identity.settings import RoleRules
from collegium.identity.tree import Tree, attribute_roles


def group(id: str, name: str, path: str, parent: str = "", **attributes: list[str]) -> DirectoryGroup:
    return DirectoryGroup(id, name, path, parent, attributes)


def test_a_slash_in_a_name_spoils_all_below_it() -> None:
    tree = Tree(
        [
            group("1", "a", "/a"),
            group("2", "b", "/a/b", "1"),
            group("3", "a/b", "/a/b"),
            group("4", "c", "/a/b/c", "3"),
            group("5", "c", "/a/b/c", "2"),
        ]
    )
    assert {id: tree.path_of(id) for id in "12345"} == {"1": "/a", "2": "/a/b", "3": None, "4": None, "5": "/a/b/c"}
    assert tree.by_path()["/a/b"].id == "2"
    assert len(tree.refused) == 1


def test_a_group_whose_parent_is_not_listed_waits() -> None:
    tree = Tree([group("2", "b", "/a/b", "1"), group("3", "c", "/a/b/c", "2")])
    assert (tree.path_of("2"), tree.path_of("3")) == (None, None)


@given(st.dictionaries(st.integers(0, 8), st.integers(-1, 8), max_size=9))
def test_parents_in_a_circle_do_not_hang(parents: dict[int, int]) -> None:
    def name(number: int) -> str:
        return "" if number < 0 else str(number)

    tree = Tree([group(name(i), name(i), f"/{i}", name(p)) for i, p in parents.items()])
    for i, p in parents.items():
        if p < 0:
            assert tree.path_of(name(i)) == f"/{i}"
        elif p not in parents or p == i:
            assert tree.path_of(name(i)) is None


def test_roles_in_attributes() -> None:
    rules = RoleRules(source="attribute")
    found = attribute_roles(
        group("1", "a", "/a", admins=["Ann;bob", "cem"], viewers=["bob  vic"], other=["zoe"]), rules
    )
    assert found == {"ann": Role.ADMIN, "bob": Role.ADMIN, "cem": Role.ADMIN, "vic": Role.VIEWER}
    assert attribute_roles(group("1", "a", "/a", admins=["ann"]), RoleRules()) == {}
