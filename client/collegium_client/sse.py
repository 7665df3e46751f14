"""Server-sent events out of pieces of bytes, and where in a job's log one is."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from collegium_client.errors import Unreachable

#: An event larger than this is none of ours.
_MOST = 16 * 1024 * 1024


@dataclass(frozen=True)
class Event:
    """One event; ``data`` is JSON."""

    name: str
    id: str
    data: Any


class EventReader:
    """Feed bytes, get whole events. What is left of a broken connection is dropped with its reader."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._name, self._id = "", ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """Events that are complete now. Raises Unreachable for a stream that is none."""
        # A lone CR may be half of a CRLF, so it waits for what follows.
        text = self._rest + self._decode.decode(piece)
        if len(text) > _MOST:
            raise Unreachable("the stream holds an event without an end")
        *lines, self._rest = text.split("\n")
        for line in lines:
            event = self._line(line.removesuffix("\r"))
            if event is not None:
                yield event

    def _line(self, line: str) -> Event | None:
        if not line:
            return self._finish()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "id":
            self._id = value
        elif name == "data":
            self._data.append(value)
        return None

    def _finish(self) -> Event | None:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        if not data:
            return None
        try:
            return Event(name, self._id, json.loads("\n".join(data)))
        except ValueError:
            raise Unreachable(f"the stream holds an event {name} that is not JSON") from None


@dataclass(frozen=True)
class LogPiece:
    """A piece of a job's log. ``gap`` bytes before it are no longer kept; ``attempt`` says whose log it is."""

    text: str
    attempt: int
    gap: int = 0


@dataclass(frozen=True)
class LogEnd:
    """The job's end, as its log stream tells it."""

    state: str
    reason: str
    message: str
    exit_code: int | None


@dataclass
class LogPlace:
    """Where a follower is: it comes back with ``last_id`` and misses nothing and gets nothing twice."""

    offset: int | None = None
    attempt: int | None = None
    last_id: str | None = None
    #: Connections that brought nothing, one after the other.
    failures: int = 0
    end: LogEnd | None = field(default=None)

    def take(self, event: Event) -> LogPiece | None:
        """What an event means; after the last one ``end`` is set."""
        if event.id:
            self.last_id = event.id
        self.failures = 0
        data = event.data if isinstance(event.data, dict) else {}
        if event.name == "end":
            code = data.get("exit_code")
            self.end = LogEnd(
                str(data.get("state", "")),
                str(data.get("reason", "")),
                str(data.get("message", "")),
                code if isinstance(code, int) else None,
            )
            return None
        if event.name == "log":
            return LogPiece(str(data.get("text", "")), self._current(), int(data.get("gap") or 0))
        return None

    def _current(self) -> int:
        number = (self.last_id or "").partition(":")[0]
        return int(number) if number.isdecimal() else 0
