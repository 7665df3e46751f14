"""Tokens of runs: files of one group, for as long as one attempt lasts, and nothing else."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest

from collegium.cipher import Cipher
from collegium.db import Database
from collegium.domain.groups import Membership, Role
from collegium.domain.policy import POLICY
from collegium.services.app import ROUTES
from collegium.services.controller.options import ControlOptions
from collegium.services.run_tokens import MARK
from integration.services.harness import API, FakeHub, Service, running_service

FILES = "/groups/physics/files/content"


async def started(service: Service, **changes: Any) -> tuple[str, str]:
    """A job that runs, and its token."""
    job = await service.submit(**changes)
    await service.round(2)
    return job, service.memory.runs[f"{job}.1"].environment["COLLEGIUM_TOKEN"]


async def test_a_run_reads_and_writes_files_of_its_group_until_it_ends(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job, token = await started(service)
    client = service.client(token)
    assert token.startswith(MARK) and token not in repr(service.memory.runs[f"{job}.1"].request)
    made = await client.put(FILES, params={"path": "out.csv"}, content=b"1,2\n")
    assert made.status_code == 200, made.text
    assert (await client.get(FILES, params={"path": "out.csv"})).content == b"1,2\n"
    # What it prints of it is masked.
    service.memory.write_log(f"{job}.1", f"token {token}!\n".encode())
    log = await service.client().get(f"/groups/physics/jobs/{job}/logs")
    assert token not in log.text and "token ***" in log.text
    service.memory.finish(f"{job}.1")
    await service.round()
    over = await client.get(FILES, params={"path": "out.csv"})
    assert over.status_code == 401 and "of a run that is over" in over.text
    assert token.removeprefix(MARK) not in caplog.text + json.dumps(await service.job(job))


async def test_it_is_for_nothing_else(service: Service) -> None:
    """Every operation of the API: refused, but for those on files and datasets of the group."""
    _, token = await started(service)
    client = service.client(token)
    tried = set()
    for route in ROUTES:
        for method, endpoint in route.handler.endpoints.items():
            rule = POLICY[endpoint.operation]
            if rule.scope is None or not route.path.startswith("api/"):
                continue
            path = "/" + route.path.removeprefix("api/v1/").replace("{group}", "physics").replace("...", "")
            answer = await client.request(method, path.replace("{", "").replace("}", ""))
            allowed = rule.scope in ("files:read", "files:write") and rule.role is not None
            assert (answer.status_code == 403 and "scope" in answer.text) != allowed, (method, path, answer.text)
            tried.add(endpoint.operation)
    assert len(tried) > 60
    for path in ("/groups/chemistry/files", "/groups/nonesuch/files", "/groups/chemistry/datasets"):
        assert (await client.get(path)).status_code == 403


async def test_a_member_who_left_and_one_who_may_only_look(service: Service) -> None:
    _, token = await started(service)
    client = service.client(token)
    with service.database.write() as uow:
        uow.memberships.put(Membership("physics", "mia", Role.VIEWER))
    assert (await client.get("/groups/physics/files")).status_code == 200
    assert (await client.put(FILES, params={"path": "x"}, content=b"x")).status_code == 403
    with service.database.write() as uow:
        uow.memberships.delete("physics", "mia")
    assert (await client.get("/groups/physics/files")).status_code == 401


async def test_another_attempt_a_waiting_job_and_forgeries(service: Service) -> None:
    job, token = await started(service, retries=1)
    service.memory.finish(f"{job}.1", 1)
    await service.round(3)
    second = service.memory.runs[f"{job}.2"].environment["COLLEGIUM_TOKEN"]
    assert (await service.client(second).get("/groups/physics/files")).status_code == 200
    other = Cipher.generate()
    claims = json.dumps({"user": "ada", "group": "physics", "key": f"{job}.2", "issued": 0})
    mine = service.context.cipher
    forged = [
        token,
        MARK,
        MARK + "x" * 200,
        MARK + other.seal(claims, "run token"),
        # Ours, but sealed for something else, or for somebody whose job it is not.
        MARK + mine.seal(claims, "secret db of physics"),
        MARK + mine.seal(claims, "run token"),
        second[:-1],
        second.removeprefix(MARK),
    ]
    for each in forged:
        answer = await service.client(each).get("/groups/physics/files")
        assert answer.status_code == 401, (each[:30], answer.text)


async def test_without_a_key_there_is_none_and_what_people_set_themselves_stays(
    seeded: Database, hub: FakeHub, service: Service
) -> None:
    job = await service.submit(environment={"COLLEGIUM_TOKEN": "their own"})
    await service.round()
    assert service.memory.runs[f"{job}.1"].environment["COLLEGIUM_TOKEN"] == "their own"
    options = ControlOptions(service_url="http://127.0.0.1:10101/services/collegium")
    async with running_service(seeded, hub, cipher=Cipher.without(), options=options, token="t") as bare:
        assert service.context.controller is not None
        await service.context.controller.lease.give_up()
        job = await bare.submit()
        await bare.round(2)
        environment = bare.memory.runs[f"{job}.1"].environment
        assert "COLLEGIUM_TOKEN" not in environment
        assert environment["COLLEGIUM_SERVICE_URL"] == "http://127.0.0.1:10101/services/collegium"
        url = f"{bare.url}{API}/groups/physics/files"
        async with httpx.AsyncClient(headers={"Authorization": f"token {MARK}x"}) as client:
            assert (await client.get(url)).status_code == 401
