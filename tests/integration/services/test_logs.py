"""Logs, their stream, artifacts, and the stream of changes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from collegium.services import sse
from collegium.services.jobs import follow
from integration.services.harness import Service

JOBS = "/groups/physics/jobs"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "FAST", 0.01)
    monkeypatch.setattr(follow, "SLOW", 0.02)


async def events(client: httpx.AsyncClient, url: str, most: int = 10**6, **headers: str) -> list[tuple[str, str, Any]]:
    """(id, event, data) until the end, or until ``most`` came."""
    found, event = [], {}
    async with client.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        async for line in answer.aiter_lines():
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif "data" in event:
                found.append((event["id"], event["event"], json.loads(event["data"])))
                event = {}
                if len(found) == most:
                    return found
            else:
                event = {}
    return found


async def started(service: Service, **changes: Any) -> str:
    job = await service.submit(**changes)
    await service.round(2)
    return job


async def test_a_stream_that_breaks_anywhere_loses_and_repeats_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PIECE", 37)
    job = await started(service)
    text = "".join(f"Zeile {i} – ünïcode 😀\n" for i in range(40))
    service.memory.write_log(f"{job}.1", text.encode())
    service.memory.finish(f"{job}.1", 1)
    await service.round()
    url, got, last, connections = f"{JOBS}/{job}/logs?follow=true", "", {}, 0
    while True:
        part = await events(service.client(), url, 3, **last)
        connections += 1
        for _, kind, data in part:
            if kind == "log":
                assert data["offset"] == len(got.encode())
                got += data["text"]
        last = {"Last-Event-ID": part[-1][0]}
        if part[-1][1] == "end":
            break
    assert got == text
    assert connections > 5
    assert part[-1][2] == {
        "state": "Failed",
        "reason": "ExitCode",
        "message": "The command failed (exit code 1).",
        "exit_code": 1,
    }


async def test_a_stream_follows_the_job_through_its_attempts(service: Service) -> None:
    job = await service.submit(retries=1)
    task = asyncio.create_task(events(service.client(), f"{JOBS}/{job}/logs?follow=true"))
    await asyncio.sleep(0.05)
    await service.round(2)
    # A character in two pieces.
    service.memory.write_log(f"{job}.1", "one 😀"[:4].encode() + "😀".encode()[:2])
    await asyncio.sleep(0.1)
    service.memory.write_log(f"{job}.1", "😀".encode()[2:] + b"\xff")
    service.memory.finish(f"{job}.1", 1)
    await service.round(2)
    service.memory.write_log(f"{job}.2", b"two")
    service.memory.finish(f"{job}.2")
    await service.round()
    found = await asyncio.wait_for(task, 20)
    assert [(i, d["attempt"]) for i, k, d in found if k == "attempt"] == [("1:0", 1), ("2:0", 2)]
    assert "".join(d["text"] for _, k, d in found if k == "log") == "one 😀\ufffdtwo"
    assert found[-1][1] == "end"
    assert found[-1][2]["state"] == "Succeeded"


async def test_places_in_a_stream(service: Service) -> None:
    job = await started(service)
    service.memory.write_log(f"{job}.1", "abcé".encode())
    service.memory.finish(f"{job}.1")
    await service.round()

    async def text(query: str, **headers: str) -> str:
        found = await events(service.client(), f"{JOBS}/{job}/logs?follow=true{query}", **headers)
        return "".join(d["text"] for _, k, d in found if k == "log")

    assert await text("&offset=1") == "bcé"
    assert await text("&offset=-3") == "cé"
    assert await text("&offset=-1") == ""
    assert await text("&offset=99") == ""
    assert await text("&attempt=1") == "abcé"
    assert await text("", **{"Last-Event-ID": "1:3"}) == "é"
    for query, headers in [
        ("&limit=1", {}),
        ("&attempt=0", {}),
        ("", {"Last-Event-ID": "x"}),
        ("", {"Last-Event-ID": "1:-1"}),
    ]:
        answer = await service.client().get(f"{JOBS}/{job}/logs?follow=true{query}", headers=headers)
        assert answer.status_code == 400, (query, headers)


async def test_gaps_are_marked(service: Service) -> None:
    job = await started(service)
    service.memory._log_cap = 10
    service.memory.write_log(f"{job}.1", b"x" * 100 + b"0123456789")
    service.memory.finish(f"{job}.1")
    await service.round()
    found = await events(service.client(), f"{JOBS}/{job}/logs?follow=true")
    assert found[0][2] == {"text": "0123456789", "offset": 100, "gap": 100}
    answer = await service.client().get(f"{JOBS}/{job}/logs")
    assert answer.text == "[100 bytes of this log are no longer kept]\n0123456789"


async def test_revoked_membership_cuts_a_stream(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "RECHECK", 0.05)
    job = await started(service)
    task = asyncio.create_task(events(service.client(), f"{JOBS}/{job}/logs?follow=true"))
    await asyncio.sleep(0.2)
    assert not task.done()
    await service.database.writing(lambda uow: uow.memberships.delete("physics", "mia"))
    assert await asyncio.wait_for(task, 20) == []


async def test_an_expired_token_cuts_a_stream(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "RECHECK", 0.05)
    task = asyncio.create_task(events(service.client(), "/groups/physics/events"))
    await asyncio.sleep(0.2)
    del service.hub.tokens["mia"]
    service.context.gate.hub_auth.cache.clear()
    assert await asyncio.wait_for(task, 20) == []


async def test_streams_are_bounded_and_given_back(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_STREAMS", 1)
    client = service.client()
    async with client.stream("GET", "/groups/physics/events"):
        assert (await client.get("/groups/physics/events")).status_code == 429
    for _ in range(200):
        if not service.context.streams["mia"]:
            break
        await asyncio.sleep(0.05)
    assert service.context.streams["mia"] == 0


async def test_text(service: Service) -> None:
    job = await started(service)
    client, url = service.client(), f"{JOBS}/{job}/logs"
    service.memory.write_log(f"{job}.1", "aé😀".encode() + "é".encode()[:1])
    answer = await client.get(url)
    assert answer.text == "aé😀"
    assert (answer.headers["x-log-next-offset"], answer.headers["x-log-complete"]) == ("7", "false")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "sandbox" in answer.headers["content-security-policy"]
    service.memory.write_log(f"{job}.1", "é".encode()[1:])
    got, offset = "", 0
    while True:
        answer = await client.get(url, params={"offset": str(offset), "limit": "5"})
        got, offset = got + answer.text, int(answer.headers["x-log-next-offset"])
        if not answer.content:
            break
    assert got == "aé😀é"
    assert (await client.get(url, params={"offset": "-4"})).text == "é"
    service.memory.finish(f"{job}.1")
    await service.round()
    assert (await client.get(url)).headers["x-log-complete"] == "true"
    assert (await client.get(url, params={"attempt": "2"})).content == b""
    pending = await service.submit()
    assert (await client.get(f"{JOBS}/{pending}/logs")).content == b""


async def test_large_logs_pass_through(service: Service) -> None:
    job = await started(service)
    data = b"0123456789abcdef" * 65536 * 4
    service.memory.write_log(f"{job}.1", data)
    assert (await service.client().get(f"{JOBS}/{job}/logs")).content == data


async def test_artifacts(service: Service) -> None:
    job = await started(service)
    data = bytes(range(256)) * 10000
    service.memory.write_artifact(f"{job}.1", 'out/ü "x".html', data)
    service.memory.write_artifact(f"{job}.1", "empty.txt", b"")
    client, url = service.client(), f"{JOBS}/{job}/artifacts"
    listed = (await client.get(url)).json()["items"]
    assert [(a["path"], a["size"], a["media_type"]) for a in listed] == [
        ("empty.txt", 0, "text/plain"),
        ('out/ü "x".html', len(data), "text/html"),
    ]
    page = f"{url}/out/%C3%BC%20%22x%22.html"
    answer = await client.get(page)
    assert answer.content == data
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC%20%22x%22.html"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    answer = await client.get(page, headers={"Range": "bytes=10-19"})
    assert (answer.status_code, answer.content) == (206, data[10:20])
    assert answer.headers["content-range"] == f"bytes 10-19/{len(data)}"
    answer = await client.get(page, headers={"Range": f"bytes={len(data)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert (await client.get(f"{url}/empty.txt")).content == b""
    for path in ("nope", "out", "%2e%2e/x", "out/%2e%2e/empty.txt", "%2fetc%2fpasswd", "out%5Cx", "a%00b"):
        assert (await client.get(f"{url}/{path}")).status_code in (400, 404), path


async def test_changes(service: Service) -> None:
    client, url = service.client(), "/groups/physics/events"
    task = asyncio.create_task(events(client, url, 2))
    await asyncio.sleep(0.3)
    job = await service.submit()
    await service.submit("zoe", "chemistry")
    await service.round()
    found = await asyncio.wait_for(task, 20)
    assert [(k, d["id"], d["state"]) for _, k, d in found] == [("change", job, "Pending"), ("change", job, "Preparing")]
    again = await events(client, f"{url}?after=0", 2)
    assert again == found
    assert await events(client, url, 1, **{"Last-Event-ID": found[0][0]}) == found[1:]
    for query, headers in [
        ("?after=-1", {}),
        ("?after=x", {}),
        ("", {"Last-Event-ID": "x"}),
        ("", {"Last-Event-ID": "9" * 20}),
    ]:
        assert (await client.get(url + query, headers=headers)).status_code == 400
