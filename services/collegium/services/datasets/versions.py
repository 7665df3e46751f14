"""Versions of datasets: asked for, looked at, paged through, removed. A controller's rounds make and unmake them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.domain.catalog import Dataset, SourceKind
from collegium.domain.datasets import MAX_VERSIONS, DatasetVersion, VersionState
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, shorten
from collegium.domain.files import PLATFORM
from collegium.domain.groups import Actor
from collegium.domain.policy import Operation
from collegium.domain.sources import WITH_VERSIONS, check_revision
from collegium.services.by import By
from collegium.services.datasets.find import granted, owned, record, refuse_used, require
from collegium.services.datasets.manifest import Manifests
from collegium.services.datasets.models import ManifestPage, VersionDetail, VersionIn, VersionOut, VersionPage
from collegium.services.datasets.views import version_detail, version_out
from collegium.services.paging import number_cursor, read_number_cursor, split_page

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


class VersionService:
    """Expects that the policy was asked already. ``wake`` tells the controller of this process, if there is one."""

    def __init__(
        self,
        database: Database,
        wake: Callable[[], object],
        clock: Callable[[], datetime],
        manifests: Manifests,
    ) -> None:
        self._database, self._wake, self._clock, self._manifests = database, wake, clock, manifests

    async def page(self, group: str, name: str, limit: int, cursor: str | None) -> VersionPage:
        """Newest first. Raises NotFound; InvalidInput for a cursor that is not ours."""
        before = read_number_cursor("v", cursor) if cursor else None

        def look(uow: UnitOfWork) -> VersionPage:
            granted(uow, group, name)
            found = uow.dataset_versions.page(name, limit + 1, before)
            found, cursor = split_page(found, limit, lambda v: number_cursor("v", v.number))
            return VersionPage(items=[version_out(v) for v in found], next_cursor=cursor)

        return await self._database.reading(look)

    async def get(self, group: str, name: str, number: str) -> VersionDetail:
        """One with its first tables. Raises NotFound."""
        return version_detail(await self._database.reading(lambda uow: _version(uow, group, name, number)))

    async def create(self, by: By, group: str, name: str, body: VersionIn) -> VersionOut:
        """Write down that there is to be one. Raises NotFound, InvalidInput; Forbidden where the group may only read;
        Conflict for a kind without versions."""

        def write(uow: UnitOfWork) -> VersionOut:
            dataset, access = granted(uow, group, name, lock=True)
            _check_may(by.actor, dataset, group, access.value)
            version = new_version(uow, dataset, by.actor.user, self._clock(), body.note, body.revision)
            text = f"Version {version.number} of dataset {name} is being made."
            details = {"version": version.number}
            told = ("Making", text)
            record(uow, by, dataset, "dataset.version", version.created_at, told, group=group, details=details)
            uow.announce()
            return version_out(version)

        made = await self._database.writing(write)
        self._wake()
        return made

    async def delete(self, by: By, group: str, name: str, number: str) -> VersionOut:
        """Remove one; its number is not given out again. Raises NotFound, Forbidden; Conflict while it is in use."""

        def write(uow: UnitOfWork) -> VersionOut:
            dataset = owned(uow, group, name)
            before = _version(uow, group, name, number, lock=True)
            require(by.actor, Operation.DATASET_DELETE, group, before.created_by)
            uses, version = uow.dataset_uses, before.number
            held = [*uses.live(name, version=version), *uses.waiting(name, version)]
            refuse_used(f"Version {number} of dataset {name}", held)
            after = replace(before, state=VersionState.DELETING, message="")
            if before.state is not VersionState.DELETING:
                if not uow.dataset_versions.change(before, after):
                    raise Conflict(f"Version {number} of dataset {name} changed meanwhile; look at it again.")
                told = ("Deleted", f"Version {number} of dataset {name} was deleted.")
                record(uow, by, dataset, "dataset.version.delete", self._clock(), told, details={"version": number})
                uow.announce()
            return version_out(after)

        found = await self._database.writing(write)
        self._wake()
        return found

    async def manifest(self, group: str, name: str, number: str, limit: int, cursor: str | None) -> ManifestPage:
        """Its files by path. Raises NotFound; Conflict while it is not ready; InvalidInput for a cursor."""
        offset = read_number_cursor("m", cursor) if cursor else 0
        version = await self._database.reading(lambda uow: _version(uow, group, name, number))
        if version.state is not VersionState.READY:
            raise Conflict(f"Version {number} of dataset {name} is {version.state.value}, not Ready.")
        found, following = await self._manifests.page(version, offset, limit)
        return ManifestPage(items=found, next_cursor=number_cursor("m", following) if following else None)


def new_version(
    uow: UnitOfWork, dataset: Dataset, user: str, moment: datetime, note: str = "", revision: str | None = None
) -> DatasetVersion:
    """Write down one that is to be made. The caller holds the dataset's row. Raises Conflict, InvalidInput."""
    if dataset.kind not in WITH_VERSIONS:
        raise Conflict(
            f"Dataset {dataset.name} is of kind {dataset.kind.value}: its files are elsewhere, and it has no versions."
        )
    if revision is not None and dataset.kind is not SourceKind.GIT:
        raise InvalidInput("revision", "is for datasets of kind git", revision)
    if uow.dataset_versions.count(dataset.name) >= MAX_VERSIONS:
        raise Conflict(f"Dataset {dataset.name} has {MAX_VERSIONS} versions; delete some first.", limit=MAX_VERSIONS)
    asked = check_revision(revision) if revision else dataset.source.get("revision", "")
    version = DatasetVersion(
        dataset.name,
        uow.dataset_versions.next_number(dataset.name),
        VersionState.MAKING,
        user,
        moment,
        note=note.strip(),
        asked=asked if dataset.kind is SourceKind.GIT else "",
        owner=dataset.owner or PLATFORM,
    )
    uow.dataset_versions.insert(version)
    return version


def _version(uow: UnitOfWork, group: str, name: str, number: str, *, lock: bool = False) -> DatasetVersion:
    granted(uow, group, name)
    found = uow.dataset_versions.get(name, int(number), lock=lock) if _NUMBER.fullmatch(number) else None
    if found is None:
        raise NotFound(f"Dataset {name} has no version {shorten(number, 20)}.")
    return found


def _check_may(actor: Actor, dataset: Dataset, group: str, access: str) -> None:
    """Of another's dataset only who may write it makes versions, and of the platform's also who runs it."""
    if dataset.owner == group or access == "rw" or (not dataset.owner and actor.platform_admin):
        return
    whose = f"group {dataset.owner}" if dataset.owner else "the platform"
    raise Forbidden(f"Dataset {dataset.name} belongs to {whose}; group {group} may only read it.")
