"""The broker to accounts against a real Keycloak: what it does, and what it leaves alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collegium.db import Database
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.domain.errors import Conflict, DomainError, Forbidden, InvalidInput, Misconfigured, NotFound, Unavailable
from collegium.domain.groups import Group, ManagedBy, Role
from collegium.domain.identity import Claims, GroupBinding, Standing
from collegium.identity.accept import accept
from collegium.identity.accounts import Accounts
from collegium.identity.people import Action, Changes, NewAccount
from collegium.identity.realm_groups import SINGLE, RealmGroups
from collegium.identity.settings import KeycloakSettings
from collegium.settings import Settings
from support.keycloak import Keycloak, browser, fill_login_form
from support.mail import MailSink, links

EVE = NewAccount("eve", "eve@example.test", "Eve", "Exner")


@pytest.fixture
def settings(realm: Keycloak) -> KeycloakSettings:
    return KeycloakSettings.from_mapping({**realm.settings(), "patience": 30})


@pytest.fixture
def database(realm: Keycloak, tmp_path: Path) -> Any:
    database = Database.open(Settings.at(tmp_path))
    with database.write() as uow:
        for name in ("physics", "chemistry"):
            uow.groups.put(Group(name, name.title(), invitations=True))
            uow.group_bindings.put(GroupBinding(name, realm.issuer, f"/{name}"))
    yield database
    database.close()


@pytest.fixture
async def accounts(settings: KeycloakSettings, database: Database) -> AsyncIterator[Accounts]:
    broker = Accounts(settings, database)
    yield broker
    await broker.close()


def log_in(realm: Keycloak, database: Database, settings: KeycloakSettings, name: str) -> None:
    """Somebody is known here from a first login."""
    said = realm.userinfo(name)
    claims = Claims(said["sub"], name, frozenset(said.get("groups", ())), email=said.get("email", ""))
    with database.write() as uow:
        accept(uow, settings, claims, now())


class Counted:
    """Which addresses a broker asks from now on; what follows the kind of thing is left out."""

    def __init__(self, broker: Accounts) -> None:
        self.paths: list[str] = []
        self._call = broker._api._call
        broker._api._call = self  # type: ignore[method-assign, assignment]

    async def __call__(self, verb: str, path: str, *rest: Any) -> Any:
        self.paths.append(path.split("/", maxsplit=1)[0])
        return await self._call(verb, path, *rest)


async def refused(work: Any, kind: type[DomainError] = Forbidden) -> str:
    with pytest.raises(kind) as caught:
        await work
    return caught.value.message


async def test_an_account_is_made_found_changed_and_deleted(accounts: Accounts, realm: Keycloak) -> None:
    made = await accounts.create(EVE)
    assert (made.username, made.email, made.email_verified, made.enabled) == ("eve", "eve@example.test", False, True)
    assert sorted(made.required_actions) == ["UPDATE_PASSWORD", "VERIFY_EMAIL"]
    assert await accounts.get(made.subject) == made == await accounts.find("EVE")
    assert await accounts.find("ev") is None
    realm.change_user("eve", emailVerified=True)
    changed = await accounts.change(made.subject, Changes(email="e@example.test", last_name="Other"))
    assert (changed.email, changed.email_verified, changed.first_name, changed.last_name) == (
        "e@example.test",
        False,
        "Eve",
        "Other",
    )
    assert realm.user_model("eve")["requiredActions"]
    await accounts.delete(made.subject)
    await accounts.delete(made.subject)
    assert "no account" in await refused(accounts.get(made.subject), NotFound)


async def test_lists_search_page_and_count(accounts: Accounts) -> None:
    everybody, total = await accounts.page(0, 100)
    names = [a.username for a in everybody]
    assert total == len(names) == 7
    assert {"ann", "bob", "admin"} <= set(names)
    first, _ = await accounts.page(0, 3)
    second, _ = await accounts.page(3, 3)
    assert [a.username for a in first + second] == names[:6]
    found, total = await accounts.page(0, 10, "baker")
    assert ([a.username for a in found], total) == (["bob"], 1)
    assert (await accounts.page(0, 10, enabled=False)) == ([], 0)


async def test_what_is_taken_or_wrong_is_said(accounts: Accounts) -> None:
    assert "user name" in await refused(accounts.create(replace(EVE, username="Bob")), Conflict)
    assert "e-mail address" in await refused(accounts.create(replace(EVE, email="bob@example.test")), Conflict)
    with pytest.raises(InvalidInput) as caught:
        await accounts.create(replace(EVE, email="no address"))
    assert caught.value.details["field"] == "email"
    bob = await accounts.find("bob")
    assert bob
    assert "e-mail" in await refused(accounts.change(bob.subject, Changes(email="ann@example.test")), Conflict)


async def test_a_new_account_is_in_its_group_from_the_first_moment(accounts: Accounts, realm: Keycloak) -> None:
    made = await accounts.create(EVE, ("physics", Role.ADMIN))
    assert realm.groups_of("eve") == ["/physics/admins"]
    assert await accounts.roles(made) == {"physics": Role.ADMIN}


async def test_roles_are_places(accounts: Accounts, realm: Keycloak) -> None:
    bob = realm.user("bob")
    for role, paths in [
        (Role.ADMIN, ["/physics", "/physics/admins"]),
        (Role.MAINTAINER, ["/physics", "/physics/maintainers"]),
        (Role.MEMBER, ["/physics"]),
        (Role.VIEWER, ["/physics/viewers"]),
        (Role.VIEWER, ["/physics/viewers"]),
        (None, []),
        (None, []),
        (Role.MEMBER, ["/physics"]),
    ]:
        await accounts.place(bob, "physics", role)
        assert realm.groups_of("bob") == paths
        expected = {"physics": role} if role else {}
        assert await accounts.roles(await accounts.get(bob)) == expected


@pytest.mark.parametrize("people_per_group", [10, 0], ids=["by person", "by group"])
async def test_members(
    accounts: Accounts, realm: Keycloak, monkeypatch: pytest.MonkeyPatch, people_per_group: int
) -> None:
    monkeypatch.setattr("collegium.identity.accounts._PEOPLE_PER_GROUP", people_per_group)
    everybody, _ = await accounts.page(0, 100)
    found = await accounts.members(everybody)
    assert found[realm.user("ann")] == {"physics": Role.ADMIN, "chemistry": Role.MEMBER}
    assert found[realm.user("vic")] == {"physics": Role.VIEWER}
    assert not found.get(realm.user("zoe"))


async def test_many_are_found_as_one_is(accounts: Accounts) -> None:
    asked = Counted(accounts)
    few = await accounts.find_all(["bob", "nobody"])
    assert (set(few), asked.paths) == ({"bob"}, ["users", "users"])
    many = await accounts.find_all(["ANN", "bob", "cem", "vic", "service-account-collegium-sync", "nobody"])
    assert set(many) == {"ann", "bob", "cem", "vic", "service-account-collegium-sync"}
    assert many["bob"] == few["bob"] == await accounts.find("bob")
    assert many["service-account-collegium-sync"].service


async def test_what_changes_is_known_here_at_once(
    accounts: Accounts, realm: Keycloak, database: Database, settings: KeycloakSettings
) -> None:
    log_in(realm, database, settings, "bob")
    bob = realm.user("bob")
    await accounts.place(bob, "physics", Role.ADMIN)
    await accounts.place(bob, "chemistry", Role.VIEWER)
    with database.read() as uow:
        assert uow.memberships.of_user("bob") == {"physics": Role.ADMIN, "chemistry": Role.VIEWER}
    assert realm.sessions("bob")
    await accounts.change(bob, Changes(enabled=False))
    assert not realm.sessions("bob")
    with database.read() as uow:
        identity = uow.identities.of_user("bob")
        assert identity
        assert (identity.standing, uow.memberships.of_user("bob")) == (Standing.DISABLED, {})
    await accounts.change(bob, Changes(enabled=True))
    with database.read() as uow:
        assert uow.memberships.of_user("bob")["physics"] is Role.ADMIN
    await accounts.delete(bob)
    with database.read() as uow:
        identity = uow.identities.of_user("bob")
        assert identity
        assert identity.standing is Standing.DELETED


async def test_a_password_is_for_one_login(
    accounts: Accounts, realm: Keycloak, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    realm.userinfo("bob")
    password = await accounts.set_password(realm.user("bob"))
    assert not realm.sessions("bob")
    asked = {
        "client_id": "account-console",
        "response_type": "code",
        "redirect_uri": f"{realm.issuer}/account/",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    with browser() as client:
        form = client.get(realm.discovery()["authorization_endpoint"], params=asked)
        landed = fill_login_form(client, form, "bob", password)
    assert 'id="kc-passwd-update-form"' in landed.text
    assert password not in caplog.text
    assert realm.secret("collegium-accounts") not in caplog.text


async def test_keycloaks_mail_arrives(accounts: Accounts, realm: Keycloak, mail: MailSink) -> None:
    realm.set_smtp(mail.port)
    await accounts.send_actions(realm.user("bob"), [Action.UPDATE_PASSWORD, Action.CONFIGURE_TOTP], 2)
    assert [a for a in links(mail.wait_for("bob@example.test")) if "action-token" in a]


async def test_mail_that_cannot_be_sent_is_said(accounts: Accounts, realm: Keycloak) -> None:
    realm.set_smtp(1)
    assert "e-mail settings" in await refused(
        accounts.send_actions(realm.user("bob"), [Action.VERIFY_EMAIL], 1), Unavailable
    )
    made = realm.create_user("silent", email="")
    assert "no e-mail address" in await refused(accounts.send_actions(made, [Action.VERIFY_EMAIL], 1), Conflict)


def management_role(realm: Keycloak, name: str) -> tuple[str, dict[str, Any]]:
    uuid = realm.client("realm-management")["id"]
    return uuid, realm.call("GET", f"/clients/{uuid}/roles/{name}").json()


def program_of(realm: Keycloak, client: str) -> str:
    uuid = realm.client(client)["id"]
    return str(realm.call("GET", f"/clients/{uuid}/service-account-user").json()["id"])


def bosses(realm: Keycloak) -> dict[str, str]:
    """People with power over the realm or the platform, one for each way that there is: name → id."""
    ways = {n: realm.create_user(n) for n in ("direct", "classic", "platform", "grouped", "composed", "nested")}
    uuid, role = management_role(realm, "view-events")
    realm.call("POST", f"/users/{ways['direct']}/role-mappings/clients/{uuid}", [role])
    realm.call("POST", "/roles", {"name": "admin"})
    realm.give_realm_role("classic", "admin")
    realm.give_realm_role("platform", "platform-admin")
    group = realm.create_group("/bosses")
    realm.call("POST", f"/groups/{group}/role-mappings/clients/{uuid}", [role])
    realm.add_to_group("grouped", "/bosses")
    realm.call("POST", "/roles", {"name": "helper"})
    realm.call("POST", "/roles/helper/composites", [role])
    realm.give_realm_role("composed", "helper")
    group = realm.create_group("/operators")
    platform_admin = realm.call("GET", "/roles/platform-admin").json()
    realm.call("POST", f"/groups/{group}/role-mappings/realm", [platform_admin])
    realm.create_group("/operators/night")
    realm.add_to_group("nested", "/operators/night")
    return ways


async def test_administrators_are_left_alone(accounts: Accounts, realm: Keycloak, mail: MailSink) -> None:
    realm.set_smtp(mail.port)
    for name, boss in bosses(realm).items():
        before = realm.user_model(name), realm.groups_of(name)
        for work in (
            accounts.change(boss, Changes(enabled=False)),
            accounts.change(boss, Changes(email="mine@example.test")),
            accounts.delete(boss),
            accounts.set_password(boss),
            accounts.send_actions(boss, [Action.UPDATE_PASSWORD], 1),
            accounts.place(boss, "physics", Role.MEMBER),
        ):
            assert "admin" in await refused(work), name
        assert (realm.user_model(name), realm.groups_of(name)) == before
        # With the password of before.
        assert realm.tokens(name)
    assert not mail.messages


async def test_platform_admins_known_here(
    accounts: Accounts, realm: Keycloak, database: Database, settings: KeycloakSettings
) -> None:
    log_in(realm, database, settings, "zoe")
    with database.write() as uow:
        uow.users.put(User("zoe", "", True, managed_by=ManagedBy.IDP))
    assert "platform admin" in await refused(accounts.set_password(realm.user("zoe")))


async def test_platform_admins_by_client_role(realm: Keycloak, database: Database, settings: KeycloakSettings) -> None:
    rule = settings.platform_admin.model_copy(update={"client_role": "boss"})
    chosen = settings.model_copy(update={"platform_admin": rule})
    realm.give_client_role("bob", "boss")
    blind = Accounts(chosen, database)
    assert "may not see the client collegium" in await refused(blind.set_password(realm.user("cem")), Conflict)
    await blind.close()
    uuid, role = management_role(realm, "view-clients")
    program = program_of(realm, "collegium-accounts")
    realm.call("POST", f"/users/{program}/role-mappings/clients/{uuid}", [role])
    broker = Accounts(chosen, database)
    try:
        assert "platform admin" in await refused(broker.set_password(realm.user("bob")))
        assert await broker.set_password(realm.user("cem"))
    finally:
        await broker.close()


async def test_programs_are_left_alone(accounts: Accounts, realm: Keycloak) -> None:
    for client in ("collegium-sync", "collegium-accounts"):
        program = program_of(realm, client)
        assert "program" in await refused(accounts.change(program, Changes(enabled=False)))
        assert "program" in await refused(accounts.place(program, "physics", Role.ADMIN))


async def test_groups_that_carry_roles_are_left_alone(accounts: Accounts, realm: Keycloak) -> None:
    uuid, role = management_role(realm, "manage-users")
    realm.call("POST", "/roles", {"name": "harmless"})
    harmless = realm.call("GET", "/roles/harmless").json()
    zoe = realm.user("zoe")
    for path in ("/physics", "/physics/admins"):
        for where, mapping in (("realm", harmless), (f"clients/{uuid}", role)):
            mappings = f"/groups/{realm.group(path)}/role-mappings/{where}"
            realm.call("POST", mappings, [mapping])
            assert "carries roles" in await refused(accounts.place(zoe, "physics", Role.ADMIN))
            assert "carries roles" in await refused(accounts.create(EVE, ("physics", Role.ADMIN)))
            if path == "/physics":
                assert "carries roles" in await refused(accounts.require_place("physics", Role.ADMIN))
            else:
                # Nor is anybody taken out of it; by the second mapping ann is an administrator herself.
                word = "carries roles" if where == "realm" else "administers the realm"
                assert word in await refused(accounts.place(realm.user("ann"), "physics", None))
            realm.call("DELETE", mappings, [mapping])
    assert realm.groups_of("zoe") == []
    assert "/physics/admins" in realm.groups_of("ann")
    assert await accounts.find("eve") is None


async def test_only_bound_groups(accounts: Accounts, realm: Keycloak, database: Database) -> None:
    zoe = realm.user("zoe")
    assert "No group of Keycloak" in await refused(accounts.place(zoe, "biology", Role.MEMBER), Conflict)
    with database.write() as uow:
        uow.group_bindings.put(GroupBinding("physics", realm.issuer, "/physics", gone_at=now()))
        uow.group_bindings.put(GroupBinding("chemistry", realm.issuer, "/chemistry", external_id="no-such-id"))
    assert "rebind" in await refused(accounts.place(zoe, "physics", Role.MEMBER), Conflict)
    assert "not in Keycloak any more" in await refused(accounts.place(zoe, "chemistry", Role.MEMBER), Conflict)


async def test_a_group_is_found_by_its_id_after_a_rename(
    accounts: Accounts, realm: Keycloak, database: Database
) -> None:
    with database.write() as uow:
        uow.group_bindings.put(GroupBinding("physics", realm.issuer, "/physics", external_id=realm.group("/physics")))
    realm.rename_group("/physics", "astro")
    realm.create_group("/physics/admins")
    await accounts.place(realm.user("zoe"), "physics", Role.ADMIN)
    assert realm.groups_of("zoe") == ["/astro/admins"]


async def test_a_missing_subgroup_is_named_or_made(accounts: Accounts, realm: Keycloak, database: Database) -> None:
    zoe, geology = realm.user("zoe"), realm.create_group("/geology")
    with database.write() as uow:
        uow.groups.put(Group("geology", "Geology"))
        uow.group_bindings.put(GroupBinding("geology", realm.issuer, "/geology"))
    assert "no subgroup admins" in await refused(accounts.place(zoe, "geology", Role.ADMIN), Conflict)
    assert "collegium-accounts" in await refused(accounts.place(zoe, "geology", Role.MEMBER))
    uuid, role = management_role(realm, "manage-users")
    program = realm.call("GET", f"/clients/{realm.client('collegium-accounts')['id']}/service-account-user").json()[
        "id"
    ]
    realm.call("POST", f"/users/{program}/role-mappings/clients/{uuid}", [role])
    fresh = Accounts(accounts._settings, database)
    try:
        await fresh.place(zoe, "geology", Role.ADMIN)
    finally:
        await fresh.close()
    assert realm.groups_of("zoe") == ["/geology/admins"]
    assert geology


async def test_roles_that_are_kept_elsewhere(realm: Keycloak, database: Database, settings: KeycloakSettings) -> None:
    rules = settings.roles.model_copy(update={"source": "attribute"})
    broker = Accounts(settings.model_copy(update={"roles": rules}), database)
    zoe = realm.user("zoe")
    try:
        assert "attributes" in await refused(broker.place(zoe, "physics", Role.ADMIN), Conflict)
        await broker.place(zoe, "physics", Role.MEMBER)
        assert realm.groups_of("zoe") == ["/physics"]
    finally:
        await broker.close()


async def test_client_roles_need_a_permission(realm: Keycloak, database: Database, settings: KeycloakSettings) -> None:
    rules = settings.roles.model_copy(update={"source": "client-role"})
    chosen = settings.model_copy(update={"roles": rules})
    zoe = realm.user("zoe")
    broker = Accounts(chosen, database)
    said = await refused(broker.place(zoe, "physics", Role.ADMIN), Conflict)
    assert "may not see the client collegium" in said
    assert realm.groups_of("zoe") == []
    await broker.close()
    uuid = realm.client("realm-management")["id"]
    roles = [management_role(realm, n)[1] for n in ("view-clients", "manage-users")]
    program = realm.call("GET", f"/clients/{realm.client('collegium-accounts')['id']}/service-account-user").json()[
        "id"
    ]
    realm.call("POST", f"/users/{program}/role-mappings/clients/{uuid}", roles)
    for name in ("physics:admin", "physics:viewer"):
        realm.client_role(name)
    broker = Accounts(chosen, database)
    try:
        for role in (Role.ADMIN, Role.VIEWER, Role.MEMBER):
            await broker.place(zoe, "physics", role)
            assert realm.groups_of("zoe") == ["/physics"]
            assert await broker.roles(await broker.get(zoe)) == {"physics": role}
        assert "no role" in await refused(broker.place(zoe, "physics", Role.MAINTAINER), Conflict)
        await broker.place(zoe, "physics", None)
        assert realm.groups_of("zoe") == []
    finally:
        await broker.close()


async def test_people_of_a_directory_are_read_only(accounts: Accounts, realm: Keycloak) -> None:
    component = {
        "name": "ldap",
        "providerId": "ldap",
        "providerType": "org.keycloak.storage.UserStorageProvider",
        "config": {
            "enabled": ["false"],
            "vendor": ["other"],
            "connectionUrl": ["ldap://127.0.0.1:1"],
            "usersDn": ["ou=people,dc=example,dc=test"],
            "usernameLDAPAttribute": ["uid"],
            "rdnLDAPAttribute": ["uid"],
            "uuidLDAPAttribute": ["entryUUID"],
            "userObjectClasses": ["inetOrgPerson"],
            "authType": ["none"],
            "editMode": ["READ_ONLY"],
            "importEnabled": ["true"],
        },
    }
    made = realm.call("POST", "/components", component).headers["location"].rpartition("/")[2]
    model = {"username": "lea", "enabled": True, "email": "lea@example.test", "federationLink": made}
    realm.call("POST", "/partialImport", {"ifResourceExists": "FAIL", "users": [model]})
    lea = await accounts.find("lea")
    assert lea
    assert lea.federation == made
    assert "directory" in lea.read_only
    for work in (
        accounts.change(lea.subject, Changes(first_name="Lea")),
        accounts.delete(lea.subject),
        accounts.set_password(lea.subject),
        accounts.send_actions(lea.subject, [Action.UPDATE_PASSWORD], 1),
    ):
        assert "directory" in await refused(work)


async def test_a_wrong_secret_is_told_and_mended_while_running(
    realm: Keycloak, database: Database, settings: KeycloakSettings, tmp_path: Path
) -> None:
    assert settings.accounts
    file = tmp_path / "secret"
    client = settings.accounts.model_copy(update={"client_secret_file": file})
    broker = Accounts(settings.model_copy(update={"accounts": client}), database)
    try:
        assert "keycloak.accounts.client_secret_file" in await refused(broker.page(0, 1), Misconfigured)
        file.write_text("not-the-secret")
        said = await refused(broker.page(0, 1), Misconfigured)
        assert "keycloak.accounts.client_secret_file" in said
        assert "not-the-secret" not in said
        file.write_text(realm.secret("collegium-accounts"))
        assert (await broker.page(0, 1))[1] == 7
    finally:
        await broker.close()


async def test_without_an_answer(database: Database, settings: KeycloakSettings, realm: Keycloak) -> None:
    broker = Accounts(settings.model_copy(update={"patience": 1.0}), database)
    try:
        bob = realm.user("bob")
        await broker.get(bob)
        with realm.paused():
            assert "does not answer" in await refused(broker.set_password(bob), Unavailable)
        await broker.get(bob)
    finally:
        await broker.close()


async def test_many_at_once_share_one_token(accounts: Accounts, realm: Keycloak) -> None:
    subjects = [realm.user(n) for n in ("ann", "bob", "cem")] * 10
    found = await asyncio.gather(*(accounts.get(s) for s in subjects))
    assert [a.subject for a in found] == subjects


async def test_what_is_the_same_for_many_is_asked_once(accounts: Accounts, realm: Keycloak, database: Database) -> None:
    """However many groups and roles are wished for, groups are listed once; a change of its own asks again."""
    names = [f"team{i}" for i in range(12)]
    for name in names:
        realm.create_group(f"/{name}/admins")
    with database.write() as uow:
        for name in names:
            uow.groups.put(Group(name, name))
            uow.group_bindings.put(GroupBinding(name, realm.issuer, f"/{name}"))
    asked, batch = Counted(accounts), accounts.batch()
    for name in names:
        await batch.require_place(name, Role.ADMIN)
        await batch.require_place(name, Role.MEMBER)
    assert asked.paths.count("group-by-path") == SINGLE
    assert asked.paths.count("groups") == 2, "the list, and the count that tells whether it is whole"
    realm.call("POST", "/roles", {"name": "harmless"})
    role = realm.call("GET", "/roles/harmless").json()
    realm.call("POST", f"/groups/{realm.group('/team3')}/role-mappings/realm", [role])
    assert "carries roles" in await refused(accounts.require_place("team3", Role.ADMIN))
    # Another piece of work begins with a list of its own, and that one tells too.
    another = accounts.batch()
    for name in names:
        if name != "team3":
            await another.require_place(name, Role.MEMBER)
    assert "carries roles" in await refused(another.require_place("team3", Role.MEMBER))
    zoe = realm.user("zoe")
    assert "carries roles" in await refused(another.place(zoe, "team3", Role.ADMIN))
    assert realm.groups_of("zoe") == []


async def test_a_change_asks_for_each_group_once(accounts: Accounts, realm: Keycloak) -> None:
    asked = Counted(accounts)
    zoe = realm.user("zoe")
    await accounts.place(zoe, "physics", Role.ADMIN)
    assert asked.paths.count("group-by-path") == 2, "the group and its admins"
    assert asked.paths.count("groups") == 0
    assert realm.groups_of("zoe") == ["/physics/admins"]


async def test_a_group_that_is_new_since_the_list_is_found(accounts: Accounts, realm: Keycloak) -> None:
    seen = RealmGroups(accounts._api)
    for path in ("/physics", "/chemistry", "/biology", "/physics/admins", "/physics/viewers", "/chemistry/admins"):
        await seen.at(path)
    realm.create_group("/physics/late/deep")
    assert (await seen.at("/physics/late/deep"))["id"] == realm.group("/physics/late/deep")
    with pytest.raises(NotFound):
        await seen.at("/physics/never")
    made = realm.create_group("/physics/later")
    with pytest.raises(NotFound):
        await seen.at("/physics/later")
    assert (await seen.at("/physics/later", fresh=True))["id"] == made
    moved = await seen.of_id(made, "/physics/admins")
    assert (moved["id"], moved["path"]) == (made, "/physics/later")
