"""Artifacts: the files that a job left, listed and read."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from collegium.backends.ports import Artifact, VolumeProvider
from collegium.db import Database
from collegium.domain.errors import InvalidInput, NotFound, shorten
from collegium.domain.names import check_relative_path
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
    """Artifacts of the latest attempt."""

    def __init__(self, database: Database, volumes: VolumeProvider) -> None:
        self._database, self._volumes = database, volumes

    async def list(self, group: str, job_id: str) -> ArtifactList:
        """All files. Raises NotFound for an unknown job."""
        _, found = await self._found(group, job_id)
        return ArtifactList(items=[_artifact_out(a) for a in found])

    async def part(self, group: str, job_id: str, path: str, range_header: str | None) -> Part:
        """Which bytes a request gets. Raises NotFound, RangeNotSatisfiable. A Range that we do not know is for all."""
        try:
            wanted = check_relative_path(path)
        except InvalidInput:
            wanted = ""
        key, found = await self._found(group, job_id)
        artifact = next((a for a in found if a.path == wanted), None)
        if artifact is None:
            raise NotFound(f"The job left no file {shorten(path)}.", path=shorten(path))
        span = read_range(range_header, artifact.size) if range_header else None
        start, end = span or (0, artifact.size)
        return Part(key, artifact, start, end, whole=span is None)

    def read(self, part: Part) -> AsyncIterator[bytes]:
        """The bytes in pieces of at most 1 MiB."""
        return self._volumes.open_artifact(part.key, part.artifact.path, part.start, part.end)

    async def _found(self, group: str, job_id: str) -> tuple[str, Sequence[Artifact]]:
        job = await self._database.reading(lambda uow: get_job(uow, group, job_id))
        return job.run_key, await self._volumes.artifacts(job.run_key) if job.attempt else ()


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
