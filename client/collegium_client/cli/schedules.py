"""``collegium schedules``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import (
    connect,
    group_option,
    json_option,
    moment,
    plain,
    print_json,
    schedule_argument,
    short,
    table,
)
from collegium_client.cli.job_options import completed, fill, job_options, mark, mark_options, one_of_file
from collegium_client.cli.recurrence import bounds_of, recurrence_of, recurrence_options
from collegium_client.models import PreviewOut, ScheduleDetail

_STATES = ["Active", "Paused", "Ended"]
_RULES = ("overlap", "missed", "max_runs", "max_failures")


def rule_options(command: Any) -> Any:
    """What becomes of runs that overlap, were missed, or fail."""
    for option in (
        click.option("--max-failures", type=click.IntRange(min=0), help="Pause after so many in a row; 0: never."),
        click.option("--max-runs", type=click.IntRange(min=1), help="End after so many runs."),
        click.option("--missed", type=click.Choice(["skip", "once", "all"]), help="What becomes of missed times."),
        click.option(
            "--overlap", type=click.Choice(["allow", "forbid", "replace"]), help="What if an earlier run goes on."
        ),
    ):
        command = option(command)
    return command


@click.group()
def schedules() -> None:
    """Jobs that come again by themselves: make schedules, pause them, see what became of their times."""


@schedules.command("list")
@group_option
@click.option("-s", "--state", "states", multiple=True, type=click.Choice(_STATES, case_sensitive=False))
@click.option("-u", "--user", metavar="USER", help="Only those whose jobs are this user's.")
@click.option("--text", metavar="TEXT", help="Part of the name.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=100, show_default=True)
@json_option
def list_(
    group: str | None, states: tuple[str, ...], user: str | None, text: str | None, limit: int, as_json: bool
) -> None:
    """List schedules, oldest first."""
    found = connect(group).schedules.list(state=states or None, user=user, text=text, limit=limit)
    if as_json:
        print_json(list(found))
        return
    rows = (
        (s.id, short(s.name, 40), str(s.state), short(s.description, 60), moment(s.next_at), s.run_as, str(s.runs))
        for s in found
    )
    table(("ID", "NAME", "STATE", "WHEN", "NEXT", "USER", "RUNS"), rows, "There are no such schedules.")


@schedules.command()
@schedule_argument
@group_option
@json_option
def get(schedule: str, group: str | None, as_json: bool) -> None:
    """Show SCHEDULE (its id or name) with its next due times."""
    found = connect(group).schedules.get(schedule)
    if as_json:
        print_json(found)
        return
    trend = found.trend
    lines = {
        "id": found.id,
        "name": found.name,
        "state": f"{found.state}{f' ({found.message})' if found.message else ''}",
        "group": found.group,
        "user": found.run_as,
        "when": found.description,
        "job": str(found.template.get("command") or (found.template.get("notebook") or {}).get("path", "")),
        "image": found.image,
        "instance type": found.instance_type,
        "overlap": str(found.overlap),
        "missed": str(found.missed),
        "runs": f"{found.runs}{'' if found.max_runs is None else f' of {found.max_runs}'}",
        "trend": f"{trend.succeeded} succeeded, {trend.failed} failed" if trend.succeeded or trend.failed else "",
    }
    for name, text in lines.items():
        if text:
            click.echo(f"{name:<14} {plain(text)}")
    for due in found.upcoming:
        click.echo(f"  due {plain(due.local)}{f' ({plain(due.note)})' if due.note else ''}")


@schedules.command()
@click.argument("command", nargs=-1)
@group_option
@click.option("-n", "--name", metavar="NAME", help="Its own in the group.")
@recurrence_options
@rule_options
@click.option("--paused", is_flag=True, help="Begin paused.")
@click.option("-f", "--file", "spec", type=click.Path(path_type=Path), help="Take the schedule from this YAML file.")
@job_options
@mark_options
@json_option
def create(command: tuple[str, ...], group: str | None, as_json: bool, **given: Any) -> None:
    """Make a schedule that submits COMMAND, or a notebook, with the options of 'jobs submit'.

    \b
      collegium schedules create -n nightly --cron '30 2 * * *' --zone Europe/Berlin -i base -t small 'make report'
      collegium schedules create -n often --every 15m -i base -t small -- python poll.py
    """
    body = one_of_file(given["spec"], "schedule") if given["spec"] else {}
    if given["name"] is not None:
        body["name"] = given["name"]
    if not body.get("name"):
        raise click.UsageError("name is missing: give -n or --name")
    body["recurrence"] = recurrence_of(given, body.get("recurrence")) or body.get("recurrence")
    if not body["recurrence"]:
        raise click.UsageError("when? Give --cron, --every or --at")
    body |= bounds_of(given) | {name: given[name] for name in _RULES if given[name] is not None}
    if given["paused"]:
        body["paused"] = True
    template = fill(dict(body.get("template") or {}), command, given)
    mark(template, given)
    body["template"] = completed(template)
    body["template"].setdefault("name", body["name"])
    _tell("Created", connect(group).schedules.create(body), as_json)


@schedules.command()
@schedule_argument
@click.argument("command", nargs=-1)
@group_option
@click.option("-n", "--name", metavar="NAME", help="Another name.")
@recurrence_options
@rule_options
@job_options
@mark_options
@json_option
def edit(schedule: str, command: tuple[str, ...], group: str | None, as_json: bool, **given: Any) -> None:
    """Change what is given of SCHEDULE; the rest stays. Whoever changes its job is whose jobs it submits."""
    client = connect(group)
    before = client.schedules.get(schedule)
    changes = bounds_of(given) | {name: given[name] for name in ("name", *_RULES) if given[name] is not None}
    recurrence = recurrence_of(given, before.recurrence)
    if recurrence is not None:
        changes["recurrence"] = recurrence
    template = fill(_copied(before.template), command, given)
    mark(template, given)
    if template != before.template:
        changes["template"] = completed(template)
    if not changes:
        raise click.UsageError("nothing to change")
    # What somebody else changed in between is not undone unseen.
    _tell("Changed", client.schedules.edit(before.id, version=before.version, **changes), as_json)


@schedules.command()
@schedule_argument
@group_option
@json_option
def pause(schedule: str, group: str | None, as_json: bool) -> None:
    """Let SCHEDULE's due times count no more."""
    _tell("Paused", connect(group).schedules.pause(schedule), as_json)


@schedules.command()
@schedule_argument
@group_option
@click.option(
    "--take-over", is_flag=True, help="From now on its jobs are yours, with your files and share of the quota."
)
@json_option
def resume(schedule: str, group: str | None, take_over: bool, as_json: bool) -> None:
    """Let SCHEDULE's due times count again, from now on."""
    _tell("Resumed", connect(group).schedules.resume(schedule, take_over=take_over), as_json)


@schedules.command()
@schedule_argument
@group_option
@click.option("--key", metavar="KEY", help="The same key is the same run, however often it is asked for.")
@json_option
def run(schedule: str, group: str | None, key: str | None, as_json: bool) -> None:
    """Run SCHEDULE once now, beside its times; 'schedules runs' tells its job."""
    asked = connect(group).schedules.run(schedule, key=key)
    print_json(asked) if as_json else click.echo(f"Run {asked.sequence}: {asked.state}")


@schedules.command()
@schedule_argument
@group_option
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True)
@json_option
def runs(schedule: str, group: str | None, limit: int, as_json: bool) -> None:
    """List what became of SCHEDULE's due times, newest first."""
    found = connect(group).schedules.runs(schedule, limit=limit)
    if as_json:
        print_json(list(found))
        return
    rows = (
        (
            moment(r.due_at),
            str(r.trigger),
            str(r.state),
            r.job or "",
            "" if r.seconds is None else f"{r.seconds:.0f}s",
            short(r.message, 80),
        )
        for r in found
    )
    table(("DUE", "BY", "STATE", "JOB", "TOOK", "MESSAGE"), rows, "Nothing was due yet.")


@schedules.command()
@schedule_argument
@group_option
@json_option
def delete(schedule: str, group: str | None, as_json: bool) -> None:
    """Remove SCHEDULE with its history; its jobs stay."""
    gone = connect(group).schedules.delete(schedule)
    print_json(gone) if as_json else click.echo(plain(f"Deleted {gone.id} {gone.name}"))


@schedules.command()
@group_option
@recurrence_options
@json_option
def preview(group: str | None, as_json: bool, **given: Any) -> None:
    """Show when it would be due next, without making anything."""
    recurrence = recurrence_of(given)
    if recurrence is None:
        raise click.UsageError("when? Give --cron, --every or --at")
    found: PreviewOut = connect(group).schedules.preview(recurrence, **bounds_of(given))
    if as_json:
        print_json(found)
        return
    click.echo(plain(found.description))
    for due in found.items:
        click.echo(f"  {plain(due.local)}{f' ({plain(due.note)})' if due.note else ''}")


def _tell(word: str, schedule: ScheduleDetail, as_json: bool) -> None:
    if as_json:
        print_json(schedule)
        return
    due = f", next {moment(schedule.next_at)} UTC" if schedule.next_at else ""
    when = schedule.description[:1].lower() + schedule.description[1:]
    click.echo(plain(f"{word} {schedule.id} {schedule.name}: {schedule.state}, {when}{due}"))


def _copied(template: dict[str, Any]) -> dict[str, Any]:
    """Deep enough that options do not change what they are compared with."""
    return {k: dict(v) if isinstance(v, dict) else v for k, v in template.items()}
