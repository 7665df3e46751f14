"""A real Keycloak on this machine, for tests and for the demo: fetched once, prepared once, any number of instances.

The distribution is prepared for its database and options in the cache, and is only read from then on. An instance is a
folder with links to it and data of its own, so that several run at once and no start has to build anything.

Standard library only; Linux.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import _java
import _setup
from _images import content_key
from _programs import draft_of

VERSION = "26.7.3"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
ARTIFACT = f"keycloak-quarkus-dist-{VERSION}.zip"
#: Maven fetches it, so that its settings (mirrors, proxies) are followed.
FETCHER = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
STORE = _setup.CACHE / "keycloak"
#: What cannot change after the preparation: the database is a file.
BUILD_OPTIONS = ("--db=dev-file", "--health-enabled=true")
#: Less to compile makes it start in half the time, and none of ours runs for long.
JVM_OPTIONS = "-XX:TieredStopAtLevel=1"
ADMIN = "admin"
LINKED = ("conf", "lib", "providers", "themes")


class KeycloakError(Exception):
    """Keycloak did not start; the message holds the end of its log."""


def distribution() -> Path:
    """The prepared distribution; whatever is missing is fetched and made."""
    wanted = STORE / f"server-{content_key(SHA256, *BUILD_OPTIONS)}"
    with _setup.only_one("keycloak"):
        if not wanted.exists():
            with draft_of(wanted) as draft:
                archive = _archive()
                _unpack(archive, draft)
                _setup.say(f"preparing Keycloak {VERSION} (half a minute)")
                environment = {**os.environ, "JAVA": _java.java(), "JAVA_OPTS_APPEND": JVM_OPTIONS}
                build = [str(draft / "bin/kc.sh"), "build", *BUILD_OPTIONS]
                done = subprocess.run(build, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
                if done.returncode:
                    raise KeycloakError(f"Keycloak could not be prepared:\n{(done.stdout + done.stderr)[-4000:]}")
            archive.unlink()
    return wanted


def _archive() -> Path:
    """The zip of the release, its content checked."""
    wanted = STORE / ARTIFACT
    if wanted.exists() and _sha256(wanted) == SHA256:
        return wanted
    wanted.parent.mkdir(parents=True, exist_ok=True)
    _setup.say(f"fetching Keycloak {VERSION} (170 MB)")
    draft = wanted.with_suffix(".part")
    _by_maven(draft)
    if (found := _sha256(draft)) != SHA256:
        draft.unlink()
        raise KeycloakError(f"{ARTIFACT} has SHA-256 {found}, expected {SHA256}; it was thrown away")
    draft.rename(wanted)
    return wanted


def _by_maven(target: Path) -> None:
    if not shutil.which("mvn") and shutil.which("apt-get") and os.geteuid() == 0:
        _setup.say("installing Maven")
        _setup.run("apt-get", "update", "-q")
        _setup.run("apt-get", "install", "-q", "-y", "--no-install-recommends", "maven")
    if not shutil.which("mvn"):
        raise KeycloakError(f"Maven is needed to fetch Keycloak. Install it, or put {ARTIFACT} into {STORE}.")
    artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
    folder = target.with_name(".maven")
    command = ["mvn", "-q", "-B", FETCHER, artifact, f"-DoutputDirectory={folder}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        if done.returncode or not (folder / ARTIFACT).exists():
            raise KeycloakError(f"Maven could not fetch {ARTIFACT}:\n{(done.stdout + done.stderr)[-2000:]}")
        (folder / ARTIFACT).rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """Without the folder that everything in the archive is in."""
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)
    (inner,) = folder.iterdir()
    for entry in inner.iterdir():
        entry.rename(folder / entry.name)
    inner.rmdir()
    for script in folder.glob("bin/*.sh"):
        script.chmod(0o755)


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


class Instance:
    """One Keycloak server and its data, in a folder. Whoever knows the folder can start it, end it and ask for it."""

    def __init__(self, state: Path, ports: tuple[int, int] | None = None, heap: str = "384m") -> None:
        """``ports`` (of the server and of its health page) count when the folder is new; later it knows its own."""
        # Without links, as the start script names it to Java.
        self.state = state.resolve()
        self.heap = heap
        self.log = self.state / "keycloak.log"
        self.password_file = self.state / "admin-password"
        self._home = self.state / "home"
        self._record = self.state / "instance.json"
        self._ports = ports
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.known()['port']}"

    @property
    def admin_password(self) -> str:
        """The password of ``admin`` in the realm ``master``, made for this instance."""
        return self.password_file.read_text().strip()

    def known(self) -> dict[str, Any]:
        """What is recorded of the instance."""
        if not self._record.exists():
            port, management_port = self._ports or free_ports(2)
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._write({"port": port, "management_port": management_port, "initialised": False})
        found: dict[str, Any] = json.loads(self._record.read_text())
        return found

    def start(self) -> bool:
        """Start it and wait until it answers; False if it ran already. Raises KeycloakError."""
        with self._alone():
            if self.processes():
                self.wait_ready()
                return False
            known = self.known()
            if not known["initialised"]:
                # Its first start has not come to an end: what there is of data may be half of it.
                shutil.rmtree(self.state / "data", ignore_errors=True)
            for port in (known["port"], known["management_port"]):
                _require_free(port)
            self._make_home(distribution())
            self._launch(known)
            try:
                self.wait_ready()
            except BaseException:
                self.stop()
                raise
            self._write({**known, "initialised": True})
            return True

    def wait_ready(self, seconds: float = 300) -> None:
        """Wait until it says that it is ready and its first realm answers. Raises KeycloakError if it ends."""
        known = self.known()
        pages = (
            f"http://127.0.0.1:{known['management_port']}/health/ready",
            f"{self.url}/realms/master/.well-known/openid-configuration",
        )
        until = time.monotonic() + seconds
        while not all(_answers(page) for page in pages):
            if not self.processes():
                raise KeycloakError(f"Keycloak ended while it started:\n{self.tail()}")
            if time.monotonic() > until:
                raise KeycloakError(f"Keycloak was not ready within {seconds:.0f} s:\n{self.tail()}")
            time.sleep(0.2)

    def stop(self, seconds: float = 30) -> None:
        """End it in good order, by force if that takes too long. Nothing happens if it does not run."""
        told = self.signal(signal.SIGTERM)
        # One that is stopped by a signal only hears this after it has been woken.
        self.signal(signal.SIGCONT)
        if not self._gone(told, seconds):
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        told = self.signal(signal.SIGKILL)
        if not self._gone(told, 30):
            raise KeycloakError(f"Keycloak's processes {told} do not end")

    def signal(self, number: signal.Signals) -> list[int]:
        """Send a signal to each of its processes; returns which these are."""
        found = self.processes()
        for pid in found:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        return found

    def processes(self) -> list[int]:
        """The start script and the Java that it started, as far as they live.

        Both are told by this instance's folder, which no other server is started with. A recorded number would not do:
        Java outlives a script that is killed, and we may be killed before we write it down.
        """
        found = {int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self._is_ours(Path("/proc", entry))}
        # For a moment after its start a process has no command line yet.
        if self._child is not None and self._child.poll() is None:
            found.add(self._child.pid)
        return sorted(found)

    def _is_ours(self, process: Path) -> bool:
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            return False
        script = f"{self._home}/bin/kc.sh"
        return script in words[:2] or f"-Dkc.home.dir={self._home}/bin/.." in words

    def tail(self) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def _launch(self, known: dict[str, Any]) -> None:
        if not self.password_file.exists():
            write_secret(self.password_file, secrets.token_urlsafe(24))
        passed = ("PATH", "HOME", "LANG", "TMPDIR", "JAVA_HOME")
        environment = {name: os.environ[name] for name in passed if name in os.environ}
        environment |= {
            "JAVA": _java.java(),
            "JAVA_OPTS_APPEND": JVM_OPTIONS,
            "JAVA_OPTS_KC_HEAP": f"-Xms64m -Xmx{self.heap}",
        }
        if not known["initialised"]:
            environment["KC_BOOTSTRAP_ADMIN_USERNAME"] = ADMIN
            environment["KC_BOOTSTRAP_ADMIN_PASSWORD"] = self.admin_password
        command = [
            str(self._home / "bin/kc.sh"),
            "start",
            "--optimized",
            # No cluster, which would listen on all addresses, and look for its other nodes after each power cut.
            "--cache=local",
            f"--hostname={self.url}",
            "--http-enabled=true",
            "--http-host=127.0.0.1",
            f"--http-port={known['port']}",
            "--http-management-host=127.0.0.1",
            f"--http-management-port={known['management_port']}",
            "--log-level=info,io.smallrye.health:off",
        ]
        with self.log.open("ab") as log:
            # A group of processes of its own: Ctrl-C in the terminal is for us, who then end it in good order.
            self._child = subprocess.Popen(
                command,
                cwd=self._home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _make_home(self, built: Path) -> None:
        """Links to the distribution, and what Keycloak looks for or writes beside it."""
        shutil.rmtree(self._home, ignore_errors=True)
        (self._home / "bin").mkdir(parents=True)
        # The script finds its home through links, so it has to be a file of its own.
        shutil.copy(built / "bin/kc.sh", self._home / "bin")
        for name in LINKED:
            (self._home / name).symlink_to(built / name)
        (self.state / "data").mkdir(mode=0o700, exist_ok=True)
        (self._home / "data").symlink_to(self.state / "data")

    def _gone(self, told: list[int], seconds: float) -> bool:
        until = time.monotonic() + seconds
        # Processes first: it buries our child.
        while self.processes() or not all(_is_over(pid) for pid in told):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True

    def _write(self, values: dict[str, Any]) -> None:
        draft = self._record.with_suffix(".draft")
        draft.write_text(json.dumps(values))
        draft.replace(self._record)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two starts at once wait for one another."""
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def write_secret(file: Path, secret: str) -> None:
    """A file that only its owner reads, from its first byte on."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(secret)


def _answers(page: str) -> bool:
    try:
        with urllib.request.urlopen(page, timeout=10) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise KeycloakError(f"port {port} cannot be had for Keycloak: {error.strerror}") from None


def _is_over(pid: int) -> bool:
    """Ended, whether or not somebody has asked how. Threads outlive the command line, and hold ports while they do."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return True
    state, threads = fields[0], int(fields[17])
    return state in "ZX" and threads <= 1
