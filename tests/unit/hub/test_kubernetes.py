from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.hub import install
from collegium.hub.configuration import ConfigError
from collegium.hub.kubernetes import HUB_DATABASE_VARIABLE, SECRETS_VARIABLE, SERVICE_URL_VARIABLE
from collegium.hub.scopes import USER_SCOPES

DATABASE = "postgresql+psycopg://collegium:p%40ss@db:5432/collegium"
TOKEN = "the-token-of-the-service"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path: Path) -> None:
    ours = ("STATE_DIR", "DATABASE_URL", "CATALOG", "KUBERNETES", "SERVICE_URL", "SECRETS_DIR", "HUB_DATABASE_URL")
    for name in ours:
        monkeypatch.setenv(f"COLLEGIUM_{name}", "")
        monkeypatch.delenv(f"COLLEGIUM_{name}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalog.yaml").write_text("version: 1\n")


@pytest.fixture
def secrets_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    (folder / "passwords").mkdir(parents=True)
    (folder / "service-token").write_text(TOKEN + "\n")
    (folder / "proxy-token").write_text("the-token-of-the-proxy")
    (folder / "cookie-secret").write_text("0" * 64)
    return folder


def read(c: Config) -> JupyterHub:
    c = copy.deepcopy(c)
    del c.JupyterHub["authenticator_class"]
    del c.JupyterHub["spawner_class"]
    return JupyterHub(config=c)


def pods(c: Config, tmp_path: Path, **changes: object) -> None:
    given = {"database_url": DATABASE, "service_port": None, "kubernetes": {"control_namespace": "lab"}, **changes}
    install(c, state_dir=tmp_path / "s", backend="kubernetes", **given)  # type: ignore[arg-type]


def test_hub_proxy_and_service_in_pods_of_their_own(tmp_path: Path, secrets_dir: Path) -> None:
    c = Config()
    pods(c, tmp_path, service_url="http://api.lab.svc:10101", secrets_dir=secrets_dir)
    hub = read(c)
    assert (c.JupyterHub.authenticator_class, c.JupyterHub.spawner_class) == ("collegium-local", "collegium-kubernetes")
    assert hub.hub_connect_url == "http://hub.lab.svc:8081"
    assert hub.hub_bind_url == "http://0.0.0.0:8081"
    assert hub.bind_url == "http://:8000"
    assert not hub.cleanup_servers and not hub.cleanup_proxy
    assert hub.upgrade_db
    assert hub.last_activity_interval <= 10
    assert c.ConfigurableHTTPProxy.should_start is False
    assert c.ConfigurableHTTPProxy.auth_token == "the-token-of-the-proxy"
    assert hub.cookie_secret_file == str(secrets_dir / "cookie-secret")
    # JupyterHub has tables of the same names as ours.
    assert hub.db_url == DATABASE + "?options=-csearch_path%3Djupyterhub"
    assert c.LocalGroupsAuthenticator.first_passwords == str(secrets_dir / "passwords")
    assert c.Spawner.start_timeout == 600
    (service,) = hub.services
    assert service == {
        "name": "collegium",
        "url": "http://api.lab.svc:10101",
        "api_token": TOKEN,
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": list(USER_SCOPES),
    }
    assert [role["name"] for role in hub.load_roles] == ["collegium-service"]
    assert KubernetesSettings.from_environment().control_namespace == "lab"
    assert "skeleton" not in c.GroupLocalSpawner


def test_the_same_from_the_environment(tmp_path: Path, secrets_dir: Path, monkeypatch) -> None:
    (tmp_path / "kubernetes.json").write_text(json.dumps({"control_namespace": "lab", "hub_port": 9081}))
    monkeypatch.setenv("COLLEGIUM_KUBERNETES", str(tmp_path / "kubernetes.json"))
    monkeypatch.setenv("COLLEGIUM_DATABASE_URL", "postgresql://u:p@db/c")
    monkeypatch.setenv(SERVICE_URL_VARIABLE, "http://api:1")
    monkeypatch.setenv(SECRETS_VARIABLE, str(secrets_dir))
    monkeypatch.setenv(HUB_DATABASE_VARIABLE, "postgresql+psycopg://u:p@db/hub")
    c = Config()
    settings = install(c, backend="kubernetes", service_port=None)
    assert settings.database_url == "postgresql+psycopg://u:p@db/c"
    hub = read(c)
    assert (hub.db_url, hub.hub_connect_url) == ("postgresql+psycopg://u:p@db/hub", "http://hub.lab.svc:9081")
    assert hub.services[0]["api_token"] == TOKEN
    # Once read, they are handed on whole: the file may be gone for a child.
    assert json.loads(os.environ["COLLEGIUM_KUBERNETES"])["hub_port"] == 9081


def test_what_the_operator_chose_stays(tmp_path: Path, secrets_dir: Path) -> None:
    c = Config()
    c.JupyterHub.hub_connect_url = "http://my-hub.lab:9000"
    c.JupyterHub.db_url = "postgresql+psycopg://db/own"
    c.JupyterHub.base_url = "/lab/"
    c.ConfigurableHTTPProxy.auth_token = "mine"
    c.ConfigurableHTTPProxy.should_start = True
    c.Spawner.start_timeout = 30
    c.LocalGroupsAuthenticator.first_passwords = "/mine"
    pods(c, tmp_path, secrets_dir=secrets_dir)
    hub = read(c)
    assert (hub.hub_connect_url, hub.db_url) == ("http://my-hub.lab:9000", "postgresql+psycopg://db/own")
    assert (hub.bind_url, hub.base_url) == ("http://:8000/lab/", "/lab/")
    assert (c.ConfigurableHTTPProxy.auth_token, c.ConfigurableHTTPProxy.should_start) == ("mine", True)
    assert (c.Spawner.start_timeout, c.LocalGroupsAuthenticator.first_passwords) == (30, "/mine")
    assert hub.services == []


def test_sqlite_and_separate_pods(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"SQLite.*PostgreSQL.*COLLEGIUM_DATABASE_URL") as caught:
        install(Config(), state_dir=tmp_path / "s", backend="kubernetes", service_port=None)
    assert str(tmp_path) not in str(caught.value)


def test_a_hub_outside_the_cluster(tmp_path: Path) -> None:
    c = Config()
    c.JupyterHub.hub_connect_url = "http://10.200.0.1:8081"
    install(c, state_dir=tmp_path / "s", backend="kubernetes", kubernetes={"instance": "lab"})
    hub = read(c)
    assert hub.db_url.startswith("sqlite:")
    assert "should_start" not in c.ConfigurableHTTPProxy
    (service,) = hub.services
    assert "--backend=kubernetes" in service["command"]
    assert json.loads(service["environment"]["COLLEGIUM_KUBERNETES"])["instance"] == "lab"
    with pytest.raises(ConfigError, match="hub_connect_url is not set"):
        install(Config(), state_dir=tmp_path / "s", backend="kubernetes")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kubernetes": {"namspace": "x"}}, "kubernetes.namspace"),
        ({"kubernetes": {"homes": "floppy"}}, "kubernetes.homes: must be one of claim, shared"),
        ({"service_url": "http://api:1"}, "service-token"),
        ({"service_url": "http://api:1", "secrets_dir": "/nowhere"}, "no file service-token in /nowhere"),
        ({"database_url": "sqlite:////x"}, "SQLite"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pods(Config(), tmp_path, **changes)
    assert words in str(caught.value)


def test_names_that_other_namespaces_do_not_know(tmp_path: Path) -> None:
    c = Config()
    c.JupyterHub.hub_connect_url = "http://hub:8081"
    with pytest.raises(ConfigError, match=r"c\.JupyterHub\.hub_connect_url = 'http://hub:8081'.*http://hub\.lab\.svc"):
        pods(c, tmp_path)
    pods(c, tmp_path, kubernetes={"control_namespace": "lab", "namespace": "lab"})


def test_the_demo_catalog_is_for_one_machine(tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").unlink()
    with pytest.raises(ConfigError, match="catalog is not given"):
        pods(Config(), tmp_path)


def test_a_token_is_in_no_error(tmp_path: Path, secrets_dir: Path) -> None:
    c = Config()
    c.JupyterHub.services = [{"name": "collegium", "url": "http://elsewhere", "api_token": "not-to-be-seen"}]
    with pytest.raises(ConfigError, match="elsewhere") as caught:
        pods(c, tmp_path, service_url="http://api:1", secrets_dir=secrets_dir)
    assert "not-to-be-seen" not in str(caught.value)


def test_installing_twice_changes_nothing(tmp_path: Path, secrets_dir: Path) -> None:
    c = Config()
    pods(c, tmp_path, service_url="http://api:1", secrets_dir=secrets_dir)
    once = {name: value for name, value in read(c)._trait_values.items() if name != "config"}
    pods(c, tmp_path, service_url="http://api:1", secrets_dir=secrets_dir)
    assert {name: value for name, value in read(c)._trait_values.items() if name != "config"} == once
