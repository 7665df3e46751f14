"""Routes of what jobs tell of themselves, and of what they use."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from collegium.domain.metrics import MAX_KEY
from collegium.domain.policy import Operation
from collegium.services.endpoint import Endpoint, Query
from collegium.services.handlers import BaseHandler
from collegium.services.jobs.figure_models import ComparisonOut, FiguresOut, JobUsageOut

JobId = Annotated[str, StringConstraints(pattern="^job-[0-9a-v]{26}$")]


class CompareQuery(Query):
    """Whose figures, and which."""

    sweep: str | None = Field(default=None, pattern="^swp-[0-9a-v]{26}$", description="The jobs of this sweep.")
    job: list[JobId] = Field(default_factory=list, max_length=100, description="These jobs, each by its own `job=`.")
    key: str | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_KEY,
        pattern=r"^[^\x00]*$",
        description="Without it the sweep's objective, else the first there is.",
    )


class AttemptQuery(Query):
    """Which attempt."""

    attempt: int | None = Field(default=None, ge=1, le=1000, description="The latest one without it.")


class FiguresHandler(BaseHandler):
    """``/groups/{group}/jobs/{job}/metrics``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.JOB_METRICS, "Figures that a job told of itself", FiguresOut)}

    async def get(self, group: str, job: str) -> None:
        """All series."""
        self.write_json(await self.context.figures.of(group, job))


class CompareHandler(BaseHandler):
    """``/groups/{group}/metrics``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.JOB_METRICS,
            "One figure of several jobs, or of the jobs of a sweep, side by side",
            ComparisonOut,
            query=CompareQuery,
            errors=(404,),
        )
    }

    async def get(self, group: str) -> None:
        """Compare."""
        query = self.read_query(CompareQuery)
        self.write_json(await self.context.figures.compare(group, query.sweep, query.job, query.key))


class JobUsageHandler(BaseHandler):
    """``/groups/{group}/jobs/{job}/usage``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.JOB_USAGE, "CPU, memory and GPUs that an attempt used", JobUsageOut, query=AttemptQuery
        )
    }

    async def get(self, group: str, job: str) -> None:
        """The series."""
        query = self.read_query(AttemptQuery)
        self.write_json(await self.context.figures.usage(group, job, query.attempt))
