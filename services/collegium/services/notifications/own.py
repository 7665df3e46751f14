"""What people want to hear of their own jobs, schedules and sweeps, and where."""

from __future__ import annotations

from collections.abc import Iterable

from collegium.db import Database, UnitOfWork
from collegium.domain.addresses import check_address
from collegium.domain.errors import Conflict, InvalidInput, shorten
from collegium.domain.groups import Actor
from collegium.domain.jobs import Notify
from collegium.domain.notifications import ME, OwnSettings
from collegium.services.mail import Mailer
from collegium.services.notifications.models import OwnIn, OwnOut
from collegium.services.notifications.options import NotificationOptions


class OwnService:
    """Everybody their own, and nobody another's."""

    def __init__(self, database: Database, mailer: Mailer, options: NotificationOptions) -> None:
        self._database, self._mailer, self._options = database, mailer, options

    async def get(self, actor: Actor) -> OwnOut:
        """What is set."""
        return await self._database.reading(lambda uow: self._shown(uow, uow.own_notifications.get(actor.user)))

    async def put(self, actor: Actor, body: OwnIn) -> OwnOut:
        """Set all of it. Raises InvalidInput."""
        address = check_address(body.address, "address") if body.address else ""
        groups = None if body.groups is None else frozenset(body.groups)
        settings = OwnSettings(actor.user, address, frozenset(body.events), groups, body.enabled)

        def write(uow: UnitOfWork) -> OwnOut:
            before = uow.own_notifications.get(actor.user)
            self._check(uow, actor, before, settings)
            uow.own_notifications.put(settings)
            return self._shown(uow, settings)

        return await self._database.writing(write)

    def _check(self, uow: UnitOfWork, actor: Actor, before: OwnSettings, after: OwnSettings) -> None:
        account, _ = account_address(uow, actor.user)
        if account and after.address not in ("", account, before.address):
            raise InvalidInput("address", "is that of your account, and is changed there", after.address)
        if after.address and not account:
            self._options.check_domain(after.address, "address")
        if after.events and not account and not after.address:
            raise InvalidInput("address", "is needed: your account has none")
        for group in sorted((after.groups or frozenset()) - (before.groups or frozenset())):
            if actor.role_in(group) is None:
                raise InvalidInput("groups", "must be groups that you belong to", group)

    def _shown(self, uow: UnitOfWork, settings: OwnSettings) -> OwnOut:
        address, from_account = address_of(uow, settings)
        problem = ""
        try:
            self._mailer.require()
            if address:
                self._options.check_domain(address, "address")
        except (Conflict, InvalidInput) as error:
            problem = error.message
        return OwnOut(
            address=address,
            from_account=from_account,
            events=sorted(settings.events),
            groups=None if settings.groups is None else sorted(settings.groups),
            enabled=settings.enabled,
            problem=problem,
        )


def account_address(uow: UnitOfWork, user: str) -> tuple[str, bool]:
    """The address that the identity provider gives, and True if there is one."""
    account = uow.identities.of_user(user)
    return (account.email, True) if account is not None and account.email else ("", False)


def address_of(uow: UnitOfWork, settings: OwnSettings) -> tuple[str, bool]:
    """Where mail to a person goes, and True if that is their account's; their own word counts where that has none."""
    account, known = account_address(uow, settings.user)
    return (account, True) if known else (settings.address, False)


def check_notify(uow: UnitOfWork, group: str, user: str, notify: Iterable[Notify], field: str = "notify") -> None:
    """Raise InvalidInput for a channel that the group does not have, or one's own address where there is none."""
    for index, wish in enumerate(notify):
        place = f"{field}.{index}.channel"
        if wish.channel == ME:
            if not address_of(uow, uow.own_notifications.get(user))[0]:
                raise InvalidInput(place, "you have no e-mail address; set one in your notification settings", ME)
        elif uow.channels.named(group, wish.channel) is None:
            raise InvalidInput(place, f"group {group} has no such channel", shorten(wish.channel))
