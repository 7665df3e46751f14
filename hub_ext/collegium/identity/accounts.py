"""The broker to Keycloak's accounts: everything that Collegium ever changes there, and nothing else.

It uses a service account of its own (``keycloak.accounts``), apart from the one that reads. What it must not touch is
checked before each change (``guard.py``), whatever Keycloak would allow.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Self

from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable, shorten
from collegium.domain.groups import Role
from collegium.domain.identity import Claims, GroupBinding, Standing
from collegium.identity.accept import accept, dismiss
from collegium.identity.admin_api import PAGE, AdminApi, each, segment
from collegium.identity.guard import Guard
from collegium.identity.mapping import placement, roles_from_client
from collegium.identity.people import Account, Action, Changes, NewAccount
from collegium.identity.places import Places, spots
from collegium.identity.realm_groups import RealmGroups
from collegium.identity.settings import KeycloakSettings

#: So many names are asked for one by one; a page of a list takes as long as this many.
_SINGLE = 3
#: A question for a group's members takes as long as this many for one person's groups. Measured: 2 where the client has
#: roles, 20 to 50 with permissions that name hundreds of groups.
_PEOPLE_PER_GROUP = 10
#: No 0/O or 1/l/I: people read it out to one another.
_LETTERS, _CAPITALS, _DIGITS = "abcdefghijkmnpqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789"


class Accounts:
    """A ``Broker`` over Keycloak's admin API. Raises InvalidInput if the settings name no account client."""

    def __init__(self, settings: KeycloakSettings, database: Database, clock: Callable[[], datetime] = now) -> None:
        if settings.accounts is None:
            raise InvalidInput("keycloak.accounts", "is missing")
        self._settings, self._database, self._clock = settings, database, clock
        self._api = AdminApi(settings, settings.accounts, "keycloak.accounts")
        self._guard = Guard(settings, self._api, database)
        self._places = Places(settings, self._api, self._guard, database)
        self._groups: RealmGroups | None = None

    @property
    def issuer(self) -> str:
        """Whose accounts these are."""
        return self._settings.issuer

    @property
    def givable(self) -> tuple[Role, ...]:
        """Roles that can be given from here."""
        return self._settings.roles.givable

    async def close(self) -> None:
        """Let go of connections."""
        await self._api.close()

    def batch(self) -> Self:
        """The same for many changes in a row: what is known of groups then may be some seconds old."""
        twin = copy.copy(self)
        twin._groups = RealmGroups(self._api)
        return twin

    def _seen(self) -> RealmGroups:
        return self._groups or RealmGroups(self._api)

    async def page(
        self, first: int, limit: int, search: str = "", enabled: bool | None = None
    ) -> tuple[list[Account], int]:
        """Accounts by name, and how many there are in all that fit."""
        filters = {"search": search or None, "enabled": enabled}
        chosen = {k: v for k, v in filters.items() if v is not None}
        rows, total = await asyncio.gather(
            self._api.get("users", "list accounts", first=first, max=limit, briefRepresentation=False, **chosen),
            self._api.get("users/count", "count accounts", **chosen),
        )
        return [Account.read(r) for r in rows], int(total)

    async def get(self, subject: str) -> Account:
        """One account. Raises NotFound."""
        try:
            return Account.read(await self._api.get(f"users/{segment(subject)}", "see an account"))
        except NotFound:
            raise NotFound(f"Keycloak has no account {shorten(subject)}.", user=shorten(subject)) from None

    async def find(self, username: str) -> Account | None:
        """The account of exactly this user name; Keycloak compares without case."""
        rows = await self._api.get("users", "find an account", username=username, exact=True, briefRepresentation=False)
        fitting = [r for r in rows if str(r.get("username", "")).casefold() == username.casefold()]
        return Account.read(fitting[0]) if fitting else None

    async def find_all(self, usernames: Collection[str]) -> dict[str, Account]:
        """User name in small letters → account. One by one, or by a list of all where that asks less."""
        names = {n.casefold() for n in usernames}
        if len(names) > _SINGLE and await self._pages() * _SINGLE <= len(names):
            rows = await self._api.pages("users", "list accounts", briefRepresentation=False)
            listed = {a.username.casefold(): a for a in map(Account.read, rows)}
            # Lists leave out accounts of programs.
            alone = [n for n in names if n not in listed and n.startswith("service-account-")]
        else:
            listed, alone = {}, sorted(names)
        found = await each(self.find, alone)
        return {n: listed[n] for n in names if n in listed} | {a.username.casefold(): a for a in found if a is not None}

    async def _pages(self) -> int:
        return -(-int(await self._api.get("users/count", "count accounts")) // PAGE)

    async def guard(self, account: Account) -> None:
        """Raise Forbidden if nothing of this account may be changed from here."""
        await self._guard.account(account)

    async def roles(self, account: Account) -> dict[str, Role]:
        """Group → role, worked out as at a login."""
        return await self._roles(await self._bindings(), account)

    async def _bindings(self) -> dict[str, GroupBinding]:
        return {b.path: b for b in await self._places.bindings()}

    async def _roles(self, by_path: Mapping[str, GroupBinding], account: Account) -> dict[str, Role]:
        claims = await self._claims(account)
        places = placement(claims.paths, self._settings.groups, self._settings.roles).roles
        found = {}
        for path, role in places.items():
            if path not in by_path:
                continue
            binding = by_path[path]
            if self._settings.roles.source == "attribute":
                role = binding.roles.get(account.username.casefold(), self._settings.roles.default)  # noqa: PLW2901
            elif claims.roles is not None:
                role = claims.roles.get(binding.group, self._settings.roles.default)  # noqa: PLW2901
            found[binding.group] = role
        return found

    async def members(self, accounts: Sequence[Account]) -> dict[str, dict[str, Role]]:
        """Account → group → role, asked of each person; of each group where people are many more.

        Then roles that are not subgroups are as we last heard of them.
        """
        bindings = await self._bindings()
        groups = sum(len(spots(path, self._settings.roles)) for path in bindings)
        if len(accounts) <= _PEOPLE_PER_GROUP * groups:
            roles = await each(partial(self._roles, bindings), accounts)
            return {a.subject: r for a, r in zip(accounts, roles, strict=True)}
        found = await self._places.members(self._seen())
        if self._settings.roles.source == "subgroup":
            return found

        def look(uow: UnitOfWork) -> None:
            for subject, roles in found.items():
                identity = uow.identities.of_subject(self._settings.issuer, subject)
                known = uow.memberships.of_user(identity.user) if identity else {}
                roles.update({g: known[g] for g in roles if g in known})

        await self._database.reading(look)
        return found

    async def require_place(self, group: str, role: Role) -> None:
        """Raise what ``place`` would raise for anybody."""
        binding, groups = await self._places.require(group, role), self._seen()
        await self._guard.group(await self._places.group(binding, groups), groups)

    async def create(self, new: NewAccount, place: tuple[str, Role] | None = None) -> Account:
        """Make an account, and put it into a group in the very same step, so that no crash comes between."""
        body = {
            "username": new.username,
            "email": new.email,
            "emailVerified": False,
            "firstName": new.first_name,
            "lastName": new.last_name,
            "enabled": new.enabled,
            "requiredActions": [str(a) for a in new.required_actions],
        }
        if place is not None and self._settings.roles.source == "subgroup":
            body["groups"] = [await self._places.path_for(*place, self._seen())]
        try:
            subject = await self._api.post("users", "create an account", body)
        except Conflict as error:
            raise _taken(error) from None
        account = await self.get(subject)
        if place is not None and self._settings.roles.source != "subgroup":
            await self._places.put(account, *place, self._seen())
        return account

    async def change(self, subject: str, changes: Changes) -> Account:
        """Change what differs; Keycloak gets all it said back, for what is not mentioned it would drop."""
        account = await self._changeable(subject)
        wanted = changes.of(account)
        if not wanted:
            return account
        body = await self._api.get(f"users/{segment(subject)}", "see an account")
        body.pop("access", None)
        try:
            await self._api.put(f"users/{segment(subject)}", "change an account", {**body, **wanted})
        except Conflict as error:
            raise _taken(error) from None
        if wanted.get("enabled") is False:
            await self._end_sessions(subject)
        fresh = await self.get(subject)
        await self._bring_up(fresh)
        return fresh

    async def delete(self, subject: str) -> None:
        """Remove an account. Its name here stays taken, so that nobody inherits what it left."""
        try:
            await self._changeable(subject)
            await self._api.delete(f"users/{segment(subject)}", "delete an account")
        except NotFound:
            pass
        await self._dismiss(subject, Standing.DELETED, "deleted in Keycloak from here")

    async def set_password(self, subject: str) -> str:
        """A new password for one login; whoever is logged in with the old one is logged out."""
        await self._changeable(subject)
        password = temporary_password()
        body = {"type": "password", "value": password, "temporary": True}
        await self._api.put(f"users/{segment(subject)}/reset-password", "set a password", body)
        await self._end_sessions(subject)
        return password

    async def send_actions(self, subject: str, actions: Sequence[Action], hours: int) -> None:
        """Keycloak's mail; what it leads to ends with a link to where the login client says that it lives."""
        account = await self._changeable(subject)
        if not account.email:
            raise Conflict(f"{account.username} has no e-mail address.", user=subject)
        try:
            await self._api.put(
                f"users/{segment(subject)}/execute-actions-email",
                "send the mail",
                [str(a) for a in actions],
                lifespan=hours * 3600,
                client_id=self._settings.login.client_id,
            )
        except Unavailable as error:
            raise Unavailable(f"{error.message} The realm's e-mail settings in Keycloak may be the cause.") from None

    async def place(self, subject: str, group: str, role: Role | None) -> None:
        """Make the role in a group exactly this. People of a directory too: their groups are Keycloak's own."""
        account = await self.get(subject)
        await self._guard.account(account)
        await self._places.put(account, group, role, self._seen())
        await self._bring_up(account)

    async def _changeable(self, subject: str) -> Account:
        account = await self.get(subject)
        if account.read_only:
            raise Forbidden(account.read_only, user=subject)
        await self._guard.account(account)
        return account

    async def _end_sessions(self, subject: str) -> None:
        with contextlib.suppress(NotFound):
            await self._api.post(f"users/{segment(subject)}/logout", "end sessions", None)

    async def _claims(self, account: Account) -> Claims:
        paths = await self._places.paths(account.subject)
        rules, roles = self._settings.roles, None
        if rules.source == "client-role":
            # What cannot be seen is not known, and must not look like "none".
            with contextlib.suppress(Conflict, Forbidden):
                roles = roles_from_client(await self._places.client_roles(account), rules)
        return Claims(
            account.subject,
            account.username,
            frozenset(paths),
            account.display_name,
            account.email,
            account.email_verified,
            roles,
        )

    async def _bring_up(self, account: Account) -> None:
        """Let the database know at once, if the person is known here."""
        if not account.enabled:
            await self._dismiss(account.subject, Standing.DISABLED, "disabled in Keycloak from here")
            return
        asked_at = self._clock()
        claims = await self._claims(account)

        def write(uow: UnitOfWork) -> None:
            if uow.identities.of_subject(self._settings.issuer, account.subject) is not None:
                accept(uow, self._settings, claims, asked_at)

        await self._database.writing(write)

    async def _dismiss(self, subject: str, standing: Standing, reason: str) -> None:
        moment = self._clock()

        def write(uow: UnitOfWork) -> None:
            identity = uow.identities.of_subject(self._settings.issuer, subject)
            if identity is not None:
                dismiss(uow, identity.user, standing, moment, reason)

        await self._database.writing(write)


def temporary_password() -> str:
    """20 characters with each kind that password policies ask for; some 110 bits."""
    parts = [secrets.choice(kind) for kind in (_LETTERS, _CAPITALS, _DIGITS, "-+=%")]
    parts += [secrets.choice(_LETTERS + _CAPITALS + _DIGITS) for _ in range(16)]
    secrets.SystemRandom().shuffle(parts)
    return "".join(parts)


def _taken(error: Conflict) -> Conflict:
    field = "email" if "email" in error.message.casefold() else "username"
    word = "e-mail address" if field == "email" else "user name"
    return Conflict(f"{field}: this {word} belongs to another account already.", field=field)
