"""Datasets: their versions, who uses them, and whether their source is well."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collegium.domain.catalog import AccessMode
from collegium.domain.errors import InvalidInput
from collegium.domain.names import check_object_name

#: Tags of one dataset, characters of a licence, keys of a source.
MAX_TAGS, MAX_LICENCE, MAX_SOURCE = 20, 120, 100
#: Datasets of one group, and versions of one dataset; more are a mistake in a loop.
MAX_DATASETS, MAX_VERSIONS = 1000, 10_000
_REFERENCE = re.compile(r"([^@]+)(?:@([1-9][0-9]{0,8}|latest))?", re.ASCII)


class VersionState(enum.StrEnum):
    """Making → Ready | Failed; Deleting: its files are being removed, the row goes last."""

    MAKING = "Making"
    READY = "Ready"
    FAILED = "Failed"
    DELETING = "Deleting"


@dataclass(frozen=True)
class DatasetVersion:
    """An immutable snapshot. ``manifest`` is the SHA-256 of the list of its files; ``revision`` the commit of a git
    source, or empty; ``asked`` the branch, tag or commit that it was to be; ``owner`` whose tree it is in, as Root
    has it; ``tables`` are its first tables with columns and a sample, as ``services`` reads them."""

    dataset: str
    number: int
    state: VersionState
    created_by: str
    created_at: datetime
    note: str = ""
    message: str = ""
    manifest: str = ""
    revision: str = ""
    files: int = 0
    bytes: int = 0
    tables: tuple[dict[str, Any], ...] = ()
    ready_at: datetime | None = None
    asked: str = ""
    owner: str = ""

    @property
    def label(self) -> str:
        """As jobs name it: ``digits@3``. The room that is kept while it is made goes by this name too."""
        return f"{self.dataset}@{self.number}"


class Health(enum.StrEnum):
    """Whether a dataset's source is there: unknown until somebody looked."""

    UNKNOWN = "unknown"
    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True)
class SourceHealth:
    """What was found when somebody looked last; ``group`` is set where it differs from group to group (claims).
    ``files`` and ``bytes`` are of what is in it now, None where nobody counts."""

    dataset: str
    state: Health = Health.UNKNOWN
    message: str = ""
    checked_at: datetime | None = None
    group: str = ""
    files: int | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class DatasetUse:
    """Which workload used which version (None: what was in it at that time), and how."""

    dataset: str
    version: int | None
    kind: str
    workload_id: str
    group: str
    user: str
    access: AccessMode
    at: datetime
    ended_at: datetime | None = None
    label: str = ""


@dataclass(frozen=True)
class DatasetChoice:
    """What a launch asks for: a dataset by name, and a version, ``latest`` as 0; None is what is in it."""

    name: str
    version: int | None = None

    @classmethod
    def parse(cls, text: str, field: str = "datasets") -> DatasetChoice:
        """``digits``, ``digits@3`` or ``digits@latest``; raises InvalidInput."""
        match = _REFERENCE.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InvalidInput(field, "must be a dataset's name, name@number or name@latest", text)
        name, version = check_object_name(match[1], field), match[2]
        return cls(name, None if version is None else 0 if version == "latest" else int(version))

    def __str__(self) -> str:
        return self.name + ("" if self.version is None else f"@{self.version or 'latest'}")


@dataclass(frozen=True)
class Lineage:
    """Uses of one dataset, newest first, and how many there are."""

    uses: tuple[DatasetUse, ...] = field(default_factory=tuple)
    count: int = 0
