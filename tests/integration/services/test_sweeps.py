"""Sweeps over HTTP: points that become jobs a few at a time, the best of them, refusals by field, and ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from collegium.db import UnitOfWork
from collegium.domain.groups import ManagedBy, Membership, Role
from collegium.domain.jobs import JobFilter
from collegium.domain.quota import Limits
from collegium.domain.resources import Resources
from collegium.services.sweeps.rounds import AHEAD
from integration.services.harness import BODY, Service

SWEEPS = "/groups/physics/sweeps"
JOB = {k: v for k, v in BODY.items() if k != "name"}
GRID = {"lr": {"values": [0.1, 0.2, 0.3]}, "n": {"start": 1, "stop": 3, "step": 1}}
SWEEP: dict[str, Any] = {"name": "search", "job": JOB, "grid": GRID}


async def post(service: Service, user: str = "mia", key: str = "", **changes: Any) -> dict[str, Any]:
    body = {k: v for k, v in {**SWEEP, **changes}.items() if v is not None}
    answer = await service.client(user).post(SWEEPS, json=body, headers={"Idempotency-Key": key} if key else {})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def rounds(service: Service, times: int = 1) -> None:
    """Rounds with all that they begin."""
    for _ in range(times):
        await service.round()
        assert service.context.controller is not None
        await service.context.controller.sweeps.settle()


async def shown(service: Service, sweep: str) -> dict[str, Any]:
    answer = await service.client("vic").get(f"{SWEEPS}/{sweep}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def points(service: Service, sweep: str, **query: str) -> list[dict[str, Any]]:
    answer = await service.client("vic").get(f"{SWEEPS}/{sweep}/points", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def counts(sweep: dict[str, Any]) -> dict[str, int]:
    return {state: n for state, n in sweep["counts"].items() if n}


async def finish(
    service: Service, failing: tuple[int, ...] = (), losses: Mapping[int, float] = MappingProxyType({})
) -> None:
    """End all that runs; some fail, and some tell a figure of themselves before."""
    for key, run in list(service.memory.runs.items()):
        point = int(run.environment["SWEEP_INDEX"])
        if not run.status.phase.final:
            if point in losses:
                line = json.dumps({"loss": losses[point]}).encode()
                service.memory.write_artifact(key, "metrics.jsonl", line)
            service.memory.finish(key, int(point in failing))


async def end(service: Service, sweep: str, *args: Any) -> dict[str, Any]:
    for _ in range(200):
        await rounds(service)
        await finish(service, *args)
        if (found := await shown(service, sweep))["state"] != "Running":
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(found)


async def test_nine_to_the_end(service: Service) -> None:
    made = await post(service, objective={"metric": "loss", "goal": "minimize"}, tags=["lr"], notes="why not")
    assert (made["total"], made["made"], made["state"], made["kind"]) == (9, 0, "Running", "grid")
    assert made["best"] is None
    await rounds(service, 3)
    found = await points(service, made["id"])
    assert [p["point"] for p in found] == list(range(9))
    # The last parameter moves fastest.
    assert [p["values"] for p in found[:4]] == [{"lr": a, "n": b} for a, b in [(0.1, 1), (0.1, 2), (0.1, 3), (0.2, 1)]]
    # All stand in line, and the quota decides how many run: four cores, one each.
    assert counts(await shown(service, made["id"])) == {"Running": 4, "Pending": 5}
    job = await service.job(found[1]["job"])
    assert (job["sweep"], job["point"], job["values"]) == (made["id"], 1, {"lr": 0.1, "n": 2})
    assert (job["name"], job["tags"]) == ("search #1", ["lr"])
    environment = service.memory.runs[f"{found[1]['job']}.1"].environment
    assert {k: environment[k] for k in ("SWEEP_INDEX", "SWEEP_SIZE", "PARAM_lr", "PARAM_n", "COLLEGIUM_SWEEP_ID")} == {
        "SWEEP_INDEX": "1",
        "SWEEP_SIZE": "9",
        "PARAM_lr": "0.1",
        "PARAM_n": "2",
        "COLLEGIUM_SWEEP_ID": made["id"],
    }
    over = await end(service, made["id"], (), {1: 2, 3: 0, 5: 0, 7: 9})
    assert (over["state"], over["message"], counts(over)) == ("Succeeded", "", {"Succeeded": 9})
    assert over["finished_at"] is not None
    assert over["best"] == {"job": found[3]["job"], "point": 3, "value": 0.0, "values": {"lr": 0.2, "n": 1}}
    assert [p["value"] for p in await points(service, made["id"], limit="4")] == [None, 2, None, 0]
    assert (over["spec"], over["space"]) == (JOB, {"grid": GRID})
    assert [e["state"] for e in over["history"]] == ["Running", "Succeeded"]
    jobs = (await service.client().get("/groups/physics/jobs", params={"sweep": made["id"], "limit": "200"})).json()
    assert {j["id"] for j in jobs["items"]} == {p["job"] for p in found}
    alone = await service.submit()
    others = (await service.client().get("/groups/physics/jobs", params={"sweep": "none"})).json()
    assert [j["id"] for j in others["items"]] == [alone]
    # A rerun is no part of the sweep, and still knows its place.
    rerun = (await service.client().post(f"/groups/physics/jobs/{found[1]['job']}/rerun")).json()
    assert (rerun["sweep"], rerun["values"]) == (None, {"lr": 0.1, "n": 2})
    assert (await service.job(rerun["id"]))["spec"]["environment"]["SWEEP_INDEX"] == "1"


async def test_a_few_at_a_time(service: Service) -> None:
    made = await post(service, grid=None, array=50, concurrency=2)
    await rounds(service, 3)
    found = await shown(service, made["id"])
    assert (found["made"], counts(found)) == (2, {"Running": 2})
    # One that never ends in the way of nobody: its place is taken as soon as it is free.
    service.memory.finish(next(iter(service.memory.runs)))
    await rounds(service, 3)
    assert (await shown(service, made["id"]))["made"] == 3
    answer = await service.client().patch(f"{SWEEPS}/{made['id']}", json={"concurrency": 0, "notes": "faster"})
    assert (answer.status_code, answer.json()["concurrency"], answer.json()["notes"]) == (200, 0, "faster")
    await rounds(service, 4)
    found = await shown(service, made["id"])
    # As many as there is room for run, and of those that wait only some are there.
    assert counts(found) == {"Succeeded": 1, "Running": 4, "Pending": AHEAD}
    assert found["made"] == 5 + AHEAD


async def test_cancel(service: Service) -> None:
    made = await post(service, grid=None, array=1000)
    await rounds(service, 2)
    assert (await service.client("max").post(f"{SWEEPS}/{made['id']}/cancel")).status_code == 403
    assert (await service.client().delete(f"{SWEEPS}/{made['id']}")).status_code == 409
    answer = await service.client("ada").post(f"{SWEEPS}/{made['id']}/cancel")
    assert (answer.status_code, answer.json()["cancel_requested_by"]) == (200, "ada")
    made = await shown(service, made["id"])
    await rounds(service, 4)
    over = await shown(service, made["id"])
    assert (over["state"], over["message"], over["made"]) == ("Cancelled", "Cancelled by ada.", made["made"])
    assert counts(over) == {"Cancelled": over["made"]}
    assert (await service.client().post(f"{SWEEPS}/{made['id']}/cancel")).status_code == 409
    assert (await service.client().patch(f"{SWEEPS}/{made['id']}", json={"concurrency": 1})).status_code == 409
    assert (await service.client().patch(f"{SWEEPS}/{made['id']}", json={"tags": ["x"]})).json()["tags"] == ["x"]
    # Jobs stay; the sweep is no more.
    assert (await service.client().delete(f"{SWEEPS}/{made['id']}")).json()["id"] == made["id"]
    assert (await service.client().get(f"{SWEEPS}/{made['id']}")).status_code == 404
    assert (await service.client().get(SWEEPS)).json()["items"] == []
    kept = await service.database.reading(lambda uow: uow.jobs.count_matching("physics", JobFilter(sweep=made["id"])))
    assert kept == over["made"]


async def test_a_failing_point_is_one_of_many(service: Service) -> None:
    made = await post(service, grid=None, list=[{"a": 1}, {"a": 2, "b": "x"}, {}], objective={"metric": "loss"})
    over = await end(service, made["id"], (1,), {1: -5, 2: 3})
    assert (over["state"], over["message"]) == ("Failed", "1 of 3 jobs did not succeed.")
    # What failed is not the best, whatever it told.
    assert over["best"]["point"] == 2
    assert (over["spec"], over["space"]) == (JOB, {"list": [{"a": 1}, {"a": 2, "b": "x"}, {}]})


async def test_files_are_taken_once(service: Service) -> None:
    service.memory.write_home("mia", "physics", "a.py", b"1")
    made = await post(service, grid=None, array=2, concurrency=1, job={**JOB, "working_directory": {"files": ["a.py"]}})
    assert made["launch"]["files"] == {"count": 1, "bytes": 1}
    service.memory.write_home("mia", "physics", "a.py", b"another")
    over = await end(service, made["id"])
    assert over["state"] == "Succeeded"
    # Each job has those of the day, and the sweep's own copy is gone.
    assert service.memory.sources == {p["job"]: {"a.py": b"1"} for p in await points(service, made["id"])}


async def test_a_notebook_says_itself_what_it_takes(service: Service) -> None:
    cell = '{"cells": [{"source": "lr = 0.1\\nn: int = 3", "metadata": {"tags": ["parameters"]}}], "metadata": {}}'
    service.memory.write_home("mia", "physics", "a.ipynb", cell.encode())
    job = {**JOB, "command": "", "notebook": {"path": "a.ipynb"}}
    details = await refused(service, job=job, grid={"n": {"start": 1, "stop": 2, "count": 3}})
    assert (details["field"], details["value"]) == ("grid.n", "1.5")
    assert (await refused(service, job=job, grid={"lrr": {"values": [1]}}))["field"] == "grid.lrr"
    assert service.memory.sources == {}
    made = await post(service, job=job, grid={"n": {"start": 1, "stop": 2, "count": 2}})
    await rounds(service, 2)
    assert [(await service.job(p["job"]))["values"] for p in await points(service, made["id"])] == [{"n": 1}, {"n": 2}]


async def test_what_is_not_granted_any_more_ends_it(service: Service) -> None:
    made = await post(service, grid=None, array=30, concurrency=1)
    await rounds(service, 2)
    await service.database.writing(lambda uow: uow.memberships.put(Membership("physics", "mia", Role.VIEWER)))
    await finish(service)
    over = await end(service, made["id"])
    assert over["state"] == "Failed"
    assert over["message"].startswith("Stopped, 29 of 30 jobs were not made: job.submit needs the role member")


async def test_what_passes_is_waited_for(service: Service) -> None:
    made = await post(service, grid=None, array=3)
    admin = service.client("ada")
    await admin.patch("/groups/physics/queue", json={"mode": "draining", "reason": "move"})
    await rounds(service, 2)
    found = await shown(service, made["id"])
    assert (found["state"], found["made"]) == ("Running", 0)
    assert found["message"].startswith("3 of 3 jobs wait to be made: The queue of group physics takes no new jobs")
    await admin.patch("/groups/physics/queue", json={"mode": "open"})
    over = await end(service, made["id"])
    assert (over["state"], over["message"]) == ("Succeeded", "")


async def test_a_point_that_cannot_be_is_seen(service: Service) -> None:
    upstream = await service.submit()
    made = await post(service, grid=None, array=2, job={**JOB, "depends_on": {"jobs": [upstream]}})
    await service.database.writing(lambda uow: uow._connection.execute(sa.text("DELETE FROM jobs")))
    await rounds(service, 2)
    found = await points(service, made["id"])
    assert [p["state"] for p in found] == ["Failed", "Failed"]
    message = (await service.job(found[0]["job"]))["message"]
    assert message.startswith("It could not be submitted: depends_on.jobs.0: group physics has no such job")
    assert (await end(service, made["id"]))["state"] == "Failed"


async def test_all_jobs_run_in_what_the_first_was_granted(service: Service) -> None:
    made = await post(service, grid=None, array=2, concurrency=1)

    await rounds(service, 2)

    def change(uow: UnitOfWork) -> None:
        offer = uow.catalog
        types = [replace(t, limits=Resources.parse({"cpu": "2", "memory": "2Gi"})) for t in offer.instance_types()]
        offer.replace(ManagedBy.FILE, types, offer.images(), [], offer.grants())

    await service.database.writing(change)
    assert (await end(service, made["id"]))["state"] == "Succeeded"
    for point in await points(service, made["id"]):
        job = await service.job(point["job"])
        assert job["launch"]["instance_type"] == made["launch"]["instance_type"]
        assert job["resources"] == {"cpu": "1", "memory": "1Gi"}


async def refused(service: Service, status: int = 400, **changes: Any) -> dict[str, Any]:
    body = {k: v for k, v in {**SWEEP, **changes}.items() if v is not None}
    answer = await service.client().post(SWEEPS, json=body)
    assert answer.status_code == status, answer.text
    return dict(answer.json()["error"]["details"])


DECLARED = {
    "lr": {"type": "number", "minimum": 0, "maximum": 1},
    "n": {"type": "integer"},
    "opt": {"type": "choice", "choices": ["adam", "sgd"]},
    "need": {"type": "text", "required": True},
}
RANGE = {"low": 0.1, "high": 0.2}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"array": 3}, "grid"),
    ({"grid": None}, "grid"),
    ({"grid": {}}, "grid"),
    ({"grid": {"lr": {}}}, "grid.lr"),
    ({"grid": {"lr": {"values": [1], "start": 2}}}, "grid.lr"),
    ({"grid": {"lr": {"values": [1, 2, 1]}}}, "grid.lr.values.2"),
    ({"grid": {"lr": {"start": 1, "stop": 2, "step": 0}}}, "grid.lr.step"),
    ({"grid": {"lr": {"start": 1, "stop": 2, "step": -1}}}, "grid.lr.step"),
    ({"grid": {"lr": {"start": 0, "stop": 2, "count": 2, "log": True}}}, "grid.lr"),
    ({"grid": {"lr": {"start": 0, "stop": 2, "step": 1, "log": True}}}, "grid.lr.log"),
    ({"grid": {"not a name": {"values": [1]}}}, "grid.not a name"),
    ({"grid": {"n": {"start": 1, "stop": 1e6, "step": 1}}}, "grid"),
    ({"grid": {f"a{i}": {"start": 0, "stop": 1e300, "step": 1e-300} for i in range(50)}}, "grid"),
    ({"grid": None, "array": 1_000_000}, "array"),
    ({"grid": None, "random": {"space": {"lr": RANGE}, "count": 10_001}}, "random"),
    ({"grid": None, "random": {"space": {"lr": {"low": 2, "high": 1}}, "count": 1}}, "random.space.lr.low"),
    (
        {"grid": None, "random": {"space": {"lr": {"low": 0, "high": 1, "log": True}}, "count": 1}},
        "random.space.lr.low",
    ),
    ({"grid": None, "random": {"space": {"n": {**RANGE, "whole": True}}, "count": 1}}, "random.space.n.low"),
    ({"grid": None, "list": []}, "list"),
    ({"grid": None, "list": [{}, {"a b": 1}]}, "list.1.a b"),
    ({"job": {**JOB, "values": {"lr": 3}}}, "grid.lr"),
    ({"job": {**JOB, "command": ""}}, "job.command"),
    ({"job": {**JOB, "image": "No"}}, "job.image"),
    ({"job": {**JOB, "depends_on": {"jobs": ["job-x"]}}}, "job.depends_on.jobs.0"),
    (
        {
            "job": {
                **JOB,
                "values": {"x": "y" * 60_000, "z": "y" * 59_000},
            },
            "grid": {"w": {"values": ["a" * 2000]}},
        },
        "grid",
    ),
    ({"concurrency": -1}, "concurrency"),
    ({"objective": {"metric": ""}}, "objective.metric"),
    ({"objective": {"metric": "a\nb"}}, "objective.metric"),
    ({"tags": ["a,b"]}, "tags.0"),
]


async def test_refusals_name_the_field(service: Service) -> None:
    for changes, field in REFUSED:
        assert (await refused(service, **changes))["field"] == field
    assert await service.database.reading(lambda uow: uow.sweeps.open()) == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"grid": {"lr": {"values": [0.5, 1.5]}}}, "grid.lr.values.1"),
    ({"grid": {"lr": {"start": 0.5, "stop": 2, "step": 0.5}}}, "grid.lr"),
    ({"grid": {"n": {"start": 1, "stop": 2, "step": 0.5}}}, "grid.n"),
    ({"grid": {"lrr": {"values": [1]}}}, "grid.lrr"),
    ({"random": {"space": {"lr": {"low": 0, "high": 2}}, "count": 1}}, "random.space.lr.high"),
    ({"random": {"space": {"n": {"low": 0, "high": 2}}, "count": 1}}, "random.space.n.whole"),
    ({"random": {"space": {"opt": {"low": 0, "high": 2}}, "count": 1}}, "random.space.opt"),
    ({"random": {"space": {"opt": {"values": ["adam", "x"]}}, "count": 1}}, "random.space.opt.values.1"),
    ({"list": [{"lr": 1}, {"n": 1.5}]}, "list.1.n"),
    ({"list": [{"need": "x"}, {"n": 1}]}, "list.1.need"),
    ({"array": 3}, "job.values.need"),
]


async def test_every_value_is_checked_at_the_door(service: Service) -> None:
    for space, field in WRONG:
        job = {**JOB, "parameters": DECLARED, "values": {} if field.endswith("need") else {"need": "x"}}
        assert (await refused(service, **{"grid": None, **space}, job=job))["field"] == field


async def test_quota_grants_and_keys(service: Service) -> None:
    assert (await refused(service, 422, job={**JOB, "image": "secret"}))["field"] == "job.image"
    assert "cpu" in str(await refused(service, 422, job={**JOB, "instance_type": "huge"}))
    await refused(service, 403, priority=5)
    first = await post(service, key="one")
    assert (await post(service, key="one"))["id"] == first["id"]
    answer = await service.client().post(SWEEPS, json={**SWEEP, "name": "x"}, headers={"Idempotency-Key": "one"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_mismatch")


async def test_preview_and_pages(service: Service) -> None:
    big = {"a": {"start": 1, "stop": 100, "count": 100}, "b": {"values": list(range(100))}}
    answer = await service.client().post(f"{SWEEPS}/preview", json={**SWEEP, "grid": big})
    assert (answer.json()["total"], len(answer.json()["points"])) == (10_000, 20)
    assert answer.json()["points"][1] == {"a": 1.0, "b": 1}
    answer = await service.client().post(f"{SWEEPS}/preview", json={**SWEEP, "grid": {**big, "c": {"values": [1, 2]}}})
    assert answer.json()["error"]["details"] == {"field": "grid", "value": "20000", "limit": 10_000}
    drawn = {"space": {"x": {"low": 1, "high": 9, "whole": True}, "y": {"values": ["a", "b"]}}, "count": 30, "seed": 4}
    body = {"name": "r", "job": JOB, "random": drawn}
    first, second = [(await service.client().post(f"{SWEEPS}/preview", json=body)).json() for _ in range(2)]
    assert first == second
    assert all(1 <= p["x"] <= 9 and p["y"] in "ab" for p in first["points"])
    made = [await post(service), await post(service, "max", name="Other", grid=None, random=drawn)]
    assert (await shown(service, made[1]["id"]))["space"]["random"]["seed"] == 4
    page = (await service.client("vic").get(SWEEPS, params={"limit": "1"})).json()
    assert [s["id"] for s in page["items"]] == [made[1]["id"]]
    rest = (await service.client("vic").get(SWEEPS, params={"cursor": page["next_cursor"]})).json()
    assert ([s["id"] for s in rest["items"]], rest["next_cursor"]) == ([made[0]["id"]], None)
    for query in ({"user": "max"}, {"text": "OTH"}, {"user": "max", "state": "Running"}):
        found = (await service.client("vic").get(SWEEPS, params=query)).json()["items"]
        assert [s["id"] for s in found] == [made[1]["id"]]
    assert (await service.client("vic").get(SWEEPS, params={"state": "Failed"})).json()["items"] == []
    page = (await service.client("vic").get(f"{SWEEPS}/{made[0]['id']}/points", params={"limit": "8"})).json()
    rest = (
        await service.client("vic").get(f"{SWEEPS}/{made[0]['id']}/points", params={"cursor": page["next_cursor"]})
    ).json()
    assert [p["point"] for p in rest["items"]] == [8]
    assert (await service.client("vic").get(f"{SWEEPS}/swp-no")).status_code == 404
    assert (await service.client("vic").get(SWEEPS, params={"cursor": "x"})).status_code == 400


async def test_two_sweeps_share_the_quota(service: Service) -> None:
    def narrow(uow: UnitOfWork) -> None:
        group = uow.groups.get("physics")
        assert group is not None
        uow.groups.put(replace(group, limits=Limits.parse({"cpu": "2"})))

    await service.database.writing(narrow)
    first, second = [(await post(service, user, grid=None, array=3))["id"] for user in ("mia", "max")]
    await end(service, first)
    assert (await end(service, second))["state"] == "Succeeded"
