"""``collegium channels`` and ``collegium notifications``."""

from __future__ import annotations

import sys
from typing import Any

import click

from collegium_client.cli.common import connect, group_option, json_option, moment, plain, print_json, short, table
from collegium_client.models import OwnOut

_EVENTS = ("job.succeeded", "job.failed", "job.cancelled", "schedule.paused", "schedule.missed", "sweep.ended")


@click.group()
def channels() -> None:
    """Where a group is told of ends: e-mail, webhooks, Slack."""


@channels.command("list")
@group_option
@json_option
def list_(group: str | None, as_json: bool) -> None:
    """List the group's channels."""
    client = connect(group)
    found = client.get_groups_group_channels(client.group()).items
    if as_json:
        print_json(found)
        return
    rows = (
        (
            c.name,
            str(c.kind),
            short(", ".join(c.addresses) or c.url, 50),
            ", ".join(map(str, c.events)),
            "" if c.enabled else "off",
            "" if c.last_delivery is None else str(c.last_delivery.state),
        )
        for c in found
    )
    table(("NAME", "KIND", "WHERE", "EVENTS", "", "LAST"), rows, "The group has no channels.")


@channels.command()
@click.argument("name")
@group_option
@click.option("--kind", type=click.Choice(["email", "webhook", "slack"]), required=True)
@click.option("--address", "addresses", multiple=True, metavar="MAIL", help="Where mail goes; several times.")
@click.option("--url", metavar="URL", help="Where a webhook goes; without it, it is asked for or read.")
@click.option("--secret", "sealed", is_flag=True, help="Sign a webhook with a secret, which is asked for or read.")
@click.option("--event", "events", multiple=True, type=click.Choice(_EVENTS), help="What it hears of the whole group.")
@json_option
def create(
    name: str,
    group: str | None,
    kind: str,
    addresses: tuple[str, ...],
    url: str | None,
    sealed: bool,
    events: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make the channel NAME.

    A Slack URL is as good as a password, and so is a webhook's secret: both are asked for, or read from standard
    input, a line each, the URL first. Without --event only jobs that name the channel (--notify NAME) are told of.
    """
    body: dict[str, Any] = {"name": name, "kind": kind, "addresses": list(addresses), "events": list(events)}
    if kind != "email":
        body["url"] = url or _line("URL")
        if sealed:
            body["secret"] = _line("Secret")
    elif url or sealed:
        raise click.UsageError("--url and --secret are of webhook and slack; an email channel has --address")
    client = connect(group)
    made = client.post_groups_group_channels(client.group(), body)
    print_json(made) if as_json else click.echo(plain(f"Created {made.name} ({made.kind})"))


@channels.command()
@click.argument("name")
@group_option
@json_option
def test(name: str, group: str | None, as_json: bool) -> None:
    """Send a message by the channel NAME; 'channels deliveries' tells what became of it."""
    client = connect(group)
    sent = client.post_groups_group_channels_channel_test(client.group(), name)
    print_json(sent) if as_json else click.echo(plain(f"{sent.id}: {sent.state}"))


@channels.command()
@click.argument("name")
@group_option
@json_option
def delete(name: str, group: str | None, as_json: bool) -> None:
    """Remove the channel NAME."""
    client = connect(group)
    gone = client.delete_groups_group_channels_channel(client.group(), name)
    print_json(gone) if as_json else click.echo(plain(f"Deleted {gone.name}"))


@channels.command()
@click.argument("name")
@group_option
@click.option("-n", "--limit", type=click.IntRange(min=1, max=200), default=20, show_default=True)
@json_option
def deliveries(name: str, group: str | None, limit: int, as_json: bool) -> None:
    """List what was sent by the channel NAME, newest first."""
    client = connect(group)
    found = client.get_groups_group_channels_channel_deliveries(client.group(), name, limit=limit).items
    if as_json:
        print_json(found)
        return
    rows = (
        (moment(d.created_at), d.event, d.object_id, str(d.state), str(d.attempts), short(d.message, 80)) for d in found
    )
    table(("AT", "EVENT", "OBJECT", "STATE", "TRIES", "MESSAGE"), rows, "Nothing was sent yet.")


@click.group(invoke_without_command=True)
@click.pass_context
def notifications(ctx: click.Context) -> None:
    """What you are told of your own work, by mail."""
    if ctx.invoked_subcommand is None:
        _show(connect().get_notifications(), False)


@notifications.command("get")
@json_option
def get(as_json: bool) -> None:
    """Show your settings."""
    _show(connect().get_notifications(), as_json)


@notifications.command("set")
@click.option("--address", metavar="MAIL", help="Where to; empty: your account's.")
@click.option("--event", "events", multiple=True, type=click.Choice(_EVENTS), help="Of these; several times.")
@click.option("--no-events", is_flag=True, help="Of nothing but what jobs say themselves (--notify me).")
@click.option("--only", "groups", multiple=True, metavar="GROUP", help="In these groups; several times.")
@click.option("--all-groups", is_flag=True, help="In all groups.")
@click.option("--on/--off", "enabled", default=None, help="At all.")
@json_option
def set_(
    address: str | None,
    events: tuple[str, ...],
    no_events: bool,
    groups: tuple[str, ...],
    all_groups: bool,
    enabled: bool | None,
    as_json: bool,
) -> None:
    """Change what is given; the rest stays."""
    if (events and no_events) or (groups and all_groups):
        raise click.UsageError("--event and --no-events, --only and --all-groups exclude one another")
    client = connect()
    before = client.get_notifications()
    body = {
        "address": ("" if before.from_account else before.address) if address is None else address,
        "events": list(events) or ([] if no_events else [str(e) for e in before.events]),
        "groups": list(groups) or (None if all_groups else before.groups),
        "enabled": before.enabled if enabled is None else enabled,
    }
    _show(client.put_notifications(body), as_json)


def _show(own: OwnOut, as_json: bool) -> None:
    if as_json:
        print_json(own)
        return
    lines = {
        "mail": own.address + (" (your account's)" if own.from_account else "") if own.enabled else "off",
        "events": ", ".join(map(str, own.events)) or "none",
        "groups": "all" if own.groups is None else ", ".join(own.groups) or "none",
        "problem": own.problem,
    }
    for name, text in lines.items():
        if text:
            click.echo(f"{name:<14} {plain(text)}")


def _line(what: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, err=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError(f"{what} is missing: give it as a line on standard input")
    return line
