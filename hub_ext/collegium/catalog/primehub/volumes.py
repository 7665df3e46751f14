"""Dataset, which PrimeHub calls a volume → dataset.

What ``source`` holds: ``claim``: claim · ``nfs``: server, path · ``folder`` (of a node): path · ``git``: url, revision,
secret · ``environment``: the variables, named as servers and jobs will see them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

from collegium.catalog.primehub.entries import Entry, Tools, described, report_notes, report_unknown
from collegium.catalog.primehub.read import Resource, as_mapping, as_text
from collegium.domain.catalog import SourceKind
from collegium.domain.errors import InvalidInput, shorten
from collegium.domain.labels import check_dns_name
from collegium.domain.names import check_env_name

_COMMON = ("displayName", "description", "type", "enableUploadServer")
_BY_TYPE = {
    "pv": ("volumeName", "volumeSize", "pv"),
    "nfs": ("nfs", "volumeName"),
    "hostPath": ("hostPath", "volumeName"),
    "git": ("url", "gitsync", "volumeName"),
    "env": ("variables",),
}
#: Annotations, and the value with which nothing is lost.
_NOTES = {
    "mountRoot": "/datasets",
    "homeSymlink": "false",
    "launchGroupOnly": "true",
    "gitSyncRoot": "/gitsync",
    "gitSyncHostRoot": "/home/dataset",
    "primehub-gitsync": "true",
    "uploadServer": "false",
    "uploadServerAuthSecretName": "",
}
_MEANINGS = {
    "mountRoot": "where it was mounted is not part of the catalog",
    "homeSymlink": "the link in people's homes is not made",
    "launchGroupOnly": "it was mounted in servers of its members' other groups as well; here only where it is granted",
    "uploadServer": "its upload server has no counterpart",
    "uploadServerAuthSecretName": "its upload server has no counterpart",
}
_Source = tuple[SourceKind, dict[str, str]]


def dataset(resource: Resource, name: str, tools: Tools) -> Entry | None:
    """Translate one. None if it cannot be, which is then a problem."""
    found, where = tools.findings, resource.where
    kind = as_text(resource.spec.get("type"), where, "type", found)
    if kind not in _BY_TYPE:
        found.problem(where, "type", f"must be one of {', '.join(_BY_TYPE)} (got {shorten(kind) or 'none'})")
        return None
    translate: dict[str, Callable[[Resource, Tools], _Source | None]] = {
        "pv": _claim,
        "nfs": _nfs,
        "hostPath": _folder,
        "git": _git,
        "env": _environment,
    }
    source = translate[kind](resource, tools)
    # PrimeHub leaves empty fields of other types behind.
    empty = [k for k, v in resource.spec.items() if v in (None, "", {}, [], False)]
    report_unknown(resource, [*_COMMON, *_BY_TYPE[kind], *empty], tools)
    _annotations(resource, tools)
    if source is None:
        return None
    return Entry(where, {**described(resource, name, tools), "kind": source[0].value, "source": source[1]})


def _claim(resource: Resource, tools: Tools) -> _Source | None:
    found, where, spec = tools.findings, resource.where, resource.spec
    volume = as_text(spec.get("volumeName"), where, "volumeName", found) or resource.name
    if volume.startswith("hostpath:"):
        return _path(SourceKind.FOLDER, volume.removeprefix("hostpath:"), "volumeName", resource, tools)
    claim = f"dataset-{volume}"
    try:
        check_dns_name(claim)
    except InvalidInput as refusal:
        found.problem(where, "volumeName", refusal.message.partition(": ")[2])
        return None
    pv = as_mapping(spec.get("pv"), where, "pv", found)
    size = as_text(spec.get("volumeSize"), where, "volumeSize", found)
    size = f"{size} GB" if size.isdecimal() else size
    found.todo(
        where,
        "volumeName",
        f"the claim {claim}{f' of {size}' if size else ''} is in PrimeHub's namespace; make its volume available here",
    )
    if pv.get("provisioning") == "manual":
        found.todo(where, "pv.provisioning", f"was made by hand: see that it is called {claim} and not volume-{volume}")
    return SourceKind.CLAIM, {"claim": claim}


def _nfs(resource: Resource, tools: Tools) -> _Source | None:
    found, where = tools.findings, resource.where
    nfs = as_mapping(resource.spec.get("nfs"), where, "nfs", found)
    server = as_text(nfs.get("server"), where, "nfs.server", found)
    if not server or any(c.isspace() or not c.isprintable() for c in server):
        found.problem(where, "nfs.server", f"must be a host (got {shorten(server) or 'none'})")
        return None
    source = _path(SourceKind.NFS, as_text(nfs.get("path"), where, "nfs.path", found), "nfs.path", resource, tools)
    return source and (source[0], {"server": server, **source[1]})


def _folder(resource: Resource, tools: Tools) -> _Source | None:
    host = as_mapping(resource.spec.get("hostPath"), resource.where, "hostPath", tools.findings)
    path = as_text(host.get("path"), resource.where, "hostPath.path", tools.findings)
    return _path(SourceKind.FOLDER, path, "hostPath.path", resource, tools)


def _path(kind: SourceKind, path: str, field: str, resource: Resource, tools: Tools) -> _Source | None:
    if not path.startswith("/") or not path.isprintable() or ".." in path.split("/"):
        tools.findings.problem(
            resource.where, field, f"must be a path from / without .. (got {shorten(path) or 'none'})"
        )
        return None
    return kind, {"path": path}


def _git(resource: Resource, tools: Tools) -> _Source | None:
    found, where = tools.findings, resource.where
    url, _, revision = as_text(resource.spec.get("url"), where, "url", found).partition("#")
    if not url or any(c.isspace() or not c.isprintable() for c in url + revision):
        found.problem(where, "url", f"must be a repository's address without spaces (got {'some' if url else 'none'})")
        return None
    clean = _without_password(url)
    if clean != url:
        found.lost(where, "url", "held a user name or password, which do not belong into a catalog: use a secret")
    source = {"url": clean}
    if revision:
        source["revision"] = revision
    sync = as_mapping(resource.spec.get("gitsync"), where, "gitsync", found)
    if secret := as_text(sync.get("secret"), where, "gitsync.secret", found):
        source["secret"] = secret
        found.todo(where, "gitsync.secret", f"create the secret {secret}; what is in it is not carried over")
    return SourceKind.GIT, source


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _environment(resource: Resource, tools: Tools) -> _Source | None:
    found, where = tools.findings, resource.where
    variables: dict[str, str] = {}
    for key, value in as_mapping(resource.spec.get("variables"), where, "variables", found).items():
        field = f"variables.{shorten(key)}"
        # What PrimeHub set: the volume's name and the key, in capitals, both dashed and with underscores.
        name = re.sub(r"[-.]", "_", f"{resource.name}_{key}").upper()
        try:
            check_env_name(name)
        except InvalidInput:
            found.lost(where, field, f"{shorten(name)} cannot be the name of a variable")
            continue
        if name in variables:
            found.problem(where, field, f"is the variable {name}, as is another key")
        if "." in f"{resource.name}{key}":
            found.changed(where, field, f"is the variable {name}, without dots")
        variables[name] = as_text(value, where, field, found)
    if variables:
        found.changed(where, "variables", "their values are in the catalog in clear, as they were in PrimeHub")
    return SourceKind.ENVIRONMENT, variables


def _annotations(resource: Resource, tools: Tools) -> None:
    found, where = tools.findings, resource.where
    notes: Mapping[str, str] = {
        name.rpartition("/")[2]: as_text(value, where, f"annotation {name}", found)
        for name, value in resource.annotations.items()
        if name.rpartition("/")[0] == "dataset.primehub.io"
    }
    for name, harmless in _NOTES.items():
        value = notes.get(name, "")
        if value and value.rstrip("/") != harmless:
            meaning = _MEANINGS.get(name, "has no counterpart")
            found.lost(where, f"annotation {name}", f"{shorten(value)}: {meaning}")
    if resource.spec.get("enableUploadServer") in (True, "true"):
        found.lost(where, "enableUploadServer", "its upload server has no counterpart")
    report_notes(resource, _NOTES, tools)
