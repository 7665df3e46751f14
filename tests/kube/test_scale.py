"""The caches at the size of a large installation: nothing missing, nothing left over, by either kind of watch."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

import pytest

from collegium.backends.kubernetes.client import POD, Cluster
from collegium.backends.kubernetes.watch import Watched
from support.cluster import TestCluster
from support.fake_nodes import fake_nodes, fake_pod, make_pods, namespaces

SPACES, PODS, NODES = 30, 1000, 50
#: Of them are deleted, changed, and made while the caches look on.
CHANGED = 40
Seen = dict[tuple[str, str], str]


@pytest.fixture(scope="module")
def nodes(cluster: TestCluster) -> Iterator[list[str]]:
    with fake_nodes(cluster, NODES) as names:
        yield names


@pytest.fixture
async def api(cluster: TestCluster) -> AsyncIterator[Cluster]:
    made = Cluster(kubeconfig=str(cluster.kubeconfig), request_timeout=60)
    yield made
    await made.close()


def listed(cluster: TestCluster, selector: str) -> Seen:
    """What another client says."""
    line = '{.metadata.namespace} {.metadata.name} {.metadata.resourceVersion}{"\\n"}'
    columns = f"jsonpath={{range .items[*]}}{line}{{end}}"
    rows = cluster.kubectl("get", "pods", "-A", "-l", selector, "-o", columns).splitlines()
    return {(space, name): version for space, name, version in (row.split() for row in rows)}


def versions(pods: Iterable[dict[str, object]]) -> Seen:
    return {(p["metadata"]["namespace"], p["metadata"]["name"]): p["metadata"]["resourceVersion"] for p in pods}


async def until(check: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not check():
            await asyncio.sleep(0.1)


async def test_a_thousand_pods_in_thirty_namespaces_are_reflected_exactly(cluster, nodes, api) -> None:
    word = f"scale{uuid.uuid4().hex[:6]}"
    labels, selector = {"scale.test/run": word}, f"scale.test/run={word}"
    spaces = [f"{word}-{number}" for number in range(SPACES)]
    image = cluster.images.user
    async with namespaces(api, spaces, labels):
        await make_pods(api, spaces, nodes, PODS, labels=labels, image=image)
        whole = Watched(api, POD, labels=selector)
        parts = [Watched(api, POD, namespace=space, labels=selector) for space in spaces]
        try:
            for watched in (whole, *parts):
                await watched.start()
            for watched in (whole, *parts):
                await watched.synced(60)

            def in_parts() -> Seen:
                return {key: version for part in parts for key, version in versions(part.items()).items()}

            async def is_exact() -> None:
                async with asyncio.timeout(60):
                    while True:
                        wanted = await asyncio.to_thread(listed, cluster, selector)
                        assert len(wanted) == PODS
                        if versions(whole.items()) == wanted == in_parts():
                            return
                        await asyncio.sleep(0.5)

            await is_exact()
            names = sorted(versions(whole.items()))
            gone, changed = names[:CHANGED], names[CHANGED : 2 * CHANGED]
            await asyncio.gather(
                *(api.delete(POD, name, space, grace_seconds=0) for space, name in gone),
                *(api.patch(POD, n, {"metadata": {"annotations": {"new": "word"}}}, s) for s, n in changed),
                *(
                    api.create(POD, fake_pod(f"late-{i}", nodes[0], labels, image), spaces[i % SPACES])
                    for i in range(CHANGED)
                ),
            )
            # By their watches alone: no new list is due for five minutes.
            await until(lambda: not set(gone) & set(versions(whole.items())) and len(in_parts()) == PODS)
            await until(lambda: all(p["status"].get("phase") == "Running" for p in whole.items()))
            await is_exact()
            assert all(whole.get(n, s)["metadata"]["annotations"]["new"] == "word" for s, n in changed)
        finally:
            for watched in (whole, *parts):
                await watched.stop()
