"""One process that looks at a realm, as the controller does or with bare requests; ``keycloak_sync`` starts it.

It reads a task as JSON from its input, and prints what it took as JSON. A process of its own, so that its memory is
that of the task alone.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from array import array
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx

from benchmarks.cost import cost

#: Questions that the controller has under way at once: in a walk for members, and for people.
AT_ONCE, PEOPLE_AT_ONCE = 4, 8


async def measured(task: dict[str, Any], work: Callable[[], Awaitable[int]]) -> dict[str, float]:
    """``work`` returns the number of its requests."""

    def keycloak() -> float:
        return sum(cost(pid).cpu for pid in task["keycloak_pids"])

    gc.collect()
    theirs, before, began = keycloak(), cost(), time.perf_counter()
    requests = await work()
    seconds, after = time.perf_counter() - began, cost()
    return {
        "seconds": seconds,
        "cpu": after.cpu - before.cpu,
        "keycloak": keycloak() - theirs,
        "requests": requests,
        "peak": after.peak,
        "grown": after.peak - before.resident,
    }


# --- bare requests


class Bare:
    """The fewest requests that see the same, each answer read and hardly kept."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._task, self._requests = task, 0
        self._client = httpx.AsyncClient(base_url=task["admin_url"], timeout=120)

    async def login(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": self._task["client_id"]}
        answer = await self._client.post(self._task["token_url"], data=form | {"client_secret": self._task["secret"]})
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    async def get(self, path: str, **query: Any) -> Any:
        self._requests += 1
        answer = await self._client.get(path, params=query)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json()

    async def walk(self, at_once: int) -> int:
        """Every group, then the members of each."""
        self._requests = 0
        await self.login()
        query = {"populateHierarchy": "false", "subGroupsCount": "false", "briefRepresentation": "true"}
        found = await self.get("/groups", search="*", first=0, max=1_000_000, **query)
        groups = {g["id"]: g["path"] for g in found}
        places: dict[str, array[int]] = {}

        async def members(number: int, group: str) -> None:
            rows = await self.get(f"/groups/{group}/members", briefRepresentation="true", first=0, max=1_000_000)
            for row in rows:
                places.setdefault(row["id"], array("I")).append(number)

        await _each([members(number, group) for number, group in enumerate(groups)], at_once)
        if not places:
            raise RuntimeError("nobody is in any group")
        return self._requests

    async def people(self, subjects: Sequence[str]) -> int:
        """Who they are, and their groups."""
        self._requests = 0
        await self.login()

        async def one(subject: str) -> None:
            await self.get(f"/users/{subject}")
            await self.get(f"/users/{subject}/groups", briefRepresentation="true")

        await _each([one(s) for s in subjects], PEOPLE_AT_ONCE)
        return self._requests


async def _each(work: Sequence[Awaitable[None]], at_once: int) -> None:
    waiting = iter(work)

    async def worker() -> None:
        for one in waiting:
            await one

    await asyncio.gather(*(worker() for _ in range(at_once)))


async def bare(task: dict[str, Any]) -> list[dict[str, float]]:
    asks = Bare(task)
    if task["do"] == "walk":
        return [await measured(task, lambda: asks.walk(task["at_once"]))]
    return [await measured(task, lambda: asks.people(task["subjects"])) for _ in range(task["rounds"])]


# --- ours


async def ours(task: dict[str, Any]) -> list[dict[str, float]]:
    """As a controller does that has just started: the first result is of its first walk or round."""
    from collegium.db import Database
    from collegium.db.engine import now
    from collegium.identity.admin import KeycloakDirectory
    from collegium.identity.settings import KeycloakSettings
    from collegium.services.controller.lease import Lease
    from collegium.services.controller.sync import GroupSync
    from collegium.services.metrics import Metrics
    from collegium.settings import Settings

    settings = KeycloakSettings.from_mapping(task["keycloak"])
    database = Database.open(Settings.from_environment())
    directory = KeycloakDirectory(settings)
    sync = GroupSync(database, directory, settings, Lease(database, now), Metrics(), now)
    work = sync.walk if task["do"] == "walk" else sync.round

    async def counted() -> int:
        before = directory.requests
        await work()
        return directory.requests - before

    async def rounds_beside_a_walk() -> list[dict[str, float]]:
        await sync.round()
        walking = asyncio.create_task(sync.walk())
        found = []
        while not walking.done():
            found.append(await measured(task, counted))
        await walking
        # The last one had Keycloak for itself for a while.
        return found[:-1] or found

    with database.write() as uow:
        for user in task["watched"]:
            uow.identities.see(user, now())
    await sync._lease.hold()
    try:
        if task["do"] == "both":
            return await rounds_beside_a_walk()
        return [await measured(task, counted) for _ in range(task["rounds"])]
    finally:
        await sync._lease.give_up()
        await directory.close()
        database.close()


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    json.dump(asyncio.run(ours(wanted) if wanted["who"] == "ours" else bare(wanted)), sys.stdout)
