"""Health, metrics, description, page, logs of the program, groups."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.memory import MemoryBackend
from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.errors import Unavailable
from collegium.services.app import ROUTES
from collegium.services.controller import loop
from collegium.services.controller.loop import Controller
from collegium.services.jsonlog import JsonFormatter
from collegium.services.metrics import Metrics
from collegium.services.openapi import describe_api
from integration.services.harness import PREFIX, FakeHub, Service, running_service

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


def test_the_committed_description_is_the_generated_one() -> None:
    """To renew it: python -m collegium.services.openapi > docs/openapi.json"""
    assert COMMITTED.read_text() == describe_api(ROUTES) + "\n"


def test_the_description_holds_all_models() -> None:
    schemas = json.loads(describe_api(ROUTES))["components"]["schemas"]
    names = "JobIn JobOut JobDetail JobPage ContextOut UsageOut CatalogOut GroupOut ErrorOut InfoOut ArtifactList"
    assert set(names.split()) <= set(schemas)
    # Two models of one name would be told apart by their modules.
    assert not [name for name in schemas if "__" in name]


async def test_the_served_description_names_its_own_place(service: Service) -> None:
    document = (await service.client(None).get("/openapi.json")).json()
    assert document["servers"] == [{"url": "/services/collegium"}]


async def test_info(service: Service) -> None:
    assert (await service.client(None).get("/info")).json()["api_version"] == "v1"


async def test_health(service: Service, clock: Any) -> None:
    url = f"{service.url}{PREFIX}health"
    client = service.client(None)
    service.context.health._last = None
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["parts"]["controller"]) == (503, "no controller has a pulse")
    await service.round()
    service.context.health._last = None
    assert (await client.get(url)).json()["status"] == "ok"
    service.context.health._last = None
    service.memory.fail_next_observe(RuntimeError("a secret path"))
    answer = await client.get(url)
    assert (answer.status_code, answer.json()["parts"]["backend"]) == (503, "fails")
    clock.forward(60)
    service.context.health._last = None
    assert (await client.get(url)).status_code == 503


async def test_ready(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> tuple[int, dict[str, str]]:
        service.context.health._last_ready = None
        answer = await service.client(None).get(f"{service.url}{PREFIX}health/ready")
        return answer.status_code, answer.json()["parts"]

    assert await ask() == (503, {"database": "ok", "controller": "starting"})
    await service.round()
    assert await ask() == (200, {"database": "ok", "controller": "active"})
    # Neither hub nor backend are a reason to send no requests here.
    service.hub.down = service.memory.outage = True
    await service.round()
    assert await ask() == (200, {"database": "ok", "controller": "active"})
    monkeypatch.setattr(loop, "STUCK", -1.0)
    assert await ask() == (503, {"database": "ok", "controller": "stuck"})


async def test_without_a_database(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: Any) -> None:
        raise Unavailable("The database at secret.example.org does not answer.")

    await service.round()
    monkeypatch.setattr(service.context.health._database, "reading", away)
    client = service.client(None)
    ready = await client.get(f"{service.url}{PREFIX}health/ready")
    assert (ready.status_code, ready.json()["parts"]["database"]) == (503, "fails")
    assert (await client.get(f"{service.url}{PREFIX}health/live")).status_code == 200


async def test_health_of_a_process_that_only_answers(seeded: Database, hub: FakeHub) -> None:
    """It cannot see what runs; the controller's pulse speaks for that."""
    async with running_service(seeded, hub, control=False) as service:
        service.memory.outage = True
        other = Controller(seeded, MemoryBackend().backend, Metrics(), asyncio.Event(), None, now)
        assert await other.round()
        answer = await service.client(None).get(f"{service.url}{PREFIX}health")
        assert (answer.status_code, answer.json()["parts"]) == (200, {"database": "ok", "controller": "ok"})
        ready = await service.client(None).get(f"{service.url}{PREFIX}health/ready")
        assert ready.json()["parts"] == {"database": "ok"}


async def test_probes_leave_no_line(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    await service.round()
    with caplog.at_level(logging.INFO, "collegium.request"):
        for path in ("health", "health/live", "health/ready"):
            assert (await service.client(None).get(f"{service.url}{PREFIX}{path}")).status_code == 200
        assert caplog.records == []
        service.memory.outage = True
        service.context.health._last = None
        await service.client(None).get(f"{service.url}{PREFIX}health")
    assert [r.__dict__["status"] for r in caplog.records] == [503]


async def test_metrics(service: Service, hub: FakeHub) -> None:
    url = f"{service.url}{PREFIX}metrics"
    await service.submit()
    await service.round()
    hub.tokens["prometheus"] = {"kind": "service", "name": "prometheus", "scopes": ["read:metrics"]}
    hub.tokens["robot"] = {"kind": "service", "name": "robot", "scopes": ["access:services"]}
    for token, status in [(None, 401), ("mia", 403), ("ada", 403), ("robot", 403), ("root", 200), ("prometheus", 200)]:
        assert (await service.client(token).get(url)).status_code == status, token
    text = (await service.client("root").get(url)).text
    assert 'collegium_requests_total{operation="job.submit",status="201"} 1.0' in text
    assert 'collegium_ledger_decisions_total{decision="admitted"} 1.0' in text
    assert 'collegium_jobs{state="Pending"}' in text
    assert "collegium_controller_tick_seconds_count 1.0" in text
    assert "mia" not in text
    # What opens the metrics opens nothing else.
    assert (await service.client("prometheus").get("/context")).status_code == 403


async def test_the_page_leads_to_the_login(service: Service) -> None:
    answer = await service.client(None).get(service.url + PREFIX)
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/hub/api/oauth2/authorize?client_id=service-collegium")
    assert "code_challenge" in answer.headers["location"]
    for method in ("POST", "HEAD"):
        assert (await service.client(None).request(method, service.url + PREFIX)).status_code == 401


async def test_the_page(service: Service) -> None:
    await service.submit(name="<script>alert(1)</script>")
    answer = await service.client().get(service.url + PREFIX, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "Physics" in answer.text
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    style = await service.client(None).get(f"{service.url}{PREFIX}style.css")
    assert style.headers["content-type"].startswith("text/css")
    nobody = await service.client("nobody").get(service.url + PREFIX)
    assert "No group available" in nobody.text
    assert "root" in nobody.text


async def test_a_page_without_the_scope_is_a_page(service: Service, hub: FakeHub) -> None:
    hub.tokens["bare"] = hub.user("mia", ["access:services"])
    answer = await service.client("bare").get(service.url + PREFIX, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "custom:collegium:groups:read" in answer.text


async def test_the_end_of_a_login_needs_its_beginning(service: Service) -> None:
    answer = await service.client(None).get(f"{service.url}{PREFIX}oauth_callback?code=x&state=y")
    assert answer.status_code == 403


async def test_logs_hold_no_secrets(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await service.client().get("/groups/physics/jobs?text=topsecret")
    lines = [json.loads(JsonFormatter().format(r)) for r in caplog.records if r.name == "collegium.request"]
    line = lines[-1]
    assert (line["user"], line["operation"], line["group"], line["status"]) == ("mia", "job.list", "physics", 200)
    assert {"time", "level", "request_id", "milliseconds"} <= set(line)
    assert "topsecret" not in json.dumps(lines)
    assert "token mia" not in caplog.text


async def test_context(service: Service) -> None:
    mine = (await service.client().get("/context")).json()
    assert [(g["name"], g["role"]) for g in mine["groups"]] == [("physics", "member")]
    assert mine["no_group_message"] == ""
    assert mine["notice"]
    nobody = (await service.client("nobody").get("/context")).json()
    assert "root" in nobody["no_group_message"]
    root = (await service.client("root").get("/context")).json()
    assert [(g["name"], g["role"]) for g in root["groups"]] == [("chemistry", None), ("physics", None)]


async def test_group_operations_say_why(service: Service, hub: FakeHub) -> None:
    group = (await service.client("vic").get("/groups/physics")).json()
    assert group["admins"] == ["ada"]
    assert group["operations"]["job.read"]["allowed"]
    submit = group["operations"]["job.submit"]
    assert (submit["allowed"], "member" in submit["reason"]) == (False, True)
    hub.tokens["reader"] = hub.user("mia", [s for s in hub.tokens["mia"]["scopes"] if "write" not in s])
    submit = (await service.client("reader").get("/groups/physics")).json()["operations"]["job.submit"]
    assert (submit["allowed"], "custom:collegium:jobs:write" in submit["reason"]) == (False, True)


async def test_catalog_and_usage(service: Service) -> None:
    for _ in range(2):
        await service.submit()
    await service.round()
    catalog = (await service.client().get("/groups/physics/catalog")).json()
    assert [(t["name"], t["fits"]) for t in catalog["instance_types"]] == [
        ("small", "now"),
        ("big", "wait"),
        ("huge", "never"),
    ]
    assert catalog["instance_types"][0]["left"] == {"cpu": "2", "memory": "6Gi"}
    assert "4 CPU more was asked" in catalog["instance_types"][1]["reason"]
    assert [i["name"] for i in catalog["images"]] == ["base"]
    usage = (await service.client("vic").get("/groups/physics/usage")).json()
    cpu = next(line for line in usage["group"] if line["resource"] == "cpu")
    assert (cpu["used"], cpu["limit"], cpu["unit"], cpu["limit_text"]) == (2000, 4000, "millicores", "4")
    assert usage["by_member"]["mia"]["count/jobs"] == "2"
    assert usage["by_kind"]["job"]["cpu"] == "2"
    assert all(line["used"] == 0 for line in usage["mine"])
