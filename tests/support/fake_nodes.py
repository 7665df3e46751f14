"""Simulated nodes and pods by the thousand (kwok), for what has to work at scale. The pods "run" and answer nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from collegium.backends.kubernetes.client import NAMESPACE, POD, SERVICE_ACCOUNT, Cluster
from support.cluster import TestCluster
from support.installation import until

#: Only what tolerates this lands on a simulated node, and only there with the selector.
TAINT = "cluster.test/fake"
TOLERATION = {"key": TAINT, "operator": "Exists", "effect": "NoSchedule"}
SELECTOR = {"cluster.test/kind": "fake"}
#: Pods that one of them takes.
PER_NODE = 110


@contextmanager
def fake_nodes(cluster: TestCluster, count: int) -> Iterator[list[str]]:
    """Names of ``count`` simulated nodes that are ready; they and their simulator go at the end."""
    node = cluster._node("a simulated node")
    node.script("kwok.sh", "up", str(count))
    try:
        yield [f"fake-{number}" for number in range(1, count + 1)]
    finally:
        node.script("kwok.sh", "down")
        until("the nodes are gone", lambda: not _names(cluster), 300, 1.0)


def _names(cluster: TestCluster) -> str:
    return cluster.kubectl("get", "node", "-l", "cluster.test/kind=fake", "-o", "name").strip()


async def make_namespaces(api: Cluster, names: Sequence[str], labels: Mapping[str, str]) -> None:
    """Namespaces in which pods can be made."""
    await asyncio.gather(*(api.create(NAMESPACE, {"metadata": {"name": n, "labels": dict(labels)}}) for n in names))
    # A pod is refused until its namespace has the default account.
    wanted = set(names)
    async with asyncio.timeout(300):
        while True:
            accounts, _ = await api.list(SERVICE_ACCOUNT, fields="metadata.name=default")
            if wanted <= {account["metadata"]["namespace"] for account in accounts}:
                return
            await asyncio.sleep(0.5)


def fake_pod(name: str, node: str, labels: Mapping[str, str], image: str) -> dict[str, Any]:
    """A pod like a server's, put on a node at once: the scheduler is not what is looked at."""
    environment = [{"name": f"SETTING_{number}", "value": f"{name}-{'x' * 40}"} for number in range(25)]
    container = {
        "name": "main",
        "image": image,
        "command": ["jupyterhub-singleuser"],
        "env": environment,
        "resources": {"limits": {"cpu": "100m", "memory": "64Mi"}},
        "volumeMounts": [{"name": "home", "mountPath": "/home"}],
    }
    return {
        "metadata": {"name": name, "labels": dict(labels), "annotations": {"note": name * 4}},
        "spec": {
            "nodeName": node,
            "tolerations": [TOLERATION],
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "volumes": [{"name": "home", "emptyDir": {}}],
        },
    }


async def make_pods(api: Cluster, spaces: Sequence[str], nodes: Sequence[str], count: int, **about: Any) -> None:
    """``count`` pods, spread over namespaces and nodes; ``about``: labels and image. Returns when all run."""
    slots = asyncio.Semaphore(20)

    async def one(number: int) -> None:
        name = f"pod-{number}-{os.urandom(2).hex()}"
        async with slots:
            body = fake_pod(name, nodes[number % len(nodes)], **about)
            await api.create(POD, body, spaces[number % len(spaces)])

    await asyncio.gather(*(one(number) for number in range(count)))
    labels = ",".join(f"{k}={v}" for k, v in about["labels"].items())
    async with asyncio.timeout(900):
        while (await api.list(POD, labels=labels, fields="status.phase!=Running"))[0]:
            await asyncio.sleep(1)


@asynccontextmanager
async def namespaces(api: Cluster, names: Sequence[str], labels: Mapping[str, str]) -> AsyncIterator[None]:
    """Namespaces for the length of the block; what is in them goes with them, in the background."""
    try:
        await make_namespaces(api, names, labels)
        yield
    finally:
        await asyncio.gather(*(api.delete(NAMESPACE, name) for name in names))
