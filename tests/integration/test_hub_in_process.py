"""The hub's own objects with Collegium installed: what a start is asked for, in the process where it is decided."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jupyterhub.spawner import SpawnException
from traitlets.config import Config

from collegium.hub import install
from collegium.hub.scopes import CUSTOM_SCOPES
from support.hub import find_proxy
from support.installation import free_port

HubApp = Callable[[Config], Awaitable[Any]]


@pytest.fixture
async def app(hub_app: HubApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    # install() tells the hub's process where things are; the next test must not find them.
    for name in ("COLLEGIUM_STATE_DIR", "COLLEGIUM_DATABASE_URL", "COLLEGIUM_CATALOG"):
        monkeypatch.setenv(name, "")
    c = Config()
    c.JupyterHub.bind_url = f"http://127.0.0.1:{free_port()}"
    c.JupyterHub.hub_port = free_port()
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{free_port()}"
    c.ConfigurableHTTPProxy.command = [find_proxy()]
    c.JupyterHub.db_url = f"sqlite:///{tmp_path / 'hub.sqlite'}"
    install(c, state_dir=tmp_path / "state", service_port=None)
    return await hub_app(c)


async def test_what_is_installed_and_what_is_refused(app: Any) -> None:
    from jupyterhub import orm

    assert type(app.authenticator).__name__ == "LocalGroupsAuthenticator"
    assert set(CUSTOM_SCOPES) <= set(app.custom_scopes)
    user = app.users.add(orm_user(app, "ann"))
    spawner = user.get_or_create_spawner("physics", "physics")
    assert type(spawner).__name__ == "GroupLocalSpawner"
    assert all("!user=ann" in scope for scope in spawner.oauth_client_allowed_scopes if scope.startswith("custom:"))
    for options, words in [
        ({}, "is required"),
        ({"group": "biology", "instance_type": "small", "image": "scientific-python"}, "biology"),
        ({"group": "physics", "instance_type": "huge", "image": "scientific-python"}, "has no instance type huge"),
        ({"group": "physics", "instance_type": "small", "image": "scientific-python", "cpu": "99"}, "cpu"),
    ]:
        spawner.user_options = options
        with pytest.raises(SpawnException, match=words):
            await spawner.start()
    assert "Physics" in await spawner.get_options_form()
    assert app.db.query(orm.User).count() >= 1


def orm_user(app: Any, name: str) -> Any:
    from jupyterhub import orm

    user = orm.User(name=name)
    app.db.add(user)
    app.db.commit()
    return user
