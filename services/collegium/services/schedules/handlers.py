"""Routes of schedules."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.names import check_user_name
from collegium.domain.policy import Operation
from collegium.domain.schedules import ScheduleFilter, ScheduleState
from collegium.services.by import By
from collegium.services.endpoint import Endpoint, Header, Query
from collegium.services.handlers import BaseHandler, header
from collegium.services.schedules.models import (
    PreviewIn,
    PreviewOut,
    ResumeIn,
    ScheduleDetail,
    ScheduleIn,
    ScheduleOut,
    SchedulePage,
    SchedulePatch,
    ScheduleRunOut,
    ScheduleRunPage,
)

KEY = Header("Idempotency-Key", "Makes a repeat safe: the same key gives the same run.", "^[!-~]{1,128}$")
REPLAYED = Header("Idempotency-Replayed", "`true` if an earlier request with this key made the run.")
_STATES = "|".join(s.value for s in ScheduleState)


class ScheduleQuery(Query):
    """What to list."""

    state: str | None = Field(
        default=None, pattern=f"^({_STATES})(,({_STATES}))*$", max_length=100, description="States, comma-separated."
    )
    user: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([a-z0-9._@+-]{0,126}[a-z0-9])?$",
        description="Only what this user made, or whose jobs are theirs.",
    )
    text: str | None = Field(
        default=None, max_length=120, pattern=r"^[^\x00]*$", description="Part of the name, in any case."
    )
    limit: int = Field(default=20, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")

    def filter(self) -> ScheduleFilter:
        """As the store knows it."""
        states = frozenset(ScheduleState(s) for s in self.state.split(",")) if self.state else frozenset()
        return ScheduleFilter(states, check_user_name(self.user) if self.user else None, self.text or None)


class RunQuery(Query):
    """Which page."""

    limit: int = Field(default=20, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")


class SchedulesHandler(BaseHandler):
    """``/groups/{group}/schedules``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.SCHEDULE_LIST, "Schedules, oldest first", SchedulePage, query=ScheduleQuery, errors=(400,)
        ),
        "POST": Endpoint(
            Operation.SCHEDULE_CREATE,
            "Make a schedule",
            ScheduleDetail,
            201,
            body=ScheduleIn,
            errors=(400, 409, 413, 415, 422),
        ),
    }

    async def get(self, group: str) -> None:
        """A page of schedules."""
        query = self.read_query(ScheduleQuery)
        self.write_json(await self.context.schedules.page(group, query.filter(), query.limit, query.cursor))

    async def post(self, group: str) -> None:
        """Make."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(ScheduleIn)
        self.write_json(await self.context.schedules.create(by, group, body))


class PreviewHandler(BaseHandler):
    """``/groups/{group}/schedules/preview``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.SCHEDULE_PREVIEW,
            "When a recurrence would be due next",
            PreviewOut,
            body=PreviewIn,
            errors=(400, 413, 415),
        )
    }

    async def post(self, group: str) -> None:
        """Preview."""
        self.write_json(self.context.schedules.preview(self.read_body(PreviewIn)))


class ScheduleHandler(BaseHandler):
    """``/groups/{group}/schedules/{schedule}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.SCHEDULE_READ, "One schedule with job, trend and history", ScheduleDetail),
        "PATCH": Endpoint(
            Operation.SCHEDULE_UPDATE,
            "Change a schedule",
            ScheduleDetail,
            body=SchedulePatch,
            errors=(400, 409, 413, 415, 422),
        ),
        "DELETE": Endpoint(
            Operation.SCHEDULE_DELETE,
            "Remove a schedule with its history; its jobs stay",
            ScheduleOut,
            errors=(400, 409, 413),
        ),
    }

    async def get(self, group: str, schedule: str) -> None:
        """One schedule."""
        self.write_json(await self.context.schedules.get(group, schedule))

    async def patch(self, group: str, schedule: str) -> None:
        """Change."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(SchedulePatch)
        self.write_json(await self.context.schedules.update(by, group, schedule, body))

    async def delete(self, group: str, schedule: str) -> None:
        """Delete."""
        self.refuse_body()
        self.write_json(await self.context.schedules.delete(By(self.caller.actor, self.request_id), group, schedule))


class PauseHandler(BaseHandler):
    """``/groups/{group}/schedules/{schedule}/pause``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.SCHEDULE_PAUSE, "Nothing is due until it is resumed", ScheduleDetail, errors=(400, 409, 413)
        )
    }

    async def post(self, group: str, schedule: str) -> None:
        """Pause."""
        self.refuse_body()
        self.write_json(await self.context.schedules.pause(By(self.caller.actor, self.request_id), group, schedule))


class ResumeHandler(BaseHandler):
    """``/groups/{group}/schedules/{schedule}/resume``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.SCHEDULE_RESUME,
            "Due times count again; perhaps as somebody else's jobs",
            ScheduleDetail,
            body=ResumeIn,
            errors=(400, 409, 413, 415, 422),
        )
    }

    async def post(self, group: str, schedule: str) -> None:
        """Resume."""
        by, body = By(self.caller.actor, self.request_id), self.read_body(ResumeIn)
        self.write_json(await self.context.schedules.resume(by, group, schedule, body.take_over))


class RunNowHandler(BaseHandler):
    """``/groups/{group}/schedules/{schedule}/run``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.SCHEDULE_RUN,
            "A run beside its times",
            ScheduleRunOut,
            201,
            headers=(KEY,),
            answers=(REPLAYED,),
            errors=(400, 409, 413, 422),
        )
    }

    async def post(self, group: str, schedule: str) -> None:
        """Run now."""
        self.refuse_body()
        by, key = By(self.caller.actor, self.request_id), header(self.request.headers, KEY.name)
        run, new = await self.context.schedules.run_now(by, group, schedule, key)
        if not new:
            self.set_header(REPLAYED.name, "true")
        self.write_json(run)


class RunsHandler(BaseHandler):
    """``/groups/{group}/schedules/{schedule}/runs``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.SCHEDULE_RUNS,
            "What became of its due times, newest first, and the trend",
            ScheduleRunPage,
            query=RunQuery,
            errors=(400,),
        )
    }

    async def get(self, group: str, schedule: str) -> None:
        """A page of runs."""
        query = self.read_query(RunQuery)
        self.write_json(await self.context.schedules.runs(group, schedule, query.limit, query.cursor))
