"""Datasets and shared files in pods, and what the controller makes for those that lie elsewhere."""

from __future__ import annotations

import dataclasses
import json
import re

import kubernetes_validate
import pytest

from collegium.backends.kubernetes import data, naming
from collegium.backends.kubernetes.client import CLAIM, VOLUME, Refused
from collegium.backends.kubernetes.job import job_manifest
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.sources import KubernetesSources, claim_problems
from collegium.backends.ports import RunRequest
from collegium.domain.catalog import AccessMode, Dataset, Image, SourceKind
from collegium.domain.datasets import Health
from collegium.domain.errors import InvalidInput
from collegium.domain.mounts import Mount, dataset_mount, project_mount
from collegium.domain.resources import Resources
from collegium.stores.settings import FileSettings
from support.memory_cluster import MemoryCluster

CSI = {
    "csi": {"driver": "s3.example", "volumeHandle": "{name}", "volumeAttributes": {"b": "{bucket}", "p": "{prefix}"}},
    "mountOptions": ["region={region}"],
}
SETTINGS = KubernetesSettings(
    instance="lab",
    dataset_nfs_servers=["nas.example"],
    dataset_host_paths=["/data/open"],
    dataset_csi=CSI,
)
PLACE = "collegium-physics"
RO, RW = AccessMode.READ_ONLY, AccessMode.READ_WRITE
ABILITIES = data.abilities(SETTINGS, FileSettings())


def dataset(name: str, kind: SourceKind = SourceKind.MANAGED, owner: str = "", **source: str) -> Dataset:
    return Dataset(name, name, kind, source, owner=owner)


NAS = dataset("maps", SourceKind.NFS, server="nas.example", path="/maps")
FOLDER = dataset("scans", SourceKind.FOLDER, path="/data/open/scans")
BUCKET = dataset("logs", SourceKind.S3, bucket="team-logs", prefix="2026", region="eu-1")
CLAIMED = dataset("old", SourceKind.CLAIM, claim="dataset-old")
SIZED = dataset("work", SourceKind.CLAIM, claim="work", size="5Gi", storage_class="fast", access_mode="ReadWriteOnce")


def mount(what: Dataset, access: AccessMode = RO, version: int | None = None) -> Mount:
    return dataset_mount(what, "physics", access, version)


def test_the_pod_of_a_job_to_the_letter() -> None:
    mounts = (
        project_mount("physics", ABILITIES),
        mount(dataset("digits", owner="chem")),
        mount(dataset("digits-2", owner="physics"), version=3),
        mount(NAS),
        mount(CLAIMED, RW),
        dataclasses.replace(mount(SIZED), problem="its claim is lost"),
    )
    image = Image("base", "Base", reference="registry.example.org/base:1")
    request = RunRequest("job-a.1", "job-a", "physics", "ann", ["true"], image, Resources(), mounts=mounts)
    body = job_manifest(SETTINGS, request, "runs/job-a/attempts/1")
    kubernetes_validate.validate(body, "1.35", strict=True)
    spec = body["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["volumeMounts"][-5:] == [
        {"name": "files", "mountPath": "/project/physics", "subPath": "shared/physics/files"},
        {
            "name": "files",
            "mountPath": "/datasets/digits",
            "subPath": "shared/chem/datasets/digits/head",
            "readOnly": True,
        },
        {
            "name": "files",
            "mountPath": "/datasets/digits-2",
            "subPath": "shared/physics/datasets/digits-2/versions/3",
            "readOnly": True,
        },
        {"name": "data-0", "mountPath": "/datasets/maps", "readOnly": True},
        {"name": "data-1", "mountPath": "/datasets/old"},
    ]
    twin = data.claim_name(SETTINGS, "physics", mounts[3])
    assert [v for v in spec["volumes"] if v["name"].startswith("data-")] == [
        {"name": "data-0", "persistentVolumeClaim": {"claimName": twin, "readOnly": True}},
        {"name": "data-1", "persistentVolumeClaim": {"claimName": "dataset-old"}},
    ]
    variables = {v["name"]: v.get("value") for v in container["env"]}
    assert variables["COLLEGIUM_DATASETS"] == "/datasets" and variables["COLLEGIUM_PROJECT"] == "/project/physics"


@pytest.mark.parametrize(
    ("what", "source"),
    [
        (NAS, {"nfs": {"server": "nas.example", "path": "/maps"}}),
        (FOLDER, {"hostPath": {"path": "/data/open/scans", "type": "Directory"}}),
        (
            BUCKET,
            {
                "csi": {
                    "driver": "s3.example",
                    "volumeHandle": "NAME",
                    "volumeAttributes": {"b": "team-logs", "p": "2026"},
                },
                "mountOptions": ["region=eu-1"],
            },
        ),
    ],
)
def test_twins_to_the_letter(what: Dataset, source: dict) -> None:
    (first, volume), (second, claim) = data.needed(SETTINGS, "physics", mount(what))
    name = volume["metadata"]["name"]
    assert (first, second) == (VOLUME, CLAIM) and re.fullmatch("data-[0-9a-v]{26}", name)
    for body in (volume, claim):
        kubernetes_validate.validate(body, "1.35", strict=True)
        assert body["metadata"]["name"] == name
        assert body["metadata"]["annotations"] == {
            "collegium.io/dataset": what.name,
            "collegium.io/owner-group": "physics",
        }
        assert body["metadata"]["labels"]["app.kubernetes.io/instance"] == "lab"
    assert volume["spec"] == {
        "capacity": {"storage": "1Ki"},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": PLACE, "name": name},
        **json.loads(json.dumps(source).replace("NAME", name)),
    }
    assert claim["metadata"]["namespace"] == PLACE and claim["spec"]["volumeName"] == name


def test_twins_are_bound_to_group_dataset_and_source() -> None:
    other = dataset("maps", SourceKind.NFS, server="nas.example", path="/elsewhere")
    names = {
        data.claim_name(settings, group, dataset_mount(what, group, RO))
        for settings in (SETTINGS, dataclasses.replace(SETTINGS, instance="other"))
        for group in ("physics", "chem")
        for what in (NAS, other, dataclasses.replace(NAS, name="maps-2"))
    }
    assert len(names) == 12


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (dataset("a", SourceKind.NFS, server="evil.example", path="/"), "does not allow the NFS server evil.example"),
        (dataset("a", SourceKind.FOLDER, path="/etc"), "does not allow the folder /etc"),
        (dataset("a", SourceKind.FOLDER, path="/data/opening"), "does not allow the folder"),
        (dataset("a", SourceKind.FOLDER, path="/data/open/../../etc"), "does not allow the folder"),
        (dataset("a", SourceKind.CLAIM, claim=SETTINGS.files_claim), "is the files volume"),
        # The driver has the operator's keys: no group names a bucket that it then reads with them.
        (dataset("a", SourceKind.S3, "chem", bucket="b"), "object storage of groups is not mounted"),
    ],
)
def test_what_the_operator_did_not_allow(what: Dataset, said: str) -> None:
    assert said in ABILITIES.elsewhere(what)
    assert not any(ABILITIES.elsewhere(each) for each in (NAS, FOLDER, BUCKET, CLAIMED, SIZED))
    nothing = data.abilities(KubernetesSettings(manage_namespaces=False), FileSettings())
    assert [bool(nothing.elsewhere(each)) for each in (NAS, FOLDER, BUCKET, CLAIMED, SIZED)] == [True] * 3 + [
        False,
        True,
    ]


def test_settings_that_cannot_be() -> None:
    for bad in (["data"], ["/data/"], ["/data/../etc"], ["/"]):
        with pytest.raises(InvalidInput, match="dataset_host_paths"):
            KubernetesSettings(dataset_host_paths=bad)
    with pytest.raises(InvalidInput, match="dataset_csi"):
        KubernetesSettings(dataset_csi={"driver": "x"})
    with pytest.raises(InvalidInput, match="placeholder"):
        data.needed(
            dataclasses.replace(SETTINGS, dataset_csi={"csi": {"driver": "{secret}"}}), "physics", mount(BUCKET)
        )
    assert data.abilities(SETTINGS, FileSettings("s3", bucket="b")).store
    assert data.abilities(SETTINGS, FileSettings(folder="/srv/elsewhere")).store


async def test_a_grant_comes_and_goes() -> None:
    cluster = MemoryCluster()
    sources = KubernetesSources(cluster, SETTINGS)
    assert (await sources.look("physics", NAS)).message == "it is being prepared"
    await sources.ensure("physics", [mount(NAS), mount(FOLDER), mount(SIZED), mount(CLAIMED)])
    name = data.claim_name(SETTINGS, "physics", mount(NAS))
    assert (await sources.look("physics", NAS)).state is Health.MISSING  # not bound yet
    cluster.objects["PersistentVolumeClaim", PLACE, name]["status"] = {"phase": "Bound"}
    assert (await sources.look("physics", NAS)).state is Health.OK
    cluster.put(CLAIM, {"metadata": {"name": SETTINGS.files_claim, "namespace": PLACE}})
    await sources.ensure("physics", [mount(NAS)])
    calls = len(cluster.calls)
    await sources.ensure("physics", [mount(NAS)])
    assert [c[0] for c in cluster.calls[calls:]] == ["get", "get"]
    # Revoked, or with another source: its twin goes, and no claim that holds data.
    await sources.ensure("chem", [dataset_mount(NAS, "chem", RO)])
    await sources.tidy("physics", [mount(FOLDER)])
    left = {key[2] for key in cluster.objects}
    assert name not in left and "work" in left and data.claim_name(SETTINGS, "physics", mount(FOLDER)) in left
    assert data.claim_name(SETTINGS, "chem", dataset_mount(NAS, "chem", RO)) in left


async def test_claims_are_looked_at_before_they_are_mounted() -> None:
    cluster = MemoryCluster()
    sources = KubernetesSources(cluster, SETTINGS)
    gone = await sources.look("physics", CLAIMED)
    assert (gone.state, gone.group) == (Health.MISSING, "physics")
    assert gone.message == f"there is no claim dataset-old in the namespace {PLACE}"
    claim = {"metadata": {"name": "dataset-old", "namespace": PLACE}, "status": {"phase": "Bound"}}
    for change, said in (
        ({}, ""),
        ({"annotations": {naming.OWNER: "bob"}}, "is somebody's home"),
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, "is being deleted"),
    ):
        cluster.put(CLAIM, {**claim, "metadata": {**claim["metadata"], **change}})
        found = await claim_problems(cluster, SETTINGS, "physics", [mount(CLAIMED)])
        assert said in found.get("old", "") and set(found) == ({"old"} if said else set())
    cluster.put(CLAIM, {**claim, "status": {"phase": "Lost"}})
    assert "is lost" in (await sources.look("physics", CLAIMED)).message


async def test_trees_are_mounted_once_the_controller_has_made_them() -> None:
    cluster = MemoryCluster()
    stored = [project_mount("physics", ABILITIES), mount(dataset("digits"))]
    gone = await claim_problems(cluster, SETTINGS, "physics", stored)
    assert set(gone) == {"", "digits"} and "has no claim collegium-files" in gone[""]
    files = {"name": SETTINGS.files_claim, "namespace": PLACE}
    cluster.put(CLAIM, {"metadata": files})
    assert "are being prepared" in (await claim_problems(cluster, SETTINGS, "physics", stored))["digits"]
    await KubernetesSources(cluster, SETTINGS).ensure("physics", [])
    assert await claim_problems(cluster, SETTINGS, "physics", stored) == {}


async def test_what_is_not_ours_is_never_taken_over_and_keeps_no_other() -> None:
    cluster = MemoryCluster()
    sources = KubernetesSources(cluster, SETTINGS)
    theirs = {"metadata": {"name": "work", "namespace": PLACE}, "status": {"phase": "Bound"}}
    cluster.put(CLAIM, theirs)
    cluster.failures["create", "PersistentVolume"] = [Refused(403, "Forbidden", "no")]
    await sources.ensure("physics", [mount(SIZED), mount(NAS), mount(FOLDER)])
    assert (await sources.look("physics", SIZED)).message.endswith("belongs to something else")
    assert (await sources.look("physics", NAS)).state is Health.MISSING
    assert ("PersistentVolume", "", data.claim_name(SETTINGS, "physics", mount(FOLDER))) in cluster.objects
