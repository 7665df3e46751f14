"""Kernel limits for workloads: the strongest kind that a trial shows to work here.

1. cgroup v2, if the memory and cpu controllers can be used below our own cgroup (or beside it: systemd's
   ``Delegate=`` with ``DelegateSubgroup=``);
2. cgroup v1, if its memory and cpu hierarchies can be written below our own cgroups;
3. otherwise resource limits per process and a choice of CPUs.

A plan is a list of steps for ``exec_limited``; making one touches nothing, the workload carries it out on itself.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collegium.backends.local import exec_limited
from collegium.domain.resources import CPU, MEMORY, Resources, whole_cores

PARENT = "collegium"
PREFIX = "collegium-"
_PERIOD = 100_000
#: The kernel's smallest CPU quota, in microseconds per period.
_LEAST_QUOTA = 1_000
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,180}[A-Za-z0-9])?", re.ASCII)
_TRIAL = Resources({CPU: 1000, MEMORY: 256 << 20})

_NOTICES = {
    "cgroup2": "Memory and CPU of each workload are limited by the kernel (cgroup v2), all its processes together.",
    "cgroup1": "Memory and CPU of each workload are limited by the kernel (cgroup v1), all its processes together.",
    "rlimit": (
        "This machine grants no control groups: memory is limited per process (RLIMIT_DATA), not per workload, and CPU"
        " only to as many whole CPUs as the instance type's cores, rounded up."
    ),
}


@dataclass(frozen=True)
class Limiter:
    """Limits workloads by one kind; ``roots`` are the folders that hold (or will hold) our parent cgroup."""

    kind: str
    roots: tuple[Path, ...] = ()
    _turn: Iterator[int] = field(default_factory=itertools.count, compare=False)

    @classmethod
    def detect(cls, proc: Path = Path("/proc/self")) -> Limiter:
        """The strongest limiter for which a trial process really gets limited. Takes a few hundredths of a second."""
        for candidate in cls.candidates(proc):
            if candidate.works():
                return candidate
        return cls("rlimit")

    @classmethod
    def candidates(cls, proc: Path = Path("/proc/self")) -> list[Limiter]:
        """Limiters that may work here by what is mounted, strongest first, ``rlimit`` not included."""
        unified, v1 = _own_cgroups(proc)
        found = []
        if unified is not None:
            found += [cls("cgroup2", (base,)) for base in dict.fromkeys((unified, unified.parent)) if _is_cgroup(base)]
        if "memory" in v1 and "cpu" in v1:
            found.append(cls("cgroup1", tuple(dict.fromkeys((v1["memory"], v1["cpu"])))))
        return found

    def works(self) -> bool:
        """Try it: start a process under a limit and see that it is where it should be."""
        trial = f"trial-{os.getpid()}-{time.monotonic_ns()}"
        try:
            if self.kind == "cgroup2":
                self._delegate()
            answer = subprocess.run(
                self.wrap(trial, _TRIAL, ["cat", "/proc/self/cgroup"]), capture_output=True, timeout=10, check=False
            )
            return answer.returncode == 0 and answer.stdout.decode().count(PREFIX + trial) == len(self.roots)
        except (OSError, subprocess.SubprocessError):
            return False
        finally:
            self.release(trial)

    @property
    def notice(self) -> str:
        """A sentence for users: what is enforced."""
        return _NOTICES[self.kind]

    def plan(self, workload_id: str, resources: Resources) -> list[str]:
        """Steps for ``exec_limited.apply``. Raises ValueError for an id that cannot name a cgroup."""
        if not _ID.fullmatch(workload_id):
            raise ValueError(f"not a workload id: {workload_id!r}")
        memory, cpu = resources[MEMORY], resources[CPU]
        if self.kind == "rlimit":
            return self._rlimit_steps(memory, cpu)
        quota = max(_LEAST_QUOTA, cpu * _PERIOD // 1000)
        leaves = [root / PARENT / (PREFIX + workload_id) for root in self.roots]
        steps: list[list[str]] = []
        for leaf in leaves:
            steps.append(["mkdir", str(leaf.parent)])
            if self.kind == "cgroup2":
                steps.append(["set", f"{leaf.parent}/cgroup.subtree_control", "+memory +cpu"])
            steps.append(["fresh", str(leaf)])
        first, last = leaves[0], leaves[-1]
        if self.kind == "cgroup2":
            if memory:
                steps += [["set", f"{first}/memory.max", str(memory)], ["try", f"{first}/memory.swap.max", "0"]]
            if cpu:
                steps.append(["set", f"{first}/cpu.max", f"{quota} {_PERIOD}"])
        else:
            if memory:
                steps.append(["set", f"{first}/memory.limit_in_bytes", str(memory)])
                # Memory and swap together, so no swap beyond the memory limit.
                steps.append(["try", f"{first}/memory.memsw.limit_in_bytes", str(memory)])
            if cpu:
                steps.append(["set", f"{last}/cpu.cfs_period_us", str(_PERIOD)])
                steps.append(["set", f"{last}/cpu.cfs_quota_us", str(quota)])
        steps += [["join", f"{leaf}/cgroup.procs"] for leaf in leaves]
        return ["\t".join(step) for step in steps]

    def wrap(self, workload_id: str, resources: Resources, argv: Sequence[str]) -> list[str]:
        """``argv`` with a prefix that puts the process under its limits and then becomes the program."""
        return [sys.executable, "-I", "-S", exec_limited.__file__, *self.plan(workload_id, resources), "--", *argv]

    def release(self, workload_id: str) -> None:
        """End what is left of a workload and remove its cgroups; fine if there is nothing. Never raises OSError."""
        for root in self.roots:
            leaf = root / PARENT / (PREFIX + workload_id)
            for _ in range(200):
                if _remove(leaf):
                    break
                _kill_members(leaf)
                time.sleep(0.01)
            _remove(leaf.parent)

    def sweep(self, live_ids: Collection[str]) -> None:
        """Remove empty cgroups of workloads that are not live. Others may use the same parent, so nothing is ended."""
        keep = {PREFIX + workload_id for workload_id in live_ids}
        for root in self.roots:
            with contextlib.suppress(OSError):
                for leaf in (root / PARENT).iterdir():
                    if leaf.name.startswith(PREFIX) and leaf.name not in keep:
                        _remove(leaf)
            _remove(root / PARENT)

    def _rlimit_steps(self, memory: int, cpu: int) -> list[str]:
        steps = []
        if cpu:
            allowed = sorted(os.sched_getaffinity(0))
            count = min(whole_cores(cpu), len(allowed))
            # Each workload begins where the last one ended, so that they spread.
            start = next(self._turn) * count
            chosen = sorted({allowed[(start + i) % len(allowed)] for i in range(count)})
            steps.append("\t".join(["affinity", *map(str, chosen)]))
        if memory:
            steps.append(f"rlimit\tDATA\t{memory}")
        return steps

    def _delegate(self) -> None:
        """Let children of the root use the controllers. Raises OSError where processes or permissions forbid it."""
        control = self.roots[0] / "cgroup.subtree_control"
        if not {"memory", "cpu"} <= set(control.read_text().split()):
            control.write_text("+memory +cpu")


def _own_cgroups(proc: Path) -> tuple[Path | None, dict[str, Path]]:
    """Our cgroup in the v2 hierarchy if it offers memory and cpu, and in each v1 hierarchy by controller."""
    try:
        own = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return None, {}
    unified: Path | None = None
    v1: dict[str, Path] = {}
    for fields in mounts:
        dash = fields.index("-")
        root, point, kind, options = fields[3], fields[4], fields[dash + 1], fields[dash + 3].split(",")
        for _, controllers, path in own:
            if kind == "cgroup2" and not controllers:
                base = _below(point, root, path)
                with contextlib.suppress(OSError):
                    if {"memory", "cpu"} <= set((base / "cgroup.controllers").read_text().split()):
                        unified = base
            elif kind == "cgroup":
                for controller in set(controllers.split(",")) & set(options) & {"memory", "cpu"}:
                    v1[controller] = _below(point, root, path)
    return unified, v1


def _below(point: str, root: str, path: str) -> Path:
    # In a container the mount shows only a part of the hierarchy: ``root`` of it.
    if root != "/" and (path == root or path.startswith(root + "/")):
        path = path[len(root) :]
    full = Path(point.replace("\\040", " ") + path)
    return full if full.is_dir() else Path(point)


def _is_cgroup(path: Path) -> bool:
    return (path / "cgroup.subtree_control").exists()


def _remove(path: Path) -> bool:
    """True once the folder is not there."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _kill_members(leaf: Path) -> None:
    with contextlib.suppress(OSError):
        (leaf / "cgroup.kill").open("r+").write("1")
        return
    with contextlib.suppress(OSError, ValueError):
        for pid in (leaf / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
