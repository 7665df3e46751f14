"""Locks where the file system locks files and not folders, as NFS does."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from collegium.backends.local.layout import Layout, locked


@pytest.fixture(params=[False, True], ids=["disk", "nfs"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    real: Callable[[int, int], None] = fcntl.flock

    def flock(fd: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        real(fd, how)

    if request.param:
        monkeypatch.setattr(fcntl, "flock", flock)
    made = tmp_path / "held"
    made.mkdir()
    return made


def test_one_holds_it_at_a_time(folder: Path) -> None:
    with locked(folder), pytest.raises(BlockingIOError), locked(folder, wait=False):
        pass
    with locked(folder, wait=False):
        pass


def test_what_is_built_stays_and_what_a_crash_left_goes(folder: Path) -> None:
    layout = Layout(folder)
    layout.prepare()
    (layout.tmp / "build-left").mkdir()
    with layout.building() as path:
        layout.prepare()
        assert path.is_dir()
        assert not (layout.tmp / "build-left").exists()
    layout.prepare()
    layout.prepare()
    assert list(layout.tmp.iterdir()) == []
