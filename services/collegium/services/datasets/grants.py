"""Who may use a dataset: grants made through the API, beside those of the catalog file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from collegium.db import Database, UnitOfWork
from collegium.db.catalog import EVERY_GROUP
from collegium.domain.catalog import AccessMode, Dataset
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, shorten
from collegium.domain.groups import ManagedBy
from collegium.domain.names import check_group_name
from collegium.domain.sources import ONLY_READ
from collegium.services.by import By
from collegium.services.datasets.find import owned, record
from collegium.services.datasets.models import GrantOut, RevokedOut
from collegium.services.datasets.service import known
from collegium.services.datasets.views import use_out

#: Holders that an answer lists.
LISTED = 200


class GrantService:
    """Grant and revoke: for the group that owns a dataset, or (``group`` None) for those who run the platform."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    async def put(self, by: By, group: str | None, name: str, grantee: str, access: AccessMode) -> GrantOut:
        """Grant, or change a grant. Raises NotFound, Forbidden, InvalidInput, Conflict."""

        def write(uow: UnitOfWork) -> GrantOut:
            dataset = self._dataset(uow, group, name, grantee)
            if grantee != EVERY_GROUP and uow.groups.get(grantee) is None:
                raise NotFound(f"There is no group {grantee}.")
            if access is AccessMode.READ_WRITE and dataset.kind in ONLY_READ:
                raise InvalidInput("access", f"must be ro: a dataset of kind {dataset.kind.value} is only read", "rw")
            uow.datasets.grant(grantee, name, access)
            details = {"grantee": grantee, "access": access.value}
            whom = "every group" if grantee == EVERY_GROUP else f"group {grantee}"
            text = f"Dataset {name} was granted to {whom} ({access.value})."
            self._tell(uow, by, dataset, "grant", ("Granted", text), grantee, details)
            return GrantOut(group=grantee, access=access)

        return await self._database.writing(write)

    async def delete(self, by: By, group: str | None, name: str, grantee: str) -> RevokedOut:
        """Revoke; workloads that have it keep it until they end, and are told of. Raises as ``put``."""

        def write(uow: UnitOfWork) -> RevokedOut:
            dataset = self._dataset(uow, group, name, grantee)
            held = next((g for g in uow.datasets.grants([name])[name] if g.group == grantee), None)
            if held is None:
                raise NotFound(f"{shorten(grantee)} has no grant of dataset {name} of its own.")
            uow.datasets.revoke(grantee, name)
            live = uow.dataset_uses.live(name, "" if grantee == EVERY_GROUP else grantee, limit=LISTED)
            # Whoever has a grant beside this one goes on by right.
            holders = [u for u in live if uow.datasets.access_to(u.group, name) is None]
            whom = "every group" if grantee == EVERY_GROUP else f"group {grantee}"
            text = f"Dataset {name} is no longer granted to {whom}."
            details = {"grantee": grantee, "holders": len(holders)}
            self._tell(uow, by, dataset, "revoke", ("Revoked", text), grantee, details)
            return RevokedOut(holders=[use_out(u) for u in holders])

        return await self._database.writing(write)

    def _dataset(self, uow: UnitOfWork, group: str | None, name: str, grantee: str) -> Dataset:
        if grantee != EVERY_GROUP:
            check_group_name(grantee)
        elif group is not None:
            raise Forbidden("Only those who run the platform grant a dataset to every group.")
        dataset = known(uow, name, lock=True) if group is None else owned(uow, group, name)
        if grantee == dataset.owner:
            raise Conflict(f"Dataset {name} belongs to group {grantee}, which may always write it.")
        held = next((g for g in uow.datasets.grants([name])[name] if g.group == grantee), None)
        if held is not None and held.managed_by is ManagedBy.FILE:
            raise Conflict(f"The grant of {name} to {grantee} is declared in the catalog file; change it there.")
        return dataset

    def _tell(
        self,
        uow: UnitOfWork,
        by: By,
        dataset: Dataset,
        verb: str,
        told: tuple[str, str],
        grantee: str,
        details: dict[str, Any],
    ) -> None:
        record(uow, by, dataset, f"dataset.{verb}", self._clock(), told, details=details)
        if grantee != EVERY_GROUP:
            state, text = told
            moment, user, title = self._clock(), by.actor.user, dataset.display_name
            uow.events.append(
                grantee, "dataset", dataset.name, moment, state, f"Dataset{state}", text, name=title, user=user
            )
