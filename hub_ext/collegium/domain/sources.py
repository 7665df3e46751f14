"""Where a dataset's data comes from: what a source of each kind holds, in one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from collegium.domain.catalog import SourceKind
from collegium.domain.destinations import check_url, literal
from collegium.domain.errors import InvalidInput
from collegium.domain.files import check_path
from collegium.domain.labels import check_dns_name
from collegium.domain.names import check_object_name
from collegium.domain.resources import MEMORY, parse_quantity
from collegium.domain.secrets import SecretKind

#: Kinds that a group may make; the others reach into machines and clusters.
OF_GROUPS = (SourceKind.MANAGED, SourceKind.GIT, SourceKind.S3)
#: Kinds that have versions.
WITH_VERSIONS = (SourceKind.MANAGED, SourceKind.GIT, SourceKind.S3)
#: Kinds that a workload can only read, whatever was granted.
ONLY_READ = (SourceKind.GIT, SourceKind.S3, SourceKind.ENVIRONMENT)
#: The kind of secret that opens a source.
SECRETS = {SourceKind.GIT: SecretKind.GIT, SourceKind.S3: SecretKind.S3}
MAX_VARIABLES = 100
MAX_VARIABLE = 8192
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?", re.ASCII | re.IGNORECASE)
_NFS_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,251}[A-Za-z0-9])?", re.ASCII)
#: ``git@host:path``, as git's servers show it.
_SHORT_SSH = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,62})@([^/:@]+):(?!//)([!-~]+)", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./+-]{0,249}", re.ASCII)
_ACCESS_MODES = ("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")
Check = Callable[[str, str], str]


@dataclass(frozen=True)
class GitPlace:
    """Where a repository is: ``user`` for ssh, ``port`` 0 for the protocol's own."""

    scheme: str
    host: str
    port: int
    user: str = ""


def check_source(kind: SourceKind, source: Mapping[str, str], field: str = "source") -> dict[str, str]:
    """The source as it is stored; raises InvalidInput for ``source.<field>``. Empty values count as left out."""
    if kind is SourceKind.ENVIRONMENT:
        return _environment(source, field)
    needed, possible = _TABLE[kind]
    checks = {**needed, **possible}
    for key in source:
        if key not in checks:
            has = f"has {', '.join(checks)}" if checks else "has none"
            raise InvalidInput(f"{field}.{key}", f"is no field of kind {kind.value}, which {has}")
    given = {key: value for key, value in source.items() if value != ""}
    for key in needed:
        if key not in given:
            raise InvalidInput(f"{field}.{key}", f"is needed for kind {kind.value}")
    return {key: checks[key](_text(given[key], f"{field}.{key}"), f"{field}.{key}") for key in checks if key in given}


def check_group_kind(kind: SourceKind) -> SourceKind:
    """A kind that groups may make; raises InvalidInput."""
    if kind not in OF_GROUPS:
        may = ", ".join(k.value for k in OF_GROUPS)
        raise InvalidInput(
            "kind", f"must be one of {may}; others are defined by those who run the platform", kind.value
        )
    return kind


def check_revision(text: str, field: str = "revision") -> str:
    """A branch, tag or whole commit, as git may be asked for it; raises InvalidInput."""
    bad = not _REVISION.fullmatch(text) or ".." in text or "//" in text or "/." in text
    if bad or text.endswith(("/", ".", ".lock")):
        raise InvalidInput(field, "must be a branch, a tag or a whole commit", text, 250)
    return text


def git_place(url: str, field: str = "source.url") -> GitPlace:
    """Host and port of a repository's address; raises InvalidInput, which does not quote what may hold a password."""
    if match := _SHORT_SSH.fullmatch(url):
        user, host, _ = match.groups()
        return GitPlace("ssh", _host(host, field), 0, user)
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or len(url) > 2048:
        raise InvalidInput(field, "must be an address such as https://example.org/data.git, of plain ASCII", limit=2048)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 0
    except ValueError:
        raise InvalidInput(field, "has a host or port that cannot be") from None
    if parts.scheme not in ("https", "ssh"):
        raise InvalidInput(field, "must begin with https:// or ssh://", limit="https, ssh")
    if parts.password is not None or (parts.scheme == "https" and "@" in parts.netloc):
        raise InvalidInput(field, "must not hold a user name or password; name a secret of kind git")
    if parts.username and not _USER.fullmatch(parts.username):
        raise InvalidInput(field, "has a user name that cannot be")
    if parts.query or parts.fragment or not parts.path.strip("/"):
        raise InvalidInput(field, "must be scheme, host and path of a repository, and no more")
    return GitPlace(parts.scheme, _host(host, field), port, parts.username or "")


def endpoint_of(source: Mapping[str, str]) -> str:
    """The address of the S3 server of a source."""
    region = source.get("region") or "us-east-1"
    return source.get("endpoint") or f"https://s3.{region}.amazonaws.com"


def shown(kind: SourceKind, source: Mapping[str, str]) -> dict[str, str]:
    """A source as those who look after it see it: values of variables may be anything, so their names are told."""
    return dict.fromkeys(source, "…") if kind is SourceKind.ENVIRONMENT else dict(source)


def _text(value: str, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidInput(field, "must be text", value)
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise InvalidInput(field, "must not hold control characters", value)
    return value


def _host(host: str, field: str) -> str:
    if literal(host) is None and not _HOST.fullmatch(host):
        raise InvalidInput(field, "must name a host")
    return host


def _git_url(value: str, field: str) -> str:
    git_place(value, field)
    return value


def _folder(value: str, field: str) -> str:
    if not (clean := check_path(value, field)):
        raise InvalidInput(field, "must be a folder in the repository; leave it out for all of it", value)
    return clean


def _absolute(value: str, field: str) -> str:
    if not value.startswith("/") or ".." in value.split("/") or len(value) > 1024:
        raise InvalidInput(field, "must be a path from / without '..', of at most 1024 characters", value, 1024)
    return value.rstrip("/") or "/"


def _one(pattern: re.Pattern[str], problem: str) -> Check:
    def check(value: str, field: str) -> str:
        if not pattern.fullmatch(value):
            raise InvalidInput(field, problem, value)
        return value

    return check


def _prefix(value: str, field: str) -> str:
    clean = value.strip("/")
    if len(clean.encode("utf-8", "replace")) > 900:
        raise InvalidInput(field, "is longer than 900 bytes", value, 900)
    return clean


def _endpoint(value: str, field: str) -> str:
    check_url(value, field)
    parts = urlsplit(value)
    if parts.path.strip("/") or parts.query:
        raise InvalidInput(field, "must be scheme and host of an S3 server, and no more", value)
    return value.rstrip("/")


def _size(value: str, field: str) -> str:
    if parse_quantity(value, MEMORY, field) <= 0:
        raise InvalidInput(field, "must be more than nothing", value)
    return value


def _access_mode(value: str, field: str) -> str:
    if value not in _ACCESS_MODES:
        raise InvalidInput(field, f"must be one of {', '.join(_ACCESS_MODES)}", value)
    return value


def _environment(source: Mapping[str, str], field: str) -> dict[str, str]:
    if not source:
        raise InvalidInput(field, "needs at least one variable")
    if len(source) > MAX_VARIABLES:
        raise InvalidInput(field, f"holds {len(source)} variables, at most {MAX_VARIABLES} are allowed")
    for key, value in source.items():
        if not _VARIABLE.fullmatch(key):
            raise InvalidInput(field, "has a name that is not 1 to 128 letters, digits, '_', '.' or '-'", key, 128)
        # Values are not quoted: they may be anything.
        if not isinstance(value, str) or len(value) > MAX_VARIABLE or "\0" in value:
            raise InvalidInput(f"{field}.{key}", f"must be text of at most {MAX_VARIABLE} characters without NUL")
    return dict(source)


_secret: Check = check_object_name
_TABLE: Mapping[SourceKind, tuple[Mapping[str, Check], Mapping[str, Check]]] = {
    SourceKind.MANAGED: ({}, {}),
    SourceKind.GIT: ({"url": _git_url}, {"revision": check_revision, "secret": _secret, "folder": _folder}),
    SourceKind.S3: (
        {"bucket": _one(_BUCKET, "must be the name of a bucket: 3 to 63 of a-z, 0-9, '.' or '-'")},
        {
            "prefix": _prefix,
            "endpoint": _endpoint,
            "region": _one(_REGION, "must be a region such as eu-central-1"),
            "secret": _secret,
        },
    ),
    SourceKind.NFS: ({"server": _one(_NFS_HOST, "must be a host name or an address"), "path": _absolute}, {}),
    SourceKind.CLAIM: (
        {"claim": check_dns_name},
        {"size": _size, "storage_class": check_dns_name, "access_mode": _access_mode},
    ),
    SourceKind.FOLDER: ({"path": _absolute}, {}),
}
