"""Notifications over HTTP, to a real web server and a real mail server, through faults."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from collegium.backends.memory import MemoryBackend
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.destinations import read_networks
from collegium.domain.groups import Membership, Role
from collegium.domain.identity import UserIdentity
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.names import new_id
from collegium.domain.notifications import DeliveryState
from collegium.domain.resources import Resources
from collegium.domain.schedules import ScheduleReason
from collegium.services.controller.lease import LeaseLost
from collegium.services.controller.loop import Controller
from collegium.services.controller.options import ControlOptions
from collegium.services.mail import Mailer, MailSettings
from collegium.services.metrics import Metrics
from collegium.services.notifications.options import NotificationOptions
from collegium.services.notifications.post import Post
from collegium.services.notifications.resolve import Found
from collegium.services.notifications.web import Web
from collegium.services.schedules import steps
from integration.services.harness import BODY, Clock, FakeHub, Service, running_service
from support.hooks import Hooks, running_hooks
from support.installation import free_port
from support.mail import MailSink, mail_sink

SECRET = "a signing secret of ours"
LOCAL = NotificationOptions(read_networks(["127.0.0.0/8"], "n"))


@dataclass
class Names:
    """What names mean; may change between one question and the next."""

    answers: list[str]
    asked: int = 0

    async def __call__(self, host: str, port: int) -> Found:
        self.asked += 1
        address = self.answers[min(self.asked, len(self.answers)) - 1]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(int(family), (address, port))]


@dataclass
class World:
    service: Service
    hooks: Hooks
    mail: MailSink
    clock: Clock

    async def until(self, done: Callable[[], object], seconds: float = 30) -> None:
        """Rounds until something is so."""
        async with asyncio.timeout(seconds):
            while not done():
                await self.service.round()
                await self.settled()

    async def settled(self) -> None:
        controller = self.service.context.controller
        assert controller is not None and controller.notifications is not None
        await controller.notifications.settled()

    async def channel(self, name: str = "ops", status: int = 201, **values: Any) -> Any:
        body = {"name": name, "kind": "webhook", "url": f"{self.hooks.url}/ok", "events": ["job.failed"], **values}
        answer = await self.service.client("ada").post("/groups/physics/channels", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def end(self, state: JobState = JobState.FAILED, user: str = "mia", **spec: Any) -> str:
        job = await self.service.database.writing(lambda uow: ended_job(uow, state, user, **spec))
        return job.id

    async def deliveries(self, name: str = "ops") -> list[dict[str, Any]]:
        answer = await self.service.client("ada").get(f"/groups/physics/channels/{name}/deliveries")
        return list(answer.json()["items"])


def ended_job(uow: UnitOfWork, state: JobState, user: str = "mia", moment: Any = None, **spec: Any) -> Job:
    moment = moment or now()
    job = Job(
        id=new_id("job"),
        group="physics",
        user=user,
        spec=JobSpec("train", "small", "base", command="true", environment={"TOKEN": "hush-hush"}, **spec),
        resources=Resources({"cpu": 1000}),
        launch={},
        state=JobState.PENDING,
        reason=JobReason.SUBMITTED,
        message="",
        created_at=moment,
    )
    job = uow.jobs.insert(job)
    job = uow.jobs.move(job, JobState.PREPARING, JobReason.ADMITTED, "", moment, attempt=1)
    began = moment - timedelta(seconds=200)
    job = uow.jobs.move(job, JobState.RUNNING, JobReason.STARTED, "", moment, started_at=began)
    reason = JobReason.COMPLETED if state is JobState.SUCCEEDED else JobReason.EXIT_CODE
    message = "The command failed: ValueError: hush-hush (exit code 3)."
    return uow.jobs.move(job, state, reason, message, moment, exit_code=3)


@asynccontextmanager
async def world(
    database: Database,
    hub: FakeHub,
    clock: Clock,
    lookup: Any,
    options: NotificationOptions = LOCAL,
    patience: float = 5,
) -> AsyncIterator[World]:
    async with running_hooks() as hooks:
        with mail_sink() as sink:
            settings = {"host": sink.host, "port": sink.port, "security": "none", "sender": "hub@example.org"}
            async with running_service(
                database,
                hub,
                clock=clock,
                options=ControlOptions(notifications=options),
                mailer=Mailer(MailSettings.from_mapping(settings)),
                lookup=lookup,
                public_url="https://lab.example",
            ) as service:
                controller = service.context.controller
                assert controller is not None and controller.notifications is not None
                controller.notifications._post._web = Web(lookup, options.networks, patience)
                await service.round()  # from here on it is told
                await controller.notifications.settled()
                made = World(service, hooks, sink, clock)
                yield made
                controller.notifications.stop()


@pytest.fixture
async def lab(seeded: Database, hub: FakeHub, clock: Clock) -> AsyncIterator[World]:
    async with world(seeded, hub, clock, Names(["127.0.0.1"])) as made:
        yield made


async def test_a_signed_webhook_and_nothing_of_log_or_environment(lab: World) -> None:
    await lab.channel(secret=SECRET)
    job = await lab.end()
    await lab.until(lambda: lab.hooks.got)
    (got,) = lab.hooks.got
    assert got.body["event"] == "job.failed"
    assert got.body["url"] == f"https://lab.example/services/collegium/portal#/groups/physics/jobs/{job}"
    facts = {k: got.body["job"][k] for k in ("id", "name", "user", "state", "reason", "exit_code", "duration_seconds")}
    assert facts == {
        **{"id": job, "name": "train", "user": "mia", "state": "Failed", "reason": "ExitCode"},
        **{"exit_code": 3, "duration_seconds": 200.0},
    }
    assert b"hush-hush" not in got.raw
    # As the documentation tells receivers to do it.
    signed = f"{got.headers['collegium-timestamp']}.".encode() + got.raw
    expected = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert got.headers["collegium-signature"] == expected
    assert got.headers["collegium-delivery"] == got.body["id"]
    (delivery,) = await lab.deliveries()
    assert (delivery["id"], delivery["state"], delivery["message"]) == (got.body["id"], "Sent", "answered 200")
    # Told once, however often is looked.
    await lab.service.round(3)
    await lab.settled()
    assert len(lab.hooks.got) == 1


async def test_secrets_stay_secret(lab: World, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    hook = f"{lab.hooks.url}/ok?token=hush-token"
    await lab.channel("hook", url=hook, secret=SECRET)
    slack = await lab.channel("chat", kind="slack", url=f"{lab.hooks.url}/services/hush-slack", events=[])
    mail = {"kind": "email", "url": "", "addresses": ["team@example.org"]}
    await lab.channel("mail", **mail)
    assert slack["url"] == f"{lab.hooks.url}/…"
    seen = {}
    for user in ("ada", "vic"):
        answer = await lab.service.client(user).get("/groups/physics/channels")
        seen[user] = {c["name"]: c for c in answer.json()["items"]}
        assert "hush" not in answer.text and SECRET not in answer.text
    assert seen["ada"]["hook"]["url"] == f"{lab.hooks.url}/ok?…"
    assert seen["vic"]["hook"]["url"] == f"{lab.hooks.url}/…"
    assert seen["vic"]["mail"]["addresses"] == ["t…@example.org"]
    assert all(c["has_secret"] == (n == "hook") for n, c in seen["vic"].items())
    refused = await lab.channel("bad", 400, url=f"{lab.hooks.url}/x#hush-token")
    assert "hush" not in json.dumps(refused)
    for field, value in (("secret", "hush" * 200), ("secret", ["hush"]), ("url", 7), ("url", "hush" * 2000)):
        assert "hush" not in json.dumps(await lab.channel("bad", 400, **{field: value}))
    lab.hooks.status = 500
    await lab.service.client("ada").patch("/groups/physics/channels/hook", json={"url": hook.replace("ok", "fickle")})
    await lab.end()
    await lab.until(lambda: lab.hooks.at("/fickle"))
    assert "hush" not in json.dumps(await lab.deliveries("hook"))
    # Of the log, what is ours: the library of the tests' own client tells its requests.
    assert "hush-token" not in "".join(r.getMessage() for r in caplog.records if r.name.startswith("collegium"))
    stored = b"".join(p.read_bytes() for p in (tmp_path / "state").iterdir() if p.is_file())
    assert b"hush-token" not in stored and b"hush-slack" not in stored and SECRET.encode() not in stored
    audit = await lab.service.client("ada").get("/groups/physics/audit")
    assert "hush" not in audit.text and "channel.create" in audit.text


async def test_who_is_told_of_what(lab: World) -> None:
    client = lab.service.client
    await lab.channel("ops", events=["job.failed", "job.succeeded"])
    await lab.channel("quiet", url=f"{lab.hooks.url}/quiet", events=[])
    settings = {"address": "mia@example.org", "events": ["job.failed"], "groups": ["physics"]}
    answer = await client("mia").put("/notifications", json=settings)
    assert answer.json() == {**settings, "from_account": False, "enabled": True, "problem": ""}
    # A wish of the job, checked at submit.
    for notify, words in (
        ([{"channel": "nosuch"}], "no such channel"),
        ([{"channel": "me", "on": ["ended"]}], "must be one of"),
    ):
        answer = await client().post("/groups/physics/jobs", json={**BODY, "notify": notify})
        assert answer.status_code == 400 and words in answer.text
    answer = await client("max").post("/groups/physics/jobs", json={**BODY, "notify": [{"channel": "me"}]})
    assert answer.status_code == 400 and "no e-mail address" in answer.text
    notify = [{"channel": "quiet", "on": ["succeeded"]}, {"channel": "me", "on": ["done"]}]
    job = await lab.service.submit(notify=notify)
    assert (await lab.service.job(job))["spec"]["notify"] == [
        {"channel": "quiet", "on": ["succeeded"]},
        {"channel": "me", "on": ["done"]},
    ]
    await lab.service.round(2)
    await lab.service.client("mia").post(f"/groups/physics/jobs/{job}/cancel")
    await lab.until(lambda: lab.mail.to("mia@example.org"))
    (message,) = lab.mail.to("mia@example.org")
    assert message["Subject"] == "[physics] Job train was cancelled"
    assert f"#/groups/physics/jobs/{job}" in message.get_content()
    # ops did not ask for cancelled jobs, and quiet for nothing but success.
    assert lab.hooks.got == []
    # Both the person's settings and the job want it: one mail.
    await lab.end(JobState.FAILED)
    await lab.until(lambda: len(lab.mail.to("mia@example.org")) == 2 and lab.hooks.got)
    text = lab.mail.to("mia@example.org")[1].get_content()
    assert "Reason: it ended with an error (exit code 3)" in text and "Duration: 3 min 20 s" in text
    assert "hush-hush" not in text
    await lab.settled()
    assert [g.path for g in lab.hooks.got] == ["/ok"]


async def test_schedules_and_sweeps(lab: World) -> None:
    topics = ["schedule.paused", "schedule.missed", "sweep.ended", "job.cancelled"]
    await lab.channel(events=topics)
    client = lab.service.client()
    body = {"name": "nightly", "recurrence": {"kind": "interval", "every": 86400}, "template": BODY}
    made = (await client.post("/groups/physics/schedules", json=body)).json()["id"]

    def tell(uow: UnitOfWork) -> None:
        schedule = uow.schedules.get("physics", made, lock=True)
        assert schedule is not None
        steps.tell(uow, schedule, now(), "Missed", "Skip", "3 due times were missed.")
        steps.pause(uow, schedule, ScheduleReason.FAILURE_STREAK, "Paused.", now())

    await lab.service.database.writing(tell)
    await lab.until(lambda: len(lab.hooks.got) == 2)
    assert {g.body["event"] for g in lab.hooks.got} == {"schedule.paused", "schedule.missed"}
    assert {g.body["schedule"]["name"] for g in lab.hooks.got} == {"nightly"}
    # By hand it is no news.
    await client.post(f"/groups/physics/schedules/{made}/resume", json={})
    await client.post(f"/groups/physics/schedules/{made}/pause")
    # A sweep is told of once, when all of it has ended, and its points are not.
    job = {k: v for k, v in BODY.items() if k != "name"}
    sweep = {"name": "many", "job": {**job, "notify": [{"channel": "ops", "on": ["done"]}]}, "array": 3}
    answer = await client.post("/groups/physics/sweeps", json=sweep)
    assert answer.status_code == 201, answer.text
    await lab.service.round(2)
    await client.post(f"/groups/physics/sweeps/{answer.json()['id']}/cancel")
    await lab.until(lambda: len(lab.hooks.got) == 3)
    assert (lab.hooks.got[2].body["event"], lab.hooks.got[2].body["sweep"]["name"]) == ("sweep.ended", "many")


async def test_a_retry_waits_and_is_the_same_delivery(lab: World) -> None:
    await lab.channel(url=f"{lab.hooks.url}/fickle", secret=SECRET)
    lab.hooks.status = 500
    await lab.end()
    await lab.until(lambda: len(lab.hooks.got) == 1)
    await lab.service.round(3)
    await lab.settled()
    assert len(lab.hooks.got) == 1
    (delivery,) = await lab.deliveries()
    assert (delivery["state"], delivery["attempts"], delivery["message"]) == ("Pending", 1, "answered 500")
    for number in (2, 3):
        lab.clock.forward(10 * 2 ** (number - 1) + 1)
        await lab.until(lambda number=number: len(lab.hooks.got) == number)
    lab.hooks.status = 204
    lab.clock.forward(100)
    await lab.until(lambda: len(lab.hooks.got) == 4)
    (delivery,) = await lab.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("Sent", 4)
    assert len({g.body["id"] for g in lab.hooks.got}) == 1
    assert len({g.raw for g in lab.hooks.got}) == 1


async def test_it_gives_up_in_the_end_and_says_so(lab: World) -> None:
    await lab.channel(url=f"{lab.hooks.url}/away")
    await lab.end()

    async def over() -> bool:
        return all(d["state"] != "Pending" for d in await lab.deliveries())

    await lab.until(lambda: lab.hooks.got)
    while not await over():
        lab.clock.forward(3601)
        before = len(lab.hooks.got)
        await lab.until(lambda before=before: len(lab.hooks.got) > before)
    (delivery,) = await lab.deliveries()
    assert (delivery["state"], delivery["attempts"]) == ("Failed", 32)
    assert "redirects are not followed" in delivery["message"]
    assert not lab.hooks.at("/ok")
    last = (await lab.service.client("vic").get("/groups/physics/channels/ops")).json()["last_delivery"]
    assert last["state"] == "Failed"


async def test_an_endless_answer_is_not_listened_to(lab: World) -> None:
    await lab.channel(url=f"{lab.hooks.url}/big")
    await lab.end()
    await lab.until(lambda: lab.hooks.got)
    (delivery,) = await lab.deliveries()
    assert (delivery["state"], delivery["message"]) == ("Sent", "answered 200")


async def test_a_hanging_channel_holds_up_itself_only(seeded: Database, hub: FakeHub, clock: Clock) -> None:
    async with world(seeded, hub, clock, Names(["127.0.0.1"]), patience=60) as lab:
        await lab.channel("hang", url=f"{lab.hooks.url}/silent")
        await lab.end()
        controller = lab.service.context.controller
        assert controller is not None and controller.notifications is not None
        async with asyncio.timeout(20):
            while not lab.hooks.waiting:
                await lab.service.round()
            # A round goes by while it hangs, a job is taken and ends, and another channel is told.
            await lab.channel("ops")
            job = await lab.service.submit()
            await lab.end()
            while not lab.hooks.at("/ok"):
                await lab.service.round()
            while (await lab.service.job(job))["state"] == "Pending":
                await lab.service.round()
        assert (await lab.deliveries("hang"))[0]["attempts"] == 0


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (["10.1.2.3"], "private"),
        (["127.0.0.1"], "loopback"),
        (["169.254.169.254"], "link-local"),
        (["::ffff:127.0.0.1"], "loopback"),
        (["224.0.0.1"], "multicast"),
        (["fd00::1"], "private"),
    ],
)
async def test_private_addresses_are_refused(
    seeded: Database, hub: FakeHub, clock: Clock, answers: list[str], words: str
) -> None:
    async with world(seeded, hub, clock, Names(answers), NotificationOptions()) as lab:
        refused = await lab.channel(status=400)
        assert words in refused["error"]["message"] and "10.1.2.3" not in json.dumps(refused)
        # Whoever is public when asked first, and private when it counts, gets nothing either.
        lookup = Names(["1.1.1.1", *answers])
        lab.service.context.channels._lookup = lookup
        controller = lab.service.context.controller
        assert controller is not None and controller.notifications is not None
        controller.notifications._post._web = Web(lookup, ())
        await lab.channel()
        await lab.end()
        await lab.until(lambda: lookup.asked > 1)
        (delivery,) = await lab.deliveries()
        assert delivery["state"] == "Pending" and words in delivery["message"]
        assert lab.hooks.got == []


async def test_the_connection_goes_to_what_was_checked(lab: World) -> None:
    """A name is resolved once for each try: there is no second answer to fall for."""
    lookup = Names(["127.0.0.1", "10.9.9.9"])
    web = Web(lookup, LOCAL.networks)
    tried = await web.post(f"{lab.hooks.url}/ok", b"{}", {})
    assert (tried.sent, lookup.asked, len(lab.hooks.got)) == (True, 1, 1)
    tried = await web.post(f"{lab.hooks.url}/ok", b"{}", {})
    assert (tried.sent, lookup.asked, len(lab.hooks.got)) == (False, 2, 1)
    assert "private" in tried.message
    web.close()


async def test_mail_survives_a_server_that_is_down_for_hours(seeded: Database, hub: FakeHub, clock: Clock) -> None:
    async with world(seeded, hub, clock, Names(["127.0.0.1"])) as lab:
        await lab.channel("team", kind="email", url="", addresses=["a@example.org", "b@example.org"])
        post = lab.service.context.controller.notifications._post  # type: ignore[union-attr]
        working, broken = post._mailer, {"host": "127.0.0.1", "port": free_port(), "security": "none"}
        post._mailer = Mailer(MailSettings.from_mapping({**broken, "sender": "hub@example.org"}))
        await lab.end()
        for _ in range(10):
            await lab.service.round()
            await lab.settled()
            lab.clock.forward(3601)
        (delivery,) = await lab.deliveries("team")
        assert delivery["state"] == "Pending" and "nobody listens there" in delivery["message"]
        post._mailer = working
        await lab.until(lambda: lab.mail.messages)
        assert lab.mail.recipients == [["a@example.org", "b@example.org"]]
        assert (await lab.deliveries("team"))[0]["state"] == "Sent"


async def test_a_kill_between_write_and_send_loses_nothing(lab: World) -> None:
    await lab.channel()
    await lab.end()
    controller = lab.service.context.controller
    assert controller is not None and controller.notifications is not None
    rounds = controller.notifications

    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    # Killed after the rows were written, and then after it was sent and before it was struck out.
    sending = rounds._post.send
    rounds._post.send = die  # type: ignore[method-assign, assignment]
    await lab.service.round()
    await lab.settled()
    assert (await lab.deliveries())[0]["state"] == "Pending" and not lab.hooks.got

    async def send_and_die(*given: Any) -> None:
        await sending(*given)
        raise asyncio.CancelledError

    rounds._post.send = send_and_die  # type: ignore[method-assign, assignment]
    await lab.until(lambda: lab.hooks.got)
    assert (await lab.deliveries())[0]["state"] == "Pending"
    # The next process knows nothing but the database.
    await controller.lease.give_up()
    post = Post(Mailer(None), lab.service.context.cipher, LOCAL, Names(["127.0.0.1"]))
    other = Controller(
        lab.service.database, MemoryBackend().backend, Metrics(), asyncio.Event(), None, lab.clock, post=post
    )
    async with asyncio.timeout(20):
        while (await lab.deliveries())[0]["state"] == "Pending":
            await other.round()
            assert other.notifications is not None
            await other.notifications.settled()
    assert len({g.body["id"] for g in lab.hooks.got}) == 1 and len(lab.hooks.got) == 2
    other._stop_beside()


async def test_who_lost_the_lease_writes_nothing(lab: World) -> None:
    await lab.channel()
    await lab.end()
    controller = lab.service.context.controller
    assert controller is not None and controller.notifications is not None

    def steal(uow: UnitOfWork) -> None:
        uow.leases.acquire("controller", "somebody else", now() + timedelta(hours=1), timedelta(hours=1))

    await lab.service.database.writing(steal)
    with pytest.raises(LeaseLost):
        await controller.notifications._collect()
    assert await lab.deliveries() == [] and lab.hooks.got == []


async def test_a_thousand_ends_at_once(lab: World) -> None:
    await lab.channel("ops")
    await lab.channel("chat", kind="slack", url=f"{lab.hooks.url}/chat")
    await lab.channel("team", kind="email", url="", addresses=["team@example.org"])

    def end(uow: UnitOfWork) -> None:
        for _ in range(1000):
            ended_job(uow, JobState.FAILED)

    await lab.service.database.writing(end)
    # 4,000 events, a thousand POSTs, and for people one message each.
    await lab.until(lambda: len(lab.hooks.at("/ok")) >= 1000 and lab.mail.messages and lab.hooks.at("/chat"))
    assert len({g.body["id"] for g in lab.hooks.at("/ok")}) == len(lab.hooks.at("/ok")) == 1000
    counts = await lab.service.database.reading(lambda uow: uow.deliveries.count())
    assert counts == {DeliveryState.SENT.value: 3000}
    assert sum(int(m["Subject"].split()[1]) for m in lab.mail.messages) == 1000
    assert len(lab.mail.messages) <= 4 and len(lab.hooks.at("/chat")) <= 4
    assert "more." in lab.mail.messages[0].get_content()


async def test_no_flood_of_what_is_old(seeded: Database, hub: FakeHub, clock: Clock) -> None:
    with seeded.write() as uow:
        for _ in range(3):
            ended_job(uow, JobState.FAILED)
    async with world(seeded, hub, clock, Names(["127.0.0.1"])) as lab:
        await lab.channel()
        # Of long before, written by whoever was cut off until now.
        await lab.service.database.writing(
            lambda uow: ended_job(uow, JobState.FAILED, moment=now() - timedelta(days=2))
        )
        late = await lab.end()
        await lab.until(lambda: lab.hooks.got)
        await lab.service.round(2)
        await lab.settled()
        assert [g.body["job"]["id"] for g in lab.hooks.got] == [late]


async def test_old_deliveries_are_forgotten(lab: World) -> None:
    await lab.channel()
    await lab.end()
    await lab.until(lambda: lab.hooks.got)
    lab.clock.forward(31 * 86400)
    controller = lab.service.context.controller
    assert controller is not None
    await lab.service.round()
    await controller.housekeeping.forget_old()
    assert await lab.deliveries() == []


async def test_switched_off_renamed_deleted_tried_out(lab: World) -> None:
    client = lab.service.client("ada")
    await lab.channel()
    await lab.channel("ops", 409)
    answer = await client.post("/groups/physics/channels/ops/test")
    assert (answer.status_code, answer.json()["event"], answer.json()["state"]) == (201, "test", "Pending")
    await lab.until(lambda: lab.hooks.got)
    assert lab.hooks.got[0].body["event"] == "test" and lab.hooks.got[0].body["id"] == answer.json()["id"]
    changed = await client.patch("/groups/physics/channels/ops", json={"name": "alerts", "enabled": False})
    assert (changed.json()["name"], changed.json()["url"]) == ("alerts", f"{lab.hooks.url}/ok")
    assert (await client.post("/groups/physics/channels/alerts/test")).status_code == 409
    await lab.end()
    await lab.service.round()
    await lab.settled()
    assert len(lab.hooks.got) == 1
    assert (await client.delete("/groups/physics/channels/alerts")).status_code == 200
    assert (await client.get("/groups/physics/channels")).json() == {"items": [], "mail": True}


async def test_addresses_of_people(seeded: Database, hub: FakeHub, clock: Clock) -> None:
    options = replace(LOCAL, domains=frozenset({"example.org"}))
    async with world(seeded, hub, clock, Names(["127.0.0.1"]), options) as lab:
        refused = await lab.channel("team", 400, kind="email", url="", addresses=["a@example.org", "b@evil.example"])
        assert refused["error"]["details"]["field"] == "addresses.1"
        client = lab.service.client("mia")
        for body, words in (
            ({"address": "mia@evil.example"}, "example.org only"),
            ({"events": ["job.failed"]}, "is needed"),
            ({"address": "mia@example.org", "groups": ["chemistry"]}, "that you belong to"),
        ):
            answer = await client.put("/notifications", json=body)
            assert answer.status_code == 400 and words in answer.text
        # The provider's address is the one; one's own word is none beside it.
        account = UserIdentity("mia", "https://idp.example", "s1", "mia.m@example.org")
        await lab.service.database.writing(lambda uow: uow.identities.put(account))
        answer = await client.put("/notifications", json={"address": "else@example.org", "events": ["job.failed"]})
        assert answer.status_code == 400 and "your account" in answer.text
        answer = await client.put("/notifications", json={"events": ["job.failed"]})
        assert (answer.json()["address"], answer.json()["from_account"]) == ("mia.m@example.org", True)
        await lab.end()
        await lab.until(lambda: lab.mail.messages)
        assert lab.mail.recipients == [["mia.m@example.org"]]
        # Who left the group hears no more of it.
        await lab.end()
        await lab.service.database.writing(lambda uow: uow.memberships.delete("physics", "mia"))
        await lab.service.database.writing(lambda uow: uow.memberships.put(Membership("chemistry", "mia", Role.MEMBER)))
        await lab.service.round()
        await lab.settled()
        counts = await lab.service.database.reading(lambda uow: uow.deliveries.count())
        assert (counts, len(lab.mail.messages)) == ({"Sent": 1, "Dropped": 1}, 1)


async def test_without_mail_or_key_it_is_said(seeded: Database, hub: FakeHub) -> None:
    from collegium.cipher import Cipher

    async with running_service(seeded, hub, cipher=Cipher.without(), lookup=Names(["1.1.1.1"])) as service:
        client = service.client("ada")

        async def make(**body: Any) -> httpx.Response:
            return await client.post("/groups/physics/channels", json={"name": "x", **body})

        answer = await make(kind="email", addresses=["a@example.org"])
        assert answer.status_code == 409 and "COLLEGIUM_MAIL" in answer.text
        answer = await make(kind="webhook", url="https://a.example/hush-token")
        assert answer.status_code == 503 and "COLLEGIUM_SECRET_KEY" in answer.text and "hush" not in answer.text
        assert "COLLEGIUM_MAIL" in (await client.get("/notifications")).json()["problem"]
