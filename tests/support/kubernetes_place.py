"""A place for contract tests on the cluster for the tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from typing import Any

from collegium.backends import kubernetes
from collegium.backends.kubernetes.client import CLAIM, JOB, NAMESPACE, POD, VOLUME, Cluster
from collegium.backends.kubernetes.naming import INSTANCE
from collegium.domain.quota import Limits
from support.cluster import TestCluster, running_cluster

PATIENCE = 60.0
#: What a run in a pod does; its argument is the plan. Only the work folder is seen by both it and the test.
POD_PROGRAM = """
import base64, json, os, signal, sys, time, zlib
plan = json.loads(zlib.decompress(base64.b64decode(sys.argv[1])))
if plan["stubborn"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open("ran", "a") as ran:
    ran.write("ran\\n")
for path, data in plan["artifacts"].items():
    target = os.path.join(os.environ["COLLEGIUM_ARTIFACTS"], path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(base64.b64decode(data))
left = base64.b64decode(plan["log"])
while left:
    left = left[os.write(1, left) :]
while plan["hold"] and not os.path.exists("go"):
    time.sleep(0.02)
sys.exit(plan["exit_code"])
"""


class ClusterPlace:
    """A namespace on the test cluster and a folder on its files volume, for the contract tests of one session."""

    def __init__(self, cluster: TestCluster, leave: contextlib.ExitStack | None = None) -> None:
        self.cluster, self._leave = cluster, leave or contextlib.ExitStack()
        self.instance = f"contract-{os.urandom(3).hex()}"
        self.kubeconfig = str(cluster.kubeconfig)
        self.files = cluster.files_dir / self.instance
        self.files.mkdir()
        self.namespace = f"{self.instance}-physics"
        self.options: dict[str, Any] = {
            "kubeconfig": self.kubeconfig,
            "instance": self.instance,
            "namespace": f"{self.instance}-{{group}}",
            "control_namespace": "default",
            "homes": "shared",
            "files_dir": str(self.files),
            "files_volume": {"hostPath": {"path": str(self.files)}},
        }

    @classmethod
    def make(cls) -> ClusterPlace:
        """On the cluster for the tests, which is started if it is not up."""
        with contextlib.ExitStack() as stack:
            cluster = stack.enter_context(running_cluster())
            return cls(cluster, stack.pop_all())

    @contextlib.asynccontextmanager
    async def api(self) -> AsyncIterator[Cluster]:
        """The cluster by itself."""
        api = Cluster(kubeconfig=self.kubeconfig)
        try:
            yield api
        finally:
            await api.close()

    async def open(self) -> None:
        """See that the group's space is there."""
        backend = kubernetes.create(**self.options)
        assert backend.close is not None
        try:
            await backend.space.ensure("physics", Limits())
        finally:
            await backend.close()
        async with self.api() as api:
            deadline = time.monotonic() + PATIENCE
            while any(c["status"].get("phase") != "Bound" for c in (await api.list(CLAIM, self.namespace))[0]):
                assert time.monotonic() < deadline, "the files claim was not bound in time"
                await asyncio.sleep(0.1)

    async def clear(self) -> None:
        """Remove all runs, at once and by force, and all files."""
        async with self.api() as api:
            for kind in (JOB, POD):
                for found in (await api.list(kind, self.namespace, labels=f"{INSTANCE}={self.instance}"))[0]:
                    await api.delete(kind, found["metadata"]["name"], self.namespace, grace_seconds=0)
        for folder in ("runs", "live", "homes", "shared"):
            shutil.rmtree(self.files / folder, ignore_errors=True)

    async def remove(self) -> None:
        """Remove all of it."""
        try:
            async with self.api() as api:
                await api.delete(NAMESPACE, self.namespace)
                for found in (await api.list(VOLUME, labels=f"{INSTANCE}={self.instance}"))[0]:
                    await api.delete(VOLUME, found["metadata"]["name"])
        finally:
            shutil.rmtree(self.files, ignore_errors=True)
            await asyncio.to_thread(self._leave.close)
