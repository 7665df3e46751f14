"""The reservation ledger under pressure: ``python -m benchmarks.ledger [rounds]``.

200 concurrent reserves for 10 places from 8 processes, SQLite with every commit synced to disk. Exactly 10 must be
granted in every round. The peer is the least that any durable decision costs on SQLite: a bare BEGIN IMMEDIATE, one
insert, one commit, from as many processes and with as many asks at once.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from benchmarks.report import milliseconds, percentile, ratio, table
from collegium.db import Database
from collegium.domain.groups import Group
from collegium.domain.quota import Limits, WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger
from collegium.settings import Settings

PROCESSES, ASKS, PLACES = 8, 25, 10
SPAWN = mp.get_context("spawn")


def our_worker(settings: Settings, start: Barrier, results: Connection, worker: int, rounds: int) -> None:
    database, ledger = Database(settings.database_url), Ledger()

    async def ask(number: int, index: int) -> tuple[bool, float]:
        claim = Claim(
            f"g{number}", f"u{index}", WorkloadKind.JOB, f"{number}.{worker}.{index}", Resources({"cpu": 1000})
        )
        begun = time.perf_counter()
        decision = await database.writing(lambda uow: ledger.reserve(uow, claim))
        return decision.granted, time.perf_counter() - begun

    async def play() -> list[list[tuple[bool, float]]]:
        played = []
        for number in range(rounds):
            await asyncio.to_thread(start.wait)
            played.append(await asyncio.gather(*(ask(number, i) for i in range(ASKS))))
        return played

    results.send(asyncio.run(play()))
    database.close()


def bare_worker(path: Path, start: Barrier, results: Connection, worker: int, rounds: int) -> None:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")
    writer = ThreadPoolExecutor(1)

    def insert(index: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO asks VALUES (?, ?)", (worker, index))
        connection.execute("COMMIT")

    async def ask(index: int) -> tuple[bool, float]:
        begun = time.perf_counter()
        await asyncio.get_running_loop().run_in_executor(writer, insert, index)
        return True, time.perf_counter() - begun

    async def play() -> list[list[tuple[bool, float]]]:
        played = []
        for _ in range(rounds):
            await asyncio.to_thread(start.wait)
            played.append(await asyncio.gather(*(ask(i) for i in range(ASKS))))
        return played

    results.send(asyncio.run(play()))


def compete(target: object, argument: object, rounds: int) -> list[list[tuple[bool, float]]]:
    """Run the workers; per round, every ask's answer and latency in seconds."""
    start = SPAWN.Barrier(PROCESSES)
    pipes = [SPAWN.Pipe(duplex=False) for _ in range(PROCESSES)]
    workers = [
        SPAWN.Process(target=target, args=(argument, start, send, w, rounds))  # type: ignore[arg-type]
        for w, (_, send) in enumerate(pipes)
    ]
    for worker in workers:
        worker.start()
    played = [receive.recv() for receive, _ in pipes]
    for worker in workers:
        worker.join()
    return [[answer for one in played for answer in one[number]] for number in range(rounds)]


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.at(Path(folder) / "state")
        database = Database.open(settings)
        with database.write() as uow:
            for number in range(rounds):
                uow.groups.put(Group(f"g{number}", f"g{number}", limits=Limits({"cpu": PLACES * 1000})))
        database.close()
        ours = compete(our_worker, settings, rounds)
        bare = Path(folder) / "bare.sqlite"
        with sqlite3.connect(bare) as connection:
            connection.execute("CREATE TABLE asks (worker INTEGER, ask INTEGER)")
        peer = compete(bare_worker, bare, max(10, rounds // 10))
    exact = sum(sum(granted for granted, _ in answers) == PLACES for answers in ours)
    our_times = [seconds for answers in ours for _, seconds in answers]
    peer_times = [seconds for answers in peer for _, seconds in answers]
    rows = [("", "ledger decision", "bare BEGIN IMMEDIATE insert", "ratio")]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        a, b = percentile(our_times, share), percentile(peer_times, share)
        rows.append((name, milliseconds(a), milliseconds(b), ratio(a, b)))
    table(f"Ledger: {PROCESSES * ASKS} asks at once for {PLACES} places, {PROCESSES} processes", rows, ["sqlalchemy"])
    print(f"\nExactly {PLACES} granted in {exact} of {rounds} rounds.")
    sys.exit(exact != rounds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
