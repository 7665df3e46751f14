"""``collegium jobs``."""

from __future__ import annotations

from pathlib import Path

import click

from collegium_client.cli.common import (
    age,
    connect,
    group_option,
    job_argument,
    json_option,
    own_failure_is_125,
    plain,
    print_json,
    say,
    short,
    table,
)
from collegium_client.cli.fetch import fetch
from collegium_client.cli.submit import submit
from collegium_client.cli.watch import end_with, follow, told, until_over
from collegium_client.outcome import AnyJob

_STATES = ["Pending", "Preparing", "Running", "Succeeded", "Failed", "Cancelled"]


@click.group()
def jobs() -> None:
    """Submit jobs, look at them, follow their logs, fetch what they made."""


jobs.add_command(submit)


@jobs.command("list")
@group_option
@click.option("-s", "--state", "states", multiple=True, type=click.Choice(_STATES, case_sensitive=False))
@click.option("-u", "--user", metavar="USER", help="Only jobs of this user.")
@click.option("-m", "--mine", is_flag=True, help="Only your own.")
@click.option("--text", metavar="TEXT", help="Part of the name.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("-a", "--all", "everything", is_flag=True, help="All there are, however many.")
@json_option
def list_(
    group: str | None,
    states: tuple[str, ...],
    user: str | None,
    mine: bool,
    text: str | None,
    limit: int,
    everything: bool,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    if mine and user:
        raise click.UsageError("--mine and --user exclude one another")
    client = connect(group)
    if mine:
        user = client.context().user.name
    found = client.jobs.list(state=states or None, user=user, text=text, limit=None if everything else limit)
    if as_json:
        print_json(list(found))
        return
    rows = (
        (j.id, short(j.name, 40), _state(j), j.user, j.instance_type, age(j.created_at), short(j.message, 80))
        for j in found
    )
    table(("ID", "NAME", "STATE", "USER", "TYPE", "AGE", "MESSAGE"), rows, "There are no such jobs.")


@jobs.command()
@job_argument
@group_option
@json_option
def get(job: str, group: str | None, as_json: bool) -> None:
    """Show JOB with what was asked for and what happened."""
    found = connect(group).jobs.get(job)
    if as_json:
        print_json(found)
        return
    lines = {
        "id": found.id,
        "name": found.name,
        "state": told(found),
        "group": found.group,
        "user": found.user,
        "image": found.image,
        "instance type": f"{found.instance_type} ({', '.join(f'{k} {v}' for k, v in found.resources.items())})",
        "attempt": f"{found.attempt} of {found.max_attempts}",
        "exit code": "" if found.exit_code is None else str(found.exit_code),
        "created": f"{found.created_at:%Y-%m-%d %H:%M:%S %Z}",
        "rerun of": found.rerun_of or "",
    }
    for name, text in lines.items():
        if text:
            click.echo(f"{name:<14} {plain(text)}")
    for event in found.history:
        what = f"{event.at:%H:%M:%S} {event.state:<10} {event.reason}"
        click.echo(f"  {plain(what)}{f': {plain(event.message)}' if event.message else ''}")


@jobs.command()
@job_argument
@group_option
@click.option("-f", "--follow", "following", is_flag=True, help="Go on to the job's end, and end with its exit code.")
@click.option("--tail", type=click.IntRange(min=1), metavar="BYTES", help="Only the last so many bytes.")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Of this attempt; without it the latest.")
def logs(job: str, group: str | None, following: bool, tail: int | None, attempt: int | None) -> None:
    """Print the log of JOB."""
    client = connect(group)
    if following:
        own_failure_is_125()
        end_with(follow(client, job, tail=tail, attempt=attempt))
    click.echo(client.jobs.logs(job, attempt=attempt, tail=tail), nl=False)


@jobs.command()
@click.argument("jobs_", nargs=-1, required=True, metavar="JOB...")
@group_option
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop waiting then; jobs go on.")
@json_option
def wait(jobs_: tuple[str, ...], group: str | None, timeout: float | None, as_json: bool) -> None:
    """Wait for the end of each JOB; ends with the exit code of the first that failed.

    130 means cancelled, 124 out of time, 125 that waiting itself went wrong.
    """
    own_failure_is_125()
    client = connect(group)
    over = until_over(client, jobs_, timeout)
    if as_json:
        print_json(over if len(over) > 1 else over[0])
    end_with(over)


@jobs.command()
@click.argument("jobs_", nargs=-1, required=True, metavar="JOB...")
@group_option
@json_option
def cancel(jobs_: tuple[str, ...], group: str | None, as_json: bool) -> None:
    """Ask for the end of each JOB."""
    client = connect(group)
    asked = [client.jobs.cancel(job) for job in jobs_]
    if as_json:
        print_json(asked if len(asked) > 1 else asked[0])
        return
    for job in asked:
        click.echo(plain(f"{job.id} {job.name}: {told(job)}"))


@jobs.command()
@job_argument
@group_option
@click.option("--wait", "waiting", is_flag=True, help="Wait for its end, and end with its exit code.")
@click.option("--follow", "following", is_flag=True, help="The same, printing its log.")
@json_option
def rerun(job: str, group: str | None, waiting: bool, following: bool, as_json: bool) -> None:
    """Run JOB again from the same files, as a new job."""
    if waiting or following:
        own_failure_is_125()
    client = connect(group)
    again = client.jobs.rerun(job)
    say(f"{again.id} {again.job.name}: {told(again.job)}")
    if following:
        end_with(follow(client, again.id))
    over: list[AnyJob] = until_over(client, (again.id,), None) if waiting else [again.job]
    print_json(over[0]) if as_json else click.echo(again.id)
    if waiting:
        end_with(over)


@jobs.command()
@job_argument
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@group_option
@click.option("-d", "--download", is_flag=True, help="Fetch them: all, or each PATH.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), default=".", metavar="DIR", help="Into DIR."
)
@json_option
def artifacts(job: str, paths: tuple[str, ...], group: str | None, download: bool, output: Path, as_json: bool) -> None:
    """List the files that JOB left, or fetch them with --download."""
    client = connect(group)
    found = client.jobs.artifacts(job)
    known = {a.path for a in found}
    for path in paths:
        if path not in known:
            raise click.BadParameter(f"{path!r} is none of the artifacts of {job}", param_hint="PATH")
    chosen = [a for a in found if not paths or a.path in paths]
    if download:
        written = fetch(client, job, chosen, output)
        if as_json:
            print_json([str(path) for path in written])
        return
    if as_json:
        print_json(chosen)
        return
    rows = ((a.path, str(a.size), a.media_type, f"{a.modified_at:%Y-%m-%d %H:%M:%S}") for a in chosen)
    table(("PATH", "BYTES", "TYPE", "MODIFIED"), rows, "The job left no files.")


def _state(job: AnyJob) -> str:
    return f"{job.state} ({job.queue_position})" if job.queue_position else str(job.state)
