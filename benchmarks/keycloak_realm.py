"""A large realm in a real Keycloak: groups, some with subgroups for roles, and people in some of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import benchmarks.running  # noqa: F401 - makes the tests' support known
from support.keycloak import Keycloak, running_keycloak

__all__ = ["Keycloak", "Person", "fill", "running_keycloak"]
T = TypeVar("T")
#: Every so manieth group has subgroups for roles.
WITH_ROLES = 10
ROLES = ("admins", "maintainers", "viewers")
#: In how many groups somebody is.
FEWEST, MOST = 2, 5
#: People of one request: Keycloak does each in one transaction.
CHUNK = 250


@dataclass(frozen=True)
class Person:
    """Somebody of the realm and the paths of their groups."""

    subject: str
    name: str
    paths: tuple[str, ...]


def fill(realm: Keycloak, groups: int, people: int) -> list[Person]:
    """Import them, always the same ones; nobody has a password. The groups count without those for roles."""
    chance = random.Random(2026)
    names = [f"lab-{number:05}" for number in range(groups)]
    leading = {n for i, n in enumerate(names) if i % WITH_ROLES == 0}
    models = [
        {"name": name, "path": f"/{name}", "subGroups": [_below(name, role) for role in ROLES if name in leading]}
        for name in names
    ]
    for some in _chunks(models):
        _import(realm, groups=some)
    places = {f"person{number:05}": _places(chance, names, leading) for number in range(people)}
    made: list[Person] = []
    for some_people in _chunks(list(places)):
        ids = _import(realm, users=[_person(name, places[name]) for name in some_people])
        made += [Person(ids[name], name, places[name]) for name in some_people]
    return made


def _below(name: str, role: str) -> dict[str, Any]:
    return {"name": role, "path": f"/{name}/{role}"}


def _places(chance: random.Random, names: Sequence[str], leading: set[str]) -> tuple[str, ...]:
    chosen = chance.sample(names, min(len(names), chance.randint(FEWEST, MOST)))
    # Half of those in a group with roles have one.
    return tuple(f"/{n}/{chance.choice(ROLES)}" if n in leading and chance.random() < 0.5 else f"/{n}" for n in chosen)


def _person(name: str, paths: tuple[str, ...]) -> dict[str, Any]:
    profile = {"firstName": name.capitalize(), "lastName": "Test", "email": f"{name}@example.test"}
    return {"username": name, "enabled": True, "emailVerified": True, **profile, "groups": list(paths)}


def _import(realm: Keycloak, **what: list[Any]) -> dict[str, str]:
    """Name → id of what was made."""
    said = realm.call("POST", "/partialImport", {"ifResourceExists": "FAIL", **what}).json()
    return {str(r["resourceName"]): str(r["id"]) for r in said["results"]}


def _chunks(values: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
