"""VolumeProvider on a cluster: homes are claims or folders, jobs' files are laid out as they are locally."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from collegium.backends.kubernetes.claims import list_claims, resize_claim
from collegium.backends.kubernetes.client import Cluster
from collegium.backends.kubernetes.homes import make_shared_home
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.snapshots import Copier
from collegium.backends.local.layout import Layout
from collegium.backends.local.snapshot import measure_source
from collegium.backends.local.volumes import FileVolumes
from collegium.backends.ports import Snapshot
from collegium.domain.errors import Conflict, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.volumes import Volume


class KubernetesVolumes(FileVolumes):
    """``copier`` makes homes that are claims, and snapshots of them; folders of the files volume need none.

    ``end`` ends a run for good: it returns when the run is over and nothing writes to its files any more, or raises
    Unavailable. Without it, files are only discarded of jobs that never ran, which is all that role ``api`` does.
    ``cluster`` is asked about claims; without it nobody is.
    """

    def __init__(
        self,
        settings: KubernetesSettings,
        layout: Layout,
        copier: Copier,
        max_bytes: int,
        max_files: int,
        end: Callable[[str], Awaitable[None]] | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        super().__init__(layout, max_bytes, max_files)
        self._settings, self._copier, self._end, self._cluster = settings, copier, end, cluster

    async def volumes(self, groups: Sequence[str]) -> Sequence[Volume]:
        """See VolumeProvider."""
        disk = await super().volumes(())
        return [*disk, *await list_claims(self._speaking(), self._settings, groups)]

    async def resize(self, group: str, name: str, size: int) -> None:
        """See VolumeProvider."""
        if not group:
            raise Conflict(f"{name} is the files volume, which belongs to whoever made it; resize it there.")
        await resize_claim(self._speaking(), self._settings, group, name, size)

    def _speaking(self) -> Cluster:
        if self._cluster is None:
            raise Unavailable("this process has no Kubernetes identity; the controller sees to volumes")
        return self._cluster

    async def home(self, user: str, group: str) -> str:
        """See VolumeProvider."""
        if self._settings.homes == "shared":
            return str(await asyncio.to_thread(make_shared_home, self._settings, user, group))
        return await self._copier.home(user, group)

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """See VolumeProvider. A job that has a source keeps it."""
        if self._settings.homes == "shared":
            home = await asyncio.to_thread(make_shared_home, self._settings, user, group)
            return await self._copy(lambda: self._snapshot_folder(job_id, home, source))
        there = await asyncio.to_thread(measure_source, self._layout, job_id, self._max_files)
        return there or await self._copier.snapshot(job_id, user, group, source)

    async def discard(self, job_id: str) -> None:
        """See VolumeProvider. Runs that are not over are ended first; Unavailable if one does not end."""
        for attempt in await asyncio.to_thread(self._attempts, job_id):
            if self._end is not None:
                await self._end(f"{job_id}.{attempt.name}")
        await super().discard(job_id)
