"""The parameters of a notebook: the cell tagged ``parameters``, as papermill has it, read without running it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_env_name
from collegium.domain.parameters import MAX_CHOICES, MAX_PARAMETERS, Parameter, ParameterType

TAG = "parameters"
_SIMPLE = {
    "int": ParameterType.INTEGER,
    "float": ParameterType.NUMBER,
    "str": ParameterType.TEXT,
    "bool": ParameterType.BOOLEAN,
    "list": ParameterType.LIST,
    "tuple": ParameterType.LIST,
    "dict": ParameterType.OBJECT,
}
_CONTAINERS = {"List": "list", "Tuple": "tuple", "Dict": "dict", "Sequence": "list", "Mapping": "dict"}
#: papermill reads a type from a comment too: ``x = None  # type: int  what it is``.
_TYPE_COMMENT = re.compile(r"type:\s*([A-Za-z_][\w.\[\], |\"']*?)(?:\s{2,}|\s*#\s*|\s*$)(.*)")
_MAGIC = re.compile(r"^\s*[%!?]")


def parameters_cell(notebook: Any) -> str | None:
    """Source of the first cell tagged ``parameters``; None if there is none, or if this is no notebook of Python."""
    if not isinstance(notebook, Mapping) or not isinstance(notebook.get("cells"), list):
        return None
    metadata = notebook.get("metadata")
    if _language(metadata if isinstance(metadata, Mapping) else {}) not in ("python", "ipython"):
        return None
    for cell in notebook["cells"]:
        facts = cell.get("metadata") if isinstance(cell, Mapping) else None
        tags = facts.get("tags") if isinstance(facts, Mapping) else None
        if isinstance(tags, list) and TAG in tags:
            source = cell.get("source", "")
            lines = source if isinstance(source, list) else [source]
            return "".join(line for line in lines if isinstance(line, str))
    return None


def _language(metadata: Mapping[str, Any]) -> str:
    for section, key in (("language_info", "name"), ("kernelspec", "language")):
        facts = metadata.get(section)
        if isinstance(facts, Mapping) and isinstance(facts.get(key), str):
            return str(facts[key]).lower()
    return "python"


def read_notebook(data: bytes) -> list[Parameter] | None:
    """The parameters that a notebook declares; None if it has no cell for them or cannot be read."""
    try:
        source = parameters_cell(json.loads(data))
    except (ValueError, RecursionError):
        return None
    return None if source is None else read_parameters(source)


def read_parameters(source: str) -> list[Parameter] | None:
    """Assignments at the top level of a cell; the last one of a name counts. None if it is not Python.

    A type hint is the type, else a ``# type:`` comment, else the value's own, where a whole number may become any
    number: ``lr = 1`` says little about the values that will be tried. The trailing comment is the description.
    """
    lines = ["" if _MAGIC.match(line) else line for line in source.replace("\r\n", "\n").split("\n")]
    try:
        tree = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    try:
        return _assignments(tree, lines)
    except RecursionError:
        return None


def _assignments(tree: ast.Module, lines: list[str]) -> list[Parameter]:
    found: dict[str, Parameter] = {}
    for statement in tree.body:
        hint: ast.expr | None = None
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                hint = annotation
            case _:
                continue
        parameter = _parameter(name, hint, value, _comment(lines, statement))
        if parameter is not None:
            found[name] = parameter
    return list(found.values())[:MAX_PARAMETERS]


def _parameter(name: str, hint: ast.expr | None, value: ast.expr, comment: str) -> Parameter | None:
    try:
        check_env_name(name)
    except InvalidInput:
        return None
    if hint is None and (typed := _TYPE_COMMENT.match(comment)):
        try:
            hint, comment = ast.parse(typed[1].strip(), mode="eval").body, typed[2].strip()
        except SyntaxError:
            hint = None
    known, default = _literal(value)
    described = comment[:500]
    own = _of_value(default) if known else ParameterType.ANY
    shape: dict[str, Any] = {"type": own} if hint is None else _hinted(hint)
    # None says only that there is no value yet.
    shape["nullable"] = shape.get("nullable", False) or (known and default is None)
    parameter = Parameter(name, description=described, default=default if known else None, **shape)
    try:
        if parameter.default is not None:
            parameter.check(parameter.default, name)
    except InvalidInput:
        # Hint and value contradict one another: the program accepts what it accepts.
        return Parameter(name, ParameterType.ANY, description=described)
    return parameter


def _literal(value: ast.expr) -> tuple[bool, Any]:
    """Whether the expression is a literal that JSON can say, and its value."""
    try:
        found = ast.literal_eval(value)
        return True, json.loads(json.dumps(found, allow_nan=False))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, OverflowError):
        return False, None


def _of_value(value: Any) -> ParameterType:
    match value:
        case bool():
            return ParameterType.BOOLEAN
        case int() | float():
            return ParameterType.NUMBER
        case str():
            return ParameterType.TEXT
        case list():
            return ParameterType.LIST
        case dict():
            return ParameterType.OBJECT
    return ParameterType.ANY


def _hinted(hint: ast.expr) -> dict[str, Any]:
    match hint:
        case ast.Constant(value=str(text)):
            try:
                return _hinted(ast.parse(text, mode="eval").body)
            except SyntaxError:
                return {"type": ParameterType.ANY}
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return {"type": _SIMPLE.get(_CONTAINERS.get(name, name), ParameterType.ANY)}
        case ast.BinOp(op=ast.BitOr(), left=left, right=ast.Constant(value=None)):
            return {**_hinted(left), "nullable": True}
        case ast.BinOp(op=ast.BitOr(), left=ast.Constant(value=None), right=right):
            return {**_hinted(right), "nullable": True}
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _subscripted(name, inner)
    return {"type": ParameterType.ANY}


def _subscripted(name: str, inner: ast.expr) -> dict[str, Any]:
    if name == "Optional":
        return {**_hinted(inner), "nullable": True}
    if name == "Literal":
        known, choices = _literal(ast.List([*inner.elts] if isinstance(inner, ast.Tuple) else [inner], ast.Load()))
        plain = known and 0 < len(choices) <= MAX_CHOICES and not any(isinstance(c, list | dict) for c in choices)
        return {"type": ParameterType.CHOICE, "choices": tuple(choices)} if plain else {"type": ParameterType.ANY}
    kind = _SIMPLE.get(_CONTAINERS.get(name, name), ParameterType.ANY)
    if kind is ParameterType.LIST and isinstance(inner, ast.Name):
        items = _SIMPLE.get(inner.id)
        return {"type": kind, "items": None if items in (ParameterType.LIST, ParameterType.OBJECT) else items}
    return {"type": kind}


def _comment(lines: list[str], statement: ast.stmt) -> str:
    """What follows the statement on its last line, after a ``#``."""
    line = lines[(statement.end_lineno or statement.lineno) - 1]
    rest = line.encode()[statement.end_col_offset or 0 :].decode(errors="replace")
    _, mark, text = rest.partition("#")
    return text.strip() if mark else ""
