"""Browsing shared files, and folders. Knows no HTTP."""

from __future__ import annotations

import builtins

from collegium.domain.errors import InvalidInput
from collegium.domain.files import DATASETS, Entry, EntryKind, Order, Page, check_path
from collegium.domain.mounts import MountAbilities
from collegium.services.by import By
from collegium.services.files.content import ContentService
from collegium.services.files.models import EntryDetail, EntryOut, EntryPage, PreviewKind
from collegium.services.files.places import Place, Places
from collegium.services.files.storage import StorageService
from collegium.services.files.types import preview_kind
from collegium.services.files.views import entry_out, mounted_at, uri
from collegium.stores.pages import matcher


class SharedFilesService:
    """List, search, look at one, make folders. Expects that the policy was asked already."""

    def __init__(
        self, places: Places, storage: StorageService, contents: ContentService, abilities: MountAbilities
    ) -> None:
        self._places, self._storage, self._contents, self._abilities = places, storage, contents, abilities

    async def list(
        self, group: str, path: str, order: Order, descending: bool, limit: int, cursor: str | None
    ) -> EntryPage:
        """A page of a folder. Raises NotFound, Conflict, InvalidInput (also for another list's cursor)."""
        if self._places.is_list(path):
            return await self._list_datasets(group, None, descending, cursor)
        place = await self._places.find(group, path)
        found = await place.store.list(place.root, place.path, order, descending, cursor, limit)
        return await self._page(place, found, cursor)

    async def search(self, group: str, path: str, text: str, limit: int, cursor: str | None) -> EntryPage:
        """Entries below a folder by their names. Raises as ``list``."""
        if "\0" in text or "/" in text:
            raise InvalidInput("search", "must be part of a name", text)
        if self._places.is_list(path):
            return await self._list_datasets(group, text, False, cursor)
        place = await self._places.find(group, path)
        found = await place.store.search(place.root, place.path, text, cursor, limit)
        return await self._page(place, found, cursor)

    async def entry(self, group: str, path: str) -> EntryDetail:
        """One file or folder. Raises NotFound, Conflict."""
        if self._places.is_list(path):
            return self._detail(Place(group, self._places.store, (await self._top(group)).root, "", DATASETS, False))
        place = await self._places.find(group, path)
        entry = await place.store.stat(place.root, place.path)
        known = await self._contents.known_checksum(place, entry.etag) if entry.etag else None
        return self._detail(place, entry, known)

    async def make_folder(self, by: By, group: str, path: str) -> EntryOut:
        """Make a folder and those above it; one that is there is fine. Raises Conflict, Forbidden, QuotaExceeded."""
        place = await self._places.find_new(group, path)
        async with self._storage.charging(place.root.owner, by.actor.user, place.shown, 1):
            entry = await place.store.make_folder(place.root, place.path)
        return entry_out(entry, place)

    async def _top(self, group: str) -> Place:
        return await self._places.find(group, "")

    async def _page(self, place: Place, found: Page, cursor: str | None) -> EntryPage:
        # A folder of that name that a pod made is not what the path leads to.
        shown = [
            e for e in found.entries if place.base or (e.path != DATASETS and not e.path.startswith(f"{DATASETS}/"))
        ]
        share = await self._storage.share(place.group) if place.own and cursor is None else None
        return EntryPage(
            path=place.shown,
            writable=place.writable,
            items=[entry_out(e, place) for e in shown],
            next_cursor=found.after,
            storage=share,
        )

    async def _list_datasets(self, group: str, text: str | None, descending: bool, cursor: str | None) -> EntryPage:
        if cursor is not None:
            raise InvalidInput("cursor", "belongs to another listing", cursor)
        fits = matcher(text) if text is not None else None
        top = await self._top(group)
        found = [e for e in await self._places.list_datasets(group) if fits is None or fits(e.name)]
        items = [entry_out(e, top) for e in (reversed(found) if descending else found)]
        return EntryPage(path=check_path(DATASETS), writable=False, items=builtins.list(items))

    def _detail(self, place: Place, entry: Entry | None = None, sha256: str | None = None) -> EntryDetail:
        entry = entry or Entry("", EntryKind.FOLDER)
        preview = preview_kind(entry.name) if entry.kind is EntryKind.FILE else PreviewKind.NONE
        return EntryDetail(
            **entry_out(entry, place).model_dump(),
            writable=place.writable,
            sha256=sha256,
            preview=preview,
            mounted_at=mounted_at(place, self._abilities),
            uri=uri(place.group, place.shown),
        )
