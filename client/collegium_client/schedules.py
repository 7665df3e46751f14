"""Schedules for plain programs: jobs that come again by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from collegium_client import operations
from collegium_client.models import (
    PreviewIn,
    PreviewOut,
    ResumeIn,
    ScheduleDetail,
    ScheduleIn,
    ScheduleOut,
    SchedulePatch,
    ScheduleRunOut,
)
from collegium_client.outcome import body_of, is_schedule_id, key_of, no_schedule, words

if TYPE_CHECKING:
    from collegium_client.client import Client


class Schedules:
    """The schedules of a Collegium. ``group`` is that of the client where it is left out.

    Where a method takes a schedule, its id and its name are both good.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self, schedule: ScheduleIn | Mapping[str, Any] | None = None, *, group: str | None = None, **fields: Any
    ) -> ScheduleDetail:
        """Make a schedule: a model, a mapping, or its fields. Its name is its own in the group."""
        body = body_of(ScheduleIn, "schedule", schedule, fields)
        return self._client.post_groups_group_schedules(self._client.group(group), body)

    def list(
        self,
        group: str | None = None,
        *,
        state: str | Iterable[str] | None = None,
        user: str | None = None,
        text: str | None = None,
        limit: int | None = None,
    ) -> Iterator[ScheduleOut]:
        """Schedules, oldest first, at most ``limit``; pages are fetched as they are needed."""
        chosen, states, cursor, left = self._client.group(group), words(state), None, limit
        while left is None or left > 0:
            page = self._client.get_groups_group_schedules(
                chosen, state=states, user=user, text=text, cursor=cursor, limit=min(200, left or 200)
            )
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def find(self, name: str, group: str | None = None) -> ScheduleOut | None:
        """The schedule of this name, if there is one."""
        return next((s for s in self.list(group, text=name[:120]) if s.name == name), None)

    def get(self, schedule: str, group: str | None = None) -> ScheduleDetail:
        """One schedule with its job, next due times, trend and history."""
        return self._client.get_groups_group_schedules_schedule(self._client.group(group), self._id(schedule, group))

    def edit(self, schedule: str, group: str | None = None, **changes: Any) -> ScheduleDetail:
        """Change what is given; None takes a start, an end or a limit away."""
        body = body_of(SchedulePatch, "change", None, changes)
        place = self._id(schedule, group)
        return self._client.patch_groups_group_schedules_schedule(self._client.group(group), place, body)

    def pause(self, schedule: str, group: str | None = None) -> ScheduleDetail:
        """Due times count no more."""
        place = self._id(schedule, group)
        return self._client.post_groups_group_schedules_schedule_pause(self._client.group(group), place)

    def resume(self, schedule: str, group: str | None = None, *, take_over: bool = False) -> ScheduleDetail:
        """Due times count from now on; with ``take_over`` its jobs are yours."""
        place, body = self._id(schedule, group), ResumeIn(take_over=take_over)
        return self._client.post_groups_group_schedules_schedule_resume(self._client.group(group), place, body)

    def run(self, schedule: str, group: str | None = None, *, key: str | None = None) -> ScheduleRunOut:
        """A run beside its times. The same ``key`` is the same run."""
        operation = operations.post_groups_group_schedules_schedule_run(
            self._client.group(group), self._id(schedule, group), idempotency_key=key_of(key)
        )
        return self._client.send(operation)

    def runs(self, schedule: str, group: str | None = None, *, limit: int | None = None) -> Iterator[ScheduleRunOut]:
        """What became of its due times, newest first."""
        chosen, place, cursor, left = self._client.group(group), self._id(schedule, group), None, limit
        while left is None or left > 0:
            page = self._client.get_groups_group_schedules_schedule_runs(
                chosen, place, cursor=cursor, limit=min(200, left or 200)
            )
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def delete(self, schedule: str, group: str | None = None) -> ScheduleOut:
        """Remove it with its history; its jobs stay."""
        place = self._id(schedule, group)
        return self._client.delete_groups_group_schedules_schedule(self._client.group(group), place)

    def preview(
        self,
        recurrence: Mapping[str, Any],
        group: str | None = None,
        *,
        start_at: str | None = None,
        end_at: str | None = None,
    ) -> PreviewOut:
        """When a recurrence would be due next."""
        body = body_of(PreviewIn, "preview", None, {"recurrence": recurrence, "start_at": start_at, "end_at": end_at})
        return self._client.post_groups_group_schedules_preview(self._client.group(group), body)

    def _id(self, schedule: str, group: str | None) -> str:
        if is_schedule_id(schedule):
            return schedule
        found = self.find(schedule, group)
        if found is None:
            raise no_schedule(schedule, self._client.group(group))
        return found.id
