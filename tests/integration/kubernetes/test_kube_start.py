"""Starting, losing, finding and stopping pods, against an API server of ours that fails as it is told."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import re
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from jupyterhub.spawner import SpawnException

from collegium.backends.kubernetes import naming
from collegium.domain.catalog import Image, InstanceType
from collegium.domain.resources import Resources
from collegium.spawner import kube_pod, kube_story
from support.fake_api import settled
from support.kube_bench import NAMESPACE, TOKEN, KubeBench, kube_bench, pending, running, unschedulable

SECRET = "canary-of-a-variable-0123456789"


@pytest.fixture
async def bench(demo_database, tmp_path, monkeypatch) -> AsyncIterator[KubeBench]:
    monkeypatch.setattr(kube_pod, "_QUOTA_LAG", 0.2)
    monkeypatch.setattr(kube_pod, "_PREPARING", 2.0)

    async def listens(url: str) -> bool:
        return "10.0.0.0" not in url

    monkeypatch.setattr(kube_pod, "takes_connections", listens)
    monkeypatch.setattr(kube_pod, "_FIRST_LIST", 0.2)
    async with kube_bench(demo_database, tmp_path, monkeypatch) as found:
        image = Image("container", "Container", "localhost/user:test", variables={"PASSWORD": SECRET})
        found.offer([InstanceType("pod", "Pod", Resources({"cpu": 1500, "memory": 1 << 30}))], [image])
        await found.with_home()
        yield found


@pytest.fixture(autouse=True)
def no_secret_in_any_log(caplog) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    texts = [r.getMessage() for r in caplog.records] + [str(r.exc_info) for r in caplog.records] + [caplog.text]
    assert not any(secret in text for text in texts for secret in (TOKEN, SECRET))


async def refused(bench: KubeBench, spawner: Any = None, seconds: float = 20) -> SpawnException:
    """The refusal of a start, after which nothing is left, as the hub would see to."""
    spawner = spawner or bench.spawner()
    with pytest.raises(SpawnException) as caught:
        await asyncio.wait_for(spawner.start(), seconds)
    assert not any(secret in str(caught.value.__dict__) for secret in (TOKEN, SECRET))
    if await spawner.poll() is None:
        await spawner.stop()
    assert bench.live() == []
    return caught.value


async def test_a_server_starts_is_found_again_and_stops(bench) -> None:
    spawner = bench.spawner()
    task = asyncio.ensure_future(spawner.start())
    pod = await bench.run_pod()
    assert await asyncio.wait_for(task, 20) == "http://10.1.2.3:8888"
    assert (pod["metadata"]["namespace"], pod["kind"]) == (NAMESPACE, "Pod")
    assert await spawner.poll() is None
    assert len(bench.live()) == 1
    state = json.loads(json.dumps(spawner.get_state()))
    assert TOKEN not in json.dumps(state)
    other = bench.spawner()
    # Before a state is read nothing is known, and nothing is looked for in a namespace of the hub.
    assert await other.poll() == 0
    other.load_state(state)
    assert (other.namespace, other.pod_name) == (NAMESPACE, pod["metadata"]["name"])
    assert await other.poll() is None
    await other.stop()
    assert bench.pods() == []
    assert bench.live() == []
    assert await spawner.poll() == 1


async def test_state_is_written_before_the_pod_is_made(bench) -> None:
    spawner = bench.spawner()
    seen: list[Any] = []
    real = bench.side.cluster.create

    async def create(*args: Any) -> Any:
        seen.append(copy.deepcopy(spawner.orm_spawner.state))
        return await real(*args)

    bench.side.cluster.create = create
    await bench.started(spawner)
    (state,) = seen
    assert (state["namespace"], state["collegium"]["group"]) == (NAMESPACE, "physics")
    spawner.clear_state()
    assert not {"namespace", "pod_name", "dns_name", "collegium"} & spawner.get_state().keys()


async def test_the_default_server_may_change_its_group(bench) -> None:
    spawner = bench.spawner(server="")
    await bench.started(spawner)
    await spawner.stop()
    size, image = InstanceType("pod", "Pod", Resources({"cpu": 500})), Image("container", "Container", "x")
    bench.offer([size], [image], "chemistry")
    spawner.user_options = {"group": "chemistry", "instance_type": "pod", "image": "container"}
    pod = await bench.started(spawner)
    assert pod["metadata"]["namespace"] == "collegium-chemistry"
    assert await spawner.poll() is None


# What is told while it starts.


async def heard(spawner: Any, lines: list[Any]) -> None:
    async for line in spawner.progress():
        lines.append(line)


async def test_the_page_tells_what_is_waited_for(bench) -> None:
    gpu = InstanceType("pod", "Pod", Resources({"cpu": 1500, "nvidia.com/gpu": 2}))
    bench.offer([gpu], [Image("container", "Container", "localhost/user:test")])
    spawner, early, late = bench.spawner(), [], []
    # The page may ask before the start has begun, or late, or in two windows.
    first = asyncio.create_task(heard(spawner, early))
    await asyncio.sleep(0)
    task = asyncio.ensure_future(spawner.start())
    pod = await bench.pod()
    pod["spec"]["nodeName"] = "node1"
    for status, sentence in (
        (
            unschedulable(
                "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 nodes are available"
            ),
            "It waits for a node: no node has 2 nvidia.com/gpu free (Kubernetes: 0/3 nodes are available: 3"
            " Insufficient nvidia.com/gpu).",
        ),
        (
            unschedulable("0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."),
            "It waits for a node: no node that this instance type may use is there (Kubernetes: 0/3 nodes are"
            " available: 3 node(s) didn't match Pod's node affinity/selector).",
        ),
        (pending("ContainerCreating"), "Its container is being set up: image and volumes."),
        (running("10.0.0.0"), "The server's container runs and does not answer yet."),
        (
            pending("ErrImagePull", "rpc error: code = Unknown desc = connection refused"),
            "The image localhost/user:test cannot be pulled: connection refused.",
        ),
    ):
        bench.set_status(pod, status)
        await settled(lambda sentence=sentence: early and early[-1]["message"] == sentence)
    second = asyncio.create_task(heard(spawner, late))
    await bench.run_pod()
    await task
    await asyncio.wait_for(asyncio.gather(first, second), 5)
    assert early == late
    percents = [line["progress"] for line in early]
    assert percents == sorted(percents) and percents[-1] <= 90
    text = "\n".join(line["message"] for line in early)
    for part in (
        "The place in the quota is taken; the home is being prepared.",
        "The server's pod is being made.",
        "The server's container runs and does not answer yet.",
    ):
        assert part in text


async def test_events_say_what_the_status_does_not(bench, monkeypatch) -> None:
    monkeypatch.setattr("collegium.spawner.kube_events._FIRST", 0.01)
    spawner = bench.spawner()
    task = asyncio.ensure_future(spawner.start())
    pod = await bench.pod()
    bench.set_status(pod, pending("ContainerCreating"))
    event = {"metadata": {"name": "e"}, "reason": "FailedMount", "message": "MountVolume.SetUp failed: nfs is away"}
    bench.api.put("events", event | {"lastTimestamp": "2026-11-21T10:00:00Z"}, NAMESPACE)
    await settled(lambda: "A volume cannot be mounted: MountVolume.SetUp failed: nfs is away." in spawner.story.last)
    await bench.run_pod()
    await task


# What cannot be helped.


@pytest.mark.parametrize(
    ("status", "text", "tail"),
    [
        (pending("InvalidImageName", "couldn't parse image"), "has a name that cannot be read: couldn't parse", ""),
        (pending("ErrImageNeverPull"), "The image localhost/user:test is not on the node and must not be pulled", ""),
        (
            pending("RunContainerError", lastState={"terminated": {
                "reason": "StartError", "exitCode": 128, "message": 'exec: "jupyterhub-singleuser": not found'}}),
            'The image has no program that starts a server: exec: "jupyterhub-singleuser": not found',
            "",
        ),
        (
            running(ready=False, state={"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=2,
                    lastState={"terminated": {"exitCode": 3, "message": "Cannot <b>import</b> jupyterhub"}}),
            "It ended 3 times while it was starting, last with exit code 3.",
            "Cannot &lt;b&gt;import&lt;/b&gt; jupyterhub",
        ),
        (
            running(ready=False, state={"terminated": {"reason": "OOMKilled", "exitCode": 137}}),
            "It needed more memory than its limit before it had started; choose a larger instance type.",
            "",
        ),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."},
            "It ended while it was starting: it was evicted from its node: The node was low on resource: memory.",
            "",
        ),
        (
            {"phase": "Succeeded", "containerStatuses": [
                {"name": "notebook", "ready": False, "state": {"terminated": {"exitCode": 0}}}]},
            "It ended while it was starting: without an error.",
            "",
        ),
    ],
)  # fmt: skip
async def test_a_start_that_cannot_succeed_ends_at_once_with_the_reason(bench, status, text, tail) -> None:
    spawner = bench.spawner()
    spawner.start_timeout = 7
    task = asyncio.create_task(refused(bench, spawner))
    bench.set_status(await bench.pod(), status)
    error = await task
    assert text in error.message
    assert tail in error.jupyterhub_html_message
    assert bench.pods() == []


async def test_a_server_that_ends_again_and_again_runs_in_between(bench) -> None:
    task = asyncio.create_task(refused(bench))
    pod, end = await bench.pod(), {"terminated": {"exitCode": 1, "message": "no"}}
    for restarts in range(3):
        bench.set_status(pod, running("10.0.0.0", restartCount=restarts))
        await asyncio.sleep(0.3)
        assert not task.done()
        bench.set_status(pod, running("10.0.0.0", restartCount=restarts, ready=False, state=end))
        await asyncio.sleep(0.3)
    assert (await task).message == "It ended 3 times while it was starting, last with exit code 1."


async def test_a_server_is_up_when_it_listens(unused_tcp_port) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    assert not await kube_pod.takes_connections(url)
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", unused_tcp_port)
    assert await kube_pod.takes_connections(url)
    server.close()


async def test_missing_claims_and_images_are_waited_for_a_while(bench, monkeypatch) -> None:
    monkeypatch.setattr(kube_story, "_MISSING_GRACE", 0.3)
    task = asyncio.create_task(refused(bench))
    message = '0/1 nodes are available: persistentvolumeclaim "home-x" not found. preemption: 0/1'
    bench.set_status(await bench.pod(), unschedulable(message))
    assert 'persistentvolumeclaim "home-x" not found' in (await task).message


async def test_no_node_until_the_time_is_over(bench) -> None:
    spawner = bench.spawner()
    spawner.start_timeout = 6
    task = asyncio.create_task(refused(bench, spawner))
    bench.set_status(await bench.pod(), unschedulable("0/1 nodes are available: 1 Insufficient cpu."))
    message = (await task).message
    assert re.match("It was not running after [1-9] seconds. It waits for a node: no node has 1500m cpu free", message)


async def test_deleted_by_somebody_while_it_starts(bench) -> None:
    task = asyncio.create_task(refused(bench))
    pod = await bench.pod()
    bench.api.remove("pods", pod["metadata"]["name"], NAMESPACE)
    assert (await task).message == "Its pod was deleted while it was starting."


QUOTA = (
    'pods "server-x" is forbidden: exceeded quota: group, requested: limits.cpu=1500m,limits.memory=1Gi, '
    "used: limits.cpu=3,limits.memory=2Gi, limited: limits.cpu=4,limits.memory=2Gi"
)


@pytest.mark.parametrize(
    ("status", "reason", "message", "code", "told"),
    [
        (
            403,
            "Forbidden",
            QUOTA,
            409,
            "The space of group physics on the cluster is full: 3 of 4 CPU in use; 1500m more was asked. The space of"
            " group physics on the cluster is full: 2Gi of 2Gi memory in use; 1Gi more was asked.",
        ),
        (
            403,
            "Forbidden",
            'admission webhook "images.example" denied the request: only signed images',
            403,
            "A policy of this cluster (images.example) refuses the server: only signed images",
        ),
        (
            422,
            "Invalid",
            "ValidatingAdmissionPolicy 'limits' with binding 'all' denied request: at most 4 GPUs",
            403,
            "A policy of this cluster (limits) refuses the server: at most 4 GPUs",
        ),
        (
            403,
            "Forbidden",
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": hostNetwork (host namespaces)',
            403,
            'The cluster refuses the server: violates PodSecurity "restricted:latest": hostNetwork (host namespaces)',
        ),
        (
            403,
            "Forbidden",
            'pods "x" is forbidden: error looking up service account c/w: serviceaccount "w" not found',
            503,
            "The space of group physics is being prepared, try again in a moment.",
        ),
        (
            403,
            "Forbidden",
            'pods is forbidden: User "system:serviceaccount:c:hub" cannot create resource "pods" in API group ""',
            503,
            "The space of group physics is being prepared, try again in a moment.",
        ),
        (
            403,
            "Forbidden",
            'pods "x" is forbidden: unable to create new content in namespace c because it is being terminated',
            503,
            "The space of group physics is being removed.",
        ),
        (404, "NotFound", "namespaces not found", 503, "The space of group physics is being prepared"),
    ],
)
@pytest.mark.parametrize("echo", [False, True])
async def test_what_the_api_server_refuses(bench, status, reason, message, code, told, echo) -> None:
    bench.api.fail("create", "status", times=-1, status=status, reason=reason, message=message, echo=echo)
    error = await refused(bench)
    assert error.status_code == code
    # What is sent back may be cut where it begins, also where nothing divides it from the reason.
    assert (told[:90] if echo else told) in error.message
    assert bench.pods() == []


async def test_an_api_server_that_is_back_may_refuse_at_first(bench) -> None:
    for verb in ("get", "create"):
        bench.api.fail(verb, "status", times=6, status=503)
        bench.api.fail(verb, "status", times=1, status=403, reason="Forbidden", message="cannot get resource")
    await bench.started(bench.spawner())


@pytest.mark.parametrize("verb", ["create", "get"])
@pytest.mark.parametrize(
    ("status", "message"),
    [(403, QUOTA), (403, 'User "hub" cannot create resource "pods"'), (404, "namespaces not found")],
)
async def test_what_passes_by_itself_is_asked_again(bench, verb, status, message) -> None:
    if verb == "get" and message == QUOTA:
        # The claim's: nothing else reads before the pod is made, and reading has no quota.
        message = 'User "hub" cannot get resource "persistentvolumeclaims"'
    bench.api.fail(verb, "status", times=1, status=status, reason="Forbidden", message=message)
    await bench.started(bench.spawner())


# Outages.


@pytest.mark.parametrize(
    "fault",
    [
        {"act": "status", "status": 429, "reason": "TooManyRequests"},
        {"act": "status", "status": 500, "reason": "InternalError", "echo": True},
        {"act": "status", "status": 409, "reason": "Conflict", "message": "the object has been modified"},
        {"act": "reset"},
        {"act": "hang"},
        {"act": "lost"},
    ],
)
async def test_a_start_goes_through_an_outage_and_makes_one_pod(bench, fault) -> None:
    times = 2 if fault["act"] == "hang" else 6
    bench.api.fail("create", times=times, **fault)
    spawner = bench.spawner()
    await bench.started(spawner)
    assert len(bench.pods()) == 1
    await spawner.stop()
    assert bench.pods() == []


async def test_an_outage_that_lasts_ends_the_start_with_words(bench) -> None:
    bench.api.fail("create", "status", times=-1, status=503, reason="ServiceUnavailable", message="etcd is away")
    spawner = bench.spawner()
    spawner.start_timeout = 6
    message = (await refused(bench, spawner)).message
    assert "It was not running after" in message and "Kubernetes cannot do it now: etcd is away (503)" in message


async def test_the_home_is_waited_for_too(bench) -> None:
    bench.api.fail("get", "status", times=6, status=503)
    await bench.started(bench.spawner())


# Names that are taken.


async def test_a_pod_that_an_earlier_start_left_is_replaced(bench) -> None:
    first = bench.spawner()
    left = await bench.started(first)
    again = bench.spawner()
    task = asyncio.ensure_future(again.start())
    await settled(lambda: bench.pods() and bench.pods()[0]["metadata"]["uid"] != left["metadata"]["uid"])
    await bench.run_pod()
    await asyncio.wait_for(task, 20)


async def test_somebody_elses_pod_of_that_name_is_neither_used_nor_removed(bench) -> None:
    name = naming.server_pod_name("ann", "physics")
    bench.api.put("pods", {"metadata": {"name": name, "labels": {"app": "theirs"}}, "status": {}}, NAMESPACE)
    error = await refused(bench)
    assert "that is not of this server is in the way" in error.message
    (pod,) = bench.pods()
    assert pod["metadata"]["labels"] == {"app": "theirs"}


# Cancelling.


@pytest.mark.parametrize("when", ["creating", "pending", "preparing"])
async def test_cancelled_while_pending_nothing_is_left(bench, when) -> None:
    spawner = bench.spawner()
    bench.api.fail({"creating": "create", "preparing": "get"}.get(when, "none"), "delay", times=1, seconds=0.3)
    before = bench.api.count("create"), bench.api.count("get")
    task = asyncio.ensure_future(spawner.start())
    if when == "pending":
        await bench.pod()
    elif when == "creating":
        await settled(lambda: bench.api.count("create") > before[0])
    else:
        await settled(lambda: bench.api.count("get") > before[1])
    task.cancel()
    # As the hub does, without waiting for the start to end.
    if await spawner.poll() is None:
        await spawner.stop()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.5)
    assert bench.pods() == []
    assert bench.live() == []


# Running.


async def test_deleted_by_hand(bench, caplog) -> None:
    spawner = bench.spawner()
    pod = await bench.started(spawner)
    bench.api.remove("pods", pod["metadata"]["name"], NAMESPACE)
    await settled(lambda: not bench.side._views[NAMESPACE].get(NAMESPACE, spawner.pod_name))
    assert await spawner.poll() == 1
    assert bench.live() == []
    assert "its pod was deleted from outside or with its node" in caplog.text


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        ({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, 1, "it was evicted from its node: low"),
        (
            {"phase": "Failed", "containerStatuses": [{"name": "notebook", "ready": False, "state": {
                "terminated": {"reason": "OOMKilled", "exitCode": 137}}}]},
            137,
            "more than its memory limit",
        ),
        (
            {"phase": "Succeeded", "containerStatuses": [{"name": "notebook", "ready": False, "state": {
                "terminated": {"exitCode": 0}}}]},
            0,
            "it ended without an error",
        ),
    ],
)  # fmt: skip
async def test_an_end_is_seen_with_its_reason_and_cleared_away(bench, caplog, status, code, told) -> None:
    spawner = bench.spawner()
    pod = await bench.started(spawner)
    bench.set_status(pod, status)
    view = bench.side._views[NAMESPACE]
    await settled(lambda: view.get(NAMESPACE, spawner.pod_name)["status"]["phase"] == status["phase"])
    assert await spawner.poll() == code
    assert told in caplog.text
    assert bench.pods() == []
    assert bench.live() == []


async def test_a_restart_in_place_is_logged_once(bench, caplog) -> None:
    spawner = bench.spawner()
    pod = await bench.started(spawner)
    bench.set_status(pod, running(restartCount=1, lastState={"terminated": {"reason": "OOMKilled", "exitCode": 137}}))
    view = bench.side._views[NAMESPACE]
    await settled(lambda: kube_story.server_status(view.get(NAMESPACE, spawner.pod_name)).get("restartCount") == 1)
    assert await spawner.poll() is None
    assert await spawner.poll() is None
    assert caplog.text.count("was started again in its pod: it used more than its memory limit (137)") == 1


async def test_no_word_from_the_api_server_is_not_the_end_of_a_server(bench, caplog) -> None:
    spawner = bench.spawner()
    await bench.started(spawner)
    state = spawner.get_state()
    await bench.api.down()
    await asyncio.sleep(0.3)
    assert await spawner.poll() is None
    # A hub that is started during the outage knows nothing of the pod but where it should be.
    bench.side._views.clear()
    other = bench.spawner()
    other.load_state(state)
    assert await other.poll() is None
    assert caplog.text.count("cannot be looked at and is taken for running") == 1
    assert len(bench.live()) == 1
    await bench.api.up()
    assert await other.poll() is None
    bench.api.remove("pods", other.pod_name, NAMESPACE)
    await settled(lambda: not bench.side._views[NAMESPACE].get(NAMESPACE, other.pod_name))
    assert await other.poll() == 1


async def test_a_stalled_watch_neither_ends_nor_keeps_a_server(bench) -> None:
    spawner = bench.spawner()
    pod = await bench.started(spawner)
    bench.api.silent = True
    # The cache lost it, the cluster did not.
    view = bench.side._views[NAMESPACE]
    view.watched._store.objects.clear()
    assert await spawner.poll() is None
    # Nobody tells that it is gone; a new list does.
    bench.api.remove("pods", pod["metadata"]["name"], NAMESPACE)
    await settled(lambda: view.get(NAMESPACE, spawner.pod_name) is None)
    assert await spawner.poll() == 1


async def test_refused_reading_is_not_the_end_either(bench) -> None:
    spawner = bench.spawner()
    await bench.started(spawner)
    bench.side._views.clear()
    bench.api.fail("*", "status", times=-1, status=403, reason="Forbidden", message="cannot get resource")
    assert await spawner.poll() is None
    bench.api.heal()


async def test_another_address_is_followed(bench) -> None:
    spawner = bench.spawner()
    pod = await bench.started(spawner)
    server = SimpleNamespace(ip="10.1.2.3", port=8888)
    server.orm_server = server
    spawner._server = spawner.orm_spawner.server = server
    bench.set_status(pod, running("10.9.9.9"))
    view = bench.side._views[NAMESPACE]
    await settled(lambda: view.get(NAMESPACE, spawner.pod_name)["status"]["podIP"] == "10.9.9.9")
    assert await spawner.poll() is None
    assert spawner.server.ip == "10.9.9.9"
    assert await spawner.get_url() == "http://10.9.9.9:8888"


# Stopping.


async def test_stopping_waits_for_the_api_server(bench) -> None:
    spawner = bench.spawner()
    await bench.started(spawner)
    await bench.api.down()
    task = asyncio.ensure_future(spawner.stop())
    await asyncio.sleep(0.5)
    assert not task.done() and len(bench.live()) == 1
    await bench.api.up()
    await asyncio.wait_for(task, 20)
    assert bench.pods() == []
    assert bench.live() == []


async def test_a_pod_that_does_not_end_is_taken_away_by_force(bench, monkeypatch, caplog) -> None:
    monkeypatch.setattr(kube_pod, "STUCK", 0.2)
    spawner = bench.spawner()
    spawner.delete_grace_period = 0
    await bench.started(spawner)
    asked: list[Any] = []
    real = bench.side.cluster.delete

    async def delete(*args: Any, **more: Any) -> None:
        asked.append(more)
        if len(asked) > 1:
            await real(*args, **more)

    bench.side.cluster.delete = delete
    monkeypatch.setattr(spawner, "delete_grace_period", 1)
    await asyncio.wait_for(spawner.stop(), 20)
    assert [a["grace_seconds"] for a in asked] == [1, 0]
    assert all(a["uid"] for a in asked)
    assert "taken away by force" in caplog.text
    assert bench.pods() == []


async def test_a_pod_on_a_lost_node_is_over_when_its_time_is(bench) -> None:
    spawner = bench.spawner()
    pod = await bench.started(spawner)
    view = bench.side._views[NAMESPACE]
    for when, expected in (("2999-01-01T00:00:00Z", None), ("2020-01-01T00:00:00Z", 1)):
        pod["metadata"]["deletionTimestamp"] = when
        bench.set_status(pod, running())
        await settled(
            lambda when=when: view.get(NAMESPACE, spawner.pod_name)["metadata"].get("deletionTimestamp") == when
        )
        assert await spawner.poll() == expected
    assert bench.pods() == []
    assert bench.live() == []
