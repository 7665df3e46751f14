"""From asking for a server to a JupyterLab that answers: ``python -m benchmarks.spawn [starts of each]``.

Two hubs run side by side: Collegium's, and a stock JupyterHub with its SimpleLocalProcessSpawner and dummy logins.
Both start the same JupyterLab from this environment, in homes that were used before, in turns. Collegium's instance
type has as many cores as the machine, so that no limit binds. Time runs from the POST until the hub says ready and the
server's own ``/api`` answers through the proxy.

Prints whether the median overhead is at most 5 percent; it does not fail, because the hub's own waiting is a lottery
(it asks the new server after pauses that it draws).
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.report import percentile, ratio, table
from benchmarks.running import call, environment, folder, free_port, installation, server

MOST_OVERHEAD = 5.0
ROOT_ARGUMENTS = ["--allow-root"] if os.geteuid() == 0 else []
TOKEN = "token-of-a-hub-that-lives-for-one-benchmark"
CATALOG = f"""
version: 1
users: [{{name: ann}}]
instance_types:
  - {{name: all, limits: {{cpu: "{os.cpu_count()}", memory: 8Gi}}, everyone: true}}
images:
  - {{name: python, environment: hub, everyone: true}}
groups:
  - {{name: physics, members: {{ann: admin}}}}
"""


@dataclass(frozen=True)
class Hub:
    """Where to ask, and for what."""

    url: str
    token: str
    #: Of the user, who alone may look at their server.
    own: str
    options: dict[str, str]


@contextmanager
def ours(place: Path) -> Iterator[Hub]:
    options = {"group": "physics", "instance_type": "all", "image": "python"}
    with installation(place, CATALOG) as made:
        yield Hub(made.url, made.token("ann"), made.token("ann"), options)


@contextmanager
def stock(place: Path) -> Iterator[Hub]:
    place.mkdir()
    port, hub_port, proxy_port = free_port(), free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    (place / "jupyterhub_config.py").write_text(
        f"""
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_port = {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.allow_named_servers = True
c.SimpleLocalProcessSpawner.home_dir_template = {str(place / "homes/{username}")!r}
c.Spawner.default_url = "/lab"
c.Spawner.args = {ROOT_ARGUMENTS!r}
c.JupyterHub.services = [dict(name="test", api_token={TOKEN!r})]
c.JupyterHub.load_roles = [dict(name="test", scopes=["admin:users", "admin:servers", "tokens"], services=["test"])]
"""
    )
    with server([sys.executable, "-m", "jupyterhub"], place, environment(place), f"{url}/hub/api/"):
        token = asyncio.run(_token(url))
        yield Hub(url, token, token, {})


async def _token(url: str) -> str:
    async with aiohttp.ClientSession() as session:
        await call(session, "POST", f"{url}/hub/api/users/ann", TOKEN, (201,))
        made = await call(session, "POST", f"{url}/hub/api/users/ann/tokens", TOKEN, (201,), {"note": "benchmark"})
    return str(made["token"])


async def start(session: aiohttp.ClientSession, hub: Hub) -> float:
    """Seconds of one start; the server is gone again at the end."""
    server_url = f"{hub.url}/hub/api/users/ann/servers/physics"
    begun = time.perf_counter()
    await call(session, "POST", server_url, hub.token, (201, 202), hub.options)
    await _until_ready(session, hub)
    await call(session, "GET", f"{hub.url}/user/ann/physics/api", hub.own)
    seconds = time.perf_counter() - begun
    await call(session, "DELETE", server_url, hub.token, (202, 204))
    for _ in range(600):
        if not await _server(session, hub):
            return seconds
        await asyncio.sleep(0.1)
    raise RuntimeError("the server does not stop")


async def _until_ready(session: aiohttp.ClientSession, hub: Hub) -> None:
    for _ in range(1200):
        found = await _server(session, hub)
        if not found:
            raise RuntimeError("the server was not started")
        if found["ready"]:
            return
        await asyncio.sleep(0.05)
    raise RuntimeError("the server does not come up")


async def _server(session: aiohttp.ClientSession, hub: Hub) -> dict[str, Any]:
    user = await call(session, "GET", f"{hub.url}/hub/api/users/ann?include_stopped_servers=0", hub.token)
    return dict(user.get("servers", {}).get("physics", {}))


async def play(hubs: list[Hub], count: int) -> list[list[float]]:
    taken: list[list[float]] = [[] for _ in hubs]
    async with aiohttp.ClientSession() as session:
        # The first start of each fills caches and makes the home.
        for number in range(-1, count):
            # Whoever goes first goes second the next time.
            for i in (0, 1) if number % 2 else (1, 0):
                seconds = await start(session, hubs[i])
                if number >= 0:
                    taken[i].append(seconds)
    return taken


def main(count: int) -> None:
    with folder() as place, ours(place / "ours") as one, stock(place / "stock") as other:
        mine, theirs = asyncio.run(play([one, other], count))
    rows = [("", "Collegium", "stock JupyterHub, SimpleLocalProcessSpawner", "ratio")]
    for name, share in (("fastest", 0.0), ("median", 0.5), ("slowest", 1.0)):
        a, b = percentile(mine, share), percentile(theirs, share)
        rows.append((name, f"{a:.2f} s", f"{b:.2f} s", ratio(a, b)))
    title = f"Spawn to a JupyterLab that answers, {count} of each, in turns"
    table(title, rows, ["jupyterhub", "jupyterlab", "jupyter-server"])
    overhead = (percentile(mine, 0.5) / percentile(theirs, 0.5) - 1) * 100
    met = "yes" if overhead <= MOST_OVERHEAD else "no"
    print(f"\nMedian overhead {overhead:+.1f} %; at most {MOST_OVERHEAD:.0f} %: {met}.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
