"""A sender of tus uploads that can break off anywhere, over sockets of its own; a real one is tuspy, beside it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct
import zlib
from dataclasses import dataclass, field
from urllib.parse import urlsplit

VERSION = {"Tus-Resumable": "1.0.0"}
CONTENT = {**VERSION, "Content-Type": "application/offset+octet-stream"}


@dataclass(frozen=True)
class Answer:
    """What came back; names of headers are in lower case."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def offset(self) -> int:
        return int(self.headers["upload-offset"])


class Cut(Exception):
    """No answer came, or nobody waited for it."""


def encoded(text: str) -> str:
    """As Upload-Metadata has values."""
    return base64.b64encode(text.encode()).decode()


def checksum(algorithm: str, data: bytes) -> str:
    """As Upload-Checksum has it."""
    if algorithm == "crc32":
        raw = zlib.crc32(data).to_bytes(4, "big")
    else:
        raw = hashlib.new(algorithm, data, usedforsecurity=False).digest()
    return f"{algorithm} {base64.b64encode(raw).decode()}"


@dataclass
class Line:
    """One connection that was left open."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """As a machine that vanished and came back: not even a proper end."""
        sock = self.writer.get_extra_info("socket")
        # It may be over already, from the other end.
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def answer(self, head: bool = False) -> Answer:
        """Read an answer. Raises Cut."""
        try:
            raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin1")
            while raw.startswith("HTTP/1.1 100"):
                raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin1")
            first, *lines = raw.strip().split("\r\n")
            headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
            size = 0 if head else int(headers.get("content-length", 0))
            return Answer(int(first.split()[1]), headers, await self.reader.readexactly(size))
        except (OSError, EOFError) as error:
            raise Cut from error


@dataclass(frozen=True)
class Tus:
    """Sends for one user to one group."""

    #: Scheme, host and port.
    url: str
    #: Path of the uploads.
    path: str
    token: str

    async def begin(
        self, method: str, path: str, headers: dict[str, str], body: bytes, send: int | None = None
    ) -> Line:
        """Send a request, or of its body no more than ``send`` bytes. Raises Cut."""
        parts = urlsplit(self.url)
        try:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
        except OSError as error:
            raise Cut from error
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", f"Authorization: token {self.token}"]
        if not ("Transfer-Encoding" in headers or method in ("HEAD", "GET")):
            headers = {"Content-Length": str(len(body)), **headers}
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        writer.write(body if send is None else body[:send])
        with contextlib.suppress(OSError):
            # A refusal may come before all was sent.
            await writer.drain()
        return Line(reader, writer)

    async def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> Answer:
        """A request and its answer. Raises Cut."""
        line = await self.begin(method, path, {**VERSION, **(headers or {})}, body)
        try:
            return await line.answer(method == "HEAD")
        finally:
            line.writer.close()

    async def create(self, name: str, size: int | None, body: bytes = b"", **more: str) -> Answer:
        """Begin an upload; ``more`` is metadata."""
        known = ",".join(f"{key} {encoded(value)}" for key, value in {"path": name, **more}.items())
        length = {"Upload-Defer-Length": "1"} if size is None else {"Upload-Length": str(size)}
        return await self.ask(
            "POST", self.path, {**(CONTENT if body else {}), **length, "Upload-Metadata": known}, body
        )

    async def head(self, place: str) -> Answer:
        """Where to go on."""
        return await self.ask("HEAD", place)

    async def patch(self, place: str, offset: int, body: bytes, **more: str) -> Answer:
        """The next bytes; ``more`` are headers with ``_`` for ``-``."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        return await self.ask("PATCH", place, {**CONTENT, "Upload-Offset": str(offset), **headers}, body)

    async def break_off(self, place: str, offset: int, body: bytes, send: int, **more: str) -> Line:
        """The beginning of the next bytes; the connection is left to the caller."""
        headers = {name.replace("_", "-"): value for name, value in more.items()}
        return await self.begin("PATCH", place, {**CONTENT, "Upload-Offset": str(offset), **headers}, body, send)


def chunked(data: bytes, piece: int = 65536) -> bytes:
    """A body whose length nobody says."""
    parts = [data[at : at + piece] for at in range(0, len(data), piece)]
    return b"".join(f"{len(p):x}\r\n".encode() + p + b"\r\n" for p in parts) + b"0\r\n\r\n"
