"""What platform admins do with users: all of it at the provider, by way of the broker. Knows no HTTP."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self, TypeVar

from collegium.db import Database, UnitOfWork
from collegium.domain.addresses import check_address
from collegium.domain.audit import AuditEntry, Outcome
from collegium.domain.errors import (
    DomainError,
    IdempotencyMismatch,
    InvalidInput,
    Misconfigured,
    NotFound,
    Unavailable,
    shorten,
)
from collegium.domain.groups import Role
from collegium.domain.names import check_group_name, check_label, check_user_name
from collegium.domain.policy import Operation
from collegium.identity.people import FIRST_ACTIONS, Account, Broker, Changes, NewAccount, missing
from collegium.services.by import By
from collegium.services.paging import number_cursor, read_number_cursor
from collegium.services.users.models import (
    GroupResult,
    GroupsOut,
    MailIn,
    MailOut,
    PasswordOut,
    UserCreated,
    UserDetail,
    UserGroup,
    UserIn,
    UserPage,
    UserPatch,
)
from collegium.services.users.views import account_out

FEATURE = "User administration"
#: Hours for which the mail to a new user is good.
MAIL_HOURS = 24
_SUBJECT = re.compile(r"[A-Za-z0-9:._@-]{1,255}", re.ASCII)
T = TypeVar("T")


class UserService:
    """Every method expects that the policy was asked already, and raises Conflict without a broker."""

    def __init__(
        self, database: Database, broker: Broker | None, keycloak: bool, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._maybe_broker, self._keycloak, self._clock = database, broker, keycloak, clock

    @property
    def broker(self) -> Broker:
        """The provider; raises Conflict that says what is missing."""
        if self._maybe_broker is None:
            raise missing(self._keycloak, FEATURE)
        return self._maybe_broker

    def batch(self) -> Self:
        """For one piece of work with many parts: what is asked for all of them is asked once."""
        twin = copy.copy(self)
        twin._maybe_broker = self.broker.batch()
        return twin

    async def page(self, text: str, enabled: bool | None, limit: int, cursor: str | None) -> UserPage:
        """Accounts by name. Raises InvalidInput for a cursor that is not ours."""
        first = read_number_cursor("u", cursor) if cursor else 0
        broker = self.broker
        accounts, total = await broker.page(first, limit, text, enabled)

        def known(uow: UnitOfWork) -> set[str]:
            return {a.subject for a in accounts if uow.identities.of_subject(broker.issuer, a.subject)}

        here = await self._database.reading(known)
        strangers = [a for a in accounts if a.subject not in here]
        asked = await broker.members(strangers)
        items = await self._database.reading(
            lambda uow: [
                account_out(uow, broker.issuer, a, None if a.subject in here else asked.get(a.subject, {}))
                for a in accounts
            ]
        )
        # Whole pages only: accounts that Keycloak hides from a page would otherwise end the list early.
        more = first + limit < total and bool(accounts)
        return UserPage(items=items, total=total, next_cursor=number_cursor("u", first + limit) if more else None)

    async def get(self, subject: str) -> UserDetail:
        """One account as the provider has it now. Raises NotFound."""
        return await self._detail(await self.broker.get(_subject(subject)))

    async def create(self, by: By, body: UserIn, key: str | None = None) -> tuple[UserCreated, bool]:
        """A new account, and True if it is really new and not the answer to a repeated ``key``.

        All groups are checked before anything is made. Raises Conflict for what is taken, InvalidInput.
        """
        users, new = self.batch(), read_new(body)
        mark = hashlib.sha256(json.dumps(body.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()
        earlier = await self._replayed(by, key, mark)
        if earlier is not None:
            return UserCreated(**(await self.get(earlier)).model_dump(), problems=[]), False
        roles = roles_of(body.groups)
        for group, role in roles.items():
            await users.broker.require_place(group, role)
        account = await self.make(by, new)
        if key is not None:
            await self._database.writing(lambda uow: self._remember(uow, by, key, mark, account.subject))
        problems = [
            f"{r.group}: {r.reason}" for r in await users.put_roles(by, account, roles, {}) if r.outcome == "refused"
        ]
        if body.send_mail and new.email:
            problems += await self.welcome(by, account)
        return UserCreated(**(await self._detail(account)).model_dump(), problems=problems), True

    async def make(self, by: By, new: NewAccount) -> Account:
        """The account alone."""
        return await self._told(by, "user.create", new.username, lambda: self.broker.create(new))

    async def change(self, by: By, subject: str, body: UserPatch) -> UserDetail:
        """Change what differs. Raises NotFound, Forbidden for accounts that are left alone, Conflict, InvalidInput."""
        account = await self.broker.get(_subject(subject))
        changes = Changes(
            email=None if body.email is None else check_address(body.email),
            first_name=_name(body.first_name, "first_name"),
            last_name=_name(body.last_name, "last_name"),
            enabled=body.enabled,
        )
        return await self._detail(await self.apply(by, account, changes))

    async def delete(self, by: By, subject: str) -> None:
        """Remove an account at the provider. What the person left here stays, and so does the name."""
        account = await self.broker.get(_subject(subject))
        await self._told(by, "user.delete", account.username, lambda: self.broker.delete(account.subject))

    async def password(self, by: By, subject: str) -> PasswordOut:
        """A password for one login."""
        account = await self.broker.get(_subject(subject))
        work = self._told(by, "user.password", account.username, lambda: self.broker.set_password(account.subject))
        return PasswordOut(password=await work)

    async def mail(self, by: By, subject: str, body: MailIn) -> MailOut:
        """The provider's mail with a link to do some things."""
        account = await self.broker.get(_subject(subject))
        actions = list(dict.fromkeys(body.actions))
        details = {"actions": [str(a) for a in actions], "hours": body.hours}
        work = self._told(
            by,
            "user.mail",
            account.username,
            lambda: self.broker.send_actions(account.subject, actions, body.hours),
            details,
        )
        await work
        return MailOut(email=account.email)

    async def set_groups(self, by: By, subject: str, groups: Sequence[UserGroup]) -> GroupsOut:
        """Make the person's roles exactly these; each group is told of, and one that is refused hinders no other."""
        account = await self.broker.get(_subject(subject))
        wanted = roles_of(groups)
        await self.broker.guard(account)
        present = await self.broker.roles(account)
        results = await self.batch().put_roles(by, account, {**dict.fromkeys(present), **wanted}, present)
        return GroupsOut(**(await self._detail(account)).model_dump(), results=results)

    async def apply(self, by: By, account: Account, changes: Changes) -> Account:
        """Change an account if there is anything to change."""
        fields = sorted(changes.of(account))
        if not fields:
            return account
        return await self._told(
            by,
            "user.update",
            account.username,
            lambda: self.broker.change(account.subject, changes),
            {"fields": fields, **({"enabled": changes.enabled} if "enabled" in fields else {})},
        )

    async def put_roles(
        self, by: By, account: Account, wanted: Mapping[str, Role | None], present: Mapping[str, Role]
    ) -> list[GroupResult]:
        """Give and take roles one by one. Raises only if the provider does not answer."""
        results = []
        for group, role in sorted(wanted.items()):
            have = present.get(group)
            if have is role:
                results.append(GroupResult(group=group, role=role, outcome="unchanged"))
                continue
            try:
                await self._told(
                    by,
                    "user.groups",
                    account.username,
                    lambda group=group, role=role: self.broker.place(account.subject, group, role),  # type: ignore[misc]
                    {"role": role.value if role else None, "before": have.value if have else None},
                    group,
                )
            except (Unavailable, Misconfigured):
                raise
            except DomainError as error:
                results.append(GroupResult(group=group, role=have, outcome="refused", reason=error.message))
                continue
            word = "removed" if role is None else "added" if have is None else "changed"
            results.append(GroupResult.model_validate({"group": group, "role": role, "outcome": word}))
        return results

    async def welcome(self, by: By, account: Account) -> list[str]:
        """The mail to somebody new; why it could not be sent."""
        try:
            await self._told(
                by,
                "user.mail",
                account.username,
                lambda: self.broker.send_actions(account.subject, FIRST_ACTIONS, MAIL_HOURS),
                {"actions": [str(a) for a in FIRST_ACTIONS], "hours": MAIL_HOURS},
            )
        except DomainError as error:
            return [f"The account is there, but no mail could be sent. {error.message}"]
        return []

    async def _detail(self, account: Account) -> UserDetail:
        broker = self.broker
        roles = await broker.roles(account)
        why = ""
        try:
            await broker.guard(account)
        except (Unavailable, Misconfigured):
            raise
        except DomainError as error:
            why = error.message
        out = await self._database.reading(lambda uow: account_out(uow, broker.issuer, account, roles))
        return UserDetail(**out.model_dump(), out_of_bounds=why)

    async def _told(
        self,
        by: By,
        action: str,
        username: str,
        work: Callable[[], Awaitable[T]],
        details: Mapping[str, Any] | None = None,
        group: str = "",
    ) -> T:
        """Do it and write it into the audit log, also if it was refused or failed; never what was secret about it."""

        def entry(outcome: Outcome, reason: str = "") -> AuditEntry:
            user, request = by.actor.user, by.request_id
            return AuditEntry(self._clock(), user, action, username, group, outcome, reason, details or {}, request)

        try:
            result = await work()
        except DomainError as error:
            failed = isinstance(error, Unavailable | Misconfigured)
            line = entry(Outcome.FAILED if failed else Outcome.REFUSED, error.message)
            await self._database.writing(lambda uow: uow.audit.append(line))
            error.written_down = True
            raise
        await self._database.writing(lambda uow: uow.audit.append(entry(Outcome.DONE)))
        return result

    async def _replayed(self, by: By, key: str | None, mark: str) -> str | None:
        if key is None:
            return None
        operation = Operation.USER_CREATE.value
        found = await self._database.reading(lambda uow: uow.idempotency_keys.find(by.actor.user, operation, "", key))
        if found is None:
            return None
        if found[0] != mark:
            raise IdempotencyMismatch("This Idempotency-Key was used for another request.", key=key)
        return found[1]

    def _remember(self, uow: UnitOfWork, by: By, key: str, mark: str, subject: str) -> None:
        operation = Operation.USER_CREATE.value
        # Two requests with one key: Keycloak let only one of them have the name.
        if len(subject) <= 40 and uow.idempotency_keys.find(by.actor.user, operation, "", key) is None:
            uow.idempotency_keys.insert(by.actor.user, operation, "", key, mark, subject, self._clock())


def read_new(body: UserIn) -> NewAccount:
    """The account that a body asks for; raises InvalidInput naming the field."""
    email = check_address(body.email) if body.email.strip() else ""
    actions = FIRST_ACTIONS if email else FIRST_ACTIONS[1:]
    return NewAccount(
        check_user_name(body.username.strip().casefold(), "username"),
        email,
        _name(body.first_name, "first_name") or "",
        _name(body.last_name, "last_name") or "",
        body.enabled,
        tuple(actions),
    )


def roles_of(groups: Sequence[UserGroup]) -> dict[str, Role]:
    """Group → role; raises InvalidInput for a group that is there twice."""
    found: dict[str, Role] = {}
    for i, item in enumerate(groups):
        check_group_name(item.group, f"groups.{i}.group")
        if item.group in found:
            raise InvalidInput(f"groups.{i}.group", "is there twice", item.group)
        found[item.group] = item.role
    return found


def _name(text: str | None, field: str) -> str | None:
    return check_label(text, field) if text and text.strip() else text if text is None else ""


def _subject(text: str) -> str:
    if not _SUBJECT.fullmatch(text) or text in (".", ".."):
        raise NotFound(f"There is no account {shorten(text)}.", user=shorten(text))
    return text
