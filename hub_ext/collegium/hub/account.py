"""What the hub's pages know of the visitor's account: links of the profile menu, and the scopes a token may have."""

from __future__ import annotations

from dataclasses import dataclass

from collegium.hub.scopes import CUSTOM_SCOPES, PREFIX, SERVICE
from collegium.identity.settings import KeycloakSettings

#: What needs no group: a filter by group makes no sense there.
_WITHOUT_GROUP = ("invitations:accept", "users:read", "users:write")
_FOR_PLATFORM = ("users:read", "users:write")


@dataclass(frozen=True)
class ScopeChoice:
    """A custom scope as the token page shows it; ``includes`` are those that come with it."""

    name: str
    description: str
    of_group: bool
    includes: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """Empty URLs where the hub itself keeps the accounts."""

    profile_url: str = ""
    password_url: str = ""

    @classmethod
    def of(cls, settings: KeycloakSettings | None) -> Account:
        """Keycloak's account console, where Keycloak is used."""
        if settings is None:
            return cls()
        return cls(settings.account_url, settings.password_url)


def access_scope() -> str:
    """Without it no other scope is of use: the token may reach the service at all."""
    return f"access:services!service={SERVICE}"


def scope_choices(platform_admin: bool) -> tuple[ScopeChoice, ...]:
    """What a token of this person could be for."""
    choices = []
    for name, scope in CUSTOM_SCOPES.items():
        short = name.removeprefix(PREFIX)
        if short in _FOR_PLATFORM and not platform_admin:
            continue
        included = scope.get("subscopes", [])
        assert isinstance(included, list)
        description = str(scope["description"]).removesuffix(" in Collegium")
        choices.append(ScopeChoice(name, description, short not in _WITHOUT_GROUP, tuple(included)))
    return tuple(choices)
