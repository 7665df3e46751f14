"""Several jobs at once, which may wait for one another: all of them are made, or none."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collegium.backends.ports import Backend, Snapshot
from collegium.db import Database, UnitOfWork
from collegium.domain.dependencies import Dependency, find_cycle
from collegium.domain.errors import DomainError, Forbidden, InvalidInput, NotGranted, Unavailable
from collegium.domain.groups import Actor
from collegium.domain.jobs import Job
from collegium.domain.names import bound_name, new_id
from collegium.domain.policy import Operation
from collegium.services.jobs.submission import Submission
from collegium.services.jobs.submit import Ask, Submitter, earlier_use, hash_of, refuse_too_many

#: Most jobs of a batch.
MAX_BATCH = 100
_LIKE_AN_ID = re.compile(r"job-[0-9a-v]{26}", re.ASCII)


@dataclass(frozen=True)
class Entry:
    """A job of a batch; ``key`` names it in the others' dependencies."""

    key: str
    submission: Submission


def check_entries(entries: Sequence[Entry]) -> list[Entry]:
    """The entries in an order in which each comes after those it waits for.

    Raises InvalidInput for a key that comes twice or looks like a job's id, and for a cycle, which it shows.
    """
    places: dict[str, int] = {}
    for index, entry in enumerate(entries):
        if entry.key in places:
            raise InvalidInput(f"jobs.{index}.key", "is given to another job of the batch too", entry.key)
        if _LIKE_AN_ID.fullmatch(entry.key):
            raise InvalidInput(f"jobs.{index}.key", "must not look like a job's id", entry.key)
        places[entry.key] = index
    edges = {
        e.key: [k for k in e.submission.depends.jobs if k in places] if e.submission.depends else [] for e in entries
    }
    cycle = find_cycle(edges)
    if cycle:
        text = f"jobs would wait for one another: {' → '.join(cycle[:10])}"
        raise InvalidInput(f"jobs.{places[cycle[0]]}.depends_on.jobs", text)
    ordered: list[Entry] = []
    done: set[str] = set()
    while len(ordered) < len(entries):
        ready = [e for e in entries if e.key not in done and all(k in done for k in edges[e.key])]
        ordered += ready
        done.update(e.key for e in ready)
    return ordered


class Batches:
    """Makes batches."""

    def __init__(
        self, database: Database, backend: Backend, submitter: Submitter, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._backend, self._submitter, self._clock = database, backend, submitter, clock

    async def create(
        self, actor: Actor, group: str, entries: Sequence[Entry], key: str | None
    ) -> tuple[dict[str, Job], bool]:
        """The jobs by key, and True if they are new; raises as ``JobService.submit``, with the place in the field."""
        asked = hash_of([[e.key, e.submission.to_json()] for e in entries])
        ordered = check_entries(entries)
        places = {e.key: i for i, e in enumerate(entries)}
        batch = new_id("bat")
        asks = {e.key: self._ask(actor, group, e) for e in ordered}

        def refuse(uow: UnitOfWork) -> str | None:
            """The earlier batch of this key, or whatever refuses this one."""
            earlier = earlier_use(uow, actor.user, Operation.JOB_BATCH, group, key, asked)
            if earlier is None:
                refuse_too_many(uow, group, len(entries))
                for e in ordered:
                    with placed(places[e.key]):
                        self._submitter.resolve(uow, asks[e.key])
            return earlier

        earlier = await self._database.reading(refuse)
        if earlier is None:
            snapshots: dict[str, Snapshot | None] = {}
            try:
                for e in ordered:
                    snapshots[e.key] = await self._files(batch, asks, e.key, places)

                def write(uow: UnitOfWork) -> str | None:
                    found = refuse(uow)
                    if found is None:
                        self._write(uow, batch, ordered, asks, snapshots, places)
                        if key is not None:
                            uow.idempotency_keys.insert(
                                actor.user, Operation.JOB_BATCH.value, group, key, asked, batch, self._clock()
                            )
                    return found

                earlier = await self._database.writing(write)
            except Unavailable:
                raise
            except DomainError:
                await self._discard(batch, entries)
                raise
            if earlier is not None:
                await self._discard(batch, entries)
        return await self._found(group, earlier or batch, entries), earlier is None

    def _ask(self, actor: Actor, group: str, entry: Entry) -> Ask:
        return Ask(actor, group, Operation.JOB_BATCH, entry.submission, None, "")

    async def _files(self, batch: str, asks: dict[str, Ask], key: str, places: dict[str, int]) -> Snapshot | None:
        job_id = bound_name("job", batch, key)
        with placed(places[key]):
            snapshot = await self._submitter.take_files(job_id, asks[key])
            asks[key] = replace(asks[key], submission=await self._submitter.checked(job_id, asks[key]))
            return snapshot

    def _write(
        self,
        uow: UnitOfWork,
        batch: str,
        ordered: Sequence[Entry],
        asks: dict[str, Ask],
        snapshots: dict[str, Snapshot | None],
        places: dict[str, int],
    ) -> None:
        for e in ordered:
            depends = e.submission.depends
            if depends is not None:
                ids = tuple(bound_name("job", batch, k) if k in places else k for k in depends.jobs)
                depends = Dependency(ids, depends.need, depends.ending)
            ask = replace(asks[e.key], submission=replace(asks[e.key].submission, depends=depends))
            job_id = bound_name("job", batch, e.key)
            with placed(places[e.key]):
                self._submitter.insert(uow, ask, job_id, snapshots[e.key])

    async def _found(self, group: str, batch: str, entries: Sequence[Entry]) -> dict[str, Job]:
        ids = {e.key: bound_name("job", batch, e.key) for e in entries}
        found = await self._database.reading(lambda uow: uow.jobs.some(group, list(ids.values())))
        # Of an earlier batch some may have been deleted since.
        return {key: found[job_id] for key, job_id in ids.items() if job_id in found}

    async def _discard(self, batch: str, entries: Sequence[Entry]) -> None:
        for e in entries:
            await self._backend.volumes.discard(bound_name("job", batch, e.key))


@contextlib.contextmanager
def placed(index: int) -> Iterator[None]:
    """A refusal in here is of a field of this job."""
    try:
        yield
    except (InvalidInput, NotGranted, Forbidden) as error:
        raise error.below(f"jobs.{index}") from None
