"""The program that waits for the database and then becomes another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from collegium.hub import ready


def start(tmp_path: Path, *arguments: str, url: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "collegium.hub.ready", *arguments],
        env={**os.environ, "COLLEGIUM_STATE_DIR": str(tmp_path / "s"), "COLLEGIUM_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_becomes_the_program(tmp_path: Path) -> None:
    process = start(tmp_path, sys.executable, "-c", "import os, sys; print(os.getpid()); sys.exit(7)")
    printed, complaints = process.communicate(timeout=60)
    assert (process.returncode, printed.strip(), complaints) == (7, str(process.pid), "")
    assert (tmp_path / "s/collegium.sqlite").exists()


def test_it_waits_says_why_and_can_be_told_to_stop(tmp_path: Path) -> None:
    process = start(tmp_path, "false", url="postgresql://me:hush-hush@127.0.0.1:1/x")
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("collegium: waiting for the database: ") and "hush-hush" not in line
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("arguments", [[], ["--hub"], ["--help"]])
def test_wrong_usage(arguments: list[str], capsys) -> None:
    assert ready.main(arguments) == 2
    assert "usage:" in capsys.readouterr().err
