"""The whole walk: every group's members against everybody who is known here. It finds who differs; asking them tells.

Lists are read page by page while people come and go, so a list alone takes nothing away from anybody.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from collegium.db import Database, UnitOfWork
from collegium.domain.identity import Claims, Standing, UserIdentity
from collegium.identity.accept import roles_in
from collegium.identity.directory import Directory
from collegium.identity.mapping import place, placement
from collegium.identity.settings import KeycloakSettings
from collegium.identity.tree import Followed, Tree
from collegium.services.controller.lease import Lease

#: Groups whose members are read at once. AdminApi bounds the questions; the rounds need some of its turns.
AT_ONCE = 4
#: People who are compared in one transaction.
CHUNK = 200


@dataclass
class Seen:
    """One person in the lists: the numbers of their groups, four bytes each; whether any list shows them disabled."""

    groups: array[int]
    disabled: bool = False


class Walk:
    """One walk. Memory grows with memberships of people who are known here, not with the realm."""

    def __init__(
        self, database: Database, directory: Directory, settings: KeycloakSettings, lease: Lease, begin: datetime
    ) -> None:
        self._database, self._directory, self._settings, self._lease = database, directory, settings, lease
        self._begin = begin
        self._paths: list[str] = []
        self._seen: dict[str, Seen] = {}
        self.people: list[UserIdentity] = []

    async def find(self, tree: Tree, followed: Followed) -> list[UserIdentity]:
        """Those who seem to have changed, or who are in no list; all others are noted as confirmed."""
        everybody = await self._database.reading(lambda uow: uow.identities.all(self._settings.issuer))
        self.people = [i for i in everybody if i.standing is not Standing.DELETED]
        self._seen = {i.subject: Seen(array("I")) for i in self.people}
        await self._read_members(tree, followed)
        differ: list[UserIdentity] = []
        for start in range(0, len(self.people), CHUNK):
            chunk = self.people[start : start + CHUNK]
            differ += await self._lease.write(partial(self._compare, chunk=chunk, followed=followed))
        return differ

    async def _read_members(self, tree: Tree, followed: Followed) -> None:
        wanted = self._wanted(tree, followed)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._reader(wanted))
        except ExceptionGroup as several:
            # One trouble is enough, and the caller wants to know which kind.
            raise several.exceptions[0] from None

    def _wanted(self, tree: Tree, followed: Followed) -> Iterator[tuple[str, int]]:
        """Id and number of every group that says something about a group of ours, those of roles too."""
        for path, group in tree.by_path().items():
            spot = place(path, self._settings.groups, self._settings.roles)
            if spot is not None and spot.path in followed.groups:
                self._paths.append(path)
                yield group.id, len(self._paths) - 1

    async def _reader(self, wanted: Iterator[tuple[str, int]]) -> None:
        for group, number in wanted:
            async for page in self._directory.members(group):
                for person in page:
                    seen = self._seen.get(person.id)
                    if seen is not None:
                        seen.groups.append(number)
                        seen.disabled = seen.disabled or not person.enabled

    def _compare(self, uow: UnitOfWork, chunk: Sequence[UserIdentity], followed: Followed) -> list[UserIdentity]:
        rows = {i.user: i for i in uow.identities.locked([i.user for i in chunk])}
        differ = [i for i in rows.values() if not self._same(uow, i, followed)]
        left = {i.user for i in differ}
        uow.identities.check([user for user in rows if user not in left], self._begin)
        return differ

    def _same(self, uow: UnitOfWork, identity: UserIdentity, followed: Followed) -> bool:
        seen = self._seen.get(identity.subject)
        if seen is None or not seen.groups or seen.disabled or identity.standing is not Standing.ACTIVE:
            return False
        claims = Claims(identity.subject, identity.user, frozenset(self._paths[n] for n in seen.groups))
        places = placement(claims.paths, self._settings.groups, self._settings.roles)
        before = uow.memberships.of_user(identity.user)
        return roles_in(self._settings, claims, identity.user, places, followed.groups, before) == before
