"""What the benchmarks of files share: an installation, a file to send, a client that costs little, a look at memory."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from benchmarks.running import Installation, installation

MIB = 1 << 20
CATALOG = """
version: 1
users: [{name: ann}]
groups:
  - {name: physics, members: {ann: admin}}
"""


@contextlib.contextmanager
def installed(place: Path) -> Iterator[Installation]:
    """A whole Collegium with one group."""
    with installation(place, CATALOG) as made:
        yield made


def service_process(made: Installation) -> int:
    """The process of the service."""
    return made.processes("-m", "collegium.services")[0]


def peak(pid: int) -> int:
    """Bytes of memory that a process had at most since ``reset_peak``."""
    return _status(pid, "VmHWM")


def reset_peak(pid: int) -> int:
    """Begin to count anew; the bytes of memory that it has now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status(pid, "VmRSS")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def processor(pid: int) -> float:
    """Seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def make_file(path: Path, size: int) -> None:
    """Bytes that nothing can make smaller, and that are in memory afterwards."""
    block = random.Random(1).randbytes(64 * MIB)
    with path.open("wb") as file:
        for at in range(0, size, len(block)):
            file.write(block[: size - at])
        os.fsync(file.fileno())


def settle() -> None:
    """Let the disk finish what went before, so that nobody pays for it."""
    subprocess.run(["sync"], check=True)


class Client:
    """Ann, over one connection: no library between the file and the socket."""

    def __init__(self, base: str, token: str, group: str = "physics") -> None:
        parts = urlsplit(base)
        self.place = f"{parts.path}/groups/{group}"
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
        self.headers = {"Authorization": f"token {token}"}

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of the answer; RuntimeError for a refusal."""
        self.connection.request(method, self.place + path, body, {**self.headers, **(headers or {})})
        return self._answer(method, path)

    def _answer(self, method: str, path: str) -> tuple[int, http.client.HTTPMessage, bytes]:
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {body[:500]!r}")
        return answer.status, answer.headers, body

    def ask_json(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer."""
        data = None if body is None else json.dumps(body).encode()
        _, _, text = self.ask(method, path, data, {"Content-Type": "application/json"})
        return json.loads(text) if text else None

    def upload(self, source: Path, path: str, chunk: int) -> float:
        """Send a file by tus in requests of this size; the seconds until it is visible."""
        # A proxy may have closed the one of the upload before.
        self.connection.close()
        begun = time.perf_counter()
        size = source.stat().st_size
        metadata = f"path {base64.b64encode(path.encode()).decode()},replace {base64.b64encode(b'true').decode()}"
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": metadata}
        _, told, _ = self.ask("POST", "/files/uploads", b"", headers)
        place = urlsplit(told["Location"]).path.rpartition("/")[2]
        with source.open("rb") as file:
            for at in range(0, size, chunk):
                self._send(file, f"{self.place}/files/uploads/{place}", at, min(chunk, size - at))
        while (state := self.ask_json("GET", f"/files/uploads/{place}"))["state"] != "Done":
            if state["state"] == "Failed":
                raise RuntimeError(state["message"])
            time.sleep(0.02)
        return time.perf_counter() - begun

    def _send(self, file: Any, path: str, at: int, size: int) -> None:
        self.connection.putrequest("PATCH", path)
        for name, value in {
            **self.headers,
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(at),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size),
        }.items():
            self.connection.putheader(name, value)
        self.connection.endheaders()
        self.connection.sock.sendfile(file, at, size)
        self._answer("PATCH", path)

    def download(self, path: str) -> tuple[float, int]:
        """Seconds and bytes of a file that is thrown away as it comes."""
        self.connection.close()
        return fetch(self.connection, f"{self.place}/files/content?path={quote(path)}", self.headers)


def fetch(
    connection: http.client.HTTPConnection, url: str, headers: Mapping[str, str] | None = None
) -> tuple[float, int]:
    """Seconds and bytes of one GET; RuntimeError unless it is a 200."""
    begun, size, buffer = time.perf_counter(), 0, bytearray(MIB)
    connection.request("GET", url, headers=dict(headers or {}))
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{url} answered {answer.status}: {answer.read()[:500]!r}")
    while count := answer.readinto(buffer):
        size += count
    return time.perf_counter() - begun, size


def timed(work: Callable[[], object]) -> float:
    """Seconds that something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def rate(size: int, seconds: float) -> str:
    """MiB per second."""
    return f"{size / MIB / seconds:,.0f} MiB/s"
