"""``collegium jobs``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import (
    STATES,
    age,
    complete_sweeps,
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
from collegium_client.cli.job_options import mark_options
from collegium_client.cli.many import cancel, delete
from collegium_client.cli.submit import submit
from collegium_client.cli.watch import end_with, follow, told, until_over
from collegium_client.client import Client
from collegium_client.models import FiguresOut
from collegium_client.outcome import FIRST_LOOK, LOOKS_FOR_FIGURES, AnyJob

_FIELDS = ("created", "name", "user", "state", "priority", "started", "finished")
_SORTS = [*_FIELDS, *(f"-{field}" for field in _FIELDS)]


@click.group()
def jobs() -> None:
    """Submit jobs, look at them, follow their logs, fetch what they made."""


jobs.add_command(submit)
jobs.add_command(cancel)
jobs.add_command(delete)


@jobs.command("list")
@group_option
@click.option("-s", "--state", "states", multiple=True, type=click.Choice(STATES, case_sensitive=False))
@click.option("-u", "--user", metavar="USER", help="Only jobs of this user.")
@click.option("-m", "--mine", is_flag=True, help="Only your own.")
@click.option("--text", metavar="TEXT", help="Part of the name.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only jobs with this tag; with all of several.")
@click.option("--sweep", metavar="SWEEP", shell_complete=complete_sweeps, help="Only jobs of it; none: of no sweep.")
@click.option("--kind", type=click.Choice(["command", "notebook"]), help="Only these.")
@click.option("--sort", type=click.Choice(_SORTS), metavar="FIELD", help=f"By {', '.join(_FIELDS)}; -FIELD: downwards.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True)
@click.option("-a", "--all", "everything", is_flag=True, help="All there are, however many.")
@json_option
def list_(
    group: str | None,
    states: tuple[str, ...],
    user: str | None,
    mine: bool,
    text: str | None,
    tags: tuple[str, ...],
    sweep: str | None,
    kind: str | None,
    sort: str | None,
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
    found = client.jobs.list(
        state=states or None,
        user=user,
        text=text,
        tag=tags or None,
        sweep=sweep,
        kind=kind,
        sort=sort,
        limit=None if everything else limit,
    )
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
        "sweep": "" if found.sweep is None else f"{found.sweep}, point {found.point}",
        "values": " ".join(f"{n}={v}" for n, v in found.values.items()),
        "waits for": "" if found.depends_on is None else ", ".join(u.id for u in found.depends_on.jobs),
        "priority": str(found.priority or ""),
        "tags": ", ".join(found.tags),
        "notes": found.notes,
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
@job_argument
@group_option
@mark_options
@click.option("--no-tags", is_flag=True, help="Take all tags away.")
@json_option
def edit(
    job: str,
    group: str | None,
    priority: int | None,
    tags: tuple[str, ...],
    notes: str | None,
    no_tags: bool,
    as_json: bool,
) -> None:
    """Change notes and tags of JOB, or the priority of one that waits; tags that are given are all it has then."""
    if tags and no_tags:
        raise click.UsageError("--tag and --no-tags exclude one another")
    given: dict[str, Any] = {"priority": priority, "notes": notes, "tags": list(tags) if tags or no_tags else None}
    changes = {name: found for name, found in given.items() if found is not None}
    if not changes:
        raise click.UsageError("nothing to change: give --notes, --tag, --no-tags or --priority")
    found = connect(group).jobs.edit(job, **changes)
    print_json(found) if as_json else click.echo(plain(f"Changed {found.id} {found.name}"))


@jobs.command()
@job_argument
@group_option
@json_option
def metrics(job: str, group: str | None, as_json: bool) -> None:
    """Show the figures that JOB told of itself, the latest of each; all points are in --json."""
    client = connect(group)
    found = client.jobs.metrics(job)
    if not found.complete and client.jobs.handle(job).over:
        found = _last_figures(client, job)
    if as_json:
        print_json(found)
        return
    for problem in found.problems:
        say(problem)
    rows = ((s.key, str(s.step), f"{s.value:g}", f"{s.minimum:g}", f"{s.maximum:g}", str(s.count)) for s in found.items)
    table(("KEY", "STEP", "VALUE", "MINIMUM", "MAXIMUM", "COUNT"), rows, "The job told no figures.")


@jobs.command()
@job_argument
@group_option
@click.option("--wait", "waiting", is_flag=True, help="Wait for its end, and end with its exit code.")
@click.option("--follow", "following", is_flag=True, help="The same, printing its log.")
@click.option("--anew", is_flag=True, help="Look image, instance type and time limit up anew, as they are now.")
@json_option
def rerun(job: str, group: str | None, waiting: bool, following: bool, anew: bool, as_json: bool) -> None:
    """Run JOB again as a new job: from the same files, with image and size exactly as they were then."""
    if waiting or following:
        own_failure_is_125()
    client = connect(group)
    again = client.jobs.rerun(job, exact=not anew)
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


def _last_figures(client: Client, job: str) -> FiguresOut:
    """Those of a job that is over: its last lines are read in the moments after its end."""
    for _ in range(LOOKS_FOR_FIGURES):
        found = client.jobs.metrics(job)
        if found.complete:
            return found
        time.sleep(FIRST_LOOK)
    return client.jobs.metrics(job)


def _state(job: AnyJob) -> str:
    return f"{job.state} ({job.queue_position})" if job.queue_position else str(job.state)
