"""A whole installation as a user runs it: hub, proxy, service, JupyterLab servers and jobs, in a folder of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_PASSWORD = re.compile(r"^\|\s+([a-z]+)\s{3,}(\S+)", re.MULTILINE)
_ADMIN = "test-token-that-administers-this-hub-only"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(what: str, check: Callable[[], Any], seconds: float = 120, pause: float = 0.1) -> Any:
    """Wait for a condition, not for the clock: the limit is only there so that a broken test ends."""
    deadline = time.monotonic() + seconds
    while True:
        if found := check():
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"never happened within {seconds} s: {what}")
        time.sleep(pause)


def call(
    method: str, url: str, token: str | None, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """Status and decoded JSON (or text) of a request. Raises OSError where nobody answers."""
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)
    request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"token {token}")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, raw = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read()
    try:
        return status, json.loads(raw)
    except ValueError:
        return status, raw.decode(errors="replace")


@dataclass
class Installation:
    """``start`` may be called again after ``kill``: the state stays.

    ``extra`` and ``after`` are lines of the configuration before and after ``install``.
    """

    folder: Path
    catalog: Path | None = None
    extra: str = ""
    after: str = ""
    passwords: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.hub_port, self.proxy_port, self.service_port = (free_port() for _ in range(4))
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.url}/services/collegium/api/v1"
        self.state = self.folder / "state"
        self.log = self.folder / "hub.log"
        catalog = f", catalog={str(self.catalog)!r}" if self.catalog else ""
        (self.folder / "jupyterhub_config.py").write_text(
            f"""from collegium.hub import install
c = get_config()
c.JupyterHub.bind_url = {self.url!r}
c.JupyterHub.hub_port = {self.hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{self.proxy_port}"
c.JupyterHub.services = [dict(name="test", api_token={_ADMIN!r})]
c.JupyterHub.load_roles = [
    dict(name="test", scopes=["admin:users", "admin:servers", "tokens", "list:services"], services=["test"])
]
{self.extra}
install(c, state_dir={str(self.state)!r}, service_port={self.service_port}{catalog})
{self.after}
"""
        )

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "COLLEGIUM"))}
        return {**keep, "PATH": path, "HOME": str(self.folder), "PYTHONUNBUFFERED": "1"}

    def start(self) -> Installation:
        """Start the hub and wait until its service answers through the proxy."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until("the service answers through the proxy", self.answers, 180)
        self.passwords |= dict(_PASSWORD.findall(self.log.read_text(errors="replace")))
        return self

    def answers(self) -> bool:
        """Does the service answer through the proxy?"""
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the hub ended with {self.process.returncode}:\n{self.log.read_text()[-5000:]}")
        try:
            with urllib.request.urlopen(f"{self.api}/info", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def kill(self) -> None:
        """kill -9 the hub process alone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """End everything of this installation, also servers and jobs that detached from the hub."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def processes(self, *words: str) -> list[int]:
        """Pids of processes of this folder (command or environment names it) whose command has all the words."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            ours = str(self.folder) in command or str(self.folder) in environment
            if ours and all(w in command for w in words):
                found.append(int(entry.name))
        return sorted(found)

    def request(
        self, method: str, url: str, token: str | None, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded JSON (or text) of a request; ``url`` may be relative to the API."""
        return call(method, url if "://" in url else self.api + url, token, body, headers)

    def as_admin(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request to the hub's own API with power over users, servers and tokens."""
        return call(method, f"{self.url}/hub/api{path}", _ADMIN, body)

    def password(self, user: str) -> str:
        """The first password, as the hub printed it."""
        return self.passwords[user]

    def token(self, user: str, **model: Any) -> str:
        """A token of a user, as the token page makes it."""
        self.request("POST", f"{self.url}/hub/api/users/{user}", _ADMIN)
        status, made = self.request(
            "POST", f"{self.url}/hub/api/users/{user}/tokens", _ADMIN, model or {"note": "test"}
        )
        assert status == 201, made
        return str(made["token"])
