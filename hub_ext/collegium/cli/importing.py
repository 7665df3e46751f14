"""``collegium import``: a catalog from what another platform knows."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from collegium.catalog.primehub.findings import report
from collegium.catalog.primehub.translate import Request, import_primehub
from collegium.catalog.primehub.write import write_file
from collegium.cli.plain import plain_errors

#: Written, but something was lost or is left to do.
INCOMPLETE = 3
_PATH = click.Path(path_type=Path)


@click.group("import")
def import_() -> None:
    """Make a catalog of what another platform knows."""


def _renames(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for value in values:
        old, sign, new = value.rpartition("=")
        if not (old and sign and new):
            raise click.BadParameter(f"{value} is not OLD=NEW")
        if found.get(old, new) != new:
            raise click.BadParameter(f"{old} is given two names")
        found[old] = new
    return found


@import_.command("primehub")
@click.option(
    "--realm",
    "realm",
    type=_PATH,
    multiple=True,
    required=True,
    help="Keycloak's export of the realm (JSON); repeat for its -users-N.json files.",
)
@click.option(
    "--crds",
    "resources",
    type=_PATH,
    multiple=True,
    help="File or folder with InstanceTypes, Images and Datasets, from kubectl get -o yaml or json; repeatable.",
)
@click.option(
    "--prefix", default="", help="What PrimeHub's realm roles begin with, if anything: PREFIX of PREFIX:it:small."
)
@click.option("--everyone", default="everyone", show_default=True, help="The group whose grants are for all.")
@click.option(
    "--members/--no-members",
    default=False,
    help="Write users and members too, for passwords kept here. With Keycloak the catalog must have none.",
)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    callback=_renames,
    metavar="OLD=NEW",
    help="Another name for a group; repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=_PATH,
    default=Path("catalog.yaml"),
    show_default=True,
    help="Where to write; - for standard output.",
)
@click.option("--force", is_flag=True, help="Replace the output if it is there.")
@plain_errors
def primehub(
    realm: tuple[Path, ...],
    resources: tuple[Path, ...],
    prefix: str,
    everyone: str,
    members: bool,
    renames: dict[str, str],
    output: Path,
    force: bool,
) -> None:
    """Make a catalog of a PrimeHub realm and its instance types, images and volumes.

    Says all that could not be carried over. Status 0: everything was; 3: written, but something was lost or is to be
    done by hand; 1: nothing was written, for what was read has mistakes.
    """
    found = import_primehub(Request(realm, resources, prefix, everyone, members, renames))
    to_stdout = str(output) == "-"
    if to_stdout:
        click.echo(found.text, nl=False)
    else:
        write_file(output, found.text, found.private, force)
    counts = ", ".join(f"{n} {section.replace('_', ' ')}" for section, n in found.counts.items())
    click.echo(f"{'' if to_stdout else f'{output}: '}{counts}", err=to_stdout)
    if told := report(found.findings):
        click.echo(f"\n{told}", err=to_stdout)
    sys.exit(0 if found.complete else INCOMPLETE)
