"""Two groups and one dataset on a real cluster: read-only in one, writable in the other, in pods of servers and jobs.

What the controller does is done here by its own parts; hub and servers are as everywhere.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collegium.backends import kubernetes
from collegium.backends.kubernetes import data
from collegium.backends.kubernetes.client import CLAIM, VOLUME, Cluster
from collegium.backends.kubernetes.settings import VARIABLE, KubernetesSettings
from collegium.backends.ports import Backend, RunRequest
from collegium.catalog.mounts import mounts_of
from collegium.cipher import Cipher
from collegium.db import Database
from collegium.domain.catalog import Dataset, Image, SourceKind
from collegium.domain.datasets import Health, SourceHealth
from collegium.domain.errors import NotFound
from collegium.domain.names import new_id
from collegium.domain.resources import Resources
from collegium.services.controller.spaces import GroupSpaces
from collegium.services.metrics import Metrics
from collegium.stores.posix import PosixStore
from support.cluster import TestCluster
from support.hub import Hub, find_proxy, until
from support.kernels import run_code

CATALOG = """
version: 1
users: [{{name: ann}}]
instance_types:
  - {{name: small, limits: {{cpu: "1", memory: 768Mi}}, requests: {{cpu: 10m, memory: 64Mi}}, everyone: true}}
images:
  - {{name: lab, reference: "{image}", everyone: true}}
datasets:
  - {{name: digits, kind: managed}}
  - {{name: scans, kind: folder, source: {{path: "{scans}"}}}}
  - {{name: old, kind: claim, source: {{claim: nobody-made-it}}}}
groups:
  - {{name: physics, members: {{ann: admin}}, datasets: [{{name: digits, access: rw}}, scans, old]}}
  - {{name: chemistry, members: {{ann: member}}, datasets: [digits]}}
"""
TRY = """
import os
for path in ("/datasets/digits/seen", "/datasets/digits/new", "/project/" + os.environ["COLLEGIUM_GROUP"] + "/new"):
    try:
        with open(path, "a") as file:
            file.write("more")
        print("wrote", path)
    except OSError as error:
        print("refused", path, error.strerror)
print(sorted(os.listdir("/datasets")), open("/datasets/digits/seen").read(5))
"""


class Site:
    """A hub whose servers are pods, a backend for jobs, and the controller's part that looks after groups."""

    def __init__(self, cluster: TestCluster, folder: Path) -> None:
        self.cluster, word = cluster, f"mt{uuid.uuid4().hex[:6]}"
        self.files = cluster.files_dir / word
        self.scans = self.files / "scans-of-the-node"
        self.scans.mkdir(parents=True)
        (self.scans / "one").write_text("scan")
        for path in (self.files, self.scans):
            os.chown(path, 1000, 1000)
        self.settings = KubernetesSettings(
            instance=word,
            namespace=word + "-{group}",
            control_namespace="default",
            tools_image=cluster.images.hub,
            home_capacity="64Mi",
            files_dir=str(self.files),
            files_volume={"hostPath": {"path": str(self.files)}},
            dataset_host_paths=[str(self.scans)],
        )
        catalog = folder / "catalog.yaml"
        catalog.write_text(CATALOG.format(image=cluster.images.user, scans=self.scans))
        self.hub = Hub(folder / "hub", catalog, find_proxy())
        with (self.hub.folder / "config.py").open("a") as config:
            config.write(f"""
c.JupyterHub.spawner_class = "collegium.spawner.kube.GroupKubeSpawner"
c.JupyterHub.hub_ip = {cluster.host_ip!r}
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 180
""")
        self.hub._environment |= {"KUBECONFIG": str(cluster.kubeconfig), VARIABLE: self.settings.to_json()}

    def backend(self) -> Backend:
        """Jobs, groups' spaces and sources."""
        kubeconfig = str(self.cluster.kubeconfig)
        return kubernetes.create(settings=self.settings, kubeconfig=kubeconfig, cipher=Cipher.generate())

    async def prepare(self, backend: Backend, database: Database) -> None:
        """What the controller does for groups and their datasets, in this order; the hub is on this machine, so that
        policies of its pod do not let it in."""
        store = PosixStore(self.files / data.SHARED, 1000, 1000)
        try:
            spaces = GroupSpaces(database, backend, Metrics(), store)
            await spaces.round()
            await spaces.settle()
        finally:
            await store.close()
        for group in ("physics", "chemistry"):
            place = self.settings.namespace_of(group)
            self.cluster.kubectl("delete", "networkpolicies", "--all", "-n", place)
        assert backend.sources is not None
        with database.read() as uow:
            datasets = uow.catalog.datasets()
        for dataset in datasets:
            found = await self._looked(backend, dataset)
            with database.write() as uow:
                uow.dataset_health.put(dataset.name, [found])

    async def _looked(self, backend: Backend, dataset: Dataset) -> SourceHealth:
        assert backend.sources is not None
        if dataset.kind is SourceKind.MANAGED:
            return SourceHealth(dataset.name, Health.OK)
        async with asyncio.timeout(60):
            while True:
                found = await backend.sources.look("physics", dataset)
                if dataset.kind is SourceKind.CLAIM or found.state is Health.OK:
                    return found
                await asyncio.sleep(0.2)

    def forget(self) -> None:
        """Take all of it off the cluster."""
        for group in ("physics", "chemistry"):
            place = self.settings.namespace_of(group)
            self.cluster.kubectl("delete", "namespace", place, "--wait=false", "--ignore-not-found")
        mine = f"app.kubernetes.io/instance={self.settings.instance}"
        self.cluster.kubectl("delete", "persistentvolumes", "-l", mine, "--wait=false")
        shutil.rmtree(self.files, ignore_errors=True)


@pytest.fixture(scope="module")
def site(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(cluster, tmp_path_factory.mktemp("mounts"))
    try:
        yield made
    finally:
        for group in ("physics", "chemistry"):
            if made.hub.server("ann", group):
                made.hub.api("DELETE", f"/users/ann/servers/{group}")
        made.hub.close()
        made.forget()


async def job(backend: Backend, database: Database, group: str, image: str) -> str:
    """What a job of the group prints."""
    with database.read() as uow:
        mounts = mounts_of(uow, uow.catalog.offer(group), backend.mounts)
    key = f"{new_id('job')}.1"
    size, asked = Resources.parse({"cpu": "1", "memory": "256Mi"}), Resources.parse({"cpu": "10m", "memory": "16Mi"})
    argv = ["python", "-c", TRY.replace("{", "{{").replace("}", "}}")]
    known = Image("lab", "Lab", reference=image)
    request = RunRequest(key, key[:-2], group, "ann", argv, known, size, requests=asked, mounts=mounts)
    await backend.jobs.start(request)
    async with asyncio.timeout(120):
        while not (await backend.jobs.observe())[key].phase.final:
            await asyncio.sleep(0.2)
    text = (await backend.logs.read(key)).data.decode()
    await backend.jobs.forget(key)
    return text


def check(printed: str, group: str) -> None:
    """Written in physics, refused in chemistry."""
    seen, new, shared, listed = printed.splitlines()[-4:]
    assert shared == f"wrote /project/{group}/new", printed
    if group == "physics":
        assert (seen, new) == ("wrote /datasets/digits/seen", "wrote /datasets/digits/new"), printed
        assert listed == "['digits', 'scans'] first", printed
    else:
        denied = [f"refused /datasets/digits/{name} Read-only file system" for name in ("seen", "new")]
        assert [seen, new] == denied and listed == "['digits'] first", printed


def test_one_dataset_in_two_groups(site: Site) -> None:
    site.hub.start()
    database = site.hub.database()
    try:
        asyncio.run(_jobs_and_sources(site, database))
        _servers(site)
        asyncio.run(_revoked(site, database))
    finally:
        database.close()
    head = site.files / data.SHARED / "_platform/datasets/digits/head"
    assert (head / "seen").read_text().startswith("first") and (head / "new").read_text().count("more") == 2
    for path in (head, site.files / data.SHARED / "physics/files"):
        assert path.stat().st_uid == 1000, path


async def _jobs_and_sources(site: Site, database: Database) -> None:
    backend = site.backend()
    assert backend.close is not None
    try:
        await site.prepare(backend, database)
        seen = site.files / data.SHARED / "_platform/datasets/digits/head/seen"
        seen.write_text("first")
        os.chown(seen, 1000, 1000)
        with database.read() as uow:
            plan = {m.dataset: m.problem for m in mounts_of(uow, uow.catalog.offer("physics"), backend.mounts)}
        assert "there is no claim nobody-made-it" in plan.pop("old") and set(plan.values()) == {""}
        printed = await asyncio.gather(
            *(job(backend, database, group, site.cluster.images.user) for group in ("physics", "chemistry"))
        )
        for group, text in zip(("physics", "chemistry"), printed, strict=True):
            check(text, group)
    finally:
        await backend.close()


def _servers(site: Site) -> None:
    token = site.hub.api("POST", "/users", {"usernames": ["ann"]}).json() and _token(site.hub)
    options = {"instance_type": "small", "image": "lab"}
    for group in ("physics", "chemistry"):
        answer = site.hub.api("POST", f"/users/ann/servers/{group}", {**options, "group": group})
        assert answer.status_code in (201, 202), answer.text
    for group in ("physics", "chemistry"):
        until(lambda group=group: site.hub.server("ann", group).get("ready"), 150, f"{group}: {site.hub.log[-3000:]}")
        check(run_code(f"{site.hub.url}/user/ann/{group}", token, TRY), group)
    state: dict[str, Any] = site.hub.api("GET", "/users/ann?include_stopped_servers").json()["servers"]["physics"]
    assert state["ready"]


def _token(hub: Hub) -> str:
    scopes = ["access:servers!user=ann"]
    return str(hub.api("POST", "/users/ann/tokens", {"note": "test", "scopes": scopes}).json()["token"])


async def _revoked(site: Site, database: Database) -> None:
    """The twin of a source goes when nobody has it any more, and its claim not before."""
    backend, api = site.backend(), Cluster(kubeconfig=str(site.cluster.kubeconfig))
    assert backend.close is not None and backend.sources is not None
    place = site.settings.namespace_of("physics")
    try:
        (twin,) = (v["metadata"]["name"] for v in (await api.list(VOLUME, labels=_twins(site)))[0])
        await backend.sources.tidy("physics", ())
        claim = await api.get(CLAIM, twin, place)
        assert claim["metadata"]["deletionTimestamp"]
        assert (
            run_code(f"{site.hub.url}/user/ann/physics", _token(site.hub), "print(open('/datasets/scans/one').read())")
            == "scan\n"
        )
        site.hub.api("DELETE", "/users/ann/servers/physics")
        async with asyncio.timeout(90):
            while (await api.list(VOLUME, labels=_twins(site)))[0]:
                await asyncio.sleep(0.3)
        with pytest.raises(NotFound):
            await api.get(CLAIM, twin, place)
        assert (site.scans / "one").read_text() == "scan"
    finally:
        await api.close()
        await backend.close()


def _twins(site: Site) -> str:
    return f"app.kubernetes.io/instance={site.settings.instance},collegium.io/kind=data"
