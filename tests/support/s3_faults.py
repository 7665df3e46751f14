"""A proxy before an S3 server that fails as servers and networks do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

_HOP = {"transfer-encoding", "connection", "keep-alive", "content-length", "content-encoding"}


@dataclass(frozen=True)
class Ask:
    """One request, as far as faults are chosen by it."""

    method: str
    path: str
    query: str


#: ``503``, ``507``; ``reset`` (before it got there), ``lost`` (the answer of what was done), ``cut`` (half of it), "".
Choose = Callable[[Ask], str]


@dataclass
class FaultyS3:
    """Passes requests on to ``target``, as they were signed."""

    target: str
    choose: Choose = lambda ask: ""
    url: str = ""
    happened: list[tuple[str, Ask]] = field(default_factory=list)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        ask = Ask(request.method, request.path, request.query_string)
        fault = self.choose(ask)
        if fault:
            self.happened.append((fault, ask))
        if fault in ("503", "507"):
            return web.Response(status=int(fault))
        if fault == "reset":
            return _aborted(request)
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP}
        async with (
            aiohttp.ClientSession(auto_decompress=False, skip_auto_headers={"Content-Type", "User-Agent"}) as session,
            session.request(
                request.method,
                aiohttp.client.URL(self.target + request.raw_path, encoded=True),
                headers=headers,
                data=body or None,
                allow_redirects=False,
            ) as answer,
        ):
            data = await answer.read()
        if fault == "lost":
            return _aborted(request)
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP}
        length = answer.headers.get("Content-Length", str(len(data)))
        response = web.StreamResponse(status=answer.status, headers={**kept, "Content-Length": length})
        await response.prepare(request)
        if request.method != "HEAD":
            await response.write(data[: len(data) // 2] if fault == "cut" else data)
        if fault == "cut":
            return _aborted(request, response)
        await response.write_eof()
        return response


def _aborted(request: web.Request, response: web.StreamResponse | None = None) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return response or web.Response()


@asynccontextmanager
async def faulty_s3(target: str) -> AsyncIterator[FaultyS3]:
    """The proxy, on a port of its own."""
    proxy = FaultyS3(target)
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", proxy.serve)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    proxy.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield proxy
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)
