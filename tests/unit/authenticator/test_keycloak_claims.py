"""From userinfo to what is said of a person: one table."""

from __future__ import annotations

from typing import Any

import pytest

from collegium.authenticator.keycloak_claims import claims_of
from collegium.domain.errors import Misconfigured
from collegium.domain.groups import Role
from collegium.identity.settings import KeycloakSettings

BASE = {"sub": "s", "preferred_username": "Ann"}
MARKED = {**BASE, "collegium": "1"}


def settings(**more: Any) -> KeycloakSettings:
    login = {"client_id": "collegium", "client_secret_file": "/nowhere"}
    return KeycloakSettings.from_mapping({"issuer": "https://kc.example/realms/lab", "login": login, **more})


@pytest.mark.parametrize(
    ("info", "paths"),
    [
        ({**MARKED, "groups": ["/physics", "/a/b"]}, {"/physics", "/a/b"}),
        ({**MARKED, "groups": ["physics", "chemistry"]}, {"/physics", "/chemistry"}),
        ({**MARKED, "groups": []}, set()),
        # Keycloak leaves the claim out for somebody in no group; the marker says that the mappers are there.
        (MARKED, set()),
        ({**MARKED, "collegium": False}, set()),
        # An operator's own mapper, without our marker.
        ({**BASE, "groups": ["/physics"]}, {"/physics"}),
        ({**BASE, "groups": []}, set()),
        ({**MARKED, "groups": ["/"]}, set()),
        ({**MARKED, "groups": ["/Физика", "/" + "x" * 255]}, {"/Физика", "/" + "x" * 255}),
        ({**MARKED, "groups": [f"/g{i}" for i in range(500)]}, {f"/g{i}" for i in range(500)}),
    ],
)
def test_groups(info: dict[str, Any], paths: set[str]) -> None:
    assert claims_of(info, settings()).paths == paths


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (BASE, "neither the claim 'groups' nor the claim 'collegium': the mappers 'groups'"),
        ({**MARKED, "groups": "/physics"}, "'groups' must be a list of names and is a text.*multivalued"),
        ({**MARKED, "groups": {"/physics": True}}, "is a dict"),
        ({**MARKED, "groups": 7}, "is a int"),
        ({**MARKED, "groups": ["/physics", None]}, "a list with something else in it"),
        ({**MARKED, "groups": [["/physics"]]}, "a list with something else in it"),
        ({**MARKED, "groups": [""]}, "a list with something else in it"),
        ({**MARKED, "groups": False}, "is a bool"),
        ({**MARKED, "sub": ""}, "no claim 'sub'"),
        ({**MARKED, "sub": 7}, "no claim 'sub'"),
        ({**MARKED, "sub": "x" * 256}, "'sub' has 256 characters, at most 255"),
        ({**MARKED, "preferred_username": None}, "no claim 'preferred_username': the client scope 'profile'"),
        ({**MARKED, "realm_roles": "platform-admin"}, "'realm_roles' must be a list"),
    ],
)
def test_what_is_missing_or_malformed_is_never_an_empty_set(info: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        claims_of(info, settings())


REALM, CLIENT = {"realm_role": "platform-admin"}, {"realm_role": "", "client_role": "boss"}


@pytest.mark.parametrize(
    ("rule", "info", "admin"),
    [
        (REALM, {**MARKED, "realm_roles": ["user", "platform-admin"]}, True),
        (REALM, {**MARKED, "realm_roles": ["user"]}, False),
        (REALM, {**MARKED, "realm_roles": ["platform-admins", "PLATFORM-ADMIN"]}, False),
        (REALM, MARKED, False),
        # Groups make no platform admin.
        (REALM, {**MARKED, "groups": ["/platform-admin"]}, False),
        # Without the marker a missing claim says nothing, and what is known stays.
        (REALM, {**BASE, "groups": []}, None),
        (REALM, {**BASE, "groups": [], "realm_roles": []}, False),
        (REALM, {**MARKED, "client_roles": ["boss", "platform-admin"]}, False),
        (CLIENT, {**MARKED, "client_roles": ["boss"]}, True),
        (CLIENT, {**MARKED, "client_roles": ["user"], "realm_roles": ["boss", "platform-admin"]}, False),
        ({**REALM, "client_role": "boss"}, {**MARKED, "client_roles": ["boss"], "realm_roles": []}, True),
        ({"realm_claim": "realm_access.roles"}, {**MARKED, "realm_access": {"roles": ["platform-admin"]}}, True),
        ({"realm_claim": "a.b"}, {**MARKED, "a.b": ["platform-admin"]}, True),
        ({"realm_claim": "a.b"}, {**MARKED, "a": "b"}, False),
    ],
)
def test_platform_admin(rule: dict[str, Any], info: dict[str, Any], admin: bool | None) -> None:
    assert claims_of(info, settings(platform_admin=rule)).platform_admin is admin


def test_roles_by_client_role() -> None:
    rules = settings(roles={"source": "client-role"})
    found = claims_of({**MARKED, "client_roles": ["physics:admin", "other"]}, rules)
    assert found.roles == {"physics": Role.ADMIN}
    assert claims_of(MARKED, rules).roles == {}
    assert claims_of({**BASE, "groups": []}, rules).roles is None
    assert claims_of({**MARKED, "client_roles": ["physics:admin"]}, settings()).roles is None


def test_the_person() -> None:
    info = {**MARKED, "name": "Ann\u202e\nOther", "email": "ann@x.org", "email_verified": True}
    found = claims_of(info, settings())
    assert (found.subject, found.username, found.display_name) == ("s", "Ann", "Ann Other")
    assert (found.email, found.email_verified) == ("ann@x.org", True)
    assert claims_of({**MARKED, "given_name": "Ann", "family_name": "O"}, settings()).display_name == "Ann O"
    odd = claims_of({**MARKED, "name": 7, "email": "x" * 400, "email_verified": "true"}, settings())
    assert (odd.display_name, odd.email, odd.email_verified) == ("", "", False)
