from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from collegium_client import AsyncClient, Client, Retry, Settings
from collegium_client.cli import common, root

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


@pytest.fixture
def run(made: Made, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Run the command over scripted answers."""
    for name in ("COLLEGIUM_IMAGE", "COLLEGIUM_INSTANCE_TYPE", "COLLEGIUM_SERVICE_URL", "COLLEGIUM_GROUP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLLEGIUM_URL", "https://hub.example")
    monkeypatch.setenv("COLLEGIUM_TOKEN", "secret")
    monkeypatch.setenv("COLLEGIUM_GROUP", "physics")
    monkeypatch.setenv("COLLEGIUM_CONFIG", str(tmp_path / "config.toml"))
    for module in ("jobs", "sweeps"):
        monkeypatch.setattr(f"collegium_client.{module}.time.sleep", lambda _: None)

    def client(settings: Any, retry: Any = None) -> Client:
        return made.plain(*made.script.replies, settings=settings)

    monkeypatch.setattr(common, "Client", client)

    def go(*arguments: str, replies: list[Any] | None = None, **options: Any) -> Result:
        made.script.replies, made.script.asked[:] = list(replies or [job()]), []
        result = CliRunner().invoke(root.collegium, arguments, **options)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return go
