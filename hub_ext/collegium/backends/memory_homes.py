"""Homes and what jobs took from them, in dictionaries: the part of the memory backend that keeps files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from collegium.backends.ports import Snapshot
from collegium.domain.errors import Conflict, InvalidInput, NotFound, StorageFull, TooLarge, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import check_group_name, check_relative_path, check_user_name
from collegium.domain.volumes import Volume, VolumeKind


class MemoryHomes:
    """Homes, and snapshots of them. At most so many files and bytes are taken for a job."""

    def __init__(self, max_files: int, max_bytes: int) -> None:
        self.homes: dict[tuple[str, str], dict[str, bytes]] = {}
        self.sources: dict[str, dict[str, bytes]] = {}
        self.since: dict[str, datetime] = {}
        self.sizes: dict[tuple[str, str], int] = {}
        self.storage_full = False
        #: While True, runs go on, but nobody can see or change them or the groups' spaces: those verbs are Unavailable.
        self.outage = False
        self._max_files, self._max_bytes = max_files, max_bytes

    def write_home(self, user: str, group: str, path: str, data: bytes) -> None:
        """The user has a file."""
        self.homes.setdefault((user, group), {})[path] = data

    async def home(self, user: str, group: str) -> str:
        """See VolumeProvider."""
        self.homes.setdefault((check_user_name(user), check_group_name(group)), {})
        return f"memory:{user}/{group}"

    async def volumes(self, groups: Sequence[str]) -> Sequence[Volume]:
        """See VolumeProvider. Homes have the size that they were given."""
        self._check_outage()
        found = [Volume(VolumeKind.FILES, "memory", state="Ready")]
        for user, group in self.homes:
            if group in groups:
                name, size = f"home-{user}", self.sizes.get((group, f"home-{user}"), 1 << 30)
                found.append(Volume(VolumeKind.HOME, name, group, user, size, 0, "Ready", resizable=True))
        return found

    async def resize(self, group: str, name: str, size: int) -> None:
        """See VolumeProvider."""
        there = {(v.group, v.name): v for v in await self.volumes([group])}.get((group, name))
        if there is None:
            raise NotFound(f"There is no volume {name}.")
        if not there.resizable or size < (there.capacity or 0):
            raise Conflict(f"The volume {name} cannot have {size} bytes.")
        self.sizes[group, name] = size

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """See VolumeProvider."""
        await self.home(user, group)
        if job_id not in self.sources:
            files = self._select(self.homes[user, group], source)
            size = sum(map(len, files.values()))
            if len(files) > self._max_files or size > self._max_bytes:
                raise TooLarge(
                    f"the working directory holds {len(files)} files and {size} bytes, at most {self._max_files} files"
                    f" and {self._max_bytes} bytes are taken; list the files that the job needs"
                )
            if self.storage_full:
                raise StorageFull("there is no room")
            self._keep(job_id, files)
        kept = self.sources[job_id]
        return Snapshot(len(kept), sum(map(len, kept.values())))

    async def reuse_snapshot(self, job_id: str, earlier_job_id: str) -> None:
        """See VolumeProvider."""
        if job_id not in self.sources:
            self._keep(job_id, dict(self.sources.get(earlier_job_id, {})))

    async def read_source(self, job_id: str, path: str, limit: int) -> bytes | None:
        """See VolumeProvider."""
        data = self.sources.get(job_id, {}).get(path)
        return data if data is not None and len(data) <= limit else None

    def _check_outage(self) -> None:
        if self.outage:
            raise Unavailable("the backend does not answer")

    def _keep(self, job_id: str, files: dict[str, bytes]) -> None:
        self.sources[job_id] = files
        self.since.setdefault(job_id, datetime.now(UTC))

    def _select(self, home: Mapping[str, bytes], source: WorkingDirectory) -> dict[str, bytes]:
        path = check_relative_path(source.path, "working_directory.path")
        prefix = path + "/" if path else ""
        below = {name.removeprefix(prefix): data for name, data in home.items() if name.startswith(prefix)}
        if prefix and not below:
            raise InvalidInput("working_directory.path", "is not in your home: there is no such folder", source.path)
        if source.files is None:
            return below
        chosen = {}
        for index, name in enumerate(source.files):
            field_name = f"working_directory.files.{index}"
            clean = check_relative_path(name, field_name)
            if clean not in below:
                raise InvalidInput(field_name, "is not in your home: there is no such file", name)
            chosen[clean] = below[clean]
        return chosen
