"""The project's own Kubernetes for tests, on one node; ``tests/cluster/README.md`` says how it is put together.

Needs root and Debian; standard library only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import _images
import _programs
import _setup
from _oci import Config, Image, Layer, write_layer

SCRIPTS = _setup.ROOT / "tests/cluster"
PAUSE = "localhost/pause:test"


def pause_image(program: Path) -> Image:
    """The image of pods' sandboxes: one static program."""
    key = _images.content_key("pause", program)
    folder = _images.LAYERS / key
    with _setup.only_one("images"):
        if not folder.exists():
            with _programs.draft_of(folder) as draft:
                (draft / "root").mkdir()
                shutil.copy(program, draft / "root/pause")
                digest, size = write_layer(draft / "root", draft / "layer.tar")
                (draft / "layer.json").write_text(f'{{"digest": "{digest}", "size": {size}}}')
    layer = _images.kept(key)
    assert isinstance(layer, Layer)
    return Image(PAUSE, [layer], Config(user="65535", entrypoint=("/pause",)))


@dataclass(frozen=True)
class Cluster:
    """One cluster: its folder, and a number that sets its addresses apart from another's."""

    root: Path
    number: int = 0

    @classmethod
    def chosen(cls) -> Cluster:
        """The one that the environment names, else this user's."""
        root = Path(os.environ.get("COLLEGIUM_CLUSTER_ROOT") or _programs.STORE / "run").absolute()
        number = os.environ.get("COLLEGIUM_CLUSTER_NUMBER") or "0"
        if number not in "0123456789" or len(number) != 1:
            sys.exit(f"COLLEGIUM_CLUSTER_NUMBER must be 0 to 9, not {number}")
        return cls(root, int(number))

    @property
    def kubeconfig(self) -> Path:
        """Of the administrator."""
        return self.root / "admin.kubeconfig"

    @property
    def files(self) -> Path:
        """The folder behind the read-write-many volume; node and machine see it at the same path."""
        return self.root / "files"

    @property
    def host_ip(self) -> str:
        """Where pods reach this machine."""
        return f"10.200.{self.number}.1"

    @property
    def node_ip(self) -> str:
        """Where this machine reaches the node."""
        return f"10.200.{self.number}.2"

    def environment(self) -> dict[str, str]:
        """For kubectl, helm and the scripts."""
        return {
            **os.environ,
            "CLUSTER_ROOT": str(self.root),
            "CLUSTER_NUMBER": str(self.number),
            "PYTHON": sys.executable,
            "KUBECONFIG": str(self.kubeconfig),
            "PATH": os.pathsep.join([str(self.root / "bin"), os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]),
        }

    def script(self, name: str, *arguments: str, show: bool = False) -> str:
        """Run one of the shell scripts, which does not outlive us; returns what it printed."""
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", "bash", str(SCRIPTS / name), *arguments],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{name} {' '.join(arguments)} failed: {(done.stderr or '')[-2000:]}")
        return done.stdout or ""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One caller at a time; the lock goes with its holder, however that ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def pids(self) -> list[int]:
        """The processes that hold the node: known by our folder in their command line, whatever a file says."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if str(self.root).encode() in words and any(w.endswith(b"/node-init.sh") for w in words):
                    found.append(int(folder.name))
        return found

    def alive(self) -> bool:
        """Has it a node? That says nothing about the programs on it."""
        try:
            pid = int((self.root / "holder.pid").read_text())
        except (OSError, ValueError):
            return False
        return pid in self.pids()

    def _version(self, found: dict[str, Path]) -> str:
        """What the running node was made from."""
        ours = sorted(p for p in SCRIPTS.rglob("*") if p.suffix in (".sh", ".py") and p.parent.name != "build")
        return _images.content_key(*ours, *(str(p) for p in sorted(found.values())))

    def _healthy(self) -> bool:
        kubectl = [str(self.root / "bin/kubectl"), "get", "--raw", "/readyz", "--request-timeout=3s"]
        try:
            return subprocess.run(kubectl, env=self.environment(), capture_output=True, timeout=5).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def up(self, *, fresh: bool = False) -> bool:
        """Bring the node up, or what is missing of it. ``fresh`` forgets all objects. True: it was not up before."""
        found = _programs.programs()
        pause = pause_image(found["pause"])
        with self.locked():
            version = self._version(found)
            stamp = self.root / "version"
            if self.alive() and not fresh:
                if stamp.exists() and stamp.read_text() == version:
                    self.script("node.sh", "heal")
                    if _wait(self._healthy, 60):
                        return False
                _setup.say("the cluster is of another version or does not answer: it starts again")
            self._stop()
            self._other()
            if fresh:
                self._forget()
            self._lay_out(found, pause)
            _setup.say("starting the cluster")
            self.script("up.sh", show=True)
            stamp.write_text(version)
            return True

    def _lay_out(self, found: dict[str, Path], pause: Image) -> None:
        """Programs, files and volumes where the node expects them."""
        binaries = self.root / "bin"
        binaries.mkdir(parents=True, exist_ok=True)
        for name, file in found.items():
            _setup.link(binaries / name, file)
        with (self.root / "pause.tar").open("wb") as archive:
            pause.write(archive)
        for folder in (self.files, self.root / "volumes"):
            folder.mkdir(exist_ok=True)
        os.chown(self.files, 1000, 1000)
        if shutil.which("modprobe"):  # built into some kernels; the node says so if one is missing
            subprocess.run(["modprobe", "-a", "overlay", "br_netfilter"], capture_output=True)

    def _other(self) -> None:
        """Refuse the addresses of another live cluster; a dead one's device goes."""
        name = f"kube{self.number}-h"
        owner = _programs.STORE / f"kube{self.number}.root"
        other = Path(owner.read_text()) if owner.exists() else self.root
        if other != self.root and Cluster(other, self.number).alive():
            sys.exit(
                f"COLLEGIUM_CLUSTER_NUMBER: {self.number} is taken by the cluster in {other}; "
                "stop that one, or choose another number from 0 to 9"
            )
        subprocess.run(["ip", "link", "del", name], capture_output=True)
        owner.write_text(str(self.root))

    def _stop(self) -> None:
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        _wait(lambda: not self.pids(), 10)
        self.script("down.sh")
        (self.root / "version").unlink(missing_ok=True)

    def _forget(self) -> None:
        """All objects and what belongs to them; images and certificates stay."""
        for name in ("node/etcd", "node/lib/kubelet", "volumes", "files", "logs"):
            shutil.rmtree(self.root / name, ignore_errors=True)

    def down(self, *, purge: bool = False) -> None:
        """Stop it; ``purge`` removes all of its state too."""
        with self.locked():
            self._stop()
            if purge:
                for entry in self.root.iterdir():
                    if entry.name != ".lock":
                        shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def node_output(self, *command: str) -> str:
        """Run a program inside the node and give back what it printed. Raises CalledProcessError."""
        words = ["bash", str(SCRIPTS / "node.sh"), "exec", *command]
        given = subprocess.run(words, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True)
        given.check_returncode()
        return given.stdout

    def load(self, images: Sequence[Image]) -> list[Image]:
        """Import images whose content the node does not have under their name; returns those."""
        with self.locked():
            listed = self.node_output("ctr", "-n", "k8s.io", "images", "ls").splitlines()[1:]
            known = {line.split()[0]: line.split()[2] for line in listed}
            wanted = [image for image in images if known.get(image.name) != image.digest]
            for image in wanted:
                _setup.say(f"importing {image.name}")
                present = set(self.node_output("ctr", "-n", "k8s.io", "content", "ls", "-q").split())
                self._import(image, present)
            return wanted

    def _import(self, image: Image, present: set[str]) -> None:
        words = ["bash", str(SCRIPTS / "node.sh"), "exec", "ctr", "-n", "k8s.io", "images", "import", "-"]
        with subprocess.Popen(words, env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as ctr:
            assert ctr.stdin
            try:
                image.write(ctr.stdin, present)
                ctr.stdin.close()
            except BrokenPipeError:
                pass
        if ctr.returncode:
            raise SystemExit(f"{image.name} could not be imported")


def _wait(condition: object, seconds: float) -> bool:
    """Wait for a condition."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def prepare() -> None:
    """What the machine needs: Debian's packages, and our own Python unless we are in it."""
    _programs.debian_packages()
    if Path(sys.prefix) != _setup.VENV:
        _setup.everything("requirements.lock", "requirements-test.lock")


def everything(cluster: Cluster, *, fresh: bool = False) -> bool:
    """One working cluster with our images, from whatever is there. True: it was not up before."""
    prepare()
    started = cluster.up(fresh=fresh)
    cluster.load(_images.build())
    return started
