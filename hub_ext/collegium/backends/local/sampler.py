"""Measures a run from beside it: a line for its ``usage`` file every few seconds, as ``domain.usage`` reads them.

What the kernel counts per cgroup is taken where there is one; else the processes are added up. Part of the supervisor,
so nothing here raises or waits, and it only loads once the program runs.
"""

# contextlib would cost each start of a run more time than the rest of this module.
# ruff: noqa: SIM105

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Seconds between the first lines, and how many there are before that doubles: a file grows with the logarithm of time.
EVERY, PHASE = 2, 300
#: Processes of a run that are added up; more would cost more than the figure is worth.
MAX_PROCESSES = 1000
#: A look may take this part of the time between two of them.
_SHARE = 0.01
_SIGKILL, _SIGPIPE = 9, 13
_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


class Sampler:
    """``steps`` are those that put the program under its limits; ``meter`` is nvidia-smi if GPUs are to be measured."""

    def __init__(self, steps: list[str], meter: str = "", path: str = "usage") -> None:
        self._groups = groups(steps)
        self._path, self._fd = path, -1
        self._began = time.monotonic()
        self._due, self._lines, self._every = 0.0, 0, float(EVERY)
        self._cpu = 0
        self._seen_memory = False
        self._gpus = Gpus(meter) if meter else None
        self._write("u 0 0 -\n")

    @property
    def helper(self) -> int:
        """The process that measures GPUs, which is no part of the run; 0 if there is none now."""
        return self._gpus.pid if self._gpus is not None else 0

    def look(self, now: float, children: Callable[[], list[int]], reaped: float) -> None:
        """Write a line if it is time for one. ``reaped`` are the CPU seconds of processes that are no more."""
        if now < self._due:
            return
        try:
            self._look(now, [pid for pid in children() if pid != self.helper], reaped)
        except (OSError, ValueError):
            # A kernel that writes its files in another way; a run matters more than its figures.
            self._due = now + self._every

    def _look(self, now: float, mine: list[int], reaped: float) -> None:
        used, memory = self._group_cpu(), self._group_memory()
        pids = descendants(mine) if self._gpus is not None or used is None or memory is None else []
        if used is None:
            used = int((reaped + sum(cpu_seconds(pid) for pid in pids)) * 1e6)
        # A process that is just going holds nothing any more, which says nothing.
        self._line(used, (resident(pids) or None) if memory is None else memory)
        if self._gpus is not None and (found := self._gpus.look(now, set(pids))) is not None:
            self._write(f"g {self._at()} {found[0]} {found[1]}\n")
        self._lines += 1
        if self._lines >= PHASE:
            self._lines, self._every = 0, self._every * 2
        self._due = now + max(self._every, (time.monotonic() - now) / _SHARE)

    def close(self, reaped: float, peak: int) -> None:
        """The last line; nobody of the run is left. ``peak`` stands for the memory of one that was over too fast."""
        try:
            used = self._group_cpu()
        except ValueError:
            used = None
        self._line(int(reaped * 1e6) if used is None else used, None if self._seen_memory else peak)
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _line(self, used: int, memory: int | None) -> None:
        # What a process that was not waited for took with it stays counted.
        self._cpu = max(self._cpu, used)
        self._seen_memory = self._seen_memory or memory is not None
        self._write(f"u {self._at()} {self._cpu} {'-' if memory is None else memory}\n")

    def _at(self) -> int:
        return int((time.monotonic() - self._began) * 1000)

    def _group_cpu(self) -> int | None:
        """Microseconds by the cgroup, None if it does not count them."""
        for folder in self._groups:
            text = _read(f"{folder}/cpu.stat")
            if text.startswith("usage_usec ") or "\nusage_usec " in text:
                return _field(text, "usage_usec")
            text = _read(f"{folder}/cpuacct.usage")
            if text:
                return int(text) // 1000
        return None

    def _group_memory(self) -> int | None:
        """Bytes by the cgroup without what the kernel keeps of files for as long as nobody needs the room."""
        for folder in self._groups:
            for total, idle in (
                ("memory.current", "inactive_file"),
                ("memory.usage_in_bytes", "total_inactive_file"),
            ):
                text = _read(f"{folder}/{total}")
                if text:
                    return max(0, int(text) - (_field(_read(f"{folder}/memory.stat"), idle) or 0))
        return None

    def _write(self, line: str) -> None:
        try:
            if self._fd < 0:
                self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.write(self._fd, line.encode())
        except OSError:
            # A full disk costs points of a drawing, no more.
            pass


class Gpus:
    """Asks nvidia-smi without ever waiting for it: an answer counts at the look after it came."""

    #: Seconds after which a question is given up, and how many in vain end the asking.
    PATIENCE, TRIES = 20.0, 3
    _ASK = (
        '"$0" --query-gpu=uuid,utilization.gpu --format=csv,noheader,nounits && echo &&'
        ' "$0" --query-compute-apps=gpu_uuid,pid,used_gpu_memory --format=csv,noheader,nounits && echo end'
    )

    def __init__(self, meter: str) -> None:
        self._meter = meter
        self.pid = 0
        self._answer = -1
        self._text = b""
        self._until = 0.0
        self._failures = 0

    def look(self, now: float, pids: set[int]) -> tuple[int, int] | None:
        """Thousandths of a GPU kept busy, of those that these processes are on, and their bytes; None: not known."""
        if not self.pid:
            self._ask(now)
            return None
        over = self._read()
        if not over and now < self._until:
            return None
        found = read_gpus(self._text.decode(errors="replace"), pids) if over else None
        self._failures = 0 if found is not None else self._failures + 1
        self._forget(kill=not over)
        self._ask(now)
        return found

    def _ask(self, now: float) -> None:
        if self._failures >= self.TRIES:
            return
        null = (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)
        try:
            self._answer, end = os.pipe2(os.O_CLOEXEC)
            try:
                self.pid = os.posix_spawn(
                    "/bin/sh",
                    ["sh", "-c", self._ASK, self._meter],
                    {"LC_ALL": "C", "PATH": os.defpath},
                    file_actions=[(os.POSIX_SPAWN_DUP2, end, 1), null],
                    setpgroup=0,
                    setsigdef=[_SIGPIPE],
                )
            finally:
                os.close(end)
            os.set_blocking(self._answer, False)
        except OSError:
            self._failures = self.TRIES
        self._until = now + self.PATIENCE

    def _read(self) -> bool:
        """True once the answer is whole."""
        try:
            while data := os.read(self._answer, 65536):
                self._text = (self._text + data)[: 1 << 20]
        except BlockingIOError:
            return False
        except OSError:
            pass
        return True

    def _forget(self, kill: bool) -> None:
        if kill:
            try:
                os.killpg(self.pid, _SIGKILL)
            except OSError:
                pass
        os.close(self._answer)
        self.pid, self._text = 0, b""


def read_gpus(text: str, pids: set[int]) -> tuple[int, int] | None:
    """What an answer says of the devices on which these processes are, and of their memory; None if it is none."""
    devices, _, processes = text.partition("\n\n")
    if not text.endswith("end\n"):
        return None
    on: set[str] = set()
    memory = 0
    for line in processes.splitlines():
        device, pid, used = [*line.split(", "), "", ""][:3]
        if pid.isdigit() and int(pid) in pids:
            on.add(device)
            memory += int(used) << 20 if used.isdigit() else 0
    busy = 0
    for line in devices.splitlines():
        device, _, share = line.partition(", ")
        busy += int(share) * 10 if device in on and share.isdigit() else 0
    return busy, memory


def group_facts(steps: list[str]) -> dict[str, Any]:
    """What the cgroups know of a run's memory; they are removed, now that nobody is in them."""
    facts: dict[str, Any] = {}
    for folder in groups(steps):
        for name in ("memory.events", "memory.oom_control"):
            if _field(_read(f"{folder}/{name}"), "oom_kill"):
                facts["oom"] = True
        for name in ("memory.peak", "memory.max_usage_in_bytes"):
            if text := _read(f"{folder}/{name}"):
                facts["peak_memory"] = int(text)
        try:
            os.rmdir(folder)
            # Succeeds for the last one out.
            os.rmdir(os.path.dirname(folder))
        except OSError:
            pass
    return facts


def groups(steps: list[str]) -> list[str]:
    """The cgroups into which these steps put a program."""
    return [folder for verb, _, folder in (step.partition("\t") for step in steps) if verb == "fresh"]


def descendants(pids: list[int]) -> list[int]:
    """These processes and all below them, at most MAX_PROCESSES."""
    found: list[int] = []
    left = list(pids)
    while left and len(found) < MAX_PROCESSES:
        pid = left.pop()
        found.append(pid)
        try:
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            continue
        for thread in threads:
            left += [int(p) for p in _read(f"/proc/{pid}/task/{thread}/children").split()]
    return found


def cpu_seconds(pid: int) -> float:
    """Of a process, and of those below it that it waited for."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(int(f) for f in fields[11:15]) / _TICKS if len(fields) > 15 else 0.0


def resident(pids: list[int]) -> int:
    """Bytes that these processes hold: what is theirs alone, and what they share once, as far as one can say."""
    own = shared = 0
    for pid in pids:
        fields = _read(f"/proc/{pid}/statm").split()
        if len(fields) > 2:
            own += max(0, int(fields[1]) - int(fields[2]))
            shared = max(shared, int(fields[2]))
    return (own + shared) * _PAGE


def _field(text: str, name: str) -> int | None:
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return None


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""
