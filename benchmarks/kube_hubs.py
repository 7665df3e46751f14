"""Two hubs on this machine whose servers are pods: Collegium's, and a stock one with KubeSpawner.

Proxy, database, image, user, limits, home volume and waiting times are the same. Both listen where pods reach this
machine. Collegium's service is not there: it has no part in a start.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.kube import Kube
from benchmarks.running import call, environment, free_port, server
from benchmarks.spawn import Hub
from collegium.backends.kubernetes.settings import VARIABLE, KubernetesSettings
from support.hub import find_proxy

ROOT = Path(__file__).parents[1]
TOKEN = "token-of-a-hub-that-lives-for-one-benchmark"
GROUP = "physics"
OPTIONS = {"group": GROUP, "instance_type": "small", "image": "lab"}


@dataclass(frozen=True)
class Size:
    """What every server is given, and where it may run. Limits and requests as Kubernetes writes them."""

    limits: dict[str, str] = field(default_factory=lambda: {"cpu": "2", "memory": "1Gi"})
    requests: dict[str, str] = field(default_factory=lambda: {"cpu": "10m", "memory": "64Mi"})
    node_selector: dict[str, str] = field(default_factory=dict)
    tolerations: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """What one run asks of both hubs. ``members``: users by group; a stock hub has one namespace for all."""

    size: Size = field(default_factory=Size)
    members: dict[str, list[str]] = field(default_factory=lambda: {GROUP: ["ann"]})
    settings: dict[str, Any] = field(default_factory=dict)
    #: Lines for both configurations.
    extra: str = ""

    @property
    def users(self) -> list[str]:
        """All of them."""
        return [user for users in self.members.values() for user in users]


@contextmanager
def ours(kube: Kube, place: Path, plan: Plan) -> Iterator[Hub]:
    """Collegium's hub with GroupKubeSpawner, and a namespace per group."""
    settings = kube.settings(**plan.settings)
    asyncio.run(_spaces(kube, settings, list(plan.members)))
    place.mkdir()
    catalog = place / "catalog.yaml"
    catalog.write_text(json.dumps(_catalog(kube, plan)))
    lines = f"""
from collegium.hub import install
c.LocalGroupsAuthenticator.first_passwords = "/nonexistent"
install(c, state_dir={str(place / "state")!r}, catalog={str(catalog)!r}, service_port=None)
c.JupyterHub.spawner_class = "collegium.spawner.kube.GroupKubeSpawner"
"""
    with _hub(kube, place, plan, lines, settings) as hub:
        yield hub


@contextmanager
def stock(kube: Kube, place: Path, plan: Plan) -> Iterator[Hub]:
    """A JupyterHub as its documentation sets it up, with KubeSpawner; all servers in one namespace."""
    settings = kube.settings(**plan.settings)
    asyncio.run(_spaces(kube, settings, ["stock"]))
    place.mkdir()
    with _hub(kube, place, plan, _stock_lines(kube, settings, plan.size), settings) as hub:
        yield hub


async def _spaces(kube: Kube, settings: KubernetesSettings, groups: Sequence[str]) -> None:
    for group in groups:
        await kube.space(settings, group)


def _catalog(kube: Kube, plan: Plan) -> dict[str, Any]:
    size = plan.size
    small = {"name": "small", "limits": size.limits, "requests": size.requests, "everyone": True}
    return {
        "version": 1,
        "users": [{"name": user} for user in plan.users],
        "instance_types": [small | {"node_selector": size.node_selector, "tolerations": size.tolerations}],
        "images": [{"name": "lab", "reference": kube.cluster.images.user, "everyone": True}],
        "groups": [{"name": g, "members": dict.fromkeys(users, "member")} for g, users in plan.members.items()],
    }


def _stock_lines(kube: Kube, settings: KubernetesSettings, size: Size) -> str:
    shared = settings.homes == "shared"
    claim = settings.files_claim if shared else "home-{username}"
    mount = {"name": "home", "mountPath": settings.home_mount} | ({"subPath": "homes/{username}"} if shared else {})
    options: dict[str, Any] = {
        "namespace": settings.namespace_of("stock"),
        "image": kube.cluster.images.user,
        "image_pull_policy": "IfNotPresent",
        "uid": settings.uid,
        "gid": settings.gid,
        "fs_gid": None if shared else settings.gid,
        "allow_privilege_escalation": False,
        "container_security_context": {"capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True},
        "pod_security_context": {"seccompProfile": {"type": "RuntimeDefault"}},
        "cpu_limit": float(size.limits["cpu"]),
        "mem_limit": size.limits["memory"].removesuffix("i"),
        "cpu_guarantee": float(size.requests["cpu"].removesuffix("m")) / 1000,
        "mem_guarantee": size.requests["memory"].removesuffix("i"),
        "node_selector": size.node_selector,
        "tolerations": size.tolerations,
        "extra_labels": {"app.kubernetes.io/instance": kube.word},
        "cmd": ["jupyterhub-singleuser"],
        "default_url": "/lab",
        "port": settings.server_port,
        "notebook_dir": settings.home_mount,
        "working_dir": settings.home_mount,
        "environment": {"HOME": settings.home_mount},
        "storage_pvc_ensure": not shared,
        "pvc_name_template": claim,
        "storage_capacity": settings.home_capacity,
        "storage_access_modes": [settings.home_access_mode],
        "volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": claim}}],
        "volume_mounts": [mount],
    }
    lines = [f"c.KubeSpawner.{name} = {value!r}" for name, value in options.items() if value is not None]
    lines += [
        'c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"',
        'c.JupyterHub.authenticator_class = "dummy"',
        "c.Authenticator.allow_all = True",
        "c.JupyterHub.allow_named_servers = True",
    ]
    return "\n".join(lines)


@contextmanager
def _hub(kube: Kube, place: Path, plan: Plan, lines: str, settings: KubernetesSettings) -> Iterator[Hub]:
    url = f"http://127.0.0.1:{free_port()}"
    (place / "jupyterhub_config.py").write_text(
        f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.probe import ProbeHandler
c = get_config()
c.JupyterHub.bind_url = {url!r}
c.JupyterHub.hub_ip = {kube.cluster.host_ip!r}
c.JupyterHub.hub_port = {free_port()}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"
c.ConfigurableHTTPProxy.command = [{find_proxy()!r}]
c.JupyterHub.services = [dict(name="test", api_token={TOKEN!r})]
c.JupyterHub.load_roles = [
    dict(name="test", scopes=["admin:users", "admin:servers", "tokens"], services=["test"])
]
c.JupyterHub.extra_handlers = [(r"/bench/probe", ProbeHandler)]
c.JupyterHub.log_level = "WARN"
c.Spawner.start_timeout = 300
c.Spawner.http_timeout = 120
c.Spawner.consecutive_failure_limit = 0
{plan.extra}
{lines}
"""
    )
    variables = environment(place) | {"KUBECONFIG": str(kube.cluster.kubeconfig), VARIABLE: settings.to_json()}
    with server([sys.executable, "-m", "jupyterhub"], place, variables, f"{url}/hub/api/"):
        yield asyncio.run(_known(url, plan.users))


async def _known(url: str, users: Sequence[str]) -> Hub:
    """The hub with its users in it, and a token of the first."""
    async with aiohttp.ClientSession() as session:
        for begin in range(0, len(users), 100):
            body = {"usernames": list(users[begin : begin + 100])}
            await call(session, "POST", f"{url}/hub/api/users", TOKEN, (201, 409), body)
        made = await call(session, "POST", f"{url}/hub/api/users/{users[0]}/tokens", TOKEN, (201,), {"note": "bench"})
    return Hub(url, TOKEN, str(made["token"]), dict(OPTIONS))


async def probe(session: aiohttp.ClientSession, hub: Hub, collect: bool = False) -> dict[str, Any]:
    """What the hub's probe says, see ``ProbeHandler``."""
    async with session.get(f"{hub.url}/hub/bench/probe{'?collect=1' if collect else ''}") as answer:
        answer.raise_for_status()
        return dict(await answer.json())


def of_machine() -> str:
    """Cores of this machine, as a limit that does not bind."""
    return str(os.cpu_count())
