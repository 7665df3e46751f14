"""Routes of sweeps."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from collegium.domain.jobs import JobState
from collegium.domain.names import check_user_name
from collegium.domain.policy import Operation
from collegium.domain.sweeps import SweepFilter
from collegium.services.by import By
from collegium.services.endpoint import Endpoint, Header, Query
from collegium.services.handlers import BaseHandler, header
from collegium.services.sweeps.models import (
    PointPage,
    SweepDetail,
    SweepEdit,
    SweepIn,
    SweepOut,
    SweepPage,
    SweepPreview,
)

KEY = Header("Idempotency-Key", "Makes a repeat safe: the same key and body give the same sweep.", "^[!-~]{1,128}$")
REPLAYED = Header("Idempotency-Replayed", "`true` if an earlier request with this key made the sweep.")
#: A sweep waits in its jobs: it runs from the start.
_STATES = "|".join(s.value for s in JobState if s.final or s is JobState.RUNNING)


class PageQuery(Query):
    """Which page."""

    limit: int = Field(default=20, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")


class SweepQuery(PageQuery):
    """What to list."""

    state: str | None = Field(
        default=None, pattern=f"^({_STATES})(,({_STATES}))*$", max_length=100, description="States, comma-separated."
    )
    user: str | None = Field(
        default=None, pattern=r"^[a-z0-9]([a-z0-9._@+-]{0,126}[a-z0-9])?$", description="Only sweeps of this user."
    )
    text: str | None = Field(
        default=None, max_length=120, pattern=r"^[^\x00]*$", description="Part of the name, in any case."
    )

    def filter(self) -> SweepFilter:
        """As the store knows it."""
        states = frozenset(JobState(s) for s in self.state.split(",")) if self.state else frozenset()
        return SweepFilter(states, check_user_name(self.user) if self.user else None, self.text or None)


class SweepsHandler(BaseHandler):
    """``/groups/{group}/sweeps``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.SWEEP_LIST, "Sweeps, the newest first", SweepPage, query=SweepQuery, errors=(400,)),
        "POST": Endpoint(
            Operation.SWEEP_SUBMIT,
            "Submit one job many times, each time with other values",
            SweepDetail,
            201,
            body=SweepIn,
            headers=(KEY,),
            answers=(REPLAYED,),
            errors=(400, 409, 413, 415, 422, 429, 507),
        ),
    }

    async def get(self, group: str) -> None:
        """A page of sweeps."""
        query = self.read_query(SweepQuery)
        self.write_json(await self.context.sweeps.page(group, query.filter(), query.limit, query.cursor))

    async def post(self, group: str) -> None:
        """Submit."""
        body, key = self.read_body(SweepIn), header(self.request.headers, KEY.name)
        sweep, new = await self.context.sweeps.submit(self.caller.actor, group, body, key)
        if not new:
            self.set_header(REPLAYED.name, "true")
        self.write_json(sweep)


class PreviewHandler(BaseHandler):
    """``/groups/{group}/sweeps/preview``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.SWEEP_PREVIEW,
            "How many jobs a sweep would be, and the values of the first",
            SweepPreview,
            body=SweepIn,
            errors=(400, 413, 415),
        )
    }

    async def post(self, group: str) -> None:
        """Preview."""
        self.write_json(await self.context.sweeps.preview(self.read_body(SweepIn)))


class SweepHandler(BaseHandler):
    """``/groups/{group}/sweeps/{sweep}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.SWEEP_READ, "One sweep with its job, space and history", SweepDetail),
        "PATCH": Endpoint(
            Operation.SWEEP_EDIT,
            "Change notes, tags, or how many of its jobs run at the same time",
            SweepOut,
            body=SweepEdit,
            errors=(400, 409, 413, 415),
        ),
        "DELETE": Endpoint(
            Operation.SWEEP_DELETE, "Remove a sweep that is over; its jobs stay", SweepOut, errors=(400, 409, 413)
        ),
    }

    async def get(self, group: str, sweep: str) -> None:
        """One sweep."""
        self.write_json(await self.context.sweeps.get(group, sweep))

    async def patch(self, group: str, sweep: str) -> None:
        """Edit."""
        change = self.read_body(SweepEdit)
        self.write_json(await self.context.sweeps.edit(self.caller.actor, group, sweep, change))

    async def delete(self, group: str, sweep: str) -> None:
        """Delete."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.sweeps.delete(by, group, sweep))


class PointsHandler(BaseHandler):
    """``/groups/{group}/sweeps/{sweep}/points``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.SWEEP_READ, "Its points in order, with their jobs", PointPage, query=PageQuery, errors=(400,)
        )
    }

    async def get(self, group: str, sweep: str) -> None:
        """A page of points."""
        query = self.read_query(PageQuery)
        self.write_json(await self.context.sweeps.points(group, sweep, query.limit, query.cursor))


class CancelHandler(BaseHandler):
    """``/groups/{group}/sweeps/{sweep}/cancel``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.SWEEP_CANCEL, "No more jobs; those that wait or run are ended", SweepOut, errors=(400, 409, 413)
        )
    }

    async def post(self, group: str, sweep: str) -> None:
        """Cancel."""
        self.refuse_body()
        by = By(self.caller.actor, self.request_id)
        self.write_json(await self.context.sweeps.cancel(by, group, sweep))
