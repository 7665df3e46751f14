"""Who one is, and where."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

import click
from click.shell_completion import get_completion_class

from collegium_client.cli.common import connect, json_option, plain, print_json, say, table
from collegium_client.client import Client
from collegium_client.errors import SettingsError
from collegium_client.settings import SERVICE_PATH, Settings, config_file, read_file, service_url, write_file


@click.command()
@click.option("--url", metavar="URL", help="The hub's address, as in a browser.")
@click.option("-g", "--group", metavar="GROUP", help="Group to work in where a command names none.")
def login(url: str | None, group: str | None) -> None:
    """Store address and token for this account.

    The token is asked for, or read from standard input where that is no terminal: as an argument others could see it.
    """
    path = config_file()
    known = read_file(path)
    address = service_url(url or known.get("url") or click.prompt("The hub's address"), "--url")
    hub = address.removesuffix(SERVICE_PATH)
    parts = urlsplit(hub)
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        say(f"{hub} is not encrypted: whoever is on the way can read your token.")
    if sys.stdin.isatty():
        say(f"Make a token at {hub}/hub/token")
        token = click.prompt("Token", hide_input=True)
    else:
        token = sys.stdin.readline()
    settings = Settings.find(address, token)
    with Client(settings=settings) as client:
        context = client.context()
    names = [g.name for g in context.groups]
    chosen = group or (known.get("group", "") if known.get("group") in names else "")
    if chosen and chosen not in names:
        raise SettingsError(f"--group: you are not in {chosen}; you are in {', '.join(names) or 'no group'}")
    write_file(path, {"url": address, "token": settings.token, "group": chosen})
    say(f"You are {context.user.name}, in {', '.join(names) or 'no group yet'}. Stored in {path}.")


@click.command()
def logout() -> None:
    """Forget the stored token; the hub's token page revokes it."""
    path = config_file()
    known = read_file(path)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SettingsError(f"{path} cannot be removed: {error.strerror}") from None
    say(f"{path} is gone." if known else "Nothing was stored.")


@click.command()
@json_option
def whoami(as_json: bool) -> None:
    """Say who you are, and where."""
    client = connect()
    context = client.context()
    if as_json:
        print_json({"url": client.settings.url, "source": client.settings.source, "context": context})
        return
    admin = ", platform admin" if context.user.platform_admin else ""
    click.echo(f"{plain(context.user.name)}{admin} at {client.settings.url} (from {client.settings.source})")


@click.command()
@json_option
def groups(as_json: bool) -> None:
    """List your groups and your role in each."""
    client = connect()
    context = client.context()
    if as_json:
        print_json(context.groups)
        return
    here = client.settings.group
    rows = [(g.name, str(g.role or ""), g.display_name, "*" if g.name == here else "") for g in context.groups]
    table(("GROUP", "ROLE", "TITLE", "CHOSEN"), rows, context.no_group_message or "You are in no group yet.")


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete commands, groups and jobs.

    For bash: eval "$(collegium completion bash)", best in ~/.bashrc.
    """
    found = get_completion_class(shell)
    assert found is not None
    root = click.get_current_context().find_root().command
    click.echo(found(root, {}, "collegium", "_COLLEGIUM_COMPLETE").source())
