"""A real hub as a subprocess: its own state, ports and proxy, and nothing left behind."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from collegium.db import Database
from collegium.settings import Settings
from collegium.spawner.process import ProcessId, end_all
from support.installation import ROOT, free_port

TOKEN = "0123456789abcdef0123456789abcdef"  # of a hub that lives for one test
ENTRY_POINTS = """[jupyterhub.authenticators]
collegium-local = collegium.authenticator.local:LocalGroupsAuthenticator
[jupyterhub.spawners]
collegium-local = collegium.spawner.local:GroupLocalSpawner
"""


def find_proxy() -> str:
    """The proxy's program, beside Python or on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    program = shutil.which("configurable-http-proxy", path=path)
    assert program, "configurable-http-proxy is missing; scripts/test installs it"
    return program


def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    """Wait for a true value and return it; AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, what or f"still waiting after {seconds} s"
        time.sleep(0.1)


class Hub:
    """Start, kill and start it again; talk to it as a browser or as a program with much power."""

    def __init__(self, folder: Path, catalog: Path, proxy: str, extra: str = "") -> None:
        self.folder, self.state = folder, folder / "state"
        self.url = f"http://127.0.0.1:{free_port()}"
        self.settings = Settings.at(self.state)
        self._log = folder / "hub.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.py").write_text(
            f"""
from collegium.hub import install
c = get_config()
c.JupyterHub.bind_url = {self.url!r}
c.JupyterHub.hub_port = {free_port()}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.JupyterHub.services = [{{"name": "test", "api_token": {TOKEN!r}}}]
scopes = ["admin:servers", "admin:users", "tokens"]
c.JupyterHub.load_roles = [{{"name": "test-role", "services": ["test"], "scopes": scopes}}]
{extra}
install(c, state_dir={str(self.state)!r}, catalog={str(catalog)!r}, service_port=None)
"""
        )
        paths = [str(ROOT / p) for p in ("hub_ext", "authenticator", "spawner", "services")]
        if "collegium-local" not in importlib.metadata.entry_points(group="jupyterhub.spawners").names:
            # Not installed: entry points from a stand-in for the distribution.
            stand_in = folder / "entry" / "collegium-0.dist-info"
            stand_in.mkdir(parents=True)
            (stand_in / "METADATA").write_text("Metadata-Version: 2.1\nName: collegium\nVersion: 0\n")
            (stand_in / "entry_points.txt").write_text(ENTRY_POINTS)
            paths.append(str(stand_in.parent))
        self._environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "HUB_SECRET": "hush"}

    def start(self) -> str:
        """Start and wait until it serves; returns what it has printed."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", "config.py"],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

        def ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log
            return "JupyterHub is now running" in self.log

        until(ready, 60)
        return self.log

    @property
    def log(self) -> str:
        """What this start of the hub has printed so far."""
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """kill -9: only the hub's own process, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the hub, its proxy and every server."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        for record in self.state.glob("servers/*/process"):
            end_all(record.parent.name, ProcessId.from_file(record))
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.state / "jupyterhub-proxy.pid").read_text()), signal.SIGKILL)

    def database(self) -> Database:
        """Look into the hub's database from outside; close it."""
        return Database(self.settings.database_url)

    def api(self, method: str, path: str, body: Any = None, token: str = TOKEN) -> httpx.Response:
        """One request to the hub's REST API."""
        headers = {"Authorization": f"token {token}"}
        return httpx.request(method, f"{self.url}/hub/api{path}", json=body, headers=headers, timeout=60)

    def server(self, user: str, name: str) -> dict[str, Any]:
        """The hub's model of a server, empty if it is not running or starting."""
        found: dict[str, Any] = self.api("GET", f"/users/{user}").json().get("servers", {})
        return dict(found.get(name, {}))

    def wait_ready(self, user: str, name: str) -> dict[str, Any]:
        """Wait until the server is up; fails at once if the hub has given up."""

        def ready() -> dict[str, Any] | None:
            model = self.server(user, name)
            assert model, f"the server was not started:\n{self.log[-4000:]}"
            return model if model["ready"] else None

        return dict(until(ready, 60))

    def login(self, user: str, password: str) -> tuple[httpx.Client, httpx.Response]:
        """Log in through the page, as a browser does."""
        client = httpx.Client(base_url=self.url, follow_redirects=True, timeout=60)
        page = client.get("/hub/login")
        token = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
        assert token, page.text
        data = {"username": user, "password": password, "_xsrf": token[1]}
        return client, client.post("/hub/login", data=data)


def printed_passwords(text: str) -> dict[str, str]:
    """The table of first passwords."""
    return dict(re.findall(r"^\|  (\S+) +([a-z0-9]{5}-[a-z0-9]{5}-[a-z0-9]{5}) ", text, re.MULTILINE))


def spawn_action(page: str) -> str:
    """Where the spawn form on a page is sent to."""
    found = re.search(r'id="spawn_form"\s+action="([^"]+)"', page)
    assert found, page
    return found[1].replace("&amp;", "&")
