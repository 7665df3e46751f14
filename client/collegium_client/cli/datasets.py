"""``collegium datasets``."""

from __future__ import annotations

from collections.abc import Iterable

import click

from collegium_client.cli.common import (
    age,
    confirm,
    connect,
    group_option,
    json_option,
    moment,
    plain,
    print_json,
    say,
    short,
    table,
)
from collegium_client.cli.files import size_text
from collegium_client.models import VersionOut


@click.group()
def datasets() -> None:
    """Datasets: a group's data with versions, and what others granted it."""


@datasets.command("list")
@group_option
@click.option("--search", metavar="TEXT", help="In name and description.")
@click.option("--tag", help="Only with this tag.")
@json_option
def list_(group: str | None, search: str | None, tag: str | None, as_json: bool) -> None:
    """List what the group has and was granted."""
    found = list(connect(group).datasets.list(search=search, tag=tag))
    if as_json:
        print_json(found)
        return
    rows = (
        (
            d.name,
            d.kind,
            d.owner or "(platform)",
            d.access,
            f"{d.latest_version or ''}",
            "" if d.size is None else size_text(d.size),
            str(d.health.state),
            short(d.display_name, 40),
        )
        for d in found
    )
    titles = ("NAME", "KIND", "OWNER", "ACCESS", "VERSION", "SIZE", "SOURCE", "TITLE")
    table(titles, rows, "The group has no datasets.")


@datasets.command()
@click.argument("name")
@group_option
@json_option
def show(name: str, group: str | None, as_json: bool) -> None:
    """Show one with its versions."""
    client = connect(group)
    found = client.datasets.get(name)
    if as_json:
        print_json(found)
        return
    rows = [("Name", found.name), ("Title", found.display_name), ("Kind", str(found.kind)), ("Access", found.access)]
    rows += [("Licence", found.licence), ("Tags", ", ".join(found.tags)), ("In servers", found.mounted_at)]
    for title, value in rows:
        if value:
            click.echo(f"{title + ':':12}{plain(value)}")
    if found.health.message:
        say(found.health.message)
    if found.description:
        click.echo(f"\n{plain(found.description)}")
    click.echo()
    _versions(client.datasets.versions(name, limit=20))


@datasets.command()
@click.argument("name")
@group_option
@click.option("--title", help="What people call it.")
@click.option("--description", default="", help="What it is.")
@click.option("--tag", "tags", multiple=True, help="May be given more than once.")
@click.option("--licence", default="", help="Such as CC-BY-4.0.")
@click.option("--kind", type=click.Choice(["managed", "git", "s3"]), default="managed", show_default=True)
@click.option("--source", "source", multiple=True, metavar="KEY=VALUE", help="url=…, bucket=…, as the kind wants it.")
@click.option("--from", "copied", multiple=True, metavar="PATH", help="Shared files to copy into it.")
@json_option
def create(
    name: str,
    group: str | None,
    title: str | None,
    description: str,
    tags: tuple[str, ...],
    licence: str,
    kind: str,
    source: tuple[str, ...],
    copied: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make the dataset NAME of the group."""
    client = connect(group)
    fields: dict[str, object] = {"name": name, "description": description, "tags": [*tags], "licence": licence}
    fields |= {"kind": kind, "source": dict(_pair(text) for text in source)}
    if title:
        fields["display_name"] = title
    if copied:
        fields["copy_from"] = [*copied]
    made = client.datasets.create(fields)
    print_json(made) if as_json else say(f"Made {made.name}; its files are in .datasets/{made.name}/")


@datasets.command()
@click.argument("name")
@group_option
@json_option
def versions(name: str, group: str | None, as_json: bool) -> None:
    """List versions, newest first."""
    found = list(connect(group).datasets.versions(name))
    print_json(found) if as_json else _versions(found)


@datasets.command()
@click.argument("name")
@group_option
@click.option("-m", "--note", default="", help="What is new in it.")
@click.option("--revision", help="Of a git source: a branch, a tag or a commit.")
@json_option
def snapshot(name: str, group: str | None, note: str, revision: str | None, as_json: bool) -> None:
    """Make a version of what the dataset holds now, and wait for it."""
    made = connect(group).datasets.snapshot(name, note, revision=revision)
    print_json(made) if as_json else say(f"{name}@{made.number}: {made.files} files, {size_text(made.size)}")


@datasets.command()
@click.argument("name")
@click.argument("paths", nargs=-1, required=True)
@group_option
@click.option("--to", "target", default="", metavar="FOLDER", help="Folder in the dataset.")
def copy(name: str, paths: tuple[str, ...], group: str | None, target: str) -> None:
    """Copy shared files PATHS into the dataset NAME."""
    done = connect(group).datasets.copy(name, paths, target).done
    say(f"{done.files} files, {size_text(done.bytes)}")


@datasets.command()
@click.argument("name")
@group_option
@click.option("--version", type=int, help="Only of this version.")
@json_option
def uses(name: str, group: str | None, version: int | None, as_json: bool) -> None:
    """Show which servers, jobs and deployments used it."""
    found = list(connect(group).datasets.uses(name, version=version))
    if as_json:
        print_json(found)
        return
    rows = (
        (f"{u.version or 'as it was'}", str(u.kind), u.id, u.group, u.user, u.access, age(u.at), short(u.label, 40))
        for u in found
    )
    table(("VERSION", "KIND", "ID", "GROUP", "USER", "ACCESS", "AGE", "NAME"), rows, "Nothing has used it yet.")


@datasets.command()
@click.argument("name")
@click.argument("to")
@group_option
@click.option("--write", is_flag=True, help="May change it, too.")
def grant(name: str, to: str, group: str | None, write: bool) -> None:
    """Let the group TO use the dataset NAME."""
    connect(group).datasets.grant(name, to, "rw" if write else "ro")
    say(f"{to} may {'change' if write else 'read'} {name}.")


@datasets.command()
@click.argument("name")
@click.argument("of")
@group_option
def revoke(name: str, of: str, group: str | None) -> None:
    """Take the grant of the group OF back; what runs keeps it to its end, and is listed."""
    for use in connect(group).datasets.revoke(name, of).holders:
        say(f"still in use by the {use.kind} {use.id} of {use.user}")


@datasets.command()
@click.argument("name")
@click.argument("version", type=int, required=False)
@group_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(name: str, version: int | None, group: str | None, yes: bool) -> None:
    """Remove the dataset NAME with all versions, or only VERSION; nothing may use it."""
    client = connect(group)
    what = f"version {version} of {name}" if version else f"{name} with all its versions and files"
    confirm(f"Remove {what} for good?", yes)
    client.datasets.delete_version(name, version) if version else client.datasets.delete(name)
    say(f"{what} is being removed")


def _versions(found: Iterable[VersionOut]) -> None:
    rows = (
        (f"{v.number}", str(v.state), f"{v.files}", size_text(v.size), v.created_by, moment(v.created_at), v.note)
        for v in found
    )
    table(("VERSION", "STATE", "FILES", "SIZE", "BY", "MADE", "NOTE"), rows, "There is no version yet.")


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found:
        raise click.UsageError(f"--source {text}: must be KEY=VALUE.")
    return key, value
