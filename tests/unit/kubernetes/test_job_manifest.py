"""The Job of a run: what it asks of the cluster, what it lets through, and what it refuses."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from collegium.backends.kubernetes import job as jobs
from collegium.backends.kubernetes import naming, pods
from collegium.backends.kubernetes.job import is_of, job_manifest
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.ports import ARTIFACTS, PYTHON, WORK, RunRequest, StartFailed, literal
from collegium.domain.catalog import Image, Placement
from collegium.domain.errors import InvalidInput
from collegium.domain.resources import Resources

SETTINGS = KubernetesSettings()
KEY = "job-06gvv87e5d082e24le379sngjk.2"
REQUEST = RunRequest(
    KEY,
    KEY.rpartition(".")[0],
    "physics",
    "alice@example.org",
    ["/bin/sh", "-c", "echo hi"],
    Image("base", "Base", reference="registry.example.org/base:1", pull_secret="base-pull"),
    Resources.parse({"cpu": "1500m", "memory": "1Gi", "example.com/gpu": 2, "storage": "5Gi"}),
)
FOLDER = "runs/job-06gvv87e5d082e24le379sngjk/attempts/2"


def made(request: RunRequest = REQUEST, settings: KubernetesSettings = SETTINGS) -> dict[str, Any]:
    return job_manifest(settings, request, FOLDER)


def pod(request: RunRequest = REQUEST, settings: KubernetesSettings = SETTINGS) -> dict[str, Any]:
    spec: dict[str, Any] = made(request, settings)["spec"]["template"]["spec"]
    return spec


def container(request: RunRequest = REQUEST, settings: KubernetesSettings = SETTINGS) -> dict[str, Any]:
    found: dict[str, Any] = pod(request, settings)["containers"][0]
    return found


def variables(request: RunRequest) -> dict[str, str]:
    return {v["name"]: v["value"] for v in container(request)["env"]}


def test_kueues_queue() -> None:
    """The label and the waiting are all that Kueue asks for; pods bear no label, or they would count again."""
    settings = KubernetesSettings(kueue_queues={"physics": "gpus", "*": "rest"})
    plain, queued = made(), made(settings=settings)
    assert queued["metadata"]["labels"].pop("kueue.x-k8s.io/queue-name") == "gpus"
    assert queued["spec"].pop("suspend") is True
    assert queued == plain
    assert made(replace(REQUEST, group="chemistry"), settings)["metadata"]["labels"][naming.QUEUE] == "rest"
    assert (
        "suspend"
        not in made(replace(REQUEST, group="chemistry"), replace(settings, kueue_queues={"physics": "a"}))["spec"]
    )
    for wrong in ({"physics": "A"}, {"Physics": "a"}, {"*": ""}):
        with pytest.raises(InvalidInput, match=r"kubernetes\.kueue_queues"):
            KubernetesSettings(kueue_queues=wrong)


def test_the_schema_takes_it() -> None:
    placement = Placement(
        {"disk": "fast"},
        ({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},),
        {"nodeAffinity": {}},
        "high",
        64 << 20,
    )
    settings = replace(SETTINGS, pull_secrets=("all",), tolerations=({"key": "groups", "operator": "Exists"},))
    kubernetes_validate.validate(
        made(replace(REQUEST, placement=placement, timeout_seconds=60), settings), "1.35", strict=True
    )


def test_pod_security_restricted() -> None:
    spec, inner = pod(), container()["securityContext"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] == naming.ACCOUNT
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["runAsGroup"] == 1000
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert inner["allowPrivilegeEscalation"] is False
    assert inner["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all(set(v) - {"name"} <= {"persistentVolumeClaim", "emptyDir"} for v in spec["volumes"])


def test_one_attempt_that_is_never_repeated() -> None:
    spec = made()["spec"]
    assert (spec["backoffLimit"], spec["completions"], spec["parallelism"]) == (0, 1, 1)
    assert spec["podReplacementPolicy"] == "Failed"
    rule = spec["podFailurePolicy"]["rules"][0]
    assert rule == {"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["ttlSecondsAfterFinished"] == 7 * 24 * 3600


@pytest.mark.parametrize(("timeout", "fence"), [(0, None), (60, 60 + 600 + 300)])
def test_the_second_fence_is_later_than_the_first(timeout: int, fence: int | None) -> None:
    assert made(replace(REQUEST, timeout_seconds=timeout))["spec"].get("activeDeadlineSeconds") == fence


def test_only_its_own_folders_are_mounted() -> None:
    mounts = [m for m in container()["volumeMounts"] if m["name"] == pods.FILES]
    assert {m["subPath"]: m.get("readOnly", False) for m in mounts} == {
        f"{FOLDER}/work": False,
        f"{FOLDER}/artifacts": False,
        f"{FOLDER}/log/output": False,
        f"{FOLDER}/usage": False,
        f"{FOLDER}/end": True,
    }


@pytest.mark.parametrize("path", ["", "/", "a//b", "../x", "runs/..", "a/./b", "a/"])
def test_a_mount_of_the_root_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path below"):
        pods.files_mount(path, "/x")


def test_names_and_labels_are_of_ids_only() -> None:
    manifest = made()
    metadata = manifest["metadata"]
    assert (metadata["name"], metadata["namespace"]) == (naming.job_name(KEY), "collegium-physics")
    assert metadata["labels"] == manifest["spec"]["template"]["metadata"]["labels"]
    assert metadata["labels"] == {
        naming.MANAGED_BY: "collegium",
        naming.INSTANCE: "collegium",
        naming.KIND: "job",
        naming.GROUP: "physics",
        naming.USER: naming.user_label("alice@example.org"),
        naming.JOB: "job-06gvv87e5d082e24le379sngjk",
        naming.ATTEMPT: "2",
    }
    assert metadata["annotations"][naming.OWNER] == "alice@example.org"
    assert is_of(manifest, SETTINGS, KEY)
    assert not is_of(manifest, SETTINGS, KEY + "1")
    assert not is_of(manifest, replace(SETTINGS, instance="other"), KEY)


def test_resources() -> None:
    assert container()["resources"] == {
        "limits": {"cpu": "1500m", "memory": "1Gi", "example.com/gpu": "2"},
        "requests": {"cpu": "1500m", "memory": "1Gi"},
    }
    asked = Resources.parse({"cpu": "100m", "memory": "2Gi", "example.com/gpu": 1})
    assert container(replace(REQUEST, requests=asked))["resources"]["requests"] == {"cpu": "100m", "memory": "1Gi"}
    assert pods.resource_requirements(Resources()) == {}
    assert pods.resource_requirements(Resources(), Resources.parse({"cpu": 1})) == {"requests": {"cpu": "1"}}
    assert pods.resource_requirements(Resources().with_count("jobs")) == {}


def test_placement() -> None:
    settings = replace(
        SETTINGS, node_selector={"pool": "work"}, tolerations=({"key": "a"},), pull_secrets=("all", "base-pull")
    )
    placement = Placement({"pool": "mine", "gpu": "a100"}, ({"key": "b"},), {"podAffinity": {}}, "high", 1 << 30)
    spec = pod(replace(REQUEST, placement=placement), settings)
    assert spec["nodeSelector"] == {"pool": "work", "gpu": "a100"}
    assert spec["tolerations"] == [{"key": "a"}, {"key": "b"}]
    assert (spec["affinity"], spec["priorityClassName"]) == ({"podAffinity": {}}, "high")
    assert spec["imagePullSecrets"] == [{"name": "all"}, {"name": "base-pull"}]
    memory = next(v for v in spec["volumes"] if v["name"] == "shared-memory")
    assert memory["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    assert {"name": "shared-memory", "mountPath": "/dev/shm"} in spec["containers"][0]["volumeMounts"]
    assert not {"nodeSelector", "tolerations", "affinity", "priorityClassName"} & pod().keys()


def test_values_are_literal() -> None:
    hostile = "$(HOME) $HOME $$ $$(X) $(COLLEGIUM_USER) {work}\nline two\ttab \"quote\" 'single' é 🎉 $"
    request = replace(REQUEST, environment={"A": literal(hostile)}, argv=["/bin/sh", "-c", literal(hostile)])
    # Kubernetes turns $$ into $ and leaves it at that.
    assert variables(request)["A"].replace("$$", "$") == hostile
    assert "$(" not in variables(request)["A"].replace("$$", "")
    assert container(request)["command"][-1].replace("$$", "$") == hostile


def test_placeholders() -> None:
    request = replace(REQUEST, argv=["cp", f"{WORK}/a", ARTIFACTS], environment={"OUT": ARTIFACTS, "P": PYTHON})
    assert container(request)["command"][4:] == ["cp", "/collegium/work/a", "/collegium/artifacts"]
    assert variables(request)["OUT"] == "/collegium/artifacts"
    assert variables(request)["P"] == "python3"
    # Kubernetes itself replaces nothing: it takes two of these for one that stays.
    assert "$(" not in container(request)["command"][2].replace("$$", "")


def test_variables() -> None:
    image = replace(REQUEST.image, variables={"FROM_IMAGE": "1", "HOME": "/image"})
    mine = {"OMP_NUM_THREADS": "7", "COLLEGIUM_RUN": "forged", "FROM_IMAGE": "2"}
    found = variables(replace(REQUEST, image=image, environment=mine))
    assert found["COLLEGIUM_RUN"] == KEY
    assert (found["FROM_IMAGE"], found["OMP_NUM_THREADS"], found["HOME"]) == ("2", "7", "/image")
    assert (found["CPU_LIMIT"], found["MEM_LIMIT"], found["USER"]) == ("1.5", str(1 << 30), "alice@example.org")
    assert variables(REQUEST)["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"argv": []}, "command is empty"),
        ({"argv": [""]}, "command is empty"),
        ({"argv": ["a\0b"]}, "NUL"),
        ({"argv": ["\ud800"]}, "valid Unicode"),
        ({"argv": ["x" * (128 << 10)]}, "an argument has 131,072 bytes, at most 131,071"),
        ({"argv": ["{nonsense}"]}, "placeholder"),
        ({"environment": {"A": "{0}"}}, "environment variable A holds a placeholder"),
        ({"environment": {"A-B": "x"}}, "letters, digits and underscores"),
        ({"environment": {"A=B": "x"}}, "letters, digits and underscores"),
        ({"environment": {"A": "x\0"}}, "NUL"),
        ({"environment": {"BIG": "x" * (1 << 20)}}, "BIG has 1,048,580 bytes, at most 131,071"),
        ({"environment": {f"V{n}": "x" * 100_000 for n in range(11)}}, "together, at most 1,000,000"),
        ({"environment": {f"V{n}": "$" * 60_000 for n in range(9)}}, "together, at most 1,000,000"),
        ({"environment": {f"V{n}": "\x01" * 120_000 for n in range(8)}}, "manifest has"),
        ({"image": Image("empty", "Empty")}, "image empty has no container image"),
    ],
)
def test_what_can_never_run(change: dict[str, Any], words: str) -> None:
    with pytest.raises(StartFailed, match=words):
        made(replace(REQUEST, **change))


def run_script(tmp_path: Path, argv: list[str], path: str = os.environ["PATH"]) -> tuple[int, str, str]:
    """Run the command of a Job on this machine, with its fixed paths moved below ``tmp_path``."""
    work = tmp_path / "collegium" / "work"
    work.mkdir(parents=True, exist_ok=True)
    command = [word.replace("$$", "$") for word in container(replace(REQUEST, argv=argv))["command"]]
    command[2] = command[2].replace("/collegium/", f"{tmp_path}/collegium/").replace("/dev/", f"{tmp_path}/")
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True)
    assert done.stdout + done.stderr == ""
    message, log = tmp_path / "termination-log", tmp_path / "collegium" / "log"
    return done.returncode, log.read_text(), message.read_text() if message.exists() else ""


def test_the_script_becomes_the_program(tmp_path: Path) -> None:
    code, log, message = run_script(tmp_path, ["/bin/sh", "-c", "pwd; umask; echo oops >&2; exit 7", "x"])
    assert (code, log, message) == (7, f"{tmp_path}/collegium/work\n0022\noops\n", "")
    code, log, _ = run_script(tmp_path, ["/bin/sh", "-c", "kill -9 $$"])
    assert code == -9  # the program itself, not a shell around it


def test_the_script_appends(tmp_path: Path) -> None:
    run_script(tmp_path, ["echo", "one"])
    assert run_script(tmp_path, ["echo", "two  three"])[1] == "one\ntwo  three\n"


@pytest.mark.parametrize("program", ["no-such-program", "./nowhere", "-x"])
def test_the_script_tells_of_a_program_that_is_not_there(tmp_path: Path, program: str) -> None:
    code, log, message = run_script(tmp_path, [program])
    assert code == 127
    assert program in log
    assert message.startswith("collegium: the program")


def test_the_script_finds_python(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, says in (("python3", "three"), ("python", "plain")):
        (folder / name).write_text(f"#!/bin/sh\necho {says} $1\n")
        (folder / name).chmod(0o755)
        assert run_script(tmp_path, [PYTHON, "x y"], str(folder))[1].endswith(f"{says} x y\n")
    assert jobs.NOT_STARTED in run_script(tmp_path, [PYTHON], str(tmp_path))[2]
