"""The parts that datasets are made of in one process, and their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collegium.backends.ports import Backend
from collegium.cipher import Cipher
from collegium.db import Database
from collegium.domain.catalog import AccessMode, Dataset
from collegium.domain.mounts import dataset_mount
from collegium.services.controller.lease import Lease
from collegium.services.datasets.health import HealthRounds
from collegium.services.datasets.make import Maker
from collegium.services.datasets.manifest import Manifests
from collegium.services.datasets.options import DatasetOptions
from collegium.services.datasets.places import DatasetTrees
from collegium.services.datasets.reach import Reach
from collegium.services.datasets.rounds import DatasetRounds
from collegium.services.datasets.secrets import SourceSecrets
from collegium.services.datasets.sources import S3Sources
from collegium.services.datasets.views import Shown
from collegium.services.files.storage import StorageService
from collegium.services.metrics import Metrics
from collegium.services.notifications.resolve import Lookup
from collegium.stores.port import FileStore


@dataclass(frozen=True)
class DatasetParts:
    """What services and rounds share."""

    database: Database
    backend: Backend
    store: FileStore
    manifests: Manifests
    reach: Reach
    s3: S3Sources
    places: DatasetTrees
    maker: Maker
    mounted: Shown
    options: DatasetOptions

    @classmethod
    def make(
        cls,
        database: Database,
        backend: Backend,
        store: FileStore,
        cipher: Cipher,
        lookup: Lookup,
        options: DatasetOptions,
    ) -> DatasetParts:
        """Wire them."""

        def mounted(dataset: Dataset) -> str:
            return backend.mounts.shown(dataset_mount(dataset, "", AccessMode.READ_ONLY))

        secrets, manifests, reach = SourceSecrets(database, cipher), Manifests(store), Reach(lookup, options.networks)
        s3 = S3Sources(secrets, manifests, options.networks, options.ca_file)
        storage = StorageService(database)
        return cls(
            database=database,
            backend=backend,
            store=store,
            manifests=manifests,
            reach=reach,
            s3=s3,
            places=DatasetTrees(database, store, s3, mounted),
            maker=Maker(database, store, manifests, storage, secrets, reach, s3, options),
            mounted=mounted,
            options=options,
        )

    def rounds(
        self, lease: Lease, metrics: Metrics, clock: Callable[[], datetime]
    ) -> tuple[DatasetRounds, HealthRounds]:
        """What the controller does for them."""
        made = DatasetRounds(self.database, self.maker, lease, metrics, clock)
        sources, every = self.backend.sources, self.options.look_every
        return made, HealthRounds(self.database, self.store, self.s3, sources, lease, metrics, clock, every)

    async def close(self) -> None:
        """Let go of buckets."""
        await self.s3.close()
