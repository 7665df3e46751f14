"""``collegium identity``: the provider as the database has it, and two decisions that only a person can take."""

from __future__ import annotations

import getpass

import click

from collegium.cli.plain import plain_errors
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.audit import AuditEntry
from collegium.domain.errors import Conflict, NotFound
from collegium.domain.quota import WorkloadKind
from collegium.identity.bind import rebind
from collegium.settings import Settings


@click.group()
def identity() -> None:
    """People and groups of an identity provider (Keycloak)."""


@identity.command("status")
@plain_errors
def identity_status() -> None:
    """Say how the provider is, what the last walk found, and which group is which."""
    with _database().read() as uow:
        status, bindings = uow.providers.current(), uow.group_bindings.all()
    if status is None:
        click.echo("No identity provider is in use.")
        return
    click.echo(f"{status.issuer}: {status.state} since {status.since:%Y-%m-%d %H:%M:%S} UTC")
    if status.message:
        click.echo(status.message)
    if status.synced_at is not None:
        counts = ", ".join(f"{k} {v}" for k, v in status.report.items() if isinstance(v, int | float))
        click.echo(f"last walk {status.synced_at:%Y-%m-%d %H:%M:%S} UTC: {counts}")
    for sentence in status.report.get("refused", ()):
        click.echo(f"refused: {sentence}")
    for binding in bindings:
        gone = f"  (deleted in Keycloak {binding.gone_at:%Y-%m-%d})" if binding.gone_at else ""
        click.echo(f"{binding.group}\t{binding.path}\t{binding.external_id or 'id not known yet'}{gone}")


@identity.command("rebind")
@click.argument("group")
@plain_errors
def identity_rebind(group: str) -> None:
    """Let the group that now has GROUP's path in Keycloak take over what the deleted one left here."""
    with _database().write() as uow:
        binding = rebind(uow, group, now(), _operator())
    if binding is None:
        raise NotFound(f"group: {group} stands for no group of an identity provider", field="group", value=group)
    click.echo(f"{group} is {binding.path} again, whichever group that is now; members follow at the next look.")


@identity.command("release")
@click.argument("user")
@click.confirmation_option(
    prompt="Whoever next logs in under this name gets its homes, jobs and servers here. Is that what you want?"
)
@plain_errors
def identity_release(user: str) -> None:
    """Free the name USER from the account that came first, so that another account may have it."""
    with _database().write() as uow:
        _release(uow, user)
    click.echo(f"The name {user} is free.")


def _release(uow: UnitOfWork, user: str) -> None:
    account = uow.identities.of_user(user, lock=True)
    if account is None:
        raise NotFound(f"user: {user} is no account of an identity provider", field="user", value=user)
    live = [r.workload_id for r in uow.reservations.live(kinds=list(WorkloadKind), user=user)]
    if live:
        raise Conflict(f"{user} still has {len(live)} workloads that live: {', '.join(live[:5])}. End them first.")
    uow.memberships.replace_for_user(user, {})
    uow.users.delete(user)
    uow.identities.delete(user)
    details = {"issuer": account.issuer, "subject": account.subject}
    uow.audit.append(AuditEntry(now(), _operator(), "user.release", user, details=details))


def _database() -> Database:
    return Database.open(Settings.from_environment())


def _operator() -> str:
    """Who is at the terminal; a container may not know the name of its user."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"
