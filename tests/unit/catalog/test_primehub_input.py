from __future__ import annotations

import contextlib
import json
import unicodedata
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collegium.catalog.loader import parse_catalog
from collegium.catalog.primehub.findings import Findings, Level, PrimeHubError, Where
from collegium.catalog.primehub.names import label, prose
from collegium.catalog.primehub.quantities import Amounts
from collegium.catalog.primehub.translate import Request, import_primehub
from collegium.domain.resources import CPU, MAX_AMOUNT, MEMORY, parse_quantity
from support.primehub import REALM, a_realm, a_resource, a_size, imported, refused

WHERE = Where("f.yaml", "InstanceType x")

# Bad input


@pytest.mark.parametrize(
    ("realm", "message"),
    [
        ("", "realm.json: line 1, column 1: is not valid JSON"),
        ("{", "realm.json: line 1, column 2: is not valid JSON"),
        ('{"realm": "a", "realm": "b"}', "realm.json: is not valid JSON: the key realm appears twice"),
        ('{"groups": [{"name": "a", "attributes": {"quota-cpu": [NaN]}}]}', "NaN is not a number"),
        ("[" * 100_000, "realm.json: is nested too deeply"),
        ("[1]", "is not a realm export"),
        ('{"kind": "List"}', "is not a realm export"),
        ('[{"realm": "master"}, {"realm": "hub"}]', "holds 2 realms (master, hub)"),
        ('{"realm": "r"}', "realm.json: groups: is missing or empty"),
        ('{"realm": "r", "groups": {"a": 1}}', "realm.json: groups: must be a list"),
        (a_realm({"path": "/x"}), "realm.json: groups[1].name: is missing"),
        (a_realm({"name": "a"}, {"name": "a"}), "group a: the group /a is there twice"),
        (a_realm({"name": "a", "attributes": ["x"]}), "group a: attributes: must be a mapping"),
        (a_realm({"name": "a", "realmRoles": [{"x": 1}]}), "group a: realmRoles: must be text (got dict)"),
        (
            a_realm({"name": "a", "attributes": {"quota-cpu": ["many"]}}),
            "group a: quota-cpu: is not an amount (got many)",
        ),
        (a_realm({"name": "a", "attributes": {"quota-cpu": ["-1"]}}), "group a: quota-cpu: is not an amount (got -1)"),
        (a_realm({"name": "a", "attributes": {"quota-cpu": ["1", "2"]}}), "group a: quota-cpu: has 2 values (1, 2)"),
        (a_realm({"name": "a", "attributes": {"quota-cpu": ["9" * 40]}}), "quota-cpu: is above the largest amount"),
        (a_realm({"name": "a", "attributes": {"quota-cpu": ["9" * 999]}}), "quota-cpu: is not an amount"),
        (a_realm({"name": "a", "attributes": {"quota-memory": ["1e999G"]}}), "quota-memory: is above the largest"),
        (a_realm({"name": "a", "attributes": {"quota-memory": ["8"]}}), "quota-memory: has no unit such as G"),
        (
            a_realm({"name": "a", "attributes": {"project-quota-memory": ["8GB"]}}),
            "project-quota-memory: is not an amount",
        ),
        (a_realm({"name": "a", "attributes": {"quota-gpu": ["1G"]}}), "group a: quota-gpu: is not a number"),
        (
            a_realm({"name": "a", "attributes": {"enabled-deployment": ["on"]}}),
            "enabled-deployment: must be true or false",
        ),
        ('{"realm": "r", "groups": [{"name": "\\ud800"}]}', "groups[0].name: must be text (got half a character)"),
        (a_realm({"name": "a"}, users=[{"username": "x"}, {"username": "x"}]), "user x: the user x is there twice"),
        (a_realm({"name": "a"}, users=[{}]), "realm.json: users[0].username: is missing"),
    ],
)
def test_a_bad_realm_is_refused_with_file_object_and_field(tmp_path: Path, realm: Any, message: str) -> None:
    assert message in refused(tmp_path, realm)


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ("a: [", "crds.yaml: line 1, column 5: is not valid YAML"),
        ("a: &x 1\nb: *x", "aliases (*x) are not allowed"),
        ("a: 1\na: 2", "line 2, column 1: a: appears twice"),
        ("just text", "crds.yaml: must hold Kubernetes objects (got just text)"),
        ("", "crds.yaml: is empty"),
        ({"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "p"}}, "Pod p: kind: is not one of InstanceType"),
        (
            {"kind": "InstanceType", "apiVersion": "example.org/v1", "metadata": {"name": "p"}},
            "kind: is not one of InstanceType, Image, Dataset of primehub.io (got InstanceType of example.org)",
        ),
        ({"apiVersion": "primehub.io/v1alpha1", "metadata": {"name": "p"}}, "(got none of primehub.io)"),
        ({"kind": "List", "items": {}}, "crds.yaml: List.items: must be a list"),
        ({"kind": "Image", "spec": {}}, "crds.yaml: Image: metadata.name: is missing"),
        ({"kind": "Image", "metadata": {"name": "i"}}, "crds.yaml: Image i: spec: is missing"),
        ({"kind": "Image", "metadata": {"name": "i"}, "spec": []}, "Image i: spec: must be a mapping"),
        (a_resource("Image", "i", displayName="x"), "Image i: url: is missing"),
        (a_resource("Image", "i", url="a b"), "Image i: url: must be up to 500 characters without spaces"),
        (a_resource("Image", "i", url="a", type="tpu"), "Image i: type: is not cpu, gpu or both (got tpu)"),
        (a_resource("Image", "i", url="a", pullSecret="No"), "Image i: pullSecret: must be up to 253"),
        (a_resource("Image", "Größe", url="a"), "Image Größe: metadata.name: must be 1 to 63"),
        (a_resource("InstanceType", "t", **{"limits.cpu": 1}), "InstanceType t: limits.memory: is missing"),
        (a_size(**{"limits.cpu": 0}), "InstanceType small: limits.cpu: is 0"),
        (a_size(**{"limits.cpu": True}), "InstanceType small: limits.cpu: is not an amount (got True)"),
        (a_size(**{"limits.cpu": {"x": 1}}), "InstanceType small: limits.cpu: is not an amount"),
        (a_size(**{"limits.memory": 10**30}), "InstanceType small: limits.memory: is above the largest amount"),
        (a_size(**{"limits.memory": 4}), "InstanceType small: limits.memory: has no unit"),
        (a_size(**{"limits.gpu": 1, "limits.nvidia.com/gpu": 2}), "contradicts another limits of nvidia.com/gpu"),
        (a_size(**{"limits.gpu": 1, "gpuResourceName": "no good"}), "limits.gpu: is not a resource name"),
        (a_size(nodeSelector={"a b": "c"}), "InstanceType small: nodeSelector: a b: must be a label key"),
        (a_size(nodeSelector="a"), "InstanceType small: nodeSelector: must be a mapping"),
        (a_size(tolerations={}), "InstanceType small: tolerations: must be a list"),
        (a_size(displayName=[1]), "InstanceType small: displayName: must be text (got list)"),
        (a_resource("Dataset", "d"), "Dataset d: type: must be one of pv, nfs, hostPath, git, env (got none)"),
        (a_resource("Dataset", "d", type="s3"), "Dataset d: type: must be one of"),
        (a_resource("Dataset", "d", type="nfs", nfs={"path": "/"}), "Dataset d: nfs.server: must be a host"),
        (
            a_resource("Dataset", "d", type="nfs", nfs={"server": "s", "path": "/../x"}),
            "Dataset d: nfs.path: must be a path",
        ),
        (a_resource("Dataset", "d", type="hostPath"), "Dataset d: hostPath.path: must be a path"),
        (a_resource("Dataset", "d", type="git"), "Dataset d: url: must be a repository's address"),
        (a_resource("Dataset", "d", type="pv", volumeName="A b"), "Dataset d: volumeName: must be up to 253"),
        (
            a_resource("Dataset", "d", type="env", variables={"A-B": "1", "A_B": "2"}),
            "is the variable D_A_B, as is another",
        ),
    ],
)
def test_a_bad_resource_is_refused_with_file_object_and_field(tmp_path: Path, resource: Any, message: str) -> None:
    assert message in refused(tmp_path, a_realm({"name": "a"}), resource)


def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path) -> None:
    volume = a_resource("Dataset", "d", type="env", variables={"A": {"password": "hunter2"}})
    assert "hunter2" not in refused(tmp_path, a_realm({"name": "a"}), volume)
    volume = a_resource("Dataset", "d", type="git", url="https://u:hunter2@x y/")
    assert "hunter2" not in refused(tmp_path, a_realm({"name": "a"}), volume)


def test_two_different_objects_of_one_name_are_refused(tmp_path: Path) -> None:
    message = refused(tmp_path, a_realm({"name": "a"}), a_size(), a_size(**{"limits.cpu": 2}))
    assert "InstanceType small: metadata.name: is declared differently in crds.yaml" in message


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    realm = a_realm({"name": "a", "attributes": {"quota-cpu": ["x"], "quota-gpu": ["y"]}})
    assert len(refused(tmp_path, realm, a_size(**{"limits.cpu": "z"})).splitlines()) == 3


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "latin.yaml").write_bytes(b"name: \xff")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(2**30)
    for path, message in (
        ("empty", "is a folder without files"),
        ("latin.yaml", "is not UTF-8"),
        ("huge.json", "has 1073741824 bytes, at most"),
        ("absent.yaml", "does not exist"),
    ):
        with pytest.raises(PrimeHubError, match=message):
            import_primehub(Request([REALM], [tmp_path / path]))
    with pytest.raises(PrimeHubError, match="is not a file"):
        import_primehub(Request([tmp_path], []))


# Properties


def amounts() -> tuple[Findings, Amounts]:
    findings = Findings()
    return findings, Amounts(findings)


@given(st.integers(0, 10**9), st.sampled_from(["", "0", "00"]))
def test_cpu_in_thousandths_is_exact(millis: int, zeros: str) -> None:
    findings, read = amounts()
    text = f"{Decimal(millis) / 1000:.3f}{zeros}"
    for written in (text, f"{millis}m"):
        amount = read.cpu(WHERE, "f", written)
        assert amount is not None and parse_quantity(amount, CPU) == millis
    assert findings.of() == [] and not findings.of(Level.CHANGED, Level.PROBLEM)


@given(st.integers(0, 2**20), st.sampled_from("KMGT"), st.booleans())
def test_memory_in_g_is_binary_and_exact(number: int, unit: str, kubernetes: bool) -> None:
    findings, read = amounts()
    amount = read.memory(WHERE, "f", f"{number}{unit}{'i' if kubernetes else ''}")
    wanted = number * 1024 ** ("KMGT".index(unit) + 1)
    if wanted > MAX_AMOUNT:
        assert amount is None and findings.of(Level.PROBLEM)
        return
    assert amount is not None and parse_quantity(amount, MEMORY) == wanted
    assert read.interpreted is (not kubernetes and number > 0)
    assert findings.of(Level.CHANGED, Level.PROBLEM) == []


@given(st.decimals(0, 10**6, allow_nan=False, allow_infinity=False, places=12))
def test_rounding_never_makes_a_limit_smaller_by_more_than_dust_and_is_told(number: Decimal) -> None:
    findings, read = amounts()
    amount = read.memory(WHERE, "f", f"{number:f}G")
    assert amount is not None
    exact, got = number * 1024**3, parse_quantity(amount, MEMORY)
    assert Decimal("-0.000001") < got - exact < 1
    assert bool(findings.of(Level.CHANGED)) is (got != exact)


@given(
    st.one_of(st.text(max_size=40), st.integers(), st.booleans(), st.none(), st.from_regex(r"[0-9.eE+-]{1,12}[GMmi]?"))
)
def test_any_amount_is_read_or_refused(value: Any) -> None:
    for reader in ("cpu", "memory"):
        findings, read = amounts()
        amount = getattr(read, reader)(WHERE, "f", value)
        if amount is None:
            assert findings.of(Level.PROBLEM)
        else:
            assert 0 <= parse_quantity(amount, reader) <= MAX_AMOUNT


@given(st.text())
def test_any_text_becomes_a_label_and_a_description(text: str) -> None:
    findings = Findings()
    shown = label(text, WHERE, "displayName", findings)
    assert shown is None or (shown.isprintable() and 0 < len(shown) <= 120)
    # Labels are stored in NFC: the same text to a reader is no change to report.
    assert shown == unicodedata.normalize("NFC", text) or findings.of(Level.CHANGED) or not text
    assert len(prose(text, WHERE, "description", findings)) <= 2000


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(lambda n: n.strip() == n)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.lists(_NAMES, min_size=1, max_size=4, unique=True),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
)
def test_groups_of_any_name_are_carried_over_or_refused(tmp_path: Path, names: list[str], text: str) -> None:
    realm = a_realm(*({"name": n, "attributes": {"displayName": [text], "x": [text]}} for n in names))
    image = a_resource("Image", "i", url="r", description=text, displayName=text)
    try:
        found = imported(tmp_path, realm, image)
    except PrimeHubError as refusal:
        if "name" in refusal.message:
            return
        raise
    groups = parse_catalog(found.text.encode()).groups
    assert len({g.name for g in groups}) == len([n for n in names if n != "everyone"])


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=6), st.sampled_from(["1G", "a", "it:a", "/a"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
_WORDS = st.lists(st.sampled_from(["1", "0.5", "1.3G", "true", "", "ann", "it:a", "img:a", "ds:rw:a", "x"]), max_size=2)
_NAMED = st.sampled_from(["quota-cpu", "quota-gpu", "project-quota-memory", "admins", "enabled-deployment", "x"])
_GROUPS = st.fixed_dictionaries(
    {"name": st.sampled_from(["everyone", "a", "A_b", "ü"])},
    optional={
        "attributes": st.dictionaries(_NAMED, st.one_of(_WORDS, _JSON), max_size=3),
        "realmRoles": _WORDS,
        "clientRoles": st.dictionaries(st.text(max_size=3), _WORDS, max_size=1),
        "subGroups": st.one_of(_JSON, st.just([{"name": "b"}])),
    },
)
_USERS = st.fixed_dictionaries(
    {"username": st.sampled_from(["ann", "Bob", "ü"]), "groups": st.lists(st.sampled_from(["/a", "/A_b", "/x"]))},
    optional={"enabled": st.booleans(), "attributes": _JSON, "realmRoles": _WORDS, "firstName": st.text(max_size=3)},
)
_REALMS = st.fixed_dictionaries(
    {
        "realm": st.text(max_size=3),
        "groups": st.one_of(_JSON, st.lists(_GROUPS, max_size=3, unique_by=lambda g: g["name"])),
    },
    optional={
        "users": st.one_of(_JSON, st.lists(_USERS, max_size=2, unique_by=lambda u: u["username"])),
        "roles": _JSON,
    },
)
_FIELDS = """displayName type url urlForGpu imageSpec limits.cpu limits.memory limits.gpu tolerations nodeSelector nfs
groupName variables pv volumeName gitsync hostPath"""
_SPECS = st.dictionaries(
    st.sampled_from(_FIELDS.split()),
    st.one_of(_JSON, st.sampled_from(["pv", "nfs", "env", "git", "1G", "1"])),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(_REALMS, st.sampled_from(["InstanceType", "Image", "Dataset"]), _SPECS, st.booleans())
def test_whatever_is_read_is_refused_or_becomes_a_catalog(
    tmp_path: Path, realm: dict[str, Any], kind: str, spec: dict[str, Any], members: bool
) -> None:
    (tmp_path / "r.json").write_text(json.dumps(realm))
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(a_resource(kind, "a", **spec)))
    for second in ([], [tmp_path / "c.yaml"]):
        with contextlib.suppress(PrimeHubError):
            parse_catalog(import_primehub(Request([tmp_path / "r.json"], second, members=members)).text.encode())
