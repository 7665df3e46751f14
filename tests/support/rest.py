"""Talking to a running installation as programs do: curl, raw connections, and event streams that can be broken off."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from support.installation import Installation, until

BODY = {"name": "a job", "image": "scientific-python", "instance_type": "small", "command": "true"}


@dataclass
class Answer:
    """Status, headers with lower-case names, and the body (a stream's body is not read)."""

    status: int
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The word for programs in an error, empty if this is none of ours."""
        try:
            return str(self.json["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return ""


def ask(
    hub: Installation,
    method: str,
    path: str,
    token: str | None = None,
    body: Any = None,
    headers: dict[str, str] | None = None,
    direct: bool = False,
) -> Answer:
    """One request on a connection of its own; ``path`` is relative to the API, or absolute after a second slash.

    ``direct`` leaves out the proxy.
    """
    url = urlsplit(hub.api if not path.startswith("//") else hub.url)
    connection = http.client.HTTPConnection(url.hostname or "", hub.service_port if direct else url.port, timeout=120)
    sent = {"Content-Type": "application/json"} if method == "POST" else {}
    sent |= {"Authorization": f"token {token}"} if token is not None else {}
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(
            method, url.path + path if not path.startswith("//") else path[1:], data, {**sent, **(headers or {})}
        )
        answer = connection.getresponse()
        found = {k.lower(): v for k, v in answer.getheaders()}
        stream = found.get("content-type", "").startswith("text/event-stream")
        return Answer(answer.status, found, b"" if stream else answer.read())
    finally:
        connection.close()


@dataclass
class Event:
    """One server-sent event."""

    id: str = ""
    name: str = ""
    data: Any = None


@dataclass
class Stream:
    """A stream that is read event by event. ``over`` is True once the server has ended it."""

    status: int
    _response: http.client.HTTPResponse
    over: bool = False
    events: list[Event] = field(default_factory=list)

    def __iter__(self) -> Iterator[Event]:
        event = Event()
        while line := self._response.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                event.id = value
            elif name == "event":
                event.name = value
            elif name == "data":
                event.data = json.loads(value)
            elif not line.strip() and event.name:
                self.events.append(event)
                yield event
                event = Event()
        self.over = True


@contextmanager
def follow(hub: Installation, path: str, token: str, last: str = "") -> Iterator[Stream]:
    """Open an event stream; it is broken off at the end of the block."""
    url = urlsplit(hub.api)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=600)
    headers = {"Authorization": f"token {token}"} | ({"Last-Event-ID": last} if last else {})
    try:
        connection.request("GET", url.path + path, headers=headers)
        response = connection.getresponse()
        yield Stream(response.status, response)
    finally:
        connection.close()


def submit(hub: Installation, token: str, group: str = "physics", **changes: Any) -> dict[str, Any]:
    """A new job as the API answered."""
    answer = ask(hub, "POST", f"/groups/{group}/jobs", token, {**BODY, **changes})
    assert answer.status == 201, answer
    return dict(answer.json)


def job_of(hub: Installation, token: str, job: str, group: str = "physics") -> dict[str, Any]:
    """A job as it is now."""
    answer = ask(hub, "GET", f"/groups/{group}/jobs/{job}", token)
    assert answer.status == 200, answer
    return dict(answer.json)


def wait_state(hub: Installation, token: str, job: str, *states: str, group: str = "physics") -> dict[str, Any]:
    """Wait until the job is in one of these states, or over if none is given; fails at once if it is over elsewhere."""
    final = ("Succeeded", "Failed", "Cancelled")

    def look() -> dict[str, Any] | None:
        now = job_of(hub, token, job, group)
        if now["state"] in (states or final):
            return now
        assert now["state"] not in final, now
        return None

    return dict(until(f"job {job} is {' or '.join(states or final)}", look, 300, 0.2))


def log_of(hub: Installation, token: str, job: str, query: str = "", group: str = "physics") -> bytes:
    """The plain text log."""
    answer = ask(hub, "GET", f"/groups/{group}/jobs/{job}/logs{query}", token)
    assert answer.status == 200, answer
    return answer.body


def curl(*arguments: str) -> tuple[int, bytes]:
    """Run the real curl; status and body."""
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *arguments], capture_output=True, check=True)
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body
