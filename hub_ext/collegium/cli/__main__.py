"""``collegium``: look after an installation from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import click

from collegium.authenticator.passwords import set_password
from collegium.catalog.loader import load_catalog
from collegium.catalog.schema import json_schema
from collegium.catalog.service import apply_catalog, diff_catalog
from collegium.cli.identity import identity
from collegium.cli.importing import import_
from collegium.cli.plain import plain_errors
from collegium.db import Database
from collegium.settings import Settings

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="catalog.yaml")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="collegium")
def main() -> None:
    """Look after a Collegium installation.

    COLLEGIUM_STATE_DIR (default ./state) and COLLEGIUM_DATABASE_URL say which one.
    """


main.add_command(identity)
main.add_command(import_)


@main.group()
def catalog() -> None:
    """Groups, quotas, instance types, images, datasets and local users, declared in a file."""


@catalog.command("check")
@_FILE
@plain_errors
def catalog_check(file: Path) -> None:
    """Say what is wrong with FILE, with line and field; status 1 if anything is."""
    found = load_catalog(file)
    click.echo(
        f"{file}: ok, {len(found.groups)} groups, {len(found.instance_types)} instance types, "
        f"{len(found.images)} images, {len(found.datasets)} datasets, {len(found.users)} users"
    )


@catalog.command("diff")
@_FILE
@plain_errors
def catalog_diff(file: Path) -> None:
    """Show what applying FILE would change."""
    changes = diff_catalog(Database.open(Settings.from_environment()), load_catalog(file))
    for change in changes:
        click.echo(str(change))
    click.echo(f"{len(changes)} changes" if changes else "no changes", err=True)


@catalog.command("apply")
@_FILE
@plain_errors
def catalog_apply(file: Path) -> None:
    """Make the database follow FILE, all of it or nothing."""
    changes = apply_catalog(Database.open(Settings.from_environment()), load_catalog(file))
    for change in changes:
        click.echo(str(change))
    click.echo(f"{len(changes)} changes made" if changes else "nothing to change", err=True)


@catalog.command("schema")
def catalog_schema() -> None:
    """Print the JSON schema of catalog.yaml."""
    click.echo(json.dumps(json_schema(), indent=2, sort_keys=True))


@main.group()
def users() -> None:
    """People who log in with a password kept here."""


@users.command("set-password")
@click.argument("name")
@click.password_option(help="Asked for if left out, so that it stays out of the shell's history.")
@plain_errors
def users_set_password(name: str, password: str) -> None:
    """Give user NAME a new password."""
    set_password(Database.open(Settings.from_environment()), name, password)
    click.echo(f"The password of {name} was changed.")


@main.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
@plain_errors
def db_upgrade() -> None:
    """Bring the schema up to date."""
    Database.open(Settings.from_environment())
    click.echo("The database is up to date.")


if __name__ == "__main__":
    main()
