"""Keeps every group's space at the backend as the database wants it.

It works beside the rounds: a hundred groups at a slow API server must not keep jobs from starting.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass

from collegium.backends.ports import Backend
from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.db.catalog import EVERY_GROUP
from collegium.domain.catalog import AccessMode, Grant, GrantKind, SourceKind
from collegium.domain.errors import DomainError
from collegium.domain.files import PLATFORM, Root
from collegium.domain.mounts import Mount, MountAbilities, dataset_mount
from collegium.domain.quota import Limits
from collegium.domain.secrets import Secret, docker_config
from collegium.services.metrics import Metrics
from collegium.stores.port import FileStore

#: Seconds after which a space is made again although nothing changed here: somebody may have changed it there.
AGAIN = 300.0
#: Spaces that are worked on at a time, and seconds that one may take.
AT_ONCE, PATIENCE = 4, 60.0
#: Seconds until the next try after a failure: at first, and at most.
FIRST, MOST = 5.0, 300.0
_log = logging.getLogger("collegium.controller")


@dataclass(frozen=True)
class Wanted:
    """What a group's space depends on: any difference is a reason to make it again."""

    limits: Limits
    grants: frozenset[Grant]
    #: Datasets that the group may have: what of them the store holds, and what lies elsewhere.
    roots: frozenset[Root] = frozenset()
    sources: tuple[Mount, ...] = ()
    #: Secrets that open registries for it, with their sealed values.
    pulls: tuple[tuple[Secret, str], ...] = ()


@dataclass
class _Known:
    """What was done for a group; ``wanted`` None: it is to be removed, or was."""

    wanted: Wanted | None
    due: float
    failures: int = 0


class GroupSpaces:
    """What it remembers are only counts and times; a new one makes every space once more, which changes nothing."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        metrics: Metrics,
        store: FileStore | None = None,
        cipher: Cipher | None = None,
    ) -> None:
        self._database, self._space, self._metrics = database, backend.space, metrics
        self._cipher = cipher or Cipher.without()
        self._backend, self._store = backend, store
        self._known: dict[str, _Known] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._gone: set[str] | None = None

    async def round(self) -> None:
        """Begin whatever is due; returns without waiting for it."""
        wanted = await self._database.reading(lambda uow: _wanted(uow, self._backend.mounts))
        if self._gone is None:
            # Also those whose group ended while no controller ran.
            self._gone = await self._database.reading(lambda uow: uow.events.groups())
        self._gone = (self._gone | self._known.keys()) - wanted.keys()
        busy = await self._database.reading(_busy) if self._gone else set()
        moment = asyncio.get_running_loop().time()
        for group, want in wanted.items():
            known = self._known.get(group)
            if known is None or known.wanted != want or moment >= known.due:
                self._begin(group, want)
        for group in self._gone - busy:
            known = self._known.get(group)
            if known is None or known.wanted is not None or moment >= known.due:
                self._begin(group, None)
        failing = sum(1 for known in self._known.values() if known.failures)
        self._metrics.spaces(len(self._known) - failing, failing)

    async def settle(self) -> None:
        """Wait for all that was begun."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        for task in self._tasks.values():
            task.cancel()

    def _begin(self, group: str, wanted: Wanted | None) -> None:
        if group not in self._tasks:
            task = asyncio.create_task(self._work(group, wanted))
            self._tasks[group] = task
            task.add_done_callback(lambda _: self._tasks.pop(group, None))

    async def _work(self, group: str, wanted: Wanted | None) -> None:
        failures = self._known[group].failures if group in self._known else 0
        try:
            async with self._slots, asyncio.timeout(PATIENCE):
                await self._call(group, wanted)
        except Exception as error:
            self._failed(group, wanted, failures + 1, error)
            return
        if failures:
            _log.info("the group's space is well again", extra={"group": group})
        if wanted is None:
            self._known.pop(group, None)
            (self._gone or set()).discard(group)
        else:
            self._known[group] = _Known(wanted, asyncio.get_running_loop().time() + AGAIN)

    async def _call(self, group: str, wanted: Wanted | None) -> None:
        sources = self._backend.sources
        if wanted is None:
            if sources is not None:
                await sources.tidy(group, ())
            await self._space.pull_secrets(group, {})
            await self._space.remove(group)
            return
        # Before anything can be started there: the kubelet would make a folder that is not there, and keep it.
        if self._store is not None and not self._backend.mounts.store:
            for root in sorted(wanted.roots):
                await self._store.ensure(root)
        await self._space.ensure(group, wanted.limits)
        if sources is not None:
            await sources.ensure(group, wanted.sources)
            await sources.tidy(group, wanted.sources)
        await self._space.pull_secrets(group, {s.name: self._login(s, sealed) for s, sealed in wanted.pulls})

    def _login(self, secret: Secret, sealed: str) -> str:
        return docker_config(json.loads(self._cipher.open(sealed, secret.about)))

    def _failed(self, group: str, wanted: Wanted | None, failures: int, error: Exception) -> None:
        wait = min(MOST, FIRST * 2.0 ** (failures - 1))
        self._known[group] = _Known(wanted, asyncio.get_running_loop().time() + wait, failures)
        self._metrics.failure("space")
        text = f"no answer in {PATIENCE:.0f} seconds" if isinstance(error, TimeoutError) else str(error)
        what = "removed" if wanted is None else "made"
        _log.warning(
            "the group's space could not be %s and is tried again in %.0f seconds: %s",
            what,
            wait,
            text,
            exc_info=not isinstance(error, DomainError | TimeoutError),
            extra={"group": group},
        )


def _wanted(uow: UnitOfWork, abilities: MountAbilities) -> dict[str, Wanted]:
    grants: dict[str, list[Grant]] = {}
    for grant in uow.catalog.grants():
        grants.setdefault(grant.group, []).append(grant)
    everyone, found = grants.get(EVERY_GROUP, []), dict[str, Wanted]()
    datasets = {d.name: d for d in uow.catalog.datasets()}
    registries = [(s, sealed) for s, sealed in uow.secrets.registries() if s.group == PLATFORM]
    for group in uow.groups.all():
        mine = frozenset([*everyone, *grants.get(group.name, [])])
        granted = sorted({g.name for g in mine if g.kind is GrantKind.DATASET} & datasets.keys())
        mounts = [dataset_mount(datasets[name], group.name, AccessMode.READ_ONLY) for name in granted]
        roots = {Root(group.name), *(m.root for m in mounts if m.root is not None)}
        elsewhere = (m for m in mounts if m.root is None and m.path and m.kind is not SourceKind.GIT)
        able = tuple(m for m in elsewhere if not abilities.elsewhere(datasets[m.dataset]))
        pulls = tuple((s, sealed) for s, sealed in registries if s.is_for(group.name))
        found[group.name] = Wanted(group.limits, mine, frozenset(roots), able, pulls)
    return found


def _busy(uow: UnitOfWork) -> set[str]:
    """Groups in which something runs: it needs its space until it has ended, also if the group is no more."""
    return {r.group for r in uow.reservations.live()}
