"""Options that say what a job is: for ``jobs submit``, and for what schedules and sweeps submit."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import F
from collegium_client.cli.values import documents, pairs, put, seconds, value

#: What a server was started with is what its jobs are started with where nothing else is said.
_HERE = {"image": "COLLEGIUM_IMAGE", "instance_type": "COLLEGIUM_INSTANCE_TYPE"}
RETRY_ON = ("exit_code", "signal", "out_of_memory", "timeout", "lost")
ENDS = ("succeeded", "failed", "cancelled", "done")
_OPTIONS = (
    click.option("-i", "--image", metavar="IMAGE", help="Without it, in a server, the server's."),
    click.option("-t", "--instance-type", metavar="TYPE", help="Without it, in a server, the server's."),
    click.option("--notebook", metavar="PATH", help="Run this notebook of the working directory, not a command."),
    click.option(
        "-p",
        "--param",
        "params",
        multiple=True,
        metavar="NAME=VALUE",
        help="A value, as YAML: for the notebook's parameters cell, or for a command in PARAM_NAME.",
    ),
    click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Environment variable."),
    click.option("--secret", "secrets", multiple=True, metavar="NAME=SECRET", help="Variable with a group's secret."),
    click.option(
        "--dataset",
        "datasets",
        multiple=True,
        metavar="NAME[@VERSION]",
        help="Only these datasets, as they are or a version (a number or latest); all of the group's without.",
    ),
    click.option("-d", "--dir", "directory", metavar="DIR", help="Take this directory of your home along."),
    click.option("--include", "files", multiple=True, metavar="PATH", help="Of the directory, only these files."),
    click.option("--timeout", metavar="TIME", help="Stop an attempt after 90 (seconds), 30m, 2h or 1d."),
    click.option("--retries", type=click.IntRange(min=0), help="Start a failed attempt again so often."),
    click.option(
        "--retry-on", multiple=True, type=click.Choice(RETRY_ON), help="Only after this kind of failure; several times."
    ),
    click.option(
        "--backoff", metavar="TIME", help="Wait so long before the first retry, then twice as long, and so on."
    ),
    click.option(
        "--notify",
        multiple=True,
        metavar="CHANNEL[:END,…]",
        help=f"Tell a channel of the group, or 'me', of the end: {', '.join(ENDS)}.",
    ),
    click.option(
        "--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Any field of the job, dotted; as YAML."
    ),
)
_MARKS = (
    click.option("--priority", type=int, metavar="N", help="In the group's queue; above 0 is for maintainers."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="To find it by."),
    click.option("--notes", metavar="TEXT", help="For people."),
)


def job_options(command: F) -> F:
    """What is run, and how."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def mark_options(command: F) -> F:
    """Priority, tags, notes."""
    for option in reversed(_MARKS):
        command = option(command)
    return command


def fill(job: dict[str, Any], command: tuple[str, ...], given: Mapping[str, Any]) -> dict[str, Any]:
    """A job with options over it, then single fields. What it means is the server's to judge."""
    if command and given["notebook"]:
        raise click.UsageError("give a command or --notebook, not both")
    if command:
        job["command"] = command[0] if len(command) == 1 else shlex.join(command)
        job.pop("notebook", None)
    if given["notebook"]:
        put(job, "notebook.path", given["notebook"], "--notebook")
        job.pop("command", None)
    _fill_values(job, given)
    if given["directory"] is not None:
        put(job, "working_directory.path", "" if given["directory"] == "." else given["directory"], "--dir")
    if given["files"]:
        put(job, "working_directory.files", list(given["files"]), "--include")
    if given["timeout"]:
        job["timeout_seconds"] = seconds(given["timeout"], "--timeout")
    for name in ("image", "instance_type", "retries"):
        if given[name] is not None:
            job[name] = given[name]
    if given["datasets"]:
        job["datasets"] = list(given["datasets"])
    _fill_retry(job, given)
    if given["notify"]:
        job["notify"] = [_notify(text) for text in given["notify"]]
    for name, text in pairs("--set", given["fields"]).items():
        put(job, name, value(f"--set {name}", text), "--set")
    return job


def mark(body: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Priority, tags and notes, where given."""
    for name in ("priority", "notes"):
        if given[name] is not None:
            body[name] = given[name]
    if given["tags"]:
        body["tags"] = list(given["tags"])


def completed(job: dict[str, Any]) -> dict[str, Any]:
    """What is left out taken from the server that one is in; raises UsageError for what is missing."""
    for field, variable in _HERE.items():
        if field not in job and os.environ.get(variable):
            job[field] = os.environ[variable]
    if not job.get("command") and not job.get("notebook"):
        raise click.UsageError("nothing to run: give COMMAND, --notebook or -f FILE")
    for field, option in (("image", "-i"), ("instance_type", "-t")):
        if not job.get(field):
            raise click.UsageError(f"{field} is missing: give {option} or --{field.replace('_', '-')}")
    return job


def own_name(job: Mapping[str, Any]) -> str:
    """What a job without a name is called: as its command or notebook."""
    notebook = job.get("notebook")
    path = str(notebook.get("path", "")) if isinstance(notebook, dict) else ""
    return path.rsplit("/", 1)[-1] or " ".join(str(job.get("command", "")).split())[:60] or "job"


def one_of_file(path: Path, word: str) -> dict[str, Any]:
    """The one thing of a file, ``word`` for errors."""
    found = documents(path)
    if len(found) != 1 or not isinstance(found[0], dict):
        text = f"{path} must hold one {word}; 'collegium apply' takes several"
        raise click.BadParameter(text, param_hint="--file")
    return found[0]


def _fill_values(job: dict[str, Any], given: Mapping[str, Any]) -> None:
    where = "notebook.parameters" if job.get("notebook") else "values"
    for name, found in pairs("--param", given["params"], typed=True).items():
        holder = (job.get("notebook") or {}).get("parameters", {}) if job.get("notebook") else job.get("values", {})
        put(job, where, {**holder, name: found}, "--param")
    if given["environment"]:
        job["environment"] = {**job.get("environment", {}), **pairs("--env", given["environment"])}
    if given["secrets"]:
        job["secrets"] = {**job.get("secrets", {}), **pairs("--secret", given["secrets"])}


def _fill_retry(job: dict[str, Any], given: Mapping[str, Any]) -> None:
    if not given["retry_on"] and not given["backoff"]:
        return
    if not job.get("retries"):
        raise click.UsageError("--retry-on and --backoff are of no use without --retries")
    retry = dict(job.get("retry") or {})
    if given["retry_on"]:
        retry["on"] = list(dict.fromkeys(given["retry_on"]))
    if given["backoff"]:
        retry["base_seconds"] = seconds(given["backoff"], "--backoff")
    job["retry"] = retry


def _notify(text: str) -> dict[str, Any]:
    channel, sign, ends = text.partition(":")
    chosen = [e.strip() for e in ends.split(",")] if sign else []
    for end in chosen:
        if end not in ENDS:
            raise click.BadParameter(f"{end!r} is none of {', '.join(ENDS)}", param_hint="--notify")
    return {"channel": channel, **({"on": chosen} if chosen else {})}
