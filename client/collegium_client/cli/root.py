"""The command itself: its parts are loaded when they are asked for, and other distributions add theirs.

An entry point of the group ``collegium.commands`` is a command of its own; so one ``collegium`` is everywhere, and that
of a machine with the server's distribution can look after an installation too.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from collegium_client.cli.common import Failure
from collegium_client.errors import CollegiumError
from collegium_client.exchange import VERSION

ENTRY_POINTS = "collegium.commands"
#: Ours, in the order of the help.
COMMANDS = {
    "jobs": "collegium_client.cli.jobs:jobs",
    "schedules": "collegium_client.cli.schedules:schedules",
    "sweeps": "collegium_client.cli.sweeps:sweeps",
    "files": "collegium_client.cli.files:files",
    "datasets": "collegium_client.cli.datasets:datasets",
    "apply": "collegium_client.cli.apply:apply",
    "queue": "collegium_client.cli.group:queue",
    "activity": "collegium_client.cli.group:activity",
    "secrets": "collegium_client.cli.secrets:secrets",
    "channels": "collegium_client.cli.channels:channels",
    "notifications": "collegium_client.cli.channels:notifications",
    "groups": "collegium_client.cli.account:groups",
    "whoami": "collegium_client.cli.account:whoami",
    "login": "collegium_client.cli.account:login",
    "logout": "collegium_client.cli.account:logout",
    "completion": "collegium_client.cli.account:completion",
}


class Root(click.Group):
    """Commands by name; refusals of the server as clear errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Ours first."""
        return [*COMMANDS, *sorted(_added())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one."""
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name].partition(":")
            command = getattr(importlib.import_module(module), name)
            assert isinstance(command, click.Command)
            return command
        point = _added().get(cmd_name)
        return None if point is None else _loaded(point)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Two lists: what works anywhere, and what this machine's installation adds."""
        for title, names in (("Commands", list(COMMANDS)), ("On the machine of a hub", sorted(_added()))):
            rows = [(n, c.get_short_help_str(80)) for n in names if (c := self.get_command(ctx, n)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Run; whatever went wrong is said in one way."""
        try:
            return super().invoke(ctx)
        except CollegiumError as error:
            raise Failure.of(error, ctx) from None


def _added() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS) if point.name not in COMMANDS}


def _loaded(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except Exception as error:
        # Another distribution's trouble must not take our commands with it.
        return _broken(point, f"{point.value} cannot be loaded: {error}")
    return command if isinstance(command, click.Command) else _broken(point, f"{point.value} is no command")


def _broken(point: EntryPoint, why: str) -> click.Command:
    def say(**_: Any) -> None:
        raise click.ClickException(why)

    return click.Command(
        point.name,
        callback=say,
        help=f"({why})",
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True},
    )


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="collegium-client")
def collegium() -> None:
    """Jobs, files and datasets of a Collegium hub: submit, follow, repeat, compare, send and fetch.

    In a server of the hub it works at once; elsewhere begin with 'collegium login --url https://your.hub'.
    """
