"""Server-sent events: framing, heartbeat, back-pressure, and an end when the right to read ends."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from tornado.iostream import StreamClosedError

from collegium.domain.errors import DomainError, InvalidInput, TooManyRequests
from collegium.services.endpoint import EVENT_STREAM
from collegium.services.event import ServerEvent
from collegium.services.handlers import BaseHandler, header

#: A comment after this many silent seconds keeps proxies from closing the connection.
HEARTBEAT = 15.0
#: How often the right to read is looked at again while a stream lasts, in seconds.
RECHECK = 5.0
#: Streams that one user may hold open.
MAX_STREAMS = 64


class StreamHandler(BaseHandler):
    """Base of handlers that can answer with events."""

    _gone = False

    def on_connection_close(self) -> None:
        """The client left."""
        self._gone = True
        super().on_connection_close()

    async def send_events(self, source: AsyncIterator[ServerEvent | None]) -> None:
        """Send until the source ends, the client leaves, or the caller may no longer read; None is a breath."""
        user = self.caller.actor.user
        if self.context.streams[user] >= MAX_STREAMS:
            raise TooManyRequests(f"You have {MAX_STREAMS} streams open; close one first.", limit=MAX_STREAMS)
        self._leave()
        self.context.streams[user] += 1
        self.context.metrics.streams(1)
        try:
            await self._send(source)
        except StreamClosedError:
            pass  # The client left; there is nobody to tell.
        finally:
            self.context.streams[user] -= 1
            self.context.metrics.streams(-1)

    async def _send(self, source: AsyncIterator[ServerEvent | None]) -> None:
        # The first step is taken before the headers, so that a refusal can still be one.
        first = await anext(source, None)
        self.set_header("Content-Type", f"{EVENT_STREAM}; charset=utf-8")
        self.set_header("X-Accel-Buffering", "no")
        self.write(first.encode() if first else ": open\n\n")
        await self.flush()
        sent = checked = time.monotonic()
        async for event in source:
            moment = time.monotonic()
            if moment - checked >= RECHECK:
                if not await self._still_allowed():
                    return
                checked = moment
            if event is not None:
                self.write(event.encode())
            elif moment - sent >= HEARTBEAT:
                self.write(": still here\n\n")
            else:
                if self._gone:
                    return
                continue
            # Waits until the client has taken what was sent: a slow reader slows its own stream and fills no memory.
            await self.flush()
            sent = moment

    async def _still_allowed(self) -> bool:
        assert self.endpoint is not None
        group = self.path_kwargs.get("group")
        try:
            identity = await self.context.gate.renew(self.caller.token, group)
            identity.require(self.endpoint.operation, group)
        except DomainError:
            # Also when the hub does not answer: the client comes back and is told why.
            return False
        return True

    def last_event_id(self) -> str | None:
        """Where the client broke off."""
        return header(self.request.headers, "Last-Event-ID") or None


def read_number(text: str, field: str, most: int = 2**53) -> int:
    """A whole number from 0 to ``most``; raises InvalidInput."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16 and int(text) <= most):
        raise InvalidInput(field, f"must be a whole number of at most {most}", text, most)
    return int(text)
