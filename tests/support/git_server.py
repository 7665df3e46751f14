"""A real git repository behind a real HTTPS server with an authority of its own."""

from __future__ import annotations

import base64
import datetime
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: A name that no resolver knows: whoever reaches it was told the address.
HOST = "git.test"
_ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "t@t.test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


@dataclass
class GitServer:
    """``folder`` holds bare repositories, ``work`` a clone to commit in."""

    folder: Path
    port: int
    ca_file: Path
    #: ``user:password`` that is asked for, empty for nobody's.
    login: str = ""
    #: Authorization headers that came.
    seen: ClassVar[list[str]] = []

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/data.git"

    def commit(self, files: dict[str, bytes], links: dict[str, str] | None = None, branch: str = "main") -> str:
        """A commit with exactly these files; its id."""
        work = self.folder / "work"
        if not work.exists():
            git("init", "-q", "-b", branch, str(work))
            git("init", "-q", "--bare", "-b", branch, str(self.folder / "data.git"))
            git("remote", "add", "origin", str(self.folder / "data.git"), at=work)
        git("checkout", "-q", "-B", branch, at=work)
        for path in [p for p in work.rglob("*") if ".git" not in p.parts and not p.is_dir()]:
            path.unlink()
        for name, data in files.items():
            path = work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        for name, target in (links or {}).items():
            (work / name).symlink_to(target)
        git("add", "-A", at=work)
        git("commit", "-q", "-m", "data", "--allow-empty", at=work)
        git("push", "-q", "-f", "origin", branch, at=work)
        return git("rev-parse", "HEAD", at=work)


def git(*arguments: str, at: Path | None = None) -> str:
    run = subprocess.run(["git", *arguments], cwd=at, env=_ENVIRONMENT, check=True, capture_output=True, text=True)
    return run.stdout.strip()


@contextmanager
def git_server(folder: Path, login: str = "") -> Iterator[GitServer]:
    """Serves what is in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, chain = _certificates(folder)
    found = GitServer(folder, 0, authority, login)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Not here."""

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            header = self.headers.get("Authorization", "")
            found.seen.append(header)
            wanted = "Basic " + base64.b64encode(found.login.encode()).decode()
            body = self._body()
            if self.path.startswith("/elsewhere"):
                self._answer(301, {"Location": "https://127.0.0.1:1/data.git/info/refs"}, b"")
            elif found.login and header != wanted:
                self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
            else:
                self._backend(body)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _backend(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            environment = {
                **_ENVIRONMENT,
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }
            run = subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=False)
            head, _, content = run.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
            status = int(headers.pop("Status", "200 OK").split()[0])
            self._answer(status, headers, content)

        def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


def _certificates(folder: Path) -> tuple[Path, Path]:
    """An authority, and a certificate of its for the host with its key."""
    now = datetime.datetime.now(datetime.UTC)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in ("Test authority", HOST)]
    made = []
    for key, name, authority in ((keys[0], names[0], True), (keys[1], names[1], False)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=9))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
        )
        if not authority:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(HOST), x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
        made.append(builder.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = keys[1].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(made[0])
    (folder / "server.pem").write_bytes(made[1] + private)
    return folder / "ca.pem", folder / "server.pem"
