"""A real S3 server for tests: versitygw over a folder, with a bucket of its own for whoever asks."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from collegium.stores.settings import FileSettings

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def _program() -> Path:
    sys.path.insert(0, str(_SCRIPTS))
    try:
        import _keycloak
        import _s3

        globals()["free_ports"] = _keycloak.free_ports
        return Path(_s3.program())
    finally:
        sys.path.remove(str(_SCRIPTS))


@dataclass
class S3Server:
    """One server. ``client`` is somebody else's, a plain library, for looking at what is really there."""

    folder: Path
    url: str = ""
    access_key: str = field(default_factory=lambda: "access" + secrets.token_hex(6))
    secret_key: str = field(default_factory=lambda: secrets.token_hex(20))

    @functools.cached_property
    def client(self) -> Any:
        return self.client_for(self.access_key, self.secret_key)

    def client_for(self, access_key: str, secret_key: str) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            config=Config(s3={"addressing_style": "path"}, signature_version="s3v4", proxies={}),
        )

    def bucket(self) -> str:
        """A new bucket."""
        name = f"bucket-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return name

    def key_files(self) -> tuple[str, str]:
        """Files with the server's own keys."""
        files = self.folder / "access-key", self.folder / "secret-key"
        for file, text in zip(files, (self.access_key, self.secret_key), strict=True):
            file.write_text(text + "\n")
        return str(files[0]), str(files[1])

    def settings(self, bucket: str, prefix: str = "", **more: Any) -> FileSettings:
        """What ``COLLEGIUM_FILES`` would say."""
        access, secret = self.key_files()
        given = {"endpoint": self.url, "access_key_file": access, "secret_key_file": secret, **more}
        return FileSettings(store="s3", bucket=bucket, prefix=prefix, **given)

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """What is there."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", [])]


@functools.cache
def shared_server() -> S3Server:
    """The one server of this process, which ends with it."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="s3-")))
    return stack.enter_context(s3_server(folder))


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A server that ends with the block; it is built if it was not before."""
    program = _program()
    server = S3Server(folder)
    (port,) = globals()["free_ports"](1)
    for name in ("data", "iam", "versions"):
        (folder / name).mkdir(parents=True)
    server.url = f"http://127.0.0.1:{port}"
    command = [program, "--port", f"127.0.0.1:{port}", "--health", "/health", "--iam-dir", folder / "iam", "posix"]
    command += ["--versioning-dir", folder / "versions", folder / "data"]
    with (folder / "versitygw.log").open("wb") as log:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *map(str, command)],
            env={"ROOT_ACCESS_KEY": server.access_key, "ROOT_SECRET_KEY": server.secret_key, "PATH": "/usr/bin:/bin"},
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        _wait_for(server, process)
        yield server
    finally:
        process.kill()
        process.wait()


def _wait_for(server: S3Server, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), opener.open(server.url + "/health", timeout=5):
            return
        log = (server.folder / "versitygw.log").read_text(errors="replace")[-2000:]
        assert process.poll() is None, f"the S3 server ended: {log}"
        assert time.monotonic() < deadline, f"the S3 server does not answer: {log}"
        time.sleep(0.02)


def policy(bucket: str, user: str, prefix: str) -> str:
    """All rights of somebody below one prefix, and none elsewhere."""
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"AWS": [user]},
            "Action": ["s3:*"],
            "Resource": [f"arn:aws:s3:::{bucket}/{prefix}/*", f"arn:aws:s3:::{bucket}"],
        }
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
