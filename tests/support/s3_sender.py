"""A process that sends the rest of an upload, and says what was answered for: ``s3_sender SETTINGS TRANSFER SEED``."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator

from collegium.domain.files import Root
from collegium.stores.port import Transfer
from collegium.stores.s3 import S3Store
from collegium.stores.settings import FileSettings


def content(seed: int, size: int) -> bytes:
    """What is sent."""
    return random.Random(seed).randbytes(size)


async def main(settings: str, transfer: str, seed: str) -> None:
    store = S3Store(FileSettings.from_mapping(json.loads(settings)))
    store._uploads.calls.part = 5 << 20
    given = json.loads(transfer)
    one = Transfer(given["id"], Root("physics"), given["path"], given["size"], given["state"])
    data = content(int(seed), given["size"])
    at = await store.received(one)
    print(at, flush=True)
    while at < len(data):
        end = min(len(data), at + random.randrange(1, 4 << 20))

        async def pieces(start: int = at, stop: int = end) -> AsyncIterator[bytes]:
            for cut in range(start, stop, 65536):
                yield data[cut : min(cut + 65536, stop)]
                await asyncio.sleep(0)

        at = await store.append(one, at, pieces())
        print(at, flush=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
