"""What the installation needs to run itself: leases."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from collegium.db import tables as t

_l = t.leases.c


class Leases:
    """Rows of ``leases``: at most one holder at a time; each new holder gets a higher generation."""

    def __init__(self, connection: sa.Connection) -> None:
        self._c = connection

    def acquire(self, name: str, holder: str, now: datetime, ttl: timedelta) -> int | None:
        """Take or renew the lease; the generation, or None while another holds it."""
        row: Any = self._c.execute(sa.select(t.leases).where(_l.name == name).with_for_update()).one_or_none()
        if row is None:
            try:
                with self._c.begin_nested():
                    first = {"name": name, "holder": holder, "generation": 1, "expires_at": now + ttl}
                    self._c.execute(sa.insert(t.leases).values(first))
            except IntegrityError:
                # Of two that found no row one was faster.
                return None
            return 1
        if row.holder not in ("", holder) and row.expires_at > now:
            return None
        generation: int = row.generation + (row.holder != holder)
        self._c.execute(
            sa.update(t.leases)
            .where(_l.name == name)
            .values(holder=holder, generation=generation, expires_at=now + ttl)
        )
        return generation

    def expires_at(self, name: str) -> datetime | None:
        """When the lease ends unless it is renewed; None if nobody has it."""
        return self._c.execute(sa.select(_l.expires_at).where(_l.name == name, _l.holder != "")).scalar_one_or_none()

    def give_up(self, name: str, holder: str) -> None:
        """End the lease if it is held by ``holder``, so that the next one need not wait.

        The row stays: a generation that began anew would let a holder that slept since then pass for the present one.
        """
        self._c.execute(sa.update(t.leases).where(_l.name == name, _l.holder == holder).values(holder=""))
