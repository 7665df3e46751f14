"""Artifacts: the files that a job left, listed and read."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from collegium.backends.ports import Artifact, VolumeProvider
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import InvalidInput, NotFound, shorten
from collegium.domain.jobs import Job
from collegium.domain.names import check_relative_path
from collegium.domain.queues import JobBounds
from collegium.services.jobs.find import get_job
from collegium.services.jobs.models import ArtifactList, ArtifactOut
from collegium.services.refusals import RangeNotSatisfiable

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)
_TYPES = mimetypes.MimeTypes()
for _type, _suffix in (
    ("application/x-ipynb+json", ".ipynb"),
    ("application/vnd.apache.parquet", ".parquet"),
    ("text/markdown", ".md"),
):
    _TYPES.add_type(_type, _suffix)


@dataclass(frozen=True)
class Part:
    """Bytes ``[start, end)`` of one artifact; ``whole`` if that is all of it."""

    key: str
    artifact: Artifact
    start: int
    end: int
    whole: bool


class FileService:
    """Artifacts of the latest attempt, for as long as they are kept."""

    def __init__(self, database: Database, volumes: VolumeProvider, bounds: JobBounds | None = None) -> None:
        self._database, self._volumes, self._bounds = database, volumes, bounds or JobBounds()

    async def list(self, group: str, job_id: str) -> ArtifactList:
        """All files, and until when they are kept or since when they are gone. Raises NotFound for an unknown job."""
        job, days = await self._database.reading(lambda uow: self._kept(uow, group, job_id))
        until = job.finished_at + timedelta(days=days) if days and job.finished_at and job.attempt else None
        if job.artifacts_gone_at is not None:
            return ArtifactList(items=[], gone_at=job.artifacts_gone_at)
        items = [_artifact_out(a) for a in await self._volumes.artifacts(job.run_key)] if job.attempt else []
        return ArtifactList(items=items, kept_until=until)

    async def part(self, group: str, job_id: str, path: str, range_header: str | None) -> Part:
        """Which bytes a request gets. Raises NotFound, RangeNotSatisfiable. A Range that we do not know is for all."""
        try:
            wanted = check_relative_path(path)
        except InvalidInput:
            wanted = ""
        job = await self._database.reading(lambda uow: get_job(uow, group, job_id))
        if job.artifacts_gone_at is not None:
            text = f"The job's artifacts were removed on {job.artifacts_gone_at:%Y-%m-%d}: their time was over."
            raise NotFound(text, path=shorten(path), gone_at=job.artifacts_gone_at.isoformat())
        key, found = job.run_key, await self._volumes.artifacts(job.run_key) if job.attempt else ()
        artifact = next((a for a in found if a.path == wanted), None)
        if artifact is None:
            raise NotFound(f"The job left no file {shorten(path)}.", path=shorten(path))
        span = read_range(range_header, artifact.size) if range_header else None
        start, end = span or (0, artifact.size)
        return Part(key, artifact, start, end, whole=span is None)

    def read(self, part: Part) -> AsyncIterator[bytes]:
        """The bytes in pieces of at most 1 MiB."""
        return self._volumes.open_artifact(part.key, part.artifact.path, part.start, part.end)

    def _kept(self, uow: UnitOfWork, group: str, job_id: str) -> tuple[Job, int]:
        """The job, and for how many days its group keeps artifacts; 0 is for ever."""
        return get_job(uow, group, job_id), self._bounds.days(uow.group_settings.get(group))


def read_range(text: str, size: int) -> tuple[int, int] | None:
    """``[start, end)`` of a Range header with one range; None if it is none that we know (then all is sent)."""
    match = _RANGE.fullmatch(text.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if match[1]:
        start, end = int(match[1]), min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    else:
        start, end = max(0, size - int(match[2])), size
    if start >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes; none of them is in that range.", size=size)
    return start, end


def _artifact_out(a: Artifact) -> ArtifactOut:
    return ArtifactOut(path=a.path, size=a.size, modified_at=a.modified_at, media_type=media_type(a.path))


def media_type(path: str) -> str:
    """By name alone: nothing of a user's file is looked at."""
    guess, encoding = _TYPES.guess_type(path, strict=True)
    return "application/gzip" if encoding == "gzip" else guess if guess and not encoding else "application/octet-stream"
