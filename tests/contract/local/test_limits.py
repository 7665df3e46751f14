"""Limits of every kind that this machine has, and the plans of those that it has not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.local.limits import PARENT, PREFIX, Limiter
from collegium.backends.ports import PYTHON, RunPhase
from collegium.domain.jobs import JobReason
from collegium.domain.names import new_id
from collegium.domain.resources import Resources, size_hints

#: Those that work here; the weakest always does. Which ones were found shows in the test ids.
HERE = {limiter.kind: limiter for limiter in Limiter.candidates() if limiter.works()} | {"rlimit": Limiter("rlimit")}
EAT = "import sys; x = bytearray(400 << 20); x[::4096] = b'x' * len(x[::4096]); print('ate')"


@pytest.fixture
def key() -> str:
    """A run's key that no other suite on this machine uses: cgroups are everybody's."""
    return new_id("job") + ".1"


@pytest.fixture(params=sorted(HERE))
def limiter(request: pytest.FixtureRequest) -> Limiter:
    """Each kind in turn."""
    return HERE[request.param]


async def test_memory_is_limited(place: Any, limiter: Limiter, key: str) -> None:
    backend = place.open(limiter=limiter)
    status, log = await place.run(
        backend, place.request(PYTHON, "-c", EAT, resources={"cpu": "1", "memory": "100Mi"}, key=key)
    )
    assert status.phase is RunPhase.FAILED
    assert b"ate" not in log
    if limiter.kind == "rlimit":
        # One of many ends of a program that minds its allocations, so it is not called more than it is.
        assert (status.reason, status.exit_code) == (JobReason.EXIT_CODE, 1)
        assert b"MemoryError" in log
    else:
        assert (status.reason, status.exit_code) == (JobReason.OUT_OF_MEMORY, 137)
        assert "memory" in status.message
    await backend.jobs.forget(key)
    for root in limiter.roots:
        assert not (root / PARENT / (PREFIX + key)).exists()


async def test_memory_within_the_limit_is_free(place: Any, limiter: Limiter, key: str) -> None:
    request = place.request(PYTHON, "-c", EAT, resources={"cpu": "1", "memory": "700Mi"}, key=key)
    status, log = await place.run(place.open(limiter=limiter), request)
    assert (status.phase, log) == (RunPhase.SUCCEEDED, b"ate\n")


async def test_children_count_too(place: Any, limiter: Limiter, key: str) -> None:
    if limiter.kind == "rlimit":
        assert "per process" in limiter.notice
        return
    backend = place.open(limiter=limiter)
    eater = "import time; x = b'x' * (60 << 20); time.sleep(20)"
    script = f'for i in 1 2 3; do python -c "{eater}" & done; wait -n || exit 1'
    status, _ = await place.run(backend, place.request("bash", "-c", script, resources={"memory": "100Mi"}, key=key))
    assert (status.phase, status.reason) == (RunPhase.FAILED, JobReason.OUT_OF_MEMORY)


async def test_cpu_is_limited(place: Any, limiter: Limiter, key: str) -> None:
    backend = place.open(limiter=limiter)
    script = "import os; print(len(os.sched_getaffinity(0))); print(open('/proc/self/cgroup').read())"
    _, log = await place.run(backend, place.request(PYTHON, "-c", script, resources={"cpu": "500m"}, key=key))
    if limiter.kind == "rlimit":
        assert log.splitlines()[0] == b"1"
    else:
        assert log.decode().count(f"{PARENT}/{PREFIX}{key}") == len(limiter.roots)


def test_wrap_for_servers(limiter: Limiter, key: str) -> None:
    words = limiter.wrap(key, Resources.parse({"cpu": 1, "memory": "64Mi"}), [sys.executable, "-c", EAT])
    try:
        answer = subprocess.run(words, capture_output=True, check=False)
        assert answer.returncode == (1 if limiter.kind == "rlimit" else -9)
        again = limiter.wrap(key, Resources.parse({"cpu": 2, "memory": "1Gi"}), ["echo", "a b", "$HOME"])
        answer = subprocess.run(again, capture_output=True, check=False)
        assert answer.stdout == b"a b $HOME\n"
    finally:
        limiter.release(key)
    for root in limiter.roots:
        assert not (root / PARENT / (PREFIX + key)).exists()


def test_release_ends_what_is_left(limiter: Limiter, key: str) -> None:
    process = subprocess.Popen(
        limiter.wrap(key, Resources.parse({"memory": "64Mi"}), ["sh", "-c", "echo up; exec sleep 600"]),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    limiter.sweep([])
    assert process.poll() is None
    if limiter.roots:
        limiter.release(key)
    else:
        process.kill()
    assert process.wait() == -9
    process.stdout.close()
    limiter.release(key)


def test_sweep_removes_what_nobody_is_in(limiter: Limiter, key: str) -> None:
    nothing = Resources.parse({"memory": "64Mi"})
    other = new_id("job") + ".1"
    for name in (key, other):
        subprocess.run(limiter.wrap(name, nothing, ["true"]), check=True)
    limiter.sweep([key])
    for root in limiter.roots:
        assert (root / PARENT / (PREFIX + key)).exists()
        assert not (root / PARENT / (PREFIX + other)).exists()
    limiter.release(key)


def test_limits_that_cannot_be_applied_stop_the_start(tmp_path: Path) -> None:
    words = Limiter("cgroup2", (tmp_path / "gone",)).wrap("x", Resources.parse({"cpu": 1}), ["echo", "ran"])
    answer = subprocess.run(words, capture_output=True, check=False)
    assert (answer.returncode, answer.stdout) == (126, b"")
    assert b"limits could not be applied" in answer.stderr


async def test_a_run_without_its_limits_does_not_run(place: Any, tmp_path: Path) -> None:
    backend = place.open(limiter=Limiter("cgroup2", (tmp_path / "gone",)))
    status, log = await place.run(backend, place.request("echo", "ran"))
    assert (status.phase, status.reason, log) == (RunPhase.FAILED, JobReason.START_FAILED, b"")
    assert "limits" in status.message


def test_detect_takes_the_strongest_that_works(monkeypatch: Any) -> None:
    found = Limiter.detect()
    assert found.kind == sorted(HERE, key=["cgroup2", "cgroup1", "rlimit"].index)[0]
    assert found.notice.endswith(".")
    monkeypatch.setattr(Limiter, "works", lambda self: False)
    assert Limiter.detect().kind == "rlimit"


def test_candidates_by_what_is_mounted(tmp_path: Path) -> None:
    unified, own = tmp_path / "cg2", tmp_path / "cg2" / "hub.service" / "main"
    own.mkdir(parents=True)
    for folder in (own, own.parent):
        (folder / "cgroup.controllers").write_text("cpu io memory pids\n")
        (folder / "cgroup.subtree_control").write_text("")
    for name in ("memory", "cpu"):
        (tmp_path / name / "own").mkdir(parents=True)
    (tmp_path / "cgroup").write_text("4:memory:/docker/1/own\n2:cpu,cpuacct:/docker/1/own\n0::/hub.service/main\n")
    (tmp_path / "mountinfo").write_text(
        f"30 1 0:26 / {unified} rw - cgroup2 cgroup2 rw\n"
        f"31 1 0:27 /docker/1 {tmp_path}/memory rw - cgroup cgroup rw,memory\n"
        f"32 1 0:28 /docker/1 {tmp_path}/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    )
    found = Limiter.candidates(tmp_path)
    assert [(c.kind, c.roots) for c in found] == [
        ("cgroup2", (own,)),
        ("cgroup2", (own.parent,)),
        ("cgroup1", (tmp_path / "memory" / "own", tmp_path / "cpu" / "own")),
    ]
    assert Limiter.candidates(tmp_path / "nothing") == []


def test_plans() -> None:
    resources = Resources.parse({"cpu": "1500m", "memory": "1Gi"})
    two = [step.replace("\t", " ") for step in Limiter("cgroup2", (Path("/c"),)).plan("a", resources)]
    assert two == [
        "mkdir /c/collegium",
        "set /c/collegium/cgroup.subtree_control +memory +cpu",
        "fresh /c/collegium/collegium-a",
        "set /c/collegium/collegium-a/memory.max 1073741824",
        "try /c/collegium/collegium-a/memory.swap.max 0",
        "set /c/collegium/collegium-a/cpu.max 150000 100000",
        "join /c/collegium/collegium-a/cgroup.procs",
    ]
    one = [step.replace("\t", " ") for step in Limiter("cgroup1", (Path("/m"), Path("/c"))).plan("a", resources)]
    assert "set /m/collegium/collegium-a/memory.limit_in_bytes 1073741824" in one
    assert "try /m/collegium/collegium-a/memory.memsw.limit_in_bytes 1073741824" in one
    assert "set /c/collegium/collegium-a/cpu.cfs_quota_us 150000" in one
    tiny = Limiter("cgroup2", (Path("/c"),)).plan("a", Resources.parse({"cpu": "1m"}))
    assert "set\t/c/collegium/collegium-a/cpu.max\t1000 100000" in tiny
    assert not any("memory.max" in step for step in tiny)


def test_rlimit_spreads_over_cpus() -> None:
    limiter = Limiter("rlimit")
    one = Resources.parse({"cpu": 1})
    chosen = {limiter.plan("a", one)[0] for _ in range(8)}
    assert len(chosen) == min(8, len(os.sched_getaffinity(0)))
    everything = limiter.plan("a", Resources.parse({"cpu": 4096}))[0].split("\t")[1:]
    assert len(everything) == len(os.sched_getaffinity(0))
    assert limiter.plan("a", Resources()) == []


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc", "a\tb", "a\n", "x" * 300])
def test_ids_that_are_none(limiter: Limiter, name: str) -> None:
    with pytest.raises(ValueError, match="workload id"):
        limiter.plan(name, Resources())


def test_hints() -> None:
    hints = size_hints
    assert hints(Resources.parse({"cpu": "2500m", "memory": "1Gi"})) == {
        "CPU_LIMIT": "2.5",
        "MEM_LIMIT": "1073741824",
        "OMP_NUM_THREADS": "3",
    }
    assert hints(Resources.parse({"cpu": "10"}))["CPU_LIMIT"] == "10"
    assert hints(Resources()) == {}
