"""Writes the generated part of the Python client from ``docs/openapi.json``: wire models and operations.

It knows the JSON Schema that our pydantic models make, and stops at anything else rather than guess.
"""

from __future__ import annotations

import json
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _client_types import Types

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "docs/openapi.json"
TARGET = ROOT / "client/collegium_client"
HEAD = "Generated from docs/openapi.json by scripts/client-api; do not edit."
JSON = "application/json"
_METHODS = ("get", "post", "put", "patch", "delete")
#: Names that pydantic's own base class uses.
_TAKEN = {"list", "copy", "json", "dict", "schema", "construct", "validate"}

MODELS = '''\
"""Wire models. {head}"""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from collegium_client.base import Reply, Request

#: Known words first; what a newer server says stays text.
_OPEN = Field(union_mode="left_to_right")


{body}
'''
OPERATIONS = '''\
"""Every operation of the API as a value. {head}"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal

from collegium_client import models as m
from collegium_client.wire import Operation, place


{body}
'''
METHODS = '''\
"""The API as methods. {head}"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeVar

from collegium_client import models as m
from collegium_client import operations
from collegium_client.wire import Operation

T = TypeVar("T")


{body}
'''
CLASSES = '''\
class Methods:
    """One method per operation."""

    def send(self, operation: Operation[T]) -> T:
        """Carry it out."""
        raise NotImplementedError

{plain}

class AsyncMethods:
    """One awaitable method per operation."""

    async def send(self, operation: Operation[T]) -> T:
        """Carry it out."""
        raise NotImplementedError

{awaitable}
'''


def generate(document: dict[str, Any]) -> dict[str, str]:
    """File names below the client's package, and their texts."""
    schemas = document["components"]["schemas"]
    names = short_names(schemas)
    sent = reachable(schemas, bodies(document))
    files = {
        "models.py": models(schemas, names, sent),
        "operations.py": operations(document, names),
        "methods.py": methods(document, names),
    }
    return {name: formatted(text) for name, text in files.items()}


def formatted(text: str) -> str:
    """As ruff leaves it, without the imports that are not needed."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    for words in (
        ["check", "--isolated", "--select", "F401", "--fix-only", "-q"],
        ["format", "--line-length", "120"],
    ):
        command = [ruff, *words, "--stdin-filename", "generated.py", "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


def short_names(schemas: dict[str, Any]) -> dict[str, str]:
    """Class names: two models of one name are told apart by their folder (``GroupsUserOut``)."""
    names = {
        n: n if "__" not in n else "".join(p.title() for p in n.split("__")[2:3]) + n.split("__")[-1] for n in schemas
    }
    if len(set(names.values())) < len(names):
        raise ValueError("two models would get the same name")
    return names


def bodies(document: dict[str, Any]) -> Iterator[Any]:
    """Schemas of what is sent."""
    for _, _, operation in each(document):
        content = operation.get("requestBody", {}).get("content", {})
        if JSON in content:
            yield content[JSON]["schema"]


def reachable(schemas: dict[str, Any], roots: Iterator[Any]) -> set[str]:
    """Names of all models that are sent, in whatever depth."""
    found: set[str] = set()
    waiting = [n for root in roots for n in references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += references(schemas[name])
    return found


def references(schema: Any) -> list[str]:
    """Names that a schema refers to."""
    if isinstance(schema, list):
        return [n for part in schema for n in references(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema["$ref"].rpartition("/")[2]] if isinstance(schema.get("$ref"), str) else []
    return own + [n for key, part in schema.items() if key not in ("default", "examples") for n in references(part)]


def each(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every operation."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield method, path, item[method]


def models(schemas: dict[str, Any], names: dict[str, str], sent: set[str]) -> str:
    """The text of ``models.py``."""
    parts = []
    for name in sorted(schemas, key=lambda n: ("enum" not in schemas[n], names[n])):
        schema = schemas[name]
        if schema != {}:
            types = Types(schemas, names, open_enums=name not in sent)
            parts.append(
                enum(names[name], schema) if "enum" in schema else model(names[name], schema, name in sent, types)
            )
    body = "\n\n".join(parts)
    return MODELS.format(head=HEAD, body=body)


def enum(name: str, schema: dict[str, Any]) -> str:
    """A set of words."""
    lines = [f"class {name}(enum.StrEnum):", f"    {docstring(schema, name)}", ""]
    for word in schema["enum"]:
        label = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word)).upper()
        lines.append(f"    {label} = {word!r}")
    return "\n".join(lines) + "\n"


def model(name: str, schema: dict[str, Any], sent: bool, types: Types) -> str:
    """A class with its fields."""
    lines = [f"class {name}({'Request' if sent else 'Reply'}):", f"    {docstring(schema, name)}", ""]
    required = set(schema.get("required", ()))
    for field, of in schema.get("properties", {}).items():
        lines.append("    " + attribute(field, types.of(of), of, field in required))
    return "\n".join(lines) + "\n"


def attribute(field: str, kind: str, schema: dict[str, Any], required: bool) -> str:
    """One field. What may be left out has the default that the server would take, so that code reads naturally."""
    name = f"{field}_" if keyword.iskeyword(field) or field in _TAKEN else field
    arguments = [] if name == field else [f"alias={field!r}"]
    if not required:
        default = schema.get("default")
        if isinstance(default, dict | list):
            arguments.insert(
                0, f"default_factory=lambda: {default!r}" if default else f"default_factory={type(default).__name__}"
            )
        else:
            if default is None and "None" not in kind.split(" | ") and kind != "Any":
                # A factory whose value the schema does not tell: empty, as the server has it.
                empty = next((w for w in ("list", "dict") if kind.startswith(f"{w}[")), None)
                if empty is None:
                    kind, default = f"{kind} | None", None
                else:
                    return f"{name}: {kind} = Field({', '.join([f'default_factory={empty}', *arguments])})"
            word = (
                f"{kind}({default!r})"
                if isinstance(default, str) and kind.isidentifier() and kind != "str"
                else repr(default)
            )
            if not arguments:
                return f"{name}: {kind} = {word}"
            arguments.insert(0, f"default={word}")
    return f"{name}: {kind} = Field({', '.join(arguments)})" if arguments else f"{name}: {kind}"


def docstring(schema: dict[str, Any], name: str) -> str:
    """What the server's own class says."""
    text = str(schema.get("description") or f"{name}.").replace("\\", "\\\\").replace('"""', "'''").strip()
    return (
        '"""'
        + "\n".join(line if not number else f"    {line}".rstrip() for number, line in enumerate(text.split("\n")))
        + ('\n    """' if "\n" in text else '"""')
    )


class Argument:
    """A parameter of an operation as an argument in Python."""

    def __init__(self, parameter: dict[str, Any], types: Types) -> None:
        self.wire, self.place, self.required = parameter["name"], parameter["in"], parameter.get("required", False)
        self.name = re.sub(r"\W", "_", self.wire).lower()
        if keyword.iskeyword(self.name) or self.name == "self":
            self.name += "_"
        self.kind = types.of(parameter["schema"])

    @property
    def declared(self) -> str:
        """As in a signature."""
        return (
            f"{self.name}: {self.kind}"
            if self.required
            else f"{self.name}: {self.kind.removesuffix(' | None')} | None = None"
        )


class Call:
    """One operation: its arguments and what comes back."""

    def __init__(
        self, method: str, path: str, operation: dict[str, Any], names: dict[str, str], schemas: dict[str, Any]
    ) -> None:
        types = Types(schemas, names, "m.")
        self.method, self.path, self.name = method.upper(), path, operation["operationId"]
        self.summary = operation["summary"].replace('"', "'")
        self.arguments = [Argument(p, types) for p in operation.get("parameters", ())]
        self.body = types.of(operation["requestBody"]["content"][JSON]["schema"]) if "requestBody" in operation else ""
        self.needs_body = bool(operation.get("requestBody", {}).get("required"))
        done = next(v for k, v in sorted(operation["responses"].items()) if k.startswith("2"))
        media = done.get("content", {})
        self.reply = types.of(media[JSON]["schema"]) if JSON in media else "bytes"
        #: Answers that have no end, or no bound, are not for one method call.
        self.streamed = bool({"text/event-stream", "application/octet-stream", "application/zip"} & set(media))

    @property
    def signature(self) -> str:
        """Arguments: the path's and the body by place, the rest by name."""
        placed = [a.declared for a in self.arguments if a.place == "path"]
        if self.body:
            placed.append(f"body: {self.body} | Mapping[str, Any]{'' if self.needs_body else ' | None = None'}")
        named = [a.declared for a in self.arguments if a.place != "path"]
        return ", ".join([*placed, *(["*", *named] if named else [])])

    @property
    def passed(self) -> str:
        """The same arguments handed on."""
        placed = [a.name for a in self.arguments if a.place == "path"] + (["body"] if self.body else [])
        return ", ".join([*placed, *(f"{a.name}={a.name}" for a in self.arguments if a.place != "path")])


def calls(document: dict[str, Any], names: dict[str, str]) -> list[Call]:
    """All operations below the API, but for those that take a body as it comes: they are written by hand."""
    schemas, found = document["components"]["schemas"], each(document)
    return [Call(method, path, o, names, schemas) for method, path, o in found if not _raw(o)]


def _raw(operation: dict[str, Any]) -> bool:
    return JSON not in operation.get("requestBody", {}).get("content", {JSON: None})


def operations(document: dict[str, Any], names: dict[str, str]) -> str:
    """The text of ``operations.py``: each operation as a value."""
    parts = []
    for call in calls(document, names):
        path = re.sub(
            r"\{(\w+)\}", lambda m: "{" + f"place({m[1]}{', slashes=True' if m[1] == 'path' else ''})" + "}", call.path
        )
        arguments = [repr(call.method), f"f{path!r}" if "{" in path else repr(path), call.reply]
        for kind, keyword_name in (("query", "query"), ("header", "headers")):
            given = ", ".join(f"{a.wire!r}: {a.name}" for a in call.arguments if a.place == kind)
            arguments += [f"{keyword_name}={{{given}}}"] if given else []
        arguments += ["body=body"] if call.body else []
        parts.append(
            f'def {call.name}({call.signature}) -> Operation[{call.reply}]:\n    """{call.summary}."""\n'
            f"    return Operation({', '.join(arguments)})\n"
        )
    body = "\n\n".join(parts)
    return OPERATIONS.format(head=HEAD, body=body)


def methods(document: dict[str, Any], names: dict[str, str]) -> str:
    """The text of ``methods.py``: each operation as a method, plain and awaitable."""
    plain, awaitable = [], []
    for call in calls(document, names):
        if call.streamed:
            continue
        arguments = f"self, {call.signature}" if call.signature else "self"
        for target, word, wait in ((plain, "def", ""), (awaitable, "async def", "await ")):
            target.append(
                f'    {word} {call.name}({arguments}) -> {call.reply}:\n        """{call.summary}."""\n'
                f"        return {wait}self.send(operations.{call.name}({call.passed}))\n"
            )
    body = CLASSES.format(plain="\n".join(plain), awaitable="\n".join(awaitable))
    return METHODS.format(head=HEAD, body=body)


def stale(document: dict[str, Any] | None = None) -> list[str]:
    """Names of files that are not what would be written."""
    texts = generate(document or json.loads(SOURCE.read_text()))
    return [n for n, text in texts.items() if not (TARGET / n).exists() or (TARGET / n).read_text() != text]


def main(arguments: list[str]) -> int:
    """Write the files; with ``--check`` only say which are stale."""
    if "--check" in arguments:
        names = stale()
        if names:
            print(f"stale: {', '.join(names)}; run scripts/client-api", file=sys.stderr)
        return 1 if names else 0
    for name, text in generate(json.loads(SOURCE.read_text())).items():
        (TARGET / name).write_text(text)
    return 0
