"""Rows that an earlier release wrote, and rows of ours that an earlier release may read during an update."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from collegium.db import Database
from collegium.domain.catalog import Image, InstanceType, Placement
from collegium.domain.groups import ManagedBy
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.resources import Resources
from collegium.services.jobs.command import run_request
from collegium.settings import Settings

SIZE = {
    "display_name": "Small",
    "description": "",
    "limits": {"cpu": 1000, "memory": 1 << 30},
    "requests": {"cpu": 100},
    "node_selector": {"disk": "ssd"},
}
IMAGE = {"display_name": "Base", "description": "", "reference": "r", "environment": "", "variables": {"A": "b"}}
LAUNCH = {
    "group": "physics",
    "user": "ann",
    "instance_type": {"name": "small", "display_name": "Small", "limits": {"cpu": "1", "memory": "1Gi"}},
    "image": {"name": "base", "display_name": "Base", "reference": "r", "environment": "", "variables": {"A": "b"}},
    "environment": [],
    "kind": "command",
    "files": None,
    "versions": {"collegium": "0.1.0", "api": "v1"},
}


def insert(connection: sa.Connection, table: str, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join(f":{n}" for n in values)
    connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


@pytest.fixture
def earlier(settings: Settings) -> Settings:
    """A database as release 0.1.0 left it: revision 0001, with rows in its own form."""
    settings.prepare()
    database = Database(settings.database_url)
    database.upgrade("0001")
    database.close()
    engine = sa.create_engine(settings.database_url)
    with engine.begin() as connection:
        insert(connection, "instance_types", name="small", position=0, spec=json.dumps(SIZE), managed_by="file")
        insert(connection, "images", name="base", position=0, spec=json.dumps(IMAGE), managed_by="file")
    engine.dispose()
    return settings


def test_its_rows_are_read(earlier: Settings) -> None:
    database = Database.open(earlier)
    with database.read() as uow:
        (size,), (image,) = uow.catalog.instance_types(), uow.catalog.images()
    database.close()
    assert size.placement == Placement({"disk": "ssd"})
    assert size.requests == Resources({"cpu": 100})
    assert (image.pull_secret, image.variables) == ("", {"A": "b"})


def test_it_can_read_ours(database: Database) -> None:
    """Old and new replicas run side by side during an update; 0.1.0 reads ``node_selector`` where it wrote it."""
    with database.write() as uow:
        size = InstanceType("s", "S", Resources({"cpu": 1}), placement=Placement({"disk": "ssd"}, shared_memory=5))
        uow.catalog.replace(ManagedBy.FILE, [size], [Image("i", "I", "r", pull_secret="p")], [], [])
        (spec,) = uow._connection.execute(sa.text("SELECT spec FROM instance_types")).scalars()
        assert uow.catalog.instance_types() == [size]
    assert (json.loads(spec) if isinstance(spec, str) else spec)["node_selector"] == {"disk": "ssd"}


def test_its_waiting_jobs_start() -> None:
    spec = JobSpec("n", "small", "base", command="true", timeout_seconds=60)
    job = Job(
        id="job-1",
        group="physics",
        user="ann",
        spec=spec,
        resources=Resources({"cpu": 1000}),
        launch=LAUNCH,
        state=JobState.PREPARING,
        reason=JobReason.ADMITTED,
        message="",
        created_at=datetime.now(UTC),
        attempt=1,
    )
    request = run_request(job)
    assert (request.requests, request.placement, request.timeout_seconds) == (Resources(), Placement(), 60)
    assert (request.image.pull_secret, request.image.reference) == ("", "r")


def test_its_events_get_the_name_and_owner_of_their_job(settings: Settings) -> None:
    settings.prepare()
    database = Database(settings.database_url)
    database.upgrade("0007")
    database.close()
    job = {"name": "fit", "state": "Pending", "reason": "Submitted", "message": "", "attempt": 0, "created_at": 1}
    job |= {"spec": "{}", "launch": "{}", "resources": "{}"}
    told = {"group_name": "physics", "at": 1, "state": "Pending", "reason": "Submitted", "message": ""}
    engine = sa.create_engine(settings.database_url)
    with engine.begin() as connection:
        insert(connection, "jobs", id="job-1", group_name="physics", user_name="ann", **job)
        insert(connection, "events", kind="job", object_id="job-1", **told)
        insert(connection, "events", kind="server", object_id="ann/physics", **told)
    engine.dispose()
    database = Database.open(settings)
    with database.read() as uow:
        found = uow.events.page(["physics"], 9)
    database.close()
    assert [(e.object_id, e.name, e.user) for e in found] == [("ann/physics", "", ""), ("job-1", "fit", "ann")]
