import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.catalog.loader import CatalogError, load_catalog, parse_catalog
from collegium.catalog.schema import json_schema
from collegium.catalog.service import apply_catalog, diff_catalog
from collegium.db import Database
from collegium.domain.groups import Role

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "hub_ext/collegium/hub/demo/catalog.yaml"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("", "1:1", "is empty"),
        ("version: 2", "1:1", "version: Input should be 1"),
        ("version: 1\nbogus: 1", "2:1", "bogus: is not a known field"),
        ("version: 1\ngroups:\n  - name: Physics", "3:5", "groups[0].name: must be 1 to 30"),
        ("version: 1\ngroups:\n  - {name: a, limits: {cpu: 1e400}}", "3:15", "cpu: is not a quantity"),
        ("version: 1\ngroups:\n  - {name: a, limits: {memory: -1}}", "3:15", "memory: is not a quantity"),
        ("version: 1\ngroups:\n  - {name: a, limits: {cpu: 0.1m}}", "3:15", "finer than the smallest"),
        ("version: 1\ngroups:\n  - {name: a, members: {x: boss}}", "3:25", "groups[0].members.x"),
        ("version: 1\ngroups:\n  - {name: a, images: [nope]}", "3:24", "there is no image nope; declared are none"),
        ("version: 1\ngroups:\n  - name: a\n  - name: a", "4:5", "a is declared 2 times"),
        ("version: 1\nversion: 1", "2:1", "version: appears twice"),
        ("version: 1\nusers: &u []\ngroups: *u", "3:9", "aliases (*u) are not allowed"),
        ("version: 1\nusers: !!python/object/apply:os.system [x]", "2:", "users[0]"),
        ("version: 1\ngroups: [", "2:10", "is not valid YAML"),
        ("version: 1\nimages:\n  - name: i", "3:5", "needs a reference"),
        ("version: 1\nusers:\n  - {name: a, password_hash: secret}", "3:15", "password_hash"),
        ("x: " + "[" * 50 + "]" * 50, "1:", "nested"),
    ],
)
def test_problems_name_line_and_field(text: str, place: str, message: str) -> None:
    with pytest.raises(CatalogError) as refusal:
        parse_catalog(text.encode(), "c.yaml")
    assert any(line.startswith(f"c.yaml:{place}") and message in line for line in refusal.value.message.splitlines()), (
        refusal.value.message
    )


def test_a_password_in_the_wrong_place_is_not_repeated() -> None:
    with pytest.raises(CatalogError) as refusal:
        parse_catalog(b"version: 1\nusers:\n  - {name: a, password_hash: hunter2}")
    assert "hunter2" not in refusal.value.message


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    with pytest.raises(CatalogError, match="aliases"):
        parse_catalog("\n".join(lines).encode())


def test_a_huge_or_missing_file_is_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.yaml"
    with big.open("wb") as file:
        file.truncate(2**30)
    with pytest.raises(CatalogError, match="at most"):
        load_catalog(big)
    with pytest.raises(CatalogError, match="cannot be read"):
        load_catalog(tmp_path / "none.yaml")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(raw: bytes) -> None:
    with contextlib.suppress(CatalogError):
        parse_catalog(raw)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(CatalogError) as refusal:
        parse_catalog(b"version: 1\ngroups:\n  - {name: B, limits: {cpu: x}, colour: red}\n")
    assert len(refusal.value.problems) == 3


def test_the_demo_has_what_its_readers_expect() -> None:
    catalog = load_catalog(DEMO)
    assert len({tuple(sorted(g.limits.items())) for g in catalog.groups}) == 3
    roles = {
        u.name: {g.name: g.members[u.name].role for g in catalog.groups if u.name in g.members} for u in catalog.users
    }
    assert roles["ann"] == {"physics": Role.ADMIN, "chemistry": Role.MEMBER}
    assert roles["vic"] == {"physics": Role.VIEWER}
    assert roles["zoe"] == {}
    assert not any(u.password_hash for u in catalog.users)


def test_applying_is_idempotent_and_tells_what_changed(sqlite_database: Database) -> None:
    catalog = load_catalog(DEMO)
    assert diff_catalog(sqlite_database, catalog) == apply_catalog(sqlite_database, catalog)
    assert apply_catalog(sqlite_database, catalog) == []
    changed = parse_catalog(
        DEMO.read_bytes().replace(b"bob: member", b"bob: maintainer").replace(b"mia: maintainer", b"zoe: member")
    )
    changes = [str(c) for c in apply_catalog(sqlite_database, changed)]
    assert changes == ["- membership biology/mia", "~ membership physics/bob (role)", "+ membership biology/zoe"]
    with sqlite_database.read() as uow:
        assert uow.memberships.of_user("bob") == {"physics": Role.MAINTAINER}
        assert uow.memberships.of_user("mia") == {}


def test_passwords_made_here_survive_the_file(sqlite_database: Database) -> None:
    from dataclasses import replace

    catalog = load_catalog(DEMO)
    apply_catalog(sqlite_database, catalog)
    with sqlite_database.write() as uow:
        ann = uow.users.get("ann")
        assert ann is not None
        uow.users.put(replace(ann, password_hash="$argon2id$stored"))
    assert apply_catalog(sqlite_database, catalog) == []
    with sqlite_database.read() as uow:
        ann = uow.users.get("ann")
        assert ann is not None and ann.password_hash == "$argon2id$stored"


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = json.loads((ROOT / "docs/catalog.schema.json").read_text())
    assert committed == json.loads(json.dumps(json_schema())), (
        "run: collegium catalog schema > docs/catalog.schema.json"
    )
