"""Client and cache against a real API server, also while it is killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest

from collegium.backends.kubernetes.client import (
    NAMESPACE,
    POD,
    RESOURCE_QUOTA,
    SECRET,
    SERVICE_ACCOUNT,
    AlreadyExists,
    Cluster,
    Kind,
    Refused,
)
from collegium.backends.kubernetes.watch import Watched
from collegium.domain.errors import Conflict, NotFound, Unavailable
from support.cluster import Images, TestCluster

CONFIG_MAP = Kind("v1", "configmaps", "ConfigMap")
IMAGE = Images.from_environment().hub
CANARY = "canary-b1f8a4c09d3e"
PATIENCE = 90.0


async def until(question: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await question():
            await asyncio.sleep(0.1)


@pytest.fixture
async def api(cluster: TestCluster) -> AsyncIterator[Cluster]:
    made = Cluster(kubeconfig=str(cluster.kubeconfig))
    yield made
    await made.close()


@pytest.fixture
async def space(api: Cluster) -> AsyncIterator[str]:
    """A namespace with its default service account, which comes a little later."""
    name = f"client-{os.urandom(4).hex()}"
    await api.create(NAMESPACE, {"metadata": {"name": name}})

    async def ready() -> bool:
        return "default" in [a["metadata"]["name"] for a in (await api.list(SERVICE_ACCOUNT, name))[0]]

    await until(ready)
    yield name
    await api.delete(NAMESPACE, name)


def pod(name: str, **more: Any) -> dict[str, Any]:
    """A pod that no node takes, unless told otherwise."""
    env = [{"name": "TOKEN", "value": CANARY}]
    command = ["sh", "-c", "trap '' TERM; sleep 600 & wait; wait"]
    main = {"name": "main", "image": IMAGE, "imagePullPolicy": "IfNotPresent", "command": command, "env": env}
    spec = {"nodeSelector": {"no": "node"}, "containers": [main], "restartPolicy": "Never", **more}
    return {"metadata": {"name": name}, "spec": spec}


async def test_server_side_apply(api: Cluster, space: str) -> None:
    def account(**labels: str) -> dict[str, Any]:
        return {"metadata": {"name": "a", "namespace": space, "labels": labels}}

    await api.apply(SERVICE_ACCOUNT, account(one="1", two="2"))
    made = await api.apply(SERVICE_ACCOUNT, account(two="3"))
    assert made["metadata"]["labels"] == {"two": "3"}
    assert {f["manager"] for f in made["metadata"]["managedFields"]} == {"collegium"}
    again = await api.apply(SERVICE_ACCOUNT, account(two="3"))
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    changed = await api.patch(SERVICE_ACCOUNT, "a", {"metadata": {"labels": {"two": None, "x": "y"}}}, space)
    assert changed["metadata"]["labels"] == {"x": "y"}
    with pytest.raises(AlreadyExists):
        await api.create(SERVICE_ACCOUNT, account(), space)
    with pytest.raises(Conflict):
        await api.patch(SERVICE_ACCOUNT, "a", {"metadata": {"resourceVersion": "1"}}, space)


async def test_delete_with_grace_and_only_this_one(api: Cluster, space: str) -> None:
    await api.create(POD, pod("a", nodeSelector={}), space)

    async def runs() -> bool:
        return bool((await api.get(POD, "a", space))["status"]["phase"] == "Running")

    async def gone() -> bool:
        return not (await api.list(POD, space))[0]

    await until(runs)
    with pytest.raises(Conflict):
        await api.delete(POD, "a", space, uid="00000000-0000-0000-0000-000000000000")
    uid = (await api.get(POD, "a", space))["metadata"]["uid"]
    await api.delete(POD, "a", space, grace_seconds=5, uid=uid)
    # It does not listen to SIGTERM, so that it is there until the grace is over.
    meta = (await api.get(POD, "a", space))["metadata"]
    assert meta["deletionTimestamp"] and meta["deletionGracePeriodSeconds"] == 5
    await until(gone)
    await api.delete(POD, "a", space)
    with pytest.raises(NotFound):
        await api.get(POD, "a", space)
    await api.create(POD, pod("b"), space)
    await api.delete(POD, "b", space, grace_seconds=0)
    await until(gone)


async def refusal_of(api: Cluster, kind: Kind, body: dict[str, Any], space: str) -> Refused:
    """What creating such objects comes to: quotas and labels of namespaces are in force a little later."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await api.create(kind, {**body, "metadata": {"name": f"o-{os.urandom(4).hex()}"}}, space)
            except Refused as refused:
                return refused
            await asyncio.sleep(0.1)


async def test_refusals_say_why_and_nothing_that_was_sent(api: Cluster, space: str) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"count/configmaps": "1"}}}
    await api.create(RESOURCE_QUOTA, quota, space)
    refused = await refusal_of(api, CONFIG_MAP, {"data": {"k": CANARY}}, space)
    assert refused.status == 403 and "exceeded quota: q" in refused.message
    await api.patch(NAMESPACE, space, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    refused = await refusal_of(api, POD, pod(""), space)
    assert refused.status == 403 and "violates PodSecurity" in refused.message
    await api.patch(NAMESPACE, space, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}})

    async def made() -> bool:
        try:
            return bool(await api.create(POD, pod("a"), space))
        except Refused:
            return False

    await until(made)
    # The server's own words hold the whole old and new pod here, with its environment.
    env = {"containers": [{"name": "main", "image": IMAGE, "env": [{"name": "TOKEN", "value": CANARY + "-2"}]}]}
    for body in ({"spec": env}, {"spec": {"nodeSelector": {"not": "allowed"}}}):
        with pytest.raises(Refused, match="is invalid: spec") as caught:
            await api.patch(POD, "a", body, space)
        assert CANARY not in f"{caught.value!s} {caught.value!r}"
        assert caught.value.__context__ is None and caught.value.__cause__ is None
    with pytest.raises(Refused) as caught:
        await api.create(SECRET, {"metadata": {"name": "s"}, "data": {"k": CANARY + "!"}}, space)
    assert CANARY not in str(caught.value)


async def test_a_namespace_that_terminates(api: Cluster) -> None:
    name = f"client-{os.urandom(4).hex()}"
    await api.create(NAMESPACE, {"metadata": {"name": name}})
    held = {"metadata": {"name": "held", "finalizers": ["collegium.io/test"]}}
    await api.create(CONFIG_MAP, held, name)
    await api.delete(NAMESPACE, name)
    try:
        with pytest.raises(Refused) as caught:
            await api.create(CONFIG_MAP, {"metadata": {"name": "late"}}, name)
        assert (caught.value.status, caught.value.reason) == (403, "NamespaceTerminating")
        assert (await api.get(NAMESPACE, name))["status"]["phase"] == "Terminating"
    finally:
        await api.patch(CONFIG_MAP, "held", {"metadata": {"finalizers": None}}, name)

    async def gone() -> bool:
        return name not in [n["metadata"]["name"] for n in (await api.list(NAMESPACE))[0]]

    await until(gone)


async def test_pages_of_a_real_list(api: Cluster, space: str) -> None:
    await asyncio.gather(*(api.create(CONFIG_MAP, {"metadata": {"name": f"c{n}"}}, space) for n in range(520)))
    items, version = await api.list(CONFIG_MAP, space)
    assert {f"c{n}" for n in range(520)} <= {i["metadata"]["name"] for i in items}
    assert version.isdecimal() and {(i["kind"], i["apiVersion"]) for i in items} == {("ConfigMap", "v1")}


async def test_a_watch_says_bookmarks(api: Cluster, space: str) -> None:
    # That is what tells an idle watch from one that has stalled. Something has to move at the server for it, though
    # nothing that is watched; where nothing does, a watch may end without a word.
    for number in range(4):
        _, version = await api.list(CONFIG_MAP, space)
        await api.create(CONFIG_MAP, {"metadata": {"name": f"moves-{number}"}}, space)
        events = api.watch(CONFIG_MAP, space, labels="is=nowhere", resource_version=version, timeout_seconds=75)
        async with aclosing(events):
            async for kind, _ in events:
                assert kind == "BOOKMARK"
                return
    pytest.fail("four watches ended without a bookmark")


async def test_a_watch_from_a_version_to_come_says_nothing(api: Cluster, space: str) -> None:
    # After a restore from a backup all watches are such, which is why a watch without a bookmark is not trusted.
    _, version = await api.list(CONFIG_MAP, space)
    events = api.watch(CONFIG_MAP, space, resource_version=str(int(version) + 10**6), timeout_seconds=5)
    async with aclosing(events):
        await api.create(CONFIG_MAP, {"metadata": {"name": "a"}}, space)
        assert [event async for event in events] == []


async def test_a_cache_survives_that_the_api_server_is_killed(cluster: TestCluster, api: Cluster, space: str) -> None:
    watched = Watched(api, CONFIG_MAP, namespace=space, pause=0.2, max_pause=2.0)
    await watched.start()
    await watched.synced(PATIENCE)

    async def same() -> bool:
        known = {o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in watched.items()}
        found, _ = await api.list(CONFIG_MAP, space)
        return known == {o["metadata"]["name"]: o["metadata"]["resourceVersion"] for o in found}

    async def answers() -> bool:
        try:
            await api.list(CONFIG_MAP, space)
        except (Unavailable, Refused):
            # Just after its start it does not know the roles of anyone.
            return False
        return True

    try:
        await api.create(CONFIG_MAP, {"metadata": {"name": "before"}}, space)
        await api.create(CONFIG_MAP, {"metadata": {"name": "leaves"}}, space)
        await until(same)
        await asyncio.to_thread(cluster.component, "apiserver", "kill")
        try:
            with pytest.raises(Unavailable):
                await api.list(CONFIG_MAP, space)
            with pytest.raises(Unavailable):
                await watched.refresh()
            assert watched.get("before") is not None
        finally:
            await asyncio.to_thread(cluster.component, "apiserver", "start")
        await until(answers)
        await api.create(CONFIG_MAP, {"metadata": {"name": "after"}}, space)
        await api.delete(CONFIG_MAP, "leaves", space)
        await until(same)
        assert watched.get("after") is not None and watched.get("leaves") is None
        watched.check_fresh()
    finally:
        await watched.stop()
