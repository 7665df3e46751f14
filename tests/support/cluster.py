"""A real Kubernetes cluster for tests: the project's own (``scripts/cluster``), or the one that the variable
``COLLEGIUM_TEST_KUBECONFIG`` names. A cluster that cannot be had fails the test that wanted it; nothing is skipped.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
OWN = "COLLEGIUM_TEST_KUBECONFIG"
#: The class whose claims the cluster serves; it is the default one.
STORAGE_CLASS = "collegium-test"


class ClusterError(Exception):
    """The cluster, or a program that speaks to it, said no. The message is what it said."""


class NeedsNode(ClusterError):
    """A test reaches for the node of the project's own cluster while a user's own is in use."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} needs the project's own cluster: unset {OWN}")


@dataclass(frozen=True)
class Images:
    """Names of our images in the cluster."""

    hub: str = "localhost/collegium-hub:test"
    user: str = "localhost/collegium-user:test"
    postgresql: str = "localhost/collegium-postgresql:test"

    @classmethod
    def from_environment(cls) -> Images:
        """The names above, or what ``COLLEGIUM_TEST_IMAGE_HUB``, ``…_USER`` and ``…_POSTGRESQL`` say."""
        given = {name: os.environ.get(f"COLLEGIUM_TEST_IMAGE_{name.upper()}") for name in ("hub", "user", "postgresql")}
        return cls(**{name: value for name, value in given.items() if value})


class TestCluster:
    """A cluster as tests use it. What touches the node raises NeedsNode on a user's own cluster."""

    __test__ = False  # pytest: a helper, whatever its name

    def __init__(self, kubeconfig: Path, own: Any = None) -> None:
        self.kubeconfig = kubeconfig
        self.images = Images.from_environment()
        self._own = own

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 180) -> str:
        """Run kubectl; returns what it printed. Raises ClusterError with what it complained."""
        return self._run("kubectl", arguments, stdin, timeout)

    def helm(self, *arguments: str, stdin: str | None = None, timeout: float = 600) -> str:
        """Run helm likewise."""
        return self._run("helm", arguments, stdin, timeout)

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """One object."""
        where = ["-n", namespace] if namespace else []
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, *where, "-o", "json"))
        return found

    def apply(self, *manifests: Mapping[str, Any]) -> str:
        """Create or update objects. Raises ClusterError with the API server's reason."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        return self.kubectl("apply", "-f", "-", stdin=json.dumps(listed))

    @contextmanager
    def namespace(self, prefix: str = "test", **labels: str) -> Iterator[str]:
        """A namespace for one test. It goes in the background when the test is over."""
        name = f"{prefix}-{uuid.uuid4().hex[:8]}"
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        self.apply(manifest)
        try:
            # Nobody can make pods in it before.
            self.kubectl("-n", name, "wait", "--for=create", "serviceaccount/default", "--timeout=120s")
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")

    def node_exec(self, *command: str) -> str:
        """Run a program on the node; returns what it printed."""
        try:
            printed: str = self._node("node_exec").node_output(*command)
        except subprocess.CalledProcessError as error:
            raise ClusterError(f"{' '.join(command)}: {error.stderr or error}") from error
        return printed

    def component(self, name: str, action: str) -> None:
        """``start``, ``stop``, ``kill`` or ``restart`` one of the node's programs.

        They are containerd, etcd, apiserver, kcm, scheduler, kubelet, proxy, dns, netpol and provisioner.
        """
        self._node("component").script("node.sh", action, name)
        if name in ("apiserver", "etcd") and action in ("start", "restart"):
            self._settle()
            # With leader election they would have ended and begun anew; ours wait up to a minute and a half to look.
            for follower in ("kcm", "scheduler"):
                self._node("component").script("node.sh", "restart", follower)

    def _settle(self) -> None:
        """Wait until writes are taken: an API server that has just begun refuses what it will allow in a moment."""
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "settle", "namespace": "default"}}
        pod["spec"] = {"containers": [{"name": "settle", "image": "settle"}]}
        until = time.monotonic() + 120
        while True:
            try:
                self.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
                self.kubectl("wait", "--for=condition=Ready", "node", "-l", "cluster.test/kind=real", "--timeout=30s")
                return
            except ClusterError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    @property
    def files_dir(self) -> Path:
        """A folder of this machine that the node has at the same path, for a read-write-many volume; of uid 1000."""
        folder: Path = self._node("files_dir").files
        return folder

    @property
    def host_ip(self) -> str:
        """Where pods reach this machine."""
        return str(self._node("host_ip").host_ip)

    @property
    def node_ip(self) -> str:
        """Where this machine reaches the node."""
        return str(self._node("node_ip").node_ip)

    def _node(self, what: str) -> Any:
        if self._own is None:
            raise NeedsNode(what)
        return self._own

    def _run(self, program: str, arguments: tuple[str, ...], stdin: str | None, timeout: float) -> str:
        environment = {**(self._own.environment() if self._own else os.environ), "KUBECONFIG": str(self.kubeconfig)}
        path = shutil.which(program, path=environment["PATH"])
        if path is None:
            raise ClusterError(f"{program} is not on the path")
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        words = [path, *arguments]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=timeout, **given)
        if done.returncode:
            # Never the input: it may hold a secret.
            raise ClusterError(f"{program} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout


@contextmanager
def running_cluster() -> Iterator[TestCluster]:
    """Yield a cluster that works and has our images. Our own is left as it was found: running, or not."""
    if kubeconfig := os.environ.get(OWN):
        user = TestCluster(Path(kubeconfig).absolute())
        user.kubectl("get", "--raw", "/readyz", timeout=30)
        yield user
        return
    sys.path.insert(0, str(_SCRIPTS))
    try:
        import _cluster
    finally:
        sys.path.remove(str(_SCRIPTS))
    own = _cluster.Cluster.chosen()
    try:
        # What an earlier run left in a cluster that is down is nobody's; one that is up may be in use.
        started = _cluster.everything(own, fresh=not own.alive())
    except SystemExit as error:
        raise ClusterError(f"the test cluster cannot start: {error}") from error
    try:
        yield TestCluster(own.kubeconfig, own)
    finally:
        if started:
            own.down()
