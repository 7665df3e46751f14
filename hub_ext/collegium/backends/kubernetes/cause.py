"""What pods, Jobs and events say, in words for people, and when to stop waiting. Pure: JSON in, values out."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collegium.backends.kubernetes import naming
from collegium.backends.ports import RunPhase, RunStatus
from collegium.domain.errors import shorten
from collegium.domain.jobs import JobReason

#: Begins the termination message of a run whose program could not be started.
NOT_STARTED = "collegium: "
_LONGEST = 400
_DIGEST = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]{0,400}@sha256:[0-9a-f]{64}", re.ASCII)
#: Image registries and storage come back; a name that they do not know mostly does not.
_IMAGE_GRACE, _NO_SUCH_IMAGE_GRACE, _CONFIGURATION_GRACE, _CREATE_GRACE = 300.0, 60.0, 15.0, 60.0
#: Why a container waits, and how long (seconds since a node was found) before nothing more is to be hoped for.
_WAITING: Mapping[str, tuple[str, float]] = {
    "InvalidImageName": ("the image {image} has a name that cannot be read", 0.0),
    "ErrImageNeverPull": ("the image {image} is not on the node and must not be pulled", 0.0),
    "ErrImagePull": ("the image {image} cannot be pulled", _IMAGE_GRACE),
    "ImagePullBackOff": ("the image {image} cannot be pulled", _IMAGE_GRACE),
    "RegistryUnavailable": ("the registry of the image {image} does not answer", _IMAGE_GRACE),
    "ImageInspectError": ("the image {image} cannot be read", _CREATE_GRACE),
    "SignatureValidationFailed": ("the signature of the image {image} is not accepted", _CREATE_GRACE),
    "CreateContainerConfigError": ("its container cannot be set up", _CONFIGURATION_GRACE),
    "CreateContainerError": ("its container cannot be made", _CREATE_GRACE),
    "RunContainerError": ("its container cannot be started", _CREATE_GRACE),
    "CrashLoopBackOff": ("its container ends again and again", _CREATE_GRACE),
    "PostStartHookError": ("its start hook failed", _CREATE_GRACE),
}
_NO_SUCH_IMAGE = re.compile(
    r"not found|denied|unauthorized|manifest unknown|does not exist|no such host", re.IGNORECASE
)
_EVENTS: Mapping[str, str] = {
    "FailedMount": "a volume cannot be mounted",
    "FailedAttachVolume": "a volume cannot be attached",
    "FailedMapVolume": "a volume cannot be attached",
    "FailedBinding": "a volume is not there yet",
    "ProvisioningFailed": "a volume cannot be made",
    "FailedCreatePodSandBox": "its network or sandbox cannot be set up",
    "NetworkNotReady": "the network of its node is not ready",
    "FailedScheduling": "it waits for a node",
    "Failed": "its container cannot be started",
    "Pulling": "its image is being pulled",
}
#: Refusals of a pod that no waiting changes.
_NEVER_MADE = re.compile(r"violates PodSecurity|per (Container|Pod) is|is invalid:|denied the request", re.IGNORECASE)
_NEVER_MADE_GRACE = 15.0
_CANNOT_START = frozenset({"StartError", "ContainerCannotRun", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True)
class Cause:
    """What something waits for. ``reason`` is Kubernetes' word; ``grace`` counts in seconds from ``since``.

    Without a grace only the installation's start deadline ends the waiting.
    """

    reason: str
    message: str
    grace: float | None = None
    since: datetime | None = None

    @property
    def fatal(self) -> bool:
        """True if waiting was of no use from the beginning."""
        return self.grace == 0

    def hopeless(self, now: datetime) -> bool:
        """True once it should be given up."""
        if self.grace is None:
            return False
        return self.fatal or self.since is None or (now - self.since).total_seconds() >= self.grace


def waiting(pod: Mapping[str, Any], events: Iterable[Mapping[str, Any]] = ()) -> Cause | None:
    """Why a pod does not run yet; None once its containers have run. ``events`` are those of this pod."""
    status = pod.get("status") or {}
    if status.get("phase") not in (None, "Pending") or started_at(pod) is not None:
        return None
    found = sorted(events, key=_event_time, reverse=True)
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return _unscheduled(scheduled, found)
    since = read_time(scheduled.get("lastTransitionTime")) or read_time(pod["metadata"].get("creationTimestamp"))
    for container in _containers(status):
        held = (container.get("state") or {}).get("waiting") or {}
        if held.get("reason") in _WAITING:
            return _held(pod, container, held, found, since)
    for event in found:
        told = str(event.get("reason") or "")
        if told in _EVENTS and told != "FailedScheduling":
            detail = "" if told == "Pulling" else _clean(event.get("message"))
            return Cause(told, _sentence(_EVENTS[told], detail))
    if not (pod.get("spec") or {}).get("nodeName"):
        return Cause("Pending", "it waits for a node")
    return Cause("ContainerCreating", "its container is being set up: image and volumes")


def unmade(job: Mapping[str, Any], events: Iterable[Mapping[str, Any]] = ()) -> Cause:
    """Why a Job has no pod. ``events`` are those of this Job."""
    if held_by(job):
        return Cause("Queued", f"Kueue holds it in the queue {held_by(job)}")
    if (job.get("spec") or {}).get("suspend"):
        return Cause("Suspended", "its Job was suspended by somebody else")
    for event in sorted(events, key=_event_time, reverse=True):
        if event.get("reason") == "FailedCreate":
            return _refused(job, _clean(event.get("message")))
    return Cause("NoPod", "its pod is being made")


def queue_of(job: Mapping[str, Any]) -> str:
    """Kueue's queue that a Job stands in, or stood in; empty for one that Kueue has no say in."""
    return str((job["metadata"].get("labels") or {}).get(naming.QUEUE) or "")


def held_by(job: Mapping[str, Any]) -> str:
    """Kueue's queue that keeps a Job from starting now; empty if none does."""
    return queue_of(job) if (job.get("spec") or {}).get("suspend") else ""


def started_at(pod: Mapping[str, Any]) -> datetime | None:
    """When the pod's first container started, None if it did not."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            for name in ("running", "terminated"):
                if begun := read_time((state.get(name) or {}).get("startedAt")):
                    return begun
    return None


def image_of(pod: Mapping[str, Any]) -> str:
    """The image that the pod really runs, by its digest; empty where the node gives none that could be pulled."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        found = str(container.get("imageID") or "").rpartition("://")[2]
        if _DIGEST.fullmatch(found):
            return found
    return ""


def ended(key: str, pod: Mapping[str, Any]) -> RunStatus | None:
    """The end of a run by its pod alone; None while it is not over."""
    status = pod.get("status") or {}
    end = _terminated(status)
    if not end and status.get("phase") not in ("Succeeded", "Failed"):
        return None
    code, times = end.get("exitCode"), (started_at(pod), read_time(end.get("finishedAt")))
    if code == 0 or (not end and status.get("phase") == "Succeeded"):
        return RunStatus(key, RunPhase.SUCCEEDED, *times, 0, image=image_of(pod))
    phase, reason, message = _why(pod, status, end)
    return RunStatus(key, phase, *times, code, reason, message, image_of(pod))


def job_ended(key: str, job: Mapping[str, Any]) -> RunStatus | None:
    """The end of a run by its Job alone, for when the pod is gone; when its container started is not known then."""
    status = job.get("status") or {}
    conditions = {c.get("type"): c for c in status.get("conditions") or () if c.get("status") == "True"}
    if done := conditions.get("Complete"):
        started = read_time(status.get("startTime"))
        finished = read_time(status.get("completionTime") or done.get("lastTransitionTime"))
        return RunStatus(key, RunPhase.SUCCEEDED, started, finished, 0)
    failed = conditions.get("Failed")
    if failed is None:
        return None
    finished = read_time(failed.get("lastTransitionTime"))
    if failed.get("reason") == "DeadlineExceeded":
        message = "ended by the cluster: it was over its time limit"
        return RunStatus(key, RunPhase.FAILED, None, finished, None, JobReason.TIMEOUT, message)
    message = _sentence("its pod was removed before its end could be seen", _clean(failed.get("message")))
    return RunStatus(key, RunPhase.LOST, None, finished, None, JobReason.LOST, message)


def past_deadline(job: Mapping[str, Any]) -> bool:
    """True if the Job's own deadline ended it, or is ending it now."""
    return any(
        c.get("status") == "True" and c.get("reason") == "DeadlineExceeded"
        for c in (job.get("status") or {}).get("conditions") or ()
    )


def read_time(text: Any) -> datetime | None:
    """A time as Kubernetes writes it, None for nothing or nonsense."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _why(pod: Mapping[str, Any], status: Mapping[str, Any], end: Mapping[str, Any]) -> tuple[RunPhase, JobReason, str]:
    told, code = str(end.get("reason") or ""), end.get("exitCode")
    disruption = _condition(pod, "DisruptionTarget")
    if status.get("reason") or disruption.get("status") == "True" or not end or told == "ContainerStatusUnknown":
        return RunPhase.LOST, JobReason.LOST, _disrupted(status, disruption, end)
    if told == "OOMKilled":
        return RunPhase.FAILED, JobReason.OUT_OF_MEMORY, "it was ended for using more than its memory limit"
    detail = _clean(end.get("message"))
    if told in _CANNOT_START:
        return RunPhase.FAILED, JobReason.START_FAILED, _sentence("its container cannot be started", detail)
    if code in (126, 127) and detail.startswith(NOT_STARTED):
        return RunPhase.FAILED, JobReason.START_FAILED, detail.removeprefix(NOT_STARTED)
    if pod["metadata"].get("deletionTimestamp"):
        return RunPhase.LOST, JobReason.LOST, "its pod was deleted from outside"
    if name := _signal_name(code):
        return RunPhase.FAILED, JobReason.SIGNAL, f"ended by signal {int(code or 0) - 128} ({name})"
    return RunPhase.FAILED, JobReason.EXIT_CODE, f"exit code {code}"


def _disrupted(status: Mapping[str, Any], disruption: Mapping[str, Any], end: Mapping[str, Any]) -> str:
    words = {
        "Evicted": "it was evicted from its node",
        "TerminationByKubelet": "it was ended by its node",
        "EvictionByEvictionAPI": "it was evicted from its node",
        "PreemptionByScheduler": "it had to make room for something of higher priority",
        "DeletionByTaintManager": "its node does not answer or must be emptied",
        "DeletionByPodGC": "its node is gone",
        "NodeShutdown": "its node was shut down",
        "Terminated": "its node was shut down",
        "NodeLost": "its node is gone",
        "ContainerStatusUnknown": "its node lost it",
    }
    told = [str(status.get("reason") or ""), str(disruption.get("reason") or ""), str(end.get("reason") or "")]
    detail = _clean(status.get("message")) or _clean(disruption.get("message"))
    for word in told:
        if word in words:
            return _sentence(words[word], detail)
    return _sentence("its node ended it or did not take it", detail or next(filter(None, told), ""))


def _unscheduled(condition: Mapping[str, Any], events: list[Mapping[str, Any]]) -> Cause:
    detail = _clean(condition.get("message"))
    if not detail:
        detail = next((_clean(e.get("message")) for e in events if e.get("reason") == "FailedScheduling"), "")
    detail = detail.split(" preemption:")[0].rstrip(". ")
    return Cause(str(condition.get("reason") or "Unschedulable"), _sentence("it waits for a node", detail))


def _held(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    held: Mapping[str, Any],
    events: list[Mapping[str, Any]],
    since: datetime | None,
) -> Cause:
    reason = str(held["reason"])
    words, grace = _WAITING[reason]
    detail = _clean(held.get("message"))
    if reason == "ImagePullBackOff" and "rror" not in detail:
        # Some releases say only that they wait; the reason was in an event.
        detail = next((_clean(e.get("message")) for e in events if e.get("reason") == "Failed"), detail)
    detail = detail.rpartition(" desc = ")[2] or detail
    if grace == _IMAGE_GRACE and _NO_SUCH_IMAGE.search(detail):
        grace = _NO_SUCH_IMAGE_GRACE
    image = str(container.get("image") or _image(pod, container.get("name")))
    return Cause(reason, _sentence(words.format(image=shorten(image, 200)), detail), grace, since)


def _refused(job: Mapping[str, Any], detail: str) -> Cause:
    detail = detail.removeprefix("Error creating: ")
    detail = detail.partition(" is forbidden: ")[2] or detail
    if "exceeded quota" in detail:
        return Cause("QuotaExceeded", _sentence("the group's namespace has no room for it now", detail))
    since = read_time((job.get("status") or {}).get("startTime")) or read_time(job["metadata"].get("creationTimestamp"))
    grace = _NEVER_MADE_GRACE if _NEVER_MADE.search(detail) else None
    return Cause("FailedCreate", _sentence("the cluster does not take its pod", detail), grace, since)


def _containers(status: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(name) or ()


def _terminated(status: Mapping[str, Any]) -> Mapping[str, Any]:
    for container in status.get("containerStatuses") or ():
        if end := (container.get("state") or {}).get("terminated"):
            return dict(end)
    return {}


def _condition(pod: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == kind:
            return dict(condition)
    return {}


def _image(pod: Mapping[str, Any], name: Any) -> str:
    for container in (pod.get("spec") or {}).get("containers") or ():
        if container.get("name") == name:
            return str(container.get("image") or "")
    return ""


def _event_time(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return str(next(filter(None, times), (event.get("metadata") or {}).get("creationTimestamp") or ""))


def _signal_name(code: Any) -> str:
    try:
        return signal.Signals(int(code) - 128).name
    except (TypeError, ValueError):
        return ""


def _clean(text: Any) -> str:
    return shorten(" ".join(str(text or "").split()), _LONGEST) or ""


def _sentence(words: str, detail: str) -> str:
    return f"{words}: {detail}" if detail else words
