"""Users out to a table and in from one. Every line is told of; none is skipped in silence."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from collegium.domain.errors import DomainError, InvalidInput, Misconfigured, Unavailable
from collegium.domain.groups import Role
from collegium.identity.people import FIRST_ACTIONS, Account, Changes, NewAccount
from collegium.services.by import By
from collegium.services.users import table
from collegium.services.users.models import ImportIn, ImportOut, ImportRow
from collegium.services.users.service import UserService
from collegium.services.users.views import export_row

#: Accounts asked for at once, and lines worked on at once: Keycloak has other things to do as well.
_PAGE, _AT_ONCE = 500, 6


class Transfer:
    """Export and import, by the same rules as the operations on one user."""

    def __init__(self, users: UserService) -> None:
        self._users = users

    async def export(self) -> str:
        """All accounts of people with their roles in groups of ours, as CSV."""
        broker = self._users.broker
        roles = await broker.members()
        rows = []
        first, total = 0, 1
        while first < total:
            accounts, total = await broker.page(first, _PAGE)
            rows += [export_row(a, roles.get(a.subject, {})) for a in accounts]
            first += _PAGE
        return table.write(rows)

    async def load(self, by: By, body: ImportIn) -> ImportOut:
        """Create who is not there, change what differs, give roles; nobody loses a role or an account by an import.

        An empty cell asks for nothing. With ``dry_run`` nothing is changed. Raises InvalidInput and TooLarge for a
        table that cannot be read; lines that cannot be used are told in the answer.
        """
        rows = table.read(body.csv)
        members = await self._users.broker.members()
        places: dict[tuple[str, Role], str] = {}
        for wish in sorted({w for r in rows for w in r.groups.items()}):
            places[wish] = await self._why_not(*wish)
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(row: table.Row) -> ImportRow:
            async with turns:
                return await self._line(by, row, members, places, body)

        # One that raises (the provider is gone) ends the answer, not the others: what they did is in the audit log.
        done = await asyncio.gather(*(one(r) for r in rows))
        return ImportOut(dry_run=body.dry_run, rows=done, counts=dict(Counter(r.action for r in done)))

    async def _line(
        self,
        by: By,
        row: table.Row,
        members: Mapping[str, Mapping[str, Role]],
        places: Mapping[tuple[str, Role], str],
        body: ImportIn,
    ) -> ImportRow:
        try:
            action, message = await self._work(by, row, members, places, body)
        except (Unavailable, Misconfigured) as error:
            action, message = "refused", f"not tried to the end: {error.message}"
        except DomainError as error:
            action, message = "refused", error.message
        return ImportRow.model_validate(
            {"line": row.line, "username": row.username, "action": action, "message": message}
        )

    async def _work(
        self,
        by: By,
        row: table.Row,
        members: Mapping[str, Mapping[str, Role]],
        places: Mapping[tuple[str, Role], str],
        body: ImportIn,
    ) -> tuple[str, str]:
        if row.problem:
            return "refused", row.problem
        for wish in row.groups.items():
            if places[wish]:
                return "refused", f"groups: {wish[0]}: {places[wish]}"
        account = await self._users.broker.find(row.username)
        if account is None:
            return await self._new(by, row, body)
        return await self._known(by, row, account, members.get(account.subject, {}), body.dry_run)

    async def _new(self, by: By, row: table.Row, body: ImportIn) -> tuple[str, str]:
        if row.email is None:
            raise InvalidInput("email", "is missing for somebody new")
        if body.dry_run:
            return "create", _sentence("would be created", row.groups)
        new = NewAccount(
            row.username,
            row.email,
            row.first_name or "",
            row.last_name or "",
            row.enabled is not False,
            FIRST_ACTIONS,
        )
        account = await self._users.make(by, new)
        problems = await self._roles(by, account, row.groups, {})
        if body.send_mail:
            problems += await self._users.welcome(by, account)
        return "create", " ".join([_sentence("created", row.groups), *problems])

    async def _known(
        self, by: By, row: table.Row, account: Account, present: Mapping[str, Role], dry_run: bool
    ) -> tuple[str, str]:
        changes = Changes(row.email, row.first_name, row.last_name, row.enabled)
        fields = sorted(changes.of(account))
        roles = {g: r for g, r in row.groups.items() if present.get(g) is not r}
        if not fields and not roles:
            return "unchanged", ""
        if fields and account.read_only:
            return "refused", account.read_only
        await self._users.broker.guard(account)
        said = ", ".join([*fields, *(f"{g}:{r.value}" for g, r in sorted(roles.items()))])
        if dry_run:
            return "update", f"would change: {said}"
        account = await self._users.apply(by, account, changes)
        problems = await self._roles(by, account, roles, present)
        return "update", " ".join([f"changed: {said}", *problems])

    async def _roles(
        self, by: By, account: Account, wanted: Mapping[str, Role], present: Mapping[str, Role]
    ) -> list[str]:
        results = await self._users.put_roles(by, account, wanted, present)
        return [f"But not {r.group}: {r.reason}" for r in results if r.outcome == "refused"]

    async def _why_not(self, group: str, role: Role) -> str:
        try:
            await self._users.broker.require_place(group, role)
        except (Unavailable, Misconfigured):
            raise
        except DomainError as error:
            return error.message
        return ""


def _sentence(done: str, groups: Mapping[str, Role]) -> str:
    return f"{done}, {table.groups_text(groups)}" if groups else done
