from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collegium.spawner import process
from collegium.spawner.process import ProcessId

ENVIRONMENT = {"PATH": "/usr/bin:/bin", process.MARK: "server-test"}


def until(condition: Callable[[], bool], seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def started(tmp_path: Path):
    made: list[subprocess.Popen[bytes]] = []

    def start(*argv: str, mark: str = "server-test") -> tuple[subprocess.Popen[bytes], ProcessId]:
        environment = {**ENVIRONMENT, process.MARK: mark}
        child = process.launch(argv, environment, tmp_path, tmp_path / "process", tmp_path / "server.log")
        made.append(child)
        assert until(lambda: ProcessId.from_file(tmp_path / "process") is not None)
        return child, ProcessId.from_file(tmp_path / "process")  # type: ignore[return-value]

    yield start
    for child in made:
        if child.poll() is None:
            child.kill()
        child.wait()


def test_the_record_names_the_very_process(started, tmp_path: Path) -> None:
    child, identity = started("sleep", "60")
    assert identity.pid == child.pid
    assert identity.alive
    assert until(lambda: Path(f"/proc/{child.pid}/comm").read_text() == "sleep\n")
    assert ProcessId(identity.pid, identity.started - 1).alive is False
    child.kill()
    assert until(lambda: not identity.alive)  # a zombie is not alive
    child.wait()


def test_the_log_is_private_and_new_for_each_start(started, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("old")
    log.chmod(0o644)
    child, _ = started("sh", "-c", "echo out; echo err >&2")
    child.wait()
    assert log.read_text() == "out\nerr\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "process").stat().st_mode) == 0o600


def test_arguments_reach_the_program_unchanged(started, tmp_path: Path) -> None:
    hostile = ["$(id)", "`id`", "a b", "'; rm -rf x", "", "*", "\n"]
    child, _ = started(sys.executable, "-c", "import sys; print(sys.argv[1:])", *hostile)
    child.wait()
    assert (tmp_path / "server.log").read_text().strip() == repr(hostile)


def test_end_all_ends_children_in_sessions_of_their_own(started, tmp_path: Path) -> None:
    # As kernels do: a session of its own, and then the server dies and leaves it behind.
    child, identity = started("sh", "-c", f"setsid sleep 300 & echo $! > {tmp_path}/kernel; exec sleep 300")
    assert until(lambda: (tmp_path / "kernel").exists() and (tmp_path / "kernel").read_text().strip() != "")
    kernel = ProcessId.from_file(Path(f"/proc/{(tmp_path / 'kernel').read_text().strip()}/stat"))
    assert kernel is not None
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert kernel.alive
    assert process.end_all("server-test", identity) >= 1
    assert not kernel.alive


def test_end_all_leaves_others_alone(started) -> None:
    _, other = started("sleep", "60", mark="server-other")
    # The same pid at another time, and a mark that is only the beginning of the other's.
    assert process.end_all("server-oth", ProcessId(other.pid, other.started + 1)) == 0
    assert other.alive


@pytest.mark.parametrize("text", ["", "12", "12 (sh", "x (sh) S 1", "12 (sh) S 1 2 3"])
def test_a_torn_record_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "process").write_text(text)
    assert ProcessId.from_file(tmp_path / "process") is None


def test_a_program_name_with_brackets_and_spaces_is_read_right() -> None:
    fields = " ".join(str(i) for i in range(4, 53))
    assert ProcessId.from_stat(f"42 (a) b (c)) S {fields}") == ProcessId(42, 22)


def test_last_lines_are_few_and_printable(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"".join(b"line %d\n" % i for i in range(5000)) + b"\x1b[31mred\x07\xff\n")
    lines = process.last_lines(log).splitlines()
    assert len(lines) == 15
    assert lines[-1] == "[31mred�"
    assert process.last_lines(tmp_path / "none") == ""
