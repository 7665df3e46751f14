"""Makes versions of datasets and removes them. Each step may be done again after a crash at any moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from collegium.db import Database, UnitOfWork
from collegium.domain.catalog import Dataset, SourceKind
from collegium.domain.datasets import DatasetVersion
from collegium.domain.errors import Conflict, Unavailable
from collegium.domain.files import PLATFORM, EntryKind, Root, Size
from collegium.services.datasets.git import Fetched, GitBounds, GitSource, fetch, sweep
from collegium.services.datasets.manifest import Manifests
from collegium.services.datasets.options import DatasetOptions
from collegium.services.datasets.reach import Reach
from collegium.services.datasets.secrets import SourceSecrets
from collegium.services.datasets.sources import S3Sources
from collegium.services.datasets.tables import first_tables
from collegium.services.files.storage import StorageService
from collegium.stores.port import FileStore


@dataclass(frozen=True)
class Made:
    """What a version turned out to be."""

    manifest: str
    files: int
    bytes: int
    revision: str = ""
    message: str = ""
    tables: tuple[dict[str, Any], ...] = field(default_factory=tuple)
    #: What is stored for it beside what it shares with others, as far as that is known before it is measured.
    new: Size = field(default_factory=Size)


class Maker:
    """Knows how each kind becomes a version."""

    def __init__(
        self,
        database: Database,
        store: FileStore,
        manifests: Manifests,
        storage: StorageService,
        secrets: SourceSecrets,
        reach: Reach,
        s3: S3Sources,
        options: DatasetOptions,
    ) -> None:
        self._database, self._store, self._manifests, self._storage = database, store, manifests, storage
        self._secrets, self._reach, self._s3, self._options = secrets, reach, s3, options
        self._swept = False

    async def make(self, dataset: Dataset, version: DatasetVersion) -> Made:
        """Its files and the list of them. Raises DomainError; Unavailable where trying again may help."""
        match dataset.kind:
            case SourceKind.MANAGED:
                return await self._managed(dataset, version)
            case SourceKind.GIT:
                return await self._git(dataset, version)
            case SourceKind.S3:
                return await self._listed(dataset, version)
        raise Conflict(f"A dataset of kind {dataset.kind.value} has no versions.")

    async def remove(self, version: DatasetVersion, manifest: bool) -> None:
        """Its files, and the list of them if no other version has the same."""
        await self._store.remove(Root.version(version.owner, version.dataset, version.number))
        if version.manifest and manifest:
            await self._manifests.remove(version.owner, version.dataset, version.manifest)

    async def remove_all(self, owner: str, dataset: str) -> None:
        """What is left of a dataset whose versions are gone."""
        await self._store.remove(Root.head(owner, dataset))
        await self._store.remove(Root.manifests(owner, dataset))

    async def _managed(self, dataset: Dataset, version: DatasetVersion) -> Made:
        head = Root.head(version.owner, dataset.name)
        await self._store.ensure(head)
        earlier = await self._database.reading(lambda uow: uow.dataset_versions.ready(dataset.name))
        # Object storage shares nothing: each version is a copy of its own there.
        new = await self._fresh(head, earlier if self._store.kind == "posix" else None)
        await self._reserve(version, new.bytes)
        return replace(await self._snapshot(head, version), new=new)

    async def _fresh(self, head: Root, earlier: DatasetVersion | None) -> Size:
        """How much of what is there cannot be shared with the version before."""
        total = Size()
        async for entry in self._store.walk(head, ""):
            fresh = earlier is None or entry.modified_at is None or entry.modified_at >= earlier.created_at
            total += Size(1, entry.size) if entry.kind is EntryKind.FILE and fresh else Size()
        return total

    async def _snapshot(self, source: Root, version: DatasetVersion) -> Made:
        target = Root.version(version.owner, version.dataset, version.number)
        hashes = await self._store.snapshot(source, target, lambda _: None)
        manifest = await self._manifests.write(version.owner, version.dataset, hashes)
        tables = await first_tables(self._store, target, [h.path for h in hashes])
        return Made(manifest, len(hashes), sum(h.size for h in hashes), tables=tables)

    async def _git(self, dataset: Dataset, version: DatasetVersion) -> Made:
        await self._sweep()
        source = GitSource(
            dataset.source["url"],
            version.asked,
            dataset.source.get("folder", ""),
            await self._reach.pin(dataset),
            await self._secrets.of(dataset),
        )
        options = self._options
        bounds = GitBounds(options.seconds, options.max_bytes, options.max_files, options.ca_file)
        async with fetch(source, bounds, options.work, options.room) as fetched:
            await self._reserve(version, sum(b.size for b in fetched.blobs))
            # Of a repository there are only versions: what is in it now is a place to put the next one together.
            head = Root.head(version.owner, dataset.name)
            await self._store.remove(head)
            await self._store.ensure(head)
            async for blob, content in fetched.read():
                await self._store.write(head, blob.path, content, replace=True)
            made = await self._snapshot(head, version)
            await self._check_whole(fetched, made, version)
            await self._store.remove(head)
        left = f"{fetched.left_out} links or submodules were left out." if fetched.left_out else ""
        return replace(made, revision=fetched.commit, message=left, new=Size(made.files, made.bytes))

    async def _check_whole(self, fetched: Fetched, made: Made, version: DatasetVersion) -> None:
        """Somebody who believed to be the controller may have worked on the same place."""
        if (made.files, made.bytes) != (len(fetched.blobs), sum(b.size for b in fetched.blobs)):
            await self._store.remove(Root.version(version.owner, version.dataset, version.number))
            raise Unavailable("Its files changed while it was made; it is made anew.")

    async def _listed(self, dataset: Dataset, version: DatasetVersion) -> Made:
        """Nothing is copied: the list pins each object by its ETag, and by its version where the bucket keeps some."""
        lines: list[dict[str, Any]] = []
        async for line in self._s3.lines(dataset):
            lines.append(line)
            if len(lines) > self._options.max_objects:
                raise Conflict(f"It holds more than {self._options.max_objects} objects, which is the most possible.")
        lines.sort(key=lambda line: str(line["path"]))
        manifest = await self._manifests.write_lines(version.owner, dataset.name, lines)
        store, root = await self._s3.open(dataset)
        tables = await first_tables(store, root, [str(line["path"]) for line in lines])
        return Made(manifest, len(lines), sum(int(line["size"]) for line in lines), tables=tables)

    async def _reserve(self, version: DatasetVersion, size: int) -> None:
        label = f"version {version.number} of {version.dataset}"
        await self._storage.reserve(version.owner, version.created_by, version.label, label, size)

    def settle(self, uow: UnitOfWork, version: DatasetVersion, new: Size | None) -> None:
        """In the transaction that says what became of a version: what is stored for it instead of the room that was
        kept, None if it came to nothing. What versions really share is known by measuring alone."""
        if version.owner == PLATFORM:
            return
        if new is None:
            self._storage.give_back(uow, version.label)
        else:
            self._storage.settle_in(uow, version.owner, version.label, new)
        uow.stored.look_again(version.owner)

    async def _sweep(self) -> None:
        for place in {self._options.work, self._options.room} if not self._swept else ():
            if place is not None:
                await asyncio.to_thread(sweep, place)
        self._swept = True
