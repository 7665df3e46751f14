"""The program behind ``helm test``, against a hub on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collegium.hub import selftest
from support.installation import Installation


@pytest.fixture(scope="module")
def hub(tmp_path_factory) -> Iterator[Installation]:
    found = Installation(tmp_path_factory.mktemp("hub"))
    try:
        yield found.start()
    finally:
        found.stop()


def run(hub: Installation, tmp_path: Path, user: str, *more: str, password: str = "") -> int:
    (tmp_path / "password").write_text((password or hub.passwords[user]) + "\n")
    given = [f"--url={hub.url}", f"--user={user}", f"--password-file={tmp_path / 'password'}", "--timeout=120"]
    return selftest.main([*given, *more])


def test_all_is_well_and_nothing_is_left(hub: Installation, tmp_path: Path, capsys) -> None:
    before = set(hub.processes("singleuser"))
    assert run(hub, tmp_path, "ann", "--group=physics") == 0, capsys.readouterr().out
    printed = capsys.readouterr().out
    assert "all is well" in printed and "not cleared up" not in printed
    assert set(hub.processes("singleuser")) == before
    assert hub.passwords["ann"] not in printed


@pytest.mark.parametrize(
    ("user", "more", "words"),
    [
        ("zoe", [], "may start nothing in any group"),
        ("vic", ["--group=physics"], "may start nothing in physics"),
        ("bob", ["--group=physics", "--image=windows"], "group physics has images"),
    ],
)
def test_what_is_wrong_is_said(
    hub: Installation, tmp_path: Path, capsys, user: str, more: list[str], words: str
) -> None:
    assert run(hub, tmp_path, user, *more) == 1
    assert words in capsys.readouterr().out


def test_a_password_that_was_changed(hub: Installation, tmp_path: Path, capsys) -> None:
    assert run(hub, tmp_path, "bob", password="not-the-one") == 1
    printed = capsys.readouterr().out
    assert "could not log in" in printed and "not-the-one" not in printed


def test_nobody_there(tmp_path: Path, capsys) -> None:
    (tmp_path / "password").write_text("x")
    given = ["--user=ann", f"--password-file={tmp_path / 'password'}"]
    assert selftest.main(["--url=http://127.0.0.1:1/", *given]) == 1
    assert "no answer" in capsys.readouterr().out
