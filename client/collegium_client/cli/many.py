"""``collegium jobs cancel`` and ``collegium jobs delete``: some jobs by name, or many by what they have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from collegium_client.cli.common import (
    STATES,
    F,
    complete_jobs,
    complete_sweeps,
    confirm,
    connect,
    group_option,
    json_option,
    plain,
    print_json,
    say,
)
from collegium_client.cli.watch import told
from collegium_client.client import Client
from collegium_client.models import BulkOut

_OPTIONS = (
    click.option("-a", "--all", "everything", is_flag=True, help="All jobs that fit the options below."),
    click.option("-s", "--state", "states", multiple=True, type=click.Choice(STATES, case_sensitive=False)),
    click.option("-u", "--user", metavar="USER", help="Only jobs of this user."),
    click.option("-m", "--mine", is_flag=True, help="Only your own."),
    click.option("--text", metavar="TEXT", help="Part of the name."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="With this tag; with all of several."),
    click.option("--sweep", metavar="SWEEP", shell_complete=complete_sweeps, help="Jobs of it; none: of no sweep."),
    click.option("--before", metavar="TIME", help="Over before this time, such as 2027-01-31T08:00:00Z."),
    click.option("--dry-run", is_flag=True, help="Only say how many it would be."),
    click.option("-y", "--yes", is_flag=True, help="Do not ask."),
)


def _which(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return click.argument("jobs_", nargs=-1, metavar="[JOB]...", shell_complete=complete_jobs)(command)


@click.command()
@_which
@group_option
@json_option
def cancel(jobs_: tuple[str, ...], group: str | None, as_json: bool, **given: Any) -> None:
    """Ask for the end of each JOB, or with --all of all that fit.

    \b
      collegium jobs cancel --all --mine --state pending
      collegium jobs cancel --all --tag nightly --yes
    """
    if _by_filter(jobs_, given):
        _many("cancel", group, given, as_json)
        return
    client = connect(group)
    asked = [client.jobs.cancel(job) for job in jobs_]
    if as_json:
        print_json(asked if len(asked) > 1 else asked[0])
        return
    for job in asked:
        click.echo(plain(f"{job.id} {job.name}: {told(job)}"))


@click.command()
@_which
@group_option
@json_option
def delete(jobs_: tuple[str, ...], group: str | None, as_json: bool, **given: Any) -> None:
    """Remove each JOB with its files, or with --all all that fit; they must be over."""
    if _by_filter(jobs_, given):
        _many("delete", group, given, as_json)
        return
    client = connect(group)
    gone = [client.jobs.delete(job) for job in jobs_]
    if as_json:
        print_json(gone if len(gone) > 1 else gone[0])
        return
    for job in gone:
        click.echo(plain(f"Deleted {job.id} {job.name}"))


def _by_filter(jobs_: tuple[str, ...], given: Mapping[str, Any]) -> bool:
    if jobs_ and given["everything"]:
        raise click.UsageError("give JOBs or --all, not both")
    if not jobs_ and not given["everything"]:
        raise click.UsageError("Missing argument 'JOB...', or --all")
    if given["mine"] and given["user"]:
        raise click.UsageError("--mine and --user exclude one another")
    chosen = [n for n in ("states", "user", "mine", "text", "tags", "sweep", "before", "dry_run") if given[n]]
    if jobs_ and chosen:
        raise click.UsageError("options that choose jobs go with --all")
    return bool(given["everything"])


def _many(action: str, group: str | None, given: Mapping[str, Any], as_json: bool) -> None:
    client = connect(group)
    user = client.context().user.name if given["mine"] else given["user"]
    filter = {
        "state": list(given["states"]),
        "user": user,
        "name": given["text"],
        "tag": list(given["tags"]),
        "sweep": given["sweep"],
        "before": given["before"],
    }
    filter = {name: found for name, found in filter.items() if found}
    planned = client.jobs.bulk(action, filter=filter, dry_run=True)
    if given["dry_run"] or not planned.matched:
        _show(planned, f"would be {action}led" if action == "cancel" else "would be deleted", as_json)
        return
    word = "cancelled" if action == "cancel" else "deleted"
    count = planned.changed + planned.remaining
    if count:
        confirm(f"{count} jobs of {client.group()} will be {word}. Go on?", given["yes"])
    _show(_until_done(client, action, filter), word, as_json)


def _until_done(client: Client, action: str, filter: Mapping[str, Any]) -> BulkOut:
    """One request changes so many: ask again as long as that helps."""
    done = client.jobs.bulk(action, filter=filter)
    while done.remaining:
        more = client.jobs.bulk(action, filter=filter)
        if not more.changed:
            break
        refused = [*done.refused, *more.refused][:20]
        changed = done.changed + more.changed
        done = more.model_copy(update={"matched": done.matched, "changed": changed, "refused": refused})
    return done


def _show(done: BulkOut, word: str, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    click.echo(f"{done.changed} of {done.matched} jobs {word}")
    for refused in done.refused:
        say(f"  not {refused.id}: {refused.reason}")
    if done.refused_count > len(done.refused):
        say(f"  and {done.refused_count - len(done.refused)} more")
