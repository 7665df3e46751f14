"""A real S3 server for tests: versitygw, built from its Go module, which keeps objects as files of a folder.

Kept by the content of its module files outside the checkout. Standard library only.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import _programs
import _setup
from _images import content_key

SOURCES = _setup.ROOT / "tests/support/versitygw"
STORE = _setup.CACHE / "s3"
PACKAGE = "github.com/versity/versitygw/cmd/versitygw"


def program() -> Path:
    """The server; what no build has made yet for this version is built."""
    folder = STORE / f"versitygw-{content_key(platform.machine(), SOURCES)}"
    with _setup.only_one("s3"):
        if not folder.exists():
            _setup.say("building versitygw, an S3 server, from its Go module (2 minutes)")
            environment = {
                **_programs.go_environment(),
                "CGO_ENABLED": "0",
                "GOWORK": "off",
                "GOFLAGS": "-buildvcs=false",
            }
            with _programs.draft_of(folder) as draft:
                build = [_programs.go(), "build", "-mod=readonly", "-trimpath", "-ldflags", "-s -w", "-o", str(draft)]
                done = subprocess.run([*build, PACKAGE], cwd=SOURCES, env=environment, stdin=subprocess.DEVNULL)
                if done.returncode:
                    sys.exit("versitygw could not be built")
        os.utime(folder)
    return folder / "versitygw"
