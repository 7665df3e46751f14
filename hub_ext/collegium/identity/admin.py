"""Reading people and groups of a realm with the sync account, which may look and change nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from collegium.domain.errors import DomainError, Forbidden, InvalidInput, Misconfigured, NotFound, Unavailable
from collegium.identity.admin_api import AdminApi, segment
from collegium.identity.directory import DirectoryGroup, DirectoryUser
from collegium.identity.settings import KeycloakSettings

#: Rows asked for at a time, and groups that may come in one answer where Keycloak has just read them.
PAGE, WHOLE = 500, 5000
#: Keycloak's search for every name; without it only groups at the top are listed.
_ANY = "*"
_NEEDED = "the roles view-users, query-users and query-groups of the client realm-management"


class KeycloakDirectory:
    """The realm's admin API. Connections, token and the bound on questions at once are ``AdminApi``'s."""

    def __init__(self, settings: KeycloakSettings) -> None:
        if settings.sync is None:
            raise InvalidInput("keycloak.sync", "is not set, so there is no account to ask with")
        self._account = settings.sync
        self._api = AdminApi(settings, settings.sync, "keycloak.sync")
        self._clients: dict[str, str | None] = {}
        self.requests = 0

    async def ping(self) -> None:
        """The cheapest question that needs both a token and a right."""
        await self._rows("groups", "list groups", first=0, max=1, subGroupsCount=False)

    async def person(self, subject: str) -> DirectoryUser | None:
        """An account, None if it is deleted."""
        row = await self._ask(f"users/{segment(subject)}", "view users")
        return None if row is None else _read(DirectoryUser.read, row)

    async def groups_of(self, subject: str, attributes: bool = False) -> list[DirectoryGroup] | None:
        """All pages."""
        found: list[DirectoryGroup] = []
        path = f"users/{segment(subject)}/groups"
        while True:
            page = await self._ask(
                path, "view the groups of users", first=len(found), max=PAGE, briefRepresentation=not attributes
            )
            if page is None:
                return None
            found += [_read(DirectoryGroup.read, row) for row in _list(page)]
            if len(page) < PAGE:
                return found

    async def realm_roles(self, subject: str) -> frozenset[str] | None:
        """Those of groups and composite roles too."""
        return await self._roles(f"users/{segment(subject)}/role-mappings/realm/composite")

    async def client_roles(self, subject: str, client: str) -> frozenset[str] | None:
        """None also where the account may not list clients: then a change is seen at the next login or refresh."""
        if client not in self._clients:
            try:
                rows = await self._rows("clients", "view clients", clientId=client)
            except Misconfigured as error:
                if error.details.get("status") != 403:
                    raise
                rows = []
            self._clients[client] = next((str(r["id"]) for r in rows), None)
        known = self._clients[client]
        if known is None:
            return None
        return await self._roles(f"users/{segment(subject)}/role-mappings/clients/{segment(known)}/composite")

    async def groups(self, attributes: bool = False) -> list[DirectoryGroup]:
        """Flat if Keycloak lists all levels at once, else level by level.

        The flat list is ordered by name alone, and many subgroups have the same: a page's border may then lose one and
        show another twice. The count tells; a group that we did not see must never pass for one that is gone. A list
        without borders would be enough, but one that Keycloak has to read from its database may take longer than we
        wait: so it is asked for after the pages.
        """
        found = await self._flat(attributes, PAGE)
        said = await self._ask("groups/count", "count groups")
        count = said.get("count") if isinstance(said, Mapping) else None
        if isinstance(count, int) and len(found) < count < WHOLE:
            found = await self._flat(attributes, WHOLE)
        return found if len(found) == count else await self._level("groups", attributes, "")

    async def has_group(self, group: str) -> bool:
        """True unless Keycloak says that there is none."""
        return await self._ask(f"groups/{segment(group)}", "view groups") is not None

    async def members(self, group: str) -> AsyncIterator[list[DirectoryUser]]:
        """Brief ones; nobody if the group is gone."""
        first = 0
        while True:
            page = await self._rows(
                f"groups/{segment(group)}/members",
                "view the members of groups",
                first=first,
                max=PAGE,
                briefRepresentation=True,
            )
            yield [_read(DirectoryUser.read, row) for row in page]
            first += PAGE
            if len(page) < PAGE:
                return

    async def close(self) -> None:
        """Let go of the connections."""
        await self._api.close()

    async def _flat(self, attributes: bool, size: int) -> list[DirectoryGroup]:
        seen: dict[str, DirectoryGroup] = {}
        first = 0
        while True:
            # To count what is below each group would cost Keycloak some fifteen times what the list does.
            page = await self._group_page(
                "groups", attributes, first, size, search=_ANY, populateHierarchy=False, subGroupsCount=False
            )
            seen.update((g.id, g) for g, _ in page)
            first += size
            if len(page) < size:
                return list(seen.values())

    async def _level(self, path: str, attributes: bool, parent: str) -> list[DirectoryGroup]:
        found: list[DirectoryGroup] = []
        first = 0
        while True:
            page = await self._group_page(path, attributes, first, PAGE, parent)
            for group, has_more_below in page:
                found.append(group)
                if has_more_below:
                    found += await self._level(f"groups/{segment(group.id)}/children", attributes, group.id)
            first += PAGE
            if len(page) < PAGE:
                return found

    async def _group_page(
        self, path: str, attributes: bool, first: int, size: int, parent: str = "", **query: Any
    ) -> list[tuple[DirectoryGroup, bool]]:
        """Groups, each with whether there are some below it (a Keycloak that does not count them may have some)."""
        rows = await self._rows(path, "list groups", first=first, max=size, briefRepresentation=not attributes, **query)
        return [
            (_read(lambda r: DirectoryGroup.read(r, parent), row), row.get("subGroupCount", 1) != 0) for row in rows
        ]

    async def _roles(self, path: str) -> frozenset[str] | None:
        try:
            rows = await self._rows(path, "view the roles of users")
        except Misconfigured as error:
            if error.details.get("status") == 403:
                return None
            raise
        return frozenset(str(r["name"]) for r in rows)

    async def _rows(self, path: str, what: str, **query: Any) -> list[Any]:
        """A list; empty where there is nothing of that name."""
        found = await self._ask(path, what, **query)
        return [] if found is None else _list(found)

    async def _ask(self, path: str, what: str, **query: Any) -> Any:
        """The answer's JSON, None for 404."""
        self.requests += 1
        try:
            return await self._api.get(path, what, **query)
        except NotFound:
            return None
        except Forbidden:
            raise Misconfigured(
                f"Keycloak does not let the client {self._account.client_id} {what}: it needs {_NEEDED}.", status=403
            ) from None
        except Unavailable as error:
            raise self._no_login(error) from None
        except (InvalidInput, ValueError) as error:
            said = error.message if isinstance(error, DomainError) else "that is no JSON"
            raise Misconfigured(f"Keycloak's answer cannot be used: {said}") from None

    def _no_login(self, error: Unavailable) -> DomainError:
        """Waiting does not heal a wrong secret."""
        if "client" in error.details:
            return Misconfigured(error.message)
        try:
            self._account.secret()
        except InvalidInput as unreadable:
            return Misconfigured(unreadable.message)
        return error


def _list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise Misconfigured("Keycloak's answer cannot be used: a list was expected")
    return found


def _read(reader: Any, row: Any) -> Any:
    try:
        return reader(row)
    except (KeyError, TypeError, AttributeError):
        raise Misconfigured("Keycloak's answer cannot be used: a row lacks id or name") from None
