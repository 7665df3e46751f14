"""Volumes for those who run the platform. What is known of them the controller writes down; what is asked, it does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.names import check_group_name
from collegium.domain.resources import MEMORY, STORAGE, describe_amount, parse_quantity
from collegium.domain.volumes import Volume, VolumeKind
from collegium.services.by import By
from collegium.services.paging import number_cursor, read_number_cursor
from collegium.services.volumes.models import ResizeIn, VolumeOut, VolumePage

#: The name of what a group stores in the file store, which is no volume of its own.
SHARED_FILES = "shared-files"


class VolumeService:
    """List and resize. ``wake`` tells the controller of this process, if there is one."""

    def __init__(self, database: Database, wake: Callable[[], object], clock: Callable[[], datetime]) -> None:
        self._database, self._wake, self._clock = database, wake, clock

    async def page(self, limit: int, cursor: str | None) -> VolumePage:
        """By group, kind and name. Raises InvalidInput for a cursor that is not ours."""
        start = read_number_cursor("w", cursor) if cursor else 0

        def look(uow: UnitOfWork) -> list[Volume]:
            return sorted([*uow.volumes.all(), *_shared(uow)], key=lambda v: v.order)

        found = await self._database.reading(look)
        following = number_cursor("w", start + limit) if start + limit < len(found) else None
        return VolumePage(items=[_out(v) for v in found[start : start + limit]], next_cursor=following)

    async def resize(self, by: By, body: ResizeIn) -> VolumeOut:
        """Ask for a volume to become larger. Raises NotFound, InvalidInput; Conflict where that is not possible."""
        group = check_group_name(body.group) if body.group is not None else ""
        size = parse_quantity(body.size, MEMORY, "size")

        def write(uow: UnitOfWork) -> VolumeOut:
            volume = uow.volumes.get(group, body.name, lock=True)
            if volume is None:
                raise _none(uow, group, body.name)
            if not volume.resizable:
                why = volume.message or "it has as much room as the disk or server that it is on"
                raise Conflict(f"The volume {body.name} cannot be resized: {why}.", state=volume.state)
            if volume.capacity is not None and size <= volume.capacity:
                present = describe_amount(volume.capacity, MEMORY)
                raise InvalidInput("size", f"must be more than the {present} that it has", str(body.size), present)
            uow.volumes.ask(group, body.name, size)
            details = {"kind": volume.kind.value, "from": volume.capacity, "to": size}
            entry = AuditEntry(
                self._clock(),
                by.actor.user,
                "volume.resize",
                body.name,
                group,
                details=details,
                request_id=by.request_id,
            )
            uow.audit.append(entry)
            uow.announce()
            asked = uow.volumes.get(group, body.name)
            assert asked is not None
            return _out(asked)

        found = await self._database.writing(write)
        self._wake()
        return found


def _shared(uow: UnitOfWork) -> list[Volume]:
    """What each group stores; its limit is a quota, which is set elsewhere."""
    found = []
    for group in uow.groups.all():
        stored = uow.stored.get(group.name)
        capacity = group.limits.get(STORAGE)
        found.append(
            Volume(VolumeKind.FILES, SHARED_FILES, group.name, capacity=capacity, used=stored.size.bytes, state="Ready")
        )
    return found


def _none(uow: UnitOfWork, group: str, name: str) -> Conflict | NotFound:
    if group and name == SHARED_FILES and uow.groups.get(group) is not None:
        return Conflict(f"The shared files of group {group} have its storage quota; change that instead.")
    return NotFound(f"There is no volume {shorten(name)}.")


def _out(volume: Volume) -> VolumeOut:
    message = volume.message
    if volume.wanted is not None:
        message = f"It is to have {describe_amount(volume.wanted, MEMORY)}." + (f" {message}" if message else "")
    elif volume.refused:
        message = f"It was not resized: {volume.refused}"
    return VolumeOut(
        group=volume.group or None,
        kind=volume.kind,
        name=volume.name,
        user=volume.user or None,
        capacity=volume.capacity,
        used=volume.used,
        state=volume.state,
        message=message,
        resizable=volume.resizable,
    )
