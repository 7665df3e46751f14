"""``collegium apply``: what a file names is there afterwards, once, however often it is applied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from collegium_client.cli.apply_kinds import INSIDE, KINDS, Item, Made, make, steps_of
from collegium_client.cli.common import connect, group_option, json_option, print_json, say, table
from collegium_client.cli.values import documents

#: The file's own words beside the kinds.
_WORDS = frozenset({"group", "defaults"})
#: An item's words that are not the server's.
_OWN = frozenset({"key", "group"})


@click.command()
@click.option("-f", "--file", "path", type=click.Path(path_type=Path), required=True, help="YAML; - is standard input.")
@group_option
@click.option("--dry-run", is_flag=True, help="Only read the file and say what would be asked for.")
@json_option
def apply(path: Path, group: str | None, dry_run: bool, as_json: bool) -> None:
    """Make the jobs, schedules and sweeps of a YAML file; applying it again makes only what is new or changed.

    \b
      group: physics
      defaults: {image: base, instance_type: small}
      jobs:
        - {name: one, command: python train.py --seed 1}
        - {name: two, command: python train.py --seed 2, key: seed-2}
        - {name: report, command: make report, depends_on: [seed-2]}
      schedules:
        - {name: nightly, recurrence: {kind: cron, expression: 30 2 * * *}, template: {command: make report}}
      sweeps:
        - {name: rates, grid: {lr: {values: [0.1, 0.2]}}, job: {command: python train.py}}

    A job or sweep is known by its content, or by the key that you give it; a key that stood for another one is refused.
    Keys are remembered for a while by the server, see its documentation. Jobs that wait for one another by their keys
    are made together, all or none; one that changes makes all of them anew. A schedule is known by its name: what the
    file says otherwise is changed, what it does not mention stays.
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
        for step in steps_of(items):
            made += make(client, step)
    finally:
        # Also where one was refused: what was made before it is made.
        _show(made, as_json)
    created, changed = sum(bool(m.created) for m in made), sum(m.changed for m in made)
    more = f", {changed} changed" if changed else ""
    say(f"{created} created{more}, {len(made) - created - changed} there already")


def read_items(path: Path, found: list[Any], default_group: Callable[[], str]) -> Iterator[Item]:
    """All items of all documents; every problem of the file is found before anything is made."""
    keys: dict[tuple[str, str, str], str] = {}
    for number, document in enumerate(found):
        at = f"{path}: " if len(found) == 1 else f"{path}: document {number + 1}: "
        for item in _of_document(at, document, default_group):
            known = (item.kind, item.group, item.key)
            if known in keys:
                word = "name" if item.kind == "schedules" else "key"
                raise click.ClickException(
                    f"{item.where} is the same as {keys[known]}; give one of them another {word}"
                )
            keys[known] = item.where
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
            body = _body(where, kind, defaults, item)
            yield Item(kind, where, _text(f"{where}.group", group), _key(where, item, group, kind, body), body)


def _body(where: str, kind: str, defaults: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """The item without our own words; defaults are those of its job."""
    body = {k: v for k, v in item.items() if k not in _OWN}
    inside = INSIDE.get(kind)
    if inside is None:
        return {**defaults, **body}
    job = body.get(inside) or {}
    if not isinstance(job, dict):
        raise click.ClickException(f"{where}.{inside}: must be a mapping")
    return {**body, inside: {**defaults, **job}}


def _key(where: str, item: Mapping[str, Any], group: str, kind: str, body: Mapping[str, Any]) -> str:
    if kind == "schedules":
        if item.get("key") is not None:
            raise click.ClickException(f"{where}.key: a schedule is known by its name")
        return _text(f"{where}.name", item.get("name"))
    if item.get("key") is not None:
        return _text(f"{where}.key", item["key"])
    content = json.dumps([kind, group, body], sort_keys=True, ensure_ascii=False)
    return "apply-" + hashlib.sha256(content.encode()).hexdigest()[:40]


def _text(where: str, found: Any) -> str:
    if not isinstance(found, str):
        raise click.ClickException(f"{where}: must be text, not {json.dumps(found, default=str)}")
    return found


def _planned(item: Item) -> Made:
    return Made(item.kind.removesuffix("s"), str(item.body.get("name", "")), "", item.group, "", None)


def _show(made: list[Made], as_json: bool) -> None:
    if as_json:
        print_json([vars(m) for m in made])
    elif made:
        words = {True: "created", False: "there already", None: "not asked for"}
        rows = ((m.name, m.id, m.group, m.state, "changed" if m.changed else words[m.created]) for m in made)
        table(("NAME", "ID", "GROUP", "STATE", "RESULT"), rows, "")
