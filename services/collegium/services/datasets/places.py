"""Where paths that lead into datasets go: which store and tree, for whom, and whether anything may be written."""

from __future__ import annotations

from collections.abc import Sequence

from collegium.db import Database, UnitOfWork
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.datasets import DatasetChoice, DatasetVersion, VersionState
from collegium.domain.errors import Conflict, NotFound
from collegium.domain.files import PLATFORM, Root
from collegium.services.datasets.find import granted
from collegium.services.datasets.sources import S3Sources
from collegium.services.datasets.views import Shown
from collegium.services.files.places import DatasetPlace
from collegium.stores.port import FileStore

#: Kinds whose files are in a store that the service reads.
_READ = (SourceKind.MANAGED, SourceKind.GIT, SourceKind.S3)


class DatasetTrees:
    """See DatasetPlaces. Grants are looked at each time, so that what was taken away is gone at once."""

    def __init__(self, database: Database, store: FileStore, s3: S3Sources, mounted: Shown) -> None:
        self._database, self._store, self._s3, self._mounted = database, store, s3, mounted

    async def names(self, group: str) -> Sequence[str]:
        """See DatasetPlaces."""

        def look(uow: UnitOfWork) -> list[str]:
            access = uow.datasets.access(group)
            return [d.name for d in uow.datasets.of_kinds(_READ) if d.name in access]

        return await self._database.reading(look)

    async def locate(self, group: str, choice: DatasetChoice) -> DatasetPlace:
        """See DatasetPlaces."""
        dataset, access, version = await self._database.reading(lambda uow: _find(uow, group, choice))
        if dataset.kind not in _READ:
            where = self._mounted(dataset)
            raise Conflict(
                f"Dataset {dataset.name} is of kind {dataset.kind.value}, which is not browsed here;"
                + (f" servers and jobs find it at {where}." if where else " servers and jobs find its variables.")
            )
        if dataset.kind is SourceKind.S3:
            store, root = await self._s3.open(dataset, version)
            return DatasetPlace(store, root, reason=f"Dataset {dataset.name} lies in S3 and is only read here.")
        if version is not None:
            return DatasetPlace(self._store, Root.version(version.owner, dataset.name, version.number))
        if dataset.kind is SourceKind.GIT:
            raise Conflict(f"Nothing of dataset {dataset.name} was fetched yet; make a version of it.")
        writable = access is AccessMode.READ_WRITE
        reason = "" if writable else f"Dataset {dataset.name} was granted to group {group} for reading only."
        return DatasetPlace(self._store, Root.head(dataset.owner or PLATFORM, dataset.name), writable, reason)


def _find(uow: UnitOfWork, group: str, choice: DatasetChoice) -> tuple[Dataset, AccessMode, DatasetVersion | None]:
    """The dataset, how the group may use it, and the version that is meant. What is in a repository now is the newest
    version of it."""
    dataset, access = granted(uow, group, choice.name)
    if choice.version is None and dataset.kind is not SourceKind.GIT:
        return dataset, access, None
    version = uow.dataset_versions.ready(dataset.name, choice.version or 0)
    if version is None and choice.version is not None:
        there = uow.dataset_versions.get(dataset.name, choice.version) if choice.version else None
        if there is not None and there.state is not VersionState.READY:
            raise Conflict(f"Version {choice.version} of dataset {dataset.name} is {there.state.value}, not Ready.")
        which = f"no version {choice.version}" if choice.version else "no version that is ready"
        raise NotFound(f"Dataset {dataset.name} has {which}.")
    return dataset, access, version
