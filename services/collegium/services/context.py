"""What the parts of the process are and who gets which: the only wiring."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collegium.backends.ports import Backend
from collegium.cipher import Cipher
from collegium.db import Database
from collegium.db.engine import now
from collegium.identity.people import Broker
from collegium.identity.settings import KeycloakSettings
from collegium.services.activity.service import ActivityService
from collegium.services.audit.refused import RefusedAttempts
from collegium.services.audit.service import AuditService
from collegium.services.auth import HUB_PATIENCE, OUTAGE_GRACE, Gate
from collegium.services.controller.loop import Controller
from collegium.services.controller.options import ControlOptions
from collegium.services.controller.servers import ServerSource
from collegium.services.datasets.copies import Copies
from collegium.services.datasets.grants import GrantService
from collegium.services.datasets.parts import DatasetParts
from collegium.services.datasets.platform import PlatformDatasetService
from collegium.services.datasets.service import DatasetService
from collegium.services.datasets.versions import VersionService
from collegium.services.feed import Feed
from collegium.services.files.archive import ArchiveService
from collegium.services.files.content import ContentService
from collegium.services.files.parts import FileParts
from collegium.services.files.places import Places
from collegium.services.files.preview import PreviewService
from collegium.services.files.service import SharedFilesService
from collegium.services.files.storage import StorageService
from collegium.services.files.tasks import FileTaskService
from collegium.services.files.trash import TrashService
from collegium.services.groups.service import GroupService
from collegium.services.health import Health
from collegium.services.identity.links import Links
from collegium.services.identity.service import IdentityService
from collegium.services.invitations.guests import GuestService
from collegium.services.invitations.service import InvitationService
from collegium.services.jobs.bulk import BulkService
from collegium.services.jobs.figures import FigureService
from collegium.services.jobs.files import FileService
from collegium.services.jobs.follow import LogService
from collegium.services.jobs.service import JobService
from collegium.services.mail import Mailer
from collegium.services.members.service import MemberService
from collegium.services.metrics import Metrics
from collegium.services.notifications.own import OwnService
from collegium.services.notifications.post import Post
from collegium.services.notifications.resolve import Lookup, Names
from collegium.services.notifications.service import ChannelService
from collegium.services.queues.service import QueueService
from collegium.services.run_tokens import RunTokens
from collegium.services.schedules.service import ScheduleService
from collegium.services.secrets.service import SecretService
from collegium.services.shares.access import ShareAccess
from collegium.services.shares.service import ShareService
from collegium.services.sweeps.service import SweepService
from collegium.services.uploads.direct import DirectUploads
from collegium.services.uploads.ends import Ends
from collegium.services.uploads.service import UploadService
from collegium.services.users.service import UserService
from collegium.services.users.transfer import Transfer
from collegium.services.volumes.secrets import PlatformSecretService
from collegium.services.volumes.service import VolumeService
from collegium.stores.port import FileStore


@dataclass
class Context:
    """All parts of one process. ``controller`` is None where another process controls."""

    database: Database
    backend: Backend
    gate: Gate
    metrics: Metrics
    feed: Feed
    groups: GroupService
    jobs: JobService
    bulk: BulkService
    activity: ActivityService
    queues: QueueService
    schedules: ScheduleService
    sweeps: SweepService
    secrets: SecretService
    channels: ChannelService
    own_notifications: OwnService
    logs: LogService
    files: FileService
    store: FileStore
    places: Places
    storage: StorageService
    shared_files: SharedFilesService
    contents: ContentService
    previews: PreviewService
    archives: ArchiveService
    file_tasks: FileTaskService
    trash: TrashService
    file_parts: FileParts
    uploads: UploadService
    direct_uploads: DirectUploads
    shares: ShareService
    share_access: ShareAccess
    datasets: DatasetService
    dataset_versions: VersionService
    dataset_grants: GrantService
    platform_datasets: PlatformDatasetService
    dataset_parts: DatasetParts
    volumes: VolumeService
    platform_secrets: PlatformSecretService
    figures: FigureService
    health: Health
    members: MemberService
    audit: AuditService
    refused: RefusedAttempts
    identity: IdentityService
    invitations: InvitationService
    guests: GuestService
    users: UserService
    transfer: Transfer
    broker: Broker | None
    controller: Controller | None
    prefix: str
    cipher: Cipher
    #: Scheme and host under which browsers find this, empty if nobody said.
    public_url: str
    wake: asyncio.Event
    #: Open streams per user, so that one person cannot hold them all.
    streams: Counter[str] = field(default_factory=Counter)
    #: Requests under way that are not streams.
    busy: int = 0


def make_context(
    database: Database,
    backend: Backend,
    hub_auth: Any,
    *,
    store: FileStore,
    prefix: str = "/",
    control: bool = True,
    servers: ServerSource | None = None,
    clock: Callable[[], datetime] = now,
    options: ControlOptions | None = None,
    broker: Broker | None = None,
    mailer: Mailer | None = None,
    cipher: Cipher | None = None,
    lookup: Lookup | None = None,
    public_url: str = "",
) -> Context:
    """Wire a process. ``store`` holds the files of groups, and is closed with ``file_parts``; ``servers`` tells which
    servers live (None: nobody knows, so none is ever swept); ``broker`` changes accounts (None: what the settings say);
    without a ``cipher`` no secret is kept; ``lookup`` resolves names (None: as the system does)."""
    wake, metrics = asyncio.Event(), Metrics()
    cipher, mailer, lookup = cipher or Cipher.without(), mailer or Mailer(None), lookup or Names()
    options = options or ControlOptions()
    broker = broker or _broker(options.keycloak, database)
    known = options.keycloak is not None
    guests = GuestService(database, broker, known, clock)
    users = UserService(database, broker, known, clock)
    portal = f"{public_url.rstrip('/')}{prefix}portal" if public_url else ""
    post = Post(mailer, cipher, options.notifications, lookup, portal)
    data = DatasetParts.make(database, backend, store, cipher, lookup, options.datasets)
    parts = FileParts.make(database, store, data.places, backend.mounts, options.files, clock)
    ends = Ends(database, store, clock)
    uploads = UploadService(database, parts.places, ends, clock, options.uploads)
    access = ShareAccess(database, parts.places, cipher, options.files, clock)
    controller = None
    if control:
        controller = Controller(
            database,
            backend,
            metrics,
            wake,
            servers,
            clock,
            options,
            cipher,
            post,
            store=store,
            files=parts,
            uploads=ends,
            datasets=data,
        )
    keycloak = options.keycloak
    grace = timedelta(seconds=keycloak.outage_grace) if keycloak else OUTAGE_GRACE
    # The hub asks Keycloak before it answers; a Keycloak that hangs must not make reading fail.
    patience = HUB_PATIENCE + (keycloak.patience if keycloak else 0.0)
    return Context(
        database=database,
        backend=backend,
        gate=Gate(hub_auth, database, grace, clock, patience, RunTokens(cipher, clock)),
        metrics=metrics,
        feed=Feed(database),
        groups=GroupService(database, backend.notice, Links(hub_auth.hub_prefix, keycloak)),
        jobs=JobService(database, backend, wake.set, clock, options.bounds),
        bulk=BulkService(database, wake.set, clock),
        activity=ActivityService(database),
        queues=QueueService(database, wake.set, clock, options.bounds, options.files),
        schedules=ScheduleService(database, wake.set, clock),
        sweeps=SweepService(database, backend, wake.set, clock, options.bounds),
        secrets=SecretService(database, cipher, clock),
        channels=ChannelService(database, wake.set, clock, mailer, cipher, options.notifications, lookup),
        own_notifications=OwnService(database, mailer, options.notifications),
        logs=LogService(database, backend.logs),
        files=FileService(database, backend.volumes, options.bounds),
        store=store,
        places=parts.places,
        storage=parts.storage,
        shared_files=parts.browse,
        contents=parts.contents,
        previews=parts.previews,
        archives=parts.archives,
        file_tasks=parts.tasks,
        trash=parts.trash,
        file_parts=parts,
        uploads=uploads,
        direct_uploads=DirectUploads(uploads),
        shares=ShareService(database, parts.places, access, cipher, options.files, clock),
        share_access=access,
        datasets=DatasetService(database, wake.set, clock, data.reach, Copies(parts.places, parts.tasks), data.mounted),
        dataset_versions=VersionService(database, wake.set, clock, data.manifests),
        dataset_grants=GrantService(database, clock),
        platform_datasets=PlatformDatasetService(database, wake.set, clock),
        dataset_parts=data,
        volumes=VolumeService(database, wake.set, clock),
        platform_secrets=PlatformSecretService(database, cipher, wake.set, clock),
        figures=FigureService(database, backend.logs),
        health=Health(database, backend, clock, controller),
        members=MemberService(database),
        audit=AuditService(database),
        refused=RefusedAttempts(database, clock),
        identity=IdentityService(database, keycloak),
        invitations=InvitationService(database, broker, known, mailer, clock),
        guests=guests,
        users=users,
        transfer=Transfer(users),
        broker=broker,
        controller=controller,
        prefix=prefix,
        cipher=cipher,
        public_url=public_url,
        wake=wake,
    )


def _broker(keycloak: KeycloakSettings | None, database: Database) -> Broker | None:
    if keycloak is None or keycloak.accounts is None:
        return None
    # Its library is an extra, so it is imported only where it is wanted.
    from collegium.identity.accounts import Accounts

    return Accounts(keycloak, database)
