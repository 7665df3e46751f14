"""Read ``catalog.yaml``: safely, completely, and with file, line and field of every problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from collegium.catalog.schema import CatalogFile, DatasetGrant, InstanceTypeEntry
from collegium.domain.errors import DomainError, InvalidInput, shorten
from collegium.domain.resources import MEMORY, Resources, describe_amount, parse_quantity
from collegium.domain.sources import check_source

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 20

Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where; ``line`` and ``column`` count from 1."""

    line: int
    column: int
    field: str
    message: str


class CatalogError(DomainError):
    """The file cannot be used; ``problems`` lists everything that is wrong with it."""

    code = "invalid"

    def __init__(self, path: str, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda p: (p.line, p.column, p.field))
        lines = [f"{path}:{p.line}:{p.column}: {p.field + ': ' if p.field else ''}{p.message}" for p in self.problems]
        super().__init__("\n".join(lines), path=path)


def load_catalog(path: Path) -> CatalogFile:
    """Read and check a catalog file. Raises CatalogError."""
    name = str(path)
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise CatalogError(name, [Problem(1, 1, "", f"has {size} bytes, at most {MAX_BYTES} are allowed")])
        raw = path.read_bytes()
    except OSError as error:
        raise CatalogError(name, [Problem(1, 1, "", f"cannot be read: {error.strerror}")]) from None
    return parse_catalog(raw, name)


def parse_catalog(raw: bytes, name: str = "catalog.yaml") -> CatalogFile:
    """Check the text of a catalog file. Raises CatalogError."""
    data, where = _read_yaml(raw, name)
    try:
        catalog = CatalogFile.model_validate(data)
    except ValidationError as error:
        raise CatalogError(name, list(_validation_problems(error, where))) from None
    problems = [
        Problem(*_place(where, location), _dotted(location), message) for location, message in _inconsistencies(catalog)
    ]
    if problems:
        raise CatalogError(name, problems)
    return catalog


def _read_yaml(raw: bytes, name: str) -> tuple[Any, dict[Location, tuple[int, int]]]:
    documents = read_documents(raw, name)
    if not documents:
        raise CatalogError(name, [Problem(1, 1, "", "is empty; it needs at least 'version: 1'")])
    if len(documents) > 1:
        place = documents[1][1].get((), (1, 1))
        raise CatalogError(name, [Problem(*place, "", f"holds {len(documents)} documents, one is allowed")])
    return documents[0]


def read_documents(raw: bytes, name: str) -> list[tuple[Any, dict[Location, tuple[int, int]]]]:
    """Every document of a YAML file as plain data, with the line and column of each value. Raises CatalogError.

    Numbers that are no plain integers keep their text, so that none goes through a float.
    """
    try:
        text = raw.decode("utf-8")
        # Aliases are refused while reading events, so that no bomb is ever expanded.
        for event in yaml.parse(text, yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise CatalogError(name, [Problem(*_mark(event), "", f"aliases (*{event.anchor}) are not allowed")])
        nodes = list(yaml.compose_all(text, yaml.SafeLoader))
    except UnicodeDecodeError as error:
        raise CatalogError(name, [Problem(1, 1, "", f"is not UTF-8 text (byte {error.start})")]) from None
    except yaml.MarkedYAMLError as error:
        raise CatalogError(name, [Problem(*_mark(error), "", f"is not valid YAML: {error.problem}")]) from None
    except yaml.YAMLError as error:
        raise CatalogError(name, [Problem(1, 1, "", f"is not valid YAML: {shorten(str(error))}")]) from None
    except RecursionError:
        raise CatalogError(name, [Problem(1, 1, "", "is nested too deeply")]) from None
    problems: list[Problem] = []
    documents = []
    for node in nodes:
        where: dict[Location, tuple[int, int]] = {}
        documents.append((_construct(node, (), where, problems), where))
    if problems:
        raise CatalogError(name, problems)
    return documents


def _construct(
    node: yaml.Node, location: Location, where: dict[Location, tuple[int, int]], problems: list[Problem]
) -> Any:
    mark = node.start_mark
    place = (mark.line + 1, mark.column + 1)
    where.setdefault(location, place)
    if len(location) > MAX_DEPTH:
        problems.append(Problem(*place, _dotted(location[:3]), f"is nested more than {MAX_DEPTH} levels deep"))
        return None
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            key_place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                problems.append(Problem(*key_place, _dotted(location), "keys must be plain text"))
                continue
            if key in result:
                problems.append(Problem(*key_place, _dotted((*location, key)), "appears twice"))
            where[(*location, key)] = key_place
            result[key] = _construct(value_node, (*location, key), where, problems)
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, (*location, i), where, problems) for i, child in enumerate(node.value)]
    return _scalar(node, location, place, problems)


def _scalar(node: yaml.Node, location: Location, place: tuple[int, int], problems: list[Problem]) -> Any:
    text = str(node.value)
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "null":
            return None
        case "bool":
            return text.lower() in ("true", "yes", "on")
        case "int" if text.lstrip("+-").isdigit() and len(text) <= 20:
            return int(text)
        # Everything else keeps its text: floats are read as exact quantities, dates are no dates here.
        case "str" | "int" | "float" | "timestamp":
            return text
        case other:
            problems.append(Problem(*place, _dotted(location), f"the tag !!{shorten(other)} is not allowed"))
            return None


def _validation_problems(error: ValidationError, where: dict[Location, tuple[int, int]]) -> Iterator[Problem]:
    for item in error.errors(include_url=False):
        location = tuple(part for part in item["loc"] if part != "[key]")
        known = location
        while known and known not in where:
            known = known[:-1]
        message = item["msg"].removeprefix("Value error, ")
        # A union reports each of its arms below the field; the field is what the reader can find.
        shown = known if item["type"] != "missing" else location
        value = item.get("input")
        # A password that was typed where its hash belongs must not end up on a screen.
        tells_itself = item["type"] in ("missing", "value_error", "extra_forbidden") or isinstance(value, dict | list)
        if "password_hash" not in location and not tells_itself:
            message += f" (got {shorten(value)})"
        if item["type"] == "extra_forbidden":
            message = "is not a known field here"
        yield Problem(*_place(where, known), _dotted(shown), message)


def _inconsistencies(catalog: CatalogFile) -> Iterator[tuple[Location, str]]:
    for section in ("users", "instance_types", "images", "datasets", "groups"):
        entries = getattr(catalog, section)
        counts = Counter(e.name for e in entries)
        for i, entry in enumerate(entries):
            if counts[entry.name] > 1:
                yield (section, i, "name"), f"{entry.name} is declared {counts[entry.name]} times"
    for i, size in enumerate(catalog.instance_types):
        yield from ((("instance_types", i, *where), message) for where, message in _size_problems(size))
    for i, image in enumerate(catalog.images):
        if not image.reference and not image.environment:
            yield ("images", i), f"image {image.name} needs a reference (container) or an environment (local)"
    yield from _dataset_problems(catalog)
    names = {s: {e.name for e in getattr(catalog, s)} for s in ("instance_types", "images", "datasets")}
    users = {u.name for u in catalog.users}
    for i, group in enumerate(catalog.groups):
        for section in ("instance_types", "images", "datasets"):
            granted = getattr(group, section)
            for n, item in enumerate(granted):
                name = item.name if isinstance(item, DatasetGrant) else item
                if name not in names[section]:
                    have = ", ".join(sorted(names[section])) or "none"
                    yield (
                        ("groups", i, section, n),
                        f"there is no {section[:-1].replace('_', ' ')} {name}; declared are {have}",
                    )
        for user in group.members:
            if users and user not in users:
                yield ("groups", i, "members", user), f"there is no user {user} in this file"


def _dataset_problems(catalog: CatalogFile) -> Iterator[tuple[Location, str]]:
    groups = {g.name for g in catalog.groups}
    for i, dataset in enumerate(catalog.datasets):
        # Without groups in the file they come from an identity provider.
        if groups and dataset.owner is not None and dataset.owner not in groups:
            yield ("datasets", i, "owner"), f"there is no group {dataset.owner} in this file"
        try:
            check_source(dataset.kind, dataset.source)
        except InvalidInput as error:
            yield ("datasets", i, *error.details["field"].split(".", 1)), error.message.partition(": ")[2]


def _size_problems(size: InstanceTypeEntry) -> Iterator[tuple[Location, str]]:
    limits, requests = Resources.parse(size.limits), Resources.parse(size.requests)
    for name, amount in requests.items():
        if name in limits and amount > limits[name]:
            most = describe_amount(limits[name], name)
            yield ("requests", name), f"asks for {describe_amount(amount, name)}, above its limit of {most}"
    shared = parse_quantity(size.shared_memory or 0, MEMORY)
    if MEMORY in limits and shared > limits[MEMORY]:
        # What is written there counts as the container's memory.
        yield ("shared_memory",), f"is above the memory limit of {describe_amount(limits[MEMORY], MEMORY)}"


def _mark(source: Any) -> tuple[int, int]:
    mark = getattr(source, "start_mark", None) or getattr(source, "problem_mark", None)
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _place(where: dict[Location, tuple[int, int]], location: Location) -> tuple[int, int]:
    while location not in where and location:
        location = location[:-1]
    return where.get(location, (1, 1))


def _dotted(location: Location) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
