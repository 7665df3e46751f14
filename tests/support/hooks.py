"""A web server that keeps what is posted to it, for tests of webhooks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


@dataclass
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)


@dataclass
class Hooks:
    """``/ok`` takes everything, ``/big`` answers well and without end, ``/away`` redirects, ``/silent`` says nothing;
    ``/fickle`` is as ``status`` says."""

    url: str = ""
    port: int = 0
    status: int = 200
    got: list[Got] = field(default_factory=list)
    #: Those who wait for an answer that never comes.
    waiting: int = 0

    def at(self, path: str) -> list[Got]:
        """What has come to a path so far."""
        return [g for g in self.got if g.path == path]


def _app(hooks: Hooks) -> Application:
    class Hook(RequestHandler):
        async def post(self) -> None:
            path = self.request.path
            hooks.got.append(Got(path, {k.lower(): v for k, v in self.request.headers.items()}, self.request.body))
            if path == "/silent":
                hooks.waiting += 1
                await asyncio.Event().wait()
            if path == "/away":
                self.redirect("/ok", status=307)
            elif path == "/fickle":
                self.set_status(hooks.status)
            elif path == "/big":
                for _ in range(1000):
                    self.write("x" * 65536)
                    await self.flush()

    return Application([(r"/.*", Hook)], log_function=lambda _: None)


@asynccontextmanager
async def running_hooks() -> AsyncIterator[Hooks]:
    """Run one for the time of the block."""
    hooks = Hooks()
    server = HTTPServer(_app(hooks))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    hooks.port = sockets[0].getsockname()[1]
    hooks.url = f"http://hooks.example:{hooks.port}"
    try:
        yield hooks
    finally:
        server.stop()
        await server.close_all_connections()
