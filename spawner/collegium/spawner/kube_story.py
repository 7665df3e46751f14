"""What is told while a server starts: sentences for its user, and when waiting is of no more use. Makes no requests."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from collegium.backends.kubernetes import cause
from collegium.backends.kubernetes.cause import Cause
from collegium.domain.errors import shorten
from collegium.spawner.refusals import Refusal, start_failure

#: Progress on the page, by what is waited for.
RESERVED, CREATED, PLACING, PREPARING, PULLING, RUNNING = 5, 15, 25, 40, 55, 80
_STAGES = {
    "Pulling": PULLING,
    "ErrImagePull": PULLING,
    "ImagePullBackOff": PULLING,
    "Unschedulable": PLACING,
    "SchedulerError": PLACING,
    "Pending": PLACING,
}
#: A pod that was told to end and is still there after its grace and this many seconds is taken away by force.
STUCK = 60.0
#: A volume or secret that is not there may be on its way, but not for long.
_MISSING = re.compile(r'(persistentvolumeclaim|secret|configmap) "[^"]*" (is )?not found', re.IGNORECASE)
# Long: after an outage of the API server the scheduler does not know new claims for a while.
_MISSING_GRACE = 90.0
_SHORTAGE = re.compile(r"Insufficient ([a-z0-9](?:[a-z0-9./_-]*[a-z0-9])?)", re.IGNORECASE)
_NOT_MATCHING = re.compile(r"didn't match Pod's node affinity/selector|untolerated taint", re.IGNORECASE)
#: The server's program is not there: starting it again will not help.
_NO_PROGRAM = ("StartError", "ContainerCannotRun")
#: How often a server may end before it has answered once.
_TRIES = 3


class Story:
    """Sentences of the present start, for any number of listeners; the percentage never falls."""

    def __init__(self) -> None:
        self._chapter, self._over, self._percent = 0, True, 0
        self._lines: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def begin(self) -> None:
        """Another start: what was told of the last one is forgotten."""
        self._chapter += 1
        self._over, self._lines, self._percent = False, [], 0
        self._tell_listeners()

    def tell(self, message: str, percent: int) -> None:
        """Add a sentence, unless it is the last one again."""
        if self._over or message == self.last:
            return
        self._percent = max(percent, self._percent)
        self._lines.append({"progress": self._percent, "message": message})
        self._tell_listeners()

    def end(self) -> None:
        """Nothing more will be told of this start."""
        self._over = True
        self._tell_listeners()

    @property
    def last(self) -> str:
        """The newest sentence."""
        return str(self._lines[-1]["message"]) if self._lines else ""

    async def listen(self) -> AsyncIterator[dict[str, Any]]:
        """All sentences of the present start, or of the next one if none is going on."""
        chapter = self._chapter + 1 if self._over else self._chapter
        heard = 0
        while self._chapter <= chapter:
            news = self._news
            if self._chapter == chapter:
                for line in self._lines[heard:]:
                    heard += 1
                    yield dict(line)
                if self._over:
                    return
            await news.wait()

    def _tell_listeners(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Patience:
    """Judges a pod again and again while it starts: what to tell, and when to give up."""

    def __init__(self) -> None:
        self._held: tuple[str, float] | None = None
        self.cause: Cause | None = None

    def judge(self, pod: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> tuple[str, int]:
        """A sentence and a percentage. Raises Refusal where no waiting helps."""
        end = cause.ended("", pod)
        if end is not None and (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            raise start_failure(f"It ended while it was starting: {end.message or 'without an error'}.", _tail(pod))
        _check_tries(pod)
        self.cause = cause.waiting(pod, events)
        if self.cause is None:
            self._held = None
            return "The server's container runs and does not answer yet.", RUNNING
        message = sentence(self.cause, pod)
        if self._hopeless(self.cause):
            raise start_failure(message)
        return message, _STAGES.get(self.cause.reason, PREPARING)

    def _hopeless(self, found: Cause) -> bool:
        # Measured by our own clock: that of the cluster may be minutes off.
        missing = _MISSING.search(found.message) is not None
        grace = _MISSING_GRACE if missing else found.grace
        kind = "missing" if missing else "image" if "image" in found.message else found.reason
        if grace is None:
            self._held = None
            return False
        if self._held is None or self._held[0] != kind:
            self._held = (kind, time.monotonic())
        return found.fatal or time.monotonic() - self._held[1] >= grace


def sentence(found: Cause, pod: Mapping[str, Any]) -> str:
    """A cause as a sentence on the page."""
    if found.reason == "Unschedulable" and (told := unschedulable(found.message, pod)):
        detail = found.message.partition(": ")[2].partition(". ")[0]
        return f"{told} (Kubernetes: {detail})."
    text = found.message.rstrip(". ")
    return f"{text[:1].upper()}{text[1:]}."


def unschedulable(message: str, pod: Mapping[str, Any]) -> str:
    """What no node has, with how much of it is asked; empty if that is not why."""
    asked = requests_of(pod)
    lacking = [f"{asked[name]} {name}".strip() for name in dict.fromkeys(_SHORTAGE.findall(message)) if name in asked]
    if lacking:
        return f"It waits for a node: no node has {' and '.join(lacking)} free"
    if _NOT_MATCHING.search(message):
        return "It waits for a node: no node that this instance type may use is there"
    return ""


def requests_of(pod: Mapping[str, Any]) -> dict[str, str]:
    """What the first container asks for, as quantities."""
    containers = (pod.get("spec") or {}).get("containers") or [{}]
    resources = containers[0].get("resources") or {}
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


def server_status(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status of the server's own container, empty while there is none."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        if container.get("name") == "notebook":
            return dict(container)
    return {}


def last_end(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """How the server's container ended last, empty if it did not."""
    status = server_status(pod)
    for state in (status.get("state") or {}, status.get("lastState") or {}):
        if end := state.get("terminated"):
            return dict(end)
    return {}


def _check_tries(pod: Mapping[str, Any]) -> None:
    end, status = last_end(pod), server_status(pod)
    running = (status.get("state") or {}).get("running") is not None
    if not end or running:
        return
    tries = int(status.get("restartCount") or 0) + 1
    code, told = end.get("exitCode"), end.get("reason")
    if told in _NO_PROGRAM or code in (126, 127):
        detail = shorten(str(end.get("message") or f"exit code {code}").strip(), 300)
        raise start_failure(f"The image has no program that starts a server: {detail}.")
    if told == "OOMKilled":
        raise start_failure(
            "It needed more memory than its limit before it had started; choose a larger instance type."
        )
    if tries >= _TRIES:
        raise start_failure(f"It ended {tries} times while it was starting, last with exit code {code}.", _tail(pod))


def _tail(pod: Mapping[str, Any]) -> str:
    return str(last_end(pod).get("message") or "")


def too_slow(seconds: float, reason: str) -> Refusal:
    """The refusal of a start that took all its time."""
    return start_failure(f"It was not running after {seconds:.0f} seconds. {reason}".strip())


def is_running(pod: Mapping[str, Any]) -> bool:
    """Whether all containers of a pod run, at an address."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or []
    return bool(
        status.get("phase") == "Running"
        and status.get("podIP")
        and not pod["metadata"].get("deletionTimestamp")
        and containers
        and all(c.get("ready") for c in containers)
    )


def is_overdue(pod: Mapping[str, Any]) -> bool:
    """Whether a pod should have ended long ago and nobody confirms it, as on a node that is gone."""
    until = cause.read_time(pod["metadata"].get("deletionTimestamp"))
    return until is not None and datetime.now(UTC) - until > timedelta(seconds=2 * STUCK)
