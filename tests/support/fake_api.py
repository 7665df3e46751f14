"""A Kubernetes API server of ours that speaks real HTTP, keeps objects in memory, and fails as it is told.

It has resource versions, paging, watches with history and bookmarks, merge patch and preconditions, and no schema.
``second`` shortens what clients ask for in seconds.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import ssl
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

Object = dict[str, Any]
Events = list[tuple[str, Object]]


@dataclass
class Fault:
    """What to do instead. ``act``: status, reset, hang, html; delay, late and lost (it is done; the answer is missing).

    For watches also error (an ERROR event), garbage, cut and short (it breaks, or ends, inside an event), and mute (it
    is open, but nothing ever comes).
    """

    verb: str
    act: str
    times: int = 1
    status: int = 500
    reason: str = ""
    message: str = ""
    retry_after: str = ""
    causes: list[Object] = field(default_factory=list)
    echo: bool = False
    seconds: float = 0.0


class Watcher:
    """One open watch."""

    def __init__(self, plural: str, namespace: str, selector: str) -> None:
        self.plural, self.namespace, self.selector = plural, namespace, selector
        self.queue: asyncio.Queue[tuple[str, Object] | None] = asyncio.Queue()
        self.transport: asyncio.BaseTransport | None = None

    def sees(self, change: Change) -> tuple[str, Object] | None:
        """The event that this watcher gets of a change."""
        plural, old, new, version = change
        shown = new or old
        if plural != self.plural or self.namespace not in ("", shown["metadata"].get("namespace", "")):  # type: ignore[index]
            return None
        before, after = old and matches(old, self.selector), new and matches(new, self.selector)
        if after:
            return ("MODIFIED" if before else "ADDED"), new  # type: ignore[return-value]
        if not before:
            return None
        gone = copy.deepcopy(old)
        gone["metadata"]["resourceVersion"] = str(version)  # type: ignore[index]
        return "DELETED", gone  # type: ignore[return-value]


Change = tuple[str, Object | None, Object | None, int]


def matches(obj: Object, selector: str) -> bool:
    """Label selectors of the form ``a=b,c=d``."""
    found = obj["metadata"].get("labels", {})
    return all(found.get(k) == v for k, _, v in (part.partition("=") for part in selector.split(",") if part))


class FakeApi:
    """See the module. Tests change objects by ``put`` and ``remove``, and read ``requests``."""

    def __init__(self, second: float = 1.0, tls: ssl.SSLContext | None = None) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.version = 10
        self.oldest = 0
        self.history: list[Change] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.faults: list[Fault] = []
        self.watchers: set[Watcher] = set()
        self.second, self.tls = second, tls
        self.token = "token-of-the-client"
        self.bookmarks = True
        #: Watches stay open and say nothing of what happens.
        self.silent = False
        #: Turns an event into what is sent instead: nothing, twice, later, ...
        self.tamper: Callable[[tuple[str, Object]], Events] = lambda event: [event]
        self.port = 0
        self._runner: web.AppRunner | None = None

    # -- what tests do to the cluster

    def put(self, plural: str, obj: Object, namespace: str = "default") -> Object:
        """Create or change an object."""
        key = (plural, namespace, obj["metadata"]["name"])
        old = self.objects.get(key)
        self.version += 1
        new = copy.deepcopy(obj)
        new["metadata"] |= {"resourceVersion": str(self.version), **({"namespace": namespace} if namespace else {})}
        new["metadata"]["uid"] = old["metadata"]["uid"] if old else str(uuid.uuid4())
        self.objects[key] = new
        self._tell((plural, old, new, self.version))
        return new

    def remove(self, plural: str, name: str, namespace: str = "default") -> None:
        """Delete an object."""
        self.version += 1
        self._tell((plural, self.objects.pop((plural, namespace, name)), None, self.version))

    def compact(self) -> None:
        """Forget the history: watches from before now get 410."""
        self.version += 1
        self.oldest = self.version

    def fail(self, verb: str, act: str, times: int = 1, **more: Any) -> None:
        """Let the next ``times`` requests of this kind (``*`` is any) fail; -1 is all of them."""
        self.faults.append(Fault(verb, act, times, **more))

    def heal(self) -> None:
        """Answer as one should again, on new connections too."""
        self.faults.clear()
        self.silent = False
        self.tamper = lambda event: [event]

    def say(self, kind: str, obj: Object) -> None:
        """Send an event as it stands to all watches."""
        for watcher in self.watchers:
            watcher.queue.put_nowait((kind, obj))

    def bookmark(self) -> None:
        """Send a bookmark to all watches."""
        self.say("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": str(self.version)}})

    def break_watches(self) -> None:
        """Reset the connections of all watches."""
        for watcher in self.watchers:
            if watcher.transport is not None:
                watcher.transport.abort()  # type: ignore[attr-defined]

    def end_watches(self) -> None:
        """End all watches in order."""
        for watcher in self.watchers:
            watcher.queue.put_nowait(None)

    def count(self, verb: str) -> int:
        """How many requests of this kind came so far."""
        return sum(v == verb for v, _, _ in self.requests)

    def names(self, plural: str = "pods") -> dict[str, str]:
        """Names and versions of what is there."""
        return {n: o["metadata"]["resourceVersion"] for (p, _, n), o in self.objects.items() if p == plural}

    # -- the server

    async def up(self) -> None:
        """Listen, on the same port as before if there was one."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.01, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls, reuse_address=True)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def down(self) -> None:
        """Refuse connections and drop those that are open."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self.break_watches()
            await runner.cleanup()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeApi]:
        """Up, and down at the end."""
        await self.up()
        try:
            yield self
        finally:
            await self.down()

    def kubeconfig(self, folder: Path) -> str:
        """A file that leads here."""
        path = folder / "kubeconfig"
        user = {"name": "u", "user": {"token": self.token}}
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}
        context = {"name": "x", "context": {"cluster": "c", "user": "u"}}
        config = {"users": [user], "clusters": [cluster], "contexts": [context], "current-context": "x"}
        path.write_text(json.dumps(config))
        return str(path)

    def _tell(self, change: Change) -> None:
        self.history.append(change)
        for watcher in self.watchers:
            event = watcher.sees(change)
            if event is not None and not self.silent:
                for sent in self.tamper(event):
                    watcher.queue.put_nowait(sent)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        api, plural, namespace, name = _parse(request.path)
        verb = _verb(request, name)
        query = dict(request.query)
        self.requests.append((verb, request.path, query))
        body = await request.json() if request.can_read_body else {}
        fault = self._fault(verb)
        if fault is not None and fault.act in ("status", "reset", "hang", "html"):
            return await _instead(request, fault, body)
        if fault is not None and fault.act == "delay":
            await asyncio.sleep(fault.seconds)
        if request.headers.get("Authorization", "").split(" ")[-1] != self.token:
            return _status(401, "Unauthorized", "Unauthorized")
        if verb == "watch":
            return await self._watch(request, plural, namespace, fault)
        answer = self._answer(verb, (api, plural, namespace, name), query, body)
        if fault is not None and fault.act == "late":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.act == "lost":
            return await _instead(request, Fault(verb, "reset"), body)
        return answer

    def _fault(self, verb: str) -> Fault | None:
        for fault in self.faults:
            if fault.verb in (verb, "*") and fault.times:
                fault.times -= 1
                return fault
        return None

    def _answer(self, verb: str, at: tuple[str, str, str, str], query: dict[str, str], body: Object) -> web.Response:
        _, plural, namespace, name = at
        if verb == "list":
            return self._list(plural, namespace, query)
        if verb == "create":
            name = body["metadata"]["name"]
        key = (plural, namespace, name)
        known = self.objects.get(key)
        if verb == "create":
            if known is not None:
                return _status(409, "AlreadyExists", f'{plural} "{name}" already exists')
            return web.json_response(self.put(plural, body, namespace), status=201)
        if known is None and verb != "apply":
            return _status(404, "NotFound", f'{plural} "{name}" not found')
        if verb in ("patch", "apply"):
            wanted = body.get("metadata", {}).get("resourceVersion")
            if known is not None and wanted not in (None, known["metadata"]["resourceVersion"]):
                return _status(409, "Conflict", "the object has been modified")
            merged = merge(known or {"metadata": {"name": name}}, body)
            return web.json_response(self.put(plural, merged, namespace))
        if verb == "delete":
            uid = body.get("preconditions", {}).get("uid")
            if uid not in (None, known["metadata"]["uid"]):  # type: ignore[index]
                return _status(409, "Conflict", f"Precondition failed: UID in precondition: {uid}")
            self.remove(plural, name, namespace)
        return web.json_response(known)

    def _list(self, plural: str, namespace: str, query: dict[str, str]) -> web.Response:
        start, version = 0, self.version
        if "continue" in query:
            start, version = json.loads(base64.urlsafe_b64decode(query["continue"]))
            if version < self.oldest:
                return _status(410, "Expired", "The provided continue parameter is too old")
        found = sorted(
            (o for (p, n, _), o in self.objects.items() if p == plural and namespace in ("", n)),
            key=lambda o: (o["metadata"].get("namespace", ""), o["metadata"]["name"]),
        )
        found = [o for o in found if matches(o, query.get("labelSelector", ""))]
        limit = int(query.get("limit", 0)) or len(found)
        meta: Object = {"resourceVersion": str(version)}
        if start + limit < len(found):
            meta["continue"] = base64.urlsafe_b64encode(json.dumps([start + limit, version]).encode()).decode()
        # Like the real one: items of a list do not say what they are.
        items = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in found[start : start + limit]]
        return web.json_response({"kind": "List", "metadata": meta, "items": items})

    async def _watch(
        self, request: web.Request, plural: str, namespace: str, fault: Fault | None
    ) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        if since < self.oldest:
            return _status(410, "Expired", f"too old resource version: {since} ({self.oldest})")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        if fault is not None and fault.act != "delay":
            return await _spoilt(request, response, fault)
        watcher = Watcher(plural, namespace, request.query.get("labelSelector", ""))
        watcher.transport = request.transport
        for change in self.history:
            event = watcher.sees(change)
            if event is not None and change[3] > since and not self.silent:
                watcher.queue.put_nowait(event)
        self.watchers.add(watcher)
        try:
            async with asyncio.timeout(float(request.query["timeoutSeconds"]) * self.second):
                while (said := await watcher.queue.get()) is not None:
                    await response.write(_line(*said))
        except TimeoutError:
            if self.bookmarks and not self.silent and since <= self.version:
                await response.write(_line("BOOKMARK", {"metadata": {"resourceVersion": str(self.version)}}))
        finally:
            self.watchers.discard(watcher)
        return response


def merge(old: Object, change: Object) -> Object:
    """JSON merge patch."""
    result = copy.deepcopy(old)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


async def settled(condition: Callable[[], object], timeout: float = 20.0) -> None:
    """Wait until it is so. The limit only turns a hang into a failure."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


def _parse(path: str) -> tuple[str, str, str, str]:
    parts = path.strip("/").split("/")
    api, rest = (parts[1], parts[2:]) if parts[0] == "api" else ("/".join(parts[1:3]), parts[3:])
    namespace = rest[1] if len(rest) > 2 and rest[0] == "namespaces" else ""
    rest = rest[2:] if namespace else rest
    return api, rest[0], namespace, rest[1] if len(rest) > 1 else ""


def _verb(request: web.Request, name: str) -> str:
    if request.method == "GET":
        return "watch" if "watch" in request.query else "get" if name else "list"
    if request.method == "PATCH":
        return "apply" if "apply" in request.content_type else "patch"
    return {"POST": "create", "DELETE": "delete"}[request.method]


def _status(code: int, reason: str, message: str, causes: list[Object] | None = None, **headers: str) -> web.Response:
    status = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return web.json_response({**status, "details": {"causes": causes or []}}, status=code, headers=headers)


async def _instead(request: web.Request, fault: Fault, body: Object) -> web.Response:
    if fault.act == "hang":
        await asyncio.Event().wait()
    if fault.act == "reset":
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
    if fault.act == "html":
        return web.Response(status=fault.status, text="<h1>Bad Gateway</h1>", content_type="text/html")
    message = fault.message + (json.dumps(body) if fault.echo else "")
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    return _status(fault.status, fault.reason, message, fault.causes, **headers)


async def _spoilt(request: web.Request, response: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    if fault.act == "error":
        status = {"kind": "Status", "code": fault.status, "reason": fault.reason, "message": fault.message}
        await response.write(_line("ERROR", status))
    elif fault.act == "garbage":
        await response.write(b"this is no event\n")
    elif fault.act in ("cut", "short"):
        await response.write(b'{"type": "ADDED", "object": {"metadata"')
        if fault.act == "cut":
            assert request.transport is not None
            request.transport.close()
    else:
        await asyncio.Event().wait()
    return response


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"
