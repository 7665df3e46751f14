"""The catalog as text, each entry under a comment that says where it came from."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from collegium.catalog.primehub.entries import Entry
from collegium.domain.errors import Conflict, InvalidInput

SECTIONS = ("users", "instance_types", "images", "datasets", "groups")


class _Dumper(yaml.SafeDumper):
    """Catalogs hold no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def catalog_text(header: Iterable[str], sections: Mapping[str, list[Entry]]) -> str:
    """The whole file."""
    lines = [*(f"# {_line(h)}" for h in header), "version: 1"]
    for section in SECTIONS:
        if entries := sections.get(section):
            lines += ["", f"{section}:"]
            for entry in entries:
                lines += [f"  # {_line(c)}" for c in entry.comments]
                fields = [line for field, value in entry.data.items() for line in _field(field, value)]
                lines += [f"  {'-' if i == 0 else ' '} {line}" if line else "" for i, line in enumerate(fields)]
    return "\n".join(lines) + "\n"


def write_file(path: Path, text: str, private: bool, force: bool) -> None:
    """Put the file in place whole or not at all. Raises Conflict if it is there already and ``force`` is off."""
    there = f"{path} is there already; --force replaces it"
    if path.exists() and not force:
        raise Conflict(there)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(draft, flags, 0o600 if private else 0o666), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if force:
                os.replace(draft, path)
            else:
                # Unlike a rename, this never replaces a file that came up meanwhile.
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError:
        raise Conflict(there) from None
    except OSError as error:
        raise InvalidInput("--output", f"cannot be written: {error.strerror}", str(path)) from None


def _field(name: str, value: Any) -> list[str]:
    """One field as lines: what is in it on one line, where it is a mapping or a list of plain values."""
    flow = None if isinstance(value, dict | list) else False
    text = yaml.dump(
        {name: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10**6, default_flow_style=flow
    )
    return str(text).rstrip("\n").split("\n")


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
