"""Numbers for Prometheus. Labels have few values: never a user, a path or an id."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from collegium.domain.jobs import JobState

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "collegium_requests", "Requests answered.", ["operation", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "collegium_request_seconds",
            "Time to answer; streams count until they end.",
            ["operation"],
            registry=self.registry,
        )
        self._jobs = Gauge("collegium_jobs", "Jobs that are not over, by state.", ["state"], registry=self.registry)
        self._decisions = Counter(
            "collegium_ledger_decisions", "Decisions on waiting jobs.", ["decision"], registry=self.registry
        )
        self._tick = Histogram(
            "collegium_controller_tick_seconds", "Time of one controller round.", registry=self.registry
        )
        self._failures = Counter(
            "collegium_controller_failures",
            "Steps of the controller that failed and are tried again.",
            ["step"],
            registry=self.registry,
        )
        self._spaces = Gauge(
            "collegium_group_spaces", "Groups' spaces at the backend, by state.", ["state"], registry=self.registry
        )
        self._streams = Gauge("collegium_streams", "Open event streams.", registry=self.registry)

    def request(self, operation: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(operation, str(status)).inc()
        self._seconds.labels(operation).observe(seconds)

    def jobs(self, counts: Mapping[JobState, int]) -> None:
        """Set the gauge of open jobs."""
        for state in JobState:
            if not state.final:
                self._jobs.labels(state.value).set(counts.get(state, 0))

    def decisions(self, admitted: int, waiting: int) -> None:
        """Count what the ledger said in one round."""
        self._decisions.labels("admitted").inc(admitted)
        self._decisions.labels("waiting").inc(waiting)

    def tick(self, seconds: float) -> None:
        """Record one controller round."""
        self._tick.observe(seconds)

    def failure(self, step: str) -> None:
        """Count a step that failed."""
        self._failures.labels(step).inc()

    def spaces(self, ready: int, failing: int) -> None:
        """Set the gauge of group spaces."""
        self._spaces.labels("ready").set(ready)
        self._spaces.labels("failing").set(failing)

    def streams(self, change: int) -> None:
        """A stream began (1) or ended (-1)."""
        self._streams.inc(change)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
