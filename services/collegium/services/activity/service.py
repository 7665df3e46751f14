"""What happened lately, to all kinds of object. Every method expects that the policy was asked already."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from collegium.db import Database
from collegium.domain.jobs import Event
from collegium.services.activity.models import ActivityOut, ActivityPage
from collegium.services.paging import number_cursor, read_number_cursor, split_page

_KIND = "v"


@dataclass(frozen=True)
class ActivityFilter:
    """Which events: of these kinds (none: all), of one person."""

    kinds: tuple[str, ...] = ()
    user: str | None = None


class ActivityService:
    """Reads only: events are written together with what they tell of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, groups: Collection[str], filter: ActivityFilter, limit: int, cursor: str | None
    ) -> ActivityPage:
        """Events of these groups, newest first. Raises InvalidInput for a cursor of another list."""
        before = read_number_cursor(_KIND, cursor) if cursor else None
        wanted = sorted(groups)
        found = await self._database.reading(
            lambda uow: uow.events.page(wanted, limit + 1, before, kinds=filter.kinds, user=filter.user)
        )
        found, following = split_page(found, limit, lambda e: number_cursor(_KIND, e.sequence))
        return ActivityPage(items=[_out(e) for e in found], next_cursor=following)


def _out(e: Event) -> ActivityOut:
    return ActivityOut(
        sequence=e.sequence,
        at=e.at,
        group=e.group,
        kind=e.kind,
        id=e.object_id,
        # An event of before there were names.
        name=e.name or e.object_id,
        user=e.user,
        state=e.state,
        reason=e.reason,
        message=e.message,
    )
