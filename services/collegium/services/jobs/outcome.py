"""What the end of a run means for its job: one pure function."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from collegium.backends.ports import RunPhase, RunStatus
from collegium.domain.jobs import Job, JobReason, JobState
from collegium.domain.retries import RetryOn

#: What may be tried again; nothing else can help or is wanted.
_CAUSES = {
    JobReason.EXIT_CODE: RetryOn.EXIT_CODE,
    JobReason.SIGNAL: RetryOn.SIGNAL,
    JobReason.OUT_OF_MEMORY: RetryOn.OUT_OF_MEMORY,
    JobReason.TIMEOUT: RetryOn.TIMEOUT,
    JobReason.LOST: RetryOn.LOST,
}


@dataclass(frozen=True)
class Outcome:
    """The next state of a job whose run is over; PENDING is a retry, not before ``eligible_at``."""

    state: JobState
    reason: JobReason
    message: str
    exit_code: int | None = None
    eligible_at: datetime | None = None


def deadline(job: Job) -> datetime | None:
    """When the attempt has run out of time, None if it never does."""
    if not job.spec.timeout_seconds or job.started_at is None:
        return None
    return job.started_at + timedelta(seconds=job.spec.timeout_seconds)


def outcome(job: Job, status: RunStatus, now: datetime, traceback: str = "") -> Outcome:
    """Decide from facts that are all stored, so that the answer is the same after any crash.

    ``traceback`` is the exception at the end of the log, if there is one.
    """
    if status.phase is RunPhase.SUCCEEDED:
        return Outcome(JobState.SUCCEEDED, JobReason.COMPLETED, "", status.exit_code or 0)
    if job.cancel_requested_by is not None:
        return Outcome(
            JobState.CANCELLED, JobReason.CANCELLED, f"Cancelled by {job.cancel_requested_by}.", status.exit_code
        )
    reason, message = _why(job, status, now, traceback)
    retry, cause = job.spec.retry, _CAUSES.get(reason)
    if job.attempt <= job.spec.retries and retry.covers(cause, status.exit_code):
        wait = retry.delay(job.attempt)
        when = f"in {wait} seconds" if wait else "again"
        text = f"Attempt {job.attempt} of {job.spec.retries + 1} failed: {message} It is started {when}."
        due = min(status.finished_at or now, now) + timedelta(seconds=wait) if wait else None
        return Outcome(JobState.PENDING, JobReason.RETRYING, text, status.exit_code, due)
    return Outcome(JobState.FAILED, reason, message, status.exit_code)


def _why(job: Job, status: RunStatus, now: datetime, traceback: str) -> tuple[JobReason, str]:
    end = deadline(job)
    if end is not None and status.phase is RunPhase.FAILED and (status.finished_at or now) >= end:
        return JobReason.TIMEOUT, f"Stopped after its time limit of {job.spec.timeout_seconds} seconds."
    if status.phase is RunPhase.LOST:
        return JobReason.LOST, status.message or "The run disappeared without a word; the machine may have restarted."
    reason = status.reason or JobReason.EXIT_CODE
    if reason is JobReason.CANCELLED:
        # Nobody asked us for it, so it was ended from outside.
        return JobReason.SIGNAL, status.message or "The run was stopped from outside."
    if reason is JobReason.EXIT_CODE:
        what = "notebook" if job.spec.notebook else "command"
        cause = f": {traceback}" if traceback else ""
        return reason, f"The {what} failed{cause} (exit code {status.exit_code})."
    return reason, status.message or f"The run ended: {reason}."
