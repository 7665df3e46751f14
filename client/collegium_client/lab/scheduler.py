"""The scheduler that jupyter-scheduler is given: jobs and job definitions are a Collegium's jobs and schedules."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

from jupyter_scheduler.exceptions import IdempotencyTokenError, InputUriError, SchedulerError
from jupyter_scheduler.executors import ExecutionManager
from jupyter_scheduler.models import (
    CountJobsQuery,
    CreateJob,
    CreateJobDefinition,
    CreateJobFromDefinition,
    DescribeJob,
    DescribeJobDefinition,
    JobFeature,
    JobFile,
    ListJobDefinitionsQuery,
    ListJobDefinitionsResponse,
    ListJobsQuery,
    ListJobsResponse,
    Status,
    UpdateJob,
    UpdateJobDefinition,
)
from jupyter_scheduler.scheduler import BaseScheduler
from traitlets import Type

from collegium_client.aio import AsyncClient
from collegium_client.errors import KeyUsedOtherwise
from collegium_client.lab import mapping
from collegium_client.lab.connection import Connection, explained
from collegium_client.lab.environments import FORMATS, CollegiumEnvironments
from collegium_client.models import JobDetail, JobOut

#: Items of one question of ours at most, and questions under way at once.
_PAGE, _AT_ONCE = 200, 8
#: Seconds that a stopped job, and a run that was asked for, are waited for.
_PATIENCE, _PAUSE = 30.0, 0.25


class CollegiumExecution(ExecutionManager):  # type: ignore[misc]  # jupyter_scheduler has no type information
    """Says what can be asked for; jobs are executed elsewhere."""

    def execute(self) -> None:
        """Raises SchedulerError: nothing runs here."""
        raise SchedulerError("Jobs of a Collegium are not executed in this server.")

    def supported_features(self) -> dict[JobFeature, bool]:
        """For jupyter-scheduler's form."""
        can = {"job_name", "parameters", "output_formats", "job_definition", "idempotency_token", "tags"}
        return {feature: feature.value in can | {"stop_job", "delete_job"} for feature in JobFeature}


class CollegiumScheduler(BaseScheduler):  # type: ignore[misc]  # jupyter_scheduler has no type information
    """Jobs are one's own in the server's group; definitions are the schedules whose jobs are one's own."""

    #: Nobody here makes jobs of definitions.
    task_runner = None
    execution_manager_class = Type(klass=ExecutionManager, default_value=CollegiumExecution, config=True)

    def __init__(self, root_dir: str, environments_manager: Any, config: Any = None, **more: Any) -> None:
        if not isinstance(environments_manager, CollegiumEnvironments):
            raise TypeError(
                "CollegiumScheduler needs c.SchedulerApp.environment_manager_class = "
                f"'collegium_client.lab.CollegiumEnvironments', not {type(environments_manager).__name__}"
            )
        super().__init__(root_dir=root_dir, environments_manager=environments_manager, config=config, **more)
        self.environments: CollegiumEnvironments = environments_manager
        self.connection: Connection = environments_manager.connection
        self._few = asyncio.Semaphore(_AT_ONCE)

    # --- jobs

    async def create_job(self, model: CreateJob) -> str:
        """Submit a notebook; the id of its job."""
        if model.job_definition_id:
            raise SchedulerError("job_definition_id: jobs of a definition are made by running the definition.")
        async with explained():
            body = await self._body(model)
            try:
                made = await self._client.jobs.submit(body, key=model.idempotency_token or None)
            except KeyUsedOtherwise as error:
                raise IdempotencyTokenError(model.idempotency_token) from error
            return made.id

    async def update_job(self, job_id: str, model: UpdateJob) -> None:
        """Raises SchedulerError for everything but a stop: what was submitted is not changed."""
        if model.status is not Status.STOPPED or model.name or model.compute_type:
            raise SchedulerError("Of a job that was submitted, neither name nor compute type can be changed.")
        await self.stop_job(job_id)

    async def list_jobs(self, query: ListJobsQuery) -> ListJobsResponse:
        """One's own jobs, or those that a definition made."""
        if query.start_time:
            raise SchedulerError("start_time: jobs cannot be filtered by their start.")
        async with explained():
            if query.job_definition_id:
                return await self._jobs_of(query.job_definition_id, query)
            states, found, cursor, total = mapping.states_of(query.status), [], query.next_token, 0
            if states == "":
                return ListJobsResponse()
            group, left = await self._client.group(), query.max_items
            while True:
                page = await self._client.get_groups_group_jobs(
                    group,
                    state=states,
                    user=await self.connection.user(),
                    text=query.name,
                    tag=",".join(query.tags) if query.tags else None,
                    sort=mapping.sort_of(query.sort_by),
                    limit=max(1, min(_PAGE, left)),
                    cursor=cursor,
                    total=True,
                )
                total, cursor, left = page.total or 0, page.next_cursor, left - len(page.items)
                found += page.items
                if cursor is None or left <= 0:
                    break
            kept = [j for j in found if query.status is None or mapping.status_of(j) is query.status]
            jobs = [self._with_files(j) for j in kept] if query.max_items else []
            return ListJobsResponse(jobs=jobs, total_count=total, next_token=cursor)

    async def count_jobs(self, query: CountJobsQuery) -> int:
        """How many of one's own jobs are in that state."""
        answer = await self.list_jobs(ListJobsQuery(status=query.status, max_items=0))
        return int(answer.total_count)

    async def get_job(self, job_id: str, job_files: bool | None = True) -> DescribeJob:
        """One job."""
        async with explained():
            job = await self._client.jobs.get(job_id)
        described = self._with_files(job) if job_files else mapping.describe_job(job)
        described.runtime_environment_parameters = job.spec.get("environment") or None
        directory = job.spec.get("working_directory") or {}
        described.package_input_folder = bool(job.notebook) and directory.get("files") is None
        return described

    async def stop_job(self, job_id: str) -> None:
        """Ask for its end."""
        async with explained():
            await self._client.jobs.cancel(job_id)

    async def delete_job(self, job_id: str) -> None:
        """Remove a job with its log and files; one that is not over is stopped first. Copies in the home stay."""
        async with explained():
            group, job = await self._client.group(), await self._client.jobs.handle(job_id)
            if not job.over:
                await job.cancel()
                await job.wait(_PATIENCE)
            await self._client.delete_groups_group_jobs_job(group, job_id)

    # --- definitions

    async def create_job_definition(self, model: CreateJobDefinition) -> str:
        """Make a schedule. Its runs take the notebook as it is then, not as it is now."""
        if not model.schedule:
            raise SchedulerError("schedule: a job definition needs a schedule here; submit a job to run it once.")
        async with explained():
            made = await self._client.post_groups_group_schedules(
                await self._client.group(),
                {
                    "name": model.name,
                    "recurrence": _cron(model.schedule, model.timezone),
                    "template": await self._body(model),
                },
            )
            return made.id

    async def update_job_definition(self, job_definition_id: str, model: UpdateJobDefinition) -> None:
        """Change what is given; pausing and resuming come last."""
        async with explained():
            client, group = self._client, await self._client.group()
            now = await client.get_groups_group_schedules_schedule(group, job_definition_id)
            changes: dict[str, Any] = {"name": model.name} if model.name else {}
            if model.schedule or model.timezone:
                cron = now.recurrence.get("expression") or ""
                zone = model.timezone or now.recurrence.get("zone")
                changes["recurrence"] = _cron(model.schedule or cron, zone)
            template = self._changed(dict(now.template), model)
            if template != now.template:
                changes["template"] = template
            if changes:
                await client.patch_groups_group_schedules_schedule(
                    group, job_definition_id, {**changes, "version": now.version}
                )
            if model.active is True and str(now.state) == "Paused":
                await client.post_groups_group_schedules_schedule_resume(group, job_definition_id, {})
            if model.active is False and str(now.state) == "Active":
                await client.post_groups_group_schedules_schedule_pause(group, job_definition_id)

    async def delete_job_definition(self, job_definition_id: str) -> None:
        """Remove a schedule; the jobs that it made stay."""
        async with explained():
            await self._client.delete_groups_group_schedules_schedule(await self._client.group(), job_definition_id)

    async def get_job_definition(self, job_definition_id: str) -> DescribeJobDefinition:
        """One schedule."""
        async with explained(), self._few:
            group = await self._client.group()
            found = await self._client.get_groups_group_schedules_schedule(group, job_definition_id)
            return mapping.describe_definition(found)

    async def list_job_definitions(self, query: ListJobDefinitionsQuery) -> ListJobDefinitionsResponse:
        """Schedules whose jobs are one's own; there are few, so they are put in order here."""
        async with explained():
            user, found, cursor = await self.connection.user(), [], None
            while True:
                page = await self._client.get_groups_group_schedules(
                    await self._client.group(), user=user, text=query.name, limit=_PAGE, cursor=cursor
                )
                found += [s.id for s in page.items if s.run_as == user]
                cursor = page.next_cursor
                if cursor is None:
                    break
        items = await asyncio.gather(*(self.get_job_definition(s) for s in found))
        kept = [d for d in items if set(query.tags or ()) <= set(d.tags) and d.create_time >= (query.create_time or 0)]
        for field in reversed(query.sort_by or []):
            if field.name not in DescribeJobDefinition.__fields__:
                raise SchedulerError(f"sort_by: job definitions have no {field.name}.")
            kept.sort(key=partial(_shown, field.name), reverse=field.direction.value == "desc")
        start = int(query.next_token or 0)
        end = start + (query.max_items or 0)
        following = str(end) if end < len(kept) else None
        return ListJobDefinitionsResponse(job_definitions=kept[start:end], total_count=len(kept), next_token=following)

    async def create_job_from_definition(self, job_definition_id: str, model: CreateJobFromDefinition) -> str:
        """A run beside its times; with parameters of its own it is a job of the same kind, which the schedule does not
        count."""
        async with explained():
            client, group = self._client, await self._client.group()
            now = await client.get_groups_group_schedules_schedule(group, job_definition_id)
            shown = mapping.describe_definition(now).parameters
            if model.parameters and model.parameters != shown:
                body = self._changed(dict(now.template), model)
                return (await client.jobs.submit(body)).id
            asked = await client.post_groups_group_schedules_schedule_run(group, job_definition_id)
            until = asyncio.get_running_loop().time() + _PATIENCE
            while asked.job is None and asyncio.get_running_loop().time() < until:
                if str(asked.state) != "Due":
                    break
                await asyncio.sleep(_PAUSE)
                page = await client.get_groups_group_schedules_schedule_runs(group, job_definition_id, limit=_PAGE)
                asked = next((r for r in page.items if r.sequence == asked.sequence), asked)
            if asked.job is None:
                raise SchedulerError(f"The run has no job: {asked.message or 'it waits for the controller'}")
            return str(asked.job)

    # --- files

    def job_folder(self, job: DescribeJob) -> Path:
        """Where copies of what a job left are put."""
        return Path(self.get_local_output_path(job))

    # --- parts

    @property
    def _client(self) -> AsyncClient:
        return self.connection.client()

    async def _body(self, model: CreateJob | CreateJobDefinition) -> dict[str, Any]:
        if not self.file_exists(model.input_uri):
            raise InputUriError(model.input_uri)
        folder, name = mapping.source_of(Path(self.root_dir), _home(), model.input_uri)
        return mapping.job_body(model, folder, name, model.compute_type or await self.environments.default_type())

    def _changed(self, template: dict[str, Any], model: Any) -> dict[str, Any]:
        """A schedule's job with what is to change; what is not named stays as it is."""
        given = model.dict(exclude_unset=True, exclude_none=True)
        if "input_uri" in given and not self.file_exists(model.input_uri):
            raise InputUriError(model.input_uri)
        names = {"runtime_environment_name": "image", "compute_type": "instance_type", "name": "name", "tags": "tags"}
        template |= {ours: given[theirs] for theirs, ours in names.items() if theirs in given}
        notebook = dict(template.get("notebook") or {})
        if "parameters" in given:
            if not notebook:
                raise SchedulerError("parameters: this schedule runs a command; change it in the sidebar of Collegium.")
            notebook["parameters"] = mapping.read_parameters(given["parameters"])
            template.pop("values", None)
        if "input_uri" in given:
            folder, notebook["path"] = mapping.source_of(Path(self.root_dir), _home(), model.input_uri)
            directory = dict(template.get("working_directory") or {"files": []}) | {"path": folder}
            template["working_directory"] = directory | (
                {"files": [notebook["path"]]} if directory.get("files") is not None else {}
            )
        return {**template, "notebook": notebook} if notebook else template

    async def _jobs_of(self, schedule: str, query: ListJobsQuery) -> ListJobsResponse:
        """Jobs of a schedule, newest first."""
        client, group = self._client, await self._client.group()
        page = await client.get_groups_group_schedules_schedule_runs(
            group, schedule, limit=max(1, min(_PAGE, query.max_items)), cursor=query.next_token
        )

        async def one(job: str) -> JobDetail:
            async with self._few:
                return await client.jobs.get(job)

        jobs = await asyncio.gather(*(one(r.job) for r in page.items if r.job))
        kept = [j for j in jobs if query.status is None or mapping.status_of(j) is query.status]
        found = [self._with_files(j, schedule) for j in kept]
        return ListJobsResponse(jobs=found, total_count=len(found), next_token=page.next_cursor)

    def _with_files(self, job: JobOut | JobDetail, schedule: str | None = None) -> DescribeJob:
        described = mapping.describe_job(job, schedule)
        root, folder = Path(self.root_dir).resolve(), self.job_folder(described)
        names = self.get_job_filenames(described)

        def here(path: Path) -> str | None:
            return os.path.relpath(path, root) if path.exists() else None

        files = [
            JobFile(display_name=FORMATS[kind], file_format=kind, file_path=here(folder / names[kind]))
            for kind in described.output_formats
        ]
        if job.notebook:
            # The file of today, which may not be that of the day: what ran is in the notebook that it left.
            source = (_home() / job.notebook).resolve()
            inside = here(source) if source.is_relative_to(root) else None
            files.append(JobFile(display_name="Input", file_format="input", file_path=inside))
        if folder.is_dir():
            files.append(JobFile(display_name="Files", file_format="files", file_path=here(folder)))
        described.job_files, described.downloaded = files, folder.is_dir() and any(folder.iterdir())
        return described


def _home() -> Path:
    """Where jobs take their files from."""
    return Path.home()


def _shown(field: str, definition: DescribeJobDefinition) -> str:
    return str(getattr(definition, field) or "")


def _cron(expression: str, zone: str | None) -> dict[str, str]:
    return {"kind": "cron", "expression": expression, "zone": zone or "UTC"}
