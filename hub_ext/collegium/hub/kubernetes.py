"""What ``install(c, backend="kubernetes")`` sets beyond the rest: pods instead of processes, secrets from files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from traitlets.config import Config

from collegium.backends.kubernetes.settings import VARIABLE, KubernetesSettings
from collegium.db.schema import HUB_SCHEMA, with_schema
from collegium.domain.errors import InvalidInput
from collegium.hub.change import ConfigError, is_set, offer, offer_bind, require
from collegium.hub.scopes import SERVICE, USER_SCOPES
from collegium.settings import Settings

#: Where a service that the hub does not start is, and a folder with secrets: for hubs configured by environment alone.
SERVICE_URL_VARIABLE = "COLLEGIUM_SERVICE_URL"
SECRETS_VARIABLE = "COLLEGIUM_SECRETS_DIR"
#: JupyterHub's own tables; a schema of our database if it is not set. May hold a password.
HUB_DATABASE_VARIABLE = "COLLEGIUM_HUB_DATABASE_URL"
#: Names in the folder with secrets; PASSWORDS is itself a folder with a file per user.
COOKIE, PROXY_TOKEN, SERVICE_TOKEN, PASSWORDS = "cookie-secret", "proxy-token", "service-token", "passwords"
#: The chart's service; ``c.JupyterHub.hub_connect_url`` says otherwise.
HUB_HOST = "hub"


@dataclass(frozen=True)
class Pods:
    """How this hub runs with Kubernetes. ``separate``: hub, proxy and service are pods of their own."""

    settings: KubernetesSettings
    separate: bool
    secrets: Path | None = None
    service_url: str = ""

    def secret(self, name: str) -> Path | None:
        """The file of a secret, if there is one."""
        path = self.secrets / name if self.secrets else None
        return path if path and path.exists() else None


def read_pods(
    values: Mapping[str, Any] | None, separate: bool, secrets_dir: str | Path | None, service_url: str | None
) -> Pods:
    """From arguments, else from the environment. Raises ConfigError for settings that are none."""
    try:
        settings = KubernetesSettings.from_environment() if values is None else KubernetesSettings.from_mapping(values)
    except InvalidInput as error:
        raise ConfigError(error.message) from None
    folder = secrets_dir or os.environ.get(SECRETS_VARIABLE) or None
    url = service_url or os.environ.get(SERVICE_URL_VARIABLE) or ""
    return Pods(settings, separate, Path(folder) if folder else None, url)


def configure(c: Config, settings: Settings, pods: Pods) -> None:
    """Before the rest of ``install``: what is offered here first, later offers leave alone."""
    # Each process that we start, and each object that the hub makes without arguments, reads them here.
    os.environ[VARIABLE] = pods.settings.to_json()
    require(c.JupyterHub, "JupyterHub", "spawner_class", "collegium-kubernetes")
    if pods.separate:
        _separate(c, settings, pods)
    _addresses(c, pods)
    # Image pulls take their time; the spawner fails at once on what cannot recover.
    offer(c.Spawner, "start_timeout", pods.settings.start_deadline)
    offer(c.Spawner, "http_timeout", 120)
    # A pod's log is kept and sent elsewhere: no password is printed there, and nobody has one who was not given one.
    passwords = pods.secrets / PASSWORDS if pods.secrets else Path("/nonexistent")
    offer(c.LocalGroupsAuthenticator, "first_passwords", str(passwords))


def external_service(pods: Pods) -> dict[str, Any] | None:
    """The service in pods of its own, None if somebody else registers it. Raises ConfigError without its token."""
    if not pods.service_url:
        return None
    path = pods.secret(SERVICE_TOKEN)
    token = path.read_text().strip() if path else ""
    if not token:
        where = pods.secrets or f"the folder that {SECRETS_VARIABLE} should name"
        raise ConfigError(
            f"the service at {pods.service_url} needs its token: there is no file {SERVICE_TOKEN} in {where}"
        )
    return {
        "name": SERVICE,
        "url": pods.service_url,
        "api_token": token,
        "oauth_no_confirm": True,
        "oauth_client_allowed_scopes": list(USER_SCOPES),
    }


def _separate(c: Config, settings: Settings, pods: Pods) -> None:
    if settings.database_url.startswith("sqlite"):
        raise ConfigError(
            "database_url is SQLite, a file of one machine; hub and service in pods of their own need PostgreSQL: set "
            "COLLEGIUM_DATABASE_URL to postgresql+psycopg://user:password@host/database"
        )
    own = os.environ.get(HUB_DATABASE_VARIABLE)
    offer(c.JupyterHub, "db_url", own or with_schema(settings.database_url, HUB_SCHEMA))
    offer(c.JupyterHub, "upgrade_db", True)
    cookie = pods.secret(COOKIE)
    if cookie is not None:
        offer(c.JupyterHub, "cookie_secret_file", str(cookie))
    # The proxy is restarted apart from the hub, keeps its routes while the hub is away, and is nobody's child.
    offer(c.ConfigurableHTTPProxy, "should_start", False)
    offer(c.JupyterHub, "cleanup_proxy", False)
    # At each look at activity the proxy's routes are compared: one that was restarted has none until then.
    offer(c.JupyterHub, "last_activity_interval", 10)
    offer(c.JupyterHub, "cleanup_servers", False)
    token = pods.secret(PROXY_TOKEN)
    if token is not None:
        offer(c.ConfigurableHTTPProxy, "auth_token", token.read_text().strip())
    offer_bind(c.JupyterHub, "", pods.settings.proxy_port)


def _addresses(c: Config, pods: Pods) -> None:
    kube = pods.settings
    if pods.separate:
        offer(c.JupyterHub, "hub_connect_url", f"http://{HUB_HOST}.{kube.control_namespace}.svc:{kube.hub_port}")
    offer(c.JupyterHub, "hub_bind_url", f"http://0.0.0.0:{kube.hub_port}")
    if not is_set(c.JupyterHub, "hub_connect_url"):
        raise ConfigError("c.JupyterHub.hub_connect_url is not set: name the address at which pods reach this hub")
    url = str(c.JupyterHub.hub_connect_url)
    host = urlsplit(url).hostname or ""
    if "." not in host and ":" not in host and kube.namespace != kube.control_namespace:
        raise ConfigError(
            f"c.JupyterHub.hub_connect_url = {url!r} is set already; servers run in other namespaces and find the hub "
            f"only under a full name such as http://{host or HUB_HOST}.{kube.control_namespace}.svc:{kube.hub_port}"
        )
