"""Names and texts as the catalog accepts them, with a word about each that had to change."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collegium.catalog.primehub.findings import Findings, Where
from collegium.catalog.primehub.realm import RealmGroup
from collegium.domain.errors import InvalidInput
from collegium.domain.names import MAX_LABEL, check_group_name, check_label, check_object_name
from collegium.identity.mapping import slug
from collegium.identity.settings import GroupRules

_MAX_TEXT = 2000
_MAX_OBJECT = 63
#: What Kubernetes accepts as the name of a custom resource.
_KUBERNETES = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?", re.ASCII)


@dataclass(frozen=True)
class Name:
    """A name as it was and as it is now."""

    old: str
    new: str


def label(text: str, where: Where, field: str, findings: Findings) -> str | None:
    """A display name: one printable line, None if there is none."""
    clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MAX_LABEL].strip()
    if not clean:
        if text:
            findings.changed(where, field, "has no printable character and was left out")
        return None
    if clean != text:
        findings.changed(where, field, f"became {clean!r}: one line of at most {MAX_LABEL} printable characters")
    return check_label(clean, field)


def prose(text: str, where: Where, field: str, findings: Findings) -> str:
    """A description: up to 2,000 characters, lines kept."""
    clean = "".join(c if c.isprintable() or c in "\n\t" else " " for c in text)[:_MAX_TEXT]
    if clean != text:
        findings.changed(where, field, f"was cut or cleaned to {len(clean)} printable characters")
    return clean


def object_names(found: Sequence[tuple[Where, str]], findings: Findings) -> dict[str, str]:
    """The catalog's name of each object of one kind; those too long for it are shortened, the same way each time."""
    names: dict[str, str] = {}
    taken = {name for _, name in found}
    for where, name in found:
        try:
            names[name] = check_object_name(name)
        except InvalidInput as refusal:
            if not _KUBERNETES.fullmatch(name):
                findings.problem(where, "metadata.name", refusal.message.partition(": ")[2])
                continue
            short = _shortened(name)
            if short in taken:
                findings.problem(where, "metadata.name", f"shortened to {short}, which is there already")
                continue
            findings.changed(
                where, "metadata.name", f"has {len(name)} characters, more than {_MAX_OBJECT}; is now {short}"
            )
            taken.add(short)
            names[name] = short
    return names


def group_names(groups: Sequence[RealmGroup], renames: Mapping[str, str], findings: Findings) -> dict[str, str]:
    """Path of each group → its name here: the one that logging in through Keycloak gives it, or what was asked for.

    Two groups with one name are refused: to choose one would let its members into the other's work.
    """
    known = {g.path for g in groups} | {g.name for g in groups}
    for old, new in renames.items():
        try:
            check_group_name(new, "--rename")
        except InvalidInput as refusal:
            findings.problem(Where("--rename", f"{old}={new}"), "", refusal.message.partition(": ")[2])
        if old not in known:
            findings.problem(Where("--rename", f"{old}={new}"), "", f"there is no group {old}")
    names: dict[str, str] = {}
    owners: dict[str, RealmGroup] = {}
    for group in groups:
        chosen = renames.get(group.path, renames.get(group.name))
        name = chosen or slug(group.path, GroupRules())
        if name in owners:
            findings.problem(
                group.where,
                "name",
                f"is {name} here, as is that of group {owners[name].name}; "
                f"give one of them another with --rename {group.name}=NAME",
            )
            continue
        owners[name] = group
        names[group.path] = name
        if name != group.name:
            findings.changed(group.where, "name", f"is now {name}")
        if chosen and chosen != slug(group.path, GroupRules()):
            findings.todo(
                group.where, "name", f'tell Keycloak\'s settings: "groups": {{"names": {{"{group.path}": "{name}"}}}}'
            )
    return names


def _shortened(name: str) -> str:
    digest = base64.b32hexencode(hashlib.sha256(name.encode()).digest()[:5]).decode().lower()
    return f"{re.sub(r'[^a-z0-9]+$', '', name[: _MAX_OBJECT - 9])}-{digest}"
