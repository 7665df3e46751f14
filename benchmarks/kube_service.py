"""Collegium's service on this machine with the Kubernetes backend, behind a hub that only says who is who.

Role ``all`` is one process over SQLite, or over PostgreSQL; ``split`` is an ``api`` and a ``controller`` process over
PostgreSQL, as the chart has them. The controller makes namespaces, claims and policies of the groups itself.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.kube import Kube
from benchmarks.running import call, environment, free_port, server, until
from collegium.backends.kubernetes.settings import VARIABLE, KubernetesSettings
from collegium.settings import Settings
from support.hub import find_proxy

_HUB_TOKEN = "token-of-a-hub-that-lives-for-one-benchmark"
_SERVICE_TOKEN = "token-of-a-service-that-lives-for-one-benchmark"


@dataclass
class Service:
    """A running service. ``pids`` by role; ``runs`` is where jobs have their folders on the files volume."""

    base: str
    token: str
    settings: KubernetesSettings
    database: Settings
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def runs(self) -> Path:
        """Folders of jobs."""
        return Path(self.settings.files_dir) / "runs"

    async def submit(self, session: aiohttp.ClientSession, group: str, body: dict[str, Any]) -> dict[str, Any]:
        """A new job."""
        return dict(await call(session, "POST", f"{self.base}/groups/{group}/jobs", self.token, (201,), body))

    async def until_over(self, session: aiohttp.ClientSession, group: str, job: str) -> dict[str, Any]:
        """The job once it has succeeded; RuntimeError if it has not."""
        for _ in range(1200):
            detail = await call(session, "GET", f"{self.base}/groups/{group}/jobs/{job}", self.token)
            if detail["finished_at"]:
                if detail["state"] == "Succeeded":
                    return dict(detail)
                break
            await asyncio.sleep(0.1)
        raise RuntimeError(f"job {job} is {detail['state']}: {detail['message']}")


@contextmanager
def service(kube: Kube, place: Path, catalog: dict[str, Any], kind: str, **fields: Any) -> Iterator[Service]:
    """The service over ``sqlite``, ``postgresql`` or, in two processes, ``split``; ``fields`` of KubernetesSettings."""
    with ExitStack() as stack:
        url = None if kind == "sqlite" else stack.enter_context(_postgresql())
        database = Settings.at(place / "state", url)
        settings = kube.settings(**fields)
        ports = {role: free_port() for role in (("api", "controller") if kind == "split" else ("all",))}
        hub = stack.enter_context(_hub(place, catalog, next(iter(ports.values())), database))
        token = asyncio.run(_token(hub, next(u["name"] for u in catalog["users"])))
        prefix = "/services/collegium/"
        made = Service(f"http://127.0.0.1:{next(iter(ports.values()))}{prefix}api/v1", token, settings, database)
        for role, port in ports.items():
            variables = {
                **environment(place / role),
                **database.environment(),
                "KUBECONFIG": str(kube.cluster.kubeconfig),
                VARIABLE: settings.to_json(),
                "JUPYTERHUB_API_URL": f"{hub}/hub/api",
                "JUPYTERHUB_API_TOKEN": _SERVICE_TOKEN,
                "JUPYTERHUB_CLIENT_ID": "service-collegium",
                "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}",
                "JUPYTERHUB_SERVICE_PREFIX": prefix,
            }
            made.pids[role] = stack.enter_context(_process(place / role, role, variables, port, prefix))
        yield made


def _postgresql() -> AbstractContextManager[str]:
    # Says something about the user's folders when it is imported.
    from support.postgresql import postgresql

    return postgresql()


@contextmanager
def _process(place: Path, role: str, variables: dict[str, str], port: int, prefix: str) -> Iterator[int]:
    place.mkdir()
    argv = [sys.executable, "-m", "collegium.services", f"--role={role}", "--backend=kubernetes"]
    with server(argv, place, variables, f"http://127.0.0.1:{port}{prefix}health/live"):
        yield _pid(argv, place)


def _pid(argv: Sequence[str], place: Path) -> int:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
                if words == list(argv) and (entry / "cwd").resolve() == place.resolve():
                    return int(entry.name)
            except OSError:
                continue
    raise LookupError(" ".join(argv))


@contextmanager
def _hub(place: Path, catalog: dict[str, Any], port: int, database: Settings) -> Iterator[str]:
    """A hub that knows the users and the service, and has no servers."""
    place.mkdir(parents=True)
    (place / "catalog.yaml").write_text(json.dumps(catalog))
    url = f"http://127.0.0.1:{free_port()}"
    service = {
        "name": "collegium",
        "url": f"http://127.0.0.1:{port}",
        "api_token": _SERVICE_TOKEN,
        "oauth_no_confirm": True,
    }
    (place / "jupyterhub_config.py").write_text(
        f"""
from collegium.hub import install
from collegium.hub.configuration import SERVICE_ROLE
from collegium.hub.scopes import USER_SCOPES
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {free_port()}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.ConfigurableHTTPProxy.command = [{find_proxy()!r}]
c.JupyterHub.log_level = "WARN"
c.JupyterHub.services = [
    dict(name="test", api_token={_HUB_TOKEN!r}),
    {service!r} | dict(oauth_client_allowed_scopes=list(USER_SCOPES)),
]
c.JupyterHub.load_roles = [SERVICE_ROLE, dict(name="test", scopes=["admin:users", "tokens"], services=["test"])]
c.LocalGroupsAuthenticator.first_passwords = "/nonexistent"
install(c, state_dir={str(place / "state")!r}, catalog={str(place / "catalog.yaml")!r}, service_port=None)
"""
    )
    variables = environment(place) | database.environment()
    with server([sys.executable, "-m", "jupyterhub"], place, variables, f"{url}/hub/api/"):
        yield url


async def _token(url: str, user: str) -> str:
    async with aiohttp.ClientSession() as session:
        await call(session, "POST", f"{url}/hub/api/users/{user}", _HUB_TOKEN, (201, 409))
        made = await call(session, "POST", f"{url}/hub/api/users/{user}/tokens", _HUB_TOKEN, (201,), {"note": "bench"})
    return str(made["token"])


async def ready(made: Service, group: str, body: dict[str, Any]) -> None:
    """Wait until the controller has made the group's space: a first job has run there."""
    async with aiohttp.ClientSession() as session:
        job = await made.submit(session, group, body)
        await made.until_over(session, group, job["id"])


def bound(kube: Kube, settings: KubernetesSettings, groups: Sequence[str]) -> None:
    """Wait until the groups' namespaces have their claim on the files volume."""

    def all_bound() -> bool:
        found = kube.cluster.kubectl(
            "get", "pvc", "-A", "-l", kube.selector, "-o", 'jsonpath={range .items[*]}{.status.phase}{"\\n"}{end}'
        )
        return found.split().count("Bound") >= len(groups)

    until("the groups have their files", all_bound, 300, 0.5)


def run(*argv: str, text: str, variables: dict[str, str]) -> None:
    """Run a program; RuntimeError with its complaint if it fails."""
    done = subprocess.run(argv, input=text, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{argv[0]}: {done.stderr}")
