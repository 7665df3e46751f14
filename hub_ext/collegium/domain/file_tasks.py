"""Work on files that may take long, what lies in the trash, and how much each owner stores."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collegium.domain.files import EntryKind, Root, Size

#: A task without a sign of life for so long has lost its process.
DEAD_AFTER = timedelta(seconds=30)
NOTHING = Size()


class TaskKind(enum.StrEnum):
    """What is done with files."""

    MOVE = "move"
    COPY = "copy"
    DELETE = "delete"
    RESTORE = "restore"
    DATASET_COPY = "dataset-copy"
    SNAPSHOT = "snapshot"
    UNPACK = "unpack"


class TaskState(enum.StrEnum):
    """Running → Succeeded | Failed."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True)
class FileTask:
    """One piece of work. ``source`` and ``target`` are what people read; ``work`` is what is done, JSON-ready, and
    says enough to do it once more. ``holder`` is the process that does it, ``seen_at`` its latest sign of life."""

    id: str
    group: str
    kind: TaskKind
    user: str
    source: str
    target: str
    created_at: datetime
    work: Mapping[str, Any] = field(default_factory=dict)
    state: TaskState = TaskState.RUNNING
    done: Size = NOTHING
    total: Size | None = None
    message: str = ""
    holder: str = ""
    seen_at: datetime | None = None
    finished_at: datetime | None = None
    request_id: str = ""
    sequence: int = 0


class TrashState(enum.StrEnum):
    """moving → kept → restoring | purging. Of what is not kept nobody knows yet whether the store has it."""

    MOVING = "moving"
    KEPT = "kept"
    RESTORING = "restoring"
    PURGING = "purging"


@dataclass(frozen=True)
class TrashEntry:
    """Something in the trash. ``id`` is its ticket at the store, ``owner`` whose storage it takes, ``group`` in whose
    list it stands; ``area`` and ``path`` say where it was, ``shown`` how the group writes that."""

    id: str
    owner: str
    group: str
    area: str
    path: str
    shown: str
    kind: EntryKind
    deleted_by: str
    deleted_at: datetime
    size: Size = NOTHING
    state: TrashState = TrashState.MOVING
    sequence: int = 0

    @property
    def root(self) -> Root:
        """The tree that it was in."""
        return Root(self.owner, self.area)


@dataclass(frozen=True)
class Stored:
    """What an owner stores: measured at some moment, and what changed since by our own doing."""

    owner: str
    size: Size = NOTHING
    measured_at: datetime | None = None
