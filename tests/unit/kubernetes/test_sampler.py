"""The shell that measures a pod from inside: run by real shells, over a cgroup of files."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collegium.backends.kubernetes.sampler import sampler_script
from collegium.domain.usage import read_usage

SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def cgroup(folder: Path, version: int) -> Path:
    files = {
        1: {
            "cpuacct/cpuacct.usage": "3000000000",
            "memory/memory.usage_in_bytes": "9000000000",
            "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 1000000000",
        },
        2: {
            "cpu.stat": "usage_usec 3000000\nuser_usec 1",
            "memory.current": "9000000000",
            "memory.stat": "anon 5\ninactive_file 1000000000",
        },
    }[version]
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text + "\n")
    return folder


class Pod:
    """A program that is started as in a pod: the sampler first, then the program in the shell's place."""

    def __init__(self, folder: Path) -> None:
        self.usage = folder / "usage"
        self.usage.touch()
        self.root, self.bin = folder / "cgroup", folder / "bin"
        self.bin.mkdir()
        self.mark = f"POD={folder}"

    def run(self, shell: str, gpus: bool, *program: str) -> subprocess.CompletedProcess[str]:
        script = sampler_script(str(self.usage), gpus, str(self.root)) + 'exec "$@"\n'
        start = [shell, "sh", "-c"] if shell == "busybox" else [shell, "-c"]
        name, _, value = self.mark.partition("=")
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", name: value}
        return subprocess.run(
            [*start, script, "collegium", *program], capture_output=True, text=True, env=environment, timeout=60
        )

    def members(self) -> list[int]:
        """Processes that carry its mark."""
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and self.mark.encode() in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    found.append(int(name))
            except OSError:
                continue
        return found

    def lines(self, kind: str) -> list[list[str]]:
        return [line.split() for line in self.usage.read_text().splitlines() if line.startswith(kind)]

    def wait(self, kind: str) -> list[str]:
        deadline = time.monotonic() + 30
        while not self.lines(kind):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return self.lines(kind)[0]

    def end(self) -> None:
        """What the container runtime does when the program is over."""
        while members := self.members():
            for pid in members:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    continue
            time.sleep(0.02)


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(tmp_path)
    yield pod
    pod.end()


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("version", [1, 2])
def test_what_the_kernel_counts(pod: Pod, shell: str, version: int) -> None:
    cgroup(pod.root, version)
    # The program has its arguments, its output, and no child that it did not start.
    program = 'echo "$1"; cat /proc/$$/task/$$/children; test -z "$(jobs)"'
    ended = pod.run(shell, False, "bash", "-c", program, "x", "two words")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.split("\n")[0] == "two words"
    _, at, cpu, memory = pod.wait("u")
    assert int(at) < 60_000
    assert (cpu, memory) == ("3000000", "8000000000")
    assert read_usage(pod.usage.read_bytes()).memory[0][1] == 8_000_000_000


@pytest.mark.parametrize("shell", SHELLS)
def test_devices_of_the_pod_are_added_up(pod: Pod, shell: str) -> None:
    cgroup(pod.root, 2)
    meter = pod.bin / "nvidia-smi"
    meter.write_text("#!/bin/sh\necho '45, 1024'\necho '[N/A], 5'\necho '100, 1'\n")
    meter.chmod(0o755)
    pod.run(shell, True, "true")
    assert pod.wait("g")[2:] == ["1450", str(1025 << 20)]
    assert pod.wait("u")[2] == "3000000"


def test_without_devices_asked_for_nobody_asks(pod: Pod) -> None:
    cgroup(pod.root, 2)
    meter = pod.bin / "nvidia-smi"
    meter.write_text(f"#!/bin/sh\ntouch {pod.usage}.asked\n")
    meter.chmod(0o755)
    pod.run("sh", False, "true")
    pod.wait("u")
    assert not Path(f"{pod.usage}.asked").exists()


@pytest.mark.parametrize("missing", ["cgroup", "usage"])
def test_what_cannot_be_measured_harms_nobody(pod: Pod, missing: str) -> None:
    if missing == "usage":
        cgroup(pod.root, 2)
        pod.usage.unlink()
        # What a kubelet makes of a mount whose source is not there.
        pod.usage.mkdir()
    ended = pod.run("sh", True, "sh", "-c", "echo out; exit 7")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "out\n", "")
