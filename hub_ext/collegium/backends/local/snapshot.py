"""Copying a working directory out of a home: what is taken, what is too much, and which field is to blame."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from collegium.backends.local import tree
from collegium.backends.local.layout import Layout, make_durable, sync_directory
from collegium.backends.ports import Snapshot
from collegium.domain.errors import InvalidInput, StorageFull, TooLarge, Unavailable
from collegium.domain.jobs import WorkingDirectory
from collegium.domain.names import check_relative_path

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
        "lost+found",
        "node_modules",
    }
)
_FIELD = "working_directory"


def copy_working_directory(
    home: Path, build: Path, source: WorkingDirectory, max_files: int, max_bytes: int
) -> Snapshot:
    """Copy ``source`` out of a home into the empty folder ``build`` and put it on disk.

    Raises InvalidInput (field ``working_directory…``), TooLarge above the caps, and OSError.
    """
    budget = tree.Budget(max_files, max_bytes)
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
        raise _too_large(error, source) from error
    except PermissionError as error:
        raise InvalidInput(_FIELD, "holds something that cannot be read", error.filename) from error
    finally:
        os.close(target)
        os.close(root)
    tree.sync(build, budget.files)
    return Snapshot(budget.files, budget.bytes)


def check_working_directory(source: WorkingDirectory) -> None:
    """Refuse paths that cannot be any, before anything is started for them. Raises InvalidInput."""
    check_relative_path(source.path, f"{_FIELD}.path")
    for index, path in enumerate(source.files or ()):
        check_relative_path(path, f"{_FIELD}.files.{index}")


@contextlib.contextmanager
def copy_problems() -> Iterator[None]:
    """Turn what a file system says while files are copied into StorageFull or Unavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in tree.NO_ROOM:
            raise StorageFull("there is no room for the job's files on the server's disk") from error
        raise Unavailable(f"the job's files could not be copied: {error.strerror}") from error


def job_folder(layout: Layout, job_id: str) -> Path:
    """A job's folder. Raises InvalidInput for what is not a job id."""
    try:
        return layout.job(job_id)
    except ValueError as error:
        raise InvalidInput("job_id", "is not a job id", job_id) from error


def keep_source(layout: Layout, job_id: str, build: Path) -> None:
    """Make a finished folder in ``layout.tmp`` the job's source, unless it has one. Raises OSError."""
    job = job_folder(layout, job_id)
    made = not job.exists()
    make_durable(job, layout.root)
    try:
        os.rename(build, job / "source")
        sync_directory(job)
    except OSError as error:
        if made:
            with contextlib.suppress(OSError):
                job.rmdir()
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def measure_source(layout: Layout, job_id: str, most: int) -> Snapshot | None:
    """What the job's source holds, counting ``most`` files; None if it has none yet."""
    source = job_folder(layout, job_id) / "source"
    if not source.is_dir():
        return None
    fd = tree.open_root(source)
    try:
        sizes = [facts.st_size for _, facts in tree.walk_files(fd, most)]
    finally:
        os.close(fd)
    return Snapshot(len(sizes), sum(sizes))


def _too_large(error: tree.TooMuch, source: WorkingDirectory) -> TooLarge:
    if error.what == "depth":
        message = f"folders below the working directory are nested deeper than {error.limit} levels"
        return TooLarge(message, field=_FIELD, limit=error.limit)
    what, advice = {
        "files": (f"{error.limit:,} files", "choose a smaller folder or list the files that the job needs"),
        "bytes": (f"{error.limit / (1 << 20):,.0f} MiB", "put large data into a dataset, or list the files"),
    }[error.what]
    message = f"the working directory holds more than {what}; {advice}"
    return TooLarge(message, field=_FIELD, value=source.path, counted=error.what, limit=error.limit)


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
        field = f"{_FIELD}.files.{index}"
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
