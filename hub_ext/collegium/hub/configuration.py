"""``install(c)``: adds Collegium to a JupyterHub configuration, and overwrites nothing that the operator has set."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets.config import Config

from collegium.backends.kubernetes.settings import VARIABLE as KUBERNETES_VARIABLE
from collegium.cipher import VARIABLE as SECRET_KEY_VARIABLE
from collegium.hub.change import ConfigError, add_named, add_scopes, add_templates, merge, offer, offer_bind, require
from collegium.hub.home import HomePage
from collegium.hub.keycloak import CLASS, REFRESH_AGE, check_keycloak, provide_key, read_keycloak, share
from collegium.hub.revocation import revocation_arguments
from collegium.hub.scopes import CUSTOM_SCOPES, SERVICE, USER_SCOPES
from collegium.hub.startup import CATALOG_VARIABLE
from collegium.identity.settings import VARIABLE as KEYCLOAK_VARIABLE
from collegium.identity.settings import KeycloakSettings
from collegium.settings import DATABASE_VARIABLE, STATE_VARIABLE, Settings
from collegium.stores.settings import VARIABLE as FILES_VARIABLE

if TYPE_CHECKING:
    from collegium.hub.kubernetes import Pods

__all__ = ["ConfigError", "install"]

HERE = Path(__file__).parent
DEMO_CATALOG = HERE / "demo" / "catalog.yaml"
KEYCLOAK_DEMO_CATALOG = HERE / "demo" / "keycloak" / "catalog.yaml"
DEMOS = (DEMO_CATALOG, KEYCLOAK_DEMO_CATALOG)
DEMO_HOME = HERE / "demo" / "home"
CATALOG_NAME = "catalog.yaml"
#: Where the service listens; the hub's proxy alone talks to it.
SERVICE_PORT = 10101
BACKENDS = ("local", "kubernetes")
#: The mail server of the service (``collegium.services.mail``); handed on as it is.
MAIL_VARIABLE = "COLLEGIUM_MAIL"

#: What the service may ask the hub: to see, and to stop servers whose owner lost the right to them. No tokens, no
#: admin rights, no auth state.
SERVICE_ROLE = {
    "name": "collegium-service",
    "description": "Collegium's own service: who there is, in which groups, which servers run, and stopping them",
    "scopes": ["list:users", "read:users:name", "read:users:groups", "read:servers", "delete:servers", "read:hub"],
    "services": [SERVICE],
}


def install(
    c: Config,
    *,
    state_dir: str | Path | None = None,
    catalog: str | Path | None = None,
    database_url: str | None = None,
    backend: str = "local",
    service_port: int | None = SERVICE_PORT,
    kubernetes: Mapping[str, Any] | None = None,
    service_url: str | None = None,
    secrets_dir: str | Path | None = None,
    authenticator: str | None = None,
    keycloak: Mapping[str, Any] | str | Path | None = None,
    revocation: Mapping[str, Any] | None = None,
) -> Settings:
    """Add authenticator, spawner, pages, scopes and service to ``c``; returns where things are kept.

    ``state_dir`` (default: ``$COLLEGIUM_STATE_DIR`` or ``./state``) holds everything that must survive. ``catalog`` is
    the file that the database follows at each start (default: ``catalog.yaml`` in the working directory, else the
    demo). ``service_port`` None leaves the service to somebody else. Settings that are equal or additive are fine; a
    different value raises ConfigError. Nothing is opened or printed here: that happens when the hub starts.

    With ``backend="kubernetes"`` servers and jobs are pods. ``kubernetes`` holds the fields of KubernetesSettings
    (default: ``$COLLEGIUM_KUBERNETES``). ``service_port`` None then says that hub, proxy and service are pods of their
    own: the service is at ``service_url`` (``$COLLEGIUM_SERVICE_URL``), secrets are files in ``secrets_dir``
    (``$COLLEGIUM_SECRETS_DIR``), and the database must be PostgreSQL.

    ``authenticator`` is ``local`` (people and passwords of the catalog) or ``keycloak``: people and groups of a realm.
    ``keycloak`` holds the fields of KeycloakSettings, or names a JSON file of them (default: ``$COLLEGIUM_KEYCLOAK``);
    where it is given, so is the choice.

    ``revocation`` says what becomes of somebody's work in a group that they may no longer work in: ``grace`` in seconds
    (900), ``servers`` (``stop`` or ``keep``), ``jobs`` (``cancel`` or ``finish``).
    """
    if backend not in BACKENDS:
        raise ConfigError(f"backend = {backend!r}: there is {', '.join(BACKENDS)}")
    ending = revocation_arguments(revocation, service_is_ours=service_port is not None)
    settings = _settings(state_dir, database_url)
    realm = read_keycloak(authenticator, keycloak)
    chosen = _catalog(catalog, DEMO_CATALOG if realm is None else KEYCLOAK_DEMO_CATALOG)
    pods = _pods(kubernetes, service_port is None, secrets_dir, service_url) if backend == "kubernetes" else None
    if realm is not None:
        check_keycloak(realm, service_is_ours=service_port is not None)
    if pods is not None and chosen in DEMOS:
        raise ConfigError("catalog is not given, and the demo's is for one machine: its images are no container images")
    # The spawner, the authenticator and the pages are made by the hub without arguments and find their settings here.
    # Servers of users never see these variables: the spawner passes on a short list.
    os.environ.update(settings.environment(), **{CATALOG_VARIABLE: str(chosen)})

    if pods is not None:
        _configure_pods(c, settings, pods)
    else:
        require(c.JupyterHub, "JupyterHub", "spawner_class", "collegium-local")
    _hub(c, settings)
    _authenticator(c, settings, realm, pods)
    _spawner(c, demo=chosen in DEMOS)
    if service_port is not None and pods is None:
        # On this machine, past the proxy: whatever certificate that has, programs in servers need not know it.
        offer(c.GroupLocalSpawner, "service_address", f"http://127.0.0.1:{service_port}")
    add_templates(c.JupyterHub, str(HERE / "templates"))
    merge(c.JupyterHub, "template_vars", {"collegium": HomePage})
    merge(c.JupyterHub, "custom_scopes", CUSTOM_SCOPES)
    add_scopes(c.JupyterHub, USER_SCOPES)
    if service_port is not None:
        _service(c, settings, service_port, ending, demo=chosen in DEMOS, pods=pods, realm=realm)
    return settings


def _pods(
    values: Mapping[str, Any] | None, separate: bool, secrets_dir: str | Path | None, service_url: str | None
) -> Pods:
    # Imported only here: a hub on one machine need not have what Kubernetes takes.
    from collegium.hub.kubernetes import read_pods

    return read_pods(values, separate, secrets_dir, service_url)


def _configure_pods(c: Config, settings: Settings, pods: Pods) -> None:
    from collegium.hub.kubernetes import configure, external_service

    configure(c, settings, pods)
    service = external_service(pods) if pods.separate else None
    if service is not None:
        add_named(c.JupyterHub, "services", service)
        add_named(c.JupyterHub, "load_roles", SERVICE_ROLE)


def _settings(state_dir: str | Path | None, database_url: str | None) -> Settings:
    if state_dir is None and database_url is None:
        return Settings.from_environment()
    directory = state_dir or os.environ.get(STATE_VARIABLE) or "state"
    return Settings.at(Path(directory), database_url or os.environ.get(DATABASE_VARIABLE) or None)


def _catalog(catalog: str | Path | None, demo: Path) -> Path:
    if catalog is not None:
        # Links stay links: a mounted ConfigMap is reached through one that moves to the next content.
        return Path(catalog).expanduser().absolute()
    beside = Path(CATALOG_NAME).resolve()
    return beside if beside.exists() else demo


def _hub(c: Config, settings: Settings) -> None:
    hub = c.JupyterHub
    # One server per group, named like the group.
    require(hub, "JupyterHub", "allow_named_servers", True)
    # After login: the page with the groups, not a server that belongs to none.
    offer(hub, "redirect_to_server", False)
    # Servers and their reservations outlive a restart of the hub.
    offer(hub, "cleanup_servers", False)
    # This machine is one trust domain: only it may connect, unless the operator says otherwise.
    offer_bind(hub, "127.0.0.1", 8000)
    offer(hub, "db_url", f"sqlite:///{settings.state_dir / 'jupyterhub.sqlite'}")
    offer(hub, "cookie_secret_file", str(settings.state_dir / "jupyterhub_cookie_secret"))
    offer(c.ConfigurableHTTPProxy, "pid_file", str(settings.state_dir / "jupyterhub-proxy.pid"))
    # A login lasts a day, a token of a server's or service's page an hour, any other token 30 days at most.
    offer(hub, "cookie_max_age_days", 1)
    offer(hub, "token_expires_in_max_seconds", 30 * 86400)
    offer(hub, "oauth_require_pkce", True)
    # Wait for all checks before serving: no server is taken for dead because there was no time to look.
    offer(hub, "init_spawners_timeout", -1)
    # JupyterHub writes its secrets and opens its database before anything of ours runs.
    settings.prepare()


def _authenticator(c: Config, settings: Settings, realm: KeycloakSettings | None, pods: Pods | None) -> None:
    require(c.JupyterHub, "JupyterHub", "authenticator_class", "collegium-local" if realm is None else CLASS)
    if realm is not None:
        share(realm)
        provide_key(c, settings, pods)
        require(c.Authenticator, "Authenticator", "enable_auth_state", True)
        offer(c.Authenticator, "auth_refresh_age", REFRESH_AGE)
    require(c.Authenticator, "Authenticator", "manage_groups", True)
    require(c.Authenticator, "Authenticator", "refresh_pre_spawn", True)
    require(c.Authenticator, "Authenticator", "auth_refresh_strict", True)
    offer(c.Authenticator, "auth_refresh_age", 30)
    require(c.StartupMixin, "StartupMixin", "startup_hook", "collegium.hub.startup.prepare_hub")


def _spawner(c: Config, demo: bool) -> None:
    # A user whose image is broken must not be able to stop the hub for all. ``disable_user_config`` stays as it is: it
    # guards a server against files that others put into its home, and on one Unix account they can change all of it.
    offer(c.Spawner, "consecutive_failure_limit", 0)
    # A server that fails is seen at once; JupyterLab on a busy laptop is only slow.
    offer(c.Spawner, "start_timeout", 180)
    if demo:
        offer(c.GroupLocalSpawner, "skeleton", str(DEMO_HOME))


def _service(
    c: Config,
    settings: Settings,
    port: int,
    arguments: Sequence[str],
    demo: bool,
    pods: Pods | None,
    realm: KeycloakSettings | None,
) -> None:
    # A first job may come before a first server, and must find the same home.
    more = [f"--CollegiumService.service_address=http://127.0.0.1:{port}"]
    more += [f"--CollegiumService.backend_options=skeleton={DEMO_HOME}"] if demo else []
    environment = settings.environment()
    if pods is not None:
        # Only the operator knows where pods reach this machine.
        more = ["--backend=kubernetes"]
        environment[KUBERNETES_VARIABLE] = pods.settings.to_json()
    if realm is not None:
        environment[KEYCLOAK_VARIABLE] = realm.to_json()
    for variable in (MAIL_VARIABLE, SECRET_KEY_VARIABLE, FILES_VARIABLE):
        if os.environ.get(variable):
            environment[variable] = os.environ[variable]
    service = {
        "name": SERVICE,
        "url": f"http://127.0.0.1:{port}",
        "command": [sys.executable, "-m", "collegium.services", "--role=all", *more, *arguments],
        "environment": environment,
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": list(USER_SCOPES),
    }
    add_named(c.JupyterHub, "services", service)
    add_named(c.JupyterHub, "load_roles", SERVICE_ROLE)
