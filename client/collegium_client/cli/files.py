"""``collegium files``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import (
    age,
    confirm,
    connect,
    group_option,
    is_terminal,
    json_option,
    plain,
    print_json,
    say,
    table,
)
from collegium_client.cli.secrets import read_hidden
from collegium_client.client import Client
from collegium_client.packing import default_target
from collegium_client.sending import Progress

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


@click.group()
def files() -> None:
    """Shared files of a group; '.datasets/NAME' and '.datasets/NAME@2' are what is in datasets and their versions."""


@files.command("ls")
@click.argument("path", default="")
@group_option
@click.option("--sort", type=click.Choice(["name", "size", "modified"]), help="Order; by name without.")
@click.option("--reverse", is_flag=True, help="Greatest or newest first.")
@click.option("--search", metavar="TEXT", help="Below the folder, names with TEXT in them, or a pattern with * and ?.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="How many at most.")
@json_option
def ls(
    path: str, group: str | None, sort: str | None, reverse: bool, search: str | None, limit: int, as_json: bool
) -> None:
    """List the folder PATH, the top without."""
    found = list(connect(group).files.list(path, sort=sort, descending=reverse or None, search=search, limit=limit))
    if as_json:
        print_json(found)
        return
    rows = (
        (
            "" if e.kind == "folder" else size_text(e.size),
            age(e.modified_at),
            (e.path if search else e.name) + ("/" if e.kind == "folder" else ""),
        )
        for e in found
    )
    table(("SIZE", "AGE", "NAME"), rows, "Nothing is there.")
    if len(found) == limit:
        say(f"These are the first {limit}; say --limit for more.")


@files.command()
@click.argument("path")
@group_option
@json_option
def stat(path: str, group: str | None, as_json: bool) -> None:
    """Show one file or folder, and where servers and jobs find it."""
    found = connect(group).files.get(path)
    if as_json:
        print_json(found)
        return
    rows = [
        ("Path", found.path or "/"),
        ("Kind", str(found.kind)),
        ("In servers", found.mounted_at),
        ("URI", found.uri),
    ]
    if found.kind == "file":
        rows += [
            ("Size", f"{found.size} bytes"),
            ("Type", found.media_type),
            ("SHA-256", found.sha256 or "(not known)"),
        ]
    for name, value in rows:
        click.echo(f"{name + ':':12}{plain(value)}")


@files.command()
@click.argument("path")
@group_option
def checksum(path: str, group: str | None) -> None:
    """Print the SHA-256 of a file, as sha256sum does."""
    click.echo(plain(f"{connect(group).files.checksum(path)}  {path}"))


@files.command()
@click.argument("path")
@group_option
def cat(path: str, group: str | None) -> None:
    """Print a file as it is."""
    client = connect(group)
    out = sys.stdout.buffer
    at, size = 0, client.files.get(path).size
    while at < size:
        piece = client.files.read(path, start=at, end=min(size, at + (8 << 20)))
        if not piece:
            raise click.ClickException(f"{path} became shorter while it was read")
        out.write(piece)
        at += len(piece)


@files.command()
@click.argument("paths", nargs=-1, required=True)
@group_option
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path(), help="Folder, or a new file's name.")
@click.option("-r", "--recursive", is_flag=True, help="Folders with what is in them.")
@click.option("--zip", "zipped", type=click.Path(path_type=Path), help="All of them as one zip file of this name.")
def get(paths: tuple[str, ...], group: str | None, output: Path, recursive: bool, zipped: Path | None) -> None:
    """Fetch PATHS; what breaks off is taken up where it broke."""
    client = connect(group)
    if zipped is not None:
        say(f"{client.files.archive(paths, zipped)}")
        return
    for path in paths:
        entry = client.files.get(path)
        if entry.kind == "file":
            with _bar(entry.name, entry.size) as progress:
                place = client.files.download(path, output, progress=progress)
            say(f"{place} ({entry.size} bytes)")
        elif not recursive:
            raise click.UsageError(f"{path} is a folder: say --recursive.")
        else:
            for place in client.files.download_folder(path, output / entry.name if entry.name else output):
                say(f"{place}")


@files.command()
@click.argument("local", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.argument("target")
@group_option
@click.option("--replace", is_flag=True, help="Replace files that are there.")
@click.option("-r", "--recursive", is_flag=True, help="Folders with what is in them.")
@click.option("--packed", is_flag=True, help="Each folder as one archive, unpacked there: for many small files.")
@json_option
def put(
    local: tuple[Path, ...],
    target: str,
    group: str | None,
    replace: bool,
    recursive: bool,
    packed: bool,
    as_json: bool,
) -> None:
    """Send LOCAL files into the folder TARGET, or one file to the path TARGET.

    TARGET is a folder if it ends with '/' or is one already. What broke off earlier is taken up where it broke.
    """
    client = connect(group)
    done: list[Any] = []
    into = len(local) > 1 or target in ("", "/") or target.endswith("/") or _is_folder(client, target)
    for file in local:
        path = f"{target.strip('/')}/{file.resolve().name}".lstrip("/") if into else target
        if file.is_dir():
            if packed:
                with _bar(file.name, 1) as progress:
                    done.append(client.files.upload_packed(file, path, replace=replace, progress=progress))
                say(f"{path}/ ({done[-1].done.files} files, {size_text(done[-1].done.bytes)})")
                continue
            if not recursive:
                raise click.UsageError(f"{file} is a folder: say --recursive, or --packed.")
            for sent in client.files.upload_folder(file, path, replace=replace):
                say(f"{sent.path} ({sent.size} bytes)")
                done.append(sent)
            continue
        with _bar(file.name, file.stat().st_size) as progress:
            done.append(client.files.upload(file, path, replace=replace, progress=progress))
        say(f"{done[-1].path} ({done[-1].size} bytes)")
    if as_json:
        print_json(done)


@files.command()
@click.argument("path")
@group_option
def mkdir(path: str, group: str | None) -> None:
    """Make the folder PATH, and those above it."""
    say(f"{connect(group).files.make_folder(path).path}/")


@files.command()
@click.argument("source")
@click.argument("target")
@group_option
@click.option("--replace", is_flag=True, help="Put what is at TARGET into the trash.")
def mv(source: str, target: str, group: str | None, replace: bool) -> None:
    """Rename or move SOURCE to the path TARGET."""
    connect(group).files.move(source, target, replace=replace)


@files.command()
@click.argument("source")
@click.argument("target")
@group_option
@click.option("--replace", is_flag=True, help="Put what is at TARGET into the trash.")
def cp(source: str, target: str, group: str | None, replace: bool) -> None:
    """Copy SOURCE, a file or a folder, to the path TARGET; no byte travels."""
    done = connect(group).files.copy(source, target, replace=replace).done
    say(f"{done.files} files, {size_text(done.bytes)}")


@files.command()
@click.argument("source")
@click.argument("target", required=False)
@group_option
@click.option("--replace", is_flag=True, help="Put what is at TARGET into the trash.")
def unpack(source: str, target: str | None, group: str | None, replace: bool) -> None:
    """Make the folder TARGET of what is in the archive SOURCE, a zip or tar; no byte travels.

    Without TARGET it is beside SOURCE and called like it.
    """
    done = connect(group).files.unpack(source, target or default_target(source), replace=replace)
    say(done.message)


@files.command()
@click.argument("paths", nargs=-1, required=True)
@group_option
def rm(paths: tuple[str, ...], group: str | None) -> None:
    """Put PATHS into the trash; 'collegium files restore' brings them back for a while."""
    connect(group).files.delete(paths)


@files.command()
@group_option
@json_option
def trash(group: str | None, as_json: bool) -> None:
    """List what was deleted."""
    found = list(connect(group).files.trash())
    if as_json:
        print_json(found)
        return
    rows = ((t.id, size_text(t.size), t.deleted_by, age(t.deleted_at), t.path) for t in found)
    table(("ID", "SIZE", "DELETED BY", "AGE", "PATH"), rows, "The trash is empty.")


@files.command()
@click.argument("trashed")
@click.argument("path", required=False)
@group_option
def restore(trashed: str, path: str | None, group: str | None) -> None:
    """Put TRASHED, an id of 'collegium files trash', back to where it was, or to PATH."""
    say(f"{connect(group).files.restore(trashed, path=path).target}")


@files.command()
@click.argument("trashed", required=False)
@group_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def purge(trashed: str | None, group: str | None, yes: bool) -> None:
    """Remove TRASHED, or all of the trash that is yours to remove, for good."""
    client = connect(group)
    confirm(f"Remove {trashed or 'everything in the trash'} for good?", yes)
    gone = client.files.purge(trashed)
    say(f"{gone.count} removed, {size_text(gone.size)}")


@files.command()
@group_option
@json_option
def storage(group: str | None, as_json: bool) -> None:
    """Show how much the group stores."""
    found = connect(group).files.storage()
    if as_json:
        print_json(found)
        return
    limit = "no limit" if found.limit is None else f"of {size_text(found.limit)}"
    click.echo(f"{size_text(found.used)} {limit}; {size_text(found.trash)} of it trash, {found.files} files")


@files.command()
@click.argument("path")
@group_option
@click.option("--days", type=click.IntRange(1, 365), default=7, show_default=True, help="How long it opens.")
@click.option("--password", is_flag=True, help="Ask for a password that whoever opens it must know.")
@click.option("--public", is_flag=True, help="Also without login, where the group allows it.")
@click.option("--note", metavar="TEXT", default="", help="What it is for.")
@json_option
def share(path: str, group: str | None, days: int, password: bool, public: bool, note: str, as_json: bool) -> None:
    """Make a link to a file or folder; it is printed once."""
    client = connect(group)
    fields: dict[str, Any] = {"expires_in_days": days, "public": public, "note": note}
    if password:
        fields["password"] = read_hidden("Password", confirmed=True)
    made = client.files.share(path, **fields)
    print_json(made) if as_json else click.echo(plain(made.url))


@files.command()
@group_option
@json_option
def shares(group: str | None, as_json: bool) -> None:
    """List links."""
    found = list(connect(group).files.shares())
    if as_json:
        print_json(found)
        return
    rows = (
        (s.id, s.created_by, "revoked" if s.revoked_at else f"{s.expires_at:%Y-%m-%d}", f"{s.opened}", s.path)
        for s in found
    )
    table(("ID", "BY", "OPENS UNTIL", "OPENED", "PATH"), rows, "There are no links.")


@files.command()
@click.argument("share_id", metavar="ID")
@group_option
def unshare(share_id: str, group: str | None) -> None:
    """End the link ID."""
    say(f"{connect(group).files.revoke_share(share_id).path} is shared by it no more")


def size_text(size: int) -> str:
    """As people say it."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 or amount >= 100 else f"{amount:.1f} {_UNITS[unit]}"


def _is_folder(client: Client, path: str) -> bool:
    return client.files.exists(path) and client.files.get(path).kind == "folder"


@contextmanager
def _bar(name: str, size: int) -> Iterator[Progress | None]:
    """A bar where somebody watches."""
    if not (is_terminal() and size):
        yield None
        return
    with click.progressbar(length=size, label=plain(name)[-40:], file=sys.stderr) as bar:

        def told(done: int, size: int) -> None:
            bar.length = max(1, size)
            bar.update(done - bar.pos)

        yield told
