"""Migrations, transactions and the repositories' promises, on both databases."""

from __future__ import annotations

import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from collegium.db import Database
from collegium.db.engine import now
from collegium.db.specs import spec_from_json, spec_to_json
from collegium.db.tables import metadata
from collegium.domain.errors import Conflict
from collegium.domain.jobs import Job, JobFilter, JobReason, JobSpec, JobState, NotebookSpec, WorkingDirectory
from collegium.domain.names import new_id
from collegium.domain.resources import Resources
from collegium.settings import Settings


def job(number: int = 0, group: str = "physics", user: str = "ann", name: str = "train") -> Job:
    spec = JobSpec(f"{name} {number}", "small", "python", command="true")
    return Job(
        new_id("job"), group, user, spec, Resources({"cpu": 1000}), {}, JobState.PENDING, JobReason.SUBMITTED, "", now()
    )


def test_migrations_make_exactly_the_tables_of_the_code(settings: Settings) -> None:
    Database.open(settings).close()
    engine = sa.create_engine(settings.database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_opening_again_is_harmless_and_the_file_is_private(tmp_path: Path) -> None:
    settings = Settings.at(tmp_path / "state")
    Database.open(settings).close()
    Database.open(settings).close()
    assert stat.S_IMODE((settings.state_dir / "collegium.sqlite").stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700


def test_moments_are_exact(database: Database) -> None:
    moment = datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC)
    with database.write() as uow:
        uow.events.append("g", "job", "x", moment, "s", "r", "m")
    with database.read() as uow:
        assert uow.events.of("x")[0].at == moment


def test_pages_meet_without_gap_or_overlap(database: Database) -> None:
    with database.write() as uow:
        ids = [uow.jobs.insert(job(n, group="physics" if n % 2 else "other")).id for n in range(50)]
    mine, before, seen = ids[1::2], None, []
    with database.read() as uow:
        while page := uow.jobs.page("physics", JobFilter(), 7, before):
            seen += [j.id for j in page]
            before = page[-1].sequence
    assert seen == mine[::-1]


def test_filters(database: Database) -> None:
    with database.write() as uow:
        a = uow.jobs.insert(job(1, name="Train 100%"))
        b = uow.jobs.insert(job(2, user="bob", name="evaluate"))
        uow.jobs.move(b, JobState.CANCELLED, JobReason.CANCELLED, "", now())
    with database.read() as uow:

        def found(**f: object) -> list[str]:
            return [j.id for j in uow.jobs.page("physics", JobFilter(**f), 10)]  # type: ignore[arg-type]

        assert found(text="train") == [a.id]
        assert found(text="%") == [a.id]
        assert found(text="_") == []
        assert found(user="bob") == [b.id]
        assert found(states=frozenset({JobState.PENDING})) == [a.id]
        assert [j.id for j in uow.jobs.open()] == [a.id]


def test_a_change_made_on_an_old_view_is_refused(database: Database) -> None:
    with database.write() as uow:
        first = uow.jobs.insert(job())
    with database.write() as uow:
        uow.jobs.move(first, JobState.PREPARING, JobReason.ADMITTED, "", now(), attempt=1)
    with pytest.raises(Conflict), database.write() as uow:
        uow.jobs.move(first, JobState.CANCELLED, JobReason.CANCELLED, "", now())
    with database.read() as uow:
        assert [e.state for e in uow.events.of(first.id)] == ["Pending", "Preparing"]


def test_nothing_leaves_a_final_state(database: Database) -> None:
    with database.write() as uow:
        done = uow.jobs.move(uow.jobs.insert(job()), JobState.CANCELLED, JobReason.CANCELLED, "", now())
        for state in JobState:
            with pytest.raises(Conflict):
                uow.jobs.move(done, state, JobReason.STARTED, "", now())


def test_one_lease_one_holder(database: Database) -> None:
    start, ttl = now(), timedelta(seconds=10)
    with database.write() as uow:
        assert uow.leases.acquire("controller", "a", start, ttl) == 1
        assert uow.leases.acquire("controller", "b", start, ttl) is None
        assert uow.leases.acquire("controller", "a", start, ttl) == 1
        assert uow.leases.acquire("controller", "b", start + ttl * 2, ttl) == 2
        assert uow.leases.acquire("controller", "a", start + ttl * 2, ttl) is None
        uow.leases.give_up("controller", "b")
        assert uow.leases.acquire("controller", "a", start, ttl) is not None


def test_specs_survive_storing() -> None:
    spec = JobSpec(
        "n",
        "small",
        "python",
        notebook=NotebookSpec("a.ipynb", {"x": [1, 2.5, None, {"y": True}]}, "python3"),
        environment={"A": "b"},
        working_directory=WorkingDirectory("d", ("x", "y")),
        timeout_seconds=5,
        retries=2,
    )
    assert spec_from_json(spec_to_json(spec)) == spec


def test_reading_cannot_change_anything(database: Database) -> None:
    with database.write() as uow:
        uow.jobs.insert(job())
    try:
        with database.read() as uow:
            uow.jobs.insert(job())
    except sa.exc.DBAPIError:
        pass  # PostgreSQL refuses, SQLite rolls back
    with database.read() as uow:
        assert len(uow.jobs.open()) == 1


async def test_listeners_hear_what_was_committed_and_nothing_else(database: Database) -> None:
    heard = asyncio.Event()
    task = asyncio.create_task(database.listen(heard.set))
    if database._sqlite:
        await task
        return
    try:
        async with asyncio.timeout(60):
            # Once for what may have been missed before.
            await heard.wait()
            heard.clear()
            with pytest.raises(ZeroDivisionError), database.write() as uow:
                uow.announce()
                raise ZeroDivisionError
            await asyncio.sleep(0.2)
            assert not heard.is_set()
            await database.writing(lambda uow: uow.announce())
            await heard.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
