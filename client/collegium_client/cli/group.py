"""``collegium queue`` and ``collegium activity``: how a group is doing."""

from __future__ import annotations

import click

from collegium_client.cli.common import connect, group_option, json_option, moment, plain, print_json, short, table
from collegium_client.models import ActivityOut, QueueOut


@click.group(invoke_without_command=True)
@click.pass_context
def queue(ctx: click.Context) -> None:
    """A group's queue: who waits, and whether jobs are taken and started."""
    if ctx.invoked_subcommand is None:
        client = connect()
        _show(client.get_groups_group_queue(client.group()), False)


@queue.command()
@group_option
@json_option
def show(group: str | None, as_json: bool) -> None:
    """Show how many wait and run, and who is next."""
    client = connect(group)
    _show(client.get_groups_group_queue(client.group()), as_json)


@queue.command()
@group_option
@click.option("--reason", metavar="TEXT", default="", help="Shown to everybody whose jobs wait.")
@json_option
def pause(group: str | None, reason: str, as_json: bool) -> None:
    """Take jobs and start none."""
    _change(group, "paused", reason, as_json)


@queue.command()
@group_option
@click.option("--reason", metavar="TEXT", default="", help="Shown to everybody who would submit.")
@json_option
def drain(group: str | None, reason: str, as_json: bool) -> None:
    """Take no jobs; those that wait still start."""
    _change(group, "draining", reason, as_json)


@queue.command("open")
@group_option
@json_option
def open_(group: str | None, as_json: bool) -> None:
    """Take jobs and start them."""
    _change(group, "open", "", as_json)


@click.command()
@click.option("-g", "--group", metavar="GROUP", help="Only of this group; without it, of all of yours.")
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="job, schedule, sweep, server …; several times.")
@click.option("-u", "--user", metavar="USER", help="Only what is this user's.")
@click.option("-m", "--mine", is_flag=True, help="Only what is yours.")
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True)
@json_option
def activity(
    group: str | None, kinds: tuple[str, ...], user: str | None, mine: bool, limit: int, as_json: bool
) -> None:
    """List what happened lately, newest first."""
    if mine and user:
        raise click.UsageError("--mine and --user exclude one another")
    client, found, cursor = connect(group), list[ActivityOut](), None
    asked = {"kind": ",".join(kinds) or None, "user": user}
    while len(found) < limit:
        size = min(200, limit - len(found))
        if group:
            page = client.get_groups_group_activity(group, **asked, mine=mine or None, limit=size, cursor=cursor)
        else:
            page = client.get_activity(**asked, mine=mine or None, limit=size, cursor=cursor)
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    if as_json:
        print_json(found)
        return
    rows = (
        (moment(a.at), a.group, a.kind, short(a.name or a.id, 40), a.user, a.state, short(a.message or a.reason, 60))
        for a in found
    )
    table(("AT", "GROUP", "KIND", "NAME", "USER", "STATE", "WHAT"), rows, "Nothing happened lately.")


def _change(group: str | None, mode: str, reason: str, as_json: bool) -> None:
    client = connect(group)
    _show(client.patch_groups_group_queue(client.group(), {"mode": mode, "reason": reason}), as_json)


def _show(found: QueueOut, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    why = f" ({', '.join(x for x in (found.reason, f'by {found.by}' if found.by else '') if x)})"
    head = found.head
    next_ = ""
    if head is not None:
        next_ = f"{head.id} {head.name} of {head.user}: {head.message}"
        next_ += f", by {moment(head.earliest_start)} UTC" if head.earliest_start else ""
    lines = {
        "queue": f"{found.mode}{why if found.mode != 'open' and why != ' ()' else ''}",
        "waiting": f"{found.ready} in line, {found.held} for other jobs, {found.later} for their next try",
        "running": f"{found.running}{f', {found.starting} starting' if found.starting else ''}",
        "in line": ", ".join(f"{user} {count}" for user, count in found.by_user.items()),
        "next": next_,
    }
    for name, text in lines.items():
        if text:
            click.echo(f"{name:<14} {plain(text)}")
