"""The pod of a launch, as the spawner makes it: what is on it, what never is, and what does not stay for the next."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jupyterhub.spawner import SpawnException
from traitlets.config import Config

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.data import TREES
from collegium.domain.catalog import AccessMode, Dataset, Image, InstanceType, Placement, SourceKind
from collegium.domain.errors import InvalidInput
from collegium.domain.launch import LaunchSpec
from collegium.domain.mounts import Mount, dataset_mount, project_mount
from collegium.domain.resources import Resources
from collegium.spawner.kube_manifest import MAX_VARIABLE, is_ours
from support.kube_bench import NAMESPACE, OPTIONS, TOKEN, KubeBench, kube_bench

GIB = 1 << 30
PLAIN = InstanceType("pod", "Pod", Resources({"cpu": 1500, "memory": GIB}))
RICH = InstanceType(
    "gpu",
    "GPU",
    Resources({"cpu": 3001, "memory": 3 * GIB + 1, "nvidia.com/gpu": 2, "storage": 5 * GIB, "count/jobs": 1}),
    Resources({"cpu": 250, "memory": GIB, "nvidia.com/gpu": 2}),
    placement=Placement(
        {"pool": "gpu"},
        ({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},),
        {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}]}},
        "important",
        2 * GIB,
    ),
)  # fmt: skip
IMAGE = Image("container", "Container", "registry.example/lab:1", variables={"A": "$(JUPYTERHUB_API_TOKEN)\n$$"})
PRIVATE = Image("private", "Private", "registry.example/private@sha256:0", pull_secret="registry-key")


@pytest.fixture
async def bench(demo_database, tmp_path, monkeypatch) -> AsyncIterator[KubeBench]:
    async with kube_bench(demo_database, tmp_path, monkeypatch, pull_secrets=["of-all"]) as found:
        yield found


async def manifest(
    spawner: Any,
    size: InstanceType = PLAIN,
    image: Image = IMAGE,
    group: str = "physics",
    mounts: tuple[Mount, ...] = (),
) -> Any:
    """The pod for a launch, without the policy before it."""
    spec = LaunchSpec(group, spawner.user.name, size, image, mounts=mounts)
    spawner.begin()
    spawner.launch = spec
    await spawner.apply_launch(spec)
    pod = await spawner.manifest()
    kubernetes_validate.validate({"apiVersion": "v1", "kind": "Pod", **pod}, "1.35", strict=True)
    return json.loads(json.dumps(pod))


def environment(pod: Any) -> dict[str, Any]:
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in pod["spec"]["containers"][0]["env"]}


async def test_shared_files_and_datasets_are_where_jobs_have_them(bench) -> None:
    spawner = bench.spawner()
    claim = {"name": spawner.kubernetes.files_claim, "annotations": {TREES: "made"}}
    bench.api.put("persistentvolumeclaims", {"metadata": claim}, NAMESPACE)
    digits = Dataset("digits", "Digits", SourceKind.MANAGED, {}, owner="chemistry")
    mounts = (
        project_mount("physics", spawner.mount_abilities),
        dataset_mount(digits, "physics", AccessMode.READ_ONLY),
    )
    pod = await manifest(spawner, mounts=mounts)
    (container,) = pod["spec"]["containers"]
    assert container["volumeMounts"][-2:] == [
        {"name": "files", "mountPath": "/project/physics", "subPath": "shared/physics/files"},
        {
            "name": "files",
            "mountPath": "/datasets/digits",
            "subPath": "shared/chemistry/datasets/digits/head",
            "readOnly": True,
        },
    ]
    files = {"name": "files", "persistentVolumeClaim": {"claimName": spawner.kubernetes.files_claim}}
    assert pod["spec"]["volumes"][-1] == files
    env = environment(pod)
    assert (env["COLLEGIUM_DATASETS"], env["COLLEGIUM_PROJECT"]) == ("/datasets", "/project/physics")
    told = json.loads(pod["metadata"]["annotations"][naming.LAUNCH])["mounts"]
    assert [(m["dataset"], m["access"]) for m in told] == [("", "rw"), ("digits", "ro")]
    # Nobody has looked at it yet: the hub can make no tree, and a pod would get one of root's.
    assert spawner.mount_abilities.to_be_seen


async def test_a_plain_server_to_the_letter(bench) -> None:
    pod = await manifest(bench.spawner())
    start = pod["metadata"]["annotations"].pop("collegium.io/start")
    assert re.fullmatch("[0-9a-f]{16}", start)
    claim = naming.home_claim_name("ann", "physics")
    (container,) = pod["spec"].pop("containers")
    env = {e["name"]: e["value"] for e in container.pop("env")}
    assert pod == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": naming.server_pod_name("ann", "physics"),
            "namespace": NAMESPACE,
            "labels": {
                "app": "jupyterhub",
                "heritage": "jupyterhub",
                "component": "singleuser-server",
                "app.kubernetes.io/name": "jupyterhub",
                "app.kubernetes.io/component": "singleuser-server",
                "app.kubernetes.io/managed-by": "collegium",
                "app.kubernetes.io/instance": "collegium",
                "hub.jupyter.org/username": "ann",
                "hub.jupyter.org/servername": "physics",
                "collegium.io/kind": "server",
                "collegium.io/group": "physics",
                "collegium.io/user": naming.user_label("ann"),
            },
            "annotations": {
                "hub.jupyter.org/username": "ann",
                "hub.jupyter.org/servername": "physics",
                "hub.jupyter.org/kubespawner-version": pod["metadata"]["annotations"][
                    "hub.jupyter.org/kubespawner-version"
                ],
                "hub.jupyter.org/jupyterhub-version": pod["metadata"]["annotations"][
                    "hub.jupyter.org/jupyterhub-version"
                ],
                "collegium.io/owner": "ann",
                "collegium.io/owner-group": "physics",
                "collegium.io/server": "physics",
                "collegium.io/launch": pod["metadata"]["annotations"]["collegium.io/launch"],
            },
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "imagePullSecrets": [{"name": "of-all"}],
            "restartPolicy": "OnFailure",
            "securityContext": {
                "fsGroup": 1000,
                "fsGroupChangePolicy": "OnRootMismatch",
                "runAsGroup": 1000,
                "runAsNonRoot": True,
                "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "serviceAccountName": "collegium-workload",
            "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }
    assert container == {
        "name": "notebook",
        "args": ["jupyterhub-singleuser"],
        "image": "registry.example/lab:1",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 8888, "name": "notebook-port"}],
        "resources": {
            "limits": {"cpu": "1500m", "memory": "1Gi"},
            "requests": {"cpu": "1500m", "memory": "1Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "privileged": False,
            "runAsGroup": 1000,
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"mountPath": "/home/jovyan", "name": "home"}],
        "workingDir": "/home/jovyan",
    }
    assert env["A"] == "$$(JUPYTERHUB_API_TOKEN)\n$$$$"
    told = ("HOME", "CPU_LIMIT", "MEM_LIMIT", "OMP_NUM_THREADS", "COLLEGIUM_GROUP", "JUPYTERHUB_API_TOKEN")
    assert [env[n] for n in told] == ["/home/jovyan", "1.5", str(GIB), "2", "physics", TOKEN]


async def test_all_that_an_instance_type_and_an_image_can_ask_for(bench) -> None:
    pod = await manifest(bench.spawner(), RICH, PRIVATE)
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert container["resources"] == {
        "limits": {"cpu": "3001m", "memory": str(3 * GIB + 1), "nvidia.com/gpu": "2"},
        "requests": {"cpu": "250m", "memory": "1Gi"},
    }
    assert (spec["nodeSelector"], spec["priorityClassName"]) == ({"pool": "gpu"}, "important")
    assert spec["tolerations"] == [dict(RICH.placement.tolerations[0])]
    assert spec["affinity"] == RICH.placement.affinity
    assert spec["imagePullSecrets"] == [{"name": "of-all"}, {"name": "registry-key"}]
    assert spec["volumes"][1] == {"name": "shared-memory", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}
    assert container["volumeMounts"][1] == {"name": "shared-memory", "mountPath": "/dev/shm"}
    launch = json.loads(pod["metadata"]["annotations"]["collegium.io/launch"])
    assert (launch["instance_type"], launch["limits"]["nvidia.com/gpu"], launch["reference"]) == (
        "gpu",
        "2",
        PRIVATE.reference,
    )


async def test_nothing_of_one_start_is_in_the_next(bench) -> None:
    config = Config()
    config.GroupKubeSpawner.extra_labels = {"cost-centre": "4711"}
    config.GroupKubeSpawner.node_selector = {"pool": "cpu"}
    config.KubeSpawner.extra_resource_limits = {"ephemeral-storage": "5Gi"}
    spawner, fresh = bench.spawner(config=config), bench.spawner(config=config)
    rich = await manifest(spawner, RICH, PRIVATE)
    assert rich["spec"]["nodeSelector"] == {"pool": "gpu"}
    after = await manifest(spawner, PLAIN, IMAGE, "chemistry")
    never = await manifest(fresh, PLAIN, IMAGE, "chemistry")
    for pod in (after, never):
        del pod["metadata"]["annotations"]["collegium.io/start"]
    assert after == never
    assert after["metadata"]["namespace"] == "collegium-chemistry"
    assert after["metadata"]["labels"]["cost-centre"] == "4711"
    assert after["spec"]["nodeSelector"] == {"pool": "cpu"}
    assert after["spec"]["containers"][0]["resources"]["limits"]["ephemeral-storage"] == "5Gi"
    assert not {"tolerations", "affinity", "priorityClassName"} & after["spec"].keys()


async def test_the_operators_traits_and_hook_are_the_base_and_cannot_weaken_what_isolates(bench) -> None:
    config = Config()
    of = config.GroupKubeSpawner
    of.privileged, of.allow_privilege_escalation, of.uid, of.fs_gid = True, True, 0, 0
    of.container_security_context = {"readOnlyRootFilesystem": True, "capabilities": {"add": ["SYS_ADMIN"]}}
    of.pod_security_context = {"runAsNonRoot": False, "sysctls": []}
    of.service_account, of.automount_service_account_token = "cluster-admin", True
    of.extra_labels = {naming.GROUP: "biology", "app.kubernetes.io/managed-by": "me", "mine": "yes"}
    of.extra_annotations = {naming.OWNER: "bob"}
    of.extra_pod_config = {"hostNetwork": True, "hostPID": True, "dnsPolicy": "Default"}
    of.tolerations = [{"key": "user", "operator": "Exists"}]
    of.image_pull_secrets = ["operators"]
    of.image, of.image_pull_policy = "evil", "Always"
    of.volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-{username}"}}]
    of.volume_mounts = [{"name": "data", "mountPath": "/data"}, {"name": "data", "mountPath": "/home/jovyan/"}]
    of.node_affinity_required = [{"matchExpressions": [{"key": "purpose", "operator": "In", "values": ["user"]}]}]
    of.storage_pvc_ensure = True
    of.enable_user_namespaces = True
    of.profile_list = [{"display_name": "Root", "default": True, "kubespawner_override": {"image": "evil"}}]
    of.environment = {"SITE": "{username}", "SECRET": {"value_from": {"secretKeyRef": {"name": "s", "key": "k"}}}}

    def hook(_spawner: Any, pod: Any) -> Any:
        pod.metadata.annotations["hook"] = "was here"
        pod.spec.host_ipc = True
        return pod

    of.modify_pod_hook = hook
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
        {"matchExpressions": [{"key": "b", "operator": "Exists"}]}]}}}  # fmt: skip
    size = InstanceType("pod", "Pod", PLAIN.limits, placement=Placement(affinity=affinity))
    pod = await manifest(bench.spawner(config=config), size)
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert spec["securityContext"] == {
        "fsGroup": 1000,
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
        "sysctls": [],
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 1000,
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("collegium-workload", False)
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert spec["dnsPolicy"] == "Default"
    assert pod["metadata"]["annotations"]["hook"] == "was here"
    assert pod["metadata"]["annotations"][naming.OWNER] == "ann"
    assert pod["metadata"]["labels"]["mine"] == "yes"
    assert pod["metadata"]["labels"][naming.GROUP] == "physics"
    assert pod["metadata"]["labels"][naming.MANAGED_BY] == "collegium"
    assert pod["metadata"]["namespace"] == NAMESPACE
    assert (container["image"], container["imagePullPolicy"]) == (IMAGE.reference, "Always")
    assert [s["name"] for s in spec["imagePullSecrets"]] == ["operators", "of-all"]
    assert spec["tolerations"] == [{"key": "user", "operator": "Exists"}]
    assert [v["name"] for v in spec["volumes"]] == ["data", "home"]
    assert spec["volumes"][0]["persistentVolumeClaim"]["claimName"] == "data-ann"
    assert [m["mountPath"] for m in container["volumeMounts"]] == ["/data", "/home/jovyan"]
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [[e["key"] for e in t["matchExpressions"]] for t in terms] == [["purpose", "a"], ["purpose", "b"]]
    env = environment(pod)
    assert env["SITE"] == "ann"
    assert env["SECRET"] == {"secretKeyRef": {"name": "s", "key": "k"}}


async def test_a_volume_named_like_ours_is_refused_by_name(bench) -> None:
    config = Config()
    config.GroupKubeSpawner.volumes = [{"name": "home", "emptyDir": {}}]
    with pytest.raises(InvalidInput, match="volumes: is the name of a volume that every server has"):
        await manifest(bench.spawner(config=config))


async def test_variables_are_not_replaced_as_a_whole(bench, caplog) -> None:
    # KubeSpawner would write the variables that it replaces to the log.
    config = Config()
    config.KubeSpawner.extra_container_config = {"env": []}
    caplog.set_level("DEBUG")
    with pytest.raises(InvalidInput, match=r"extra_container_config\.env: is not supported"):
        await manifest(bench.spawner(config=config))
    assert TOKEN not in caplog.text


async def test_settings_of_the_installation(demo_database, tmp_path, monkeypatch) -> None:
    more = {"namespace": "all", "homes": "shared", "files_dir": str(tmp_path), "uid": 2000, "gid": 3000}
    more |= {"node_selector": {"pool": "mine"}, "tolerations": [{"operator": "Exists"}], "home_mount": "/work"}
    more |= {"image_pull_policy": "Never", "server_port": 9999, "instance": "other"}
    async with kube_bench(demo_database, tmp_path, monkeypatch, **more) as bench:
        pod = await manifest(bench.spawner(), RICH)
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert pod["metadata"]["namespace"] == "all"
    assert pod["metadata"]["labels"][naming.INSTANCE] == "other"
    assert spec["nodeSelector"] == {"pool": "mine"}
    assert spec["tolerations"][0] == {"operator": "Exists"}
    # The files volume is everybody's: its owner must not be changed by a pod that mounts a part of it.
    assert "fsGroup" not in spec["securityContext"]
    assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsGroup"]) == (2000, 3000)
    home = naming.home_claim_name("ann", "physics")
    assert container["volumeMounts"][0] == {"name": "home", "mountPath": "/work", "subPath": f"homes/{home}"}
    assert (container["imagePullPolicy"], container["ports"][0]["containerPort"]) == ("Never", 9999)
    assert environment(pod)["HOME"] == "/work"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BIG", "x" * (1 << 20), f"environment.BIG: has {(1 << 20) + 4} bytes with its name, at most {MAX_VARIABLE}"),
        ("NUL", "a\0secret", "environment.NUL: must not hold a NUL character"),
        ("HALF", "\ud800secret", "environment.HALF: is not valid Unicode text"),
    ],
)
async def test_what_no_process_can_have_is_refused_without_its_value(bench, name, value, message) -> None:
    image = Image("container", "Container", "x", variables={name: value})
    with pytest.raises(InvalidInput) as caught:
        await manifest(bench.spawner(), PLAIN, image)
    assert message in caught.value.message
    assert "secret" not in caught.value.message and "xxx" not in caught.value.message


async def test_many_large_variables_are_refused_together(bench) -> None:
    image = Image("container", "Container", "x", variables={f"V{i}": "x" * 100_000 for i in range(6)})
    with pytest.raises(InvalidInput, match=r"environment: has \d+ bytes in \d+ variables, at most 524288 are allowed"):
        await manifest(bench.spawner(), PLAIN, image)


async def test_an_image_without_a_reference(bench) -> None:
    bench.offer([PLAIN], [Image("container", "Container", environment="hub")])
    with pytest.raises(SpawnException, match="The image Container has no container image"):
        await bench.spawner(options=OPTIONS).start()
    assert bench.live() == []


async def test_hub_words_cannot_be_set_by_an_image(bench) -> None:
    image = Image("c", "C", "x", variables={"JUPYTERHUB_API_TOKEN": "stolen", "JPY_USER": "x", "COLLEGIUM_GROUP": "y"})
    env = environment(await manifest(bench.spawner(), PLAIN, image))
    assert env["JUPYTERHUB_API_TOKEN"] == TOKEN
    assert "JPY_USER" not in env
    assert env["COLLEGIUM_GROUP"] == "physics"


def test_whose_pod_it_is() -> None:
    labels = naming.labels("i", naming.SERVER, "g", "ann")
    notes = {naming.OWNER: "ann", "collegium.io/server": ""}
    pod = {"metadata": {"labels": labels, "annotations": notes}}
    assert is_ours(pod, "i", "ann", "")
    for instance, user, server in (("j", "ann", ""), ("i", "bob", ""), ("i", "ann", "x")):
        assert not is_ours(pod, instance, user, server)
    assert not is_ours({"metadata": {}}, "i", "ann", "")
    assert not is_ours({"metadata": {"labels": labels}}, "i", "ann", "")


# Anything that can be asked for, on one spawner after another.

_NAME = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,30}", fullmatch=True)
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
_VALUE = st.one_of(_TEXT, st.lists(st.sampled_from(["$", "$$", "(", ")", "$(A)", "{0}", "{x", "\n", "a"])).map("".join))
_AMOUNTS = st.dictionaries(
    st.sampled_from(["cpu", "memory", "nvidia.com/gpu", "amd.com/gpu", "storage", "count/jobs"]),
    st.integers(1, 2**53),
)
_LABEL = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,20}[a-z0-9])?", fullmatch=True)
_PLACEMENT = st.builds(
    Placement,
    node_selector=st.dictionaries(_LABEL, _LABEL, max_size=3),
    tolerations=st.lists(st.fixed_dictionaries({"key": _LABEL, "operator": st.just("Exists")}), max_size=2).map(tuple),
    priority_class=st.one_of(st.just(""), _LABEL),
    shared_memory=st.integers(0, 2**40),
)
_SIZE = st.builds(
    InstanceType,
    name=_LABEL,
    display_name=_TEXT,
    limits=_AMOUNTS.map(Resources),
    requests=_AMOUNTS.map(Resources),
    placement=_PLACEMENT,
)
_IMAGE = st.builds(
    Image,
    name=_LABEL,
    display_name=_TEXT,
    reference=_TEXT.filter(bool),
    variables=st.dictionaries(_NAME, _VALUE, max_size=4),
    pull_secret=st.one_of(st.just(""), _LABEL),
)


def expanded(values: list[tuple[str, str]]) -> dict[str, str]:
    """What the kubelet makes of a list of variables: ``$(NAME)`` of earlier ones, ``$$`` for ``$``."""
    known: dict[str, str] = {}
    for name, value in values:
        out, at = [], 0
        while at < len(value):
            if value[at] != "$" or at + 1 == len(value):
                out.append(value[at])
                at += 1
            elif value[at + 1] == "$":
                out.append("$")
                at += 2
            elif value[at + 1] == "(" and ")" in value[at:]:
                end = value.index(")", at)
                inner = value[at + 2 : end]
                out.append(known.get(inner, value[at : end + 1]))
                at = end + 1
            else:
                out.append(value[at : at + 2])
                at += 2
        known[name] = "".join(out)
    return known


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    found = asyncio.new_event_loop()
    yield found
    found.close()


def test_whatever_is_asked_the_pod_is_restricted_and_literal(loop, demo_database, tmp_path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        context = kube_bench(demo_database, tmp_path, patch)

        async def enter() -> tuple[KubeBench, Any]:
            bench = await context.__aenter__()
            return bench, bench.spawner(server="any {server}")

        _bench, spawner = loop.run_until_complete(enter())

        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(_SIZE, _IMAGE, st.sampled_from(["physics", "chemistry"]))
        def check(size: InstanceType, image: Image, group: str) -> None:
            pod = loop.run_until_complete(manifest(spawner, size, image, group))
            spec, container = pod["spec"], pod["spec"]["containers"][0]
            assert len(pod["metadata"]["name"]) <= 63
            assert pod["metadata"]["namespace"] == f"collegium-{group}"
            assert container["image"] == image.reference
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert spec["automountServiceAccountToken"] is False
            assert {v for volume in spec["volumes"] for v in volume} <= {"name", "persistentVolumeClaim", "emptyDir"}
            for part in container["resources"].values():
                assert all(re.fullmatch(r"[0-9]+(m|[KMGTPE]i)?", amount) for amount in part.values())
            assert all(
                re.fullmatch(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", v) for v in pod["metadata"]["labels"].values()
            )
            got = expanded([(e["name"], e["value"]) for e in container["env"] if "value" in e])
            reserved = ("JUPYTERHUB_", "JPY_", "COLLEGIUM_")
            for name, value in image.variables.items():
                if not name.startswith(reserved):
                    assert got[name] == value
            notes = pod["metadata"]["annotations"]
            assert json.loads(notes[naming.LAUNCH])["reference"] == image.reference
            assert TOKEN not in json.dumps(pod["metadata"])
            assert not any(v in notes[naming.LAUNCH] for v in image.variables.values() if len(v) > 20)

        try:
            check()
        finally:
            loop.run_until_complete(context.__aexit__(None, None, None))
