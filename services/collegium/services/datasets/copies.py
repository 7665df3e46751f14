"""Copies of shared files into datasets, which are tasks like those of any other copy."""

from __future__ import annotations

from collections.abc import Sequence

from collegium.domain.files import DATASETS, check_path, joined
from collegium.services.by import By
from collegium.services.files.models import FileTaskOut
from collegium.services.files.places import Places
from collegium.services.files.steps import need
from collegium.services.files.tasks import FileTaskService


class Copies:
    """Begins them."""

    def __init__(self, places: Places, tasks: FileTaskService) -> None:
        self._places, self._tasks = places, tasks

    async def check(self, group: str, paths: Sequence[str]) -> None:
        """Raise InvalidInput or NotFound for what cannot be copied, before a dataset is made for it."""
        for index, path in enumerate(paths):
            await need(await self._places.find(group, path, f"copy_from.{index}"))

    async def begin(self, by: By, group: str, name: str, paths: Sequence[str], target: str) -> FileTaskOut:
        """Copy files and folders into a folder of a dataset. Raises as copies do."""
        folder = joined(f"{DATASETS}/{name}", check_path(target, "target"))
        return await self._tasks.copy_into(by, group, paths, folder)
