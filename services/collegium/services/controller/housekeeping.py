"""Slow work: places whose workload is gone, and things that nobody needs any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from collegium.backends.ports import Backend
from collegium.catalog.mounts import end_uses
from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError
from collegium.domain.jobs import JobState
from collegium.domain.quota import Reservation, WorkloadKind
from collegium.quota.ledger import Ledger
from collegium.quota.servers import tell_of_server
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.controller.options import ControlOptions
from collegium.services.controller.remains import Remains
from collegium.services.controller.revocation import RevocationSweep
from collegium.services.controller.servers import ServerSource
from collegium.services.controller.spaces import GroupSpaces
from collegium.services.jobs.runner import known_jobs
from collegium.services.metrics import Metrics
from collegium.stores.port import FileStore

#: How long a place outlives the last sight of its workload.
GRACE = timedelta(seconds=60)
#: Files without a row: a submit that died between the two.
ORPHAN_AGE = timedelta(hours=1)
KEY_AGE = timedelta(hours=24)
RELEASED_AGE = timedelta(days=30)
#: How long it is known what became of a schedule's due times.
RUN_AGE = timedelta(days=400)
_log = logging.getLogger("collegium.controller")


class Housekeeping:
    """Each kind of work has its own interval and fails alone."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        lease: Lease,
        servers: ServerSource | None,
        metrics: Metrics,
        clock: Callable[[], datetime],
        options: ControlOptions,
        store: FileStore | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        self.spaces = GroupSpaces(database, backend, metrics, store, cipher)
        self.revocations = RevocationSweep(database, lease, servers, metrics, clock, options.revocation)
        self.remains = Remains(database, backend.volumes, lease, metrics, clock, options.bounds)
        self._audit_age, self._delivery_age = options.audit_age, options.notifications.age
        self._database, self._backend, self._lease, self._servers, self._clock = (
            database,
            backend,
            lease,
            servers,
            clock,
        )
        self._work: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "spaces": (2.0, self.spaces.round),
            "revocations": (2.0, self.revocations.round),
            "remains": (2.0, self.remains.round),
            "jobs": (30.0, self.sweep_jobs),
            "servers": (30.0, self.sweep_servers),
            "orphans": (600.0, self.sweep_orphans),
            "old rows": (600.0, self.forget_old),
        }
        self._due = dict.fromkeys(self._work, 0.0)

    async def round(self) -> None:
        """Whatever is due."""
        moment = asyncio.get_running_loop().time()
        for name, (interval, work) in self._work.items():
            if moment < self._due[name]:
                continue
            self._due[name] = moment + interval
            try:
                await work()
            except LeaseLost:
                raise
            except DomainError as error:
                _log.warning("housekeeping of %s is tried again: %s", name, error)
            except Exception:
                _log.exception("housekeeping of %s failed and is tried again", name)

    def stop(self) -> None:
        """Drop what goes on beside the rounds."""
        self.spaces.stop()
        self.revocations.stop()
        self.remains.stop()

    async def sweep_jobs(self) -> None:
        """Release places of jobs that are not being worked on: no crash leaves one, but a restored backup might."""
        busy = [JobState.PREPARING, JobState.RUNNING]
        alive = await self._database.reading(lambda uow: {j.id for j in uow.jobs.open(busy)})
        await self._sweep(WorkloadKind.JOB, alive)

    async def sweep_servers(self) -> None:
        """Release places of servers that the hub does not list. While the hub does not answer, nothing is released."""
        if self._servers is not None:
            await self._sweep(WorkloadKind.SERVER, await self._servers.alive())

    async def _sweep(self, kind: WorkloadKind, alive: set[str]) -> None:
        live = await self._database.reading(lambda uow: uow.reservations.live(kinds=[kind]))
        if all(r.workload_id in alive for r in live):
            return

        def sweep(uow: UnitOfWork) -> list[Reservation]:
            gone = Ledger().sweep(uow, kind, alive, GRACE)
            for r in gone:
                end_uses(uow, kind, r.workload_id, self._clock())
                if kind is WorkloadKind.SERVER:
                    text = "The hub does not list this server any more; its place was given back."
                    tell_of_server(uow, r, "Stopped", "Gone", text, self._clock())
            return gone

        for r in await self._lease.write(sweep):
            _log.warning("released the place of %s %s", r.kind, r.workload_id)

    async def sweep_orphans(self) -> None:
        """Discard files of jobs that have no row, once they are old enough to belong to no submit under way."""
        border = self._clock() - ORPHAN_AGE
        old = [job_id for job_id, since in (await self._backend.volumes.snapshots()).items() if since < border]
        known = await known_jobs(self._database, old)
        # Of sweeps, until all their jobs have them.
        known |= await self._database.reading(lambda uow: {s.id for s in uow.sweeps.open()})
        for job_id in old:
            if job_id not in known:
                _log.warning("discarding files of %s, which has no row", job_id)
                await self._backend.volumes.discard(job_id)

    async def forget_old(self) -> None:
        """Delete keys, released reservations, lines of the audit log, runs of schedules, deleted sweeps and share
        links that are past their age."""

        def forget(uow: UnitOfWork) -> None:
            uow.idempotency_keys.delete_before(self._clock() - KEY_AGE)
            uow.reservations.delete_released_before(self._clock() - RELEASED_AGE)
            uow.audit.delete_before(self._clock() - self._audit_age)
            uow.schedule_runs.delete_before(self._clock() - RUN_AGE)
            uow.deliveries.delete_before(self._clock() - self._delivery_age)
            uow.sweeps.forget_deleted(self._clock() - RELEASED_AGE)
            uow.shares.forget(self._clock() - RELEASED_AGE)

        await self._lease.write(forget)
