"""What a group gets on a cluster: every object, and what ensure and remove do to it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from collegium.backends.kubernetes import manifests, naming, space
from collegium.backends.kubernetes.client import (
    CLAIM,
    NAMESPACE,
    NETWORK_POLICY,
    VOLUME,
    Refused,
)
from collegium.backends.kubernetes.network import network_policies
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.space import KubernetesSpace
from collegium.domain.errors import Conflict, DomainError, InvalidInput, Unavailable
from collegium.domain.quota import Limits
from support.memory_cluster import MemoryCluster

NFS = {"nfs": {"server": "files.example.org", "path": "/export"}}
SETTINGS = KubernetesSettings(files_volume=NFS)
LIMITS = Limits.parse({"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": 2, "storage": "1Ti", "count/jobs": 9})
PLACE = "collegium-physics"
OURS = {naming.MANAGED_BY: "collegium", naming.INSTANCE: "collegium", naming.KIND: "space"}


def everything(settings: KubernetesSettings = SETTINGS) -> list[dict[str, Any]]:
    """All manifests of a group."""
    made = KubernetesSpace(MemoryCluster(), settings)._manifests("physics", LIMITS)
    return [manifests.namespace(settings, "physics"), *(body for _, body in made)]


def test_they_are_what_kubernetes_knows() -> None:
    settings = KubernetesSettings(files_volume=NFS, within_group=True, blocked_ranges=("10.0.0.0/8", "fc00::/7"))
    bodies = [
        *everything(settings),
        manifests.pull_secret(settings, "physics", "registry", b"{}"),
        manifests.resource_quota(settings, "physics", Limits(), removed=True),
        manifests.namespace(settings, "physics", removed=True),
    ]
    for body in bodies:
        kubernetes_validate.validate(body, "1.35", strict=True)
        assert body["metadata"]["labels"][naming.INSTANCE] == "collegium"
        assert body["metadata"]["labels"][naming.MANAGED_BY] == "collegium"
        if body["kind"] not in ("Namespace", "PersistentVolume"):
            assert body["metadata"]["namespace"] == PLACE
    assert [body["kind"] for body in bodies[:4]] == ["Namespace", "RoleBinding", "RoleBinding", "ServiceAccount"]


def test_namespace() -> None:
    assert manifests.namespace(SETTINGS, "physics") == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": PLACE,
            "labels": {
                **OURS,
                naming.GROUP: "physics",
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/enforce-version": "latest",
            },
        },
    }
    removed = manifests.namespace(SETTINGS, "physics", removed=True)
    assert removed["metadata"]["labels"]["collegium.io/removed"] == "true"


def test_a_namespace_for_all_groups_carries_no_group() -> None:
    settings = KubernetesSettings(namespace="lab")
    assert naming.GROUP not in manifests.namespace(settings, "physics")["metadata"]["labels"]
    kinds = [body["kind"] for body in everything(settings)]
    # One group's quota must not fence the others.
    assert "ResourceQuota" not in kinds
    assert "LimitRange" not in kinds


def test_service_account_has_no_token() -> None:
    made = manifests.service_account(SETTINGS, "physics")
    assert made["metadata"]["name"] == naming.ACCOUNT
    assert made["automountServiceAccountToken"] is False


DOORS = {"services.loadbalancers": "0", "services.nodeports": "0"}


@pytest.mark.parametrize(
    ("limits", "headroom", "hard"),
    [
        ({}, {}, {}),
        ({"cpu": "4"}, {}, {"limits.cpu": "4"}),
        ({"cpu": "4"}, {"cpu": "500m"}, {"limits.cpu": "4500m"}),
        ({"cpu": "0"}, {"cpu": "1"}, {"limits.cpu": "1"}),
        ({"memory": "8Gi"}, {"memory": "1Gi"}, {"limits.memory": "9Gi"}),
        ({"memory": "1500Mi"}, {"memory": "1k"}, {"limits.memory": "1572865000"}),
        ({"memory": "8Gi"}, {"cpu": "1"}, {"limits.memory": "8Gi"}),
        ({"nvidia.com/gpu": "2"}, {}, {"requests.nvidia.com/gpu": "2"}),
        ({"nvidia.com/mig-1g.5gb": "0"}, {}, {"requests.nvidia.com/mig-1g.5gb": "0"}),
        ({"nvidia.com/gpu": "2"}, {"nvidia.com/gpu": "1"}, {"requests.nvidia.com/gpu": "3"}),
        # The claim on the files volume asks for 100Gi of it.
        ({"storage": "50Gi"}, {}, {"requests.storage": "150Gi"}),
        ({"storage": "0"}, {"storage": "5Gi"}, {"requests.storage": "105Gi"}),
        ({"count/jobs": "3", "count/servers": "1"}, {}, {}),
        ({"licences": "3"}, {}, {}),
    ],
)
def test_quota(limits: dict[str, str], headroom: dict[str, str], hard: dict[str, str]) -> None:
    settings = KubernetesSettings(headroom=headroom)
    made = manifests.resource_quota(settings, "physics", Limits.parse(limits))
    assert made["spec"] == {"hard": {**DOORS, **hard}}


def test_quota_of_a_removed_group() -> None:
    made = manifests.resource_quota(SETTINGS, "physics", Limits(), removed=True)
    assert made["spec"]["hard"] == {**DOORS, "pods": "0"}


def test_headroom_that_is_none() -> None:
    with pytest.raises(InvalidInput, match=r"kubernetes\.headroom\.cpu"):
        manifests.quota_hard(KubernetesSettings(headroom={"cpu": "much"}), Limits.parse({"cpu": 1}))


def test_limit_range() -> None:
    (limit,) = manifests.limit_range(SETTINGS, "physics")["spec"]["limits"]
    assert limit == {
        "type": "Container",
        "default": {"cpu": "500m", "memory": "512Mi"},
        "defaultRequest": {"cpu": "50m", "memory": "128Mi"},
    }


def test_role_bindings() -> None:
    settings = KubernetesSettings(instance="lab", control_namespace="hub-place")
    controller, hub = manifests.role_bindings(settings, "physics")
    for component, binding in (("controller", controller), ("hub", hub)):
        assert binding["metadata"]["name"] == f"lab-{component}"
        assert binding["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": f"lab-{component}",
        }
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": component, "namespace": "hub-place"}]


def test_files_volume_and_claim_are_bound_to_each_other() -> None:
    volume, claim = manifests.files_volume(SETTINGS, "physics"), manifests.files_claim(SETTINGS, "physics")
    assert volume["spec"]["claimRef"]["namespace"] == PLACE
    assert volume["spec"]["claimRef"]["name"] == claim["metadata"]["name"] == "collegium-files"
    assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
    assert volume["spec"]["nfs"] == NFS["nfs"]
    assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    for spec in (volume["spec"], claim["spec"]):
        assert spec["storageClassName"] == ""
        assert spec["accessModes"] == ["ReadWriteMany"]
    assert claim["spec"]["resources"]["requests"]["storage"] == volume["spec"]["capacity"]["storage"] == "100Gi"
    others = [(SETTINGS, "maths"), (KubernetesSettings(instance="other", files_volume=NFS), "physics")]
    assert volume["metadata"]["name"] not in [manifests.files_volume_name(*other) for other in others]


def test_handles_by_namespace() -> None:
    source = {"csi": {"driver": "nfs.csi.k8s.io", "volumeHandle": "files-{namespace}"}, "mountOptions": ["vers=4"]}
    spec = manifests.files_volume(KubernetesSettings(files_volume=source), "physics")["spec"]
    assert spec["csi"]["volumeHandle"] == f"files-{PLACE}"
    assert spec["mountOptions"] == ["vers=4"]


def test_no_files_volume_of_ours() -> None:
    kinds = [body["kind"] for body in everything(KubernetesSettings())]
    assert "PersistentVolume" not in kinds
    assert "PersistentVolumeClaim" not in kinds


# Network


def policies(**changes: Any) -> dict[str, dict[str, Any]]:
    return {
        body["metadata"]["name"].removeprefix("collegium-"): body["spec"]
        for body in network_policies(KubernetesSettings(**changes), "physics")
    }


def control(component: str, place: str = "collegium") -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place}},
        "podSelector": {"matchLabels": {naming.INSTANCE: "collegium", naming.COMPONENT: component}},
    }


SERVERS = {"matchLabels": {naming.KIND: "server"}}
WORK = {"matchExpressions": [{"key": naming.KIND, "operator": "In", "values": ["server", "job"]}]}


def test_policies() -> None:
    assert policies(blocked_ranges=("10.0.0.0/8",)) == {
        "deny": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [], "egress": []},
        "dns": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [
                        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
                        {"ipBlock": {"cidr": "169.254.20.10/32"}},
                    ],
                    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
                }
            ],
        },
        "hub": {
            "podSelector": SERVERS,
            "policyTypes": ["Egress"],
            "egress": [{"to": [control("hub")], "ports": [{"protocol": "TCP", "port": 8081}]}],
        },
        "proxy": {
            "podSelector": WORK,
            "policyTypes": ["Egress"],
            "egress": [{"to": [control("proxy")], "ports": [{"protocol": "TCP", "port": 8000}]}],
        },
        "servers": {
            "podSelector": SERVERS,
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [control("hub"), control("proxy")], "ports": [{"protocol": "TCP", "port": 8888}]},
            ],
        },
        "internet": {
            "podSelector": WORK,
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}],
        },
    }


def test_ports_and_places_follow_the_settings() -> None:
    found = policies(hub_port=1, proxy_port=2, server_port=3, control_namespace="hub-place", dns_peers=())
    assert found["hub"]["egress"] == [{"to": [control("hub", "hub-place")], "ports": [{"protocol": "TCP", "port": 1}]}]
    assert found["proxy"]["egress"][0]["ports"] == [{"protocol": "TCP", "port": 2}]
    assert found["servers"]["ingress"][0]["ports"] == [{"protocol": "TCP", "port": 3}]


@pytest.mark.parametrize(
    ("ranges", "peers"),
    [
        ((), [{"ipBlock": {"cidr": "0.0.0.0/0"}}]),
        (("10.0.0.0/8", "fc00::/7"), [
            {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}},
            {"ipBlock": {"cidr": "::/0", "except": ["fc00::/7"]}},
        ]),
    ],
)  # fmt: skip
def test_internet(ranges: tuple[str, ...], peers: list[dict[str, Any]]) -> None:
    assert policies(blocked_ranges=ranges)["internet"]["egress"] == [{"to": peers}]


def test_no_internet() -> None:
    assert "internet" not in policies(internet=False)


def test_empty_rules_never_mean_everything() -> None:
    """An empty ``to`` or ``from`` opens a policy to the whole world."""
    for settings in (KubernetesSettings(within_group=True), KubernetesSettings(dns_peers=(), blocked_ranges=())):
        for body in network_policies(settings, "physics"):
            for way, side in (("ingress", "from"), ("egress", "to")):
                for rule in body["spec"].get(way, []):
                    assert rule[side], body["metadata"]["name"]


def test_within_group_is_told_by_group() -> None:
    found = policies(within_group=True, namespace="lab")
    ours = {"matchLabels": {naming.INSTANCE: "collegium", naming.GROUP: "physics"}}
    assert found["within-physics"]["podSelector"] == ours
    assert found["within-physics"]["ingress"] == [{"from": [{"podSelector": ours}]}]
    # In a shared namespace only our pods are cut off.
    assert found["deny"]["podSelector"] == {"matchExpressions": [{"key": naming.KIND, "operator": "Exists"}]}


# ensure and remove


def verbs(cluster: MemoryCluster) -> list[str]:
    made = [verb for verb, _, _ in cluster.calls]
    cluster.calls.clear()
    return made


async def test_an_unchanged_space_costs_one_request() -> None:
    cluster = MemoryCluster()
    first = KubernetesSpace(cluster, SETTINGS)
    await first.ensure("physics", LIMITS)
    assert len(verbs(cluster)) > 10
    await first.ensure("physics", LIMITS)
    await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)
    assert verbs(cluster) == ["get", "get"]
    await first.ensure("physics", Limits.parse({"cpu": "1"}))
    assert len(verbs(cluster)) > 10
    quota = cluster.objects["ResourceQuota", PLACE, "collegium"]
    assert quota["spec"]["hard"] == {**DOORS, "limits.cpu": "2"}


async def test_all_is_applied_again_after_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = MemoryCluster()
    kept = KubernetesSpace(cluster, SETTINGS)
    await kept.ensure("physics", LIMITS)
    del cluster.objects["ResourceQuota", PLACE, "collegium"]
    now = space.time.monotonic()
    monkeypatch.setattr(space.time, "monotonic", lambda: now + 7 * 3600)
    await kept.ensure("physics", LIMITS)
    assert ("ResourceQuota", PLACE, "collegium") in cluster.objects


async def test_a_crash_in_the_middle_is_made_good() -> None:
    cluster = MemoryCluster()
    cluster.failures["apply", "ResourceQuota"] = [Unavailable("gone for a moment")]
    with pytest.raises(Unavailable):
        await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)
    await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)
    assert cluster.objects["ResourceQuota", PLACE, "collegium"]["spec"]["hard"]["limits.cpu"] == "5"


FOREIGN: list[tuple[dict[str, Any], type[DomainError], str]] = [
    ({}, Conflict, "not of this installation"),
    ({"labels": None}, Conflict, "not of this installation"),
    ({"labels": {**OURS, naming.INSTANCE: "other", naming.GROUP: "physics"}}, Conflict, "not of this installation"),
    ({"labels": {**OURS, naming.GROUP: "maths"}}, Conflict, "group=physics"),
    (
        {"labels": {**OURS, naming.GROUP: "physics"}, "deletionTimestamp": "2026-01-01T00:00:00Z"},
        Unavailable,
        "deleted",
    ),
]


@pytest.mark.parametrize(("metadata", "error", "text"), FOREIGN)
async def test_a_namespace_that_is_not_taken(metadata: dict[str, Any], error: type[DomainError], text: str) -> None:
    cluster = MemoryCluster()
    cluster.put(NAMESPACE, {"metadata": {"name": PLACE, **metadata}})
    for failures in ([], [space.NotFound("not yet")]):
        cluster.failures["get", "Namespace"] = list(failures)
        with pytest.raises(error, match=text):
            await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)
    assert {kind for kind, _, _ in cluster.objects} == {"Namespace"}
    assert set(verbs(cluster)) == {"get", "create"}


async def test_remove_closes_and_keeps() -> None:
    cluster = MemoryCluster()
    kept = KubernetesSpace(cluster, SETTINGS)
    await kept.ensure("physics", LIMITS)
    cluster.put(CLAIM, {"metadata": {"name": "home-x", "namespace": PLACE}})
    for _ in range(2):
        await kept.remove("physics")
    assert cluster.objects["Namespace", "", PLACE]["metadata"]["labels"]["collegium.io/removed"] == "true"
    assert cluster.objects["ResourceQuota", PLACE, "collegium"]["spec"]["hard"] == {**DOORS, "pods": "0"}
    assert ("RoleBinding", PLACE, "collegium-hub") not in cluster.objects
    assert ("RoleBinding", PLACE, "collegium-controller") in cluster.objects
    assert ("PersistentVolumeClaim", PLACE, "home-x") in cluster.objects
    assert ("PersistentVolumeClaim", PLACE, "collegium-files") in cluster.objects
    await kept.ensure("physics", LIMITS)
    assert "collegium.io/removed" not in cluster.objects["Namespace", "", PLACE]["metadata"]["labels"]
    assert cluster.objects["ResourceQuota", PLACE, "collegium"]["spec"]["hard"]["limits.cpu"] == "5"
    assert "pods" not in cluster.objects["ResourceQuota", PLACE, "collegium"]["spec"]["hard"]
    assert ("RoleBinding", PLACE, "collegium-hub") in cluster.objects


async def test_remove_of_what_is_not_there_or_not_ours() -> None:
    cluster = MemoryCluster()
    await KubernetesSpace(cluster, SETTINGS).remove("physics")
    cluster.put(NAMESPACE, {"metadata": {"name": PLACE}})
    with pytest.raises(Conflict):
        await KubernetesSpace(cluster, SETTINGS).remove("physics")
    assert set(verbs(cluster)) == {"get"}


async def test_an_opening_does_not_outlive_its_setting() -> None:
    cluster = MemoryCluster()
    await KubernetesSpace(cluster, KubernetesSettings(within_group=True)).ensure("physics", LIMITS)
    cluster.put(NETWORK_POLICY, {"metadata": {"name": "of-an-administrator", "namespace": PLACE}})
    await KubernetesSpace(cluster, KubernetesSettings(internet=False)).ensure("physics", LIMITS)
    left = {name for kind, _, name in cluster.objects if kind == "NetworkPolicy"}
    assert left == {f"collegium-{n}" for n in ("deny", "dns", "hub", "proxy", "servers")} | {"of-an-administrator"}


async def test_groups_that_share_a_namespace() -> None:
    settings = KubernetesSettings(namespace="lab", within_group=True)
    cluster = MemoryCluster()
    kept = KubernetesSpace(cluster, settings)
    for group in ("physics", "maths"):
        await kept.ensure(group, LIMITS)
    verbs(cluster)
    for group in ("physics", "maths"):
        await kept.ensure(group, LIMITS)
    assert verbs(cluster) == ["get", "get"]
    await kept.remove("maths")
    left = {name for kind, _, name in cluster.objects if kind == "NetworkPolicy"}
    assert "collegium-within-physics" in left
    assert "collegium-within-maths" not in left
    assert ("RoleBinding", "lab", "collegium-hub") in cluster.objects


async def test_rights_take_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "_RIGHTS_EVERY", 0.0)
    cluster = MemoryCluster()
    refused = Refused(403, "Forbidden", "cannot create")
    cluster.failures["apply", "ServiceAccount"] = [refused, refused]
    await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)
    monkeypatch.setattr(space, "_RIGHTS_WITHIN", 0.0)
    cluster.failures["apply", "ServiceAccount"] = [refused] * 9
    with pytest.raises(Unavailable, match="ServiceAccount collegium-workload"):
        await KubernetesSpace(cluster, SETTINGS).ensure("physics", Limits())


async def test_what_kubernetes_does_not_take_is_told() -> None:
    cluster = MemoryCluster()
    cluster.failures["create", "PersistentVolume"] = [Refused(422, "Invalid", "spec.nfs.server: Required value")]
    with pytest.raises(Unavailable, match=r"PersistentVolume .* of namespace collegium-physics .* Required value"):
        await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)


@pytest.mark.parametrize("verb", ["get", "create", "apply", "patch"])
async def test_a_refused_namespace(verb: str) -> None:
    cluster = MemoryCluster()
    cluster.failures[verb, "Namespace"] = [Refused(403, "Forbidden", "denied by webhook")]
    with pytest.raises(Unavailable, match="collegium-physics: denied by webhook"):
        await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)


async def test_files_volume_of_another_installation() -> None:
    cluster = MemoryCluster()
    name = manifests.files_volume_name(SETTINGS, "physics")
    cluster.put(VOLUME, {"metadata": {"name": name, "labels": {naming.INSTANCE: "other"}}})
    with pytest.raises(Conflict, match="not of this installation"):
        await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)


async def test_a_released_files_volume_is_bound_again() -> None:
    cluster = MemoryCluster()
    body = manifests.files_volume(SETTINGS, "physics")
    body["spec"]["claimRef"]["uid"] = "of-the-claim-before"
    cluster.put(VOLUME, {**body, "status": {"phase": "Released"}})
    await KubernetesSpace(cluster, SETTINGS).ensure("physics", LIMITS)
    volume = cluster.objects["PersistentVolume", "", body["metadata"]["name"]]
    assert "uid" not in volume["spec"]["claimRef"]
    assert volume["spec"]["claimRef"]["namespace"] == PLACE


async def test_pull_secrets_are_copied_and_follow(tmp_path: Path) -> None:
    file = tmp_path / "registry" / ".dockerconfigjson"
    file.parent.mkdir()
    file.write_text('{"auths": {"r": {"auth": "canary-one"}}}')
    settings = KubernetesSettings(pull_secrets=("registry",), pull_secrets_dir=str(tmp_path))
    cluster = MemoryCluster()
    await KubernetesSpace(cluster, settings).ensure("physics", LIMITS)
    file.write_text('{"auths": {"r": {"auth": "canary-two"}}}')
    await KubernetesSpace(cluster, settings).ensure("physics", LIMITS)
    secret = cluster.objects["Secret", PLACE, "registry"]
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    data = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    assert data["auths"]["r"]["auth"] == "canary-two"
    assert "canary" not in json.dumps(cluster.objects["Namespace", "", PLACE])
    await KubernetesSpace(cluster, settings).remove("physics")
    assert ("Secret", PLACE, "registry") not in cluster.objects


@pytest.mark.parametrize("content", [None, '{"auths": {"r": {"auth": "canary"}'])
async def test_a_pull_secret_that_cannot_be_read(tmp_path: Path, content: str | None) -> None:
    (tmp_path / "registry").mkdir()
    if content is not None:
        (tmp_path / "registry" / ".dockerconfigjson").write_text(content)
    settings = KubernetesSettings(pull_secrets=("registry",), pull_secrets_dir=str(tmp_path))
    with pytest.raises(InvalidInput, match=r"kubernetes\.pull_secrets_dir.*registry") as caught:
        await KubernetesSpace(MemoryCluster(), settings).ensure("physics", LIMITS)
    assert "canary" not in str(caught.value)


async def test_namespaces_of_an_administrator() -> None:
    settings = KubernetesSettings(manage_namespaces=False)
    cluster = MemoryCluster()
    kept = KubernetesSpace(cluster, settings)
    with pytest.raises(Unavailable, match="administrator"):
        await kept.ensure("physics", LIMITS)
    cluster.put(NAMESPACE, {"metadata": {"name": PLACE}})
    await kept.ensure("physics", LIMITS)
    await kept.remove("physics")
    assert set(verbs(cluster)) == {"get"}


async def test_names_that_are_none() -> None:
    cluster = MemoryCluster()
    for name in ("../x", "", "UPPER", "a" * 31, "kube-system/x"):
        with pytest.raises(InvalidInput):
            await KubernetesSpace(cluster, SETTINGS).ensure(name, LIMITS)
        with pytest.raises(InvalidInput):
            await KubernetesSpace(cluster, SETTINGS).remove(name)
    assert cluster.calls == []
