"""An installation by our chart that tests use like one on this machine: users, tokens, requests, pods."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from collegium.hub.configuration import DEMO_CATALOG
from support.cluster import TestCluster
from support.installation import call
from support.release import Release

#: What a pod asks for where the instance type says nothing: the cluster has the two cores of this machine.
REQUESTS = {"cpu": "20m", "memory": "64Mi"}


def demo_catalog(image: str) -> dict[str, Any]:
    """The demo's groups, users and sizes, with a container image behind its images."""
    catalog: dict[str, Any] = yaml.safe_load(DEMO_CATALOG.read_text())
    for instance_type in catalog["instance_types"]:
        instance_type["requests"] = dict(REQUESTS)
    for known in catalog["images"]:
        known.pop("environment")
        known["reference"] = image
    return catalog


@dataclass
class Site:
    """``folder`` is for what a test wants to keep."""

    cluster: TestCluster
    release: Release
    folder: Path
    _tokens: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.url = self.release.url
        self.api = self.release.api

    def password(self, user: str) -> str:
        """What this user logs in with."""
        return self.release.password(user)

    def token(self, user: str) -> str:
        """A token of this user, made once."""
        with self._lock:
            if user not in self._tokens:
                self._tokens[user] = self.release.token(user)
            return self._tokens[user]

    def request(
        self, method: str, url: str, token: str | None, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded JSON (or text) of a request; ``url`` may be relative to the API."""
        return call(method, url if "://" in url else self.api + url, token, body, headers)

    def answers(self) -> bool:
        """Does the service answer through the proxy?"""
        try:
            return self.request("GET", "/info", None)[0] == 200
        except OSError:
            return False

    def submit(self, user: str, group: str, command: str, instance_type: str = "small", **more: Any) -> dict[str, Any]:
        """A job of one command."""
        body = {
            "name": "test",
            "image": "scientific-python",
            "instance_type": instance_type,
            "command": command,
            **more,
        }
        status, job = self.request("POST", f"/groups/{group}/jobs", self.token(user), body)
        assert status == 201, job
        made: dict[str, Any] = job
        return made

    def job(self, user: str, job: dict[str, Any]) -> dict[str, Any]:
        """The job as it is now."""
        status, found = self.request("GET", f"/groups/{job['group']}/jobs/{job['id']}", self.token(user))
        assert status == 200, found
        now: dict[str, Any] = found
        return now

    def wait(self, user: str, job: dict[str, Any], *states: str, seconds: float = 180) -> dict[str, Any]:
        """The job once it is in one of these states."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.job(user, job))
            return found["state"] in states

        self.release.until(f"the job is {states}", there, seconds)
        return found

    def start_server(self, user: str, group: str, instance_type: str = "small") -> tuple[int, Any]:
        """Ask the hub for the user's server in a group; status and answer."""
        options = {"group": group, "instance_type": instance_type, "image": "scientific-python"}
        return self.request("POST", f"{self.url}/hub/api/users/{user}/servers/{group}", self.token(user), options)

    def server(self, user: str, group: str) -> dict[str, Any]:
        """The hub's model of the server; empty if there is none."""
        status, model = self.request("GET", f"{self.url}/hub/api/users/{user}", self.token(user))
        assert status == 200, model
        found: dict[str, Any] = model["servers"].get(group) or {}
        return found

    def ready_server(self, user: str, group: str, instance_type: str = "small") -> dict[str, Any]:
        """Start the user's server and wait until it is ready."""
        status, answer = self.start_server(user, group, instance_type)
        assert status in (201, 202), answer
        self.release.until(f"{user}'s server is ready", lambda: self.server(user, group).get("ready"), 240)
        return self.server(user, group)

    def stop_server(self, user: str, group: str) -> None:
        """Stop it, forget what it was started with, and wait until it is gone."""
        status, answer = self.request(
            "DELETE", f"{self.url}/hub/api/users/{user}/servers/{group}", self.token(user), {"remove": True}
        )
        assert status in (202, 204, 404), answer
        self.release.until(f"{user}'s server is gone", lambda: not self.server(user, group), 120)

    def pods(self, group: str, kind: str) -> list[dict[str, Any]]:
        """Pods of servers, jobs or copies in the group's namespace."""
        text = self.release.run(
            "kubectl", "-n", self.release.group_namespace(group), "get", "pods",
            "-l", f"collegium.io/kind={kind}", "-o", "json",
        )  # fmt: skip
        return list(json.loads(text)["items"])
