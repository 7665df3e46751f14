"""What a run's state is, from all that is known of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from collegium.backends.kubernetes.cause import (
    Cause,
    ended,
    held_by,
    image_of,
    job_ended,
    past_deadline,
    queue_of,
    read_time,
    started_at,
    unmade,
    waiting,
)
from collegium.backends.kubernetes.records import cancelled_early
from collegium.backends.ports import RunPhase, RunStatus
from collegium.domain.jobs import JobReason

#: Causes that say little: events may say more.
_VAGUE = frozenset({"ContainerCreating", "NoPod", "Pending", "Pulling", "ImagePullBackOff"})


@dataclass(frozen=True)
class Facts:
    """What is known of a run that is not over. ``job`` is None only if there is none for certain."""

    key: str
    job: Mapping[str, Any] | None
    pod: Mapping[str, Any] | None
    created_at: float | None
    stopped: bool
    events: Iterable[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Verdict:
    """The state of a run, None if it never came to be. ``abandon``: its Job must go, for it was given up."""

    status: RunStatus | None
    abandon: bool = False
    vague: bool = False


def judge(facts: Facts, now: datetime, start_deadline: float) -> Verdict:
    """The state of a run. Of two things that ended it, the one that was asked for counts."""
    if facts.pod is not None:
        return _by_pod(facts, facts.pod, now, start_deadline)
    if facts.job is not None:
        return _by_job(facts, facts.job, now, start_deadline)
    if facts.stopped:
        return Verdict(cancelled_early(facts.key) if facts.created_at is None else _cancelled(facts.key, None, now))
    if facts.created_at is None:
        return Verdict(None)
    message = "its Job was deleted from outside"
    return Verdict(RunStatus(facts.key, RunPhase.LOST, None, now, None, JobReason.LOST, message))


def _by_pod(facts: Facts, pod: Mapping[str, Any], now: datetime, start_deadline: float) -> Verdict:
    going = bool(pod["metadata"].get("deletionTimestamp"))
    end = ended(facts.key, pod)
    if end is not None:
        if facts.stopped and going:
            return Verdict(_cancelled(facts.key, end, now))
        if going and facts.job is not None and past_deadline(facts.job) and end.phase is not RunPhase.SUCCEEDED:
            message = "ended by the cluster: it was over its time limit"
            end = replace(end, phase=RunPhase.FAILED, reason=JobReason.TIMEOUT, message=message)
        if going and facts.job is not None and held_by(facts.job) and end.phase is not RunPhase.SUCCEEDED:
            message = f"Kueue took its place in the queue {held_by(facts.job)} back"
            end = replace(end, phase=RunPhase.LOST, reason=JobReason.LOST, message=message)
        return Verdict(_dated(end, now))
    started = started_at(pod)
    if started is not None:
        return Verdict(RunStatus(facts.key, RunPhase.RUNNING, started, message=_trouble(pod), image=image_of(pod)))
    if facts.stopped:
        if going and not (pod.get("spec") or {}).get("nodeName"):
            # No node takes a pod that is being deleted, so nothing of it will ever run.
            return Verdict(cancelled_early(facts.key))
        return Verdict(RunStatus(facts.key, RunPhase.STARTING, message="it is being cancelled"))
    return _start(facts, waiting(pod, facts.events), now, start_deadline)


def _by_job(facts: Facts, job: Mapping[str, Any], now: datetime, start_deadline: float) -> Verdict:
    end = job_ended(facts.key, job)
    if end is not None:
        stopped = facts.stopped and end.phase is not RunPhase.SUCCEEDED
        return Verdict(_cancelled(facts.key, end, now) if stopped else _dated(end, now))
    if facts.stopped:
        if _suspended(job):
            return Verdict(_cancelled(facts.key, None, now))
        return Verdict(RunStatus(facts.key, RunPhase.STARTING, message="it is being cancelled"))
    return _start(facts, unmade(job, facts.events), now, start_deadline)


def _start(facts: Facts, cause: Cause | None, now: datetime, start_deadline: float) -> Verdict:
    cause = cause or Cause("Starting", "it is being started")
    if cause.hopeless(now):
        return Verdict(_given_up(facts.key, cause.message, now), abandon=True)
    since = _since(facts)
    if since is not None and now.timestamp() - since >= start_deadline:
        message = f"it did not start within {start_deadline:,.0f} seconds: {cause.message}"
        return Verdict(_given_up(facts.key, message, now), abandon=True)
    status = RunStatus(facts.key, RunPhase.STARTING, message=cause.message)
    return Verdict(status, vague=cause.reason in _VAGUE)


def _since(facts: Facts) -> float | None:
    """From when on it should be starting: where Kueue has a say, from when the cluster was let have it."""
    if facts.job is None or not queue_of(facts.job):
        return facts.created_at
    let = read_time((facts.job.get("status") or {}).get("startTime"))
    return None if let is None or held_by(facts.job) else let.timestamp()


def _suspended(job: Mapping[str, Any]) -> bool:
    """True once the Job controller has seen that the Job is suspended and has nothing of it left."""
    status = job.get("status") or {}
    seen = any(c.get("type") == "Suspended" and c.get("status") == "True" for c in status.get("conditions") or ())
    return seen and not status.get("active") and not status.get("terminating")


def _given_up(key: str, message: str, now: datetime) -> RunStatus:
    return RunStatus(key, RunPhase.FAILED, None, now, None, JobReason.START_FAILED, message)


def _cancelled(key: str, end: RunStatus | None, now: datetime) -> RunStatus:
    end = end or RunStatus(key, RunPhase.FAILED, None, now)
    return _dated(replace(end, phase=RunPhase.FAILED, reason=JobReason.CANCELLED, message="ended on request"), now)


def _dated(end: RunStatus, now: datetime) -> RunStatus:
    """An end has a time, and none before its beginning: Kubernetes counts in whole seconds."""
    finished = end.finished_at or now.astimezone(UTC)
    if end.started_at is not None:
        finished = max(finished, end.started_at)
    return replace(end, finished_at=finished)


def _trouble(pod: Mapping[str, Any]) -> str:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("reason") in ("NodeNotReady", "NodeStatusUnknown"):
            return "its node does not answer"
    return ""
