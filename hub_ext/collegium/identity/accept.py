"""Making the database believe what the provider said: the one place where memberships of its people are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from collegium.db import UnitOfWork
from collegium.db.accounts import User
from collegium.domain.audit import SYSTEM, AuditEntry
from collegium.domain.errors import Forbidden, InvalidInput, shorten
from collegium.domain.groups import ManagedBy, Role
from collegium.domain.identity import Claims, GroupBinding, Standing, UserIdentity
from collegium.domain.names import check_user_name
from collegium.identity.bind import bind
from collegium.identity.mapping import Placement, inner_path, placement
from collegium.identity.settings import KeycloakSettings


@dataclass(frozen=True)
class Accepted:
    """A person as they are here now. ``problems`` are sentences about groups that could not be theirs."""

    user: str
    platform_admin: bool
    roles: Mapping[str, Role]
    changed: bool = False
    unknown: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def asked_name(claims: Claims) -> str:
    """The name that an account would have here at its first login. Raises InvalidInput for one that cannot be used."""
    name = claims.username.casefold()
    try:
        return check_user_name(name, "username")
    except InvalidInput:
        raise InvalidInput(
            "username",
            "cannot be used here: it must be 1 to 128 of a-z, 0-9 or . _ @ + -, with a letter or digit at both ends",
            claims.username,
            128,
        ) from None


def accept(
    uow: UnitOfWork, settings: KeycloakSettings, claims: Claims, asked_at: datetime, *, older_user: bool = False
) -> Accepted:
    """Make identity, memberships and admin right follow the claims; idempotent, and audited where something changed.

    ``asked_at`` is when the question to the provider began: an answer older than what is stored changes nothing.
    ``older_user`` says that JupyterHub has a user of this name from another time. Raises Forbidden for a name that is
    another account's, InvalidInput for one that cannot be used.
    """
    identity = uow.identities.of_subject(settings.issuer, claims.subject, lock=True)
    if identity is None:
        identity = _first(uow, settings, claims, older_user)
    elif identity.checked_at is not None and asked_at < identity.checked_at:
        return as_stored(uow, identity)
    user = identity.user
    stored = uow.users.get(user)
    admin = claims.platform_admin
    if admin is None:
        admin = stored.platform_admin if stored is not None else False

    places = placement(claims.paths, settings.groups, settings.roles)
    bound = bind(uow, settings, places.roles, asked_at)
    # A group may be bound and yet be gone from the catalog.
    open_groups = {p: b for p, b in bound.groups.items() if uow.groups.get(b.group) is not None}
    before = uow.memberships.of_user(user)
    after = roles_in(settings, claims, user, places, open_groups, before)

    fresh = replace(
        identity,
        email=claims.email[:320],
        email_verified=claims.email_verified,
        standing=Standing.ACTIVE,
        checked_at=asked_at,
    )
    uow.identities.put(fresh)
    row = User(user, claims.display_name[:120], admin, managed_by=ManagedBy.IDP)
    if stored is None or replace(stored, password_hash=None) != row:
        uow.users.put(row)
    changes = _changes(user, before, after, bool(stored and stored.platform_admin), admin, asked_at)
    if identity.standing is not Standing.ACTIVE:
        changes.append(AuditEntry(asked_at, SYSTEM, "user.enable", user, reason="active again in Keycloak"))
    if before != after:
        uow.memberships.replace_for_user(user, after)
    for entry in changes:
        uow.audit.append(entry)
    return Accepted(user, admin, after, bool(changes), tuple(bound.unknown), tuple(bound.refused))


def roles_in(
    settings: KeycloakSettings,
    claims: Claims,
    user: str,
    places: Placement,
    groups: Mapping[str, GroupBinding],
    before: Mapping[str, Role],
) -> dict[str, Role]:
    """Group → role of a person whose places are known; ``groups`` is path → binding, ``before`` what they had."""
    return {
        binding.group: _role(settings, claims, user, path, binding, places.roles[path], before.get(binding.group))
        for path, binding in groups.items()
        if path in places.roles
    }


def as_stored(uow: UnitOfWork, identity: UserIdentity) -> Accepted:
    """The person as the database has them."""
    stored = uow.users.get(identity.user)
    return Accepted(identity.user, bool(stored and stored.platform_admin), uow.memberships.of_user(identity.user))


def dismiss(uow: UnitOfWork, user: str, standing: Standing, at: datetime, reason: str) -> bool:
    """The account is disabled or deleted: no group, no admin right. False if that was known, or is old news.

    ``at`` is when the question to the provider began.
    """
    identity = uow.identities.of_user(user, lock=True)
    if identity is None or identity.standing is Standing.DELETED:
        return False
    if identity.checked_at is not None and at < identity.checked_at:
        return False
    if identity.standing is standing:
        uow.identities.check([user], at)
        return False
    stored = uow.users.get(user)
    before = uow.memberships.of_user(user)
    uow.identities.put(replace(identity, standing=standing, checked_at=at))
    uow.memberships.replace_for_user(user, {})
    if stored is not None and stored.platform_admin:
        uow.users.put(replace(stored, platform_admin=False))
    verb = "disable" if standing is Standing.DISABLED else "delete"
    uow.audit.append(AuditEntry(at, SYSTEM, f"user.{verb}", user, reason=reason))
    for entry in _changes(user, before, {}, bool(stored and stored.platform_admin), False, at):
        uow.audit.append(entry)
    return True


def _first(uow: UnitOfWork, settings: KeycloakSettings, claims: Claims, older_user: bool) -> UserIdentity:
    name = asked_name(claims)
    other = uow.identities.of_user(name)
    if other is not None:
        raise Forbidden(
            f"The name {shorten(name)} belongs to another account here: names are compared without case, and stay with "
            "the account that came first, even when that is renamed or deleted. Ask a platform admin.",
            field="username",
            value=shorten(name),
        )
    stored = uow.users.get(name)
    known = older_user or (stored is not None and stored.managed_by is not ManagedBy.IDP)
    if known and not settings.adopt_users:
        raise Forbidden(
            f"There is a user {shorten(name)} from before Keycloak, and nothing says that you are the same person. An "
            "operator can allow it (keycloak.adopt_users) or remove that user.",
            field="username",
            value=shorten(name),
        )
    return UserIdentity(name, settings.issuer, claims.subject)


def _role(
    settings: KeycloakSettings,
    claims: Claims,
    user: str,
    path: str,
    binding: GroupBinding,
    placed: Role,
    before: Role | None,
) -> Role:
    rules = settings.roles
    if rules.source == "attribute":
        return binding.roles.get(claims.username.casefold(), binding.roles.get(user, rules.default))
    if rules.source == "client-role":
        if claims.roles is None:
            return before or rules.default
        known = claims.roles
        return known.get(binding.group) or known.get(inner_path(path, settings.groups)) or rules.default
    return placed


def _changes(
    user: str, before: Mapping[str, Role], after: Mapping[str, Role], was_admin: bool, admin: bool, at: datetime
) -> list[AuditEntry]:
    said = "said by Keycloak"
    lines = [
        AuditEntry(at, SYSTEM, "membership.remove", user, g, reason=said) for g in sorted(before) if g not in after
    ]
    for group, role in sorted(after.items()):
        details = {"role": role.value}
        if group not in before:
            lines.append(AuditEntry(at, SYSTEM, "membership.add", user, group, reason=said, details=details))
        elif before[group] is not role:
            details["before"] = before[group].value
            lines.append(AuditEntry(at, SYSTEM, "membership.role", user, group, reason=said, details=details))
    if admin != was_admin:
        verb = "grant" if admin else "revoke"
        lines.append(AuditEntry(at, SYSTEM, f"platform_admin.{verb}", user, reason=said))
    return lines
