"""Files as they come from ``kubectl get -o yaml|json`` and from Keycloak's export, as plain data.

Numbers that are no plain integers keep their text; whatever cannot be read is a problem that names the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collegium.catalog.loader import CatalogError, read_documents
from collegium.catalog.primehub.findings import Findings, Where
from collegium.domain.errors import shorten

MAX_BYTES = 64 * 1024 * 1024
API_GROUP = "primehub.io"
#: What the catalog can hold.
KINDS = ("InstanceType", "Image", "Dataset")
#: What PrimeHub has besides, and what it is called here.
OTHER_KINDS = {
    "PhJob": "jobs and their history",
    "PhSchedule": "recurring jobs",
    "PhDeployment": "model deployments",
    "PhApplication": "apps",
    "PhAppTemplate": "app templates",
    "ImageSpec": "image builds",
    "ImageSpecJob": "image builds",
    "Announcement": "announcements",
    "License": "a licence, which nothing here needs",
    "Secret": "secrets",
}
_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Resource:
    """One custom resource. ``label`` is what people call it: ``Image tf-2``."""

    where: Where
    kind: str
    name: str
    spec: Mapping[str, Any]
    annotations: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = ""


def read_json(path: Path, findings: Findings) -> Any:
    """A JSON file, None if it cannot be read."""
    where = Where(str(path))
    raw = _bytes(path, where, findings)
    if raw is None:
        return None
    try:
        return json.loads(
            raw.decode("utf-8-sig"),
            parse_float=str,
            parse_int=lambda text: int(text) if len(text) <= 20 else text,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError as error:
        findings.problem(where, "", f"is not UTF-8 text (byte {error.start})")
    except json.JSONDecodeError as error:
        findings.problem(where, "", f"line {error.lineno}, column {error.colno}: is not valid JSON: {error.msg}")
    except ValueError as error:
        findings.problem(where, "", f"is not valid JSON: {error}")
    except RecursionError:
        findings.problem(where, "", "is nested too deeply")
    return None


def read_resources(paths: Sequence[Path], findings: Findings) -> list[Resource]:
    """Every PrimeHub resource in files and folders, in order; those that the catalog has no place for are reported."""
    found: dict[tuple[str, str], Resource] = {}
    for path in _files(paths, findings):
        documents = [read_json(path, findings)] if path.suffix.lower() == ".json" else _yaml(path, findings)
        for document in documents:
            for resource in _resources(document, "", Where(str(path)), findings):
                _put(found, resource, findings)
    return list(found.values())


def as_mapping(value: Any, where: Where, name: str, findings: Findings) -> Mapping[str, Any]:
    """A mapping; nothing at all is an empty one, anything else a problem."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    findings.problem(where, name, f"must be a mapping (got {shorten(value)})")
    return {}


def as_list(value: Any, where: Where, name: str, findings: Findings) -> list[Any]:
    """Likewise for lists."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    findings.problem(where, name, f"must be a list (got {shorten(value)})")
    return []


def as_text(value: Any, where: Where, name: str, findings: Findings) -> str:
    """Likewise for text; numbers and booleans are read as they were written."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        with suppress(UnicodeDecodeError):
            # JSON spells some characters as two halves, and can spell halves that no file can hold.
            return str(value).strip().encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    # Not the value itself: it may be a secret in the wrong place.
    kind = "half a character" if isinstance(value, str) else type(value).__name__
    findings.problem(where, name, f"must be text (got {kind})")
    return ""


def _put(found: dict[tuple[str, str], Resource], resource: Resource, findings: Findings) -> None:
    key = (resource.kind, resource.name)
    before = found.get(key)
    if before is None:
        found[key] = resource
    elif (before.spec, before.annotations, before.namespace) == (
        resource.spec,
        resource.annotations,
        resource.namespace,
    ):
        findings.changed(resource.where, "", f"is in {before.where.file} as well, word for word, and was taken once")
    else:
        other = f" (namespace {before.namespace})" if before.namespace != resource.namespace else ""
        findings.problem(resource.where, "metadata.name", f"is declared differently in {before.where.file}{other}")


def _files(paths: Sequence[Path], findings: Findings) -> Iterator[Path]:
    seen: set[Path] = set()
    for path in paths:
        inside = [path]
        if path.is_dir():
            inside = sorted(f for f in path.rglob("*") if f.suffix.lower() in _ENDINGS and f.is_file())
            if not inside:
                findings.problem(Where(str(path)), "", f"is a folder without files that end in {', '.join(_ENDINGS)}")
        for file in inside:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                yield file


def _bytes(path: Path, where: Where, findings: Findings) -> bytes | None:
    try:
        if not path.is_file():
            findings.problem(where, "", "is not a file" if path.exists() else "does not exist")
            return None
        size = path.stat().st_size
        if size > MAX_BYTES:
            findings.problem(where, "", f"has {size} bytes, at most {MAX_BYTES} are read")
            return None
        return path.read_bytes()
    except OSError as error:
        findings.problem(where, "", f"cannot be read: {error.strerror}")
        return None


def _yaml(path: Path, findings: Findings) -> list[Any]:
    where = Where(str(path))
    raw = _bytes(path, where, findings)
    if raw is None:
        return []
    try:
        documents = [data for data, _ in read_documents(raw, path.name)]
    except CatalogError as error:
        for p in error.problems:
            findings.problem(
                where, f"line {p.line}, column {p.column}", f"{p.field + ': ' if p.field else ''}{p.message}"
            )
        return []
    documents = [d for d in documents if d is not None]
    if not documents:
        findings.problem(where, "", "is empty")
    return documents


def _resources(document: Any, kind: str, where: Where, findings: Findings) -> Iterator[Resource]:
    if isinstance(document, list):
        for item in document:
            yield from _resources(item, kind, where, findings)
        return
    if not isinstance(document, dict):
        if document is not None:
            findings.problem(where, "", f"must hold Kubernetes objects (got {shorten(document)})")
        return
    named = as_text(document.get("kind", kind), where, "kind", findings)
    if named.endswith("List"):
        for item in as_list(document.get("items"), where, f"{named}.items", findings):
            yield from _resources(item, named.removesuffix("List"), where, findings)
        return
    resource = _resource(document, named, where, findings)
    if resource is not None:
        yield resource


def _resource(document: Mapping[str, Any], kind: str, file: Where, findings: Findings) -> Resource | None:
    metadata = as_mapping(document.get("metadata"), file, f"{kind}.metadata", findings)
    name = as_text(metadata.get("name"), file, f"{kind}.metadata.name", findings)
    where = Where(file.file, f"{kind} {name}".strip())
    group = as_text(document.get("apiVersion"), where, "apiVersion", findings).partition("/")[0]
    if kind in OTHER_KINDS and group in (API_GROUP, "v1", ""):
        findings.lost(where, "", f"{OTHER_KINDS[kind]} are not part of the catalog")
        return None
    if kind not in KINDS or group not in (API_GROUP, ""):
        wanted = f"one of {', '.join(KINDS)} of {API_GROUP}"
        findings.problem(
            where, "kind", f"is not {wanted} (got {shorten(kind) or 'none'} of {shorten(group) or 'none'})"
        )
        return None
    if not name:
        findings.problem(where, "metadata.name", "is missing")
        return None
    if not isinstance(document.get("spec"), dict):
        findings.problem(where, "spec", "is missing" if document.get("spec") is None else "must be a mapping")
        return None
    return Resource(
        where,
        kind,
        name,
        document["spec"],
        as_mapping(metadata.get("annotations"), where, "metadata.annotations", findings),
        as_text(metadata.get("namespace"), where, "metadata.namespace", findings),
    )


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {shorten(key)} appears twice in one object")
        result[key] = value
    return result


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number of JSON")
