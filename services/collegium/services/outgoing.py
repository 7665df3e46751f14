"""Sends the bytes of files: with back-pressure, in memory that does not grow, and fast where the kernel can do it."""

from __future__ import annotations

from collegium.services.handlers import BaseHandler
from collegium.stores.port import OpenFile


async def send_file(handler: BaseHandler, file: OpenFile, start: int, end: int) -> None:
    """Send the bytes [start, end) as the body of an answer whose other headers are set."""
    handler.set_header("Content-Length", str(end - start))
    if handler.request.method == "HEAD":
        return
    async for piece in file.read(start, end):
        handler.write(piece)
        await handler.flush()
