"""Servers of GroupKubeSpawner against an API server of ours: no cluster, but real HTTP, real watches and real logs."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from traitlets.config import Config

from collegium.backends.kubernetes.client import Cluster
from collegium.backends.kubernetes.homes import ensure_home
from collegium.backends.kubernetes.settings import VARIABLE, KubernetesSettings
from collegium.db import Database
from collegium.domain.catalog import Grant, GrantKind, Image, InstanceType
from collegium.domain.groups import ManagedBy
from collegium.domain.quota import Reservation, WorkloadKind
from collegium.spawner import kube_watch
from collegium.spawner.kube import GroupKubeSpawner
from support.fake_api import FakeApi

OPTIONS = {"group": "physics", "instance_type": "pod", "image": "container"}
TOKEN = "canary-token-of-the-server-0123456789"
NAMESPACE = "collegium-physics"


class KubeBench:
    """Makes spawners, plays kubelet, and looks into the ledger."""

    def __init__(self, api: FakeApi, side: kube_watch.HubSide, database: Database) -> None:
        self.api, self.side, self.database = api, side, database
        self.offer([InstanceType("pod", "Pod", _size())], [Image("container", "Container", "localhost/user:test")])

    def offer(self, types: list[InstanceType], images: list[Image], group: str = "physics") -> None:
        """These and no others, beside the demo's."""
        grants = [Grant(group, GrantKind.INSTANCE_TYPE, t.name) for t in types]
        grants += [Grant(group, GrantKind.IMAGE, i.name) for i in images]
        with self.database.write() as uow:
            uow.catalog.replace(ManagedBy.API, types, images, [], grants)

    def spawner(
        self, user: str = "ann", server: str = "physics", options: Any = None, config: Config | None = None
    ) -> GroupKubeSpawner:
        """A spawner as the hub makes it."""
        orm = SimpleNamespace(name=server, server=None, user_options=None, display_name=server, state=None)
        owner = SimpleNamespace(
            name=user,
            id=1,
            url=f"/user/{user}/",
            escaped_name=user,
            spawners={},
            orm_spawners={server: orm},
            settings={},
            server_url=lambda name: f"/user/{user}/{name}/",
        )
        hub = SimpleNamespace(
            base_url="/hub/", api_url="http://hub:8081/hub/api", public_host="", url="http://hub:8081"
        )
        spawner = GroupKubeSpawner(user=owner, orm_spawner=orm, hub=hub, config=config or Config())
        spawner.user_options = OPTIONS if options is None else options
        spawner.api_token = TOKEN
        return spawner

    async def with_home(self, user: str = "ann", group: str = "physics") -> None:
        """A home that is there already, so that the next request to create something is the pod's."""
        await ensure_home(self.side.cluster, KubernetesSettings.from_environment(), user, group)

    def live(self) -> list[Reservation]:
        """Places of servers."""
        with self.database.read() as uow:
            return uow.reservations.live(kinds=[WorkloadKind.SERVER])

    def pods(self) -> list[dict[str, Any]]:
        """All pods that there are."""
        return [o for (plural, _, _), o in self.api.objects.items() if plural == "pods"]

    def set_status(self, pod: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """What the kubelet would report."""
        changed = copy.deepcopy(dict(pod)) | {"status": dict(status)}
        self.api.put("pods", changed, pod["metadata"]["namespace"])

    async def pod(self) -> dict[str, Any]:
        """The one pod, once it is made."""
        async with asyncio.timeout(20):
            while not self.pods():
                await asyncio.sleep(0.005)
        (found,) = self.pods()
        return found

    async def run_pod(self, address: str = "10.1.2.3") -> dict[str, Any]:
        """Wait for the pod and let its container run."""
        pod = await self.pod()
        self.set_status(pod, running(address))
        return pod

    async def started(self, spawner: GroupKubeSpawner) -> dict[str, Any]:
        """Start a server to the end."""
        task = asyncio.ensure_future(spawner.start())
        pod = await self.run_pod()
        await asyncio.wait_for(task, 20)
        return pod


def running(address: str = "10.1.2.3", **state: Any) -> dict[str, Any]:
    """The status of a pod whose server runs."""
    container = {"name": "notebook", "ready": True, "restartCount": 0, "state": {"running": {}}} | state
    return {"phase": "Running", "podIP": address, "containerStatuses": [container]}


def pending(reason: str, message: str = "", **container: Any) -> dict[str, Any]:
    """The status of a pod whose container waits."""
    waiting = {"waiting": {"reason": reason, "message": message}}
    found = {"name": "notebook", "ready": False, "restartCount": 0, "image": "localhost/user:test", "state": waiting}
    return {"phase": "Pending", "containerStatuses": [found | container]}


def unschedulable(message: str) -> dict[str, Any]:
    """The status of a pod that no node takes."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {"phase": "Pending", "conditions": [condition]}


@asynccontextmanager
async def kube_bench(database: Database, folder: Path, monkeypatch: Any, **settings: Any) -> AsyncIterator[KubeBench]:
    """A bench whose watches are quick to notice."""
    async with FakeApi(second=0.02).running() as api:
        monkeypatch.setenv("KUBECONFIG", api.kubeconfig(folder))
        monkeypatch.setenv(VARIABLE, KubernetesSettings(**settings).to_json())
        monkeypatch.setattr("collegium.spawner.mixin.shared_database", lambda: database)
        # Of a client that KubeSpawner makes and that nothing here uses.
        monkeypatch.setattr("kubespawner.spawner.load_config", lambda **_: None)
        monkeypatch.setattr("kubespawner.spawner.shared_client", lambda *_: None)
        side = kube_watch.HubSide(Cluster(request_timeout=2.0, pause=0.01, margin=0.2), pause=0.02, max_pause=0.1)
        monkeypatch.setitem(kube_watch._sides, asyncio.get_running_loop(), side)
        try:
            yield KubeBench(api, side, database)
        finally:
            await side.close()


def _size() -> Any:
    from collegium.domain.resources import Resources

    return Resources({"cpu": 1500, "memory": 1 << 30})
