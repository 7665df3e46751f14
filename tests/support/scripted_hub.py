"""A hub that stops servers some time after it was asked to."""

from __future__ import annotations

from collegium.db import Database
from collegium.domain.quota import WorkloadKind
from collegium.quota.ledger import Ledger
from collegium.quota.servers import server_workload


class ScriptedHub:
    """``asked`` are the servers whose end was asked for and which still live."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked: set[tuple[str, str]] = set()
        self._ending: list[tuple[str, str]] = []

    async def alive(self) -> set[str]:
        with self._database.read() as uow:
            return {r.workload_id for r in uow.reservations.live(kinds=[WorkloadKind.SERVER])}

    async def stop(self, user: str, server: str) -> None:
        self.asked.add((user, server))
        self._ending.append((user, server))

    def go_on(self) -> None:
        """Servers that were asked to end are down now."""
        with self._database.write() as uow:
            for name in self._ending:
                Ledger().release(uow, WorkloadKind.SERVER, server_workload(*name))
        self._ending.clear()
