"""Secrets of groups: names, what a value may be, which variables may hold one, and what a value looks like in a log."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from collegium.domain.errors import InvalidInput, TooLarge
from collegium.domain.files import PLATFORM
from collegium.domain.names import check_env_name, check_object_name

#: Bytes of one value.
MAX_VALUE = 64 << 10
#: Secrets of one group; more are a mistake in a loop.
MAX_SECRETS = 500
#: Variables of one job that hold one.
MAX_VARIABLES = 50
#: Bytes that a piece of a value must have to be looked for in logs: shorter ones are in every text.
MIN_MASKED = 4
#: What programs wrap base64 after.
_LINE = 76
#: Bytes of the longest shape: what is longer is looked for in parts, so that a search needs to see no further.
_LONGEST = 252
#: Names that a backend or the platform sets, or that decide what runs at all.
_RESERVED = frozenset(
    {
        *("HOME", "LANG", "LOGNAME", "PATH", "PWD", "PYTHONUNBUFFERED", "SHELL", "TMPDIR", "TZ", "USER"),
        *("SWEEP_INDEX", "SWEEP_SIZE"),
    }
)
_RESERVED_PREFIXES = ("COLLEGIUM_", "JUPYTERHUB_", "KUBERNETES_", "LD_", "PARAM_")


class SecretKind(enum.StrEnum):
    """What a secret is for: OPAQUE is a value for variables of jobs, the others have fields."""

    OPAQUE = "opaque"
    GIT = "git"
    S3 = "s3"
    REGISTRY = "registry"


@dataclass(frozen=True)
class Secret:
    """A secret without its value, which is nowhere but sealed in the store. One of the group PLATFORM is kept for
    ``groups``, ``*`` among them for all."""

    group: str
    name: str
    description: str
    created_by: str
    created_at: datetime
    updated_by: str
    updated_at: datetime
    kind: SecretKind = SecretKind.OPAQUE
    groups: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What its value is sealed about."""
        return f"secret {self.name} of group {self.group}"

    def is_for(self, group: str) -> bool:
        """May this group use it?"""
        return self.group == group or (self.group == PLATFORM and bool({"*", group} & set(self.groups)))


@dataclass(frozen=True)
class SecretUse:
    """Something that will want a secret's value: a ``schedule``, a ``sweep``, a ``job`` that is not over, a ``dataset``
    or an ``image``."""

    kind: str
    id: str
    name: str
    user: str


def check_secret_name(name: str, field: str = "name") -> str:
    """The name of a secret."""
    return check_object_name(name, field)


def check_secret_value(value: str, field: str = "value") -> str:
    """A value that a variable can hold; raises InvalidInput or TooLarge, which do not quote it."""
    if not value:
        raise InvalidInput(field, "must not be empty", limit=MAX_VALUE)
    if "\0" in value:
        raise InvalidInput(field, "must not hold NUL characters")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidInput(field, "holds half of a surrogate pair") from None
    if size > MAX_VALUE:
        raise TooLarge(
            f"{field}: has {size} bytes, at most {MAX_VALUE} are allowed; put more than that into a file.",
            field=field,
            value=size,
            limit=MAX_VALUE,
        )
    return value


#: Fields of each kind: those that are needed, in one of these ways, and those that may be given as well.
_FIELDS: Mapping[SecretKind, tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]] = {
    SecretKind.GIT: ((("username", "password"), ("ssh_key",)), ("known_hosts",)),
    SecretKind.S3: ((("access_key", "secret_key"),), ("session_token",)),
    SecretKind.REGISTRY: ((("server", "username", "password"),), ()),
}
#: Fields that may have more than one line.
_TEXTS = ("ssh_key", "known_hosts")
_REGISTRY = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?(?:/[a-z0-9._/-]*)?", re.ASCII)


def check_secret_fields(kind: SecretKind, fields: Mapping[str, str]) -> dict[str, str]:
    """The fields of a secret that is more than one value; raises InvalidInput or TooLarge, which do not quote them."""
    if kind is SecretKind.OPAQUE:
        raise InvalidInput("fields", "are for kinds git, s3 and registry; an opaque secret has a value")
    ways, more = _FIELDS[kind]
    known = {*more, *(name for way in ways for name in way)}
    for name in fields:
        if name not in known:
            raise InvalidInput(
                f"fields.{name}", f"is no field of kind {kind.value}, which has {', '.join(sorted(known))}"
            )
    given = {name: value for name, value in fields.items() if value}
    if not any(set(way) <= given.keys() for way in ways):
        needed = " or ".join(" and ".join(way) for way in ways)
        raise InvalidInput("fields", f"of kind {kind.value} need {needed}")
    for name, value in given.items():
        check_secret_value(value, f"fields.{name}")
        if name not in _TEXTS and ("\n" in value or "\r" in value):
            raise InvalidInput(f"fields.{name}", "must be one line")
    if kind is SecretKind.GIT and "ssh_key" in given and "PRIVATE KEY" not in given["ssh_key"]:
        raise InvalidInput("fields.ssh_key", "must be a private key as ssh-keygen writes it, without a passphrase")
    if kind is SecretKind.REGISTRY and not _REGISTRY.fullmatch(given["server"]):
        raise InvalidInput("fields.server", "must be the host of a registry such as registry.example.org, and no URL")
    return given


def docker_config(fields: Mapping[str, str]) -> str:
    """What opens a registry as Docker has it in its ``config.json``."""
    # Only here, and not when a run starts that has no secrets.
    from base64 import b64encode
    from json import dumps

    server, user, password = fields["server"], fields["username"], fields["password"]
    if server in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        server = "https://index.docker.io/v1/"
    auth = b64encode(f"{user}:{password}".encode()).decode()
    return dumps({"auths": {server: {"username": user, "password": password, "auth": auth}}})


def check_secret_variables(variables: Mapping[str, str], environment: Iterable[str]) -> dict[str, str]:
    """Which variable holds which secret; raises InvalidInput."""
    if len(variables) > MAX_VARIABLES:
        raise InvalidInput("secrets", f"hold {len(variables)} names, at most {MAX_VARIABLES} are allowed")
    taken = set(environment)
    for variable, name in variables.items():
        check_env_name(variable, "secrets")
        if variable in _RESERVED or variable.startswith(_RESERVED_PREFIXES):
            raise InvalidInput(f"secrets.{variable}", "is a variable that the platform sets; take another name")
        if variable in taken:
            raise InvalidInput(f"secrets.{variable}", "is given in environment too; leave one out")
        check_secret_name(name, f"secrets.{variable}")
    return dict(variables)


def shapes(values: Iterable[str]) -> list[bytes]:
    """All that is to be masked in a log for these values, the longest first.

    Each line of a value by itself, since a program may print them indented or one at a time; base64 of the whole value
    and of each line, also inside of something longer (``user:secret``), which shifts it; and the ways in which URLs and
    JSON write it. What has fewer than MIN_MASKED bytes is left alone; what is long comes in parts, which cover it.
    """
    found: set[bytes] = set()
    for value in values:
        found.update(_base64(value.encode()))
        for line in value.splitlines():
            for text in {line, line.strip()}:
                raw = text.encode()
                found.add(raw)
                found.update(_base64(raw))
                found.update(_written(text))
    parts = {part for text in found if len(text) >= MIN_MASKED for part in _parts(text, _LONGEST)}
    return sorted(parts, key=lambda s: (-len(s), s))


def _parts(text: bytes, size: int) -> set[bytes]:
    """Parts of at most ``size`` bytes, of which none is short if the whole is not."""
    last = max(0, len(text) - size)
    return {text[at : at + size] for at in (*range(0, last, size), last)}


def _base64(raw: bytes) -> set[bytes]:
    # Only here, and not when a run starts that has no secrets.
    from base64 import b64encode

    found: set[bytes] = set()
    if len(raw) < MIN_MASKED:
        return found
    whole = b64encode(raw)
    # As programs wrap it: that covers it unwrapped, too.
    found |= {whole[at : at + _LINE] for at in range(0, len(whole), _LINE)} | _parts(whole, _LINE)
    for before in range(3):
        # The characters that depend on these bytes alone, and not on those before and behind.
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        found.add(b64encode(bytes(before) + raw + bytes(3))[first:last])
    return found | {text.replace(b"+", b"-").replace(b"/", b"_") for text in found}


def _written(text: str) -> set[bytes]:
    from json import dumps
    from urllib.parse import quote, quote_plus

    quoted = {quote(text, safe=""), quote(text), quote_plus(text)}
    lower = {_lower_escapes(q) for q in quoted}
    json = {dumps(text)[1:-1], dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1]}
    return {t.encode() for t in quoted | lower | json}


def _lower_escapes(text: str) -> str:
    first, *rest = text.split("%")
    return "%".join([first, *(part[:2].lower() + part[2:] for part in rest)])
