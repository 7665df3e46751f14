"""Connections and transactions: one place decides how a write is made safe on each database."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

from collegium.db import announce
from collegium.db.accounts import Groups, Memberships, Users
from collegium.db.audit import Audit
from collegium.db.catalog import Catalog
from collegium.db.channels import Channels, OwnNotifications
from collegium.db.dataset_records import DatasetHealth, DatasetUses, DatasetVersions
from collegium.db.datasets import Datasets
from collegium.db.deliveries import Deliveries, NotificationCursors
from collegium.db.dependencies import Dependencies
from collegium.db.events import Events, IdempotencyKeys
from collegium.db.file_tasks import FileTasks, Trash
from collegium.db.group_settings import GroupSettingsRows
from collegium.db.identities import GroupBindings, Identities, Providers, Revocations
from collegium.db.invitations import Invitations
from collegium.db.job_bulk import ManyJobs
from collegium.db.job_files import JobFiles
from collegium.db.jobs import Jobs
from collegium.db.metrics import Metrics
from collegium.db.operations import Leases
from collegium.db.reservations import Reservations
from collegium.db.schedules import ScheduleRuns, Schedules
from collegium.db.secrets import Secrets
from collegium.db.shares import Shares
from collegium.db.stored import Checksums, StoredSizes
from collegium.db.sweeps import Sweeps
from collegium.db.uploads import Uploads
from collegium.db.usage import JobUsage
from collegium.db.volumes import Volumes
from collegium.domain.errors import StorageFull, Unavailable
from collegium.settings import Settings

T = TypeVar("T")
_MIGRATIONS = Path(__file__).parent / "migrations"


class UnitOfWork:
    """All repositories over one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.users = Users(connection)
        self.groups = Groups(connection)
        self.memberships = Memberships(connection)
        self.catalog = Catalog(connection)
        self.reservations = Reservations(connection)
        self.jobs = Jobs(connection)
        self.many_jobs = ManyJobs(connection)
        self.job_files = JobFiles(connection)
        self.dependencies = Dependencies(connection)
        self.metrics = Metrics(connection)
        self.usage = JobUsage(connection)
        self.group_settings = GroupSettingsRows(connection)
        self.events = Events(connection)
        self.idempotency_keys = IdempotencyKeys(connection)
        self.leases = Leases(connection)
        self.identities = Identities(connection)
        self.group_bindings = GroupBindings(connection)
        self.providers = Providers(connection)
        self.revocations = Revocations(connection)
        self.audit = Audit(connection)
        self.invitations = Invitations(connection)
        self.schedules = Schedules(connection)
        self.schedule_runs = ScheduleRuns(connection)
        self.secrets = Secrets(connection)
        self.uploads = Uploads(connection)
        self.shares = Shares(connection)
        self.sweeps = Sweeps(connection)
        self.datasets = Datasets(connection)
        self.dataset_versions = DatasetVersions(connection)
        self.dataset_health = DatasetHealth(connection)
        self.dataset_uses = DatasetUses(connection)
        self.volumes = Volumes(connection)
        self.stored = StoredSizes(connection)
        self.checksums = Checksums(connection)
        self.file_tasks = FileTasks(connection)
        self.trash = Trash(connection)
        self.channels = Channels(connection)
        self.own_notifications = OwnNotifications(connection)
        self.deliveries = Deliveries(connection)
        self.notification_cursors = NotificationCursors(connection)

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that is undone alone if it raises."""
        with self._connection.begin_nested():
            yield

    def announce(self) -> None:
        """Tell other processes, once this is committed, that there is something to do (see ``Database.listen``)."""
        announce.announce(self._connection)


class Database:
    """A database of Collegium. Thread-safe; ``run`` keeps it off the event loop.

    Raises Unavailable where the database does not answer or stays locked, StorageFull where it cannot grow.
    """

    def __init__(self, url: str) -> None:
        self._sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"pool_pre_ping": not self._sqlite}
        if self._sqlite:
            options["connect_args"] = {"timeout": 30, "check_same_thread": False}
        else:
            options["connect_args"] = {
                "options": "-c lock_timeout=30000 -c statement_timeout=60000",
                # A server whose machine is gone says nothing at all: notice it in half a minute, not in two hours.
                "connect_timeout": 10,
                "keepalives_idle": 15,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "tcp_user_timeout": 30000,
            }
        self._engine = sa.create_engine(url, **options)
        if self._sqlite:
            event.listen(self._engine, "connect", _configure_sqlite)
        self._turns = _Turns(url) if self._sqlite else None
        # SQLite has one writer at a time.
        self._writers = ThreadPoolExecutor(1 if self._sqlite else 8, "db-write")
        self._readers = ThreadPoolExecutor(8, "db-read")

    @classmethod
    def open(cls, settings: Settings) -> Self:
        """Open the database of an installation and bring its schema up to date."""
        settings.prepare()
        database = cls(settings.database_url)
        with _one_at_a_time(settings.state_dir / "migrate.lock"):
            database.upgrade()
        if database._sqlite and (path := sa.make_url(settings.database_url).database):
            Path(path).chmod(0o600)
        return database

    def upgrade(self, revision: str = "head") -> None:
        """Run migrations up to ``revision``; a process that finds another at it waits for the other."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self._errors(), self._engine.connect() as connection:
            if not self._sqlite:
                connection.execute(sa.text("SELECT pg_advisory_lock(4701)"))
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
            if not self._sqlite:
                connection.execute(sa.text("SELECT pg_advisory_unlock(4701)"))

    @contextlib.contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """A consistent look; what is written through it is rolled back."""
        with self._errors(), self._engine.connect() as connection:
            if not self._sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            else:
                connection.exec_driver_sql("BEGIN")
            yield UnitOfWork(connection)
            connection.rollback()

    @contextlib.contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """One transaction: durable when the block has ended, undone if it raised."""
        with self._errors(), self._turns or contextlib.nullcontext(), self._engine.connect() as connection:
            if self._sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield UnitOfWork(connection)
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    async def reading(self, function: Callable[[UnitOfWork], T]) -> T:
        """Run ``function`` on a read unit of work in a thread."""

        def call() -> T:
            with self.read() as uow:
                return function(uow)

        return await asyncio.get_running_loop().run_in_executor(self._readers, call)

    async def writing(self, function: Callable[[UnitOfWork], T]) -> T:
        """Run ``function`` on a write unit of work in a thread."""

        def call() -> T:
            with self.write() as uow:
                return function(uow)

        return await asyncio.get_running_loop().run_in_executor(self._writers, call)

    async def listen(self, heard: Callable[[], object]) -> None:
        """Call ``heard`` when another process announced something, until cancelled. Ends at once on SQLite."""
        await announce.listen(self._engine.url, heard)

    def close(self) -> None:
        """Close all connections."""
        self._writers.shutdown()
        self._readers.shutdown()
        self._engine.dispose()
        if self._turns is not None:
            self._turns.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            text = str(error.orig).lower()
            if "full" in text or "no space" in text:
                raise StorageFull("The database has no room to grow; nothing was changed.") from error
            raise Unavailable("The database does not answer now; nothing was changed. Try again.") from error
        except DBAPIError as error:
            if error.connection_invalidated:
                raise Unavailable("The connection to the database broke. Try again.") from error
            raise


class _Turns:
    """Lines up SQLite's writers across threads and processes.

    SQLite's own busy handler sleeps and tries again, so that under load a writer may be passed over for seconds. A file
    lock wakes the next one at once, and the kernel drops it with a killed process. It is a courtesy: what keeps the
    data right is BEGIN IMMEDIATE.
    """

    def __init__(self, url: str) -> None:
        path = sa.make_url(url).database
        self._thread = threading.Lock()
        # Made with the database's rights, beside it; an in-memory database has no other process to line up with.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(f"{path}-turn", flags, 0o600) if path and path != ":memory:" else None

    def __enter__(self) -> None:
        self._thread.acquire()
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._thread.release()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def now() -> datetime:
    """The current moment, UTC, in microseconds."""
    return datetime.now(UTC)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # We begin transactions ourselves: the driver's own habit is to begin late and never IMMEDIATE.
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
