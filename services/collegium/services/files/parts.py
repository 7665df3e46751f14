"""The parts that shared files are made of, and their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collegium.db import Database
from collegium.domain.mounts import MountAbilities
from collegium.domain.shares import FileBounds
from collegium.services.files.archive import ArchiveService
from collegium.services.files.content import ContentService
from collegium.services.files.places import DatasetPlaces, Places
from collegium.services.files.preview import PreviewService
from collegium.services.files.runner import TaskRunner
from collegium.services.files.service import SharedFilesService
from collegium.services.files.storage import StorageService
from collegium.services.files.tasks import FileTaskService
from collegium.services.files.trash import TrashService
from collegium.services.files.unpack import Unpacking
from collegium.services.files.work import FileWork
from collegium.stores.port import FileStore


@dataclass(frozen=True)
class FileParts:
    """All that deals with shared files in one process."""

    store: FileStore
    places: Places
    storage: StorageService
    contents: ContentService
    browse: SharedFilesService
    previews: PreviewService
    archives: ArchiveService
    trash: TrashService
    runner: TaskRunner
    tasks: FileTaskService

    @classmethod
    def make(
        cls,
        database: Database,
        store: FileStore,
        datasets: DatasetPlaces,
        abilities: MountAbilities,
        bounds: FileBounds,
        clock: Callable[[], datetime],
    ) -> FileParts:
        """Wire them."""
        places, storage, runner = Places(store, datasets), StorageService(database), TaskRunner(database, clock)
        contents = ContentService(database, places, storage, clock)
        trash = TrashService(database, places, clock, bounds)
        work = FileWork(database, places, storage, trash, clock)
        work.register(runner)
        Unpacking(places, storage, work).register(runner)
        return cls(
            store=store,
            places=places,
            storage=storage,
            contents=contents,
            browse=SharedFilesService(places, storage, contents, abilities),
            previews=PreviewService(places),
            archives=ArchiveService(places),
            trash=trash,
            runner=runner,
            tasks=FileTaskService(database, places, runner, trash, clock),
        )

    async def close(self) -> None:
        """Drop what is under way, which goes on after the next start, and let go of the store."""
        await self.runner.close()
        await self.trash.close()
        await self.store.close()
