"""Archives unpacked over HTTP, on folders and on S3, and by whoever takes up what another process left."""

from __future__ import annotations

import asyncio
import gzip
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from collegium.db import Database
from collegium.domain.groups import Group
from collegium.domain.quota import Limits
from collegium.services.files import runner as runner_module
from collegium.stores.posix import PosixStore
from collegium.stores.s3_reading import S3File
from collegium_client import AsyncClient, Client, errors
from integration.services.harness import Clock, FakeHub, Kept, Service, killed, running_service
from support.s3 import shared_server
from support.s3_place import Place

F = "/groups/physics/files"
TREE = {"a.txt": b"a" * 1000, "sub/b.bin": bytes(range(256)) * 9000, "sub/deep/empty": b""}
SIZE = sum(map(len, TREE.values()))


def zipped(tree: dict[str, bytes] = TREE) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in tree.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(tree: dict[str, bytes] = TREE) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data in tree.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return made.getvalue()


async def put(service: Service, path: str, data: bytes) -> None:
    answer = await service.client().put(f"{F}/content", params={"path": path}, content=data)
    assert answer.status_code == 200, answer.text


async def unpack(service: Service, source: str, target: str, **more: Any) -> httpx.Response:
    return await service.client().post(f"{F}/unpack", json={"source": source, "target": target, **more})


async def ended(service: Service, answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    await service.context.file_parts.runner.settle()
    task: dict[str, Any] = (await service.client().get(f"{F}/tasks/{answer.json()['id']}")).json()
    assert task["state"] == "Succeeded", task
    return task


async def tree(service: Service, path: str) -> dict[str, bytes]:
    store, files = service.context.store, {}
    place = await service.context.file_parts.places.find("physics", path)
    async for entry in store.walk(place.root, place.path):
        if entry.kind == "file":
            async with store.open(place.root, entry.path) as file:
                data = b"".join([piece async for piece in file.read()])
            files[entry.path.removeprefix(f"{place.path}/")] = data
    return files


async def used(service: Service) -> int:
    return int((await service.client().get(f"{F}/storage")).json()["used"])


async def names(service: Service, path: str = "") -> list[str]:
    return [item["name"] for item in (await service.client().get(F, params={"path": path})).json()["items"]]


async def found(service: Service) -> list[str]:
    answer = await service.client().get(F, params={"search": "a.txt"})
    return [item["path"] for item in answer.json()["items"]]


async def trash(service: Service) -> list[str]:
    return [item["path"] for item in (await service.client().get(f"{F}/trash")).json()["items"]]


async def test_an_archive_becomes_a_folder(service: Service) -> None:
    await put(service, "in/data.zip", zipped())
    # What it is called says nothing.
    await put(service, "in/other.zip", gzip.compress(tarred()))
    before = await used(service)
    task = await ended(service, await unpack(service, "in/data.zip", "out/new"))
    assert (task["kind"], task["source"], task["target"]) == ("unpack", "in/data.zip", "out/new")
    assert task["done"] == task["total"] == {"files": 3, "bytes": SIZE}
    assert task["message"] == "in/data.zip was unpacked to out/new: 3 files."
    assert await tree(service, "out/new") == TREE and await used(service) == before + SIZE
    answer = await unpack(service, "in/other.zip", "out/new")
    assert answer.status_code == 409 and "there already" in answer.text
    task = await ended(service, await unpack(service, "in/other.zip", "out/new", replace=True))
    assert task["message"].endswith("3 files. 1 symbolic link or device was left out.")
    assert await tree(service, "out/new") == TREE and await trash(service) == ["out/new"]
    made = await service.client().post("/groups/physics/datasets", json={"name": "digits", "kind": "managed"})
    assert made.status_code == 201, made.text
    await ended(service, await unpack(service, "in/data.zip", ".datasets/digits/raw"))
    assert await tree(service, ".datasets/digits/raw") == TREE
    for source, target, status in (
        ("in", "x", 400),
        ("none.zip", "x", 404),
        ("in/data.zip", "in/data.zip", 400),
        ("in/data.zip", "in", 400),
        ("in/data.zip", "../x", 400),
        ("in/data.zip", ".datasets/none/x", 404),
    ):
        assert (await unpack(service, source, target, replace=True)).status_code == status, (source, target)
    with service.database.read() as uow:
        assert [a.action for a in uow.audit.page(50)].count("file.unpack") >= 3


async def test_what_cannot_be_unpacked_changes_nothing(service: Service) -> None:
    await put(service, "old/kept", b"kept")
    good = zipped()
    place = good.index(b"PK\x03\x04") + 30 + len("a.txt")
    # Damaged behind what is looked at first: what was replaced comes back.
    bad = good[: place + 3] + bytes([good[place + 3] ^ 0x55]) + good[place + 4 :]
    for name, data in (("bad.zip", bad), ("none", b"no archive"), ("cut.tar", tarred()[:2000])):
        await put(service, name, data)
        before = await used(service)
        answer = await unpack(service, name, "old", replace=True)
        assert answer.status_code == 400 and "cannot be unpacked" in answer.json()["error"]["message"], answer.text
        assert (await tree(service, "old"), await trash(service)) == ({"kept": b"kept"}, [])
        assert await used(service) == before


async def test_room_is_kept_before_anything_is_written(service: Service) -> None:
    with service.database.write() as uow:
        uow.groups.put(Group("physics", "Physics", limits=Limits.parse({"storage": "2Mi"})))
    await put(service, "a.zip", zipped())
    await put(service, "a.tgz", gzip.compress(tarred()))
    for name in ("a.zip", "a.tgz"):
        answer = await unpack(service, name, "new")
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "quota_exceeded"), answer.text
    assert await names(service) == ["a.tgz", "a.zip"]
    assert (await service.client().get(f"{F}/storage")).json()["uploads"] == 0
    # Just enough: of what an earlier try of ours keeps nothing is counted twice.
    with service.database.write() as uow:
        limit = str(await used(service) + SIZE)
        uow.groups.put(Group("physics", "Physics", limits=Limits.parse({"storage": limit})))
    await ended(service, await unpack(service, "a.tgz", "new"))


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_another_process_takes_it_up(
    seeded: Database, hub: FakeHub, clock: Clock, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    """Killed when what is replaced is in the trash, and when all is done but the row."""
    async with running_service(seeded, hub, clock=clock, control=False) as first:
        await put(first, "a.zip", zipped())
        await put(first, "new/old", b"old")
        before = await used(first)
        if cut == "before":
            monkeypatch.setattr(PosixStore, "fill", killed)
        else:
            monkeypatch.setattr(runner_module.TaskRunner, "_end", killed)
        monkeypatch.setattr(runner_module, "PATIENCE", 0.2)
        monkeypatch.setattr(runner_module, "BEAT", 1e6)
        for target, replace in (("new", True), ("other", False)):
            answer = await unpack(first, "a.zip", target, replace=replace)
            assert answer.json()["state"] == "Running", answer.text
        while cut == "after" and await found(first) != ["new/a.txt", "other/a.txt"]:
            await asyncio.sleep(0.01)
        while await first.context.store.tickets("physics") == {}:
            await asyncio.sleep(0.01)
        monkeypatch.undo()
        clock.forward(60)
        async with running_service(seeded, hub, clock=clock, store=Kept(first.context.store)) as second:
            await second.round()
            rounds = second.context.controller and second.context.controller.files
            assert rounds is not None
            await rounds.settle()
            await second.context.file_parts.runner.settle()
            # Counted once more: the first count may have been made between the files and the row.
            rounds.look_again()
            await second.round()
            await rounds.settle()
            tasks = (await second.client().get(f"{F}/tasks")).json()["items"]
            assert [(t["state"], t["done"]["bytes"]) for t in tasks] == [("Succeeded", SIZE)] * 2, tasks
            for target in ("new", "other"):
                assert await tree(second, target) == TREE
            assert await trash(second) == ["new"] and await used(second) == before + 2 * SIZE


async def test_on_s3(seeded: Database, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    server = shared_server()
    place = Place(server, server.bucket())
    async with running_service(seeded, hub, store=place.open()) as service:
        await put(service, "a.zip", zipped())
        await put(service, "a.tar", tarred())
        for source in ("a.zip", "a.tar"):
            await ended(service, await unpack(service, source, f"from {source}"))
            assert await tree(service, f"from {source}") == TREE
        assert place.keys("lab/physics/work/") == []
        # A process that ends while a thread waits for the store waits for nothing.
        reading = asyncio.Event()

        async def stuck(*_: Any) -> Any:
            reading.set()
            await asyncio.get_running_loop().create_future()
            yield b""

        monkeypatch.setattr(S3File, "read", stuck)
        monkeypatch.setattr(runner_module, "PATIENCE", 0.1)
        assert (await unpack(service, "a.tar", "never")).json()["state"] == "Running"
        await reading.wait()
        await service.context.file_parts.runner.close()
    for store in place.stores[1:]:
        await store.close()


async def test_a_folder_is_sent_as_one_archive(service: Service, tmp_path: Path) -> None:
    source = tmp_path / "source"
    for number in range(60):
        file = source / f"sub{number % 3}" / f"été {number}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x" * number)
    (source / "empty").mkdir()
    (source / "large").write_bytes(bytes(range(256)) * 9000)
    wanted = {p.relative_to(source).as_posix(): p.read_bytes() for p in source.rglob("*") if p.is_file()}
    with Client(service.url, "mia", "physics") as client:
        told: list[int] = []

        def send(replace: bool = False) -> str:
            return client.files.upload_packed(
                source, "in/new/", replace=replace, progress=lambda *at: told.append(at[0])
            ).message

        assert (await asyncio.to_thread(send)).endswith("61 files.") and told == sorted(told) and told
        assert await tree(service, "in/new") == wanted
        # Nothing of the archive is left, nor counts.
        assert (await names(service, "in"), await trash(service)) == (["new"], [])
        while await used(service) != sum(map(len, wanted.values())):
            await asyncio.sleep(0.01)
        with pytest.raises(errors.Conflict, match="there already"):
            await asyncio.to_thread(send)
        assert await asyncio.to_thread(send, True) and await trash(service) == ["in/new"]
        # What is refused there is kept, and how to go on is told.
        (source / "back\\slash").write_bytes(b"")
        with pytest.raises(errors.InvalidInput, match=r"backslash.*Try 'collegium files unpack in/\.collegium-"):
            await asyncio.to_thread(send, True)
        kept = [name for name in await names(service, "in") if name.startswith(".collegium-")]
        assert len(kept) == 1 and await tree(service, "in/new") == wanted
        # Without room nothing stays but the words.
        with service.database.write() as uow:
            uow.groups.put(Group("physics", "Physics", limits=Limits.parse({"storage": "1Mi"})))
        with pytest.raises(errors.QuotaExceeded):
            await asyncio.to_thread(send, True)
    async with AsyncClient(service.url, "mia", "physics") as other:
        with pytest.raises(errors.NotFound):
            await other.files.unpack("none.zip", "x")
