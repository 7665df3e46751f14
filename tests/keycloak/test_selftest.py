"""The program behind ``helm test``, against a hub whose people log in at a real Keycloak."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from collegium.hub import selftest
from support.installation import Installation
from support.keycloak import Keycloak, browser, login_form


@pytest.fixture(scope="module")
def hub(keycloak: Keycloak, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = json.dumps(keycloak.settings())
    found = Installation(
        tmp_path_factory.mktemp("hub"), extra=f"import os\nos.environ['COLLEGIUM_KEYCLOAK'] = {settings!r}"
    )
    before = keycloak.hub_url
    keycloak.use_hub(found.url)
    try:
        yield found.start()
    finally:
        found.stop()
        keycloak.use_hub(before)


def run(hub: Installation, issuer: str, *more: str) -> int:
    return selftest.main([f"--url={hub.url}", f"--issuer={issuer}", "--timeout=120", *more])


def test_without_a_token_it_says_what_it_did_not_try(hub: Installation, keycloak: Keycloak, capsys) -> None:
    assert run(hub, keycloak.issuer) == 0, capsys.readouterr().out
    printed = capsys.readouterr().out
    for said in (
        "hub and service are well",
        "strangers are told nothing",
        f"{keycloak.issuer} answers",
        "a login leads there, for its client collegium",
        "no token was given, so no server and no job were tried",
        "all is well",
    ):
        assert said in printed


def test_with_a_token_it_does_all(hub: Installation, keycloak: Keycloak, tmp_path: Path, capsys) -> None:
    with browser() as client:
        landed = login_form(client, f"{hub.url}/hub/oauth_login?next=/hub/home", "ann", keycloak.password("ann"))
        assert landed.status_code == 200, landed.text
    token = hub.token("ann")
    (tmp_path / "token").write_text(token + "\n")
    assert run(hub, keycloak.issuer, f"--token-file={tmp_path / 'token'}", "--group=physics") == 0, (
        capsys.readouterr().out + hub.log.read_text()[-5000:]
    )
    printed = capsys.readouterr().out
    for said in ("the token is ann's", "a server has started and answers", "a job has run", "all is well"):
        assert said in printed
    assert token not in printed and "not cleared up" not in printed
    assert not hub.processes("singleuser")


def test_a_token_of_nobody(hub: Installation, keycloak: Keycloak, tmp_path: Path, capsys) -> None:
    (tmp_path / "token").write_text("not-a-token")
    assert run(hub, keycloak.issuer, f"--token-file={tmp_path / 'token'}") == 1
    printed = capsys.readouterr().out
    assert "hub/api/user was answered by 403" in printed and "not-a-token" not in printed


def test_another_realm_is_noticed(hub: Installation, keycloak: Keycloak, capsys) -> None:
    other = keycloak.issuer.replace("/collegium", "/master")
    assert run(hub, other) == 1
    assert f"not to {other}/protocol/openid-connect/auth" in capsys.readouterr().out
    assert run(hub, keycloak.issuer + "-not") == 1
    assert "is there such a realm?" in capsys.readouterr().out


def test_a_part_that_is_not_well_is_named(hub: Installation, keycloak: Keycloak, capsys) -> None:
    assert selftest.main([f"--url={hub.url}/nowhere/", f"--issuer={keycloak.issuer}", "--timeout=1"]) == 1
    printed = capsys.readouterr().out
    assert "not within 1 seconds: the hub is well; hub/health was answered by 404" in printed
