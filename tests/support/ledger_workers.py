"""What the competing processes of the ledger tests do; a module of its own because they import it by name."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier, Event

from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger, reserve_now
from collegium.settings import Settings

JOB = WorkloadKind.JOB
LEDGER = Ledger()


def compete(settings: Settings, start: Barrier, worker: int, rounds: int) -> None:
    database = Database(settings.database_url)
    for number in range(rounds):
        start.wait()
        for ask in range(8):
            user = f"u{ask % 3}"
            reserve_now(database, Claim(f"g{number}", user, JOB, f"{number}.{worker}.{ask}", Resources({"cpu": 1000})))
        start.wait()
    database.close()


def churn(settings: Settings, ready: Event, worker: int) -> None:
    database = Database(settings.database_url)
    number = 0
    while True:
        workload = f"{worker}.{number}"
        with database.write() as uow:
            uow.events.append("physics", "job", workload, now(), "asked", "x", "")
            if LEDGER.reserve(uow, one_core(workload)).granted:
                uow.events.append("physics", "job", workload, now(), "granted", "x", "")
        ready.set()
        with database.write() as uow:
            if LEDGER.release(uow, JOB, workload):
                uow.events.append("physics", "job", workload, now(), "released", "x", "")
        number += 1


def one_core(workload: str) -> Claim:
    return Claim("physics", "ann", JOB, workload, Resources({"cpu": 1000}))
