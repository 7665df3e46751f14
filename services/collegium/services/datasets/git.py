"""Fetches one revision of a repository, without ever checking it out: objects come in, and files are read from them.

So there are no hooks, filters, submodules or links at work, and no path in a repository is one here. What opens the
repository stands in files that nobody else can read, and is gone when the fetch is over; it is in no argument, no
environment and no log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collegium.domain.errors import InvalidInput, Misconfigured, NotFound, TooLarge, Unavailable, shorten
from collegium.domain.files import check_new_path
from collegium.domain.sources import check_revision, git_place

_PIECE = 1 << 20
#: Bytes of what git says that are looked at.
_SAID = 8192
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_FENCE = Path(__file__).with_name("fence.py")
#: Answers with what stands in the files; git asks "Username for …" and "Password for …".
_ASKPASS = """#!/bin/sh
case "$1" in
[Uu]sername*) cat "$COLLEGIUM_GIT/username" ;;
*) cat "$COLLEGIUM_GIT/password" ;;
esac
"""
_REGULAR = ("100644", "100755")
#: Words of git and ssh, and what is told of them; the first that fits counts. They are never quoted: they may hold what
#: a server wants to be read.
_SAYINGS: tuple[tuple[str, type[Exception], str], ...] = (
    ("authentication failed", Misconfigured, "The server refuses the user name or password of the secret."),
    ("could not read username", Misconfigured, "The server asks for a user name: name a secret of kind git."),
    ("could not read password", Misconfigured, "The server asks for a password: name a secret of kind git."),
    ("permission denied", Misconfigured, "The server refuses the key of the secret."),
    ("host key verification failed", Misconfigured, "The server's key is not the one that the secret names."),
    ("ssl certificate problem", Misconfigured, "The server's certificate cannot be trusted."),
    ("certificate subject name", Misconfigured, "The server's certificate is for another name."),
    ("certificate verification failed", Misconfigured, "The server's certificate cannot be trusted."),
    ("unable to update url base from redirection", Misconfigured, "The server redirects; give the address behind it."),
    ("requested url returned error: 30", Misconfigured, "The server redirects; give the address behind it."),
    ("couldn't find remote ref", NotFound, "The repository has no such branch, tag or commit."),
    ("could not find remote ref", NotFound, "The repository has no such branch, tag or commit."),
    (
        "not our ref",
        NotFound,
        "The repository has no such commit, or does not give it by itself; name a branch or tag.",
    ),
    ("unadvertised object", NotFound, "The repository does not give single commits; name a branch or tag."),
    ("requested url returned error: 404", NotFound, "There is no repository at this address."),
    ("repository not found", NotFound, "There is no repository at this address."),
    ("does not appear to be a git repository", NotFound, "There is no repository at this address."),
    ("requested url returned error: 401", Misconfigured, "The server refuses what the secret holds."),
    ("requested url returned error: 403", Misconfigured, "The server does not allow it."),
    ("file size limit exceeded", TooLarge, "The repository is larger than what is allowed here."),
    ("file too large", TooLarge, "The repository is larger than what is allowed here."),
    ("does not support shallow", Misconfigured, "The server speaks git's old protocol only, which is not supported."),
    ("no space left", Unavailable, "There is no room to fetch it now."),
)


@dataclass(frozen=True)
class GitSource:
    """What to fetch. ``address`` is where to connect to, empty for whatever the host's name says; ``secret`` holds
    username and password, or ssh_key and perhaps known_hosts."""

    url: str
    revision: str = ""
    folder: str = ""
    address: str = ""
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class GitBounds:
    """How long it may take, and how much it may be."""

    seconds: float = 1800.0
    max_bytes: int = 20 << 30
    max_files: int = 200_000
    ca_file: str = ""


@dataclass(frozen=True)
class Blob:
    """A file of a commit; ``path`` is below the folder that was asked for."""

    id: str
    size: int
    path: str


@dataclass
class Fetched:
    """A commit that is here. ``left_out`` counts links and submodules, which are no files."""

    commit: str
    blobs: Sequence[Blob]
    left_out: int
    _git: _Git

    async def read(self) -> AsyncIterator[tuple[Blob, AsyncIterator[bytes]]]:
        """Each file with its content, which must be read before the next one is asked for."""
        process = await self._git.start("cat-file", "--batch", stdin=True)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for blob in self.blobs:
                process.stdin.write(f"{blob.id}\n".encode())
                await process.stdin.drain()
                header = (await process.stdout.readline()).decode("ascii", "replace").split()
                if header != [blob.id, "blob", str(blob.size)]:
                    raise Unavailable("An object of the repository cannot be read; try again.")
                yield blob, _content(process.stdout, blob.size)
                if await process.stdout.readexactly(1) != b"\n":
                    raise Unavailable("An object of the repository was not read to its end; try again.")
        finally:
            await _end(process)


async def _content(stream: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await stream.read(min(size, _PIECE))
        if not piece:
            raise Unavailable("An object of the repository broke off; try again.")
        size -= len(piece)
        yield piece


@contextlib.asynccontextmanager
async def fetch(
    source: GitSource, bounds: GitBounds, work: Path | None = None, room: Path | None = None
) -> AsyncIterator[Fetched]:
    """The asked revision while the block goes on; meanwhile ``work`` has what opens it, and ``room`` the repository.

    Raises InvalidInput, NotFound, Misconfigured or TooLarge where trying again does not help, else Unavailable.
    """
    if shutil.which("git") is None:
        raise Unavailable("The program git is not installed where versions are made.")
    folders: list[Path] = []
    try:
        for place in (work, room or work):
            folders.append(await asyncio.to_thread(_folder, place))
        git = _Git(source, bounds, folders[0], folders[1] / "repository.git")
        async with _in_time(bounds.seconds):
            commit = await git.fetch()
            blobs, left_out = await git.files(commit)
        yield Fetched(commit, blobs, left_out, git)
    finally:
        for folder in folders:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _folder(place: Path | None) -> Path:
    try:
        if place is not None:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="git-", dir=place))
    except OSError as error:
        raise Unavailable(f"There is no place to fetch repositories to: {error.strerror}.") from error


def sweep(work: Path) -> None:
    """Remove what a fetch left whose process was killed. For the only process that fetches there."""
    for left in work.glob("git-*"):
        shutil.rmtree(left, ignore_errors=True)


class _Git:
    """The program, in a folder of its own."""

    def __init__(self, source: GitSource, bounds: GitBounds, folder: Path, repository: Path) -> None:
        self._source, self._bounds, self._folder, self._repository = source, bounds, folder, repository
        self._place = git_place(source.url)
        self._environment = self._prepare()

    def _prepare(self) -> dict[str, str]:
        folder, secret = self._folder, self._source.secret
        (folder / "home").mkdir(mode=0o700)
        for name in ("username", "password"):
            _write(folder / name, secret.get(name, ""))
        _write(folder / "askpass", _ASKPASS, 0o700)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder / "home"),
            "LC_ALL": "C",
            "GIT_DIR": str(self._repository),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": "https:ssh",
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_ASKPASS": str(folder / "askpass") if secret.get("password") else "/bin/false",
            "COLLEGIUM_GIT": str(folder),
            "GIT_SSH_VARIANT": "ssh",
            "GIT_SSH_COMMAND": shlex.join(self._ssh()),
        }
        if not self._source.address:
            # Whoever may reach everything may need to do so through somebody.
            environment |= {
                k: v for k, v in os.environ.items() if k.lower() in ("https_proxy", "no_proxy", "all_proxy")
            }
        return environment

    def _ssh(self) -> list[str]:
        folder, secret, options = self._folder, self._source.secret, {}
        known = secret.get("known_hosts", "")
        _write(folder / "known_hosts", known)
        if secret.get("ssh_key"):
            _write(folder / "key", secret["ssh_key"].rstrip("\n") + "\n")
            options["IdentityFile"] = str(folder / "key")
        options |= {
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "20",
            "ServerAliveInterval": "15",
            "UserKnownHostsFile": str(folder / "known_hosts"),
            "GlobalKnownHostsFile": os.devnull,
            "StrictHostKeyChecking": "yes" if known else "accept-new",
            "ForwardAgent": "no",
            "IdentityAgent": "none",
        }
        if self._source.address:
            options |= {"HostName": self._source.address, "HostKeyAlias": self._place.host}
        return ["ssh", "-F", os.devnull, *(part for k, v in options.items() for part in ("-o", f"{k}={v}"))]

    def _settings(self) -> list[str]:
        settings = {
            "protocol.file.allow": "never",
            "protocol.ext.allow": "never",
            "core.hooksPath": os.devnull,
            "credential.helper": "",
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "60",
            "fetch.unpackLimit": "1",
            "fetch.recurseSubmodules": "false",
            "gc.auto": "0",
            "core.symlinks": "false",
        }
        if self._bounds.ca_file:
            settings["http.sslCAInfo"] = self._bounds.ca_file
        if self._source.address and self._place.scheme == "https":
            host, address = self._place.host, self._source.address
            address = f"[{address}]" if ":" in address else address
            settings["http.curloptResolve"] = f"{host}:{self._place.port or 443}:{address}"
        return [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]

    async def start(self, *arguments: str, stdin: bool = False) -> asyncio.subprocess.Process:
        """Begin; its errors go to a file."""
        program = ["git", *self._settings(), *arguments]
        with (self._folder / "said").open("wb") as said:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_FENCE), str(self._bounds.max_bytes), *program),
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                env=self._environment,
                cwd=self._folder,
                start_new_session=True,
                limit=_PIECE,
            )

    async def run(self, *arguments: str) -> bytes:
        """Run to the end; raises for a failure as ``fetch`` does."""
        process = await self.start(*arguments)
        assert process.stdout is not None
        try:
            out = await process.stdout.read()
            code = await process.wait()
        finally:
            await _end(process)
        if code:
            raise self._failure(code)
        return out

    async def fetch(self) -> str:
        """Bring the revision here, and no more of the repository than needed; answers with its commit."""
        await self.run("init", "--quiet", "--bare", str(self._repository))
        wanted = check_revision(self._source.revision) if self._source.revision else "HEAD"
        options = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        await self.run("fetch", *options, "--end-of-options", self._source.url, f"+{wanted}:refs/collegium/asked")
        commit = (await self.run("rev-parse", "--verify", "--end-of-options", "refs/collegium/asked^{commit}")).decode()
        return commit.strip()

    async def files(self, commit: str) -> tuple[list[Blob], int]:
        """Regular files below the folder that was asked for, sorted by path, and how many links and submodules are
        left out."""
        folder, blobs, left_out, total = self._source.folder, [], 0, 0
        tree = f"{commit}:{folder}" if folder else commit
        try:
            listed = await self.run("ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options", tree)
        except Unavailable:
            raise NotFound(f"The repository has no folder {shorten(folder)} at this revision.") from None
        for line in listed.split(b"\0"):
            if not line:
                continue
            head, _, name = line.partition(b"\t")
            mode, _, object_id, size = head.decode().split()
            if mode not in _REGULAR:
                left_out += 1
                continue
            blobs.append(Blob(object_id, int(size), _path(name)))
            total += blobs[-1].size
        most = self._bounds
        if len(blobs) > most.max_files:
            raise TooLarge(f"It holds {len(blobs)} files, at most {most.max_files} are possible.", limit=most.max_files)
        if total > most.max_bytes:
            raise TooLarge(f"It holds {total} bytes, at most {most.max_bytes} are possible.", limit=most.max_bytes)
        return sorted(blobs, key=lambda b: b.path), left_out

    def _failure(self, code: int) -> Exception:
        if code == -signal.SIGXFSZ:
            return TooLarge("The repository is larger than what is allowed here.", limit=self._bounds.max_bytes)
        said = (self._folder / "said").read_bytes()[-_SAID:].decode("utf-8", "replace").lower()
        for words, kind, text in _SAYINGS:
            if words in said:
                return kind(text)
        return Unavailable("The repository does not answer, or git cannot read it; it is tried again.")


def _path(name: bytes) -> str:
    try:
        return check_new_path(name.decode())
    except (UnicodeDecodeError, InvalidInput):
        raise InvalidInput("source", "the repository holds a name that cannot be kept", repr(name)) from None


@contextlib.asynccontextmanager
async def _in_time(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TooLarge(f"The fetch took longer than {seconds:.0f} seconds.", limit=seconds) from None


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it and its children, if they have not ended."""
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _write(path: Path, text: str, mode: int = 0o600) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
