"""Work that outlived its owner's right to it: found, announced, and ended after a grace.

Everything that matters is in the table before anything is done: kill the process anywhere, and the next round goes on.
It asks only what memberships and accounts say now, so it is the same for Keycloak's people and the catalog's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from collegium.db import Database, UnitOfWork
from collegium.domain.audit import SYSTEM, AuditEntry
from collegium.domain.errors import DomainError
from collegium.domain.groups import Role
from collegium.domain.identity import Revocation, RevocationReason, Standing
from collegium.domain.jobs import Job, JobReason, JobState
from collegium.domain.names import new_id
from collegium.domain.quota import Reservation, WorkloadKind
from collegium.quota.servers import split_server_workload
from collegium.services.controller.lease import Lease
from collegium.services.controller.servers import ServerSource
from collegium.services.metrics import Metrics

#: Seconds until the hub is asked again to stop the same server.
AGAIN = 10.0
_WHY = {
    RevocationReason.REMOVED: "is not in the group any more",
    RevocationReason.DEMOTED: "may only look in this group now",
    RevocationReason.DISABLED: "has a disabled account",
    RevocationReason.DELETED: "has no account any more",
}
_log = logging.getLogger("collegium.controller")


@dataclass(frozen=True)
class RevocationPolicy:
    """What becomes of work without a right: after how long, and whether it is ended or runs to its end."""

    grace: timedelta = timedelta(seconds=900)
    servers: Literal["stop", "keep"] = "stop"
    jobs: Literal["cancel", "finish"] = "cancel"


class RevocationSweep:
    """One look per call. What it remembers are only times of requests to the hub."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        servers: ServerSource | None,
        metrics: Metrics,
        clock: Callable[[], datetime],
        policy: RevocationPolicy,
    ) -> None:
        self._database, self._lease, self._servers, self._metrics = database, lease, servers, metrics
        self._clock, self._policy = clock, policy
        self._asked: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def round(self) -> None:
        """Look; write what is new; ask the hub for what is due. Returns without waiting for the hub."""
        if await self._database.reading(self._is_quiet):
            return
        for workload_id in await self._lease.write(self._write):
            self._begin(workload_id)

    async def settle(self) -> None:
        """Wait for all that was asked of the hub."""
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def stop(self) -> None:
        """Drop what is under way: another process sees to it now."""
        for task in self._tasks.values():
            task.cancel()

    def _is_quiet(self, uow: UnitOfWork) -> bool:
        return not uow.revocations.suspects() and not uow.revocations.open()

    def _write(self, uow: UnitOfWork) -> list[str]:
        """All changes in one transaction; the servers that are to be stopped now."""
        moment = self._clock()
        suspects = {(g, u): _reason(role, standing) for g, u, role, standing in uow.revocations.suspects()}
        opened = {(r.group, r.user): r for r in uow.revocations.open()}
        stop: list[str] = []
        for pair, reason in suspects.items():
            revocation = opened.get(pair)
            if revocation is None:
                revocation = self._open(uow, *pair, reason, moment)
            stop += self._go_on(uow, revocation, reason, moment)
        for pair, revocation in opened.items():
            if pair not in suspects:
                self._end(uow, revocation, moment)
        return stop

    def _open(self, uow: UnitOfWork, group: str, user: str, reason: RevocationReason, moment: datetime) -> Revocation:
        due = moment + self._grace(reason)
        revocation = Revocation(new_id("rev"), group, user, reason, moment, due, _holders(uow, group, user, ()))
        uow.revocations.insert(revocation)
        text = f"{user} {_WHY[reason]}: {_list(revocation.holders)}; {self._plan(due)}."
        told = ("Warned", reason.value.title(), text)
        uow.events.append(group, "revocation", revocation.id, moment, *told, name=user, user=user)
        self._audit(uow, revocation, "revocation.open", moment, {"due": due.isoformat(), "holders": _names(revocation)})
        _log.warning("%s", text, extra={"group": group})
        return revocation

    def _go_on(self, uow: UnitOfWork, known: Revocation, reason: RevocationReason, moment: datetime) -> list[str]:
        # A second, worse reason shortens the time; a milder one does not lengthen it.
        due = min(known.due_at, moment + self._grace(reason))
        revocation = replace(
            known, reason=reason, due_at=due, holders=_holders(uow, known.group, known.user, known.holders)
        )
        stop: list[str] = []
        if moment >= revocation.due_at:
            revocation, stop = self._act(uow, revocation, moment)
        if revocation != known:
            uow.revocations.change(revocation)
        return stop

    def _act(self, uow: UnitOfWork, revocation: Revocation, moment: datetime) -> tuple[Revocation, list[str]]:
        """Write down that each holder's end was asked for, then ask; what was asked before is asked again."""
        holders, stop = [], []
        jobs = {j.id: j for j in uow.jobs.open_of(revocation.user, revocation.group)}
        for holder in revocation.holders:
            server = holder["kind"] == WorkloadKind.SERVER.value
            if not holder["live"] or (self._policy.servers if server else self._policy.jobs) in ("keep", "finish"):
                holders.append(holder)
                continue
            if server:
                stop.append(f"{revocation.user}/{holder['id']}")
            else:
                self._cancel(uow, jobs[holder["id"]], revocation, moment)
            if not holder["asked"]:
                action = "server.stop" if server else "job.cancel"
                self._audit(
                    uow, revocation, action, moment, {"label": holder["label"]}, holder["id"] or "default server"
                )
            holders.append({**holder, "asked": True})
        return replace(revocation, holders=tuple(holders)), stop

    def _cancel(self, uow: UnitOfWork, job: Job, revocation: Revocation, moment: datetime) -> None:
        job = uow.jobs.request_cancel(job, SYSTEM)
        if job.state is JobState.PENDING:
            text = f"Cancelled by {SYSTEM}: {revocation.user} {_WHY[revocation.reason]}."
            uow.jobs.move(job, JobState.CANCELLED, JobReason.CANCELLED, text, moment)
        uow.announce()

    def _end(self, uow: UnitOfWork, revocation: Revocation, moment: datetime) -> None:
        """The right came back, or nothing runs any more."""
        role = uow.memberships.of_user(revocation.user).get(revocation.group)
        identity = uow.identities.of_user(revocation.user)
        well = identity is None or identity.standing is Standing.ACTIVE
        if well and role is not None and role is not Role.VIEWER:
            outcome, text = "withdrawn", f"{revocation.user} may work in this group again; nothing more is stopped."
        elif any(h["asked"] for h in revocation.holders):
            outcome, text = "stopped", f"What {revocation.user} ran in this group was stopped."
        else:
            outcome, text = "over", f"What {revocation.user} ran in this group ended by itself."
        holders = _holders(uow, revocation.group, revocation.user, revocation.holders)
        uow.revocations.change(replace(revocation, ended_at=moment, outcome=outcome, holders=holders))
        uow.events.append(
            revocation.group,
            "revocation",
            revocation.id,
            moment,
            outcome.title(),
            revocation.reason.value.title(),
            text,
            name=revocation.user,
            user=revocation.user,
        )
        self._audit(uow, revocation, f"revocation.{outcome}", moment, {"holders": _names(revocation)})

    def _audit(
        self,
        uow: UnitOfWork,
        revocation: Revocation,
        action: str,
        moment: datetime,
        details: Mapping[str, Any],
        object: str = "",
    ) -> None:
        why = f"{revocation.user} {_WHY[revocation.reason]}"
        more = {"revocation": revocation.id, "reason": revocation.reason.value, **details}
        uow.audit.append(
            AuditEntry(moment, SYSTEM, action, object or revocation.user, revocation.group, reason=why, details=more)
        )

    def _grace(self, reason: RevocationReason) -> timedelta:
        at_once = reason in (RevocationReason.DISABLED, RevocationReason.DELETED)
        return timedelta() if at_once else self._policy.grace

    def _plan(self, due: datetime) -> str:
        ends = [
            w
            for w, yes in (("servers", self._policy.servers == "stop"), ("jobs", self._policy.jobs == "cancel"))
            if yes
        ]
        if not ends:
            return "nothing of it is stopped"
        return f"{' and '.join(ends)} end at {due:%H:%M} UTC unless the right comes back"

    def _begin(self, workload_id: str) -> None:
        moment = asyncio.get_running_loop().time()
        if self._servers is None or workload_id in self._tasks:
            return
        if moment - self._asked.get(workload_id, -AGAIN) < AGAIN:
            return
        if len(self._asked) > 10_000:
            self._asked.clear()
        self._asked[workload_id] = moment
        task = asyncio.create_task(self._stop_server(self._servers, workload_id))
        self._tasks[workload_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(workload_id, None))

    async def _stop_server(self, servers: ServerSource, workload_id: str) -> None:
        try:
            await servers.stop(*split_server_workload(workload_id))
        except Exception as error:
            self._metrics.failure("revocation")
            _log.warning(
                "server %s is to be stopped and is asked again: %s",
                workload_id,
                error,
                exc_info=not isinstance(error, DomainError),
            )


def _reason(role: Role | None, standing: Standing) -> RevocationReason:
    match standing:
        case Standing.DELETED:
            return RevocationReason.DELETED
        case Standing.DISABLED:
            return RevocationReason.DISABLED
    return RevocationReason.DEMOTED if role is Role.VIEWER else RevocationReason.REMOVED


def _holders(
    uow: UnitOfWork, group: str, user: str, before: tuple[Mapping[str, Any], ...]
) -> tuple[Mapping[str, Any], ...]:
    """What lives, and what did: the list of a revocation only grows, so that it tells all that was stopped."""
    found: dict[tuple[str, str], Mapping[str, Any]] = {(h["kind"], h["id"]): {**h, "live": False} for h in before}
    servers = uow.reservations.live(group, [WorkloadKind.SERVER], user)
    for kind, id, label in [*map(_server, servers), *map(_job, uow.jobs.open_of(user, group))]:
        asked = found.get((kind, id), {}).get("asked", False)
        found[kind, id] = {"kind": kind, "id": id, "label": label, "asked": asked, "live": True}
    return tuple(found.values())


def _server(r: Reservation) -> tuple[str, str, str]:
    name = split_server_workload(r.workload_id)[1]
    return WorkloadKind.SERVER.value, name, r.label or name or "default server"


def _job(job: Job) -> tuple[str, str, str]:
    return WorkloadKind.JOB.value, job.id, job.spec.name


def _names(revocation: Revocation) -> list[str]:
    return [f"{h['kind']} {h['label']}" for h in revocation.holders]


def _list(holders: tuple[Mapping[str, Any], ...], most: int = 5) -> str:
    names = [f"{h['kind']} {h['label']}" for h in holders]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
