"""What is on the files volume about runs, so that neither a crash nor a lost cluster loses or doubles one.

Of an attempt's folder the run sees ``work``, ``artifacts``, the log, ``usage``, where it is measured (``sampler``), and
``end``, which tells it that a stop's grace is over; all else is ours:

- ``request.json``: whose run it is;
- ``mask``: what must not be read in its log, sealed (``masks``);
- ``stop``: the wish that it ends, holding the grace in seconds; before ``created`` it forbids the start;
- ``created``: its Job was made, and when;
- ``exit.json``: how it ended, written once, after which no Job is asked any more;
- ``forgotten``: the tombstone.

``live/<key>`` is made when all is ready for the Job and moves to ``forgotten`` in the end. One process at a time writes
here, the controller; should two overlap, each step still means the same when done twice.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collegium.backends.kubernetes.job import ARTIFACTS, FORCE
from collegium.backends.kubernetes.logs import LogCaps, make_log, settle_log, trim_log
from collegium.backends.kubernetes.masks import Masks
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.local import tree
from collegium.backends.local.layout import (
    Layout,
    make_durable,
    sync_directory,
    wish_end,
    write_durable,
    write_private,
)
from collegium.backends.local.usage import FILE as USAGE_FILE
from collegium.backends.ports import RunPhase, RunRequest, RunStatus, StartFailed
from collegium.domain.jobs import JobReason

#: The kubelet, which may be nobody on a network file system, walks through these folders to a run's own.
_PASSABLE = 0o711


@dataclass(frozen=True)
class Entry:
    """A live run as the volume has it. ``created_at`` is our own clock, in seconds; None if there is no sign of a Job.

    ``abandoned``: its end was decided while its Job was still there, so the Job must go.
    """

    key: str
    group: str
    created_at: float | None = None
    stopped: bool = False
    end: RunStatus | None = None
    abandoned: bool = False
    #: Is there a Secret for it?
    secret: bool = False


class Records:
    """Reads and writes them. All methods block: call them in a thread."""

    def __init__(self, layout: Layout, settings: KubernetesSettings, caps: LogCaps, masks: Masks) -> None:
        self._layout, self._settings, self._caps, self._masks = layout, settings, caps, masks
        self._entries: dict[str, Entry] = {}

    def folder(self, key: str) -> str:
        """An attempt's folder, relative to the root of the volume. Raises StartFailed."""
        try:
            return str(self._layout.attempt(key).relative_to(self._layout.root))
        except ValueError as error:
            raise StartFailed(str(error)) from error

    def prepare(self, request: RunRequest) -> bool:
        """Put everything on disk that must be there before the Job; False if no Job is to be made. Raises OSError."""
        attempt, marker = self._layout.attempt(request.key), self._layout.live / request.key
        make_durable(attempt, self._layout.root)
        if any((attempt / name).exists() for name in ("created", "exit.json", "forgotten")):
            return False
        stopped = (attempt / "stop").exists()
        if marker.exists():
            # An earlier start came this far. If it is to be stopped, whether there is a Job is found out by looking.
            return not stopped
        write_durable(attempt / "request.json", json.dumps(self._about(request)).encode())
        if not stopped:
            self._fill(attempt)
        self._mark(marker)
        if stopped:
            self.finish(request.key, cancelled_early(request.key))
        return not stopped

    def mask(self, request: RunRequest) -> None:
        """See to it that its secrets are not read in its log. Raises OSError; Misconfigured without a key for it."""
        self._masks.add(self._layout.attempt(request.key), request.secrets.values())

    def created(self, key: str) -> None:
        """Its Job is there."""
        attempt = self._layout.attempt(key)
        if not (attempt / "created").exists():
            write_durable(attempt / "created", repr(time.time()).encode())

    def abandon(self, key: str) -> None:
        """The cluster does not take its Job and never will: it is not listed and cannot be started again."""
        attempt = self._layout.attempt(key)
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._layout.live / key, attempt / "forgotten")
            sync_directory(attempt)
        self._masks.drop(attempt)
        self._clear(attempt)

    def wish_stop(self, key: str, grace: float) -> None:
        """Leave the wish that it ends. Raises OSError."""
        attempt = self._layout.attempt(key)
        make_durable(attempt, self._layout.root)
        wish_end(attempt, grace)

    def wished(self, key: str) -> float | None:
        """The grace of the wish that it ends, None without a wish."""
        try:
            return float((self._layout.attempt(key) / "stop").read_text() or 0)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return 0.0

    def force(self, key: str) -> None:
        """Tell the pod of a run that is being stopped that the grace is over. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            # In place: the pod has this very file.
            fd = os.open(self._layout.attempt(key) / "end", os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(fd, "w") as file:
                file.write(f"{FORCE}\n")

    def scan(self) -> list[Entry]:
        """Every live run."""
        with os.scandir(self._layout.live) as entries:
            keys = [entry.name for entry in entries]
        found = {key: entry for key in keys if (entry := self._refreshed(key)) is not None}
        self._entries = found
        return list(found.values())

    def read(self, key: str) -> Entry | None:
        """One live run as the volume has it now."""
        return self._load(key) if (self._layout.live / key).exists() else None

    def known(self, key: str) -> bool:
        """True for a well-formed key whose folder is there."""
        return self._layout.known(key) is not None

    def finish(self, key: str, status: RunStatus, abandoned: bool = False) -> RunStatus:
        """Write down the end; the end that counts, which is the first. Raises OSError."""
        attempt = self._layout.attempt(key)
        before = self._load(key)
        if before is not None and before.end is not None:
            return before.end
        size = settle_log(attempt, self._caps, self._masks)
        record = {**_to_json(status), "log_size": size, "abandoned": abandoned}
        write_durable(attempt / "exit.json", json.dumps(record).encode())
        return status

    def forget(self, key: str) -> None:
        """Drop it from the list for good; log and artifacts stay."""
        attempt = self._layout.attempt(key)
        self._clear(attempt)
        with contextlib.suppress(FileNotFoundError):
            # One step: it leaves the list and can never be started again.
            os.rename(self._layout.live / key, attempt / "forgotten")
            sync_directory(attempt)
            sync_directory(self._layout.live)
        self._entries.pop(key, None)

    def trim(self, keys: list[str]) -> None:
        """Keep the logs of these runs below their cap while they go on."""
        for key in keys:
            attempt = self._layout.known(key)
            if attempt is not None:
                with contextlib.suppress(OSError):
                    trim_log(attempt, self._caps)

    def _refreshed(self, key: str) -> Entry | None:
        entry = self._entries.get(key)
        if entry is None or entry.created_at is None:
            return self._load(key)
        if entry.end is None and not entry.stopped and os.path.lexists(self._layout.attempt(key) / "stop"):
            return replace(entry, stopped=True)
        if entry.end is None:
            # Written by ``finish`` of this process, or of one that came before or after it.
            return self._load(key) if os.path.lexists(self._layout.attempt(key) / "exit.json") else entry
        return entry

    def _load(self, key: str) -> Entry | None:
        attempt = self._layout.known(key)
        if attempt is None:
            # Its job was discarded.
            with contextlib.suppress(OSError):
                os.unlink(self._layout.live / key)
            return None
        about = _read(attempt / "request.json") or {}
        group, record = str(about.get("group", "")), _read(attempt / "exit.json")
        if not group and record is None:
            record = {}  # its own record is damaged: nobody knows where to look for it
        return Entry(
            key,
            group,
            _read_number(attempt / "created"),
            os.path.lexists(attempt / "stop"),
            None if record is None else _from_json(key, record),
            bool(record and record.get("abandoned")),
            bool(about.get("secrets")),
        )

    def _about(self, request: RunRequest) -> dict[str, Any]:
        return {
            "key": request.key,
            "group": request.group,
            "user": request.user,
            "image": request.image.name,
            "reference": request.image.reference,
            "resources": request.resources.texts(),
            "secrets": sorted(request.secrets),
            "asked_at": datetime.now(UTC).isoformat(),
        }

    def _mark(self, marker: Path) -> None:
        os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        sync_directory(marker.parent)

    def _fill(self, attempt: Path) -> None:
        """Make the folders that the run sees anew; the working folder gets a copy of the source."""
        for name in ("work", "artifacts", "log"):
            tree.remove(attempt / name)
            (attempt / name).mkdir(mode=0o700)
        make_log(attempt)
        write_private(attempt / "end", "\n")
        write_private(attempt / USAGE_FILE, "")
        budget = tree.Budget()
        work = tree.open_root(attempt / "work")
        try:
            with contextlib.suppress(FileNotFoundError):
                source = tree.open_root(attempt.parent.parent / "source")
                try:
                    tree.copy_tree(source, work, budget)
                finally:
                    os.close(source)
            tree.sync(attempt / "work", budget.files)
            with contextlib.suppress(FileExistsError):
                os.symlink(ARTIFACTS, "artifacts", dir_fd=work)
        finally:
            os.close(work)
        self._hand_over(attempt)

    def _hand_over(self, attempt: Path) -> None:
        """Let the kubelet through to the run's folders, and give them to the run's user if we are another one."""
        (attempt / "log").chmod(_PASSABLE)
        for folder in (attempt, attempt.parent, attempt.parent.parent, self._layout.runs):
            with contextlib.suppress(PermissionError):
                folder.chmod(_PASSABLE)
        if os.geteuid() == self._settings.uid:
            return
        for name in ("work", "artifacts"):
            for _, folders, files, at in os.fwalk(attempt / name):
                os.fchown(at, self._settings.uid, self._settings.gid)
                for below in (*folders, *files):
                    os.chown(below, self._settings.uid, self._settings.gid, dir_fd=at, follow_symlinks=False)
        for name in ("log/output", "end", USAGE_FILE):
            os.chown(attempt / name, self._settings.uid, self._settings.gid, follow_symlinks=False)

    def _clear(self, attempt: Path) -> None:
        try:
            tree.remove(attempt / "work")
        except OSError as error:
            # A node that still holds files of a network file system open; discarding the job removes them.
            if error.errno not in (errno.EBUSY, errno.ENOTEMPTY, errno.ESTALE):
                raise


def cancelled_early(key: str) -> RunStatus:
    """The end of a run that was stopped before it started."""
    now = datetime.now(UTC)
    return RunStatus(key, RunPhase.FAILED, None, now, None, JobReason.CANCELLED, "cancelled before it started")


def _to_json(status: RunStatus) -> dict[str, Any]:
    return {
        "phase": status.phase.value,
        "reason": status.reason and status.reason.value,
        "message": status.message,
        "exit_code": status.exit_code,
        "started_at": status.started_at and status.started_at.isoformat(),
        "finished_at": status.finished_at and status.finished_at.isoformat(),
        "image": status.image,
    }


def _from_json(key: str, record: dict[str, Any]) -> RunStatus:
    try:
        started, finished = (
            datetime.fromisoformat(t) if t else None for t in (record["started_at"], record["finished_at"])
        )
        reason = JobReason(record["reason"]) if record["reason"] else None
        phase, message = RunPhase(record["phase"]), str(record["message"])
        image = str(record.get("image") or "")
        return RunStatus(key, phase, started, finished, record["exit_code"], reason, message, image)
    except (KeyError, TypeError, ValueError):
        # Written by rename after fsync, so this is a damaged disk; the run is over all the same.
        return RunStatus(key, RunPhase.LOST, reason=JobReason.LOST, message="what was known of its end is damaged")


def _read(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _read_number(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return time.time()
