"""From a group's path in the realm to a group of ours and a role in it. Pure: no database, no network."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from collegium.domain.groups import Role
from collegium.identity.settings import GroupRules, RoleRules

#: JupyterHub's limit for server names, and so ours for groups.
MAX_NAME = 30
_OTHER = re.compile(r"[^a-z0-9]+", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A place in a group of the realm: the group's own path, and the role that being there means."""

    path: str
    role: Role


@dataclass
class Placement:
    """All places of one person: path of the group → highest role. ``ignored`` are paths that the rules leave out."""

    roles: dict[str, Role] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


def full_path(text: str) -> str:
    """A claim's entry as a path; flat names are groups at the top."""
    return text if text.startswith("/") else f"/{text}"


def place(path: str, groups: GroupRules, roles: RoleRules) -> Place | None:
    """Where a path is, None if the rules leave it out."""
    path = full_path(path)
    if groups.prefix and not path.startswith(f"{groups.prefix}/"):
        return None
    role = roles.default
    base = path
    if roles.source == "subgroup":
        parent, _, last = path.rpartition("/")
        # A group at the top that is called "admins" is a group, not a role in none.
        if last in roles.names and parent not in ("", groups.prefix):
            base, role = parent, roles.names[last]
    inner = base[len(groups.prefix) + 1 :]
    wanted = any(fnmatchcase(inner, p) for p in groups.include)
    if not inner or not wanted or any(fnmatchcase(inner, p) for p in groups.exclude):
        return None
    return Place(base, role)


def placement(paths: Iterable[str], groups: GroupRules, roles: RoleRules) -> Placement:
    """Every place of a person; the highest role in a group counts."""
    found = Placement()
    for path in sorted(paths):
        spot = place(path, groups, roles)
        if spot is None:
            found.ignored.append(path)
            continue
        before = found.roles.get(spot.path)
        if before is None or spot.role.rank > before.rank:
            found.roles[spot.path] = spot.role
    return found


def inner_path(path: str, groups: GroupRules) -> str:
    """What follows the prefix, without the first slash."""
    return full_path(path)[len(groups.prefix) + 1 :]


def slug(path: str, groups: GroupRules) -> str:
    """The name that a path has here: 1–30 characters of ``a-z 0-9 -``, a letter first.

    Paths that look alike get the same name; whoever binds names to paths must refuse the second (``bind.py``). What
    had to be cut or has no Latin letter ends in 40 bits of the path's hash, so that it stays the same.
    """
    named = groups.names.get(full_path(path))
    if named is not None:
        return named
    inner = inner_path(path, groups)
    plain = _OTHER.sub("-", unicodedata.normalize("NFKC", inner).casefold()).strip("-")
    lost = not plain or len(unicodedata.normalize("NFKC", inner)) > 2 * len(plain)
    if plain and not plain[0].isalpha():
        plain = f"g-{plain}"
    if lost or len(plain) > MAX_NAME:
        digest = (
            base64.b32hexencode(hashlib.sha256(inner.encode("utf-8", "surrogatepass")).digest()[:5]).decode().lower()
        )
        return f"{(plain or 'g')[: MAX_NAME - 9].strip('-')}-{digest}"
    return plain


def exact(path: str, name: str, groups: GroupRules) -> bool:
    """True if the path is the name letter for letter, or the operator said so."""
    return groups.names.get(full_path(path)) == name or inner_path(path, groups) == name


def roles_from_client(names: Iterable[str], rules: RoleRules) -> dict[str, Role]:
    """Group → role from the login client's roles; what does not fit the pattern is somebody else's."""
    pattern = re.escape(rules.pattern).replace(r"\{group\}", "(?P<group>.+)").replace(r"\{role\}", "(?P<role>.+)")
    known: Mapping[str, Role] = {**{r.value: r for r in Role}, **rules.names}
    found: dict[str, Role] = {}
    for name in names:
        match = re.fullmatch(pattern, name)
        if match and match["role"] in known:
            role = known[match["role"]]
            if match["group"] not in found or role.rank > found[match["group"]].rank:
                found[match["group"]] = role
    return found
