"""Uploads over HTTP, on a real store in a folder: tus as its protocol says, rights, room, and both their ends."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
import tusclient.client
from tusclient.exceptions import TusCommunicationError

from collegium.db import Database
from collegium.domain import uploads
from collegium.domain.errors import NotFound, Unavailable
from collegium.domain.files import Root
from collegium.domain.groups import Group, Membership, Role
from collegium.domain.quota import Limits, WorkloadKind
from collegium.domain.uploads import UploadOptions, UploadState
from collegium.services.controller.options import ControlOptions
from collegium.services.uploads import rounds, tus
from collegium.services.uploads.ends import transfer_of
from collegium.stores.s3 import S3Store
from integration.services.harness import API, Clock, FakeHub, Service, running_service
from support.s3 import shared_server
from support.tus import CONTENT, Answer, Cut, Tus, checksum, chunked, encoded

F = "/groups/physics/files"
FILES = Root("physics")
DATA = os.urandom(300_000)


def sender(service: Service, user: str = "mia", group: str = "physics") -> Tus:
    return Tus(service.url, f"{API}/groups/{group}/files/uploads", user)


async def begun(service: Service, name: str, size: int | None, user: str = "mia", **more: str) -> str:
    """The place of a new upload."""
    answer = await sender(service, user).create(name, size, **more)
    assert answer.status == 201, answer
    return answer.headers["location"]


async def read(service: Service, path: str) -> bytes | None:
    """What everybody sees at a path."""
    try:
        async with service.context.store.open(FILES, path) as file:
            return b"".join([piece async for piece in file.read()])
    except NotFound:
        return None


async def shown(service: Service, place: str, user: str = "mia") -> dict[str, Any]:
    answer = await service.client(user).get(f"{F}/uploads/{place.rpartition('/')[2]}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def held(service: Service) -> int:
    """Bytes that are kept for uploads."""
    with service.database.read() as uow:
        return sum(r.resources["storage"] for r in uow.reservations.live("physics", kinds=[WorkloadKind.UPLOAD]))


def stored(service: Service) -> tuple[int, int]:
    with service.database.read() as uow:
        size = uow.stored.get("physics").size
        return size.files, size.bytes


def limit(service: Service, amount: int) -> None:
    with service.database.write() as uow:
        uow.groups.put(Group("physics", "Physics", limits=Limits({"storage": amount})))


def code(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"]["message"])


# The protocol.

META = f"path {encoded('a.bin')}"
#: Method, headers beside the version, body, and the status that the protocol wants. {u} is an upload of 10 bytes with 4
#: of them there.
ASKED: list[tuple[str, str, dict[str, str], bytes, int]] = [
    ("OPTIONS", "", {"Tus-Resumable": "0.2.2"}, b"", 204),
    ("POST", "", {"Upload-Length": "1", "Upload-Metadata": META, "Tus-Resumable": "0.2.2"}, b"", 412),
    ("HEAD", "{u}", {"Tus-Resumable": "0.2.2"}, b"", 412),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "4", "Tus-Resumable": ""}, b"1", 412),
    ("DELETE", "{u}", {"Tus-Resumable": "2"}, b"", 412),
    ("POST", "", {"Upload-Metadata": META}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Defer-Length": "1", "Upload-Metadata": META}, b"", 400),
    ("POST", "", {"Upload-Defer-Length": "2", "Upload-Metadata": META}, b"", 400),
    ("POST", "", {"Upload-Length": "-5", "Upload-Metadata": META}, b"", 400),
    ("POST", "", {"Upload-Length": "5"}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Metadata": "path"}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Metadata": "path !"}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Metadata": f"{META},{META}"}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Metadata": f"{META},replace {encoded('maybe')}"}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Metadata": f"{META},sha256 {encoded('abc')}"}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Metadata": f"path {encoded('../b')}"}, b"", 400),
    ("POST", "", {"Upload-Length": "5", "Upload-Metadata": META}, b"12345", 415),
    ("POST", "", {**CONTENT, "Upload-Length": "3", "Upload-Metadata": META}, b"12345", 413),
    ("HEAD", "{u}", {}, b"", 200),
    ("HEAD", "upl-nobody", {}, b"", 404),
    ("PATCH", "upl-nobody", {**CONTENT, "Upload-Offset": "0"}, b"1", 404),
    ("PATCH", "{u}", {"Upload-Offset": "4"}, b"1", 415),
    ("PATCH", "{u}", CONTENT, b"1", 400),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "3"}, b"1", 409),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "5"}, b"1", 409),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "4"}, b"1234567", 413),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "4", "Upload-Length": "11"}, b"1", 400),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "4", "Upload-Checksum": "sha0 AAAA"}, b"1", 400),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "4", "Upload-Checksum": "sha1 AAAA"}, b"1", 400),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "4", "Upload-Checksum": checksum("sha1", b"2")}, b"1", 460),
    ("PATCH", "{u}", {**CONTENT, "Upload-Offset": "4"}, b"", 204),
    ("PUT", "{u}", {}, b"", 405),
]


async def test_the_protocol(service: Service) -> None:
    tus_ = sender(service)
    place = await begun(service, "four.bin", 10)
    assert (await tus_.patch(place, 0, b"abcd")).offset == 4
    for method, where, headers, body, wanted in ASKED:
        path = place if where == "{u}" else f"{tus_.path}/{where}".rstrip("/")
        line = await tus_.begin(method, path, {"Tus-Resumable": "1.0.0", **headers}, body)
        answer = await line.answer(method == "HEAD")
        line.writer.close()
        assert answer.status == wanted, (method, where, headers, answer)
        assert answer.headers["tus-resumable"] == "1.0.0"
        assert ("tus-version" in answer.headers) == (wanted == 412 or method == "OPTIONS")
        assert answer.headers["cache-control"] == "no-store"
        assert (await tus_.head(place)).offset == 4, (method, where, headers)
    options = await tus_.ask("OPTIONS", tus_.path)
    wanted_extensions = "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration"
    assert options.headers["tus-extension"] == wanted_extensions
    assert options.headers["tus-checksum-algorithm"] == "sha1,sha256,md5,crc32"
    head = await tus_.head(place)
    assert (head.headers["upload-length"], head.headers["upload-metadata"]) == ("10", f"path {encoded('four.bin')}")
    assert head.headers["upload-expires"].endswith("GMT")
    assert (await tus_.patch(place, 4, b"efghij")).offset == 10
    assert await read(service, "four.bin") == b"abcdefghij"
    # Whoever lost that answer asks again, and is told that nothing is missing.
    assert (await tus_.head(place)).offset == 10
    assert (await tus_.patch(place, 10, b"")).status == 409
    assert (await tus_.ask("DELETE", place)).status == 409
    assert stored(service) == (1, 10)
    assert held(service) == 0


async def test_checksums_deferred_lengths_and_files_of_no_bytes(service: Service) -> None:
    tus_ = sender(service)
    place = await begun(service, "sums", None)
    assert (await tus_.head(place)).headers["upload-defer-length"] == "1"
    for number, algorithm in enumerate(("sha1", "sha256", "md5", "crc32")):
        part = DATA[number * 1000 : number * 1000 + 1000]
        wrong = await tus_.patch(place, number * 1000, part, Upload_Checksum=checksum(algorithm, b"else"))
        assert wrong.status == 460
        assert (await tus_.head(place)).offset == number * 1000
        right = await tus_.patch(place, number * 1000, part, Upload_Checksum=checksum(algorithm, part))
        assert right.offset == number * 1000 + 1000
    # A body whose length nobody says, and at last that of the whole.
    body = chunked(DATA[4000:])
    answer = await tus_.patch(place, 4000, body, Transfer_Encoding="chunked", Upload_Length=str(len(DATA)))
    assert (answer.status, answer.offset) == (204, len(DATA))
    assert await read(service, "sums") == DATA
    empty = await tus_.create("nothing", 0)
    assert (empty.status, empty.offset) == (201, 0)
    assert await read(service, "nothing") == b""
    later = await begun(service, "nothing later", None)
    assert (await tus_.patch(later, 0, b"", Upload_Length="0")).status == 204
    assert await read(service, "nothing later") == b""
    whole = await tus_.create("whole", len(DATA), DATA, sha256=hashlib.sha256(DATA).hexdigest())
    assert (whole.status, whole.offset) == (201, len(DATA))
    assert await read(service, "whole") == DATA
    bad = await tus_.create("bad", 5, b"12345", sha256=hashlib.sha256(b"else").hexdigest())
    assert bad.status == 409, bad
    assert await read(service, "bad") is None
    # More than was declared, in a body that does not say how much it is.
    short = await begun(service, "short", 10)
    answer = await tus_.patch(short, 0, chunked(b"x" * 20), Transfer_Encoding="chunked")
    assert answer.status == 413
    assert (await tus_.head(short)).offset == 0
    assert stored(service) == (4, 2 * len(DATA))
    assert held(service) == 10


async def test_names_in_conflict(service: Service) -> None:
    tus_ = sender(service)
    assert (await tus_.create("dir/a", 3, b"one")).status == 201
    assert (await tus_.create("dir/a", 3)).status == 409
    assert (await tus_.create("dir", 3, replace="true")).status == 409
    assert (await tus_.create("dir/a/b", 3, replace="true")).status == 409
    late = await begun(service, "late", 4)
    assert (await tus_.create("dir/a", 5, b"three", replace="true")).status == 201
    assert await read(service, "dir/a") == b"three"
    assert stored(service) == (1, 5)
    assert (await tus_.create("late", 5, b"first")).status == 201
    refused = await tus_.patch(late, 0, b"last")
    assert refused.status == 409
    assert await read(service, "late") == b"first"
    assert (await tus_.head(late)).status == 410
    assert (await tus_.patch(late, 4, b"")).status == 410
    assert (await shown(service, late))["state"] == "Failed"
    assert held(service) == 0


async def test_whose_upload_it_is(service: Service) -> None:
    place = await begun(service, "mine", 10)
    named = place.rpartition("/")[2]
    for user, wanted in (("max", 403), ("vic", 403), ("zoe", 404), ("nobody", 404), ("root", 403)):
        tus_ = sender(service, user)
        answers = [await tus_.head(place), await tus_.patch(place, 0, b"x"), await tus_.ask("DELETE", place)]
        assert [a.status for a in answers] == [wanted] * 3, user
    # Another group's address leads nowhere, for its own admin, too.
    assert (await sender(service, "zoe").head(place.replace("physics", "chemistry"))).status == 404
    listed = {
        user: [u["id"] for u in (await service.client(user).get(f"{F}/uploads")).json()["items"]]
        for user in ("mia", "max", "ada")
    }
    assert listed == {"mia": [named], "max": [], "ada": [named]}
    assert (await sender(service, "ada").patch(place, 0, b"x")).offset == 1
    assert (await sender(service, "ada").ask("DELETE", place)).status == 204
    assert (await sender(service).head(place)).status == 404
    assert held(service) == 0
    assert await service.context.store.transfers("physics") == {}


async def test_who_was_removed_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tus, "RECHECK", 0.0)
    place = await begun(service, "long", len(DATA))
    line = await sender(service).break_off(place, 0, DATA, 100_000)
    await _until(lambda: _row(service, place), lambda row: row.sender)
    with service.database.write() as uow:
        uow.memberships.replace_for_user("mia", {})
    line.writer.write(DATA[100_000:])
    answer = await line.answer()
    assert answer.status == 404, answer
    line.writer.close()
    assert await read(service, "long") is None
    with service.database.write() as uow:
        uow.memberships.put(Membership("physics", "mia", Role.MEMBER))
    # What came while she was a member is there; she goes on.
    offset = (await sender(service).head(place)).offset
    assert offset <= 100_000
    assert (await sender(service).patch(place, offset, DATA[offset:])).status == 204
    assert await read(service, "long") == DATA


async def test_a_newer_request_goes_on_where_a_dead_one_was(service: Service) -> None:
    tus_, place = sender(service), await begun(service, "twice", len(DATA))
    dead = await tus_.break_off(place, 0, DATA, 150_000)
    await _until(lambda: _row(service, place), lambda row: row.sender)
    head = await tus_.head(place)
    # What of it was read is safe; the dead one is told that it is over, if it lives still.
    assert head.status == 200
    assert (await tus_.patch(place, head.offset, DATA[head.offset :])).offset == len(DATA)
    dead.writer.write(DATA[150_000:])
    with contextlib.suppress(Cut):
        assert (await dead.answer()).status == 409
    dead.reset()
    assert await read(service, "twice") == DATA
    sums = await begun(service, "summed", len(DATA))
    dead = await tus_.break_off(sums, 0, DATA, 150_000, Upload_Checksum=checksum("sha1", DATA))
    await _until(lambda: _row(service, sums), lambda row: row.sender)
    # Bytes whose checksum was never seen to be right count for nothing.
    assert (await tus_.head(sums)).offset == 0
    dead.reset()
    assert (await tus_.patch(sums, 0, DATA, Upload_Checksum=checksum("md5", DATA))).offset == len(DATA)
    assert await read(service, "summed") == DATA


async def test_who_comes_late_takes_nothing_away(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the question for the offset and the first byte, another request comes, adds bytes, and is gone."""
    tus_, place, store = sender(service), await begun(service, "late", 10), service.context.store
    received, others = store.received, [b"12345"]

    async def slowly(transfer: Any) -> int:
        there = await received(transfer)
        if others:
            assert (await tus_.patch(place, there, others.pop())).offset == 5
        return there

    monkeypatch.setattr(store, "received", slowly)
    late = await tus_.patch(place, 0, b"123", Upload_Checksum=checksum("sha1", b"123"))
    assert late.status == 409
    assert (await tus_.head(place)).offset == 5
    assert (await tus_.patch(place, 5, b"67890")).offset == 10
    assert await read(service, "late") == b"1234567890"


async def test_who_says_nothing_any_more_is_cut_off(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tus, "STALL", 0.2)
    place = await begun(service, "stalled", len(DATA))
    line = await sender(service).break_off(place, 0, DATA, 200_000)
    with pytest.raises(Cut):
        await line.answer()
    upload = await _until(lambda: shown(service, place), lambda u: u["offset"] > 0)
    assert upload["offset"] == (await sender(service).head(place)).offset == 200_000


# Room.


async def test_room_is_kept_and_given_back(service: Service) -> None:
    limit(service, 1000)
    tus_ = sender(service)
    place = await begun(service, "a", 600)
    assert held(service) == 600
    refused = await tus_.create("b", 401)
    assert refused.status == 422
    assert "600 bytes of 1000 bytes" in code(refused)
    assert (await tus_.create("b", 1001)).status == 422
    unknown = await begun(service, "c", None)
    # As much as there is room for, and no more; what came stays.
    answer = await tus_.patch(unknown, 0, chunked(b"x" * 300, 100), Transfer_Encoding="chunked")
    assert answer.offset == 300
    answer = await tus_.patch(unknown, 300, chunked(b"x" * 300, 100), Transfer_Encoding="chunked")
    assert answer.status == 422
    assert (await tus_.ask("DELETE", unknown)).status == 204
    assert held(service) == 600
    assert (await tus_.patch(place, 0, b"x" * 600)).status == 204
    assert (held(service), stored(service)) == (0, (1, 600))
    storage = (await service.client().get(f"{F}/storage")).json()
    assert (storage["used"], storage["limit"], storage["uploads"]) == (600, 1000, 0)


async def test_a_race_of_two_hundred_into_room_for_a_hundred(service: Service) -> None:
    limit(service, 100 * 1000)
    tus_ = sender(service)

    async def one(number: int) -> int:
        return (await tus_.create(f"race/{number}", 1000, os.urandom(1000))).status

    found = await asyncio.gather(*(one(number) for number in range(200)))
    assert sorted(set(found)) == [201, 422]
    assert found.count(201) == 100
    assert (held(service), stored(service)) == (0, (100, 100_000))
    assert len((await service.context.store.list(FILES, "race")).entries) == 100


async def test_a_small_file_takes_two_transactions(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    tus_, store, writing = sender(service), service.context.store, service.database.writing
    writes = 0

    async def counted(function: Any) -> Any:
        nonlocal writes
        writes += 1
        return await writing(function)

    monkeypatch.setattr(service.database, "writing", counted)

    async def cost(work: Any, status: int) -> int:
        nonlocal writes
        writes = 0
        answer = await work
        assert (answer.status if isinstance(answer, Answer) else answer.status_code) == status, answer
        return writes

    assert await cost(tus_.create("a", 5, b"12345", sha256=hashlib.sha256(b"12345").hexdigest()), 201) == 2
    assert await cost(tus_.create("empty", 0), 201) == 2
    assert await cost(service.client().put(f"{F}/content?path=b", content=b"12345"), 200) == 2
    # What does not grow needs no room.
    assert await cost(service.client().put(f"{F}/content?path=b", content=b"678"), 200) == 1
    assert [await read(service, n) for n in ("a", "empty", "b")] == [b"12345", b"", b"678"]
    # Nothing is left of what was refused, and nobody hears of it.
    before = (await service.client().get("/groups/physics/activity")).json()
    assert await cost(tus_.create("a", 5, b"12345"), 409) == 0
    headers = {**CONTENT, "Upload-Length": "5", "Upload-Metadata": f"path {encoded('c')}"}
    wrong = {**headers, "Upload-Checksum": checksum("sha1", b"54321")}
    assert await cost(tus_.ask("POST", tus_.path, wrong, b"12345"), 460) == 0
    (await tus_.begin("POST", tus_.path, headers, b"12345", 3)).reset()
    limit(service, 10)
    assert await cost(tus_.create("c", 5, b"12345"), 422) == 1
    assert await store.transfers("physics") == {}
    with monkeypatch.context() as patch:

        async def fails(*_: object, **__: object) -> int:
            raise Unavailable("the disk is away")

        patch.setattr(store, "append", fails)
        assert await cost(tus_.create("c", 1, b"1"), 503) == 4
    assert (await service.client().get("/groups/physics/activity")).json() == before
    assert (held(service), stored(service), await store.transfers("physics")) == (0, (3, 8), {})


# What a kill leaves, and what nobody goes on with.


async def test_what_a_kill_leaves_of_a_small_file(service: Service, clock: Clock) -> None:
    store, controller = service.context.store, service.context.controller
    await service.round()
    assert controller is not None
    assert controller.uploads is not None
    places = []
    # Before its bytes, before it came into sight, and before that was said.
    for step, name in enumerate(("none", "hidden", "seen")):
        places.append(place := await begun(service, name, 5))
        state = dict(await store.begin(transfer_of(await _row(service, place))))
        await _rewrite(service, place, state=UploadState.FINISHING, offset=5, store_state=state)
        row = await _row(service, place)
        if step > 0:
            await store.append(transfer_of(row), 0, _pieces(b"12345"))
        if step > 1:
            await store.finish(transfer_of(row), replace=False)
    clock.forward(rounds.QUIET.total_seconds() + 1)
    await controller.uploads.look()
    assert [(await shown(service, p))["state"] for p in places] == ["Failed", "Done", "Done"]
    assert [await read(service, n) for n in ("none", "hidden", "seen")] == [None, b"12345", b"12345"]
    assert (held(service), stored(service), await store.transfers("physics")) == (0, (2, 10), {})


async def test_what_was_left_is_ended(
    seeded: Database, hub: FakeHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "GRACE", timedelta())
    options = ControlOptions(uploads=UploadOptions(max_size=1 << 20, age=timedelta(days=2)))
    async with running_service(seeded, hub, clock=clock, options=options) as service:
        tus_, store = sender(service), service.context.store
        controller = service.context.controller
        assert controller is not None
        await service.round()
        assert controller.uploads is not None
        assert (await tus_.ask("OPTIONS", tus_.path)).headers["tus-max-size"] == str(1 << 20)
        assert (await tus_.create("large", (1 << 20) + 1)).status == 413
        # All bytes came, and the process was killed before it said so; or when it had said so.
        whole, told = await begun(service, "whole", 5), await begun(service, "told", 5)
        idle, shut = await begun(service, "idle", 5), await begun(service, "shut", 5)
        for place in (whole, told):
            assert (await tus_.patch(place, 0, b"1234")).offset == 4
        for place, more in ((whole, {"sender": "dead"}), (told, {"state": UploadState.FINISHING})):
            await _rewrite(service, place, **more)
            row = await _row(service, place)
            await store.append(transfer_of(row), 4, _pieces(b"5"))
        await _rewrite(service, shut, state=UploadState.FAILED)
        clock.forward(rounds.QUIET.total_seconds() + 1)
        await controller.uploads.look()
        assert [await read(service, n) for n in ("whole", "told")] == [b"12345", b"12345"]
        assert stored(service) == (2, 10)
        assert held(service) == 5
        assert [(await shown(service, p))["state"] for p in (whole, told, idle)] == ["Done", "Done", "Open"]
        # A day later nobody needs to know of those; two days later nobody goes on with the other.
        clock.forward(86_400 * 2)
        await controller.uploads.look()
        assert (await tus_.head(idle)).status == 410
        assert "2 days" in (await shown(service, idle))["message"]
        assert held(service) == 0
        for place in (whole, told, shut):
            await controller.uploads.sweep()
            assert (await tus_.head(place)).status == 404
        # Bytes and room of uploads that nobody knows of.
        stray = transfer_of(await _row(service, await begun(service, "stray", 5)))
        await store.begin(stray)
        with service.database.write() as uow:
            uow.uploads.delete(stray.id)
        clock.forward(rounds.ORPHAN_AGE.total_seconds() + 1)
        await controller.uploads.sweep()
        assert stray.id not in await store.transfers("physics")
        assert held(service) == 0


async def test_a_store_that_fails_in_the_end_is_tried_again(
    service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tus_, store = sender(service), service.context.store
    await service.round()
    with monkeypatch.context() as patch:

        async def fails(*_: object, **__: object) -> None:
            raise Unavailable("the disk is away")

        patch.setattr(store, "finish", fails)
        answer = await tus_.create("later", 5, b"12345")
        # Its bytes are safe, which is what was asked.
        assert (answer.status, answer.offset) == (201, 5)
        assert await read(service, "later") is None
        assert (await shown(service, answer.headers["location"]))["state"] == "Finishing"
    clock.forward(rounds.QUIET.total_seconds() + 1)
    assert service.context.controller is not None
    assert service.context.controller.uploads is not None
    await service.context.controller.uploads.look()
    assert await read(service, "later") == b"12345"
    assert (held(service), stored(service)) == (0, (1, 5))


# Foreign senders.


async def test_tuspy(service: Service) -> None:
    client = tusclient.client.TusClient(f"{service.url}{API}{F}/uploads", {"Authorization": "token mia"})

    def upload(name: str, **more: Any) -> None:
        sent = client.uploader(
            file_stream=io.BytesIO(DATA), chunk_size=70_000, metadata={"path": name}, upload_checksum=True, **more
        )
        sent.upload_chunk()
        # Another one goes on, as after a crash.
        again = client.uploader(file_stream=io.BytesIO(DATA), chunk_size=70_000, url=sent.url)
        assert again.offset == 70_000
        again.upload()

    await asyncio.to_thread(upload, "by tuspy")
    assert await read(service, "by tuspy") == DATA
    with pytest.raises(TusCommunicationError):
        await asyncio.to_thread(upload, "by tuspy")


async def test_straight_to_s3(seeded: Database, hub: FakeHub) -> None:
    server = shared_server()
    store = S3Store(server.settings(server.bucket(), direct=True))
    try:
        async with running_service(seeded, hub, store=store) as service, httpx.AsyncClient(trust_env=False) as plain:
            client, size = service.client(), uploads.MIN_PART + 5
            assert (await client.get(f"{F}/store")).json()["direct"] is True
            data = os.urandom(1 << 20) * 17
            body = {"path": "straight/big", "size": size, "direct": True}
            body["sha256"] = hashlib.sha256(data[:size]).hexdigest()
            made = (await client.post(f"{F}/uploads", json=body)).json()
            assert (made["parts"], made["part_size"], made["received"]) == (2, uploads.MIN_PART, [])
            url = f"{F}/uploads/{made['id']}"
            assert held(service) == size
            assert (await client.post(f"{url}/parts", json={"numbers": [3]})).status_code == 400
            signed = (await client.post(f"{url}/parts", json={"numbers": [1, 2]})).json()["items"]
            first, second = data[: uploads.MIN_PART], data[uploads.MIN_PART : size]
            assert (await plain.put(signed[1]["url"], content=second + b"x")).status_code == 200
            refused = await client.post(f"{url}/complete")
            assert refused.status_code == 409
            assert refused.json()["error"]["details"]["missing"] == [1, 2]
            for part, content in ((0, first), (1, second)):
                assert (await plain.put(signed[part]["url"], content=content)).status_code == 200
            assert (await client.get(url)).json()["received"] == [1, 2]
            done = await client.post(f"{url}/complete")
            assert (done.status_code, done.json()["state"]) == (200, "Done"), done.text
            assert await read(service, "straight/big") == data[:size]
            assert (held(service), stored(service)) == (0, (1, size))
            # By tus through us, into the same bucket.
            assert (await sender(service).create("by tus", len(DATA), DATA)).status == 201
            assert await read(service, "by tus") == DATA
    finally:
        await store.close()


async def test_no_parts_where_the_operator_did_not_allow_them(service: Service) -> None:
    answer = await service.client().post(f"{F}/uploads", json={"path": "a", "size": 5, "direct": True})
    assert answer.status_code == 409
    made = (await service.client().post(f"{F}/uploads", json={"path": "a", "size": 5})).json()
    assert (made["parts"], made["received"]) == (None, None)
    assert (await service.client().post(f"{F}/uploads/{made['id']}/parts", json={"numbers": [1]})).status_code == 409


# Inside.


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _row(service: Service, place: str) -> Any:
    named = place.rpartition("/")[2]
    return await service.database.reading(lambda uow: uow.uploads.get("physics", named))


async def _rewrite(service: Service, place: str, **values: Any) -> None:
    row = await _row(service, place)
    await service.database.writing(lambda uow: uow.uploads.put(replace(row, **values)))


async def _until(look: Any, wanted: Any) -> Any:
    for _ in range(600):
        found = await look()
        if wanted(found):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(found)
