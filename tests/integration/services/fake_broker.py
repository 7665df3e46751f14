"""A broker in memory, for what is not about Keycloak: it keeps accounts and roles, and fails when told to."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from collegium.domain.errors import Conflict, Forbidden, NotFound, Unavailable
from collegium.domain.groups import Role
from collegium.identity.people import Account, Action, Changes, NewAccount

ISSUER = "https://login.example.org/realms/lab"


class Crash(BaseException):
    """The process dies here: nothing may catch this."""


@dataclass
class FakeBroker:
    """``root`` is out of bounds, ``lea`` comes from a directory."""

    accounts: dict[str, Account] = field(default_factory=dict)
    places: dict[str, dict[str, Role]] = field(default_factory=dict)
    mails: list[tuple[str, tuple[str, ...], int]] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)
    down: bool = False
    mail_down: bool = False
    #: The process dies before, or after, the next change of a place, or the making of an account.
    crash: str = ""
    no_place: set[tuple[str, Role]] = field(default_factory=set)
    issuer: str = ISSUER
    changes: int = 0
    givable: tuple[Role, ...] = tuple(Role)

    def add(self, username: str, **fields: object) -> Account:
        values = {"email": f"{username}@example.org", "email_verified": True, "created_at": datetime.now(UTC), **fields}
        account = Account(f"id-{username}", username, **values)  # type: ignore[arg-type]
        self.accounts[account.subject] = account
        return account

    def _ask(self) -> None:
        if self.down:
            raise Unavailable("Keycloak does not answer now. Try again in a moment.")

    async def page(
        self, first: int, limit: int, search: str = "", enabled: bool | None = None
    ) -> tuple[list[Account], int]:
        self._ask()
        fitting = [
            a
            for a in sorted(self.accounts.values(), key=lambda a: a.username)
            if search in f"{a.username} {a.email}" and enabled in (None, a.enabled)
        ]
        return fitting[first : first + limit], len(fitting)

    async def get(self, subject: str) -> Account:
        self._ask()
        if subject not in self.accounts:
            raise NotFound(f"Keycloak has no account {subject}.")
        return self.accounts[subject]

    async def find(self, username: str) -> Account | None:
        self._ask()
        return next((a for a in self.accounts.values() if a.username == username), None)

    async def roles(self, account: Account) -> dict[str, Role]:
        self._ask()
        return dict(self.places.get(account.subject, {}))

    async def find_all(self, usernames: Collection[str]) -> dict[str, Account]:
        self._ask()
        return {a.username: a for a in self.accounts.values() if a.username in usernames}

    async def members(self, accounts: Sequence[Account]) -> dict[str, dict[str, Role]]:
        self._ask()
        return {a.subject: dict(self.places.get(a.subject, {})) for a in accounts}

    def batch(self) -> FakeBroker:
        return self

    async def require_place(self, group: str, role: Role) -> None:
        self._ask()
        if group not in ("physics", "chemistry") or (group, role) in self.no_place:
            raise Conflict(f"No group of Keycloak stands for {group} yet.", group=group)

    async def create(self, new: NewAccount, place: tuple[str, Role] | None = None) -> Account:
        self._ask()
        self._crash("before create")
        if place is not None:
            await self.require_place(*place)
        if any(a.username == new.username for a in self.accounts.values()):
            raise Conflict("username: this user name belongs to another account already.", field="username")
        if new.email and any(a.email == new.email for a in self.accounts.values()):
            raise Conflict("email: this e-mail address belongs to another account already.", field="email")
        account = self.add(
            new.username,
            email=new.email,
            email_verified=False,
            first_name=new.first_name,
            last_name=new.last_name,
            enabled=new.enabled,
            required_actions=tuple(str(a) for a in new.required_actions),
        )
        self.places[account.subject] = {place[0]: place[1]} if place else {}
        self.changes += 1
        self._crash("after create")
        return account

    async def change(self, subject: str, changes: Changes) -> Account:
        account = await self._changeable(subject)
        for name, value in vars(changes).items():
            if value is not None:
                account = replace(account, **{name: value})
        self.accounts[subject] = account
        self.changes += 1
        return account

    async def delete(self, subject: str) -> None:
        await self._changeable(subject)
        del self.accounts[subject]
        self.changes += 1

    async def set_password(self, subject: str) -> str:
        await self._changeable(subject)
        self.passwords[subject] = "Temporary-123"
        return self.passwords[subject]

    async def send_actions(self, subject: str, actions: Sequence[Action], hours: int) -> None:
        await self._changeable(subject)
        if self.mail_down:
            raise Unavailable("Keycloak failed to send the mail.")
        self.mails.append((subject, tuple(str(a) for a in actions), hours))

    async def place(self, subject: str, group: str, role: Role | None) -> None:
        await self.guard(await self.get(subject))
        await self.require_place(group, role or Role.MEMBER)
        self._crash("before place")
        roles = self.places.setdefault(subject, {})
        if role is None:
            roles.pop(group, None)
        else:
            roles[group] = role
        self.changes += 1
        self._crash("after place")

    async def guard(self, account: Account) -> None:
        if account.username == "root":
            raise Forbidden("root is a platform admin.")

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _changeable(self, subject: str) -> Account:
        account = await self.get(subject)
        if account.read_only:
            raise Forbidden(account.read_only)
        await self.guard(account)
        return account

    def _crash(self, where: str) -> None:
        if self.crash == where:
            self.crash = ""
            raise Crash(where)
