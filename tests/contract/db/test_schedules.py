"""Rows of schedules and their runs, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.errors import Conflict
from collegium.domain.groups import Group, Membership, Role
from collegium.domain.identity import Standing, UserIdentity
from collegium.domain.names import new_id
from collegium.domain.recurrence import make_cron
from collegium.domain.schedules import (
    Overlap,
    RunReason,
    RunState,
    Schedule,
    ScheduleFilter,
    ScheduleReason,
    ScheduleRun,
    ScheduleState,
    Timing,
    Trigger,
)
from collegium.settings import Settings

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)
BODY = {"name": "train", "command": "true", "instance_type": "small", "image": "base"}


def schedule(name: str = "nightly", **changes: object) -> Schedule:
    made = Schedule(
        id=new_id("sch"),
        group="physics",
        name=name,
        timing=Timing(make_cron("0 4 * * *", "Europe/Berlin"), end_at=MOMENT + timedelta(days=9), max_runs=7),
        template=BODY,
        run_as="ann",
        created_by="ann",
        created_at=MOMENT,
        updated_by="ann",
        updated_at=MOMENT,
        looked_until=MOMENT,
        next_due=MOMENT + timedelta(hours=14),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def run(of: Schedule, minutes: int = 0, **changes: object) -> ScheduleRun:
    due = MOMENT + timedelta(minutes=minutes)
    made = ScheduleRun(of.id, of.group, due, Trigger.TIME, RunState.DUE, RunReason.FIRED, MOMENT, run_as="ann")
    return replace(made, **changes)  # type: ignore[arg-type]


def test_what_is_written_is_read(database: Database) -> None:
    one = schedule(timing=Timing(make_cron("*/5 * * * *", "UTC"), overlap=Overlap.REPLACE), failures=2, runs=3)
    with database.write() as uow:
        uow.schedules.insert(one)
        fired = uow.schedule_runs.insert(run(one))
    with database.read() as uow:
        assert uow.schedules.get("physics", one.id) == one
        assert uow.schedules.get("chemistry", one.id) is None
        assert uow.schedule_runs.page(one.id, 10) == [fired]
        assert uow.schedule_runs.get(one.id, fired.sequence) == fired
        assert uow.schedule_runs.waiting() == [("physics", one.id, fired.sequence)]
        assert uow.schedule_runs.known(one.id, MOMENT - timedelta(microseconds=1)) == {MOMENT}
        assert uow.schedule_runs.known(one.id, MOMENT) == set()


def test_names_are_of_their_group(database: Database) -> None:
    with database.write() as uow:
        uow.schedules.insert(schedule())
        uow.schedules.insert(schedule(group="chemistry"))
        with pytest.raises(Conflict, match="nightly"):
            uow.schedules.insert(schedule())
        weekly = schedule("weekly")
        uow.schedules.insert(weekly)
        with pytest.raises(Conflict, match="nightly"):
            uow.schedules.change(weekly, replace(weekly, name="nightly"))


def test_pages_and_filters(database: Database) -> None:
    made = [schedule(f"s{n}", run_as="bob" if n % 2 else "ann") for n in range(7)]
    with database.write() as uow:
        for one in made:
            uow.schedules.insert(one)
        uow.schedules.change(made[0], replace(made[0], state=ScheduleState.PAUSED))
    ids = sorted(s.id for s in made)
    with database.read() as uow:
        first = uow.schedules.page("physics", ScheduleFilter(), 3)
        rest = uow.schedules.page("physics", ScheduleFilter(), 10, first[-1].id)
        assert [s.id for s in first + rest] == ids
        paused = uow.schedules.page("physics", ScheduleFilter(frozenset({ScheduleState.PAUSED})), 9)
        assert [s.name for s in paused] == ["s0"]
        assert {s.name for s in uow.schedules.page("physics", ScheduleFilter(user="bob"), 9)} == {"s1", "s3", "s5"}
        assert [s.name for s in uow.schedules.page("physics", ScheduleFilter(text="S3"), 9)] == ["s3"]
        assert uow.schedules.count("physics") == 7


def test_who_is_to_be_looked_at(database: Database) -> None:
    later = schedule("later")
    due = schedule("due", next_due=MOMENT)
    ahead = schedule("ahead", looked_until=MOMENT + timedelta(hours=2))
    paused = schedule("paused", next_due=MOMENT, state=ScheduleState.PAUSED)
    with database.write() as uow:
        for one in (later, due, ahead, paused):
            uow.schedules.insert(one)
    with database.read() as uow:
        assert {i for _, i in uow.schedules.due(MOMENT, timedelta(seconds=5))} == {due.id, ahead.id}
        assert {i for _, i in uow.schedules.active()} == {later.id, due.id, ahead.id}


def test_only_one_of_two_changes_comes_through(database: Database) -> None:
    one = schedule()
    with database.write() as uow:
        uow.schedules.insert(one)
    with database.write() as uow:
        uow.schedules.change(one, replace(one, runs=1, looked_until=MOMENT + timedelta(hours=1)))
    with database.write() as uow, pytest.raises(Conflict, match="changed"):
        uow.schedules.change(one, replace(one, runs=1))


def test_a_due_time_has_one_row_and_a_job_one_run(database: Database) -> None:
    one = schedule()
    with database.write() as uow:
        uow.schedules.insert(one)
        first = uow.schedule_runs.insert(run(one))
        with pytest.raises(Conflict):
            uow.schedule_runs.insert(run(one))
        second = uow.schedule_runs.insert(run(one, 1))
        uow.schedule_runs.move(first, RunState.SUBMITTED, RunReason.SUBMITTED, job_id="job-1")
        # A controller that slept goes on with what it read before.
        with pytest.raises(Conflict):
            uow.schedule_runs.move(first, RunState.SUBMITTED, RunReason.SUBMITTED, job_id="job-2")
        with pytest.raises(sa.exc.IntegrityError), uow.savepoint():
            uow.schedule_runs.move(second, RunState.SUBMITTED, RunReason.SUBMITTED, job_id="job-1")
    with database.read() as uow:
        assert [(r.due_at, r.job_id) for r in uow.schedule_runs.page(one.id, 9)] == [
            (second.due_at, None),
            (MOMENT, "job-1"),
        ]
        found = uow.schedule_runs.of_job("job-1")
        assert found is not None and found.schedule_id == one.id


def test_many_who_write_the_same_due_time(database: Database) -> None:
    one = schedule()
    with database.write() as uow:
        uow.schedules.insert(one)
    written: list[int] = []

    def write() -> None:
        for minute in range(10):
            with database.write() as uow:
                try:
                    written.append(uow.schedule_runs.insert(run(one, minute)).sequence)
                except Conflict:
                    continue

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 10


def test_deleting_takes_the_runs_along(database: Database) -> None:
    one, other = schedule(), schedule("other")
    with database.write() as uow:
        for s in (one, other):
            uow.schedules.insert(s)
            uow.schedule_runs.insert(run(s))
        uow.schedules.delete(one)
    with database.read() as uow:
        assert uow.schedule_runs.page(one.id, 9) == []
        assert [g for g, _, _ in uow.schedule_runs.waiting()] == ["physics"]


def test_old_runs_are_forgotten_if_they_are_over(database: Database) -> None:
    one = schedule()
    with database.write() as uow:
        uow.schedules.insert(one)
        uow.schedule_runs.insert(run(one, 0, state=RunState.SUCCEEDED))
        waits = uow.schedule_runs.insert(run(one, 1))
        uow.schedule_runs.delete_before(MOMENT + timedelta(days=1))
        assert uow.schedule_runs.page(one.id, 9) == [waits]


def test_whose_right_is_gone(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        for name, role in (("ann", Role.MEMBER), ("vic", Role.VIEWER), ("dan", Role.ADMIN)):
            uow.memberships.put(Membership("physics", name, role))
        uow.identities.put(UserIdentity("dan", "https://i", "1", "d@example.org", True, Standing.DISABLED, now()))
        made = {n: schedule(n, run_as=n) for n in ("ann", "vic", "dan", "zoe")}
        for one in made.values():
            uow.schedules.insert(one)
        paused = schedule("p", run_as="zoe", state=ScheduleState.PAUSED, reason=ScheduleReason.BY_USER)
        uow.schedules.insert(paused)
        assert {i for _, i in uow.schedules.without_right()} == {made[n].id for n in ("vic", "dan", "zoe")}


def test_a_database_of_the_release_before_is_brought_up_to_date(settings: Settings) -> None:
    settings.prepare()
    before = Database(settings.database_url)
    before.upgrade("0002")
    before.close()
    engine = sa.create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO groups (name, display_name, description, contact, limits, member_limits, managed_by, "
                "invitations) VALUES ('physics', 'Physics', '', '', '{}', '{}', 'file', false)"
            )
        )
    engine.dispose()
    database = Database.open(settings)
    try:
        one = schedule()
        with database.write() as uow:
            assert uow.groups.get("physics") is not None
            uow.schedules.insert(one)
            uow.schedule_runs.insert(run(one))
        with database.read() as uow:
            assert uow.schedules.get("physics", one.id) == one
    finally:
        database.close()
