"""The ledger's key for a JupyterHub server, and what is told of one."""

from __future__ import annotations

from datetime import datetime

from collegium.db import UnitOfWork
from collegium.domain.quota import Reservation
from collegium.quota.ledger import Claim


def tell_of_server(
    uow: UnitOfWork, place: Claim | Reservation, state: str, reason: str, message: str, at: datetime
) -> None:
    """Add to what happened in the group, in the transaction that changes the server's place."""
    about = (place.workload_id, at, state, reason, message)
    uow.events.append(place.group, "server", *about, name=place.label, user=place.user)


def server_workload(user: str, server_name: str) -> str:
    """``user/server``; the default server has an empty name. User names hold no slash."""
    return f"{user}/{server_name}"


def split_server_workload(workload_id: str) -> tuple[str, str]:
    """The inverse of ``server_workload``."""
    user, _, server = workload_id.partition("/")
    return user, server
