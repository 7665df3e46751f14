"""Where a path of a group leads: which store and tree it is in, and whether it may be changed, decided once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collegium.domain.datasets import DatasetChoice
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, shorten
from collegium.domain.files import DATASETS, Entry, EntryKind, Root, check_new_path, check_path
from collegium.stores.port import FileStore


@dataclass(frozen=True)
class DatasetPlace:
    """A dataset, or a version of one, as a tree of files. ``reason`` says why it is not ``writable``."""

    store: FileStore
    root: Root
    writable: bool = False
    reason: str = ""


class DatasetPlaces(Protocol):
    """What shared files ask about datasets. Whoever asks has been let into the group already."""

    async def names(self, group: str) -> Sequence[str]:
        """Datasets that the group may read and that are trees of files here, by name."""

    async def locate(self, group: str, choice: DatasetChoice) -> DatasetPlace:
        """The tree of a dataset that the group may read: what is in it now, or a version (0: the latest).

        Raises NotFound for one that is not there or was not granted; Conflict, which says where it is mounted, for one
        whose files are not in the store.
        """


class NoDatasets:
    """A group without datasets."""

    async def names(self, group: str) -> Sequence[str]:
        """None."""
        return ()

    async def locate(self, group: str, choice: DatasetChoice) -> DatasetPlace:
        """Never."""
        raise NotFound(f"{DATASETS}/{choice}: group {group} has no such dataset")


@dataclass(frozen=True)
class Place:
    """Where a path leads. ``path`` is below ``root``; ``base`` is what stands before it in the path as the group writes
    it: empty, or ``.datasets/<name>``."""

    group: str
    store: FileStore
    root: Root
    path: str
    base: str = ""
    writable: bool = True
    reason: str = ""

    @property
    def shown(self) -> str:
        """The path as the group writes it."""
        return self.show(self.path)

    @property
    def own(self) -> bool:
        """Is what is stored here charged to the group itself?"""
        return self.root.owner == self.group

    def show(self, path: str) -> str:
        """The path of something else in the same tree as the group writes it."""
        return "/".join(p for p in (self.base, path) if p)

    def require_writable(self) -> None:
        """Raise Forbidden with the reason."""
        if not self.writable:
            raise Forbidden(self.reason or f"{self.base or 'This'} cannot be changed.", path=shorten(self.shown))


class Places:
    """Resolves paths; makes nothing and looks at no file."""

    def __init__(self, store: FileStore, datasets: DatasetPlaces) -> None:
        self.store, self.datasets = store, datasets

    async def find(self, group: str, path: str, field: str = "path") -> Place:
        """Where an existing path leads. Raises InvalidInput, NotFound or Conflict."""
        return await self._resolve(group, check_path(path, field), field)

    async def find_new(self, group: str, path: str, field: str = "path") -> Place:
        """Where something is to be made. Raises as ``find``; Forbidden where nothing may be written."""
        place = await self._resolve(group, check_new_path(path, field), field)
        if not place.path:
            raise InvalidInput(field, "is the whole dataset; name something in it", path)
        place.require_writable()
        return place

    async def find_own(self, group: str, path: str, field: str = "path") -> Place:
        """Where something is that is to be changed or removed. Raises as ``find``, and Forbidden."""
        place = await self.find(group, path, field)
        if not place.path:
            raise InvalidInput(field, "is the top of a tree; name something in it", path)
        place.require_writable()
        return place

    def is_list(self, path: str) -> bool:
        """Is it the folder that stands for the list of datasets?"""
        return check_path(path) == DATASETS

    async def list_datasets(self, group: str) -> list[Entry]:
        """The datasets as folders of ``.datasets``."""
        return [Entry(f"{DATASETS}/{n}", EntryKind.FOLDER) for n in sorted(await self.datasets.names(group))]

    async def _resolve(self, group: str, clean: str, field: str) -> Place:
        first, _, rest = clean.partition("/")
        if first != DATASETS:
            return Place(group, self.store, Root(group), clean)
        name, _, inside = rest.partition("/")
        if not name:
            raise Conflict(f"{field}: {DATASETS} is the list of datasets, no folder of files", field=field)
        found = await self.datasets.locate(group, DatasetChoice.parse(name, field))
        reason = found.reason or f"Dataset {name} can only be read in group {group}."
        writable = found.writable and not found.root.frozen
        if found.root.frozen:
            reason = f"A version of a dataset never changes; write to {DATASETS}/{name.partition('@')[0]} instead."
        return Place(group, found.store, found.root, inside, f"{DATASETS}/{name}", writable, reason)
