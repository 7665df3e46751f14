"""What can be done with schedules. Knows people, quota and the store; knows no HTTP."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Conflict, Forbidden, IdempotencyMismatch, NotFound, shorten
from collegium.domain.names import check_label, new_id
from collegium.domain.policy import Operation, explain
from collegium.domain.recurrence import describe
from collegium.domain.schedules import (
    Overlap,
    RunReason,
    RunState,
    Schedule,
    ScheduleFilter,
    ScheduleReason,
    ScheduleRun,
    ScheduleState,
    Trigger,
    check_timing,
)
from collegium.services.by import By
from collegium.services.paging import name_cursor, number_cursor, read_name_cursor, read_number_cursor, split_page
from collegium.services.schedules import steps
from collegium.services.schedules.models import (
    WINDOW,
    PreviewIn,
    PreviewOut,
    ScheduleDetail,
    ScheduleIn,
    ScheduleOut,
    SchedulePage,
    SchedulePatch,
    ScheduleRunOut,
    ScheduleRunPage,
)
from collegium.services.schedules.template import body_of, check_job, person
from collegium.services.schedules.validate import patch_timing, read_template, read_timing, to_template
from collegium.services.schedules.views import due_times, run_out, schedule_detail, schedule_out, trend

#: Schedules of one group; more are a mistake in a loop.
MAX_SCHEDULES = 1000
T = TypeVar("T")
_ID = re.compile(r"sch-[0-9a-v]{26}", re.ASCII)


class ScheduleService:
    """Preview, make, list, show, change, pause, resume, run now, delete. ``wake`` tells the controller of this process.

    Every method expects that the policy was asked already, as far as it does not depend on whose schedule it is.
    """

    def __init__(self, database: Database, wake: Callable[[], object], clock: Callable[[], datetime]) -> None:
        self._database, self._wake, self._clock = database, wake, clock

    def preview(self, body: PreviewIn) -> PreviewOut:
        """The next due times. Raises InvalidInput for what would never be due."""
        moment = self._clock()
        timing = read_timing(body, moment)
        check_timing(timing, moment)
        return PreviewOut(description=describe(timing.recurrence), items=due_times(timing, moment))

    async def page(self, group: str, filter: ScheduleFilter, limit: int, cursor: str | None) -> SchedulePage:
        """Schedules, oldest first. Raises InvalidInput for a cursor that is not ours."""
        after = read_name_cursor("s", cursor) if cursor else ""

        def look(uow: UnitOfWork) -> SchedulePage:
            found = uow.schedules.page(group, filter, limit + 1, after)
            found, following = split_page(found, limit, lambda s: name_cursor("s", s.id))
            last = uow.schedule_runs.last([s.id for s in found])
            items = [schedule_out(s, last.get(s.id)) for s in found]
            return SchedulePage(items=items, next_cursor=following)

        return await self._database.reading(look)

    async def get(self, group: str, schedule_id: str) -> ScheduleDetail:
        """One schedule with everything. Raises NotFound."""
        return await self._database.reading(lambda uow: schedule_detail(uow, get(uow, group, schedule_id)))

    async def runs(self, group: str, schedule_id: str, limit: int, cursor: str | None) -> ScheduleRunPage:
        """What became of its due times, newest first. Raises NotFound; InvalidInput for a cursor that is not ours."""
        before = read_number_cursor("r", cursor) if cursor else None

        def look(uow: UnitOfWork) -> ScheduleRunPage:
            schedule = get(uow, group, schedule_id)
            found = uow.schedule_runs.page(schedule.id, limit + 1, before)
            found, following = split_page(found, limit, lambda r: number_cursor("r", r.sequence))
            return ScheduleRunPage(
                items=[run_out(r) for r in found],
                trend=trend(uow.schedule_runs.ended(schedule.id, WINDOW)),
                next_cursor=following,
            )

        return await self._database.reading(look)

    async def create(self, by: By, group: str, body: ScheduleIn) -> ScheduleDetail:
        """A new one; its jobs are those of the caller.

        Raises InvalidInput; NotGranted and QuotaExceeded for a job that could never run; Conflict for a name that is
        taken, or a group that has too many.
        """
        moment = self._clock()
        timing = read_timing(body, moment)
        read_template(body.template)
        due = check_timing(timing, moment)
        schedule = Schedule(
            id=new_id("sch"),
            group=group,
            name=check_label(body.name),
            timing=timing,
            template=to_template(body.template),
            run_as=by.actor.user,
            created_by=by.actor.user,
            created_at=moment,
            updated_by=by.actor.user,
            updated_at=moment,
            looked_until=moment,
            next_due=due,
            state=ScheduleState.PAUSED if body.paused else ScheduleState.ACTIVE,
            reason=ScheduleReason.BY_USER if body.paused else ScheduleReason.STARTED,
            max_failures=body.max_failures,
        )

        def write(uow: UnitOfWork) -> ScheduleDetail:
            uow.groups.lock(group)
            check_job(uow, by.actor, group, body.template, Operation.SCHEDULE_CREATE)
            if uow.schedules.count(group) >= MAX_SCHEDULES:
                text = f"Group {group} has {MAX_SCHEDULES} schedules; delete some first."
                raise Conflict(text, limit=MAX_SCHEDULES)
            uow.schedules.insert(schedule)
            self._record(uow, by, schedule, "schedule.create", schedule.state.value, f"Made by {by.actor.user}.")
            return schedule_detail(uow, schedule)

        return await self._write(write)

    async def update(self, by: By, group: str, schedule_id: str, body: SchedulePatch) -> ScheduleDetail:
        """Change what is given. Who writes the template anew has the jobs from then on. Raises as ``create``; NotFound;
        Forbidden; Conflict also where ``version`` is another one by now."""
        moment = self._clock()
        if body.template is not None:
            read_template(body.template)

        def write(uow: UnitOfWork) -> ScheduleDetail:
            before = self._open(uow, by, group, schedule_id, Operation.SCHEDULE_UPDATE)
            if body.version is not None and body.version != before.version:
                text = f"The schedule was changed by {before.updated_by} meanwhile; look at it again."
                raise Conflict(text, field="version", value=body.version, limit=before.version)
            after = self._patched(before, body, moment)
            if body.template is not None:
                check_job(uow, by.actor, group, body.template, Operation.JOB_SUBMIT)
                after = replace(after, template=to_template(body.template), run_as=by.actor.user)
            after = replace(after, updated_by=by.actor.user, updated_at=moment, version=before.version + 1)
            uow.schedules.change(before, after)
            what = sorted(body.model_fields_set - {"version"})
            text = f"{by.actor.user} changed {', '.join(what) or 'nothing'}."
            self._record(uow, by, after, "schedule.update", after.state.value, text, {"fields": what})
            return schedule_detail(uow, after)

        return await self._write(write)

    def _patched(self, before: Schedule, body: SchedulePatch, moment: datetime) -> Schedule:
        timing = patch_timing(body, before.timing, moment)
        after = replace(before, timing=timing)
        if body.name is not None:
            after = replace(after, name=check_label(body.name))
        if body.max_failures is not None:
            after = replace(after, max_failures=body.max_failures)
        if timing == before.timing:
            return after
        # What it was due before this change and nobody looked at yet is not made up for: it is another plan now.
        after = replace(after, looked_until=moment, next_due=check_timing(timing, moment))
        if after.left == 0:
            return steps.ended(replace(after, state=ScheduleState.ACTIVE))
        if after.state is ScheduleState.ENDED:
            after = replace(after, state=ScheduleState.ACTIVE, reason=ScheduleReason.STARTED, message="")
        return after

    async def delete(self, by: By, group: str, schedule_id: str) -> ScheduleOut:
        """Remove it with its history, and show it once more; its jobs stay. Raises NotFound, Forbidden."""

        def write(uow: UnitOfWork) -> ScheduleOut:
            schedule = self._open(uow, by, group, schedule_id, Operation.SCHEDULE_DELETE)
            last = uow.schedule_runs.last([schedule.id]).get(schedule.id)
            uow.schedules.delete(schedule)
            self._record(uow, by, schedule, "schedule.delete", "Deleted", f"Deleted by {by.actor.user}.")
            return schedule_out(schedule, last)

        return await self._write(write)

    async def pause(self, by: By, group: str, schedule_id: str) -> ScheduleDetail:
        """Nothing is due until it is resumed. Raises NotFound, Forbidden; Conflict for one that has ended."""

        def write(uow: UnitOfWork) -> ScheduleDetail:
            schedule = self._open(uow, by, group, schedule_id, Operation.SCHEDULE_PAUSE)
            if schedule.state is ScheduleState.ENDED:
                raise Conflict(f"The schedule has ended: {schedule.message}", state=schedule.state.value)
            if schedule.state is ScheduleState.ACTIVE:
                text = f"Paused by {by.actor.user}."
                moment = self._clock()
                schedule = steps.pause(uow, schedule, ScheduleReason.BY_USER, text, moment, by.actor.user)
                self._audit(uow, by, schedule, "schedule.pause")
            return schedule_detail(uow, schedule)

        return await self._write(write)

    async def resume(self, by: By, group: str, schedule_id: str, take_over: bool) -> ScheduleDetail:
        """Due times count again from now on; those while it was paused were not missed. Raises NotFound, Forbidden;
        Conflict where nothing is left to do, or its jobs' owner may not run any."""

        def write(uow: UnitOfWork) -> ScheduleDetail:
            before, moment = self._open(uow, by, group, schedule_id, Operation.SCHEDULE_RESUME), self._clock()
            after = before
            if take_over and before.run_as != by.actor.user:
                check_job(uow, by.actor, group, body_of(before), Operation.JOB_SUBMIT)
                after = replace(after, run_as=by.actor.user)
            _, refusal = person(uow, after)
            if refusal:
                raise Conflict(refusal, run_as=after.run_as)
            due = after.timing.after(moment)
            if due is None or after.left == 0:
                raise Conflict("Nothing is left for it to do; give it a later end, or more runs.", runs=after.runs)
            if after != before or before.state is not ScheduleState.ACTIVE:
                after = replace(
                    after,
                    state=ScheduleState.ACTIVE,
                    reason=ScheduleReason.STARTED,
                    message="",
                    failures=0,
                    looked_until=moment,
                    next_due=due,
                    updated_by=by.actor.user,
                    updated_at=moment,
                    version=before.version + 1,
                )
                uow.schedules.change(before, after)
                verb = "Taken over" if after.run_as != before.run_as else "Resumed"
                text = f"{verb} by {by.actor.user}."
                self._record(uow, by, after, "schedule.resume", after.state.value, text, {"run_as": after.run_as})
            return schedule_detail(uow, after)

        return await self._write(write)

    async def run_now(self, by: By, group: str, schedule_id: str, key: str | None) -> tuple[ScheduleRunOut, bool]:
        """A run beside its times, and True if it is new and not the answer to a repeated ``key``.

        Its job is submitted at once, as those of the schedule's owner. Raises NotFound, Forbidden; Conflict where
        overlapping is forbidden and a run goes on, or the owner may not run jobs; IdempotencyMismatch.
        """

        def write(uow: UnitOfWork) -> tuple[ScheduleRunOut, bool]:
            schedule = self._open(uow, by, group, schedule_id, Operation.SCHEDULE_RUN)
            known = self._replayed(uow, by, schedule, key)
            if known is not None:
                return run_out(known), False
            _, refusal = person(uow, schedule)
            if refusal:
                raise Conflict(refusal, run_as=schedule.run_as)
            moment = self._clock()
            going_on = uow.schedule_runs.open(schedule.id)
            if going_on and schedule.timing.overlap is Overlap.FORBID:
                run = going_on[0]
                raise Conflict(
                    f"The run of {run.due_at:%Y-%m-%d %H:%M:%S} UTC goes on, and overlapping is forbidden.",
                    job=run.job_id,
                )
            if schedule.timing.overlap is Overlap.REPLACE:
                steps.replace_open(uow, schedule, moment)
            run = uow.schedule_runs.insert(
                ScheduleRun(
                    schedule.id,
                    group,
                    moment,
                    Trigger.PERSON,
                    RunState.DUE,
                    RunReason.FIRED,
                    moment,
                    requested_by=by.actor.user,
                    run_as=schedule.run_as,
                )
            )
            if key is not None:
                operation = Operation.SCHEDULE_RUN.value
                uow.idempotency_keys.insert(
                    by.actor.user, operation, group, key, schedule.id, str(run.sequence), moment
                )
            text = f"Started by {by.actor.user}."
            self._record(uow, by, schedule, "schedule.run", run.state.value, text, {"run": run.sequence})
            return run_out(run), True

        return await self._write(write)

    def _replayed(self, uow: UnitOfWork, by: By, schedule: Schedule, key: str | None) -> ScheduleRun | None:
        if key is None:
            return None
        found = uow.idempotency_keys.find(by.actor.user, Operation.SCHEDULE_RUN.value, schedule.group, key)
        if found is None:
            return None
        if found[0] != schedule.id:
            raise IdempotencyMismatch("This Idempotency-Key was used for another request.", key=key)
        return uow.schedule_runs.get(schedule.id, int(found[1]))

    def _open(self, uow: UnitOfWork, by: By, group: str, schedule_id: str, operation: Operation) -> Schedule:
        """The schedule, held for a change; raises NotFound, and Forbidden if it is not the actor's to change."""
        uow.groups.lock(group)
        schedule = get(uow, group, schedule_id, lock=True)
        verdict = explain(by.actor, operation, group, owner=schedule.run_as)
        if not verdict.allowed:
            raise Forbidden(verdict.reason, operation=operation.value, group=group)
        return schedule

    def _record(
        self,
        uow: UnitOfWork,
        by: By,
        schedule: Schedule,
        action: str,
        state: str,
        text: str,
        details: dict[str, Any] | None = None,
    ) -> None:
        """In its history, the group's feed and the audit log."""
        steps.tell(uow, schedule, self._clock(), state, ScheduleReason.BY_USER.value, text)
        self._audit(uow, by, schedule, action, details)

    def _audit(
        self, uow: UnitOfWork, by: By, schedule: Schedule, action: str, details: dict[str, Any] | None = None
    ) -> None:
        more = {"name": schedule.name, **(details or {})}
        uow.audit.append(by.entry(self._clock(), action, schedule.id, schedule.group, more))

    async def _write(self, function: Callable[[UnitOfWork], T]) -> T:
        def write(uow: UnitOfWork) -> T:
            result = function(uow)
            uow.announce()
            return result

        result = await self._database.writing(write)
        self._wake()
        return result


def get(uow: UnitOfWork, group: str, schedule_id: str, *, lock: bool = False) -> Schedule:
    """One schedule of a group; raises NotFound, also for text that is no id of one."""
    found = uow.schedules.get(group, schedule_id, lock=lock) if _ID.fullmatch(schedule_id) else None
    if found is None:
        shown = shorten(schedule_id)
        raise NotFound(f"Group {group} has no schedule {shown}.", schedule=shown)
    return found
