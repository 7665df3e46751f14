"""``collegium sweeps``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import (
    age,
    connect,
    group_option,
    json_option,
    own_failure_is_125,
    plain,
    print_json,
    say,
    short,
    sweep_argument,
    table,
)
from collegium_client.cli.job_options import completed, fill, job_options, mark, mark_options, one_of_file, own_name
from collegium_client.cli.space import fill_space, space_options
from collegium_client.client import Client
from collegium_client.outcome import AnySweep, sweep_status
from collegium_client.sweeps import SweepHandle

_STATES = ["Running", "Succeeded", "Failed", "Cancelled"]


@click.group()
def sweeps() -> None:
    """One job many times, each time with other values; which of them was best."""


@sweeps.command()
@click.argument("command", nargs=-1)
@group_option
@click.option("-n", "--name", metavar="NAME", help="Without it, the command's or notebook's own.")
@space_options
@job_options
@mark_options
@click.option("-f", "--file", "spec", type=click.Path(path_type=Path), help="Take the sweep from this YAML file.")
@click.option("--key", metavar="KEY", help="The same key and the same sweep are one sweep, however often submitted.")
@click.option("--preview", is_flag=True, help="Only say how many jobs it would be, and the values of the first.")
@click.option("--wait", "waiting", is_flag=True, help="Wait for its end, and end with 0 only if all jobs succeeded.")
@click.option("-q", "--quiet", is_flag=True, help="Print the id alone.")
@json_option
def submit(
    command: tuple[str, ...],
    group: str | None,
    key: str | None,
    preview: bool,
    waiting: bool,
    quiet: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Submit COMMAND, or a notebook, once for each point of a space, with the options of 'jobs submit'.

    A command finds its values in PARAM_NAME, a notebook in its parameters cell:

    \b
      collegium sweeps submit --grid lr=0.1,0.01 --grid n=1:5:1 --objective loss -i base -t small \\
        'python train.py --lr $PARAM_lr --layers $PARAM_n'
      collegium sweeps submit --random lr=1e-4..1e-1:log --count 20 -i base -t small --notebook train.ipynb
    """
    body = _body(command, given)
    if waiting:
        own_failure_is_125()
    client = connect(group)
    if preview:
        _show_preview(client, body, as_json)
        return
    sweep = client.sweeps.submit(body, key=key)
    word = "Submitted" if sweep.created else "Was submitted before:"
    said = f"{word} {sweep.id} {sweep.sweep.name} in {sweep.group}: {sweep.sweep.total} jobs"
    if waiting or quiet:
        say(said)
    last = _until_over(sweep, None) if waiting else sweep.sweep
    if as_json:
        print_json(last)
    else:
        click.echo(plain(sweep.id if waiting or quiet else said))
    if waiting:
        raise SystemExit(sweep_status(last))


@sweeps.command("list")
@group_option
@click.option("-s", "--state", "states", multiple=True, type=click.Choice(_STATES, case_sensitive=False))
@click.option("-u", "--user", metavar="USER", help="Only this user's.")
@click.option("--text", metavar="TEXT", help="Part of the name.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True)
@json_option
def list_(
    group: str | None, states: tuple[str, ...], user: str | None, text: str | None, limit: int, as_json: bool
) -> None:
    """List sweeps, newest first."""
    found = connect(group).sweeps.list(state=states or None, user=user, text=text, limit=limit)
    if as_json:
        print_json(list(found))
        return
    rows = (
        (
            s.id,
            short(s.name, 40),
            str(s.state),
            f"{_ended(s)} of {s.total}",
            "" if s.best is None else f"{s.best.value:g}",
            s.user,
            age(s.created_at),
        )
        for s in found
    )
    table(("ID", "NAME", "STATE", "OVER", "BEST", "USER", "AGE"), rows, "There are no such sweeps.")


@sweeps.command()
@sweep_argument
@group_option
@json_option
def get(sweep: str, group: str | None, as_json: bool) -> None:
    """Show SWEEP with its best job."""
    found = connect(group).sweeps.get(sweep)
    if as_json:
        print_json(found)
        return
    aim = found.objective
    lines = {
        "id": found.id,
        "name": found.name,
        "state": f"{found.state}{f' ({found.message})' if found.message else ''}",
        "group": found.group,
        "user": found.user,
        "points": f"{found.total} ({found.kind}), {_counts(found)}",
        "objective": "" if aim is None else f"{aim.goal} {aim.metric}",
        "best": _best(found),
        "tags": ", ".join(found.tags),
        "notes": found.notes,
        "created": f"{found.created_at:%Y-%m-%d %H:%M:%S %Z}",
    }
    for name, text in lines.items():
        if text:
            click.echo(f"{name:<14} {plain(text)}")


@sweeps.command()
@sweep_argument
@group_option
@click.option("-n", "--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("-a", "--all", "everything", is_flag=True, help="All there are, however many.")
@json_option
def points(sweep: str, group: str | None, limit: int, everything: bool, as_json: bool) -> None:
    """List the points of SWEEP with job and figure of each."""
    found = connect(group).sweeps.points(sweep, limit=None if everything else limit)
    if as_json:
        print_json(list(found))
        return
    rows = (
        (
            str(p.point),
            short(_said(p.values), 60),
            p.job or "",
            str(p.state or ""),
            "" if p.value is None else f"{p.value:g}",
        )
        for p in found
    )
    table(("POINT", "VALUES", "JOB", "STATE", "FIGURE"), rows, "It has no points.")


@sweeps.command()
@sweep_argument
@group_option
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop waiting then; it goes on.")
@json_option
def wait(sweep: str, group: str | None, timeout: float | None, as_json: bool) -> None:
    """Wait for the end of SWEEP; ends with 0 if all jobs succeeded, 130 if it was cancelled, else 1."""
    own_failure_is_125()
    last = _until_over(connect(group).sweeps.handle(sweep), timeout)
    print_json(last) if as_json else None
    raise SystemExit(sweep_status(last))


@sweeps.command()
@sweep_argument
@group_option
@json_option
def cancel(sweep: str, group: str | None, as_json: bool) -> None:
    """Ask for the end of all jobs of SWEEP."""
    asked = connect(group).sweeps.cancel(sweep)
    print_json(asked) if as_json else click.echo(plain(f"{asked.id} {asked.name}: {_counts(asked)}"))


@sweeps.command()
@sweep_argument
@group_option
@json_option
def delete(sweep: str, group: str | None, as_json: bool) -> None:
    """Remove SWEEP, which must be over."""
    gone = connect(group).sweeps.delete(sweep)
    print_json(gone) if as_json else click.echo(plain(f"Deleted {gone.id} {gone.name}"))


def _body(command: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The file first, then options."""
    body = one_of_file(given["spec"], "sweep") if given["spec"] else {}
    body["job"] = completed(fill(dict(body.get("job") or {}), command, given))
    fill_space(body, given)
    mark(body, given)
    if given["name"] is not None:
        body["name"] = given["name"]
    body.setdefault("name", own_name(body["job"]))
    return body


def _show_preview(client: Client, body: Mapping[str, Any], as_json: bool) -> None:
    found = client.sweeps.preview(body)
    if as_json:
        print_json(found)
        return
    click.echo(f"{found.total} jobs")
    table(("POINT", "VALUES"), ((str(i), _said(v)) for i, v in enumerate(found.points)), "")


def _until_over(sweep: SweepHandle, timeout: float | None) -> AnySweep:
    try:
        last = sweep.wait(timeout, on_change=lambda s: say(f"{s.id} {s.name}: {_counts(s)}"))
    except KeyboardInterrupt:
        click.echo(err=True)
        say(f"You left; the sweep goes on. Take it up with: collegium sweeps wait -g {sweep.group} {sweep.id}")
        raise SystemExit(130) from None
    if last.best is not None:
        say(f"best: {_best(last)}")
    return last


def _ended(sweep: AnySweep) -> int:
    return sum(sweep.counts.get(state, 0) for state in ("Succeeded", "Failed", "Cancelled"))


def _counts(sweep: AnySweep) -> str:
    told = [f"{n} {state}" for state, n in sweep.counts.items() if n]
    return f"{sweep.state}, {', '.join(told)}" if told else str(sweep.state)


def _best(sweep: AnySweep) -> str:
    best, aim = sweep.best, sweep.objective
    if best is None:
        return ""
    return f"{aim.metric if aim else ''} {best.value:g} with {_said(best.values)} ({best.job})".strip()


def _said(values: Mapping[str, Any]) -> str:
    return " ".join(f"{n}={v if isinstance(v, str) else json.dumps(v)}" for n, v in values.items())
