"""A large file into S3 and out again: ``python -m benchmarks.files_s3 [MiB] [rounds]``.

The same bytes and the same server (versitygw over a folder), in turns: by the store as the service uses it, without
and with a checksum of the whole, and by boto3's ``upload_file`` and ``download_fileobj``, as they come: parts of 8 MiB,
ten at once, read from the file when they are sent, no checksum of the whole.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.files import MIB, make_file, peak, processor, rate, reset_peak, settle, timed
from benchmarks.report import percentile, ratio, table
from benchmarks.running import folder

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from collegium.domain.files import Root
from collegium.stores.port import Transfer
from collegium.stores.s3 import S3Store
from support.s3 import S3Server, s3_server

FILES = Root("physics")
#: What the service reads of a request at a time.
PIECE = 256 << 10


async def pieces(source: Path) -> AsyncIterator[bytes]:
    with source.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


async def upload(store: S3Store, source: Path, name: str, sha256: str = "") -> float:
    """Seconds until the file is visible."""
    size, begun = source.stat().st_size, time.perf_counter()
    transfer = Transfer(name, FILES, name, size, checked=bool(sha256))
    transfer = dataclasses.replace(transfer, state=await store.begin(transfer))
    await store.append(transfer, 0, pieces(source))
    await store.finish(transfer, replace=False, sha256=sha256)
    return time.perf_counter() - begun


async def download(store: S3Store, name: str) -> float:
    """Seconds of reading it all."""
    begun, size = time.perf_counter(), 0
    async with store.open(FILES, name) as opened:
        async for piece in opened.read():
            size += len(piece)
        assert size == opened.entry.size
    return time.perf_counter() - begun


TITLES = {
    "up": "up: the store",
    "checked up": "up: the store, checked by the SHA-256 of the whole",
    "raw up": "up: boto3 upload_file",
    "down": "down: the store",
    "raw down": "down: boto3 download_fileobj",
}


class Nowhere:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> int:
        return len(data)

    def seekable(self) -> bool:
        return False


async def main(size: int, rounds: int, place: Path, server: S3Server) -> None:
    source, bucket, client = place / "source", server.bucket(), server.client
    make_file(source, size)
    with source.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    store = S3Store(server.settings(bucket, "lab"))
    await store.list(FILES, "")
    client.head_bucket(Bucket=bucket)
    took: dict[str, list[float]] = {name: [] for name in TITLES}
    used: dict[str, list[float]] = {name: [] for name in TITLES}
    grew = dict.fromkeys(TITLES, 0)

    def note(name: str, seconds: float, cost: float, before: int) -> None:
        took[name].append(seconds)
        used[name].append(processor(os.getpid()) - cost)
        grew[name] = max(grew[name], peak(os.getpid()) - before)

    for number in range(rounds):
        for name in TITLES:
            settle()
            before, cost = reset_peak(os.getpid()), processor(os.getpid())
            key: dict[str, Any] = {"Bucket": bucket, "Key": "raw"}
            match name:
                case "up":
                    seconds = await upload(store, source, f"f{number}")
                case "checked up":
                    seconds = await upload(store, source, f"g{number}", sha256)
                case "down":
                    seconds = await download(store, f"f{number}")
                case "raw up":
                    seconds = timed(lambda key=key: client.upload_file(str(source), **key))  # type: ignore[misc]
                case _:
                    seconds = timed(lambda key=key: client.download_fileobj(Fileobj=Nowhere(), **key))  # type: ignore[misc]
            note(name, seconds, cost, before)
        client.delete_object(Bucket=bucket, Key="raw")
        await store.remove(FILES)
    await store.close()
    rows: list[tuple[str, ...]] = [("", "p50", "rate", "rate to raw", "processor", "memory grows by")]
    for name, title in TITLES.items():
        middle = percentile(took[name], 0.5)
        raw = percentile(took["raw " + name.rpartition(" ")[2]], 0.5)
        rows.append(
            (
                title,
                f"{middle:.2f} s",
                rate(size, middle),
                ratio(raw, middle),
                f"{percentile(used[name], 0.5):.2f} s",
                f"{grew[name] / MIB:.0f} MiB",
            )
        )
    table(f"A file of {size // MIB:,} MiB into S3 and out again, {rounds} rounds", rows, ["aiobotocore", "boto3"])
    share = percentile(took["raw up"], 0.5) / percentile(took["up"], 0.5)
    print(f"\nThe goal of an upload is 0.8× the rate of the raw client: {'reached' if share >= 0.8 else 'missed'}.")


if __name__ == "__main__":
    mib, count = (int(a) for a in [*sys.argv[1:], "1024", "5"][:2]) if len(sys.argv) != 2 else (int(sys.argv[1]), 5)
    with folder() as temporary, s3_server(temporary / "s3") as running:
        asyncio.run(main(mib * MIB, count, temporary, running))
