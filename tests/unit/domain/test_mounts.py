"""The one plan of mounts: what a group finds where, how, and what it is told of the rest."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collegium.domain.catalog import AccessMode, Dataset, Offer, SourceKind
from collegium.domain.datasets import DatasetChoice, Health, SourceHealth
from collegium.domain.errors import Conflict, DomainError, InvalidInput, NotGranted
from collegium.domain.files import Root
from collegium.domain.mounts import Mount, MountAbilities, folders_of, plan_mounts, variables_of

RO, RW = AccessMode.READ_ONLY, AccessMode.READ_WRITE
ANYWHERE = MountAbilities(elsewhere=lambda _: "")


def dataset(name: str, kind: SourceKind = SourceKind.MANAGED, owner: str = "", **source: str) -> Dataset:
    return Dataset(name, name, kind, source, owner=owner)


def plan(*granted: tuple[Dataset, AccessMode], abilities: MountAbilities = ANYWHERE, **rest: object) -> list[Mount]:
    shared, *found = plan_mounts(Offer("physics", datasets=granted), abilities, **rest)  # type: ignore[arg-type]
    assert (shared.path, shared.access, shared.root) == ("/project/physics", RW, Root("physics"))
    return found


def choices(*texts: str) -> list[DatasetChoice]:
    return [DatasetChoice.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("what", "access", "ready", "choice", "expected", "root"),
    [
        (dataset("a"), RO, [], None, RO, Root.head("_platform", "a")),
        (dataset("a"), RW, [1], None, RW, Root.head("_platform", "a")),
        (dataset("a", owner="chem"), RO, [], "a", RO, Root.head("chem", "a")),
        # Its owner may write, whatever the grant.
        (dataset("a", owner="physics"), RO, [], None, RW, Root.head("physics", "a")),
        # A version never changes, not for its owner either.
        (dataset("a", owner="physics"), RW, [1, 2, 3], "a@2", RO, Root.version("physics", "a", 2)),
        (dataset("a"), RW, [1, 3], "a@latest", RO, Root.version("_platform", "a", 3)),
        # Of git there are only versions.
        (dataset("a", SourceKind.GIT), RW, [1, 4], None, RO, Root.version("_platform", "a", 4)),
        (dataset("a", SourceKind.GIT), RW, [1, 4], "a@1", RO, Root.version("_platform", "a", 1)),
        (dataset("a", SourceKind.S3, bucket="b"), RW, [], None, RO, None),
        (dataset("a", SourceKind.NFS, server="s", path="/p"), RW, [], None, RW, None),
        (dataset("a", SourceKind.CLAIM, claim="c"), RO, [], "a", RO, None),
    ],
)
def test_what_is_mounted_and_how(what, access, ready, choice, expected, root) -> None:
    chosen = None if choice is None else choices(choice)
    (mount,) = plan((what, access), chosen=chosen, versions={what.name: ready})
    assert (mount.path, mount.access, mount.root, mount.problem) == ("/datasets/a", expected, root, "")
    assert mount.version == (None if root is None or not root.frozen else int(root.area.rpartition("/")[2]))
    assert dict(mount.source) == ({} if root else dict(what.source))


def test_a_version_in_s3_is_used_and_not_mounted() -> None:
    """It is a list of what was there, which is read through the service."""
    (mount,) = plan((dataset("a", SourceKind.S3, bucket="b"), RW), chosen=choices("a@2"), versions={"a": [2]})
    assert (mount.path, mount.root, mount.version, mount.problem) == ("", None, 2, "")
    assert not folders_of([mount]) and not mount.source


@pytest.mark.parametrize(
    ("what", "abilities", "state", "said"),
    [
        (dataset("a"), ANYWHERE, Health.MISSING, "its source is missing: gone"),
        (dataset("a", SourceKind.GIT), ANYWHERE, Health.OK, "nothing of it was fetched yet"),
        (dataset("a", SourceKind.NFS), MountAbilities(), Health.OK, "kind nfs cannot be mounted here"),
        (dataset("a", SourceKind.NFS), ANYWHERE, Health.BROKEN, "its source is broken: gone"),
        (dataset("a"), MountAbilities(to_be_seen=True), Health.UNKNOWN, "it is being prepared"),
    ],
)
def test_what_is_not_there_is_left_out_and_told_but_refused_where_it_was_chosen(what, abilities, state, said) -> None:
    health = [SourceHealth("a", state, "gone")]
    (mount,) = plan((what, RW), abilities=abilities, health=health)
    assert said in mount.problem and folders_of([mount]) == []
    with pytest.raises(Conflict, match="datasets: a cannot be used") as caught:
        plan((what, RW), abilities=abilities, health=health, chosen=choices("a"))
    assert said in caught.value.message


def test_object_storage_without_a_driver_has_no_folder_and_is_no_problem() -> None:
    bucket = dataset("a", SourceKind.S3, bucket="b")
    for abilities, choice, path, version in (
        (MountAbilities(), None, "", None),
        (MountAbilities(), "a@2", "", 2),
        # A version is a list and no copy, so that no driver can mount it.
        (ANYWHERE, "a@latest", "", 3),
        (ANYWHERE, "a", "/datasets/a", None),
    ):
        chosen = None if choice is None else choices(choice)
        (mount,) = plan((bucket, RW), abilities=abilities, chosen=chosen, versions={"a": [2, 3]})
        assert (mount.path, mount.version, mount.access, mount.problem) == (path, version, RO, "")
        assert bool(mount.source) == bool(path)


def test_what_is_kept_in_object_storage_is_read_by_its_address() -> None:
    """Whoever names it is not refused: it is told by whom it was used."""
    away = MountAbilities("shared files are in object storage")
    for what, choice, version, access in (
        (dataset("a"), None, None, RW),
        (dataset("a"), "a@latest", 2, RO),
        (dataset("a", SourceKind.GIT), "a", 2, RO),
    ):
        chosen = None if choice is None else choices(choice)
        shared, mount = plan_mounts(
            Offer("physics", datasets=((what, RW),)), away, chosen=chosen, versions={"a": [1, 2]}
        )
        assert (mount.path, mount.root, mount.version, mount.access, mount.problem) == ("", None, version, access, "")
        assert folders_of([shared, mount]) == [] and shared.problem == away.store
    gone = [SourceHealth("a", Health.MISSING, "gone")]
    with pytest.raises(Conflict, match="its source is missing"):
        plan((dataset("a"), RW), abilities=MountAbilities(), health=gone, chosen=choices("a"))


def test_a_version_is_there_whatever_became_of_its_source() -> None:
    health = [SourceHealth("a", Health.BROKEN, "gone")]
    (mount,) = plan((dataset("a"), RW), health=health, chosen=choices("a@1"), versions={"a": [1]})
    assert mount.problem == ""


def test_what_was_found_in_the_group_counts_for_more() -> None:
    claim = dataset("a", SourceKind.CLAIM, claim="c")
    everywhere, here = SourceHealth("a", Health.MISSING), SourceHealth("a", Health.OK, group="physics")
    for health in ([everywhere, here], [here, everywhere], [SourceHealth("a", Health.MISSING, group="chem")]):
        assert plan((claim, RO), health=health)[0].problem == ""


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (["b"], NotGranted, "group physics has no dataset b; it may use a"),
        (["a@9"], InvalidInput, "dataset a has no version 9 that is ready; ready are 1, 2"),
        (["c@latest"], InvalidInput, "dataset c has no version that is ready yet"),
        (["a", "a@1"], InvalidInput, "name a more than once"),
    ],
)
def test_choices_that_cannot_be(asked, error, said) -> None:
    with pytest.raises(error, match=said):
        plan((dataset("a"), RO), (dataset("c"), RO), chosen=choices(*asked), versions={"a": [1, 2]})


def test_only_what_was_chosen_and_in_the_order_of_the_offer() -> None:
    granted = [(dataset(name), RO) for name in "abc"]
    assert [m.dataset for m in plan(*granted, chosen=choices("c", "a"))] == ["a", "c"]
    assert plan(*granted, chosen=[]) == []


def test_environments_are_variables() -> None:
    first = dataset("my-api", SourceKind.ENVIRONMENT, token="t", **{"base-url": "u", "MY_API_KEY": "k"})
    (mount,) = plan((first, RW))
    assert mount.path == "" and mount.access is RO
    assert variables_of([mount]) == {"MY_API_TOKEN": "t", "MY_API_BASE_URL": "u", "MY_API_KEY": "k"}
    assert "t" not in mount.to_json().values()


@pytest.mark.parametrize(
    ("name", "keys", "said"),
    [
        ("0day", ["key"], "makes 0DAY_KEY, which cannot be the name of a variable"),
        ("jupyterhub", ["api-token"], "JUPYTERHUB_API_TOKEN, which is not for datasets to set"),
        ("two", ["a-b", "a_b"], "both make the variable TWO_A_B"),
        ("one-a", ["b"], "makes the variable ONE_A_B, as dataset one does"),
    ],
)
def test_variables_that_cannot_be_or_collide_are_told(name: str, keys: list[str], said: str) -> None:
    one = dataset("one", SourceKind.ENVIRONMENT, a_b="first")
    other = dataset(name, SourceKind.ENVIRONMENT, **dict.fromkeys(keys, "value"))
    mine, theirs = plan((one, RO), (other, RO))
    assert said in theirs.problem and not theirs.variables
    assert variables_of([mine, theirs]) == {"ONE_A_B": "first"}


NAMES = st.text(string.ascii_lowercase + string.digits + "._-", min_size=1, max_size=8).filter(
    lambda n: n[0].isalnum() and n[-1].isalnum()
)
DATASETS = st.builds(
    Dataset,
    NAMES,
    st.just("x"),
    st.sampled_from(SourceKind),
    st.dictionaries(NAMES, st.just("v"), max_size=3),
    owner=st.sampled_from(["", "physics", "chem"]),
)


@given(
    st.lists(st.tuples(DATASETS, st.sampled_from(AccessMode)), max_size=6, unique_by=lambda pair: pair[0].name),
    st.data(),
)
def test_whatever_is_granted(granted: list[tuple[Dataset, AccessMode]], data: st.DataObject) -> None:
    names = [d.name for d, _ in granted]
    some = st.sets(st.integers(1, 3))
    versions = {n: data.draw(some) for n in names}
    health = [SourceHealth(n, data.draw(st.sampled_from(Health))) for n in names]
    chosen = data.draw(
        st.none()
        | st.lists(st.builds(DatasetChoice, st.sampled_from(names), st.none() | st.integers(0, 3)), max_size=3)
        if names
        else st.none()
    )
    try:
        found = plan(*granted, chosen=chosen, versions=versions, health=health)
    except DomainError:
        assert chosen
        return
    modes = {d.name: (d, access) for d, access in granted}
    assert [m.dataset for m in found] == [n for n in names if chosen is None or n in {c.name for c in chosen}]
    assert len({m.path for m in found if m.path}) == sum(1 for m in found if m.path)
    for mount in found:
        what, access = modes[mount.dataset]
        if mount.access is RW:
            assert (access is RW or what.owner == "physics") and mount.version is None
        if mount.root is not None:
            assert mount.root.owner == (what.owner or "_platform") and not mount.source
            assert mount.root.frozen == (mount.version is not None)
        assert not (mount.problem and chosen is not None)
        assert not (mount.problem and mount.variables)
    taken = [name for m in found for name in m.variables]
    assert len(taken) == len(set(taken))
