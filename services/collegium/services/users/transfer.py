"""Users out to a table and in from one. Every line is told of; none is skipped in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from collegium.domain.errors import DomainError, InvalidInput, Misconfigured, Unavailable
from collegium.domain.groups import Role
from collegium.identity.admin_api import each
from collegium.identity.people import FIRST_ACTIONS, Account, Changes, NewAccount
from collegium.services.by import By
from collegium.services.users import table
from collegium.services.users.models import ImportIn, ImportOut, ImportRow
from collegium.services.users.service import UserService
from collegium.services.users.views import export_row

#: Accounts asked for at once.
_PAGE = 500


class Transfer:
    """Export and import, by the same rules as the operations on one user."""

    def __init__(self, users: UserService) -> None:
        self._users = users

    async def export(self) -> str:
        """All accounts of people with their roles in groups of ours, as CSV."""
        broker = self._users.batch().broker
        accounts: list[Account] = []
        first, total = 0, 1
        while first < total:
            page, total = await broker.page(first, _PAGE)
            accounts += page
            first += _PAGE
        roles = await broker.members(accounts)
        return table.write(export_row(a, roles.get(a.subject, {})) for a in accounts)

    async def load(self, by: By, body: ImportIn) -> ImportOut:
        """Create who is not there, change what differs, give roles; nobody loses a role or an account by an import.

        An empty cell asks for nothing. With ``dry_run`` nothing is changed. Raises InvalidInput and TooLarge for a
        table that cannot be read; lines that cannot be used are told in the answer.
        """
        rows = table.read(body.csv)
        work = _Import(self._users.batch(), by, body)
        done = await work.run(rows)
        return ImportOut(dry_run=body.dry_run, rows=done, counts=dict(Counter(r.action for r in done)))


class _Import:
    """One import. What is the same for many lines is asked once, before the first."""

    def __init__(self, users: UserService, by: By, body: ImportIn) -> None:
        self._users, self._by, self._body = users, by, body
        self._accounts: Mapping[str, Account] = {}
        self._members: Mapping[str, Mapping[str, Role]] = {}
        #: Why a role in a group cannot be given to anybody, empty if it can.
        self._places: Mapping[tuple[str, Role], str] = {}

    async def run(self, rows: list[table.Row]) -> list[ImportRow]:
        """What became of each line."""
        usable = [r for r in rows if not r.problem]
        wishes = sorted({w for r in usable for w in r.groups.items()})
        self._places = dict(zip(wishes, await each(self._why_not, wishes), strict=True))
        broker = self._users.broker
        self._accounts = await broker.find_all([r.username for r in usable])
        placed = [self._accounts[r.username] for r in usable if r.groups and r.username in self._accounts]
        self._members = await broker.members(placed)
        return await each(self._line, rows)

    async def _line(self, row: table.Row) -> ImportRow:
        try:
            action, message = await self._work(row)
        except (Unavailable, Misconfigured) as error:
            action, message = "refused", f"not tried to the end: {error.message}"
        except DomainError as error:
            action, message = "refused", error.message
        return ImportRow.model_validate(
            {"line": row.line, "username": row.username, "action": action, "message": message}
        )

    async def _work(self, row: table.Row) -> tuple[str, str]:
        if row.problem:
            return "refused", row.problem
        for wish in row.groups.items():
            if self._places[wish]:
                return "refused", f"groups: {wish[0]}: {self._places[wish]}"
        account = self._accounts.get(row.username)
        if account is None:
            return await self._new(row)
        return await self._known(row, account)

    async def _new(self, row: table.Row) -> tuple[str, str]:
        if row.email is None:
            raise InvalidInput("email", "is missing for somebody new")
        if self._body.dry_run:
            return "create", _sentence("would be created", row.groups)
        new = NewAccount(
            row.username,
            row.email,
            row.first_name or "",
            row.last_name or "",
            row.enabled is not False,
            FIRST_ACTIONS,
        )
        account = await self._users.make(self._by, new)
        problems = await self._roles(account, row.groups, {})
        if self._body.send_mail:
            problems += await self._users.welcome(self._by, account)
        return "create", " ".join([_sentence("created", row.groups), *problems])

    async def _known(self, row: table.Row, account: Account) -> tuple[str, str]:
        present = self._members.get(account.subject, {})
        changes = Changes(row.email, row.first_name, row.last_name, row.enabled)
        fields = sorted(changes.of(account))
        roles = {g: r for g, r in row.groups.items() if present.get(g) is not r}
        if not fields and not roles:
            return "unchanged", ""
        if fields and account.read_only:
            return "refused", account.read_only
        await self._users.broker.guard(account)
        said = ", ".join([*fields, *(f"{g}:{r.value}" for g, r in sorted(roles.items()))])
        if self._body.dry_run:
            return "update", f"would change: {said}"
        account = await self._users.apply(self._by, account, changes)
        problems = await self._roles(account, roles, present)
        return "update", " ".join([f"changed: {said}", *problems])

    async def _roles(self, account: Account, wanted: Mapping[str, Role], present: Mapping[str, Role]) -> list[str]:
        results = await self._users.put_roles(self._by, account, wanted, present)
        return [f"But not {r.group}: {r.reason}" for r in results if r.outcome == "refused"]

    async def _why_not(self, wish: tuple[str, Role]) -> str:
        try:
            await self._users.broker.require_place(*wish)
        except (Unavailable, Misconfigured):
            raise
        except DomainError as error:
            return error.message
        return ""


def _sentence(done: str, groups: Mapping[str, Role]) -> str:
    return f"{done}, {table.groups_text(groups)}" if groups else done
