"""Homes on a cluster: claims with an owner, and what is never mounted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from collegium.backends.kubernetes import homes, naming
from collegium.backends.kubernetes.client import CLAIM, Refused
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.domain.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, StorageFull, Unavailable
from support.memory_cluster import MemoryCluster

SETTINGS = KubernetesSettings(home_storage_class="fast", home_capacity="10Gi")
NAME = naming.home_claim_name("alice", "physics")


def claim(**metadata: Any) -> dict[str, Any]:
    """Alice's claim, bound."""
    made = homes.home_claim(SETTINGS, "alice", "physics")
    made["metadata"].update(metadata)
    made["status"] = {"phase": "Bound"}
    return made


def test_the_claim() -> None:
    made = homes.home_claim(SETTINGS, "alice@lab.org", "physics")
    kubernetes_validate.validate(made, "1.35", strict=True)
    assert made["metadata"]["namespace"] == "collegium-physics"
    assert made["metadata"]["annotations"] == {naming.OWNER: "alice@lab.org", naming.OWNER_GROUP: "physics"}
    assert made["metadata"]["labels"][naming.GROUP] == "physics"
    assert made["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "resources": {"requests": {"storage": "10Gi"}},
    }
    # Without a class the cluster's default is taken; an empty text would mean none.
    assert "storageClassName" not in homes.home_claim(KubernetesSettings(), "alice", "physics")["spec"]


def test_claims_are_bound_to_identities() -> None:
    pairs = [("a", "b-c"), ("a-b", "c"), ("a.b", "c"), ("a", "c"), ("c", "a")]
    assert len({homes.home_claim(SETTINGS, user, group)["metadata"]["name"] for user, group in pairs}) == len(pairs)


def test_volume_and_mount_of_a_claim() -> None:
    volume, mount = homes.home_volume(SETTINGS, "alice", "physics")
    assert volume == {"name": "home", "persistentVolumeClaim": {"claimName": NAME}}
    assert mount == {"name": "home", "mountPath": "/home/jovyan"}
    assert homes.home_volume(SETTINGS, "alice", "physics", read_only=True)[1]["readOnly"] is True


def test_volume_and_mount_of_a_shared_home() -> None:
    volume, mount = homes.home_volume(KubernetesSettings(homes="shared"), "alice", "physics")
    assert volume == {"name": "home", "persistentVolumeClaim": {"claimName": "collegium-files"}}
    assert mount == {"name": "home", "mountPath": "/home/jovyan", "subPath": f"homes/{NAME}"}


@pytest.mark.parametrize(("user", "group"), [("../x", "physics"), ("alice", "../x"), ("", "physics"), ("alice", "")])
async def test_names_that_are_none(user: str, group: str) -> None:
    for make in (homes.home_claim, homes.home_volume, homes.shared_home):
        with pytest.raises(InvalidInput):
            make(SETTINGS, user, group)
    cluster = MemoryCluster()
    with pytest.raises(InvalidInput):
        await homes.ensure_home(cluster, SETTINGS, user, group)
    assert cluster.calls == []


async def test_a_home_is_made_once() -> None:
    cluster = MemoryCluster()
    assert await homes.ensure_home(cluster, SETTINGS, "alice", "physics") == NAME
    assert await homes.ensure_home(cluster, SETTINGS, "alice", "physics") == NAME
    assert [verb for verb, _, _ in cluster.calls] == ["get", "create", "get"]


OTHER = {naming.OWNER: "bob", naming.OWNER_GROUP: "physics"}
PROBLEMS: list[tuple[dict[str, Any], type[DomainError], str]] = [
    ({"annotations": OTHER}, Forbidden, "somebody else"),
    ({"annotations": {naming.OWNER: "alice", naming.OWNER_GROUP: "maths"}}, Forbidden, "somebody else"),
    ({"annotations": {naming.OWNER: "Alice", naming.OWNER_GROUP: "physics"}}, Forbidden, "somebody else"),
    ({"annotations": {naming.OWNER: "alice"}}, Conflict, "annotations"),
    ({"annotations": {naming.OWNER: "", naming.OWNER_GROUP: "physics"}}, Conflict, "annotations"),
    ({"annotations": {}}, Conflict, "annotations"),
    ({"annotations": None}, Conflict, "annotations"),
    ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, Unavailable, "being deleted"),
]


@pytest.mark.parametrize(("metadata", "error", "text"), PROBLEMS)
async def test_a_claim_that_is_not_mounted(metadata: dict[str, Any], error: type[DomainError], text: str) -> None:
    cluster = MemoryCluster()
    cluster.put(CLAIM, claim(**metadata))
    with pytest.raises(error, match=text) as caught:
        await homes.ensure_home(cluster, SETTINGS, "alice", "physics")
    assert "bob" not in str(caught.value)
    assert NAME in str(caught.value)
    assert [verb for verb, _, _ in cluster.calls] == ["get"]


@pytest.mark.parametrize(("metadata", "error", "text"), PROBLEMS)
async def test_a_claim_that_appears_meanwhile(metadata: dict[str, Any], error: type[DomainError], text: str) -> None:
    """The 409 path: not there when looked at, there when made."""
    cluster = MemoryCluster()
    cluster.put(CLAIM, claim(**metadata))
    cluster.failures["get", "PersistentVolumeClaim"] = [NotFound("not yet")]
    with pytest.raises(error, match=text):
        await homes.ensure_home(cluster, SETTINGS, "alice", "physics")
    assert [verb for verb, _, _ in cluster.calls] == ["get", "create", "get"]


async def test_a_lost_volume() -> None:
    cluster = MemoryCluster()
    cluster.put(CLAIM, {**claim(), "status": {"phase": "Lost"}})
    with pytest.raises(Unavailable, match="lost"):
        await homes.ensure_home(cluster, SETTINGS, "alice", "physics")


@pytest.mark.parametrize(
    ("present", "phase", "expanded"),
    [
        ("5Gi", "Bound", True),
        ("10Gi", "Bound", False),
        ("10240Mi", "Bound", False),
        ("20Gi", "Bound", False),
        ("5Gi", "Pending", False),
        ("5e9", "Bound", False),
    ],
)
async def test_a_home_grows_and_never_shrinks(present: str, phase: str, expanded: bool) -> None:
    cluster = MemoryCluster()
    body = claim()
    body["spec"]["resources"]["requests"]["storage"] = present
    body["status"]["phase"] = phase
    cluster.put(CLAIM, body)
    assert await homes.ensure_home(cluster, SETTINGS, "alice", "physics") == NAME
    assert any(verb == "patch" for verb, _, _ in cluster.calls) == expanded
    found = await cluster.get(CLAIM, NAME, "collegium-physics")
    assert found["spec"]["resources"]["requests"]["storage"] == ("10Gi" if expanded else present)


@pytest.mark.parametrize(
    "error", [Refused(403, "Forbidden", "only dynamically provisioned pvc can be resized"), Conflict("another uid")]
)
async def test_a_home_that_cannot_grow_is_still_a_home(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    cluster = MemoryCluster()
    body = claim()
    body["spec"]["resources"]["requests"]["storage"] = "5Gi"
    cluster.put(CLAIM, body)
    cluster.failures["patch", "PersistentVolumeClaim"] = [error]
    assert await homes.ensure_home(cluster, SETTINGS, "alice", "physics") == NAME
    assert "could not be expanded to 10Gi" in caplog.text


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (NotFound("no namespace"), Unavailable, "being prepared"),
        (
            Refused(403, "Forbidden", "exceeded quota: collegium, requested: …"),
            StorageFull,
            "no room for a home of 10Gi",
        ),
        (Refused(403, "Forbidden", "namespace is being terminated"), Unavailable, "being terminated"),
    ],
)
async def test_a_home_that_cannot_be_made(error: Exception, expected: type[DomainError], text: str) -> None:
    cluster = MemoryCluster()
    cluster.failures["create", "PersistentVolumeClaim"] = [error]
    with pytest.raises(expected, match=text):
        await homes.ensure_home(cluster, SETTINGS, "alice", "physics")


async def test_a_home_where_we_have_no_rights() -> None:
    cluster = MemoryCluster()
    cluster.failures["get", "PersistentVolumeClaim"] = [Refused(403, "Forbidden", "User hub cannot get")]
    with pytest.raises(Unavailable, match="being prepared"):
        await homes.ensure_home(cluster, SETTINGS, "alice", "physics")


async def test_a_shared_home_is_a_folder_of_its_own(tmp_path: Path) -> None:
    settings = KubernetesSettings(homes="shared", files_dir=str(tmp_path))
    cluster = MemoryCluster()
    home = Path(await homes.ensure_home(cluster, settings, "alice", "physics"))
    assert home == tmp_path / "homes" / NAME
    assert home.is_dir()
    assert home.stat().st_mode & 0o077 == 0
    assert home.stat().st_uid == (settings.uid if os.geteuid() == 0 else os.geteuid())
    assert await homes.ensure_home(cluster, settings, "alice", "physics") == str(home)
    assert cluster.calls == []


async def test_a_shared_home_without_the_volume(tmp_path: Path) -> None:
    settings = KubernetesSettings(homes="shared", files_dir=str(tmp_path / "file"))
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="files volume"):
        await homes.ensure_home(MemoryCluster(), settings, "alice", "physics")
