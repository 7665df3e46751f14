"""From a userinfo answer to what is said of a person. What is missing or malformed is an error, never an empty set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from collegium.domain.errors import Misconfigured, shorten
from collegium.domain.identity import Claims
from collegium.identity.mapping import full_path, roles_from_client
from collegium.identity.settings import KeycloakSettings

#: Columns of ours and of Keycloak.
MAX_SUBJECT, MAX_EMAIL = 255, 320


def claims_of(info: Mapping[str, Any], settings: KeycloakSettings) -> Claims:
    """The person. Raises Misconfigured that names the claim and what should put it there."""
    marked = lookup(info, settings.groups.marker) is not None
    return Claims(
        subject=_text(info, "sub", "the client scope 'openid' puts it there", MAX_SUBJECT),
        username=_text(info, "preferred_username", "the client scope 'profile' puts it there", 255),
        paths=_paths(info, settings, marked),
        display_name=_display_name(info),
        email=_email(info),
        # Some put "true" there: only what is true is.
        email_verified=info.get("email_verified") is True,
        roles=_roles(info, settings, marked),
        platform_admin=_platform_admin(info, settings, marked),
    )


def lookup(info: Mapping[str, Any], claim: str) -> Any:
    """A claim by its name; dots may also go inside, as in ``realm_access.roles``. None if it is not there."""
    if claim in info:
        return info[claim]
    found: Any = info
    for part in claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _paths(info: Mapping[str, Any], settings: KeycloakSettings, marked: bool) -> frozenset[str]:
    claim = settings.groups.claim
    found = lookup(info, claim)
    if found is None and not marked:
        raise Misconfigured(
            f"Keycloak's userinfo holds neither the claim {claim!r} nor the claim {settings.groups.marker!r}: the "
            f"mappers 'groups' (Group Membership) and 'marker' (Hardcoded claim) are missing from the client "
            f"{settings.login.client_id}, or do not say 'Add to userinfo'.",
            claim=claim,
        )
    # Keycloak leaves the claim out for somebody who is in no group; the marker is there for everybody.
    return frozenset(full_path(name) for name in _names(found, claim, "mapper 'groups'", full=True))


def _roles(info: Mapping[str, Any], settings: KeycloakSettings, marked: bool) -> Any:
    rules = settings.roles
    if rules.source != "client-role":
        return None
    found = lookup(info, rules.claim)
    if found is None and not marked:
        return None
    return roles_from_client(_names(found, rules.claim, "mapper 'client roles'"), rules)


def _platform_admin(info: Mapping[str, Any], settings: KeycloakSettings, marked: bool) -> bool | None:
    rule = settings.platform_admin
    asked = [(rule.realm_claim, rule.realm_role), (rule.client_claim, rule.client_role)]
    said: bool | None = False if marked else None
    for claim, role in asked:
        found = lookup(info, claim) if role else None
        if found is not None:
            said = bool(said) or role in _names(found, claim, "role mapper")
    return said


def _names(found: Any, claim: str, mapper: str, full: bool = False) -> list[str]:
    if found is None:
        return []
    if isinstance(found, list) and all(isinstance(name, str) and name for name in found):
        return [name for name in found if not full or name != "/"]
    kind = "a text" if isinstance(found, str) else f"a {type(found).__name__}"
    if isinstance(found, list):
        kind = "a list with something else in it"
    raise Misconfigured(
        f"The claim {claim!r} must be a list of names and is {kind}; the {mapper} of the realm's client must be "
        "multivalued.",
        claim=claim,
    )


def _text(info: Mapping[str, Any], claim: str, source: str, limit: int) -> str:
    found = info.get(claim)
    if not isinstance(found, str) or not found:
        raise Misconfigured(f"Keycloak's userinfo holds no claim {claim!r}: {source}.", claim=claim)
    if len(found) > limit:
        raise Misconfigured(
            f"The claim {claim!r} has {len(found)} characters, at most {limit} are allowed.",
            claim=claim,
            person=shorten(info.get("sub"), 40),
        )
    return found


def _display_name(info: Mapping[str, Any]) -> str:
    parts = (
        [info.get("name")] if isinstance(info.get("name"), str) else [info.get("given_name"), info.get("family_name")]
    )
    text = " ".join(p for p in parts if isinstance(p, str))
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _email(info: Mapping[str, Any]) -> str:
    found = info.get("email")
    return found if isinstance(found, str) and len(found) <= MAX_EMAIL and found.isprintable() else ""
