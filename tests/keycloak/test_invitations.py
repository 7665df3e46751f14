"""Invitations with a real Keycloak and a real mail server: from the link to the first login, and what is refused."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from collegium.db import Database
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.domain.groups import Group, ManagedBy, Role
from collegium.domain.identity import Claims
from collegium.identity.accept import accept as believe
from collegium.identity.accounts import Accounts
from collegium.identity.settings import KeycloakSettings
from collegium.services.by import By
from collegium.services.invitations.models import RegisterIn
from collegium.services.mail import Mailer, MailSettings
from collegium.settings import Settings
from integration.services.harness import Clock, FakeHub, Service, running_hub, running_service, scopes_of
from support.keycloak import Keycloak, browser
from support.keycloak_pages import send_form
from support.mail import MailSink, links

INVITATIONS = "/groups/physics/invitations"
PASSWORD = "Chosen-by-nina-1"
NINA = {"username": "nina", "email": "nina@lab.example.test", "first_name": "Nina", "last_name": "Nowak"}


class Died(BaseException):
    """The process ends here."""


@pytest.fixture
def settings(realm: Keycloak) -> KeycloakSettings:
    return KeycloakSettings.from_mapping({**realm.settings(), "patience": 30})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(Settings.at(tmp_path))
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics", invitations=True))
        uow.groups.put(Group("chemistry", "Chemistry"))
    yield database
    database.close()


@pytest.fixture
async def broker(settings: KeycloakSettings, database: Database) -> AsyncIterator[Accounts]:
    broker = Accounts(settings, database)
    yield broker
    await broker.close()


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with running_hub() as hub:
        yield hub


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def service(
    realm: Keycloak,
    settings: KeycloakSettings,
    database: Database,
    broker: Accounts,
    hub: FakeHub,
    clock: Clock,
    mail: MailSink,
) -> AsyncIterator[Service]:
    realm.set_smtp(mail.port)
    smtp = Mailer(MailSettings(host=mail.host, port=mail.port, security="none", sender="hub@example.test"))
    async with running_service(database, hub, clock=clock, broker=broker, mailer=smtp) as service:
        for name in ("ann", "bob"):
            log_in(realm, settings, service, name)
        yield service


def log_in(realm: Keycloak, settings: KeycloakSettings, service: Service, name: str) -> dict[str, Role]:
    """A login as the hub's authenticator believes it; the roles here after it."""
    said = realm.userinfo(name)
    claims = Claims(
        said["sub"],
        name,
        frozenset(said.get("groups", ())),
        said.get("name", ""),
        said.get("email", ""),
        bool(said.get("email_verified")),
    )
    service.hub.tokens[name] = service.hub.user(name, scopes_of(name))
    with service.database.write() as uow:
        return dict(believe(uow, settings, claims, now()).roles)


async def invite(service: Service, **body: Any) -> dict[str, Any]:
    answer = await service.client("ann").post(INVITATIONS, json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def token_of(made: dict[str, Any]) -> str:
    return str(made["link"]).partition("#")[2]


async def accept(service: Service, who: str, token: str) -> httpx.Response:
    return await service.client(who).post("/invitations/accept", json={"token": token})


async def register(service: Service, token: str, **changes: str) -> httpx.Response:
    return await service.client(None).post("/invitations/register", json={**NINA, **changes, "token": token})


def choose_password(link: str, password: str) -> str:
    """Follow Keycloak's mail as a browser does; the last page."""
    with browser() as client:
        page = client.get(link)
        following = [html.unescape(a) for a in re.findall(r'href="([^"]+)"', page.text) if "action-token" in a]
        for cookie in client.cookies.jar:
            cookie.secure = False
        page = client.get(following[0])
        chosen = {"password-new": password, "password-confirm": password}
        return send_form(client, page, "kc-passwd-update-form", chosen).text


async def test_from_the_link_to_the_first_login(
    service: Service, realm: Keycloak, settings: KeycloakSettings, mail: MailSink
) -> None:
    made = await invite(service, role="maintainer", email=NINA["email"], send_mail=True)
    (link,) = links(await asyncio.to_thread(mail.wait_for, NINA["email"]))
    token = link.partition("#")[2]
    assert link == made["link"]
    seen = (await service.client(None).post("/invitations/look", json={"token": token})).json()
    assert (seen["group_display_name"], seen["invited_by"], seen["state"]) == ("Physics", "Ann Archer", "open")

    answer = await register(service, token)
    assert (answer.status_code, answer.json()["mail_sent"]) == (201, True), answer.text
    letter = await asyncio.to_thread(mail.wait_for, NINA["email"], lambda m: any("action-token" in a for a in links(m)))
    (action,) = [a for a in links(letter) if "action-token" in a]
    done = await asyncio.to_thread(choose_password, action, PASSWORD)
    assert "updated" in done
    # The way back leads to the hub.
    assert f"{realm.hub_url}/hub/home" in done

    realm.passwords["nina"] = PASSWORD
    said = await asyncio.to_thread(realm.userinfo, "nina")
    assert said["groups"] == ["/physics/maintainers"]
    assert said["email_verified"] is True
    assert log_in(realm, settings, service, "nina") == {"physics": Role.MAINTAINER}
    assert (await service.client("nina").get("/groups/physics")).status_code == 200

    log_in(realm, settings, service, "zoe")
    for late in (await accept(service, "zoe", token), await register(service, token, username="otto")):
        assert (late.status_code, late.json()["error"]["details"]["state"]) == (409, "used up"), late.text
    assert realm.groups_of("zoe") == []


async def test_joining_with_an_account(
    service: Service, realm: Keycloak, settings: KeycloakSettings, clock: Clock
) -> None:
    log_in(realm, settings, service, "zoe")
    revoked, late = await invite(service), await invite(service, expires_in=1)
    foreign = await invite(service, domains=["elsewhere.test"])
    await service.client("ann").delete(f"{INVITATIONS}/{revoked['id']}")
    answer = await accept(service, "zoe", token_of(revoked))
    assert (answer.status_code, answer.json()["error"]["details"]["state"]) == (409, "revoked")
    answer = await accept(service, "zoe", token_of(foreign))
    assert (answer.status_code, "elsewhere.test" in answer.text) == (403, True)
    answer = await register(service, token_of(foreign))
    assert answer.status_code == 403
    assert realm.groups_of("zoe") == []

    token = token_of(await invite(service, domains=["example.test"], role="admin", max_uses=3))
    answer = await accept(service, "zoe", token)
    assert (answer.status_code, answer.json()) == (200, {"group": "physics", "role": "admin", "already": False})
    assert realm.groups_of("zoe") == ["/physics/admins"]
    # At once, without another login.
    assert (await service.client("zoe").get(INVITATIONS)).status_code == 200
    assert (await accept(service, "zoe", token)).json()["already"] is True
    # Nobody loses by it: ann is admin already.
    assert (await accept(service, "ann", token)).json()["already"] is True
    # A platform admin's groups are changed in Keycloak only.
    with service.database.write() as uow:
        uow.users.put(User("admin", platform_admin=True, managed_by=ManagedBy.IDP))
    log_in(realm, settings, service, "admin")
    answer = await accept(service, "admin", token)
    assert (answer.status_code, "platform admin" in answer.text) == (403, True)
    assert realm.groups_of("admin") == ["/collegium-protected"]
    (row,) = [r for r in (await service.client("ann").get(INVITATIONS)).json()["items"] if r["role"] == "admin"]
    assert row["used_by"] == ["zoe"]
    clock.forward(3700)
    answer = await accept(service, "bob", token_of(late))
    assert (answer.status_code, answer.json()["error"]["details"]["state"]) == (409, "expired")


async def test_who_may_not_invite(service: Service) -> None:
    """bob is a member of physics and nothing in chemistry; ann is a member of chemistry."""
    for who, group, status in (("bob", "physics", 403), ("bob", "chemistry", 404), ("ann", "chemistry", 403)):
        assert (await service.client(who).post(f"/groups/{group}/invitations", json={})).status_code == status


async def test_what_is_taken_is_said(service: Service, realm: Keycloak) -> None:
    token = token_of(await invite(service))
    for changes in ({"username": "cem"}, {"email": "cem@example.test"}):
        answer = await register(service, token, **changes)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (409, next(iter(changes)))
    answer = await register(service, token, username="ni")
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "username"), answer.text
    (row,) = (await service.client("ann").get(INVITATIONS)).json()["items"]
    assert row["uses"] == 0
    assert realm.groups_of("cem") == ["/chemistry"]


async def test_twenty_at_once_on_five_places(service: Service, realm: Keycloak, settings: KeycloakSettings) -> None:
    people = [f"guest{i}" for i in range(20)]
    for name in people:
        subject = realm.create_user(name)
        service.hub.tokens[name] = service.hub.user(name, scopes_of(name))
        with service.database.write() as uow:
            believe(uow, settings, Claims(subject, name, frozenset()), now())
    token = token_of(await invite(service, max_uses=5, role="viewer"))
    answers = await asyncio.gather(*(accept(service, name, token) for name in people))
    assert sorted(a.status_code for a in answers) == [200] * 5 + [409] * 15
    inside = [n for n in people if realm.groups_of(n) == ["/physics/viewers"]]
    assert len(inside) == 5
    with service.database.read() as uow:
        assert sorted(m.user for m in uow.memberships.of_group("physics") if m.user in people) == sorted(inside)


async def test_dying_between_counting_and_doing(
    service: Service,
    realm: Keycloak,
    settings: KeycloakSettings,
    broker: Accounts,
    clock: Clock,
    mail: MailSink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log_in(realm, settings, service, "zoe")
    guests = service.context.guests
    joining, coming = token_of(await invite(service)), token_of(await invite(service))
    real = broker.place

    async def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(broker, "place", die)
        # The account is made, and nobody hears of it any more.
        patch.setattr(guests, "_complete", die)
        with service.database.read() as uow:
            by = By(uow.memberships.actor("zoe"))
        with pytest.raises(Died):
            await guests.accept(by, joining, "here")
        with pytest.raises(Died):
            await guests.register(RegisterIn.model_validate({**NINA, "token": coming}), "here")
    assert broker.place == real
    with service.database.read() as uow:
        assert len(uow.invitations.unfinished()) == 2
    clock.forward(61)
    await service.context.guests.settle()
    with service.database.read() as uow:
        assert uow.invitations.unfinished() == []
    assert realm.groups_of("zoe") == ["/physics"] == realm.groups_of("nina")
    await asyncio.to_thread(mail.wait_for, NINA["email"])
    (one, other) = (await service.client("ann").get(INVITATIONS)).json()["items"]
    assert sorted((one["used_by"], other["used_by"])) == [["nina"], ["zoe"]]


async def test_while_keycloak_hangs_nothing_is_lost(
    service: Service, realm: Keycloak, settings: KeycloakSettings, broker: Accounts, clock: Clock
) -> None:
    log_in(realm, settings, service, "zoe")
    token = token_of(await invite(service))
    await broker.close()
    object.__setattr__(broker._api, "_settings", settings.model_copy(update={"patience": 1.0}))
    with realm.paused():
        answer = await accept(service, "zoe", token)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    await broker.close()
    object.__setattr__(broker._api, "_settings", settings)
    assert (await accept(service, "zoe", token)).status_code == 200
    assert realm.groups_of("zoe") == ["/physics"]
