"""Fetches what a job left into the home, where jupyter-scheduler's interface opens it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path, PurePosixPath

from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.job_files_manager import JobFilesManager

from collegium_client.lab.connection import explained
from collegium_client.lab.scheduler import CollegiumScheduler
from collegium_client.outcome import target_of

#: Bytes of artifacts beside notebook and page that are fetched without being asked for one by one.
MAX_OTHER = 1 << 30


class CollegiumJobFiles(JobFilesManager):  # type: ignore[misc]  # jupyter_scheduler has no type information
    """Returns when all is there, so that the interface finds it."""

    scheduler: CollegiumScheduler

    async def copy_from_staging(self, job_id: str, redownload: bool | None = False) -> None:
        """Fetch a job's artifacts; what is there already only if that is wished."""
        scheduler = self.scheduler
        job = await scheduler.get_job(job_id, job_files=False)
        async with explained():
            client = scheduler.connection.client()
            artifacts = await client.jobs.artifacts(job_id)
            if not artifacts:
                raise SchedulerError(f"The job left no files. {job.status_message or ''}".strip())
            folder, names = scheduler.job_folder(job), scheduler.get_job_filenames(job)
            stem = PurePosixPath(job.input_filename).stem
            outputs = {f"{stem}.{kind}": names[kind] for kind in job.output_formats}
            others = sum(a.size for a in artifacts if a.path not in outputs)
            for artifact in sorted(artifacts, key=lambda a: a.path not in outputs):
                if artifact.path not in outputs and others > MAX_OTHER:
                    raise SchedulerError(
                        f"Notebook and page are there. The other artifacts have {others:,} bytes, more than "
                        f"{MAX_OTHER:,}: choose among them in the sidebar of Collegium, or with the CLI."
                    )
                target = target_of(folder, outputs.get(artifact.path, artifact.path))
                if redownload or not target.exists():
                    await self._fetch(job_id, artifact.path, target)

    async def _fetch(self, job_id: str, path: str, target: Path) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".fetch-", dir=target.parent) as draft:
                fetched = await self.scheduler.connection.client().jobs.download(job_id, path, draft)
                os.replace(fetched, target)
        except OSError as error:
            raise SchedulerError(f"{target} cannot be written: {error.strerror}") from error
