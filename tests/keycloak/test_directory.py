"""The sync account's questions and the whole group sync against a real Keycloak."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import Misconfigured, Unavailable
from collegium.domain.groups import Group
from collegium.domain.identity import Claims, UserIdentity
from collegium.identity import admin
from collegium.identity.accept import accept
from collegium.identity.admin import KeycloakDirectory
from collegium.identity.bind import rebind
from collegium.identity.settings import KeycloakSettings
from collegium.services.controller.lease import Lease
from collegium.services.controller.sync import GroupSync
from collegium.services.metrics import Metrics
from support.keycloak import Keycloak


def now() -> datetime:
    return datetime.now(UTC)


def settings_of(keycloak: Keycloak, **more: Any) -> KeycloakSettings:
    return KeycloakSettings.from_mapping({**keycloak.settings(), "patience": 20, **more})


@pytest.fixture
async def shared(keycloak: Keycloak) -> AsyncIterator[KeycloakDirectory]:
    """For looking only."""
    found = KeycloakDirectory(settings_of(keycloak))
    yield found
    await found.close()


@pytest.fixture
async def directory(realm: Keycloak) -> AsyncIterator[KeycloakDirectory]:
    found = KeycloakDirectory(settings_of(realm))
    yield found
    await found.close()


class Site:
    """Group sync of one realm, a round or a walk at a time."""

    def __init__(self, realm: Keycloak, database: Database, **more: Any) -> None:
        self.realm, self.database = realm, database
        self.settings = settings_of(realm, **more)
        self.directory = KeycloakDirectory(self.settings)
        self.lease = Lease(database, now)
        self.sync = GroupSync(database, self.directory, self.settings, self.lease, Metrics(), now)

    def login(self, name: str) -> None:
        """With the claims that a login of this moment has."""
        model = self.realm.user_model(name)
        paths = frozenset(self.realm.groups_of(name))
        with self.database.write() as uow:
            accept(uow, self.settings, Claims(model["id"], name, paths, platform_admin=False), now())
            uow.identities.see(name, now())

    async def round(self) -> None:
        await self.lease.hold()
        await self.sync._guarded("round", self.sync.round)
        await self.sync.say()

    async def walk(self) -> None:
        await self.lease.hold()
        await self.sync._guarded("walk", self.sync.walk)
        await self.sync.say()

    def read(self, look: Callable[[UnitOfWork], Any]) -> Any:
        with self.database.read() as uow:
            return look(uow)

    def roles(self, name: str) -> dict[str, str]:
        return {g: r.value for g, r in self.read(lambda uow: uow.memberships.of_user(name)).items()}

    def identity(self, name: str) -> UserIdentity:
        found: UserIdentity = self.read(lambda uow: uow.identities.of_user(name))
        return found

    def state(self) -> tuple[str, str]:
        status = self.read(lambda uow: uow.providers.current())
        return status.state.value, status.message


def declare(database: Database, issuer: str, *names: str) -> None:
    with database.write() as uow:
        uow.providers.begin(issuer, now())
        for name in names:
            uow.groups.put(Group(name, name.title()))


@pytest.fixture
async def site(realm: Keycloak, sqlite_database: Database) -> AsyncIterator[Site]:
    declare(sqlite_database, realm.issuer, "physics", "chemistry", "biology")
    found = Site(realm, sqlite_database)
    yield found
    await found.directory.close()


async def test_people_and_groups(shared: KeycloakDirectory, keycloak: Keycloak) -> None:
    await shared.ping()
    ann = keycloak.user("ann")
    person = await shared.person(ann)
    assert person is not None
    assert (person.id, person.username, person.enabled, person.display_name, person.email, person.email_verified) == (
        ann,
        "ann",
        True,
        "Ann Archer",
        "ann@example.test",
        True,
    )
    groups = await shared.groups_of(ann)
    assert groups is not None
    found = {g.path: g for g in groups}
    assert sorted(found) == ["/chemistry", "/physics/admins"]
    assert found["/physics/admins"].parent == keycloak.group("/physics")
    assert "platform-admin" in (await shared.realm_roles(keycloak.user("admin")) or ())
    assert "platform-admin" not in (await shared.realm_roles(ann) or ())
    assert await shared.has_group(keycloak.group("/physics"))
    nobody = "00000000-0000-4000-8000-000000000000"
    assert await shared.person(nobody) is None
    assert await shared.groups_of(nobody) is None
    assert not await shared.has_group(nobody)
    # The narrow account may not look at clients: that is "not known" and no error.
    assert await shared.client_roles(ann, "collegium") is None


async def test_odd_names_and_two_levels(directory: KeycloakDirectory, realm: Keycloak) -> None:
    long, odd = "ä" * 255, "Größe & co? #1 %41"
    paths = [f"/{odd}/sub/admins", f"/{long}", "/UPPER", "/upper-2", "/日本語"]
    for path in paths:
        realm.create_group(path)
    fake = realm.call("POST", "/groups", {"name": "physics/admins"}).headers["location"].rsplit("/", 1)[1]
    found = await directory.groups()
    by_path = {g.path: g for g in found if "/" not in g.name}
    assert {*paths, f"/{odd}", f"/{odd}/sub", "/physics/admins"} <= set(by_path)
    assert by_path[f"/{odd}/sub/admins"].parent == by_path[f"/{odd}/sub"].id
    assert [g.path for g in found if g.id == fake] == ["/physics/admins"]
    assert all(isinstance(g.path, str) and g.attributes == {} for g in found)


async def test_attributes(directory: KeycloakDirectory, realm: Keycloak) -> None:
    realm.set_group_attributes("/physics", admins=["ann", "bob"], color=["red"])
    (physics,) = [g for g in await directory.groups(True) if g.path == "/physics"]
    assert physics.attributes["admins"] == ("ann", "bob")
    groups = await directory.groups_of(realm.user("bob"), True)
    assert groups is not None
    assert next(g for g in groups if g.path == "/physics").attributes == physics.attributes


async def test_pages(directory: KeycloakDirectory, realm: Keycloak, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pages, so that every list has several, and more than a hundred members at that."""
    users = [{"username": f"p{n:03}", "enabled": True, "groups": ["/physics"]} for n in range(120)]
    realm.call("POST", "/partialImport", {"users": users, "ifResourceExists": "FAIL"})
    # Many groups of the same name: the flat list's order says nothing about them.
    for number in range(12):
        realm.create_group(f"/g{number:02}/admins")
    monkeypatch.setattr(admin, "PAGE", 25)
    members = [p async for page in directory.members(realm.group("/physics")) for p in page]
    assert len(members) == len({m.id for m in members}) == 121
    expected = int(realm.call("GET", "/groups/count").json()["count"])
    for size in (25, 7, 2):
        monkeypatch.setattr(admin, "PAGE", size)
        # With a list without borders, and without one.
        for whole in (admin.WHOLE, 0):
            with monkeypatch.context() as small:
                small.setattr(admin, "WHOLE", whole)
                found = await directory.groups()
            assert len(found) == len({g.id for g in found}) == expected
    flat = {g.id: (g.path, g.parent) for g in found}
    assert {g.id: (g.path, g.parent) for g in await directory._level("groups", False, "")} == flat
    somebody = realm.user("p001")
    for number in range(12):
        realm.add_to_group("p001", f"/g{number:02}")
    groups = await directory.groups_of(somebody)
    assert groups is not None and len(groups) == 13


async def test_missing_rights(realm: Keycloak) -> None:
    account = realm.call("GET", "/users", username="service-account-collegium-sync", exact="true").json()
    # Keycloak leaves service accounts out of searches; the client knows its own.
    client = realm.client("collegium-sync")["id"]
    who = account[0]["id"] if account else realm.call("GET", f"/clients/{client}/service-account-user").json()["id"]
    where = f"/users/{who}/role-mappings/clients/{realm.client('realm-management')['id']}"
    roles = realm.call("GET", where).json()
    directory = KeycloakDirectory(settings_of(realm))
    ann = realm.user("ann")
    try:
        realm.call("DELETE", where, roles)
        for question in (directory.ping(), directory.person(ann), directory.groups_of(ann), directory.groups()):
            with pytest.raises(Misconfigured, match=r"collegium-sync.*view-users"):
                await question
    finally:
        await directory.close()


@pytest.mark.parametrize("wrong", ["secret", "no secret", "client", "realm", "not keycloak", "nobody there"])
async def test_a_wrong_setting_is_told_without_a_secret(
    keycloak: Keycloak, tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "secret"
    file.write_text("top-secret-value")
    sync = {"client_id": "collegium-sync", "client_secret_file": str(file)}
    more: dict[str, Any] = {"sync": sync}
    match wrong:
        case "no secret":
            file.unlink()
        case "client":
            sync["client_id"] = "nobody"
        case "realm":
            more["issuer"] = f"{keycloak.issuer}-none"
        case "not keycloak":
            more["issuer"] = f"{keycloak.url}/nothing/realms/lab"
        case "nobody there":
            more["issuer"] = "http://127.0.0.1:1/realms/lab"
    directory = KeycloakDirectory(settings_of(keycloak, **more))
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(Unavailable if wrong == "nobody there" else Misconfigured) as error:
            await directory.ping()
        await directory.close()
    assert "top-secret-value" not in caplog.text + str(error.value) + str(error.value.details)


async def test_a_rotated_secret_and_a_lost_session(realm: Keycloak, directory: KeycloakDirectory) -> None:
    await directory.ping()
    # All tokens of before are refused from here on.
    realm.rotate_keys()
    await directory.ping()
    client = realm.client("collegium-sync")
    fresh = realm.call("POST", f"/clients/{client['id']}/client-secret").json()["value"]
    realm.secret_file("collegium-sync").write_text(fresh)
    await directory.ping()
    assert await directory.person(realm.user("ann")) is not None


async def test_added_removed_role_changed(site: Site) -> None:
    for name in ("ann", "bob", "vic", "zoe"):
        site.login(name)
    await site.round()
    assert site.state() == ("ok", "")
    assert site.roles("ann") == {"physics": "admin", "chemistry": "member"}
    site.realm.remove_from_group("ann", "/physics/admins")
    site.realm.add_to_group("zoe", "/biology")
    site.realm.add_to_group("bob", "/physics/maintainers")
    await site.round()
    assert site.roles("ann") == {"chemistry": "member"}
    assert site.roles("zoe") == {"biology": "member"}
    assert site.roles("bob") == {"physics": "maintainer"}
    assert site.roles("vic") == {"physics": "viewer"}


async def test_disabled_enabled_deleted_renamed(site: Site) -> None:
    for name in ("ann", "bob", "cem"):
        site.login(name)
    site.realm.set_enabled("ann", False)
    site.realm.rename("bob", "robert")
    site.realm.delete_user("cem")
    await site.round()
    assert (site.identity("ann").standing.value, site.roles("ann")) == ("disabled", {})
    assert site.roles("bob") == {"physics": "member"}
    assert site.read(lambda uow: uow.users.get("robert")) is None
    assert (site.identity("cem").standing.value, site.roles("cem")) == ("deleted", {})
    site.realm.set_enabled("ann", True)
    await site.round()
    assert site.roles("ann") == {"physics": "admin", "chemistry": "member"}


async def test_platform_admin_taken_away(site: Site) -> None:
    site.login("admin")
    with site.database.write() as uow:
        user = uow.users.get("admin")
        assert user is not None
        uow.users.put(type(user)("admin", platform_admin=True, managed_by=user.managed_by))
    await site.round()
    assert site.read(lambda uow: uow.users.get("admin").platform_admin)
    site.realm.take_realm_role("admin", "platform-admin")
    await site.round()
    assert not site.read(lambda uow: uow.users.get("admin").platform_admin)


async def test_groups_renamed_deleted_and_made_again(site: Site) -> None:
    for name in ("ann", "bob", "mia"):
        site.login(name)
    await site.walk()
    site.realm.rename_group("/physics", "astrophysics")
    await site.round()
    assert (site.roles("bob"), site.roles("ann")["physics"]) == ({"physics": "member"}, "admin")
    assert site.read(lambda uow: uow.group_bindings.of_group("physics").path) == "/astrophysics"
    site.realm.delete_group("/biology")
    site.realm.create_group("/biology/maintainers")
    site.realm.add_to_group("mia", "/biology/maintainers")
    await site.round()
    assert site.roles("mia") == {}
    await site.walk()
    report = site.read(lambda uow: uow.providers.current().report)
    assert any("identity rebind biology" in s for s in report["refused"])
    with site.database.write() as uow:
        rebind(uow, "biology", now(), "operator")
    await site.walk()
    assert site.roles("mia") == {"biology": "maintainer"}


async def test_a_walk_finds_those_who_are_away(site: Site) -> None:
    names = ("ann", "bob", "cem", "vic", "mia", "zoe")
    for name in names:
        site.login(name)
    with site.database.write() as uow:
        for name in names:
            identity = uow.identities.of_user(name)
            assert identity is not None
            uow.identities.delete(name)
            uow.identities.put(type(identity)(name, identity.issuer, identity.subject))
    site.realm.set_enabled("ann", False)
    site.realm.remove_from_group("cem", "/chemistry")
    site.realm.delete_user("zoe")
    await site.round()
    assert site.roles("cem") == {"chemistry": "member"}
    await site.walk()
    assert site.state() == ("ok", "")
    assert {n: site.identity(n).standing.value for n in ("ann", "zoe", "bob")} == {
        "ann": "disabled",
        "zoe": "deleted",
        "bob": "active",
    }
    assert (site.roles("cem"), site.roles("bob")) == ({}, {"physics": "member"})
    report = site.read(lambda uow: uow.providers.current().report)
    assert (report["people"], report["bound"], report["changed"]) == (6, 3, 3)
    assert report["undeclared"] == ["/collegium-protected"]


async def test_roles_in_attributes(realm: Keycloak, sqlite_database: Database) -> None:
    declare(sqlite_database, realm.issuer, "physics")
    site = Site(realm, sqlite_database, roles={"source": "attribute"})
    site.login("bob")
    realm.set_group_attributes("/physics", admins=["bob"])
    await site.round()
    assert site.roles("bob") == {"physics": "admin"}
    realm.set_group_attributes("/physics", viewers=["bob"])
    await site.round()
    assert site.roles("bob") == {"physics": "viewer"}
    await site.directory.close()


@pytest.fixture
def going(keycloak: Keycloak) -> Iterator[Keycloak]:
    """The shared server, which goes again after the test."""
    yield keycloak
    keycloak.resume()


async def test_a_keycloak_that_hangs(going: Keycloak, sqlite_database: Database) -> None:
    declare(sqlite_database, going.issuer, "physics")
    site = Site(going, sqlite_database, patience=1)
    site.login("bob")
    await site.round()
    with going.paused():
        await asyncio.wait_for(site.round(), 60)
        state, message = site.state()
        assert state == "unavailable" and "does not answer" in message
        assert site.roles("bob") == {"physics": "member"}
    async with asyncio.timeout(60):
        while site.state() != ("ok", ""):
            await site.round()
    await site.directory.close()
