"""Values checked at the door, notes, tags, and lists in every order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collegium.domain.jobs import JobState
from integration.services.harness import BODY, Service

JOBS = "/groups/physics/jobs"
DECLARED = {
    "lr": {"type": "number", "default": 0.1, "minimum": 0, "maximum": 1},
    "opt": {"type": "choice", "choices": ["adam", "sgd"], "required": True},
    "deep": {"type": "boolean"},
    "layers": {"type": "list", "items": "integer", "default": [1]},
}


async def refused(service: Service, **body: Any) -> dict[str, Any]:
    answer = await service.client().post(JOBS, json={**BODY, **body})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid"), answer.text
    return dict(answer.json()["error"]["details"])


async def test_a_command_finds_its_values(service: Service) -> None:
    job = await service.submit(parameters=DECLARED, values={"opt": "sgd", "deep": True}, environment={"PARAM_lr": "9"})
    shown = await service.job(job)
    assert shown["values"] == {"lr": 0.1, "opt": "sgd", "deep": True, "layers": [1]}
    await service.round()
    environment = service.memory.runs[f"{job}.1"].environment
    # What the user set by hand wins over ours.
    assert {n: v for n, v in environment.items() if n.startswith("PARAM_")} == {
        "PARAM_lr": "9",
        "PARAM_opt": "sgd",
        "PARAM_deep": "true",
        "PARAM_layers": "[1]",
    }
    assert json.loads(environment["COLLEGIUM_PARAMETERS"]) == shown["values"]


async def test_a_wrong_value_names_the_field(service: Service) -> None:
    details = await refused(service, parameters=DECLARED, values={"opt": "sgd", "lr": 1.5})
    assert details == {"field": "values.lr", "value": "1.5", "limit": 1}
    assert (await refused(service, parameters=DECLARED))["field"] == "values.opt"
    assert (await refused(service, parameters=DECLARED, values={"opt": "x"}))["limit"] == ["adam", "sgd"]
    assert (await refused(service, parameters=DECLARED, values={"optt": "sgd"}))["field"] == "values.optt"
    assert (await refused(service, parameters={"x": {"type": "nope"}}))["field"] == "parameters.x.type"
    assert (await refused(service, parameters={"x": {"maximum": 1}}))["field"] == "parameters.x.maximum"
    assert (await refused(service, values={"not a name": 1}))["field"] == "values"
    assert (await refused(service, values={"x": "ü" * 60_000}))["field"] == "values"
    assert await service.database.reading(lambda uow: uow.jobs.open()) == []


async def test_a_notebook_says_itself_what_it_takes(service: Service) -> None:
    cell = {"source": "lr = 0.1\nn: int = 3\nwho = name()", "metadata": {"tags": ["parameters"]}}
    data = json.dumps({"cells": [cell], "metadata": {}}).encode()
    service.memory.write_home("mia", "physics", "a.ipynb", data)
    command = {"command": ""}
    details = await refused(service, **command, notebook={"path": "a.ipynb", "parameters": {"n": 2.5}})
    assert details == {"field": "notebook.parameters.n", "value": "2.5", "limit": None}
    assert (await refused(service, **command, notebook={"path": "a.ipynb", "parameters": {"lrr": 1}}))[
        "field"
    ] == "notebook.parameters.lrr"
    # Nothing is left of what was refused.
    assert service.memory.sources == {}
    job = await service.submit(**command, notebook={"path": "a.ipynb", "parameters": {"lr": 1}}, values={"who": "x"})
    shown = await service.job(job)
    # Only what was given: the notebook's own values stand otherwise.
    assert shown["values"] == {"lr": 1, "who": "x"}
    assert [p["name"] for p in shown["spec"]["parameters"]] == ["lr", "n", "who"]
    twice = {"path": "a.ipynb", "parameters": {"lr": 1}}
    assert (await refused(service, **command, notebook=twice, values={"lr": 2}))["field"] == "values.lr"


@pytest.mark.parametrize("data", [b"no notebook", b'{"cells": []}'])
async def test_a_notebook_that_says_nothing_takes_everything(service: Service, data: bytes) -> None:
    service.memory.write_home("mia", "physics", "a.ipynb", data)
    job = await service.submit(command="", notebook={"path": "a.ipynb", "parameters": {"any": [1]}})
    assert (await service.job(job))["values"] == {"any": [1]}


async def test_a_cell_is_read_into_a_form(service: Service) -> None:
    url = "/groups/physics/notebook-parameters"
    answer = await service.client("vic").post(url, json={"source": "lr: float = 0.1  # rate"})
    assert answer.json()["readable"]
    (item,) = answer.json()["items"]
    assert (item["name"], item["type"], item["default"], item["description"]) == ("lr", "number", 0.1, "rate")
    assert (await service.client().post(url, json={"source": "lr <- 1 2"})).json() == {"readable": False, "items": []}


async def test_notes_and_tags(service: Service) -> None:
    first = await service.submit(tags=["b", " a ", "b"], notes="hello\nworld")
    second = await service.submit("max", tags=["a", "ü%_"])
    assert (await service.job(first))["tags"] == ["a", "b"]
    client = service.client()

    async def found(**query: Any) -> list[str]:
        answer = await client.get(JOBS, params={k: str(v) for k, v in query.items()})
        assert answer.status_code == 200, answer.text
        return [j["id"] for j in answer.json()["items"]]

    assert await found(tag="a") == [second, first]
    assert await found(tag="a,b") == [first]
    assert await found(tag="A") == []
    assert await found(tag="ü%_") == [second]
    assert (await client.get("/groups/physics/tags")).json()["items"] == [
        {"tag": "a", "jobs": 2},
        {"tag": "b", "jobs": 1},
        {"tag": "ü%_", "jobs": 1},
    ]
    answer = await client.patch(f"{JOBS}/{first}", json={"tags": ["c"], "notes": ""})
    assert (answer.status_code, answer.json()["tags"], answer.json()["notes"]) == (200, ["c"], "")
    assert await found(tag="a") == [second]
    assert (await client.patch(f"{JOBS}/{second}", json={"notes": "mine"})).status_code == 403
    answer = await service.client("ada").patch(f"{JOBS}/{second}", json={"notes": "seen"})
    assert (answer.json()["notes"], answer.json()["tags"]) == ("seen", ["a", "ü%_"])
    for tags, field in (
        ([str(i) for i in range(21)], "tags"),
        (["a,b"], "tags.0"),
        ([" "], "tags.0"),
        ([""], "tags.0"),
    ):
        answer = await client.patch(f"{JOBS}/{first}", json={"tags": tags})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field), tags
    # A job that is over keeps being somebody's to write on.
    await client.post(f"{JOBS}/{first}/cancel")
    assert (await client.patch(f"{JOBS}/{first}", json={"notes": "why"})).json()["notes"] == "why"
    answer = await client.patch(f"{JOBS}/{first}", json={"priority": -1})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize("sort", ["created", "name", "user", "state", "priority", "started", "finished"])
async def test_every_order_pages_without_gap_or_overlap(service: Service, sort: str) -> None:
    for number in range(9):
        job = await service.submit(["mia", "max"][number % 2], name=f"n{number % 4}", priority=-(number % 3))
        if number % 3 == 0:
            await service.client("ada").post(f"{JOBS}/{job}/cancel")
    key = {"created": "created_at", "started": "started_at", "finished": "finished_at"}.get(sort, sort)
    for sign in ("", "-"):
        seen: list[dict[str, Any]] = []
        query = {"sort": sign + sort, "limit": "2", "total": "true"}
        while True:
            answer = await service.client().get(JOBS, params=query)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert page["total"] == 9
            seen += page["items"]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
        assert len({j["id"] for j in seen}) == 9
        values = [j[key] if j[key] is not None else "" for j in seen]
        assert values == sorted(values, reverse=bool(sign)), (sign, values)


async def test_a_cursor_belongs_to_its_order(service: Service) -> None:
    for _ in range(3):
        await service.submit()
    cursor = (await service.client().get(JOBS, params={"sort": "name", "limit": "1"})).json()["next_cursor"]
    for sort in ("-name", "-created", "priority", "user"):
        answer = await service.client().get(JOBS, params={"sort": sort, "cursor": cursor})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "cursor"), sort
    assert (await service.client().get(JOBS, params={"sort": "size"})).status_code == 400


async def test_finished_before(service: Service) -> None:
    job = await service.submit()
    await service.client().post(f"{JOBS}/{job}/cancel")
    await service.submit()
    client = service.client()
    items = (await client.get(JOBS, params={"finished_before": "2999-01-01T00:00:00Z"})).json()["items"]
    assert [j["id"] for j in items] == [job]
    assert items[0]["state"] == JobState.CANCELLED
    assert (await client.get(JOBS, params={"finished_before": "2000-01-01T00:00:00+02:00"})).json()["items"] == []
    assert (await client.get(JOBS, params={"finished_before": "2000-01-01T00:00:00"})).status_code == 400
