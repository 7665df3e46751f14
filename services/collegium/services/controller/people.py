"""What the provider said of people goes into the database: whoever is as before costs one statement for all."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from collegium.db import UnitOfWork
from collegium.domain.errors import DomainError, Misconfigured
from collegium.domain.groups import Role
from collegium.domain.identity import Claims, Standing, UserIdentity
from collegium.identity.accept import Accepted, accept, dismiss
from collegium.identity.ask import Answer
from collegium.identity.settings import KeycloakSettings
from collegium.identity.tree import Tree
from collegium.services.controller.lease import Lease, LeaseLost

#: More than so many of those who were asked for, and more than half of them, do not just happen to be deleted.
MANY = 5
#: People who are brought up to date in one transaction.
BATCH = 20
_log = logging.getLogger("collegium.controller")


def refuse_many(deleted: int, of: int) -> None:
    """Raise Misconfigured where it looks as if another realm were in the place of ours."""
    if deleted > MANY and deleted * 2 > of:
        raise Misconfigured(
            f"Keycloak knows {of - deleted} of {of} accounts that it knew before. That looks like another realm; "
            "nothing was taken away from anybody"
        )


@dataclass(frozen=True)
class _Settled:
    """A person as they were after their last answer was accepted, and what else that depended on."""

    claims: Claims
    world: Any
    roles: dict[str, Role]
    platform_admin: bool


class People:
    """What it remembers spares work; without it everybody is accepted once more, which changes nothing."""

    def __init__(self, settings: KeycloakSettings, lease: Lease) -> None:
        self._settings, self._lease = settings, lease
        self._settled: dict[str, _Settled] = {}

    async def apply(self, answers: Sequence[Answer], tree: Tree, begin: datetime, *, same_realm: bool) -> list[str]:
        """Who has changed. ``begin`` is when the first of these questions was asked.

        A login that asked later is not overruled: ``accept`` compares with when its answer was asked for.
        """
        known = [a for a in answers if a.error is None]
        if not same_realm:
            refuse_many(sum(a.standing is Standing.DELETED for a in known), len(known))
        claims = {a.user: a.claims(tree) for a in known if a.person is not None}
        world, loud = await self._lease.write(lambda uow: self._confirm(uow, known, claims, begin))
        changed: list[str] = []
        for start in range(0, len(loud), BATCH):
            changed += await self._batch(loud[start : start + BATCH], claims, world, begin)
        return changed

    def forget_all_but(self, users: set[str]) -> None:
        """Memory is only for those who are asked for again soon."""
        self._settled = {u: s for u, s in self._settled.items() if u in users}

    def _confirm(
        self, uow: UnitOfWork, answers: list[Answer], claims: dict[str, Claims], begin: datetime
    ) -> tuple[Any, list[Answer]]:
        world = (tuple(uow.group_bindings.all()), tuple(g.name for g in uow.groups.all()))
        rows = {i.user: i for i in uow.identities.locked([a.user for a in answers])}
        loud = [a for a in answers if a.user in rows and not self._as_before(uow, rows[a.user], a, claims, world)]
        left = {a.user for a in loud}
        uow.identities.check([user for user in rows if user not in left], begin)
        return world, loud

    def _as_before(
        self, uow: UnitOfWork, row: UserIdentity, answer: Answer, claims: dict[str, Claims], world: Any
    ) -> bool:
        if answer.standing is not Standing.ACTIVE or row.standing is not Standing.ACTIVE:
            return answer.standing is row.standing
        said, settled = claims[answer.user], self._settled.get(answer.user)
        if settled is None or settled.claims != said or settled.world != world:
            return False
        actor = uow.memberships.actor(answer.user)
        return (actor.roles, actor.platform_admin) == (settled.roles, settled.platform_admin) and (
            row.email,
            row.email_verified,
        ) == (said.email[:320], said.email_verified)

    async def _batch(self, answers: list[Answer], claims: dict[str, Claims], world: Any, begin: datetime) -> list[str]:
        """Several in one transaction; one by one if that fails, so that nobody holds up the others."""
        try:
            found = await self._lease.write(lambda uow: [self._one(uow, a, claims, begin) for a in answers])
        except LeaseLost:
            raise
        except Exception as error:
            if len(answers) == 1:
                trace = not isinstance(error, DomainError)
                _log.warning("what Keycloak says of a person cannot be taken over: %s", error, exc_info=trace)
                return []
            return [u for a in answers for u in await self._batch([a], claims, world, begin)]
        for answer, accepted in zip(answers, found, strict=True):
            self._settled.pop(answer.user, None)
            if isinstance(accepted, Accepted):
                roles, admin = dict(accepted.roles), accepted.platform_admin
                self._settled[answer.user] = _Settled(claims[answer.user], world, roles, admin)
        return [
            answer.user
            for answer, accepted in zip(answers, found, strict=True)
            if (accepted.changed if isinstance(accepted, Accepted) else accepted)
        ]

    def _one(self, uow: UnitOfWork, answer: Answer, claims: dict[str, Claims], begin: datetime) -> Accepted | bool:
        """What was accepted; else whether an account that is not active was news.

        False also if a later answer had come in: then these claims are not what is stored, and must not be remembered.
        """
        if answer.standing is not Standing.ACTIVE:
            return dismiss(uow, answer.user, answer.standing, begin, f"{answer.standing.value} in Keycloak")
        said = claims[answer.user]
        found = accept(uow, self._settings, said, begin)
        row = uow.identities.of_subject(self._settings.issuer, said.subject)
        return found if row is not None and row.checked_at == begin else False
