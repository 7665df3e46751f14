"""Copies out of a home: the program in the pod, and the service's side of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from collegium.backends.kubernetes import copier, exchange, homes, naming, snapshots
from collegium.backends.kubernetes.client import CLAIM, POD, Kind, Refused
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.snapshots import PodCopier, copy_pod
from collegium.backends.kubernetes.volumes import KubernetesVolumes
from collegium.backends.local import snapshot
from collegium.backends.local.layout import Layout
from collegium.backends.ports import Snapshot
from collegium.domain.errors import (
    Conflict,
    DomainError,
    Forbidden,
    InvalidInput,
    NotFound,
    StorageFull,
    TooLarge,
    Unavailable,
)
from collegium.domain.jobs import WorkingDirectory
from support.memory_cluster import MemoryCluster

CANARY = b"canary: outside of the home"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home, a job's folder, and a secret beside them."""
    for name in ("home/sub", "job", "outside", "files"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home" / "a.py").write_bytes(b"print(1)\n")
    (tmp_path / "home" / "sub" / "b").write_bytes(b"bb")
    (tmp_path / "secret").write_bytes(CANARY)
    (tmp_path / "outside" / "file").write_bytes(CANARY)
    return tmp_path


def ask(job: Path, path: str = "", files: list[str] | None = None, **caps: int) -> None:
    request = {"working_directory": {"path": path, "files": files}, "max_files": 40, "max_bytes": 1 << 20, **caps}
    (job / "request.json").write_text(json.dumps(request))


def run(place: Path) -> dict[str, Any]:
    """The program as the pod runs it."""
    command = [sys.executable, "-m", copier.__name__, "--home", str(place / "home"), "--job", str(place / "job")]
    subprocess.run(command, check=True, timeout=60)
    return exchange.read_message(place / "job" / "result.json")


def copied(job: Path) -> dict[str, bytes]:
    return {str(p.relative_to(job / "source")): p.read_bytes() for p in (job / "source").rglob("*") if p.is_file()}


def test_the_program(place: Path) -> None:
    ask(place / "job")
    assert run(place) == {"snapshot": {"files": 2, "bytes": 11}}
    assert copied(place / "job") == {"a.py": b"print(1)\n", "sub/b": b"bb"}
    (place / "home" / "a.py").write_bytes(b"changed")
    assert run(place) == {"snapshot": {"files": 2, "bytes": 11}}
    assert copied(place / "job")["a.py"] == b"print(1)\n"


def test_listed_files(place: Path) -> None:
    ask(place / "job", "sub", ["b"])
    assert copier.copy(place / "home", place / "job") == {"snapshot": {"files": 1, "bytes": 2}}
    assert copied(place / "job") == {"b": b"bb"}


def test_half_a_copy_of_a_killed_one_is_made_anew(place: Path) -> None:
    (place / "job" / "source").mkdir()
    (place / "job" / "source" / "half").touch()
    ask(place / "job")
    copier.copy(place / "home", place / "job")
    assert "half" not in copied(place / "job")


@pytest.mark.parametrize(
    ("path", "files", "caps", "error", "field"),
    [
        ("nowhere", None, {}, InvalidInput, "working_directory.path"),
        ("../outside", None, {}, InvalidInput, "working_directory.path"),
        ("/etc", None, {}, InvalidInput, "working_directory.path"),
        ("link", None, {}, InvalidInput, "working_directory.path"),
        ("", ["a.py", "gone"], {}, InvalidInput, "working_directory.files.1"),
        ("", ["up/secret"], {}, InvalidInput, "working_directory.files.0"),
        ("", ["to-secret"], {}, InvalidInput, "working_directory.files.0"),
        ("", ["pipe"], {}, InvalidInput, "working_directory.files.0"),
        ("", None, {"max_files": 1}, TooLarge, "working_directory"),
        ("", None, {"max_bytes": 10}, TooLarge, "working_directory"),
    ],
)
def test_refusals(
    place: Path, path: str, files: list[str] | None, caps: dict[str, int], error: type[DomainError], field: str
) -> None:
    (place / "home" / "link").symlink_to(place / "outside")
    (place / "home" / "up").symlink_to(place)
    (place / "home" / "to-secret").symlink_to(place / "secret")
    os.mkfifo(place / "home" / "pipe")
    ask(place / "job", path, files, **caps)
    answer = copier.copy(place / "home", place / "job")
    assert not (place / "job" / "source").exists()
    with pytest.raises(error) as caught:
        exchange.read_snapshot(answer)
    assert caught.value.details["field"] == field
    assert "canary" not in json.dumps(answer)


def test_links_lead_nowhere(place: Path) -> None:
    (place / "home" / "to-secret").symlink_to(place / "secret")
    (place / "home" / "sub" / "up").symlink_to(place)
    (place / "home" / "lost+found").mkdir(mode=0)
    ask(place / "job")
    assert copier.copy(place / "home", place / "job") == {"snapshot": {"files": 2, "bytes": 11}}
    assert CANARY not in copied(place / "job").values()


def test_full_volume(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    ask(place / "job")
    with monkeypatch.context() as patch:
        patch.setattr(snapshot.tree, "copy_file", full)
        answer = copier.copy(place / "home", place / "job")
    with pytest.raises(StorageFull):
        exchange.read_snapshot(answer)
    assert not (place / "job" / "source").exists()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"snapshot": None},
        {"snapshot": {"files": -1, "bytes": 0}},
        {"snapshot": {"files": True, "bytes": 0}},
        {"snapshot": {"files": "1", "bytes": 0}},
        {"error": {"code": "made up", "message": "x"}},
        {"error": {"code": "invalid", "message": 3}},
        {"error": []},
    ],
)
def test_answers_that_make_no_sense(answer: dict[str, Any]) -> None:
    with pytest.raises(Unavailable):
        exchange.read_snapshot(answer)


def test_messages_are_not_followed_out_of_the_folder(place: Path) -> None:
    message = place / "job" / "result.json"
    for make in (lambda: message.symlink_to(place / "secret"), lambda: os.mkfifo(message)):
        make()
        with pytest.raises(OSError):
            exchange.read_message(message)
        message.unlink()
    for content in ("[]", "{", "x" * (exchange.MAX_MESSAGE + 1), "[" * 100_000, "\udcff"):
        message.write_text(content, errors="surrogateescape")
        with pytest.raises(ValueError):
            exchange.read_message(message)


# The service's side


def settings_for(place: Path, **changes: Any) -> KubernetesSettings:
    return KubernetesSettings(tools_image="tools:1", files_dir=str(place / "files"), **changes)


def test_the_pod(place: Path) -> None:
    settings = settings_for(place, pull_secrets=("registry",), node_selector={"pool": "work"})
    pod = copy_pod(settings, "job-one", "alice", "physics", "tmp/build-1")
    kubernetes_validate.validate(pod, "1.35", strict=True)
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == naming.ACCOUNT
    assert spec["restartPolicy"] == "Never"
    assert 0 < spec["activeDeadlineSeconds"] <= 600
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["nodeSelector"] == {"pool": "work"}
    assert {v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"]} == {
        "collegium-files",
        naming.home_claim_name("alice", "physics"),
    }
    home, job = container["volumeMounts"]
    assert (home["mountPath"], home["readOnly"]) == ("/copy/home", True)
    assert (job["mountPath"], job["subPath"]) == ("/copy/job", "tmp/build-1")
    # Nothing of what the user asked for stands in the pod.
    assert "args" not in container
    assert "env" not in container
    assert pod["metadata"]["annotations"] == {naming.OWNER: "alice", naming.OWNER_GROUP: "physics"}
    assert copy_pod(settings, "job-two", "alice", "physics", "x")["metadata"]["name"] != pod["metadata"]["name"]


class Kubelet(MemoryCluster):
    """Runs copy pods in this process, as far as ``behaviour`` lets them come."""

    def __init__(self, place: Path, behaviour: str = "copy") -> None:
        super().__init__()
        self.place, self.behaviour, self.pods = place, behaviour, 0

    async def create(self, kind: Kind, body: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any]:
        made = await super().create(kind, body, namespace)
        if kind is POD:
            self.pods += 1
            (mount,) = [m for m in body["spec"]["containers"][0]["volumeMounts"] if "subPath" in m]
            self._run(body["metadata"]["name"], namespace or "", self.place / "files" / mount["subPath"])
        return made

    def _run(self, name: str, namespace: str, job: Path) -> None:
        status: dict[str, Any] = {"phase": "Succeeded"}
        if self.behaviour == "copy":
            copier.main(["--home", str(self.place / "home"), "--job", str(job)])
        elif self.behaviour == "oom":
            ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
            status = {"phase": "Failed", "containerStatuses": [{"state": ended}]}
        elif self.behaviour == "image":
            waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image tools:1"}}
            status = {"phase": "Pending", "containerStatuses": [{"state": waiting}]}
        elif self.behaviour == "stuck":
            status = {"phase": "Pending"}
        elif self.behaviour == "garbage":
            (job / "result.json").write_text("[1, 2")
        elif self.behaviour == "link":
            (job / "source").symlink_to(self.place / "outside")
            (job / "result.json").write_text('{"snapshot": {"files": 1, "bytes": 1}}')
        if self.behaviour == "evicted":
            del self.objects["Pod", namespace, name]
        else:
            self.objects["Pod", namespace, name]["status"] = status


def open_volumes(place: Path, cluster: MemoryCluster, deadline: float = 30.0) -> tuple[KubernetesVolumes, Layout]:
    settings = settings_for(place)
    layout = Layout(place / "files")
    layout.prepare()
    pods = PodCopier(cluster, settings, layout, 1 << 20, 40, deadline)
    return KubernetesVolumes(settings, layout, pods, 1 << 20, 40), layout


async def test_a_copy_by_pod(place: Path) -> None:
    cluster = Kubelet(place)
    volumes, layout = open_volumes(place, cluster)
    taken = await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert taken == Snapshot(2, 11)
    assert copied(layout.runs / "job-one") == {"a.py": b"print(1)\n", "sub/b": b"bb"}
    # The home was made first, and with its owner.
    (claim,) = [body for (kind, _, _), body in cluster.objects.items() if kind == "PersistentVolumeClaim"]
    assert claim["metadata"]["annotations"][naming.OWNER] == "alice"
    assert await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory("sub")) == taken
    assert cluster.pods == 1
    assert left(layout, cluster) == []
    await volumes.discard("job-one")
    assert await volumes.snapshots() == {}


def left(layout: Layout, cluster: MemoryCluster) -> list[Any]:
    """What a finished copy must not leave: pods and half-built folders."""
    return [*layout.tmp.iterdir(), *(key for key in cluster.objects if key[0] == "Pod")]


@pytest.mark.parametrize(
    ("behaviour", "text"),
    [
        ("oom", r"OOMKilled \(exit code 137\)"),
        ("image", "ImagePullBackOff: no such image"),
        ("evicted", "Deleted"),
        ("nothing", "failed"),
        ("stuck", "in time"),
        ("garbage", "cannot be read"),
        ("link", "left no folder"),
    ],
)
async def test_pods_that_fail(place: Path, behaviour: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_ANSWER_WITHIN", 0.3)
    monkeypatch.setattr(snapshots, "_ASK_EVERY", 0.1)
    cluster = Kubelet(place, behaviour)
    volumes, layout = open_volumes(place, cluster, deadline=2.0)
    with pytest.raises(Unavailable, match=text):
        await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert left(layout, cluster) == []
    assert await volumes.snapshots() == {}
    cluster.behaviour = "copy"
    assert (await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())).files == 2


async def test_refusals_of_the_pod_reach_the_user(place: Path) -> None:
    cluster = Kubelet(place)
    volumes, layout = open_volumes(place, cluster)
    with pytest.raises(InvalidInput) as caught:
        await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory("", ("a.py", "gone")))
    assert caught.value.details == {"field": "working_directory.files.1", "value": "gone", "limit": None}
    assert left(layout, cluster) == []
    assert await volumes.snapshots() == {}


async def test_paths_that_are_none_start_no_pod(place: Path) -> None:
    cluster = Kubelet(place)
    volumes, _ = open_volumes(place, cluster)
    for source in (WorkingDirectory("../x"), WorkingDirectory("", ("/etc/passwd",))):
        with pytest.raises(InvalidInput):
            await volumes.snapshot("job-one", "alice", "physics", source)
    with pytest.raises(InvalidInput):
        await volumes.snapshot("../x", "alice", "physics", WorkingDirectory())
    assert cluster.pods == 0


@pytest.mark.parametrize(
    ("annotations", "error"), [({naming.OWNER: "bob", naming.OWNER_GROUP: "physics"}, Forbidden), ({}, Conflict)]
)
async def test_a_home_of_somebody_else_is_not_copied(
    place: Path, annotations: dict[str, str], error: type[DomainError]
) -> None:
    cluster = Kubelet(place)
    claim = homes.home_claim(settings_for(place), "alice", "physics")
    claim["metadata"]["annotations"] = annotations
    cluster.put(CLAIM, claim)
    volumes, _ = open_volumes(place, cluster)
    with pytest.raises(error):
        await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert cluster.pods == 0


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NotFound("no namespace"), "being prepared"),
        (Refused(403, "Forbidden", "exceeded quota: collegium"), "exceeded quota"),
        (Unavailable("the cluster does not answer"), "does not answer"),
    ],
)
async def test_pods_that_cannot_be_made(place: Path, error: Exception, text: str) -> None:
    cluster = Kubelet(place)
    cluster.failures["create", "Pod"] = [error]
    volumes, layout = open_volumes(place, cluster)
    with pytest.raises(Unavailable, match=text):
        await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert left(layout, cluster) == []


async def test_rights_that_are_missing(place: Path) -> None:
    cluster = Kubelet(place)
    cluster.failures["list", "Pod"] = [Refused(403, "Forbidden", "cannot list pods")]
    volumes, layout = open_volumes(place, cluster)
    with pytest.raises(Unavailable, match="cannot list pods"):
        await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())
    assert left(layout, cluster) == []


async def test_what_a_killed_service_left(place: Path) -> None:
    """Its pod of the same name is removed, finished ones of other jobs too, and those of others are not."""
    cluster = Kubelet(place)
    settings = settings_for(place)
    volumes, _ = open_volumes(place, cluster)
    cluster.put(POD, {**copy_pod(settings, "job-one", "alice", "physics", "tmp/x"), "status": {"phase": "Running"}})
    cluster.put(POD, {**copy_pod(settings, "job-old", "alice", "physics", "tmp/y"), "status": {"phase": "Succeeded"}})
    other = KubernetesSettings(instance="other", tools_image="x")
    foreign = {**copy_pod(other, "job-x", "alice", "physics", "tmp/z"), "status": {"phase": "Succeeded"}}
    cluster.put(POD, foreign)
    assert (await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory())).files == 2
    assert [name for kind, _, name in cluster.objects if kind == "Pod"] == [foreign["metadata"]["name"]]


async def test_an_outage_while_copying_is_sat_out(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_ASK_EVERY", 0.05)
    cluster = Kubelet(place, "stuck")
    volumes, layout = open_volumes(place, cluster)
    cluster.failures["get", "Pod"] = [Unavailable("away")] * 1000
    task = asyncio.create_task(volumes.snapshot("job-one", "alice", "physics", WorkingDirectory()))
    while not any(call[:2] == ("get", "Pod") for call in cluster.calls):
        await asyncio.sleep(0.02)
    (folder,) = layout.tmp.iterdir()
    copier.main(["--home", str(place / "home"), "--job", str(folder)])
    assert await task == Snapshot(2, 11)


async def test_a_cancelled_copy_leaves_nothing(place: Path) -> None:
    cluster = Kubelet(place, "stuck")
    volumes, layout = open_volumes(place, cluster)
    task = asyncio.create_task(volumes.snapshot("job-one", "alice", "physics", WorkingDirectory()))
    while not cluster.pods:
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left(layout, cluster) == []


async def test_discard_ends_runs_first(place: Path) -> None:
    layout = Layout(place / "files")
    layout.prepare()
    ended: list[str] = []

    async def end(key: str) -> None:
        ended.append(key)
        if len(ended) == 1:
            raise Unavailable("it does not end")

    copies = PodCopier(MemoryCluster(), settings_for(place), layout, 1, 1)
    volumes = KubernetesVolumes(settings_for(place), layout, copies, 1, 1, end)
    (layout.runs / "job-one" / "attempts" / "1" / "artifacts").mkdir(parents=True)
    (layout.live / "job-one.1").touch()
    with pytest.raises(Unavailable):
        await volumes.discard("job-one")
    assert list(await volumes.snapshots()) == ["job-one"]
    await volumes.discard("job-one")
    assert ended == ["job-one.1", "job-one.1"]
    assert await volumes.snapshots() == {}
    assert list(layout.live.iterdir()) == []


async def test_shared_homes_need_no_pod(place: Path) -> None:
    settings = KubernetesSettings(homes="shared", files_dir=str(place / "files"))
    layout = Layout(place / "files")
    layout.prepare()
    cluster = Kubelet(place)
    copies = PodCopier(cluster, settings_for(place), layout, 1 << 20, 40)
    volumes = KubernetesVolumes(settings, layout, copies, 1 << 20, 40)
    home = Path(await volumes.home("alice", "physics"))
    (home / "x").write_bytes(b"x")
    (home / "to-secret").symlink_to(place / "secret")
    assert await volumes.snapshot("job-one", "alice", "physics", WorkingDirectory()) == Snapshot(1, 1)
    assert copied(layout.runs / "job-one") == {"x": b"x"}
    assert cluster.calls == []
