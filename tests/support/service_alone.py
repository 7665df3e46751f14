"""The service program without a hub around it, started again and again by a supervisor that is fast.

A hub looks after its services every 30 seconds, which is too slow to kill one two hundred times. Here a process that
has loaded the program's modules forks a fresh service whenever the last one died: the program is the real one from
``main`` on, only the interpreter's start is saved. The hub is a small server that knows tokens, no more.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.installation import ROOT, Installation, until


class _Hub(BaseHTTPRequestHandler):
    """``/hub/api/user`` believes that a token is the user's name; no servers run."""

    def do_GET(self) -> None:
        if self.path.startswith("/hub/api/users"):
            answer: object = {"items": [], "_pagination": {"next": None}}
        else:
            name = self.headers.get("Authorization", "").partition(" ")[2]
            scopes = ["access:services!service=collegium"]
            held = ("groups:read", "jobs:read", "jobs:write", "files:read", "files:write")
            scopes += [f"custom:collegium:{s}!user={name}" for s in held]
            answer = {"kind": "user", "name": name, "admin": False, "groups": [], "scopes": scopes}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class ServiceAlone(Installation):
    """As an Installation, but ``start`` gives the service and its supervisor only; tokens are user names."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.url = f"http://127.0.0.1:{self.service_port}"
        self.api = f"{self.url}/services/collegium/api/v1"
        self._hub = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
        self._hub.daemon_threads = True
        threading.Thread(target=self._hub.serve_forever, daemon=True).start()

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "COLLEGIUM_STATE_DIR": str(self.state),
            "PYTHONPATH": str(ROOT / "tests"),
            "JUPYTERHUB_SERVICE_NAME": "collegium",
            "JUPYTERHUB_SERVICE_PREFIX": "/services/collegium/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{self.service_port}",
            "JUPYTERHUB_API_URL": f"http://127.0.0.1:{self._hub.server_port}/hub/api",
            "JUPYTERHUB_API_TOKEN": "of-no-hub",
            "JUPYTERHUB_CLIENT_ID": "service-collegium",
        }

    def start(self) -> ServiceAlone:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "support.service_alone", str(self.folder / "service.pid")],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until("the service answers", self.answers, 180)
        return self

    def stop(self) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.close()
        super().stop()
        self._hub.shutdown()
        self._hub.server_close()

    def service(self) -> int:
        """The pid of the service that was started last."""
        return int((self.folder / "service.pid").read_text() or 0)


def supervise(pid_file: Path) -> None:
    """Fork a service, and another one when it dies, until standard input is closed."""
    import collegium.services.application as program

    while not select.select([0], [], [], 0)[0]:
        pid = os.fork()
        if pid == 0:
            sys.argv = ["collegium-service", "--role=all"]
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            try:
                program.main()
            finally:
                os._exit(1)
        new = pid_file.with_suffix(".new")
        new.write_text(str(pid))
        new.rename(pid_file)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    supervise(Path(sys.argv[1]))
