"""What the hub's home page shows of a user's groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from collegium.db import UnitOfWork
from collegium.db.shared import shared_database
from collegium.domain.errors import Unavailable
from collegium.domain.groups import Group
from collegium.domain.policy import Operation, explain
from collegium.hub.account import Account, ScopeChoice, access_scope, scope_choices
from collegium.identity.settings import KeycloakSettings
from collegium.quota.ledger import usage
from collegium.quota.meters import Meter, meters


@dataclass(frozen=True)
class GroupCard:
    """One group. ``state`` of its server is ``stopped``, ``starting``, ``running`` or ``stopping``."""

    name: str
    title: str
    description: str
    contact: str
    role: str
    may_start: bool
    meters: tuple[Meter, ...]
    state: str
    launch: Mapping[str, str]


@dataclass(frozen=True)
class Home:
    """All cards, or whom to ask where there is none; ``problem`` is set while the database does not answer."""

    cards: tuple[GroupCard, ...] = ()
    admins: tuple[str, ...] = ()
    problem: str = ""
    platform_admin: bool = False

    @property
    def scopes(self) -> tuple[ScopeChoice, ...]:
        """What a token of this person could be for."""
        return scope_choices(self.platform_admin)

    @property
    def names(self) -> frozenset[str]:
        """Names of the groups; servers of other names are listed apart."""
        return frozenset(card.name for card in self.cards)


class HomePage:
    """A template variable: JupyterHub makes one with the current user (or none) for every page.

    ``home.html`` and ``token.html`` call ``load``; the rest asks nothing, for every page of the hub has it.
    """

    access_scope = access_scope()

    def __init__(self, user: Any) -> None:
        self._user = user

    @property
    def account(self) -> Account:
        """Links of the profile menu."""
        return Account.of(_keycloak())

    async def load(self) -> Home:
        """Look at the database; templates are rendered asynchronously, so this may be awaited in one."""
        user = self._user
        states = {s.name: (_state(s), getattr(s, "launch_manifest", {})) for s in user.all_spawners()}
        name = user.name

        def look(uow: UnitOfWork) -> Home:
            actor = uow.memberships.actor(name)
            rows = [row for group in sorted(actor.roles) if (row := uow.groups.get(group)) is not None]
            cards = tuple(
                _card(
                    row,
                    actor.roles[row.name].label,
                    explain(actor, Operation.SERVER_START, row.name).allowed,
                    meters(usage(uow, row.name), name),
                    *states.get(row.name, ("stopped", {})),
                )
                for row in rows
            )
            admins = tuple(u.display_name or u.name for u in uow.users.all() if u.platform_admin)
            return Home(cards, admins, platform_admin=actor.platform_admin)

        try:
            return await shared_database().reading(look)
        except Unavailable as error:
            return Home(problem=error.message)


@cache
def _keycloak() -> KeycloakSettings | None:
    # Fixed while the hub runs.
    return KeycloakSettings.from_environment()


def _card(
    row: Group, role: str, may_start: bool, rows: tuple[Meter, ...], state: str, launch: Mapping[str, str]
) -> GroupCard:
    return GroupCard(
        row.name,
        row.display_name,
        row.description,
        row.contact,
        role,
        may_start,
        rows,
        state,
        launch if state != "stopped" else {},
    )


def _state(spawner: Any) -> str:
    # Servers that never ran in this process are bare database rows without these attributes.
    if getattr(spawner, "pending", None) == "stop":
        return "stopping"
    if getattr(spawner, "ready", False):
        return "running"
    return "starting" if getattr(spawner, "active", False) else "stopped"
