"""Which Collegium and whose token; a token goes nowhere but where it was meant for."""

from __future__ import annotations

from pathlib import Path

import pytest

from collegium_client.errors import SettingsError
from collegium_client.settings import Settings, config_file, only_group, read_file, service_url, write_file

SERVER = {
    "COLLEGIUM_SERVICE_URL": "http://proxy.hub.svc:80/services/collegium",
    "JUPYTERHUB_API_TOKEN": "of-the-server",
}
OWN = {"COLLEGIUM_URL": "https://mine.example", "COLLEGIUM_TOKEN": "own"}


def find(tmp_path: Path, environment: dict[str, str], *arguments: str | None) -> tuple[str, str, str]:
    env = {"COLLEGIUM_CONFIG": str(tmp_path / "config.toml"), **environment}
    found = Settings.find(*arguments, environment=env)
    return found.url, found.token, found.group


def test_in_a_server_nothing_need_be_set(tmp_path: Path) -> None:
    found = find(tmp_path, {**SERVER, "COLLEGIUM_GROUP": "physics"})
    assert found == ("http://proxy.hub.svc:80/services/collegium", "of-the-server", "physics")


def test_what_was_set_comes_before_what_is_around(tmp_path: Path) -> None:
    assert find(tmp_path, {**SERVER, **OWN})[:2] == ("https://mine.example/services/collegium", "own")
    write_file(tmp_path / "config.toml", {"url": "https://stored.example", "token": "stored", "group": "g"})
    assert find(tmp_path, {})[:] == ("https://stored.example/services/collegium", "stored", "g")
    assert find(tmp_path, SERVER)[1] == "stored"
    assert find(tmp_path, OWN)[1] == "own"
    assert find(tmp_path, OWN, "https://given.example", "given", "x") == (
        "https://given.example/services/collegium",
        "given",
        "x",
    )


def test_a_token_goes_only_where_it_was_meant_for(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="COLLEGIUM_TOKEN is not"):
        find(tmp_path, {**SERVER, "COLLEGIUM_URL": "https://other.example"})
    with pytest.raises(SettingsError, match="give the token too"):
        find(tmp_path, SERVER, "https://other.example")
    write_file(tmp_path / "config.toml", {"url": "https://stored.example", "token": "stored"})
    with pytest.raises(SettingsError, match="COLLEGIUM_TOKEN is not"):
        find(tmp_path, {"COLLEGIUM_URL": "https://other.example"})
    assert find(tmp_path, {"COLLEGIUM_URL": "https://stored.example/hub/home"})[1] == "stored"
    # One's own token in a server is for the hub of this server.
    assert find(tmp_path, {**SERVER, "COLLEGIUM_TOKEN": "own"})[:2] == (SERVER["COLLEGIUM_SERVICE_URL"], "own")


def test_without_anything_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="collegium login"):
        find(tmp_path, {})


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("https://hub.example", "https://hub.example"),
        ("https://hub.example/", "https://hub.example"),
        ("https://hub.example/hub/token", "https://hub.example"),
        ("https://hub.example/jupyter/hub/home", "https://hub.example/jupyter"),
        ("https://hub.example/jupyter", "https://hub.example/jupyter"),
        ("https://hub.example/services/collegium/portal", "https://hub.example"),
        ("http://127.0.0.1:8000/hub", "http://127.0.0.1:8000"),
    ],
)
def test_addresses_as_they_are_copied(given: str, found: str) -> None:
    assert service_url(given) == found + "/services/collegium"


@pytest.mark.parametrize("given", ["", "hub.example", "ftp://hub.example", "https://", "https://ann:pw@hub.example"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(SettingsError, match="url: ") as caught:
        service_url(given)
    assert "pw" not in caught.value.message


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.toml"
    write_file(path, {"url": "https://a.example", "token": 'with"quote\\', "group": ""})
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert read_file(path) == {"url": "https://a.example", "token": 'with"quote\\'}
    assert [p.name for p in path.parent.iterdir()] == ["config.toml"]
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600") as caught:
        read_file(path)
    assert "quote" not in caught.value.message


@pytest.mark.parametrize("text", ["url = ", "color = 'red'", "url = 3", "token = ['a']"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=r"config\.toml"):
        read_file(path)


def test_no_token_in_what_is_printed() -> None:
    assert "hush" not in repr(Settings("https://a.example", "hush"))
    with pytest.raises(SettingsError) as caught:
        Settings.find("https://a.example", "two words hush", environment={})
    assert "hush" not in caught.value.message


def test_where_the_file_is() -> None:
    assert config_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/collegium/config.toml")
    assert config_file({}) == Path.home() / ".config/collegium/config.toml"


def test_the_group_where_there_is_no_choice() -> None:
    assert only_group(["physics"]) == "physics"
    with pytest.raises(SettingsError, match="no group yet"):
        only_group([])
    with pytest.raises(SettingsError, match=r"chemistry, physics.*COLLEGIUM_GROUP"):
        only_group(["physics", "chemistry"])
