"""Routes of jobs."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

from pydantic import AwareDatetime, Field

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobFilter, JobKind, JobSort, JobState
from collegium.domain.names import check_user_name
from collegium.domain.policy import Operation
from collegium.services.endpoint import EVENT_STREAM, Endpoint, Header, Query
from collegium.services.handlers import BaseHandler, header
from collegium.services.jobs.bulk_models import RerunIn
from collegium.services.jobs.files import media_type
from collegium.services.jobs.models import (
    ArtifactList,
    BatchIn,
    BatchOut,
    JobDetail,
    JobEdit,
    JobIn,
    JobOut,
    JobPage,
    ParameterList,
    SourceIn,
    TagList,
)
from collegium.services.jobs.validate import read_batch, read_submission
from collegium.services.jobs.views import job_out
from collegium.services.sse import StreamHandler, read_number

KEY = Header("Idempotency-Key", "Makes a repeat safe: the same key and body give the same job.", "^[!-~]{1,128}$")
REPLAYED = Header("Idempotency-Replayed", "`true` if an earlier request with this key made the job.")
_STATES = "|".join(s.value for s in JobState)
_SORTS = "|".join(s.value for s in JobSort)


class FilterQuery(Query):
    """Which jobs."""

    state: str | None = Field(
        default=None, pattern=f"^({_STATES})(,({_STATES}))*$", max_length=200, description="States, comma-separated."
    )
    user: str | None = Field(
        default=None, pattern=r"^[a-z0-9]([a-z0-9._@+-]{0,126}[a-z0-9])?$", description="Only jobs of this user."
    )
    text: str | None = Field(
        default=None, max_length=120, pattern=r"^[^\x00]*$", description="Part of the name, in any case."
    )
    tag: str | None = Field(
        default=None, max_length=1400, pattern=r"^[^\x00]*$", description="Tags, comma-separated; jobs that have all."
    )
    sweep: str | None = Field(
        default=None, pattern=r"^(none|swp-[0-9a-v]{26})$", description="Jobs of this sweep; `none`: of no sweep."
    )
    finished_before: AwareDatetime | None = Field(default=None, description="Only jobs that were over by then.")
    kind: str | None = Field(default=None, pattern="^(command|notebook)$", description="Commands or notebooks.")

    def filter(self) -> JobFilter:
        """As the store knows it."""
        states = frozenset(JobState(s) for s in self.state.split(",")) if self.state else frozenset()
        tags = frozenset(t.strip() for t in self.tag.split(",") if t.strip()) if self.tag else frozenset()
        return JobFilter(
            states,
            check_user_name(self.user) if self.user else None,
            self.text or None,
            tags,
            None if self.sweep is None else self.sweep.removeprefix("none"),
            self.finished_before,
            kind=JobKind(self.kind) if self.kind else None,
        )


class JobQuery(FilterQuery):
    """What to list, in which order."""

    limit: int = Field(default=20, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=400, description="`next_cursor` of the page before.")
    sort: str = Field(
        default="-created", pattern=f"^-?({_SORTS})$", description="Order; with `-` the greatest or newest first."
    )
    total: bool = Field(default=False, description="Count all that match, too.")

    @property
    def order(self) -> tuple[JobSort, bool]:
        """By what, and whether descending."""
        return JobSort(self.sort.removeprefix("-")), self.sort.startswith("-")


class LogQuery(Query):
    """Which part of which log."""

    offset: int | None = Field(default=None, ge=-(2**53), le=2**53, description="In bytes; negative: from the end.")
    limit: int | None = Field(default=None, ge=1, le=2**53, description="In bytes; all there is without it.")
    attempt: int | None = Field(default=None, ge=1, le=1000, description="The latest one without it.")
    follow: bool = Field(default=False, description="As server-sent events, to the job's end.")


class JobsHandler(BaseHandler):
    """``/groups/{group}/jobs``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.JOB_LIST, "Jobs, by default the newest first", JobPage, query=JobQuery, errors=(400,)
        ),
        "POST": Endpoint(
            Operation.JOB_SUBMIT,
            "Submit a job",
            JobOut,
            201,
            body=JobIn,
            headers=(KEY,),
            answers=(REPLAYED,),
            errors=(400, 409, 413, 415, 422, 429, 507),
        ),
    }

    async def get(self, group: str) -> None:
        """A page of jobs."""
        query = self.read_query(JobQuery)
        found = await self.context.jobs.page(
            group, query.filter(), query.limit, query.cursor, *query.order, count=query.total
        )
        self.write_json(found)

    async def post(self, group: str) -> None:
        """Submit."""
        asked = read_submission(self.read_body(JobIn))
        job, new = await self.context.jobs.submit(
            self.caller.actor, group, asked, header(self.request.headers, KEY.name)
        )
        if not new:
            self.set_header(REPLAYED.name, "true")
        self.write_json(job)


class BatchHandler(BaseHandler):
    """``/groups/{group}/jobs/batch``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.JOB_BATCH,
            "Submit several jobs, which may wait for one another: all or none",
            BatchOut,
            201,
            body=BatchIn,
            headers=(KEY,),
            answers=(REPLAYED,),
            errors=(400, 409, 413, 415, 422, 429, 507),
        ),
    }

    async def post(self, group: str) -> None:
        """Submit them."""
        entries = read_batch(self.read_body(BatchIn))
        key = header(self.request.headers, KEY.name)
        jobs, new = await self.context.jobs.submit_batch(self.caller.actor, group, entries, key)
        if not new:
            self.set_header(REPLAYED.name, "true")
        self.write_json(jobs)


class JobHandler(BaseHandler):
    """``/groups/{group}/jobs/{job}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.JOB_READ, "One job with its spec, manifest and history", JobDetail),
        "PATCH": Endpoint(
            Operation.JOB_EDIT,
            "Change notes, tags, or the priority of a job that waits",
            JobOut,
            body=JobEdit,
            errors=(400, 409, 413, 415),
        ),
        "DELETE": Endpoint(
            Operation.JOB_DELETE, "Remove a job that is over, with its files", JobOut, errors=(400, 409, 413)
        ),
    }

    async def get(self, group: str, job: str) -> None:
        """One job."""
        self.write_json(await self.context.jobs.get(group, job))

    async def patch(self, group: str, job: str) -> None:
        """Edit."""
        change = self.read_body(JobEdit)
        self.write_json(await self.context.jobs.edit(self.caller.actor, group, job, change))

    async def delete(self, group: str, job: str) -> None:
        """Delete."""
        self.refuse_body()
        self.write_json(job_out(await self.context.bulk.delete(self.caller.actor, group, job), {}))


class TagsHandler(BaseHandler):
    """``/groups/{group}/tags``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.JOB_LIST, "Tags of the group's jobs", TagList)}

    async def get(self, group: str) -> None:
        """The tags in use."""
        self.write_json(await self.context.jobs.tags(group))


class ParametersHandler(BaseHandler):
    """``/groups/{group}/notebook-parameters``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.JOB_PARAMETERS,
            "What the parameters cell of a notebook declares",
            ParameterList,
            body=SourceIn,
            errors=(400, 413, 415),
        )
    }

    async def post(self, group: str) -> None:
        """Read a cell."""
        self.write_json(await self.context.jobs.parameters(self.read_body(SourceIn).source))


class CancelHandler(BaseHandler):
    """``/groups/{group}/jobs/{job}/cancel``."""

    endpoints: ClassVar = {
        "POST": Endpoint(Operation.JOB_CANCEL, "Ask for the end of a job", JobOut, errors=(400, 409, 413))
    }

    async def post(self, group: str, job: str) -> None:
        """Cancel."""
        self.refuse_body()
        self.write_json(await self.context.jobs.cancel(self.caller.actor, group, job))


class RerunHandler(BaseHandler):
    """``/groups/{group}/jobs/{job}/rerun``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.JOB_RERUN,
            "The same job again, from the same files",
            JobOut,
            201,
            body=RerunIn,
            optional=True,
            headers=(KEY,),
            answers=(REPLAYED,),
            errors=(400, 409, 413, 415, 422, 429, 507),
        )
    }

    async def post(self, group: str, job: str) -> None:
        """Rerun."""
        asked = self.read_body(RerunIn, optional=True)
        key = header(self.request.headers, KEY.name)
        again, new = await self.context.jobs.rerun(self.caller.actor, group, job, key, exact=asked.exact)
        if not new:
            self.set_header(REPLAYED.name, "true")
        self.write_json(again)


class LogsHandler(StreamHandler):
    """``/groups/{group}/jobs/{job}/logs``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.JOB_LOGS,
            "The log, as text or followed as server-sent events",
            query=LogQuery,
            headers=(
                Header("Last-Event-ID", "With `follow`: resume at `<attempt>:<offset>`.", "^[0-9]{1,4}:[0-9]{1,16}$"),
            ),
            answers=(
                Header("X-Log-Offset", "Where the first byte of the answer stands in the log."),
                Header("X-Log-Next-Offset", "Where the next read should begin."),
                Header("X-Log-Complete", "`true` if nothing follows."),
                Header("X-Log-Attempt", "Whose log it is."),
            ),
            media=("text/plain", EVENT_STREAM),
            errors=(400, 429),
        )
    }

    async def get(self, group: str, job: str) -> None:
        """The log."""
        query = self.read_query(LogQuery)
        if query.follow:
            if query.limit is not None:
                raise InvalidInput("limit", "has no meaning with follow", query.limit)
            attempt, offset = self._place(query)
            await self.send_events(self.context.logs.follow(group, job, attempt, offset))
        else:
            await self._text(group, job, query)

    def _place(self, query: LogQuery) -> tuple[int | None, int]:
        last = self.last_event_id()
        if last is None:
            return query.attempt, query.offset or 0
        attempt, _, offset = last.partition(":")
        return read_number(attempt, "Last-Event-ID", 1000), read_number(offset, "Last-Event-ID")

    async def _text(self, group: str, job: str, query: LogQuery) -> None:
        part = await self.context.logs.slice(group, job, query.attempt, query.offset or 0, query.limit)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("X-Log-Offset", str(part.start))
        self.set_header("X-Log-Next-Offset", str(part.end))
        self.set_header("X-Log-Complete", "true" if part.complete else "false")
        self.set_header("X-Log-Attempt", part.key.rpartition(".")[2])
        async for piece in self.context.logs.read(part):
            self.write(piece)
            await self.flush()


class ArtifactsHandler(BaseHandler):
    """``/groups/{group}/jobs/{job}/artifacts``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.JOB_ARTIFACTS, "The files that the latest attempt left", ArtifactList)
    }

    async def get(self, group: str, job: str) -> None:
        """The list."""
        self.write_json(await self.context.files.list(group, job))


class ArtifactHandler(BaseHandler):
    """``/groups/{group}/jobs/{job}/artifacts/{path}``. Always a download: a user's page must never be one of ours."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.JOB_ARTIFACTS,
            "One file",
            headers=(Header("Range", "One byte range.", "^bytes=[0-9]{0,18}-[0-9]{0,18}$"),),
            answers=(
                Header("Content-Range", "Which bytes a partial answer holds."),
                Header("Accept-Ranges", "`bytes`."),
            ),
            media=("application/octet-stream",),
            errors=(206, 416),
        )
    }

    async def get(self, group: str, job: str, path: str) -> None:
        """Download."""
        part = await self.context.files.part(group, job, path, self.request.headers.get("Range"))
        pieces = self.context.files.read(part)
        self.set_status(200 if part.whole else 206)
        if not part.whole:
            self.set_header("Content-Range", f"bytes {part.start}-{part.end - 1}/{part.artifact.size}")
        self.set_header("Accept-Ranges", "bytes")
        self.set_header("Content-Type", media_type(part.artifact.path))
        self.set_header(
            "Content-Disposition", f"attachment; filename*=UTF-8''{quote(part.artifact.path.split('/')[-1], safe='')}"
        )
        self.set_header("Content-Length", str(part.end - part.start))
        async for piece in pieces:
            self.write(piece)
            await self.flush()
