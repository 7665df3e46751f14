"""Invitations from the making of a link to its last use, over HTTP, with a broker in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import Unavailable
from collegium.domain.groups import Group, Role
from collegium.domain.identity import ProviderState, Standing, UserIdentity
from collegium.services.by import By
from collegium.services.invitations.models import RegisterIn
from collegium.services.mail import Mailer, MailSettings
from integration.services.fake_broker import ISSUER, Crash, FakeBroker
from integration.services.harness import Clock, FakeHub, Service, running_service
from support.mail import MailSink, links, mail_sink

INVITATIONS = "/groups/physics/invitations"
NINA = {"username": "nina", "email": "nina@example.org", "first_name": "Nina", "last_name": "Nowak"}


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


def prepare(uow: UnitOfWork, broker: FakeBroker) -> None:
    uow.groups.put(replace(uow.groups.get("physics") or Group("physics", "Physics"), invitations=True))
    uow.providers.begin(ISSUER, now())
    for name in ("mia", "ada", "zoe", "nobody", "root"):
        account = broker.add(name)
        uow.identities.put(UserIdentity(name, ISSUER, account.subject, account.email, True, Standing.ACTIVE, now()))
        roles = uow.memberships.of_user(name)
        broker.places[account.subject] = dict(roles)


@pytest.fixture
async def service(
    seeded: Database, hub: FakeHub, clock: Clock, broker: FakeBroker, mail: MailSink
) -> AsyncIterator[Service]:
    with seeded.write() as uow:
        prepare(uow, broker)
    settings = MailSettings(host=mail.host, port=mail.port, security="none", sender="hub@example.org")
    async with running_service(seeded, hub, clock=clock, broker=broker, mailer=Mailer(settings)) as service:
        yield service


async def invite(service: Service, who: str = "ada", **body: Any) -> dict[str, Any]:
    answer = await service.client(who).post(INVITATIONS, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def token_of(made: dict[str, Any]) -> str:
    return str(made["link"]).partition("#")[2]


async def accept(service: Service, who: str, token: str) -> httpx.Response:
    return await service.client(who).post("/invitations/accept", json={"token": token})


async def register(service: Service, token: str, **changes: str) -> httpx.Response:
    return await service.client(None).post("/invitations/register", json={**NINA, **changes, "token": token})


async def look(service: Service, token: str) -> httpx.Response:
    return await service.client(None).post("/invitations/look", json={"token": token})


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


async def listed(service: Service) -> list[dict[str, Any]]:
    answer = await service.client("ada").get(INVITATIONS)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["items"]
    return rows


def audit(service: Service) -> list[tuple[str, str, str, str]]:
    with service.database.read() as uow:
        return [(a.action, a.actor, a.object, a.outcome.value) for a in reversed(uow.audit.page(100))]


async def test_round_trip_of_somebody_who_has_an_account(service: Service, broker: FakeBroker) -> None:
    made = await invite(service, role="maintainer", note="for the night shift")
    assert made["link"].startswith(f"{service.url}/services/collegium/invitation#cinv_")
    assert (made["state"], made["uses"], made["max_uses"], made["mailed_at"]) == ("open", 0, 1, None)
    seen = (await look(service, token_of(made))).json()
    assert seen["group_display_name"] == "Physics"
    assert (seen["role"], seen["invited_by"], seen["state"], seen["registration"]) == (
        "maintainer",
        "ada",
        "open",
        True,
    )
    answer = await accept(service, "nobody", token_of(made))
    assert (answer.status_code, answer.json()) == (200, {"group": "physics", "role": "maintainer", "already": False})
    assert broker.places["id-nobody"] == {"physics": Role.MAINTAINER}
    (row,) = await listed(service)
    assert (row["state"], row["uses"], row["used_by"]) == ("used up", 1, ["nobody"])
    assert "link" not in row
    assert audit(service) == [
        ("invitation.create", "ada", made["id"], "done"),
        ("invitation.accept", "nobody", "nobody", "done"),
    ]


async def test_a_second_time_changes_nothing(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service, max_uses=2))
    for already in (False, True, True):
        answer = await accept(service, "nobody", token)
        assert (answer.status_code, answer.json()["already"]) == (200, already)
    assert broker.changes == 1
    assert (await listed(service))[0]["uses"] == 1
    broker.places["id-nobody"].clear()
    status, message = error_of(await accept(service, "nobody", token))
    assert status == 409
    assert "left the group" in message
    assert broker.places["id-nobody"] == {}


async def test_nobody_becomes_less_and_no_place_is_lost_for_it(service: Service, broker: FakeBroker) -> None:
    made = await invite(service, role="viewer")
    answer = await accept(service, "mia", token_of(made))
    assert answer.json() == {"group": "physics", "role": "member", "already": True}
    assert broker.changes == 0
    assert (await listed(service))[0]["uses"] == 0


async def test_registration(service: Service, broker: FakeBroker) -> None:
    made = await invite(service, role="viewer")
    answer = await register(service, token_of(made), username="NINA")
    body = answer.json()
    assert (answer.status_code, body["username"], body["mail_sent"]) == (201, "nina", True)
    assert "nina@example.org" in body["message"]
    account = broker.accounts["id-nina"]
    assert account.required_actions == ("VERIFY_EMAIL", "UPDATE_PASSWORD")
    assert broker.places["id-nina"] == {"physics": Role.VIEWER}
    assert broker.mails == [("id-nina", ("VERIFY_EMAIL", "UPDATE_PASSWORD"), 24)]
    assert (await listed(service))[0]["used_by"] == ["nina"]
    # The same person again: the mail got lost.
    assert (await register(service, token_of(made))).status_code == 201
    assert len(broker.mails) == 2
    assert (await listed(service))[0]["uses"] == 1
    # Somebody else with that name, and somebody else at all.
    assert "user name" in error_of(await register(service, token_of(made), email="other@example.org"))[1]
    assert "used up" in error_of(await register(service, token_of(made), username="otto", email="o@example.org"))[1]
    assert ("invitation.register", "nina", "nina", "done") in audit(service)


async def test_registration_without_mail_can_be_tried_again(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service))
    broker.mail_down = True
    answer = await register(service, token)
    assert (answer.status_code, answer.json()["mail_sent"]) == (201, False)
    assert "no mail" in answer.json()["message"]
    broker.mail_down = False
    assert (await register(service, token)).json()["mail_sent"] is True


async def test_what_is_taken_costs_no_place(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service))
    broker.add("taken", email="taken@example.org")
    for changes in ({"username": "taken"}, {"email": "taken@example.org"}, {"username": "mia"}):
        answer = await register(service, token, **changes)
        assert answer.status_code == 409
        assert answer.json()["error"]["details"]["field"] == next(iter(changes))
    assert (await listed(service))[0]["uses"] == 0
    assert (await register(service, token)).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [{"username": "a b"}, {"username": ""}, {"email": "nina"}, {"first_name": "a\nb"}, {"last_name": "x" * 200}],
)
async def test_bad_fields_of_a_registration(service: Service, changes: dict[str, str]) -> None:
    token = token_of(await invite(service))
    answer = await register(service, token, **changes)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, next(iter(changes)))


async def test_revoked_expired_used_up_and_unknown(service: Service, clock: Clock) -> None:
    revoked, late, other = await invite(service), await invite(service, expires_in=1), await invite(service)
    answer = await service.client("ada").delete(f"{INVITATIONS}/{revoked['id']}")
    assert (answer.status_code, answer.json()["state"], answer.json()["revoked_by"]) == (200, "revoked", "ada")
    assert (await service.client("ada").delete(f"{INVITATIONS}/{revoked['id']}")).status_code == 200
    assert (await accept(service, "nobody", token_of(other))).status_code == 200
    clock.forward(3601)
    for made, state in ((revoked, "revoked"), (late, "expired"), (other, "used up")):
        assert (await look(service, token_of(made))).json()["state"] == state
        for answer in (await accept(service, "zoe", token_of(made)), await register(service, token_of(made))):
            assert answer.status_code == 409
            assert answer.json()["error"]["details"]["state"] == state
    assert error_of(await look(service, "cinv_" + "x" * 43))[0] == 404
    assert error_of(await accept(service, "zoe", "cinv_" + "x" * 43))[0] == 404
    bad = await look(service, "my-password")
    assert bad.status_code == 400
    assert "my-password" not in bad.text


async def test_bound_to_an_address(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service, email="Nobody@Example.org"))
    assert (await look(service, token)).json()["bound_to"] == "N…@Example.org"
    assert "another e-mail address" in error_of(await accept(service, "zoe", token))[1]
    assert "another e-mail address" in error_of(await register(service, token))[1]
    broker.accounts["id-nobody"] = replace(broker.accounts["id-nobody"], email_verified=False)
    assert "not verified" in error_of(await accept(service, "nobody", token))[1]
    broker.accounts["id-nobody"] = replace(broker.accounts["id-nobody"], email_verified=True)
    assert (await accept(service, "nobody", token)).status_code == 200


async def test_bound_to_domains(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service, domains=["@Lab.example", "b.example"], max_uses=5))
    assert (await look(service, token)).json()["bound_to"] == "@lab.example, @b.example"
    assert error_of(await accept(service, "nobody", token))[0] == 403
    for email in ("nina@example.org", "nina@sub.lab.example", "nina@evil-lab.example"):
        assert error_of(await register(service, token, email=email))[0] == 403
    assert (await register(service, token, email="nina@LAB.example")).status_code == 201
    assert (await listed(service))[0]["uses"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "owner"}, "role"),
        ({"role": 1}, "role"),
        ({"max_uses": 0}, "max_uses"),
        ({"max_uses": 101}, "max_uses"),
        ({"expires_in": 0}, "expires_in"),
        ({"expires_in": 73}, "expires_in"),
        ({"email": "nobody"}, "email"),
        ({"email": "a@b.org", "max_uses": 2}, "max_uses"),
        ({"email": "a@b.org", "domains": ["c.org"]}, "email"),
        ({"domains": ["a b"]}, "domains.0"),
        ({"domains": ["a.org"] * 21}, "domains"),
        ({"note": "a\nb"}, "note"),
        ({"send_mail": True}, "send_mail"),
        ({"shoe": 1}, "shoe"),
    ],
)
async def test_bad_invitations(service: Service, body: dict[str, Any], field: str) -> None:
    answer = await service.client("ada").post(INVITATIONS, json=body)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field), answer.text


async def test_limits_are_named(service: Service) -> None:
    answer = await service.client("ada").post(INVITATIONS, json={"expires_in": 1000})
    assert answer.json()["error"]["details"]["limit"] == 72
    assert "72" in answer.json()["error"]["message"]


async def test_who_may_invite(service: Service) -> None:
    for who, status in (("mia", 403), ("mat", 403), ("vic", 403), ("zoe", 404), ("nobody", 404), ("root", 201)):
        answer = await service.client(who).post(INVITATIONS, json={})
        assert answer.status_code == status, who
    assert (await service.client("ada").post("/groups/chemistry/invitations", json={})).status_code == 404
    made = await invite(service)
    for who, status in (("mia", 403), ("zoe", 404)):
        assert (await service.client(who).delete(f"{INVITATIONS}/{made['id']}")).status_code == status
    other = await service.client("root").delete(f"/groups/chemistry/invitations/{made['id']}")
    assert other.status_code == 404
    assert (await listed(service))[0]["state"] == "open"


async def test_a_group_that_does_not_invite(service: Service) -> None:
    token = token_of(await invite(service))
    with service.database.write() as uow:
        uow.groups.put(replace(uow.groups.get("physics") or Group("physics", ""), invitations=False))
    status, message = error_of(await service.client("ada").post(INVITATIONS, json={}))
    assert status == 409
    assert "invitations: true" in message
    answer = await service.client("ada").get(INVITATIONS)
    assert "invitations: true" in answer.json()["problem"]
    assert "invitations: true" in error_of(await accept(service, "nobody", token))[1]


async def test_whose_inviter_lost_the_right(service: Service) -> None:
    token = token_of(await invite(service))
    with service.database.write() as uow:
        uow.memberships.delete("physics", "ada")
    status, message = error_of(await accept(service, "nobody", token))
    assert (status, "does not administer" in message) == (409, True)


async def test_roles_that_cannot_be_given_are_refused_at_once(service: Service, broker: FakeBroker) -> None:
    broker.no_place.add(("physics", Role.ADMIN))
    assert error_of(await service.client("ada").post(INVITATIONS, json={"role": "admin"}))[0] == 409
    assert await listed(service) == []


async def test_out_of_bounds_costs_no_place_and_is_told(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service))
    status, message = error_of(await accept(service, "root", token))
    assert (status, message) == (403, "root is a platform admin.")
    assert (await listed(service))[0]["uses"] == 0
    assert ("invitation.accept", "root", "root", "refused") in audit(service)


async def test_people_of_another_kind(service: Service) -> None:
    token = token_of(await invite(service))
    status, message = error_of(await accept(service, "max", token))
    assert (status, "account of Keycloak" in message) == (409, True)


async def test_without_a_broker(seeded: Database, hub: FakeHub) -> None:
    with seeded.write() as uow:
        uow.groups.put(Group("physics", "Physics", invitations=True))
    async with running_service(seeded, hub) as service:
        answer = await service.client("ada").post(INVITATIONS, json={})
        assert answer.status_code == 409
        assert answer.json()["error"]["details"]["missing"] == "COLLEGIUM_KEYCLOAK"
        assert "docs/keycloak.md" in answer.text
        assert "COLLEGIUM_KEYCLOAK" in (await service.client("ada").get(INVITATIONS)).json()["problem"]


async def test_mail(service: Service, mail: MailSink) -> None:
    made = await invite(service, email="otto@example.org", send_mail=True, role="admin")
    assert made["mailed_at"]
    assert made["mail_problem"] == ""
    message = mail.wait_for("otto@example.org")
    assert links(message) == [made["link"]]
    assert "Physics" in str(message["Subject"])
    assert "group admin" in message.get_content()
    assert [a[0] for a in audit(service)] == ["invitation.create", "invitation.mail"]


async def test_mail_that_fails_leaves_the_invitation(seeded: Database, hub: FakeHub, broker: FakeBroker) -> None:
    with seeded.write() as uow:
        prepare(uow, broker)
    broken = Mailer(MailSettings(host="127.0.0.1", port=1, security="none", sender="hub@example.org"))
    async with running_service(seeded, hub, broker=broker, mailer=broken) as service:
        made = await invite(service, email="otto@example.org", send_mail=True)
        assert "did not take the mail" in made["mail_problem"]
        assert made["mailed_at"] is None
        assert (await look(service, token_of(made))).status_code == 200
    async with running_service(seeded, hub, broker=broker) as service:
        answer = await service.client("ada").post(INVITATIONS, json={"email": "o@example.org", "send_mail": True})
        assert (answer.status_code, "COLLEGIUM_MAIL" in answer.text) == (409, True)


async def test_twenty_at_once_on_five_places(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service, max_uses=5))
    people = [f"p{i}" for i in range(20)]
    with service.database.write() as uow:
        for name in people:
            account = broker.add(name)
            uow.identities.put(UserIdentity(name, ISSUER, account.subject))
    for name in people:
        service.hub.tokens[name] = service.hub.user(name, service.hub.tokens["mia"]["scopes"])
        service.hub.tokens[name]["scopes"] = [
            s.replace("!user=mia", f"!user={name}") for s in service.hub.tokens[name]["scopes"]
        ]
    answers = await asyncio.gather(*(accept(service, name, token) for name in people))
    assert sorted(a.status_code for a in answers) == [200] * 5 + [409] * 15
    assert sum("physics" in broker.places.get(f"id-{p}", {}) for p in people) == 5
    assert (await listed(service))[0]["uses"] == 5


async def test_twenty_registrations_at_once_on_five_places(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service, max_uses=5))
    service.context.guests._registrations._burst = 100
    work = [register(service, token, username=f"p{i}", email=f"p{i}@example.org") for i in range(20)]
    answers = await asyncio.gather(*work)
    assert sorted(a.status_code for a in answers) == [201] * 5 + [409] * 15
    assert sum("physics" in r for s, r in broker.places.items() if s.startswith("id-p")) == 5


async def test_the_same_registration_twenty_times_at_once(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service, max_uses=5))
    service.context.guests._registrations._burst = 100
    answers = await asyncio.gather(*(register(service, token) for _ in range(20)))
    assert {a.status_code for a in answers} <= {201, 409}
    assert any(a.status_code == 201 for a in answers)
    assert (await listed(service))[0]["uses"] == 1


@pytest.mark.parametrize("moment", ["before place", "after place"])
async def test_a_crash_in_the_middle_of_joining_is_settled(
    service: Service, broker: FakeBroker, clock: Clock, moment: str
) -> None:
    token = token_of(await invite(service))
    broker.crash = moment
    with service.database.read() as uow:
        by = By(uow.memberships.actor("nobody"))
    with pytest.raises(Crash):
        await service.context.guests.accept(by, token, "here")
    assert (await listed(service))[0]["uses"] == 1
    await service.context.guests.settle()
    assert ("invitation.accept", "collegium", "nobody", "done") not in audit(service)
    clock.forward(61)
    await service.context.guests.settle()
    assert broker.places["id-nobody"] == {"physics": Role.MEMBER}
    assert ("invitation.accept", "collegium", "nobody", "done") in audit(service)
    assert (await accept(service, "nobody", token)).json()["already"] is True


async def test_a_crash_and_a_revoked_link_give_the_place_back(
    service: Service, broker: FakeBroker, clock: Clock
) -> None:
    made = await invite(service)
    broker.crash = "before place"
    with service.database.read() as uow:
        by = By(uow.memberships.actor("nobody"))
    with pytest.raises(Crash):
        await service.context.guests.accept(by, token_of(made), "here")
    await service.client("ada").delete(f"{INVITATIONS}/{made['id']}")
    clock.forward(61)
    await service.context.guests.settle()
    assert broker.places["id-nobody"] == {}
    assert (await listed(service))[0]["uses"] == 0
    assert ("invitation.accept", "nobody", "nobody", "refused") in audit(service)


@pytest.mark.parametrize("moment", ["before create", "after create"])
async def test_a_crash_in_the_middle_of_a_registration_is_settled(
    service: Service, broker: FakeBroker, clock: Clock, moment: str
) -> None:
    token = token_of(await invite(service))
    guests = service.context.guests
    broker.crash = moment
    with pytest.raises(Crash):
        await guests.register(RegisterIn.model_validate({**NINA, "token": token}), "here")
    clock.forward(61)
    await guests.settle()
    made = moment == "after create"
    assert (await listed(service))[0]["uses"] == int(made)
    assert bool(broker.mails) is made
    answer = await register(service, token)
    assert answer.status_code == 201
    assert broker.places["id-nina"] == {"physics": Role.MEMBER}
    assert (await listed(service))[0]["uses"] == 1


async def test_a_crash_and_the_same_person_again_at_once(service: Service, broker: FakeBroker) -> None:
    token = token_of(await invite(service))
    for moment in ("before create", "after create"):
        broker.crash = moment
        with pytest.raises(Crash):
            await service.context.guests.register(RegisterIn.model_validate({**NINA, "token": token}), "here")
    assert (await register(service, token)).status_code == 201
    assert (await listed(service))[0]["uses"] == 1


async def test_no_answer_keeps_the_place_and_is_settled(service: Service, broker: FakeBroker, clock: Clock) -> None:
    made = await invite(service)
    real = broker.place

    async def silent(subject: str, group: str, role: Role | None) -> None:
        await real(subject, group, role)
        broker.down = True
        broker._ask()

    broker.place = silent  # type: ignore[method-assign]
    assert error_of(await accept(service, "nobody", token_of(made)))[0] == 503
    assert (await listed(service))[0]["uses"] == 1
    clock.forward(61)
    with pytest.raises(Unavailable):
        await service.context.guests.settle()
    broker.down, broker.place = False, real  # type: ignore[method-assign]
    await service.context.guests.settle()
    assert (await listed(service))[0]["used_by"] == ["nobody"]
    assert (await accept(service, "nobody", token_of(made))).json()["already"] is True


async def test_settling_goes_on_whatever_happens(
    service: Service, broker: FakeBroker, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collegium.services.invitations.guests.SETTLE", 0.01)
    made = await invite(service)
    broker.crash = "before place"
    with service.database.read() as uow:
        by = By(uow.memberships.actor("nobody"))
    with pytest.raises(Crash):
        await service.context.guests.accept(by, token_of(made), "here")
    clock.forward(61)
    answers = iter([Unavailable("no answer"), ValueError("a bug")])
    real, tried = broker.place, asyncio.Event()

    async def place(subject: str, group: str, role: Role | None) -> None:
        for error in answers:
            raise error
        await real(subject, group, role)
        tried.set()

    broker.place = place  # type: ignore[method-assign]
    # Two replicas at once.
    tasks = [asyncio.create_task(service.context.guests.keep_settled()) for _ in range(2)]
    await tried.wait()
    while not any(a[0] == "invitation.accept" for a in audit(service)):
        await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    assert [a for a in audit(service) if a[0] != "invitation.create"] == [
        ("invitation.accept", "collegium", "nobody", "done")
    ]


async def test_while_the_provider_is_silent_nothing_is_given(service: Service) -> None:
    token = token_of(await invite(service))
    with service.database.write() as uow:
        uow.providers.say(ISSUER, ProviderState.UNAVAILABLE, "no answer", now())
    for answer in (
        await service.client("ada").post(INVITATIONS, json={}),
        await accept(service, "nobody", token),
        await register(service, token),
    ):
        assert answer.status_code == 503
        assert "Retry-After" in answer.headers
    assert (await look(service, token)).status_code == 200


async def test_guessing_is_slowed_down(service: Service) -> None:
    statuses = [(await look(service, f"cinv_{i:043d}")).status_code for i in range(80)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
    answer = await look(service, f"cinv_{1:043d}")
    assert "Retry-After" in answer.headers


async def test_one_link_is_slowed_down_wherever_one_comes_from(service: Service) -> None:
    token = token_of(await invite(service))
    statuses = []
    for i in range(40):
        headers = {"X-Forwarded-For": f"10.0.0.{i}"}
        answer = await service.client(None).post("/invitations/look", json={"token": token}, headers=headers)
        statuses.append(answer.status_code)
    assert statuses[0] == 200
    assert statuses[-1] == 429


async def test_the_token_is_nowhere(service: Service, caplog: pytest.LogCaptureFixture, mail: MailSink) -> None:
    caplog.set_level(logging.DEBUG)
    made = await invite(service, email="nobody@example.org", send_mail=True)
    token = token_of(made)
    await look(service, token)
    await accept(service, "nobody", token)
    await register(service, token)
    with service.database.read() as uow:
        entries = repr(uow.audit.page(100)) + repr(uow.invitations.of_group("physics"))
    assert token not in entries
    assert token not in caplog.text
    assert token not in str(await listed(service))


async def test_too_many_open_ones(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collegium.services.invitations.service.MAX_OPEN", 2)
    await invite(service)
    made = await invite(service)
    assert error_of(await service.client("ada").post(INVITATIONS, json={}))[0] == 409
    await service.client("ada").delete(f"{INVITATIONS}/{made['id']}")
    await invite(service)
