"""What is added to a stock JupyterHub; ``install(c)`` in a ``jupyterhub_config.py`` adds it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from traitlets.config import Config

    from collegium.settings import Settings


def install(
    c: Config,
    *,
    state_dir: str | Path | None = None,
    catalog: str | Path | None = None,
    database_url: str | None = None,
    backend: str = "local",
    service_port: int | None = 10101,
    kubernetes: Mapping[str, Any] | None = None,
    service_url: str | None = None,
    secrets_dir: str | Path | None = None,
    authenticator: str | None = None,
    keycloak: Mapping[str, Any] | str | Path | None = None,
    revocation: Mapping[str, Any] | None = None,
) -> Settings:
    """Add Collegium to a hub's configuration; see ``collegium.hub.configuration.install``."""
    # Imported only here: the service and the spawner need nothing of this package but its scopes.
    from collegium.hub import configuration

    return configuration.install(
        c,
        state_dir=state_dir,
        catalog=catalog,
        database_url=database_url,
        backend=backend,
        service_port=service_port,
        kubernetes=kubernetes,
        service_url=service_url,
        secrets_dir=secrets_dir,
        authenticator=authenticator,
        keycloak=keycloak,
        revocation=revocation,
    )
