"""What is shown of a notebook: its cells, and of their outputs text and PNG pictures only. Nothing of it runs."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any, TypeGuard

from collegium.services.files.heads import NotShown
from collegium.services.files.models import CellKind, CellOut, CellOutputOut

#: Bytes of a notebook that is shown at all.
LARGEST = 16 << 20
#: Cells, outputs of a cell, characters of a source and of an output; bytes of one picture and of all.
CELLS, OUTPUTS, SOURCE, TEXT = 300, 20, 64 << 10, 16 << 10
PICTURE, PICTURES = 2 << 20, 8 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
# Colours and other wishes to a terminal.
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[@-Z\\-_])")


def cells_of(data: bytes) -> tuple[list[CellOut], bool]:
    """The cells, and whether something was left out. Raises NotShown."""
    try:
        notebook = json.loads(data)
    except (ValueError, RecursionError):
        raise NotShown("This is no notebook: its JSON cannot be read.") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise NotShown("This is no notebook of format 4: it has no cells.")
    reader = _Reader()
    found = [reader.cell(cell) for cell in cells[:CELLS] if isinstance(cell, dict)]
    return found, reader.cut or len(cells) > CELLS


class _Reader:
    """Keeps to the bounds, and remembers that something was left out."""

    def __init__(self) -> None:
        self.cut = False
        self._left = PICTURES

    def cell(self, cell: dict[str, Any]) -> CellOut:
        kind = cell.get("cell_type")
        known = CellKind(kind) if kind in ("code", "markdown", "raw") else CellKind.RAW
        outputs = cell.get("outputs") if known is CellKind.CODE else None
        shown = list(self._outputs(outputs)) if isinstance(outputs, list) else []
        return CellOut(type=known, source=self._text(cell.get("source"), SOURCE), outputs=shown)

    def _outputs(self, outputs: list[Any]) -> Iterator[CellOutputOut]:
        self.cut |= len(outputs) > OUTPUTS
        for output in outputs[:OUTPUTS]:
            if isinstance(output, dict) and (shown := self._output(output)) is not None:
                yield shown

    def _output(self, output: dict[str, Any]) -> CellOutputOut | None:
        match output.get("output_type"):
            case "stream":
                return self._as_text(output.get("text"))
            case "error":
                return self._as_text(output.get("traceback"), "\n")
            case "display_data" | "execute_result" if isinstance(output.get("data"), dict):
                picture = self._picture(output["data"].get("image/png"))
                if picture is not None:
                    return CellOutputOut(image=picture)
                return self._as_text(output["data"].get("text/plain"))
        return None

    def _as_text(self, value: object, between: str = "") -> CellOutputOut | None:
        text = _ESCAPES.sub("", self._text(value, TEXT, between))
        return CellOutputOut(text=text) if text else None

    def _picture(self, value: object) -> str | None:
        text = "".join(value) if _is_lines(value) else value
        if not isinstance(text, str):
            return None
        if len(text) > min(PICTURE, self._left) * 4 // 3 + 4096:
            self.cut = True
            return None
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            return None
        if not data.startswith(_PNG):
            return None
        self._left -= len(data)
        return "data:image/png;base64," + base64.b64encode(data).decode()

    def _text(self, value: object, limit: int, between: str = "") -> str:
        text = between.join(value) if _is_lines(value) else value
        if not isinstance(text, str):
            return ""
        self.cut |= len(text) > limit
        # Half of a pair is no text for anybody else.
        return text[:limit].encode("utf-8", "replace").decode()


def _is_lines(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)
