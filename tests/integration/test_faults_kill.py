"""kill -9 of everything, at random moments, under load: nothing acknowledged is lost, doubled or left behind.

Two tests share the work. In the whole installation the hub, the proxy, the service and jobs are killed. A hub takes up
to half a minute to notice that a service died, so most kills of the service are done without one.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.db import tables as t
from collegium.db.engine import now
from collegium.hub.configuration import DEMO_CATALOG
from collegium.services.controller.lease import TTL, Lease, LeaseLost
from collegium.settings import Settings
from support.faults import Load, check_after, hit_one, kill9, query
from support.installation import _ADMIN, Installation, until
from support.service_alone import ServiceAlone

WHO = [("ann", "physics"), ("bob", "physics"), ("cem", "chemistry"), ("ann", "chemistry"), ("mia", "biology")]
USERS = sorted({user for user, _ in WHO})
SERVICE_KILLS, HITS_ALONE = 150, 30
WORLD = ["hub"] * 5 + ["proxy"] * 6 + ["service"] * 4
HITS = 30


def test_service_and_jobs_are_killed(tmp_path: Path) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    print(f"seed {seed}")
    alone = ServiceAlone(tmp_path / "alone")
    database = Database.open(Settings.at(alone.state))
    apply_catalog(database, load_catalog(DEMO_CATALOG))
    kills, hits = Counter[str](), dict[str, set[str]]()
    try:
        alone.start()
        load = Load(alone, WHO, {u: u for u in USERS}, seed, (1.0, 3.0)).start()
        while kills["service"] < SERVICE_KILLS or kills.total() - kills["service"] < HITS_ALONE:
            if chance.random() < 0.5 and (role := hit_one(alone.folder, chance, hits, [alone.service()])):
                kills[role] += 1
            if kills["service"] < SERVICE_KILLS:
                _kill_service(alone, database, chance, kills)
        load.finish()
        counts = check_after(load, hits)
        for user, group in WHO:
            status, usage = alone.request("GET", f"/groups/{group}/usage", user)
            assert status == 200 and usage["holders"] == [], usage
            assert all(line["used"] == 0 for line in usage["group"]), usage
        assert alone.process is not None
        assert set(alone.processes()) - {alone.process.pid, alone.service()} == set()
    finally:
        database.close()
        alone.stop()
    print(f"{kills.total()} kills: {dict(kills)}; {dict(load.counts)}; {counts}")


def _kill_service(alone: ServiceAlone, database: Database, chance: random.Random, kills: Counter[str]) -> None:
    """At a moment between its first instruction and well into its work."""
    before = alone.service()
    if chance.random() < 0.7:
        until("the service answers", alone.answers, 120, 0.02)
        threading.Event().wait(chance.uniform(0, 1.5))
    else:
        threading.Event().wait(chance.uniform(0, 0.3))
    if kill9(before):
        kills["service"] += 1
        until("another service was started", lambda: alone.service() != before, 120, 0.005)
    if chance.random() < 0.8:
        # A dead controller's lease lasts 15 seconds more. Those are given to the next one mostly, so that most kills
        # hit a process that does control.
        with database._engine.begin() as connection:
            connection.execute(sa.update(t.leases).values(expires_at=now() - timedelta(seconds=1)))


@pytest.fixture
def hub(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "hub")


def test_hub_proxy_service_and_jobs_are_killed(hub: Installation) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    print(f"seed {seed}")
    kills, hits = Counter[str](), dict[str, set[str]]()
    try:
        hub.start()
        tokens = {user: hub.token(user) for user in USERS}
        server = _start_server(hub)
        load = Load(hub, WHO, tokens, seed, (1.0, 4.0), 1.0).start()
        over = threading.Event()
        hitter = threading.Thread(target=_hit, args=(hub, random.Random(seed + 1), hits, kills, over), daemon=True)
        hitter.start()
        for what in chance.sample(WORLD, len(WORLD)):
            threading.Event().wait(chance.uniform(0, 3))
            _kill_part(hub, what, kills)
            kills[what] += 1
            # Never the same process again, and the server is where it was after each of them.
            assert _server_pid(hub) == server
        over.set()
        hitter.join(300)
        assert not hitter.is_alive(), "found too little to hit"
        load.finish()
        counts = check_after(load, hits)
        _check_server(hub, server, tokens["ann"])
        known = [*hub.processes("-m", "jupyterhub"), *hub.processes("configurable-http-proxy")]
        known += [*hub.processes("collegium.services"), server]
        assert len(known) == 4 and set(hub.processes()) == set(known)
    finally:
        hub.stop()
    gave_up = kills.pop("(hub gave up on its proxy)", 0)
    print(f"{kills.total()} kills: {dict(kills)}; {dict(load.counts)}; {counts}; gave up: {gave_up}")
    assert kills.total() + SERVICE_KILLS + HITS_ALONE >= 200


def _hit(
    hub: Installation, chance: random.Random, hits: dict[str, set[str]], kills: Counter[str], over: threading.Event
) -> None:
    done = 0
    while done < HITS or not over.is_set():
        role = hit_one(hub.folder, chance, hits, hub.processes("collegium.services"))
        if role is not None:
            kills[role] += 1
            done += 1
        threading.Event().wait(chance.uniform(0.5, 8) if done < HITS else 1)
        if done >= HITS and over.wait(1):
            return


def _kill_part(hub: Installation, what: str, kills: Counter[str]) -> None:
    """Kill one of the three and wait until the whole answers again."""
    if what == "hub":
        hub.kill()
        _start_again(hub, kills, hub.log.stat().st_size)
        return
    word = {"proxy": "configurable-http-proxy", "service": "collegium.services"}[what]
    before, size = until(f"there is a {what}", lambda: hub.processes(word), 120), hub.log.stat().st_size
    kill9(before[0])

    def another() -> bool:
        if hub.process is None or hub.process.poll() is not None:
            # The proxy died while the hub was still waiting for it, as it does once at its start.
            _start_again(hub, kills, size, hub_ended=True)
        return bool(set(hub.processes(word)) - set(before))

    until(f"there is another {what}", another, 120)
    until("the service answers through the proxy", hub.answers, 120)


def _start_again(hub: Installation, kills: Counter[str], size: int, hub_ended: bool = False) -> None:
    """Start the hub as whoever looks after it would (systemd, here this loop), until it stays.

    JupyterHub ends if its proxy dies or takes longer than ten seconds while it waits for it. Any other end of its own
    (in the log after ``size`` bytes) is a failure.
    """
    while True:
        if hub_ended:
            text = hub.log.read_bytes()[size:]
            assert b"Failed to start proxy" in text, text[-5000:].decode(errors="replace")
            kills["(hub gave up on its proxy)"] += 1
        size = hub.log.stat().st_size
        try:
            hub.start()
            return
        except RuntimeError:
            hub_ended = True


def _start_server(hub: Installation) -> int:
    options = {"group": "physics", "instance_type": "small", "image": "scientific-python"}
    status, answer = hub.request("POST", f"{hub.url}/hub/api/users/ann/servers/physics", _ADMIN, options)
    assert status in (201, 202), answer

    def ready() -> bool:
        model = hub.request("GET", f"{hub.url}/hub/api/users/ann", _ADMIN)[1]
        return bool(model["servers"]["physics"]["ready"])

    until("ann's server is ready", ready, 180)
    return _server_pid(hub)


def _server_pid(hub: Installation) -> int:
    [found] = hub.processes("jupyterhub-singleuser")
    return found


def _check_server(hub: Installation, pid: int, token: str) -> None:
    assert _server_pid(hub) == pid
    status, answer = hub.request("GET", f"{hub.url}/user/ann/physics/api/status", token)
    assert status == 200, answer
    status, usage = hub.request("GET", "/groups/physics/usage", token)
    assert status == 200, usage
    assert [(h["kind"], h["user"], h["id"], h["state"]) for h in usage["holders"]] == [
        ("server", "ann", "physics", "Running")
    ], usage
    live = query(hub.state / "collegium.sqlite", "SELECT kind, user_name FROM reservations WHERE released_at IS NULL")
    assert live == [("server", "ann")]


async def test_a_controller_that_slept_through_a_clean_handover_steps_back(tmp_path: Path) -> None:
    """SIGSTOP instead of SIGKILL: it wakes up after another one took over, worked and ended as it should."""
    database, slept = Database.open(Settings.at(tmp_path)), [timedelta(0)]
    try:
        old, new = (Lease(database, lambda: now() + slept[0]) for _ in range(2))
        assert await old.hold()
        slept[0] = 2 * TTL
        assert await new.hold()
        await new.give_up()
        with pytest.raises(LeaseLost):
            await old.write(lambda uow: uow.groups.all())
        assert not old.held
        # Whoever goes round is told once, for it may have been a task beside the rounds that found out.
        with pytest.raises(LeaseLost):
            await old.hold()
        # From then on it may control again, as a new one.
        assert await old.hold()
        assert await old.write(lambda uow: uow.groups.all()) == []
    finally:
        database.close()
