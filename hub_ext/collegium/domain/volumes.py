"""Volumes as a backend knows them: where files of groups, homes and datasets are, and how much room there is."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class VolumeKind(enum.StrEnum):
    """FILES: shared files and what else the file store holds; HOME: of a person in a group; DATASET: of a claim."""

    FILES = "files"
    HOME = "home"
    DATASET = "dataset"


@dataclass(frozen=True)
class Volume:
    """One volume. ``name`` is its only name in its group; ``capacity`` and ``used`` in bytes, None where nobody knows;
    ``state`` is the backend's own word, ``message`` what keeps it from being well."""

    kind: VolumeKind
    name: str
    group: str = ""
    user: str = ""
    capacity: int | None = None
    used: int | None = None
    state: str = ""
    message: str = ""
    resizable: bool = False
    #: Bytes that somebody asked for and the backend has neither taken nor refused; and why it refused the last time.
    wanted: int | None = None
    refused: str = ""

    @property
    def order(self) -> tuple[str, str, str]:
        """Lists are sorted so."""
        return self.group, self.kind.value, self.name
