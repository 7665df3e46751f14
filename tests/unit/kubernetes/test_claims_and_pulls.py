"""Claims as administrators see them, and pull secrets that come and go with what the platform keeps."""

from __future__ import annotations

from typing import Any

import pytest

from collegium.backends.kubernetes import claims, homes, naming
from collegium.backends.kubernetes.client import CLAIM, Refused
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.space import KubernetesSpace
from collegium.domain.errors import Conflict, NotFound, Unavailable
from collegium.domain.quota import Limits
from collegium.domain.secrets import SecretKind as Kind
from collegium.domain.secrets import check_secret_fields, docker_config
from collegium.domain.volumes import VolumeKind
from support.memory_cluster import MemoryCluster

SETTINGS = KubernetesSettings()
GiB = 1 << 30


def claim(cluster: MemoryCluster, phase: str = "Bound", **metadata: Any) -> dict[str, Any]:
    made = homes.home_claim(SETTINGS, "mia", "physics")
    made["metadata"] |= metadata
    made["status"] = {"phase": phase, "capacity": {"storage": "12Gi"}} if phase == "Bound" else {"phase": phase}
    return cluster.put(CLAIM, made)


async def test_homes_and_datasets_of_groups() -> None:
    cluster = MemoryCluster()
    home = claim(cluster)
    data = claim(
        cluster, name="collegium-data", labels=naming.labels("collegium", "dataset", "physics"), annotations={}
    )
    claim(cluster, "Pending", name="new")
    claim(cluster, name="theirs", labels={naming.INSTANCE: "other"})
    files = {naming.INSTANCE: "collegium"}
    claim(cluster, name=SETTINGS.files_claim, labels=files)
    found = {v.name: v for v in await claims.list_claims(cluster, SETTINGS, ["physics", "chemistry"])}
    assert found.keys() == {home["metadata"]["name"], data["metadata"]["name"], "new", SETTINGS.files_claim}
    mine = found[home["metadata"]["name"]]
    assert (mine.kind, mine.group, mine.user, mine.capacity) == (VolumeKind.HOME, "physics", "mia", 12 * GiB)
    assert mine.resizable and found["collegium-data"].resizable
    assert found["collegium-data"].kind is VolumeKind.DATASET
    assert not found["new"].resizable and "nothing is bound" in found["new"].message
    assert not found[SETTINGS.files_claim].resizable


async def test_a_claim_grows() -> None:
    cluster = MemoryCluster()
    name = claim(cluster)["metadata"]["name"]
    for _ in range(2):
        await claims.resize_claim(cluster, SETTINGS, "physics", name, 20 * GiB)
    key = "PersistentVolumeClaim", "collegium-physics", name
    assert cluster.objects[key]["spec"]["resources"]["requests"]["storage"] == str(20 * GiB)
    assert [verb for verb, _, _ in cluster.calls].count("patch") == 1
    cluster.failures["patch", "PersistentVolumeClaim"] = [Refused(403, "Forbidden", "only dynamically provisioned")]
    with pytest.raises(Conflict, match="only dynamically provisioned"):
        await claims.resize_claim(cluster, SETTINGS, "physics", name, 30 * GiB)
    with pytest.raises(NotFound):
        await claims.resize_claim(cluster, SETTINGS, "physics", "nosuch", 30 * GiB)
    claim(cluster, name="theirs", labels={naming.INSTANCE: "other"})
    with pytest.raises(NotFound):
        await claims.resize_claim(cluster, SETTINGS, "physics", "theirs", 30 * GiB)
    claim(cluster, "Lost", name="lost")
    with pytest.raises(Conflict, match="is lost"):
        await claims.resize_claim(cluster, SETTINGS, "physics", "lost", 30 * GiB)


LOGIN = {"server": "registry.example.org", "username": "robot", "password": "pw"}


def secrets(cluster: MemoryCluster) -> set[str]:
    return {name for kind, _, name in cluster.objects if kind == "Secret"}


async def test_pull_secrets_come_and_go() -> None:
    cluster = MemoryCluster()
    settings = KubernetesSettings(pull_secrets=("operator",))
    space = KubernetesSpace(cluster, settings)
    content = docker_config(check_secret_fields(Kind.REGISTRY, LOGIN))
    await space.pull_secrets("physics", {"a": content})  # There is no namespace yet.
    assert secrets(cluster) == set()
    await space.ensure("physics", Limits())
    await space.pull_secrets("physics", {"a": content, "b": content, "operator": content})
    assert secrets(cluster) == {"a", "b"}
    assert cluster.objects["Secret", "collegium-physics", "a"]["type"] == "kubernetes.io/dockerconfigjson"
    cluster.calls.clear()
    await space.pull_secrets("physics", {"a": content, "b": content, "operator": content})
    assert cluster.calls == []
    # Another process knows by the namespace which were ours, and ends what a crash cut off.
    cluster.failures["delete", "Secret"] = [Unavailable("gone for a moment")]
    with pytest.raises(Unavailable):
        await KubernetesSpace(cluster, settings).pull_secrets("physics", {"b": content})
    await KubernetesSpace(cluster, settings).pull_secrets("physics", {"b": content})
    assert secrets(cluster) == {"b"}
    # The namespace, which many may read, tells names and nothing of what they hold.
    assert (
        cluster.objects["Namespace", "", "collegium-physics"]["metadata"]["annotations"]["collegium.io/pulls-physics"]
        == "b"
    )
    await space.pull_secrets("physics", {})
    assert secrets(cluster) == set()
