"""A realm's groups with the roles that they carry, each read once for one piece of work.

Where Keycloak decides group by group who may see it, one answer takes as long as a list of hundreds; so whoever asks
for many is given the list.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from collegium.domain.errors import Forbidden, NotFound
from collegium.identity.admin_api import AdminApi, segment

#: Seconds for which an answer counts: a group that gets a role in the middle of a long import is noticed after these.
KEEP = 10.0
#: So many groups are asked for one by one; then all are.
SINGLE = 6
_SLASH = re.compile(r"(?<!~)/")

Group = Mapping[str, Any]


class RealmGroups:
    """What one piece of work (a change, a request, an import) has seen of the groups. Never shared by two."""

    def __init__(self, api: AdminApi, clock: Callable[[], float] = time.monotonic) -> None:
        self._api, self._clock = api, clock
        self._seen: dict[str, tuple[float, Group]] = {}
        self._asked = 0
        #: Until when the list counts, and whether there is no group that it lacks.
        self._listed, self._complete, self._may_list = 0.0, False, True
        self._turn = asyncio.Lock()

    async def at(self, path: str, *, fresh: bool = False) -> Group:
        """The group at a path, with all its roles. Raises NotFound. A slash inside a name is ``~/`` and stays so."""
        async with self._turn:
            until, found = self._seen.get(path, (0.0, {}))
            if until > self._clock() and not fresh:
                return found
            listed = self._listed > self._clock()
            if not (listed or fresh) and self._asked >= SINGLE and self._may_list:
                listed = await self._list()
                until, found = self._seen.get(path, (0.0, {}))
                if until > self._clock():
                    return found
            if listed and self._complete and not fresh:
                raise NotFound(f"Keycloak has no group {path}.", path=path)
            self._asked += 1
            # Only this address and lists tell of roles of clients that we may not see; a group's own leaves them out.
            alone: Group = await self._api.get(f"group-by-path/{quote(path.lstrip('/'))}", "see a group")
            self._seen[path] = self._clock() + KEEP, alone
            return alone

    async def of_id(self, group_id: str, likely: str) -> Group:
        """The group of an id, wherever it is now; ``likely`` is the path it had. Raises NotFound."""
        try:
            found = await self.at(likely)
            if found["id"] == group_id:
                return found
        except (NotFound, Forbidden):
            pass
        there: Group = await self._api.get(f"groups/{segment(group_id)}", "see a group")
        return there

    async def _list(self) -> bool:
        """False if this account may not."""
        started = self._clock()
        flat = {"search": "*", "populateHierarchy": False, "briefRepresentation": False}
        try:
            rows = await self._api.pages("groups", "list groups", **flat)
            count = await self._api.get("groups/count", "count groups")
        except Forbidden:
            self._may_list = False
            return False
        # The list is ordered by name alone: where one page ends, a namesake may be lost and another be there twice.
        self._complete = isinstance(count, Mapping) and count.get("count") == len({r["id"] for r in rows})
        # A list that takes long is worth keeping longer, or there would be no end of lists.
        until = self._listed = self._clock() + max(KEEP, self._clock() - started)
        found: dict[str, Group] = {}
        doubtful = set()
        for row in rows:
            path = str(row["path"])
            if found.setdefault(path, row)["id"] != row["id"]:
                doubtful.add(path)
        self._seen = {path: (until, row) for path, row in found.items() if path not in doubtful}
        self._complete = self._complete and not doubtful
        return True


def parent_path(path: str) -> str:
    """The path of the group above, empty at the top."""
    *above, _ = _SLASH.split(path)
    return "/".join(above)
