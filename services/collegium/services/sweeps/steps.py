"""What is written about a sweep; each function is a part of one transaction, which takes the group's lock first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collegium.db import UnitOfWork
from collegium.db.sweeps import OpenSweep
from collegium.domain.errors import (
    Conflict,
    DomainError,
    InvalidInput,
    StorageFull,
    TooManyRequests,
    Unavailable,
    shorten,
)
from collegium.domain.identity import refuse_inactive
from collegium.domain.jobs import JobReason, JobState
from collegium.domain.sweeps import Sweep, verdict
from collegium.services.jobs.submit import Ask, Submitter
from collegium.services.sweeps.points import failed_job

#: These pass by themselves, or when somebody opens the queue or makes room.
PASSING = (Unavailable, StorageFull, TooManyRequests, Conflict)
#: Jobs that one transaction ends.
BATCH = 200
_MESSAGE = 500


@dataclass(frozen=True)
class Prepared:
    """A point that is ready to be written: what it asks for, or why it cannot be."""

    job_id: str
    index: int
    ask: Ask | None
    refusal: str = ""


def write(
    uow: UnitOfWork, submitter: Submitter, sweep: Sweep, points: Sequence[Prepared], moment: datetime
) -> tuple[int, DomainError | None]:
    """Make jobs of points, in order, until one is refused for a reason that holds for those after it too.

    A point that is itself to blame becomes a job that has failed, so that everybody sees it and nobody tries it again.
    Raises Conflict if somebody else was faster.
    """
    uow.groups.lock(sweep.group)
    made, refusal = 0, None
    try:
        refuse_inactive(uow.identities.of_user(sweep.user))
        for point in points:
            with uow.savepoint():
                _write_point(uow, submitter, sweep, point, moment)
            made += 1
    except DomainError as error:
        refusal = error
    if made:
        uow.sweeps.advance(sweep, sweep.made + made, "")
    return made, refusal


def _write_point(uow: UnitOfWork, submitter: Submitter, sweep: Sweep, point: Prepared, moment: datetime) -> None:
    text = point.refusal
    if point.ask is not None:
        try:
            with uow.savepoint():
                submitter.insert(uow, point.ask, point.job_id, None)
            return
        except InvalidInput as error:
            text = error.message
    job = uow.jobs.insert(failed_job(sweep, point.job_id, point.index, moment))
    text = shorten(f"It could not be submitted: {text}", _MESSAGE) or ""
    uow.jobs.move(job, JobState.FAILED, JobReason.START_FAILED, text, moment)


def refuse(uow: UnitOfWork, found: OpenSweep, error: DomainError, moment: datetime) -> None:
    """Say why there are no more jobs. What will not pass ends the sweep, once nothing of it goes on."""
    uow.groups.lock(found.group)
    sweep = uow.sweeps.get(found.group, found.id, lock=True)
    if sweep is None or sweep.state is not JobState.RUNNING or sweep.cancel_requested_by is not None:
        return
    left = f"{sweep.space.total - sweep.made} of {sweep.space.total} jobs"
    if isinstance(error, PASSING):
        uow.sweeps.explain(sweep, _short(f"{left} wait to be made: {error.message}"))
    elif _goes_on(uow, sweep):
        uow.sweeps.explain(sweep, _short(f"{left} cannot be made: {error.message} What was made goes on."))
    else:
        text = _short(f"Stopped, {left} were not made: {error.message}")
        uow.sweeps.finish(sweep, JobState.FAILED, text, moment)


def cancel_some(uow: UnitOfWork, found: OpenSweep, moment: datetime) -> None:
    """Ask for the end of jobs of a sweep that is to end; those that wait are over at once."""
    uow.groups.lock(found.group)
    sweep = uow.sweeps.get(found.group, found.id)
    by = None if sweep is None else sweep.cancel_requested_by
    if sweep is None or by is None:
        return
    for job in uow.sweeps.to_cancel(sweep, BATCH):
        asked = uow.jobs.request_cancel(job, by)
        if asked.state is JobState.PENDING:
            text = f"Cancelled by {by} before it started."
            uow.jobs.move(asked, JobState.CANCELLED, JobReason.CANCELLED, text, moment)


def finish(uow: UnitOfWork, found: OpenSweep, moment: datetime) -> bool:
    """Write the end down if there is nothing more to come; False if there is, or somebody else did."""
    uow.groups.lock(found.group)
    sweep = uow.sweeps.get(found.group, found.id, lock=True)
    if sweep is None or sweep.state is not JobState.RUNNING:
        return False
    end = verdict(sweep, uow.sweeps.counts([sweep.id]).get(sweep.id, {}))
    if end is not None:
        uow.sweeps.finish(sweep, *end, moment)
    return end is not None


def _goes_on(uow: UnitOfWork, sweep: Sweep) -> bool:
    return any(not state.final for state in uow.sweeps.counts([sweep.id]).get(sweep.id, {}))


def _short(text: str) -> str:
    return shorten(text, _MESSAGE) or ""
