"""Accounts as they are shown: the provider's word and ours in one."""

from __future__ import annotations

from collections.abc import Mapping

from collegium.db import UnitOfWork
from collegium.domain.groups import Role
from collegium.identity.people import Account
from collegium.services.users.models import AccountOut, UserGroup
from collegium.services.users.table import groups_text


def account_out(uow: UnitOfWork, issuer: str, account: Account, roles: Mapping[str, Role] | None = None) -> AccountOut:
    """One account; ``roles`` are the provider's where they were asked for, else what is known here."""
    found = uow.identities.of_subject(issuer, account.subject)
    user = uow.users.get(found.user) if found else None
    known = roles if roles is not None else uow.memberships.of_user(found.user) if found else {}
    return AccountOut(
        id=account.subject,
        username=account.username,
        email=account.email,
        email_verified=account.email_verified,
        first_name=account.first_name,
        last_name=account.last_name,
        enabled=account.enabled,
        created_at=account.created_at,
        federated=bool(account.federation),
        read_only=account.read_only,
        required_actions=list(account.required_actions),
        name=found.user if found else None,
        standing=found.standing.value if found else None,
        platform_admin=bool(user and user.platform_admin),
        last_seen=found.seen_at if found else None,
        groups=[UserGroup(group=g, role=r) for g, r in sorted(known.items())],
    )


def export_row(account: Account, roles: Mapping[str, Role]) -> dict[str, str]:
    """One line of the export."""
    return {
        "username": account.username,
        "email": account.email,
        "first_name": account.first_name,
        "last_name": account.last_name,
        "enabled": "true" if account.enabled else "false",
        "groups": groups_text(roles),
    }
