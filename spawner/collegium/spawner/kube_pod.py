"""A server as a pod: made, followed, found again and removed, whatever the API server does meanwhile. No policy."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from collegium.backends.kubernetes import cause
from collegium.backends.kubernetes.client import POD, AlreadyExists, Refused
from collegium.domain.errors import Conflict, DomainError, NotFound, Unavailable
from collegium.spawner import kube_story
from collegium.spawner.kube_errors import explained, is_preparing, is_quota
from collegium.spawner.kube_events import PodEvents
from collegium.spawner.kube_manifest import START
from collegium.spawner.kube_place import PlacedSpawner
from collegium.spawner.kube_story import STUCK, Patience, Story, is_overdue, is_running, too_slow
from collegium.spawner.kube_watch import Pod, ServerPods, hub_side, version_of
from collegium.spawner.mixin import settled
from collegium.spawner.refusals import start_failure

T = TypeVar("T")
#: A start gives up this long before the hub would, so that the reason is told.
MARGIN = 5.0
#: A quota counts a pod that is gone for a moment longer.
_QUOTA_LAG = 5.0
#: A namespace, or the rights in it, may be made just now.
_PREPARING = 10.0
_LONGEST_PAUSE = 10.0
#: Between tries to connect, at first.
_FIRST_TRY = 0.1
#: After a start of the hub, how long to wait for the first list before the pod alone is asked for.
_FIRST_LIST = 10.0


class PodSpawner(PlacedSpawner):
    """KubeSpawner's traits and manifest with another engine; ``group`` and ``manifest`` come from a subclass.

    ``profile_list``, ``storage_pvc_ensure``, ``enable_user_namespaces``, ``internal_ssl`` and ``services_enabled`` have
    no effect or are refused: what they do is done by policy here, or not at all.
    """

    #: For words to the user.
    group = ""
    _begun = 0.0
    _blind = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.story = Story()

    async def manifest(self) -> Pod:
        """The pod to make, as JSON."""
        raise NotImplementedError

    # Starting.

    def begin(self) -> None:
        """The clock of a start begins to run."""
        self._begun = time.monotonic()
        self.story.begin()

    @property
    def _deadline(self) -> float:
        return self._begun + max(float(self.start_timeout) - MARGIN, 1.0)

    async def _start(self) -> str:
        """Make the pod and wait until it runs; raises a Refusal with the reason if it does not."""
        if self.internal_ssl or self.services_enabled:
            raise start_failure("internal_ssl and services_enabled are not supported by this spawner.")
        body = await self.manifest()
        view = await hub_side().pods(self.kubernetes, self.namespace)
        self.remember()
        self.story.tell("The server's pod is being made.", kube_story.CREATED)
        made = await self._create(body)
        self._made = True
        view.watched.note(made)
        if self.after_pod_created_hook:
            await self._run_hook(self.after_pod_created_hook, made)
        pod = await self._until_running(view, made)
        self.pod_id = pod["metadata"]["uid"]
        return str(self._get_pod_url(pod))

    async def _run_hook(self, hook: Callable[..., Any], *arguments: Any) -> Any:
        found = hook(self, *arguments)
        return await found if isinstance(found, Awaitable) else found

    async def _create(self, body: Pod) -> Pod:
        """The pod as made, through outages, races for the quota, and over what an earlier start left."""
        began = time.monotonic()
        pause, unclear = 0.2, False
        while True:
            try:
                # Shielded: a pod that is made after its start was cancelled would be nobody's.
                return await settled(hub_side().cluster.create(POD, body, self.namespace))
            except AlreadyExists:
                if found := await self._take_over(body):
                    return found
            except (NotFound, Refused) as error:
                passes = _PREPARING if is_preparing(error) else _QUOTA_LAG if is_quota(error) else 0.0
                if time.monotonic() - began >= passes:
                    self.placed = unclear
                    raise explained(error, self.group) from error
            except (Unavailable, Conflict) as error:
                began, unclear = time.monotonic(), True
                self._check_time(error.message)
                self.log.warning("Making pod %s again soon: %s", self.pod_name, error.message)
                self.story.tell("The cluster does not answer now; trying again.", kube_story.CREATED)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _take_over(self, body: Pod) -> Pod | None:
        """What to do about a pod of that name: it is of this start, or of an earlier one and in the way."""
        try:
            found = await hub_side().cluster.get(POD, self.pod_name, self.namespace)
        except (NotFound, Unavailable):
            return None
        except Refused as error:
            raise explained(error, self.group) from error
        if not self.owns(found):
            raise Conflict(f"A pod {self.pod_name} that is not of this server is in the way; ask an administrator.")
        notes = found["metadata"].get("annotations") or {}
        if notes.get(START) == body["metadata"].get("annotations", {}).get(START, ""):
            # Made by a request whose answer was lost.
            return found
        self.story.tell("An earlier pod of this server is being removed.", kube_story.CREATED)
        try:
            await self._remove(1)
        except Refused as error:
            raise explained(error, self.group) from error
        return None

    def _check_time(self, reason: str) -> None:
        if time.monotonic() >= self._deadline:
            raise too_slow(time.monotonic() - self._begun, reason)

    async def _until_running(self, view: ServerPods, made: Pod) -> Pod:
        """The pod once its server takes connections: one that ends again and again runs in between, too."""
        patience, events, pod = Patience(), PodEvents(hub_side().cluster, made), made
        pause = _FIRST_TRY
        while True:
            if is_running(pod) and await takes_connections(self._get_pod_url(pod)):
                return pod
            if pod["metadata"].get("deletionTimestamp"):
                raise start_failure("Its pod was deleted while it was starting.")
            message, percent = patience.judge(pod, await events.get())
            self.story.tell(message, percent)
            self._check_time(message)
            # While it does not run, every change of the pod is told; that it listens, nobody tells.
            pause = min(pause * 1.5, 0.5) if is_running(pod) else _FIRST_TRY
            await view.change(self.namespace, self.pod_name, version_of(pod), pause if is_running(pod) else 1.0)
            seen = view.get(self.namespace, self.pod_name)
            if seen is not None and seen["metadata"]["uid"] == made["metadata"]["uid"]:
                pod = seen
            elif await self._is_gone(view, made):
                raise start_failure("Its pod was deleted while it was starting.")

    async def _is_gone(self, view: ServerPods, made: Pod) -> bool:
        """Whether a pod that the view does not have is not there, which only the API server can say."""
        with contextlib.suppress(Unavailable, Refused):
            found = await self.read()
            if found is None or found["metadata"]["uid"] != made["metadata"]["uid"]:
                return True
            view.watched.note(found)
        return False

    async def patiently(self, work: Callable[[], Awaitable[T]], telling: str, percent: int) -> T:
        """Do something before the pod is made, again and again while the API server does not answer."""
        self.story.tell(telling, percent)
        began, pause = time.monotonic(), 0.5
        while True:
            try:
                return await work()
            except (Refused, Unavailable) as error:
                # Unavailable with a cause of the API server's is its answer; without one nobody answered.
                said = error if isinstance(error, Refused) else error.__cause__
                if isinstance(said, NotFound | Refused):
                    if not is_preparing(said) or time.monotonic() - began >= _PREPARING:
                        raise self._worded(error, said) from error
                else:
                    began = time.monotonic()
                    self._check_time(str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _worded(self, error: Refused | Unavailable, said: NotFound | Refused) -> DomainError:
        if isinstance(error, Unavailable) and not is_preparing(said):
            return error
        return explained(said, self.group)

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """What happens to this start, in sentences."""
        async for line in self.story.listen():
            yield line

    # Looking.

    async def poll(self) -> int | None:
        """None while the pod runs or nobody knows; its exit status once the API server has said that it is over."""
        if self._start_future is not None and not self._start_future.done():
            return None
        if not self.placed:
            return 0
        try:
            pod = await self._seen()
        except (Unavailable, Refused) as error:
            # Never an exception: the hub takes one for the end of the server.
            if not self._blind:
                self.log.warning("Server %s cannot be looked at and is taken for running: %s", self.pod_name, error)
            self._blind = str(error)
            return None
        self._blind = ""
        if pod is None:
            self._say_gone()
            self.placed = False
            return 1
        return await self._status(pod)

    def _say_gone(self) -> None:
        if self._made:
            self.log.warning("Server %s is over: its pod was deleted from outside or with its node", self.pod_name)

    async def _seen(self) -> Pod | None:
        view = await hub_side().pods(self.kubernetes, self.namespace)
        pod = view.get(self.namespace, self.pod_name)
        if pod is None:
            with contextlib.suppress(Unavailable):
                await view.watched.synced(_FIRST_LIST)
            pod = view.get(self.namespace, self.pod_name)
        if pod is not None and self.owns(pod):
            return pod
        # A cache may be behind; absence is only believed of the API server itself.
        return await self.read()

    async def _status(self, pod: Pod) -> int | None:
        end = cause.ended("", pod)
        if end is not None and (pod["status"].get("phase") in ("Succeeded", "Failed")):
            told = end.message or "it ended without an error"
            if pod["metadata"].get("deletionTimestamp"):
                told = "its pod was deleted from outside"
            self.log.warning("Server %s is over: %s", self.pod_name, told)
            await self._discard()
            return end.exit_code if end.exit_code is not None else 1
        why = "its pod was deleted and its node does not answer" if is_overdue(pod) else ""
        if self._check_pending and pod["status"].get("phase") == "Pending":
            # A hub that has just begun waits for nobody: all users would wait with it.
            why = "it was being started when the hub ended"
        if why:
            self.log.warning("Server %s is over: %s", self.pod_name, why)
            await self._discard()
            return 1
        self._note_restarts(pod)
        if is_running(pod):
            self.follow_address(pod)
        return None

    async def _discard(self) -> None:
        """Remove what is left of a server that is over; a failure is not the end of anything."""
        with contextlib.suppress(Unavailable, Refused, Conflict):
            if found := await self.read():
                uid = found["metadata"]["uid"]
                await hub_side().cluster.delete(POD, self.pod_name, self.namespace, grace_seconds=0, uid=uid)
            self.placed = False

    def _note_restarts(self, pod: Pod) -> None:
        restarts = int(kube_story.server_status(pod).get("restartCount") or 0)
        if restarts > self._restarts:
            why = kube_story.last_end(pod)
            told = "it used more than its memory limit" if why.get("reason") == "OOMKilled" else why.get("reason")
            self.log.warning(
                "Server %s was started again in its pod: %s (%s)", self.pod_name, told, why.get("exitCode")
            )
        self._restarts = restarts

    # Stopping.

    async def stop(self, now: bool = False) -> None:
        """Remove the pod and wait until it is gone, for as long as the API server takes to answer."""
        if self._start_future is not None and not self._start_future.done():
            # Its request to make the pod may still be on its way.
            await asyncio.wait([self._start_future])
        if self.placed:
            removal = asyncio.ensure_future(self._remove(1 if now else self.delete_grace_period))
            # A hub that begins during an outage must not wait for its end; the removal does.
            limit = _FIRST_LIST if self._check_pending else None
            await asyncio.wait_for(asyncio.shield(removal), limit)
            self.placed = False

    async def _remove(self, grace: int) -> None:
        view = await hub_side().pods(self.kubernetes, self.namespace)
        asked = refused = time.monotonic()
        patience, pause = grace + STUCK, 0.5
        told: tuple[str, int] | None = None
        while True:
            try:
                pod = await self.read()
                if pod is None:
                    return
                force = time.monotonic() - asked > patience
                uid, seconds = pod["metadata"]["uid"], 0 if force else grace
                if told != (uid, seconds):
                    if force:
                        self.log.warning("Pod %s does not end and is taken away by force", self.pod_name)
                    await hub_side().cluster.delete(POD, self.pod_name, self.namespace, grace_seconds=seconds, uid=uid)
                    told = (uid, seconds)
                if time.monotonic() - asked > 2 * patience:
                    raise TimeoutError(f"Pod {self.pod_name} is not gone: {pod['metadata'].get('finalizers')} hold it")
                await view.change(self.namespace, self.pod_name, version_of(pod), 2.0)
            except (Unavailable, Refused) as error:
                # Giving up would leave a pod that nobody knows of; but rights that were taken do not come back.
                if isinstance(error, Refused) and time.monotonic() - refused > STUCK:
                    raise
                self.log.warning("Removing pod %s: %s", self.pod_name, error)
                asked = time.monotonic()
                refused = refused if isinstance(error, Refused) else asked
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            except Conflict:
                # Another pod of that name by now: look again.
                await asyncio.sleep(pause)


async def takes_connections(url: str) -> bool:
    """Whether somebody listens there."""
    where = urlsplit(url)
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(where.hostname, where.port)
    except OSError:
        return False
    writer.close()
    return True
