"""The server, the realm that we ship and its service accounts are what everything else here takes them for."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.installation import ROOT
from support.keycloak import Keycloak, browser, fill_login_form, login_form
from support.keycloak_pages import message, send_form
from support.mail import MailSink, links

OURS = {"groups", "realm_roles", "client_roles", "collegium"}


def ours(userinfo: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(v) if isinstance(v, list) else v for name, v in userinfo.items() if name in OURS}


def payload(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_discovery_names_the_issuer_and_only_pkce_with_hashes_is_taken(keycloak: Keycloak) -> None:
    found = keycloak.discovery()
    assert found["issuer"] == keycloak.issuer
    assert found["backchannel_logout_supported"]
    asked = {
        "client_id": "collegium",
        "response_type": "code",
        "redirect_uri": f"{keycloak.hub_url}/hub/oauth_callback",
    }
    with browser() as client:
        refused = client.get(found["authorization_endpoint"], params=asked, follow_redirects=False)
    assert "code_challenge" in refused.headers["location"]


@pytest.mark.parametrize(
    ("user", "claims"),
    [
        ("ann", {"groups": ["/chemistry", "/physics/admins"]}),
        ("vic", {"groups": ["/physics/viewers"]}),
        ("mia", {"groups": ["/biology/maintainers"]}),
        ("admin", {"groups": ["/collegium-protected"], "realm_roles": ["platform-admin"]}),
        ("zoe", {}),
    ],
)
def test_userinfo_has_our_claims(keycloak: Keycloak, user: str, claims: dict[str, Any]) -> None:
    found = keycloak.userinfo(user)
    assert ours(found) == {"collegium": "1", **claims}
    assert found["sub"] == keycloak.user(user)
    assert found["preferred_username"] == user


def test_tokens_have_none_of_our_claims_and_no_power_over_keycloak(keycloak: Keycloak) -> None:
    tokens = keycloak.tokens("admin")
    for name in ("access_token", "id_token"):
        claims = payload(tokens[name])
        assert not OURS & claims.keys()
        assert not {"realm_access", "resource_access"} & claims.keys()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert httpx.get(f"{keycloak.url}/admin/realms/collegium/users", headers=bearer).status_code == 403


def test_client_roles_are_a_claim(realm: Keycloak) -> None:
    realm.give_client_role("bob", "physics:admin")
    assert ours(realm.userinfo("bob"))["client_roles"] == ["physics:admin"]
    realm.take_client_role("bob", "physics:admin")
    assert "client_roles" not in realm.userinfo("bob")


def test_a_missing_mapper_can_be_told_from_no_group(realm: Keycloak) -> None:
    with realm.without_mapper("marker"), realm.without_mapper("groups"):
        assert ours(realm.userinfo("bob")) == {}
    assert ours(realm.userinfo("bob")) == {"collegium": "1", "groups": ["/physics"]}


def test_the_client_for_realms_of_others_can_be_imported(realm: Keycloak) -> None:
    text = (ROOT / "docs/keycloak-client.json").read_text().replace("https://hub.example.org", realm.hub_url)
    realm.call("DELETE", f"/clients/{realm.client()['id']}")
    realm.call("POST", "/clients", json.loads(text) | {"secret": realm.secret()})
    assert ours(realm.userinfo("ann")) == {"collegium": "1", "groups": ["/chemistry", "/physics/admins"]}
    # The one thing that is not part of a client, and which an operator adds by hand.
    where = f"/clients/{realm.client()['id']}/scope-mappings/realm"
    realm.call("POST", where, [realm.call("GET", "/roles/platform-admin").json()])
    assert ours(realm.userinfo("admin"))["realm_roles"] == ["platform-admin"]


def test_the_hub_may_move(realm: Keycloak) -> None:
    for url in ("http://127.0.0.1:9999/hubs/one", "http://127.0.0.1:9998"):
        realm.use_hub(url)
        assert realm.userinfo("bob")["preferred_username"] == "bob"
        assert realm.client()["attributes"]["backchannel.logout.url"] == f"{url}/hub/backchannel_logout"


def test_a_wrong_password_is_refused_on_the_page(keycloak: Keycloak) -> None:
    with browser() as client:
        page = login_form(client, f"{keycloak.issuer}/account/applications", "bob", keycloak.password("bob"))
        assert page.status_code == 200
        # Keycloak's account console logs in from the browser, so the form was not met yet.
        assert str(page.url).startswith(f"{keycloak.issuer}/account")
        asked = {
            "client_id": "account-console",
            "response_type": "code",
            "redirect_uri": f"{keycloak.issuer}/account/",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
        form = client.get(keycloak.discovery()["authorization_endpoint"], params=asked)
        refused = fill_login_form(client, form, "bob", "not the password")
        assert "Invalid username or password" in message(refused)
        assert fill_login_form(client, refused, "bob", keycloak.password("bob")).url.path.endswith("/account/")


def answer(client: httpx.Client, method: str, path: str, body: Any = None, **query: Any) -> Any:
    found = client.request(method, path, json=body, params=query)
    assert found.status_code == 200, f"{method} {path}: {found.status_code} {found.text}"
    return found.json()


def status(client: httpx.Client, method: str, path: str, body: Any = None) -> int:
    return client.request(method, path, json=body).status_code


def test_the_sync_account_reads_what_it_needs(keycloak: Keycloak) -> None:
    physics, ann = keycloak.group("/physics"), keycloak.user("ann")
    with keycloak.service_account("collegium-sync") as sync:
        assert len(answer(sync, "GET", "/groups", first=0, max=2, briefRepresentation="false")) == 2
        assert answer(sync, "GET", "/groups/count", top="true")["count"] == 4
        children = answer(sync, "GET", f"/groups/{physics}/children", first=0, max=10)
        assert [c["path"] for c in children] == ["/physics/admins", "/physics/maintainers", "/physics/viewers"]
        assert [m["username"] for m in answer(sync, "GET", f"/groups/{physics}/members", max=100)] == ["bob"]
        admins = answer(sync, "GET", f"/groups/{children[0]['id']}/members", briefRepresentation="true")
        assert [(m["id"], m["username"], m["enabled"]) for m in admins] == [(ann, "ann", True)]
        assert answer(sync, "GET", f"/users/{ann}")["enabled"] is True
        paths = sorted(g["path"] for g in answer(sync, "GET", f"/users/{ann}/groups"))
        assert paths == ["/chemistry", "/physics/admins"]
        roles = answer(sync, "GET", f"/users/{keycloak.user('admin')}/role-mappings/realm/composite")
        assert "platform-admin" in [r["name"] for r in roles]
        assert status(sync, "GET", f"/users/{physics}") == 404
        assert status(sync, "GET", f"/groups/{ann}") == 404


def test_the_sync_account_changes_nothing(keycloak: Keycloak) -> None:
    physics, bob = keycloak.group("/physics"), keycloak.user("bob")
    role = [keycloak.call("GET", "/roles/platform-admin").json()]
    before = keycloak.user_model("bob"), keycloak.groups_of("bob")
    with keycloak.service_account("collegium-sync") as sync:
        tried = [
            status(sync, "POST", "/users", {"username": "eve", "enabled": True}),
            status(sync, "PUT", f"/users/{bob}", {"enabled": False}),
            status(sync, "DELETE", f"/users/{bob}"),
            status(sync, "PUT", f"/users/{bob}/reset-password", {"type": "password", "value": "taken over"}),
            status(sync, "POST", f"/users/{bob}/logout"),
            status(sync, "PUT", f"/users/{bob}/groups/{keycloak.group('/physics/admins')}"),
            status(sync, "DELETE", f"/users/{bob}/groups/{physics}"),
            status(sync, "POST", f"/users/{bob}/role-mappings/realm", role),
            status(sync, "POST", "/groups", {"name": "eve"}),
            status(sync, "DELETE", f"/groups/{physics}"),
            status(sync, "GET", "/clients"),
            status(sync, "PUT", "", {"displayName": "mine"}),
        ]
    assert tried == [403] * len(tried)
    assert (keycloak.user_model("bob"), keycloak.groups_of("bob")) == before


def test_the_accounts_account_invites(realm: Keycloak) -> None:
    bob = realm.user("bob")
    with realm.service_account("collegium-accounts") as accounts:
        person = {"username": "eve", "enabled": True, "email": "eve@example.test", "groups": ["/physics/viewers"]}
        assert status(accounts, "POST", "/users", person) == 201
        eve = realm.user("eve")
        assert realm.groups_of("eve") == ["/physics/viewers"]
        chemistry = realm.group("/chemistry")
        assert status(accounts, "PUT", f"/users/{eve}/groups/{chemistry}") == 204
        assert status(accounts, "DELETE", f"/users/{bob}/groups/{realm.group('/physics')}") == 204
        assert realm.groups_of("bob") == []
        new = {"type": "password", "value": "a first password", "temporary": True}
        assert status(accounts, "PUT", f"/users/{eve}/reset-password", new) == 204
        assert status(accounts, "PUT", f"/users/{bob}", {**realm.user_model("bob"), "enabled": False}) == 204
        assert len(answer(accounts, "GET", "/users", search="*e*", max=100)) >= 2
        assert [g["name"] for g in answer(accounts, "GET", "/groups", search="phys")] == ["physics"]
        assert status(accounts, "DELETE", f"/users/{eve}") == 204


def test_the_accounts_account_gives_no_roles(realm: Keycloak) -> None:
    bob = realm.user("bob")
    management = realm.client("realm-management")["id"]
    admin = realm.call("GET", f"/clients/{management}/roles/realm-admin").json()
    platform_admin = realm.call("GET", "/roles/platform-admin").json()
    realm.create_group("/bosses")
    bosses = realm.group("/bosses")
    realm.call("POST", f"/groups/{bosses}/role-mappings/clients/{management}", [admin])
    with realm.service_account("collegium-accounts") as accounts:
        tried = [
            status(accounts, "POST", f"/users/{bob}/role-mappings/realm", [platform_admin]),
            status(accounts, "POST", f"/users/{bob}/role-mappings/clients/{management}", [admin]),
            status(accounts, "POST", f"/groups/{realm.group('/physics')}/role-mappings/realm", [platform_admin]),
            status(accounts, "PUT", f"/users/{bob}/groups/{bosses}"),
            status(accounts, "POST", "/users", {"username": "eve", "enabled": True, "groups": ["/bosses"]}),
            status(accounts, "POST", f"/users/{bob}/impersonation"),
            status(accounts, "POST", "/groups", {"name": "eve"}),
            status(accounts, "POST", f"/groups/{realm.group('/physics')}/children", {"name": "bosses", "id": bosses}),
            status(accounts, "PUT", f"/groups/{realm.group('/physics')}", {"name": "eve"}),
            status(accounts, "GET", "/clients"),
            status(accounts, "PUT", "", {"displayName": "mine"}),
        ]
        assert tried == [403] * len(tried)
        made = {"username": "eve", "enabled": True, "realmRoles": ["platform-admin"]}
        made["clientRoles"] = {"realm-management": ["realm-admin"]}
        assert status(accounts, "POST", "/users", made) == 201
    given = realm.call("GET", f"/users/{realm.user('eve')}/role-mappings").json()
    assert [r["name"] for r in given["realmMappings"]] == [f"default-roles-{realm.realm}"]
    assert "clientMappings" not in given


def test_what_service_accounts_see_of_a_groups_roles(realm: Keycloak) -> None:
    bosses, management = realm.create_group("/bosses"), realm.client("realm-management")["id"]
    powerful = realm.call("GET", f"/clients/{management}/roles/realm-admin").json()
    realm.call("POST", f"/groups/{bosses}/role-mappings/clients/{management}", [powerful])
    realm.call("POST", f"/groups/{bosses}/role-mappings/realm", [realm.call("GET", "/roles/platform-admin").json()])
    seen = {}
    for client in ("collegium-sync", "collegium-accounts"):
        with realm.service_account(client) as account:
            found = answer(account, "GET", f"/groups/{bosses}")
            seen[client] = found["realmRoles"], found["clientRoles"]
    # The roles of clients that an account may not see are left out in silence: none seen is no proof of none there.
    assert seen == {
        "collegium-sync": (["platform-admin"], {}),
        "collegium-accounts": (["platform-admin"], {"realm-management": ["realm-admin"]}),
    }


def test_the_accounts_account_leaves_the_protected_alone(realm: Keycloak) -> None:
    protected, bob = realm.group("/collegium-protected"), realm.user("bob")
    with realm.service_account("collegium-accounts") as accounts:
        for name in ("admin", "service-account-collegium-sync"):
            # Service accounts are in no list of people.
            owner = realm.client("collegium-sync")["id"] if name != "admin" else ""
            service = realm.call("GET", f"/clients/{owner}/service-account-user").json()["id"] if owner else ""
            who = service or realm.user(name)
            model = realm.call("GET", f"/users/{who}").json()
            tried = [
                status(accounts, "PUT", f"/users/{who}", {**model, "enabled": False}),
                status(accounts, "PUT", f"/users/{who}/reset-password", {"type": "password", "value": "taken over"}),
                status(accounts, "PUT", f"/users/{who}/execute-actions-email", ["UPDATE_PASSWORD"]),
                status(accounts, "POST", f"/users/{who}/logout"),
                status(accounts, "DELETE", f"/users/{who}"),
                status(accounts, "DELETE", f"/users/{who}/groups/{protected}"),
                status(accounts, "PUT", f"/users/{who}/groups/{realm.group('/physics')}"),
            ]
            assert tried == [403] * len(tried)
        assert status(accounts, "PUT", f"/users/{bob}/groups/{protected}") == 403


def test_a_new_group_is_the_operators_to_permit(realm: Keycloak) -> None:
    group, bob = realm.create_group("/geology/admins"), realm.user("bob")
    with realm.service_account("collegium-accounts") as accounts:
        assert status(accounts, "PUT", f"/users/{bob}/groups/{group}") == 403
        realm.permit_membership("/geology", "/geology/admins")
        assert status(accounts, "PUT", f"/users/{bob}/groups/{group}") == 204
        assert status(accounts, "PUT", f"/users/{bob}/groups/{realm.group('/chemistry')}") == 204


def test_people_and_groups_change(realm: Keycloak) -> None:
    ann = realm.user("ann")
    realm.rename("ann", "anna")
    assert realm.user("anna") == ann
    realm.rename_group("/physics", "astrophysics")
    assert realm.groups_of("anna") == ["/astrophysics/admins", "/chemistry"]
    realm.create_user("eve", "/chemistry")
    assert ours(realm.userinfo("eve"))["groups"] == ["/chemistry"]
    realm.add_to_group("eve", "/biology/viewers")
    realm.remove_from_group("eve", "/chemistry")
    realm.give_realm_role("eve", "platform-admin")
    assert ours(realm.userinfo("eve")) == {
        "collegium": "1",
        "groups": ["/biology/viewers"],
        "realm_roles": ["platform-admin"],
    }
    realm.take_realm_role("eve", "platform-admin")
    tokens = realm.tokens("eve")
    assert realm.sessions("eve")
    realm.logout_user("eve")
    assert not realm.sessions("eve")
    form = {"client_id": "collegium", "client_secret": realm.secret(), "refresh_token": tokens["refresh_token"]}
    refused = httpx.post(realm.discovery()["token_endpoint"], data={**form, "grant_type": "refresh_token"})
    assert refused.json()["error"] == "invalid_grant"
    realm.set_enabled("eve", False)
    assert realm.user_model("eve")["enabled"] is False
    realm.delete_user("eve")
    realm.delete_group("/biology")
    realm.create_group("/biology/viewers")
    assert realm.groups_of("mia") == []


def test_keys_rotate(realm: Keycloak) -> None:
    before = {k["kid"] for k in httpx.get(realm.discovery()["jwks_uri"]).json()["keys"]}
    old = realm.tokens("bob")["access_token"]
    realm.rotate_keys()
    after = {k["kid"] for k in httpx.get(realm.discovery()["jwks_uri"]).json()["keys"]}
    assert after
    assert not before & after
    bearer = {"Authorization": f"Bearer {old}"}
    assert httpx.get(realm.discovery()["userinfo_endpoint"], headers=bearer).status_code == 401
    assert realm.userinfo("bob")["preferred_username"] == "bob"


def test_mail_of_required_actions_arrives_and_its_link_works(realm: Keycloak, mail: MailSink) -> None:
    realm.set_smtp(mail.port)
    realm.create_user("eve", "/chemistry", password="as it was")
    with realm.service_account("collegium-accounts") as accounts:
        asked = f"/users/{realm.user('eve')}/execute-actions-email"
        sent = accounts.put(asked, json=["UPDATE_PASSWORD"], params={"client_id": "collegium", "lifespan": 600})
        assert sent.status_code == 204, sent.text
    (link,) = [a for a in links(mail.wait_for("eve@example.test")) if "action-token" in a]
    with browser() as client:
        page = client.get(link)
        follow = [a for a in page.text.split('"') if "action-token" in a]
        for cookie in client.cookies.jar:
            cookie.secure = False
        page = client.get(follow[0].replace("&amp;", "&"))
        chosen = {"password-new": "chosen by eve", "password-confirm": "chosen by eve"}
        done = send_form(client, page, "kc-passwd-update-form", chosen)
        assert "updated" in done.text
    realm.passwords["eve"] = "chosen by eve"
    assert realm.userinfo("eve")["preferred_username"] == "eve"


def test_it_hangs_ends_and_comes_back_as_it_was(keycloak: Keycloak) -> None:
    issuer, subject = keycloak.issuer, keycloak.user("bob")
    refresh = keycloak.tokens("bob")["refresh_token"]
    with keycloak.paused(), pytest.raises(httpx.ReadTimeout):
        httpx.get(issuer, timeout=1)
    assert keycloak.discovery()["issuer"] == issuer
    keycloak.kill()
    with pytest.raises(httpx.ConnectError):
        httpx.get(issuer)
    keycloak.start()
    assert keycloak.user("bob") == subject
    assert keycloak.token_request("collegium", grant_type="refresh_token", refresh_token=refresh)["access_token"]


def test_secrets_are_files_of_their_owner(keycloak: Keycloak) -> None:
    files = [keycloak.secret_file(c) for c in ("collegium", "collegium-sync", "collegium-accounts")]
    for file in (*files, keycloak.instance.state / "admin-password"):
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    printed = keycloak.instance.log.read_text()
    assert not [f for f in files if f.read_text() in printed]
    text = json.dumps(keycloak.settings())
    assert not [f for f in files if f.read_text() in text]


def test_a_port_that_is_taken_is_named(keycloak: Keycloak, tmp_path: Path) -> None:
    port = str(keycloak.instance.known()["port"])
    script, second = str(ROOT / "scripts/keycloak"), ["--state", str(tmp_path), "--port", port]
    try:
        done = subprocess.run([sys.executable, script, "up", *second], capture_output=True, text=True)
    finally:
        subprocess.run([sys.executable, script, "down", *second], capture_output=True)
    assert done.returncode == 1
    assert f"port {port} cannot be had" in done.stderr
