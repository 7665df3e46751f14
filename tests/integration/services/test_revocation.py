"""Work whose owner lost the right to it: warned of, ended after a grace, or left alone when the right comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.memory import MemoryBackend
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Unavailable
from collegium.domain.groups import Group, Membership, Role
from collegium.domain.identity import Standing, UserIdentity
from collegium.domain.jobs import JobState
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger
from collegium.quota.servers import server_workload
from collegium.services.controller import revocation as module
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.controller.options import ControlOptions
from collegium.services.controller.revocation import RevocationPolicy, RevocationSweep
from collegium.services.controller.servers import HubServers
from collegium.services.jobs.models import JobIn
from collegium.services.jobs.service import JobService
from collegium.services.jobs.validate import read_spec
from collegium.services.metrics import Metrics
from integration.services.crash import Fuse, Killed
from integration.services.harness import BODY, Clock, FakeHub, Service, copy_of, running_service, template
from support.scripted_hub import ScriptedHub

SMALL = Resources.parse({"cpu": "1", "memory": "1Gi"})


def start_server(uow: UnitOfWork, user: str, server: str = "physics", group: str = "physics") -> None:
    claim = Claim(group, user, WorkloadKind.SERVER, server_workload(user, server), SMALL, label=f"{user}'s server")
    assert Ledger().reserve(uow, claim).granted
    Ledger().bind(uow, WorkloadKind.SERVER, claim.workload_id)


@pytest.fixture
async def service(seeded: Database, hub: FakeHub, clock: Clock) -> AsyncIterator[Service]:
    async with running_service(seeded, hub, clock=clock, options=ControlOptions()) as service:
        yield service


class Group_:
    """What a test asks of the group, and does to it."""

    def __init__(self, service: Service, clock: Clock) -> None:
        self.service, self.clock, self.database = service, clock, service.database
        controller = service.context.controller
        assert controller is not None
        self.lease, self.sweep_ = controller.lease, controller.housekeeping.revocations

    async def sweep(self) -> None:
        await self.lease.hold()
        await self.sweep_.round()
        await self.sweep_.settle()

    def write(self, change: Any) -> None:
        with self.database.write() as uow:
            change(uow)

    def remove(self, user: str = "mia") -> None:
        self.write(lambda uow: uow.memberships.delete("physics", user))

    def come_back(self, user: str = "mia", role: Role = Role.MEMBER) -> None:
        self.write(lambda uow: uow.memberships.put(Membership("physics", user, role)))

    def stopped(self, user: str = "mia", server: str = "physics") -> None:
        """What the hub does when the server is down."""
        self.write(lambda uow: Ledger().release(uow, WorkloadKind.SERVER, server_workload(user, server)))

    async def shown(self) -> list[dict[str, Any]]:
        answer = await self.service.client("ada").get("/groups/physics/revocations")
        assert answer.status_code == 200
        return list(answer.json()["items"])

    async def audit(self) -> list[str]:
        answer = await self.service.client("ada").get("/groups/physics/audit", params={"limit": 500})
        return [e["action"] for e in answer.json()["items"]][::-1]

    def events(self) -> list[str]:
        with self.database.read() as uow:
            return [e.state for e in uow.events.after("physics", 0) if e.kind == "revocation"]


@pytest.fixture
def group(service: Service, clock: Clock) -> Group_:
    return Group_(service, clock)


async def test_removed_warned_and_ended(service: Service, group: Group_, hub: FakeHub, clock: Clock) -> None:
    group.write(lambda uow: start_server(uow, "mia"))
    job = await service.submit()
    await service.round(2)
    assert await group.shown() == []
    group.remove()
    await group.sweep()
    (found,) = await group.shown()
    assert (found["user"], found["reason"], found["outcome"], found["ended_at"]) == ("mia", "removed", "", None)
    assert [(h["kind"], h["asked"]) for h in found["holders"]] == [("server", False), ("job", False)]
    assert (await group.audit(), group.events()) == (["revocation.open"], ["Warned"])
    # The person may not look into the group any more, but is told what ends when.
    (own,) = (await service.client().get("/context")).json()["ending"]
    assert own["due_at"] == found["due_at"]
    clock.forward(890)
    await group.sweep()
    assert hub.stops == [] and (await service.job(job, "ada"))["cancel_requested_by"] is None
    clock.forward(20)
    await group.sweep()
    assert hub.stops == [("mia", "physics")]
    assert (await service.job(job, "ada"))["cancel_requested_by"] == "collegium"
    await service.round(2)
    assert service.memory.runs[f"{job}.1"].stopped
    await service.round(2)
    group.stopped()
    await group.sweep()
    (found,) = await group.shown()
    assert found["outcome"] == "stopped" and all(h["asked"] and not h["live"] for h in found["holders"])
    assert await group.audit() == ["revocation.open", "server.stop", "job.cancel", "revocation.stopped"]
    assert group.events() == ["Warned", "Stopped"]
    assert (await service.client().get("/context")).json()["ending"] == []


async def test_the_right_came_back(service: Service, group: Group_, hub: FakeHub, clock: Clock) -> None:
    group.write(lambda uow: start_server(uow, "mia"))
    group.remove()
    await group.sweep()
    group.come_back()
    clock.forward(2000)
    await group.sweep()
    (found,) = await group.shown()
    assert (found["outcome"], hub.stops) == ("withdrawn", [])
    assert await group.audit() == ["revocation.open", "revocation.withdrawn"]
    # And it may be lost again.
    group.come_back(role=Role.VIEWER)
    await group.sweep()
    assert [r["reason"] for r in await group.shown()] == ["demoted", "removed"]


@pytest.mark.parametrize("standing", [Standing.DISABLED, Standing.DELETED])
async def test_disabled_and_deleted_end_at_once(
    service: Service, group: Group_, hub: FakeHub, standing: Standing
) -> None:
    group.write(lambda uow: start_server(uow, "mia", ""))
    job = await service.submit()
    await service.round(2)
    # Even if something left the membership.
    group.write(lambda uow: uow.identities.put(UserIdentity("mia", "https://i", "s", standing=standing)))
    await group.sweep()
    assert hub.stops == [("mia", "")]
    assert (await service.job(job, "ada"))["cancel_requested_by"] == "collegium"
    assert (await group.shown())[0]["reason"] == standing.value


async def test_a_worse_reason_shortens_the_time(group: Group_, hub: FakeHub) -> None:
    group.write(lambda uow: start_server(uow, "mia"))
    group.remove()
    await group.sweep()
    assert hub.stops == []
    group.write(lambda uow: uow.identities.put(UserIdentity("mia", "https://i", "s", standing=Standing.DISABLED)))
    await group.sweep()
    assert hub.stops == [("mia", "physics")]
    assert len(await group.shown()) == 1


async def test_what_ends_by_itself(group: Group_, hub: FakeHub) -> None:
    group.write(lambda uow: start_server(uow, "mia"))
    group.remove()
    await group.sweep()
    group.stopped()
    await group.sweep()
    assert ((await group.shown())[0]["outcome"], hub.stops) == ("over", [])


async def test_the_hub_is_asked_until_the_server_is_gone(
    group: Group_, hub: FakeHub, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    group.write(lambda uow: start_server(uow, "mia"))
    group.remove()
    await group.sweep()
    clock.forward(1000)
    hub.stop_status = 500
    await group.sweep()
    await group.sweep()
    assert len(hub.stops) == 1  # Not every other second.
    monkeypatch.setattr(module, "AGAIN", 0.0)
    await group.sweep()
    assert len(hub.stops) == 2
    assert "is asked again" in caplog.text
    for status in (404, 204, 202):
        hub.stop_status = status
        caplog.clear()
        await group.sweep()
        assert caplog.text == ""
    # The words were written once.
    assert (await group.audit()).count("server.stop") == 1


async def test_others_are_left_alone(service: Service, group: Group_, hub: FakeHub, clock: Clock) -> None:
    for user in ("mia", "max", "ada"):
        group.write(lambda uow, user=user: start_server(uow, user))
    group.write(lambda uow: start_server(uow, "zoe", "chemistry", "chemistry"))
    group.remove()
    await group.sweep()
    clock.forward(1000)
    await group.sweep()
    assert hub.stops == [("mia", "physics")]


async def test_work_in_a_group_that_is_no_more(group: Group_, hub: FakeHub, clock: Clock) -> None:
    group.write(lambda uow: start_server(uow, "zoe", "chemistry", "chemistry"))
    group.write(lambda uow: uow.groups.delete("chemistry"))
    await group.sweep()
    clock.forward(1000)
    await group.sweep()
    assert hub.stops == [("zoe", "chemistry")]
    group.write(lambda uow: uow.groups.put(Group("chemistry", "Chemistry")))


async def test_waiting_jobs_are_not_let_in(service: Service, group: Group_) -> None:
    job = await service.submit()
    group.write(lambda uow: uow.identities.put(UserIdentity("mia", "https://i", "s", standing=Standing.DISABLED)))
    await service.round()
    found = await service.job(job, "ada")
    assert found["state"] in ("Failed", "Cancelled")
    assert "disabled" in found["message"]
    assert f"{job}.1" not in service.memory.runs


@pytest.mark.parametrize("policy", [RevocationPolicy(servers="keep"), RevocationPolicy(jobs="finish")])
async def test_what_the_policy_keeps(seeded: Database, hub: FakeHub, clock: Clock, policy: RevocationPolicy) -> None:
    async with running_service(seeded, hub, clock=clock, options=ControlOptions(revocation=policy)) as service:
        group = Group_(service, clock)
        group.write(lambda uow: start_server(uow, "mia"))
        job = await service.submit()
        await service.round(2)
        group.remove()
        await group.sweep()
        clock.forward(1000)
        for _ in range(3):
            await group.sweep()
        cancelled = (await service.job(job, "ada"))["cancel_requested_by"] is not None
        assert (bool(hub.stops), cancelled) == (policy.servers == "stop", policy.jobs == "cancel")
        assert len(await group.shown()) == 1
        assert len([a for a in await group.audit() if a.startswith("revocation")]) == 1


async def test_the_round_does_it(service: Service, group: Group_) -> None:
    group.write(lambda uow: start_server(uow, "mia"))
    group.remove()
    await service.round()
    assert len(await group.shown()) == 1


async def test_an_admin_who_cancels_anothers_job_is_noted(service: Service, group: Group_) -> None:
    mine, theirs = await service.submit("ada"), await service.submit("mia")
    for job in (mine, theirs):
        assert (await service.client("ada").post(f"/groups/physics/jobs/{job}/cancel")).status_code == 200
    answer = await service.client("ada").get("/groups/physics/audit", params={"text": "job.cancel"})
    assert [(e["actor"], e["object"], e["details"]["owner"]) for e in answer.json()["items"]] == [
        ("ada", theirs, "mia")
    ]


# Death at any moment


async def scenario(database: Database, fuse: Fuse) -> ScriptedHub:
    """Two people lose the right, one gets it back; the sweep dies and is started anew until nothing moves."""
    clock, memory, hub = Clock(), MemoryBackend(), ScriptedHub(database)
    jobs = JobService(database, memory.backend, lambda: None, clock)
    with database.write() as uow:
        start_server(uow, "mia")
        start_server(uow, "max")
        actor = uow.memberships.actor("mia")
    await jobs.submit(actor, "physics", read_spec(JobIn.model_validate(BODY)))

    class Base:
        reading = staticmethod(fuse.wrap(database.reading))
        writing = staticmethod(fuse.wrap(database.writing))

    base: Any = Base()
    servers: Any = hub
    servers.stop = fuse.wrap(hub.stop)

    def new() -> tuple[Lease, RevocationSweep]:
        lease = Lease(base, clock)
        return lease, RevocationSweep(base, lease, servers, Metrics(), clock, RevocationPolicy(timedelta(seconds=60)))

    lease, sweep = new()
    for turn in range(14):
        if turn == 1:
            with database.write() as uow:
                uow.memberships.delete("physics", "mia")
                uow.memberships.delete("physics", "max")
        if turn == 4:
            with database.write() as uow:
                uow.memberships.put(Membership("physics", "max", Role.MEMBER))
        clock.forward(5 if turn < 6 else 30)
        try:
            await lease.hold()
            await sweep.round()
            done = await asyncio.gather(*sweep._tasks.values(), return_exceptions=True)
            if any(isinstance(d, Killed) for d in done):
                raise Killed
        except (Killed, LeaseLost):
            clock.forward(16)
            lease, sweep = new()
        sweep._asked.clear()
        hub.go_on()
    return hub


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_death_at_every_call(tmp_path: Path, after: bool) -> None:
    seeded = template(tmp_path / "template")
    for burn_at in range(1, 200):
        database = copy_of(seeded, tmp_path / str(burn_at))
        fuse = Fuse(burn_at, after)
        hub = await scenario(database, fuse)
        with database.read() as uow:
            found = {r.user: r for r in uow.revocations.of_group("physics")}
            actions = [(e.action, e.object) for e in uow.audit.page(100)]
            assert {u: r.outcome for u, r in found.items()} == {"mia": "stopped", "max": "withdrawn"}, burn_at
            assert uow.revocations.open() == []
            assert [r.workload_id for r in uow.reservations.live("physics")] == ["max/physics"]
            assert uow.jobs.open([JobState.PENDING]) == []
            assert len(actions) == len(set(actions)) == 6, actions
            assert [e.state for e in uow.events.after("physics", 0) if e.kind == "revocation"].count("Warned") == 2
        assert ("max", "physics") not in hub.asked
        database.close()
        if fuse.calls < burn_at:
            break
    assert burn_at > 20


async def test_a_hub_without_the_right(hub: FakeHub) -> None:
    hub.stop_status = 403
    with pytest.raises(Unavailable, match="403"):
        await HubServers(f"{hub.url}/hub/api", "t").stop("mia", "a b")
    assert hub.stops == [("mia", "a b")]
    with pytest.raises(Unavailable):
        await HubServers("http://127.0.0.1:1/hub/api", "t").stop("mia", "")
