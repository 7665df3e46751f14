"""Runs on a real cluster beyond the contract: what pods see, and what happens to them and to their records."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from collegium.backends import kubernetes
from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import JOB, POD
from collegium.backends.ports import PYTHON, Backend, RunPhase, RunRequest, RunStatus, StartFailed, literal
from collegium.domain.catalog import Image, Placement
from collegium.domain.errors import NotFound, Unavailable
from collegium.domain.jobs import JobReason
from collegium.domain.names import new_id
from collegium.domain.quota import Limits
from collegium.domain.resources import Resources
from support.cluster import TestCluster
from support.kubernetes_place import ClusterPlace

PATIENCE = 60.0
SLEEP = ["sleep", "3600"]


@pytest.fixture(scope="module")
def place(cluster: TestCluster) -> Iterator[ClusterPlace]:
    made = ClusterPlace(cluster)
    asyncio.run(made.open())
    yield made
    asyncio.run(made.remove())


class Site:
    """The backend, and the cluster behind its back."""

    def __init__(self, place: ClusterPlace) -> None:
        self.place, self.made = place, []
        self.backend = self.open()

    def open(self, **changes: Any) -> Backend:
        backend = kubernetes.create(**{**self.place.options, "log_head": 8192, "log_tail": 16384, **changes})
        self.made.append(backend)
        return backend

    def request(self, argv: list[str], **changes: Any) -> RunRequest:
        key = new_id("job") + ".1"
        image = Image("user", "User", reference=self.place.cluster.images.user)
        limits = Resources.parse({"cpu": "500m", "memory": "128Mi"})
        requests = Resources.parse({"cpu": "10m", "memory": "16Mi"})
        made = RunRequest(key, key[:-2], "physics", "alice", argv, image, limits, requests=requests)
        return replace(made, **changes)

    def python(self, script: str, **changes: Any) -> RunRequest:
        return self.request([PYTHON, "-c", literal(script)], **changes)

    async def start(self, request: RunRequest, backend: Backend | None = None) -> str:
        await (backend or self.backend).jobs.start(request)
        return request.key

    async def until(
        self, key: str, wanted: Callable[[RunStatus | None], bool], backend: Backend | None = None
    ) -> RunStatus:
        deadline, status = time.monotonic() + PATIENCE, None
        while time.monotonic() < deadline:
            with contextlib.suppress(Unavailable):
                status = (await (backend or self.backend).jobs.observe()).get(key)
            if wanted(status):
                assert status is not None
                return status
            await asyncio.sleep(0.05)
        raise AssertionError(f"in vain: {status}")

    async def running(self, key: str) -> RunStatus:
        return await self.until(key, lambda s: s is not None and s.phase is RunPhase.RUNNING)

    async def over(self, key: str, backend: Backend | None = None) -> RunStatus:
        return await self.until(key, lambda s: s is not None and s.phase.final, backend)

    async def run(self, request: RunRequest) -> RunStatus:
        return await self.over(await self.start(request))

    async def log(self, key: str) -> str:
        return (await self.backend.logs.read(key)).data.decode()

    async def pod(self, key: str) -> dict[str, Any]:
        async with self.place.api() as api:
            labels = f"{naming.JOB}={key.rpartition('.')[0]}"
            pods, _ = await api.list(POD, self.place.namespace, labels=labels)
        (pod,) = pods
        return pod

    async def job_is_gone(self, key: str) -> bool:
        async with self.place.api() as api:
            try:
                job = await api.get(JOB, naming.job_name(key), self.place.namespace)
            except NotFound:
                return True
        return "deletionTimestamp" in job["metadata"]

    def attempt(self, key: str) -> Path:
        job_id, _, number = key.rpartition(".")
        return self.place.files / "runs" / job_id / "attempts" / number


@pytest.fixture
async def site(place: ClusterPlace) -> AsyncIterator[Site]:
    found = Site(place)
    yield found
    for backend in found.made:
        if backend.close is not None:
            await backend.close()
    await place.clear()


async def eventually(question: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not await question():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_what_a_run_sees(site: Site) -> None:
    script = """
import json, os
inside = lambda path: os.path.exists(path)
print(json.dumps({
    "ids": [os.getuid(), os.getgid()], "token": inside("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    "A": os.environ["A"], "HOME": os.environ["HOME"], "cwd": os.getcwd(), "mask": os.umask(0),
    "shm": os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize, "ours": sorted(os.listdir("/collegium")),
    "write": [os.access(p, os.W_OK) for p in ("/collegium/work", "/collegium/artifacts", "/collegium/end", "/tmp")],
    "services": [n for n in os.environ if n.endswith("_SERVICE_HOST") and not n.startswith("KUBERNETES")],
    "init": open("/proc/1/comm").read().strip(), "run": os.environ["COLLEGIUM_RUN"],
}))
"""
    hostile = "$(HOME) $HOME $$ $$(X) {work}\nline two\t'\"é🎉 $"
    request = site.python(script, environment={"A": literal(hostile)}, placement=Placement(shared_memory=32 << 20))
    status = await site.run(request)
    assert status.phase is RunPhase.SUCCEEDED, await site.log(request.key)
    seen = json.loads(await site.log(request.key))
    assert seen.pop("init") == "pause"
    assert seen == {
        "ids": [1000, 1000],
        "token": False,
        "A": hostile,
        "HOME": "/collegium/work",
        "cwd": "/collegium/work",
        "mask": 0o022,
        "shm": 32 << 20,
        "ours": ["artifacts", "end", "log", "usage", "work"],
        "write": [True, True, False, True],
        "services": [],
        "run": request.key,
    }


@pytest.mark.parametrize(
    ("script", "reason", "code", "words"),
    [
        ("import os; os.kill(os.getpid(), 9)", JobReason.SIGNAL, 137, "SIGKILL"),
        ("import os; os.abort()", JobReason.SIGNAL, 134, "SIGABRT"),
        ("import os; os.kill(os.getpid(), 15); os.pause()", JobReason.SIGNAL, 143, "SIGTERM"),
        ("x = bytearray(300 << 20); print(len(x))", JobReason.OUT_OF_MEMORY, 137, "memory limit"),
    ],
)
async def test_how_runs_fail(site: Site, script: str, reason: JobReason, code: int, words: str) -> None:
    status = await site.run(site.python(script))
    assert (status.phase, status.reason, status.exit_code) == (RunPhase.FAILED, reason, code)
    assert words in status.message
    assert status.started_at is not None


async def test_a_program_that_is_not_there(site: Site) -> None:
    status = await site.run(site.request(["no-such-program"]))
    assert (status.reason, status.exit_code) == (JobReason.START_FAILED, 127)
    assert "no-such-program" in status.message


@pytest.mark.parametrize(
    ("reference", "policy", "words"),
    [
        ("localhost/no-such-image:1", "Never", "is not on the node"),
        ("Not A Name!", "IfNotPresent", "has a name that cannot be read"),
    ],
)
async def test_images_that_there_can_never_be(site: Site, reference: str, policy: str, words: str) -> None:
    backend = site.open(image_pull_policy=policy)
    began = time.monotonic()
    key = await site.start(site.request(SLEEP, image=Image("x", "X", reference=reference)), backend)
    status = await site.over(key, backend)
    assert time.monotonic() - began < 20
    assert (status.phase, status.reason, status.started_at) == (RunPhase.FAILED, JobReason.START_FAILED, None)
    assert words in status.message
    await eventually(lambda: site.job_is_gone(key))
    assert (await site.backend.logs.read(key)).complete


async def test_an_image_that_cannot_be_pulled_says_so_while_it_waits(site: Site) -> None:
    key = await site.start(site.request(SLEEP, image=Image("x", "X", reference="localhost:1/no-such-image:1")))
    status = await site.until(key, lambda s: s is not None and "cannot be pulled" in s.message)
    assert status.phase is RunPhase.STARTING
    await site.backend.jobs.stop(key)
    assert (await site.over(key)).reason is JobReason.CANCELLED


async def test_no_node_for_it(site: Site) -> None:
    backend = site.open(start_deadline=6)
    request = site.request(SLEEP, placement=Placement({"cluster.test/kind": "nowhere"}))
    began = time.monotonic()
    key = await site.start(request, backend)
    status = await site.until(key, lambda s: s is not None and "nodes are available" in s.message, backend)
    assert status.phase is RunPhase.STARTING
    status = await site.over(key, backend)
    assert time.monotonic() - began >= 6
    assert status.reason is JobReason.START_FAILED
    assert "did not start within 6 seconds: it waits for a node: 0/" in status.message
    await eventually(lambda: site.job_is_gone(key))


async def test_cancelled_while_no_node_takes_it(site: Site) -> None:
    key = await site.start(site.request(SLEEP, placement=Placement({"cluster.test/kind": "nowhere"})))
    await site.until(key, lambda s: s is not None and "nodes are available" in s.message)
    began = time.monotonic()
    await site.backend.jobs.stop(key)
    status = await site.over(key)
    assert time.monotonic() - began < 10
    assert (status.reason, status.started_at) == (JobReason.CANCELLED, None)


async def test_a_full_quota_is_told_and_waited_for(site: Site) -> None:
    await site.backend.space.ensure("physics", Limits.parse({"cpu": "0", "memory": "0"}))
    key = await site.start(site.python("print(1)", resources=Resources.parse({"cpu": "3", "memory": "2Gi"})))
    status = await site.until(key, lambda s: s is not None and "exceeded quota" in s.message)
    assert status.phase is RunPhase.STARTING
    assert "limits.cpu=3" in status.message
    await site.backend.space.ensure("physics", Limits())
    assert (await site.over(key)).phase is RunPhase.SUCCEEDED


async def test_a_pod_deleted_by_hand(site: Site) -> None:
    key = await site.start(site.request(SLEEP))
    await site.running(key)
    pod = await site.pod(key)
    async with site.place.api() as api:
        await api.delete(POD, pod["metadata"]["name"], site.place.namespace, grace_seconds=1)
    status = await site.over(key)
    assert (status.phase, status.reason) == (RunPhase.LOST, JobReason.LOST)
    assert "deleted from outside" in status.message
    assert status.started_at is not None
    assert status.finished_at is not None


async def test_a_pod_evicted(site: Site) -> None:
    key = await site.start(site.request(SLEEP))
    await site.running(key)
    name, namespace = (await site.pod(key))["metadata"]["name"], site.place.namespace
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
        "deleteOptions": {"gracePeriodSeconds": 1},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    await asyncio.to_thread(site.place.cluster.kubectl, "create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
    status = await site.over(key)
    assert status.phase is RunPhase.LOST
    assert "evicted" in status.message


async def test_a_job_deleted_by_hand(site: Site) -> None:
    key = await site.start(site.request(SLEEP))
    await site.running(key)
    async with site.place.api() as api:
        await api.delete(JOB, naming.job_name(key), site.place.namespace)
    status = await site.over(key)
    assert status.phase is RunPhase.LOST
    assert "outside" in status.message


async def test_an_end_outlives_the_job(site: Site) -> None:
    status = await site.run(site.python("import sys; print('told'); sys.exit(5)"))
    async with site.place.api() as api:
        await api.delete(JOB, naming.job_name(status.key), site.place.namespace)
    assert (await site.open().jobs.observe())[status.key] == status
    assert await site.log(status.key) == "told\n"
    await site.backend.jobs.forget(status.key)
    assert await site.backend.jobs.observe() == {}


async def test_a_crash_between_the_job_and_the_word_of_it(site: Site) -> None:
    request = site.python("open('ran', 'a').write('x'); input() if 0 else __import__('time').sleep(3600)")
    key = await site.start(request)
    await site.running(key)
    (site.attempt(key) / "created").unlink()
    other = site.open()
    assert key in await other.jobs.observe()
    await other.jobs.start(request)
    assert (site.attempt(key) / "created").exists()
    assert (site.attempt(key) / "work" / "ran").read_text() == "x"
    (site.attempt(key) / "created").unlink()
    third = site.open()
    await third.jobs.start(request)
    assert (await third.jobs.observe())[key].phase is RunPhase.RUNNING
    await third.jobs.stop(key, 0)
    assert (await site.over(key, third)).reason is JobReason.CANCELLED
    assert (site.attempt(key) / "work" / "ran").read_text() == "x"


async def test_a_crash_before_the_job(site: Site) -> None:
    request = site.python("print('once')")
    key = request.key
    away = site.open(kubeconfig=str(unreachable(site.place)))
    with pytest.raises(Unavailable):
        await away.jobs.start(request)
    assert (site.place.files / "live" / key).exists()
    assert await site.backend.jobs.observe() == {}
    assert (await site.run(request)).phase is RunPhase.SUCCEEDED
    assert await site.log(key) == "once\n"


async def test_stopped_after_a_crash_before_the_job(site: Site) -> None:
    request = site.python("print('never')")
    away = site.open(kubeconfig=str(unreachable(site.place)))
    with pytest.raises(Unavailable):
        await away.jobs.start(request)
    await away.jobs.stop(request.key)
    status = await site.over(request.key)
    assert (status.reason, status.started_at) == (JobReason.CANCELLED, None)
    await site.backend.jobs.start(request)
    assert await site.job_is_gone(request.key)


def unreachable(place: ClusterPlace) -> Path:
    """A kubeconfig of a cluster that does not answer."""
    content = yaml.safe_load(Path(place.kubeconfig).read_text())
    content["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    path = place.files / "away.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path


class Line:
    """A connection to the API server that can be cut."""

    def __init__(self, place: ClusterPlace) -> None:
        content = yaml.safe_load(Path(place.kubeconfig).read_text())
        self._to = content["clusters"][0]["cluster"]["server"].removeprefix("https://").rpartition(":")
        self._content, self._place = content, place
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def up(self) -> str:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._content["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.port}"
        path = self._place.files / "line.kubeconfig"
        path.write_text(yaml.safe_dump(self._content))
        return str(path)

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to[0], int(self._to[2]))
        self._writers |= {writer, back}
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        self._writers -= {writer, back}

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()


async def test_nothing_looks_lost_during_an_outage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(site.place)
    backend = site.open(kubeconfig=await line.up())
    key = await site.start(site.python("import time; time.sleep(9); print('done')"), backend)
    await site.until(key, lambda s: s is not None and s.phase is RunPhase.RUNNING, backend)
    await line.cut()
    # What was heard in the last minute is taken for the truth; the test does not wait for so long.
    monkeypatch.setattr("collegium.backends.kubernetes.views._STALE", 0.5)
    await asyncio.sleep(1)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await backend.jobs.observe()
        await asyncio.sleep(0.2)
    with pytest.raises(Unavailable):
        await backend.jobs.start(site.python("print(1)"))
    await backend.jobs.stop("job-of-nobody.1")
    monkeypatch.undo()
    await line.up()
    assert (await site.over(key, backend)).phase is RunPhase.SUCCEEDED
    assert await site.log(key) == "done\n"


async def test_a_stop_during_an_outage_is_kept(site: Site) -> None:
    line = Line(site.place)
    backend = site.open(kubeconfig=await line.up())
    key = await site.start(site.request(SLEEP), backend)
    await site.until(key, lambda s: s is not None and s.phase is RunPhase.RUNNING, backend)
    await line.cut()
    await backend.jobs.stop(key, 1)
    await line.up()
    assert (await site.over(key, backend)).reason is JobReason.CANCELLED


async def test_a_job_of_somebody_else_with_its_name(site: Site) -> None:
    request = site.python("print(1)")
    template = {"containers": [{"name": "x", "image": "localhost/x:1"}], "restartPolicy": "Never"}
    body = {
        "metadata": {"name": naming.job_name(request.key)},
        "spec": {"suspend": True, "template": {"spec": template}},
    }
    async with site.place.api() as api:
        await api.create(JOB, body, site.place.namespace)
        with pytest.raises(StartFailed, match="not of run"):
            await site.backend.jobs.start(request)
        assert await site.backend.jobs.observe() == {}
        assert not await site.job_is_gone(request.key)
        await api.delete(JOB, naming.job_name(request.key), site.place.namespace)


async def test_jobs_of_kueue(site: Site) -> None:
    """Kueue's part is played here: it lets a Job start, and would let one that it let start go on again."""
    hasty = site.open(kueue_queues={"*": "gpus"}, start_deadline=2)
    done, runs, waits = [
        await site.start(r, hasty) for r in (site.python("print(1)"), site.request(SLEEP), site.request(SLEEP))
    ]
    status = await site.until(waits, lambda s: s is not None and "Kueue holds it in the queue gpus" in s.message, hasty)
    assert status.phase is RunPhase.STARTING
    # Longer than it may take to start, for it has not been let start.
    await asyncio.sleep(2.5)
    assert (await hasty.jobs.observe())[waits].phase is RunPhase.STARTING
    # From here on they have the time that pods take on a busy machine.
    backend = site.open(kueue_queues={"*": "gpus"})
    async with site.place.api() as api:
        for key in (done, runs):
            await api.patch(JOB, naming.job_name(key), {"spec": {"suspend": False}}, site.place.namespace)
    assert (await site.over(done, backend)).phase is RunPhase.SUCCEEDED
    await site.until(runs, lambda s: s is not None and s.phase is RunPhase.RUNNING, backend)
    for key in (runs, waits):
        await backend.jobs.stop(key, 1)
        assert (await site.over(key, backend)).reason is JobReason.CANCELLED
        await eventually(lambda key=key: site.job_is_gone(key))  # type: ignore[misc]


async def test_a_group_without_a_namespace(site: Site) -> None:
    with pytest.raises(Unavailable, match="is being prepared"):
        await site.backend.jobs.start(site.python("print(1)", group="maths"))


async def test_a_flood_is_cut_while_it_goes_on(site: Site) -> None:
    script = """
import os, time
for n in range(0, 1_000_000, 1000):
    os.write(1, b"".join(b"%015d\\n" % m for m in range(n, n + 1000)))
    if n == 999_000:
        open("there", "w")
        while not os.path.exists("go"): time.sleep(0.05)
"""
    key = await site.start(site.python(script))
    log = site.attempt(key) / "log" / "output"

    async def cut() -> bool:
        await site.backend.jobs.observe()
        return log.stat().st_size > 15_000_000 and log.stat().st_blocks * 512 < 3_000_000

    await eventually(cut)
    chunk = await site.backend.logs.read(key, 1_000_000)
    assert chunk.gap > 0
    assert chunk.data.split(b"\n")[1] == b"%015d" % (chunk.offset // 16 + 1)
    (site.attempt(key) / "work" / "go").touch()
    assert (await site.over(key)).phase is RunPhase.SUCCEEDED
    assert await site.backend.logs.size(key) == 16_000_000
    assert (await site.backend.logs.read(key, -16)).data == b"%015d\n" % 999_999
    assert log.stat().st_blocks * 512 < 64_000


async def test_a_discarded_job_ends_first(site: Site) -> None:
    key = await site.start(site.request(SLEEP))
    await site.running(key)
    await site.backend.volumes.discard(key.rpartition(".")[0])
    assert await site.backend.jobs.observe() == {}
    assert not site.attempt(key).exists()

    async def no_pod() -> bool:
        async with site.place.api() as api:
            return not (await api.list(POD, site.place.namespace, labels=f"{naming.JOB}={key[:-2]}"))[0]

    await eventually(no_pod)


async def test_without_an_identity(site: Site) -> None:
    status = await site.run(site.python("print('seen')"))
    reader = site.open(identity=False, kubeconfig=str(unreachable(site.place)))
    assert (await reader.logs.read(status.key)).data == b"seen\n"
    assert list(await reader.volumes.artifacts(status.key)) == []
    for verb in (
        reader.jobs.observe(),
        reader.jobs.stop(status.key),
        reader.jobs.forget(status.key),
        reader.jobs.start(site.python("x")),
        reader.space.ensure("physics", Limits()),
        reader.space.remove("physics"),
    ):
        with pytest.raises(Unavailable, match="no Kubernetes identity"):
            await verb


async def test_the_whole_cluster_by_one_watch(site: Site) -> None:
    backend = site.open(watch="cluster")
    key = await site.start(site.python("print(1)"), backend)
    assert (await site.over(key, backend)).phase is RunPhase.SUCCEEDED
