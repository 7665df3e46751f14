"""A real PostgreSQL from the ``pgserver`` wheel's binaries, on a Unix socket, gone when the tests are over."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pgserver

_BIN = Path(pgserver.__file__).parent / "pginstall" / "bin"


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield an SQLAlchemy URL of an empty database."""
    # PostgreSQL refuses to run as root; "nobody" owns the files then.
    as_user: dict[str, int] = {"user": 65534, "group": 65534} if os.geteuid() == 0 else {}
    root = Path(tempfile.mkdtemp(prefix="collegium-pg-"))
    root.chmod(0o755)
    data = root / "data"
    data.mkdir(mode=0o700)
    if as_user:
        os.chown(root, 65534, 65534)
        os.chown(data, 65534, 65534)
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(root)}

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [_BIN / program, *arguments], cwd=root, env=environment, capture_output=True, text=True, **as_user
        )
        if done.returncode:
            log = root / "log"
            raise RuntimeError(f"{program} failed: {done.stderr}\n{log.read_text() if log.exists() else ''}")

    try:
        run("initdb", "-D", str(data), "-U", "collegium", "--auth=trust", "-E", "UTF8", "--locale=C")
        options = f"-c listen_addresses='' -c unix_socket_directories={root} -c max_connections=200"
        run("pg_ctl", "-D", str(data), "-l", str(root / "log"), "-o", options, "-w", "start")
        try:
            yield f"postgresql+psycopg://collegium@/postgres?host={root}"
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(root, ignore_errors=True)
