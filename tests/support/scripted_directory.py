"""A realm in memory that answers as the sync account would be answered, and fails where a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from collegium.domain.errors import DomainError
from collegium.identity.directory import DirectoryGroup, DirectoryUser


@dataclass
class ScriptedDirectory:
    """People, groups and who is where. ``trouble`` is raised by every question, ``held`` makes it wait."""

    users: dict[str, DirectoryUser] = field(default_factory=dict)
    tree: dict[str, DirectoryGroup] = field(default_factory=dict)
    inside: dict[str, set[str]] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    client: dict[str, set[str]] | None = None
    trouble: DomainError | None = None
    #: Trouble with questions about one person.
    troubles: dict[str, DomainError] = field(default_factory=dict)
    held: asyncio.Event | None = None
    requests: int = 0
    asked: list[str] = field(default_factory=list)
    closed: bool = False
    hidden: set[str] = field(default_factory=set)
    #: Ids that lists leave out although they exist.
    skipped: set[str] = field(default_factory=set)

    # What an administrator does

    def user(self, name: str, *groups: str, enabled: bool = True) -> str:
        subject = f"id-{name}"
        self.users[subject] = DirectoryUser(subject, name, enabled, name.title(), f"{name}@example.org", True)
        for path in groups:
            self.join(name, path)
        return subject

    def group(self, path: str, id: str = "", name: str = "", **attributes: list[str]) -> str:
        above = path.rpartition("/")[0] if not name else ""
        parent = self.at(above).id if above else ""
        made = DirectoryGroup(
            id or f"g{len(self.tree)}{path}", name or path.rpartition("/")[2], path, parent, attributes
        )
        self.tree[made.id] = made
        return made.id

    def at(self, path: str) -> DirectoryGroup:
        return next(g for g in self.tree.values() if g.path == path and "/" not in g.name)

    def join(self, name: str, path: str) -> None:
        self.inside.setdefault(self.at(path).id, set()).add(f"id-{name}")

    def leave(self, name: str, path: str) -> None:
        self.inside[self.at(path).id].discard(f"id-{name}")

    def rename(self, path: str, new: str) -> None:
        for id, g in list(self.tree.items()):
            if g.path == path or g.path.startswith(f"{path}/"):
                fresh = new + g.path[len(path) :]
                self.tree[id] = replace(g, path=fresh, name=fresh.rpartition("/")[2])

    def remove(self, path: str) -> None:
        for id, g in list(self.tree.items()):
            if g.path == path or g.path.startswith(f"{path}/"):
                del self.tree[id]
                self.inside.pop(id, None)

    # What is asked

    async def _asked(self, what: str, subject: str = "") -> None:
        self.requests += 1
        self.asked.append(what)
        if self.held is not None:
            await self.held.wait()
        await asyncio.sleep(0)
        if self.trouble is not None:
            raise self.trouble
        if subject in self.troubles:
            raise self.troubles[subject]

    async def ping(self) -> None:
        await self._asked("ping")

    async def person(self, subject: str) -> DirectoryUser | None:
        await self._asked(f"person {subject}", subject)
        return self.users.get(subject)

    async def groups_of(self, subject: str, attributes: bool = False) -> list[DirectoryGroup] | None:
        await self._asked(f"groups of {subject}", subject)
        if subject not in self.users:
            return None
        found = [self.tree[g] for g, people in self.inside.items() if subject in people and g in self.tree]
        return found if attributes else [replace(g, attributes={}) for g in found]

    async def realm_roles(self, subject: str) -> frozenset[str] | None:
        await self._asked(f"roles of {subject}", subject)
        return frozenset(self.roles.get(subject, ()))

    async def client_roles(self, subject: str, client: str) -> frozenset[str] | None:
        await self._asked(f"client roles of {subject}", subject)
        return None if self.client is None else frozenset(self.client.get(subject, ()))

    async def groups(self, attributes: bool = False) -> list[DirectoryGroup]:
        await self._asked("groups")
        found = [g for id, g in self.tree.items() if id not in self.skipped]
        return found if attributes else [replace(g, attributes={}) for g in found]

    async def has_group(self, group: str) -> bool:
        await self._asked(f"has {group}")
        return group in self.tree

    async def members(self, group: str) -> AsyncIterator[list[DirectoryUser]]:
        await self._asked(f"members {group}")
        found = [self.users[s] for s in sorted(self.inside.get(group, ())) if s in self.users and s not in self.hidden]
        for start in range(0, len(found), 2):
            yield found[start : start + 2]

    async def close(self) -> None:
        self.closed = True
