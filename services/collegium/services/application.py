"""The process: options, start, and end. ``collegium-service`` or ``python -m collegium.services``."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import ssl
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from jupyterhub.utils import make_ssl_context
from traitlets import Bool, CaselessStrEnum, Dict, Float, Integer, List, Unicode, default
from traitlets.config import Application

from collegium.backends.ports import Backend
from collegium.backends.registry import load_backend
from collegium.cipher import Cipher
from collegium.db import Database
from collegium.domain.errors import DomainError
from collegium.domain.queues import JobBounds
from collegium.domain.shares import FileBounds, ShareLinks
from collegium.domain.uploads import UploadOptions
from collegium.hub.scopes import SERVICE
from collegium.identity.settings import KeycloakSettings
from collegium.services import VERSION
from collegium.services.app import ROUTES, build_app, serve
from collegium.services.auth import TOKEN_CACHE_SECONDS
from collegium.services.context import Context, make_context
from collegium.services.controller.options import ControlOptions
from collegium.services.controller.revocation import RevocationPolicy
from collegium.services.controller.servers import HubServers
from collegium.services.datasets.options import DatasetOptions
from collegium.services.jsonlog import set_up
from collegium.services.mail import Mailer, MailSettings
from collegium.services.notifications.options import NotificationOptions
from collegium.services.oauth import BrowserStateOAuth
from collegium.services.process import bind, die_with, drain, until_stopped
from collegium.services.startup import open_database
from collegium.settings import Settings
from collegium.stores.opening import open_store
from collegium.stores.port import FileStore
from collegium.stores.settings import FileSettings

#: What a process that only controls answers.
CONTROLLER_ROUTES = ("health", "health/live", "health/ready", "metrics")
#: Seconds that the backend has to let go of its connections at the end.
CLOSING = 10.0
T = TypeVar("T")
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
        help="Options of the backend's factory. For ``local``, ``state_dir`` and ``homes_dir`` come from the settings;"
        " for ``kubernetes``, ``settings`` from COLLEGIUM_KUBERNETES, and ``identity`` is off in role ``api``."
    ).tag(config=True)
    config_file = Unicode(help="A configuration file, as for JupyterHub.").tag(config=True)
    die_with_parent = Bool(
        help="End when the process that started this one ends. On for a service that the hub manages."
    ).tag(config=True)
    bind_patience = Float(15.0, help="Seconds to wait for an earlier instance to let go of the port.").tag(config=True)
    database_patience = Float(300.0, help="Seconds to wait at the start for a database that does not answer.").tag(
        config=True
    )
    drain_seconds = Float(3.0, help="Seconds that requests under way have to finish at the end.").tag(config=True)

    revocation_grace = Integer(
        900,
        help="Seconds that work goes on when its owner is no member of the group any more. That of a disabled or"
        " deleted account ends at once.",
        min=0,
    ).tag(config=True)
    revocation_servers = CaselessStrEnum(
        ["stop", "keep"], default_value="stop", help="What then becomes of servers."
    ).tag(config=True)
    revocation_jobs = CaselessStrEnum(
        ["cancel", "finish"], default_value="cancel", help="What then becomes of jobs that run."
    ).tag(config=True)
    service_address = Unicode(
        help="Scheme, host and port at which runs of jobs reach this service, such as http://127.0.0.1:10101. They are"
        " told it as COLLEGIUM_SERVICE_URL; empty tells nothing."
    ).tag(config=True)
    public_url = Unicode(
        help="Scheme and host under which browsers find this, for links in invitations and notifications; taken from"
        " JUPYTERHUB_PUBLIC_URL, else from the request that makes an invitation."
    ).tag(config=True)
    mail = Dict(
        help="The mail server for invitations: host, port, security (none, starttls, tls), user, password_file, sender,"
        " ca_file; taken from COLLEGIUM_MAIL if not given. Without one, links are passed on by hand."
    ).tag(config=True)
    job_timeout = Integer(
        0, help="Time limit in seconds of jobs that name none, in groups that set none. 0 is none.", min=0
    ).tag(config=True)
    job_timeout_max = Integer(
        0, help="Longest time limit in seconds that a group or job may have. 0 is no bound.", min=0
    ).tag(config=True)
    artifact_days = Integer(
        0, help="Days for which artifacts of jobs are kept, in groups that set none. 0 is for ever.", min=0
    ).tag(config=True)
    artifact_days_max = Integer(0, help="Most days for which a group may keep artifacts. 0 is no bound.", min=0).tag(
        config=True
    )
    notification_networks = List(
        Unicode(),
        help="Networks beside the public internet that webhooks may lead to, such as 10.1.0.0/16. Whatever is not"
        " public is refused without.",
    ).tag(config=True)
    notification_mail_domains = List(
        Unicode(), help="Domains that notifications are mailed to, such as example.org. Any without."
    ).tag(config=True)
    notification_days = Integer(30, help="Days for which it is known which notifications were sent.", min=1).tag(
        config=True
    )
    share_links = CaselessStrEnum(
        [s.value for s in ShareLinks],
        default_value="members",
        help="Whom share links open files for in groups whose admins set nothing: nobody, members of the group,"
        " whoever is logged in, or (where the link is made so) everybody who has it.",
    ).tag(config=True)
    share_links_max = CaselessStrEnum(
        [s.value for s in ShareLinks], default_value="public", help="The most that a group's admins may allow."
    ).tag(config=True)
    trash_days = Integer(
        30, help="Days for which deleted files are kept where a group's admins set nothing.", min=0
    ).tag(config=True)
    trash_days_max = Integer(0, help="Most days for which a group may keep deleted files. 0 is no bound.", min=0).tag(
        config=True
    )
    upload_days = Integer(7, help="Days after its last byte for which an upload can be gone on with.", min=1).tag(
        config=True
    )
    upload_size_max = Integer(0, help="Bytes of a file that may be uploaded at most. 0 is no bound.", min=0).tag(
        config=True
    )
    dataset_networks = List(
        Unicode(),
        help="Networks beside the public internet that git and S3 sources of groups' datasets may lead to, such as"
        " 10.1.0.0/16. Those that platform admins define may lead anywhere.",
    ).tag(config=True)
    dataset_ca_file = Unicode(
        help="File of authorities, in PEM, whose certificates are believed of git and S3 servers; the system's without."
    ).tag(config=True)
    dataset_fetch_dir = Unicode(
        help="Folder with room for the largest git source, which is fetched there; one in the state directory without."
    ).tag(config=True)
    dataset_fetch_seconds = Integer(1800, help="Longest time that fetching a git source may take.", min=1).tag(
        config=True
    )
    dataset_fetch_bytes = Integer(20 << 30, help="Most bytes that a revision of a git source may have.", min=1).tag(
        config=True
    )
    audit_days = Integer(365, help="Days for which the audit log is kept.", min=1).tag(config=True)

    @default("address")
    def _address(self) -> str:
        return urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).hostname or "127.0.0.1"

    @default("port")
    def _port(self) -> int:
        return urlsplit(os.environ.get("JUPYTERHUB_SERVICE_URL", "")).port or 10101

    @default("prefix")
    def _prefix(self) -> str:
        return os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or f"/services/{SERVICE}/"

    @default("public_url")
    def _public_url(self) -> str:
        parts = urlsplit(os.environ.get("JUPYTERHUB_PUBLIC_URL", ""))
        return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""

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
        """Run until told to stop. What the operator can mend is told in one line."""
        try:
            asyncio.run(self.run())
        except DomainError as error:
            _log.critical("cannot go on: %s", error)
            raise SystemExit(1) from None

    async def run(self) -> None:
        """Serve and control until SIGTERM."""
        settings = Settings.from_environment()
        stopped = asyncio.create_task(until_stopped())
        database = await self._unless(stopped, open_database(settings, self.database_patience))
        if database is None:
            return
        try:
            cipher = await asyncio.to_thread(self._cipher, settings)
            store = await asyncio.to_thread(self._open_store, settings)
            backend = await asyncio.to_thread(self._load_backend, settings, cipher)
            try:
                context = self.make_context(database, backend, cipher, store)
                try:
                    await self._serve(context, stopped)
                finally:
                    await context.file_parts.close()
                    await context.dataset_parts.close()
            finally:
                if backend.close is not None:
                    async with asyncio.timeout(CLOSING):
                        await backend.close()
        finally:
            stopped.cancel()
            await asyncio.to_thread(database.close)

    async def _unless(self, stopped: asyncio.Task[None], work: Coroutine[Any, Any, T]) -> T | None:
        """The result of ``work``, or None if the process was told to stop first."""
        task = asyncio.create_task(work)
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        task.cancel()
        return None

    async def _serve(self, context: Context, stopped: asyncio.Task[None]) -> None:
        sockets = await bind(self.port, self.address, self.bind_patience)
        routes = [r for r in ROUTES if self.role != "controller" or r.path in CONTROLLER_ROUTES]
        server = serve(build_app(context, self._cookie_secret(context), routes))
        server.add_sockets(sockets)
        _log.info("%s %s listens on %s:%d%s", self.name, self.role, self.address, self.port, self.prefix)
        await self._work(context, stopped)
        _log.info("stopping")
        await drain(server, self.drain_seconds, lambda: context.busy)
        await context.refused.settle()
        if context.broker is not None:
            await context.broker.close()

    async def _work(self, context: Context, stopped: asyncio.Task[None]) -> None:
        controller = asyncio.create_task(context.controller.run()) if context.controller else None
        # Submits of other processes: without this they would wait for the next round.
        ear = asyncio.create_task(context.database.listen(context.wake.set)) if controller else None
        # Where accounts may be changed, which a process that only controls may not.
        settling = asyncio.create_task(context.guests.keep_settled()) if self.role != "controller" else None
        try:
            done, _ = await asyncio.wait([t for t in (controller, stopped) if t], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                # A controller never ends by itself; if it does, the process must not live on half dead.
                task.result()
        finally:
            tasks = [t for t in (controller, ear, settling) if t]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def make_context(self, database: Database, backend: Backend, cipher: Cipher, store: FileStore) -> Context:
        """Wire the parts."""
        auth = BrowserStateOAuth(parent=self, cache_max_age=TOKEN_CACHE_SECONDS)
        tls: ssl.SSLContext | None = None
        if auth.certfile:
            tls = make_ssl_context(auth.keyfile, auth.certfile, cafile=auth.client_ca)
        servers = HubServers(auth.api_url, auth.api_token, tls)
        options = ControlOptions(
            RevocationPolicy(timedelta(seconds=self.revocation_grace), self.revocation_servers, self.revocation_jobs),
            timedelta(days=self.audit_days),
            service_url=f"{self.service_address.rstrip('/')}{self.prefix.rstrip('/')}" if self.service_address else "",
            keycloak=KeycloakSettings.from_environment(),
            files=FileBounds(
                ShareLinks(self.share_links), ShareLinks(self.share_links_max), self.trash_days, self.trash_days_max
            ),
            uploads=UploadOptions(self.upload_size_max, timedelta(days=self.upload_days)),
            bounds=JobBounds(self.job_timeout, self.job_timeout_max, self.artifact_days, self.artifact_days_max),
            datasets=DatasetOptions.read(
                self.dataset_networks,
                self.dataset_ca_file,
                self.dataset_fetch_seconds,
                self.dataset_fetch_bytes,
                Settings.from_environment().state_dir / "fetches",
                self.dataset_fetch_dir,
            ),
            notifications=NotificationOptions.read(
                self.notification_networks, self.notification_mail_domains, self.notification_days
            ),
        )
        return make_context(
            database,
            backend,
            auth,
            store=store,
            prefix=self.prefix,
            control=self.role != "api",
            servers=servers,
            options=options,
            mailer=Mailer(MailSettings.from_mapping(self.mail) if self.mail else MailSettings.from_environment()),
            cipher=cipher,
            public_url=self.public_url,
        )

    def _cipher(self, settings: Settings) -> Cipher:
        # Parts that run beside one another must be given the same key; one of them making its own would be no help.
        cipher = Cipher.from_settings(settings, make=self.role == "all")
        if not cipher.ready:
            _log.error("no secret can be kept or read: %s", cipher.problem)
        return cipher

    def _open_store(self, settings: Settings) -> FileStore:
        folder = settings.files_dir
        if self.backend == "kubernetes":
            from collegium.backends.kubernetes.settings import KubernetesSettings

            known = self.backend_options.get("settings") or KubernetesSettings.from_environment()
            # Pods mount the same volume, and of this folder what is their group's.
            if known:
                place = Path(known.files_dir) / "shared"
                return open_store(FileSettings.from_environment(), place, known.uid, known.gid)
        return open_store(FileSettings.from_environment(), folder)

    def _load_backend(self, settings: Settings, cipher: Cipher) -> Backend:
        options = dict(self.backend_options)
        if self.backend == "local":
            places = {"state_dir": settings.state_dir / "local", "homes_dir": settings.homes_dir}
            options = {**places, "files_dir": FileSettings.from_environment().on_disk(settings.files_dir), **options}
        elif self.backend == "kubernetes":
            # Only where it is wanted: its libraries are an extra.
            from collegium.backends.kubernetes.settings import KubernetesSettings

            identity = self.role != "api"
            own = {"settings": KubernetesSettings.from_environment(), "identity": identity, "cipher": cipher}
            options = {**own, **options}
        return load_backend(self.backend, **options)

    def _cookie_secret(self, context: Context) -> bytes:
        # The same for all replicas and after a restart, without a secret more to keep.
        return hmac.digest(context.gate.hub_auth.api_token.encode(), b"collegium cookie", hashlib.sha256)


def main() -> None:
    """Entry point ``collegium-service``."""
    CollegiumService.launch_instance()
