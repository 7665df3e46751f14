"""Interrupted uploads: no acknowledged byte is lost, no half file is ever seen, and all room is given back.

``COLLEGIUM_UPLOAD_FAULTS`` says how many uploads go through it; the default is for every day.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.domain.errors import NotFound
from collegium.domain.files import Root
from collegium.domain.quota import WorkloadKind
from collegium.hub.configuration import DEMO_CATALOG
from collegium.settings import Settings
from collegium.stores.port import FileStore
from collegium.stores.posix import PosixStore
from collegium.stores.s3 import S3Store
from integration.services.harness import (
    API,
    Clock,
    FakeHub,
    Service,
    copy_of,
    running_hub,
    running_service,
    template,
)
from support.disks import MIB, fill, small_disk
from support.faults import kill9
from support.installation import until
from support.s3 import shared_server
from support.service_alone import ServiceAlone
from support.tus import Tus
from support.upload_faults import Sender

COUNT = int(os.environ.get("COLLEGIUM_UPLOAD_FAULTS", "60"))
#: Of these through S3, where each byte goes two ways; uploads and kills of the service.
OF_S3, KILLED, KILLS = max(6, COUNT // 10), max(8, COUNT // 100), max(4, COUNT // 250)
AT_ONCE = 8
FILES = Root("physics")


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with running_hub() as hub:
        yield hub


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return copy_of(template(tmp_path / "template"), tmp_path / "state")


def a_seed() -> int:
    seed = int(os.environ.get("COLLEGIUM_UPLOAD_SEED", "0")) or int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    return seed


@pytest.mark.parametrize("kind", ["posix", "s3"])
async def test_interrupted_uploads(kind: str, tmp_path: Path, database: Database, hub: FakeHub) -> None:
    store: FileStore = PosixStore(tmp_path / "files")
    count, clock, seed = COUNT, Clock(), a_seed()
    if kind == "s3":
        server = shared_server()
        store, count = S3Store(server.settings(server.bucket())), OF_S3
    async with running_service(database, hub, clock=clock, store=store) as service:

        async def look(path: str) -> bytes | None:
            try:
                async with store.open(FILES, path) as file:
                    return b"".join([piece async for piece in file.read()])
            except NotFound:
                return None

        tus, counts, sizes = Tus(service.url, f"{API}/groups/physics/files/uploads", "mia"), Counter[str](), []
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with turn:
                sent = await Sender(tus, random.Random(seed + number), look, counts).send(f"in/{number % 50}/{number}")
                sizes.append(len(sent))

        await asyncio.gather(*(one(number) for number in range(count)))
        await ended(service, clock)
        with database.read() as uow:
            assert uow.reservations.live("physics", kinds=[WorkloadKind.UPLOAD]) == []
            stored = uow.stored.get("physics").size
        assert (stored.files, stored.bytes) == (count, sum(sizes))
        assert [entry.path async for entry in store.walk(FILES, "") if entry.kind == "file"].__len__() == count
        assert await store.transfers("physics") == {}
        assert (await store.measure("physics")).bytes == sum(sizes)
    await store.close()
    database.close()
    print(f"{kind}: {dict(sorted(counts.items()))}; {sum(sizes) / MIB:.0f} MiB")


async def ended(service: Service, clock: Clock) -> None:
    """What was begun and never heard of again is over a week later."""
    await service.round()
    assert service.context.controller is not None
    assert service.context.controller.uploads is not None
    clock.forward(8 * 86_400)
    await service.context.controller.uploads.look()
    await service.context.controller.uploads.sweep()


async def test_a_full_disk(tmp_path: Path, database: Database, hub: FakeHub) -> None:
    with small_disk(tmp_path / "disk", 24) as disk:
        store, data = PosixStore(disk / "files", floor=0), os.urandom(6 * MIB)
        async with running_service(database, hub, store=store) as service:
            tus = Tus(service.url, f"{API}/groups/physics/files/uploads", "mia")
            place = (await tus.create("large", len(data), data[:MIB])).headers["location"]
            filler = fill(disk)
            refused = await tus.patch(place, MIB, data[MIB:])
            assert refused.status == 507, refused
            safe = (await tus.head(place)).offset
            assert MIB <= safe < len(data)
            assert (await tus.create("another", MIB, data[:MIB])).status == 507
            filler.unlink()
            assert (await tus.patch(place, safe, data[safe:])).status == 204
            async with store.open(FILES, "large") as file:
                assert b"".join([piece async for piece in file.read()]) == data
            with database.read() as uow:
                assert uow.reservations.live("physics", kinds=[WorkloadKind.UPLOAD]) == []
                assert uow.stored.get("physics").size.bytes == len(data)
        await store.close()
        database.close()


async def test_the_service_is_killed(tmp_path: Path) -> None:
    seed, alone = a_seed(), ServiceAlone(tmp_path / "alone")
    chance, counts = random.Random(seed), Counter[str]()
    database = Database.open(Settings.at(alone.state))
    apply_catalog(database, load_catalog(DEMO_CATALOG))
    base = urllib.parse.urlsplit(alone.api).path
    tus = Tus(alone.url, f"{base}/groups/physics/files/uploads", "ann")

    async def look(path: str) -> bytes | None:
        return await asyncio.to_thread(content, alone, path)

    async def kills(over: asyncio.Event) -> None:
        while not over.is_set() or counts["kills"] < KILLS:
            before = alone.service()
            await asyncio.sleep(chance.uniform(0.3, 1.2))
            if kill9(before):
                counts["kills"] += 1
            await asyncio.to_thread(until, "another was started", partial(is_another, alone, before), 60, 0.01)
            await asyncio.to_thread(until, "the service answers", alone.answers, 60, 0.02)

    try:
        alone.start()
        over, turn, number = asyncio.Event(), asyncio.Semaphore(4), 0
        killer = asyncio.create_task(kills(over))

        async def one(number: int) -> int:
            async with turn:
                return len(await Sender(tus, random.Random(seed + number), look, counts, 0.05).send(f"k/{number}"))

        sizes: list[int] = []
        while len(sizes) < KILLED or counts["kills"] < KILLS:
            sizes += await asyncio.gather(*(one(number + n) for n in range(8)))
            number += 8
        over.set()
        await killer
        # What nobody was told of is on the list, and can be given up there. Whoever asks for one that a kill left
        # between two steps has it ended: as the file, or as nothing if its bytes had not come.
        left = 0
        while rest := [u for u in await listed(alone) if u["state"] in ("Open", "Finishing")]:
            for upload in rest:
                method = "DELETE" if upload["state"] == "Open" else "HEAD"
                await tus.ask(method, f"{tus.path}/{upload['id']}")
                left += method == "DELETE"
        rows = {u["id"]: u for u in await listed(alone)}
        for upload in (u for u in rows.values() if u["state"] == "Done"):
            assert (await tus.head(f"{tus.path}/{upload['id']}")).offset == upload["size"]

        def given_back() -> dict[str, Any] | None:
            storage: dict[str, Any] = alone.request("GET", "/groups/physics/files/storage", "ann")[1]
            return storage if storage["uploads"] == 0 else None

        # The room of one that was given up before a kill comes back with its bytes, which the controller sees to.
        storage = await asyncio.to_thread(until, "all room is given back", given_back)
        # What came into sight, was measured, and then accounted for after a kill, is measured again.
        assert storage["used"] == sum(sizes) or storage["measured_at"] is None, (storage, sum(sizes))
        there = [f.stat().st_size for f in (alone.state / "files" / "physics" / "files").rglob("*") if f.is_file()]
        assert sorted(there) == sorted(sizes)
        # A place that was made just before a kill has no row and no byte: it is swept when it is old.
        hidden = list((alone.state / "files" / "physics" / "uploads").glob("upl-*"))
        assert [p for p in hidden if p.name in rows or any(f.stat().st_size for f in p.glob("data"))] == []
    finally:
        database.close()
        alone.stop()
    print(f"{len(sizes)} files, {dict(sorted(counts.items()))}; {left} that nobody was told of")


def is_another(alone: ServiceAlone, pid: int) -> bool:
    return alone.service() != pid


async def listed(alone: ServiceAlone) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    cursor = ""
    while True:
        path = f"/groups/physics/files/uploads?limit=200{cursor}"
        _, page = await asyncio.to_thread(alone.request, "GET", path, "ann")
        found += page["items"]
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def content(alone: ServiceAlone, path: str) -> bytes | None:
    """What everybody sees; asked again while the service is away."""
    address = f"{alone.api}/groups/physics/files/content?{urllib.parse.urlencode({'path': path})}"
    request = urllib.request.Request(address, headers={"Authorization": "token ann"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                size, data = int(answer.headers["Content-Length"]), answer.read()
                if len(data) == size:
                    return bytes(data)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
        except (OSError, ValueError, http.client.HTTPException):
            until("the service answers", alone.answers, 60, 0.02)
