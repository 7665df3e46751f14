"""A cache of objects that follows the cluster through every fault of the connection."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from collegium.backends.kubernetes.client import Cluster, Gone, Kind, Object, Objects, Refused
from collegium.domain.errors import DomainError, Unavailable

log = logging.getLogger(__name__)

#: Uids of objects seen deleted: a late answer to a request of ours must not bring one back.
_REMEMBERED = 4096


class Store:
    """Objects by namespace and name, each at the newest version seen, whatever comes in whatever order."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Object] = {}
        #: Where a watch goes on.
        self.version = ""
        self._dead: OrderedDict[str, str] = OrderedDict()

    def put(self, obj: Object) -> bool:
        """Keep it unless it is older than what is known. True if that changed anything."""
        key, version = _key(obj), _version(obj)
        known, died = self.objects.get(key), self._dead.get(_uid(obj), "")
        if (known is not None and not _newer(version, _version(known))) or (died and not _newer(version, died)):
            return False
        self._keep(key, obj)
        return True

    def _keep(self, key: tuple[str, str], obj: Object) -> None:
        # Who manages which field is half of a pod, and nobody here asks.
        self.objects[key] = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "managedFields"}}

    def drop(self, obj: Object) -> bool:
        """It was deleted; the version of ``obj`` is that of the deletion. A later object of that name stays."""
        key, version = _key(obj), _version(obj)
        self._bury(_uid(obj), version)
        known = self.objects.get(key)
        if known is None or (_uid(known) != _uid(obj) and not _newer(version, _version(known))):
            return False
        if _uid(known) == _uid(obj) and _newer(_version(known), version):
            return False
        del self.objects[key]
        return True

    def replace(self, items: Objects, version: str) -> bool:
        """A whole list as of ``version``. Only what is newer than the list stays: we noted it while the list came."""
        before = {k: _version(o) for k, o in self.objects.items()}
        if self.version and _newer(self.version, version):
            # The cluster was restored from a backup: what we know is of a future that is no more.
            self.objects.clear()
            self._dead.clear()
        newer = {k for k, o in self.objects.items() if _newer(_version(o), version)}
        listed = {_key(o): o for o in items}
        for key in self.objects.keys() - newer - listed.keys():
            self._bury(_uid(self.objects.pop(key)), version)
        for key, obj in listed.items():
            died = self._dead.get(_uid(obj), "")
            if key not in newer and not (died and _newer(died, version)):
                self._dead.pop(_uid(obj), None)
                self._keep(key, obj)
        self.version = version
        return before != {k: _version(o) for k, o in self.objects.items()}

    def advance(self, version: str) -> None:
        """The watch has come to this version."""
        if version and _newer(version, self.version):
            self.version = version

    def _bury(self, uid: str, version: str) -> None:
        if uid:
            self._dead[uid] = version
            self._dead.move_to_end(uid)
        while len(self._dead) > _REMEMBERED:
            self._dead.popitem(last=False)


class Watched:
    """All objects of one kind with a label selector, in one namespace or in the whole cluster, kept by list and watch.

    Lists at the start, at 410, after a watch that said nothing, when two tries in a row failed, and every
    ``relist_seconds`` whatever happens. Errors make it slower, up to ``max_pause`` between tries, and never end it.
    The server ends a watch after ``watch_seconds``, with a bookmark before: that is what keeps an idle cache fresh.
    ``heard`` is called with each object of which a watch told something new.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        *,
        namespace: str | None = None,
        labels: str = "",
        relist_seconds: float = 300.0,
        watch_seconds: int = 40,
        pause: float = 1.0,
        max_pause: float = 30.0,
        heard: Callable[[Object], object] | None = None,
    ) -> None:
        self._cluster, self._kind, self._namespace, self._labels = cluster, kind, namespace, labels
        self._relist_seconds, self._watch_seconds = relist_seconds, watch_seconds
        self._pause, self._max_pause, self._heard = pause, max_pause, heard
        self._store = Store()
        self._changed = asyncio.Event()
        self._synced = asyncio.Event()
        self._asked = asyncio.Event()
        self._waiters: list[asyncio.Future[None]] = []
        self._task: asyncio.Task[None] | None = None
        self._seen = float("-inf")
        self._relist_at = float("-inf")
        self._failures = 0
        #: What went wrong since all was well.
        self._problem = ""

    async def start(self) -> None:
        """Start following; does not wait. May be called again."""
        if self._task is None or self._task.done():
            self._relist_at = float("-inf")
            self._task = asyncio.create_task(self._follow(), name=f"watch {self._words}")

    async def synced(self, timeout: float = 15.0) -> None:
        """Wait for the first list. Raises Unavailable."""
        try:
            async with asyncio.timeout(timeout):
                await self._synced.wait()
                return
        except TimeoutError:
            pass
        raise Unavailable(f"{self._words} could not be listed: {self._problem or 'no answer yet'}")

    def check_fresh(self, max_age: float = 60.0) -> None:
        """Raise Unavailable unless an event, a bookmark or a list came within ``max_age``.

        If it raises, an object that is not here may well be there.
        """
        if time.monotonic() - self._seen > max_age:
            raise Unavailable(f"{self._words} are not known as of now: {self._problem or 'nothing was heard lately'}")

    async def refresh(self) -> None:
        """List now and wait. Raises Unavailable."""
        if self._task is None or self._task.done():
            raise Unavailable(f"{self._words} are not followed")
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._asked.set()
        await waiter

    def get(self, name: str, namespace: str | None = None) -> Object | None:
        """The object as last seen."""
        space = namespace or self._namespace or ""
        if self._kind.namespaced and not space:
            raise ValueError(f"a {self._kind.name} needs a namespace")
        return self._store.objects.get((space if self._kind.namespaced else "", name))

    def items(self) -> Iterator[Object]:
        """All objects as last seen, as of this call."""
        return iter(list(self._store.objects.values()))

    def note(self, obj: Object) -> None:
        """Put the answer of a request of ours into the cache; never over a newer one."""
        if self._namespace in (None, obj["metadata"].get("namespace")) and self._store.put(obj):
            self._changed.set()

    def changed(self) -> asyncio.Event:
        """Set at each change, cleared by the waiter."""
        return self._changed

    async def stop(self) -> None:
        """Stop following."""
        task, self._task = self._task, None
        if task is not None:
            await _cancelled(task)
        self._answer(self._waiters, Unavailable(f"{self._words} are no longer followed"))

    @property
    def _words(self) -> str:
        return f"{self._kind.plural} in {self._namespace}" if self._namespace else self._kind.plural

    async def _follow(self) -> None:
        """For ever: list if one is due, watch, and rest."""
        while True:
            began = time.monotonic()
            pause = self._pause
            try:
                await self._cycle()
                self._succeeded()
            except Gone as error:
                self._relist_at = began
                # Usual once; a server that says it again and again is ill.
                pause = self._failed(error) if self._failures else self._pause
                self._failures = max(1, self._failures)
            except Exception as error:
                pause = self._failed(error)
            await self._rest(began, pause)

    async def _cycle(self) -> None:
        """At most two requests, but for a list of many pages."""
        if self._relist_at <= time.monotonic() or self._asked.is_set():
            await self._relist()
        watching = asyncio.ensure_future(self._watch())
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            left = max(0.0, self._relist_at - time.monotonic())
            await asyncio.wait((watching, asked), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        finally:
            await _cancelled(watching, asked)

    async def _relist(self) -> None:
        self._asked.clear()
        # Who asks from here on may want to see what this list no longer has.
        waiters, self._waiters = self._waiters, []
        began = time.monotonic()
        try:
            items, version = await self._cluster.list(self._kind, self._namespace, self._labels)
        except BaseException:
            self._waiters = waiters + self._waiters
            raise
        if self._store.replace(items, version):
            self._changed.set()
        self._seen, self._relist_at = began, began + self._relist_seconds
        self._synced.set()
        self._answer(waiters)

    async def _watch(self) -> None:
        heard = False
        events = self._cluster.watch(
            self._kind,
            self._namespace,
            labels=self._labels,
            resource_version=self._store.version,
            timeout_seconds=self._watch_seconds,
        )
        async with contextlib.aclosing(events):
            async for event, obj in events:
                heard = True
                self._take(event, obj)
        if not heard:
            # Not even a bookmark: nothing tells this from a connection that loses what happens.
            self._relist_at = time.monotonic()

    def _take(self, event: str, obj: Object) -> None:
        self._seen = time.monotonic()
        if event != "BOOKMARK" and (self._store.drop(obj) if event == "DELETED" else self._store.put(obj)):
            self._changed.set()
            if self._heard is not None:
                self._heard(obj)
        self._store.advance(_version(obj))
        self._succeeded()

    def _succeeded(self) -> None:
        if self._problem:
            log.info("Following %s again after %d failures", self._words, self._failures)
        self._failures, self._problem = 0, ""

    def _failed(self, error: Exception) -> float:
        """Note it and say how long to rest."""
        self._failures += 1
        known = isinstance(error, DomainError | Refused | Gone)
        first = not self._problem
        self._problem = str(error) if known else f"an internal error ({type(error).__name__})"
        if first or not known:
            log.warning("Following %s failed: %s", self._words, self._problem, exc_info=None if known else error)
        if self._failures > 1:
            # A version from the future of a restored cluster, or anything else that only a list can mend.
            self._relist_at = time.monotonic()
        waiters, self._waiters = self._waiters, []
        self._asked.clear()
        self._answer(waiters, Unavailable(f"{self._words} could not be listed: {self._problem}"))
        wanted = error.details.get("retry_after", 0.0) if isinstance(error, Unavailable) else 0.0
        return max(self._backed_off(), min(wanted, self._max_pause))

    def _backed_off(self) -> float:
        longest = min(self._max_pause, self._pause * float(2 ** min(self._failures, 16)))
        return max(self._pause, longest * random.uniform(0.5, 1.0))

    async def _rest(self, began: float, pause: float) -> None:
        """Keep the distance between two tries. Who waits for a list may cut it short, but in trouble not at once."""
        if self._failures:
            await asyncio.sleep(began + self._pause - time.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, began + pause - time.monotonic())):
                await self._asked.wait()

    @staticmethod
    def _answer(waiters: list[asyncio.Future[None]], error: Exception | None = None) -> None:
        for waiter in waiters:
            if not waiter.done() and error is None:
                waiter.set_result(None)
            elif not waiter.done() and error is not None:
                waiter.set_exception(error)


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        # Taken, or the loop would report it as lost.
        _ = task.cancelled() or task.exception()


def _key(obj: Object) -> tuple[str, str]:
    meta = obj["metadata"]
    return meta.get("namespace") or "", meta["name"]


def _uid(obj: Object) -> str:
    return str(obj["metadata"].get("uid", ""))


def _version(obj: Object) -> str:
    return str(obj["metadata"].get("resourceVersion", ""))


def _newer(one: str, other: str) -> bool:
    """Is version ``one`` after ``other``? They are numbers of one counter; what is none always counts as after."""
    return int(one) > int(other) if one.isdecimal() and other.isdecimal() else one != other
