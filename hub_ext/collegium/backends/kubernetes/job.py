"""The ``batch/v1`` Job of a run. Pure: a request in, a manifest out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from collegium.backends.kubernetes import data, naming, pods
from collegium.backends.kubernetes.cause import NOT_STARTED
from collegium.backends.kubernetes.sampler import sampler_script
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.ports import PYTHON, RunRequest, StartFailed, fill
from collegium.domain.errors import DomainError
from collegium.domain.names import check_env_name
from collegium.domain.resources import gpus, size_hints

#: Where a run has its files.
WORK, ARTIFACTS, LOG, END = "/collegium/work", "/collegium/artifacts", "/collegium/log", "/collegium/end"
USAGE = "/collegium/usage"
#: What ``END`` says when the grace of a stop is over.
FORCE = "force"
CONTAINER = "run"
#: Carries the run's key in every process of the run; nobody else may set it.
RUN_MARK = "COLLEGIUM_RUN"
#: Linux takes no longer argument or variable, its name and the NUL at its end included.
MAX_STRING = 128 << 10
#: Command and environment together as the cluster stores them: etcd takes 1.5 MiB, the API server 3 MiB of JSON.
MAX_BYTES = 1_000_000
MAX_JSON = 2_900_000
#: A Job that nobody removed is removed by the cluster after 7 days.
KEPT_SECONDS = 7 * 24 * 3600
#: Seconds that a run may be over its time limit before the cluster itself ends it.
DEADLINE_MARGIN = 300
#: How long a pod may take to end if the node, and not we, asks it to.
GRACE_SECONDS = 30

# Appends the program's output to the log, finds the interpreter, and becomes the program: the kubelet's signals reach
# it and nobody else. What cannot start says so where the kubelet reads it.
_SCRIPT = f"""\
fail() {{
  printf '%s' "{NOT_STARTED}$2" > /dev/termination-log
  printf '%s\\n' "$2" >&2
  exit "$1"
}}
printf '' >> {LOG} || fail 126 "the log cannot be written"
exec >> {LOG} 2>&1
umask 022
cd {WORK} || fail 126 "the working directory cannot be entered"
{{python}}command -v -- "$1" > /dev/null || fail 127 "the program '$1' was not found, or it cannot be run"
{{sampler}}exec "$@"
"""
_FIND_PYTHON = """\
if ! command -v python > /dev/null; then
  command -v python3 > /dev/null || fail 127 "the image has no python"
  shift
  set -- python3 "$@"
fi
"""
# Runs beside the program when its pod is deleted. The kubelet cannot shorten a grace once it has begun to wait, so this
# does: it asks everything in the pod to end and, when told so, ends it.
_STOP_SCRIPT = f"""\
kill -TERM -1
while true; do
  read -r word < {END}
  [ "$word" != {FORCE} ] || kill -KILL -1
  sleep 0.2 || sleep 1
done
"""


def job_manifest(settings: KubernetesSettings, request: RunRequest, folder: str) -> dict[str, Any]:
    """The Job of this run, whose files are in ``folder``, relative to the root of the files volume.

    Raises StartFailed for a request that can never become a run.
    """
    job_id, _, attempt = request.key.rpartition(".")
    labels = {
        **naming.labels(settings.instance, naming.JOB_KIND, request.group, request.user),
        naming.JOB: job_id,
        naming.ATTEMPT: attempt,
    }
    notes = {naming.KEY: request.key, naming.OWNER: request.user, naming.OWNER_GROUP: request.group}
    spec: dict[str, Any] = {
        "backoffLimit": 0,
        "completions": 1,
        "parallelism": 1,
        # Only a pod that is really over is counted: two pods of one run must never be.
        "podReplacementPolicy": "Failed",
        "podFailurePolicy": {
            "rules": [{"action": "FailJob", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "ttlSecondsAfterFinished": KEPT_SECONDS,
        "template": {
            "metadata": {"labels": labels, "annotations": notes},
            "spec": _pod(settings, request, folder),
        },
    }
    if request.timeout_seconds > 0:
        # The controller counts from the run's start and ends it on time; this fence is for when there is no controller.
        spec["activeDeadlineSeconds"] = request.timeout_seconds + settings.start_deadline + DEADLINE_MARGIN
    queued: dict[str, str] = {}
    if queue := settings.queue_of(request.group):
        # Made as it waits: no pod of it may come to be before Kueue has seen it.
        queued, spec["suspend"] = {naming.QUEUE: queue}, True
    manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": naming.job_name(request.key),
            "namespace": settings.namespace_of(request.group),
            "labels": {**labels, **queued},
            "annotations": notes,
        },
        "spec": spec,
    }
    size = len(json.dumps(manifest))
    if size > MAX_JSON:
        raise StartFailed(f"the run's manifest has {size:,} bytes, at most {MAX_JSON:,} are possible; use a file")
    return manifest


def _pod(settings: KubernetesSettings, request: RunRequest, folder: str) -> dict[str, Any]:
    if not request.image.reference:
        raise StartFailed(f"image {request.image.name} has no container image (reference), which Kubernetes needs")
    memory_volumes, memory_mounts = pods.shared_memory(request.placement)
    data_volumes, data_mounts = data.pod_parts(settings, request.group, request.mounts)
    mounts = [
        pods.files_mount(f"{folder}/work", WORK),
        pods.files_mount(f"{folder}/artifacts", ARTIFACTS),
        # The one file and not its folder, so that nothing else can take its place.
        pods.files_mount(f"{folder}/log/output", LOG),
        pods.files_mount(f"{folder}/usage", USAGE),
        pods.files_mount(f"{folder}/end", END, read_only=True),
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        *memory_mounts,
        *data_mounts,
    ]
    command, variables = _command(request), _environment(request)
    _check_size([*command, *(f"{name}={value}" for name, value in (variables | dict(request.secrets)).items())])
    container = {
        "name": CONTAINER,
        "image": request.image.reference,
        "imagePullPolicy": settings.image_pull_policy,
        "command": [pods.literal(word) for word in command],
        "env": [*pods.environment_list(variables), *_from_secret(request)],
        "resources": pods.resource_requirements(request.resources, request.requests),
        "securityContext": pods.container_security(),
        "volumeMounts": mounts,
        "terminationMessagePolicy": "File",
        "lifecycle": {"preStop": {"exec": {"command": ["/bin/sh", "-c", _STOP_SCRIPT]}}},
    }
    return {
        **pods.base_pod(settings, request.placement, request.image.pull_secret),
        # Else the program is process 1, which the kernel shields from SIGTERM and which nobody relieves of zombies.
        "shareProcessNamespace": True,
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "containers": [container],
        "volumes": [pods.files_volume(settings), {"name": "tmp", "emptyDir": {}}, *memory_volumes, *data_volumes],
    }


def _command(request: RunRequest) -> list[str]:
    argv = [_filled("the command", word) for word in request.argv]
    if not argv or not argv[0]:
        raise StartFailed("the command is empty")
    find = ""
    if request.argv[0] == PYTHON:
        argv[0], find = "python", _FIND_PYTHON
    sampler = sampler_script(USAGE, gpus=gpus(request.resources) > 0)
    script = _SCRIPT.replace("{python}", find).replace("{sampler}", sampler)
    return ["/bin/sh", "-c", script, "collegium", *argv]


def _environment(request: RunRequest) -> dict[str, str]:
    variables = {
        "HOME": WORK,
        "USER": request.user,
        "LOGNAME": request.user,
        "PYTHONUNBUFFERED": "1",
        "COLLEGIUM_JOB_ID": request.job_id,
        "COLLEGIUM_GROUP": request.group,
        "COLLEGIUM_USER": request.user,
        "COLLEGIUM_ARTIFACTS": ARTIFACTS,
        **data.pod_variables(request.mounts),
        **request.image.variables,
        **size_hints(request.resources),
        **{name: _filled(f"environment variable {name}", value) for name, value in request.environment.items()},
        RUN_MARK: request.key,
    }
    for name in {**variables, **request.secrets}:
        try:
            check_env_name(name)
        except DomainError as error:
            raise StartFailed(str(error)) from error
    return {name: value for name, value in variables.items() if name not in request.secrets}


def _from_secret(request: RunRequest) -> list[dict[str, Any]]:
    """Variables that only the kubelet fills in: whoever reads the Job or its pod sees a reference."""
    name = naming.job_name(request.key)
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": variable}}}
        for variable in request.secrets
    ]


def _filled(what: str, text: str) -> str:
    try:
        return fill(text, "python3", ARTIFACTS, WORK)
    except (LookupError, ValueError, AttributeError) as error:
        raise StartFailed(f"{what} holds a placeholder that is not known: {error}") from error


def _check_size(words: Sequence[str]) -> None:
    total = 0
    for word in words:
        if "\0" in word:
            raise StartFailed("the command and its environment must not hold NUL characters")
        try:
            size = len(word.encode())
        except UnicodeEncodeError as error:
            raise StartFailed("the command and its environment must be valid Unicode") from error
        if size >= MAX_STRING:
            name = word.partition("=")[0][:128] if "=" in word[:129] else "an argument"
            raise StartFailed(f"{name} has {size:,} bytes, at most {MAX_STRING - 1:,} are possible; use a file")
        total += len(pods.literal(word).encode())
    if total > MAX_BYTES:
        raise StartFailed(
            f"the command and its environment have {total:,} bytes together, at most {MAX_BYTES:,} are possible;"
            " put large values into a file"
        )


def is_of(job: Mapping[str, Any], settings: KubernetesSettings, key: str) -> bool:
    """True if this Job is the one of this run and not something of another's with its name."""
    metadata = job.get("metadata") or {}
    labels, notes = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return labels.get(naming.INSTANCE) == settings.instance and notes.get(naming.KEY) == key
