"""Keeps people and groups as Keycloak has them: those who are about every few seconds, everybody every few minutes.

It works beside the controller's rounds, for a slow Keycloak must not keep jobs from starting; the walk works beside the
questions for those who are about, for a large realm must not keep a removal from taking effect.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.errors import DomainError, Misconfigured, Unavailable
from collegium.domain.identity import ProviderState, ProviderStatus, UserIdentity
from collegium.identity.ask import Answer, ask
from collegium.identity.directory import Directory, DirectoryGroup
from collegium.identity.settings import KeycloakSettings
from collegium.identity.tree import Followed, Tree, follow, vanished
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.controller.people import People
from collegium.services.controller.walk import Walk
from collegium.services.metrics import Metrics

#: Whoever was seen within this time is asked for every few seconds.
ABOUT = timedelta(minutes=15)
#: People who are asked for before the first of them is brought up to date.
CHUNK = 100
#: Seconds until a walk that failed is tried again, and after which a failure that lasts is told again.
WALK_AGAIN, TELL_AGAIN = 30.0, 60.0
#: Entries of each kind that a report holds, so that its row stays small.
MOST = 50
#: How our own words on the provider's state begin. What the hub found out is for the hub to take back.
OURS = "Group sync: "
_log = logging.getLogger("collegium.controller")


class GroupSync:
    """One holder's sync: it begins with the groups, and what it remembers spares work and nothing else."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        settings: KeycloakSettings,
        lease: Lease,
        metrics: Metrics,
        clock: Callable[[], datetime],
    ) -> None:
        assert settings.sync is not None
        self._database, self._directory, self._lease, self._metrics = database, directory, lease, metrics
        self._settings, self._account, self._clock = settings, settings.sync, clock
        self._people = People(settings, lease)
        self._tree: Tree | None = None
        self._followed = Followed()
        self._strange: set[str] = set()
        self._same_realm = False
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._walking: asyncio.Task[None] | None = None
        self._walk_due = 0.0
        #: What is wrong now, by who noticed.
        self._wrong: dict[str, DomainError] = {}
        self._told: dict[str, tuple[str, float]] = {}

    def keep_going(self) -> None:
        """Begin, or begin again if a bug ended it."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """Another process sees to it now."""
        for task in (self._task, self._walking):
            if task is not None:
                task.cancel()

    async def _run(self) -> None:
        try:
            while not self._lease.lost:
                began = time.monotonic()
                await self._guarded("round", self.round)
                self._begin_walk()
                await self._guarded("state", self.say)
                # Whoever needs long to answer is asked less often.
                await asyncio.sleep(max(self._account.interval, time.monotonic() - began))
        except LeaseLost:
            # The controller's next round finds it out too, and begins anew with another one of these.
            pass
        finally:
            if self._walking is not None:
                self._walking.cancel()
                await asyncio.gather(self._walking, return_exceptions=True)
            with contextlib.suppress(Exception):
                await self._directory.close()

    def _begin_walk(self) -> None:
        idle = self._walking is None or self._walking.done()
        if idle and time.monotonic() >= self._walk_due and "round" not in self._wrong:
            self._walking = asyncio.create_task(self._walk_once())

    async def _walk_once(self) -> None:
        with contextlib.suppress(LeaseLost):
            well = await self._guarded("walk", self.walk)
            pause = self._account.walk_interval if well else min(WALK_AGAIN, self._account.walk_interval)
            self._walk_due = time.monotonic() + pause

    async def _guarded(self, name: str, work: Callable[[], Awaitable[object]]) -> bool:
        """Run one piece; what went wrong is remembered for ``say`` and told once a minute."""
        try:
            await work()
        except LeaseLost:
            raise
        except Exception as error:
            self._metrics.failure(f"sync {name}")
            if isinstance(error, Unavailable | Misconfigured):
                self._wrong[name] = error
            text, before = f"{type(error).__name__}: {error}", self._told.get(name, ("", 0.0))
            if text != before[0] or time.monotonic() - before[1] >= TELL_AGAIN:
                self._told[name] = (text, time.monotonic())
                trace = not isinstance(error, DomainError)
                _log.warning("group sync (%s) is tried again: %s", name, error, exc_info=trace)
            return False
        self._wrong.pop(name, None)
        if self._told.pop(name, None):
            _log.info("group sync (%s) works again", name)
        return True

    async def round(self) -> None:
        """Ask for everybody who is about, or has something that lives here."""
        issuer, since = self._settings.issuer, self._clock() - ABOUT

        def look(uow: UnitOfWork) -> tuple[list[UserIdentity], set[str]]:
            people = uow.identities.watched(issuer, since)
            return people, {p.user for p in people if uow.memberships.actor(p.user).platform_admin}

        people, admins = await self._database.reading(look)
        self._people.forget_all_but({p.user for p in people})
        if self._tree is None:
            await self._look_at_groups()
        if not people:
            await self._directory.ping()
        # Whoever became a platform admin learns it at a login or refresh, or in the walk; whoever was one, here.
        await self._ask_all(people, admins)

    async def walk(self) -> None:
        """Everybody and everything, and a report."""
        began, asked = time.monotonic(), self._directory.requests
        begin = self._clock()
        followed = await self._look_at_groups()
        assert self._tree is not None
        walk = Walk(self._database, self._directory, self._settings, self._lease, begin)
        differ = await walk.find(self._tree, followed)
        watched = await self._database.reading(lambda uow: uow.identities.watched(self._settings.issuer, begin - ABOUT))
        by_name = {i.user: i for i in [*differ, *watched]}
        changed = await self._ask_all(list(by_name.values()), set(by_name))
        report = {
            "groups": len(self._tree.groups),
            "bound": len(followed.groups),
            "people": len(walk.people),
            "changed": len(changed),
            "refused": followed.refused[:MOST],
            "refused_count": len(followed.refused),
            "undeclared": followed.undeclared[:MOST],
            "undeclared_count": len(followed.undeclared),
            "requests": self._directory.requests - asked,
            "seconds": round(time.monotonic() - began, 1),
        }
        await self._lease.write(lambda uow: uow.providers.walked(self._settings.issuer, report, self._clock()))

    async def _ask_all(self, people: Sequence[UserIdentity], admins: set[str]) -> list[str]:
        """Who has changed. Raises what everybody's answer was if it was trouble."""
        changed: list[str] = []
        error: DomainError | None = None
        well = 0
        for start in range(0, len(people), CHUNK):
            begin = self._clock()
            questions = [
                ask(self._directory, self._settings, p, admin=p.user in admins) for p in people[start : start + CHUNK]
            ]
            answers = await asyncio.gather(*questions)
            troubles = [a.error for a in answers if a.error is not None]
            well += len(answers) - len(troubles)
            error = troubles[0] if troubles else error
            if len(troubles) == len(answers):
                break
            await self._know_groups_of(answers)
            assert self._tree is not None
            changed += await self._people.apply(answers, self._tree, begin, same_realm=self._same_realm)
        if error is not None and (not well or isinstance(error, Misconfigured)):
            raise error
        return changed

    async def _know_groups_of(self, answers: Sequence[Answer]) -> None:
        """Look at the groups again if somebody is in one that is new, renamed or changed."""

        def new(group: DirectoryGroup) -> bool:
            assert self._tree is not None
            return group.id not in self._strange and not self._tree.knows(group)

        if any(new(g) for a in answers for g in a.groups):
            await self._look_at_groups()
            # Those that are still not as they were listed must not make us look again and again.
            self._strange = {g.id for a in answers for g in a.groups if new(g)}

    async def _look_at_groups(self) -> Followed:
        async with self._looking:
            begin = self._clock()
            tree = Tree(await self._directory.groups(self._settings.roles.source == "attribute"))
            ours = await self._database.reading(
                lambda uow: [b for b in uow.group_bindings.all() if b.issuer == self._settings.issuer]
            )
            known = [b for b in ours if b.external_id and b.gone_at is None]
            if known and not tree.groups:
                raise Misconfigured(
                    f"the sync account {self._account.client_id} sees no group at all, and {len(known)} of them are in "
                    "use here: nothing was taken away from anybody"
                )
            gone = [g for g in vanished(known, tree) if not await self._directory.has_group(g)]
            if len(gone) == len(known) > 1:
                raise Misconfigured(
                    f"none of the {len(known)} groups of Keycloak that are in use here exists any more, others do: it "
                    "looks like another realm, and nothing was taken away from anybody"
                )
            self._same_realm = len(gone) < len(known)
            self._followed = await self._lease.write(
                partial(follow, settings=self._settings, tree=tree, gone=gone, at=begin)
            )
            self._tree = tree
            return self._followed

    async def say(self) -> None:
        """Keep the provider's state as we find it, for hub and API."""
        issuer, error = self._settings.issuer, self._wrong.get("round")
        walk = self._wrong.get("walk")
        if error is None and isinstance(walk, Misconfigured):
            error = walk
        state, message = ProviderState.OK, ""
        if error is not None:
            state = ProviderState.MISCONFIGURED if isinstance(error, Misconfigured) else ProviderState.UNAVAILABLE
            message = f"{OURS}{error.message}"
        status = await self._database.reading(lambda uow: uow.providers.current())
        if _is_news(status, issuer, state, message):
            await self._lease.write(partial(_write, issuer=issuer, state=state, message=message, at=self._clock()))


def _is_news(status: ProviderStatus | None, issuer: str, state: ProviderState, message: str) -> bool:
    if status is None or status.issuer != issuer:
        return True
    if state is ProviderState.OK and status.state is ProviderState.MISCONFIGURED:
        # The hub's finding, such as a missing mapper of the login client: that we are answered says nothing of it.
        return status.message.startswith(OURS)
    return (status.state, status.message) != (state, message)


def _write(uow: UnitOfWork, issuer: str, state: ProviderState, message: str, at: datetime) -> None:
    uow.providers.begin(issuer, at)
    uow.providers.say(issuer, state, message, at)
