"""The demo with Keycloak is the demo: the same groups, sizes, images and people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

DEMO = Path(__file__).parents[3] / "hub_ext/collegium/hub/demo"
SUBGROUPS = {"admin": "admins", "maintainer": "maintainers", "viewer": "viewers"}


def catalog(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEMO / path).read_text())
    return found


def realm() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEMO / "keycloak/realm.json").read_text())
    return found


def test_the_catalogs_differ_in_people_only() -> None:
    local, keycloak = catalog("catalog.yaml"), catalog("keycloak/catalog.yaml")
    del local["users"]
    for group in local["groups"]:
        del group["members"]
    assert keycloak == local


def test_the_realm_has_the_catalogs_people_in_the_same_roles() -> None:
    local = catalog("catalog.yaml")
    expected: dict[str, set[str]] = {user["name"]: set() for user in local["users"]}
    for group in local["groups"]:
        for name, given in group["members"].items():
            role = given if isinstance(given, str) else given["role"]
            below = f"/{SUBGROUPS[role]}" if role in SUBGROUPS else ""
            expected[name].add(f"/{group['name']}{below}")
    people = [user for user in realm()["users"] if "serviceAccountClientId" not in user]
    protected = {"/collegium-protected"}
    assert {u["username"]: set(u.get("groups", ())) - protected for u in people} == expected
    admins = {u["username"] for u in people if "platform-admin" in u["realmRoles"]}
    assert admins == {user["name"] for user in local["users"] if user.get("platform_admin")}


def test_the_realm_holds_no_secret_and_permits_membership_of_all_its_groups_but_the_protected() -> None:
    found = realm()
    secrets = [c["secret"] for c in found["clients"] if "secret" in c]
    secrets += [p["value"] for u in found["users"] for p in u.get("credentials", ())]
    assert secrets
    assert all(s.startswith("${COLLEGIUM_") and s.endswith("}") for s in secrets)
    ids = {g["id"] for top in found["groups"] for g in (top, *top.get("subGroups", ()))}
    (protected,) = (g["id"] for g in found["groups"] if g["name"] == "collegium-protected")
    (permissions,) = (c["authorizationSettings"] for c in found["clients"] if c["clientId"] == "admin-permissions")
    resources = {p["name"]: json.loads(p["config"].get("resources", "[]")) for p in permissions["policies"]}
    assert set(resources["collegium-accounts: membership"]) == ids - {protected}
    assert resources["collegium-accounts: hands off"] == [protected]


def test_the_sync_account_may_read_and_nothing_else() -> None:
    (sync,) = (u for u in realm()["users"] if u.get("serviceAccountClientId") == "collegium-sync")
    assert sync["clientRoles"] == {"realm-management": ["view-users", "query-users", "query-groups"]}
    assert "realmRoles" not in sync


def test_the_client_for_realms_of_others_is_the_demos() -> None:
    text = (DEMO.parents[3] / "docs/keycloak-client.json").read_text()
    shipped = json.loads(text.replace("https://hub.example.org", "${COLLEGIUM_HUB_URL}"))
    (ours,) = (c for c in realm()["clients"] if c["clientId"] == "collegium")
    assert shipped == {name: value for name, value in ours.items() if name != "secret"}
