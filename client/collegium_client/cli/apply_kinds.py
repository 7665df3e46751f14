"""Each kind of thing that a file for ``collegium apply`` may hold, and who makes it.

Jobs and sweeps are made once for each key; jobs that wait for one another by their keys are made together; a schedule
that is there is changed to what the file says.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from collegium_client.client import Client
from collegium_client.errors import CollegiumError
from collegium_client.models import ScheduleDetail

#: Of a kind that holds a job: under which name. What is not here is a job itself.
INSIDE = {"schedules": "template", "sweeps": "job"}
#: Texts that are local times of a schedule's zone.
_MOMENTS = frozenset({"start_at", "end_at", "at", "anchor"})
_PLACE = re.compile(r"jobs\.(\d+)\b", re.ASCII)


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
    changed: bool = False


Step = Sequence[Item]


def steps_of(items: Sequence[Item]) -> list[Step]:
    """Items in order, those together that wait for one another by key."""
    places = {(i.group, i.key): n for n, i in enumerate(items) if i.kind == "jobs"}
    first = list(range(len(items)))

    def root(place: int) -> int:
        while first[place] != place:
            place = first[place]
        return place

    for place, item in enumerate(items):
        for key in _awaited(item):
            other = places.get((item.group, key))
            if other is not None:
                one, two = sorted((root(place), root(other)))
                first[two] = one
    steps: dict[int, list[Item]] = {}
    for place, item in enumerate(items):
        steps.setdefault(root(place), []).append(item)
    return list(steps.values())


def make(client: Client, step: Step) -> list[Made]:
    """Make a step's items; an error says which item it is about."""
    try:
        return [KINDS[step[0].kind](client, step[0])] if len(step) == 1 else _make_batch(client, step)
    except CollegiumError as error:
        found = _PLACE.match(error.field) if len(step) > 1 else None
        guilty = step[min(int(found[1]), len(step) - 1)] if found else step[0]
        error.message = f"{guilty.where}: {error.message}"
        raise


def _make_job(client: Client, item: Item) -> Made:
    """Submit with the item's key: the same item again is the same job."""
    job = client.jobs.submit(_job(item), group=item.group, key=item.key)
    return Made("job", job.job.name, job.id, job.group, job.state, job.created)


def _make_batch(client: Client, step: Step) -> list[Made]:
    """Jobs that wait for one another: all or none, and known by the content of all of them."""
    bodies = [{**_job(item), "key": item.key} for item in step]
    content = json.dumps([step[0].group, bodies], sort_keys=True, ensure_ascii=False)
    key = "apply-" + hashlib.sha256(content.encode()).hexdigest()[:40]
    jobs = client.jobs.submit_batch(bodies, group=step[0].group, key=key)
    made = [jobs[item.key] for item in step]
    return [Made("job", j.job.name, j.id, j.group, j.state, j.created) for j in made]


def _make_sweep(client: Client, item: Item) -> Made:
    """Submit with the item's key."""
    sweep = client.sweeps.submit(item.body, group=item.group, key=item.key)
    return Made("sweep", sweep.sweep.name, sweep.id, sweep.group, sweep.state, sweep.created)


def _make_schedule(client: Client, item: Item) -> Made:
    """Create it, or change what the file says otherwise."""
    body = {**item.body, "template": {"name": item.key, **item.body["template"]}}
    known = client.schedules.find(item.key, item.group)
    if known is None:
        new = client.schedules.create(body, group=item.group)
        return Made("schedule", new.name, new.id, new.group, str(new.state), True)
    before = client.schedules.get(known.id, item.group)
    changes = _changes(body, before)
    after = client.schedules.edit(before.id, item.group, version=before.version, **changes) if changes else before
    return Made("schedule", after.name, after.id, after.group, str(after.state), False, bool(changes))


KINDS: Mapping[str, Callable[[Client, Item], Made]] = {
    "jobs": _make_job,
    "schedules": _make_schedule,
    "sweeps": _make_sweep,
}


def _awaited(item: Item) -> list[str]:
    found = item.body.get("depends_on") if item.kind == "jobs" else None
    keys = found.get("jobs") if isinstance(found, dict) else found
    if found is not None and not (isinstance(keys, list) and all(isinstance(k, str) for k in keys)):
        raise click.ClickException(f"{item.where}.depends_on: must be a list of keys, or a mapping with such jobs")
    return list(keys or [])


def _job(item: Item) -> dict[str, Any]:
    body = dict(item.body)
    if isinstance(body.get("depends_on"), list):
        body["depends_on"] = {"jobs": body["depends_on"]}
    return body


def _changes(body: Mapping[str, Any], before: ScheduleDetail) -> dict[str, Any]:
    """What the file says otherwise. Whether it is paused is up to people once it is there."""
    known = before.model_dump(mode="json")
    zone = str((body.get("recurrence") or {}).get("zone") or before.recurrence.get("zone") or "UTC")
    found = {}
    for name, wanted in body.items():
        if name in ("name", "paused"):
            continue
        # The job is whole in the file: what it does not mention is as if it had never been said.
        same = wanted == known[name] if name == "template" else _same(name, wanted, known.get(name), zone)
        if not same:
            found[name] = wanted
    return found


def _same(name: str, wanted: Any, known: Any, zone: str) -> bool:
    if isinstance(wanted, dict) and isinstance(known, dict):
        # What the server filled in by itself is no difference.
        return all(_same(n, v, known.get(n), zone) for n, v in wanted.items())
    if name in _MOMENTS and isinstance(wanted, str) and isinstance(known, str):
        return bool(_instant(wanted, zone) == _instant(known, zone))
    return bool(wanted == known)


def _instant(text: str, zone: str) -> Any:
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))
    except (ValueError, OSError, KeyError):
        return text
