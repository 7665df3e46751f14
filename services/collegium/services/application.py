"""The process: options, start, and end. ``collegium-service`` or ``python -m collegium.services``."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import ssl
from typing import Any
from urllib.parse import urlsplit

from jupyterhub.services.auth import HubOAuth
from jupyterhub.utils import make_ssl_context
from traitlets import Bool, CaselessStrEnum, Dict, Float, Integer, Unicode, default
from traitlets.config import Application

from collegium.backends.ports import Backend
from collegium.backends.registry import load_backend
from collegium.db import Database
from collegium.hub.scopes import SERVICE
from collegium.services import VERSION
from collegium.services.app import ROUTES, build_app, serve
from collegium.services.auth import TOKEN_CACHE_SECONDS
from collegium.services.context import Context, make_context
from collegium.services.controller.servers import HubServers
from collegium.services.jsonlog import set_up
from collegium.services.process import bind, die_with, drain, until_stopped
from collegium.settings import Settings

_log = logging.getLogger("collegium.services")


class CollegiumService(Application):
    """The service program of Collegium.

    Where its data is comes from COLLEGIUM_STATE_DIR and COLLEGIUM_DATABASE_URL; who it is at the hub from the
    JUPYTERHUB_* variables that the hub gives its services.
    """

    name = "collegium-service"
    version = VERSION
    description = "REST API and job controller of Collegium, a JupyterHub service."
    aliases = {  # noqa: RUF012 - traitlets declares it so
        "role": "CollegiumService.role",
        "address": "CollegiumService.address",
        "port": "CollegiumService.port",
        "backend": "CollegiumService.backend",
        "config": "CollegiumService.config_file",
        "log-level": "Application.log_level",
    }
    flags = {}  # noqa: RUF012

    role = CaselessStrEnum(
        ["api", "controller", "all"],
        default_value="all",
        help="``api`` answers requests, ``controller`` runs jobs, ``all`` does both. Any number of processes may be"
        " ``api``; of those that may control, one at a time does.",
    ).tag(config=True)
    address = Unicode(help="Address to listen on; taken from JUPYTERHUB_SERVICE_URL if not given.").tag(config=True)
    port = Integer(help="Port to listen on; taken from JUPYTERHUB_SERVICE_URL if not given.").tag(config=True)
    prefix = Unicode(help="Where the service is below the proxy; taken from JUPYTERHUB_SERVICE_PREFIX.").tag(
        config=True
    )
    backend = Unicode("local", help="Entry point of group ``collegium.backends``.").tag(config=True)
    backend_options = Dict(
        help="Options of the backend's factory. For ``local``, ``state_dir`` and ``homes_dir`` come from the settings."
    ).tag(config=True)
    config_file = Unicode(help="A configuration file, as for JupyterHub.").tag(config=True)
    die_with_parent = Bool(
        help="End when the process that started this one ends. On for a service that the hub manages."
    ).tag(config=True)
    bind_patience = Float(15.0, help="Seconds to wait for an earlier instance to let go of the port.").tag(config=True)
    drain_seconds = Float(3.0, help="Seconds that requests under way have to finish at the end.").tag(config=True)

    @default("address")
    def _address(self) -> str:
        return urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).hostname or "127.0.0.1"

    @default("port")
    def _port(self) -> int:
        return urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).port or 10101

    @default("prefix")
    def _prefix(self) -> str:
        return os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or f"/services/{SERVICE}/"

    @default("die_with_parent")
    def _die_with_parent(self) -> bool:
        return "JUPYTERHUB_SERVICE_NAME" in os.environ

    @default("log_level")
    def _log_level(self) -> int:
        return logging.INFO

    def initialize(self, argv: Any = None) -> None:
        """Read options, and a configuration file if one is named; what the command line says wins."""
        parent = os.getppid()
        super().initialize(argv)
        if self.config_file:
            from_command_line = self.cli_config
            self.load_config_file(self.config_file)
            self.update_config(from_command_line)
        set_up(str(self.log_level))
        if self.die_with_parent:
            die_with(parent)

    def start(self) -> None:
        """Run until told to stop."""
        asyncio.run(self.run())

    async def run(self) -> None:
        """Serve and control until SIGTERM."""
        settings = Settings.from_environment()
        database = await asyncio.to_thread(Database.open, settings)
        try:
            context = self.make_context(database, await asyncio.to_thread(self._load_backend, settings))
            sockets = await bind(self.port, self.address, self.bind_patience)
            routes = [r for r in ROUTES if self.role != "controller" or r.path in ("health", "metrics")]
            server = serve(build_app(context, self._cookie_secret(context), routes))
            server.add_sockets(sockets)
            _log.info("%s %s listens on %s:%d%s", self.name, self.role, self.address, self.port, self.prefix)
            await self._work(context)
            _log.info("stopping")
            await drain(server, self.drain_seconds, lambda: context.busy)
        finally:
            await asyncio.to_thread(database.close)

    async def _work(self, context: Context) -> None:
        controller = asyncio.create_task(context.controller.run()) if context.controller else None
        stopped = asyncio.create_task(until_stopped())
        tasks = [t for t in (controller, stopped) if t]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                # A controller never ends by itself; if it does, the process must not live on half dead.
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def make_context(self, database: Database, backend: Backend) -> Context:
        """Wire the parts."""
        auth = HubOAuth(parent=self, cache_max_age=TOKEN_CACHE_SECONDS)
        tls: ssl.SSLContext | None = None
        if auth.certfile:
            tls = make_ssl_context(auth.keyfile, auth.certfile, cafile=auth.client_ca)
        servers = HubServers(auth.api_url, auth.api_token, tls)
        return make_context(database, backend, auth, prefix=self.prefix, control=self.role != "api", servers=servers)

    def _load_backend(self, settings: Settings) -> Backend:
        options = dict(self.backend_options)
        if self.backend == "local":
            options = {"state_dir": settings.state_dir / "local", "homes_dir": settings.homes_dir, **options}
        return load_backend(self.backend, **options)

    def _cookie_secret(self, context: Context) -> bytes:
        # The same for all replicas and after a restart, without a secret more to keep.
        return hmac.digest(context.gate.hub_auth.api_token.encode(), b"collegium cookie", hashlib.sha256)


def main() -> None:
    """Entry point ``collegium-service``."""
    CollegiumService.launch_instance()
