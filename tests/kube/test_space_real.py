"""A group's space, homes and snapshots on a real cluster: what Kubernetes itself allows and refuses."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.kubernetes import homes, manifests, naming, pods, snapshots
from collegium.backends.kubernetes.client import (
    CLAIM,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    RESOURCE_QUOTA,
    VOLUME,
    Cluster,
    Refused,
)
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.snapshots import PodCopier
from collegium.backends.kubernetes.space import KubernetesSpace
from collegium.backends.kubernetes.volumes import KubernetesVolumes
from collegium.backends.local.layout import Layout
from collegium.backends.ports import Snapshot
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, TooLarge, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import new_id
from collegium.domain.quota import Limits
from collegium.domain.resources import Resources
from support.cluster import STORAGE_CLASS, ClusterError, TestCluster

CPU = "50m"
LIMITS = Limits.parse({"cpu": "2", "memory": "2Gi", "storage": "10Gi", "cluster.test/gpu": 0})
PATIENCE = 90.0


async def until(question: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await question():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        await asyncio.sleep(0.2)


@dataclass
class Site:
    """One installation of its own on the cluster."""

    cluster: TestCluster
    api: Cluster
    settings: KubernetesSettings

    @property
    def space(self) -> KubernetesSpace:
        return KubernetesSpace(self.api, self.settings)

    def place(self, group: str) -> str:
        return self.settings.namespace_of(group)

    def refusal(self, body: Any) -> str:
        """What an administrator's ``kubectl create`` is told; empty if it is done."""
        try:
            self.cluster.kubectl("create", "-f", "-", stdin=json.dumps(body))
        except ClusterError as error:
            return str(error)
        return ""

    def pod(self, name: str, namespace: str, kind: str, *command: str, **limits: str) -> dict[str, Any]:
        """A pod such as ours, with this label and these limits."""
        container = {
            "name": "main",
            "image": self.cluster.images.hub,
            "imagePullPolicy": "IfNotPresent",
            "command": list(command) or ["sleep", "600"],
            "securityContext": pods.container_security(),
            "resources": _resources(limits),
        }
        spec = {**pods.base_pod(self.settings), "terminationGracePeriodSeconds": 0, "containers": [container]}
        if kind in ("hub", "proxy", "api"):
            labels = {naming.INSTANCE: self.settings.instance, naming.COMPONENT: kind}
            del spec["serviceAccountName"]
        else:
            labels = naming.labels(self.settings.instance, kind, "physics")
        metadata = {"name": name, "namespace": namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    async def run(self, pod: dict[str, Any], phase: str = "Running") -> dict[str, Any]:
        """Create a pod and wait until it is in this phase."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        await self.api.create(POD, pod, namespace)
        found: dict[str, Any] = {}

        async def there() -> bool:
            nonlocal found
            found = await self.api.get(POD, name, namespace)
            seen = found["status"].get("phase")
            assert seen != "Failed", self.cluster.kubectl("logs", "-n", namespace, name)
            return seen == phase and (phase != "Running" or bool(found["status"].get("podIP")))

        await until(there, f"{name} {phase}")
        return found

    async def gone(self, namespace: str) -> None:
        await self.api.delete(NAMESPACE, namespace)

        async def away() -> bool:
            try:
                await self.api.get(NAMESPACE, namespace)
            except NotFound:
                return True
            return False

        await until(away, f"the end of {namespace}")


def _resources(limits: dict[str, str]) -> dict[str, Any]:
    if not limits:
        return {}
    return pods.resource_requirements(Resources.parse(limits), Resources.parse({"cpu": CPU, "memory": "32Mi"}))


@pytest.fixture
async def site(cluster: TestCluster) -> AsyncIterator[Site]:
    name = f"t{secrets.token_hex(3)}"
    files = cluster.files_dir / name
    files.mkdir(mode=0o711)
    settings = KubernetesSettings(
        instance=name,
        control_namespace=f"{name}-control",
        namespace=f"{name}-{{group}}",
        tools_image=cluster.images.hub,
        files_dir=str(files),
        files_volume={"hostPath": {"path": str(files)}},
        files_capacity="1Gi",
        home_storage_class=STORAGE_CLASS,
        home_capacity="16Mi",
    )
    api = Cluster(kubeconfig=str(cluster.kubeconfig))
    made = Site(cluster, api, settings)
    try:
        yield made
    finally:
        ours = naming.selector({naming.INSTANCE: name})
        for namespace in (await api.list(NAMESPACE, labels=ours))[0]:
            await api.delete(NAMESPACE, namespace["metadata"]["name"])
        for volume in (await api.list(VOLUME, labels=ours))[0]:
            await api.delete(VOLUME, volume["metadata"]["name"])
        with contextlib.suppress(NotFound):
            await api.delete(NAMESPACE, settings.control_namespace)
        await api.close()
        shutil.rmtree(files, ignore_errors=True)


async def test_a_space_is_made_once_and_kept(site: Site) -> None:
    place = site.place("physics")
    await site.space.ensure("physics", LIMITS)
    before = await versions(site, place)
    assert {kind for kind, _ in before} == {"Namespace", "ResourceQuota", "NetworkPolicy", "PersistentVolumeClaim"}
    await site.space.ensure("physics", LIMITS)
    assert await versions(site, place) == before

    async def bound() -> bool:
        claim = await site.api.get(CLAIM, site.settings.files_claim, place)
        return bool(claim["status"]["phase"] == "Bound")

    await until(bound, "the files claim bound")
    await site.space.ensure("physics", Limits.parse({"cpu": "1"}))
    quota = await site.api.get(RESOURCE_QUOTA, manifests.NAME, place)
    assert quota["spec"]["hard"] == {"limits.cpu": "2", "services.loadbalancers": "0", "services.nodeports": "0"}
    # All again, as after the annotation got lost: nothing that is there stands in the way.
    await site.api.patch(NAMESPACE, place, {"metadata": {"annotations": {"collegium.io/space": None}}})
    await site.space.ensure("physics", LIMITS)


async def versions(site: Site, place: str) -> dict[tuple[str, str], str]:
    """What is there, and the version of what Kubernetes does not change by itself."""
    found = {("Namespace", place): (await site.api.get(NAMESPACE, place))["metadata"]["resourceVersion"]}
    for kind in (RESOURCE_QUOTA, NETWORK_POLICY, CLAIM):
        for body in (await site.api.list(kind, place))[0]:
            version = body["metadata"]["uid"] if kind is CLAIM else str(body["spec"])
            found[kind.name, body["metadata"]["name"]] = version
    return found


async def test_the_fences(site: Site) -> None:
    place = site.place("physics")
    await site.space.ensure("physics", LIMITS)

    async def counted() -> bool:
        quota = await site.api.get(RESOURCE_QUOTA, manifests.NAME, place)
        return bool((quota.get("status") or {}).get("hard"))

    await until(counted, "the quota counts")
    # Quota: two CPU and the headroom of one.
    big = site.pod("big", place, "job", cpu="3500m", memory="64Mi")
    assert "exceeded quota: collegium" in site.refusal(big)
    gpu = site.pod("gpu", place, "job", **{"cpu": "1", "memory": "64Mi", "cluster.test/gpu": "1"})
    assert "requests.cluster.test/gpu=1" in site.refusal(gpu)
    # Pod Security: no root, no privilege, no files of the node.
    changes: list[Callable[[Any], None]] = [
        lambda pod: pod["spec"].update(securityContext={}),
        lambda pod: pod["spec"]["containers"][0].update(securityContext={"privileged": True}),
        lambda pod: pod["spec"].update(hostNetwork=True),
        lambda pod: pod["spec"].update(volumes=[{"name": "node", "hostPath": {"path": "/"}}]),
    ]
    for change in changes:
        pod = site.pod("root", place, "job")
        change(pod)
        assert 'violates PodSecurity "restricted' in site.refusal(pod)
    # No door to the outside.
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "door", "namespace": place}}
    assert "services.nodeports" in site.refusal({**service, "spec": {"type": "NodePort", "ports": [{"port": 1}]}})
    # Defaults for a pod that names no limits.
    plain = await site.api.create(POD, site.pod("plain", place, "job"), place)
    assert plain["spec"]["containers"][0]["resources"] == {
        "limits": manifests.DEFAULT_LIMITS,
        "requests": manifests.DEFAULT_REQUESTS,
    }
    # A quota below what runs refuses what is new, and only that.
    small = await site.run(site.pod("small", place, "job", cpu="2", memory="64Mi"))
    await site.space.ensure("physics", Limits.parse({"cpu": "0"}))
    await asyncio.sleep(1)
    with pytest.raises(Refused, match="exceeded quota"):
        await site.api.create(POD, site.pod("more", place, "job", cpu="100m", memory="64Mi"), place)
    assert (await site.api.get(POD, "small", place))["metadata"]["uid"] == small["metadata"]["uid"]


def connect(site: Site, place: str, pod: str, address: str, port: int) -> bool:
    """Whether a program in that pod gets through."""
    code = (
        "import socket\n"
        f"try: socket.create_connection(('{address}', {port}), 2); print('reached')\n"
        "except OSError: print('not reached')\n"
    )
    return site.cluster.kubectl("exec", "-n", place, pod, "--", "python", "-c", code).strip() == "reached"


async def test_who_reaches_whom(site: Site) -> None:
    physics, maths, control = site.place("physics"), site.place("maths"), site.settings.control_namespace
    await site.api.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": control}})
    for group in ("physics", "maths"):
        await site.space.ensure(group, Limits.parse({"cpu": "4"}))
    serve = ("python", "-m", "http.server")
    server, hub, _, _, _ = await asyncio.gather(
        site.run(site.pod("server", physics, "server", *serve, "8888")),
        site.run(site.pod("hub", control, "hub", *serve, "8081")),
        site.run(site.pod("job", physics, "job", *serve, "8888")),
        site.run(site.pod("stranger", maths, "server", "sleep", "600")),
        site.run(site.pod("bystander", control, "api", "sleep", "600")),
    )
    to_server = (server["status"]["podIP"], 8888)
    to_hub = (hub["status"]["podIP"], 8081)
    to_job = ((await site.api.get(POD, "job", physics))["status"]["podIP"], 8888)
    asked: list[tuple[str, str, tuple[str, int], bool]] = [
        (control, "hub", to_server, True),
        (physics, "server", to_hub, True),
        (maths, "stranger", to_hub, True),
        (maths, "stranger", to_server, False),
        (physics, "job", to_server, False),
        (physics, "job", to_hub, False),
        (control, "hub", to_job, False),
        (control, "bystander", to_server, False),
        (physics, "server", to_job, False),
    ]
    for place, pod, (address, port), allowed in asked:

        async def as_wanted(place=place, pod=pod, address=address, port=port, allowed=allowed) -> bool:  # type: ignore[no-untyped-def]
            return await asyncio.to_thread(connect, site, place, pod, address, port) is allowed

        await until(as_wanted, f"{pod} in {place} {'reaches' if allowed else 'is kept from'} {address}:{port}")
    # With the opening inside a group, and only there.
    within = replace(site.settings, within_group=True)
    await KubernetesSpace(site.api, within).ensure("physics", Limits.parse({"cpu": "4"}))

    async def opened() -> bool:
        return await asyncio.to_thread(connect, site, physics, "job", *to_server)

    await until(opened, "the job reaches the server of its group")
    assert not await asyncio.to_thread(connect, site, maths, "stranger", *to_server)


async def test_remove_closes_and_keeps_and_ensure_opens(site: Site) -> None:
    place = site.place("physics")
    await site.space.ensure("physics", LIMITS)
    claim = await homes.ensure_home(site.api, site.settings, "alice", "physics")
    uid = (await site.api.get(CLAIM, claim, place))["metadata"]["uid"]
    for _ in range(2):
        await site.space.remove("physics")

    async def closed() -> bool:
        return "exceeded quota" in site.refusal(site.pod(f"p{secrets.token_hex(3)}", place, "job"))

    await until(closed, "no new pods")
    assert (await site.api.get(CLAIM, claim, place))["metadata"]["uid"] == uid
    assert (await site.api.get(NAMESPACE, place))["metadata"]["labels"][manifests.REMOVED] == "true"
    await site.space.ensure("physics", LIMITS)
    assert manifests.REMOVED not in (await site.api.get(NAMESPACE, place))["metadata"]["labels"]

    async def open_again() -> bool:
        return not site.refusal(site.pod("again", place, "job"))

    await until(open_again, "new pods again")


async def test_namespaces_that_are_not_ours_or_go_away(site: Site) -> None:
    place = site.place("physics")
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}}
    assert not site.refusal(body)
    try:
        with pytest.raises(Conflict, match="not of this installation"):
            await site.space.ensure("physics", LIMITS)
        with pytest.raises(Conflict):
            await site.space.remove("physics")
        assert (await site.api.list(NETWORK_POLICY, place))[0] == []
    finally:
        await site.gone(place)
    await site.space.ensure("physics", LIMITS)
    metadata = {"name": "slow", "namespace": place, "finalizers": ["example.org/slow"]}
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    assert not site.refusal(kept)
    await site.api.delete(NAMESPACE, place)
    try:
        with pytest.raises(Unavailable, match="being deleted"):
            await site.space.ensure("physics", LIMITS)
        with pytest.raises(Unavailable):
            await homes.ensure_home(site.api, site.settings, "alice", "physics")
    finally:
        patch = '{"metadata": {"finalizers": null}}'
        site.cluster.kubectl("patch", "configmap", "-n", place, "slow", "--type=merge", "-p", patch)
    await site.gone(place)
    # Made anew, with the volume that the old one released.
    await site.space.ensure("physics", LIMITS)

    async def bound() -> bool:
        claim = await site.api.get(CLAIM, site.settings.files_claim, place)
        return bool(claim["status"]["phase"] == "Bound")

    await until(bound, "the files claim bound again")


async def test_homes(site: Site) -> None:
    place = site.place("physics")
    with pytest.raises(Unavailable, match="being prepared"):
        await homes.ensure_home(site.api, site.settings, "alice", "physics")
    await site.space.ensure("physics", LIMITS)
    names = await asyncio.gather(
        *(homes.ensure_home(site.api, site.settings, "alice", "physics") for _ in range(5)),
    )
    assert len(set(names)) == 1

    async def bound() -> bool:
        return bool((await site.api.get(CLAIM, names[0], place))["status"]["phase"] == "Bound")

    await until(bound, "the home bound")
    larger = replace(site.settings, home_capacity="32Mi")
    await homes.ensure_home(site.api, larger, "alice", "physics")
    await homes.ensure_home(site.api, site.settings, "alice", "physics")
    claim = await site.api.get(CLAIM, names[0], place)
    assert claim["spec"]["resources"]["requests"]["storage"] == "32Mi"
    # Somebody else's, and nobody's, under the name of bob's.
    for notes, error in (
        ({naming.OWNER: "alice", naming.OWNER_GROUP: "physics"}, Forbidden),
        ({naming.OWNER: "bob", naming.OWNER_GROUP: "maths"}, Forbidden),
        (None, Conflict),
    ):
        foreign = homes.home_claim(site.settings, "bob", "physics")
        foreign["metadata"]["annotations"] = notes or {}
        await site.api.create(CLAIM, foreign, place)
        with pytest.raises(error):
            await homes.ensure_home(site.api, site.settings, "bob", "physics")
        with pytest.raises(error):
            await volumes_of(site).snapshot(new_id("job"), "bob", "physics", WorkingDirectory())
        name = foreign["metadata"]["name"]
        await site.api.delete(CLAIM, name, place)

        async def away(name: str = name) -> bool:
            try:
                await site.api.get(CLAIM, name, place)
            except NotFound:
                return True
            return False

        await until(away, "the foreign claim gone")
    assert (await site.api.list(POD, place))[0] == []


def volumes_of(site: Site, image: str = "") -> KubernetesVolumes:
    layout = Layout(Path(site.settings.files_dir))
    layout.prepare()
    settings = replace(site.settings, tools_image=image or site.cluster.images.hub)
    copier = PodCopier(site.api, settings, layout, 1 << 20, 40)
    return KubernetesVolumes(settings, layout, copier, 1 << 20, 40)


FURNISH = """
import os
os.chdir('/home/jovyan')
os.makedirs('data/deep', exist_ok=True)
open('a.py', 'w').write('print(1)')
open('data/deep/x', 'w').write('xx')
os.symlink('/etc/passwd', 'passwd')
os.symlink('/copy/job/request.json', 'request')
os.symlink('/proc/self', 'folder')
os.symlink('../..', 'data/up')
os.mkfifo('pipe')
for i in range(41):
    os.makedirs('many', exist_ok=True)
    open(f'many/{i}', 'w')
"""


async def test_a_pod_copies_a_home(site: Site) -> None:
    place, layout = site.place("physics"), Layout(Path(site.settings.files_dir))
    await site.space.ensure("physics", LIMITS)
    volumes = volumes_of(site)
    # No home yet: it is made, and holds nothing.
    job_id = new_id("job")
    assert await volumes.snapshot(job_id, "alice", "physics", WorkingDirectory()) == Snapshot(0, 0)
    writer = site.pod("writer", place, "job", "python", "-c", FURNISH, cpu="100m", memory="64Mi")
    volume, mount = homes.home_volume(site.settings, "alice", "physics")
    writer["spec"]["volumes"], writer["spec"]["containers"][0]["volumeMounts"] = [volume], [mount]
    await site.run(writer, "Succeeded")
    job_id = new_id("job")
    started = time.monotonic()
    taken = await volumes.snapshot(job_id, "alice", "physics", WorkingDirectory("data"))
    print(f"a snapshot by pod took {time.monotonic() - started:.1f} s")
    assert taken == Snapshot(1, 2)
    source = layout.job(job_id) / "source"
    assert [(p.name, p.read_text()) for p in source.rglob("*") if p.is_file()] == [("x", "xx")]
    assert not any(p.is_symlink() for p in source.rglob("*"))
    assert source.stat().st_uid == site.settings.uid
    for wanted, field in (
        (WorkingDirectory("folder"), "working_directory.path"),
        (WorkingDirectory("data/up"), "working_directory.path"),
        (WorkingDirectory("nowhere"), "working_directory.path"),
        (WorkingDirectory("", ("a.py", "passwd")), "working_directory.files.1"),
        (WorkingDirectory("", ("request",)), "working_directory.files.0"),
        (WorkingDirectory("", ("data/up/etc/passwd",)), "working_directory.files.0"),
        (WorkingDirectory("", ("pipe",)), "working_directory.files.0"),
    ):
        with pytest.raises(InvalidInput) as caught:
            await volumes.snapshot("job-refused", "alice", "physics", wanted)
        assert caught.value.details["field"] == field
    with pytest.raises(TooLarge, match="more than 40 files"):
        await volumes.snapshot("job-refused", "alice", "physics", WorkingDirectory("many"))
    assert "job-refused" not in await volumes.snapshots()
    assert list(layout.tmp.iterdir()) == []
    copies = naming.selector({naming.INSTANCE: site.settings.instance, naming.KIND: naming.COPY})

    async def no_pods() -> bool:
        return (await site.api.list(POD, place, labels=copies))[0] == []

    await until(no_pods, "no copy pod left")
    # The same job again, from what is there; then from nothing at all.
    assert await volumes.snapshot(job_id, "alice", "physics", WorkingDirectory("data")) == taken
    await volumes.discard(job_id)
    assert job_id not in await volumes.snapshots()


async def test_copies_that_fail(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    place = site.place("physics")
    await site.space.ensure("physics", LIMITS)
    with pytest.raises(Unavailable, match=r"ErrImageNeverPull|ErrImagePull|ImagePullBackOff|in time"):
        await volumes_of(site, "localhost/there-is-none:1").snapshot("job-one", "alice", "physics", WorkingDirectory())
    monkeypatch.setitem(snapshots.RESOURCES, "limits", {"cpu": "100", "memory": "256Mi"})
    with pytest.raises(Unavailable, match="exceeded quota"):
        await volumes_of(site).snapshot("job-one", "alice", "physics", WorkingDirectory())
    monkeypatch.undo()
    # A pod of the same name that a killed service left in the middle of its work.
    left = snapshots.copy_pod(site.settings, "job-one", "alice", "physics", "tmp/of-another-life")
    left["spec"]["containers"][0]["command"] = ["sleep", "600"]
    (Path(site.settings.files_dir) / "tmp" / "of-another-life").mkdir(mode=0o777)
    await site.run(left)
    assert await volumes_of(site).snapshot("job-one", "alice", "physics", WorkingDirectory()) == Snapshot(0, 0)

    async def no_pods() -> bool:
        return (await site.api.list(POD, place))[0] == []

    await until(no_pods, "no pod left")
