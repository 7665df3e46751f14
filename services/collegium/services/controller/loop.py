"""The controller's round: look, compare, act; again a second later, or at once when something was asked for.

Nothing is remembered that matters: kill the process anywhere, start it again, and the next round goes on from what the
database wants and the backend says.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from collegium.backends.ports import Backend
from collegium.cipher import Cipher
from collegium.db import Database
from collegium.domain.errors import DomainError
from collegium.services.controller.housekeeping import Housekeeping
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.controller.options import ControlOptions
from collegium.services.controller.servers import ServerSource
from collegium.services.controller.sync import GroupSync
from collegium.services.datasets.health import HealthRounds
from collegium.services.datasets.parts import DatasetParts
from collegium.services.datasets.rounds import DatasetRounds
from collegium.services.files.parts import FileParts
from collegium.services.files.rounds import FileRounds
from collegium.services.jobs.figure_rounds import FigureRounds
from collegium.services.jobs.runner import JobRounds
from collegium.services.jobs.start import Starts
from collegium.services.jobs.submit import Submitter
from collegium.services.jobs.upstream import UpstreamRounds
from collegium.services.metrics import Metrics
from collegium.services.notifications.post import Post
from collegium.services.notifications.rounds import NotificationRounds
from collegium.services.run_tokens import RunTokens
from collegium.services.schedules.rounds import ScheduleRounds
from collegium.services.secrets.seals import SealRounds
from collegium.services.sweeps.rounds import SweepRounds
from collegium.services.uploads.ends import Ends
from collegium.services.uploads.rounds import UploadRounds
from collegium.services.volumes.rounds import VolumeRounds
from collegium.stores.port import FileStore

#: Seconds between rounds.
INTERVAL = 1.0
#: Seconds without the end of a round after which it counts as stuck.
STUCK = 60.0
#: Seconds after which a failure that lasts is told again.
TELL_AGAIN = 60.0
T = TypeVar("T")
_log = logging.getLogger("collegium.controller")


class Controller:
    """Runs rounds while it holds the lease."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        metrics: Metrics,
        wake: asyncio.Event,
        servers: ServerSource | None,
        clock: Callable[[], datetime],
        options: ControlOptions | None = None,
        cipher: Cipher | None = None,
        post: Post | None = None,
        store: FileStore | None = None,
        files: FileParts | None = None,
        uploads: Ends | None = None,
        datasets: DatasetParts | None = None,
    ) -> None:
        self._database, self._backend, self._servers, self._clock = database, backend, servers, clock
        self._options, self._cipher = options or ControlOptions(), cipher or Cipher.without()
        self._metrics, self._wake, self._post, self._store = metrics, wake, post, store
        self._file_parts, self._upload_ends, self._dataset_parts = files, uploads, datasets
        self.lease = Lease(database, clock)
        self._failing: dict[str, tuple[str, float]] = {}
        self._ended: float | None = None
        self._lasted = 0.0
        self._soon: asyncio.TimerHandle | None = None
        self._forget()

    def _forget(self) -> None:
        """Parts with an empty memory: what another controller did meanwhile is not in ours."""
        self.upstream = UpstreamRounds(self._database, self.lease, self._wake.set, self._clock)
        starts = Starts(
            self._database,
            self._backend,
            self._cipher,
            RunTokens(self._cipher, self._clock),
            self._store,
            self._options.service_url,
        )
        self.jobs = JobRounds(self._database, self._backend, self.lease, self._metrics, self._clock, starts)
        self.figures = FigureRounds(self._database, self._backend.volumes, self.lease, self._metrics)
        submitter = Submitter(self._database, self._backend, self._clock, self._options.bounds)
        self.schedules = ScheduleRounds(
            self._database, submitter, self._wake.set, self.lease, self._metrics, self._clock
        )
        self.sweeps = SweepRounds(
            self._database, self._backend, submitter, self._wake.set, self.lease, self._metrics, self._clock
        )
        self.housekeeping = Housekeeping(
            self._database,
            self._backend,
            self.lease,
            self._servers,
            self._metrics,
            self._clock,
            self._options,
            self._store,
            self._cipher,
        )
        self.notifications: NotificationRounds | None = None
        if self._post is not None:
            self.notifications = NotificationRounds(self._database, self._post, self.lease, self._metrics, self._clock)
        self.seals = SealRounds(self.lease, self._cipher)
        self.files: FileRounds | None = None
        if self._file_parts is not None:
            about = (self.lease, self._metrics, self._clock, self._options.files)
            self.files = FileRounds(self._database, self._file_parts, *about)
        self.uploads: UploadRounds | None = None
        if self._store is not None and self._upload_ends is not None:
            self.uploads = UploadRounds(
                self._database, self._store, self._upload_ends, self.lease, self._clock, self._options.uploads
            )
        self.volumes = VolumeRounds(self._database, self._backend.volumes, self.lease, self._metrics)
        self.datasets: DatasetRounds | None = None
        self.dataset_health: HealthRounds | None = None
        if self._dataset_parts is not None:
            rounds = self._dataset_parts.rounds(self.lease, self._metrics, self._clock)
            self.datasets, self.dataset_health = rounds
        self.sync = self._make_sync()

    def _make_sync(self) -> GroupSync | None:
        keycloak = self._options.keycloak
        if keycloak is None or keycloak.sync is None:
            return None
        directory = self._options.directory(keycloak)
        return GroupSync(self._database, directory, keycloak, self.lease, self._metrics, self._clock)

    def _stop_beside(self) -> None:
        """End what goes on beside the rounds."""
        self.housekeeping.stop()
        self.schedules.stop()
        if self.notifications is not None:
            self.notifications.stop()
        self.sweeps.stop()
        if self.files is not None:
            self.files.stop()
        if self.datasets is not None:
            self.datasets.stop()
        if self.dataset_health is not None:
            self.dataset_health.stop()
        self.volumes.stop()
        if self.uploads is not None:
            self.uploads.stop()
        if self.sync is not None:
            self.sync.stop()

    @property
    def standing(self) -> str:
        """``starting``, then ``active`` or ``standby`` (another process controls), or ``stuck``: no round ends."""
        if self._ended is None:
            return "starting"
        if time.monotonic() - self._ended > STUCK:
            return "stuck"
        return "active" if self.lease.held else "standby"

    async def run(self) -> None:
        """Rounds until cancelled; then the lease is given up."""
        end = self._backend.follow(self._heard) if self._backend.follow else None
        try:
            while True:
                self._wake.clear()
                await self.round()
                try:
                    async with asyncio.timeout(INTERVAL):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            if end is not None:
                end()
            if self._soon is not None:
                self._soon.cancel()
            self._stop_beside()
            try:
                async with asyncio.timeout(5):
                    await asyncio.shield(self.lease.give_up())
            except Exception:
                _log.warning("the lease could not be given up")

    def _heard(self) -> None:
        """A run began or ended. After a pause as long as a round, so that many at once take neither many rounds nor
        all of the processor."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(min(self._lasted, INTERVAL), self._wake_up)

    def _wake_up(self) -> None:
        self._soon = None
        self._wake.set()

    async def round(self) -> bool:
        """One round; False if another process controls. Never raises an Exception: what failed is tried next time."""
        started = time.monotonic()
        try:
            if not await self._step("lease", self.lease.hold):
                return False
            if self.sync is not None:
                self.sync.keep_going()
            await self._step("schedules", self.schedules.round)
            await self._step("jobs", self.jobs.round)
            await self._step("figures", self.figures.round)
            # After what just ended, and was told: the next point need not wait for another round.
            await self._step("sweeps", self.sweeps.round)
            await self._step("dependencies", self.upstream.round)
            await self._step("housekeeping", self.housekeeping.round)
            await self._step("seals", self.seals.round)
            if self.datasets is not None:
                await self._step("datasets", self.datasets.round)
            if self.dataset_health is not None:
                await self._step("dataset health", self.dataset_health.round)
            await self._step("volumes", self.volumes.round)
            if self.files is not None:
                await self._step("files", self.files.round)
            if self.uploads is not None:
                self.uploads.keep_going()
            if self.notifications is not None:
                self.notifications.keep_going()
        except LeaseLost:
            _log.warning("another process controls now")
            self.lease.lost = False
            self._stop_beside()
            self._forget()
            return False
        finally:
            self._ended = time.monotonic()
        self._lasted = time.monotonic() - started
        self._metrics.tick(self._lasted)
        return True

    async def _step(self, name: str, step: Callable[[], Awaitable[T]]) -> T | None:
        """The step's result; None if it failed, which is told once and then each minute while it lasts."""
        try:
            result = await step()
        except LeaseLost:
            raise
        except Exception as error:
            self._metrics.failure(name)
            text, moment = f"{type(error).__name__}: {error}", time.monotonic()
            before, told = self._failing.get(name, ("", 0.0))
            if text != before or moment - told >= TELL_AGAIN:
                self._failing[name] = (text, moment)
                # What a part that does not answer says is enough; a bug needs its place.
                trace = not isinstance(error, DomainError)
                _log.warning("step %s failed and is tried again: %s", name, error, exc_info=trace)
            return None
        if self._failing.pop(name, None):
            _log.info("step %s works again", name)
        return result
