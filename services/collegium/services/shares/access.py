"""Whom a share link opens something for, decided anew each time: what was true when it was made may be so no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError, NotFound
from collegium.domain.files import Entry, EntryKind, check_path, joined
from collegium.domain.groups import Actor
from collegium.domain.identity import refuse_inactive
from collegium.domain.policy import Operation, explain
from collegium.domain.shares import FileBounds, Share, ShareLinks
from collegium.passwords import verify
from collegium.services.files.places import Place, Places
from collegium.services.shares.tokens import SKEW, read_token
from collegium.services.throttle import Throttle

#: For how long a password that was right need not be typed again, and a form may be left open.
UNLOCKED, TICKET = timedelta(hours=12), timedelta(minutes=30)
#: Passwords that are tried at the same time: each takes 64 MiB.
AT_ONCE = 2
_REFUSED = (
    "This link opens nothing for you here. It may have ended or been revoked, or what it led to is gone; or it is only"
    " for people who are logged in."
)


@dataclass(frozen=True)
class Opened:
    """A link that opens something for a visitor, if they know its password where ``locked``."""

    share: Share
    place: Place
    entry: Entry
    locked: bool


class ShareAccess:
    """All refusals are alike: whoever holds a link that opens nothing learns no more than that."""

    def __init__(
        self, database: Database, places: Places, cipher: Cipher, bounds: FileBounds, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._places, self._cipher = database, places, cipher
        self._bounds, self._clock = bounds, clock
        self._of_address, self._of_share = Throttle(5, 10.0), Throttle(30, 2.0)
        self._trying = asyncio.Semaphore(AT_ONCE)

    def require_ours(self, token: str) -> None:
        """Raise NotFound for a link that nobody of us made, or whose time is over, without any look at the database."""
        if read_token(self._cipher, token, self._clock()) is None:
            raise refused()

    async def open(self, token: str, visitor: Actor | None, key: str) -> Opened:
        """What a link leads to; ``key`` is what ``unlock`` gave out. Raises NotFound."""
        share = await self._admitted(token, visitor)
        place = await self._place(share, "")
        try:
            entry = await place.store.stat(place.root, place.path)
        except NotFound:
            raise refused() from None
        if entry.kind is not share.kind:
            raise refused()
        locked = bool(share.password_hash) and not self._reads(key, f"{share.id}.{share.password_hash}", "share key")
        return Opened(share, place, entry, locked)

    async def inside(self, opened: Opened, path: str) -> tuple[Place, Entry]:
        """Something in a shared folder, ``""`` for itself. Raises NotFound and InvalidInput."""
        clean = check_path(path)
        if not clean:
            return opened.place, opened.entry
        if opened.entry.kind is not EntryKind.FOLDER:
            raise NotFound("This link leads to a file.")
        place = await self._place(opened.share, clean)
        return place, await place.store.stat(place.root, place.path)

    async def unlock(self, token: str, visitor: Actor | None, ticket: str, password: str, address: str) -> str | None:
        """What stands for the right password from now on; None for a wrong one.

        ``ticket`` comes from the form, and shows who it was drawn for where no token of the hub says so. Raises
        NotFound, TooManyRequests.
        """
        moment = self._clock()
        link = read_token(self._cipher, token, moment)
        if link is not None and visitor is None and ticket:
            named, _, proof = ticket.partition(".")
            if self._reads(proof, f"{link.share_id}.{named}", "share form") and named:
                visitor = await self._database.reading(lambda uow: _person(uow, bytes.fromhex(named).decode()))
        share = await self._admitted(token, visitor)
        self._of_address.use(f"{share.id} {address}")
        self._of_share.use(share.id)
        async with self._trying:
            right = await asyncio.to_thread(verify, share.password_hash, password)
        if not right:
            return None
        until = min(moment + UNLOCKED, share.expires_at + SKEW)
        return self._write(f"{share.id}.{share.password_hash}", "share key", until)

    def ticket(self, opened: Opened, visitor: Actor | None) -> str:
        """For the form of a password: who it is drawn for."""
        named, until = (visitor.user if visitor else "").encode().hex(), self._clock() + TICKET
        return f"{named}.{self._write(f'{opened.share.id}.{named}', 'share form', until)}"

    async def count(self, share: Share) -> None:
        """It was opened."""
        moment = self._clock()
        await self._database.writing(lambda uow: uow.shares.count(share.id, moment))

    async def _admitted(self, token: str, visitor: Actor | None) -> Share:
        link = read_token(self._cipher, token, self._clock())
        if link is None:
            raise refused()

        def look(uow: UnitOfWork) -> Share | None:
            share = uow.shares.get(link.share_id)
            if share is None or share.token_hash != link.token_hash:
                return None
            return share if not self.problem(uow, share) and self._may_open(uow, share, visitor) else None

        share = await self._database.reading(look)
        if share is None:
            raise refused()
        return share

    def problem(self, uow: UnitOfWork, share: Share) -> str:
        """Why a link opens nothing for anybody, for the group; empty if it does."""
        if share.revoked_at is not None:
            return f"It was revoked by {share.revoked_by}."
        if share.expires_at + SKEW <= self._clock():
            return "Its time is over."
        if self._holds(uow, share.group) is ShareLinks.OFF:
            return "The group's settings allow no share links."
        try:
            refuse_inactive(uow.identities.of_user(share.created_by))
        except DomainError:
            return f"The account of {share.created_by} is not active."
        if not explain(_person(uow, share.created_by), Operation.SHARE_CREATE, share.group).allowed:
            return f"{share.created_by} may not share files of the group any more."
        return ""

    def _may_open(self, uow: UnitOfWork, share: Share, visitor: Actor | None) -> bool:
        holds = self._holds(uow, share.group)
        if share.public and holds is ShareLinks.PUBLIC:
            return True
        if visitor is None:
            return False
        return holds.rank >= ShareLinks.LOGIN.rank or visitor.platform_admin or bool(visitor.role_in(share.group))

    def _holds(self, uow: UnitOfWork, group: str) -> ShareLinks:
        return self._bounds.links(uow.group_settings.get(group).share_links)

    async def _place(self, share: Share, path: str) -> Place:
        try:
            place = await self._places.find(share.group, joined(share.path, path) if path else share.path)
        except DomainError:
            raise refused() from None
        if not place.own:
            raise refused()
        return place

    def _write(self, text: str, about: str, until: datetime) -> str:
        end = f"{int(until.timestamp()):x}"
        return f"{end}.{self._cipher.sign(f'{text}.{end}', about)}"

    def _reads(self, given: str, text: str, about: str) -> bool:
        end, _, signature = given.partition(".")
        if not self._cipher.signed(f"{text}.{end}", about, signature):
            return False
        return int(end, 16) >= self._clock().timestamp()


def refused() -> NotFound:
    """The one refusal."""
    return NotFound(_REFUSED)


def _person(uow: UnitOfWork, user: str) -> Actor:
    return uow.memberships.actor(user)
