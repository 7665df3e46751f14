"""Waiting for jobs, and ending as they do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NoReturn

import click

from collegium_client.cli.common import plain, say
from collegium_client.client import Client
from collegium_client.errors import TimedOut
from collegium_client.jobs import JobHandle
from collegium_client.outcome import AnyJob, status_of


def told(job: AnyJob) -> str:
    """A job's state in a few words."""
    where = f", position {job.queue_position}" if job.queue_position else ""
    # What was cancelled may or may not have come to a code; it says nothing.
    code = f", exit code {job.exit_code}" if job.exit_code and job.state == "Failed" else ""
    return f"{job.state}{where}{code}{f' ({job.message})' if job.message else ''}"


def until_over(client: Client, ids: Sequence[str], timeout: float | None) -> list[AnyJob]:
    """The jobs when all are over; every change is told on the way. Raises TimedOut."""
    limit = None if timeout is None else time.monotonic() + timeout
    over: list[AnyJob] = []
    try:
        for handle in [client.jobs.handle(job) for job in ids]:
            left = None if limit is None else max(0.0, limit - time.monotonic())
            over.append(handle.wait(left, on_change=lambda job: say(f"{job.id} {job.name}: {told(job)}")))
    except TimedOut:
        raise TimedOut(f"Not all jobs were over after {timeout:g} seconds; they go on.") from None
    except KeyboardInterrupt:
        _left(client, ids)
    return over


def follow(client: Client, job: str, *, tail: int | None = None, attempt: int | None = None) -> list[AnyJob]:
    """Print a job's log to its end; returns the job as it is then."""
    number = None
    try:
        for piece in client.jobs.follow(job, tail=tail, attempt=attempt):
            if number is not None and piece.attempt != number:
                say(f"-- attempt {piece.attempt} --")
            number = piece.attempt
            if piece.gap:
                say(f"-- {piece.gap} bytes of this log are no longer kept --")
            click.echo(piece.text, nl=False)
    except KeyboardInterrupt:
        _left(client, (job,))
    over = client.jobs.get(job)
    say(f"{over.id} {over.name}: {told(over)}")
    return [over]


def end_with(over: Sequence[AnyJob] | Sequence[JobHandle]) -> NoReturn:
    """End the program as the first job that did not succeed, else with 0."""
    statuses = [status_of(job.job if isinstance(job, JobHandle) else job) for job in over]
    raise SystemExit(next((status for status in statuses if status), 0))


def _left(client: Client, ids: Sequence[str]) -> NoReturn:
    where = f" -g {client.settings.group}" if client.settings.group else ""
    click.echo(err=True)
    for job in ids:
        say(f"You left; the job goes on. Take it up with: collegium jobs logs -f{where} {plain(job)}")
    raise SystemExit(130)
