from __future__ import annotations

import copy
import os
import sys
from pathlib import Path

import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from collegium.hub import install
from collegium.hub.configuration import DEMO_CATALOG, HERE, ConfigError
from collegium.hub.scopes import CUSTOM_SCOPES, USER_SCOPES
from collegium.hub.startup import prepare_hub
from collegium.services.application import CollegiumService


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch, tmp_path: Path) -> None:
    for name in ("COLLEGIUM_STATE_DIR", "COLLEGIUM_DATABASE_URL", "COLLEGIUM_CATALOG"):
        # Set first, so that what install sets is taken back after the test.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def read(c: Config) -> JupyterHub:
    """The values that a hub would use, without the classes that entry points name."""
    c = copy.deepcopy(c)
    del c.JupyterHub["authenticator_class"]
    del c.JupyterHub["spawner_class"]
    return JupyterHub(config=c)


def test_an_empty_configuration(tmp_path: Path, capsys) -> None:
    c = Config()
    settings = install(c, state_dir=tmp_path / "s")
    hub = read(c)
    assert settings.state_dir == tmp_path / "s"
    assert (c.JupyterHub.authenticator_class, c.JupyterHub.spawner_class) == ("collegium-local", "collegium-local")
    assert hub.allow_named_servers
    assert not hub.cleanup_servers
    assert hub.bind_url == "http://127.0.0.1:8000"
    assert hub.db_url == f"sqlite:///{tmp_path}/s/jupyterhub.sqlite"
    assert hub.cookie_secret_file == f"{tmp_path}/s/jupyterhub_cookie_secret"
    assert c.ConfigurableHTTPProxy.pid_file == f"{tmp_path}/s/jupyterhub-proxy.pid"
    assert (c.Authenticator.manage_groups, c.Authenticator.auth_refresh_strict) == (True, True)
    assert c.Authenticator.refresh_pre_spawn
    assert 0 < c.Authenticator.auth_refresh_age <= 60
    assert c.Spawner.consecutive_failure_limit == 0
    assert hub.custom_scopes == CUSTOM_SCOPES
    assert hub.extra_user_scopes == set(USER_SCOPES)
    # Ours before the stock ones, or they would not be found.
    assert hub.template_paths[0] == str(HERE / "templates")
    assert len(hub.template_paths) == 2
    # Reading a configuration opens and prints nothing.
    assert capsys.readouterr() == ("", "")
    assert [p.name for p in (tmp_path / "s").iterdir()] == []
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o700


def test_the_service_and_its_role(tmp_path: Path) -> None:
    c = Config()
    install(c, state_dir=tmp_path / "s", service_port=12345)
    hub = read(c)
    (service,) = hub.services
    assert (service["name"], service["url"]) == ("collegium", "http://127.0.0.1:12345")
    assert service["command"][:4] == [sys.executable, "-m", "collegium.services", "--role=all"]
    # The demo's home is the same whether a job or a server comes first.
    assert service["command"][4:] == [
        "--CollegiumService.service_address=http://127.0.0.1:12345",
        f"--CollegiumService.backend_options=skeleton={c.GroupLocalSpawner.skeleton}",
    ]
    assert set(service["environment"]) == {"COLLEGIUM_STATE_DIR", "COLLEGIUM_DATABASE_URL"}
    assert service["oauth_no_confirm"]
    (role,) = hub.load_roles
    assert role["services"] == ["collegium"]
    assert not any(s.startswith(("admin", "tokens", "access:servers", "servers")) for s in role["scopes"])


def test_no_service_if_not_wanted(tmp_path: Path) -> None:
    c = Config()
    install(c, state_dir=tmp_path / "s", service_port=None)
    assert read(c).services == []


@pytest.mark.parametrize(
    ("section", "trait", "value"),
    [
        ("JupyterHub", "authenticator_class", "pam"),
        ("JupyterHub", "spawner_class", "jupyterhub.spawner.SimpleLocalProcessSpawner"),
        ("JupyterHub", "allow_named_servers", False),
        ("Authenticator", "manage_groups", False),
        ("Authenticator", "refresh_pre_spawn", False),
        ("Authenticator", "auth_refresh_strict", False),
    ],
)
def test_what_the_operator_set_otherwise_is_refused_by_name_and_value(
    tmp_path: Path, section: str, trait: str, value: object
) -> None:
    c = Config()
    c[section][trait] = value
    with pytest.raises(ConfigError) as caught:
        install(c, state_dir=tmp_path / "s")
    assert f"c.{section}.{trait} = {value!r}" in str(caught.value)


def test_what_the_operator_chose_stays(tmp_path: Path) -> None:
    c = Config()
    c.JupyterHub.authenticator_class = "collegium-local"
    c.JupyterHub.bind_url = "http://0.0.0.0:80"
    c.JupyterHub.db_url = "postgresql://db/hub"
    c.JupyterHub.cleanup_servers = True
    c.Authenticator.auth_refresh_age = 5
    c.Spawner.consecutive_failure_limit = 3
    c.JupyterHub.template_paths = ["/mine"]
    c.JupyterHub.template_vars = {"announcement": "hello"}
    c.JupyterHub.custom_scopes = {"custom:mine": {"description": "mine"}}
    c.JupyterHub.extra_user_scopes = ["shares!user"]
    c.JupyterHub.services = [{"name": "culler"}]
    c.JupyterHub.load_roles = [{"name": "culler-role"}]
    install(c, state_dir=tmp_path / "s")
    hub = read(c)
    assert (hub.bind_url, hub.db_url, hub.cleanup_servers) == ("http://0.0.0.0:80", "postgresql://db/hub", True)
    assert (c.Authenticator.auth_refresh_age, c.Spawner.consecutive_failure_limit) == (5, 3)
    assert hub.template_paths == ["/mine", str(HERE / "templates")]
    assert set(hub.template_vars) == {"announcement", "collegium"}
    assert set(hub.custom_scopes) == {"custom:mine", *CUSTOM_SCOPES}
    assert hub.extra_user_scopes == {"shares!user", *USER_SCOPES}
    assert [s["name"] for s in hub.services] == ["culler", "collegium"]
    assert [r["name"] for r in hub.load_roles] == ["culler-role", "collegium-service"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"base_url": "/lab/"}, "http://127.0.0.1:8000/lab/"),
        ({"port": 9000}, "http://127.0.0.1:9000/"),
        ({"ip": "0.0.0.0"}, "http://0.0.0.0:8000/"),
        ({"bind_url": "http://:80/x/"}, "http://:80/x/"),
    ],
)
def test_a_hub_listens_no_wider_than_it_was_told_to(tmp_path: Path, given: dict[str, object], expected: str) -> None:
    c = Config()
    c.JupyterHub.update(given)
    install(c, state_dir=tmp_path / "s")
    assert read(c).bind_url == expected


def test_appending_instead_of_setting_works_too(tmp_path: Path) -> None:
    c = Config()
    c.JupyterHub.services.append({"name": "culler"})
    c.JupyterHub.template_vars.update({"announcement": "hello"})
    c.JupyterHub.template_paths.append("/mine")
    c.JupyterHub.extra_user_scopes.add("shares!user")
    install(c, state_dir=tmp_path / "s")
    hub = read(c)
    assert [s["name"] for s in hub.services] == ["culler", "collegium"]
    assert set(hub.template_vars) == {"announcement", "collegium"}
    assert hub.template_paths[0] == str(HERE / "templates")
    assert hub.template_paths[-1] == "/mine"
    assert hub.extra_user_scopes == {"shares!user", *USER_SCOPES}


@pytest.mark.parametrize(
    ("trait", "value"),
    [
        ("services", [{"name": "collegium", "url": "http://elsewhere"}]),
        ("load_roles", [{"name": "collegium-service", "scopes": ["admin:users"]}]),
        ("template_vars", {"collegium": "mine"}),
        ("custom_scopes", {"custom:collegium:jobs:read": {"description": "mine"}}),
    ],
)
def test_a_name_of_ours_that_means_something_else_is_refused(tmp_path: Path, trait: str, value: object) -> None:
    c = Config()
    c.JupyterHub[trait] = value
    with pytest.raises(ConfigError, match="collegium"):
        install(c, state_dir=tmp_path / "s")


def test_an_appended_service_of_our_name_is_refused(tmp_path: Path) -> None:
    c = Config()
    c.JupyterHub.services.append({"name": "collegium", "url": "http://elsewhere"})
    with pytest.raises(ConfigError, match="elsewhere"):
        install(c, state_dir=tmp_path / "s")


def values(hub: JupyterHub) -> dict[str, object]:
    """What the hub makes of a configuration, without the configuration's own notes on how it got there."""
    return {name: value for name, value in hub._trait_values.items() if name != "config"}


@pytest.mark.parametrize("empty", [True, False])
def test_installing_twice_changes_nothing(tmp_path: Path, empty: bool) -> None:
    c = Config()
    if not empty:
        c.JupyterHub.services = []
        c.JupyterHub.load_roles = []
        c.JupyterHub.template_vars = {}
        c.JupyterHub.extra_user_scopes = []
    install(c, state_dir=tmp_path / "s")
    once = values(read(c))
    install(c, state_dir=tmp_path / "s")
    assert values(read(c)) == once


def test_an_unknown_backend(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mainframe"):
        install(Config(), state_dir=tmp_path, backend="mainframe")


def test_which_catalog(tmp_path: Path) -> None:
    install(Config(), state_dir=tmp_path / "s")
    assert os.environ["COLLEGIUM_CATALOG"] == str(DEMO_CATALOG)
    (tmp_path / "catalog.yaml").write_text("version: 1\n")
    c = Config()
    install(c, state_dir=tmp_path / "s")
    assert os.environ["COLLEGIUM_CATALOG"] == str(tmp_path / "catalog.yaml")
    # The welcome notebooks belong to the demo.
    assert "skeleton" not in c.GroupLocalSpawner
    install(Config(), state_dir=tmp_path / "s", catalog="other.yaml")
    assert os.environ["COLLEGIUM_CATALOG"] == str(tmp_path / "other.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 2\n", "catalog.yaml:1:"),
        ("version: 1\nusers:\n  - name: ann\n    nmae: x\n", "catalog.yaml:4:"),
        (None, "cannot be read"),
    ],
)
def test_a_catalog_that_cannot_be_used_ends_the_hub_with_its_problems(
    tmp_path: Path, capsys, text: str | None, words: str
) -> None:
    path = tmp_path / "catalog.yaml"
    if text is not None:
        path.write_text(text)
    install(Config(), state_dir=tmp_path / "s", catalog=path)
    with pytest.raises(SystemExit) as caught:
        prepare_hub()
    assert caught.value.code == 1
    printed = capsys.readouterr().err
    assert words in printed
    assert "Traceback" not in printed


def test_the_catalog_is_applied_and_the_notice_printed(tmp_path: Path, capsys) -> None:
    from collegium.db.shared import shared_database

    install(Config(), state_dir=tmp_path / "s")
    prepare_hub()
    printed = capsys.readouterr().err
    assert "not isolated" in printed
    assert str(DEMO_CATALOG) in printed
    with shared_database().read() as uow:
        assert [g.name for g in uow.groups.all()] == ["biology", "chemistry", "physics"]
    prepare_hub()
    assert "(0 changes)" in capsys.readouterr().err


def test_the_packages_configuration_file_is_short_and_runs(tmp_path: Path) -> None:
    path = Path(__file__).parents[3] / "jupyterhub_config.py"
    source = path.read_text()
    c = Config()
    exec(
        compile(source, str(tmp_path / "jupyterhub_config.py"), "exec"),
        {"get_config": lambda: c, "__file__": str(tmp_path / "jupyterhub_config.py")},
    )
    assert c.JupyterHub.db_url == f"sqlite:///{tmp_path}/state/jupyterhub.sqlite"
    assert len(source.splitlines()) < 25


def test_what_becomes_of_revoked_work(tmp_path: Path) -> None:
    c = Config()
    install(c, state_dir=tmp_path / "s", revocation={"grace": 0, "servers": "keep", "jobs": "finish"})
    command = read(c).services[0]["command"]
    assert command[-3:] == [
        "--CollegiumService.revocation_grace=0",
        "--CollegiumService.revocation_servers=keep",
        "--CollegiumService.revocation_jobs=finish",
    ]
    service = CollegiumService()
    service.parse_command_line(command[3:])
    assert (service.revocation_grace, service.revocation_servers, service.revocation_jobs) == (0, "keep", "finish")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"grace": -1}, "revocation.grace must be a whole number of seconds, 0 to 2592000 (got -1)"),
        ({"grace": True}, "revocation.grace must be a whole number"),
        ({"grace": "300"}, "revocation.grace must be a whole number"),
        ({"grace": 2592001}, "revocation.grace must be a whole number"),
        ({"servers": "cancel"}, "revocation.servers must be stop or keep (got 'cancel')"),
        ({"jobs": ["finish"]}, "revocation.jobs must be cancel or finish"),
        ({"deployments": "stop"}, "revocation.deployments: there is grace, servers, jobs"),
        ("stop", "revocation must be a dictionary"),
    ],
)
def test_revocation_is_checked(tmp_path: Path, given: object, said: str) -> None:
    c = Config()
    with pytest.raises(ConfigError) as caught:
        install(c, state_dir=tmp_path / "s", revocation=given)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert not c.JupyterHub.get("services")


def test_revocation_of_a_service_that_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"auth\.revocation"):
        install(Config(), state_dir=tmp_path / "s", service_port=None, revocation={"grace": 1})
