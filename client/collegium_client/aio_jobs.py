"""Jobs for async programs: the same as ``collegium_client.jobs``, to be awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
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
    from collegium_client.aio import AsyncClient

Progress = Callable[[int, int], None]
# A class below has a method of the name ``list``.
Artifacts = list[ArtifactOut]
EVENTS, ANYTHING = "text/event-stream", "*/*"


class AsyncJobHandle:
    """A job: what it was when last looked at, and what can be done with it."""

    def __init__(self, jobs: AsyncJobs, job: AnyJob, created: bool = True) -> None:
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

    async def refresh(self) -> AsyncJobHandle:
        """Look again."""
        self.job = await self._jobs.get(self.id, self.group)
        return self

    async def wait(
        self, timeout: float | None = None, *, check: bool = False, on_change: Callable[[AnyJob], None] | None = None
    ) -> AnyJob:
        """The job when it is over.

        Raises TimedOut after ``timeout`` seconds (the job goes on), and with ``check`` JobFailed unless it succeeded.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        pause, seen = FIRST_LOOK, None
        while True:
            await self.refresh()
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
            await asyncio.sleep(left)
            pause = min(LAST_LOOK, pause * 1.4)
        if check and not self.succeeded:
            raise failure(self.job)
        return self.job

    async def logs(self, *, attempt: int | None = None, tail: int | None = None) -> str:
        """The log as it is now; ``tail`` only its last bytes."""
        return await self._jobs.logs(self.id, self.group, attempt=attempt, tail=tail)

    def follow(self, *, attempt: int | None = None, tail: int | None = None) -> AsyncIterator[LogPiece]:
        """The log as it grows, to the job's end. A connection that breaks is taken up where it broke."""
        return self._jobs.follow(self.id, self.group, attempt=attempt, tail=tail)

    async def cancel(self) -> AsyncJobHandle:
        """Ask for its end."""
        self.job = await self._jobs.cancel(self.id, self.group)
        return self

    async def rerun(self, *, exact: bool = True, key: str | None = None) -> AsyncJobHandle:
        """The same job again, from the same files, as a new one; see ``AsyncJobs.rerun``."""
        return await self._jobs.rerun(self.id, self.group, exact=exact, key=key)

    async def edit(self, **changes: Any) -> AsyncJobHandle:
        """Change ``notes``, ``tags``, or the ``priority`` of one that waits."""
        self.job = await self._jobs.edit(self.id, self.group, **changes)
        return self

    async def delete(self) -> None:
        """Remove it with its files; it must be over."""
        await self._jobs.delete(self.id, self.group)

    async def metrics(self) -> FiguresOut:
        """The figures that it told of itself."""
        return await self._jobs.metrics(self.id, self.group)

    async def artifacts(self) -> Artifacts:
        """The files that its latest attempt left."""
        return await self._jobs.artifacts(self.id, self.group)

    async def download(
        self, folder: str | Path = ".", paths: Iterable[str] | None = None, progress: Progress | None = None
    ) -> list[Path]:
        """Fetch artifacts (all, or those named) into a folder; see ``AsyncJobs.download``."""
        chosen = [a.path for a in await self.artifacts()] if paths is None else list(paths)
        return [await self._jobs.download(self.id, path, folder, self.group, progress) for path in chosen]


class AsyncJobs:
    """The jobs of a Collegium. ``group`` is that of the client where it is left out."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def submit(
        self,
        job: JobIn | Mapping[str, Any] | None = None,
        *,
        group: str | None = None,
        key: str | None = None,
        **fields: Any,
    ) -> AsyncJobHandle:
        """Submit a job: a model, a mapping, or its fields as arguments.

        ``key`` makes it safe to run a program twice: the same key and the same job are one job. Without it there is a
        key for this call, so that trying again after a broken connection makes no second one.
        """
        body = job_body(job, fields)
        operation = operations.post_groups_group_jobs(
            await self._client.group(group), body, idempotency_key=key_of(key)
        )
        return await self._made(operation)

    async def list(
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
    ) -> AsyncIterator[JobOut]:
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
        chosen, cursor, left = await self._client.group(group), None, limit
        while left is None or left > 0:
            page = await self._client.get_groups_group_jobs(chosen, **asked, cursor=cursor, limit=min(200, left or 200))
            for job in page.items if left is None else page.items[:left]:
                yield job
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get(self, job: str, group: str | None = None) -> JobDetail:
        """One job with its spec, launch manifest and history."""
        return await self._client.get_groups_group_jobs_job(await self._client.group(group), job)

    async def handle(self, job: str, group: str | None = None) -> AsyncJobHandle:
        """One job to work with."""
        return AsyncJobHandle(self, await self.get(job, group))

    async def cancel(self, job: str, group: str | None = None) -> JobOut:
        """Ask for the end of a job."""
        return await self._client.post_groups_group_jobs_job_cancel(await self._client.group(group), job)

    async def rerun(
        self, job: str, group: str | None = None, *, exact: bool = True, key: str | None = None
    ) -> AsyncJobHandle:
        """The same job again, from the same files, as a new one.

        Exactly as it was resolved then (image, size, values), or with ``exact=False`` as that would be resolved today.
        """
        body = None if exact else RerunIn(exact=False)
        operation = operations.post_groups_group_jobs_job_rerun(
            await self._client.group(group), job, body, idempotency_key=key_of(key)
        )
        return await self._made(operation)

    async def edit(self, job: str, group: str | None = None, **changes: Any) -> JobOut:
        """Change ``notes``, ``tags``, or the ``priority`` of a job that waits."""
        body = body_of(JobEdit, "change", None, changes)
        return await self._client.patch_groups_group_jobs_job(await self._client.group(group), job, body)

    async def delete(self, job: str, group: str | None = None) -> JobOut:
        """Remove a job that is over, with its files; answers with what it was."""
        return await self._client.delete_groups_group_jobs_job(await self._client.group(group), job)

    async def metrics(self, job: str, group: str | None = None) -> FiguresOut:
        """The figures that a job told of itself, as series."""
        return await self._client.get_groups_group_jobs_job_metrics(await self._client.group(group), job)

    async def bulk(
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
        return await self._client.post_groups_group_jobs_bulk(await self._client.group(group), body)

    async def submit_batch(
        self, jobs: Iterable[BatchJobIn | Mapping[str, Any]], *, group: str | None = None, key: str | None = None
    ) -> dict[str, AsyncJobHandle]:
        """Submit jobs that may wait for one another by their keys, all or none; ``key`` is as in ``submit``."""
        sent = [j.model_dump(mode="json", exclude_unset=True) if isinstance(j, BatchJobIn) else dict(j) for j in jobs]
        operation = operations.post_groups_group_jobs_batch(
            await self._client.group(group), {"jobs": sent}, idempotency_key=key_of(key)
        )
        answer = await self._client.ask(operation)
        new = answer.headers.get("Idempotency-Replayed") != "true"
        return {name: AsyncJobHandle(self, job, new) for name, job in answer.value.jobs.items()}

    async def logs(
        self, job: str, group: str | None = None, *, attempt: int | None = None, tail: int | None = None
    ) -> str:
        """The log as it is now; ``tail`` only its last bytes."""
        offset = -tail if tail else None
        operation = operations.get_groups_group_jobs_job_logs(
            await self._client.group(group), job, attempt=attempt, offset=offset
        )
        return (await self._client.send(operation)).decode("utf-8", "replace")

    async def follow(
        self,
        job: str,
        group: str | None = None,
        *,
        attempt: int | None = None,
        tail: int | None = None,
        on_end: Callable[[LogEnd], None] | None = None,
    ) -> AsyncIterator[LogPiece]:
        """The log as it grows, piece by piece, to the job's end, which ``on_end`` is told."""
        chosen = await self._client.group(group)
        place = LogPlace(offset=-tail if tail else None, attempt=attempt)
        while place.end is None:
            async for piece in self._connection(chosen, job, place):
                yield piece
        if on_end:
            on_end(place.end)

    async def artifacts(self, job: str, group: str | None = None) -> Artifacts:
        """The files that a job's latest attempt left."""
        return (await self._client.get_groups_group_jobs_job_artifacts(await self._client.group(group), job)).items

    async def download(
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
        chosen = await self._client.group(group)
        with Download(target_of(Path(folder), path), progress) as download:
            failures = 0
            while not download.complete:
                before = download.at
                try:
                    await self._fetch(chosen, job, path, download)
                except (httpx.TransportError, CollegiumError) as error:
                    failures = 1 if download.at > before else failures + 1
                    await self._again_or_raise(error, failures)
            return download.finish()

    async def _fetch(self, group: str, job: str, path: str, download: Download) -> None:
        operation = operations.get_groups_group_jobs_job_artifacts_path(group, job, path, range=download.range)
        async with self._client.stream(operation, ANYTHING) as response:
            download.begin(response)
            async for piece in response.aiter_bytes():
                download.write(piece)
            download.end()

    async def _connection(self, group: str, job: str, place: LogPlace) -> AsyncIterator[LogPiece]:
        """Pieces of one connection; returns when it is over, however that was."""
        operation = operations.get_groups_group_jobs_job_logs(
            group, job, offset=place.offset, attempt=place.attempt, follow=True, last_event_id=place.last_id
        )
        reader, problem = EventReader(), None
        try:
            async with self._client.stream(operation, EVENTS) as response:
                async for piece in response.aiter_bytes():
                    for event in reader.feed(piece):
                        taken = place.take(event)
                        if taken is not None:
                            yield taken
                        if place.end is not None:
                            return
        except (httpx.TransportError, CollegiumError) as error:
            problem = error
        place.failures += 1
        await self._again_or_raise(problem, place.failures)

    async def _again_or_raise(self, problem: Exception | None, failures: int) -> None:
        if problem is not None:
            raise_unless_passing(problem, self._client.settings.url, failures, self._client.retry.tries)
        # A stream that ended without a word is one that the server closed: it comes back and is told why.
        await self._client.pause(failures)

    async def _made(self, operation: Operation[JobOut]) -> AsyncJobHandle:
        answer = await self._client.ask(operation)
        return AsyncJobHandle(self, answer.value, answer.headers.get("Idempotency-Replayed") != "true")
