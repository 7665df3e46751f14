"""Lists of many jobs and events go down an index, on both databases; and the rows of deleted jobs go whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from collegium.db import Database, UnitOfWork, tables
from collegium.db.job_tables import job_tags
from collegium.domain.dependencies import Dependency, Ending
from collegium.domain.groups import Group
from collegium.domain.jobs import Event, Job, JobFilter, JobReason, JobSort, JobSpec, JobState
from collegium.domain.names import new_id
from collegium.domain.resources import Resources
from collegium.domain.schedules import RunState
from contract.db.test_schedules import run, schedule

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)
STATES = [JobState.SUCCEEDED] * 17 + [JobState.FAILED, JobState.CANCELLED, JobState.PENDING]


def job(number: int = 0, group: str = "physics", state: JobState = JobState.PENDING, **changes: Any) -> Job:
    spec = JobSpec(f"train {number}", "small", "python", command="true")
    told = (state, JobReason.SUBMITTED, "", MOMENT)
    return Job(new_id("job"), group, f"u{number % 7}", spec, Resources({"cpu": 1000}), {}, *told, **changes)


@pytest.fixture
def full(database: Database) -> Database:
    """6,000 jobs of forty groups and 8,000 events of four, one of which has little of all."""
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        first = uow.jobs.insert(job())
        connection = uow._connection
        row = dict(connection.execute(sa.select(tables.jobs).where(tables.jobs.c.id == first.id)).one()._mapping)
        rows = []
        for n in range(6_000):
            state = STATES[n % 20]
            over = MOMENT + timedelta(seconds=n) if state.final else None
            more = {"id": new_id("job"), "name": f"train {n}", "user_name": f"u{n % 7}", "state": state.value}
            gone = over if n % 50 else None
            more |= {"group_name": f"g{n % 39}", "finished_at": over, "attempt": 1, "artifacts_gone_at": gone}
            more |= {"group_name": "physics"} if n % 40 == n // 40 % 40 else {}
            rows.append({k: v for k, v in {**row, **more}.items() if k != "sequence"})
        connection.execute(sa.insert(tables.jobs), rows)
        for n in range(4):
            group, user = ("physics", "u1") if n == 1 else (f"g{n}", "u2")
            told = ("s", "r", "m", "n")
            uow.events.add([Event(0, group, "job", f"job-{i}", MOMENT, *told, user) for i in range(2_000)])
    with database.write() as uow:
        uow._connection.execute(sa.text("ANALYZE"))
    return database


def plans(database: Database, ask: Callable[[UnitOfWork], Any]) -> str:
    """How the database means to answer each SELECT of a question."""
    asked: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "FROM jobs" in statement or "FROM events" in statement:
            asked.append((statement, parameters))

    with database.read() as uow:
        connection = uow._connection
        event.listen(connection, "before_cursor_execute", note)
        ask(uow)
        event.remove(connection, "before_cursor_execute", note)
        if connection.dialect.name != "sqlite":
            # A table of this size is all in memory; as it is by default, the planner thinks of turning disks.
            connection.exec_driver_sql("SET LOCAL random_page_cost = 1")
        word = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        found = [str(row) for s, p in asked for row in connection.exec_driver_sql(f"{word} {s}", p)]
    return "\n".join(found)


QUESTIONS: list[tuple[Callable[[UnitOfWork], Any], str]] = [
    (lambda u: u.jobs.page("physics", JobFilter(), 50), "ix_jobs_group_name_sequence"),
    (lambda u: u.jobs.page("physics", JobFilter(), 50, 5000), "ix_jobs_group_name_sequence"),
    (lambda u: u.jobs.page("physics", JobFilter(user="u3"), 9), "ix_jobs_group_name_user_name_sequence"),
    (lambda u: u.jobs.page("physics", JobFilter(frozenset({JobState.FAILED})), 9), "ix_jobs_group_name_state_sequence"),
    (lambda u: list(u.job_files.groups()), "ix_jobs_artifacts"),
    (lambda u: u.job_files.expired("physics", MOMENT + timedelta(seconds=9), 50), "ix_jobs_artifacts"),
    (lambda u: u.job_files.deleted(0, 50), "ix_jobs_deleted"),
    (lambda u: u.events.page(["g0", "physics"], 20), "ix_events_group_name_sequence"),
    (lambda u: u.events.page(["g0"], 20, 9000, kinds=["server"]), "ix_events_group_name_kind_sequence"),
    (lambda u: u.events.page(["g0"], 20, user="u9"), "ix_events_group_name_user_name_sequence"),
    (lambda u: u.events.page(["g0"], 20, kinds=["server"], user="u2"), "ix_events_group_name_user_name_kind_sequence"),
]


def test_lists_go_down_an_index_and_sort_nothing(full: Database) -> None:
    for ask, index in QUESTIONS:
        found = plans(full, ask)
        assert index in found, found
        for word in ("Seq Scan on jobs", "Seq Scan on events", "SCAN jobs\n", "SCAN events\n", "TEMP B-TREE", "Sort "):
            assert word not in found + "\n", found
    # Other orders sort the group's own jobs; nobody else's are looked at.
    for sort in set(JobSort) - {JobSort.CREATED}:
        found = plans(full, lambda u, sort=sort: u.jobs.page("physics", JobFilter(text="TRAIN 1"), 50, sort=sort))
        assert "ix_jobs_group_name" in found, found


def test_text_is_part_of_a_name_or_begins_an_id(database: Database) -> None:
    with database.write() as uow:
        found = [uow.jobs.insert(job(n)) for n in range(3)]
        ids = [found[1].id, found[1].id[:20], found[1].id.upper()]
        assert [[j.id for j in uow.jobs.page("physics", JobFilter(text=i), 9)] for i in ids] == [[found[1].id]] * 3
        assert [j.spec.name for j in uow.jobs.page("physics", JobFilter(text="AIN 2"), 9)] == ["train 2"]
        assert uow.jobs.page("physics", JobFilter(text="%"), 9) == []
        assert uow.jobs.page("physics", JobFilter(text=found[0].id[4:]), 9) == []


def test_deleted_jobs_are_gone_at_once_and_whole_at_last(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        upstream = uow.jobs.insert(job(1, tags=("x",)))
        after = uow.jobs.insert(job(2, held=True), Dependency((upstream.id,), ending=Ending.DONE))
        upstream = uow.jobs.move(upstream, JobState.CANCELLED, JobReason.CANCELLED, "", MOMENT)
        made = schedule()
        uow.schedules.insert(made)
        noted = uow.schedule_runs.insert(run(made, state=RunState.SUBMITTED, job_id=upstream.id))
        uow.many_jobs.delete(
            "physics", list(uow.many_jobs.some("physics", [upstream.id], lock=True).values()), "ann", MOMENT
        )
    with database.write() as uow:
        assert uow.jobs.get("physics", upstream.id) is None and uow.jobs.known([upstream.id]) == {upstream.id}
        assert uow.jobs.tags_in("physics") == []
        # Not before the schedule that made it has taken note of its end.
        assert uow.job_files.deleted(0, 9) == []
        uow.schedule_runs.move(noted, RunState.CANCELLED, noted.reason, message="")
        assert uow.job_files.deleted(0, 9) == [(upstream.sequence, upstream.id)]
        # Only what was deleted, whatever is asked.
        uow.job_files.purge([upstream.id, after.id])
        assert uow.jobs.known([upstream.id, after.id]) == {after.id}
        assert uow._connection.execute(sa.select(sa.func.count()).select_from(job_tags)).scalar_one() == 0
        assert uow.dependencies.of([after.id])[after.id].states == {upstream.id: None}
        assert [e.state for e in uow.events.of(upstream.id)] == ["Pending", "Cancelled", "Deleted"]


def test_many_are_cancelled_as_one_would_be(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        waiting, held, running = uow.jobs.insert(job(1)), uow.jobs.insert(job(2, held=True)), uow.jobs.insert(job(3))
        running = uow.jobs.move(running, JobState.PREPARING, JobReason.ADMITTED, "", MOMENT, attempt=1)
        uow.jobs.request_cancel(running, "bob")
        heads = uow.many_jobs.some("physics", [waiting.id, held.id, running.id, "job-none"], lock=True)
        assert set(heads) == {waiting.id, held.id, running.id}
        uow.many_jobs.cancel("physics", list(heads.values()), "ann", MOMENT)
        found = uow.jobs.some("physics", list(heads))
        assert [(found[j.id].state, found[j.id].cancel_requested_by) for j in (waiting, held, running)] == [
            (JobState.CANCELLED, "ann"),
            (JobState.CANCELLED, "ann"),
            (JobState.PREPARING, "bob"),
        ]
        assert found[held.id].held is False and found[waiting.id].finished_at == MOMENT
        told = uow.events.page(["physics"], 2)
        assert {(e.object_id, e.state, e.name, e.user) for e in told} == {
            (waiting.id, "Cancelled", "train 1", "u1"),
            (held.id, "Cancelled", "train 2", "u2"),
        }


def test_many_cancels_and_ends_at_once_wait_for_one_another_and_never_in_a_ring(database: Database) -> None:
    """Both take the group's row before a job's, so that no database has to end one of them."""
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        found = [uow.jobs.insert(job(n)) for n in range(60)]
        found = [uow.jobs.move(j, JobState.PREPARING, JobReason.ADMITTED, "", MOMENT, attempt=1) for j in found]
    ready = threading.Barrier(3)

    def cancel() -> None:
        ready.wait(30)
        for start in range(0, 60, 6):
            with database.write() as uow:
                heads = uow.many_jobs.some("physics", [j.id for j in found[start : start + 30]], lock=True)
                going = [h for h in heads.values() if not h.state.final]
                uow.many_jobs.cancel("physics", going, "ann", MOMENT)

    def end(jobs: list[Job]) -> None:
        ready.wait(30)
        for each in jobs:
            with database.write() as uow:
                uow.jobs.request_cancel(each, "bob")
                uow.jobs.move(each, JobState.SUCCEEDED, JobReason.COMPLETED, "", MOMENT)

    with ThreadPoolExecutor(3) as pool:
        for task in [pool.submit(cancel), pool.submit(end, found[::2]), pool.submit(end, found[:0:-2])]:
            task.result()
    with database.read() as uow:
        assert {j.state for j in uow.jobs.some("physics", [j.id for j in found]).values()} == {JobState.SUCCEEDED}
