"""The hub's view of pods through every fault of the API server: it may be behind, and then it says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import Cluster
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.spawner import kube_watch
from collegium.spawner.kube_watch import HubSide, ServerPods, version_of
from support.fake_api import FakeApi, settled

#: In the tests a second of a watch takes a hundredth, so ages are a hundredth too: 60 s of outage are 0.6 s.
SECOND = 0.01
PACE = {"pause": SECOND, "max_pause": 30 * SECOND, "relist_seconds": 300 * SECOND}
SETTINGS = KubernetesSettings()


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": naming.labels("collegium", naming.SERVER, "physics") | labels}}


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    monkeypatch.setattr(kube_watch, "MAX_AGE", 60 * SECOND)


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    async with FakeApi(second=SECOND).running() as found:
        yield found


@pytest.fixture
async def side(api, tmp_path) -> AsyncIterator[HubSide]:
    cluster = Cluster(
        kubeconfig=api.kubeconfig(tmp_path), request_timeout=15 * SECOND, pause=SECOND, margin=15 * SECOND
    )
    found = HubSide(cluster, **PACE)
    yield found
    await found.close()


@pytest.fixture
async def view(side) -> ServerPods:
    found = await side.pods(SETTINGS, "a")
    await found.watched.synced(5)
    return found


async def test_only_pods_of_servers_of_this_installation(api, view) -> None:
    api.put("pods", pod("mine"), "a")
    api.put("pods", pod("of-a-job", **{naming.KIND: naming.JOB_KIND}), "a")
    api.put("pods", pod("of-another", **{naming.INSTANCE: "other"}), "a")
    api.put("pods", pod("elsewhere"), "b")
    await settled(lambda: view.get("a", "mine"))
    assert [p["metadata"]["name"] for p in view.watched.items()] == ["mine"]
    assert view.problem() == ""


async def test_one_watch_per_namespace_or_one_for_all(api, side, view) -> None:
    assert await side.pods(SETTINGS, "a") is view
    assert await side.pods(SETTINGS, "b") is not view
    everywhere = KubernetesSettings(watch="cluster")
    both = {await side.pods(everywhere, name) for name in ("a", "b", "c")}
    assert len(both) == 1
    api.put("pods", pod("x"), "c")
    await settled(lambda: both.copy().pop().get("c", "x"))
    assert set(side.freshness()) == {"a", "b", "*"}


async def test_a_view_that_nobody_asks_is_ended(api, side, view, monkeypatch) -> None:
    await side.pods(SETTINGS, "b")
    monkeypatch.setattr(kube_watch, "UNUSED", 0.05)
    await asyncio.sleep(0.1)
    await side.pods(SETTINGS, "b")
    await side.pods(SETTINGS, "c")
    assert set(side.freshness()) == {"b", "c"}
    await settled(lambda: {w.namespace for w in api.watchers} == {"b", "c"})


async def test_two_that_ask_at_once_get_one(side) -> None:
    found = await asyncio.gather(*(side.pods(SETTINGS, "a") for _ in range(20)))
    assert len(set(found)) == 1


@pytest.mark.parametrize("seconds", [70, 120])
async def test_an_outage_is_known_and_outlived(api, side, view, seconds) -> None:
    api.put("pods", pod("stays"), "a")
    api.put("pods", pod("goes"), "a")
    await settled(lambda: view.get("a", "goes"))
    await api.down()
    await asyncio.sleep(seconds * SECOND)
    # Still what was last known, and marked as old.
    assert view.get("a", "stays") and view.get("a", "goes")
    assert "Kubernetes does not answer" in view.problem() and side.freshness()["a"]
    api.remove("pods", "goes", "a")
    api.put("pods", pod("new"), "a")
    await api.up()
    await settled(lambda: view.get("a", "new") and not view.get("a", "goes"))
    await settled(lambda: view.problem() == "")


@pytest.mark.parametrize(
    "fault",
    [
        ("list", "status", {"status": 429, "reason": "TooManyRequests", "retry_after": "0"}),
        ("*", "status", {"status": 429, "reason": "TooManyRequests"}),
        ("watch", "status", {"status": 500}),
        ("*", "status", {"status": 401}),
        ("*", "status", {"status": 403, "reason": "Forbidden"}),
        ("watch", "error", {"status": 410, "reason": "Expired"}),
        ("watch", "cut", {}),
        ("watch", "garbage", {}),
        ("*", "html", {"status": 502}),
        ("*", "reset", {}),
        ("*", "hang", {}),
    ],
)
async def test_storms_of_errors_end_nothing(api, view, fault) -> None:
    verb, act, more = fault
    api.fail(verb, act, times=25 if act != "hang" else 3, **more)
    api.break_watches()
    api.put("pods", pod("new"), "a")
    await settled(lambda: view.get("a", "new"))
    api.heal()
    await settled(lambda: view.problem() == "")


async def test_a_version_that_is_too_old(api, view) -> None:
    await api.down()
    api.put("pods", pod("new"), "a")
    api.compact()
    await api.up()
    await settled(lambda: view.get("a", "new"))


async def test_a_stalled_watch_is_noticed(api, view) -> None:
    api.put("pods", pod("goes"), "a")
    await settled(lambda: view.get("a", "goes"))
    api.silent = True
    api.remove("pods", "goes", "a")
    await settled(lambda: view.get("a", "goes") is None)


async def test_waiting_for_a_change_of_one_pod_among_many(api, view) -> None:
    for n in range(300):
        api.put("pods", pod(f"p{n}"), "a")
    await settled(lambda: view.get("a", "p299"))
    done: list[int] = []

    async def wait(n: int) -> None:
        await view.change("a", f"p{n}", version_of(view.get("a", f"p{n}")), 20)
        done.append(n)

    tasks = [asyncio.create_task(wait(n)) for n in range(300)]
    await asyncio.sleep(0.1)
    assert done == []
    api.put("pods", pod("p7", changed="yes"), "a")
    await settled(lambda: done)
    await asyncio.sleep(0.1)
    assert done == [7]
    for n in range(300):
        api.remove("pods", f"p{n}", "a")
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert view._waiting == {}


async def test_a_change_that_came_before_the_waiting_and_none_at_all(api, view) -> None:
    api.put("pods", pod("x"), "a")
    await settled(lambda: view.get("a", "x"))
    await asyncio.wait_for(view.change("a", "x", "", 20), 1)
    await asyncio.wait_for(view.change("a", "x", version_of(view.get("a", "x")), 0.05), 1)


async def test_one_side_for_a_loop() -> None:
    assert kube_watch.hub_side() is kube_watch.hub_side()
    assert kube_watch.freshness() == {}
    await kube_watch.hub_side().close()
