"""Channels of groups: made, changed, looked at, tried out. Knows people and the store; knows no HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from collegium.cipher import Cipher
from collegium.db import Database, UnitOfWork
from collegium.domain.addresses import check_address
from collegium.domain.destinations import check_url, origin
from collegium.domain.errors import Conflict, InvalidInput, NotFound, shorten
from collegium.domain.groups import Actor
from collegium.domain.names import new_id
from collegium.domain.notifications import (
    MAX_CHANNELS,
    TEST,
    Channel,
    ChannelKind,
    Delivery,
    check_channel_name,
)
from collegium.domain.policy import Operation, explain
from collegium.services.by import By
from collegium.services.mail import Mailer
from collegium.services.notifications.models import (
    ChannelIn,
    ChannelList,
    ChannelOut,
    ChannelPatch,
    DeliveryOut,
    DeliveryPage,
)
from collegium.services.notifications.options import NotificationOptions
from collegium.services.notifications.resolve import Lookup, check_reachable
from collegium.services.notifications.seals import open_url, seal
from collegium.services.notifications.views import channel_out, delivery_out
from collegium.services.paging import number_cursor, read_number_cursor, split_page

#: Characters of a signing secret.
MIN_SECRET = 16


class ChannelService:
    """Expects that the policy was asked already. ``wake`` tells the controller of this process, if there is one."""

    def __init__(
        self,
        database: Database,
        wake: Callable[[], object],
        clock: Callable[[], datetime],
        mailer: Mailer,
        cipher: Cipher,
        options: NotificationOptions,
        lookup: Lookup,
    ) -> None:
        self._database, self._wake, self._clock = database, wake, clock
        self._mailer, self._cipher, self._options, self._lookup = mailer, cipher, options, lookup

    async def all(self, actor: Actor, group: str) -> ChannelList:
        """The group's channels by name."""

        def look(uow: UnitOfWork) -> list[ChannelOut]:
            found = uow.channels.of_groups([group])
            last = uow.deliveries.last([c.id for c in found])
            return [self._shown(actor, c, last.get(c.id)) for c in found]

        return ChannelList(items=await self._database.reading(look), mail=self._mailer.ready)

    async def get(self, actor: Actor, group: str, name: str) -> ChannelOut:
        """One channel. Raises NotFound."""
        return await self._database.reading(lambda uow: self._look(uow, actor, group, name))

    async def create(self, by: By, group: str, body: ChannelIn) -> ChannelOut:
        """A new one. Raises InvalidInput; Conflict for a name that is taken, a group that has too many, or mail where
        there is no server; Misconfigured where there is no key to seal with."""
        moment = self._clock()
        channel = Channel(new_id("chn"), group, check_channel_name(body.name), body.kind, by.actor.user, moment, moment)
        patch = ChannelPatch(
            addresses=body.addresses, url=body.url, secret=body.secret, events=body.events, enabled=body.enabled
        )
        if body.kind is ChannelKind.EMAIL:
            self._mailer.require()
        channel = await self._changed(channel, patch)

        def write(uow: UnitOfWork) -> ChannelOut:
            uow.groups.lock(group)
            if uow.channels.count(group) >= MAX_CHANNELS:
                raise Conflict(f"Group {group} has {MAX_CHANNELS} channels; delete some first.", limit=MAX_CHANNELS)
            uow.channels.insert(channel)
            self._audit(uow, by, channel, "channel.create", {"kind": channel.kind.value, "to": channel.origin})
            return self._shown(by.actor, channel, None)

        return await self._database.writing(write)

    async def change(self, by: By, group: str, name: str, patch: ChannelPatch) -> ChannelOut:
        """Change what is given. What was to be sent and goes on goes to where the channel leads then. Raises as
        ``create``; NotFound."""
        before = await self._database.reading(lambda uow: get(uow, group, name))
        after = await self._changed(before, patch)

        def write(uow: UnitOfWork) -> ChannelOut:
            uow.groups.lock(group)
            current = get(uow, group, name)
            if current != before:
                raise Conflict(f"Channel {name} was changed by somebody else meanwhile; look at it again.")
            if after.name != name and uow.channels.named(group, after.name) is not None:
                raise Conflict(f"name: group {group} has a channel {after.name} already.", field="name")
            uow.channels.change(after)
            what = sorted(patch.model_fields_set)
            self._audit(uow, by, after, "channel.edit", {"fields": what, "to": after.origin})
            return self._look(uow, by.actor, group, after.name)

        return await self._database.writing(write)

    async def delete(self, by: By, group: str, name: str) -> ChannelOut:
        """Remove one with what it sent, and show it once more. Raises NotFound."""

        def write(uow: UnitOfWork) -> ChannelOut:
            uow.groups.lock(group)
            channel, out = get(uow, group, name), self._look(uow, by.actor, group, name)
            uow.channels.delete(channel)
            self._audit(uow, by, channel, "channel.delete", {})
            return out

        return await self._database.writing(write)

    async def test(self, by: By, group: str, name: str) -> DeliveryOut:
        """Send a message that says so, as soon as may be; what became of it is among the deliveries. Raises NotFound;
        Conflict for one that is switched off."""

        def write(uow: UnitOfWork) -> DeliveryOut:
            channel, moment = get(uow, group, name), self._clock()
            if not channel.enabled:
                raise Conflict(f"Channel {name} is switched off; nothing is sent by it.")
            payload = {"event": TEST, "at": moment.isoformat(), "group": group, "by": by.actor.user}
            made = Delivery(new_id("ntf"), group, channel.id, TEST, channel.id, payload, moment, moment)
            uow.deliveries.insert([made])
            self._audit(uow, by, channel, "channel.test", {})
            uow.announce()
            return delivery_out(made)

        out = await self._database.writing(write)
        self._wake()
        return out

    async def deliveries(self, group: str, name: str, limit: int, cursor: str | None) -> DeliveryPage:
        """What was sent by a channel, the newest first. Raises NotFound; InvalidInput for a cursor that is not ours."""
        before = read_number_cursor("d", cursor) if cursor else None

        def look(uow: UnitOfWork) -> DeliveryPage:
            found = uow.deliveries.page(get(uow, group, name).id, limit + 1, before)
            found, following = split_page(found, limit, lambda d: number_cursor("d", d.sequence))
            return DeliveryPage(items=[delivery_out(d) for d in found], next_cursor=following)

        return await self._database.reading(look)

    async def _changed(self, channel: Channel, patch: ChannelPatch) -> Channel:
        """With what is given, checked."""
        given = {name for name in patch.model_fields_set if getattr(patch, name) is not None}
        if patch.name is not None:
            channel = replace(channel, name=check_channel_name(patch.name))
        if "addresses" in given and patch.addresses is not None:
            channel = replace(channel, addresses=self._addresses(channel, patch.addresses))
        if patch.url:
            if channel.kind is ChannelKind.EMAIL:
                raise InvalidInput("url", "is not for an e-mail channel")
            url = check_url(patch.url)
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            await check_reachable(parts.hostname or "", port, self._lookup, self._options.networks)
            channel = replace(channel, url=seal(self._cipher, channel.id, "url", url), origin=origin(url))
        if patch.secret is not None:
            channel = replace(channel, secret=self._secret(channel, patch.secret))
        if patch.events is not None:
            channel = replace(channel, events=frozenset(patch.events))
        if patch.enabled is not None:
            channel = replace(channel, enabled=patch.enabled)
        if channel.kind is ChannelKind.EMAIL and not channel.addresses:
            raise InvalidInput("addresses", "an e-mail channel needs one at least")
        if channel.kind is not ChannelKind.EMAIL and not channel.url:
            raise InvalidInput("url", f"a {channel.kind.value} channel needs one")
        return replace(channel, updated_at=self._clock())

    def _addresses(self, channel: Channel, given: list[str]) -> tuple[str, ...]:
        if given and channel.kind is not ChannelKind.EMAIL:
            raise InvalidInput("addresses", "are for e-mail channels only")
        found = [check_address(a, f"addresses.{i}") for i, a in enumerate(given)]
        for i, address in enumerate(found):
            self._options.check_domain(address, f"addresses.{i}")
        return tuple(dict.fromkeys(found))

    def _secret(self, channel: Channel, given: str) -> str:
        if not given:
            return ""
        if channel.kind is not ChannelKind.WEBHOOK:
            raise InvalidInput("secret", "is for webhooks only")
        # Never quoted.
        if len(given) < MIN_SECRET or not given.isprintable():
            raise InvalidInput("secret", f"must be {MIN_SECRET} printable characters or more", limit=MIN_SECRET)
        return seal(self._cipher, channel.id, "secret", given)

    def _look(self, uow: UnitOfWork, actor: Actor, group: str, name: str) -> ChannelOut:
        channel = get(uow, group, name)
        return self._shown(actor, channel, uow.deliveries.last([channel.id]).get(channel.id))

    def _shown(self, actor: Actor, channel: Channel, last: Delivery | None) -> ChannelOut:
        editor = explain(actor, Operation.CHANNEL_EDIT, channel.group).allowed
        return channel_out(channel, last, partial(open_url, self._cipher) if editor else None)

    def _audit(self, uow: UnitOfWork, by: By, channel: Channel, action: str, details: dict[str, object]) -> None:
        more = {"name": channel.name, **details}
        uow.audit.append(by.entry(self._clock(), action, channel.id, channel.group, more))


def get(uow: UnitOfWork, group: str, name: str) -> Channel:
    """One channel of a group; raises NotFound."""
    found = uow.channels.named(group, name)
    if found is None:
        shown = shorten(name)
        raise NotFound(f"Group {group} has no channel {shown}.", channel=shown)
    return found
