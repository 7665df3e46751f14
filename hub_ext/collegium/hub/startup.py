"""What the hub does once when it starts: migrate the database and make it follow the catalog."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from collegium.backends.kubernetes.settings import VARIABLE as KUBERNETES_VARIABLE
from collegium.backends.local.backend import NOTICE
from collegium.catalog.loader import load_catalog
from collegium.catalog.schema import CatalogFile
from collegium.catalog.service import apply_catalog
from collegium.db.shared import shared_database
from collegium.domain.errors import DomainError, InvalidInput
from collegium.identity.settings import VARIABLE as KEYCLOAK_VARIABLE

#: Set by ``install`` for this process; the function below takes no argument because the hub's configuration names it.
CATALOG_VARIABLE = "COLLEGIUM_CATALOG"

_log = logging.getLogger("jupyterhub.collegium")


def prepare_hub() -> None:
    """Open the database and apply the catalog named by ``COLLEGIUM_CATALOG``.

    Ends the hub with the list of problems (file, line, column) if the catalog cannot be used: starting with half of it,
    or with an older one in silence, would be worse.
    """
    path = os.environ.get(CATALOG_VARIABLE)
    try:
        database = shared_database()
        if not path:
            return
        catalog = load_catalog(Path(path))
        if os.environ.get(KEYCLOAK_VARIABLE):
            refuse_people(catalog, path)
        changes = apply_catalog(database, catalog)
    except DomainError as error:
        print(f"\nCollegium cannot start:\n{error.message}\n", file=sys.stderr, flush=True)
        raise SystemExit(1) from None
    for change in changes:
        _log.info("Catalog: %s", change)
    notice = "" if os.environ.get(KUBERNETES_VARIABLE) else f" {NOTICE}"
    print(f"\nCollegium follows {path} ({len(changes)} changes).{notice}", file=sys.stderr, flush=True)


def refuse_people(catalog: CatalogFile, path: str) -> None:
    """Raise InvalidInput for a catalog that names people where Keycloak does: two truths about one person."""
    if catalog.users:
        raise InvalidInput("users", f"{path} must declare none: people log in through Keycloak", catalog.users[0].name)
    for group in catalog.groups:
        if group.members:
            raise InvalidInput(
                f"groups.{group.name}.members",
                f"{path} must declare none: Keycloak says who is in a group; leave members out",
                next(iter(group.members)),
            )
