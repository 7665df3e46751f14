"""Jobs for plain programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from collegium_client import operations
from collegium_client.download import Download
from collegium_client.errors import CollegiumError, TimedOut
from collegium_client.exchange import raise_unless_passing
from collegium_client.models import (
    ArtifactOut,
    BatchJobIn,
    BulkFilter,
    BulkOut,
    FiguresOut,
    JobDetail,
    JobEdit,
    JobIn,
    JobOut,
    RerunIn,
)
from collegium_client.outcome import (
    FINAL,
    FIRST_LOOK,
    LAST_LOOK,
    AnyJob,
    body_of,
    failure,
    job_body,
    key_of,
    status_of,
    target_of,
    words,
)
from collegium_client.sse import EventReader, LogEnd, LogPiece, LogPlace
from collegium_client.wire import Operation

if TYPE_CHECKING:
    from collegium_client.client import Client

Progress = Callable[[int, int], None]
# A class below has a method of the name ``list``.
Artifacts = list[ArtifactOut]
EVENTS, ANYTHING = "text/event-stream", "*/*"


class JobHandle:
    """A job: what it was when last looked at, and what can be done with it."""

    def __init__(self, jobs: Jobs, job: AnyJob, created: bool = True) -> None:
        self._jobs = jobs
        self.job: AnyJob = job
        #: False if a submit with the same key had made it before.
        self.created = created

    def __repr__(self) -> str:
        return f"<job {self.id} {self.job.name!r} {self.state}>"

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def group(self) -> str:
        """The group it belongs to."""
        return self.job.group

    @property
    def state(self) -> str:
        """Its state when last looked at."""
        return str(self.job.state)

    @property
    def over(self) -> bool:
        """Is nothing more going to happen?"""
        return self.state in FINAL

    @property
    def succeeded(self) -> bool:
        """Did it end well?"""
        return self.state == "Succeeded"

    @property
    def exit_status(self) -> int | None:
        """What ``collegium jobs wait`` ends with; None while the job is not over."""
        return status_of(self.job) if self.over else None

    def refresh(self) -> JobHandle:
        """Look again."""
        self.job = self._jobs.get(self.id, self.group)
        return self

    def wait(
        self, timeout: float | None = None, *, check: bool = False, on_change: Callable[[AnyJob], None] | None = None
    ) -> AnyJob:
        """The job when it is over.

        Raises TimedOut after ``timeout`` seconds (the job goes on), and with ``check`` JobFailed unless it succeeded.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        pause, seen = FIRST_LOOK, None
        while True:
            self.refresh()
            now = (self.job.state, self.job.reason, self.job.queue_position)
            if now != seen:
                pause, seen = FIRST_LOOK, now
                if on_change:
                    on_change(self.job)
            if self.over:
                break
            left = pause if limit is None else min(pause, limit - time.monotonic())
            if left <= 0:
                raise TimedOut(f"The job {self.id} is still {self.state} after {timeout:g} seconds.")
            time.sleep(left)
            pause = min(LAST_LOOK, pause * 1.4)
        if check and not self.succeeded:
            raise failure(self.job)
        return self.job

    def logs(self, *, attempt: int | None = None, tail: int | None = None) -> str:
        """The log as it is now; ``tail`` only its last bytes."""
        return self._jobs.logs(self.id, self.group, attempt=attempt, tail=tail)

    def follow(self, *, attempt: int | None = None, tail: int | None = None) -> Iterator[LogPiece]:
        """The log as it grows, to the job's end. A connection that breaks is taken up where it broke."""
        return self._jobs.follow(self.id, self.group, attempt=attempt, tail=tail)

    def cancel(self) -> JobHandle:
        """Ask for its end."""
        self.job = self._jobs.cancel(self.id, self.group)
        return self

    def rerun(self, *, exact: bool = True, key: str | None = None) -> JobHandle:
        """The same job again, from the same files, as a new one; see ``Jobs.rerun``."""
        return self._jobs.rerun(self.id, self.group, exact=exact, key=key)

    def edit(self, **changes: Any) -> JobHandle:
        """Change ``notes``, ``tags``, or the ``priority`` of one that waits."""
        self.job = self._jobs.edit(self.id, self.group, **changes)
        return self

    def delete(self) -> None:
        """Remove it with its files; it must be over."""
        self._jobs.delete(self.id, self.group)

    def metrics(self) -> FiguresOut:
        """The figures that it told of itself."""
        return self._jobs.metrics(self.id, self.group)

    def artifacts(self) -> Artifacts:
        """The files that its latest attempt left."""
        return self._jobs.artifacts(self.id, self.group)

    def download(
        self, folder: str | Path = ".", paths: Iterable[str] | None = None, progress: Progress | None = None
    ) -> list[Path]:
        """Fetch artifacts (all, or those named) into a folder; see ``Jobs.download``."""
        chosen = [a.path for a in self.artifacts()] if paths is None else list(paths)
        return [self._jobs.download(self.id, path, folder, self.group, progress) for path in chosen]


class Jobs:
    """The jobs of a Collegium. ``group`` is that of the client where it is left out."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(
        self,
        job: JobIn | Mapping[str, Any] | None = None,
        *,
        group: str | None = None,
        key: str | None = None,
        **fields: Any,
    ) -> JobHandle:
        """Submit a job: a model, a mapping, or its fields as arguments.

        ``key`` makes it safe to run a program twice: the same key and the same job are one job. Without it there is a
        key for this call, so that trying again after a broken connection makes no second one.
        """
        body = job_body(job, fields)
        operation = operations.post_groups_group_jobs(self._client.group(group), body, idempotency_key=key_of(key))
        return self._made(operation)

    def list(
        self,
        group: str | None = None,
        *,
        state: str | Iterable[str] | None = None,
        user: str | None = None,
        text: str | None = None,
        tag: str | Iterable[str] | None = None,
        sweep: str | None = None,
        kind: str | None = None,
        sort: str | None = None,
        limit: int | None = None,
    ) -> Iterator[JobOut]:
        """Jobs, newest first or as ``sort`` says, at most ``limit``; pages are fetched as they are needed."""
        asked: dict[str, Any] = {
            "state": words(state),
            "user": user,
            "text": text,
            "tag": words(tag),
            "sweep": sweep,
            "kind": kind,
            "sort": sort,
        }
        chosen, cursor, left = self._client.group(group), None, limit
        while left is None or left > 0:
            page = self._client.get_groups_group_jobs(chosen, **asked, cursor=cursor, limit=min(200, left or 200))
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def get(self, job: str, group: str | None = None) -> JobDetail:
        """One job with its spec, launch manifest and history."""
        return self._client.get_groups_group_jobs_job(self._client.group(group), job)

    def handle(self, job: str, group: str | None = None) -> JobHandle:
        """One job to work with."""
        return JobHandle(self, self.get(job, group))

    def cancel(self, job: str, group: str | None = None) -> JobOut:
        """Ask for the end of a job."""
        return self._client.post_groups_group_jobs_job_cancel(self._client.group(group), job)

    def rerun(self, job: str, group: str | None = None, *, exact: bool = True, key: str | None = None) -> JobHandle:
        """The same job again, from the same files, as a new one.

        Exactly as it was resolved then (image, size, values), or with ``exact=False`` as that would be resolved today.
        """
        body = None if exact else RerunIn(exact=False)
        operation = operations.post_groups_group_jobs_job_rerun(
            self._client.group(group), job, body, idempotency_key=key_of(key)
        )
        return self._made(operation)

    def edit(self, job: str, group: str | None = None, **changes: Any) -> JobOut:
        """Change ``notes``, ``tags``, or the ``priority`` of a job that waits."""
        body = body_of(JobEdit, "change", None, changes)
        return self._client.patch_groups_group_jobs_job(self._client.group(group), job, body)

    def delete(self, job: str, group: str | None = None) -> JobOut:
        """Remove a job that is over, with its files; answers with what it was."""
        return self._client.delete_groups_group_jobs_job(self._client.group(group), job)

    def metrics(self, job: str, group: str | None = None) -> FiguresOut:
        """The figures that a job told of itself, as series."""
        return self._client.get_groups_group_jobs_job_metrics(self._client.group(group), job)

    def bulk(
        self,
        action: str,
        group: str | None = None,
        *,
        ids: Iterable[str] | None = None,
        filter: BulkFilter | Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> BulkOut:
        """``cancel`` or ``delete`` many jobs, by ids or by what they have in common; says what was refused and why.

        One request changes so many and no more: ``remaining`` in the answer says whether to ask again.
        """
        body: dict[str, Any] = {"action": action, "dry_run": dry_run}
        if ids is not None:
            body["ids"] = [*ids]
        if filter is not None:
            sent = filter.model_dump(mode="json", exclude_unset=True) if isinstance(filter, BulkFilter) else filter
            body["filter"] = dict(sent)
        return self._client.post_groups_group_jobs_bulk(self._client.group(group), body)

    def submit_batch(
        self, jobs: Iterable[BatchJobIn | Mapping[str, Any]], *, group: str | None = None, key: str | None = None
    ) -> dict[str, JobHandle]:
        """Submit jobs that may wait for one another by their keys, all or none; ``key`` is as in ``submit``."""
        sent = [j.model_dump(mode="json", exclude_unset=True) if isinstance(j, BatchJobIn) else dict(j) for j in jobs]
        operation = operations.post_groups_group_jobs_batch(
            self._client.group(group), {"jobs": sent}, idempotency_key=key_of(key)
        )
        answer = self._client.ask(operation)
        new = answer.headers.get("Idempotency-Replayed") != "true"
        return {name: JobHandle(self, job, new) for name, job in answer.value.jobs.items()}

    def logs(self, job: str, group: str | None = None, *, attempt: int | None = None, tail: int | None = None) -> str:
        """The log as it is now; ``tail`` only its last bytes."""
        offset = -tail if tail else None
        operation = operations.get_groups_group_jobs_job_logs(
            self._client.group(group), job, attempt=attempt, offset=offset
        )
        return self._client.send(operation).decode("utf-8", "replace")

    def follow(
        self,
        job: str,
        group: str | None = None,
        *,
        attempt: int | None = None,
        tail: int | None = None,
        on_end: Callable[[LogEnd], None] | None = None,
    ) -> Iterator[LogPiece]:
        """The log as it grows, piece by piece, to the job's end, which ``on_end`` is told."""
        chosen = self._client.group(group)
        place = LogPlace(offset=-tail if tail else None, attempt=attempt)
        while place.end is None:
            yield from self._connection(chosen, job, place)
        if on_end:
            on_end(place.end)

    def artifacts(self, job: str, group: str | None = None) -> Artifacts:
        """The files that a job's latest attempt left."""
        return self._client.get_groups_group_jobs_job_artifacts(self._client.group(group), job).items

    def download(
        self,
        job: str,
        path: str,
        folder: str | Path = ".",
        group: str | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Fetch one artifact into a folder, under its own path, and say where it is.

        It is there when it is complete; a connection that breaks is taken up where it broke. ``progress`` is told
        bytes so far and bytes in all.
        """
        chosen = self._client.group(group)
        with Download(target_of(Path(folder), path), progress) as download:
            failures = 0
            while not download.complete:
                before = download.at
                try:
                    self._fetch(chosen, job, path, download)
                except (httpx.TransportError, CollegiumError) as error:
                    failures = 1 if download.at > before else failures + 1
                    self._again_or_raise(error, failures)
            return download.finish()

    def _fetch(self, group: str, job: str, path: str, download: Download) -> None:
        operation = operations.get_groups_group_jobs_job_artifacts_path(group, job, path, range=download.range)
        with self._client.stream(operation, ANYTHING) as response:
            download.begin(response)
            for piece in response.iter_bytes():
                download.write(piece)
            download.end()

    def _connection(self, group: str, job: str, place: LogPlace) -> Iterator[LogPiece]:
        """Pieces of one connection; returns when it is over, however that was."""
        operation = operations.get_groups_group_jobs_job_logs(
            group, job, offset=place.offset, attempt=place.attempt, follow=True, last_event_id=place.last_id
        )
        reader, problem = EventReader(), None
        try:
            with self._client.stream(operation, EVENTS) as response:
                for piece in response.iter_bytes():
                    for event in reader.feed(piece):
                        taken = place.take(event)
                        if taken is not None:
                            yield taken
                        if place.end is not None:
                            return
        except (httpx.TransportError, CollegiumError) as error:
            problem = error
        place.failures += 1
        self._again_or_raise(problem, place.failures)

    def _again_or_raise(self, problem: Exception | None, failures: int) -> None:
        if problem is not None:
            raise_unless_passing(problem, self._client.settings.url, failures, self._client.retry.tries)
        # A stream that ended without a word is one that the server closed: it comes back and is told why.
        self._client.pause(failures)

    def _made(self, operation: Operation[JobOut]) -> JobHandle:
        answer = self._client.ask(operation)
        return JobHandle(self, answer.value, answer.headers.get("Idempotency-Replayed") != "true")
