"""Sends the bytes of files: with back-pressure, in memory that does not grow."""

from __future__ import annotations

from collegium.services.handlers import BaseHandler
from collegium.stores.port import OpenFile


async def send_file(handler: BaseHandler, file: OpenFile, start: int, end: int) -> None:
    """Send the bytes [start, end) as the body of an answer whose other headers are set.

    Pieces of 1 MiB, each read in a thread, are as fast for one client as a web server's sendfile, which would take the
    connection out of Tornado's hands.
    """
    handler.set_header("Content-Length", str(end - start))
    if handler.request.method == "HEAD":
        return
    async for piece in file.read(start, end):
        handler.write(piece)
        await handler.flush()
