"""The chart's own configuration of the hub, read as the hub's pod reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from traitlets.config import Config

from collegium.hub.configuration import ConfigError
from collegium.identity.settings import KeycloakSettings
from support.rendered import KEYCLOAK_ALL, render

#: What the hub's pod has besides what is mounted from ConfigMaps.
SECRETS = {
    "cookie-secret": "0" * 64,
    "crypt-key": "1" * 64,
    "proxy-token": "a-token-of-the-proxy",
    "service-token": "a-token-of-the-service",
    "keycloak-login": "the-secret-of-a-client",
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    """/etc/collegium of the hub's pod."""
    found = tmp_path / "etc"
    objects = render({"auth": KEYCLOAK_ALL})
    for part in ("config", "catalog"):
        (found / part).mkdir(parents=True)
        for name, text in objects["ConfigMap", f"lab-{part}"]["data"].items():
            (found / part / name).write_text(text.replace("/etc/collegium", str(found)))
    for name, text in SECRETS.items():
        (found / "secrets").mkdir(exist_ok=True)
        (found / "secrets" / name).write_text(text)
    (found / "ca/keycloak").mkdir(parents=True)
    (found / "ca/keycloak/ca.crt").write_text("a certificate")
    (container,) = objects["Deployment", "lab-hub"]["spec"]["template"]["spec"]["containers"]
    for variable in container["env"]:
        value = variable.get("value", "postgresql://db/collegium").replace("/etc/collegium", str(found))
        monkeypatch.setenv(variable["name"], value.replace("/var/lib/collegium", str(tmp_path)))
    monkeypatch.setenv("COLLEGIUM_CATALOG", "")
    # Set and taken away: what the configuration puts there is gone after the test.
    monkeypatch.setenv("JUPYTERHUB_CRYPT_KEY", "")
    return found


def configured(root: Path) -> Config:
    file = root / "config/jupyterhub_config.py"
    c = Config()
    exec(compile(file.read_text(), str(file), "exec"), {"get_config": lambda: c, "__file__": str(file)})
    return c


def test_the_hub_takes_it(root: Path) -> None:
    c = configured(root)
    assert c.JupyterHub.authenticator_class == "collegium-keycloak"
    assert c.Authenticator.enable_auth_state is True
    assert os.environ["JUPYTERHUB_CRYPT_KEY"] == SECRETS["crypt-key"]
    settings = KeycloakSettings.from_environment()
    assert settings is not None and settings.login.secret() == SECRETS["keycloak-login"]
    # It knows that there are others, and can be none of them.
    assert settings.sync is not None and settings.accounts is not None
    assert not settings.sync.client_secret_file.exists() and not settings.accounts.client_secret_file.exists()
    assert not [secret for secret in SECRETS.values() if secret in os.environ["COLLEGIUM_KEYCLOAK"]]


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("secrets/keycloak-login", "must hold the secret of the client hub"),
        ("secrets/crypt-key", "there is no file crypt-key"),
        ("ca/keycloak/ca.crt", "keycloak.ca_file"),
    ],
)
def test_a_file_that_is_not_there_is_named(root: Path, missing: str, words: str) -> None:
    (root / missing).unlink()
    with pytest.raises(ConfigError, match=words):
        configured(root)
