"""The controller's part: fills the outbox from the events and empties it, beside the rounds and never in their way.

Everything is in the database before it is sent, and struck out after: whoever is killed between sends it again, with
the same id. A place that hangs holds up itself only.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError
from collegium.domain.identity import Standing
from collegium.domain.notifications import ChannelKind, Delivery, DeliveryState, Try, after, person_of
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.metrics import Metrics
from collegium.services.notifications.collect import MANY, collect
from collegium.services.notifications.own import address_of
from collegium.services.notifications.post import Place, Post

#: Places that are sent to at a time: of mail, which all goes by one server, and others.
MAIL_LANES, LANES = 4, 16
#: Places that are looked at for it.
MOST_PLACES = 2000
#: Seconds after which is looked even where nothing seems new: a transaction may have been slow to commit.
LOOK = 5.0
TELL_AGAIN = 60.0
_log = logging.getLogger("collegium.controller")


class NotificationRounds:
    """What it remembers spares work and nothing else."""

    def __init__(
        self, database: Database, post: Post, lease: Lease, metrics: Metrics, clock: Callable[[], datetime]
    ) -> None:
        self._database, self._post, self._lease, self._metrics = database, post, lease, metrics
        self._clock = clock
        self._passing: asyncio.Task[None] | None = None
        #: What is sent to now, and whether that is mail.
        self._lanes: dict[str, tuple[asyncio.Task[None], bool]] = {}
        self._newest, self._looked = -1, 0.0
        self._told: tuple[str, float] = ("", 0.0)

    def keep_going(self) -> None:
        """Begin another pass unless one goes on."""
        if self._passing is None or self._passing.done():
            self._passing = asyncio.create_task(self._pass())

    def stop(self) -> None:
        """Another process sees to it now."""
        for task in self._tasks():
            task.cancel()

    async def settled(self) -> None:
        """Wait until all that was begun has ended."""
        while tasks := [t for t in self._tasks() if not t.done()]:
            await asyncio.wait(tasks)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [t for t in [self._passing, *(task for task, _ in self._lanes.values())] if t is not None]

    async def _pass(self) -> None:
        try:
            await self._collect()
            await self._begin()
        except LeaseLost:
            # The controller's next round finds it out too, and begins anew with another one of these.
            return
        except Exception as error:
            self._complain(error)

    async def _collect(self) -> None:
        newest, missing = await self._database.reading(
            lambda uow: (uow.events.newest(), uow.notification_cursors.missing())
        )
        if newest == self._newest and not missing and time.monotonic() - self._looked < LOOK:
            return
        looked = time.monotonic()
        read = await self._database.reading(lambda uow: uow.notification_cursors.unread(1))
        while missing or read:
            number, _ = await self._lease.write(lambda uow: collect(uow, self._clock(), self._post.portal))
            missing, read = False, read if number == MANY else []
        self._newest, self._looked = newest, looked

    async def _begin(self) -> None:
        moment = self._clock()
        targets = await self._database.reading(lambda uow: uow.deliveries.due_targets(moment, MOST_PLACES))
        for target, mail in targets:
            busy = sum(1 for _, is_mail in self._lanes.values() if is_mail is mail)
            # The others have their turn when one of these has ended.
            if target not in self._lanes and busy < (MAIL_LANES if mail else LANES):
                task = asyncio.create_task(self._lane(target))
                self._lanes[target] = (task, mail)
                task.add_done_callback(partial(self._ended, target))

    def _ended(self, target: str, task: asyncio.Task[None]) -> None:
        self._lanes.pop(target, None)
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, LeaseLost):
            self._complain(error)

    async def _lane(self, target: str) -> None:
        """All that is due at one place, or as much until it is in trouble."""
        while True:
            place, batch, strange = await self._database.reading(lambda uow: self._load(uow, target))
            if place.refusal:
                await self._lease.write(partial(_drop, target, place.refusal, self._clock()))
                return
            if strange:
                await self._lease.write(partial(_strike, strange))
            if not batch:
                if strange:
                    continue
                return
            tries = await self._post.send(place, batch)
            moment, done = self._clock(), []
            for delivery, tried in zip(batch, tries, strict=True):
                done.append(after(delivery, tried, moment))
            await self._lease.write(partial(_strike, done))
            trouble = next((t for t in tries if t.whole and not t.sent), None)
            if trouble is not None:
                # The rest would fare the same: it waits as long, and has had its try.
                await self._lease.write(partial(_postpone, target, trouble, moment))
                return

    def _load(self, uow: UnitOfWork, target: str) -> tuple[Place, list[Delivery], list[Delivery]]:
        """The place, what to send there, and what a person is not told because they have left the group."""
        place, moment = self._place(uow, target), self._clock()
        if place.refusal:
            return place, [], []
        due, user = uow.deliveries.due(target, moment, place.most), person_of(target)
        if user is None:
            return place, due, []
        known = uow.memberships.of_user(user)
        why = "The person does not belong to the group any more."
        strange = [
            replace(d, state=DeliveryState.DROPPED, message=why, finished_at=moment)
            for d in due
            if d.group not in known
        ]
        return place, [d for d in due if d.group in known], strange

    def _place(self, uow: UnitOfWork, target: str) -> Place:
        user = person_of(target)
        if user is None:
            channel = uow.channels.get(target)
            if channel is None or not channel.enabled:
                return Place(refusal="The channel was switched off.")
            return Place(channel, channel.addresses if channel.kind is ChannelKind.EMAIL else ())
        account = uow.identities.of_user(user)
        if account is not None and account.standing is not Standing.ACTIVE:
            return Place(refusal="The person has no active account.")
        own = uow.own_notifications.get(user)
        address, _ = address_of(uow, own)
        if not own.enabled or not address:
            return Place(refusal="The person wants no mail, or has no address.")
        return Place(addresses=(address,))

    def _complain(self, error: BaseException) -> None:
        """Once, and then each minute while it lasts."""
        self._metrics.failure("notifications")
        text, moment = f"{type(error).__name__}: {error}", time.monotonic()
        if text != self._told[0] or moment - self._told[1] >= TELL_AGAIN:
            self._told = (text, moment)
            _log.warning(
                "notifications are tried again: %s", error, exc_info=None if isinstance(error, DomainError) else error
            )


def _drop(target: str, why: str, moment: datetime, uow: UnitOfWork) -> None:
    uow.deliveries.drop(target, why, moment)


def _strike(done: list[Delivery], uow: UnitOfWork) -> None:
    uow.deliveries.move(done)


def _postpone(target: str, trouble: Try, moment: datetime, uow: UnitOfWork) -> None:
    rest = uow.deliveries.due(target, moment, 10_000)
    uow.deliveries.move([after(d, trouble, moment) for d in rest])
