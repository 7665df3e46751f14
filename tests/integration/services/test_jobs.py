"""Jobs over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from collegium.domain.catalog import Grant, GrantKind
from collegium.domain.groups import ManagedBy, Membership, Role
from collegium.domain.quota import Limits
from collegium.services.jobs import submit as jobs_submit
from integration.services.harness import BODY, Service

JOBS = "/groups/physics/jobs"


async def test_a_job_runs_to_its_end(service: Service) -> None:
    answer = await service.client().post(JOBS, json=BODY)
    assert answer.status_code == 201
    job = answer.json()
    assert (job["state"], job["reason"], job["queue_position"]) == ("Pending", "Submitted", 1)
    await service.round()
    assert (await service.job(job["id"]))["state"] == "Preparing"
    usage = (await service.client().get("/groups/physics/usage")).json()
    assert [(h["kind"], h["id"], h["label"], h["state"]) for h in usage["holders"]] == [
        ("job", job["id"], "train", "Preparing")
    ]
    await service.round()
    assert (await service.job(job["id"]))["state"] == "Running"
    service.memory.finish(f"{job['id']}.1")
    await service.round()
    done = await service.job(job["id"])
    assert (done["state"], done["reason"], done["exit_code"]) == ("Succeeded", "Completed", 0)
    assert [e["state"] for e in done["history"]] == ["Pending", "Preparing", "Running", "Succeeded"]
    assert done["spec"]["command"] == BODY["command"]
    assert done["launch"]["instance_type"]["limits"] == {"cpu": "1", "memory": "1Gi"}
    usage = (await service.client().get("/groups/physics/usage")).json()
    assert usage["holders"] == []
    assert service.memory.runs[f"{job['id']}.1"].forgotten


async def test_fifty_submits_with_one_key_make_one_job(service: Service) -> None:
    service.memory.write_home("mia", "physics", "a.py", b"1")
    body = {**BODY, "working_directory": {"path": ""}}

    async def submit() -> Any:
        return await service.client().post(JOBS, json=body, headers={"Idempotency-Key": "k1"})

    answers = await asyncio.gather(*(submit() for _ in range(50)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["id"] for a in answers}) == 1
    assert sum("idempotency-replayed" not in a.headers for a in answers) == 1
    assert len(service.memory.sources) == 1
    assert len((await service.client().get(JOBS)).json()["items"]) == 1


async def test_a_key_stands_for_one_request_of_one_person(service: Service) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await service.client().post(JOBS, json=BODY, headers=key)
    again = await service.client().post(JOBS, json={**BODY, "retries": 1}, headers=key)
    assert (again.status_code, again.json()["error"]["code"]) == (422, "idempotency_mismatch")
    other = await service.client("max").post(JOBS, json=BODY, headers=key)
    assert other.json()["id"] != first.json()["id"]
    # What was granted once stays answered, whatever the catalog says now.
    await service.database.writing(lambda uow: uow.catalog.replace(ManagedBy.FILE, [], [], [], []))
    replay = await service.client().post(JOBS, json=BODY, headers=key)
    assert (replay.status_code, replay.json()["id"]) == (201, first.json()["id"])


@pytest.mark.parametrize("key", ["", "x" * 129, "tab\tinside"])
async def test_odd_keys(service: Service, key: str) -> None:
    answer = await service.client().post(JOBS, json=BODY, headers={"Idempotency-Key": key})
    assert answer.status_code == 400


async def test_what_can_never_fit_is_refused_with_the_decision(service: Service) -> None:
    answer = await service.client().post(JOBS, json={**BODY, "instance_type": "huge"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "quota_exceeded")
    assert error["details"]["violations"][0]["limit"] == 4000
    assert "can never fit" in error["message"]


async def test_what_is_not_granted_is_refused_with_the_choice(service: Service) -> None:
    answer = await service.client().post(JOBS, json={**BODY, "image": "secret"})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["details"]["available"]) == (422, "not_granted", ["base"])


async def test_a_snapshot_that_fails_leaves_nothing(service: Service) -> None:
    answer = await service.client().post(JOBS, json={**BODY, "working_directory": {"path": "gone"}})
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "working_directory.path")
    service.memory.write_home("mia", "physics", "a.py", b"1")
    service.memory.storage_full = True
    answer = await service.client().post(JOBS, json={**BODY, "working_directory": {}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
    assert (await service.client().get(JOBS)).json()["items"] == []
    assert service.memory.sources == {}


async def test_a_refusal_after_the_copy_discards_it(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.memory.write_home("mia", "physics", "a.py", b"1")
    copy = service.memory.snapshot

    async def slow(*args: Any) -> Any:
        await service.database.writing(lambda uow: uow.memberships.delete("physics", "mia"))
        return await copy(*args)

    monkeypatch.setattr(service.memory, "snapshot", slow)
    answer = await service.client().post(JOBS, json={**BODY, "working_directory": {}})
    assert answer.status_code == 404
    assert service.memory.sources == {}


async def test_the_queue_is_bounded(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_submit, "MAX_OPEN", 2)
    await service.submit()
    await service.submit("max")
    answer = await service.client().post(JOBS, json=BODY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_requests")
    assert "retry-after" in answer.headers


async def test_positions_and_reasons(service: Service) -> None:
    running = [await service.submit() for _ in range(4)]
    await service.round(2)
    first, second = await service.submit("max"), await service.submit("mia")
    await service.round()
    job = await service.job(first)
    assert (job["state"], job["reason"], job["queue_position"]) == ("Pending", "WaitingForQuota", 1)
    assert "Group physics: 4 of 4 CPU in use; 1 CPU more was asked" in job["message"]
    assert (await service.job(second))["queue_position"] == 2
    page = (await service.client().get(JOBS)).json()["items"]
    assert [(j["id"], j["queue_position"]) for j in page[:2]] == [(second, 2), (first, 1)]
    service.memory.finish(f"{running[0]}.1")
    await service.round(2)
    assert (await service.job(first))["state"] == "Running"
    assert (await service.job(second))["queue_position"] == 1


async def test_a_big_job_is_not_overtaken_for_what_it_needs(service: Service) -> None:
    await service.submit()
    await service.round(2)
    big = await service.submit("max", instance_type="big")
    small = [await service.submit() for _ in range(3)]
    await service.round(2)
    assert (await service.job(big))["queue_position"] == 1
    assert [(await service.job(s))["state"] for s in small] == ["Pending"] * 3


async def test_one_members_share_holds_nobody_up(service: Service) -> None:
    share = Membership("physics", "mia", Role.MEMBER, Limits.parse({"cpu": "1"}))
    await service.database.writing(lambda uow: uow.memberships.put(share))
    mine = [await service.submit() for _ in range(2)]
    other = await service.submit("max")
    await service.round(2)
    assert [(await service.job(j))["state"] for j in [*mine, other]] == ["Running", "Pending", "Running"]
    assert "Share of " in (await service.job(mine[1]))["message"]


async def test_pages(service: Service) -> None:
    ids = [await service.submit(name=f"job {i}") for i in range(7)]
    client, seen, query = service.client(), [], {"limit": "3"}
    while True:
        page = (await client.get(JOBS, params=query)).json()
        seen += [j["id"] for j in page["items"]]
        if page["next_cursor"] is None:
            break
        query = {"limit": "3", "cursor": page["next_cursor"]}
        await service.submit("max", name="meanwhile")
    assert seen == ids[::-1]
    for query, count in [
        ({"state": "Pending"}, 9),
        ({"state": "Running,Failed"}, 0),
        ({"user": "max"}, 2),
        ({"text": "JOB 3"}, 1),
        ({"text": "%"}, 0),
        ({"limit": "200"}, 9),
    ]:
        assert len((await client.get(JOBS, params=query)).json()["items"]) == count, query


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=ajk5OTk5OTk5OTk5OTk5OTk5OTk5OTk",
        "state=Nope",
        "state=",
        "user=..%2F",
        "unknown=1",
        "text=%ff",
    ],
)
async def test_odd_queries(service: Service, query: str) -> None:
    answer = await service.client().get(f"{JOBS}?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid"), answer.text


async def test_cancel_in_every_state(service: Service) -> None:
    client = service.client()
    job = await service.submit()
    answer = await client.post(f"{JOBS}/{job}/cancel")
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "Cancelled", "Cancelled")
    answer = await client.post(f"{JOBS}/{job}/cancel")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")

    # Preparing: the start fails for now, so nothing runs yet.
    job = await service.submit()
    service.memory.fail_next_start()
    await service.round()
    waiting = await service.job(job)
    assert (waiting["state"], "tried again" in waiting["message"]) == ("Preparing", True)
    answer = await service.client("ada").post(f"{JOBS}/{job}/cancel")
    assert (answer.json()["state"], answer.json()["cancel_requested_by"]) == ("Preparing", "ada")
    assert service.context.controller is not None
    service.context.controller.jobs._backoff.clear()
    await service.round(2)
    assert (await service.job(job))["state"] == "Cancelled"
    assert all(r.executions == 0 for r in service.memory.runs.values())

    # Running.
    job = await service.submit()
    await service.round(2)
    for _ in range(2):
        assert (await client.post(f"{JOBS}/{job}/cancel")).status_code == 200
    await service.round(2)
    done = await service.job(job)
    assert (done["state"], done["message"]) == ("Cancelled", "Cancelled by mia.")
    assert (await client.get("/groups/physics/usage")).json()["holders"] == []


async def test_rerun(service: Service) -> None:
    service.memory.write_home("mia", "physics", "a.py", b"1")
    job = await service.submit(working_directory={"files": ["a.py"]}, environment={"A": "1"}, retries=2)
    answer = await service.client("max").post(f"{JOBS}/{job}/rerun", headers={"Idempotency-Key": "r"})
    again = answer.json()
    assert (answer.status_code, again["rerun_of"], again["user"]) == (201, job, "max")
    assert service.memory.sources[again["id"]] == {"a.py": b"1"}
    assert (await service.job(again["id"]))["spec"] == (await service.job(job))["spec"]
    replay = await service.client("max").post(f"{JOBS}/{job}/rerun", headers={"Idempotency-Key": "r"})
    assert replay.json()["id"] == again["id"]
    grants = [Grant("*", GrantKind.IMAGE, "base")]
    await service.database.writing(
        lambda uow: uow.catalog.replace(ManagedBy.FILE, uow.catalog.instance_types(), uow.catalog.images(), [], grants)
    )
    answer = await service.client().post(f"{JOBS}/{job}/rerun")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_granted")


@pytest.mark.parametrize("job", ["job-x", "nope", "job-00000000000000000000000000", "%00", "..%2f..", "a" * 300])
async def test_unknown_jobs(service: Service, job: str) -> None:
    for path in ("", "/logs", "/artifacts", "/artifacts/x", "/logs?follow=true"):
        assert (await service.client().get(f"{JOBS}/{job}{path}")).status_code == 404, path
    for path in ("/cancel", "/rerun"):
        assert (await service.client().post(f"{JOBS}/{job}{path}")).status_code == 404, path


async def test_a_job_of_another_group_is_not_there(service: Service) -> None:
    job = await service.submit("zoe", "chemistry")
    assert (await service.client("root").get(f"{JOBS}/{job}")).status_code == 404


async def test_listing_costs_the_same_whatever_is_over(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await service.submit()
    await service.client().post(f"{JOBS}/{job}/cancel")

    def forbidden(*_: Any) -> Any:
        raise AssertionError("the queue was computed")

    monkeypatch.setattr("collegium.services.jobs.views.plan_admissions", forbidden)
    assert (await service.client().get(JOBS)).status_code == 200
