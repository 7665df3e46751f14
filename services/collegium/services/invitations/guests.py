"""What people who hold a link do with it: look, join with the account that they have, or get one.

A place is counted in our database first, then the provider is asked, then the place is done or given back. Whatever
dies in between leaves a place that is taken; ``settle`` finds out later what came of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from collegium.db import Database, UnitOfWork
from collegium.db.invitations import DONE, TAKEN
from collegium.domain.addresses import check_address, hint
from collegium.domain.audit import SYSTEM, AuditEntry, Outcome
from collegium.domain.errors import Conflict, DomainError, Misconfigured, NotFound, Unavailable
from collegium.domain.groups import Role
from collegium.domain.identity import refuse_unconfirmed
from collegium.domain.invitations import Invitation, hash_token
from collegium.domain.names import check_label, check_user_name
from collegium.domain.policy import Operation, explain
from collegium.identity.people import FIRST_ACTIONS, Account, Broker, NewAccount, missing
from collegium.services.by import By
from collegium.services.invitations.models import AcceptedOut, LookOut, RegisteredOut, RegisterIn
from collegium.services.invitations.service import FEATURE, require_invitations
from collegium.services.throttle import Throttle

#: For how long the mail to somebody new is good.
MAIL_HOURS = 24
#: How old a place must be before it counts as left behind, and how far the provider's clock may be off.
LEFT_BEHIND = timedelta(seconds=60)
#: Seconds between two looks for such places.
SETTLE = 20.0
#: The subject of somebody whose account is not made yet.
_NEW = "new:"
_log = logging.getLogger("collegium.invitations")


class GuestService:
    """Everything here is decided by the link that is held. ``address`` is where a request came from."""

    def __init__(
        self, database: Database, broker: Broker | None, keycloak: bool, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._clock = database, clock
        self._maybe_broker, self._keycloak = broker, keycloak
        self._addresses, self._links = Throttle(60, 1.0), Throttle(30, 2.0)
        self._registrations, self._misses = Throttle(10, 30.0), Throttle(300, 0.5)

    async def look(self, token: str, address: str) -> LookOut:
        """What a link leads to. Raises NotFound, InvalidInput for what is no link's token, TooManyRequests."""
        key = self._count(token, address)

        def look(uow: UnitOfWork) -> LookOut:
            invitation = self._known(uow, key)
            group = uow.groups.get(invitation.group)
            inviter = uow.users.get(invitation.created_by)
            return LookOut(
                group=invitation.group,
                group_display_name=group.display_name if group else invitation.group,
                role=invitation.role,
                invited_by=(inviter.display_name if inviter else "") or invitation.created_by,
                expires_at=invitation.expires_at,
                state=invitation.state(self._clock()).value,
                bound_to=hint(invitation.email) or ", ".join(f"@{d}" for d in invitation.domains),
                registration=self._maybe_broker is not None,
            )

        return await self._database.reading(look)

    async def accept(self, by: By, token: str, address: str) -> AcceptedOut:
        """Join with the account that one is logged in with. A second time changes nothing.

        Raises NotFound; Conflict with the ``state`` of a link that is not open; Forbidden for another's link, and for
        accounts that the broker leaves alone; Unavailable, after which the place is kept and settled later.
        """
        key = self._count(token, address)
        broker, user = self._broker(), by.actor.user
        subject = await self._database.reading(lambda uow: self._subject(uow, key, user))
        account = await broker.get(subject)
        roles = await broker.roles(account)
        invitation, state = await self._database.writing(lambda uow: self._take(uow, key, account, user, roles))
        role = roles.get(invitation.group)
        if state == DONE:
            if role is None:
                raise Conflict("You used this invitation before, and left the group since. Ask for a new one.")
            return AcceptedOut(group=invitation.group, role=role, already=True)
        try:
            await broker.place(subject, invitation.group, invitation.role)
        except (Unavailable, Misconfigured):
            raise
        except DomainError as error:
            message = error.message
            await self._database.writing(lambda uow: self._refused(uow, invitation, subject, user, message))
            error.written_down = True
            raise
        entry = self._entry("invitation.accept", invitation, user, user, by.request_id)
        await self._database.writing(lambda uow: _done(uow, invitation, subject, entry))
        return AcceptedOut(group=invitation.group, role=invitation.role)

    async def register(self, body: RegisterIn, address: str, request_id: str = "") -> RegisteredOut:
        """Make an account in the group, and have the provider write to its address; once more for the same person.

        Raises as ``accept``; Conflict with the ``field`` that is taken.
        """
        key = self._count(body.token, address)
        self._registrations.use(address)
        broker, new = self._broker(), _read(body)
        invitation, earlier = await self._database.writing(lambda uow: self._take_new(uow, key, new))
        subject = earlier[0] if earlier else _NEW + new.username
        account = await self._earlier_account(new, earlier) if earlier else None
        if account is None:
            account = await self._create(broker, invitation, subject, new)
        await self._complete(broker, invitation, account)
        if subject != account.subject:
            entry = self._entry("invitation.register", invitation, new.username, new.username, request_id)
            await self._database.writing(lambda uow: _done(uow, invitation, subject, entry, account.subject))
        return await self._welcome(broker, invitation, account)

    async def keep_settled(self) -> None:
        """``settle`` until cancelled. In every process that may change accounts: twice does no harm."""
        while self._maybe_broker is not None:
            try:
                await self.settle()
            except DomainError as error:
                _log.warning("places of invitations are settled later: %s", error.message)
            except Exception:
                _log.exception("places of invitations could not be settled; tried again")
            await asyncio.sleep(SETTLE)

    async def settle(self) -> None:
        """Find out what came of places that somebody took and never finished. Raises Unavailable to be asked again."""
        if self._maybe_broker is None:
            return
        border = self._clock() - LEFT_BEHIND
        for invitation, subject, user, since in await self._database.reading(lambda uow: uow.invitations.unfinished()):
            if since <= border:
                await self._settle_one(self._maybe_broker, invitation, subject, user, since)

    async def _settle_one(
        self, broker: Broker, invitation: Invitation, subject: str, user: str, since: datetime
    ) -> None:
        try:
            entry, now_subject = await self._settle(broker, invitation, subject, user, since)
        except (Unavailable, Misconfigured):
            raise
        except DomainError as error:
            message = error.message
            await self._database.writing(lambda uow: self._refused(uow, invitation, subject, user, message))
            return
        await self._database.writing(lambda uow: _done(uow, invitation, subject, entry, now_subject))
        _log.info("settled a use of invitation %s", invitation.id)

    async def _settle(
        self, broker: Broker, invitation: Invitation, subject: str, user: str, since: datetime
    ) -> tuple[AuditEntry, str | None]:
        if not subject.startswith(_NEW):
            if invitation.revoked_at is not None:
                raise Conflict("This invitation is revoked.", state="revoked")
            await broker.place(subject, invitation.group, invitation.role)
            return self._entry("invitation.accept", invitation, SYSTEM, user), None
        account = await broker.find(user)
        if account is None or not _made_for(account, since):
            raise Conflict("The account was never made.")
        await self._complete(broker, invitation, account)
        await self._welcome(broker, invitation, account)
        return self._entry("invitation.register", invitation, SYSTEM, user), account.subject

    def _count(self, token: str, address: str) -> str:
        self._addresses.use(address)
        key = hash_token(token)
        self._links.use(key)
        return key

    def _known(self, uow: UnitOfWork, key: str, *, lock: bool = False) -> Invitation:
        invitation = uow.invitations.of_token(key, lock=lock)
        if invitation is None:
            # Whoever tries tokens from many addresses is slowed down too; no link that exists is.
            self._misses.use("all")
            raise NotFound("There is no such invitation. Is the link complete?")
        return invitation

    def _broker(self) -> Broker:
        if self._maybe_broker is None:
            raise missing(self._keycloak, FEATURE)
        return self._maybe_broker

    def _subject(self, uow: UnitOfWork, key: str, user: str) -> str:
        self._known(uow, key)
        identity = uow.identities.of_user(user)
        if identity is None:
            raise Conflict(
                "You are not logged in with an account of Keycloak, so you cannot be put into a group there."
            )
        return identity.subject

    def _take(
        self, uow: UnitOfWork, key: str, account: Account, user: str, roles: dict[str, Role]
    ) -> tuple[Invitation, str]:
        """Count a place: ``taken``, or ``done`` if there is nothing to do."""
        invitation = self._known(uow, key, lock=True)
        state = uow.invitations.use(invitation, account.subject)
        if state is None:
            self._require_usable(uow, invitation)
            invitation.require_address(account.email, account.email_verified)
            have = roles.get(invitation.group)
            if have is not None and have.rank >= invitation.role.rank:
                return invitation, DONE
            state = uow.invitations.take(invitation, account.subject, user, self._clock())
        elif state == TAKEN and invitation.revoked_at is not None:
            invitation.require_open(self._clock())
        return invitation, state

    def _take_new(
        self, uow: UnitOfWork, key: str, new: NewAccount
    ) -> tuple[Invitation, tuple[str, str, datetime] | None]:
        refuse_unconfirmed(uow.providers.current(), "Registration")
        invitation = self._known(uow, key, lock=True)
        earlier = uow.invitations.use_of_name(invitation, new.username)
        if earlier is not None:
            if invitation.revoked_at is not None:
                invitation.require_open(self._clock())
            return invitation, earlier
        self._require_usable(uow, invitation)
        # Nobody can log in before the address is verified, so what is said of it now will be true or of no use.
        invitation.require_address(new.email, verified=True)
        if uow.identities.of_user(new.username) is not None or uow.users.get(new.username) is not None:
            raise _taken()
        uow.invitations.take(invitation, _NEW + new.username, new.username, self._clock())
        return invitation, None

    def _require_usable(self, uow: UnitOfWork, invitation: Invitation) -> None:
        """Raise Conflict unless it is open, its group still invites, and whoever made it still might."""
        invitation.require_open(self._clock())
        group = uow.groups.get(invitation.group)
        if group is None:
            raise Conflict(f"The group {invitation.group} is not there any more.")
        require_invitations(group.invitations, group.display_name)
        inviter = uow.memberships.actor(invitation.created_by)
        if not explain(inviter, Operation.INVITATION_CREATE, invitation.group).allowed:
            raise Conflict(
                f"Whoever made this invitation does not administer {group.display_name} any more. Ask for a new one."
            )

    async def _earlier_account(self, new: NewAccount, earlier: tuple[str, str, datetime]) -> Account | None:
        """The account that this very person was given before, None if it was never made. Raises Conflict for others."""
        subject, state, since = earlier
        account = await self._broker().find(new.username)
        if account is None and state == TAKEN:
            return None
        if (
            account is None
            or account.email.casefold() != new.email.casefold()
            or account.email_verified
            or not (account.subject == subject if state == DONE else _made_for(account, since))
        ):
            raise _taken()
        return account

    async def _create(self, broker: Broker, invitation: Invitation, subject: str, new: NewAccount) -> Account:
        try:
            return await broker.create(new, (invitation.group, invitation.role))
        except (Unavailable, Misconfigured):
            raise
        except DomainError as error:
            message = error.message
            await self._database.writing(lambda uow: self._refused(uow, invitation, subject, new.username, message))
            raise

    async def _complete(self, broker: Broker, invitation: Invitation, account: Account) -> None:
        roles = await broker.roles(account)
        if invitation.group not in roles or roles[invitation.group].rank < invitation.role.rank:
            await broker.place(account.subject, invitation.group, invitation.role)

    async def _welcome(self, broker: Broker, invitation: Invitation, account: Account) -> RegisteredOut:
        sent, message = (
            True,
            f"A mail is on its way to {account.email}: it verifies the address and sets your password.",
        )
        try:
            await broker.send_actions(account.subject, FIRST_ACTIONS, MAIL_HOURS)
        except DomainError as error:
            sent = False
            message = f"Your account is there, but no mail could be sent. {error.message} Send this form again later."
            _log.warning("no mail to a new account of invitation %s: %s", invitation.id, error.message)
        return RegisteredOut(
            group=invitation.group, role=invitation.role, username=account.username, mail_sent=sent, message=message
        )

    def _refused(self, uow: UnitOfWork, invitation: Invitation, subject: str, user: str, reason: str) -> None:
        if uow.invitations.use(invitation, subject) != TAKEN:
            return
        uow.invitations.give_back(invitation, subject)
        entry = self._entry("invitation.accept", invitation, user, user, outcome=Outcome.REFUSED, reason=reason)
        uow.audit.append(entry)

    def _entry(
        self,
        action: str,
        invitation: Invitation,
        actor: str,
        user: str,
        request_id: str = "",
        outcome: Outcome = Outcome.DONE,
        reason: str = "",
    ) -> AuditEntry:
        details = {"role": invitation.role.value, "invitation": invitation.id, "invited_by": invitation.created_by}
        return AuditEntry(
            self._clock(), actor, action, user, invitation.group, outcome, reason, details, request_id=request_id
        )


def _read(body: RegisterIn) -> NewAccount:
    named = (("first_name", body.first_name), ("last_name", body.last_name))
    first, last = (check_label(text, field) if text.strip() else "" for field, text in named)
    username = check_user_name(body.username.strip().casefold(), "username")
    return NewAccount(username, check_address(body.email), first, last)


def _done(
    uow: UnitOfWork, invitation: Invitation, subject: str, entry: AuditEntry, new_subject: str | None = None
) -> None:
    # Two who finish the same use tell of it once.
    if uow.invitations.use(invitation, subject) == TAKEN:
        uow.invitations.finish(invitation, subject, new_subject)
        uow.audit.append(entry)


def _made_for(account: Account, since: datetime) -> bool:
    """Was the account made after the place was taken?"""
    return account.created_at is not None and account.created_at >= since - LEFT_BEHIND


def _taken() -> Conflict:
    return Conflict("username: this user name belongs to another account already.", field="username")
