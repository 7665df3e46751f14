"""``collegium secrets``."""

from __future__ import annotations

import sys

import click

from collegium_client.cli.common import age, connect, group_option, json_option, plain, print_json, say, short, table


@click.group()
def secrets() -> None:
    """What jobs need and nobody may read: values are set, and never shown."""


@secrets.command("list")
@group_option
@json_option
def list_(group: str | None, as_json: bool) -> None:
    """List the group's secrets by name, without their values."""
    client = connect(group)
    found = client.get_groups_group_secrets(client.group())
    if as_json:
        print_json(found.items)
        return
    if found.problem:
        say(found.problem)
    rows = ((s.name, s.updated_by, age(s.updated_at), f"{s.used_by}", short(s.description, 60)) for s in found.items)
    table(("NAME", "SET BY", "AGE", "USED BY", "DESCRIPTION"), rows, "The group has no secrets.")


@secrets.command("set")
@click.argument("name")
@group_option
@click.option("--description", metavar="TEXT", help="What it is for; everybody in the group sees this.")
@json_option
def set_(name: str, group: str | None, description: str | None, as_json: bool) -> None:
    """Set the secret NAME, or give it another value.

    The value is asked for, or read from standard input where that is no terminal, without its last line break: as an
    argument others could see it. Jobs name it with --secret VARIABLE=NAME.
    """
    client = connect(group)
    body = {"value": read_hidden("Value", confirmed=True)}
    if description is not None:
        body["description"] = description
    done = client.put_groups_group_secrets_secret(client.group(), name, body)
    print_json(done) if as_json else say(f"Set {done.name}.")


@secrets.command()
@click.argument("name")
@group_option
@json_option
def delete(name: str, group: str | None, as_json: bool) -> None:
    """Remove the secret NAME, which nothing may want any more."""
    client = connect(group)
    gone = client.delete_groups_group_secrets_secret(client.group(), name)
    print_json(gone) if as_json else click.echo(plain(f"Deleted {gone.name}"))


def read_hidden(what: str, *, confirmed: bool = False) -> str:
    """Something that no argument may hold: asked for without an echo, or all of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=confirmed, err=True))
    try:
        text = sys.stdin.read()
    except UnicodeDecodeError:
        raise click.ClickException("standard input is not UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")
