"""JobRunner on a cluster: a run is a Job, and what must survive the Job is on the files volume."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from collegium.backends.kubernetes import client, naming
from collegium.backends.kubernetes.cause import queue_of
from collegium.backends.kubernetes.client import Cluster
from collegium.backends.kubernetes.job import is_of, job_manifest
from collegium.backends.kubernetes.records import Entry, Records
from collegium.backends.kubernetes.run_secrets import own_secret, remove_secret, secret_manifest
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.verdict import Facts, Verdict, judge
from collegium.backends.kubernetes.views import Views
from collegium.backends.local import tree
from collegium.backends.ports import RunPhase, RunRequest, RunStatus, StartFailed
from collegium.domain.errors import Conflict, NotFound, Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
#: How often a stop or the end of a Job is asked for again (if it seems to be under way, and if not), events of one run
#: are read, and logs are cut, in seconds.
_REMIND_EVERY, _ENFORCE_EVERY, _EVENTS_EVERY, _TRIM_EVERY = 60.0, 5.0, 10.0, 3.0
#: How long something may look as if it would start at any moment before its events are read, in seconds.
_EVENTS_AFTER = 3.0
#: Reads of events in one round at most: they are for people, and people read slowly.
_EVENTS_AT_ONCE = 20
#: How long ``end`` waits, in seconds.
_END_WITHIN = 20.0


class KubernetesRunner:
    """What it remembers are only what it saw last and when it asked; losing that costs patience, not truth."""

    def __init__(
        self,
        cluster: Cluster,
        settings: KubernetesSettings,
        records: Records,
        views: Views,
        beside: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``beside`` starts, if that is still to be done, what goes on wherever runs are looked after."""
        self._cluster, self._settings, self._records, self._views = cluster, settings, records, views
        self._beside = beside
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()
        self._last: dict[str, RunStatus] = {}
        self._asked: dict[str, float] = {}
        self._force_at: dict[str, float] = {}
        self._told: dict[str, tuple[float, list[dict[str, Any]]]] = {}
        self._trimmed = 0.0

    async def start(self, request: RunRequest) -> None:
        """See JobRunner. The Job is made last, when all that it needs is on the volume."""
        manifest = job_manifest(self._settings, request, self._records.folder(request.key))
        if request.key.rpartition(".")[0] != request.job_id:
            raise StartFailed(f"run {request.key} is not of job {request.job_id}")
        async with self._alone(request.key):
            if await self._stored(lambda: self._records.prepare(request), "the run"):
                secret = secret_manifest(self._settings, request)
                if secret is not None:
                    await self._stored(lambda: self._records.mask(request), "what is to be masked in its log")
                await self._create(request.key, manifest, secret)

    async def stop(self, key: str, grace_seconds: float = 10.0) -> None:
        """See JobRunner. Once the wish is stored this succeeds: ``observe`` insists on it."""
        try:
            self._records.folder(key)
        except StartFailed:
            return
        async with self._alone(key):
            entry = await asyncio.to_thread(self._records.read, key)
            if entry is not None and entry.end is not None:
                return
            if entry is not None and await self._ended_already(entry):
                return
            await self._stored(lambda: self._records.wish_stop(key, grace_seconds), f"the wish to end run {key}")
            if entry is not None:
                self._force_at[key] = min(self._force_at.get(key, math.inf), time.monotonic() + grace_seconds)
                await self._force_if_due(key)
                await self._insist(replace(entry, stopped=True))

    async def observe(self) -> Mapping[str, RunStatus]:
        """See JobRunner. Raises Unavailable if nothing certain is known of any run that goes on."""
        if self._beside is not None:
            await self._beside()
        entries = await self._stored(self._records.scan, "what runs")
        going = [entry for entry in entries if entry.end is None]
        problems = await self._views.ready({self._namespace(entry) for entry in going})
        if going and len(problems) == len({self._namespace(entry) for entry in going}):
            raise next(iter(problems.values()))
        found: dict[str, RunStatus] = {}
        pods, reads = self._views.pods(), [_EVENTS_AT_ONCE]
        for entry in entries:
            if entry.end is not None:
                found[entry.key] = entry.end
                await self._sweep(entry)
            elif (status := await self._status(entry, pods, problems, reads)) is not None:
                found[entry.key] = status
        self._remember(found)
        await self._trim(found)
        return found

    async def forget(self, key: str) -> None:
        """See JobRunner. The Job goes first, so that whatever stops us here is seen again."""
        try:
            self._records.folder(key)
        except StartFailed:
            return
        async with self._alone(key):
            entry = await asyncio.to_thread(self._records.read, key)
            if entry is None:
                return
            if entry.end is None:
                await self._keep_end(key)
                entry = await asyncio.to_thread(self._records.read, key)
            if entry is None or entry.end is None:
                return
            await self._delete_job(entry)
            await self._stored(lambda: self._records.forget(key), f"run {key}")

    async def end(self, key: str) -> None:
        """End a run for good, so that its files can be removed. Raises Unavailable if it does not end in time."""
        if not await asyncio.to_thread(self._records.known, key):
            return
        await self.stop(key, 0)
        until = time.monotonic() + _END_WITHIN
        while (entry := await asyncio.to_thread(self._records.read, key)) is not None and entry.end is None:
            await self.observe()
            if time.monotonic() > until:
                raise Unavailable(f"run {key} does not end, its files cannot be removed yet")
            await asyncio.sleep(0.2)
        if entry is not None:
            await self._delete_job(entry)

    @contextlib.asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            yield

    async def _stored(self, work: Callable[[], T], what: str) -> T:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            why = "there is no room on the volume" if error.errno in tree.NO_ROOM else f"{error.strerror}"
            raise Unavailable(f"{what} could not be stored: {why}") from error

    def _namespace(self, entry: Entry) -> str:
        return self._settings.namespace_of(entry.group)

    async def _create(self, key: str, manifest: Mapping[str, Any], secret: Mapping[str, Any] | None) -> None:
        name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
        try:
            if secret is not None:
                # First, so that no pod waits for it; again with what the values are by now.
                await self._cluster.apply(client.SECRET, secret, namespace)
            job = await self._cluster.create(client.JOB, manifest, namespace)
        except client.AlreadyExists:
            job = await self._adopt(key, name, namespace)
        except NotFound as error:
            raise Unavailable(f"the group's namespace {namespace} is being prepared") from error
        except client.Refused as error:
            if _transient(error):
                raise Unavailable(f"the cluster does not take it now: {error.message}") from error
            await self._give_way(key)
            if secret is not None:
                await remove_secret(self._cluster, name, namespace)
            raise StartFailed(f"the cluster does not take it: {error.message}") from error
        self._views.note(job)
        await self._made(key, job, secret is not None)
        if await asyncio.to_thread(self._records.wished, key) is not None:
            # Somebody else's wish came while the Job was made.
            entry = await asyncio.to_thread(self._records.read, key)
            if entry is not None:
                await self._insist(entry)

    async def _made(self, key: str, job: Mapping[str, Any], secret: bool) -> None:
        """Write down that a Job is there. Its Secret becomes its own first, and goes with it whoever removes it."""
        if secret:
            await own_secret(self._cluster, job)
        await self._stored(lambda: self._records.created(key), f"the start of run {key}")

    async def _recall(self, entry: Entry, job: Mapping[str, Any] | None) -> None:
        """The same for a Job that was found: a crash came between it and the word of it."""
        if job is None and entry.secret:
            return
        try:
            await self._made(entry.key, job or {}, entry.secret)
        except Unavailable as error:
            log.warning("run %s: %s", entry.key, error.message)

    async def _adopt(self, key: str, name: str, namespace: str) -> dict[str, Any]:
        try:
            job = await self._cluster.get(client.JOB, name, namespace)
        except NotFound as error:
            raise Unavailable(f"the Job {name} is just being removed") from error
        except client.Refused as error:
            raise Unavailable(f"the Job {name} cannot be read: {error.message}") from error
        if not is_of(job, self._settings, key):
            await self._give_way(key)
            raise StartFailed(f"the namespace {namespace} has a Job {name} that is not of run {key}")
        return job

    async def _give_way(self, key: str) -> None:
        await self._stored(lambda: self._records.abandon(key), f"run {key}")

    async def _status(
        self,
        entry: Entry,
        pods: Mapping[tuple[str, str], dict[str, Any]],
        problems: Mapping[str, Unavailable],
        reads: list[int],
    ) -> RunStatus | None:
        """The state of one run that has no end on the volume yet; the end is put there."""
        namespace, name = self._namespace(entry), naming.job_name(entry.key)
        last = self._last.get(entry.key)
        if namespace in problems:
            return last or RunStatus(entry.key, RunPhase.STARTING, message=problems[namespace].message)
        job, pod = self._views.job(namespace, name), pods.get((namespace, name))
        facts = Facts(entry.key, job, pod, entry.created_at, entry.stopped)
        try:
            verdict = await self._judged(entry, facts, reads)
        except Unavailable as error:
            return last or RunStatus(entry.key, RunPhase.STARTING, message=error.message)
        status = verdict.status
        if status is None or not status.phase.final:
            if entry.stopped:
                await self._press(entry, job, pod)
            elif status is not None and entry.created_at is None:
                await self._recall(entry, job)
            return status
        if status.started_at is None and last is not None and last.started_at is not None:
            status = replace(status, started_at=last.started_at)
        if last is not None and not status.image:
            status = replace(status, image=last.image)
        return await self._finish(entry, status, verdict.abandon)

    async def _judged(self, entry: Entry, facts: Facts, reads: list[int]) -> Verdict:
        now, deadline = datetime.now(UTC), self._settings.start_deadline
        namespace, name = self._namespace(entry), naming.job_name(entry.key)
        verdict = judge(facts, now, deadline)
        if facts.pod is None and (verdict.status is None or verdict.status.phase.final):
            # What is not in a cache may be there all the same: only the cluster itself can say that it is not.
            job, pod = await self._views.ask(namespace, name)
            if job is not None and not is_of(job, self._settings, entry.key):
                job = pod = None
            facts = replace(facts, job=job, pod=pod)
            verdict = judge(facts, now, deadline)
        if verdict.vague and entry.created_at is not None and now.timestamp() - entry.created_at > _EVENTS_AFTER:
            events = await self._events(entry.key, namespace, facts.pod, name, reads)
            verdict = judge(replace(facts, events=events), now, deadline)
        return verdict

    async def _events(
        self, key: str, namespace: str, pod: Mapping[str, Any] | None, job: str, reads: list[int]
    ) -> list[dict[str, Any]]:
        when, events = self._told.get(key, (float("-inf"), []))
        if time.monotonic() - when < _EVENTS_EVERY or reads[0] <= 0:
            return events
        reads[0] -= 1
        events = await self._views.events(namespace, pod["metadata"]["name"] if pod is not None else job)
        self._told[key] = (time.monotonic(), events)
        return events

    async def _finish(self, entry: Entry, status: RunStatus, abandon: bool) -> RunStatus:
        try:
            kept = await asyncio.to_thread(self._records.finish, entry.key, status, abandon)
        except OSError as error:
            # It is over all the same; ``forget`` makes sure that this is written before the Job goes.
            log.warning("the end of run %s cannot be stored yet: %s", entry.key, error.strerror)
            return status
        if abandon:
            await self._sweep(replace(entry, end=kept, abandoned=True))
        return kept

    async def _keep_end(self, key: str) -> None:
        """Write the end of a run that is over but could not be written before."""
        last = self._last.get(key)
        if last is not None and last.phase.final:
            await self._stored(lambda: self._records.finish(key, last), f"the end of run {key}")

    async def _ended_already(self, entry: Entry) -> bool:
        """Look once more before a run is stopped: what was over before is not called cancelled."""
        try:
            job, pod = await self._views.ask(self._namespace(entry), naming.job_name(entry.key))
        except Unavailable:
            return False
        facts = Facts(entry.key, job, pod, entry.created_at, entry.stopped)
        verdict = judge(facts, datetime.now(UTC), math.inf)
        if pod is None or verdict.status is None or not verdict.status.phase.final or verdict.abandon:
            return False
        await self._finish(entry, verdict.status, False)
        return True

    async def _press(self, entry: Entry, job: Mapping[str, Any] | None, pod: Mapping[str, Any] | None) -> None:
        """See to it that what is to be ended ends: all of it again, whatever an outage kept from happening."""
        if entry.key not in self._force_at:
            grace = await asyncio.to_thread(self._records.wished, entry.key) or 0.0
            self._force_at[entry.key] = time.monotonic() + grace
        await self._force_if_due(entry.key)
        suspended = job is None or job["spec"].get("suspend")
        under_way = suspended and (pod is None or pod["metadata"].get("deletionTimestamp"))
        pause = _REMIND_EVERY if under_way else _ENFORCE_EVERY
        if time.monotonic() - self._asked.get(entry.key, float("-inf")) >= pause:
            await self._insist(entry)

    async def _force_if_due(self, key: str) -> None:
        if time.monotonic() < self._force_at.get(key, math.inf):
            return
        try:
            await asyncio.to_thread(self._records.force, key)
            self._force_at[key] = math.inf
        except OSError as error:
            log.warning("run %s cannot be told that its grace is over: %s", key, error.strerror)

    async def _insist(self, entry: Entry) -> None:
        """Have the cluster end what is to be ended: its pod with the grace, and no other pod after it."""
        self._asked[entry.key] = time.monotonic()
        namespace, name = self._namespace(entry), naming.job_name(entry.key)
        grace = await asyncio.to_thread(self._records.wished, entry.key) or 0.0
        try:
            pod = await self._views.ask_pod(namespace, name)
            if pod is not None:
                # 0 would mean that nobody waits for the container to end.
                seconds, uid = max(1, math.ceil(grace)), pod["metadata"]["uid"]
                await self._cluster.delete(
                    client.POD, pod["metadata"]["name"], namespace, grace_seconds=seconds, uid=uid
                )
            job = self._views.job(namespace, name)
            if job is not None and queue_of(job):
                # Kueue would let a Job that it has admitted go on again.
                await self._cluster.delete(client.JOB, name, namespace)
            else:
                self._views.note(await self._cluster.patch(client.JOB, name, {"spec": {"suspend": True}}, namespace))
        except (NotFound, Conflict):
            return
        except (Unavailable, client.Refused) as error:
            log.warning("run %s cannot be ended yet: %s", entry.key, error)

    async def _sweep(self, entry: Entry) -> None:
        """Remove the Job of a run that was given up; again and again until that worked."""
        due = time.monotonic() - self._asked.get(entry.key, float("-inf")) >= _ENFORCE_EVERY
        if not entry.abandoned or not due or self._asked.get(entry.key) == math.inf:
            return
        self._asked[entry.key] = time.monotonic()
        try:
            await self._delete_job(entry)
        except Unavailable as error:
            log.warning("the Job of run %s cannot be removed yet: %s", entry.key, error)
        else:
            self._asked[entry.key] = math.inf

    async def _delete_job(self, entry: Entry) -> None:
        if not entry.group:
            return
        namespace, name = self._namespace(entry), naming.job_name(entry.key)
        job = self._views.job(namespace, name)
        if job is not None and not is_of(job, self._settings, entry.key):
            return
        try:
            await self._cluster.delete(client.JOB, name, namespace)
        except client.Refused as error:
            raise Unavailable(f"the Job {name} cannot be removed: {error.message}") from error
        if entry.secret:
            # The cluster does it, too, if there was a Job.
            await remove_secret(self._cluster, name, namespace)

    def _remember(self, found: dict[str, RunStatus]) -> None:
        self._last = found
        self._asked = {key: when for key, when in self._asked.items() if key in found}
        self._force_at = {key: when for key, when in self._force_at.items() if key in found}
        self._told = {key: told for key, told in self._told.items() if key in found and not found[key].phase.final}

    async def _trim(self, found: Mapping[str, RunStatus]) -> None:
        if time.monotonic() - self._trimmed < _TRIM_EVERY:
            return
        running = [key for key, status in found.items() if status.phase is RunPhase.RUNNING]
        await asyncio.to_thread(self._records.trim, running)
        self._trimmed = time.monotonic()


def _transient(error: client.Refused) -> bool:
    """True if the same request may be taken later: room in a quota, a namespace, a missing right."""
    return error.status == 403 and "denied the request" not in error.message
