"""What happened lately, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from collegium.db.engine import now
from collegium.domain.groups import Membership, Role
from integration.services.harness import BODY, Service, scopes_of

SCHEDULE = {"name": "nightly", "recurrence": {"kind": "interval", "every": 86400}, "template": BODY}


async def look(service: Service, who: str = "mia", group: str = "physics", **query: Any) -> list[dict[str, Any]]:
    """All of it, page by page."""
    items: list[dict[str, Any]] = []
    path = f"/groups/{group}/activity" if group else "/activity"
    while True:
        answer = await service.client(who).get(path, params=query)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        query["cursor"] = answer.json()["next_cursor"]
        if query["cursor"] is None:
            return items


async def test_all_kinds_are_told_newest_first(service: Service) -> None:
    job = await service.submit("max", name="fit")
    await service.client("mia").post("/groups/physics/schedules", json=SCHEDULE)
    await service.client("ada").patch("/groups/physics/queue", json={"mode": "paused", "reason": "inventory"})
    await service.client("ada").patch("/groups/physics/settings", json={"artifact_days": 9})
    items = await look(service, limit=2)
    assert [(i["kind"], i["name"], i["user"], i["state"], i["reason"]) for i in items] == [
        ("settings", "physics", "ada", "Changed", "SettingsChanged"),
        ("queue", "physics", "ada", "paused", "ModeChanged"),
        ("schedule", "nightly", "mia", "Active", "ByUser"),
        ("job", "fit", "max", "Pending", "Submitted"),
    ]
    assert items[0]["message"] == "artifact_days was the default and is 9"
    assert items[-1]["id"] == job and items[-1]["group"] == "physics"
    assert [i["sequence"] for i in items] == sorted((i["sequence"] for i in items), reverse=True)
    assert [i["kind"] for i in await look(service, kind="job,schedule")] == ["schedule", "job"]
    assert [i["kind"] for i in await look(service, user="max")] == ["job"]
    assert [i["kind"] for i in await look(service, mine="true", kind="schedule,job", limit=1)] == ["schedule"]
    assert await look(service, "vic", mine="true") == []


async def test_all_of_my_groups_and_no_other(service: Service) -> None:
    await service.submit("mia")
    await service.database.writing(
        lambda uow: [
            uow.events.append("chemistry", "job", f"job-{i}", now(), "Pending", "Submitted", "", name="c", user="zoe")
            for i in range(3)
        ]
    )
    assert {i["group"] for i in await look(service, group="")} == {"physics"}
    await service.database.writing(lambda uow: uow.memberships.put(Membership("chemistry", "mia", Role.VIEWER)))
    both = await look(service, group="", limit=1)
    assert [i["group"] for i in both] == ["chemistry"] * 3 + ["physics"]
    assert [i["group"] for i in await look(service, group="", mine="true")] == ["physics"]
    # Whoever is in no group sees an empty page, also if they run the platform.
    assert await look(service, "root", group="") == []
    # A token for one group says nothing of the others.
    service.hub.tokens["narrow"] = service.hub.user("mia", scopes_of("mia", filter="group"))
    assert (await service.client("narrow").get("/activity")).status_code == 403


@pytest.mark.parametrize(
    ("query", "field"),
    [("mine=true&user=max", "user"), ("kind=Job", "kind"), ("cursor=ajEy", "cursor"), ("limit=0", "limit")],
)
async def test_bad_questions(service: Service, query: str, field: str) -> None:
    answer = await service.client().get(f"/groups/physics/activity?{query}")
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)
