"""The narrow ports through which Collegium acts on the world.

Every verb is idempotent and keyed by our own ids, so that it may be repeated after a crash at any moment. States,
retries, queues and quota live above the ports, once. ``tests/contract`` runs the same suite on every implementation.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from collegium.domain.catalog import Dataset, Image, Placement
from collegium.domain.datasets import SourceHealth
from collegium.domain.jobs import JobReason, WorkingDirectory
from collegium.domain.mounts import Mount, MountAbilities
from collegium.domain.quota import Limits
from collegium.domain.resources import Resources
from collegium.domain.usage import Usage
from collegium.domain.volumes import Volume

#: In the argv of a request: replaced by the image's Python interpreter.
PYTHON = "{python}"
#: In argv and environment values: replaced by the run's artifacts directory, as the run sees it.
ARTIFACTS = "{artifacts}"
#: In argv and environment values: replaced by the run's working directory, as the run sees it.
WORK = "{work}"


class RunPhase(enum.StrEnum):
    """What a backend knows of a run. LOST: it was started and left no word of its end."""

    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"

    @property
    def final(self) -> bool:
        """True once the run is over, whatever the end."""
        return self not in (RunPhase.STARTING, RunPhase.RUNNING)


@dataclass(frozen=True)
class RunRequest:
    """One attempt of a job, ready to run.

    ``argv`` is an argument vector (no shell is added). The placeholders PYTHON, ARTIFACTS and WORK are replaced in
    argv and environment values only where the request itself holds them; user text is escaped by ``literal``.
    ``resources`` are enforced; ``requests`` are what is set aside for it where that can be less. ``timeout_seconds``
    (0: none) is kept by the controller; a backend may fence it once more, a little later.

    ``secrets`` are variables like those of ``environment``, taken as they are and stronger than those of the same name.
    A backend keeps them where nobody but the run can read them and no longer than the run goes on, and what LogSource
    gives never holds them (``collegium.domain.secrets.shapes``): it masks them before they are stored wherever it
    writes the log itself, else whenever it reads and for good once the run is over. Artifacts are the run's own affair.

    ``mounts`` are the shared files and datasets that it finds; those with a problem are left out. Whoever asks has seen
    to it that their trees are there.
    """

    key: str
    job_id: str
    group: str
    user: str
    argv: Sequence[str]
    image: Image
    resources: Resources
    environment: Mapping[str, str] = field(default_factory=dict)
    requests: Resources = field(default_factory=Resources)
    placement: Placement = field(default_factory=Placement)
    timeout_seconds: int = 0
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    mounts: Sequence[Mount] = ()


@dataclass(frozen=True)
class RunStatus:
    """What is known of one run. ``reason`` is set on final phases other than SUCCEEDED.

    ``message`` is for people: while STARTING what it waits for (an image, a node), at the end what went wrong.
    ``image`` is the container image that really runs, by its digest, where that is known.
    """

    key: str
    phase: RunPhase
    started_at: datetime | None = None
    finished_at: datetime | None = None
    exit_code: int | None = None
    reason: JobReason | None = None
    message: str = ""
    image: str = ""


class JobRunner(Protocol):
    """Runs attempts of jobs."""

    async def start(self, request: RunRequest) -> None:
        """Start the run, or do nothing if this key was ever started.

        Returns once the start is durable: after that a crash of the caller neither loses nor doubles it. Raises
        StartFailed if this request can never start, Unavailable if trying again may help.
        """

    async def stop(self, key: str, grace_seconds: float = 10.0) -> None:
        """Ask the run and its children to end, and end them by force after the grace. Unknown keys are fine.

        Returns at once; the end is seen through ``observe``. A key that was never started can no longer start.
        """

    async def observe(self) -> Mapping[str, RunStatus]:
        """Every run that is known and not forgotten, by key."""

    async def forget(self, key: str) -> None:
        """Drop the bookkeeping of a finished run; its log and artifacts stay. Unknown or live keys are left alone."""


@dataclass(frozen=True)
class LogChunk:
    """A piece of a run's log: ``data`` starts at byte ``offset`` of all that was ever written.

    ``gap`` bytes just before ``offset`` are gone (the log was over its cap). ``complete`` is True when the run is over
    and nothing follows ``next_offset``.
    """

    data: bytes
    offset: int
    next_offset: int
    gap: int = 0
    complete: bool = False


class LogSource(Protocol):
    """Reads logs and measurements, while the run goes on and for as long as the job's record is kept."""

    async def read(self, key: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        """Up to ``limit`` bytes from ``offset``, from the end if it is negative. Unknown keys give an empty chunk."""

    async def size(self, key: str) -> int:
        """Bytes ever written, including those no longer kept."""

    async def usage(self, key: str) -> Usage:
        """What the run has used since its start, as far as it was measured; cheap. Unknown keys give nothing."""


@dataclass(frozen=True)
class Snapshot:
    """What a snapshot holds."""

    files: int
    size: int


@dataclass(frozen=True)
class Artifact:
    """A file that a run left in its artifacts directory; ``path`` is relative, ``size`` in bytes."""

    path: str
    size: int
    modified_at: datetime


class VolumeProvider(Protocol):
    """Homes, snapshots of working directories, and artifacts."""

    async def home(self, user: str, group: str) -> str:
        """Where the user's home in this group is, made if it is not there yet: a path here, or the name of a claim."""

    async def snapshot(self, job_id: str, user: str, group: str, source: WorkingDirectory) -> Snapshot:
        """Copy files of the user's home as the job's source; symbolic links are not followed.

        Raises InvalidInput (field ``working_directory…``) for what is missing or leads outside, TooLarge above the
        backend's caps, StorageFull. Nothing is left behind on failure.
        """

    async def reuse_snapshot(self, job_id: str, earlier_job_id: str) -> None:
        """Give ``job_id`` the same source as an earlier job; a job without one gives an empty source."""

    async def read_source(self, job_id: str, path: str, limit: int) -> bytes | None:
        """A file of a job's source whole; None if there is no such file, or if it is larger than ``limit`` bytes."""

    async def discard(self, job_id: str) -> None:
        """Remove all files of a job: source, logs, artifacts."""

    async def discard_artifacts(self, job_id: str) -> None:
        """Remove the artifacts of a job that is over; source and logs stay. Unknown jobs are fine."""

    async def snapshots(self) -> Mapping[str, datetime]:
        """Ids of all jobs that have files here, and since when, so that orphans of a crash can be found."""

    async def artifacts(self, key: str) -> Sequence[Artifact]:
        """What the run left, sorted by path; at most 10,000."""

    def open_artifact(self, key: str, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes [start, end) of one artifact in pieces of at most 1 MiB. Raises NotFound before the first piece."""

    async def volumes(self, groups: Sequence[str]) -> Sequence[Volume]:
        """What there is for these groups, and for all of them together; each (group, name) once. Raises Unavailable."""

    async def resize(self, group: str, name: str, size: int) -> None:
        """Ask for this many bytes; done when ``volumes`` says so. Raises NotFound, Conflict with the reason where that
        is not possible, and Unavailable.
        """


class GroupSpace(Protocol):
    """What a group needs to exist at a backend, and a fence behind the ledger where the backend has one."""

    async def ensure(self, group: str, limits: Limits) -> None:
        """Make or update the group's space."""

    async def remove(self, group: str) -> None:
        """Remove the group's space, but no data."""

    async def pull_secrets(self, group: str, contents: Mapping[str, str]) -> None:
        """Make these secrets, and no others of ours, open registries for the group's images: by name what Docker has in
        its ``config.json``. A backend that pulls no images does nothing. Raises Unavailable."""


class DatasetSources(Protocol):
    """Datasets that are not in the file store, where a group's workloads run."""

    async def ensure(self, group: str, mounts: Sequence[Mount]) -> None:
        """Make what workloads of the group need to mount these. One source that is not well keeps no other: what could
        not be made is found by ``look``. Raises Unavailable."""

    async def tidy(self, group: str, mounts: Sequence[Mount]) -> None:
        """Remove what ``ensure`` made and the group needs no more, these being all that it needs; no data goes. What a
        workload still has goes when that has ended. Raises Unavailable."""

    async def look(self, group: str, dataset: Dataset) -> SourceHealth:
        """Whether workloads of this group can have this dataset now, by a look at its source; cheap enough to be asked
        every minute. UNKNOWN if that cannot be seen from here. The answer names no group where it holds for all."""


class StartFailed(Exception):
    """This run cannot start, and trying again will not help. The message may be shown."""


@dataclass(frozen=True)
class Backend:
    """One place to run things, complete. ``notice`` says what it does and does not enforce.

    ``close`` lets go of connections and tasks, where a backend has any; it runs on the loop that used them. ``follow``
    takes whom to call on the running loop as soon as a run may have begun or ended, and answers with what ends that;
    it spares waiting, and ``observe`` alone says what is. ``mounts`` says what can be mounted here, and ``sources``
    looks after datasets that are not in the file store.
    """

    name: str
    jobs: JobRunner
    logs: LogSource
    volumes: VolumeProvider
    space: GroupSpace
    notice: str = ""
    close: Callable[[], Awaitable[None]] | None = None
    follow: Callable[[Callable[[], object]], Callable[[], None]] | None = None
    mounts: MountAbilities = field(default_factory=MountAbilities)
    sources: DatasetSources | None = None


def literal(text: str) -> str:
    """User text that must reach the run unchanged even if it holds a placeholder such as ``{work}``."""
    return text.replace("{", "{{").replace("}", "}}")


def fill(text: str, python: str, artifacts: str, work: str) -> str:
    """Replace the placeholders and undo ``literal``."""
    return text.format(python=python, artifacts=artifacts, work=work)
