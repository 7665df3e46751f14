"""Uploads to S3 over several processes, under faults, and by parts that go straight there."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import itertools
import json
import os
import random
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from collegium.domain.errors import Conflict, Misconfigured, NotFound, StorageFull, Unavailable
from collegium.domain.files import Root, Size
from collegium.stores.port import Transfer
from collegium.stores.s3 import S3Store
from support.faults import Peak
from support.s3_faults import Ask, faulty_s3
from support.s3_place import MiB, Place
from support.s3_sender import content

FILES = Root("physics")
TESTS = Path(__file__).parents[2]
#: How many of each; large runs set them.
KILLS = int(os.environ.get("COLLEGIUM_S3_KILLS", "3"))
INTERRUPTED = int(os.environ.get("COLLEGIUM_S3_INTERRUPTED", "10"))
DATA = content(1, 12 * MiB + 345)


async def pieces(data: bytes, error: Exception | None = None, size: int = 1 << 18) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]
        await asyncio.sleep(0)
    if error is not None:
        raise error


async def begun(store: S3Store, path: str = "a", size: int | None = len(DATA), name: str = "up-1") -> Transfer:
    transfer = Transfer(name, FILES, path, size, checked=True)
    return dataclasses.replace(transfer, state=await store.begin(transfer))


async def read(store: S3Store, path: str = "a") -> bytes:
    async with store.open(FILES, path) as opened:
        return b"".join([piece async for piece in opened.read()])


async def visible(store: S3Store) -> list[str]:
    return [entry.name for entry in (await store.list(FILES, "")).entries]


async def there(store: S3Store, path: str) -> bool:
    try:
        await store.stat(FILES, path)
    except NotFound:
        return False
    return True


def digest(data: bytes = DATA) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [len(DATA), None])
async def test_each_piece_comes_to_another_replica(place: Place, size: int | None) -> None:
    transfer = await begun(place.open(), size=size)
    cuts = [0, 3, 4 * MiB, 5 * MiB, 5 * MiB + 1, 11 * MiB, len(DATA)]
    for start, end in itertools.pairwise(cuts):
        store = place.open()
        assert await store.received(transfer) == start
        assert await store.append(transfer, start, pieces(DATA[start:end])) == end
        assert await visible(store) == []
    assert (await place.open().finish(transfer, replace=False, sha256=digest())).size == len(DATA)
    assert await read(place.open()) == DATA
    assert place.unfinished() == []
    assert place.keys() == ["lab/physics/files/a"]


async def test_what_was_kept_of_a_part_is_there_when_it_is_forgotten(store: S3Store, place: Place) -> None:
    transfer = await begun(store)
    half = 7 * MiB + 11
    await store.append(transfer, 0, pieces(DATA[:half]))
    await store.append(transfer, half, pieces(b"wrong" * MiB))
    assert await store.received(transfer) == half + 5 * MiB
    await store.truncate(transfer, half)
    # Another replica sees the same, and what was forgotten does not come back.
    other = place.open()
    assert await other.received(transfer) == half
    await store.append(transfer, half, pieces(DATA[half:]))
    await store.finish(transfer, replace=False, sha256=digest())
    assert await read(store) == DATA and place.unfinished() == []


async def test_a_part_that_fits_no_memory_is_put_together_by_the_server(place: Place) -> None:
    store = place.open()
    transfer = await begun(store)
    # As an upload of terabytes has them: here a part is two of what is kept in memory.
    transfer = dataclasses.replace(transfer, state={**transfer.state, "part": str(10 * MiB)})
    await store.append(transfer, 0, pieces(DATA[: 6 * MiB]))
    await place.open().append(transfer, 6 * MiB, pieces(DATA[6 * MiB :]))
    await store.finish(transfer, replace=False, sha256=digest())
    assert await read(store) == DATA
    assert place.keys() == ["lab/physics/files/a"] and place.unfinished() == []


@pytest.mark.parametrize("part", [8, 12])
async def test_memory_does_not_grow_with_the_upload(place: Place, part: int) -> None:
    store, piece = place.open(part=part * MiB), content(2, 1 << 18)

    async def many(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece

    # The first one brings libraries and connections along.
    for count in (1, 200):
        transfer, peak = await begun(store, f"f{count}", count * len(piece), f"up-{count}"), Peak(os.getpid())
        await store.append(transfer, 0, many(count))
        grew = peak.growth
        await store.finish(transfer, replace=False, sha256=digest(piece * count))
    assert (await store.stat(FILES, "f200")).size == 50 * MiB
    assert grew <= 28 * MiB, f"{grew / MiB:.0f} MiB"


async def test_a_part_that_was_kept_whole_becomes_one(store: S3Store, place: Place) -> None:
    """Its sender broke off while it was on its way."""
    transfer = await begun(store)
    key = f"lab/physics/uploads/{transfer.id}/tail.0.{5 * MiB}"
    place.server.client.put_object(Bucket=place.bucket, Key=key, Body=DATA[: 5 * MiB])
    assert await store.received(transfer) == 5 * MiB
    await store.append(transfer, 5 * MiB, pieces(DATA[5 * MiB : 11 * MiB]))
    assert await place.open().received(transfer) == 11 * MiB
    await store.append(transfer, 11 * MiB, pieces(DATA[11 * MiB :]))
    await store.finish(transfer, replace=False, sha256=digest())
    assert await read(store) == DATA and place.keys() == ["lab/physics/files/a"]


async def test_it_is_begun_once_and_known_by_its_id(place: Place) -> None:
    for name, size in (("large", len(DATA)), ("small", 100), ("unknown", None)):
        transfer = Transfer(name, FILES, name, size)
        states = await asyncio.gather(*(place.open().begin(transfer) for _ in range(3)))
        assert states[0] and states == [states[0]] * 3
        data = DATA[: size or 100]
        # Who began it was killed before the state was written down.
        await place.open().append(transfer, 0, pieces(data[:60]))
        assert await place.open().received(transfer) == 60
        await place.open().append(dataclasses.replace(transfer, state=states[0]), 60, pieces(data[60:]))
        await place.open().finish(transfer, replace=False, sha256=digest(data))
        assert await read(place.open(), name) == data
        await place.open().begin(other := Transfer("other", FILES, name, size))
        await place.open().abort(other)
    assert place.unfinished() == [] and len(place.keys()) == 3


@pytest.mark.parametrize("replace", [False, True])
async def test_a_checksum_is_seen_to_be_right_before_anybody_sees_the_file(place: Place, replace: bool) -> None:
    store = place.open()
    if replace:
        await store.write(FILES, "a", pieces(b"old"), replace=False)
    for wrong in (True, False):
        transfer = await begun(store, name=f"up-{wrong}")
        await store.append(transfer, 0, pieces(DATA[: 6 * MiB]))
        # This one has not seen the first half, and must read it back.
        other = place.open()
        await other.append(transfer, 6 * MiB, pieces(DATA[6 * MiB :]))
        if wrong:
            with pytest.raises(Conflict, match="checksum"):
                await other.finish(transfer, replace=replace, sha256="0" * 64)
            assert await visible(store) == (["a"] if replace else [])
            assert not replace or await read(store) == b"old"
            await other.abort(transfer)
        else:
            await other.finish(transfer, replace=replace, sha256=digest())
            assert await read(store) == DATA
    assert place.keys() == ["lab/physics/files/a"] and place.unfinished() == []


async def test_kill_9_loses_no_byte_that_was_answered_for(place: Place) -> None:
    store = place.open()
    size, seed = 30 * MiB + 17, 7
    transfer = await begun(store, size=size)
    settings = json.dumps(dataclasses.asdict(place.server.settings(place.bucket, "lab")))
    given = json.dumps({"id": transfer.id, "path": "a", "size": size, "state": dict(transfer.state)})
    chance = random.Random(3)
    answered, kills = 0, 0
    while answered < size:
        sender = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "support.s3_sender", settings, given, str(seed)),
            cwd=TESTS,
            stdout=asyncio.subprocess.PIPE,
        )
        assert sender.stdout is not None
        try:
            first = int(await sender.stdout.readline())
            assert first >= answered, "bytes are gone"
            answered = first
            patience = chance.randrange(4)
            while (line := await sender.stdout.readline()) and answered < size:
                answered = int(line)
                patience -= 1
                if patience <= 0 and kills < KILLS:
                    await asyncio.sleep(chance.random() * 0.02)
                    kills += 1
                    break
        finally:
            if sender.returncode is None:
                sender.kill()
            await sender.wait()
        assert await visible(store) == []
    assert kills == KILLS
    await store.finish(transfer, replace=False, sha256=digest(content(seed, size)))
    assert (await store.stat(FILES, "a")).size == size
    assert place.keys() == ["lab/physics/files/a"] and place.unfinished() == []


async def test_interrupted_uploads_lose_nothing_and_show_nothing_half(place: Place) -> None:
    """A server with trouble, a network that breaks, and senders that go on as tus has them."""
    chance = random.Random(11)

    def choose(ask: Ask) -> str:
        return chance.choice(["503", "reset", "lost", "cut"]) if chance.random() < 0.06 else ""

    async with faulty_s3(place.server.url) as proxy:
        calm = place.open()
        store = place.open(endpoint=proxy.url, attempts=2)

        async def one(number: int) -> None:
            size = chance.choice([0, 1, 1000, 3 * MiB, 5 * MiB, 11 * MiB + number])
            data = DATA[:size]
            transfer = await begun(calm, f"f{number}", size, f"up-{number}")
            at, done = 0, False
            while not done:
                try:
                    # As the service has it: what is whole is only finished from then on.
                    while at < size:
                        at = await store.received(transfer)
                        end = min(size, at + chance.randrange(1, 4 * MiB))
                        broken = ConnectionError() if chance.random() < 0.2 else None
                        at = await store.append(transfer, at, pieces(data[at:end], broken))
                    await store.finish(transfer, replace=False, sha256=digest(data))
                    done = True
                except (Unavailable, ConnectionError):
                    if await there(calm, f"f{number}"):
                        assert await read(calm, f"f{number}") == data
            assert await read(calm, f"f{number}") == data

        proxy.choose = choose
        for start in range(0, INTERRUPTED, 4):
            await asyncio.gather(*(one(number) for number in range(start, min(start + 4, INTERRUPTED))))
        assert proxy.happened
        assert len(await visible(calm)) == min(INTERRUPTED, 200)
        assert (await calm.measure("physics")).files == INTERRUPTED
        assert dict(await calm.transfers("physics")) == {}


async def test_the_answer_to_the_last_call_is_lost(place: Place) -> None:
    lost: list[Ask] = []

    def choose(ask: Ask) -> str:
        completes = ask.method == "POST" and "uploadId" in ask.query
        if not lost and (completes or (ask.method == "PUT" and ask.path.endswith(("/b", "/c")))):
            lost.append(ask)
            return "lost"
        return ""

    async with faulty_s3(place.server.url) as proxy:
        store = place.open(endpoint=proxy.url, attempts=1)
        transfer = await begun(store)
        await store.append(transfer, 0, pieces(DATA))
        proxy.choose = choose
        with pytest.raises(Unavailable):
            await store.finish(transfer, replace=False, sha256=digest())
        entry = await store.finish(transfer, replace=False, sha256=digest())
        assert (entry.size, await read(store)) == (len(DATA), DATA)
        assert await store.finish(transfer, replace=False) == entry
        # The library tries again by itself, and what it is told then is that somebody was faster: itself.
        store = place.open(endpoint=proxy.url)
        for name in ("b", "c"):
            lost.clear()
            if name == "b":
                await store.write(FILES, name, pieces(b"bytes"), replace=False)
            else:
                transfer = await begun(store, name, 5, "up-c")
                await store.append(transfer, 0, pieces(b"bytes"))
                await store.finish(transfer, replace=False)
            assert lost and await read(store, name) == b"bytes"


async def test_a_full_store_keeps_nothing_half(place: Place) -> None:
    async with faulty_s3(place.server.url) as proxy:
        store = place.open(endpoint=proxy.url, attempts=1)
        transfer = await begun(store)
        await store.append(transfer, 0, pieces(DATA[: 6 * MiB]))
        proxy.choose = lambda ask: "507" if ask.method == "PUT" else ""
        with pytest.raises(StorageFull):
            await store.append(transfer, 6 * MiB, pieces(DATA[6 * MiB :]))
        proxy.choose = lambda ask: ""
        at = await store.received(transfer)
        assert at == 6 * MiB
        await store.append(transfer, at, pieces(DATA[at:]))
        await store.finish(transfer, replace=False, sha256=digest())
        assert await read(store) == DATA


async def test_reading_goes_on_where_the_connection_broke(place: Place) -> None:
    async with faulty_s3(place.server.url) as proxy:
        store = place.open(endpoint=proxy.url)
        await store.write(FILES, "a", pieces(DATA), replace=False)
        broken = iter(["cut", "reset", "cut"])
        proxy.choose = lambda ask: next(broken, "") if ask.method == "GET" and ask.path.endswith("/a") else ""
        assert await read(store) == DATA
        async with store.open(FILES, "a") as opened:
            assert b"".join([p async for p in opened.read(MiB, 3 * MiB)]) == DATA[MiB : 3 * MiB]
        assert len(proxy.happened) == 3


# Parts that go straight to the store.


def put(url: str, body: bytes) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, body, method="PUT")
    with opener.open(request, timeout=60) as answer:
        return int(answer.status)


async def test_parts_straight_to_the_store(place: Place) -> None:
    store = place.open(direct=True, part=8 * MiB)
    size = 6 * MiB
    for path, length in (("large", len(DATA)), ("small", 1000), ("empty", 0)):
        data = DATA[:length]
        parts = [data[at : at + size] for at in range(0, length, size)] or [b""]
        transfer = await begun(store, path, length, f"up-{path}")
        assert list(await store.parts(transfer)) == []
        urls = await store.sign_parts(transfer, range(1, len(parts) + 1), 600)
        assert all(place.server.secret_key not in url for url in urls)
        assert await asyncio.to_thread(put, urls[-1], parts[-1]) == 200
        if len(parts) > 1:
            with pytest.raises(Conflict):
                await store.finish(transfer, replace=False, sha256=digest(data))
            assert [part.number for part in await store.parts(transfer)] == [len(parts)]
        # All at once, the last one again, by another replica's addresses.
        urls = await place.open(direct=True).sign_parts(transfer, range(1, len(parts) + 1), 600)
        await asyncio.gather(*(asyncio.to_thread(put, url, part) for url, part in zip(urls, parts, strict=True)))
        if length:
            assert await store.received(transfer) == length
            assert [part.size for part in await store.parts(transfer)] == [len(part) for part in parts]
        assert "large" in await visible(store) or await visible(store) == []
        await store.finish(transfer, replace=False, sha256=digest(data))
        assert await read(store, path) == data
    assert await store.measure("physics") == Size(3, len(DATA) + 1000)
    with pytest.raises(Conflict, match="operator"):
        await place.open().sign_parts(await begun(store, "x"), [1], 60)


async def test_more_than_was_announced_is_no_file(place: Place) -> None:
    store = place.open(direct=True)
    for announced in (10 * MiB, 10):
        transfer = await begun(store, "a", announced, f"up-{announced}")
        (url,) = await store.sign_parts(transfer, [1], 60)
        await asyncio.to_thread(put, url, DATA)
        with pytest.raises(Conflict):
            await store.finish(transfer, replace=False)
        await store.abort(transfer)
    assert place.keys() == [] and place.unfinished() == []


async def test_an_address_that_is_over_says_so(place: Place) -> None:
    store = place.open(direct=True)
    transfer = await begun(store)
    (url,) = await store.sign_parts(transfer, [1], 1)

    def told() -> str:
        try:
            put(url, b"x")
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"
        return ""

    async with asyncio.timeout(30):
        while not (text := await asyncio.to_thread(told)):
            await asyncio.sleep(0.2)
    assert text.startswith("403") and "expired" in text.lower()
    # A new one is good again.
    (url,) = await store.sign_parts(transfer, [1], 60)
    assert await asyncio.to_thread(put, url, DATA[: 6 * MiB]) == 200


async def test_clocks_that_differ_are_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime

    import botocore.auth

    store = place.open(attempts=1)
    now = botocore.auth.get_current_datetime
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now() - datetime.timedelta(hours=3))
    with pytest.raises(Misconfigured, match="clock"):
        await store.list(FILES, "")
    monkeypatch.undo()
    assert (await store.list(FILES, "")).entries == ()
