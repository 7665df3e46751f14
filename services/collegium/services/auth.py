"""Who is asking: a hub token becomes an identity; the token says what, live membership says where."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from jupyterhub.services.auth import HubOAuth, check_scopes
from tornado.web import HTTPError, RequestHandler

from collegium.db import Database
from collegium.domain.errors import Forbidden, InvalidInput, NotAuthenticated, NotFound, Unavailable, shorten
from collegium.domain.groups import Actor
from collegium.domain.names import check_group_name
from collegium.domain.policy import POLICY, Operation, Verdict, explain
from collegium.hub.scopes import PREFIX, SERVICE

#: Seconds for which the hub's answer about a token is believed. Not 0: to HubAuth that means for ever.
TOKEN_CACHE_SECONDS = 10
#: Seconds that the hub may take to answer about a token.
HUB_PATIENCE = 10.0
#: The hub's own scope for Prometheus; a service that holds it may read our metrics too.
METRICS_SCOPE = "read:metrics"
_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}", re.ASCII)
_HELP = "Send the header 'Authorization: token <token>' with a token from the hub's token page."


@dataclass(frozen=True)
class Identity:
    """A caller at one moment: the person with live roles, the token's scopes, and whether the asked group exists.

    ``kind`` is ``user`` or ``service``; a service has no roles. The token is kept to ask again while a stream lasts.
    """

    actor: Actor
    kind: str
    token: str
    group_exists: bool = False

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
        """Token and role together."""
        if not self.token_allows(operation, group):
            scope = f"{PREFIX}{POLICY[operation].scope}"
            return Verdict(False, f"The token that you came with does not hold the scope {scope} here.")
        return explain(self.actor, operation, group)

    def require(self, operation: Operation, group: str | None = None) -> None:
        """Raise Forbidden or NotFound unless the operation is allowed.

        Groups that one does not belong to and groups that do not exist give the very same answer, at the same point.
        """
        if not self.token_allows(operation, group):
            raise Forbidden(self.explain(operation, group).reason, operation=operation.value)
        if group is not None and not self._may_know(group):
            raise NotFound(f"group: no group {shorten(group)} that you belong to", field="group", value=shorten(group))
        verdict = explain(self.actor, operation, group)
        if not verdict.allowed:
            raise Forbidden(verdict.reason, operation=operation.value, group=group)

    def _may_know(self, group: str) -> bool:
        return self.group_exists and (self.actor.role_in(group) is not None or self.actor.platform_admin)


class Gate:
    """Asks the hub about tokens and the database about roles, each time anew (but see TOKEN_CACHE_SECONDS)."""

    def __init__(self, hub_auth: HubOAuth, database: Database) -> None:
        self.hub_auth = hub_auth
        self._database = database
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
        model = await self._ask(self.hub_auth.user_for_token(token, sync=False))
        return await self._identity(model, token, group, services)

    async def _ask(self, question: Any) -> dict[str, Any] | None:
        try:
            async with asyncio.timeout(HUB_PATIENCE):
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

        def look(uow: Any) -> Identity:
            actor = uow.memberships.actor(name, admin, scopes)
            return Identity(actor, "user", token, known and uow.groups.get(group) is not None)

        return await self._database.reading(look)


def holds(scopes: Collection[str], wanted: str) -> bool:
    """Does a set of hub scopes cover one scope, filter included?"""
    return bool(check_scopes({wanted}, set(scopes)))


def _is_group_name(name: str) -> bool:
    try:
        check_group_name(name)
    except InvalidInput:
        return False
    return True
