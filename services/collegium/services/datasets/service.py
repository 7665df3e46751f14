"""What groups can do with datasets. Knows people and the store of records; knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from collegium.db import Database, UnitOfWork
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.datasets import MAX_DATASETS, MAX_LICENCE
from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.groups import Actor, ManagedBy
from collegium.domain.names import check_label, check_object_name
from collegium.domain.policy import Operation
from collegium.domain.sources import check_group_kind, check_source
from collegium.domain.tags import check_tags
from collegium.services.by import By
from collegium.services.datasets.copies import Copies
from collegium.services.datasets.find import granted, owned, record, refuse_file, refuse_used, require
from collegium.services.datasets.models import (
    CopyIn,
    DatasetDetail,
    DatasetIn,
    DatasetPage,
    DatasetPatch,
    UsePage,
)
from collegium.services.datasets.platform_models import PlatformDatasetPatch
from collegium.services.datasets.reach import Reach
from collegium.services.datasets.secrets import check_secret
from collegium.services.datasets.views import Facts, Shown, dataset_out, detail_out, use_out
from collegium.services.files.models import FileTaskOut
from collegium.services.paging import name_cursor, number_cursor, read_name_cursor, read_number_cursor, split_page


class DatasetService:
    """Make, list, show, change, delete, and copy into. ``wake`` tells the controller of this process; ``mounted`` says
    where a dataset is found. Expects that the policy was asked already, as far as it does not depend on whose it is."""

    def __init__(
        self,
        database: Database,
        wake: Callable[[], object],
        clock: Callable[[], datetime],
        reach: Reach,
        copies: Copies,
        mounted: Shown,
    ) -> None:
        self._database, self._wake, self._clock = database, wake, clock
        self._reach, self._copies, self._mounted = reach, copies, mounted

    async def page(
        self, group: str, search: str | None, tag: str | None, limit: int, cursor: str | None
    ) -> DatasetPage:
        """Those that the group may use, by name. Raises InvalidInput for a cursor that is not ours."""
        after = read_name_cursor("d", cursor) if cursor else ""

        def look(uow: UnitOfWork) -> DatasetPage:
            access = uow.datasets.access(group)
            found = uow.datasets.page(access, search or "", tag or "", limit + 1, after)
            found, cursor = split_page(found, limit, lambda d: name_cursor("d", d.name))
            facts = Facts.of(uow, [d.name for d in found])
            items = [dataset_out(d, group, _mode(d, group, access[d.name]), facts, self._mounted) for d in found]
            return DatasetPage(items=items, next_cursor=cursor)

        return await self._database.reading(look)

    async def get(self, actor: Actor, group: str, name: str) -> DatasetDetail:
        """One of them. Raises NotFound."""
        return await self._database.reading(lambda uow: self._detail(uow, group, *granted(uow, group, name)))

    async def create(self, by: By, group: str, body: DatasetIn) -> DatasetDetail:
        """A new one, which is the group's own. Raises InvalidInput; Conflict for a name that is taken."""
        moment = self._clock()
        dataset = Dataset(
            name=check_object_name(body.name),
            display_name=check_label(body.display_name or body.name, "display_name"),
            kind=check_group_kind(body.kind),
            source=check_source(body.kind, body.source),
            description=body.description,
            managed_by=ManagedBy.API,
            tags=check_tags(body.tags),
            licence=check_licence(body.licence),
            owner=group,
            created_by=by.actor.user,
            created_at=moment,
            updated_at=moment,
        )
        if body.copy_from and body.kind is not SourceKind.MANAGED:
            raise InvalidInput("copy_from", "is for datasets of kind managed", len(body.copy_from))
        await self._reach.check(dataset)
        if body.copy_from:
            await self._copies.check(group, body.copy_from)

        def write(uow: UnitOfWork) -> DatasetDetail:
            uow.groups.lock(group)
            check_secret(uow, dataset)
            if uow.datasets.count(group) >= MAX_DATASETS:
                raise Conflict(f"Group {group} has {MAX_DATASETS} datasets; delete some first.", limit=MAX_DATASETS)
            refuse_taken(uow, dataset.name)
            uow.datasets.insert(dataset)
            uow.datasets.grant(group, dataset.name, AccessMode.READ_WRITE)
            told = ("Made", f"Dataset {dataset.name} was made.")
            record(uow, by, dataset, "dataset.create", moment, told, details={"kind": dataset.kind.value})
            return self._detail(uow, group, dataset, AccessMode.READ_WRITE)

        made = await self._database.writing(write)
        self._wake()
        if body.copy_from:
            task = await self._copies.begin(by, group, dataset.name, body.copy_from, "")
            made = made.model_copy(update={"copying": task.id})
        return made

    async def edit(self, by: By, group: str, name: str, body: DatasetPatch) -> DatasetDetail:
        """Change what is told of it. Raises InvalidInput, NotFound, Forbidden, Conflict."""
        changes = read_changes(body)

        def write(uow: UnitOfWork) -> DatasetDetail:
            before = owned(uow, group, name)
            require(by.actor, Operation.DATASET_EDIT, group, before.created_by)
            refuse_file(before)
            after = replace(before, **changes, updated_at=self._clock())
            uow.datasets.change(after)
            self._changed(uow, by, after, sorted(changes))
            return self._detail(uow, group, after, AccessMode.READ_WRITE)

        return await self._database.writing(write)

    def _changed(self, uow: UnitOfWork, by: By, dataset: Dataset, fields: list[str]) -> None:
        text = f"{by.actor.user} changed {', '.join(fields) or 'nothing'} of dataset {dataset.name}."
        record(uow, by, dataset, "dataset.edit", self._clock(), ("Changed", text), details={"fields": fields})

    async def delete(self, by: By, group: str, name: str) -> DatasetDetail:
        """Remove it: at once for everybody to see, its files soon. Raises NotFound, Forbidden; Conflict while it is
        in use."""

        def write(uow: UnitOfWork) -> DatasetDetail:
            dataset = owned(uow, group, name)
            require(by.actor, Operation.DATASET_DELETE, group, dataset.created_by)
            shown = self._detail(uow, group, dataset, AccessMode.READ_WRITE)
            begin_delete(uow, by, dataset, self._clock())
            return shown

        found = await self._database.writing(write)
        self._wake()
        return found

    async def uses(
        self, group: str, name: str, version: int | None, kind: str | None, limit: int, cursor: str | None
    ) -> UsePage:
        """Who used it, newest first; those of other groups are for its owner. Raises NotFound, InvalidInput."""
        before = read_number_cursor("u", cursor) if cursor else None

        def look(uow: UnitOfWork) -> UsePage:
            dataset, _ = granted(uow, group, name)
            only = "" if dataset.owner == group else group
            found = uow.dataset_uses.page(name, version, kind or "", only, limit + 1, before)
            found, cursor = split_page(found, limit, lambda u: number_cursor("u", u[0]))
            return UsePage(items=[use_out(u) for _, u in found], next_cursor=cursor)

        return await self._database.reading(look)

    async def copy(self, by: By, group: str, name: str, body: CopyIn) -> FileTaskOut:
        """Copy shared files into it. Raises NotFound, Forbidden, InvalidInput, Conflict."""
        dataset, _ = await self._database.reading(lambda uow: granted(uow, group, name))
        if dataset.kind is not SourceKind.MANAGED:
            raise Conflict(f"Files are copied into datasets of kind managed; {name} is of kind {dataset.kind.value}.")
        return await self._copies.begin(by, group, name, body.paths, body.target)

    def _detail(self, uow: UnitOfWork, group: str, dataset: Dataset, access: AccessMode) -> DatasetDetail:
        summary = dataset_out(dataset, group, access, Facts.of(uow, [dataset.name]), self._mounted)
        mine = dataset.owner == group
        return detail_out(summary, dataset, uow.datasets.grants([dataset.name])[dataset.name], mine)


def refuse_taken(uow: UnitOfWork, name: str) -> None:
    """Raise Conflict, which does not say whose it is."""
    if uow.datasets.taken(name):
        raise Conflict(f"The name {shorten(name)} is taken.", field="name", value=name)


def check_licence(text: str) -> str:
    """An SPDX id or a text on one line, or nothing."""
    return check_label(text, "licence", MAX_LICENCE) if text.strip() else ""


def read_changes(body: DatasetPatch | PlatformDatasetPatch) -> dict[str, Any]:
    """What was given, checked."""
    changes: dict[str, Any] = {}
    if body.display_name is not None:
        changes["display_name"] = check_label(body.display_name, "display_name")
    if body.description is not None:
        changes["description"] = body.description
    if body.tags is not None:
        changes["tags"] = check_tags(body.tags)
    if body.licence is not None:
        changes["licence"] = check_licence(body.licence)
    return changes


def begin_delete(uow: UnitOfWork, by: By, dataset: Dataset, moment: datetime) -> None:
    """Nobody sees it from now on; a round of the controller removes its files. Raises Conflict."""
    refuse_file(dataset)
    refuse_used(f"Dataset {dataset.name}", uow.dataset_uses.live(dataset.name))
    uow.datasets.begin_delete(dataset.name, moment)
    record(uow, by, dataset, "dataset.delete", moment, ("Deleted", f"Dataset {dataset.name} was deleted."))
    uow.announce()


def known(uow: UnitOfWork, name: str, *, lock: bool = False) -> Dataset:
    """Any dataset, for those who run the platform. Raises NotFound."""
    dataset = uow.datasets.get(name, lock=lock)
    if dataset is None:
        raise NotFound(f"There is no dataset {shorten(name)}.")
    return dataset


def _mode(dataset: Dataset, group: str, access: AccessMode) -> AccessMode:
    return AccessMode.READ_WRITE if dataset.owner == group else access
