"""Schedules over HTTP and by the controller: fired, left out, caught up, paused, taken over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from collegium.backends.ports import RunPhase
from collegium.domain.groups import Membership, Role
from integration.services.harness import BODY, Clock, Service

SCHEDULES = "/groups/physics/schedules"
EVERY_MINUTE = {"kind": "interval", "every": 60, "zone": "UTC"}


async def make(service: Service, user: str = "mia", **changes: Any) -> dict[str, Any]:
    body = {"name": "nightly", "recurrence": EVERY_MINUTE, "template": BODY, **changes}
    answer = await service.client(user).post(SCHEDULES, json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def shown(service: Service, schedule: dict[str, Any]) -> dict[str, Any]:
    answer = await service.client("vic").get(f"{SCHEDULES}/{schedule['id']}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def runs(service: Service, schedule: dict[str, Any]) -> list[dict[str, Any]]:
    """Oldest first."""
    answer = await service.client("vic").get(f"{SCHEDULES}/{schedule['id']}/runs?limit=200")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])[::-1]


async def post(
    service: Service, schedule: dict[str, Any], what: str, user: str = "mia", json: Any = None, key: str = ""
) -> tuple[int, dict[str, Any]]:
    headers = {"Idempotency-Key": key} if key else {}
    url = f"{SCHEDULES}/{schedule['id']}/{what}"
    answer = await service.client(user).post(url, json=json, headers=headers)
    return answer.status_code, answer.json()


async def rounds(service: Service, times: int = 2) -> None:
    """Rounds with all that they begin."""
    assert service.context.controller is not None
    for _ in range(times):
        await service.round()
        await service.context.controller.schedules.settle()


async def pass_minutes(service: Service, clock: Clock, minutes: int = 1) -> None:
    """As time goes by: a look each half minute."""
    for _ in range(minutes * 2):
        clock.forward(30)
        await rounds(service, 1)


def finish(service: Service, code: int = 0) -> None:
    """Whatever runs has ended."""
    for key, run in list(service.memory.runs.items()):
        if run.status.phase is RunPhase.RUNNING:
            service.memory.finish(key, code)


async def test_it_fires_and_its_job_is_its_owners(service: Service, clock: Clock) -> None:
    made = await make(service)
    assert (made["state"], made["run_as"], made["next_at"] is not None) == ("Active", "mia", True)
    assert len(made["upcoming"]) == 5
    await rounds(service)
    assert await runs(service, made) == []
    await pass_minutes(service, clock)
    (run,) = await runs(service, made)
    assert run["due_at"] == made["next_at"]
    assert (run["state"], run["trigger"], run["run_as"]) == ("Submitted", "time", "mia")
    job = await service.job(run["job"])
    assert (job["user"], job["name"]) == ("mia", "train")
    told = job["spec"]["environment"]
    assert told["COLLEGIUM_SCHEDULE"] == "nightly"
    assert datetime.fromisoformat(told["COLLEGIUM_DUE_AT"]) == datetime.fromisoformat(run["due_at"])
    await rounds(service)
    finish(service)
    await rounds(service)
    (run,) = await runs(service, made)
    assert (run["state"], run["reason"]) == ("Succeeded", "JobEnded")
    assert run["seconds"] is not None
    detail = await shown(service, made)
    assert (detail["runs"], detail["trend"]["succeeded"], detail["trend"]["success_rate"]) == (1, 1, 1.0)
    # What was shown as next is what was due.
    assert made["upcoming"][1]["at"] == detail["next_at"]


async def test_overlap_forbid_leaves_out(service: Service, clock: Clock) -> None:
    made = await make(service, overlap="forbid")
    await pass_minutes(service, clock, 3)
    found = await runs(service, made)
    assert [(r["state"], r["reason"]) for r in found] == [("Submitted", "Submitted")] + [("Skipped", "Overlap")] * 2
    finish(service)
    await rounds(service)
    await pass_minutes(service, clock)
    assert [r["state"] for r in await runs(service, made)] == ["Succeeded", "Skipped", "Skipped", "Submitted"]


async def test_overlap_allow_runs_both(service: Service, clock: Clock) -> None:
    made = await make(service, overlap="allow")
    await pass_minutes(service, clock, 2)
    found = await runs(service, made)
    assert [r["state"] for r in found] == ["Submitted", "Submitted"]
    assert len({r["job"] for r in found}) == 2


async def test_overlap_replace_ends_the_earlier(service: Service, clock: Clock) -> None:
    made = await make(service, overlap="replace")
    await pass_minutes(service, clock)
    await rounds(service)
    await pass_minutes(service, clock)
    await rounds(service)
    first, second = await runs(service, made)
    assert (await service.job(first["job"]))["cancel_requested_by"] == "collegium"
    assert second["state"] == "Submitted"
    run = service.memory.runs[f"{first['job']}.1"]
    assert run.stopped


@pytest.mark.parametrize(("missed", "expected"), [("skip", 0), ("once", 1), ("all", 3)])
async def test_an_outage(service: Service, clock: Clock, missed: str, expected: int) -> None:
    made = await make(
        service,
        missed=missed,
        missed_limit=3,
        overlap="allow",
        recurrence={"kind": "interval", "every": 600, "zone": "UTC"},
    )
    # Due every ten minutes, and nobody there for an hour and five minutes.
    clock.forward(65 * 60)
    await rounds(service)
    found = await runs(service, made)
    assert [r["trigger"] for r in found] == ["missed"] * expected
    newest = datetime.fromisoformat(made["next_at"]) + timedelta(minutes=50)
    assert [datetime.fromisoformat(r["due_at"]) for r in found] == [
        newest - timedelta(minutes=10 * n) for n in reversed(range(expected))
    ]
    history = (await shown(service, made))["history"]
    assert any(e["state"] == "Missed" and str(6 - expected) in e["message"] for e in history)


async def test_what_was_missed_runs_one_after_the_other_where_overlap_is_forbidden(
    service: Service, clock: Clock
) -> None:
    made = await make(service, missed="all", missed_limit=3, overlap="forbid")
    clock.forward(30 * 60 + 5)
    await rounds(service)
    states = [r["state"] for r in await runs(service, made)]
    assert states == ["Submitted", "Due", "Due", "Skipped"]
    for left in (1, 0):
        await rounds(service)
        finish(service)
        await rounds(service)
        assert [r["state"] for r in await runs(service, made)].count("Due") == left


async def test_a_streak_of_failures_pauses_with_a_notice(service: Service, clock: Clock) -> None:
    made = await make(service, max_failures=2)
    for _ in range(2):
        await pass_minutes(service, clock)
        await rounds(service)
        finish(service, 3)
        await rounds(service)
    detail = await shown(service, made)
    assert (detail["state"], detail["reason"], detail["failures"]) == ("Paused", "FailureStreak", 2)
    assert detail["upcoming"] == [] and detail["next_at"] is None
    assert any(e["state"] == "Paused" and e["reason"] == "FailureStreak" for e in detail["history"])
    await pass_minutes(service, clock, 3)
    assert len(await runs(service, made)) == 2
    status, resumed = await post(service, made, "resume", json={})
    assert (status, resumed["state"], resumed["failures"]) == (200, "Active", 0)
    # What was due while it was paused was not missed.
    await pass_minutes(service, clock)
    assert [r["trigger"] for r in await runs(service, made)] == ["time"] * 3


async def test_max_runs_and_one_date_end_it(service: Service, clock: Clock) -> None:
    two = await make(service, name="two", max_runs=2, overlap="allow")
    at = (clock() + timedelta(minutes=1)).replace(tzinfo=None).isoformat()
    once = await make(service, name="once", recurrence={"kind": "once", "at": at, "zone": "UTC"})
    await pass_minutes(service, clock, 4)
    detail = await shown(service, two)
    assert (detail["state"], detail["reason"], detail["runs"]) == ("Ended", "MaxRuns", 2)
    detail = await shown(service, once)
    assert (detail["state"], detail["reason"], len(await runs(service, once))) == ("Ended", "NoMoreDue", 1)
    assert (await post(service, two, "resume", json={}))[0] == 409
    answer = await service.client().patch(f"{SCHEDULES}/{two['id']}", json={"max_runs": 3})
    assert (answer.status_code, answer.json()["state"]) == (200, "Active")
    await pass_minutes(service, clock, 2)
    assert len(await runs(service, two)) == 3


async def test_end_date(service: Service, clock: Clock) -> None:
    end = (clock() + timedelta(seconds=130)).isoformat()
    made = await make(service, end_at=end, overlap="allow")
    await pass_minutes(service, clock, 4)
    assert len(await runs(service, made)) == 2
    assert (await shown(service, made))["reason"] == "NoMoreDue"


async def test_run_now(service: Service) -> None:
    made = await make(service)
    status, run = await post(service, made, "run", key="once")
    assert (status, run["trigger"], run["requested_by"]) == (201, "person", "mia")
    await rounds(service)
    # A repeat of the same request is the same run; a new one would overlap.
    status, again = await post(service, made, "run", key="once")
    assert (status, again["sequence"]) == (201, run["sequence"])
    status, refusal = await post(service, made, "run")
    assert (status, refusal["error"]["code"]) == (409, "conflict")
    (found,) = await runs(service, made)
    assert found["state"] == "Submitted"
    assert (await shown(service, made))["runs"] == 0


async def test_run_now_while_paused(service: Service) -> None:
    made = await make(service, paused=True)
    assert made["state"] == "Paused"
    assert (await post(service, made, "run"))[0] == 201
    await rounds(service)
    assert [r["state"] for r in await runs(service, made)] == ["Submitted"]


async def test_it_outlives_its_author(service: Service, clock: Clock) -> None:
    made = await make(service)
    await service.database.writing(lambda uow: uow.memberships.delete("physics", "mia"))
    await pass_minutes(service, clock, 2)
    detail = await shown(service, made)
    assert (detail["state"], detail["reason"]) == ("Paused", "NoRight")
    assert "mia" in detail["message"] and "take it over" in detail["message"]
    assert (await post(service, made, "resume", "mat", {}))[0] == 409
    assert (await post(service, made, "run", "mat"))[0] == 409
    # Another member may not, a maintainer may.
    assert (await post(service, made, "resume", "max", {"take_over": True}))[0] == 403
    status, taken = await post(service, made, "resume", "mat", {"take_over": True})
    assert (status, taken["state"], taken["run_as"], taken["created_by"]) == (200, "Active", "mat", "mia")
    await pass_minutes(service, clock)
    run = (await runs(service, made))[-1]
    assert (await service.job(run["job"], "mat"))["user"] == "mat"


async def test_a_right_that_is_lost_between_fire_and_submit(service: Service, clock: Clock) -> None:
    made = await make(service)
    controller = service.context.controller
    assert controller is not None
    await rounds(service)
    controller.schedules._rights_due = float("inf")
    await service.database.writing(lambda uow: uow.memberships.put(Membership("physics", "mia", Role.VIEWER)))
    await pass_minutes(service, clock)
    (run,) = await runs(service, made)
    assert (run["state"], run["reason"], run["job"]) == ("Skipped", "NoRight", None)
    assert (await shown(service, made))["reason"] == "NoRight"


async def test_who_edits_the_job_has_it(service: Service, clock: Clock) -> None:
    made = await make(service)
    url = f"{SCHEDULES}/{made['id']}"
    answer = await service.client("mat").patch(url, json={"name": "evening", "max_failures": 9})
    assert (answer.json()["run_as"], answer.json()["updated_by"]) == ("mia", "mat")
    answer = await service.client("mat").patch(url, json={"template": {**BODY, "command": "true"}})
    assert (answer.json()["run_as"], answer.json()["version"]) == ("mat", 3)
    # It is not mia's any more.
    assert (await service.client("mia").patch(url, json={"name": "mine"})).status_code == 403
    # Whoever has no membership has no share either.
    assert (await service.client("root").patch(url, json={"template": BODY})).status_code == 404
    answer = await service.client("mat").patch(url, json={"name": "late", "version": 2})
    assert (answer.status_code, answer.json()["error"]["details"]["limit"]) == (409, 3)


async def test_a_job_that_cannot_be_submitted_fails_the_run(service: Service, clock: Clock) -> None:
    made = await make(service, template={**BODY, "working_directory": {"path": "nowhere"}})
    await pass_minutes(service, clock)
    (run,) = await runs(service, made)
    assert (run["state"], run["reason"]) == ("Failed", "NotSubmitted")
    assert "nowhere" in run["message"]
    assert (await shown(service, made))["failures"] == 1


async def test_a_clock_that_was_set_forward_and_back(service: Service, clock: Clock) -> None:
    made = await make(service, overlap="allow", missed="skip")
    await pass_minutes(service, clock, 2)
    clock.forward(3600)
    await rounds(service)
    ahead = len(await runs(service, made))
    clock.forward(-3600)
    await rounds(service)
    await pass_minutes(service, clock, 2)
    found = await runs(service, made)
    assert len(found) == ahead + 2
    assert len({r["due_at"] for r in found}) == len(found)


async def test_pause_and_delete(service: Service, clock: Clock) -> None:
    made = await make(service)
    status, paused = await post(service, made, "pause")
    assert (status, paused["state"], paused["reason"]) == (200, "Paused", "ByUser")
    await pass_minutes(service, clock, 2)
    assert await runs(service, made) == []
    assert (await service.client("max").delete(f"{SCHEDULES}/{made['id']}")).status_code == 403
    assert (await service.client("ada").delete(f"{SCHEDULES}/{made['id']}")).status_code == 200
    assert (await service.client().get(f"{SCHEDULES}/{made['id']}")).status_code == 404
    entries = (await service.client("ada").get("/groups/physics/audit")).json()["items"]
    assert [e["action"] for e in entries if e["object"] == made["id"]] == [
        "schedule.delete",
        "schedule.pause",
        "schedule.create",
    ]


async def test_lists(service: Service) -> None:
    ids = [(await make(service, "mia" if n % 2 else "max", name=f"s{n}"))["id"] for n in range(5)]
    client = service.client("vic")
    first = (await client.get(f"{SCHEDULES}?limit=3")).json()
    rest = (await client.get(f"{SCHEDULES}?limit=3&cursor={first['next_cursor']}")).json()
    assert [s["id"] for s in first["items"] + rest["items"]] == sorted(ids)
    assert rest["next_cursor"] is None
    assert {s["name"] for s in (await client.get(f"{SCHEDULES}?user=mia")).json()["items"]} == {"s1", "s3"}
    assert (await client.get(f"{SCHEDULES}?state=Paused")).json()["items"] == []
    assert (await client.get(f"{SCHEDULES}?cursor=x")).status_code == 400


async def test_preview(service: Service) -> None:
    body = {"recurrence": {"kind": "cron", "expression": "30 2 * * *", "zone": "Europe/Berlin"}}
    answer = await service.client("vic").post(f"{SCHEDULES}/preview", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert len(found["items"]) == 5 and "02:30" in found["description"]
    assert all(i["local"].endswith(("02:30:00+01:00", "02:30:00+02:00")) or i["note"] for i in found["items"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"recurrence": {"kind": "cron", "expression": "0 0 30 2 *", "zone": "UTC"}}, "recurrence.expression"),
        ({"recurrence": {"kind": "cron", "expression": "61 * * * *"}}, "recurrence.expression"),
        ({"recurrence": {"kind": "cron", "expression": "* * * * *", "zone": "Mars/X"}}, "recurrence.zone"),
        ({"recurrence": {"kind": "interval", "every": 59}}, "recurrence.every"),
        ({"recurrence": {"kind": "interval", "every": 60, "anchor": "soon"}}, "recurrence.anchor"),
        ({"recurrence": {"kind": "once", "at": "2020-01-01T00:00"}}, "recurrence"),
        ({"recurrence": {"kind": "never"}}, "recurrence"),
        ({"end_at": "2020-01-01T00:00"}, "end_at"),
        ({"template": {**BODY, "command": ""}}, "template.command"),
        ({"template": {**BODY, "depends_on": {"jobs": ["job-1"]}}}, "template.depends_on"),
        ({"name": "\n"}, "name"),
        ({"max_runs": 0}, "max_runs"),
        ({"overlap": "maybe"}, "overlap"),
        ({"missed_limit": 101}, "missed_limit"),
    ],
)
async def test_refusals_name_the_field(service: Service, changes: dict[str, Any], field: str) -> None:
    body = {"name": "x", "recurrence": EVERY_MINUTE, "template": BODY, **changes}
    answer = await service.client().post(SCHEDULES, json=body)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field), answer.text


async def test_what_could_never_run_is_refused(service: Service) -> None:
    for template, code in (
        ({**BODY, "instance_type": "huge"}, "quota_exceeded"),
        ({**BODY, "image": "secret"}, "not_granted"),
    ):
        body = {"name": "x", "recurrence": EVERY_MINUTE, "template": template}
        answer = await service.client().post(SCHEDULES, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert answer.json()["error"]["details"]["field"] == "template.image"
    await make(service)
    answer = await service.client().post(
        SCHEDULES, json={"name": "nightly", "recurrence": EVERY_MINUTE, "template": BODY}
    )
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (409, "name")


async def test_a_zone_that_is_gone_pauses_it(service: Service, clock: Clock) -> None:
    made = await make(service)

    def spoil(uow: Any) -> None:
        before = uow.schedules.get("physics", made["id"])
        timing = replace(before.timing, recurrence=replace(before.timing.recurrence, zone="Mars/Olympus"))
        uow.schedules.change(before, replace(before, timing=timing, next_due=datetime(2020, 1, 1, tzinfo=UTC)))

    await service.database.writing(spoil)
    await rounds(service)
    detail = await shown(service, made)
    assert (detail["state"], detail["reason"]) == ("Paused", "Invalid")
    assert "Mars/Olympus" in detail["message"]
