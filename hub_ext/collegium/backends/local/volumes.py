"""VolumeProvider on this machine: homes are folders, a job's files live in its run folder."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from collegium.backends.local import tree
from collegium.backends.local.layout import Layout, locked, make_durable, supervised, sync_directory, wish_end
from collegium.backends.local.limits import Limiter
from collegium.backends.ports import Artifact, Snapshot
from collegium.domain.errors import InvalidInput, NotFound, StorageFull, TooLarge, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import check_group_name, check_relative_path, check_user_name

T = TypeVar("T")
MAX_ARTIFACTS = 10_000
#: Left out when a whole folder goes with a job: caches, histories, environments, and what earlier jobs left.
SKIPPED = frozenset(
    {
        ".cache",
        ".git",
        ".ipynb_checkpoints",
        ".jupyter",
        ".local",
        ".venv",
        "__pycache__",
        "job-artifacts",
        "node_modules",
    }
)
_FIELD = "working_directory"
#: How long discard waits for a run to end, in seconds.
_END_WITHIN = 10.0
#: Copies at a time; the rest of the thread pool stays free for short work such as reading logs.
_COPIES = 2


class LocalVolumes:
    """Folders. ``max_bytes`` and ``max_files`` cap a snapshot."""

    def __init__(
        self,
        layout: Layout,
        homes: Path,
        limiter: Limiter,
        skeleton: Path | None,
        max_bytes: int,
        max_files: int,
    ) -> None:
        self._layout, self._homes, self._limiter, self._skeleton = layout, homes, limiter, skeleton
        self._max_bytes, self._max_files = max_bytes, max_files
        self._copying = asyncio.Semaphore(_COPIES)

    async def home(self, user: str, group: str) -> str:
        """See VolumeProvider. A new home starts as a copy of the skeleton, whole or not at all."""
        return str(await asyncio.to_thread(self._home, user, group))

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """See VolumeProvider. A job that has a source keeps it."""
        return await self._copy(lambda: self._snapshot(job_id, user, group, source))

    async def reuse_snapshot(self, job_id: str, earlier_job_id: str) -> None:
        """See VolumeProvider. The files are shared: nothing ever writes to a source."""
        await self._copy(lambda: self._reuse(job_id, earlier_job_id))

    async def discard(self, job_id: str) -> None:
        """See VolumeProvider. Runs that are not over are ended first; Unavailable if one does not end."""
        await self._copy(lambda: self._discard(job_id))

    async def snapshots(self) -> Mapping[str, datetime]:
        """See VolumeProvider."""
        return await asyncio.to_thread(self._snapshots)

    async def artifacts(self, key: str) -> Sequence[Artifact]:
        """See VolumeProvider."""
        return await asyncio.to_thread(self._artifacts, key)

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

    def _snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        home = self._home(user, group)
        with self._source(job_id) as build:
            if build is None:
                return self._measure(job_id)
            budget = tree.Budget(self._max_files, self._max_bytes)
            root, target = tree.open_root(home), tree.open_root(build)
            try:
                folder = _open_working_directory(root, source.path)
                try:
                    if source.files is None:
                        tree.copy_tree(folder, target, budget, SKIPPED)
                    else:
                        _copy_listed(folder, target, source.files, budget)
                finally:
                    os.close(folder)
            except tree.TooMuch as error:
                raise self._too_large(error, source) from error
            except PermissionError as error:
                raise InvalidInput(_FIELD, "holds something that cannot be read", error.filename) from error
            finally:
                os.close(target)
                os.close(root)
            tree.sync(build, budget.files)
            return Snapshot(budget.files, budget.bytes)

    @contextlib.contextmanager
    def _source(self, job_id: str) -> Iterator[Path | None]:
        """A folder to fill that becomes the job's source if nothing is raised; None if the job has one already."""
        job = _job(self._layout, job_id)
        source = job / "source"
        if source.is_dir():
            yield None
            return
        try:
            with self._layout.building() as build:
                yield build
                made = not job.exists()
                make_durable(job, self._layout.root)
                try:
                    os.rename(build, source)
                    sync_directory(job)
                except OSError as error:
                    if made:
                        with contextlib.suppress(OSError):
                            job.rmdir()
                    if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                        raise
        except OSError as error:
            if error.errno in tree.NO_ROOM:
                raise StorageFull("there is no room for the job's files on the server's disk") from error
            raise Unavailable(f"the job's files could not be copied: {error.strerror}") from error

    def _measure(self, job_id: str) -> Snapshot:
        fd = tree.open_root(self._layout.job(job_id) / "source")
        try:
            sizes = [facts.st_size for _, facts in tree.walk_files(fd, self._max_files)]
        finally:
            os.close(fd)
        return Snapshot(len(sizes), sum(sizes))

    def _too_large(self, error: tree.TooMuch, source: WorkingDirectory) -> TooLarge:
        if error.what == "depth":
            message = f"folders below the working directory are nested deeper than {error.limit} levels"
            return TooLarge(message, field=_FIELD, limit=error.limit)
        what, advice = {
            "files": (f"{error.limit:,} files", "choose a smaller folder or list the files that the job needs"),
            "bytes": (f"{error.limit / (1 << 20):,.0f} MiB", "put large data into a dataset, or list the files"),
        }[error.what]
        message = f"the working directory holds more than {what}; {advice}"
        return TooLarge(message, field=_FIELD, value=source.path, counted=error.what, limit=error.limit)

    def _reuse(self, job_id: str, earlier_job_id: str) -> None:
        earlier = _job(self._layout, earlier_job_id) / "source"
        with self._source(job_id) as build:
            if build is None or not earlier.is_dir():
                return
            budget = tree.Budget()
            source, target = tree.open_root(earlier), tree.open_root(build)
            try:
                tree.copy_tree(source, target, budget, link=True)
            finally:
                os.close(target)
                os.close(source)
            tree.sync(build, budget.files)

    def _discard(self, job_id: str) -> None:
        job = _job(self._layout, job_id)
        if not job.is_dir():
            return
        attempts = list((job / "attempts").iterdir()) if (job / "attempts").is_dir() else []
        for attempt in attempts:
            if not (attempt / "exit.json").exists():
                wish_end(attempt, 0)
        until = time.monotonic() + _END_WITHIN
        while any(supervised(attempt) for attempt in attempts):
            if time.monotonic() > until:
                raise Unavailable(f"a run of job {job_id} does not end, its files cannot be removed yet")
            time.sleep(0.02)
        gone = self._layout.tmp / f"discard-{secrets.token_hex(8)}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(job, gone)
            sync_directory(self._layout.runs)
        for attempt in attempts:
            self._limiter.release(f"{job_id}.{attempt.name}")
            (self._layout.live / f"{job_id}.{attempt.name}").unlink(missing_ok=True)
        # Held, so that another instance that clears the leftovers of crashes keeps away.
        with contextlib.suppress(FileNotFoundError), locked(gone):
            tree.remove(gone)

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


def _job(layout: Layout, job_id: str) -> Path:
    try:
        return layout.job(job_id)
    except ValueError as error:
        raise InvalidInput("job_id", "is not a job id", job_id) from error


def _open_working_directory(home: int, path: str) -> int:
    field = f"{_FIELD}.path"
    parts = [part for part in check_relative_path(path, field).split("/") if part]
    try:
        return tree.open_folder(home, parts)
    except OSError as error:
        raise InvalidInput(field, _problem(error, "folder"), path) from error


def _copy_listed(folder: int, target: int, files: Sequence[str], budget: tree.Budget) -> None:
    seen: set[str] = set()
    for index, path in enumerate(files):
        field = f"{_FIELD}.files[{index}]"
        clean = check_relative_path(path, field)
        if clean in seen:
            continue
        seen.add(clean)
        parts = clean.split("/")
        try:
            fd = tree.open_file(folder, parts)
        except OSError as error:
            raise InvalidInput(field, _problem(error, "file"), path) from error
        try:
            _copy_below(fd, target, parts, budget)
        finally:
            os.close(fd)


def _copy_below(fd: int, target: int, parts: Sequence[str], budget: tree.Budget) -> None:
    if len(parts) == 1:
        tree.copy_file(fd, target, parts[0], budget)
        return
    with tree.made_folder(target, parts[0]) as below:
        _copy_below(fd, below, parts[1:], budget)


def _problem(error: OSError, wanted: str) -> str:
    if error.errno == errno.ENOENT:
        return f"is not in your home: there is no such {wanted}"
    if error.errno == errno.EACCES:
        return "cannot be read"
    return f"is not a {wanted} in your home; symbolic links and special files are not taken"
