"""What all commands share: options, the client, errors, and how things are printed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import IO, Any, TypeVar

import click
from click.shell_completion import CompletionItem
from pydantic import BaseModel

from collegium_client.client import Client
from collegium_client.errors import CollegiumError
from collegium_client.exchange import Retry
from collegium_client.settings import FROM_SERVER, Settings

F = TypeVar("F", bound=Callable[..., Any])
#: The command's own failure where the job's exit code is the command's, as other tools that run programs have it.
OWN_FAILURE = 125
#: In the order in which a job has them.
STATES = ["Pending", "Preparing", "Running", "Succeeded", "Failed", "Cancelled"]
_ONE_WORD = re.compile(r"[\w.@%+-]+")
_STATUS, _JSON, _SOURCE = "collegium.status", "collegium.json", "collegium.source"
_HINT = "This server's own token is for jobs of its group alone. For more: collegium login, with a token of yours."


class Failure(click.ClickException):
    """A CollegiumError on its way to the terminal."""

    def __init__(self, error: CollegiumError, meta: Mapping[str, Any]) -> None:
        super().__init__(error.message)
        self.error, self._status = error, int(meta.get(_STATUS, 1))
        self._as_json, self._source = bool(meta.get(_JSON)), str(meta.get(_SOURCE, ""))

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        """What the command ends with."""
        return self._status

    @classmethod
    def of(cls, error: CollegiumError, ctx: click.Context) -> Failure:
        """With the status and in the form that the running command asked for."""
        return cls(error, ctx.meta)

    def show(self, file: IO[Any] | None = None) -> None:
        """On standard error."""
        error = self.error
        if self._as_json:
            body = {
                "code": error.code,
                "message": error.message,
                "details": error.details,
                "request_id": error.request_id,
            }
            click.echo(json.dumps({"error": body}, indent=2, default=str), err=True)
            return
        click.echo(f"Error: {plain(error.message)}", err=True)
        if error.field and error.field not in error.message:
            facts = [f"{k}: {plain(str(error.details[k]))}" for k in ("field", "value", "limit") if k in error.details]
            click.echo(f"  {', '.join(facts)}", err=True)
        if error.code in ("forbidden", "not_authenticated") and self._source == FROM_SERVER:
            click.echo(f"  {_HINT}", err=True)
        if error.request_id and error.status >= 500:
            click.echo(f"  request id: {plain(error.request_id)}", err=True)


def own_failure_is_125() -> None:
    """From here on the command's status is the job's; what goes wrong with the command itself is told apart."""
    click.get_current_context().meta[_STATUS] = OWN_FAILURE


def group_option(command: F) -> F:
    """``--group``."""
    return click.option(
        "-g",
        "--group",
        metavar="GROUP",
        shell_complete=complete_groups,
        help="Group; without it COLLEGIUM_GROUP, the one of 'collegium login', or your only one.",
    )(command)


def json_option(command: F) -> F:
    """``--json``."""

    def note(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
        ctx.meta[_JSON] = value
        return value

    return click.option("--json", "as_json", is_flag=True, callback=note, help="Print JSON, for programs.")(command)


def job_argument(command: F) -> F:
    """``JOB``."""
    return click.argument("job", shell_complete=complete_jobs)(command)


def schedule_argument(command: F) -> F:
    """``SCHEDULE``, by id or name."""
    return click.argument("schedule", shell_complete=_complete_schedules)(command)


def sweep_argument(command: F) -> F:
    """``SWEEP``."""
    return click.argument("sweep", shell_complete=complete_sweeps)(command)


def connect(group: str | None = None, retry: Retry | None = None) -> Client:
    """The client of this run; closed when the command is over."""
    client = Client(settings=Settings.find(group=group), retry=retry)
    ctx = click.get_current_context()
    ctx.meta[_SOURCE] = client.settings.source
    ctx.call_on_close(client.close)
    return client


def print_json(value: Any) -> None:
    """Models and what holds them."""
    click.echo(json.dumps(_simple(value), indent=2, ensure_ascii=False))


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Columns as wide as they must be; where there is nothing, a word about it on standard error."""
    lines = [[plain(cell) for cell in row] for row in rows]
    if not lines:
        click.echo(empty, err=True)
        return
    widths = [max(len(line[i]) for line in [list(titles), *lines]) for i in range(len(titles))]
    for line in [list(titles), *lines]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def plain(text: str) -> str:
    """Without signs that steer a terminal: names and messages may be somebody else's."""
    return "".join(c if c.isprintable() else " " if c in "\r\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def short(text: str, most: int) -> str:
    """Cut to so many signs; whole in JSON."""
    return text if len(text) <= most else text[: most - 1] + "…"


def age(moment: datetime | None) -> str:
    """How long ago, in the largest unit."""
    if moment is None:
        return ""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def moment(at: datetime | None) -> str:
    """A time in UTC, to the second."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def confirm(question: str, sure: bool) -> None:
    """Go on only if a person says so; where nobody can, ``--yes`` must have."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise click.UsageError(f"{question} Nobody can be asked here: say --yes.")
    if not click.confirm(plain(question), err=True):
        raise SystemExit(1)


def say(text: str) -> None:
    """To the person, not into what a program reads."""
    click.echo(plain(text), err=True)


def is_terminal() -> bool:
    """Does a person watch what is said?"""
    return sys.stderr.isatty()


def _simple(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, list | tuple):
        return [_simple(v) for v in value]
    return {k: _simple(v) for k, v in value.items()} if isinstance(value, dict) else value


def complete_groups(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of groups."""

    def names(client: Client) -> list[tuple[str, str]]:
        return [(g.name, g.display_name) for g in client.context().groups]

    return _completed(None, names, incomplete)


def complete_jobs(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the newest jobs."""

    def ids(client: Client) -> list[tuple[str, str]]:
        return [(j.id, f"{j.state} {plain(j.name)}") for j in client.jobs.list(limit=30)]

    return _completed(ctx.params.get("group"), ids, incomplete)


def complete_sweeps(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the newest sweeps."""

    def ids(client: Client) -> list[tuple[str, str]]:
        return [(s.id, f"{s.state} {plain(s.name)}") for s in client.sweeps.list(limit=30)]

    return _completed(ctx.params.get("group"), ids, incomplete)


def _complete_schedules(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    def names(client: Client) -> list[tuple[str, str]]:
        # A name is easier to type; one that a shell would take apart is offered by its id.
        found = client.schedules.list(limit=100)
        return [(s.name if _ONE_WORD.fullmatch(s.name) else s.id, f"{s.state} {plain(s.name)}") for s in found]

    return _completed(ctx.params.get("group"), names, incomplete)


def _completed(
    group: str | None, ask: Callable[[Client], list[tuple[str, str]]], incomplete: str
) -> list[CompletionItem]:
    try:
        with ExitStack() as stack:
            client = stack.enter_context(Client(settings=Settings.find(group=group), retry=Retry(tries=1)))
            return [CompletionItem(n, help=h) for n, h in ask(client) if n.startswith(incomplete)]
    except CollegiumError:
        # Somebody is typing: no completion is better than an error in the middle of the line.
        return []
