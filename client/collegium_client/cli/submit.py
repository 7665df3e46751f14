"""``collegium jobs submit``."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import connect, group_option, json_option, own_failure_is_125, plain, print_json, say
from collegium_client.cli.values import documents, pairs, put, seconds, value
from collegium_client.cli.watch import end_with, follow, told, until_over
from collegium_client.outcome import AnyJob

#: What a server was started with is what its jobs are started with where nothing else is said.
_HERE = {"image": "COLLEGIUM_IMAGE", "instance_type": "COLLEGIUM_INSTANCE_TYPE"}


@click.command()
@click.argument("command", nargs=-1)
@group_option
@click.option("-n", "--name", metavar="NAME", help="Without it, the command's or notebook's own.")
@click.option("-i", "--image", metavar="IMAGE", help="Without it, in a server, the server's.")
@click.option("-t", "--instance-type", metavar="TYPE", help="Without it, in a server, the server's.")
@click.option("--notebook", metavar="PATH", help="Run this notebook of the working directory instead of a command.")
@click.option("-p", "--param", "params", multiple=True, metavar="NAME=VALUE", help="The notebook's parameter, as YAML.")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Environment variable.")
@click.option("-d", "--dir", "directory", metavar="DIR", help="Take this directory of your home in the group along.")
@click.option("--include", "files", multiple=True, metavar="PATH", help="Of the directory, take only these files.")
@click.option("--timeout", metavar="TIME", help="Stop an attempt after 90 (seconds), 30m, 2h or 1d.")
@click.option("--retries", type=click.IntRange(min=0), help="Start a failed attempt again so often.")
@click.option("-f", "--file", "spec", type=click.Path(path_type=Path), help="Take the job from this YAML file.")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Any field of the API, dotted; as YAML.")
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
    """The body: the file first, then options, then single fields. What it means is the server's to judge."""
    job = _from_file(given["spec"]) if given["spec"] else {}
    if command and given["notebook"]:
        raise click.UsageError("give a command or --notebook, not both")
    if command:
        job["command"] = command[0] if len(command) == 1 else shlex.join(command)
    if given["notebook"]:
        put(job, "notebook.path", given["notebook"], "--notebook")
    for name, found in pairs("--param", given["params"], typed=True).items():
        put(job, "notebook.parameters", {**(job.get("notebook") or {}).get("parameters", {}), name: found}, "--param")
    if given["environment"]:
        job["environment"] = {**job.get("environment", {}), **pairs("--env", given["environment"])}
    if given["directory"] is not None:
        put(job, "working_directory.path", "" if given["directory"] == "." else given["directory"], "--dir")
    if given["files"]:
        put(job, "working_directory.files", list(given["files"]), "--include")
    if given["timeout"]:
        job["timeout_seconds"] = seconds(given["timeout"], "--timeout")
    for name in ("name", "image", "instance_type", "retries"):
        if given[name] is not None:
            job[name] = given[name]
    for name, text in pairs("--set", given["fields"]).items():
        put(job, name, value(f"--set {name}", text), "--set")
    return _completed(job)


def _completed(job: dict[str, Any]) -> dict[str, Any]:
    for field, variable in _HERE.items():
        if field not in job and os.environ.get(variable):
            job[field] = os.environ[variable]
    notebook = job.get("notebook")
    if not job.get("command") and not notebook:
        raise click.UsageError("nothing to run: give COMMAND, --notebook or -f FILE")
    for field, option in (("image", "-i"), ("instance_type", "-t")):
        if not job.get(field):
            raise click.UsageError(f"{field} is missing: give {option} or --{field.replace('_', '-')}")
    path = notebook.get("path", "") if isinstance(notebook, dict) else ""
    job.setdefault("name", path.rsplit("/", 1)[-1] or " ".join(str(job.get("command", "")).split())[:60] or "job")
    return job


def _from_file(path: Path) -> dict[str, Any]:
    found = documents(path)
    if len(found) != 1 or not isinstance(found[0], dict):
        raise click.BadParameter(f"{path} must hold one job; 'collegium apply' takes several", param_hint="--file")
    return found[0]
