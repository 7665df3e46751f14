"""What the parts of the process are and who gets which: the only wiring."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collegium.backends.ports import Backend
from collegium.db import Database
from collegium.db.engine import now
from collegium.services.auth import Gate
from collegium.services.controller.loop import Controller
from collegium.services.controller.servers import ServerSource
from collegium.services.feed import Feed
from collegium.services.groups.service import GroupService
from collegium.services.health import Health
from collegium.services.jobs.files import FileService
from collegium.services.jobs.follow import LogService
from collegium.services.jobs.service import JobService
from collegium.services.metrics import Metrics


@dataclass
class Context:
    """All parts of one process. ``controller`` is None where another process controls."""

    database: Database
    backend: Backend
    gate: Gate
    metrics: Metrics
    feed: Feed
    groups: GroupService
    jobs: JobService
    logs: LogService
    files: FileService
    health: Health
    controller: Controller | None
    prefix: str
    wake: asyncio.Event
    #: Open streams per user, so that one person cannot hold them all.
    streams: Counter[str] = field(default_factory=Counter)
    #: Requests under way that are not streams.
    busy: int = 0


def make_context(
    database: Database,
    backend: Backend,
    hub_auth: Any,
    *,
    prefix: str = "/",
    control: bool = True,
    servers: ServerSource | None = None,
    clock: Callable[[], datetime] = now,
) -> Context:
    """Wire a process. ``servers`` tells which servers live (None: nobody knows, so none is ever swept)."""
    wake, metrics = asyncio.Event(), Metrics()
    controller = Controller(database, backend, metrics, wake, servers, clock) if control else None
    return Context(
        database=database,
        backend=backend,
        gate=Gate(hub_auth, database),
        metrics=metrics,
        feed=Feed(database),
        groups=GroupService(database, backend.notice),
        jobs=JobService(database, backend, wake.set, clock),
        logs=LogService(database, backend.logs),
        files=FileService(database, backend.volumes),
        health=Health(database, backend, clock, controller),
        controller=controller,
        prefix=prefix,
        wake=wake,
    )
