"""Buckets that datasets lie in: opened with the dataset's own secret, and kept open for a while."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from collegium.domain.catalog import Dataset
from collegium.domain.datasets import DatasetVersion
from collegium.domain.destinations import Network
from collegium.domain.errors import Misconfigured
from collegium.domain.files import PLATFORM, Root
from collegium.services.datasets.manifest import Manifests
from collegium.services.datasets.reach import is_confined
from collegium.services.datasets.secrets import SourceSecrets
from collegium.stores.port import FileStore

if TYPE_CHECKING:
    from collegium.stores.s3_source import S3Source

#: Buckets that stay open, and seconds that one which has to go is still there for those who read.
OPEN, GRACE = 32, 600.0


class S3Sources:
    """Opens them. ``networks`` are in reach of those that groups named, beside the public internet."""

    def __init__(
        self, secrets: SourceSecrets, manifests: Manifests, networks: Sequence[Network], ca_file: str = ""
    ) -> None:
        self._secrets, self._manifests, self._networks = secrets, manifests, tuple(networks)
        self._ca_file = ca_file
        self._open: OrderedDict[str, S3Source] = OrderedDict()
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self, dataset: Dataset, version: DatasetVersion | None = None) -> tuple[FileStore, Root]:
        """A store that only reads, and the tree in it: what is in the bucket now, or as a version has it. Raises
        Misconfigured."""
        source, owner = await self._source(dataset), dataset.owner or PLATFORM
        if version is None:
            return source, Root.head(owner, dataset.name)
        from collegium.stores.s3_pinned import PinnedSource

        pinned = PinnedSource(source, lambda: self._manifests.open(version), version.ready_at or version.created_at)
        return pinned, Root.version(owner, dataset.name, version.number)

    async def lines(self, dataset: Dataset) -> AsyncIterator[dict[str, Any]]:
        """What is in the bucket now, as lines of a list, in no particular order. Raises DomainErrors."""
        source = await self._source(dataset)
        async for line in source.lines():
            yield line

    async def look(self, dataset: Dataset) -> None:
        """Raise Misconfigured, NotFound or Unavailable unless it can be listed."""
        await (await self._source(dataset)).check()

    async def close(self) -> None:
        """Let go of all."""
        for task in self._closing:
            task.cancel()
        while self._open:
            _, source = self._open.popitem()
            await source.close()

    async def _source(self, dataset: Dataset) -> S3Source:
        try:
            # Its libraries are an extra.
            from collegium.stores.s3_source import S3Source
        except ImportError:
            raise Misconfigured("Datasets in S3 need Collegium's extra 's3', which is not installed.") from None
        secret, confined = await self._secrets.of(dataset), is_confined(dataset)
        # Whoever changes the secret or the source gets another one.
        key = json.dumps([dict(dataset.source), secret, confined], sort_keys=True)
        if key not in self._open:
            networks = self._networks if confined else None
            self._open[key] = S3Source(dataset.source, secret, networks, ca_file=self._ca_file)
            while len(self._open) > OPEN:
                self._let_go(self._open.popitem(last=False)[1])
        self._open.move_to_end(key)
        return self._open[key]

    def _let_go(self, source: S3Source) -> None:
        async def later() -> None:
            try:
                await asyncio.sleep(GRACE)
            finally:
                await source.close()

        task = asyncio.create_task(later())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
