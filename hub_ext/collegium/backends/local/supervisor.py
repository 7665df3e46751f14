"""Watches one run from first to last instruction; survives the service that asked for it.

Invoked by ``shim.py`` for an attempt's directory, which holds

- ``launch``: what to run, as NUL-separated ``name=value`` entries (``arg``, ``env``, ``limit``, ``mount``, ``head``,
  ``tail``, and ``mask`` for what must not get into the log, ``bell``: see there);
- ``lock``: locked for as long as a supervisor lives, which is how anyone tells that one does;
- ``started``: made exactly once, before the program runs; whoever finds it there runs nothing;
- ``usage``: what the run uses, a line every few seconds (``sampler``);
- ``stop``: the wish to end the run, holding the grace in seconds; before ``started`` it forbids the start;
- ``exit.json``: how it ended, written last.

A POSIX record lock rather than flock(2): it dies with its owner even if a child inherited the descriptor, and others
can ask for it (F_GETLK) without ever holding it. Only cheap modules load before the program starts: the interpreter's
start is nearly all of a run's start latency.
"""

# contextlib would cost each start of a run more time than the rest of this module.
# ruff: noqa: SIM105

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import time

from collegium.backends.local import exec_limited
from collegium.backends.local.children import children
from collegium.backends.local.logwriter import HEAD, SEGMENT, TAIL, LogWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from collegium.backends.local.sampler import Sampler
    from collegium.domain.masking import Masker

#: ``exit.json`` is padded to this many bytes, reserved before the start, so that a full disk cannot swallow the end.
EXIT_BYTES = 2048
#: How often the supervisor looks for ``stop`` and for dead grandchildren, in seconds.
TICK = 0.2
#: Grace when the machine, not the service, ends the run.
SHUTDOWN_GRACE = 10.0
_PIPE_BYTES = 1 << 20
_SIGKILL, _SIGPIPE, _SIGTERM, _SIGXFSZ = 9, 13, 15, 25
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_SIG_SETMASK = 2
_F_SETPIPE_SZ = 1031


def main(attempt: str) -> int:
    """Run the attempt in this directory unless it ever ran, is running or was stopped; 0 whatever became of it."""
    try:
        # All paths below are relative, so that a directory that is moved away to be deleted stays ours to the end.
        os.chdir(attempt)
        os.umask(0o077)
        os.dup2(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), 0)
        lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if any(os.path.lexists(name) for name in ("started", "stop", "exit.json")):
            return 0
        launch = _read_launch()
        reserved = os.open("exit.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.write(reserved, b" " * EXIT_BYTES)
        started_at = time.time()
        _mark_started(started_at)
    except OSError:
        # Another supervisor is here, the directory is gone, or the disk is full: nothing ran, the service asks again.
        return 0
    record: dict[str, Any] = {"started_at": started_at}
    # The order matters: stop() makes ``stop`` and then looks for ``started``, so one of the two sees the other.
    if os.path.lexists("stop"):
        record.update(outcome="cancelled", started_at=None)
    else:
        _ring(launch)
        record.update(Run(launch).run())
    record["finished_at"] = time.time()
    _write_exit(reserved, record)
    _ring(launch)
    return 0


def _read_launch() -> dict[str, list[str]]:
    fd = os.open("launch", os.O_RDONLY | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        entries = file.read().split(b"\0")
    launch: dict[str, list[str]] = {"arg": [], "env": [], "limit": []}
    for entry in entries:
        name, _, value = entry.partition(b"=")
        launch.setdefault(name.decode(), []).append(os.fsdecode(value))
    return launch


def _mark_started(when: float) -> None:
    fd = os.open("started", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    os.write(fd, repr(when).encode())
    os.fsync(fd)
    os.close(fd)
    _sync_directory()


def _ring(launch: dict[str, list[str]]) -> None:
    """Tell who listens, if anybody does, that there is something new to see here."""
    try:
        fd = os.open(launch["bell"][0], os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        os.write(fd, b"!")
        os.close(fd)
    except (OSError, LookupError):
        pass


def _sync_directory() -> None:
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fsync(fd)
    os.close(fd)


def _write_exit(fd: int, record: dict[str, Any]) -> None:
    import json  # after the run: its import takes longer than all the others together

    # It holds the run's environment, which may hold secrets, and is of no more use.
    try:
        os.unlink("launch")
    except OSError:
        pass
    text = json.dumps(record).encode().ljust(EXIT_BYTES)
    while True:
        try:
            os.pwrite(fd, text, 0)
            os.fsync(fd)
            os.rename("exit.new", "exit.json")
            _sync_directory()
            break
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                return
            # File systems that copy on write may want room even for reserved bytes. The run stays "running" till then.
            time.sleep(1)


class Run:
    """The program, its output and its descendants."""

    def __init__(self, launch: dict[str, list[str]]) -> None:
        self._launch = launch
        self._libc = ctypes.CDLL(None)
        self._child = 0
        self._status: int | None = None
        self._peak, self._reaped = 0, 0.0
        self._sampler: Sampler | None = None
        self._deadline: float | None = None
        self._wish: str | None = None
        self._asked: set[int] = set()
        self._shutdown = False
        head, tail, segment = (
            int(launch.get(name, [str(default)])[0])
            for name, default in (("head", HEAD), ("tail", TAIL), ("segment", SEGMENT))
        )
        self._log = LogWriter("log", segment, head, tail)
        # Here, and not where logs are read: what is masked before it is written is on no disk and in no backup.
        self._masker: Masker | None = None
        if masks := launch.get("mask"):
            from collegium.domain.masking import Masker, Shapes

            self._masker = Masker(Shapes(os.fsencode(shape) for shape in masks))

    def run(self) -> dict[str, Any]:
        """Start the program, stay until it and all its descendants are gone; the facts of its end."""
        # Daemons that it leaves behind become our children, so that none escapes the end of the run.
        self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._libc.sigprocmask(_SIG_SETMASK, ctypes.create_string_buffer(128), None)
        output, failure = self._spawn()
        self._watch(output)
        self._end_all()
        self._drain(output, 2 * _PIPE_BYTES)
        if self._masker is not None:
            self._log.write(self._masker.close())
        self._log.close()
        if self._sampler is not None:
            self._sampler.close(self._reaped, self._peak)
        from collegium.backends.local.sampler import group_facts

        problem = os.read(failure, 4096).decode(errors="replace")
        facts: dict[str, Any] = {"log_size": self._log.offset, "peak_memory": self._peak}
        facts.update(group_facts(self._launch["limit"]))
        if problem:
            code, _, message = problem.partition("\0")
            facts.update(outcome="start_failed", exit_code=int(code), message=message[:400])
        elif self._deadline is not None:
            facts.update(outcome="shutdown" if self._shutdown else "cancelled")
        else:
            facts.update(outcome="ended")
        if not problem and self._status is not None:
            if os.WIFSIGNALED(self._status):
                facts.update(signal=os.WTERMSIG(self._status))
            else:
                facts.update(exit_code=os.WEXITSTATUS(self._status))
        return facts

    def _spawn(self) -> tuple[int, int]:
        output, output_end = os.pipe2(os.O_CLOEXEC)
        failure, failure_end = os.pipe2(os.O_CLOEXEC)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.fcntl(output, _F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:
            pass
        parent = os.getpid()
        self._child = os.fork()
        if self._child == 0:
            try:
                self._become(parent, null, output_end, failure_end)
            finally:
                os._exit(127)
        os.close(output_end)
        os.close(failure_end)
        os.close(null)
        os.set_blocking(output, False)
        return output, failure

    def _become(self, parent: int, null: int, output: int, failure: int) -> None:
        program = self._launch["arg"][0]
        try:
            # If we are killed, the program must not go on unwatched; the check closes the gap before the request.
            self._libc.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)
            os.setsid()
            # Python ignores these, and what is ignored stays ignored across exec.
            self._libc.signal(_SIGPIPE, None)
            self._libc.signal(_SIGXFSZ, None)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.umask(0o022)
            try:
                os.chdir("work")
                exec_limited.apply(self._launch["limit"])
                if mounts := self._launch.get("mount"):
                    from collegium.backends.local.exec_mounted import apply

                    apply(mounts)
            except (OSError, ValueError, MemoryError) as error:
                text = f"126\0the working directory, the limits or the mounts could not be set up: {error}"
                os.write(failure, text.encode(errors="replace"))
                return
            environment = dict(entry.split("=", 1) for entry in self._launch["env"])
            os.execvpe(program, self._launch["arg"], environment)
        except OSError as error:
            if error.errno == errno.ENOENT:
                text = f"127\0the program {program!r} (or the interpreter it names) was not found"
            else:
                text = f"126\0the program {program!r} could not be started: {error.strerror}"
            os.write(failure, text.encode(errors="replace"))

    def _watch(self, output: int) -> None:
        import select
        import signal

        from collegium.backends.local.sampler import Sampler

        self._sampler = Sampler(self._launch["limit"], self._launch.get("gpus", [""])[0])
        # The machine is going down, or an operator ends us: the run ends politely, and is not called failed.
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        poll = select.poll()
        poll.register(output, select.POLLIN)
        try:
            # Only a wake-up: the process is reaped by wait4. Kernels before 5.3 find out at the next tick.
            poll.register(os.pidfd_open(self._child), select.POLLIN)
        except OSError:
            pass
        next_look = 0.0
        while self._status is None or (self._deadline is not None and self._has_children()):
            events = poll.poll(int(TICK * 1000))
            for fd, _ in events:
                if fd != output:
                    poll.unregister(fd)
                    next_look = 0.0
                elif not self._drain(output, _PIPE_BYTES):
                    poll.unregister(output)
            now = time.monotonic()
            if now >= next_look:
                next_look = now + TICK
                self._reap()
                if self._status is None:
                    self._sampler.look(now, children, self._reaped)
                self._look_for_stop(now)
                if self._deadline is not None and not self._signal_children(now):
                    break

    def _on_signal(self, *_: object) -> None:
        if self._deadline is None:
            self._shutdown = True
            self._deadline = time.monotonic() + SHUTDOWN_GRACE

    def _look_for_stop(self, now: float) -> None:
        try:
            fd = os.open("stop", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        wish = os.read(fd, 64).decode(errors="replace")
        os.close(fd)
        if wish == self._wish or (self._status is not None and self._deadline is None):
            return
        self._wish = wish
        try:
            deadline = now + max(0.0, float(wish))
        except ValueError:
            deadline = now
        # A second wish may shorten the grace, never prolong it.
        self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)
        self._shutdown = False

    def _signal_children(self, now: float) -> bool:
        """Ask each of our processes once, and force them after the deadline; False if only force is left to do."""
        assert self._deadline is not None
        if now >= self._deadline:
            return False
        # Only our direct children are signalled: until we reap them their ids cannot belong to anyone else. Orphans
        # of a child that ended become direct children and get their turn at the next tick.
        for child in children():
            if child not in self._asked:
                self._asked.add(child)
                self._signal(child, _SIGTERM)
        return True

    def _end_all(self) -> None:
        """Kill until nobody is left. Each round adopts the orphans of the one before."""
        pause = 0.001
        while self._has_children():
            for child in children():
                self._signal(child, _SIGKILL)
            self._reap()
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def _signal(self, child: int, number: int) -> None:
        # The program leads a process group, unless it is so young that it has not made one yet.
        for target in (-child, child) if child == self._child else (child,):
            try:
                os.kill(target, number)
            except OSError:
                pass

    def _has_children(self) -> bool:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if self._sampler is None or pid != self._sampler.helper:
                self._peak = max(self._peak, usage.ru_maxrss * 1024)
                self._reaped += usage.ru_utime + usage.ru_stime
            if pid == self._child:
                self._status = status

    def _drain(self, output: int, most: int) -> bool:
        """Move up to ``most`` bytes from the pipe to the log; False at its end."""
        while most > 0:
            try:
                data = os.read(output, 1 << 18)
            except BlockingIOError:
                return True
            if not data:
                return False
            self._log.write(data if self._masker is None else self._masker.feed(data))
            most -= len(data)
        return True
