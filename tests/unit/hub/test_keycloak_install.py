"""``install(c, authenticator="keycloak")``: what it sets, and each mistake by name."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from collegium.db.shared import shared_database
from collegium.domain.identity import ProviderState
from collegium.hub import install
from collegium.hub.configuration import KEYCLOAK_DEMO_CATALOG, SERVICE_ROLE, ConfigError
from collegium.hub.startup import prepare_hub
from collegium.identity.settings import VARIABLE, KeycloakSettings

KEY = "JUPYTERHUB_CRYPT_KEY"
ISSUER = "https://login.example.org/realms/lab"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path: Path) -> None:
    ours = ("STATE_DIR", "DATABASE_URL", "CATALOG", "KUBERNETES", "SERVICE_URL", "SECRETS_DIR", "KEYCLOAK", "MAIL")
    for name in (*(f"COLLEGIUM_{n}" for n in ours), KEY):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def realm(tmp_path: Path) -> dict[str, Any]:
    for name in ("login", "sync"):
        (tmp_path / name).write_text(f"the-secret-of-{name}")
    return {
        "issuer": ISSUER,
        "login": {"client_id": "collegium", "client_secret_file": str(tmp_path / "login")},
        "sync": {"client_id": "collegium-sync", "client_secret_file": str(tmp_path / "sync")},
    }


def test_what_is_set(tmp_path: Path, realm: dict[str, Any]) -> None:
    c = Config()
    install(c, state_dir=tmp_path / "s", keycloak=realm)
    assert c.JupyterHub.authenticator_class == "collegium-keycloak"
    auth = c.Authenticator
    assert (auth.enable_auth_state, auth.manage_groups, auth.auth_refresh_strict, auth.refresh_pre_spawn) == (True,) * 4
    assert auth.auth_refresh_age == 5
    (service,) = c.JupyterHub.services.to_dict()["extend"]
    # Both processes read the same, and no secret is in it.
    for text in (os.environ[VARIABLE], service["environment"][VARIABLE]):
        assert KeycloakSettings.from_environment({VARIABLE: text}).issuer == ISSUER
        assert "the-secret" not in text
    assert os.environ["COLLEGIUM_CATALOG"] == str(KEYCLOAK_DEMO_CATALOG)
    assert "delete:servers" in SERVICE_ROLE["scopes"]


def test_the_key_is_made_once_and_kept_to_oneself(tmp_path: Path, realm: dict[str, Any], monkeypatch) -> None:
    install(Config(), state_dir=tmp_path / "s", keycloak=realm)
    path, first = tmp_path / "s" / "crypt-key", os.environ[KEY]
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(bytes.fromhex(first)) == 32
    assert [p.name for p in (tmp_path / "s").iterdir()] == ["crypt-key"]
    monkeypatch.delenv(KEY)
    c = Config()
    install(c, state_dir=tmp_path / "s", keycloak=realm)
    assert os.environ[KEY] == first
    # What ``jupyterhub --show-config`` prints holds no key.
    assert first not in repr(c)
    monkeypatch.setenv(KEY, "the operator's own")
    install(Config(), state_dir=tmp_path / "other", keycloak=realm)
    assert os.environ[KEY] == "the operator's own"


@pytest.mark.parametrize("text", ["", "short", "g" * 64, "00" * 31, "00" * 32 + ";x"])
def test_a_key_that_is_none(tmp_path: Path, realm: dict[str, Any], text: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "crypt-key").write_text(text)
    with pytest.raises(ConfigError, match="crypt-key must hold 32 bytes"):
        install(Config(), state_dir=tmp_path / "s", keycloak=realm)
    (tmp_path / "s" / "crypt-key").write_text("00" * 32 + ";" + "11" * 32)
    install(Config(), state_dir=tmp_path / "s", keycloak=realm)


def test_the_environment_chooses(tmp_path: Path, realm: dict[str, Any], monkeypatch) -> None:
    file = tmp_path / "keycloak.json"
    file.write_text(json.dumps(realm))
    for value in (json.dumps(realm), str(file)):
        monkeypatch.setenv(VARIABLE, value)
        c = Config()
        install(c, state_dir=tmp_path / "s")
        assert c.JupyterHub.authenticator_class == "collegium-keycloak"
    c = Config()
    install(c, state_dir=tmp_path / "s", authenticator="local")
    assert c.JupyterHub.authenticator_class == "collegium-local"
    assert VARIABLE not in os.environ
    c = Config()
    install(c, state_dir=tmp_path / "s", authenticator="keycloak", keycloak=file)
    assert c.JupyterHub.authenticator_class == "collegium-keycloak"


def mistake(tmp_path: Path, words: str, **given: Any) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        install(Config(), state_dir=tmp_path / "s", **given)
    assert "the-secret" not in str(caught.value)


def test_mistakes(tmp_path: Path, realm: dict[str, Any], monkeypatch) -> None:
    mistake(tmp_path, "authenticator = 'ldap': there is local, keycloak", authenticator="ldap")
    mistake(tmp_path, f"needs its settings: give keycloak, or set {VARIABLE}", authenticator="keycloak")
    mistake(tmp_path, "both given", authenticator="local", keycloak=realm)
    mistake(tmp_path, r"keycloak\.issuer: must be the realm's URL", keycloak=realm | {"issuer": "login.example.org"})
    mistake(tmp_path, r"keycloak\.isuer", keycloak=realm | {"isuer": ISSUER})
    mistake(tmp_path, "COLLEGIUM_KEYCLOAK: cannot be read", keycloak=tmp_path / "nonesuch.json")
    mistake(tmp_path, r"keycloak\.ca_file: cannot be read", keycloak=realm | {"ca_file": "/nonesuch"})
    (tmp_path / "sync").unlink()
    mistake(tmp_path, "cannot be read: FileNotFoundError .*secret of the client collegium-sync", keycloak=realm)
    # In pods of their own each finds its own secret only.
    install(Config(), state_dir=tmp_path / "s", keycloak=realm, service_port=None)
    (tmp_path / "login").write_text("\n")
    mistake(tmp_path, "is empty or too long", keycloak=realm, service_port=None)
    c = Config()
    c.JupyterHub.authenticator_class = "pam"
    (tmp_path / "login").write_text("x")
    with pytest.raises(ConfigError, match=r"authenticator_class = 'pam' is set already"):
        install(c, state_dir=tmp_path / "s", keycloak=realm, service_port=None)
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n, *a: None if n == "oauthenticator" else find(n, *a))
    mistake(tmp_path, r"pip install 'collegium\[keycloak\]'", keycloak=realm, service_port=None)


def test_pods_need_the_key_from_a_secret(tmp_path: Path, realm: dict[str, Any]) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (tmp_path / "catalog.yaml").write_text("version: 1\n")
    given: dict[str, Any] = {
        "backend": "kubernetes",
        "kubernetes": {"control_namespace": "lab"},
        "database_url": "postgresql+psycopg://c:p@db:5432/c",
        "service_port": None,
        "secrets_dir": secrets,
        "keycloak": realm,
    }
    mistake(tmp_path, "there is no file crypt-key in .*secrets", **given)
    (secrets / "crypt-key").write_text("ab" * 32)
    install(Config(), state_dir=tmp_path / "s", **given)
    assert os.environ[KEY] == "ab" * 32
    assert not (tmp_path / "s" / "crypt-key").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("users: [{name: ann}]", "users: .*must declare none: people log in through Keycloak .got ann"),
        (
            "users: []\ngroups: [{name: physics, members: {ann: {role: admin}}}]",
            r"groups\.physics\.members: .*Keycloak says",
        ),
    ],
)
def test_a_catalog_with_people_ends_the_start(
    tmp_path: Path, realm: dict[str, Any], text: str, words: str, capsys
) -> None:
    (tmp_path / "catalog.yaml").write_text(f"version: 1\n{text}\n")
    install(Config(), state_dir=tmp_path / "s", keycloak=realm)
    with pytest.raises(SystemExit):
        prepare_hub()
    import re

    assert re.search(words, capsys.readouterr().err)


def test_a_start_says_which_provider_is_in_use_and_a_switch_back_works(tmp_path: Path, realm: dict[str, Any]) -> None:
    from collegium.authenticator.keycloak import KeycloakAuthenticator
    from collegium.authenticator.local import LocalGroupsAuthenticator

    c = Config()
    install(c, state_dir=tmp_path / "s", keycloak=realm)
    handlers = [path for path, _ in KeycloakAuthenticator(config=c).get_handlers(None)]
    assert handlers == ["/oauth_login", "/oauth_callback", "/logout", "/backchannel_logout"]
    with shared_database().read() as uow:
        assert (uow.providers.current().issuer, uow.providers.current().state) == (ISSUER, ProviderState.OK)
    LocalGroupsAuthenticator(first_passwords=str(tmp_path / "none")).get_handlers(None)
    with shared_database().read() as uow:
        assert uow.providers.current() is None


def test_a_start_without_settings_ends(tmp_path: Path, monkeypatch, capsys) -> None:
    from collegium.authenticator.keycloak import KeycloakAuthenticator

    monkeypatch.setenv("COLLEGIUM_STATE_DIR", str(tmp_path / "s"))
    with pytest.raises(SystemExit):
        KeycloakAuthenticator().get_handlers(None)
    assert "COLLEGIUM_KEYCLOAK: is not set" in capsys.readouterr().err
