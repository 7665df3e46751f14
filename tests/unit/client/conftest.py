from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from collegium_client import AsyncClient, Client, Retry, Settings

SITE = Settings("https://hub.example/services/collegium", "secret", "physics", "a test")
JOB = {
    "id": "job-1",
    "group": "physics",
    "user": "ann",
    "name": "train",
    "kind": "command",
    "state": "Pending",
    "reason": "Submitted",
    "message": "",
    "queue_position": 1,
    "attempt": 0,
    "max_attempts": 1,
    "image": "base",
    "instance_type": "small",
    "resources": {"cpu": "1"},
    "created_at": "2026-11-01T10:00:00Z",
}
DETAIL = {**JOB, "spec": {}, "launch": {}, "history": []}


def job(**changes: Any) -> httpx.Response:
    """A job as the API answers with it."""
    return httpx.Response(201, json={**JOB, **changes})


def detail(**changes: Any) -> httpx.Response:
    return httpx.Response(200, json={**DETAIL, **changes})


def error(status: int, code: str, message: str = "no", **details: Any) -> httpx.Response:
    body = {"code": code, "message": message, "details": details, "request_id": "r1"}
    return httpx.Response(status, json={"error": body})


Reply = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


@dataclass
class Script:
    """Answers requests in turn, the last one for ever; keeps what was asked."""

    replies: list[Reply] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        if not isinstance(reply, httpx.Response):
            return reply(request)
        # A response of httpx is good for one request only.
        again = httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)
        again.request = request
        return again

    def bodies(self) -> list[Any]:
        return [json.loads(r.content) for r in self.asked]


class Made:
    """Clients over a script, plain and async, that wait for nothing."""

    def __init__(self) -> None:
        self.pauses: list[float] = []
        self.script = Script()

    def plain(self, *replies: Reply, settings: Settings = SITE, tries: int = 4) -> Client:
        self.script.replies = list(replies)
        client = Client(settings=settings, retry=Retry(tries), transport=httpx.MockTransport(self.script))
        client.pause = lambda failures, asked=None: self.pauses.append(asked or 0.0)  # type: ignore[method-assign]
        return client

    def awaitable(self, *replies: Reply, tries: int = 4) -> AsyncClient:
        self.script.replies = list(replies)
        client = AsyncClient(settings=SITE, retry=Retry(tries), transport=httpx.MockTransport(self.script))

        async def pause(failures: int, asked: float | None = None) -> None:
            self.pauses.append(asked or 0.0)

        client.pause = pause  # type: ignore[method-assign]
        return client


@pytest.fixture
def made() -> Made:
    return Made()
