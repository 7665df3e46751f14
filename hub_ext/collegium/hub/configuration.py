"""``install(c)``: adds Collegium to a JupyterHub configuration, and overwrites nothing that the operator has set."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from traitlets.config import Config

from collegium.hub.home import HomePage
from collegium.hub.scopes import CUSTOM_SCOPES, SERVICE, USER_SCOPES
from collegium.hub.startup import CATALOG_VARIABLE
from collegium.settings import DATABASE_VARIABLE, STATE_VARIABLE, Settings

HERE = Path(__file__).parent
DEMO_CATALOG = HERE / "demo" / "catalog.yaml"
DEMO_HOME = HERE / "demo" / "home"
CATALOG_NAME = "catalog.yaml"
#: Where the service listens; the hub's proxy alone talks to it.
SERVICE_PORT = 10101
BACKENDS = ("local",)

#: What the service may ask the hub. No tokens, no admin rights, no auth state.
SERVICE_ROLE = {
    "name": "collegium-service",
    "description": "Collegium's own service: who there is, in which groups, and which servers run",
    "scopes": ["list:users", "read:users:name", "read:users:groups", "read:servers", "read:hub"],
    "services": [SERVICE],
}


class ConfigError(Exception):
    """The configuration already holds something that Collegium needs otherwise; the message names trait and value."""


def install(
    c: Config,
    *,
    state_dir: str | Path | None = None,
    catalog: str | Path | None = None,
    database_url: str | None = None,
    backend: str = "local",
    service_port: int | None = SERVICE_PORT,
) -> Settings:
    """Add authenticator, spawner, pages, scopes and service to ``c``; returns where things are kept.

    ``state_dir`` (default: ``$COLLEGIUM_STATE_DIR`` or ``./state``) holds everything that must survive. ``catalog`` is
    the file that the database follows at each start (default: ``catalog.yaml`` in the working directory, else the
    demo). ``service_port`` None leaves the service to somebody else. Settings that are equal or additive are fine; a
    different value raises ConfigError. Nothing is opened or printed here: that happens when the hub starts.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"backend = {backend!r}: there is {', '.join(BACKENDS)}")
    settings = _settings(state_dir, database_url)
    chosen = _catalog(catalog)
    # The spawner, the authenticator and the pages are made by the hub without arguments and find their settings here.
    # Servers of users never see these variables: the spawner passes on a short list.
    os.environ.update(settings.environment(), **{CATALOG_VARIABLE: str(chosen)})

    _hub(c, settings)
    _authenticator(c)
    _spawner(c, demo=chosen == DEMO_CATALOG)
    _templates(c.JupyterHub)
    _merge(c.JupyterHub, "template_vars", {"collegium": HomePage})
    _merge(c.JupyterHub, "custom_scopes", CUSTOM_SCOPES)
    _add_scopes(c.JupyterHub, USER_SCOPES)
    if service_port is not None:
        _service(c, settings, service_port, demo=chosen == DEMO_CATALOG)
    return settings


def _settings(state_dir: str | Path | None, database_url: str | None) -> Settings:
    if state_dir is None and database_url is None:
        return Settings.from_environment()
    directory = state_dir or os.environ.get(STATE_VARIABLE) or "state"
    return Settings.at(Path(directory), database_url or os.environ.get(DATABASE_VARIABLE) or None)


def _catalog(catalog: str | Path | None) -> Path:
    if catalog is not None:
        return Path(catalog).expanduser().resolve()
    beside = Path(CATALOG_NAME).resolve()
    return beside if beside.exists() else DEMO_CATALOG


def _hub(c: Config, settings: Settings) -> None:
    hub = c.JupyterHub
    _require(hub, "JupyterHub", "authenticator_class", "collegium-local")
    _require(hub, "JupyterHub", "spawner_class", "collegium-local")
    # One server per group, named like the group.
    _require(hub, "JupyterHub", "allow_named_servers", True)
    # After login: the page with the groups, not a server that belongs to none.
    _offer(hub, "redirect_to_server", False)
    # Servers and their reservations outlive a restart of the hub.
    _offer(hub, "cleanup_servers", False)
    # This machine is one trust domain: only it may connect, unless the operator says otherwise.
    _offer(hub, "bind_url", "http://127.0.0.1:8000")
    _offer(hub, "db_url", f"sqlite:///{settings.state_dir / 'jupyterhub.sqlite'}")
    _offer(hub, "cookie_secret_file", str(settings.state_dir / "jupyterhub_cookie_secret"))
    _offer(c.ConfigurableHTTPProxy, "pid_file", str(settings.state_dir / "jupyterhub-proxy.pid"))
    # A login lasts a day, a token of a server's or service's page an hour, any other token 30 days at most.
    _offer(hub, "cookie_max_age_days", 1)
    _offer(hub, "token_expires_in_max_seconds", 30 * 86400)
    _offer(hub, "oauth_require_pkce", True)
    # Wait for all checks before serving: no server is taken for dead because there was no time to look.
    _offer(hub, "init_spawners_timeout", -1)
    # JupyterHub writes its secrets and opens its database before anything of ours runs.
    settings.prepare()


def _authenticator(c: Config) -> None:
    _require(c.Authenticator, "Authenticator", "manage_groups", True)
    _require(c.Authenticator, "Authenticator", "refresh_pre_spawn", True)
    _require(c.Authenticator, "Authenticator", "auth_refresh_strict", True)
    _offer(c.Authenticator, "auth_refresh_age", 30)
    _require(c.StartupMixin, "StartupMixin", "startup_hook", "collegium.hub.startup.prepare_hub")


def _spawner(c: Config, demo: bool) -> None:
    # A user whose image is broken must not be able to stop the hub for all. ``disable_user_config`` stays as it is: it
    # guards a server against files that others put into its home, and on one Unix account they can change all of it.
    _offer(c.Spawner, "consecutive_failure_limit", 0)
    # A server that fails is seen at once; JupyterLab on a busy laptop is only slow.
    _offer(c.Spawner, "start_timeout", 180)
    if demo:
        _offer(c.GroupLocalSpawner, "skeleton", str(DEMO_HOME))


def _service(c: Config, settings: Settings, port: int, demo: bool) -> None:
    # A first job may come before a first server, and must find the same home.
    home = [f"--CollegiumService.backend_options=skeleton={DEMO_HOME}"] if demo else []
    service = {
        "name": SERVICE,
        "url": f"http://127.0.0.1:{port}",
        "command": [sys.executable, "-m", "collegium.services", "--role=all", *home],
        "environment": settings.environment(),
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": list(USER_SCOPES),
    }
    _add_named(c.JupyterHub, "services", service)
    _add_named(c.JupyterHub, "load_roles", SERVICE_ROLE)


def _is_set(section: Config, name: str) -> bool:
    return name in section


def _require(section: Config, owner: str, name: str, value: object) -> None:
    if _is_set(section, name) and section[name] != value:
        raise ConfigError(f"c.{owner}.{name} = {section[name]!r} is set already; Collegium needs {value!r}")
    section[name] = value


def _offer(section: Config, name: str, value: object) -> None:
    if not _is_set(section, name):
        section[name] = value


def _add_scopes(hub: Config, scopes: Iterable[str]) -> None:
    if _is_set(hub, "extra_user_scopes") and isinstance(hub.extra_user_scopes, (list, set, tuple)):
        hub.extra_user_scopes = {*hub.extra_user_scopes, *scopes}
    else:
        # The trait is a set: traitlets would drop what is added with ``extend`` without a word.
        hub.extra_user_scopes.update(set(scopes))


def _templates(hub: Config) -> None:
    ours = str(HERE / "templates")
    if _is_set(hub, "template_paths") and isinstance(hub.template_paths, list):
        # The operator's own pages come first; those of ours that they extend are found after them.
        if ours not in hub.template_paths:
            hub.template_paths = [*hub.template_paths, ours]
    elif ours not in hub.template_paths.to_dict().get("prepend", []):
        hub.template_paths.prepend([ours])


def _merge(section: Config, name: str, values: Mapping[str, Any]) -> None:
    if _is_set(section, name) and isinstance(section[name], dict):
        present = section[name]
        for key, value in values.items():
            if key in present and present[key] != value:
                raise ConfigError(f"c.JupyterHub.{name}[{key!r}] = {present[key]!r} is set already; Collegium needs it")
        section[name] = {**present, **values}
    else:
        section[name].update(values)


def _add_named(section: Config, name: str, item: Mapping[str, Any]) -> None:
    whole = isinstance(section[name], list) if _is_set(section, name) else False
    # Not set as a whole: what was appended so far is added to the default when the hub reads it.
    present = section[name] if whole else section[name].to_dict().get("extend", [])
    for other in present:
        if other.get("name") == item["name"] and other != item:
            raise ConfigError(f"c.JupyterHub.{name} has an entry named {item['name']!r} already: {other!r}")
    if item in present:
        return
    if whole:
        section[name] = [*present, dict(item)]
    else:
        section[name].append(dict(item))
