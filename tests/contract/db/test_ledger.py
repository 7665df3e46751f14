"""The reservation ledger on both databases, in many processes, and against a model."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.admission import Waiting
from collegium.domain.errors import NotFound
from collegium.domain.groups import Group, Membership, Role
from collegium.domain.quota import Limits, ReservationState, WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger, reserve_now, usage
from collegium.settings import Settings
from support.ledger_workers import churn, compete

JOB = WorkloadKind.JOB
LEDGER = Ledger()
# A process forked from one with threads and open databases inherits both; start clean ones.
SPAWN = mp.get_context("spawn")


def claim(workload: str, user: str = "ann", group: str = "physics", kind: WorkloadKind = JOB, **amounts: int) -> Claim:
    return Claim(group, user, kind, workload, Resources(amounts or {"cpu": 1000}))


def put_group(database: Database, name: str = "physics", member: dict[str, int] | None = None, **limits: int) -> None:
    with database.write() as uow:
        uow.groups.put(Group(name, name, limits=Limits(limits), member_limits=Limits(member or {})))


def live(database: Database, group: str = "physics") -> list[str]:
    with database.read() as uow:
        return [r.workload_id for r in uow.reservations.live(group)]


def test_up_to_the_limit_and_no_further(database: Database) -> None:
    put_group(database, cpu=2000)
    assert reserve_now(database, claim("a")).granted
    assert reserve_now(database, claim("b", "bob")).granted
    refusal = reserve_now(database, claim("c", "cem"))
    assert not refusal.granted and not refusal.never
    (violation,) = refusal.violations
    assert (violation.limit, violation.used, violation.asked) == (2000, 2000, 1000)
    assert violation.holders == (("ann", 1000), ("bob", 1000))
    assert refusal.message() == ("Group physics: 2 of 2 CPU in use; 1 CPU more was asked (ann holds 1, bob holds 1).")


def test_zero_is_none_and_unset_is_unlimited(database: Database) -> None:
    put_group(database, gpu=0)
    assert reserve_now(database, claim("a", cpu=10**9)).granted
    assert reserve_now(database, claim("b", gpu=1)).never


def test_counts_are_limits_too(database: Database) -> None:
    put_group(database, **{"count/jobs": 1})
    assert reserve_now(database, claim("a")).granted
    assert not reserve_now(database, claim("b")).granted
    assert reserve_now(database, claim("ann/", kind=WorkloadKind.SERVER)).granted


def test_member_limits_and_exceptions(database: Database) -> None:
    put_group(database, cpu=10_000, member={"cpu": 1000})
    with database.write() as uow:
        uow.memberships.put(Membership("physics", "ann", Role.ADMIN, Limits({"cpu": 3000})))
    assert reserve_now(database, claim("b1", "bob")).granted
    assert "Share of bob" in reserve_now(database, claim("b2", "bob")).message()
    assert reserve_now(database, claim("a1", cpu=3000)).granted


def test_asking_again_changes_nothing(database: Database) -> None:
    put_group(database, cpu=1000)
    assert reserve_now(database, claim("a")).granted
    assert reserve_now(database, claim("a")).granted
    assert live(database) == ["a"]


def test_another_size_replaces_the_place_or_leaves_it_as_it_was(database: Database) -> None:
    put_group(database, cpu=3000)
    reserve_now(database, claim("a"))
    assert reserve_now(database, claim("a", cpu=3000)).granted
    assert not reserve_now(database, claim("a", cpu=4000)).granted
    with database.read() as uow:
        assert [r.resources["cpu"] for r in uow.reservations.live()] == [3000]


def test_release_gives_back_once(database: Database) -> None:
    put_group(database, cpu=1000)
    reserve_now(database, claim("a"))
    with database.write() as uow:
        assert LEDGER.release(uow, JOB, "a")
    with database.write() as uow:
        assert not LEDGER.release(uow, JOB, "a")
    assert reserve_now(database, claim("b")).granted


def test_an_unknown_group_is_not_unlimited(database: Database) -> None:
    with pytest.raises(NotFound):
        reserve_now(database, claim("a", group="nowhere"))


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    put_group(database, cpu=1000)
    with pytest.raises(RuntimeError), database.write() as uow:
        assert LEDGER.reserve(uow, claim("a")).granted
        raise RuntimeError
    assert live(database) == []


def test_a_lowered_quota_kills_nothing_and_admits_nothing(database: Database) -> None:
    put_group(database, cpu=2000)
    reserve_now(database, claim("a", cpu=2000))
    put_group(database, cpu=500)
    assert live(database) == ["a"]
    assert reserve_now(database, claim("b", cpu=100)).group_blocked


def test_the_sweep_frees_only_what_is_surely_gone(database: Database) -> None:
    put_group(database)
    for workload in ("alive", "dead", "young", "waiting"):
        reserve_now(database, claim(workload))
    with database.write() as uow:
        for workload in ("alive", "dead"):
            LEDGER.bind(uow, JOB, workload)
    with database.write() as uow:
        gone = LEDGER.sweep(uow, JOB, {"alive"}, timedelta(0))
    assert [r.workload_id for r in gone] == ["dead"]
    with database.write() as uow:
        assert LEDGER.sweep(uow, JOB, {"alive"}, timedelta(hours=1)) == []


def test_admission_is_one_transaction_with_the_planner(database: Database) -> None:
    put_group(database, cpu=2000)
    queue = [(Waiting(w, "ann", Resources({"cpu": 1000})), claim(w)) for w in ("a", "b", "c")]
    with database.write() as uow:
        assert [p.admit for p in LEDGER.admit(uow, "physics", queue)] == [True, True, False]
    assert live(database) == ["a", "b"]


def test_many_processes_never_get_more_than_there_is(settings: Settings) -> None:
    """4 processes ask 8 times each for 10 places: exactly 10 are granted, in every round."""
    workers, rounds = 4, 15
    database = Database.open(settings)
    for number in range(rounds):
        put_group(database, f"g{number}", cpu=10_000)
    start = SPAWN.Barrier(workers)
    processes = [SPAWN.Process(target=compete, args=(settings, start, w, rounds)) for w in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [p.exitcode for p in processes] == [0] * workers
    assert [len(live(database, f"g{n}")) for n in range(rounds)] == [10] * rounds
    database.close()


def test_killed_writers_leave_whole_transactions(settings: Settings) -> None:
    """kill -9 at any moment: every grant has its event, and what is live is exactly what was not released."""
    database = Database.open(settings)
    put_group(database, cpu=3000)
    for round_ in range(6):
        ready = SPAWN.Event()
        processes = [SPAWN.Process(target=churn, args=(settings, ready, round_ * 10 + w)) for w in range(3)]
        for process in processes:
            process.start()
        assert ready.wait(60)
        for process in processes:
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)
        for process in processes:
            process.join()
        with database.read() as uow:
            history: dict[str, list[str]] = {}
            for event in uow.events.after("physics", 0, 1_000_000):
                history.setdefault(event.object_id, []).append(event.state)
            granted = {w for w, states in history.items() if "granted" in states and "released" not in states}
            assert {r.workload_id for r in uow.reservations.live("physics")} == granted
            assert len(granted) <= 3
            for workload in granted:
                history[workload].append("released")
        with database.write() as uow:
            for workload in granted:
                LEDGER.release(uow, JOB, workload)
                uow.events.append("physics", "job", workload, now(), "released", "x", "")
    database.close()


class LedgerMachine(RuleBasedStateMachine):
    """Any order of verbs keeps the sums within the limits and equal to a plain model."""

    @initialize()
    def open(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.database = Database.open(Settings.at(Path(self.directory.name)))
        self.model: dict[str, tuple[str, int]] = {}
        self.limit, self.share = 5000, 3000
        put_group(self.database, cpu=self.limit, member={"cpu": self.share})

    workloads = st.sampled_from([f"w{i}" for i in range(8)])

    @rule(workload=workloads, cpu=st.integers(0, 6000))
    def reserve(self, workload: str, cpu: int) -> None:
        user = f"u{int(workload[1:]) % 3}"
        others = {w: (u, c) for w, (u, c) in self.model.items() if w != workload}
        fits = cpu == 0 or (
            sum(c for _, c in others.values()) + cpu <= self.limit
            and sum(c for u, c in others.values() if u == user) + cpu <= self.share
        )
        # Asking again for the size one has is always granted, also above a quota that was lowered since.
        again = self.model.get(workload) == (user, cpu)
        decision = reserve_now(self.database, Claim("physics", user, JOB, workload, Resources({"cpu": cpu})))
        assert decision.granted == (fits or again)
        if decision.granted:
            self.model[workload] = (user, cpu)

    @rule(workload=workloads)
    def release(self, workload: str) -> None:
        with self.database.write() as uow:
            assert LEDGER.release(uow, JOB, workload) == (workload in self.model)
        self.model.pop(workload, None)

    @rule(workload=workloads)
    def bind(self, workload: str) -> None:
        with self.database.write() as uow:
            LEDGER.bind(uow, JOB, workload)
            present = uow.reservations.live_of(JOB, workload)
            assert (present is not None) == (workload in self.model)
            assert present is None or present.state is ReservationState.BOUND

    @rule(cpu=st.integers(0, 8000))
    def change_the_quota(self, cpu: int) -> None:
        self.limit = cpu
        put_group(self.database, cpu=cpu, member={"cpu": self.share})

    @precondition(lambda self: bool(self.model))
    @rule()
    def restart(self) -> None:
        self.database.close()
        self.database = Database.open(Settings.at(Path(self.directory.name)))

    @invariant()
    def sums_agree(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as uow:
            now_used = usage(uow, "physics")
        assert {r.workload_id: (r.user, r.resources["cpu"]) for r in now_used.live} == self.model
        for user in ("u0", "u1", "u2"):
            assert now_used.used_by(user)["cpu"] <= self.share

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.directory.cleanup()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = hypothesis_settings(max_examples=25, stateful_step_count=30, deadline=None)
