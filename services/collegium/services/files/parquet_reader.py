"""Program that reads the head of a Parquet file whose bytes it asks for on its standard output.

It has bounds on its memory and its time, and nothing that it could lose.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from typing import Any

#: Bytes of memory, and seconds of a processor.
MEMORY, SECONDS = 1 << 30, 20
#: Bytes that are asked for at least.
BLOCK = 256 << 10


class Asked(io.RawIOBase):
    """A file of which every read is a question to whoever started this program."""

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0
        self._block, self._begin = b"", 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go somewhere."""
        self._at = max(0, offset + (0, self._at, self._size)[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Bytes from here."""
        end = min(self._size, self._at + len(buffer))
        if end <= self._at:
            return 0
        if not (self._begin <= self._at and end <= self._begin + len(self._block)):
            self._ask(self._at, min(self._size, max(end, self._at + BLOCK)))
        data = self._block[self._at - self._begin : end - self._begin]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _ask(self, start: int, end: int) -> None:
        _say({"read": [start, end]})
        self._block, self._begin = _taken(end - start), start


def _taken(size: int) -> bytes:
    data = sys.stdin.buffer.read(size)
    if len(data) < size:
        raise SystemExit(1)
    return data


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Size of the file and number of rows come as arguments."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    import pyarrow
    import pyarrow.parquet

    from collegium.services.files.heads import MAX_COLUMNS, plain

    size, rows = int(sys.argv[1]), int(sys.argv[2])
    try:
        pyarrow.set_cpu_count(1)
        file = pyarrow.parquet.ParquetFile(Asked(size), buffer_size=BLOCK, pre_buffer=False)
        fields = list(file.schema_arrow)[:MAX_COLUMNS]
        wanted = [f.name for f in fields]
        found: list[dict[str, Any]] = []
        for batch in file.iter_batches(batch_size=max(1, rows), columns=wanted, use_threads=False):
            found += batch.slice(0, rows - len(found)).to_pylist()
            if len(found) >= rows:
                break
        count = file.metadata.num_rows
        answer = {
            "columns": [[f.name[:200], str(f.type)[:200]] for f in fields],
            "rows": [[plain(row.get(name)) for name in wanted] for row in found],
            "truncated": count > len(found) or len(file.schema_arrow) > len(fields),
            "count": count,
        }
    except MemoryError:
        answer = {"problem": "This needs too much memory to be shown."}
    except Exception as error:
        # Whatever the library makes of it.
        answer = {"problem": f"This Parquet file cannot be read: {' '.join(str(error).split())[:200]}"}
    _say(answer)


if __name__ == "__main__":
    main()
