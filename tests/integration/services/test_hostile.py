"""Bodies and requests that mean no good."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from integration.services.harness import API, BODY, Service

JOBS = "/groups/physics/jobs"
HEAD = f"POST {API}{JOBS} HTTP/1.1\r\nHost: x\r\nAuthorization: token mia\r\nContent-Type: application/json\r\n"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 10_000},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a\u202eb"},
        {"name": 5},
        {"image": "../../etc"},
        {"instance_type": "sm all"},
        {"command": 1},
        {"timeout_seconds": -1},
        {"timeout_seconds": 10**9},
        {"timeout_seconds": "5"},
        {"timeout_seconds": True},
        {"retries": 11},
        {"environment": {"A B": "x"}},
        {"environment": {"A": "x" * 9000}},
        {"environment": {f"A{i}": "" for i in range(300)}},
        {"environment": [["A", "b"]]},
        {"working_directory": {"path": "../.."}},
        {"working_directory": {"path": "/etc"}},
        {"working_directory": {"files": ["a"] * 2000}},
        {"working_directory": {"files": ["../x"]}},
        {"notebook": {"path": "a.ipynb"}},
        {"unknown": 1},
    ],
)
async def test_fields(service: Service, changes: dict[str, Any]) -> None:
    answer = await service.client().post(JOBS, json={**BODY, **changes})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid"), answer.text
    assert error["details"]["field"]
    assert len(answer.content) < 2000


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("schedules", {"recurrence": {"kind": "cron", "expression": "x" * 201}}, "recurrence.expression: "),
        ("schedules", {"recurrence": {"kind": "cron"}}, "recurrence.expression: "),
        ("schedules", {"recurrence": {"kind": "moon"}}, "recurrence: 'kind' must be one of 'cron', 'interval', 'once'"),
        ("schedules", {"recurrence": {}}, "recurrence: must have the field 'kind'"),
        ("schedules", {"recurrence": []}, "recurrence: must be an object"),
        ("sweeps", {"name": "x", "job": BODY, "grid": {"a": {"start": "x"}}}, "grid.a.start: "),
        ("sweeps", {"name": "x", "job": BODY, "grid": {"a": {"start": {"b": 1}}}}, "grid.a.start: "),
        ("sweeps", {"name": "x", "job": BODY, "list": []}, "list: must have at least 1 entries"),
        ("jobs", {**BODY, "values": {f"x{n}": 1 for n in range(201)}}, "values: must have at most 200 entries"),
        ("jobs", {**BODY, "moon": 1}, "moon: is no field here"),
        ("jobs", {**BODY, "notebook": {"path": "gone.ipynb"}, "command": ""}, "notebook.path: is not in your home"),
    ],
)
async def test_fields_are_told_as_they_were_sent(service: Service, path: str, body: Any, said: str) -> None:
    path += "/preview" if path != "jobs" else ""
    answer = await service.client().post(f"/groups/physics/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(said)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b"\xff\xfe",
        b'{"name": "a", "name": "b"}',
        b'{"name": NaN}',
        b'{"retries": 1e400}',
        b'{"name": "\\ud800"}',
        b'{"name": "\\u0000"}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"[" * 500_000,
    ],
    ids=range(13),
)
async def test_json(service: Service, raw: bytes) -> None:
    answer = await service.client().post(JOBS, content=raw, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"]
)
async def test_content_type(service: Service, kind: str) -> None:
    answer = await service.client().post(JOBS, content=json.dumps(BODY), headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


async def test_bodies_of_operations_without_one(service: Service) -> None:
    job = await service.submit()
    answer = await service.client().post(f"{JOBS}/{job}/cancel", content=b'{"force": true}', headers=JSON)
    assert answer.status_code == 400
    assert (await service.client().post(f"{JOBS}/{job}/cancel", content=b"{}")).status_code == 200


@pytest.mark.parametrize("size", [(1 << 20) + 1, 20_000_000])
async def test_large_bodies(service: Service, size: int) -> None:
    async def chunks() -> Any:
        for start in range(0, size, 65536):
            yield b" " * min(65536, size - start)

    declared = await service.client().post(JOBS, content=b" " * size, headers=JSON)
    streamed = await service.client().post(JOBS, content=chunks(), headers=JSON)
    for answer in (declared, streamed):
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert (await service.client().get("/context")).status_code == 200


async def raw(service: Service, text: bytes) -> bytes:
    port = int(service.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        writer.write_eof()
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("Content-Length: 999999999999999999999999", (413, 400)),
        ("Content-Length: -5", (400,)),
        ("Content-Length: 5, 6", (400,)),
        ("Content-Length: abc", (400,)),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", (400,)),
        ("X-A: " + "x" * 70_000, (400, 431)),
    ],
)
async def test_lies_about_the_length(service: Service, head: str, status: tuple[int, ...]) -> None:
    request = f"{HEAD}{head}\r\n\r\nhello"
    answer = await raw(service, request.encode())
    assert not answer or int(answer.split()[1]) in status, answer
    assert (await service.client().get("/context")).status_code == 200


async def test_a_body_that_never_comes_harms_nobody(service: Service) -> None:
    request = f"{HEAD}Content-Length: 100\r\n\r\n{{"
    assert await raw(service, request.encode()) == b""
    assert (await service.client().get(JOBS)).json()["items"] == []
    assert service.context.busy == 0


@pytest.mark.parametrize(
    "path", ["/groups/%ff/usage", "/groups/a%2fb/usage", "/groups/%00", "/groups/" + "g" * 5000, "/groups//usage"]
)
async def test_paths(service: Service, path: str) -> None:
    answer = await service.client().get(path)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["request_id"]
    assert len(answer.content) < 1000
