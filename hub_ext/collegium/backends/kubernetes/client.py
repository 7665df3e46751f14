"""The API server as a few verbs on plain JSON objects. Nothing above sees HTTP or the library's exceptions.

What fails is NotFound, Conflict, AlreadyExists, Refused, Gone or Unavailable. None of them, nor their context, nor a
log has anything of a request's body in it: environments of pods hold tokens.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from collegium.backends.kubernetes.connection import Answer, Broken, Connection, Request, Stream
from collegium.backends.kubernetes.naming import MANAGER
from collegium.backends.kubernetes.scrub import refusal
from collegium.domain.errors import Conflict, NotFound, Unavailable

Object = dict[str, Any]
Objects = list[Object]

_PAGE = 500
#: How often one request of ours is sent at most.
_ATTEMPTS = 4
_RETRIED = (429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Kind:
    """One API resource: its group and version, its name in paths and its name in manifests."""

    api: str
    plural: str
    name: str
    namespaced: bool = True


POD = Kind("v1", "pods", "Pod")
JOB = Kind("batch/v1", "jobs", "Job")
CLAIM = Kind("v1", "persistentvolumeclaims", "PersistentVolumeClaim")
VOLUME = Kind("v1", "persistentvolumes", "PersistentVolume", namespaced=False)
NAMESPACE = Kind("v1", "namespaces", "Namespace", namespaced=False)
EVENT = Kind("v1", "events", "Event")
SECRET = Kind("v1", "secrets", "Secret")
SERVICE_ACCOUNT = Kind("v1", "serviceaccounts", "ServiceAccount")
RESOURCE_QUOTA = Kind("v1", "resourcequotas", "ResourceQuota")
LIMIT_RANGE = Kind("v1", "limitranges", "LimitRange")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy")
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding")


class AlreadyExists(Conflict):
    """Create met an object of that name."""


class Refused(Exception):
    """The API server, an admission webhook or a quota said no. ``message`` holds nothing of what was sent."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{message} ({status} {reason})")
        self.status = status
        self.reason = reason
        self.message = message


class Gone(Exception):
    """The resource version is too old: list again."""


@dataclass(frozen=True)
class _Call:
    """One verb on one object or collection, in words for messages, and what to send."""

    words: str
    request: Request
    creates: bool = False
    #: An object without a name of ours would be made twice.
    repeatable: bool = True


class Cluster:
    """Lazily connected: in-cluster service account if there is one, else KUBECONFIG. Usable from one event loop.

    ``pause`` is the first pause before a request of ours is repeated; ``margin`` is how much longer than the server
    promised a watch may last.
    """

    def __init__(
        self,
        *,
        kubeconfig: str | None = None,
        context: str | None = None,
        request_timeout: float = 15.0,
        pause: float = 0.5,
        margin: float = 15.0,
    ) -> None:
        self._connection = Connection(kubeconfig, context, request_timeout)
        self._timeout, self._pause, self._margin = request_timeout, pause, margin

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        """The object. Raises NotFound."""
        return await self._call(
            _Call(_words("reading", kind, name, namespace), Request("GET", _one(kind, name, namespace)))
        )

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> tuple[Objects, str]:
        """All matching objects without ``managedFields``, page by page, and the resource version to watch from."""
        query = _selection(labels, fields)
        try:
            return await self._pages(kind, namespace, {**query, "limit": str(_PAGE)})
        except Gone:
            # The pages took longer than the server keeps a version: all in one then.
            pass
        return await self._pages(kind, namespace, query)

    async def create(self, kind: Kind, body: Mapping[str, Any], namespace: str | None = None) -> Object:
        """Make the object. Raises AlreadyExists and Refused."""
        full = {"apiVersion": kind.api, "kind": kind.name, **body}
        meta = body.get("metadata", {})
        name, space = meta.get("name"), namespace or meta.get("namespace")
        request = Request("POST", _all(kind, _required(kind, space)), {"fieldManager": MANAGER}, full)
        words = _words("creating", kind, name or meta.get("generateName", ""), space)
        return await self._call(_Call(words, request, creates=True, repeatable=bool(name)))

    async def apply(self, kind: Kind, body: Mapping[str, Any], namespace: str | None = None) -> Object:
        """Server-side apply as our field manager, forced: these fields are ours."""
        full = {"apiVersion": kind.api, "kind": kind.name, **body}
        name, space = body["metadata"]["name"], namespace or body["metadata"].get("namespace")
        query = {"fieldManager": MANAGER, "force": "true"}
        request = Request("PATCH", _one(kind, name, space), query, full, "application/apply-patch+yaml")
        return await self._call(_Call(_words("applying", kind, name, space), request))

    async def patch(self, kind: Kind, name: str, body: Mapping[str, Any], namespace: str | None = None) -> Object:
        """JSON merge patch."""
        query = {"fieldManager": MANAGER}
        request = Request("PATCH", _one(kind, name, namespace), query, body, "application/merge-patch+json")
        return await self._call(_Call(_words("changing", kind, name, namespace), request))

    async def delete(
        self,
        kind: Kind,
        name: str,
        namespace: str | None = None,
        *,
        grace_seconds: int | None = None,
        propagation: str = "Background",
        uid: str | None = None,
    ) -> None:
        """Delete; an absent object is fine. ``uid``: only this one, else Conflict."""
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        request = Request("DELETE", _one(kind, name, namespace), {}, options)
        try:
            await self._call(_Call(_words("deleting", kind, name, namespace), request))
        except NotFound:
            return

    async def watch(
        self,
        kind: Kind,
        namespace: str | None = None,
        *,
        labels: str = "",
        resource_version: str,
        timeout_seconds: int = 240,
    ) -> AsyncGenerator[tuple[str, Object], None]:
        """ADDED, MODIFIED, DELETED and BOOKMARK events after a resource version, until the server's timeout.

        Raises Gone at a version that is too old, and Unavailable for all that is broken: close and list or watch again.
        """
        query = {
            **_selection(labels, ""),
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        call = _Call(_words("watching", kind, "", namespace), Request("GET", _all(kind, namespace), query))
        stream = await self._stream(call, timeout_seconds + self._margin)
        try:
            while (lines := await _lines(stream, call)) is not None:
                for line in lines:
                    if line.strip():
                        yield _event(line, call)
        finally:
            stream.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._connection.close()

    async def _pages(self, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> tuple[Objects, str]:
        items: Objects = []
        token = ""
        while True:
            asked = {**query, "continue": token} if token else query
            call = _Call(_words("listing", kind, "", namespace), Request("GET", _all(kind, namespace), asked))
            page = await self._call(call)
            for item in page.get("items") or ():
                # Half of an object, and nobody here asks who manages which field.
                item.get("metadata", {}).pop("managedFields", None)
                items.append({"apiVersion": kind.api, "kind": kind.name, **item})
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                break
        return items, str(page.get("metadata", {}).get("resourceVersion", ""))

    async def _call(self, call: _Call) -> Object:
        """Send until there is an answer: a few times, and no new try when one request's time is over."""
        clock = asyncio.get_running_loop().time
        until = clock() + self._timeout
        for attempt in range(_ATTEMPTS):
            answer, problem = await self._attempt(call)
            if answer is not None and answer.status < 300:
                return answer.data
            error = _error(call, answer, problem)
            pause = self._next_pause(attempt, answer)
            again = call.repeatable and _worth_repeating(call, answer, problem) and attempt + 1 < _ATTEMPTS
            if not again or clock() + pause > until:
                break
            await asyncio.sleep(pause)
        raise error

    async def _attempt(self, call: _Call) -> tuple[Answer | None, Broken | None]:
        try:
            return await self._connection.exchange(call.request), None
        except Broken as error:
            return None, error

    def _next_pause(self, attempt: int, answer: Answer | None) -> float:
        wanted = (answer.retry_after if answer is not None else None) or 0.0
        return max(wanted, self._pause * float(2**attempt) * random.uniform(0.5, 1.0))

    async def _stream(self, call: _Call, seconds: float) -> Stream:
        problem = None
        try:
            answer = await self._connection.stream(call.request, seconds)
        except Broken as error:
            problem = _error(call, None, error)
        if problem is not None:
            raise problem
        if isinstance(answer, Answer):
            raise _error(call, answer, None)
        return answer


async def _lines(stream: Stream, call: _Call) -> list[bytes] | None:
    problem = None
    try:
        return await stream.lines()
    except Broken as error:
        problem = _error(call, None, error)
    raise problem


def _event(line: bytes, call: _Call) -> tuple[str, Object]:
    event: Any = None
    try:
        event = json.loads(line)
    except ValueError:
        event = None
    kind, found = (event.get("type"), event.get("object")) if isinstance(event, dict) else (None, None)
    if not isinstance(found, dict) or kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"):
        raise Unavailable(f"{call.words}: Kubernetes sent what is not an event")
    if kind == "ERROR":
        code = found.get("code")
        # An error inside a stream says nothing about the next try, but for a version that will not come back.
        raise _error(call, Answer(code if code == 410 else 500, found), None)
    if not isinstance(found.get("metadata"), dict):
        raise Unavailable(f"{call.words}: Kubernetes sent an event without an object")
    return kind, found


def _error(call: _Call, answer: Answer | None, problem: Broken | None) -> Exception:
    """The exception for what came. ``_call`` and the rest raise it where no other is being handled."""
    if answer is None:
        return Unavailable(f"{call.words}: Kubernetes does not answer: {problem}")
    status, reason = answer.status, _reason(answer)
    message = refusal(answer.data, call.request.body)
    if status == 404:
        return NotFound(f"{call.words}: there is none")
    if status == 409:
        exists = call.creates and reason == "AlreadyExists"
        return (AlreadyExists if exists else Conflict)(f"{call.words}: {message or reason}")
    if status == 410:
        return Gone(f"{call.words}: {message or 'the version is too old'}")
    if status in (401, 408, 429) or status >= 500:
        late = {} if answer.retry_after is None else {"retry_after": answer.retry_after}
        return Unavailable(f"{call.words}: Kubernetes cannot do it now: {message or reason} ({status})", **late)
    return Refused(status, reason, f"{call.words}: {message or reason}")


def _reason(answer: Answer) -> str:
    """The word for a refusal; of those that have a cause of their own, that cause (``NamespaceTerminating``)."""
    details = answer.data.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    words = [c.get("reason") for c in causes or () if isinstance(c, dict)] if isinstance(causes, list) else []
    if "NamespaceTerminating" in words:
        return "NamespaceTerminating"
    return str(answer.data.get("reason") or "Unknown")[:80]


def _worth_repeating(call: _Call, answer: Answer | None, problem: Broken | None) -> bool:
    if answer is None:
        # Who waited that long once does not wait again.
        return problem is not None and not problem.timed_out
    # A create that races others for the quota is told Conflict, and may just come again.
    return answer.status in _RETRIED or (answer.status == 409 and call.creates and _reason(answer) == "Conflict")


def _selection(labels: str, fields: str) -> dict[str, str]:
    return {k: v for k, v in (("labelSelector", labels), ("fieldSelector", fields)) if v}


def _required(kind: Kind, namespace: str | None) -> str | None:
    if kind.namespaced and not namespace:
        raise ValueError(f"a {kind.name} needs a namespace")
    return namespace


def _all(kind: Kind, namespace: str | None) -> str:
    root = f"/api/{kind.api}" if "/" not in kind.api else f"/apis/{kind.api}"
    if namespace is None or not kind.namespaced:
        return f"{root}/{kind.plural}"
    return f"{root}/namespaces/{_segment(namespace)}/{kind.plural}"


def _one(kind: Kind, name: str, namespace: str | None) -> str:
    return f"{_all(kind, _required(kind, namespace))}/{_segment(name)}"


def _segment(name: str) -> str:
    """A name in a path. An empty one would be the whole collection, to delete among other things."""
    if not name or name in (".", "..") or "/" in name or "%" in name:
        raise ValueError(f"{name!r} is not a name")
    return quote(name, safe="")


def _words(verb: str, kind: Kind, name: str, namespace: str | None) -> str:
    named = f"{kind.name} {name}" if name else kind.plural
    return f"{verb} {named} in {namespace}" if namespace and kind.namespaced else f"{verb} {named}"
