"""What is told of files: wire models of entries, tasks and trash."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from collegium.domain.file_tasks import FileTask, TrashEntry
from collegium.domain.files import DATASETS, Entry, EntryKind, Size, joined, name_of
from collegium.domain.mounts import DATASETS_AT, DATASETS_VARIABLE, MountAbilities, project_mount
from collegium.services.files.models import EntryOut, FileCount, FileTaskOut, TrashOut
from collegium.services.files.places import Place
from collegium.services.files.types import media_type

FOLDER_TYPE = "inode/directory"


def entry_out(entry: Entry, place: Place) -> EntryOut:
    """An entry of the tree that a place is in."""
    shown = place.show(entry.path)
    return EntryOut(
        name=name_of(shown),
        path=shown,
        kind=entry.kind,
        size=entry.size,
        modified_at=entry.modified_at,
        etag=entry.etag,
        media_type=type_of(entry),
    )


def type_of(entry: Entry) -> str:
    """The media type, by the name."""
    return media_type(entry.name) if entry.kind is EntryKind.FILE else FOLDER_TYPE


def mounted_at(place: Place, abilities: MountAbilities) -> str:
    """Where servers and jobs of the group find it; empty where they cannot."""
    if abilities.store:
        return ""
    if not place.base:
        return joined(abilities.shown(project_mount(place.group, abilities)), place.path).rstrip("/")
    # Whatever version of it: that is chosen where something is started.
    name = place.base.removeprefix(DATASETS).strip("/").partition("@")[0]
    folder = DATASETS_AT if abilities.rooted else f"${DATASETS_VARIABLE}"
    return joined(joined(folder, name), place.path).rstrip("/")


def uri(group: str, shown: str) -> str:
    """The address for fsspec."""
    return f"collegium://{group}/{quote(shown)}"


def task_out(task: FileTask) -> FileTaskOut:
    """How far a task is."""
    return FileTaskOut(
        id=task.id,
        kind=task.kind,
        state=task.state,
        user=task.user,
        source=task.source,
        target=task.target,
        done=_count(task.done),
        total=_count(task.total) if task.total is not None else None,
        message=task.message,
        created_at=task.created_at,
        finished_at=task.finished_at,
    )


def trash_out(entry: TrashEntry, days: int) -> TrashOut:
    """Something that can be restored."""
    return TrashOut(
        id=entry.id,
        path=entry.shown,
        name=name_of(entry.shown),
        kind=entry.kind,
        size=entry.size.bytes,
        files=entry.size.files,
        deleted_by=entry.deleted_by,
        deleted_at=entry.deleted_at,
        expires_at=entry.deleted_at + timedelta(days=days),
    )


def _count(size: Size) -> FileCount:
    return FileCount(files=size.files, bytes=size.bytes)
