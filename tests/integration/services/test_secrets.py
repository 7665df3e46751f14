"""Secrets over HTTP: written, used, never read again."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from secrets import token_hex

import pytest
import sqlalchemy as sa

from collegium.cipher import VARIABLE, Cipher
from collegium.db import Database
from collegium.services.notifications.seals import open_secret, open_url
from collegium.settings import Settings
from integration.services.harness import BODY, FakeHub, Service, running_service

VALUE = "marker-7f3a9c-täglich"
URL = "/groups/physics/secrets"
WITH = {**BODY, "secrets": {"DB_PASSWORD": "db"}}


async def put(service: Service, name: str = "db", value: str = VALUE, **more: object) -> None:
    answer = await service.client("ada").put(f"{URL}/{name}", json={"value": value, **more})
    assert answer.status_code == 200, answer.text


async def test_set_listed_changed_removed(service: Service) -> None:
    ada, mia = service.client("ada"), service.client("mia")
    await put(service, description="The lab's database")
    (item,) = (await mia.get(URL)).json()["items"]
    assert (item["name"], item["description"], item["created_by"]) == ("db", "The lab's database", "ada")
    assert item["used_by"] == 0 and "value" not in item
    again = (await ada.put(f"{URL}/db", json={"description": "Another"})).json()
    assert (again["description"], again["created_at"]) == ("Another", item["created_at"])
    assert (await ada.delete(f"{URL}/db")).status_code == 200
    assert (await ada.delete(f"{URL}/db")).status_code == 404
    assert (await mia.get(URL)).json() == {"items": [], "problem": ""}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"value": ""}, 400),
        ({"value": VALUE * 4000}, 413),
        ({"value": f"{VALUE}\0"}, 400),
        ({"value": [VALUE]}, 400),
        ({"value": VALUE, "description": VALUE * 100}, 400),
        ({"value": VALUE, "extra": VALUE}, 400),
        ({}, 400),
    ],
)
async def test_a_refusal_quotes_no_value(service: Service, body: object, status: int) -> None:
    answer = await service.client("ada").put(f"{URL}/db", json=body)
    assert answer.status_code == status and "marker" not in answer.text, answer.text
    assert (await service.client("ada").get(URL)).json()["items"] == []


async def test_a_job_gets_the_newest_value_and_nothing_of_ours_shows_it(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await put(service, value="old-value")
    job = await service.submit(**{"secrets": WITH["secrets"]})
    await put(service)
    await service.round()
    run = service.memory.runs[f"{job}.1"]
    assert run.environment["DB_PASSWORD"] == VALUE
    assert VALUE not in repr(run.request)
    for cut in (5, 11):
        service.memory.write_log(f"{job}.1", f"password {VALUE[:cut]}".encode())
        service.memory.write_log(f"{job}.1", f"{VALUE[cut:]}!\n".encode())
    service.memory.write_log(f"{job}.1", f"Traceback (most recent call last):\nValueError: {VALUE}\n".encode())
    service.memory.finish(f"{job}.1", 1)
    await service.round()
    seen = await service.job(job)
    assert seen["state"] == "Failed" and "ValueError: ***" in seen["message"]
    log = await service.client().get(f"/groups/physics/jobs/{job}/logs")
    assert log.text == "password ***!\n" * 2 + "Traceback (most recent call last):\nValueError: ***\n"
    answers = [log.text, json.dumps(seen)]
    for path in ("jobs", "secrets", "audit", f"jobs/{job}/logs?follow=true"):
        answers.append((await service.client("ada").get(f"/groups/physics/{path}")).text)
    with service.database.read() as uow:
        connection = uow._connection
        rows = [
            list(connection.execute(sa.text(f'SELECT * FROM "{t}"'))) for t in sa.inspect(connection).get_table_names()
        ]
    for text in (*answers, repr(rows), caplog.text, json.dumps([str(r.__dict__) for r in caplog.records])):
        assert "marker-7f3a9c" not in text
    assert "secret.put" in repr(rows)


async def test_what_cannot_be_a_secret_of_a_job(service: Service) -> None:
    await put(service)
    for changes, field in (
        ({"secrets": {"A": "nosuch"}}, "secrets.A"),
        ({"secrets": {"A": "db"}, "environment": {"A": "1"}}, "secrets.A"),
        ({"secrets": {"COLLEGIUM_GROUP": "db"}}, "secrets.COLLEGIUM_GROUP"),
        ({"secrets": {"PATH": "db"}}, "secrets.PATH"),
        ({"secrets": {"1A": "db"}}, "secrets"),
        ({"secrets": {"A": "Not A Name"}}, "secrets.A"),
    ):
        answer = await service.client().post("/groups/physics/jobs", json={**BODY, **changes})
        assert answer.status_code == 400 and answer.json()["error"]["details"]["field"] == field, answer.text


async def test_removal_waits_for_those_who_want_it(service: Service) -> None:
    await put(service)
    ada, mia = service.client("ada"), service.client("mia")
    template = {"name": "nightly", "recurrence": {"kind": "interval", "every": 86400}, "template": WITH}
    schedule = (await mia.post("/groups/physics/schedules", json=template)).json()["id"]
    job = await service.submit(**{"secrets": WITH["secrets"]})
    wide = {k: v for k, v in WITH.items() if k != "name"}
    sweep = (await mia.post("/groups/physics/sweeps", json={"name": "wide", "job": wide, "array": 2})).json()["id"]
    # What only looks like a reference.
    await service.submit(environment={"secrets": "db"}, command='echo "secrets": db')
    refused = await ada.delete(f"{URL}/db")
    assert refused.status_code == 409
    uses = refused.json()["error"]["details"]["uses"]
    assert [(u["kind"], u["id"], u["user"]) for u in uses] == [
        ("schedule", schedule, "mia"),
        ("sweep", sweep, "mia"),
        ("job", job, "mia"),
    ]
    assert (await mia.get(URL)).json()["items"][0]["used_by"] == 3
    await mia.post(f"/groups/physics/sweeps/{sweep}/cancel")
    await mia.post(f"/groups/physics/jobs/{job}/cancel")
    await service.round(2)
    assert (await ada.delete(f"{URL}/db")).status_code == 409
    assert (await mia.delete(f"/groups/physics/schedules/{schedule}")).status_code == 200
    assert (await ada.delete(f"{URL}/db")).status_code == 200
    # Nothing can be scheduled or run again with it.
    assert (await mia.post("/groups/physics/schedules", json=template)).json()["error"]["details"]["field"] == (
        "template.secrets.DB_PASSWORD"
    )
    assert (await mia.post(f"/groups/physics/jobs/{job}/rerun")).status_code == 400
    again = await mia.post("/groups/physics/sweeps", json={"name": "wide", "job": wide, "array": 2})
    assert again.json()["error"]["details"]["field"] == "job.secrets.DB_PASSWORD"


async def test_gone_before_the_start_fails_the_job_by_name(service: Service) -> None:
    await put(service)
    job = await service.submit(**{"secrets": WITH["secrets"]})
    with service.database.write() as uow:  # as after a database was restored
        secret = uow.secrets.get("physics", "db")
        assert secret is not None
        uow.secrets.delete(secret)
    await service.round()
    seen = await service.job(job)
    assert (seen["state"], seen["reason"]) == ("Failed", "StartFailed")
    assert "secret db, wanted as DB_PASSWORD, is no more" in seen["message"]


async def test_a_wrong_key_is_told_and_everything_else_goes_on(seeded: Database, hub: FakeHub) -> None:
    keys = Cipher.generate(), Cipher.generate()
    async with running_service(seeded, hub, cipher=keys[0]) as service:
        await put(service)
    async with running_service(seeded, hub, cipher=keys[1]) as service:
        wanting, other = await service.submit(**{"secrets": WITH["secrets"]}), await service.submit()
        await service.round(2)
        assert (await service.job(other))["state"] == "Running"
        waiting = await service.job(wanting)
        assert waiting["state"] == "Preparing" and "COLLEGIUM_SECRET_KEY" in waiting["message"]
        assert VALUE not in waiting["message"]
        # A new value, sealed with the key there is, mends it.
        await put(service)
        async with asyncio.timeout(30):
            while (await service.job(wanting))["state"] != "Running":
                await service.round()
                await asyncio.sleep(0.05)
        assert service.memory.runs[f"{wanting}.1"].environment["DB_PASSWORD"] == VALUE


async def test_without_a_key_nothing_is_set(seeded: Database, hub: FakeHub) -> None:
    async with running_service(seeded, hub, cipher=Cipher.without()) as service:
        answer = await service.client("ada").put(f"{URL}/db", json={"value": VALUE})
        assert answer.status_code == 503 and "COLLEGIUM_SECRET_KEY" in answer.json()["error"]["message"]
        assert "COLLEGIUM_SECRET_KEY" in (await service.client().get(URL)).json()["problem"]


async def test_after_a_change_of_keys_the_old_one_can_go(seeded: Database, hub: FakeHub) -> None:
    old, new = token_hex(32), token_hex(32)

    def cipher(*keys: str) -> Cipher:
        return Cipher.from_settings(Settings.at(Path("/nowhere")), {VARIABLE: ",".join(keys)})

    channel = {"name": "hook", "kind": "webhook", "url": "https://1.1.1.1/hook", "secret": VALUE}
    async with running_service(seeded, hub, cipher=cipher(old)) as service:
        await put(service)
        made = await service.client("ada").post("/groups/physics/channels", json=channel)
        assert made.status_code == 201, made.text
    async with running_service(seeded, hub, cipher=cipher(new, old)) as service:
        await service.round()
        assert service.context.controller is not None
        await service.context.controller.lease.give_up()
    async with running_service(seeded, hub, cipher=cipher(new)) as service:
        job = await service.submit(**{"secrets": WITH["secrets"]})
        await service.round()
        assert service.memory.runs[f"{job}.1"].environment["DB_PASSWORD"] == VALUE
        with service.database.read() as uow:
            found = uow.channels.named("physics", "hook")
        assert found is not None
        assert (open_url(service.context.cipher, found), open_secret(service.context.cipher, found)) == (
            channel["url"],
            VALUE,
        )
