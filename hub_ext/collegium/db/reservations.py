"""Rows of the ledger. Only ``collegium.quota.ledger`` calls the verbs that write."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from collegium.db import tables as t
from collegium.domain.quota import Reservation, ReservationState, WorkloadKind
from collegium.domain.resources import Resources

_r = t.reservations.c
# Literal text: with a bound value neither database would use the partial indexes.
_LIVE = sa.text("reservations.state != 'released'")
# Made once: each server, job and file that comes or goes asks these, and making them costs more than asking.
_OF_GROUP = (
    sa.select(t.reservations).where(_LIVE, _r.group_name == sa.bindparam("group")).order_by(_r.created_at, _r.id)
)
_OF_WORKLOAD = sa.select(t.reservations).where(
    _LIVE, _r.kind == sa.bindparam("kind"), _r.workload_id == sa.bindparam("workload")
)
_INSERT = sa.insert(t.reservations)
_CHANGE = sa.update(t.reservations).where(_r.id == sa.bindparam("reservation"))
_BIND = _CHANGE.where(_r.state == ReservationState.HELD.value)
_RELEASE = _CHANGE.where(_LIVE)


class Reservations:
    """Rows of ``reservations``."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def live(
        self,
        group: str | None = None,
        kinds: Collection[WorkloadKind] | None = None,
        user: str | None = None,
    ) -> list[Reservation]:
        """Held and bound reservations, oldest first."""
        if group is not None and kinds is None and user is None:
            return [_reservation(r) for r in self._c.execute(_OF_GROUP, {"group": group})]
        statement = sa.select(t.reservations).where(_LIVE).order_by(_r.created_at, _r.id)
        if group is not None:
            statement = statement.where(_r.group_name == group)
        if kinds is not None:
            statement = statement.where(_r.kind.in_([k.value for k in kinds]))
        if user is not None:
            statement = statement.where(_r.user_name == user)
        return [_reservation(r) for r in self._c.execute(statement)]

    def live_of(self, kind: WorkloadKind, workload_id: str) -> Reservation | None:
        """The live reservation of one workload, None if it has none."""
        row = self._c.execute(_OF_WORKLOAD, {"kind": kind.value, "workload": workload_id}).one_or_none()
        return None if row is None else _reservation(row)

    def insert(self, reservation: Reservation) -> None:
        """Add a row; the live workload must be unique."""
        values = {
            "id": reservation.id,
            "group_name": reservation.group,
            "user_name": reservation.user,
            "kind": reservation.kind.value,
            "workload_id": reservation.workload_id,
            "label": reservation.label,
            "instance_type": reservation.instance_type,
            "resources": dict(reservation.resources),
            "state": reservation.state.value,
            "created_at": reservation.created_at,
            "expires_at": reservation.expires_at,
            "bound_at": reservation.bound_at,
        }
        self._c.execute(_INSERT, values)

    def set_bound(self, reservation_id: str, at: datetime) -> None:
        """held → bound; anything else is left alone."""
        values = {"state": ReservationState.BOUND.value, "bound_at": at, "expires_at": None}
        self._c.execute(_BIND, {"reservation": reservation_id, **values})

    def set_released(self, reservation_id: str, at: datetime) -> bool:
        """Live → released; False if it was released already."""
        values = {"state": ReservationState.RELEASED.value, "released_at": at}
        return bool(self._c.execute(_RELEASE, {"reservation": reservation_id, **values}).rowcount)

    def delete_released_before(self, moment: datetime) -> int:
        """Forget old rows; returns how many."""
        result = self._c.execute(
            sa.delete(t.reservations).where(_r.state == ReservationState.RELEASED.value, _r.released_at < moment)
        )
        return result.rowcount


def _reservation(row: Any) -> Reservation:
    return Reservation(
        id=row.id,
        group=row.group_name,
        user=row.user_name,
        kind=WorkloadKind(row.kind),
        workload_id=row.workload_id,
        resources=Resources(row.resources),
        state=ReservationState(row.state),
        created_at=row.created_at,
        expires_at=row.expires_at,
        bound_at=row.bound_at,
        released_at=row.released_at,
        label=row.label,
        instance_type=row.instance_type,
    )
