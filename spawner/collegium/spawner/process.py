"""A server as a process of this machine that survives the hub, can be found again, and ends with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: In every server's environment: how its processes are found where there are no control groups.
MARK = "COLLEGIUM_WORKLOAD"
# The server writes who it is before it becomes the program, so that a hub that dies at any moment leaves nothing
# unknown behind. Built-in commands only; `$$` keeps its pid through `exec`.
_RECORD_THEN_EXEC = 'IFS= read -r line < "/proc/$$/stat" && (umask 077; printf "%s\\n" "$line" > "$0") && exec "$@"'


@dataclass(frozen=True)
class ProcessId:
    """A pid and the moment it started in clock ticks since boot, so that a reused pid is not taken for it."""

    pid: int
    started: int

    @classmethod
    def from_stat(cls, line: str) -> ProcessId | None:
        """Read a line of ``/proc/PID/stat``; None if it is not one."""
        before, _, after = line.rpartition(")")
        try:
            return cls(int(before.split(" ", 1)[0]), int(after.split()[19]))
        except (ValueError, IndexError):
            return None

    @classmethod
    def from_file(cls, path: Path) -> ProcessId | None:
        """Read such a line from a file; None if there is none."""
        try:
            return cls.from_stat(path.read_text(errors="replace"))
        except OSError:
            return None

    @property
    def alive(self) -> bool:
        """True while this very process runs; a zombie does not."""
        line = ""
        with contextlib.suppress(OSError):
            line = Path(f"/proc/{self.pid}/stat").read_text(errors="replace")
        return ProcessId.from_stat(line) == self and line.rpartition(")")[2].split()[0] not in ("Z", "X")

    def send(self, number: signal.Signals, group: bool = False) -> None:
        """Signal the process or the group that it leads; nothing happens if it is gone."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                if group and os.getpgid(self.pid) == self.pid:
                    os.killpg(self.pid, number)
                else:
                    os.kill(self.pid, number)


def launch(
    argv: Sequence[str], environment: Mapping[str, str], directory: Path, record: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start ``argv`` in a session of its own with its output in ``log`` (mode 0600) and its identity in ``record``.

    Raises OSError. The record is there before the first instruction of the program.
    """
    record.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", _RECORD_THEN_EXEC, str(record), *argv],
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    finally:
        os.close(output)


def end_all(mark: str, process: ProcessId | None, patience: float = 5.0) -> int:
    """Kill what is left of a workload: the recorded process, its group, all that carry its mark; how many were found.

    Blocks for up to ``patience`` seconds. Kernels live in sessions of their own, so the group alone would miss them.
    """
    found = set()
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        alive = {p for p in (process,) if p is not None and p.alive} | set(_marked(mark))
        if not alive:
            break
        found |= alive
        for each in alive:
            each.send(signal.SIGKILL, group=each == process)
        time.sleep(0.02)
    return len(found)


def last_lines(log: Path, lines: int = 15, limit: int = 4000) -> str:
    """The end of a log, as printable text."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - limit))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    shown = "\n".join(text.splitlines()[-lines:])
    return "".join(c for c in shown if c.isprintable() or c in "\n\t")


def _marked(mark: str) -> Iterator[ProcessId]:
    wanted = f"{MARK}={mark}".encode()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in Path(entry.path, "environ").read_bytes().split(b"\0"):
                    identity = ProcessId.from_file(Path(entry.path, "stat"))
                    if identity is not None and identity.alive and identity.pid != os.getpid():
                        yield identity
