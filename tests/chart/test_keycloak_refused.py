"""What the chart does not take where people log in at Keycloak, and in which words it says so."""

from __future__ import annotations

from typing import Any

import pytest

from support.rendered import refusal, with_keycloak

PAT = {"name": "pat", "platform_admin": True}
PHYSICS = {"name": "physics", "limits": {}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"auth": {"type": "ldap"}}, ["/auth/type", "'local', 'keycloak'"]),
        ({"auth": {"type": "keycloak"}}, ["auth.keycloak.issuer is empty", "https://login.example.org/realms/lab"]),
        (with_keycloak(issuer="https://login.example"), ["/auth/keycloak/issuer"]),
        (with_keycloak(issuer="login.example/realms/lab"), ["/auth/keycloak/issuer"]),
        (with_keycloak(issuer="https://pat:word@login.example/realms/lab"), ["/auth/keycloak/issuer"]),
        (with_keycloak(issuer="https://login.example/realms/lab?x=1"), ["/auth/keycloak/issuer"]),
        (
            with_keycloak(login={"existingSecret": ""}),
            ["auth.keycloak.login.existingSecret is empty", '"collegium"', "key client-secret"],
        ),
        (with_keycloak(login={"clientId": ""}), ["/auth/keycloak/login/clientId"]),
        (with_keycloak(login={"secret": "s3cret"}), ["/auth/keycloak/login", "'secret' not allowed"]),
        (with_keycloak(sync={"interval": 0}), ["/auth/keycloak/sync/interval", "1"]),
        (
            with_keycloak(roles={"source": "attribute"}),
            ["auth.keycloak.roles.source", "auth.keycloak.sync.existingSecret"],
        ),
        (with_keycloak(roles={"source": "scope"}), ["/auth/keycloak/roles/source"]),
        (with_keycloak(roles={"default": "owner"}), ["/auth/keycloak/roles/default"]),
        (with_keycloak(roles={"names": {"leads": "owner"}}), ["/auth/keycloak/roles/names/leads"]),
        (with_keycloak(roles={"pattern": "{group}"}), ["/auth/keycloak/roles/pattern"]),
        (with_keycloak(groups={"include": []}), ["/auth/keycloak/groups/include"]),
        (with_keycloak(groups={"newLimits": {"cpu": "lots"}}), ["/auth/keycloak/groups/newLimits/cpu"]),
        (with_keycloak(outageGrace=-1), ["/auth/keycloak/outageGrace"]),
        (with_keycloak(patience=0), ["/auth/keycloak/patience"]),
        (with_keycloak(caBundle={"configMap": "a", "secret": "b"}), ["auth.keycloak.caBundle", "give one of them"]),
        ({**with_keycloak(), "catalog": {"users": [PAT]}}, ["catalog.users names pat", "come from the realm"]),
        (
            {**with_keycloak(), "catalog": {"groups": [PHYSICS, {"name": "chemistry", "members": {"pat": "admin"}}]}},
            ["catalog.groups: chemistry has members", "the realm's groups"],
        ),
        ({**with_keycloak(), "networkPolicy": {"keycloak": {"ports": [0]}}}, ["/networkPolicy/keycloak/ports/0"]),
    ],
)
def test_what_is_missing_or_wrong_is_said(values: Any, words: list[str]) -> None:
    text = refusal(values)
    assert all(word in text for word in words), text
