"""What a pod, a Job and their events say: in words, as a phase, and whether waiting is of any use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collegium.backends.kubernetes.cause import ended, job_ended, unmade, waiting
from collegium.backends.kubernetes.verdict import Facts, judge
from collegium.backends.ports import RunPhase, RunStatus
from collegium.domain.jobs import JobReason

NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
KEY = "job-a.1"


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def a_pod(
    phase: str = "Pending",
    state: dict[str, Any] | None = None,
    *,
    conditions: tuple[dict[str, Any], ...] = (),
    scheduled: float | None = 5,
    deleted: bool = False,
    **status: Any,
) -> dict[str, Any]:
    """A pod that a node took ``scheduled`` seconds ago (None: none did), and its one container's state."""
    known = list(conditions)
    if scheduled is not None:
        known.append({"type": "PodScheduled", "status": "True", "lastTransitionTime": ago(scheduled)})
    metadata: dict[str, Any] = {"name": "run-x-abcde", "uid": "u", "creationTimestamp": ago(400)}
    if deleted:
        metadata["deletionTimestamp"] = ago(1)
    containers = [{"name": "run", "image": "reg.example.org/a:1", "state": state}] if state else []
    return {
        "metadata": metadata,
        "spec": {"nodeName": "n" if scheduled is not None else None, "containers": []},
        "status": {"phase": phase, "conditions": known, "containerStatuses": containers, **status},
    }


def held(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def over(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    times = {"startedAt": ago(60), "finishedAt": ago(2)}
    return {"terminated": {"exitCode": code, "reason": reason, "message": message, **times}}


def event(reason: str, message: str, seconds: float = 1) -> dict[str, Any]:
    return {"reason": reason, "message": message, "lastTimestamp": ago(seconds), "metadata": {}}


NOT_FOUND = (
    'Failed to pull image "reg.example.org/a:1": rpc error: code = NotFound desc = failed to pull and unpack image'
    ' "reg.example.org/a:1": failed to resolve reference "reg.example.org/a:1": reg.example.org/a:1: not found'
)
TIMED_OUT = 'rpc error: code = Unknown desc = failed to do request: Head "https://reg.example.org/v2/": i/o timeout'


@pytest.mark.parametrize(
    ("state", "scheduled", "words", "hopeless"),
    [
        (held("InvalidImageName", "couldn't parse"), 0, "image reg.example.org/a:1 has a name that cannot", True),
        (held("ErrImageNeverPull", "not present with pull policy of Never"), 0, "is not on the node", True),
        (held("CreateContainerConfigError", 'secret "s" not found'), 1, 'set up: secret "s" not found', False),
        (held("CreateContainerConfigError", 'secret "s" not found'), 15, 'set up: secret "s" not found', True),
        (held("CreateContainerError", "context deadline exceeded"), 30, "cannot be made", False),
        (held("RunContainerError", "no"), 60, "cannot be started", True),
        (held("ErrImagePull", NOT_FOUND), 30, "cannot be pulled: failed to pull and unpack", False),
        (held("ErrImagePull", NOT_FOUND), 60, "not found", True),
        (held("ErrImagePull", TIMED_OUT), 299, "cannot be pulled: failed to do request", False),
        (held("ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: ' + TIMED_OUT), 300, "i/o timeout", True),
        (held("ImagePullBackOff", "ErrImagePull: pull access denied"), 61, "cannot be pulled", True),
        (held("ContainerCreating"), 1000, "image and volumes", False),
        (held("PodInitializing"), 1000, "image and volumes", False),
        (None, 1000, "image and volumes", False),
    ],
)
def test_a_container_that_waits(state: dict[str, Any] | None, scheduled: float, words: str, hopeless: bool) -> None:
    cause = waiting(a_pod(state=state, scheduled=scheduled))
    assert cause is not None
    assert words in cause.message
    assert cause.hopeless(NOW) is hopeless


def test_fatal_is_hopeless_at_once() -> None:
    cause = waiting(a_pod(state=held("InvalidImageName"), scheduled=0))
    assert cause is not None
    assert cause.fatal
    later = waiting(a_pod(state=held("ErrImagePull", NOT_FOUND), scheduled=0))
    assert later is not None
    assert not later.fatal


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (
            "0/3 nodes are available: 3 Insufficient example.com/gpu. preemption: 0/3 nodes are available: 3 No victim",
            "it waits for a node: 0/3 nodes are available: 3 Insufficient example.com/gpu",
        ),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
            "it waits for a node: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims",
        ),
        ("", "it waits for a node: told by an event"),
    ],
)
def test_no_node(message: str, words: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    cause = waiting(a_pod(scheduled=None, conditions=(condition,)), [event("FailedScheduling", "told by an event")])
    assert cause is not None
    assert (cause.reason, cause.message, cause.grace) == ("Unschedulable", words, None)


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (
            [event("FailedMount", 'MountVolume.SetUp failed for volume "files": exit status 32')],
            "a volume cannot be mo",
        ),
        ([event("FailedAttachVolume", "Multi-Attach error")], "a volume cannot be attached: Multi-Attach error"),
        ([event("FailedCreatePodSandBox", "failed to set up network")], "network or sandbox cannot be set up: failed"),
        ([event("Pulling", 'Pulling image "x"')], "its image is being pulled"),
        ([event("FailedMount", "old", 50), event("Pulling", "new", 2)], "its image is being pulled"),
        ([event("Scheduled", "assigned"), event("Killing", "x")], "image and volumes"),
    ],
)
def test_events_say_more(events: list[dict[str, Any]], words: str) -> None:
    cause = waiting(a_pod(state=held("ContainerCreating")), events)
    assert cause is not None
    assert words in cause.message
    assert not cause.hopeless(NOW)


def test_a_bare_back_off_is_explained_by_an_event() -> None:
    pod = a_pod(state=held("ImagePullBackOff", 'Back-off pulling image "reg.example.org/a:1"'), scheduled=61)
    cause = waiting(pod, [event("Failed", NOT_FOUND, 9), event("BackOff", "Back-off pulling", 1)])
    assert cause is not None
    assert "not found" in cause.message
    assert cause.hopeless(NOW)


def test_what_runs_waits_for_nothing() -> None:
    assert waiting(a_pod("Running", {"running": {"startedAt": ago(3)}})) is None
    assert waiting(a_pod("Succeeded", over(0, "Completed"))) is None


QUOTA = (
    'Error creating: pods "run-x-abcde" is forbidden: exceeded quota: collegium, requested: limits.cpu=2,'
    " used: limits.cpu=3, limited: limits.cpu=4"
)


@pytest.mark.parametrize(
    ("events", "reason", "words", "hopeless"),
    [
        ([], "NoPod", "its pod is being made", False),
        ([event("FailedCreate", QUOTA)], "QuotaExceeded", "no room for it now: exceeded quota: collegium, req", False),
        (
            [event("FailedCreate", 'Error creating: pods "x" is forbidden: violates PodSecurity "restricted:latest"')],
            "FailedCreate",
            "does not take its pod: violates PodSecurity",
            True,
        ),
        (
            [event("FailedCreate", 'Error creating: pods "x" is forbidden: maximum cpu usage per Container is 1')],
            "FailedCreate",
            "maximum cpu usage per Container is 1",
            True,
        ),
        (
            [event("FailedCreate", 'Error creating: pods "x" is forbidden: error looking up service account')],
            "FailedCreate",
            "error looking up service account",
            False,
        ),
        ([event("FailedCreate", 'admission webhook "w" denied the request: no')], "FailedCreate", "no", True),
    ],
)
def test_a_job_without_a_pod(events: list[dict[str, Any]], reason: str, words: str, hopeless: bool) -> None:
    cause = unmade({"metadata": {"creationTimestamp": ago(30)}, "spec": {}, "status": {}}, events)
    assert cause.reason == reason
    assert words in cause.message
    assert cause.hopeless(NOW) is hopeless


def test_a_suspended_job() -> None:
    assert "suspended" in unmade({"metadata": {}, "spec": {"suspend": True}}).message


def disrupted(reason: str, message: str = "") -> dict[str, Any]:
    return {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}


L, F = RunPhase.LOST, RunPhase.FAILED


@pytest.mark.parametrize(
    ("pod", "phase", "reason", "code", "words"),
    [
        (a_pod("Succeeded", over(0, "Completed")), RunPhase.SUCCEEDED, None, 0, ""),
        (a_pod("Succeeded", over(0, "OOMKilled")), RunPhase.SUCCEEDED, None, 0, ""),
        (a_pod("Failed", over(3)), F, JobReason.EXIT_CODE, 3, "exit code 3"),
        (a_pod("Failed", over(255)), F, JobReason.EXIT_CODE, 255, "exit code 255"),
        (a_pod("Failed", over(128)), F, JobReason.EXIT_CODE, 128, "exit code 128"),
        (a_pod("Running", over(3)), F, JobReason.EXIT_CODE, 3, "exit code 3"),
        (a_pod("Failed", over(137)), F, JobReason.SIGNAL, 137, "ended by signal 9 (SIGKILL)"),
        (a_pod("Failed", over(139)), F, JobReason.SIGNAL, 139, "ended by signal 11 (SIGSEGV)"),
        (a_pod("Failed", over(137, "OOMKilled")), F, JobReason.OUT_OF_MEMORY, 137, "memory limit"),
        (a_pod("Failed", over(1, "OOMKilled")), F, JobReason.OUT_OF_MEMORY, 1, "memory limit"),
        (
            a_pod("Failed", over(128, "StartError", 'exec: "/bin/sh": stat /bin/sh: no such file or directory')),
            F,
            JobReason.START_FAILED,
            128,
            "its container cannot be started: exec:",
        ),
        (a_pod("Failed", over(128, "ContainerCannotRun")), F, JobReason.START_FAILED, 128, "cannot be started"),
        (
            a_pod("Failed", over(127, message="collegium: the program 'x' was not found")),
            F,
            JobReason.START_FAILED,
            127,
            "the program 'x' was not found",
        ),
        (a_pod("Failed", over(127, message="collegiate")), F, JobReason.EXIT_CODE, 127, "exit code 127"),
        (a_pod("Failed", over(1, message="collegium: forged")), F, JobReason.EXIT_CODE, 1, "exit code 1"),
        (a_pod("Failed", over(143), deleted=True), L, JobReason.LOST, 143, "deleted from outside"),
        (a_pod("Failed", over(0, "Completed"), deleted=True), RunPhase.SUCCEEDED, None, 0, ""),
        (
            a_pod("Failed", over(137), reason="Evicted", message="The node was low on resource: memory."),
            L,
            JobReason.LOST,
            137,
            "it was evicted from its node: The node was low on resource: memory.",
        ),
        (
            a_pod("Failed", over(143), conditions=(disrupted("PreemptionByScheduler", "high pod"),), deleted=True),
            L,
            JobReason.LOST,
            143,
            "higher priority: high pod",
        ),
        (a_pod("Failed", conditions=(disrupted("DeletionByPodGC"),)), L, JobReason.LOST, None, "its node is gone"),
        (
            a_pod("Failed", conditions=(disrupted("DeletionByTaintManager"),), deleted=True),
            L,
            JobReason.LOST,
            None,
            "does not answer",
        ),
        (
            a_pod("Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu"),
            L,
            JobReason.LOST,
            None,
            "did not take it: Node didn't have enough",
        ),
        (a_pod("Failed", reason="NodeShutdown"), L, JobReason.LOST, None, "shut down"),
        (a_pod("Failed", over(137, "ContainerStatusUnknown")), L, JobReason.LOST, 137, "its node lost it"),
        (a_pod("Failed"), L, JobReason.LOST, None, "its node ended it"),
    ],
)
def test_ends(pod: dict[str, Any], phase: RunPhase, reason: JobReason | None, code: int | None, words: str) -> None:
    status = ended(KEY, pod)
    assert status is not None
    assert (status.phase, status.reason, status.exit_code) == (phase, reason, code)
    assert words in status.message
    assert bool(status.message) is (phase is not RunPhase.SUCCEEDED)


def test_what_is_not_over_has_no_end() -> None:
    assert ended(KEY, a_pod("Running", {"running": {"startedAt": ago(3)}}, deleted=True)) is None
    assert ended(KEY, a_pod("Pending", held("ImagePullBackOff"))) is None
    assert ended(KEY, a_pod("Unknown")) is None


def test_a_job_that_kueue_holds() -> None:
    """It has no pod, all the time in the world, and once it was let go the same time to start as any other."""
    label = {"kueue.x-k8s.io/queue-name": "gpus"}

    def job(suspend: bool, **status: Any) -> dict[str, Any]:
        made = a_job(suspend=suspend, **status)
        return made | {"metadata": made["metadata"] | {"labels": label}}

    waits = verdict_of(job(True, startTime=None), None, created=86400)
    assert waits is not None
    assert (waits.phase, waits.message) == (RunPhase.STARTING, "Kueue holds it in the queue gpus")
    for let in (job(False, startTime=None), job(False, startTime=ago(599))):
        starts = verdict_of(let, None, created=86400)
        assert starts is not None
        assert starts.phase is RunPhase.STARTING
    late = verdict_of(job(False, startTime=ago(600)), a_pod(), created=86400)
    assert late is not None
    assert (late.reason, "within 600 seconds" in late.message) == (JobReason.START_FAILED, True)
    stopped = verdict_of(
        job(True) | {"status": {"conditions": [{"type": "Suspended", "status": "True"}]}}, None, stopped=True
    )
    assert stopped is not None
    assert stopped.reason is JobReason.CANCELLED
    preempted = verdict_of(job(True), a_pod("Failed", over(143), deleted=True))
    assert preempted is not None
    assert (preempted.reason, preempted.message) == (JobReason.LOST, "Kueue took its place in the queue gpus back")


def test_hostile_texts_are_tamed() -> None:
    status = ended(KEY, a_pod("Failed", over(127, message="collegium: \x1b[31m" + "x" * 9000 + "\n\0")))
    assert status is not None
    assert len(status.message) <= 400
    assert status.message.isprintable()


def a_job(*conditions: dict[str, Any], suspend: bool = False, **status: Any) -> dict[str, Any]:
    known = [{"status": "True", "lastTransitionTime": ago(3), **c} for c in conditions]
    return {
        "metadata": {"name": "run-x", "creationTimestamp": ago(90)},
        "spec": {"suspend": suspend},
        "status": {"startTime": ago(80), "conditions": known, **status},
    }


DEADLINE = {"type": "Failed", "reason": "DeadlineExceeded", "message": "Job was active longer than specified deadline"}
BACKOFF = {"type": "Failed", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}


@pytest.mark.parametrize(
    ("job", "phase", "reason"),
    [
        (a_job({"type": "Complete"}), RunPhase.SUCCEEDED, None),
        (a_job(DEADLINE), F, JobReason.TIMEOUT),
        (a_job(BACKOFF), L, JobReason.LOST),
        (a_job({"type": "Failed", "reason": "PodFailurePolicy"}), L, JobReason.LOST),
    ],
)
def test_ends_by_the_job_alone(job: dict[str, Any], phase: RunPhase, reason: JobReason | None) -> None:
    status = job_ended(KEY, job)
    assert status is not None
    assert (status.phase, status.reason) == (phase, reason)


def verdict_of(
    job: dict[str, Any] | None,
    pod: dict[str, Any] | None,
    *,
    stopped: bool = False,
    created: float | None = 30,
    **wishes: Any,
) -> RunStatus | None:
    at = None if created is None else NOW.timestamp() - created
    return judge(Facts(KEY, job, pod, at, stopped, **wishes), NOW, 600).status


RUNS = a_pod("Running", {"running": {"startedAt": ago(3)}})


@pytest.mark.parametrize(
    ("status", "phase", "reason", "words"),
    [
        (verdict_of(a_job(), RUNS), RunPhase.RUNNING, None, ""),
        (verdict_of(a_job(), RUNS, stopped=True), RunPhase.RUNNING, None, ""),
        (verdict_of(a_job(), a_pod()), RunPhase.STARTING, None, "image and volumes"),
        (verdict_of(a_job(), a_pod(), stopped=True), RunPhase.STARTING, None, "being cancelled"),
        (verdict_of(a_job(), a_pod(), created=600), F, JobReason.START_FAILED, "within 600 seconds: its container"),
        (verdict_of(a_job(), None, created=600), F, JobReason.START_FAILED, "within 600 seconds: its pod"),
        (verdict_of(a_job(), a_pod(state=held("InvalidImageName"))), F, JobReason.START_FAILED, "cannot be read"),
        (verdict_of(a_job(), a_pod(scheduled=None, deleted=True), stopped=True), F, JobReason.CANCELLED, "before it s"),
        (verdict_of(a_job(), a_pod(scheduled=None, deleted=True)), RunPhase.STARTING, None, "waits for a node"),
        (verdict_of(a_job(), a_pod("Failed", over(143), deleted=True), stopped=True), F, JobReason.CANCELLED, "on req"),
        (verdict_of(a_job(), a_pod("Succeeded", over(0), deleted=True), stopped=True), F, JobReason.CANCELLED, "on re"),
        # It ended by itself; the wish came too late.
        (verdict_of(a_job(), a_pod("Failed", over(4)), stopped=True), F, JobReason.EXIT_CODE, "exit code 4"),
        (verdict_of(a_job(), a_pod("Succeeded", over(0)), stopped=True), RunPhase.SUCCEEDED, None, ""),
        (verdict_of(a_job(DEADLINE), a_pod("Failed", over(143), deleted=True)), F, JobReason.TIMEOUT, "time limit"),
        (verdict_of(a_job(DEADLINE), a_pod("Succeeded", over(0), deleted=True)), RunPhase.SUCCEEDED, None, ""),
        (verdict_of(a_job(), None), RunPhase.STARTING, None, "its pod is being made"),
        (verdict_of(a_job({"type": "Suspended"}, suspend=True), None, stopped=True), F, JobReason.CANCELLED, "request"),
        (verdict_of(a_job(suspend=True), None, stopped=True), RunPhase.STARTING, None, "being cancelled"),
        (verdict_of(a_job({"type": "Suspended"}, active=1), None, stopped=True), RunPhase.STARTING, None, "cancelled"),
        (verdict_of(a_job(BACKOFF), None, stopped=True), F, JobReason.CANCELLED, "on request"),
        (verdict_of(a_job({"type": "Complete"}), None, stopped=True), RunPhase.SUCCEEDED, None, ""),
        (verdict_of(None, None), L, JobReason.LOST, "its Job was deleted from outside"),
        (verdict_of(None, None, stopped=True), F, JobReason.CANCELLED, "on request"),
        (verdict_of(None, None, stopped=True, created=None), F, JobReason.CANCELLED, "before it started"),
        (verdict_of(None, RUNS), RunPhase.RUNNING, None, ""),
    ],
)
def test_verdicts(status: RunStatus | None, phase: RunPhase, reason: JobReason | None, words: str) -> None:
    assert status is not None
    assert (status.phase, status.reason) == (phase, reason)
    assert words in status.message
    assert (status.finished_at is not None) is phase.final


def test_what_never_came_to_be() -> None:
    assert verdict_of(None, None, created=None) is None


def test_giving_up_means_that_the_job_must_go() -> None:
    facts = Facts(KEY, a_job(), a_pod(state=held("ErrImageNeverPull")), NOW.timestamp(), False)
    assert judge(facts, NOW, 600).abandon
    assert not judge(Facts(KEY, a_job(), a_pod("Failed", over(1)), 0.0, False), NOW, 600).abandon


def test_a_node_that_does_not_answer_is_told() -> None:
    condition = {"type": "Ready", "status": "False", "reason": "NodeNotReady"}
    status = verdict_of(a_job(), a_pod("Running", {"running": {"startedAt": ago(3)}}, conditions=(condition,)))
    assert status is not None
    assert (status.phase, status.message) == (RunPhase.RUNNING, "its node does not answer")


@pytest.mark.parametrize(
    ("image_id", "known"),
    [
        (f"reg.example.org:5000/a/b@sha256:{'0a' * 32}", True),
        (f"docker-pullable://reg.example.org/a@sha256:{'0a' * 32}", True),
        # Loaded on the node by hand: nobody can pull that again.
        (f"sha256:{'0a' * 32}", False),
        (f"a b@sha256:{'0a' * 32}", False),
        ("", False),
    ],
)
def test_the_image_that_runs_is_known_by_its_digest(image_id: str, known: bool) -> None:
    for phase, state in (("Running", {"running": {"startedAt": ago(9)}}), ("Succeeded", over(0))):
        pod = a_pod(phase, state)
        pod["status"]["containerStatuses"][0]["imageID"] = image_id
        status = judge(Facts(KEY, None, pod, 0.0, False), NOW, 600).status
        assert status is not None
        assert status.image == (image_id.removeprefix("docker-pullable://") if known else "")
