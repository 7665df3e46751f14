"""From submitting a job to its first act, on Kubernetes: ``python -m benchmarks.kube_submit [starts] [--database …]``.

The job writes its own clock into a file as its first act: the cluster itself writes down whole seconds only. Time runs
from just before the POST. Peer: ``kubectl create -f -`` of a Job with the same image, command, resources and volume, in
the same namespace, from just before kubectl is started. A third kind POSTs the very Job that ours makes straight to the
API server: the least that anything could need. All in turns, with an empty queue.

``--database``: ``sqlite`` and ``postgresql`` have the service in one process, ``split`` has an api and a controller
process over PostgreSQL. ``--quick``: 3 starts of each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.kube import Kube, Moments, connected, kube
from benchmarks.kube_service import Service, ready, run, service
from benchmarks.report import milliseconds, percentile, ratio, table
from benchmarks.running import folder
from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import JOB, Cluster
from collegium.backends.kubernetes.job import job_manifest
from collegium.backends.local.layout import Layout
from collegium.backends.ports import RunRequest
from collegium.domain.catalog import Image
from collegium.domain.names import new_id
from collegium.domain.resources import Resources

GOAL = 1.15
GROUP = "physics"
BEGUN = "begun"
COMMAND = f'date +%s.%N > "$COLLEGIUM_ARTIFACTS/{BEGUN}"'
LIMITS = {"cpu": "1", "memory": "256Mi"}
BODY = {"name": "benchmark", "command": COMMAND, "instance_type": "small", "image": "lab"}
#: Moments of a start in their order; the table shows what lies between one and the next.
STEPS = {
    "submitted": "POST to the row (identity, checks, insert)",
    "admitted": "to its admission (the controller wakes, one transaction)",
    "prepared": "to all on the volume (folders, work, log, synced)",
    "made": "Job made, to its pod made (API server, Job controller)",
    "placed": "to its node (scheduler)",
    "begun": "to the first act (kubelet, container, sh, date)",
}
Start = dict[str, float]


def catalog(kube: Kube) -> dict[str, Any]:
    """One group, one size."""
    small = {"name": "small", "limits": LIMITS, "requests": {"cpu": "10m", "memory": "64Mi"}, "everyone": True}
    return {
        "version": 1,
        "users": [{"name": "ann"}],
        "instance_types": [small],
        "images": [{"name": "lab", "reference": kube.cluster.images.user, "everyone": True}],
        "groups": [{"name": GROUP, "limits": {"count/jobs": 4}, "members": {"ann": "admin"}}],
    }


class Bench:
    """One installation, and the three ways to start the same thing in its group's namespace."""

    def __init__(self, kube: Kube, made: Service, session: aiohttp.ClientSession, api: Cluster) -> None:
        self.kube, self.made, self.session, self.api = kube, made, session, api
        self.namespace = made.settings.namespace_of(GROUP)
        self.moments = Moments(api, f"{naming.GROUP}={GROUP},{kube.selector}")
        path = os.pathsep.join([str(kube.cluster.kubeconfig.parent / "bin"), os.environ.get("PATH", os.defpath)])
        self.variables = {**os.environ, "KUBECONFIG": str(kube.cluster.kubeconfig), "PATH": path}
        self.kubectl = shutil.which("kubectl", path=path) or "kubectl"

    async def ours(self) -> Start:
        """By the REST API of the service."""
        sent = time.time()
        job = await self.made.submit(self.session, GROUP, BODY)
        attempt = self.made.runs / job["id"] / "attempts/1"
        begun = await _begun(attempt / "artifacts" / BEGUN)
        detail = await self.made.until_over(self.session, GROUP, job["id"])
        history = {e["state"]: datetime.fromisoformat(e["at"]).timestamp() for e in reversed(detail["history"])}
        found = {
            "submitted": history["Pending"],
            "admitted": history["Preparing"],
            "prepared": _marked(self.made, job["id"], attempt),
            "begun": begun,
        }
        return self._since(sent, found)

    async def by_kubectl(self) -> Start:
        """As somebody would who knows Kubernetes: a Job with one volume."""
        manifest = self._plain(self._folder(new_id("job")))
        sent = time.time()
        argv = (self.kubectl, "create", "-n", self.namespace, "-f", "-")
        await asyncio.to_thread(run, *argv, text=json.dumps(manifest), variables=self.variables)
        return await self._finish(sent, manifest)

    async def by_post(self) -> Start:
        """Our own Job, without us."""
        job_id = new_id("job")
        folder = self._folder(job_id)
        resources, image = Resources.parse(dict(LIMITS)), self.kube.cluster.images.user
        request = RunRequest(
            key=f"{job_id}.1",
            job_id=job_id,
            group=GROUP,
            user="ann",
            argv=("/bin/sh", "-c", COMMAND),
            resources=resources,
            image=Image("lab", "lab", image),
            requests=Resources.parse({"cpu": "10m", "memory": "64Mi"}),
        )
        manifest = job_manifest(self.made.settings, request, str(folder.relative_to(self.made.settings.files_dir)))
        # Not the controller's: it would take the pod for one of its own runs.
        for labels in (manifest["metadata"]["labels"], manifest["spec"]["template"]["metadata"]["labels"]):
            labels[naming.KIND] = "bare"
        sent = time.time()
        await self.api.create(JOB, manifest, self.namespace)
        return await self._finish(sent, manifest)

    def _folder(self, job_id: str) -> Path:
        """A run's folder as the controller would have made it."""
        attempt = Layout(Path(self.made.settings.files_dir)).attempt(f"{job_id}.1")
        for name in ("work", "artifacts", "log"):
            (attempt / name).mkdir(parents=True)
            os.chown(attempt / name, 1000, 1000)
        for file in (attempt / "log/output", attempt / "end"):
            file.touch()
            os.chown(file, 1000, 1000)
        for path in (attempt, attempt.parent, attempt.parent.parent):
            path.chmod(0o711)
        return attempt

    def _plain(self, folder: Path) -> dict[str, Any]:
        settings, name = self.made.settings, f"plain-{os.urandom(4).hex()}"
        container = {
            "name": "run",
            "image": self.kube.cluster.images.user,
            "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", COMMAND],
            "env": [{"name": "COLLEGIUM_ARTIFACTS", "value": "/artifacts"}],
            "resources": {"limits": LIMITS, "requests": {"cpu": "10m", "memory": "64Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [
                {
                    "name": "files",
                    "mountPath": "/artifacts",
                    "subPath": str((folder / "artifacts").relative_to(settings.files_dir)),
                }
            ],
        }
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "files", "persistentVolumeClaim": {"claimName": settings.files_claim}}],
        }
        labels = {naming.INSTANCE: self.kube.word, naming.GROUP: GROUP}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "annotations": {"folder": str(folder)}},
            "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": spec}},
        }

    async def _finish(self, sent: float, manifest: dict[str, Any]) -> Start:
        key = manifest["metadata"]["annotations"].get(naming.KEY)
        folder = (
            Layout(Path(self.made.settings.files_dir)).attempt(key)
            if key
            else Path(manifest["metadata"]["annotations"]["folder"])
        )
        begun = await _begun(folder / "artifacts" / BEGUN)
        name = manifest["metadata"]["name"]
        for _ in range(600):
            job = await self.api.get(JOB, name, self.namespace)
            if (job.get("status") or {}).get("succeeded"):
                break
            await asyncio.sleep(0.1)
        else:
            raise RuntimeError(f"Job {name} does not end")
        await self.api.delete(JOB, name, self.namespace)
        return self._since(sent, {"begun": begun})

    def _since(self, sent: float, found: Start) -> Start:
        return {name: when - sent for name, when in {**self.moments.seen, **found}.items()}


def _marked(made: Service, job: str, attempt: Path) -> float:
    """When all that the Job needs was there: the marker of a live run is made then, and moved when it is over."""
    for marker in (attempt / "forgotten", Path(made.settings.files_dir) / "live" / f"{job}.1", attempt / "forgotten"):
        if marker.exists():
            return marker.stat().st_mtime
    raise RuntimeError(f"{job} was never marked")


async def _begun(file: Path) -> float:
    """What the job wrote. To look at a file disturbs nobody who is measured."""
    for _ in range(6000):
        if file.exists() and (text := file.read_text().strip()):
            return float(text)
        await asyncio.sleep(0.02)
    raise RuntimeError(f"{file} was never written")


async def play(kube: Kube, made: Service, count: int) -> dict[str, list[Start]]:
    """The starts of each kind."""
    await ready(made, GROUP, BODY)
    chance = random.Random(1)
    async with aiohttp.ClientSession() as session, connected(kube.cluster) as api:
        bench = Bench(kube, made, session, api)
        kinds: dict[str, Callable[[], Awaitable[Start]]] = {
            "ours": bench.ours,
            "kubectl": bench.by_kubectl,
            "post": bench.by_post,
        }
        taken: dict[str, list[Start]] = {name: [] for name in kinds}
        order = list(kinds)
        async with bench.moments.watching():
            for number in range(-1, count):
                chance.shuffle(order)
                for name in order:
                    bench.moments.forget()
                    start = await kinds[name]()
                    if number >= 0:
                        taken[name].append(start)
                    # The controller looks once a second: come at any moment of its second.
                    await asyncio.sleep(0.5 + chance.random())
    return taken


def show(taken: dict[str, list[Start]], kind: str) -> None:
    """Both tables and the verdict."""
    begun = {name: [start["begun"] for start in starts] for name, starts in taken.items()}
    head = ("", "Collegium: POST to the first act", "kubectl create", "ratio", "POST of our Job", "ratio")
    rows: list[tuple[str, ...]] = [head]
    ratios = {}
    for name, share in (("fastest", 0.0), ("median", 0.5), ("slowest", 1.0)):
        a, b, c = (percentile(begun[k], share) for k in ("ours", "kubectl", "post"))
        rows.append((name, f"{a:.2f} s", f"{b:.2f} s", ratio(a, b), f"{c:.2f} s", ratio(a, c)))
        ratios[name] = a / b
    count = len(begun["ours"])
    table(f"Submit to the job's first act on Kubernetes ({kind}), {count} of each, in turns", rows, ["sqlalchemy"])
    steps: list[tuple[str, ...]] = [("where it goes, median", "Collegium", "kubectl create", "POST of our Job")]
    before: dict[str, str] = {}
    for name, text in STEPS.items():
        cells = []
        for k in ("ours", "kubectl", "post"):
            spans = [s[name] - s.get(before.get(k, ""), 0.0) for s in taken[k] if name in s]
            cells.append(milliseconds(percentile(spans, 0.5)) if spans else "")
            if spans:
                before[k] = name
        steps.append((text, *cells))
    table("Submit on Kubernetes, step by step", steps)
    verdicts = [f"{n} {ratios[n]:.2f}× ({'yes' if ratios[n] <= GOAL else 'no'})" for n in ("fastest", "median")]
    print(f"\nAt most {GOAL}× kubectl create: {', '.join(verdicts)}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("starts", nargs="?", type=int, default=15, help="of each kind (default: 15)")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "split"), default="sqlite")
    parser.add_argument("--quick", action="store_true", help="3 starts of each")
    given = parser.parse_args()
    with (
        folder() as place,
        kube() as found,
        service(found, place / "service", catalog(found), given.database) as made,
    ):
        taken = asyncio.run(play(found, made, 3 if given.quick else given.starts))
    show(taken, given.database)


if __name__ == "__main__":
    main()
