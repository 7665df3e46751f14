"""Wire models of what is done to many jobs at once, and of a rerun."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, StringConstraints

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobFilter, JobKind, JobState
from collegium.domain.names import check_user_name
from collegium.domain.tags import MAX_TAGS
from collegium.services.jobs.bulk import BulkAction
from collegium.services.jobs.models import Strict, Tag
from collegium.services.words import one_of

#: Ids that one request names.
MAX_IDS = 20_000


def _moment(value: Any) -> Any:
    """Strict JSON has no moments: text with an offset is one."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("must be a date and time with an offset, such as 2027-01-31T08:00:00Z") from None


class BulkFilter(Strict):
    """Which jobs: those that fit all that is given. Without ``state``, those in which the action is possible."""

    state: list[Annotated[JobState, one_of(JobState)]] = Field(
        default_factory=list, max_length=len(JobState), title="States"
    )
    user: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = Field(default=None, title="User")
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)] | None = Field(
        default=None, title="Name", description="Part of the name, in any case, or the beginning of the id."
    )
    tag: list[Tag] = Field(default_factory=list, max_length=MAX_TAGS, title="Tags", description="All of them.")
    sweep: Annotated[str, StringConstraints(pattern=r"^(none|swp-[0-9a-v]{26})$")] | None = Field(
        default=None, title="Sweep", description="`none`: of no sweep."
    )
    before: Annotated[AwareDatetime, BeforeValidator(_moment)] | None = Field(
        default=None, title="Over before", description="Only jobs that were over by then."
    )
    kind: Annotated[JobKind, one_of(JobKind)] | None = Field(default=None, title="Kind")

    def filter(self) -> JobFilter:
        """As the store knows it."""
        return JobFilter(
            frozenset(self.state),
            check_user_name(self.user, "filter.user") if self.user else None,
            self.name,
            frozenset(t.strip() for t in self.tag if t.strip()),
            None if self.sweep is None else self.sweep.removeprefix("none"),
            self.before,
            kind=self.kind,
        )


class BulkIn(Strict):
    """What to do, and to which jobs: either ids or a filter."""

    action: Annotated[BulkAction, one_of(BulkAction)]
    ids: list[Annotated[str, StringConstraints(min_length=1, max_length=64)]] | None = Field(
        default=None, min_length=1, max_length=MAX_IDS
    )
    filter: BulkFilter | None = None
    dry_run: bool = Field(default=False, description="Only say what would happen.")

    def wanted(self) -> JobFilter | list[str]:
        """The ids or the filter; raises InvalidInput unless it is one of them."""
        if (self.ids is None) == (self.filter is None):
            raise InvalidInput("ids", "give exactly one of ids and filter")
        return self.filter.filter() if self.filter is not None else self.ids or []


class RefusedOut(BaseModel):
    """A job to which it was not done, and why."""

    id: str
    reason: str


class BulkOut(BaseModel):
    """What came of it; after a dry run, what would. ``refused`` tells the first 20 of ``refused_count``.

    ``remaining`` jobs match, too, and are more than one request changes: ask again.
    """

    matched: int
    changed: int
    refused: list[RefusedOut]
    refused_count: int
    remaining: int = 0


class RerunIn(Strict):
    """How to run a job again."""

    exact: bool = Field(
        default=True,
        title="Exactly",
        description="With the image and size that it had; otherwise with what these names mean today.",
    )
