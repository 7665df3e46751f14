import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.domain import names
from collegium.domain.errors import InvalidInput

HOSTILE = ["", "../x", "a/b", "a\n", "A", "a" * 10_000, "-a", "a\x00", "é", "a b", "a--b", "a-", "*", "ａ"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_group_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        names.check_group_name(name)


def test_good_group_names() -> None:
    for name in ("a", "physics", "team-2-b", "a" * 30):
        assert names.check_group_name(name) == name


@given(st.text(max_size=200))
def test_accepted_labels_are_one_printable_line(text: str) -> None:
    try:
        label = names.check_label(text)
    except InvalidInput:
        return
    assert label == label.strip()
    assert label.isprintable()
    assert 1 <= len(label) <= 120


@pytest.mark.parametrize("path", ["/etc", "..", "a/../b", "a//b", "a\\b", "a/\x00", "a\n", "x" * 1025, "a/..", "../"])
def test_paths_that_lead_away_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput):
        names.check_relative_path(path)


def test_paths_are_normalised() -> None:
    assert names.check_relative_path("./a/./b") == "a/b"
    assert names.check_relative_path("") == ""
    assert names.check_relative_path(".") == ""


def test_ids_sort_by_age_and_never_repeat() -> None:
    ids = [names.new_id("job") for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert [i[:13] for i in ids] == sorted(i[:13] for i in ids)
    assert all(names.check_object_name(i) for i in ids)


def test_bound_names_tell_every_identity_apart() -> None:
    assert names.bound_name("home", "ann", "physics") == names.bound_name("home", "ann", "physics")
    assert names.bound_name("home", "ann", "physics") != names.bound_name("home", "annp", "hysics")
    assert len(names.bound_name("home", "ann").removeprefix("home-")) * 5 >= 128
