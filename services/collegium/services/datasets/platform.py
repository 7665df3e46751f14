"""Datasets of the whole platform, for those who run it: of any kind, and of any owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.db.catalog import EVERY_GROUP
from collegium.domain.catalog import AccessMode, Dataset
from collegium.domain.errors import Conflict, InvalidInput
from collegium.domain.groups import ManagedBy
from collegium.domain.names import check_group_name, check_label, check_object_name
from collegium.domain.sources import ONLY_READ, check_source
from collegium.domain.tags import check_tags
from collegium.services.by import By
from collegium.services.datasets.find import record, refuse_file, refuse_used
from collegium.services.datasets.platform_models import (
    PlatformDataset,
    PlatformDatasetIn,
    PlatformDatasetPage,
    PlatformDatasetPatch,
)
from collegium.services.datasets.secrets import check_secret
from collegium.services.datasets.service import begin_delete, check_licence, known, read_changes, refuse_taken
from collegium.services.datasets.views import Facts, platform_out
from collegium.services.paging import name_cursor, read_name_cursor, split_page


class PlatformDatasetService:
    """Survey and define. Expects that the policy was asked already."""

    def __init__(self, database: Database, wake: Callable[[], object], clock: Callable[[], datetime]) -> None:
        self._database, self._wake, self._clock = database, wake, clock

    async def page(self, search: str | None, tag: str | None, limit: int, cursor: str | None) -> PlatformDatasetPage:
        """All, also those being deleted, by name. Raises InvalidInput for a cursor that is not ours."""
        after = read_name_cursor("p", cursor) if cursor else ""

        def look(uow: UnitOfWork) -> PlatformDatasetPage:
            found = uow.datasets.page(None, search or "", tag or "", limit + 1, after, deleting=True)
            found, cursor = split_page(found, limit, lambda d: name_cursor("p", d.name))
            return PlatformDatasetPage(items=_out(uow, found), next_cursor=cursor)

        return await self._database.reading(look)

    async def get(self, name: str) -> PlatformDataset:
        """One. Raises NotFound."""

        def look(uow: UnitOfWork) -> PlatformDataset:
            dataset = uow.datasets.get(name, deleting=True) or known(uow, name)
            return _out(uow, [dataset])[0]

        return await self._database.reading(look)

    async def create(self, by: By, body: PlatformDatasetIn) -> PlatformDataset:
        """A new one of the platform's own. Raises InvalidInput; Conflict for a taken name."""
        moment = self._clock()
        dataset = Dataset(
            name=check_object_name(body.name),
            display_name=check_label(body.display_name or body.name, "display_name"),
            kind=body.kind,
            source=check_source(body.kind, body.source),
            description=body.description,
            managed_by=ManagedBy.API,
            tags=check_tags(body.tags),
            licence=check_licence(body.licence),
            created_by=by.actor.user,
            created_at=moment,
            updated_at=moment,
        )
        grants = _read_grants(body)

        def write(uow: UnitOfWork) -> PlatformDataset:
            check_secret(uow, dataset)
            refuse_taken(uow, dataset.name)
            uow.datasets.insert(dataset)
            for group, access in grants.items():
                if group != EVERY_GROUP and uow.groups.get(group) is None:
                    raise InvalidInput("grants", "name a group that is not there", group)
                uow.datasets.grant(group, dataset.name, access)
            details = {"kind": dataset.kind.value, "grants": {g: a.value for g, a in grants.items()}}
            told = ("Made", f"Dataset {dataset.name} was made.")
            record(uow, by, dataset, "dataset.define", moment, told, details=details)
            return _out(uow, [dataset])[0]

        made = await self._database.writing(write)
        self._wake()
        return made

    async def edit(self, by: By, name: str, body: PlatformDatasetPatch) -> PlatformDataset:
        """Change one, whosever it is; a source only of the platform's own, and while nothing has it. Raises NotFound,
        InvalidInput, Conflict."""
        changes = read_changes(body)

        def write(uow: UnitOfWork) -> PlatformDataset:
            before = known(uow, name, lock=True)
            refuse_file(before)
            if body.source is not None:
                source = check_source(before.kind, _kept(before, body.source))
                if before.owner and source != dict(before.source):
                    raise Conflict(f"Dataset {name} belongs to group {before.owner}, whose source it is.")
                if source != dict(before.source):
                    refuse_used(f"The source of dataset {name}", uow.dataset_uses.live(name))
                changes["source"] = source
            after = replace(before, **changes, updated_at=self._clock())
            check_secret(uow, after)
            uow.datasets.change(after)
            fields = sorted(changes)
            text = f"{by.actor.user} changed {', '.join(fields) or 'nothing'} of dataset {name}."
            record(uow, by, after, "dataset.edit", self._clock(), ("Changed", text), details={"fields": fields})
            return _out(uow, [after])[0]

        changed = await self._database.writing(write)
        self._wake()
        return changed

    async def delete(self, by: By, name: str) -> PlatformDataset:
        """Remove one, whosever it is. Raises NotFound; Conflict while it is in use."""

        def write(uow: UnitOfWork) -> PlatformDataset:
            dataset = known(uow, name, lock=True)
            shown = _out(uow, [dataset])[0]
            begin_delete(uow, by, dataset, self._clock())
            return shown

        found = await self._database.writing(write)
        self._wake()
        return found


def _out(uow: UnitOfWork, found: list[Dataset]) -> list[PlatformDataset]:
    names = [d.name for d in found]
    facts, grants, used = Facts.of(uow, names), uow.datasets.grants(names), uow.dataset_uses.count_live(names)
    going = {d.name for d in uow.datasets.deleting()}
    return [platform_out(d, grants[d.name], facts, used.get(d.name, 0), d.name in going) for d in found]


def _read_grants(body: PlatformDatasetIn) -> dict[str, AccessMode]:
    found: dict[str, AccessMode] = {} if body.everyone is None else {EVERY_GROUP: body.everyone}
    for index, grant in enumerate(body.grants):
        check_group_name(grant.group, f"grants.{index}.group")
        if grant.group in found:
            raise InvalidInput(f"grants.{index}.group", "is named more than once", grant.group)
        found[grant.group] = grant.access
    for group, access in found.items():
        if access is AccessMode.READ_WRITE and body.kind in ONLY_READ:
            field = "everyone" if group == EVERY_GROUP else "grants"
            raise InvalidInput(field, f"must be ro: a dataset of kind {body.kind.value} is only read", "rw")
    return found


def _kept(before: Dataset, source: dict[str, str]) -> dict[str, str]:
    """A source as it was shown, with the values that were not."""
    return {k: before.source[k] if v == "…" and k in before.source else v for k, v in source.items()}
