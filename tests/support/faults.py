"""What the fault tests share: who runs for whom, kills that hit the right process, a load, and what must hold after it.

A *hit* is a kill -9 of a process of a run: its supervisor, the program that it leads (``leader``), or a child of that.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import sqlite3
import threading
import urllib.error
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from support.installation import Installation, until

_ATTEMPT = re.compile(r"/local/runs/(job-[0-9a-v]{26})/attempts/([0-9]+)")
FINAL = ("Succeeded", "Failed", "Cancelled")


@dataclass(frozen=True)
class Proc:
    """A live process; ``run`` is the key of the run that it belongs to, ``role`` what it is in there."""

    pid: int
    command: str
    run: str = ""
    role: str = ""


def kill9(pid: int) -> bool:
    """kill -9 one process; False if it was gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _all() -> Iterator[tuple[int, str, str, str, int]]:
    """Pid, command, environment, working directory and parent of every process that can be looked at."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (entry / "environ").read_bytes().decode(errors="replace")
            stat = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if stat[0] not in ("Z", "X"):
                yield int(entry.name), command, environment, os.readlink(entry / "cwd"), int(stat[1])
        except OSError:
            continue


def runs(folder: Path) -> list[Proc]:
    """Processes of job runs of the installation in ``folder``."""
    found: dict[int, tuple[str, str, str, int]] = {}
    for pid, command, environment, cwd, parent in _all():
        match = _ATTEMPT.search(cwd) if cwd.startswith(str(folder)) else None
        if match is None and f"TMPDIR={folder}/state/local/runs/" in environment:
            match = _ATTEMPT.search(environment)
        if match:
            found[pid] = (f"{match[1]}.{match[2]}", command, cwd, parent)
    result = []
    for pid, (run, command, _, parent) in found.items():
        if "shim.py" in command:
            role = "supervisor"
        elif parent in found and "shim.py" in found[parent][1]:
            role = "leader"
        else:
            role = "child"
        result.append(Proc(pid, command, run, role))
    return result


def spares(service: int) -> list[int]:
    """Supervisors that wait, loaded, for a run of this service: they hold the other end of one of its pipes."""
    ours = _pipes(service)
    return [p for p, c, _, cwd, _ in _all() if "shim.py" in c and cwd == "/" and _pipes(p, "0") & ours]


def _pipes(pid: int, only: str = "") -> set[str]:
    found = set()
    try:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            if not only or fd.name == only:
                target = os.readlink(fd)
                if target.startswith("pipe:"):
                    found.add(target)
    except OSError:
        pass
    return found


def cgroups_of(jobs: set[str]) -> list[str]:
    """Control groups that are left of these jobs."""
    left = []
    for root, folders, _ in os.walk("/sys/fs/cgroup"):
        left += [f"{root}/{f}" for f in folders if f.startswith("collegium-job-") and f[10:].rpartition(".")[0] in jobs]
    return left


def memory(pid: int, name: str) -> int:
    """``VmRSS`` or ``VmHWM`` of a process, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


class Peak:
    """How much a process grows: the kernel's own high-water mark, set back at the start."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        self.before = memory(pid, "VmRSS")

    @property
    def growth(self) -> int:
        return memory(self.pid, "VmHWM") - self.before


def query(database: Path, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of a SQLite file, seen from outside."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)
    try:
        return connection.execute(sql, values).fetchall()
    finally:
        connection.close()


class Submitted(Protocol):
    """Where jobs are submitted to: an installation on this machine or on a cluster."""

    folder: Path

    def request(
        self, method: str, url: str, token: str | None, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded JSON."""


@dataclass
class Load:
    """Users who submit small jobs and do not take a broken connection for an answer."""

    hub: Submitted
    #: (user, group) of each submitter.
    who: list[tuple[str, str]]
    tokens: dict[str, str]
    seed: int
    #: Seconds between submits, and before a submit that failed is tried again.
    pause: tuple[float, float] = (1.0, 3.0)
    again: float = 0.2
    #: File that a job says its beginning and end in, as the job sees it; one of this machine if empty.
    target: str = ""
    #: Idempotency-Key -> job id, of every answer that reached the submitter.
    acknowledged: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = self.hub.folder / "executions.txt"
        self.lines.touch()
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._submit_all, args=(n, user, group), daemon=True)
            for n, (user, group) in enumerate(self.who)
        ]

    def start(self) -> Load:
        """Begin to submit."""
        for thread in self._threads:
            thread.start()
        return self

    def finish(self) -> None:
        """Submit no more; returns when the last submit was acknowledged."""
        self._stop.set()
        for thread in self._threads:
            thread.join(300)
            assert not thread.is_alive(), "a submit was never acknowledged"
        assert not self.problems, self.problems

    def _submit_all(self, number: int, user: str, group: str) -> None:
        chance = random.Random(self.seed * 1000 + number)
        count = 0
        while not self._stop.is_set():
            count += 1
            # With the seed: several loads meet one installation, and a key is for ever.
            key = f"{user}-{group}-{self.seed:x}-{count}"
            say = f"$COLLEGIUM_JOB_ID $COLLEGIUM_JOB_ATTEMPT >> {self.target or self.lines}"
            body = {
                "name": key,
                "image": "scientific-python",
                "instance_type": "small",
                "command": f"echo begin {say}; sleep {chance.uniform(0.1, 3):.2f}; echo end {say}",
                "retries": chance.choice([0, 0, 1]),
            }
            job = self._insist(user, group, key, body)
            if job is None:
                return
            self.acknowledged[key] = job
            if chance.random() < 0.2 and (again := self._insist(user, group, key, body)) != job:
                self.problems.append(f"{key} is {job} and {again}")
            self._stop.wait(chance.uniform(*self.pause))

    def _insist(self, user: str, group: str, key: str, body: dict[str, Any]) -> str | None:
        """Ask until there is an answer of the service itself that is no 5xx."""
        patience = threading.Event()
        for _ in range(3000):
            try:
                status, answer = self.hub.request(
                    "POST", f"/groups/{group}/jobs", self.tokens[user], body, {"Idempotency-Key": key}
                )
            except (OSError, http.client.HTTPException, urllib.error.URLError):
                self.counts["connection broken"] += 1
            else:
                if isinstance(answer, dict) and status == 201:
                    return str(answer["id"])
                ours = isinstance(answer, dict) and "error" in answer
                self.counts[f"answer {status}"] += 1
                if ours and status < 500:
                    self.problems.append(f"{key}: {status} {json.dumps(answer)}")
                    return None
            patience.wait(self.again)
        self.problems.append(f"{key}: no answer at all")
        return None


def check_after(load: Load, hits: dict[str, set[str]], seconds: float = 600) -> dict[str, int]:
    """Wait until every job is over, then look whether anything was lost, doubled or left; counts for the report."""
    hub = load.hub
    assert isinstance(hub, Installation)
    database = hub.state / "collegium.sqlite"
    states = "SELECT id, state, reason, attempt, spec, message FROM jobs"
    until(
        "every job is over",
        lambda: all(row[1] in FINAL for row in query(database, states)),
        seconds,
        0.5,
    )
    rows = {row[0]: row for row in query(database, states)}
    acknowledged = set(load.acknowledged.values())
    assert len(acknowledged) == len(load.acknowledged), "two keys, one job"
    assert set(rows) == acknowledged, "jobs that nobody was told of, or told of and not there"

    said = Counter(tuple(line.split()) for line in load.lines.read_text().splitlines())
    twice = {line: n for line, n in said.items() if n != 1}
    assert not twice, f"executed twice: {twice}"
    hit_jobs: dict[str, set[str]] = {}
    for run, roles in hits.items():
        hit_jobs.setdefault(run.rpartition(".")[0], set()).update(roles)
    counts: Counter[str] = Counter()
    for job, (_, state, reason, attempt, spec, message) in rows.items():
        about = f"{job}: {state} {reason} {message!r} attempt {attempt}, hit {hit_jobs.get(job)}"
        begun = sorted(int(line[2]) for line in said if line[:2] == ("begin", job))
        assert set(begun) <= set(range(1, attempt + 1)), about
        counts[f"{state} {reason}"] += 1
        if job not in hit_jobs:
            assert (state, attempt) == ("Succeeded", 1), about
            assert begun == [1] and said[("end", job, "1")] == 1, about
        elif state == "Succeeded":
            assert said[("end", job, str(attempt))] == 1, about
            counts["hit and succeeded"] += 1
        else:
            assert state == "Failed" and reason in ("Lost", "Signal", "ExitCode"), about
            assert message, about
            assert attempt == json.loads(spec).get("retries", 0) + 1, about

    live = query(database, "SELECT kind, workload_id FROM reservations WHERE released_at IS NULL")
    assert [row for row in live if row[0] == "job"] == [], "places that nobody needs"
    # The end of a job is written before its run is forgotten: that may take a round more.
    until("no process of a run is left", lambda: not runs(hub.folder))
    until("every run is forgotten", lambda: not os.listdir(hub.state / "local" / "live"))
    assert cgroups_of(set(rows)) == []
    for file in sorted(hub.state.glob("*.sqlite")):
        assert query(file, "PRAGMA integrity_check") == [("ok",)], file
        assert query(file, "PRAGMA foreign_key_check") == [], file
    return {"jobs": len(rows), **counts}


def hit_one(folder: Path, chance: random.Random, hits: dict[str, set[str]], services: list[int]) -> str | None:
    """kill -9 a random process of a random run, sometimes a supervisor that still waits for one; its role."""
    if services and chance.random() < 0.15 and (waiting := spares(services[0])):
        return "waiting supervisor" if kill9(chance.choice(waiting)) else None
    found = runs(folder)
    if not found:
        return None
    role = chance.choice(sorted({p.role for p in found}))
    victim = chance.choice([p for p in found if p.role == role])
    # Written down first: who looks at the result must never see a kill that is not in the list.
    hits.setdefault(victim.run, set()).add(victim.role)
    return victim.role if kill9(victim.pid) else None
