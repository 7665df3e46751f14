"""Datasets and shared files of workloads on this machine: mounts where a trial shows that they work here, else links.

A workload has a folder of its own in which it finds ``datasets/<name>`` and ``project/<group>``. With mounts these are
empty folders for everybody else, and what is read-only cannot be written there. Links look the same and hold nobody
back. Both are by the same Unix account: who knows where the files really are, and means to, still gets at them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from collegium.backends.local import exec_mounted, tree
from collegium.domain.catalog import Dataset, SourceKind
from collegium.domain.datasets import Health, SourceHealth
from collegium.domain.errors import Unavailable
from collegium.domain.mounts import (
    DATASETS_VARIABLE,
    PROJECT_VARIABLE,
    Mount,
    MountAbilities,
    folders_of,
)

#: What a workload's folder holds for it.
PLACES = DATASETS, PROJECT = "datasets", "project"
_NOTICES = {
    "links": (
        "Datasets are links to where they are: this machine lets nobody mount, so that read-only ones can be written"
        " by any workload."
    ),
    "mounts": (
        "Read-only datasets cannot be written where workloads find them. That is no wall: everything runs under one"
        " Unix account."
    ),
}
_NO_STORE = "shared files and datasets are kept in object storage; read them as collegium://<group>/<path>"


@dataclass(frozen=True)
class Mounter:
    """Mounts by one kind of step (``private``, ``private\\tuser``), or links if it has none. ``store`` is where the
    trees of the file store are, None if they are not on this machine."""

    step: str = ""
    store: Path | None = None

    @classmethod
    def detect(cls, store: Path | None) -> Mounter:
        """The strongest that really works here, tried once per process."""
        return cls(_tried(), store)

    @property
    def enforced(self) -> bool:
        """Are these mounts?"""
        return bool(self.step)

    @property
    def notice(self) -> str:
        """A sentence for users: what is enforced."""
        return _NOTICES["mounts" if self.enforced else "links"]

    @property
    def abilities(self) -> MountAbilities:
        """What can be mounted here."""
        store = "" if self.store is not None else _NO_STORE
        return MountAbilities(store, source_problem, self.enforced, self.notice, rooted=False)

    def source(self, mount: Mount) -> tuple[str, str]:
        """Where the files of a mount are: what the operator chose, and the path below it that is never a link."""
        if mount.root is None:
            return mount.source["path"], ""
        assert self.store is not None, "planned with what is possible here"
        return str(self.store), f"{mount.root.owner}/{mount.root.area}"

    def steps(self, folder: Path, mounts: Iterable[Mount]) -> list[str]:
        """Steps for ``exec_mounted`` that fill the places below a workload's folder; none for links."""
        if not self.enforced:
            return []
        steps = [["bind", *self.source(m), str(place(folder, m)), m.access.value] for m in folders_of(mounts)]
        return [self.step, *("\t".join(step) for step in steps)] if steps else []

    def prepare(self, folder: Path, mounts: Iterable[Mount]) -> None:
        """Make these places anew. Raises Unavailable for a tree that is not there, OSError."""
        clear(folder)
        (folder / DATASETS).mkdir(mode=0o700)
        for mount in folders_of(mounts):
            source, target = os.path.join(*self.source(mount)), place(folder, mount)
            if not os.path.isdir(source):
                raise Unavailable(f"{mount.dataset or 'the shared files'}: the folder is not there (any more)")
            target.parent.mkdir(mode=0o700, exist_ok=True)
            if self.enforced:
                target.mkdir(mode=0o700)
            else:
                os.symlink(source, target)


def place(folder: Path, mount: Mount) -> Path:
    """Where a workload finds a mount below its folder."""
    return folder / (DATASETS if mount.dataset else PROJECT) / mount.name


def clear(folder: Path) -> None:
    """Remove the places of mounts from a workload's folder, and nothing that they lead to. Raises OSError."""
    for name in PLACES:
        tree.remove(folder / name)


def variables(folder: Path, mounts: Iterable[Mount]) -> dict[str, str]:
    """Variables that say where a workload finds its mounts."""
    found = {DATASETS_VARIABLE: str(folder / DATASETS)}
    for mount in folders_of(mounts):
        if not mount.dataset:
            found[PROJECT_VARIABLE] = str(place(folder, mount))
    return found


def wrap(steps: Sequence[str], argv: Sequence[str]) -> list[str]:
    """``argv`` with a prefix that carries out the steps and then becomes the program."""
    return [sys.executable, "-I", "-S", exec_mounted.__file__, *steps, "--", *argv] if steps else list(argv)


def source_problem(dataset: Dataset) -> str:
    """Why a dataset that lies elsewhere cannot be mounted on this machine, empty if it can."""
    match dataset.kind:
        case SourceKind.FOLDER:
            path = dataset.source.get("path", "")
            return "" if path.startswith("/") and path.isprintable() else "its source names no path from /"
        case SourceKind.S3:
            return "it is in object storage and is not mounted; read it as collegium://"
        case kind:
            return f"a source of kind {kind.value} is mounted on Kubernetes only"


class LocalSources:
    """DatasetSources: folders of this machine are there or not, and nothing is to be made."""

    async def ensure(self, group: str, mounts: Sequence[Mount]) -> None:
        """See DatasetSources."""

    async def tidy(self, group: str, mounts: Sequence[Mount]) -> None:
        """See DatasetSources."""

    async def look(self, group: str, dataset: Dataset) -> SourceHealth:
        """See DatasetSources."""
        if problem := source_problem(dataset):
            return SourceHealth(dataset.name, Health.UNKNOWN, problem)
        path = dataset.source["path"]
        if not os.path.isdir(path):
            return SourceHealth(dataset.name, Health.MISSING, f"there is no folder {path} on this machine")
        if not os.access(path, os.R_OK | os.X_OK):
            return SourceHealth(dataset.name, Health.BROKEN, f"the folder {path} cannot be read")
        return SourceHealth(dataset.name, Health.OK)


@functools.cache
def _tried() -> str:
    for step in ("private", "private\tuser"):
        if _works(step):
            return step
    return ""


def _works(step: str) -> bool:
    """Try it in a child: what is mounted read-only is seen there and cannot be written."""
    with (
        tempfile.TemporaryDirectory(prefix="collegium-") as name,
        contextlib.suppress(OSError, subprocess.SubprocessError),
    ):
        here, there = os.path.join(name, "here"), os.path.join(name, "there")
        os.mkdir(here)
        os.mkdir(there)
        Path(here, "seen").touch()
        steps = [step, "\t".join(["bind", here, "", there, "ro"])]
        script = 'test -e "$0/seen" && ! touch "$0/new"'
        trial = subprocess.run(
            wrap(steps, ["/bin/sh", "-c", script, there]), capture_output=True, timeout=10, check=False
        )
        return trial.returncode == 0 and not os.path.exists(os.path.join(here, "new"))
    return False
