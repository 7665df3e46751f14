"""Accounts of a realm as we see them, and what may be asked of the part that changes them."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from collegium.domain.errors import Conflict
from collegium.domain.groups import Role

#: Where operators read how to switch this on.
DOCS = "docs/keycloak.md, section 'Invitations and user administration'"


class Action(enum.StrEnum):
    """What Keycloak can ask a person to do by mail; its own words."""

    VERIFY_EMAIL = "VERIFY_EMAIL"
    UPDATE_PASSWORD = "UPDATE_PASSWORD"  # noqa: S105 - an action
    UPDATE_PROFILE = "UPDATE_PROFILE"
    CONFIGURE_TOTP = "CONFIGURE_TOTP"


#: What a new account must do before its first login.
FIRST_ACTIONS = (Action.VERIFY_EMAIL, Action.UPDATE_PASSWORD)


@dataclass(frozen=True)
class Account:
    """One account. ``federation`` is the id of the directory that it comes from; ``service`` marks a program's."""

    subject: str
    username: str
    email: str = ""
    email_verified: bool = False
    first_name: str = ""
    last_name: str = ""
    enabled: bool = True
    created_at: datetime | None = None
    federation: str = ""
    service: bool = False
    required_actions: tuple[str, ...] = ()

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Account:
        """From Keycloak's representation."""
        subject = str(row["id"])
        created = row.get("createdTimestamp")
        username = str(row.get("username") or "")
        # What is not imported has an id that begins so, with the directory's id behind it.
        foreign = subject.split(":")[1] if subject.startswith("f:") and subject.count(":") >= 2 else ""
        return cls(
            subject,
            username,
            str(row.get("email") or ""),
            bool(row.get("emailVerified")),
            str(row.get("firstName") or ""),
            str(row.get("lastName") or ""),
            bool(row.get("enabled")),
            datetime.fromtimestamp(created / 1000, UTC) if isinstance(created, int) else None,
            str(row.get("federationLink") or foreign),
            bool(row.get("serviceAccountClientId")) or username.startswith("service-account-"),
            tuple(str(a) for a in row.get("requiredActions") or ()),
        )

    @property
    def display_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def read_only(self) -> str:
        """Why nothing of the account can be changed here, empty if it can. Groups are Keycloak's own all the same."""
        if self.federation:
            return "This account comes from a user directory behind Keycloak, and is changed there."
        return "This account belongs to a program." if self.service else ""


@dataclass(frozen=True)
class NewAccount:
    """An account to make; it has no password until its owner, or an administrator, sets one."""

    username: str
    email: str
    first_name: str = ""
    last_name: str = ""
    enabled: bool = True
    required_actions: Sequence[str] = FIRST_ACTIONS


@dataclass(frozen=True)
class Changes:
    """What to change of an account; None stays. A new address counts as not verified."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    enabled: bool | None = None

    def of(self, account: Account) -> dict[str, Any]:
        """Only what is really different, in Keycloak's words."""
        wanted: dict[str, Any] = {}
        if self.email is not None and self.email.casefold() != account.email.casefold():
            wanted |= {"email": self.email, "emailVerified": False}
        for name, value, present in (
            ("firstName", self.first_name, account.first_name),
            ("lastName", self.last_name, account.last_name),
            ("enabled", self.enabled, account.enabled),
        ):
            if value is not None and value != present:
                wanted[name] = value
        return wanted


class Broker(Protocol):
    """The only part that changes accounts and memberships at the provider, inside bounds of its own.

    Everything raises Unavailable without an answer; what changes something raises Forbidden where it is out of bounds
    and leaves all as it was.
    """

    @property
    def issuer(self) -> str:
        """Whose accounts these are."""

    @property
    def givable(self) -> tuple[Role, ...]:
        """Roles that can be given from here."""

    async def page(
        self, first: int, limit: int, search: str = "", enabled: bool | None = None
    ) -> tuple[list[Account], int]:
        """Accounts by name, and how many there are in all."""

    async def get(self, subject: str) -> Account:
        """One account. Raises NotFound."""

    async def find(self, username: str) -> Account | None:
        """The account of exactly this user name."""

    async def roles(self, account: Account) -> dict[str, Role]:
        """Group of ours → role, as the provider has it now."""

    async def find_all(self, usernames: Collection[str]) -> dict[str, Account]:
        """User name in small letters → account, of those that there are."""

    async def members(self, accounts: Sequence[Account]) -> dict[str, dict[str, Role]]:
        """Account → group → role; whoever is missing is in no group of ours."""

    async def require_place(self, group: str, role: Role) -> None:
        """Raise what ``place`` would raise for anybody, so that nobody is promised what cannot be given."""

    async def create(self, new: NewAccount, place: tuple[str, Role] | None = None) -> Account:
        """Make an account, in the same step in a group. Raises Conflict if name or address is taken, InvalidInput."""

    async def change(self, subject: str, changes: Changes) -> Account:
        """Change what differs; the account as it is then."""

    async def delete(self, subject: str) -> None:
        """Remove an account for ever. One that is gone is removed already."""

    async def set_password(self, subject: str) -> str:
        """Make a password that must be changed at the next login, and end all sessions; the password."""

    async def send_actions(self, subject: str, actions: Sequence[Action], hours: int) -> None:
        """Let the provider write to the person: a link, good for ``hours``, to do these."""

    async def place(self, subject: str, group: str, role: Role | None) -> None:
        """Make the role in a group exactly this (None: no member); idempotent."""

    async def guard(self, account: Account) -> None:
        """Raise Forbidden if nothing of this account may be changed from here."""

    def batch(self) -> Broker:
        """The same for one piece of work with many parts: what is asked for all of them is asked once."""

    async def close(self) -> None:
        """Let go of connections."""


def missing(keycloak: bool, feature: str) -> Conflict:
    """Why there is no broker, and how to get one."""
    setting = "keycloak.accounts" if keycloak else "COLLEGIUM_KEYCLOAK"
    problem = (
        "no service account may change accounts in Keycloak: the setting keycloak.accounts (client_id and "
        "client_secret_file) is missing"
        if keycloak
        else "this hub does not use Keycloak: the setting COLLEGIUM_KEYCLOAK is missing"
    )
    return Conflict(f"{feature} is off, for {problem}. {DOCS} says how to enable it.", missing=setting, docs=DOCS)
