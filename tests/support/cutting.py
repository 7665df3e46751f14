"""A proxy between client and service that cuts connections in the middle of answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes bytes on; ``cuts`` says after how many bytes of answer each next connection is cut, None never."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self.cuts: list[int | None] = []
        self.connections = 0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        limit = self.cuts.pop(0) if self.cuts else None
        upstream, out = await asyncio.open_connection(self._host, self._port)
        asks = asyncio.create_task(_pass(reader, out, None))
        try:
            await _pass(upstream, writer, limit)
        finally:
            asks.cancel()
            for end in (writer, out):
                # Cut, not closed in order: nothing says that this was the end.
                end.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limit: int | None) -> None:
    left = limit
    with contextlib.suppress(OSError):
        while (left is None or left > 0) and (piece := await reader.read(4096 if left is None else min(left, 4096))):
            writer.write(piece)
            await writer.drain()
            left = None if left is None else left - len(piece)


@asynccontextmanager
async def cutting_proxy(target: str) -> AsyncIterator[CuttingProxy]:
    proxy = CuttingProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
