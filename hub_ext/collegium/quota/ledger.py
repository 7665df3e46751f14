"""The reservation ledger: one transaction locks the group, sums, decides, inserts.

Servers, jobs, deployments and apps all come here, from the hub's process and from the service's. Nothing else writes
reservations. A reservation is held when granted, bound when the workload was seen, released when it is seen to be over.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collegium.db.engine import Database, UnitOfWork, now
from collegium.domain.admission import Place, Waiting, plan_admissions
from collegium.domain.errors import NotFound
from collegium.domain.files import Size
from collegium.domain.groups import Group
from collegium.domain.names import new_id
from collegium.domain.quota import (
    GroupUsage,
    QuotaDecision,
    Reservation,
    ReservationState,
    WorkloadKind,
)
from collegium.domain.resources import Resources

#: How long a held reservation waits for its workload before the sweep looks for it.
HOLD = timedelta(minutes=5)


@dataclass(frozen=True)
class Claim:
    """A request for a place: which workload, whose, how much. ``label`` is shown to people.

    ``bound``: the workload is there as soon as the place is, so that nobody needs to see it first.
    """

    group: str
    user: str
    kind: WorkloadKind
    workload_id: str
    resources: Resources
    label: str = ""
    instance_type: str = ""
    hold: timedelta = HOLD
    bound: bool = False


def usage(uow: UnitOfWork, group: str) -> GroupUsage:
    """What the group holds now and its limits. Raises NotFound for an unknown group."""
    return _usage(uow, _known(uow.groups.get(group), group))


def _usage(uow: UnitOfWork, group: Group) -> GroupUsage:
    return GroupUsage(
        group=group.name,
        limits=group.limits,
        live=tuple(uow.reservations.live(group.name)),
        member_limits=uow.memberships.limits_in(group.name),
        default_member_limits=group.member_limits,
        stored=uow.stored.get(group.name).size.bytes,
    )


def _known(group: Group | None, name: str) -> Group:
    if group is None:
        raise NotFound(f"group: there is no group {name}", field="group", value=name)
    return group


class Ledger:
    """Verbs take the unit of work of the caller, so that a job's change of state and its place are one transaction."""

    def reserve(self, uow: UnitOfWork, claim: Claim) -> QuotaDecision:
        """Take a place, or say which limits are in the way.

        Asking again for a workload that has a place of the same size is granted and changes nothing; a place of another
        size or group is given back first, in the same transaction. Raises NotFound for an unknown group.
        """
        group = _known(uow.groups.lock(claim.group), claim.group)
        present = uow.reservations.live_of(claim.kind, claim.workload_id)
        if present is not None:
            if (present.group, present.user, present.resources) == (claim.group, claim.user, claim.resources):
                return QuotaDecision()
            uow.reservations.set_released(present.id, now())
        decision = _usage(uow, group).decide(claim.user, claim.kind, claim.resources)
        if decision.granted:
            self._insert(uow, claim)
        elif present is not None:
            # Refused at the new size: what the workload had stays as it was.
            self._insert(uow, _claim_of(present))
        return decision

    def admit(
        self,
        uow: UnitOfWork,
        group: str,
        queue: Sequence[tuple[Waiting, Claim]],
        moment: datetime | None = None,
        ends: Mapping[str, datetime] | None = None,
    ) -> list[Place]:
        """Give places to the jobs of a group's queue, in order, as ``plan_admissions`` says."""
        row = uow.groups.lock(group)
        if row is None:
            return []
        places = plan_admissions(_usage(uow, row), [waiting for waiting, _ in queue], moment or now(), ends)
        for place, (_, claim) in zip(places, queue, strict=True):
            if place.admit and uow.reservations.live_of(claim.kind, claim.workload_id) is None:
                self._insert(uow, claim)
        return places

    def adopt(self, uow: UnitOfWork, claim: Claim) -> None:
        """Account for a workload that is seen to run, whatever the limits say now: it has the resources already.

        Raises NotFound for an unknown group.
        """
        _known(uow.groups.lock(claim.group), claim.group)
        if uow.reservations.live_of(claim.kind, claim.workload_id) is None:
            self._insert(uow, claim)
        self.bind(uow, claim.kind, claim.workload_id)

    def bind(self, uow: UnitOfWork, kind: WorkloadKind, workload_id: str) -> None:
        """The workload was seen. Nothing happens if it has no place."""
        present = uow.reservations.live_of(kind, workload_id)
        if present is not None:
            uow.reservations.set_bound(present.id, now())

    def release(self, uow: UnitOfWork, kind: WorkloadKind, workload_id: str) -> bool:
        """Give the place back; False if there was none. Call it only when the workload is seen to be over."""
        present = uow.reservations.live_of(kind, workload_id)
        return present is not None and uow.reservations.set_released(present.id, now())

    def settle(self, uow: UnitOfWork, kind: WorkloadKind, workload_id: str, owner: str, change: Size) -> None:
        """What room was kept for is there, or is not: the place is given back and ``change`` counts as stored.

        Without a place (it was given back, or none was needed) the change counts all the same. Numbers may be below 0.
        """
        present = uow.reservations.live_of(kind, workload_id)
        uow.groups.hold(present.group if present else owner)
        if present is not None:
            uow.reservations.set_released(present.id, now())
        uow.stored.add(owner, change)

    def sweep(self, uow: UnitOfWork, kind: WorkloadKind, alive: Collection[str], grace: timedelta) -> list[Reservation]:
        """Release places whose workload is not ``alive``: expired holds, and bound ones older than ``grace``.

        ``alive`` must come from a look taken before this transaction; a place younger than ``grace`` is left alone
        because its workload may have come up after that look.
        """
        moment, gone = now(), []
        for r in uow.reservations.live(kinds=[kind]):
            since = r.bound_at or r.created_at
            over = r.expires_at is not None and r.expires_at <= moment
            if r.workload_id not in alive and (over or r.state is ReservationState.BOUND) and since + grace <= moment:
                uow.reservations.set_released(r.id, moment)
                gone.append(r)
        return gone

    def _insert(self, uow: UnitOfWork, claim: Claim) -> None:
        moment = now()
        uow.reservations.insert(
            Reservation(
                id=new_id("res"),
                group=claim.group,
                user=claim.user,
                kind=claim.kind,
                workload_id=claim.workload_id,
                resources=claim.resources,
                state=ReservationState.BOUND if claim.bound else ReservationState.HELD,
                created_at=moment,
                expires_at=None if claim.bound else moment + claim.hold,
                bound_at=moment if claim.bound else None,
                label=claim.label,
                instance_type=claim.instance_type,
            )
        )


def reserve_now(database: Database, claim: Claim) -> QuotaDecision:
    """Reserve in a transaction of its own."""
    with database.write() as uow:
        return Ledger().reserve(uow, claim)


def _claim_of(reservation: Reservation) -> Claim:
    return Claim(
        reservation.group,
        reservation.user,
        reservation.kind,
        reservation.workload_id,
        reservation.resources,
        reservation.label,
        reservation.instance_type,
    )
