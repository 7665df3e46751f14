"""Who is asking: a hub token becomes an identity; the token says what, live membership says where."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from jupyterhub.services.auth import HubOAuth, check_scopes
from tornado.web import HTTPError, RequestHandler

from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.db.identities import SEEN
from collegium.domain.errors import (
    DomainError,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    Unavailable,
    shorten,
)
from collegium.domain.groups import Actor, Role
from collegium.domain.identity import (
    ProviderStatus,
    UserIdentity,
    refuse_inactive,
    refuse_stale,
    refuse_unconfirmed,
)
from collegium.domain.names import check_group_name
from collegium.domain.policy import POLICY, Operation, Verdict, explain
from collegium.hub.scopes import PREFIX, SERVICE
from collegium.services.run_tokens import RunTokens, is_run_token

#: Seconds for which the hub's answer about a token is believed. Not 0: to HubAuth that means for ever.
TOKEN_CACHE_SECONDS = 5
#: Seconds that the hub may take to answer about a token, beside what it may wait for Keycloak meanwhile.
HUB_PATIENCE = 10.0
#: The hub's own scope for Prometheus; a service that holds it may read our metrics too.
METRICS_SCOPE = "read:metrics"
_log = logging.getLogger("collegium.services")
_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}", re.ASCII)
#: Seconds for which the last word of an identity provider that is silent may be read, where nothing else is said.
OUTAGE_GRACE = timedelta(seconds=900)
_HELP = "Send the header 'Authorization: token <token>' with a token from the hub's token page."


@dataclass(frozen=True)
class Confirmation:
    """Whether what is known of people may be relied on at one moment. ``is_account``: the caller is the provider's."""

    status: ProviderStatus | None = None
    is_account: bool = False
    at: datetime | None = None
    grace: timedelta = OUTAGE_GRACE

    def require(self, operation: Operation) -> None:
        """Raise Unavailable where the provider's silence is in the way of the operation."""
        if POLICY[operation].confirm:
            refuse_unconfirmed(self.status, operation.value)
        elif self.is_account and self.at is not None:
            refuse_stale(self.status, self.at, self.grace)


@dataclass(frozen=True)
class Identity:
    """A caller at one moment: the person with live roles, the token's scopes, and whether the asked group exists.

    ``kind`` is ``user`` or ``service``; a service has no roles. The token is kept to ask again while a stream lasts.
    """

    actor: Actor
    kind: str
    token: str
    group_exists: bool = False
    confirmation: Confirmation = Confirmation()

    def token_allows(self, operation: Operation, group: str | None) -> bool:
        """True if the token's scopes cover the operation, for this user or for this group."""
        scope = POLICY[operation].scope
        if scope is None:
            return True
        # Two separate questions, each to the scopes that could answer it: JupyterHub warns where filters mix.
        of_user = {s for s in self.actor.scopes if "!group=" not in s}
        if holds(of_user, f"{PREFIX}{scope}!user={self.actor.user}"):
            return True
        of_group = {s for s in self.actor.scopes if "!user=" not in s}
        return group is not None and _is_group_name(group) and holds(of_group, f"{PREFIX}{scope}!group={group}")

    def explain(self, operation: Operation, group: str | None = None) -> Verdict:
        """Token, role, and the identity provider's word together."""
        if not self.token_allows(operation, group):
            scope = f"{PREFIX}{POLICY[operation].scope}"
            return Verdict(False, f"The token that you came with does not hold the scope {scope} here.")
        verdict = explain(self.actor, operation, group)
        if not verdict.allowed:
            return verdict
        try:
            self.confirmation.require(operation)
        except Unavailable as error:
            return Verdict(False, error.message)
        return verdict

    def require(self, operation: Operation, group: str | None = None) -> None:
        """Raise Forbidden, NotFound or Unavailable unless the operation is allowed.

        Groups that one does not belong to and groups that do not exist give the very same answer, at the same point.
        """
        if not self.token_allows(operation, group):
            raise Forbidden(self.explain(operation, group).reason, operation=operation.value)
        if group is not None and not self._may_know(group):
            raise NotFound(f"group: no group {shorten(group)} that you belong to", field="group", value=shorten(group))
        verdict = explain(self.actor, operation, group)
        if not verdict.allowed:
            raise Forbidden(verdict.reason, operation=operation.value, group=group)
        self.confirmation.require(operation)

    def _may_know(self, group: str) -> bool:
        return self.group_exists and (self.actor.role_in(group) is not None or self.actor.platform_admin)


class Gate:
    """Asks the hub about tokens and the database about roles, each time anew (but see TOKEN_CACHE_SECONDS)."""

    def __init__(
        self,
        hub_auth: HubOAuth,
        database: Database,
        outage_grace: timedelta = OUTAGE_GRACE,
        clock: Callable[[], datetime] = now,
        hub_patience: float = HUB_PATIENCE,
        runs: RunTokens | None = None,
    ) -> None:
        self.hub_auth, self._runs = hub_auth, runs
        self._database, self._grace, self._clock = database, outage_grace, clock
        self._patience = hub_patience
        self._noting: dict[str, asyncio.Task[None]] = {}
        self._access = set(hub_auth.access_scopes) or {"access:services", f"access:services!service={SERVICE}"}

    async def identify(
        self, handler: RequestHandler, group: str | None, *, cookie: bool, services: bool = False
    ) -> Identity:
        """The caller of a request.

        Raises NotAuthenticated without a usable token, Forbidden for a token that may not come here or that is no
        user's (unless ``services``), Unavailable if the hub does not answer. The cookie of the landing page counts only
        where ``cookie`` says so and no Authorization header came along; HubOAuth asks for XSRF proof where one is due.
        """
        if "Authorization" in handler.request.headers or not cookie:
            token = self.hub_auth.get_token(handler, in_cookie=False) or ""
            return await self.renew(token, group, services=services)
        model = await self._ask(self.hub_auth.get_user(handler, sync=False))
        return await self._identity(model, self.hub_auth.get_token(handler) or "", group, services)

    async def renew(self, token: str, group: str | None, *, services: bool = False) -> Identity:
        """The same from a token alone; for streams that outlast a look."""
        if not _TOKEN.fullmatch(token):
            raise NotAuthenticated(f"No usable token came with this request. {_HELP}")
        if is_run_token(token):
            return await self._run(token, group)
        model = await self._ask(self.hub_auth.user_for_token(token, sync=False))
        return await self._identity(model, token, group, services)

    async def require_public(self, operation: Operation) -> None:
        """The provider's word alone, for what needs no token. Raises Unavailable."""
        if POLICY[operation].confirm:
            status = await self._database.reading(lambda uow: uow.providers.current())
            Confirmation(status, False, self._clock(), self._grace).require(operation)

    async def _run(self, token: str, group: str | None) -> Identity:
        """A run of a job: its owner as they are now, but in its group alone, and there no more than a member."""
        if self._runs is None:
            raise NotAuthenticated(f"The token is not valid. {_HELP}")
        told = self._runs.open(token)

        def look(uow: UnitOfWork) -> tuple[Identity, UserIdentity | None]:
            RunTokens.check(uow, told)
            whole, account = uow.memberships.actor(told.user, None, told.scopes), uow.identities.of_user(told.user)
            # What runs does a member's work: it gives nothing to others and ends nothing of theirs.
            role = min(whole.roles[told.group], Role.MEMBER, key=lambda r: r.rank)
            actor = replace(whole, roles={told.group: role}, platform_admin=False)
            word = Confirmation(uow.providers.current(), account is not None, self._clock(), self._grace)
            return Identity(actor, "user", token, group == told.group, word), account

        identity, account = await self._database.reading(look)
        refuse_inactive(account)
        return identity

    async def _ask(self, question: Any) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(self._patience):
                answer: dict[str, Any] | None = await question
        except (HTTPError, TimeoutError):
            # Whatever the hub's trouble is, it is not the caller's fault, and not a reason to let anybody in.
            raise Unavailable("The hub cannot check your token now. Try again in a moment.") from None
        return answer

    async def _identity(self, model: dict[str, Any] | None, token: str, group: str | None, services: bool) -> Identity:
        if not model:
            raise NotAuthenticated(f"The token is not valid, or no longer. {_HELP}")
        scopes = frozenset(str(s) for s in model.get("scopes") or ())
        kind, name = model.get("kind", "user"), model.get("name")
        if services and holds(scopes, METRICS_SCOPE):
            return Identity(Actor(str(name), platform_admin=True, scopes=scopes), str(kind), token)
        if kind != "user" or not isinstance(name, str) or not name:
            raise Forbidden("This token belongs to no user; Collegium needs to know who you are.")
        if not any(holds(scopes, scope) for scope in self._access):
            raise Forbidden(f"The token does not hold access:services!service={SERVICE}.")
        admin = True if model.get("admin") is True else None
        known = group is not None and _is_group_name(group)

        def look(uow: UnitOfWork) -> tuple[Identity, UserIdentity | None]:
            actor, account = uow.memberships.actor(name, admin, scopes), uow.identities.of_user(name)
            exists = known and group is not None and uow.groups.get(group) is not None
            word = Confirmation(uow.providers.current(), account is not None, self._clock(), self._grace)
            return Identity(actor, "user", token, exists, word), account

        identity, account = await self._database.reading(look)
        refuse_inactive(account)
        if account is not None:
            self._note_sight(account)
        return identity

    def _note_sight(self, account: UserIdentity) -> None:
        """Who is about is asked for more often. No request waits for the note, and few make one."""
        moment, user = self._clock(), account.user
        if (account.seen_at is None or account.seen_at < moment - SEEN) and user not in self._noting:
            task = asyncio.create_task(self._see(user, moment))
            self._noting[user] = task
            task.add_done_callback(lambda _: self._noting.pop(user, None))

    async def _see(self, user: str, moment: datetime) -> None:
        try:
            await self._database.writing(lambda uow: uow.identities.see(user, moment))
        except DomainError as error:
            _log.debug("it could not be noted that somebody was seen: %s", error)


def holds(scopes: Collection[str], wanted: str) -> bool:
    """Does a set of hub scopes cover one scope, filter included?"""
    return bool(check_scopes({wanted}, set(scopes)))


def _is_group_name(name: str) -> bool:
    try:
        check_group_name(name)
    except InvalidInput:
        return False
    return True
