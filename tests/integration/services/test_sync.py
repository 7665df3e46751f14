"""Group sync against a scripted realm: what it changes, what it asks, and what it never takes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collegium.db import Database, UnitOfWork
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.domain.errors import Misconfigured, Unavailable
from collegium.domain.groups import Group, ManagedBy, Role
from collegium.domain.identity import Claims, ProviderState
from collegium.identity.accept import accept
from collegium.identity.bind import rebind
from collegium.identity.settings import KeycloakSettings
from collegium.services.controller import people
from collegium.services.controller.lease import Lease
from collegium.services.controller.options import ControlOptions
from collegium.services.controller.sync import OURS, GroupSync
from collegium.services.metrics import Metrics
from integration.services.harness import Clock, FakeHub, running_service
from support.scripted_directory import ScriptedDirectory

ISSUER = "https://login.example.org/realms/lab"


def settings_of(tmp_path: Path, **more: Any) -> KeycloakSettings:
    secret = tmp_path / "secret"
    secret.write_text("not to be seen")
    client = {"client_id": "c", "client_secret_file": str(secret)}
    return KeycloakSettings.from_mapping({"issuer": ISSUER, "login": client, "sync": {**client, "interval": 1}, **more})


class Site:
    """A sync over a database of its own."""

    def __init__(self, database: Database, settings: KeycloakSettings, clock: Clock) -> None:
        self.database, self.settings, self.clock = database, settings, clock
        self.realm = ScriptedDirectory()
        self.lease = Lease(database, clock)
        self.fresh()

    def fresh(self) -> None:
        self.sync = GroupSync(self.database, self.realm, self.settings, self.lease, Metrics(), self.clock)

    def login(self, name: str, *paths: str, admin: bool | None = False) -> None:
        """What a login does."""
        with self.database.write() as uow:
            claims = Claims(f"id-{name}", name, frozenset(paths), name.title(), platform_admin=admin)
            accept(uow, self.settings, claims, self.clock())
            uow.identities.see(name, self.clock())

    async def round(self) -> None:
        """One second later."""
        self.clock.forward(1)
        await self.lease.hold()
        await self.sync._guarded("round", self.sync.round)
        await self.sync.say()

    async def walk(self) -> None:
        self.clock.forward(1)
        await self.lease.hold()
        await self.sync._guarded("walk", self.sync.walk)
        await self.sync.say()

    def read(self, look: Callable[[UnitOfWork], Any]) -> Any:
        with self.database.read() as uow:
            return look(uow)

    def roles(self, name: str) -> dict[str, str]:
        return {g: r.value for g, r in self.read(lambda uow: uow.memberships.of_user(name)).items()}

    def standing(self, name: str) -> str:
        return str(self.read(lambda uow: uow.identities.of_user(name).standing.value))

    def state(self) -> tuple[str, str]:
        status = self.read(lambda uow: uow.providers.current())
        return status.state.value, status.message

    def report(self) -> dict[str, Any]:
        return dict(self.read(lambda uow: uow.providers.current()).report)

    def audit(self) -> list[tuple[str, str, str]]:
        return [(e.action, e.object, e.group) for e in self.read(lambda uow: uow.audit.page(200))][::-1]


@pytest.fixture
def site(sqlite_database: Database, tmp_path: Path, clock: Clock) -> Site:
    with sqlite_database.write() as uow:
        for name in ("physics", "chemistry"):
            uow.groups.put(Group(name, name.title()))
        uow.providers.begin(ISSUER, now())
    site = Site(sqlite_database, settings_of(tmp_path), clock)
    for path in ("/physics", "/physics/admins", "/physics/viewers", "/chemistry", "/undeclared"):
        site.realm.group(path)
    return site


async def test_added_removed_and_another_role(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    site.realm.join("mia", "/chemistry")
    site.realm.join("mia", "/physics/admins")
    await site.round()
    assert site.roles("mia") == {"physics": "admin", "chemistry": "member"}
    site.realm.leave("mia", "/physics")
    site.realm.leave("mia", "/physics/admins")
    await site.round()
    assert site.roles("mia") == {"chemistry": "member"}
    assert ("membership.remove", "mia", "physics") in site.audit()
    assert site.state() == ("ok", "")


async def test_who_is_as_before_costs_one_statement(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mia", "max"):
        site.realm.user(name, "/physics")
        site.login(name, "/physics")
    await site.round()

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("nothing had changed")

    monkeypatch.setattr(people, "accept", never)
    before = site.read(lambda uow: uow.identities.of_user("mia").checked_at)
    await site.round()
    await site.round()
    assert site.read(lambda uow: uow.identities.of_user("mia").checked_at) > before
    assert site.state() == ("ok", "")


async def test_what_somebody_else_changed_is_put_right(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    await site.round()
    with site.database.write() as uow:
        uow.memberships.replace_for_user("mia", {"chemistry": Role.ADMIN})
    await site.round()
    assert site.roles("mia") == {"physics": "member"}


async def test_disabled_enabled_deleted(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    site.realm.users["id-mia"] = replace(site.realm.users["id-mia"], enabled=False)
    await site.round()
    assert (site.standing("mia"), site.roles("mia")) == ("disabled", {})
    await site.round()
    site.realm.users["id-mia"] = replace(site.realm.users["id-mia"], enabled=True)
    await site.round()
    assert (site.standing("mia"), site.roles("mia")) == ("active", {"physics": "member"})
    del site.realm.users["id-mia"]
    await site.round()
    assert (site.standing("mia"), site.roles("mia")) == ("deleted", {})
    asked = len(site.realm.asked)
    await site.round()
    assert site.realm.asked[asked:] == ["ping"]
    # Somebody else of that name does not become her.
    site.realm.user("mia2", "/physics")
    with pytest.raises(Exception, match="another account"), site.database.write() as uow:
        accept(uow, site.settings, Claims("other", "mia", frozenset({"/physics"})), site.clock())


async def test_a_renamed_account_keeps_its_name_here(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    site.realm.users["id-mia"] = replace(site.realm.users["id-mia"], username="maria", display_name="Maria")
    await site.round()
    assert site.roles("mia") == {"physics": "member"}
    assert site.read(lambda uow: (uow.users.get("mia").display_name, uow.users.get("maria"))) == ("Maria", None)


async def test_a_platform_admin_who_is_none_any_more(site: Site) -> None:
    site.realm.user("pat")
    site.login("pat", admin=True)
    site.realm.roles["id-pat"] = {"platform-admin"}
    await site.round()
    assert site.read(lambda uow: uow.users.get("pat").platform_admin)
    site.realm.roles.clear()
    await site.round()
    assert not site.read(lambda uow: uow.users.get("pat").platform_admin)
    asked = len(site.realm.asked)
    await site.round()
    assert "roles of id-pat" not in site.realm.asked[asked:]
    # Whoever becomes one learns it at the walk at the latest.
    site.realm.roles["id-pat"] = {"platform-admin"}
    await site.walk()
    assert site.read(lambda uow: uow.users.get("pat").platform_admin)


async def test_a_renamed_group_is_followed(site: Site) -> None:
    site.realm.user("mia", "/physics/admins")
    site.login("mia", "/physics/admins")
    await site.round()
    site.realm.rename("/physics", "/astrophysics")
    await site.round()
    assert site.roles("mia") == {"physics": "admin"}
    binding = site.read(lambda uow: uow.group_bindings.of_group("physics"))
    assert binding.path == "/astrophysics"
    assert ("group.rename", "/astrophysics", "physics") in site.audit()
    # A login with the new path finds the same group.
    site.login("max", "/astrophysics")
    assert site.roles("max") == {"physics": "member"}


async def test_names_that_change_places(site: Site) -> None:
    for name, path in (("mia", "/physics"), ("max", "/chemistry")):
        site.realm.user(name, path)
        site.login(name, path)
    await site.walk()
    site.realm.rename("/physics", "/x")
    site.realm.rename("/chemistry", "/physics")
    site.realm.rename("/x", "/chemistry")
    await site.round()
    assert (site.roles("mia"), site.roles("max")) == ({"physics": "member"}, {"chemistry": "member"})


async def test_a_group_that_was_deleted_and_made_again_is_another(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.realm.user("max", "/chemistry")
    site.login("mia", "/physics")
    site.login("max", "/chemistry")
    await site.walk()
    site.realm.remove("/physics")
    site.realm.group("/physics", id="new")
    site.realm.join("mia", "/physics")
    await site.round()
    assert site.roles("mia") == {}
    await site.walk()
    assert any("collegium identity rebind physics" in s for s in site.report()["refused"])
    site.login("mia", "/physics")
    assert site.roles("mia") == {}
    with site.database.write() as uow:
        assert rebind(uow, "physics", site.clock(), "operator") is not None
    await site.walk()
    assert site.roles("mia") == {"physics": "member"}
    assert site.read(lambda uow: uow.group_bindings.of_group("physics").external_id) == "new"


async def test_a_list_that_lacks_a_group_takes_nothing_away(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    await site.walk()
    site.realm.skipped.add(site.realm.at("/physics").id)
    await site.walk()
    assert site.read(lambda uow: uow.group_bindings.of_group("physics").gone_at) is None
    assert f"has {site.realm.at('/physics').id}" in site.realm.asked


async def test_a_slash_in_a_name_is_not_a_step_down(site: Site) -> None:
    site.realm.user("eve")
    fake = site.realm.group("/physics/admins", id="fake", name="physics/admins")
    site.realm.inside[fake] = {"id-eve"}
    # The login's claims cannot tell the two apart; the ids can.
    site.login("eve", "/physics/admins")
    await site.round()
    assert site.roles("eve") == {}
    await site.walk()
    assert any("slash in its own name" in s for s in site.report()["refused"])


async def test_a_new_group_is_looked_for_once(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    await site.round()
    with site.database.write() as uow:
        uow.groups.put(Group("geology", "Geology"))
    site.realm.group("/geology")
    site.realm.join("mia", "/geology")
    await site.round()
    assert site.roles("mia") == {"physics": "member", "geology": "member"}
    # One that is in nobody's list must not make us look for ever.
    site.realm.skipped.add(site.realm.group("/physics/secret"))
    site.realm.join("mia", "/physics/secret")
    for _ in range(3):
        await site.round()
    assert site.realm.asked.count("groups") == 3


async def test_roles_from_attributes(site: Site, tmp_path: Path) -> None:
    site.settings = settings_of(tmp_path, roles={"source": "attribute"})
    site.fresh()
    site.realm.tree[site.realm.at("/physics").id] = replace(
        site.realm.at("/physics"), attributes={"admins": ["ann, Mia", "bob"], "viewers": ["vic"]}
    )
    for name in ("mia", "vic", "max"):
        site.realm.user(name, "/physics")
        site.login(name, "/physics")
    await site.round()
    assert [site.roles(n)["physics"] for n in ("mia", "vic", "max")] == ["admin", "viewer", "member"]
    site.realm.tree[site.realm.at("/physics").id] = replace(site.realm.at("/physics"), attributes={"admins": ["max"]})
    await site.round()
    assert [site.roles(n)["physics"] for n in ("mia", "vic", "max")] == ["member", "member", "admin"]


async def test_roles_of_the_client(site: Site, tmp_path: Path) -> None:
    site.settings = settings_of(tmp_path, roles={"source": "client-role"})
    site.fresh()
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    with site.database.write() as uow:
        uow.memberships.replace_for_user("mia", {"physics": Role.MAINTAINER})
    # The sync account may not read them: what is known stays.
    await site.round()
    assert site.roles("mia") == {"physics": "maintainer"}
    site.realm.client = {"id-mia": {"physics:admin", "other"}}
    await site.round()
    assert site.roles("mia") == {"physics": "admin"}


async def test_the_walk_reaches_those_who_are_away(site: Site) -> None:
    for number in range(7):
        site.realm.user(f"u{number}", "/physics")
        site.login(f"u{number}", "/physics")
    site.realm.user("gone", "/chemistry")
    site.login("gone", "/chemistry")
    site.clock.forward(3600)
    site.realm.leave("u0", "/physics")
    site.realm.join("u1", "/physics/viewers")
    site.realm.join("u1", "/physics/admins")
    site.realm.users["id-u2"] = replace(site.realm.users["id-u2"], enabled=False)
    site.realm.hidden.add("id-u3")  # A page's border lost her.
    del site.realm.users["id-gone"]
    await site.round()
    assert site.roles("u0") == {"physics": "member"}
    await site.walk()
    assert (site.roles("u0"), site.roles("u1"), site.roles("u3")) == ({}, {"physics": "admin"}, {"physics": "member"})
    assert (site.standing("u2"), site.standing("gone")) == ("disabled", "deleted")
    report = site.report()
    assert (report["people"], report["changed"], report["bound"]) == (8, 4, 2)
    assert report["undeclared"] == ["/undeclared"]
    assert report["requests"] > 0
    # Nobody differs now: only lists are read, and those who were in none are asked for.
    asked = len(site.realm.asked)
    await site.walk()
    assert [a for a in site.realm.asked[asked:] if a.startswith("person")] == [f"person id-u{n}" for n in (0, 2, 3)]


async def test_silence_takes_nothing_away(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    await site.round()
    site.realm.trouble = Unavailable("Keycloak does not answer now. Try again in a moment.")
    for _ in range(3):
        await site.round()
        await site.walk()
    assert site.roles("mia") == {"physics": "member"}
    state, message = site.state()
    assert state == "unavailable" and message.startswith(OURS)
    since = site.read(lambda uow: uow.providers.current().since)
    await site.round()
    assert site.read(lambda uow: uow.providers.current().since) == since
    site.realm.trouble = None
    await site.round()
    assert site.state() == ("ok", "")


async def test_one_persons_trouble_is_not_the_providers(site: Site) -> None:
    for name in ("mia", "max"):
        site.realm.user(name, "/physics")
        site.login(name, "/physics")
    await site.round()
    site.realm.troubles["id-mia"] = Unavailable("slow")
    site.realm.leave("max", "/physics")
    await site.round()
    assert site.state() == ("ok", "")
    assert (site.roles("mia"), site.roles("max")) == ({"physics": "member"}, {})


async def test_missing_rights_are_a_misconfiguration(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    await site.round()
    site.realm.trouble = Misconfigured("Keycloak does not let the client c view users: it needs …", status=403)
    await site.round()
    assert site.state()[0] == "misconfigured"
    assert site.roles("mia") == {"physics": "member"}


@pytest.mark.parametrize("others", [False, True], ids=["nothing", "another realm"])
async def test_an_empty_answer_is_no_mass_removal(site: Site, others: bool) -> None:
    for number in range(8):
        site.realm.user(f"u{number}", "/physics", "/chemistry")
        site.login(f"u{number}", "/physics", "/chemistry")
    await site.walk()
    everything = dict(site.realm.tree), dict(site.realm.users)
    site.realm.tree.clear()
    site.realm.users.clear()
    if others:
        for path in ("/physics", "/chemistry"):
            site.realm.group(path, id=f"other {path}")
    await site.walk()
    assert site.state()[0] == "misconfigured"
    site.fresh()  # Another controller has no memory of it.
    await site.round()
    assert site.state()[0] == "misconfigured"
    assert site.roles("u1") == {"physics": "member", "chemistry": "member"}
    assert site.standing("u1") == "active"
    site.realm.tree, site.realm.users = everything
    await site.walk()
    await site.round()
    assert site.state() == ("ok", "")


async def test_many_accounts_may_be_deleted_at_once(site: Site) -> None:
    for number in range(12):
        site.realm.user(f"u{number}", "/physics")
        site.login(f"u{number}", "/physics")
    await site.walk()
    await site.walk()
    for number in range(11):
        del site.realm.users[f"id-u{number}"]
    await site.round()
    assert {site.standing(f"u{n}") for n in range(11)} == {"deleted"}


async def test_the_hubs_own_finding_stays(site: Site) -> None:
    with site.database.write() as uow:
        uow.providers.say(ISSUER, ProviderState.MISCONFIGURED, "The groups claim is missing.", site.clock())
    await site.round()
    assert site.state() == ("misconfigured", "The groups claim is missing.")
    with site.database.write() as uow:
        uow.providers.say(ISSUER, ProviderState.UNAVAILABLE, "The hub got no answer.", site.clock())
    await site.round()
    assert site.state() == ("ok", "")


async def test_a_later_login_wins(site: Site) -> None:
    """The question was asked before the removal, and its answer comes in after a login that knows better."""
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    await site.round()
    site.realm.join("mia", "/chemistry")
    site.realm.held, asked = asyncio.Event(), len(site.realm.asked)
    task = asyncio.create_task(site.round())
    await until(lambda: len(site.realm.asked) > asked)
    site.clock.forward(5)
    site.login("mia", "/physics")
    site.realm.held.set()
    await task
    assert site.roles("mia") == {"physics": "member"}
    site.realm.leave("mia", "/chemistry")
    site.realm.held = None
    await site.round()
    assert site.roles("mia") == {"physics": "member"}


async def test_whoever_runs_something_is_watched(site: Site) -> None:
    site.realm.user("mia", "/physics")
    site.login("mia", "/physics")
    site.clock.forward(3600)
    await site.round()
    assert "person id-mia" not in site.realm.asked
    with site.database.write() as uow:
        uow.identities.see("mia", site.clock() - timedelta(minutes=1))
    await site.round()
    assert "person id-mia" in site.realm.asked


@pytest.fixture
def keycloak(tmp_path: Path) -> KeycloakSettings:
    return settings_of(tmp_path)


@pytest.fixture
def realm() -> ScriptedDirectory:
    realm = ScriptedDirectory()
    for path in ("/physics", "/chemistry"):
        realm.group(path)
    realm.user("mia", "/physics")
    return realm


@pytest.fixture
async def controlled(
    seeded: Database, hub: FakeHub, keycloak: KeycloakSettings, realm: ScriptedDirectory
) -> AsyncIterator[Any]:
    with seeded.write() as uow:
        uow.users.put(User("mia", managed_by=ManagedBy.IDP))
        accept(uow, keycloak, Claims("id-mia", "mia", frozenset({"/physics"})), now())
        uow.identities.see("mia", now())
    options = ControlOptions(keycloak=keycloak, directory=lambda _: realm)
    async with running_service(seeded, hub, options=options) as service:
        yield service


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.05)


async def test_the_controller_sees_to_it(controlled: Any, realm: ScriptedDirectory, keycloak: KeycloakSettings) -> None:
    controller, database = controlled.context.controller, controlled.database

    def roles() -> dict[str, Role]:
        with database.read() as uow:
            return dict(uow.memberships.of_user("mia"))

    def walked() -> bool:
        with database.read() as uow:
            status = uow.providers.current()
            return status is not None and status.synced_at is not None

    task = asyncio.create_task(controller.run())
    await until(walked)
    realm.join("mia", "/chemistry")
    await until(lambda: set(roles()) == {"physics", "chemistry"})
    # It goes on, and jobs start, while Keycloak does not answer at all.
    realm.held = asyncio.Event()
    job = await controlled.submit()
    await until(lambda: f"{job}.1" in controlled.memory.runs)
    realm.held.set()
    # Another process takes over: this one lets go, writes nothing more, and begins anew when it may.
    realm.held = asyncio.Event()
    with database.write() as uow:
        uow.leases.give_up("controller", controller.lease.holder)
        generation = uow.leases.acquire("controller", "another", now(), timedelta(seconds=3))
    assert generation is not None
    before = controller.sync
    realm.leave("mia", "/chemistry")
    realm.held.set()
    await until(lambda: controller.sync is not before)
    realm.held = None
    await until(lambda: set(roles()) == {"physics"})
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: realm.closed)


async def test_no_secret_is_told(controlled: Any, realm: ScriptedDirectory, caplog: pytest.LogCaptureFixture) -> None:
    realm.trouble = Unavailable("Keycloak does not answer now.")
    sync = controlled.context.controller.sync
    await controlled.context.controller.lease.hold()
    await sync._guarded("round", sync.round)
    await sync.say()
    answer = await controlled.client("root").get("/identity")
    assert "not to be seen" not in caplog.text + json.dumps(answer.json())


async def test_one_who_cannot_be_taken_over_holds_up_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("ann", "bob", "cem"):
        site.realm.user(name, "/physics")
        site.login(name)

    def picky(uow: UnitOfWork, settings: KeycloakSettings, claims: Claims, at: Any) -> Any:
        if claims.username == "bob":
            raise ValueError("a bug")
        return accept(uow, settings, claims, at)

    monkeypatch.setattr(people, "accept", picky)
    await site.round()
    assert [site.roles(n) for n in ("ann", "bob", "cem")] == [{"physics": "member"}, {}, {"physics": "member"}]
    assert caplog.text.count("cannot be taken over") == 1
