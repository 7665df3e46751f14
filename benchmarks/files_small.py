"""Uploading many small files: ``python -m benchmarks.files_small [files] [bytes of each] [senders]``.

The same files, each by tus (creation with the whole file as its body, as the clients send small ones) and each by one
PUT, over several connections at a time; all of them as one tar by tus that is unpacked there; beside ``tar`` over HTTP
into a server that unpacks what comes, with one sync at its end. What is answered is on the disk in all of them; ours
has an identity and a quota, and but for the one tar a row and a sync per file. No senders: without these two.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import os
import queue
import random
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.files import Client, installed, timed
from benchmarks.report import ratio, table
from benchmarks.running import folder
from collegium_client import Client as CollegiumClient


class Unpacking(http.server.BaseHTTPRequestHandler):
    """Takes a tar archive."""

    place: Path

    def do_PUT(self) -> None:
        with tarfile.open(fileobj=self.rfile, mode="r|") as archive:
            archive.extractall(self.place, filter="data")
        os.sync()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextlib.contextmanager
def unpacking(place: Path) -> Iterator[int]:
    """The port of such a server."""
    place.mkdir()
    handler = type("Handler", (Unpacking,), {"place": place})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made.server_address[1]
        made.shutdown()


def send_tar(port: int, source: Path) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3600)
    connection.putrequest("PUT", "/")
    connection.endheaders()
    with subprocess.Popen(["tar", "-C", source, "-cf", "-", "."], stdout=subprocess.PIPE) as packing:
        assert packing.stdout is not None
        while piece := packing.stdout.read(1 << 16):
            connection.send(piece)
    answer = connection.getresponse()
    if answer.status != 204:
        raise RuntimeError(f"tar: {answer.status}")


def send_each(
    make: Callable[[], Client], send: Callable[[Client, Path], object], files: list[Path], senders: int
) -> None:
    left: queue.SimpleQueue[Path] = queue.SimpleQueue()
    failures: list[Exception] = []
    for file in files:
        left.put(file)

    def run() -> None:
        client = make()
        try:
            while not failures:
                send(client, left.get_nowait())
        except queue.Empty:
            pass
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def by_tus(client: Client, file: Path) -> None:
    data = file.read_bytes()
    path = base64.b64encode(f"tus/{file.parent.name}/{file.name}".encode()).decode()
    client.ask(
        "POST",
        "/files/uploads",
        data,
        {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(data)),
            "Upload-Metadata": f"path {path}",
            "Content-Type": "application/offset+octet-stream",
        },
    )


def by_put(client: Client, file: Path) -> None:
    path = f"/files/content?path=put/{file.parent.name}/{file.name}"
    client.ask("PUT", path, file.read_bytes(), {"Content-Type": "application/octet-stream"})


def packed(client: CollegiumClient, source: Path) -> None:
    """One upload, its unpacking to the end, and the archive's removal."""
    client.files.upload_packed(source, "packed")


def main() -> None:
    arguments = [int(word) for word in sys.argv[1:]]
    count, size, senders = [*arguments, *[5000, 4096, 8][len(arguments) :]]
    with folder() as place, installed(place / "hub") as made, unpacking(place / "unpacked") as port:
        source = place / "source"
        files = [source / f"{number // 1000:03d}" / f"{number:06d}" for number in range(count)]
        chance = random.Random(1)
        for file in files:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(chance.randbytes(size))
        token = made.token("ann")
        base = f"http://127.0.0.1:{made.service_port}/services/collegium/api/v1"

        def client() -> Client:
            return Client(base, token)

        tar = timed(lambda: send_tar(port, source))
        found = {"tar over HTTP": tar}
        with CollegiumClient(base.removesuffix("/api/v1"), token, "physics") as whole:
            found["one tar by tus, unpacked there"] = timed(lambda: packed(whole, source))
        tree = made.state / "files/physics/files"
        trees = [place / "unpacked", tree / "packed"]
        if senders:
            found["tus, a request each"] = timed(lambda: send_each(client, by_tus, files, senders))
            found["PUT, a request each"] = timed(lambda: send_each(client, by_put, files, senders))
            trees += [tree / "tus", tree / "put"]
        for there in trees:
            subprocess.run(["diff", "-r", "-q", source, there], check=True)
    rows = [("", "seconds", "files per second", "to tar's time")]
    for name, seconds in found.items():
        rows.append((name, f"{seconds:.1f} s", f"{count / seconds:,.0f}", ratio(seconds, tar)))
    many = f", {senders} senders" if senders else ""
    table(f"Upload of {count:,} files of {size:,} bytes{many}", rows, ["tornado", "sqlalchemy"])


if __name__ == "__main__":
    main()
