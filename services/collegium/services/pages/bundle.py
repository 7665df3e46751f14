"""The portal's files: built from ``labextension`` at the set-up of a checkout, and part of the image and the wheel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from collegium.domain.errors import Unavailable

FOLDER = Path(__file__).parent / "static/portal-bundle"
#: Written last, so that what it names is there.
MANIFEST = "manifest.json"
BUILD = "cd labextension && jlpm install --immutable && jlpm build:portal"
_TYPES = {".js": "text/javascript; charset=UTF-8", ".css": "text/css; charset=UTF-8"}


@dataclass(frozen=True)
class Bundle:
    """Names hold a hash of the content, so that each may be kept for ever."""

    script: str
    style: str
    files: Mapping[str, bytes]

    def file(self, name: str) -> tuple[str, bytes] | None:
        """Media type and content of one file, or None if there is no such one."""
        content = self.files.get(name)
        return None if content is None else (_TYPES[Path(name).suffix], content)


class BundleSource:
    """Reads the bundle once it is there; until then every look is a new one, so that a build needs no restart."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._bundle: Bundle | None = None

    def get(self) -> Bundle:
        """The bundle. Raises Unavailable, with the command that builds it."""
        if self._bundle is None:
            try:
                self._bundle = _read(self._folder)
            except (OSError, ValueError, KeyError):
                raise Unavailable(
                    f"The portal is not built in this checkout. Whoever runs this hub builds it with: {BUILD}",
                    command=BUILD,
                ) from None
        return self._bundle


def _read(folder: Path) -> Bundle:
    manifest = json.loads((folder / MANIFEST).read_text())
    script, style = str(manifest["script"]), str(manifest["style"])
    # Only what the build named is served: no path from a request ever reaches the disk.
    return Bundle(script, style, {name: (folder / Path(name).name).read_bytes() for name in (script, style)})
