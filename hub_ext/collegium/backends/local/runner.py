"""JobRunner on this machine: asks for supervisors, and reads what they leave."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from collegium.backends.local import launch, tree
from collegium.backends.local.layout import (
    Layout,
    boot_id,
    locked,
    make_durable,
    supervised,
    sync_directory,
    wish_end,
    write_durable,
    write_private,
)
from collegium.backends.local.limits import Limiter
from collegium.backends.local.mounter import PLACES, Mounter
from collegium.backends.local.spares import Supervisors
from collegium.backends.local.status import read_exit, read_status
from collegium.backends.ports import RunPhase, RunRequest, RunStatus, StartFailed
from collegium.domain.errors import Unavailable

log = logging.getLogger(__name__)

#: A run that has no supervisor this long (seconds) after one was asked for gets another.
NUDGE_AFTER = 3.0


class LocalRunner:
    """Runs are folders; the only memory here is a cache of ends and of when supervisors were asked for."""

    def __init__(
        self, layout: Layout, limiter: Limiter, log_caps: Mapping[str, int], mounter: Mounter | None = None
    ) -> None:
        self._layout = layout
        self._limiter, self._mounter = limiter, mounter or Mounter()
        self._extra: dict[str, object] = {**log_caps, "bell": layout.bell}
        self._supervisors = Supervisors()
        self._ended: dict[str, RunStatus] = {}
        self._asked: dict[str, float] = {}

    async def start(self, request: RunRequest) -> None:
        """See JobRunner. The supervisor is no child of this process."""
        await asyncio.to_thread(self._start, request)

    async def stop(self, key: str, grace_seconds: float = 10.0) -> None:
        """See JobRunner. Supervisors look for the wish five times a second."""
        await asyncio.to_thread(self._stop, key, grace_seconds)

    async def observe(self) -> Mapping[str, RunStatus]:
        """See JobRunner. Also gives a supervisor to runs that a crash left without one before they began."""
        return await asyncio.to_thread(self._observe)

    async def forget(self, key: str) -> None:
        """See JobRunner. The working and temporary folders go, too."""
        await asyncio.to_thread(self._forget, key)

    def _start(self, request: RunRequest) -> None:
        try:
            attempt = self._layout.attempt(request.key)
        except ValueError as error:
            raise StartFailed(str(error)) from error
        if request.key.rpartition(".")[0] != request.job_id:
            raise StartFailed(f"run {request.key} is not of job {request.job_id}")
        steps = self._mounter.steps(attempt, request.mounts)
        content = launch.record(request, attempt, self._limiter, self._extra, steps)
        try:
            make_durable(attempt, self._layout.root)
            with locked(attempt):
                if self._prepare(request, attempt, content):
                    self._ask(request.key, attempt)
        except OSError as error:
            what = "there is no room on the disk" if error.errno in tree.NO_ROOM else f"{error.strerror}"
            raise Unavailable(f"the run could not be stored: {what}") from error

    def _prepare(self, request: RunRequest, attempt: Path, content: bytes) -> bool:
        """Everything that must be on disk before a supervisor may come; False if none is needed."""
        for torn in attempt.glob(".launch.*"):
            # Of a start that was killed; it may hold secrets.
            torn.unlink(missing_ok=True)
        if any((attempt / name).exists() for name in ("started", "exit.json", "forgotten")):
            return False
        marker = self._layout.live / request.key
        if (attempt / "stop").exists():
            self._mark(marker)
            return False
        if marker.exists():
            return True
        self._fill(attempt)
        self._mounter.prepare(attempt, request.mounts)
        about = {
            "key": request.key,
            "group": request.group,
            "user": request.user,
            "image": request.image.name,
            "resources": request.resources.texts(),
            "asked_at": datetime.now(UTC).isoformat(),
        }
        write_private(attempt / "request.json", json.dumps(about))
        write_durable(attempt / "launch", content)
        self._mark(marker)
        return True

    def _mark(self, marker: Path) -> None:
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        sync_directory(marker.parent)

    def _fill(self, attempt: Path) -> None:
        """Make the folders of an attempt anew; the working folder gets a copy of the source."""
        for name in ("work", "tmp", "artifacts", "log"):
            tree.remove(attempt / name)
            (attempt / name).mkdir(mode=0o700)
        work = tree.open_root(attempt / "work")
        try:
            with contextlib.suppress(FileNotFoundError):
                source = tree.open_root(attempt.parent.parent / "source")
                try:
                    tree.copy_tree(source, work, tree.Budget())
                finally:
                    os.close(source)
            with contextlib.suppress(FileExistsError):
                os.symlink(attempt / "artifacts", "artifacts", dir_fd=work)
        finally:
            os.close(work)
        # A power failure may tear what was not synced; the boot id tells that there was one.
        write_private(attempt / "boot", boot_id())

    def _ask(self, key: str, attempt: Path) -> None:
        """Call a supervisor. One too many does no harm."""
        self._asked[key] = time.monotonic()
        try:
            self._supervisors.call(attempt)
        except OSError:
            # The start is durable: observe() asks again.
            log.warning("run %s: its supervisor could not be started, will try again", key, exc_info=True)

    def _stop(self, key: str, grace: float) -> None:
        try:
            attempt = self._layout.attempt(key)
        except ValueError:
            return
        if (attempt / "exit.json").exists():
            return
        try:
            make_durable(attempt, self._layout.root)
            with locked(attempt):
                wish_end(attempt, grace)
        except OSError as error:
            raise Unavailable(f"the wish to end run {key} could not be stored: {error.strerror}") from error

    def _observe(self) -> dict[str, RunStatus]:
        found: dict[str, RunStatus] = {}
        with os.scandir(self._layout.live) as entries:
            keys = [e.name for e in entries]
        for key in keys:
            status = self._ended.get(key) or self._look(key)
            if status is None:
                continue
            found[key] = status
            if status.phase.final:
                self._ended[key] = status
        for gone in (self._ended.keys() | self._asked.keys()) - found.keys():
            self._ended.pop(gone, None)
            self._asked.pop(gone, None)
        return found

    def _look(self, key: str) -> RunStatus | None:
        attempt = self._layout.known(key)
        if attempt is None:
            # Its job was discarded.
            with contextlib.suppress(OSError):
                os.unlink(self._layout.live / key)
            return None
        status = read_status(key, attempt)
        if status.phase is RunPhase.STARTING and not supervised(attempt):
            self._nudge(key, attempt)
        elif status.phase is RunPhase.LOST and not (attempt / "exit.json").exists():
            status = self._bury(key, attempt, status)
        return status

    def _nudge(self, key: str, attempt: Path) -> None:
        asked = self._asked.get(key)
        if asked is not None and time.monotonic() - asked < NUDGE_AFTER:
            return
        try:
            with locked(attempt, wait=False):
                if not (attempt / "started").exists() and (attempt / "boot").read_text() != boot_id():
                    # No supervisor survives a reboot, so nobody is in there.
                    self._fill(attempt)
                self._ask(key, attempt)
        except OSError as error:
            if error.errno != errno.EWOULDBLOCK:
                log.warning("run %s: cannot be started yet: %s", key, error)

    def _bury(self, key: str, attempt: Path, status: RunStatus) -> RunStatus:
        """End what a lost supervisor left running, and write down the end in its place."""
        end_strays(key)
        self._limiter.release(key)
        now = datetime.now(UTC)
        started = status.started_at.timestamp() if status.started_at else None
        lost = {"outcome": "lost", "started_at": started, "finished_at": now.timestamp()}
        # Nobody else writes it: the lock is free, and ``started`` keeps every new supervisor from going on.
        with contextlib.suppress(OSError), locked(attempt):
            (attempt / "launch").unlink(missing_ok=True)
            if read_exit(attempt) is None:
                write_durable(attempt / "exit.json", json.dumps(lost).encode())
            return read_status(key, attempt)
        return replace(status, finished_at=now)

    def _forget(self, key: str) -> None:
        attempt = self._layout.known(key)
        marker = self._layout.live / key
        if attempt is None or not marker.exists() or not read_status(key, attempt).phase.final:
            return
        self._limiter.release(key)
        for name in ("work", "tmp", *PLACES):
            tree.remove(attempt / name)
        (attempt / "launch").unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            # One step: it leaves the list and can never be started again.
            os.rename(marker, attempt / "forgotten")
            sync_directory(attempt)
            sync_directory(marker.parent)
        self._ended.pop(key, None)


def end_strays(key: str) -> None:
    """Kill processes that carry this run's mark; for those whose supervisor cannot do it any more."""
    mark = f"{launch.RUN_MARK}={key}".encode()
    for _ in range(100):
        found = False
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid() or not _carries(int(name), mark):
                continue
            with contextlib.suppress(OSError):
                process = os.pidfd_open(int(name))
                try:
                    # Asked again: the descriptor is of one process for good, the number is not.
                    if _carries(int(name), mark):
                        signal.pidfd_send_signal(process, signal.SIGKILL)
                        found = True
                finally:
                    os.close(process)
        if not found:
            return
        time.sleep(0.01)


def _carries(pid: int, mark: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return mark in file.read().split(b"\0")
    except OSError:
        return False
