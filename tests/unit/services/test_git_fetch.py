"""Fetching over ssh with git itself: what opens the repository, and that nothing of it stays or is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from collegium.domain.errors import Misconfigured, NotFound, TooLarge, Unavailable
from collegium.services.datasets.git import GitBounds, GitSource, fetch
from support.git_server import git

KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nmarker-key-4711\n-----END OPENSSH PRIVATE KEY-----"
#: Stands for ssh and the server behind it: notes how it was called and runs what the server would run.
SSH = """#!/bin/sh
printf '%s\\n' "$@" > {folder}/arguments
env > {folder}/environment
for argument in "$@"; do
    case "$argument" in IdentityFile=*) cp -p "${{argument#IdentityFile=}}" {folder}/key ;; esac
done
if [ -e {folder}/refuse ]; then cat {folder}/refuse >&2; exit 255; fi
exec git upload-pack {repository}
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository behind an ssh of ours."""
    work = tmp_path / "work"
    git("init", "-q", "-b", "main", str(work))
    (work / "a.csv").write_text("a,b\n1,2\n")
    (work / "big.bin").write_bytes(os.urandom(300_000))
    git("add", "-A", at=work)
    git("commit", "-q", "-m", "data", at=work)
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/ssh"
    program.write_text(SSH.format(folder=tmp_path, repository=work))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("MARKER_OF_SERVICE", "not for git")
    return tmp_path


def source(**more: str) -> GitSource:
    secret = {"ssh_key": KEY, **more}
    return GitSource("git@git.example.org:lab/data.git", "main", address="192.0.2.7", secret=secret)


async def read(source: GitSource, place: Path, bounds: GitBounds | None = None) -> dict[str, bytes]:
    async with fetch(source, bounds or GitBounds(), place / "fetches") as fetched:
        assert fetched.commit == git("rev-parse", "HEAD", at=place / "work")
        return {blob.path: b"".join([p async for p in content]) async for blob, content in fetched.read()}


async def test_a_key_is_used_and_gone(place: Path) -> None:
    found = await read(source(), place)
    assert found["a.csv"] == b"a,b\n1,2\n" and len(found["big.bin"]) == 300_000
    arguments = (place / "arguments").read_text()
    assert "StrictHostKeyChecking=accept-new" in arguments and "BatchMode=yes" in arguments
    # Connected to what was checked, under the name that the key is known by.
    assert "HostName=192.0.2.7" in arguments and "HostKeyAlias=git.example.org" in arguments
    assert (place / "key").read_text() == KEY + "\n" and (place / "key").stat().st_mode & 0o777 == 0o600
    assert "marker-key" not in arguments + (place / "environment").read_text()
    assert "MARKER_OF_SERVICE" not in (place / "environment").read_text()
    assert list((place / "fetches").iterdir()) == []


async def test_a_known_host_is_insisted_on(place: Path) -> None:
    await read(source(known_hosts="git.example.org ssh-ed25519 AAAA"), place)
    assert "StrictHostKeyChecking=yes" in (place / "arguments").read_text()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("git@x: Permission denied (publickey).", Misconfigured),
        ("Host key verification failed.", Misconfigured),
        ("ERROR: Repository not found.", NotFound),
        ("marker-said: no route to host", Unavailable),
    ],
)
async def test_what_a_server_says_is_told_in_our_words(place: Path, said: str, kind: type[Exception]) -> None:
    (place / "refuse").write_text(said)
    with pytest.raises(kind) as refused:
        await read(source(), place)
    assert "marker" not in str(refused.value)
    assert list((place / "fetches").iterdir()) == []


@pytest.mark.parametrize(
    "bounds",
    [GitBounds(max_bytes=100_000), GitBounds(max_files=1), GitBounds(seconds=0.0)],
    ids=["size", "files", "time"],
)
async def test_bounds(place: Path, bounds: GitBounds) -> None:
    with pytest.raises(TooLarge):
        await read(source(), place, bounds)
    assert list((place / "fetches").iterdir()) == []


async def test_other_ways_are_closed_whatever_git_is_told(place: Path) -> None:
    """Should an address ever come this far."""
    await read(source(), place)
    environment = dict(line.split("=", 1) for line in (place / "environment").read_text().splitlines() if "=" in line)
    assert environment["GIT_ALLOW_PROTOCOL"] == "https:ssh" and environment["GIT_TERMINAL_PROMPT"] == "0"
    run = subprocess.run(
        ["git", "ls-remote", f"file://{place / 'work'}"],
        env={**os.environ, "GIT_ALLOW_PROTOCOL": environment["GIT_ALLOW_PROTOCOL"]},
        capture_output=True,
        check=False,
    )
    assert run.returncode != 0 and b"not allowed" in run.stderr
