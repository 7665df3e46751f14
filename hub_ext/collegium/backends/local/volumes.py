"""VolumeProvider on this machine: homes are folders, a job's files live in its run folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from collegium.backends.local import tree
from collegium.backends.local.layout import Layout, locked, make_durable, supervised, sync_directory, wish_end
from collegium.backends.local.limits import Limiter
from collegium.backends.local.snapshot import (
    copy_problems,
    copy_working_directory,
    job_folder,
    keep_source,
    measure_source,
)
from collegium.backends.ports import Artifact, Snapshot
from collegium.domain.errors import Conflict, InvalidInput, NotFound, StorageFull, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import check_group_name, check_relative_path, check_user_name
from collegium.domain.volumes import Volume, VolumeKind

T = TypeVar("T")
MAX_ARTIFACTS = 10_000
#: How long discard waits for a run to end, in seconds.
_END_WITHIN = 10.0
#: Copies at a time; the rest of the thread pool stays free for short work such as reading logs.
_COPIES = 2


class FileVolumes:
    """What all backends share whose files are in folders: sources, artifacts and their end.

    ``max_bytes`` and ``max_files`` cap a snapshot.
    """

    def __init__(self, layout: Layout, max_bytes: int, max_files: int) -> None:
        self._layout, self._max_bytes, self._max_files = layout, max_bytes, max_files
        self._copying = asyncio.Semaphore(_COPIES)

    async def reuse_snapshot(self, job_id: str, earlier_job_id: str) -> None:
        """See VolumeProvider. The files are shared: nothing ever writes to a source."""
        await self._copy(lambda: self._reuse(job_id, earlier_job_id))

    async def read_source(self, job_id: str, path: str, limit: int) -> bytes | None:
        """See VolumeProvider."""
        return await asyncio.to_thread(self._read_source, job_id, path, limit)

    async def discard_artifacts(self, job_id: str) -> None:
        """See VolumeProvider."""
        await self._copy(lambda: self._discard_artifacts(job_id))

    async def discard(self, job_id: str) -> None:
        """See VolumeProvider. Runs that are not over are ended first; Unavailable if one does not end."""
        await self._copy(lambda: self._discard(job_id))

    async def snapshots(self) -> Mapping[str, datetime]:
        """See VolumeProvider."""
        return await asyncio.to_thread(self._snapshots)

    async def artifacts(self, key: str) -> Sequence[Artifact]:
        """See VolumeProvider."""
        return await asyncio.to_thread(self._artifacts, key)

    async def volumes(self, groups: Sequence[str]) -> Sequence[Volume]:
        """See VolumeProvider. Folders share the room of their disk."""
        return await asyncio.to_thread(self._volumes, groups)

    async def resize(self, group: str, name: str, size: int) -> None:
        """See VolumeProvider."""
        for volume in await self.volumes([group] if group else []):
            if (volume.group, volume.name) == (group, name):
                raise Conflict(f"{name} is a folder, which has as much room as its disk; nothing can be resized.")
        raise NotFound(f"There is no volume {name}.")

    def _volumes(self, groups: Sequence[str]) -> list[Volume]:
        disk = _disk(self._layout.root)
        return [Volume(VolumeKind.FILES, "disk", capacity=disk[0], used=disk[1], state="Ready")]

    async def open_artifact(self, key: str, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See VolumeProvider."""
        fd = await asyncio.to_thread(self._open_artifact, key, path)
        try:
            position = max(0, start)
            while end is None or position < end:
                most = tree.PIECE if end is None else min(tree.PIECE, end - position)
                piece = await asyncio.to_thread(os.pread, fd, most, position)
                if not piece:
                    return
                position += len(piece)
                yield piece
        finally:
            os.close(fd)

    async def _copy(self, work: Callable[[], T]) -> T:
        async with self._copying:
            return await asyncio.to_thread(work)

    def _snapshot_folder(self, job_id: str, home: Path, source: WorkingDirectory) -> Snapshot:
        """Copy out of a home that is a folder here."""
        there = measure_source(self._layout, job_id, self._max_files)
        if there is not None:
            return there
        with copy_problems(), self._layout.building() as build:
            taken = copy_working_directory(home, build, source, self._max_files, self._max_bytes)
            keep_source(self._layout, job_id, build)
        return taken

    def _reuse(self, job_id: str, earlier_job_id: str) -> None:
        earlier = job_folder(self._layout, earlier_job_id) / "source"
        if (job_folder(self._layout, job_id) / "source").is_dir():
            return
        with copy_problems(), self._layout.building() as build:
            if earlier.is_dir():
                budget = tree.Budget()
                source, target = tree.open_root(earlier), tree.open_root(build)
                try:
                    tree.copy_tree(source, target, budget, link=True)
                finally:
                    os.close(target)
                    os.close(source)
                tree.sync(build, budget.files)
            keep_source(self._layout, job_id, build)

    def _attempts(self, job_id: str) -> list[Path]:
        attempts = job_folder(self._layout, job_id) / "attempts"
        return list(attempts.iterdir()) if attempts.is_dir() else []

    def _read_source(self, job_id: str, path: str, limit: int) -> bytes | None:
        try:
            parts = check_relative_path(path).split("/")
            root = tree.open_root(job_folder(self._layout, job_id) / "source")
        except (InvalidInput, OSError):
            return None
        try:
            fd = tree.open_file(root, parts)
        except OSError:
            return None
        finally:
            os.close(root)
        with os.fdopen(fd, "rb") as file:
            data = file.read(limit + 1)
        return data if len(data) <= limit else None

    def _discard_artifacts(self, job_id: str) -> None:
        for attempt in self._attempts(job_id):
            folder = attempt / "artifacts"
            if folder.is_symlink():
                # The run put it there; where it leads is not ours.
                folder.unlink(missing_ok=True)
            else:
                tree.remove(folder)

    def _discard(self, job_id: str) -> None:
        """Remove the files of a job whose runs are over."""
        job, attempts = job_folder(self._layout, job_id), self._attempts(job_id)
        gone = self._layout.tmp / f"discard-{secrets.token_hex(8)}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(job, gone)
            sync_directory(self._layout.runs)
        for attempt in attempts:
            self._released(f"{job_id}.{attempt.name}")
            (self._layout.live / f"{job_id}.{attempt.name}").unlink(missing_ok=True)
        # Held, so that another instance that clears the leftovers of crashes keeps away.
        with contextlib.suppress(FileNotFoundError), locked(gone):
            tree.remove(gone)

    def _released(self, key: str) -> None:
        """A run's folder has just gone away."""

    def _snapshots(self) -> dict[str, datetime]:
        with os.scandir(self._layout.runs) as entries:
            found = {}
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    found[entry.name] = datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_mtime, UTC)
            return found

    def _artifacts(self, key: str) -> list[Artifact]:
        root = self._open_artifacts(key)
        if root is None:
            return []
        try:
            return [
                Artifact(path, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))
                for path, facts in tree.walk_files(root, MAX_ARTIFACTS)
            ]
        finally:
            os.close(root)

    def _open_artifacts(self, key: str) -> int | None:
        attempt = self._layout.known(key)
        if attempt is None:
            return None
        folder = tree.open_root(attempt)
        try:
            # Not followed: the run may have put a link in its place.
            return tree.open_folder(folder, ["artifacts"])
        except OSError:
            return None
        finally:
            os.close(folder)

    def _open_artifact(self, key: str, path: str) -> int:
        missing = NotFound("there is no such artifact", path=path)
        try:
            parts = check_relative_path(path).split("/")
        except InvalidInput as error:
            raise missing from error
        root = self._open_artifacts(key)
        if root is None:
            raise missing
        try:
            return tree.open_file(root, parts)
        except OSError as error:
            raise missing from error
        finally:
            os.close(root)


def _disk(path: Path) -> tuple[int | None, int | None]:
    """Room of the disk of a folder, and how much of it is taken."""
    try:
        facts = os.statvfs(path)
    except OSError:
        return None, None
    return facts.f_blocks * facts.f_frsize, (facts.f_blocks - facts.f_bfree) * facts.f_frsize


class LocalVolumes(FileVolumes):
    """Homes are folders below ``homes``; a new one starts as a copy of ``skeleton``."""

    def __init__(
        self,
        layout: Layout,
        homes: Path,
        limiter: Limiter,
        skeleton: Path | None,
        max_bytes: int,
        max_files: int,
    ) -> None:
        super().__init__(layout, max_bytes, max_files)
        self._homes, self._limiter, self._skeleton = homes, limiter, skeleton

    async def home(self, user: str, group: str) -> str:
        """See VolumeProvider. A new home starts as a copy of the skeleton, whole or not at all."""
        return str(await asyncio.to_thread(self._home, user, group))

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """See VolumeProvider. A job that has a source keeps it."""
        return await self._copy(lambda: self._snapshot_folder(job_id, self._home(user, group), source))

    def _volumes(self, groups: Sequence[str]) -> list[Volume]:
        found = super()._volumes(groups)
        wanted = set(groups)
        with contextlib.suppress(FileNotFoundError), os.scandir(self._homes) as users:
            for user in users:
                if user.name.startswith(".") or not user.is_dir(follow_symlinks=False):
                    continue
                with os.scandir(user.path) as homes:
                    mine = sorted(h.name for h in homes if h.name in wanted and h.is_dir(follow_symlinks=False))
                found += [Volume(VolumeKind.HOME, f"home-{user.name}", g, user.name, state="Ready") for g in mine]
        return found

    def _home(self, user: str, group: str) -> Path:
        place = self._homes / check_user_name(user)
        home = place / check_group_name(group)
        if home.is_dir() and not home.is_symlink():
            return home
        try:
            make_durable(place, self._homes)
            with locked(place):
                if not home.is_dir():
                    self._make_home(place, home)
        except OSError as error:
            if error.errno in tree.NO_ROOM:
                raise StorageFull("there is no room for a new home on the server's disk") from error
            raise Unavailable(f"the home could not be made: {error.strerror}") from error
        return home

    def _make_home(self, place: Path, home: Path) -> None:
        # No group's name begins with a dot. Whatever an earlier crash left of this is half a home.
        for left in place.glob(".new-*"):
            tree.remove(left)
        new = place / f".new-{secrets.token_hex(8)}"
        try:
            if self._skeleton is None:
                new.mkdir(mode=0o700)
            else:
                shutil.copytree(self._skeleton, new, symlinks=True)
                new.chmod(0o700)
                tree.sync(new, tree.SYNC_EACH + 1)
            os.rename(new, home)
            sync_directory(place)
        finally:
            tree.remove(new)

    def _discard(self, job_id: str) -> None:
        attempts = self._attempts(job_id)
        for attempt in attempts:
            if not (attempt / "exit.json").exists():
                wish_end(attempt, 0)
        until = time.monotonic() + _END_WITHIN
        while any(supervised(attempt) for attempt in attempts):
            if time.monotonic() > until:
                raise Unavailable(f"a run of job {job_id} does not end, its files cannot be removed yet")
            time.sleep(0.02)
        super()._discard(job_id)

    def _released(self, key: str) -> None:
        self._limiter.release(key)
