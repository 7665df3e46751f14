"""How the process lives and dies: with the hub that started it, and without losing what it was doing."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import os
import signal
import socket
from collections.abc import Callable

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

_PR_SET_PDEATHSIG = 1
_log = logging.getLogger("collegium.services")


def die_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent process ends; exits at once if it has ended already.

    A hub that was killed cannot stop its services, and an orphan would hold the port against the next one.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        _log.warning("prctl failed: %s", os.strerror(ctypes.get_errno()))
    if os.getppid() != parent:
        raise SystemExit("the process that started this one is gone")


async def bind(port: int, address: str, patience: float) -> list[socket.socket]:
    """Listening sockets. While an earlier instance holds the port, tries for ``patience`` seconds; then OSError."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while True:
        try:
            return bind_sockets(port, address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or loop.time() >= end:
                raise
            _log.warning("port %d is still taken, trying again", port)
            await asyncio.sleep(0.25)


async def until_stopped() -> None:
    """Returns at SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def drain(server: HTTPServer, seconds: float, busy: Callable[[], int]) -> None:
    """Take no new requests, let those under way finish for a while, then close what is left (mostly streams)."""
    server.stop()
    end = asyncio.get_running_loop().time() + seconds
    while busy() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - a count, not an event
        await asyncio.sleep(0.05)
    await server.close_all_connections()
