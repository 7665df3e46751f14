"""Words of a command line as values: NAME=VALUE, times, and single fields of a job."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

_TIME = re.compile(r"(\d+)([smhd]?)", re.ASCII)
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def pairs(option: str, given: Sequence[str], typed: bool = False) -> dict[str, Any]:
    """``NAME=VALUE`` each; with ``typed`` VALUE is read as YAML: 3, 0.5, true, [1, 2], else text."""
    found: dict[str, Any] = {}
    for item in given:
        name, sign, text = item.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{item!r} is not NAME=VALUE", param_hint=option)
        if name in found:
            raise click.BadParameter(f"{name} is given twice", param_hint=option)
        found[name] = value(f"{option} {name}", text) if typed else text
    return found


def value(hint: str, text: str) -> Any:
    """Text as YAML has it; what YAML would make a date stays text."""
    try:
        found = yaml.load(text, Loader=TextDates)
    except yaml.YAMLError as error:
        raise click.BadParameter(f"{text!r} cannot be read: {_first_line(error)}", param_hint=hint) from None
    return text if found is None and text.strip() not in ("null", "~") else found


def seconds(text: str, option: str) -> int:
    """``90``, ``30m``, ``2h``, ``1d``."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise click.BadParameter(f"{text!r} is no time such as 90, 30m, 2h or 1d", param_hint=option)
    return int(found[1]) * _UNITS[found[2]]


def put(target: dict[str, Any], dotted: str, found: Any, option: str) -> None:
    """Set ``notebook.kernel`` and the like."""
    *folders, name = dotted.split(".")
    for folder in folders:
        target = target.setdefault(folder, {})
        if not isinstance(target, dict):
            raise click.BadParameter(f"{dotted}: {folder} has no fields", param_hint=option)
    if not name:
        raise click.BadParameter(f"{dotted!r} names no field", param_hint=option)
    target[name] = found


def documents(path: Path) -> list[Any]:
    """All documents of a YAML (or JSON) file; ``-`` is standard input. Says line and column of a mistake."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        return [d for d in yaml.load_all(text, Loader=TextDates) if d is not None]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise click.ClickException(f"{path} cannot be read: {why}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise click.ClickException(f"{path}{where}: {_first_line(error)}") from None


class TextDates(yaml.SafeLoader):
    """Plain data, as JSON has it: dates stay text, a key that comes twice is a mistake, keys are text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse what YAML would drop in silence."""
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(getattr(key, "value", key))
            if name in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(None, None, f"{name} is given twice", key.start_mark)
            seen.add(name)
        return {str(k): v for k, v in super().construct_mapping(node, deep).items()}


TextDates.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
# 1e-4 is a number to everybody but YAML 1.1.
TextDates.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$", re.ASCII),
    list("-+.0123456789"),
)


def _first_line(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or error).splitlines()[0]
