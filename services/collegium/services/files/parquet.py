"""The head of Parquet files. They are read in a process of its own: a small hostile one could fill any memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from importlib.util import find_spec
from typing import Any

from collegium.services.files.heads import NotShown, TableHead
from collegium.stores.port import OpenFile

#: Bytes that are read of one file, and seconds that it may take.
MOST, SECONDS = 64 << 20, 30.0
#: Processes at the same time.
AT_ONCE = 2
_places = asyncio.Semaphore(AT_ONCE)


def installed() -> bool:
    """Is the library there?"""
    return find_spec("pyarrow") is not None


async def parquet_head(file: OpenFile, rows: int) -> TableHead:
    """Columns and first rows. Raises NotShown."""
    if not installed():
        raise NotShown("Parquet files are shown where Collegium is installed with the extra 'tables'.")
    async with _places:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "collegium.services.files.parquet_reader", str(file.entry.size), str(rows)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=16 << 20,
        )
        try:
            async with asyncio.timeout(SECONDS):
                found = await _serve(process, file)
        except TimeoutError:
            raise NotShown(f"Reading this took longer than {SECONDS:.0f} seconds.") from None
        except (ValueError, ConnectionError):
            raise NotShown("This Parquet file cannot be read.") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if "problem" in found:
        raise NotShown(str(found["problem"]))
    columns = tuple((str(name), str(kind)) for name, kind in found["columns"])
    return TableHead(columns, tuple(map(tuple, found["rows"])), bool(found["truncated"]), found["count"])


async def _serve(process: Process, file: OpenFile) -> dict[str, Any]:
    """Give it the bytes that it asks for, until it gives the answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    left = MOST
    while True:
        line = await process.stdout.readline()
        if not line:
            raise NotShown("This Parquet file is broken, or too large to be shown.")
        said: dict[str, Any] = json.loads(line)
        if "read" not in said:
            return said
        start, end = (int(number) for number in said["read"])
        left -= end - start
        if left < 0:
            raise NotShown(f"More than {MOST >> 20} MiB of this would have to be read to show its first rows.")
        async for piece in file.read(start, end):
            process.stdin.write(piece)
            await process.stdin.drain()
