"""What a service does with a store until it is killed. Run in processes of a fork server, told by a pipe."""

from __future__ import annotations

import asyncio
import hashlib
import random
import resource
import signal
from collections.abc import AsyncIterator
from multiprocessing.connection import Connection
from pathlib import Path

from collegium.domain.errors import DomainError
from collegium.domain.files import Root
from collegium.stores import posix_sending
from collegium.stores.port import Transfer
from collegium.stores.posix import PosixStore

FILES = Root("physics")
HEAD = Root.head("physics", "digits")


def content(seed: int, size: int) -> bytes:
    """Bytes that are the same in every process."""
    return random.Random(seed).randbytes(size)


async def _pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
        await asyncio.sleep(0)


def send(folder: Path, transfer: Transfer, seed: int, pipe: Connection) -> None:
    """Send the rest of an upload in appends of growing size; say what was acknowledged."""
    # As if hours went by.
    posix_sending.BATCH, posix_sending.SYNC_BYTES = 8192, 32768

    async def run() -> None:
        store = PosixStore(folder, floor=0)
        data = content(seed, transfer.size or 0)
        at = await store.received(transfer)
        pipe.send(("received", at))
        while at < len(data):
            at = await store.append(transfer, at, _pieces(data[at : at + 500_000], 3000))
            pipe.send(("acknowledged", at))
        pipe.send(("sent", at))

    asyncio.run(run())


def send_many(folder: Path, first: int, pipe: Connection) -> None:
    """Upload one small file after the other; say which are finished."""

    async def run() -> None:
        store = PosixStore(folder, floor=0)
        for number in range(first, first + 10_000):
            data = content(number, 5000)
            transfer = Transfer(f"up-{number}", FILES, f"many/{number}", len(data))
            transfer = Transfer(transfer.id, FILES, transfer.path, len(data), await store.begin(transfer))
            pipe.send(("begun", number, dict(transfer.state)))
            await store.append(transfer, 0, _pieces(data, 1000))
            await store.finish(transfer, replace=False, sha256=hashlib.sha256(data).hexdigest())
            pipe.send(("finished", number, {}))

    asyncio.run(run())


def snapshot(folder: Path, number: int, pipe: Connection) -> None:
    """Make a version."""
    store = PosixStore(folder, floor=0)

    async def run() -> None:
        await store.snapshot(
            HEAD, Root.version("physics", "digits", number), lambda done: pipe.send(("kept", done.bytes))
        )
        pipe.send(("made", number))

    asyncio.run(run())


def fill(folder: Path, transfer: Transfer, seed: int, limit: int, pipe: Connection) -> None:
    """Send an upload where files may have ``limit`` bytes, as on a full disk; say what became of it."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    async def run() -> None:
        store = PosixStore(folder, floor=0)
        try:
            await store.append(transfer, 0, _pieces(content(seed, transfer.size or 0), 65536))
        except DomainError as error:
            pipe.send((error.code, await store.received(transfer)))

    asyncio.run(run())
