"""An API server in a dictionary, for questions that need no real one: which requests are made, and what after a 409."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any

from collegium.backends.kubernetes.client import AlreadyExists, Cluster, Kind
from collegium.domain.errors import Conflict, NotFound

Object = dict[str, Any]


class MemoryCluster(Cluster):
    """Keeps objects and the calls that were made; ``failures`` holds errors to raise, in order, by verb and kind."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Object] = {}
        self.calls: list[tuple[str, str, str]] = []
        self.failures: dict[tuple[str, str], list[Exception | None]] = {}
        self.after: dict[tuple[str, str], Any] = {}
        self._applied: dict[tuple[str, str, str], Object] = {}
        self._numbers = itertools.count(1)

    def _call(self, verb: str, kind: Kind, name: str, namespace: str | None) -> tuple[str, str, str]:
        self.calls.append((verb, kind.name, name))
        waiting = self.failures.get((verb, kind.name))
        error = waiting.pop(0) if waiting else None
        if error is not None:
            raise error
        return kind.name, namespace or "", name

    def put(self, kind: Kind, body: Mapping[str, Any]) -> Object:
        """What somebody else did."""
        made = copy.deepcopy(dict(body))
        metadata = made["metadata"]
        metadata.setdefault("uid", f"uid-{next(self._numbers)}")
        self.objects[kind.name, metadata.get("namespace", ""), metadata["name"]] = made
        return made

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Object:
        key = self._call("get", kind, name, namespace)
        if key not in self.objects:
            raise NotFound(f"no {kind.name} {name}")
        return copy.deepcopy(self.objects[key])

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: str = "", fields: str = ""
    ) -> tuple[list[Object], str]:
        self._call("list", kind, "", namespace)
        wanted = dict(part.split("=") for part in labels.split(",") if part)
        found = [
            copy.deepcopy(body)
            for (name, place, _), body in self.objects.items()
            if name == kind.name
            and (namespace is None or place == namespace)
            and wanted.items() <= (body["metadata"].get("labels") or {}).items()
        ]
        return found, "1"

    async def create(self, kind: Kind, body: Mapping[str, Any], namespace: str | None = None) -> Object:
        key = self._call("create", kind, body["metadata"]["name"], namespace)
        if key in self.objects:
            raise AlreadyExists(f"{kind.name} {key[2]} is there")
        return copy.deepcopy(self.put(kind, body))

    async def apply(self, kind: Kind, body: Mapping[str, Any], namespace: str | None = None) -> Object:
        key = self._call("apply", kind, body["metadata"]["name"], namespace)
        present = self.objects.get(key) or self.put(kind, {"metadata": dict(body["metadata"])})
        _drop(present, self._applied.get(key, {}), body)
        _merge(present, body)
        self._applied[key] = copy.deepcopy(dict(body))
        return copy.deepcopy(present)

    async def patch(self, kind: Kind, name: str, body: Mapping[str, Any], namespace: str | None = None) -> Object:
        key = self._call("patch", kind, name, namespace)
        if key not in self.objects:
            raise NotFound(f"no {kind.name} {name}")
        present = self.objects[key]
        if body.get("metadata", {}).get("uid", present["metadata"]["uid"]) != present["metadata"]["uid"]:
            raise Conflict("another uid")
        _merge(present, body)
        return copy.deepcopy(present)

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
        key = self._call("delete", kind, name, namespace)
        self.objects.pop(key, None)
        self._applied.pop(key, None)


def _merge(target: Object, change: Mapping[str, Any]) -> None:
    for key, value in change.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, Mapping):
            if not isinstance(target.get(key), dict):
                target[key] = {}
            _merge(target[key], value)
        else:
            target[key] = copy.deepcopy(value)


def _drop(target: Object, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """What was applied before and is no more goes away."""
    for key, value in before.items():
        if key not in now:
            target.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(target.get(key), dict) and isinstance(now[key], Mapping):
            _drop(target[key], value, now[key])
