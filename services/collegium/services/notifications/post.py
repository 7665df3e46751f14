"""Sends what stands in the outbox, each place in its own way. Knows nothing of the outbox itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collegium.cipher import Cipher
from collegium.domain.errors import Conflict, DomainError, InvalidInput, Misconfigured
from collegium.domain.notifications import Channel, ChannelKind, Delivery, Try
from collegium.services.mail import Mailer
from collegium.services.notifications import texts
from collegium.services.notifications.options import NotificationOptions
from collegium.services.notifications.resolve import Lookup
from collegium.services.notifications.seals import open_secret, open_url
from collegium.services.notifications.web import Web, encode, signed

#: More than this at once are told in one message, where people read it.
SINGLY = 3
#: Most that one message tells of, requests to one place at a time, and mails at a time.
TOGETHER, ABREAST, MAILS = 1000, 8, 2


@dataclass(frozen=True)
class Place:
    """Where a batch goes: a channel, or addresses of a person. ``refusal`` says why nowhere."""

    channel: Channel | None = None
    addresses: tuple[str, ...] = ()
    refusal: str = ""

    @property
    def read_by_people(self) -> bool:
        """Are many ends better told in one message?"""
        return self.channel is None or self.channel.kind is not ChannelKind.WEBHOOK

    @property
    def most(self) -> int:
        """How many to take at once."""
        return TOGETHER if self.read_by_people else ABREAST


class Post:
    """One per process."""

    def __init__(
        self,
        mailer: Mailer,
        cipher: Cipher,
        options: NotificationOptions,
        lookup: Lookup,
        portal: str = "",
        web: Web | None = None,
    ) -> None:
        self.options, self.portal = options, portal
        self._mailer, self._cipher = mailer, cipher
        self._web = web or Web(lookup, options.networks)
        self._mailing = asyncio.Semaphore(MAILS)

    async def send(self, place: Place, batch: Sequence[Delivery], clock: Callable[[], float] = time.time) -> list[Try]:
        """How each of a batch to one place fared. Never raises an Exception."""
        if place.read_by_people and len(batch) > SINGLY:
            return [await self._one(place, batch, clock)] * len(batch)
        return await asyncio.gather(*(self._one(place, [d], clock) for d in batch))

    async def _one(self, place: Place, batch: Sequence[Delivery], clock: Callable[[], float]) -> Try:
        try:
            if place.channel is None or place.channel.kind is ChannelKind.EMAIL:
                return await self._mail(place.addresses, batch)
            url = open_url(self._cipher, place.channel)
            if place.channel.kind is ChannelKind.SLACK:
                return await self._slack(url, batch)
            return await self._hook(url, open_secret(self._cipher, place.channel), batch[0], clock)
        except Misconfigured as error:
            return Try(False, error.message, whole=True)
        except Exception as error:
            return Try(False, f"could not be sent: {type(error).__name__}", whole=True)

    async def _hook(self, url: str, secret: str, delivery: Delivery, clock: Callable[[], float]) -> Try:
        body, timestamp = encode({"id": delivery.id, **delivery.payload}), int(clock())
        headers = {
            "Collegium-Delivery": delivery.id,
            "Collegium-Event": delivery.topic,
            "Collegium-Timestamp": str(timestamp),
        }
        if secret:
            headers["Collegium-Signature"] = signed(secret, body, timestamp)
        return await self._web.post(url, body, headers)

    async def _slack(self, url: str, batch: Sequence[Delivery]) -> Try:
        payloads = [d.payload for d in batch]
        words = texts.text(payloads[0]) if len(batch) == 1 else texts.many(payloads)
        return await self._web.post(url, encode({"text": texts.slack(words)}), {})

    async def _mail(self, addresses: Sequence[str], batch: Sequence[Delivery]) -> Try:
        payloads = [d.payload for d in batch]
        one = len(batch) == 1
        title = texts.subject(payloads[0]) if one else texts.many_subject(payloads)
        words = texts.text(payloads[0]) if one else texts.many(payloads)
        try:
            allowed = [a for a in addresses if self._allowed(a)]
            if not allowed:
                return Try(False, "the platform sends no mail to these addresses", lasting=True)
            # The server may need its time, and no more than a few threads may wait for it.
            async with self._mailing:
                refused = await self._mailer.send_all(allowed, title, words, batch[0].id)
        except (InvalidInput, Conflict) as error:
            # Nobody of them is taken, or there is no server: both may be mended while it is tried again.
            return Try(False, error.message, whole=isinstance(error, Conflict))
        except DomainError as error:
            return Try(False, error.message, whole=True)
        left = len(addresses) - len(allowed) + refused
        return Try(True, f"not to {left} of {len(addresses)} addresses" if left else "")

    def _allowed(self, address: str) -> bool:
        try:
            self.options.check_domain(address, "address")
        except InvalidInput:
            return False
        return True
