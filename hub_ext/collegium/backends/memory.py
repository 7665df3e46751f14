"""A backend of dictionaries for tests: nothing runs unless the test says so, and faults come when called."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from collegium.backends.memory_homes import MemoryHomes
from collegium.backends.ports import (
    Artifact,
    Backend,
    LogChunk,
    RunPhase,
    RunRequest,
    RunStatus,
    StartFailed,
    fill,
)
from collegium.domain.catalog import Dataset
from collegium.domain.datasets import Health, SourceHealth
from collegium.domain.errors import NotFound, Unavailable
from collegium.domain.jobs import JobReason
from collegium.domain.masking import Masker, Shapes
from collegium.domain.mounts import (
    DATASETS_AT,
    DATASETS_VARIABLE,
    PROJECT_VARIABLE,
    Mount,
    MountAbilities,
    folders_of,
)
from collegium.domain.names import check_group_name
from collegium.domain.quota import Limits
from collegium.domain.secrets import shapes
from collegium.domain.usage import Usage

MAX_ARTIFACTS = 10_000
PIECE = 1 << 20


@dataclass(frozen=True)
class Script:
    """What a run does as soon as it starts: write, leave artifacts, and end unless ``exit_code`` is None."""

    log: bytes = b""
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    exit_code: int | None = 0


@dataclass
class MemoryRun:
    """One run as the test sees it; ``executions`` must never pass 1."""

    status: RunStatus
    request: RunRequest | None = None
    argv: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    log: bytes = b""
    log_size: int = 0
    artifacts: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    executions: int = 0
    stopped: bool = False
    forgotten: bool = False
    listed: bool = False
    masker: Masker = field(default_factory=lambda: Masker(Shapes()))
    usage: Usage = field(default_factory=lambda: Usage(memory=((0.0, 1 << 20),)))


class MemorySources:
    """DatasetSources: what was made for each group, and of which datasets the test says that they are not well."""

    def __init__(self) -> None:
        self.made: dict[str, set[str]] = {}
        self.problems: dict[str, SourceHealth] = {}

    async def ensure(self, group: str, mounts: Sequence[Mount]) -> None:
        """See DatasetSources."""
        self.made.setdefault(group, set()).update(m.dataset for m in folders_of(mounts) if m.root is None)

    async def tidy(self, group: str, mounts: Sequence[Mount]) -> None:
        """See DatasetSources."""
        self.made[group] = self.made.get(group, set()) & {m.dataset for m in folders_of(mounts)}

    async def look(self, group: str, dataset: Dataset) -> SourceHealth:
        """See DatasetSources."""
        return self.problems.get(dataset.name, SourceHealth(dataset.name, Health.OK))


class MemoryBackend(MemoryHomes):
    """All ports at once; ``backend`` is the bundle to hand out.

    Runs stay RUNNING until ``finish``, ``lose`` or a stop, unless ``script`` said what they do. ``log_cap`` is how many
    of the newest bytes of a log are kept.
    """

    def __init__(self, max_files: int = 10_000, max_bytes: int = 512 << 20, log_cap: int = 64 << 20) -> None:
        super().__init__(max_files, max_bytes)
        self.runs: dict[str, MemoryRun] = {}
        self.data = MemorySources()
        self.groups: dict[str, Limits] = {}
        #: What opens registries, by group and name.
        self.pulls: dict[str, dict[str, str]] = {}
        #: Groups whose space cannot be made.
        self.broken_spaces: set[str] = set()
        #: Every call that changed a group's space: ``ensure`` or ``remove``, and the group.
        self.space_calls: list[tuple[str, str]] = []
        self._log_cap = log_cap
        self._scripts: dict[str, Script] = {}
        self._held: dict[str, str] = {}
        self._start_faults: list[Exception] = []
        self._observe_faults: list[Exception] = []
        self._followers: list[Callable[[], object]] = []

    @property
    def backend(self) -> Backend:
        """The ports, complete."""
        notice = "Nothing runs: this backend is for tests."
        mounts = MountAbilities(elsewhere=lambda _: "")
        return Backend("memory", self, self, self, self, notice, follow=self._follow, mounts=mounts, sources=self.data)

    # What tests do to it.

    def script(self, key: str, script: Script) -> None:
        """Say what the run with this key will do once started."""
        self._scripts[key] = script

    def hold(self, key: str, message: str) -> None:
        """The run, started or not, gets no further than STARTING and says why."""
        self._held[key] = message
        if key in self.runs:
            self.runs[key].status = replace(self.runs[key].status, message=message)

    def let_go(self, key: str) -> None:
        """A held run begins."""
        del self._held[key]
        run = self.runs[key]
        run.status = replace(run.status, phase=RunPhase.RUNNING, started_at=datetime.now(UTC), message="")

    def fail_next_start(self, error: Exception | None = None) -> None:
        """The next start raises this (Unavailable if not given) and has no effect. Calls add up."""
        self._start_faults.append(error or Unavailable("the backend does not answer"))

    def fail_next_observe(self, error: Exception | None = None) -> None:
        """The next observe raises this (Unavailable if not given). Calls add up."""
        self._observe_faults.append(error or Unavailable("the backend does not answer"))

    def finish(self, key: str, exit_code: int = 0, reason: JobReason | None = None, message: str = "") -> None:
        """End a run: SUCCEEDED for 0, else FAILED with ``reason`` (EXIT_CODE if not given)."""
        if exit_code == 0 and reason is None:
            self._end(key, RunPhase.SUCCEEDED, 0, None, message)
        else:
            message = message or f"exit code {exit_code}"
            self._end(key, RunPhase.FAILED, exit_code, reason or JobReason.EXIT_CODE, message)

    def lose(self, key: str) -> None:
        """The run is gone without a word."""
        self._end(key, RunPhase.LOST, None, JobReason.LOST, "the run was lost")

    def write_log(self, key: str, data: bytes) -> None:
        """The run writes to its output."""
        self._keep_log(self.runs[key], self.runs[key].masker.feed(data))

    def write_artifact(self, key: str, path: str, data: bytes) -> None:
        """The run leaves a file."""
        self.runs[key].artifacts[path] = (data, datetime.now(UTC))

    def measure(self, key: str, usage: Usage) -> None:
        """The run uses this."""
        self.runs[key].usage = usage

    # JobRunner

    async def start(self, request: RunRequest) -> None:
        """See JobRunner."""
        self._check_outage()
        if self._start_faults:
            raise self._start_faults.pop(0)
        if request.key.rpartition(".")[0] != request.job_id:
            raise StartFailed(f"run {request.key} is not of job {request.job_id}")
        if not request.argv:
            raise StartFailed("the command is empty")
        if not (request.image.environment or request.image.reference):
            raise StartFailed(f"image {request.image.name} names nothing to run in")
        places = {"python": "python", "artifacts": "/artifacts", "work": "/work"}
        argv = tuple(fill(word, **places) for word in request.argv)
        environment = {name: fill(value, **places) for name, value in request.environment.items()}
        environment.setdefault(DATASETS_VARIABLE, DATASETS_AT)
        for mount in folders_of(request.mounts):
            if not mount.dataset:
                environment.setdefault(PROJECT_VARIABLE, mount.path)
        environment.update(request.secrets)
        run = self.runs.get(request.key)
        if run is not None and (run.request is not None or run.forgotten):
            return
        self.since.setdefault(request.job_id, datetime.now(UTC))
        if run is not None:  # stopped before it was started
            run.listed, run.request = True, request
            return
        now = datetime.now(UTC)
        run = MemoryRun(RunStatus(request.key, RunPhase.RUNNING, now), request, argv, environment, listed=True)
        run.masker = Masker(Shapes(shapes(request.secrets.values())))
        self.runs[request.key] = run
        run.executions += 1
        self._ring()
        if request.key in self._held:
            run.status = RunStatus(request.key, RunPhase.STARTING, message=self._held[request.key])
            return
        script = self._scripts.get(request.key, Script(exit_code=None))
        self.write_log(request.key, script.log)
        for path, data in script.artifacts.items():
            self.write_artifact(request.key, path, data)
        if script.exit_code is not None:
            self.finish(request.key, script.exit_code)

    async def stop(self, key: str, grace_seconds: float = 10.0) -> None:
        """See JobRunner."""
        self._check_outage()
        run = self.runs.get(key)
        if run is None:
            status = RunStatus(
                key, RunPhase.FAILED, None, datetime.now(UTC), None, JobReason.CANCELLED, "cancelled before it started"
            )
            self.runs[key] = MemoryRun(status, stopped=True)
        elif not run.status.phase.final:
            run.stopped = True
            self._end(key, RunPhase.FAILED, 143, JobReason.CANCELLED, "ended on request")

    async def observe(self) -> Mapping[str, RunStatus]:
        """See JobRunner."""
        self._check_outage()
        if self._observe_faults:
            raise self._observe_faults.pop(0)
        return {key: run.status for key, run in self.runs.items() if run.listed}

    async def forget(self, key: str) -> None:
        """See JobRunner."""
        self._check_outage()
        run = self.runs.get(key)
        if run is not None and run.listed and run.status.phase.final:
            run.listed, run.forgotten = False, True

    # LogSource

    async def read(self, key: str, offset: int = 0, limit: int = 65536) -> LogChunk:
        """See LogSource."""
        run = self.runs.get(key)
        if run is None:
            return LogChunk(b"", 0, 0)
        if offset > run.log_size and not run.status.phase.final:
            return LogChunk(b"", offset, offset)
        wanted = max(0, run.log_size + offset) if offset < 0 else min(offset, run.log_size)
        first = run.log_size - len(run.log)
        begin = max(wanted, first)
        data = run.log[begin - first :][: max(0, limit)]
        end = begin + len(data)
        return LogChunk(data, begin, end, begin - wanted, run.status.phase.final and end == run.log_size)

    async def size(self, key: str) -> int:
        """See LogSource."""
        return self.runs[key].log_size if key in self.runs else 0

    async def usage(self, key: str) -> Usage:
        """See LogSource."""
        run = self.runs.get(key)
        return run.usage if run is not None and run.executions else Usage()

    # VolumeProvider, beside what MemoryHomes does

    async def discard_artifacts(self, job_id: str) -> None:
        """See VolumeProvider."""
        for key, run in self.runs.items():
            if key.rpartition(".")[0] == job_id:
                run.artifacts.clear()

    async def discard(self, job_id: str) -> None:
        """See VolumeProvider."""
        self.sources.pop(job_id, None)
        self.since.pop(job_id, None)
        for key in [key for key in self.runs if key.rpartition(".")[0] == job_id]:
            del self.runs[key]

    async def snapshots(self) -> Mapping[str, datetime]:
        """See VolumeProvider."""
        return dict(self.since)

    async def artifacts(self, key: str) -> Sequence[Artifact]:
        """See VolumeProvider."""
        kept = self.runs[key].artifacts if key in self.runs else {}
        return [Artifact(path, len(data), when) for path, (data, when) in sorted(kept.items())][:MAX_ARTIFACTS]

    async def open_artifact(self, key: str, path: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """See VolumeProvider."""
        kept = self.runs[key].artifacts if key in self.runs else {}
        if path not in kept:
            raise NotFound("there is no such artifact", path=path)
        data = kept[path][0][max(0, start) : end]
        for position in range(0, len(data), PIECE):
            yield data[position : position + PIECE]

    # GroupSpace

    async def ensure(self, group: str, limits: Limits) -> None:
        """See GroupSpace."""
        self._check_outage()
        if group in self.broken_spaces:
            raise Unavailable(f"the space of {group} cannot be made")
        self.space_calls.append(("ensure", group))
        self.groups[check_group_name(group)] = limits

    async def pull_secrets(self, group: str, contents: Mapping[str, str]) -> None:
        """See GroupSpace."""
        self._check_outage()
        self.pulls[check_group_name(group)] = dict(contents)

    async def remove(self, group: str) -> None:
        """See GroupSpace."""
        self._check_outage()
        self.space_calls.append(("remove", group))
        self.groups.pop(check_group_name(group), None)

    def _end(self, key: str, phase: RunPhase, code: int | None, reason: JobReason | None, message: str) -> None:
        run = self.runs[key]
        if run.status.phase.final:
            raise ValueError(f"run {key} is over already: {run.status.phase}")
        self._keep_log(run, run.masker.close())
        run.status = replace(
            run.status, phase=phase, finished_at=datetime.now(UTC), exit_code=code, reason=reason, message=message
        )

        self._ring()

    def _ring(self) -> None:
        for heard in list(self._followers):
            heard()

    def _follow(self, heard: Callable[[], object]) -> Callable[[], None]:
        self._followers.append(heard)
        return lambda: self._followers.remove(heard)

    def _keep_log(self, run: MemoryRun, data: bytes) -> None:
        run.log_size += len(data)
        run.log = (run.log + data)[-self._log_cap :]
