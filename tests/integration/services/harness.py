"""A service on a real socket, with a small hub that knows some tokens, over the memory backend."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from collegium.backends.memory import MemoryBackend
from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.domain.catalog import Grant, GrantKind, Image, InstanceType
from collegium.domain.groups import Group, ManagedBy, Membership, Role
from collegium.domain.quota import Limits
from collegium.domain.resources import Resources
from collegium.hub.scopes import CUSTOM_SCOPES
from collegium.hub.scopes import PREFIX as PREFIX_OF_SCOPES
from collegium.identity.people import Broker
from collegium.services.app import build_app, serve
from collegium.services.context import Context, make_context
from collegium.services.controller.options import ControlOptions
from collegium.services.controller.servers import HubServers
from collegium.services.mail import Mailer
from collegium.services.notifications.resolve import Lookup
from collegium.services.oauth import BrowserStateOAuth
from collegium.settings import Settings
from collegium.stores.port import FileStore
from collegium.stores.posix import PosixStore

PREFIX = "/services/collegium/"
API = f"{PREFIX}api/v1"
MEMBERS = {"vic": Role.VIEWER, "mia": Role.MEMBER, "max": Role.MEMBER, "mat": Role.MAINTAINER, "ada": Role.ADMIN}
BODY = {"name": "train", "command": "python train.py", "instance_type": "small", "image": "base"}


def seed(uow: UnitOfWork) -> None:
    """Two groups, five roles in one of them, a stranger, a platform admin, and three sizes."""
    for name in [*MEMBERS, "zoe"]:
        uow.users.put(User(name))
    uow.users.put(User("root", platform_admin=True))
    limits = Limits.parse({"cpu": "4", "memory": "8Gi"})
    uow.groups.put(Group("physics", "Physics", "Particles", "ada@example.org", limits))
    uow.groups.put(Group("chemistry", "Chemistry"))
    for name, role in MEMBERS.items():
        uow.memberships.put(Membership("physics", name, role))
    uow.memberships.put(Membership("chemistry", "zoe", Role.ADMIN))
    sizes = {"small": ("1", "1Gi"), "big": ("4", "4Gi"), "huge": ("64", "1Gi")}
    uow.catalog.replace(
        ManagedBy.FILE,
        [InstanceType(n, n.title(), Resources.parse({"cpu": c, "memory": m})) for n, (c, m) in sizes.items()],
        [Image("base", "Base", environment="hub"), Image("secret", "Secret", environment="hub")],
        [],
        [Grant("*", GrantKind.INSTANCE_TYPE, n) for n in sizes] + [Grant("*", GrantKind.IMAGE, "base")],
    )


def scopes_of(user: str, *names: str, filter: str = "user") -> list[str]:
    """A token's scopes as the hub expands them."""
    wanted = names or tuple(s.removeprefix(PREFIX_OF_SCOPES) for s in CUSTOM_SCOPES)
    return ["access:services!service=collegium", *(f"custom:collegium:{n}!{filter}={user}" for n in wanted)]


@dataclass
class FakeHub:
    """Answers ``/hub/api/user`` and ``/hub/api/users``."""

    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    servers: dict[str, list[str]] = field(default_factory=dict)
    #: Codes that a login may bring: whose they are, and the PKCE challenge that came with the wish for one.
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    down: bool = False
    url: str = ""
    #: Servers whose end was asked for, as often as it was; and with what that is answered.
    stops: list[tuple[str, str]] = field(default_factory=list)
    stop_status: int = 202

    def __post_init__(self) -> None:
        for name in [*MEMBERS, "zoe", "root", "nobody"]:
            self.tokens[name] = self.user(name, scopes_of(name))

    @staticmethod
    def user(name: str, scopes: list[str], **more: Any) -> dict[str, Any]:
        return {"kind": "user", "name": name, "groups": [], "scopes": scopes, **more}

    def app(self) -> Application:
        hub = self

        class Me(RequestHandler):
            def get(self) -> None:
                token = self.request.headers.get("Authorization", "").partition(" ")[2]
                if hub.down:
                    self.set_status(500)
                elif token in hub.tokens:
                    self.write(hub.tokens[token])
                else:
                    self.set_status(403)
                    self.write({"message": "no"})

        class Users(RequestHandler):
            def get(self) -> None:
                if hub.down:
                    self.set_status(500)
                    return
                offset = int(self.get_argument("offset"))
                names = sorted(hub.servers)
                items = [{"name": n, "servers": {s: {"ready": True} for s in hub.servers[n]}} for n in names]
                following = {"offset": offset + 1} if offset + 1 < len(items) else None
                self.finish(json.dumps({"items": items[offset : offset + 1], "_pagination": {"next": following}}))

        class Token(RequestHandler):
            def post(self) -> None:
                user, challenge = hub.codes.pop(self.get_argument("code"), ("", ""))
                digest = hashlib.sha256(self.get_argument("code_verifier", "").encode()).digest()
                if not user or base64.urlsafe_b64encode(digest).decode().rstrip("=") != challenge:
                    self.set_status(400)
                    return
                self.write({"access_token": user})

        class Server(RequestHandler):
            def delete(self, user: str, server: str = "") -> None:
                hub.stops.append((user, server))
                self.set_status(500 if hub.down else hub.stop_status)

        routes = [
            ("/hub/api/user", Me),
            ("/hub/api/users", Users),
            ("/hub/api/users/([^/]+)/servers/([^/]+)", Server),
            ("/hub/api/users/([^/]+)/server", Server),
            ("/hub/api/oauth2/token", Token),
        ]
        return Application(routes, log_function=lambda _: None)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Service:
    """A running service."""

    url: str
    hub: FakeHub
    memory: MemoryBackend
    database: Database
    context: Context
    clients: dict[str | None, httpx.AsyncClient] = field(default_factory=dict)

    def client(self, token: str | None = "mia") -> httpx.AsyncClient:
        """A client with a token; the tokens are the names of their users."""
        if token not in self.clients:
            headers = {"Authorization": f"token {token}"} if token else {}
            # Making a client with certificates takes longer than most tests.
            self.clients[token] = httpx.AsyncClient(base_url=self.url + API, headers=headers, timeout=30, verify=False)
        return self.clients[token]

    async def submit(self, user: str = "mia", group: str = "physics", **changes: Any) -> str:
        """A job's id."""
        answer = await self.client(user).post(f"/groups/{group}/jobs", json={**BODY, **changes})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def job(self, job: str, user: str = "mia", group: str = "physics") -> dict[str, Any]:
        """A job as it is now."""
        answer = await self.client(user).get(f"/groups/{group}/jobs/{job}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def round(self, times: int = 1) -> None:
        """Rounds of the controller."""
        assert self.context.controller is not None
        for _ in range(times):
            assert await self.context.controller.round()


def template(folder: Path) -> Path:
    """A seeded database file to copy."""
    database = Database.open(Settings.at(folder))
    with database.write() as uow:
        seed(uow)
    database.close()
    return folder / "collegium.sqlite"


def copy_of(template: Path, folder: Path) -> Database:
    """A database of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(template, folder / "collegium.sqlite")
    return Database(f"sqlite:///{folder / 'collegium.sqlite'}")


async def listen(server: HTTPServer) -> str:
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    return f"http://127.0.0.1:{sockets[0].getsockname()[1]}"


@asynccontextmanager
async def running_hub() -> AsyncIterator[FakeHub]:
    hub = FakeHub()
    server = HTTPServer(hub.app())
    hub.url = await listen(server)
    try:
        yield hub
    finally:
        server.stop()
        await server.close_all_connections()


@asynccontextmanager
async def running_service(
    database: Database,
    hub: FakeHub,
    *,
    memory: MemoryBackend | None = None,
    clock: Callable[[], datetime] = now,
    control: bool = True,
    token: str = "service-token",
    options: ControlOptions | None = None,
    broker: Broker | None = None,
    mailer: Mailer | None = None,
    cipher: Cipher | None = None,
    lookup: Lookup | None = None,
    public_url: str = "",
    store: FileStore | None = None,
) -> AsyncIterator[Service]:
    memory = memory or MemoryBackend()
    auth = BrowserStateOAuth(
        api_url=f"{hub.url}/hub/api",
        api_token=token,
        oauth_client_id="service-collegium",
        base_url=PREFIX,
        cache_max_age=10,
    )
    servers = HubServers(f"{hub.url}/hub/api", token) if options is not None else None
    folder = tempfile.TemporaryDirectory()
    store = store or PosixStore(Path(folder.name) / "files")
    context = make_context(
        database,
        memory.backend,
        auth,
        store=store,
        prefix=PREFIX,
        control=control,
        servers=servers,
        clock=clock,
        options=options,
        broker=broker,
        mailer=mailer,
        cipher=cipher or Cipher.generate(),
        lookup=lookup,
        public_url=public_url,
    )
    server = serve(build_app(context, b"x" * 32))
    service = Service(await listen(server), hub, memory, database, context)
    try:
        yield service
    finally:
        for client in service.clients.values():
            await client.aclose()
        server.stop()
        await server.close_all_connections()
        await asyncio.sleep(0)
        await context.file_parts.close()
        await context.dataset_parts.close()
        folder.cleanup()
        await close_hub_client()


async def close_hub_client() -> None:
    """JupyterHub keeps one HTTP client per event loop."""
    from jupyterhub.httpclient import JupyterHubHTTPClient

    await JupyterHubHTTPClient.loop_instance().close()


async def killed(*_: Any, **__: Any) -> None:
    """In place of a call that never came back."""
    await asyncio.get_running_loop().create_future()


class Kept:
    """A store that another service still uses."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def close(self) -> None:
        """Not yet."""
