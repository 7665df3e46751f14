"""``collegium apply``: what a file names is there afterwards, once, however often it is applied.

Each kind of thing that a file may hold is a row in ``KINDS``: its key in the file, and who makes it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from collegium_client.cli.common import connect, group_option, json_option, print_json, say, table
from collegium_client.cli.values import documents
from collegium_client.client import Client
from collegium_client.errors import CollegiumError

#: The file's own words beside the kinds.
_WORDS = frozenset({"group", "defaults"})
#: An item's words that are not the server's.
_OWN = frozenset({"key", "group"})


@dataclass(frozen=True)
class Item:
    """One thing of the file. ``where`` is its place, for errors."""

    kind: str
    where: str
    group: str
    key: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """What became of an item; ``created`` is False if it was there already, None if nothing was asked for."""

    kind: str
    name: str
    id: str
    group: str
    state: str
    created: bool | None


def make_job(client: Client, item: Item) -> Made:
    """Submit with the item's key: the same item again is the same job."""
    job = client.jobs.submit(item.body, group=item.group, key=item.key)
    return Made("job", job.job.name, job.id, job.group, job.state, job.created)


KINDS: Mapping[str, Callable[[Client, Item], Made]] = {"jobs": make_job}


@click.command()
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), required=True, help="YAML; - is standard input.")
@group_option
@click.option("--dry-run", is_flag=True, help="Only read the file and say what would be asked for.")
@json_option
def apply(path: Path, group: str | None, dry_run: bool, as_json: bool) -> None:
    """Submit the jobs of a YAML file; applying it again makes only those that are new or changed.

    \b
      group: physics
      defaults: {image: base, instance_type: small}
      jobs:
        - {name: one, command: python train.py --seed 1}
        - {name: two, command: python train.py --seed 2, key: seed-2}

    A job is known by its content, or by the key that you give it; a key that stood for another job is refused. Keys are
    remembered for a while by the server, see its documentation.
    """
    client = connect(group)
    items = list(read_items(path, documents(path), lambda: client.group(group)))
    if not items:
        raise click.ClickException(f"{path}: there is nothing in it; it should have {' or '.join(KINDS)}")
    if dry_run:
        _show([_planned(item) for item in items], as_json)
        return
    made: list[Made] = []
    try:
        for item in items:
            made.append(_make(client, item))
    finally:
        # Also where one was refused: what was made before it is made.
        _show(made, as_json)
    say(f"{sum(bool(m.created) for m in made)} created, {sum(not m.created for m in made)} there already")


def read_items(path: Path, found: list[Any], default_group: Callable[[], str]) -> Iterator[Item]:
    """All items of all documents; every problem of the file is found before anything is made."""
    keys: dict[tuple[str, str], str] = {}
    for number, document in enumerate(found):
        at = f"{path}: " if len(found) == 1 else f"{path}: document {number + 1}: "
        for item in _of_document(at, document, default_group):
            if item.key and (item.group, item.key) in keys:
                before = keys[item.group, item.key]
                raise click.ClickException(f"{item.where} is the same as {before}; give one of them another key")
            keys[item.group, item.key] = item.where
            yield item


def _of_document(at: str, document: Any, default_group: Callable[[], str]) -> Iterator[Item]:
    if not isinstance(document, dict):
        raise click.ClickException(f"{at}must be a mapping with {' or '.join(KINDS)}")
    unknown = sorted(set(document) - _WORDS - set(KINDS))
    if unknown:
        raise click.ClickException(f"{at}{unknown[0]}: there is only {', '.join([*KINDS, *sorted(_WORDS)])}")
    defaults = document.get("defaults") or {}
    if not isinstance(defaults, dict):
        raise click.ClickException(f"{at}defaults: must be a mapping")
    for kind in KINDS:
        items = document.get(kind) or []
        if not isinstance(items, list):
            raise click.ClickException(f"{at}{kind}: must be a list")
        for number, item in enumerate(items):
            where = f"{at}{kind}[{number}]"
            if not isinstance(item, dict):
                raise click.ClickException(f"{where}: must be a mapping")
            group = item.get("group") or document.get("group") or default_group()
            body = {k: v for k, v in {**defaults, **item}.items() if k not in _OWN}
            yield Item(kind, where, _text(f"{where}.group", group), _key(where, item, group, kind, body), body)


def _key(where: str, item: Mapping[str, Any], group: str, kind: str, body: Mapping[str, Any]) -> str:
    if item.get("key") is not None:
        return _text(f"{where}.key", item["key"])
    content = json.dumps([kind, group, body], sort_keys=True, ensure_ascii=False)
    return "apply-" + hashlib.sha256(content.encode()).hexdigest()[:40]


def _text(where: str, found: Any) -> str:
    if not isinstance(found, str):
        raise click.ClickException(f"{where}: must be text, not {json.dumps(found, default=str)}")
    return found


def _make(client: Client, item: Item) -> Made:
    try:
        return KINDS[item.kind](client, item)
    except CollegiumError as error:
        error.message = f"{item.where}: {error.message}"
        raise


def _planned(item: Item) -> Made:
    return Made(item.kind.removesuffix("s"), str(item.body.get("name", "")), "", item.group, "", None)


def _show(made: list[Made], as_json: bool) -> None:
    if as_json:
        print_json([vars(m) for m in made])
    elif made:
        words = {True: "created", False: "there already", None: "not asked for"}
        rows = ((m.name, m.id, m.group, m.state, words[m.created]) for m in made)
        table(("NAME", "ID", "GROUP", "STATE", "RESULT"), rows, "")
