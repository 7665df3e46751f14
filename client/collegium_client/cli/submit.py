"""``collegium jobs submit``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import (
    complete_jobs,
    connect,
    group_option,
    json_option,
    own_failure_is_125,
    plain,
    print_json,
    say,
)
from collegium_client.cli.job_options import completed, fill, job_options, mark, mark_options, one_of_file, own_name
from collegium_client.cli.watch import end_with, follow, told, until_over
from collegium_client.outcome import AnyJob


@click.command()
@click.argument("command", nargs=-1)
@group_option
@click.option("-n", "--name", metavar="NAME", help="Without it, the command's or notebook's own.")
@job_options
@mark_options
@click.option(
    "--after",
    multiple=True,
    metavar="JOB",
    shell_complete=complete_jobs,
    help="Start when JOB succeeded; all of several.",
)
@click.option("--after-any", is_flag=True, help="One of the jobs of --after is enough.")
@click.option("--after-failed", "ending", flag_value="failed", help="Start when they failed instead.")
@click.option("--after-done", "ending", flag_value="done", help="Start when they are over, however that was.")
@click.option("-f", "--file", "spec", type=click.Path(path_type=Path), help="Take the job from this YAML file.")
@click.option("--key", metavar="KEY", help="The same key and the same job are one job, however often it is submitted.")
@click.option("--wait", "waiting", is_flag=True, help="Wait for its end, and end with its exit code.")
@click.option("--follow", "following", is_flag=True, help="The same, printing its log.")
@click.option("-q", "--quiet", is_flag=True, help="Print the id alone.")
@json_option
def submit(
    command: tuple[str, ...],
    group: str | None,
    key: str | None,
    waiting: bool,
    following: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Submit COMMAND, or a notebook, as a job.

    One word is a line for the shell; several are one program and its arguments:

    \b
      collegium jobs submit -i base -t small -- python train.py --epochs 3
      collegium jobs submit -i base -t small 'make data && make train'
      collegium jobs submit -i base -t small -p lr=0.1 --after JOB 'python train.py $PARAM_lr'
    """
    body = _job(command, given)
    if waiting or following:
        own_failure_is_125()
    client = connect(group)
    job = client.jobs.submit(body, key=key)
    word = "Submitted" if job.created else "Was submitted before:"
    if following or waiting or quiet:
        say(f"{word} {job.id} {job.job.name} in {job.group}: {told(job.job)}")
    if following:
        end_with(follow(client, job.id))
    last: AnyJob = until_over(client, (job.id,), None)[0] if waiting else job.job
    if as_json:
        print_json(last)
    elif quiet or waiting:
        click.echo(job.id)
    else:
        click.echo(plain(f"{word} {job.id} {job.job.name} in {job.group}: {told(job.job)}"))
    if waiting:
        end_with([last])


def _job(command: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The body: the file first, then options, then single fields."""
    job = fill(one_of_file(given["spec"], "job") if given["spec"] else {}, command, given)
    mark(job, given)
    if given["name"] is not None:
        job["name"] = given["name"]
    if given["after"]:
        job["depends_on"] = {"jobs": list(given["after"]), "need": "any" if given["after_any"] else "all"}
        if given["ending"]:
            job["depends_on"]["ending"] = given["ending"]
    elif given["after_any"] or given["ending"]:
        raise click.UsageError("--after-any, --after-failed and --after-done say how to wait for the jobs of --after")
    job = completed(job)
    job.setdefault("name", own_name(job))
    return job
