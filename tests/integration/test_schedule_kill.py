"""kill -9 of a real service that catches up with schedules: each due time has one run, each run one job."""

from __future__ import annotations

import os
import random
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.db import tables as t
from collegium.db.engine import now
from collegium.domain.jobs import JobFilter
from collegium.domain.names import new_id
from collegium.domain.recurrence import make_interval
from collegium.domain.schedules import Missed, Overlap, RunState, Schedule, ScheduleFilter, Timing
from collegium.hub.configuration import DEMO_CATALOG
from collegium.settings import Settings
from support.faults import kill9
from support.installation import until
from support.service_alone import ServiceAlone

pytestmark = pytest.mark.slow
#: Kills that must hit a service which still had something to fire or to submit.
KILLS, MISSED = 40, 40
BODY = {"name": "caught up", "command": "true", "instance_type": "small", "image": "scientific-python"}


def test_a_service_that_is_killed_while_it_catches_up(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    print(f"seed {seed}")
    alone = ServiceAlone(tmp_path / "alone")
    database = Database.open(Settings.at(alone.state))
    apply_catalog(database, load_catalog(DEMO_CATALOG))
    made: list[Schedule] = []
    hit = 0
    try:
        alone.start()
        while hit < KILLS:
            if not busy(database):
                made.append(miss(database))
            hit += kill(alone, database, chance)
        until("all is submitted", lambda: not busy(database), 300)
    finally:
        alone.stop()
    for schedule in made:
        check(database, schedule)
    database.close()
    print(f"{hit} kills while it worked, {len(made)} schedules")


def miss(database: Database) -> Schedule:
    """A schedule that was due so many times while nobody was there."""
    moment = now()
    start = moment - timedelta(minutes=MISSED, seconds=30)
    schedule = Schedule(
        id=new_id("sch"),
        group="physics",
        name=new_id("x"),
        timing=Timing(
            make_interval(timedelta(minutes=1), start, "Asia/Tokyo"),
            end_at=moment,
            overlap=Overlap.ALLOW,
            missed=Missed.ALL,
            missed_limit=100,
        ),
        template=BODY,
        run_as="ann",
        created_by="ann",
        created_at=start,
        updated_by="ann",
        updated_at=start,
        looked_until=start.replace(microsecond=0),
        next_due=start,
    )
    with database.write() as uow:
        uow.schedules.insert(schedule)
    return schedule


def busy(database: Database) -> bool:
    """Is there anything to fire or to submit?"""
    with database.read() as uow:
        return bool(uow.schedules.active() or uow.schedule_runs.waiting())


def kill(alone: ServiceAlone, database: Database, chance: random.Random) -> bool:
    """kill -9 at a moment of its work; False if it had none."""
    before = alone.service()
    until("the service answers", alone.answers, 120, 0.02)
    threading.Event().wait(chance.uniform(0, 0.8))
    working = busy(database)
    assert kill9(before)
    until("another service was started", lambda: alone.service() != before, 120, 0.005)
    # A dead controller's lease lasts 15 seconds more; the next one gets them.
    with database._engine.begin() as connection:
        connection.execute(sa.update(t.leases).values(expires_at=now() - timedelta(seconds=1)))
    return working


def check(database: Database, schedule: Schedule) -> None:
    with database.read() as uow:
        runs = uow.schedule_runs.page(schedule.id, 1000)
        jobs = {j.id: j for j in uow.jobs.page("physics", JobFilter(), 100_000)}
        other = {
            r.job_id
            for s in uow.schedules.page("physics", ScheduleFilter(), 1000)
            for r in uow.schedule_runs.page(s.id, 1000)
        }
    assert len(runs) == len({r.due_at for r in runs}) == len({r.job_id for r in runs}) == MISSED
    assert not [r for r in runs if r.state in (RunState.DUE, RunState.SKIPPED)]
    for run in runs:
        assert run.job_id is not None
        told = jobs[run.job_id].spec.environment["COLLEGIUM_DUE_AT"]
        assert datetime.fromisoformat(told) == run.due_at
    # And no job is there that no run knows of.
    assert set(jobs) == other
