"""The sampler beside a local run: what the kernel says, which processes count, and what hostile runs do to the file."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.local import launch
from collegium.backends.local.layout import Layout
from collegium.backends.local.sampler import Gpus, Sampler, cpu_seconds, descendants, read_gpus, resident
from collegium.backends.local.usage import FILE, attempt_usage
from collegium.backends.ports import RunPhase
from collegium.domain.usage import Usage, read_usage


def lines(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


def test_a_run_that_works_is_seen_to_work(tmp_path: Path) -> None:
    # A child that is waited for, a grandchild that is not, and memory that nobody else has.
    program = (
        "import sys; held = b'x' * 50_000_000; total = sum(range(3_000_000)); print('up', flush=True); sys.stdin.read()"
    )
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    with subprocess.Popen([sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        pids = descendants([process.pid])
        assert len(pids) == 2
        assert sum(cpu_seconds(pid) for pid in pids) > 0
        assert 50_000_000 < resident(pids) < 500_000_000
        sampler = Sampler([], path=str(tmp_path / "usage"))
        sampler.look(time.monotonic(), lambda: [process.pid], 5.0)
        process.stdin.close()  # type: ignore[union-attr]
    sampler.close(6.0, 1)
    first, look, last = lines(tmp_path / "usage")
    assert first == ["u", "0", "0", "-"]
    assert int(look[2]) > 5_000_000
    assert int(look[3]) > 50_000_000
    # What the counter lost with a process that nobody waited for it does not take back.
    assert int(last[2]) >= 6_000_000
    assert last[3] == "-"


@pytest.mark.parametrize("version", [1, 2])
def test_what_the_kernel_counts_for_a_group(tmp_path: Path, version: int) -> None:
    memory, cpu = tmp_path / "memory", tmp_path / "cpu"
    names = {
        1: {"cpu/cpuacct.usage": "3000000000", "memory/memory.usage_in_bytes": "900", "idle": "total_inactive_file"},
        2: {"memory/cpu.stat": "usage_usec 3000000", "memory/memory.current": "900", "idle": "inactive_file"},
    }[version]
    memory.mkdir()
    cpu.mkdir()
    (memory / "memory.stat").write_text(f"anon 1\n{names.pop('idle')} 300\n")
    for name, text in names.items():
        (tmp_path / name).write_text(text + "\n")
    groups = [memory, cpu] if version == 1 else [memory]
    sampler = Sampler([f"fresh\t{folder}" for folder in groups], path=str(tmp_path / "usage"))
    sampler.look(time.monotonic(), lambda: [], 77.0)
    assert lines(tmp_path / "usage")[1][2:] == ["3000000", "600"]


def test_the_longer_it_runs_the_rarer_it_is_looked_at(tmp_path: Path) -> None:
    sampler = Sampler([], path=str(tmp_path / "usage"))
    now = time.monotonic()
    for second in range(4000):
        sampler.look(now + second, lambda: [], 0.0)
    # The first line, 300 every two seconds, 300 every four, and the rest every eight.
    assert len(lines(tmp_path / "usage")) == 1 + 300 + 300 + 275


def test_a_full_disk_costs_points_only(tmp_path: Path) -> None:
    sampler = Sampler([], path=str(tmp_path / "no" / "usage"))
    sampler.look(time.monotonic(), lambda: [os.getpid()], 0.0)
    (tmp_path / "no").mkdir()
    sampler.close(1.0, 9)
    assert read_usage((tmp_path / "no" / "usage").read_bytes()).memory == ()


SMI = """\
#!/bin/sh
case $1 in
  --query-gpu=*) printf 'GPU-a, 45\\nGPU-b, 100\\nGPU-c, [N/A]\\n' ;;
  *) printf 'GPU-a, {mine}, 1024\\nGPU-b, 999999999, 4096\\nGPU-c, {mine}, [N/A]\\n' ;;
esac
"""


def asked(gpus: Gpus, pids: set[int], enough: Callable[[], bool] = lambda: False) -> tuple[int, int] | None:
    """The next answer, or None when it is enough."""
    deadline = time.monotonic() + 20
    while (found := gpus.look(time.monotonic(), pids)) is None and not enough():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_devices_on_which_the_run_is(tmp_path: Path) -> None:
    meter = tmp_path / "smi"
    meter.write_text(SMI.replace("{mine}", "4711"))
    meter.chmod(0o755)
    gpus = Gpus(str(meter))
    assert asked(gpus, {4711}) == (450, 1024 << 20)
    assert asked(gpus, set()) == (0, 0)


@pytest.mark.parametrize("text", ["exit 1", "exec sleep 60", "echo nonsense"])
def test_a_meter_that_does_not_work_is_left_alone(tmp_path: Path, text: str) -> None:
    meter = tmp_path / "smi"
    meter.write_text(f"#!/bin/sh\n{text}\n")
    meter.chmod(0o755)
    gpus = Gpus(str(meter))
    gpus.PATIENCE = 0.05  # type: ignore[misc]
    if text == "echo nonsense":
        assert asked(gpus, {1}) == (0, 0)
        return
    assert asked(gpus, {1}, lambda: gpus._failures == gpus.TRIES) is None
    assert gpus.look(time.monotonic(), {1}) is None
    assert gpus.pid == 0


def test_half_an_answer_is_none() -> None:
    assert read_gpus("GPU-a, 45\n\nGPU-a, 1, 5\n", {1}) is None
    assert read_gpus("GPU-a, 45\n\nGPU-a, 1, 5\nend\n", {1}) == (450, 5 << 20)


async def test_a_run_with_gpus_is_asked_about(place: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meter, pid, go = (tmp_path / name for name in ("bin/nvidia-smi", "pid", "go"))
    meter.parent.mkdir()
    meter.write_text(SMI.replace("{mine}", f"'$(cat {pid})'"))
    meter.chmod(0o755)
    monkeypatch.setattr(launch, "SYSTEM_PATH", f"{meter.parent}:{launch.SYSTEM_PATH}")
    backend = place.open()
    wait = f"echo $$ > {pid}; while ! test -e {go}; do sleep 0.05; done"
    amounts = {"cpu": "1", "memory": "512Mi", "nvidia.com/gpu": "1"}
    await backend.jobs.start(place.request("sh", "-c", wait, resources=amounts))
    async with asyncio.timeout(30):
        while not (used := await backend.logs.usage("job-one.1")).gpu:
            await asyncio.sleep(0.02)
    go.touch()
    assert (await place.finished(backend)).phase is RunPhase.SUCCEEDED
    assert used.gpu[0][1] == 0.45
    assert used.gpu_memory[0][1] == 1024 << 20


def test_whatever_is_in_its_place_is_read_within_bounds(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.prepare()
    attempt = layout.attempt("job-a.1")
    attempt.mkdir(parents=True)
    assert attempt_usage(layout, "job-a.1") == Usage()
    (attempt / FILE).symlink_to("/etc/passwd")
    assert attempt_usage(layout, "job-a.1") == Usage()
    (attempt / FILE).unlink()
    os.mkfifo(attempt / FILE)
    assert attempt_usage(layout, "job-a.1") == Usage()
    (attempt / FILE).unlink()
    (attempt / FILE).write_bytes(b"u 1000 5 5\n")
    os.truncate(attempt / FILE, 1 << 40)
    assert attempt_usage(layout, "job-a.1").memory == ((1.0, 5),)
