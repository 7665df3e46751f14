"""Jobs ended and removed over HTTP, one by one and by the thousand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from collegium.db import Database, UnitOfWork, tables
from collegium.db.engine import now
from collegium.domain.jobs import JobState
from collegium.domain.names import new_id
from collegium.services.jobs import bulk
from integration.services.harness import BODY, Service

JOBS = "/groups/physics/jobs"
MANY = 10_000


async def ended(service: Service, user: str = "mia", **changes: Any) -> str:
    """A job that ran and is over, with files."""
    job = await service.submit(user, **changes)
    await service.round(2)
    service.memory.finish(f"{job}.1")
    await service.round()
    return job


async def ask(service: Service, user: str = "mia", **body: Any) -> dict[str, Any]:
    answer = await service.client(user).post(f"{JOBS}/bulk", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def copies(uow: UnitOfWork, job: str, number: int) -> None:
    """So many more jobs like one, as they are right after submit."""
    connection = uow._connection
    row = dict(connection.execute(sa.select(tables.jobs).where(tables.jobs.c.id == job)).one()._mapping)
    del row["sequence"]
    connection.execute(sa.insert(tables.jobs), [{**row, "id": new_id("job")} for _ in range(number)])


async def test_ten_thousand_at_once_hold_up_nobody(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await service.submit()
    await service.database.writing(lambda uow: copies(uow, first, MANY - 1))
    sizes: list[int] = []
    meanwhile: list[int] = []
    change, writing = bulk.BulkService._change, Database.writing

    def counted(self: Any, uow: UnitOfWork, *args: Any) -> Any:
        sizes.append(len(args[-1]))
        return change(self, uow, *args)

    async def others(self: Database, function: Any) -> Any:
        # Whoever comes while the parts are written has a turn after the one that is being written.
        result = await writing(self, function)
        meanwhile.append(len(sizes))
        return result

    monkeypatch.setattr(bulk.BulkService, "_change", counted)
    under_way = asyncio.create_task(ask(service, action="cancel", filter={}))
    while not sizes:
        await asyncio.sleep(0.001)
    monkeypatch.setattr(Database, "writing", others)
    another = await service.client("max").post("/groups/physics/jobs", json=BODY)
    assert another.status_code == 201
    assert not under_way.done()
    done = await under_way
    assert (done["matched"], done["changed"], done["refused_count"], done["remaining"]) == (MANY, MANY, 0, 0)
    assert max(sizes) <= bulk.PART
    # The submit was written between two parts, with most of them to come.
    assert meanwhile[0] < len(sizes) / 2
    page = (await service.client().get(f"{JOBS}?total=true&state=Cancelled&limit=1")).json()
    assert page["total"] == MANY
    assert page["items"][0]["message"] == "Cancelled by mia before it started."
    history = (await service.job(first))["history"]
    assert [e["state"] for e in history] == ["Pending", "Cancelled"]
    await service.round()
    assert (await service.job(another.json()["id"], "max"))["state"] == "Preparing"


async def test_cancel_by_ids_tells_what_it_refuses(service: Service) -> None:
    mine, over = await service.submit(), await service.submit()
    await service.client().post(f"{JOBS}/{over}/cancel")
    theirs, gone = await service.submit("max"), new_id("job")
    ids = [mine, mine, over, theirs, gone, "job-nonsense"]
    tried = await ask(service, action="cancel", ids=ids, dry_run=True)
    assert (await service.job(mine))["state"] == "Pending"
    done = await ask(service, action="cancel", ids=ids)
    assert done == tried
    assert (done["matched"], done["changed"], done["refused_count"]) == (5, 1, 4)
    reasons = {r["id"]: r["reason"] for r in done["refused"]}
    assert reasons[over] == "The job is over: it is Cancelled."
    assert "needs the role group admin" in reasons[theirs] and "job of max" in reasons[theirs]
    assert reasons[gone] == reasons["job-nonsense"] == "Group physics has no such job."
    assert [(await service.job(j))["state"] for j in (mine, theirs)] == ["Cancelled", "Pending"]
    # An admin may, and it is written down once for all.
    assert (await ask(service, "ada", action="cancel", ids=[theirs]))["changed"] == 1
    lines = (await service.client("ada").get("/groups/physics/audit")).json()["items"]
    assert [(a["actor"], a["action"], a["object"]) for a in lines if a["action"] == "job.cancel"] == [
        ("ada", "job.cancel", theirs)
    ]


async def test_running_jobs_end_when_their_end_is_seen(service: Service) -> None:
    job = await service.submit()
    await service.round(2)
    assert (await ask(service, action="cancel", filter={"user": "mia"}))["changed"] == 1
    assert (await service.job(job))["cancel_requested_by"] == "mia"
    await service.round(2)
    assert (await service.job(job))["state"] == "Cancelled"
    assert (await service.client().get("/groups/physics/usage")).json()["holders"] == []


async def test_filters(service: Service) -> None:
    a, b = await service.submit(name="fit a", tags=["x", "y"]), await service.submit(name="eval b", tags=["x"])
    done = await ended(service, name="old fit")
    assert (await ask(service, action="cancel", filter={"tag": ["x"], "name": "FIT"}, dry_run=True))["matched"] == 1
    assert (await ask(service, action="cancel", filter={"name": a[:12]}, dry_run=True))["matched"] >= 1
    kinds = [await ask(service, action="cancel", filter={"kind": k}, dry_run=True) for k in ("command", "notebook")]
    listed = (await service.client().get(f"{JOBS}?kind=command&total=true")).json()["total"]
    assert ([k["matched"] for k in kinds], listed) == ([2, 0], 3)
    assert (await ask(service, action="delete", filter={}, dry_run=True))["matched"] == 1
    moment = (await service.job(done))["finished_at"]
    assert (await ask(service, action="delete", filter={"before": moment}, dry_run=True))["matched"] == 0
    # States that were named are taken at their word.
    named = await ask(service, action="delete", filter={"state": ["Preparing", "Running"], "tag": ["x"]}, dry_run=True)
    assert (named["matched"], named["refused_count"]) == (2, 2)
    assert {r["id"] for r in named["refused"]} == {a, b}
    assert "is not over" in named["refused"][0]["reason"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "cancel"}, "ids"),
        ({"action": "cancel", "ids": ["job-1"], "filter": {}}, "ids"),
        ({"action": "cancel", "ids": []}, "ids"),
        ({"action": "explode", "ids": ["job-1"]}, "action"),
        ({"action": "delete", "filter": {"state": ["Odd"]}}, "filter.state.0"),
        ({"action": "delete", "filter": {"before": "yesterday"}}, "filter.before"),
        ({"action": "delete", "filter": {"before": "2026-01-01T00:00:00"}}, "filter.before"),
        ({"action": "delete", "filter": {"user": "No Body"}}, "filter.user"),
        ({"action": "delete", "filter": {"nmae": "x"}}, "filter.nmae"),
    ],
)
async def test_bad_asks_name_the_field(service: Service, body: dict[str, Any], field: str) -> None:
    answer = await service.client().post(f"{JOBS}/bulk", json=body)
    assert (answer.status_code, answer.json()["error"]["details"].get("field")) == (400, field), answer.text


async def test_a_deleted_job_is_gone_at_once_and_its_files_soon(service: Service) -> None:
    service.memory.write_home("mia", "physics", "a.py", b"1")
    job = await ended(service, tags=["x"], working_directory={"path": ""})
    answer = await service.client().delete(f"{JOBS}/{job}")
    assert (answer.status_code, answer.json()["id"]) == (200, job)
    for path in ("", "/logs", "/artifacts"):
        assert (await service.client().get(f"{JOBS}/{job}{path}")).status_code == 404, path
    assert (await service.client().post(f"{JOBS}/{job}/rerun")).status_code == 404
    assert (await service.client().delete(f"{JOBS}/{job}")).status_code == 404
    assert (await service.client().get(JOBS)).json()["items"] == []
    assert (await service.client().get("/groups/physics/tags")).json()["items"] == []
    assert job in service.memory.sources
    await removed(service, job)
    assert job not in service.memory.sources and f"{job}.1" not in service.memory.runs
    # That there was one stays told.
    items = (await service.client().get("/groups/physics/activity?kind=job")).json()["items"]
    assert [(i["name"], i["user"], i["state"]) for i in items][:2] == [
        ("train", "mia", "Deleted"),
        ("train", "mia", "Succeeded"),
    ]


async def removed(service: Service, job: str) -> None:
    """Rounds until the row is no more."""
    controller = service.context.controller
    assert controller is not None
    await controller.housekeeping.remains.round()
    await controller.housekeeping.remains.settle()

    def rows(uow: UnitOfWork) -> set[str]:
        return uow.jobs.known([job])

    assert await service.database.reading(rows) == set()


async def test_deletes_that_are_refused(service: Service) -> None:
    upstream = await service.submit()
    await service.submit(depends_on={"jobs": [upstream], "ending": "done"})
    answer = await service.client().delete(f"{JOBS}/{upstream}")
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        409,
        "The job is not over: it is Pending. Cancel it first.",
    )
    # It is over, and the controller has not yet let go of who waits for it.
    await service.client().post(f"{JOBS}/{upstream}/cancel")
    answer = await service.client().delete(f"{JOBS}/{upstream}")
    assert answer.status_code == 409 and "Other jobs wait for this one" in answer.json()["error"]["message"]
    assert (await service.client("max").delete(f"{JOBS}/{upstream}")).status_code == 403
    await service.round()
    assert (await service.client().delete(f"{JOBS}/{upstream}")).status_code == 200


async def test_a_removal_that_is_cut_off_goes_on(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [await ended(service) for _ in range(3)]
    assert (await ask(service, action="delete", ids=jobs))["changed"] == 3
    discard, tries = service.memory.discard, list[str]()

    async def cut(job_id: str) -> None:
        tries.append(job_id)
        await discard(job_id)
        if len(tries) == 2:
            raise OSError("the disk went away")

    monkeypatch.setattr(service.memory, "discard", cut)
    for job in jobs:
        try:
            await removed(service, job)
        except AssertionError:
            await removed(service, job)
    # What failed was done once more, which changes nothing; the others were not held up.
    assert sorted(tries) == sorted([*jobs, tries[1]])


async def test_a_schedule_takes_note_before_its_job_goes(service: Service, seeded: Database) -> None:
    job = await ended(service)
    assert JobState((await service.job(job))["state"]).final
    files = await service.database.reading(lambda uow: uow.job_files.deleted(0, 10))
    assert files == []
    with seeded.write() as uow:
        uow.many_jobs.delete("physics", list(uow.many_jobs.some("physics", [job], lock=True).values()), "mia", now())
        assert [j for _, j in uow.job_files.deleted(0, 10)] == [job]
