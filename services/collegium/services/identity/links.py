"""Links to one's account: Keycloak's account console, and the hub's own pages."""

from __future__ import annotations

from dataclasses import dataclass

from collegium.domain.identity import UserIdentity
from collegium.identity.settings import KeycloakSettings
from collegium.services.identity.models import AccountLinks


@dataclass(frozen=True)
class Links:
    """``hub`` is the hub's path."""

    hub: str = "/hub/"
    keycloak: KeycloakSettings | None = None

    def of(self, account: UserIdentity | None) -> AccountLinks:
        """For a person with this account; None: the hub alone knows them."""
        hub = self.hub.rstrip("/")
        theirs = account is not None and self.keycloak is not None and account.issuer == self.keycloak.issuer
        console = self.keycloak if theirs else None
        return AccountLinks(
            profile_url=console.account_url if console else None,
            password_url=console.password_url if console else None,
            tokens_url=f"{hub}/token",
            logout_url=f"{hub}/logout",
        )
