"""What the benchmarks run: a whole installation, plain servers, and a client that measures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.installation import Installation, free_port, until

__all__ = ["Installation", "call", "environment", "folder", "free_port", "installation", "server", "timed", "until"]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that goes away with everything in it. From here on SIGTERM ends everything in order, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="collegium-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path).resolve()


@contextlib.contextmanager
def installation(place: Path, catalog: str, extra: str = "") -> Iterator[Installation]:
    """A running Collegium with this catalog."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "catalog.yaml").write_text(catalog)
    made = Installation(place, place / "catalog.yaml", extra)
    try:
        yield made.start()
    finally:
        made.stop()


def environment(place: Path, programs: Path = Path(sys.executable).parent) -> dict[str, str]:
    """What a server is given that must not find the settings of whoever runs this."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "COLLEGIUM"))}
    return {**keep, "HOME": str(place), "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}"}


@contextlib.contextmanager
def server(argv: Sequence[str], place: Path, variables: Mapping[str, str], url: str) -> Iterator[int]:
    """The id of a process that answers at ``url``; after the block, all that has to do with ``place`` has ended."""
    log = place / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv,
            cwd=place,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )

    def answers() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"{argv[0]} ended with {process.returncode}:\n{log.read_text()[-5000:]}")
        return asyncio.run(_answers(url))

    try:
        until(f"{url} answers", answers, 120)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        # Proxies and servers of a hub leave its process group.
        for pid in _processes(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def _processes(place: Path) -> Iterator[int]:
    """Whose command or environment names the folder."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if any(str(place).encode() in (entry / name).read_bytes() for name in ("cmdline", "environ")):
                    yield int(entry.name)


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def call(
    session: aiohttp.ClientSession, method: str, url: str, token: str, status: Sequence[int] = (200,), body: Any = None
) -> Any:
    """The decoded JSON of a request (None if there is none); RuntimeError for any other status."""
    headers = {"Authorization": f"token {token}"}
    async with session.request(method, url, headers=headers, json=body) as answer:
        text = await answer.text()
        if answer.status not in status:
            raise RuntimeError(f"{method} {url} answered {answer.status}: {text[:500]}")
        return await answer.json(content_type=None) if text else None


async def timed(session: aiohttp.ClientSession, url: str, headers: Mapping[str, str] | None = None) -> float:
    """Seconds of one GET, its body read to the end; RuntimeError unless it is a 200."""
    begun = time.perf_counter()
    async with session.get(url, headers=headers) as answer:
        body = await answer.read()
        seconds = time.perf_counter() - begun
        if answer.status != 200:
            raise RuntimeError(f"{url} answered {answer.status}: {body[:500]!r}")
        return seconds
