"""What an attempt's folder says of its run. Reads only; nothing here is remembered."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from collegium.backends.local.layout import supervised
from collegium.backends.ports import RunPhase, RunStatus
from collegium.domain.jobs import JobReason

LOST_MESSAGE = "the run's supervisor ended without a word; the machine was restarted, or somebody killed it"


def read_status(key: str, attempt: Path) -> RunStatus:
    """The status of the run in this attempt folder."""
    record = read_exit(attempt)
    if record is None:
        # Who lives is asked before what was left: a supervisor writes exit.json first and unlocks then.
        alive = supervised(attempt)
        record = read_exit(attempt)
        if record is None:
            return _unfinished(key, attempt, alive)
    return _finished(key, record)


def read_exit(attempt: Path) -> dict[str, Any] | None:
    """The supervisor's last record, or None while there is none."""
    try:
        record = json.loads((attempt / "exit.json").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        # Written by rename after fsync, so this is a damaged disk; the run is over all the same.
        return {"outcome": "lost"}
    return record if isinstance(record, dict) else {"outcome": "lost"}


def started_at(attempt: Path) -> datetime | None:
    """When the run started, None if it did not."""
    try:
        text = (attempt / "started").read_text()
        return _time(float(text) if text else os.stat(attempt / "started").st_mtime)
    except FileNotFoundError:
        return None


def _unfinished(key: str, attempt: Path, alive: bool) -> RunStatus:
    started = started_at(attempt)
    if alive:
        return RunStatus(key, RunPhase.RUNNING if started else RunPhase.STARTING, started)
    if started:
        return RunStatus(key, RunPhase.LOST, started, None, None, JobReason.LOST, LOST_MESSAGE)
    try:
        stopped = os.stat(attempt / "stop").st_mtime
    except FileNotFoundError:
        return RunStatus(key, RunPhase.STARTING)
    # No supervisor is here, and none that comes will start anything.
    return _cancelled_early(key, stopped)


def _cancelled_early(key: str, when: float | None) -> RunStatus:
    message = "cancelled before it started"
    return RunStatus(key, RunPhase.FAILED, None, _time(when), None, JobReason.CANCELLED, message)


def _finished(key: str, record: dict[str, Any]) -> RunStatus:
    outcome = record.get("outcome")
    started, finished = _time(record.get("started_at")), _time(record.get("finished_at"))
    code, ended_by = record.get("exit_code"), record.get("signal")
    if ended_by is not None:
        code = 128 + int(ended_by)
    if outcome == "cancelled" and started is None:
        return _cancelled_early(key, record.get("finished_at"))
    phase, reason, message = RunPhase.FAILED, None, ""
    if outcome in ("lost", "shutdown"):
        phase, reason = RunPhase.LOST, JobReason.LOST
        message = LOST_MESSAGE if outcome == "lost" else "the run was ended from outside: the machine was shut down?"
    elif outcome == "cancelled":
        reason, message = JobReason.CANCELLED, "ended on request"
    elif outcome == "start_failed":
        reason, message = JobReason.START_FAILED, str(record.get("message", ""))
    elif code == 0:
        return RunStatus(key, RunPhase.SUCCEEDED, started, finished, 0)
    elif record.get("oom"):
        reason, message = JobReason.OUT_OF_MEMORY, "a process of the run was ended for using more than its memory limit"
    elif ended_by is not None:
        reason, message = JobReason.SIGNAL, f"ended by signal {ended_by} ({_signal_name(int(ended_by))})"
    else:
        reason, message = JobReason.EXIT_CODE, f"exit code {code}"
    return RunStatus(key, phase, started, finished, code, reason, message)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
