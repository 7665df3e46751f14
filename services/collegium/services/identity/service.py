"""The identity provider as this installation sees it. Expects that the policy was asked already."""

from __future__ import annotations

from collegium.db import Database
from collegium.identity.settings import KeycloakSettings
from collegium.services.identity.models import IdentityOut, MissingOut

_SYNC = MissingOut(
    what="group sync",
    why="A change in Keycloak takes effect here only when the person logs in again or their login is refreshed; "
    "renamed groups are not followed, and roles in group attributes are not seen.",
    how="Make a client collegium-sync with a service account that has the roles view-users, query-users and "
    "query-groups of realm-management and nothing else, and set keycloak.sync.client_id and "
    "keycloak.sync.client_secret_file.",
)
_ACCOUNTS = MissingOut(
    what="invitations and user administration",
    why="Nobody can be invited, and users can be looked after only in Keycloak itself.",
    how="Make a client collegium-accounts with a service account as docs/keycloak.md describes it, and set "
    "keycloak.accounts.client_id and keycloak.accounts.client_secret_file.",
)
_KEYCLOAK = MissingOut(
    what="Keycloak",
    why="People, passwords and members are those of the catalog and the command line.",
    how="Choose the authenticator collegium-keycloak and set keycloak.issuer and keycloak.login.",
)


class IdentityService:
    """Reads only."""

    def __init__(self, database: Database, keycloak: KeycloakSettings | None) -> None:
        self._database, self._keycloak = database, keycloak

    async def status(self) -> IdentityOut:
        """The provider's state, the last report, and what is not set up."""
        status = await self._database.reading(lambda uow: uow.providers.current())
        keycloak = self._keycloak
        if keycloak is None:
            missing = [_KEYCLOAK]
        else:
            missing = [m for m, there in ((_SYNC, keycloak.sync), (_ACCOUNTS, keycloak.accounts)) if there is None]
        return IdentityOut(
            provider="local" if keycloak is None else "keycloak",
            issuer=keycloak.issuer if keycloak else "",
            state=status.state.value if status else "ok",
            message=status.message if status else "",
            since=status.since if status else None,
            synced_at=status.synced_at if status else None,
            report=dict(status.report) if status else {},
            roles=list(keycloak.roles.givable) if keycloak and keycloak.accounts else [],
            missing=missing,
        )
