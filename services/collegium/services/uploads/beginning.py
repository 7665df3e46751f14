"""The beginning of uploads: what is refused at once, the room that is kept, and the row, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, Forbidden, NotFound, QuotaExceeded, TooLarge, shorten
from collegium.domain.files import PLATFORM, EntryKind, name_of, parent_of
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import MAX_AMOUNT, STORAGE, Resources
from collegium.domain.uploads import Upload, UploadOptions, new_upload_id, part_size_of
from collegium.quota.ledger import Claim, Ledger
from collegium.services.by import By
from collegium.services.files.places import Place, Places
from collegium.services.uploads.protocol import Asked

#: Room that is asked for at once where nobody said how much will come.
STEP = 64 << 20


class Beginnings:
    """Makes uploads. Expects that the policy was asked already."""

    def __init__(
        self, database: Database, places: Places, clock: Callable[[], datetime], options: UploadOptions
    ) -> None:
        self._database, self._places, self._clock, self._options = database, places, clock, options
        self._store = places.store

    async def make(
        self, by: By, group: str, asked: Asked, length: int = 0, unverified: int | None = None, sender: str = ""
    ) -> Upload:
        """The row of a new upload, with room for it. Raises as ``plan``, and QuotaExceeded."""
        upload = replace(await self.plan(by, group, asked, length), unverified=unverified, sender=sender)
        await self.insert(upload, asked.size if asked.size is not None else length)
        return upload

    async def insert(self, upload: Upload, size: int) -> None:
        """Room and row, together or not at all. Raises QuotaExceeded."""

        def insert(uow: UnitOfWork) -> None:
            reserve(uow, upload, size)
            uow.uploads.insert(upload)

        await self._database.writing(insert)

    def renew(self, upload: Upload) -> Upload:
        """The same, begun now."""
        moment = self._clock()
        return replace(upload, created_at=moment, expires_at=moment + self._options.age)

    async def plan(self, by: By, group: str, asked: Asked, length: int = 0) -> Upload:
        """A new upload that nobody knows of yet. Raises InvalidInput, NotFound, Forbidden, Conflict, TooLarge."""
        require_size(self._options, asked.size or length)
        if asked.direct and not self._store.direct:
            raise Conflict("The store of this installation takes no parts directly; send them here.", field="direct")
        place = await self._places.find_new(group, asked.path)
        await self._refuse_conflict(place, asked)
        moment = self._clock()
        return Upload(
            id=new_upload_id(),
            group=group,
            user=by.actor.user,
            path=place.shown,
            root=place.root,
            inner=place.path,
            size=asked.size,
            created_at=moment,
            expires_at=moment + self._options.age,
            replace=asked.replace,
            sha256=asked.sha256,
            metadata=asked.metadata,
            part_size=part_size_of(asked.size or 0) if asked.direct else None,
        )

    async def _refuse_conflict(self, place: Place, asked: Asked) -> None:
        """Say now what would be in the way at the end; who comes in between is in the way then."""
        if place.store is not self._store:
            raise Forbidden(f"{place.base} is read from elsewhere and cannot be written.", path=shorten(place.shown))
        for path in (parent_of(place.path), place.path):
            try:
                entry = await place.store.stat(place.root, path)
            except NotFound:
                continue
            if path != place.path and entry.kind is EntryKind.FILE:
                raise Conflict(f"path: {place.show(path)} is a file, not a folder", field="path")
            if path == place.path and entry.kind is EntryKind.FOLDER:
                raise Conflict(f"path: {place.shown} is a folder", field="path")
            if path == place.path and not asked.replace:
                raise Conflict(f"path: there is a file {place.shown} already; ask for replace", field="path")


def require_size(options: UploadOptions, size: int) -> None:
    """Raise TooLarge for more than the platform takes."""
    if options.max_size and size > options.max_size:
        most = options.max_size
        raise TooLarge(f"The platform takes files of at most {most} bytes; this one has {size} or more.", limit=most)


def reserve(uow: UnitOfWork, upload: Upload, size: int) -> None:
    """Keep room for so many bytes in all. Raises QuotaExceeded; what was kept before is kept still then."""
    owner = upload.root.owner
    if owner == PLATFORM:
        return
    resources, label = Resources({STORAGE: size}), name_of(upload.path)[:120]
    claim = Claim(owner, upload.user, WorkloadKind.UPLOAD, upload.id, resources, label=label, bound=True)
    decision = Ledger().reserve(uow, claim)
    if not decision.granted:
        raise decision.error()


def reserve_ahead(uow: UnitOfWork, upload: Upload, needed: int) -> int:
    """Keep room for a step more than is needed, or for no more than that; answers how much. Raises QuotaExceeded."""
    ahead = min(needed + STEP, MAX_AMOUNT)
    try:
        reserve(uow, upload, ahead)
    except QuotaExceeded:
        reserve(uow, upload, needed)
        return needed
    return ahead
