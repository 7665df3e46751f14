"""What the broker leaves alone whatever it is asked: administrators, programs, groups that carry rights in Keycloak.

Keycloak's own permissions may be wider than what is wanted here, and a service account that can put people into groups
can make administrators of them; so the bounds stand here as well, before every change.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jwt

from collegium.db import Database
from collegium.domain.errors import Conflict, Forbidden, NotFound
from collegium.identity.admin_api import AdminApi, segment
from collegium.identity.people import Account
from collegium.identity.realm_groups import Group, RealmGroups, parent_path
from collegium.identity.settings import KeycloakSettings

#: Realm roles that Keycloak itself reads as power.
_REALM_ROLES = frozenset({"admin", "create-realm"})
#: Groups inside groups; Keycloak knows no limit, a loop there must not be one here.
_MAX_DEPTH = 50
#: Seconds for which a client's id counts; of one that was made anew the old id is refused by Keycloak.
_KEEP_CLIENT = 60.0


class Guard:
    """Raises Forbidden for what is out of bounds, and for what it cannot be sure of."""

    def __init__(self, settings: KeycloakSettings, api: AdminApi, database: Database) -> None:
        self._settings, self._api, self._database = settings, api, database
        self._management = ""
        self._clients: dict[str, tuple[float, str]] = {}

    async def account(self, account: Account) -> None:
        """No account of a program, and nobody who administers the realm or the platform, by whatever way."""
        if account.service:
            raise Forbidden("This account belongs to a program; it is changed in Keycloak.", subject=account.subject)
        try:
            why = await self._power(account)
        except NotFound:
            # Account or client: whichever it was, nothing is known for sure.
            self._management = ""
            self._clients.clear()
            raise Conflict(f"{account.username} has just changed in Keycloak. Try again.") from None
        if why:
            raise Forbidden(
                f"{account.username} {why}. Such accounts are changed in Keycloak alone, so that nobody gains or "
                "breaks an administrator from here.",
                subject=account.subject,
            )

    async def group(self, group: Group, groups: RealmGroups) -> None:
        """No group that has a role, or inherits one from a group above it: membership would be a right in Keycloak."""
        path, group_id = str(group["path"]), group["id"]
        for _ in range(_MAX_DEPTH):
            try:
                whole = await groups.at(path)
            except NotFound:
                whole = {"id": ""}
            if whole["id"] != group_id:
                raise Forbidden(f"Keycloak does not say surely which group {path} is.", path=path)
            if whole.get("realmRoles") or any((whole.get("clientRoles") or {}).values()):
                raise Forbidden(
                    f"The group {path} of Keycloak carries roles, so who is in it is decided in Keycloak alone.",
                    path=path,
                )
            if not whole.get("parentId"):
                return
            path, group_id = parent_path(path), whole["parentId"]
        raise Forbidden("The group is nested too deeply to be checked.", limit=_MAX_DEPTH)

    async def _power(self, account: Account) -> str:
        """Which administrative power an account has, as the end of a sentence; empty if none."""
        rule, user = self._settings.platform_admin, f"users/{segment(account.subject)}/role-mappings"
        what = "see an account's roles"
        client = f"{user}/clients/{segment(await self._management_id())}/composite"
        realm, management = await asyncio.gather(
            self._api.get(f"{user}/realm/composite", what), self._api.get(client, what)
        )
        names = {str(r["name"]) for r in realm}
        if names & _REALM_ROLES or management:
            return "administers the realm"
        if rule.realm_role in names or await self._known_admin(account):
            return "is a platform admin"
        if rule.client_role:
            login = f"{user}/clients/{segment(await self.client(self._settings.login.client_id))}/composite"
            if any(r["name"] == rule.client_role for r in await self._api.get(login, what)):
                return "is a platform admin"
        return ""

    async def _known_admin(self, account: Account) -> bool:
        def look(uow: Any) -> bool:
            identity = uow.identities.of_subject(self._settings.issuer, account.subject)
            user = identity and uow.users.get(identity.user)
            return bool(user and user.platform_admin)

        return await self._database.reading(look)

    async def client(self, client: str) -> str:
        """Keycloak's id of a client. Raises Conflict if we may not see it, for then its roles are hidden."""
        until, found = self._clients.get(client, (0.0, ""))
        if until > time.monotonic():
            return found
        try:
            rows = await self._api.get("clients", "see clients", clientId=client)
        except Forbidden:
            rows = []
        if not rows:
            raise Conflict(
                f"The client {self._api.client_id} may not see the client {client} in Keycloak, and so not who has "
                "its roles: nothing is changed on guesses. docs/keycloak.md says which permissions it needs.",
                client=client,
            )
        self._clients[client] = time.monotonic() + _KEEP_CLIENT, str(rows[0]["id"])
        return str(rows[0]["id"])

    async def _management_id(self) -> str:
        """The id of the client whose roles administer the realm: our own account has such a role, and that names it."""
        if not self._management:
            name = "master-realm" if self._settings.realm == "master" else "realm-management"
            try:
                claims = jwt.decode(await self._api.token(), options={"verify_signature": False})
                mine = await self._api.get(f"users/{segment(str(claims['sub']))}/role-mappings", "see its own roles")
                self._management = str((mine.get("clientMappings") or {})[name]["id"])
            except (KeyError, NotFound, Forbidden):
                self._management = await self.client(name)
        return self._management
