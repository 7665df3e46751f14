"""Sweeps for plain programs: one job many times, each time with other values."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from collegium_client import operations
from collegium_client.errors import TimedOut
from collegium_client.models import (
    BestOut,
    ComparisonOut,
    PointOut,
    SweepDetail,
    SweepEdit,
    SweepIn,
    SweepOut,
    SweepPreview,
)
from collegium_client.outcome import (
    FINAL,
    FIRST_LOOK,
    LAST_JOBS,
    LAST_LOOK,
    LOOKS_FOR_FIGURES,
    AnySweep,
    body_of,
    key_of,
    sweep_failure,
    sweep_status,
    words,
)

if TYPE_CHECKING:
    from collegium_client.client import Client


class SweepHandle:
    """A sweep: what it was when last looked at, and what can be done with it."""

    def __init__(self, sweeps: Sweeps, sweep: AnySweep, created: bool = True) -> None:
        self._sweeps = sweeps
        self.sweep: AnySweep = sweep
        #: False if a submit with the same key had made it before.
        self.created = created

    def __repr__(self) -> str:
        return f"<sweep {self.id} {self.sweep.name!r} {self.state}>"

    @property
    def id(self) -> str:
        """The sweep's id."""
        return self.sweep.id

    @property
    def group(self) -> str:
        """The group it belongs to."""
        return self.sweep.group

    @property
    def state(self) -> str:
        """Its state when last looked at."""
        return str(self.sweep.state)

    @property
    def over(self) -> bool:
        """Is every job over?"""
        return self.state in FINAL

    @property
    def succeeded(self) -> bool:
        """Did it end well?"""
        return self.state == "Succeeded"

    @property
    def best(self) -> BestOut | None:
        """The best job when last looked at; None without an objective, and before the first figure."""
        return self.sweep.best

    @property
    def exit_status(self) -> int | None:
        """What ``collegium sweeps submit --wait`` ends with; None while it goes on."""
        return sweep_status(self.sweep) if self.over else None

    def refresh(self) -> SweepHandle:
        """Look again."""
        self.sweep = self._sweeps.get(self.id, self.group)
        return self

    def wait(
        self, timeout: float | None = None, *, check: bool = False, on_change: Callable[[AnySweep], None] | None = None
    ) -> AnySweep:
        """The sweep when it is over, and its last figures were read, so that ``best`` is final.

        Raises TimedOut after ``timeout`` seconds (it goes on), and with ``check`` SweepFailed unless it succeeded.
        """
        limit = None if timeout is None else time.monotonic() + timeout
        pause, seen = FIRST_LOOK, None
        while True:
            self.refresh()
            now = (self.sweep.state, self.sweep.made, self.sweep.counts)
            if now != seen:
                pause, seen = FIRST_LOOK, now
                if on_change:
                    on_change(self.sweep)
            if self.over:
                break
            left = pause if limit is None else min(pause, limit - time.monotonic())
            if left <= 0:
                raise TimedOut(f"The sweep {self.id} is still {self.state} after {timeout:g} seconds.")
            time.sleep(left)
            pause = min(LAST_LOOK, pause * 1.4)
        if self.sweep.objective is not None:
            self._figures()
        if check and not self.succeeded:
            raise sweep_failure(self.sweep)
        return self.sweep

    def _figures(self) -> None:
        """The last lines of a job are read in the moments after its end; not waited for without end."""
        for _ in range(LOOKS_FOR_FIGURES):
            if self._sweeps.figures_read(self.id, self.group):
                break
            time.sleep(FIRST_LOOK)
        self.refresh()

    def points(self) -> Iterator[PointOut]:
        """All points in order, with the job and the figure of each."""
        return self._sweeps.points(self.id, self.group)

    def compare(self, key: str | None = None) -> ComparisonOut:
        """One figure of all its jobs side by side; without ``key`` that of the objective."""
        return self._sweeps.compare(self.id, self.group, key=key)

    def cancel(self) -> SweepHandle:
        """Ask for the end of all its jobs."""
        self.sweep = self._sweeps.cancel(self.id, self.group)
        return self

    def edit(self, **changes: Any) -> SweepHandle:
        """Change ``notes``, ``tags``, or, while it goes on, ``concurrency``."""
        self.sweep = self._sweeps.edit(self.id, self.group, **changes)
        return self

    def delete(self) -> None:
        """Remove it; it must be over."""
        self._sweeps.delete(self.id, self.group)


class Sweeps:
    """The sweeps of a Collegium. ``group`` is that of the client where it is left out."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def submit(
        self,
        sweep: SweepIn | Mapping[str, Any] | None = None,
        *,
        group: str | None = None,
        key: str | None = None,
        **fields: Any,
    ) -> SweepHandle:
        """Submit a sweep: a model, a mapping, or its fields. ``key`` as for ``client.jobs.submit``."""
        body = body_of(SweepIn, "sweep", sweep, fields)
        operation = operations.post_groups_group_sweeps(self._client.group(group), body, idempotency_key=key_of(key))
        answer = self._client.ask(operation)
        return SweepHandle(self, answer.value, answer.headers.get("Idempotency-Replayed") != "true")

    def preview(
        self, sweep: SweepIn | Mapping[str, Any] | None = None, *, group: str | None = None, **fields: Any
    ) -> SweepPreview:
        """How many jobs it would be, and the values of the first."""
        body = body_of(SweepIn, "sweep", sweep, fields)
        return self._client.post_groups_group_sweeps_preview(self._client.group(group), body)

    def list(
        self,
        group: str | None = None,
        *,
        state: str | Iterable[str] | None = None,
        user: str | None = None,
        text: str | None = None,
        limit: int | None = None,
    ) -> Iterator[SweepOut]:
        """Sweeps, newest first, at most ``limit``; pages are fetched as they are needed."""
        chosen, states, cursor, left = self._client.group(group), words(state), None, limit
        while left is None or left > 0:
            page = self._client.get_groups_group_sweeps(
                chosen, state=states, user=user, text=text, cursor=cursor, limit=min(200, left or 200)
            )
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def get(self, sweep: str, group: str | None = None) -> SweepDetail:
        """One sweep with its job, its space and its history."""
        return self._client.get_groups_group_sweeps_sweep(self._client.group(group), sweep)

    def handle(self, sweep: str, group: str | None = None) -> SweepHandle:
        """One sweep to work with."""
        return SweepHandle(self, self.get(sweep, group))

    def best(self, sweep: str, group: str | None = None) -> BestOut | None:
        """The best job so far; None without an objective, and before the first figure."""
        return self.get(sweep, group).best

    def points(self, sweep: str, group: str | None = None, *, limit: int | None = None) -> Iterator[PointOut]:
        """Points in order, with the job and the figure of each."""
        chosen, cursor, left = self._client.group(group), None, limit
        while left is None or left > 0:
            page = self._client.get_groups_group_sweeps_sweep_points(
                chosen, sweep, cursor=cursor, limit=min(200, left or 200)
            )
            yield from page.items if left is None else page.items[:left]
            left = None if left is None else left - len(page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def figures_read(self, sweep: str, group: str | None = None) -> bool:
        """Were all figures read of the jobs that ended last? Those of the others were before."""
        last = self._client.jobs.list(group, sweep=sweep, sort="-finished", limit=LAST_JOBS)
        return all(self._client.jobs.metrics(job.id, group).complete for job in last)

    def compare(self, sweep: str, group: str | None = None, *, key: str | None = None) -> ComparisonOut:
        """One figure of all its jobs side by side; without ``key`` that of the objective."""
        return self._client.get_groups_group_metrics(self._client.group(group), sweep=sweep, key=key)

    def cancel(self, sweep: str, group: str | None = None) -> SweepOut:
        """Ask for the end of all its jobs."""
        return self._client.post_groups_group_sweeps_sweep_cancel(self._client.group(group), sweep)

    def edit(self, sweep: str, group: str | None = None, **changes: Any) -> AnySweep:
        """Change ``notes``, ``tags``, or, while it goes on, ``concurrency``."""
        body = body_of(SweepEdit, "change", None, changes)
        return self._client.patch_groups_group_sweeps_sweep(self._client.group(group), sweep, body)

    def delete(self, sweep: str, group: str | None = None) -> SweepOut:
        """Remove a sweep that is over; answers with what it was."""
        return self._client.delete_groups_group_sweeps_sweep(self._client.group(group), sweep)
