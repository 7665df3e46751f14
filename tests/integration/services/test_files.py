"""Shared files over HTTP, on a real store in a folder."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from collegium.db import Database
from collegium.domain.audit import SYSTEM
from collegium.domain.files import Root, Size
from collegium.domain.groups import Group
from collegium.domain.quota import Limits
from collegium.services.files import rounds as file_rounds
from collegium.services.files import runner as runner_module
from integration.services.harness import Clock, FakeHub, Kept, Service, killed, running_service

F = "/groups/physics/files"


async def put(service: Service, path: str, data: bytes = b"x", user: str = "mia", **headers: str) -> httpx.Response:
    return await service.client(user).put(f"{F}/content", params={"path": path}, content=data, headers=headers)


async def get(service: Service, path: str, user: str = "mia", **headers: str) -> httpx.Response:
    return await service.client(user).get(f"{F}/content", params={"path": path}, headers=headers)


async def names(service: Service, path: str = "", **query: Any) -> list[str]:
    answer = await service.client().get(F, params={"path": path, **query})
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def do(service: Service, what: str, user: str = "mia", **body: Any) -> dict[str, Any]:
    answer = await service.client(user).post(f"{F}/{what}", json=body)
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    assert task["state"] == "Succeeded", task
    return task


async def used(service: Service) -> int:
    return int((await service.client().get(f"{F}/storage")).json()["used"])


def limit(service: Service, size: str) -> None:
    with service.database.write() as uow:
        uow.groups.put(Group("physics", "Physics", limits=Limits.parse({"storage": size})))


# Browsing.


async def test_browse_pages_sort_and_search(service: Service) -> None:
    for number in range(5):
        assert (await put(service, f"data/file{number}.csv", b"x" * (9 - number))).status_code == 200
    await service.client().post(f"{F}/folders", json={"path": "data/sub/été"})
    top = (await service.client().get(F)).json()
    assert (top["path"], top["writable"], top["next_cursor"]) == ("", True, None)
    assert top["storage"] == {"used": 35, "limit": None}
    (folder,) = top["items"]
    assert (folder["path"], folder["kind"], folder["size"], folder["etag"]) == ("data", "folder", 0, "")
    seen, cursor = [], None
    while True:
        query = {"path": "data", "limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await service.client().get(F, params=query)).json()
        seen += [i["path"] for i in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [*(f"data/file{n}.csv" for n in range(5)), "data/sub"]
    assert (await names(service, "data", sort="size", descending="true"))[0] == "file0.csv"
    found = (await service.client().get(F, params={"search": "FILE3"})).json()
    assert [i["path"] for i in found["items"]] == ["data/file3.csv"]
    assert (await names(service, "", search="ét*")) == ["été"]
    for bad in ({"cursor": "nonsense"}, {"path": "../x"}, {"path": "a\0b"}, {"sort": "odd"}, {"limit": 0}):
        assert (await service.client().get(F, params=bad)).status_code == 400, bad
    assert (await service.client().get(F, params={"path": "none"})).status_code == 404


async def test_one_entry_and_where_it_is_found(service: Service) -> None:
    await put(service, "a b/données.csv", b"a,b\n1,2\n")
    entry = (await service.client().get(f"{F}/entry", params={"path": "a b/données.csv"})).json()
    assert (entry["preview"], entry["sha256"], entry["media_type"]) == ("table", None, "text/csv")
    assert entry["uri"] == "collegium://physics/a%20b/donn%C3%A9es.csv"
    assert entry["mounted_at"].endswith("/a b/données.csv")
    sum_ = (await service.client().get(f"{F}/checksum", params={"path": "a b/données.csv"})).json()
    assert sum_["sha256"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest() and sum_["etag"] == entry["etag"]
    entry = (await service.client().get(f"{F}/entry", params={"path": "a b/données.csv"})).json()
    assert entry["sha256"] == sum_["sha256"]
    await put(service, "a b/données.csv", b"changed")
    assert (await service.client().get(f"{F}/entry", params={"path": "a b/données.csv"})).json()["sha256"] is None
    for path in ("a b", "none"):
        answer = await service.client().get(f"{F}/checksum", params={"path": path})
        assert answer.status_code in (404, 409), answer.text
    listed = (await service.client().get(F, params={"path": ".datasets"})).json()
    assert (listed["items"], listed["writable"]) == ([], False)
    assert (await service.client().get(f"{F}/entry", params={"path": ".datasets"})).json()["kind"] == "folder"
    assert (await get(service, ".datasets/none/a")).status_code == 404
    assert (await put(service, ".datasets/a")).status_code in (400, 404)


# Bytes.


async def test_ranges_and_conditions(service: Service) -> None:
    data = os.urandom(3 << 20)
    entry = (await put(service, "big.bin", data)).json()
    tag = f'"{entry["etag"]}"'
    whole = await get(service, "big.bin")
    assert (whole.status_code, whole.content == data, whole.headers["etag"]) == (200, True, tag)
    part = await get(service, "big.bin", Range="bytes=1048570-2097160")
    assert part.status_code == 206 and part.content == data[1048570:2097161]
    assert part.headers["content-range"] == f"bytes 1048570-2097160/{len(data)}"
    assert (await get(service, "big.bin", Range="bytes=-5")).content == data[-5:]
    assert (await get(service, "big.bin", Range="bytes=0-1,5-6")).status_code == 200
    beyond = await get(service, "big.bin", Range=f"bytes={len(data)}-")
    assert beyond.status_code == 416 and beyond.headers["content-range"] == f"bytes */{len(data)}"
    unchanged = await get(service, "big.bin", **{"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (await get(service, "big.bin", Range="bytes=0-1", **{"If-Range": tag})).status_code == 206
    assert (await get(service, "big.bin", Range="bytes=0-1", **{"If-Range": '"old"'})).status_code == 200
    head = await service.client().head(f"{F}/content", params={"path": "big.bin"})
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(data)), b"")
    assert (await service.client().head(f"{F}/content", params={"path": "none"})).status_code == 404


async def test_a_users_page_is_never_ours(service: Service) -> None:
    for name in ("page.html", "image.svg", "doc.xml", "a.js", "odd", "x.xhtml"):
        await put(service, name, b"<script>alert(1)</script>")
        answer = await get(service, name)
        assert answer.headers["content-disposition"].startswith("attachment"), name
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    await put(service, 'a";\n.png'.replace("\n", ""), b"\x89PNG\r\n\x1a\n")
    shown = await get(service, 'a";.png')
    assert shown.headers["content-disposition"] == "inline; filename*=UTF-8''a%22%3B.png"
    saved = await service.client().get(f"{F}/content", params={"path": 'a";.png', "download": "true"})
    assert saved.headers["content-disposition"].startswith("attachment")


async def test_written_only_whole_and_under_conditions(service: Service) -> None:
    first = (await put(service, "notes.txt", b"one", **{"If-None-Match": "*"})).json()
    assert (await put(service, "notes.txt", b"two", **{"If-None-Match": "*"})).status_code == 409
    second = await put(service, "notes.txt", b"two!", **{"If-Match": f'"{first["etag"]}"'})
    assert second.status_code == 200
    assert (await put(service, "notes.txt", b"three", **{"If-Match": f'"{first["etag"]}"'})).status_code == 409
    assert (await get(service, "notes.txt")).content == b"two!"
    assert await used(service) == 4
    for path, status in (("", 400), ("a/../b", 400), ("notes.txt/x", 409), ("x" * 256, 400), (".datasets", 400)):
        assert (await put(service, path)).status_code in (status, 409), path
    large = await put(service, "large", b"x" * ((64 << 20) + 1))
    assert large.status_code == 413 and "upload" in large.json()["error"]["message"]

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise RuntimeError("the sender fell over")

    with pytest.raises(RuntimeError):
        await service.client().put(f"{F}/content", params={"path": "half"}, content=endless())
    while service.context.busy:
        await asyncio.sleep(0.01)
    assert await names(service) == ["notes.txt"]


# Tasks.


async def test_move_copy_delete_restore(service: Service) -> None:
    for name in ("a/one", "a/two", "b"):
        await put(service, name, name.encode())
    task = await do(service, "copy", source="a", target="c/d")
    assert (task["kind"], task["done"], task["user"]) == ("copy", {"files": 2, "bytes": 10}, "mia")
    assert await used(service) == 21
    await do(service, "move", source="c/d", target="e")
    assert await names(service, "e") == ["one", "two"]
    for body, status in (
        ({"source": "a", "target": "e"}, 409),
        ({"source": "a", "target": "a/b/c"}, 400),
        ({"source": "a", "target": "a"}, 400),
        ({"source": "none", "target": "f"}, 404),
        ({"source": "", "target": "f"}, 400),
    ):
        assert (await service.client().post(f"{F}/move", json=body)).status_code == status, body
    await do(service, "move", source="b", target="e/one", replace=True)
    assert (await get(service, "e/one")).content == b"b"
    (replaced,) = (await service.client().get(f"{F}/trash")).json()["items"]
    assert (replaced["path"], replaced["size"]) == ("e/one", 5)
    before = await used(service)
    await do(service, "delete", paths=["a", "a/one", "e/two"])
    assert await names(service) == ["c", "e"]
    assert await used(service) == before
    trash = {t["path"]: t for t in (await service.client().get(f"{F}/trash")).json()["items"]}
    assert (trash["a"]["files"], trash["a"]["deleted_by"], trash["a"]["kind"]) == (2, "mia", "folder")
    assert trash["a"]["expires_at"] > trash["a"]["deleted_at"]
    await put(service, "a", b"in the way")
    assert (await service.client().post(f"{F}/trash/{trash['a']['id']}/restore")).status_code == 409
    answer = await service.client().post(f"{F}/trash/{trash['a']['id']}/restore", json={"path": "back"})
    assert answer.json()["state"] == "Succeeded", answer.text
    assert (await get(service, "back/two")).content == b"a/two"
    assert (await service.client().post(f"{F}/trash/{trash['a']['id']}/restore")).status_code == 404
    tasks = (await service.client().get(f"{F}/tasks", params={"limit": 2})).json()
    assert [t["kind"] for t in tasks["items"]] == ["restore", "delete"] and tasks["next_cursor"]
    told = (await service.client().get("/groups/physics/activity", params={"kind": "file"})).json()["items"]
    assert {"Copy", "Move", "Delete", "Restore"} <= {e["reason"] for e in told}


async def test_who_may_purge(service: Service) -> None:
    for name, user in (("mine", "mia"), ("theirs", "max")):
        await put(service, name, b"123", user)
        await do(service, "delete", user, paths=[name])
    trash = {t["path"]: t["id"] for t in (await service.client().get(f"{F}/trash")).json()["items"]}
    assert (await service.client().delete(f"{F}/trash/{trash['theirs']}")).status_code == 403
    assert (await service.client().delete(f"{F}/trash")).json() == {"count": 1, "size": 3}
    assert [t["path"] for t in (await service.client().get(f"{F}/trash")).json()["items"]] == ["theirs"]
    assert await used(service) == 3
    assert (await service.client("ada").delete(f"{F}/trash/{trash['theirs']}")).json() == {"count": 1, "size": 3}
    assert await used(service) == 0
    assert dict(await service.context.store.tickets("physics")) == {}
    with service.database.read() as uow:
        actions = [a.action for a in uow.audit.page(20)]
    assert actions.count("trash.purge") == 2 and actions.count("file.delete") == 2


async def test_the_trash_is_kept_as_long_as_the_group_says(service: Service, clock: Clock) -> None:
    await put(service, "old", b"123")
    await do(service, "delete", paths=["old"])
    files = service.context.controller and service.context.controller.files
    assert files is not None
    await service.round()
    await files.settle()
    clock.forward(29 * 86400)
    files.look_again()
    await service.round()
    await files.settle()
    assert len((await service.client().get(f"{F}/trash")).json()["items"]) == 1
    clock.forward(2 * 86400)
    files.look_again()
    await service.round()
    await files.settle()
    await service.context.trash.purge_soon()
    assert (await service.client().get(f"{F}/trash")).json()["items"] == []
    assert dict(await service.context.store.tickets("physics")) == {}
    with service.database.read() as uow:
        assert [a.actor for a in uow.audit.page(20) if a.action == "trash.purge"] == [SYSTEM]


async def test_a_task_whose_process_died_is_finished_by_another(
    seeded: Database, hub: FakeHub, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of task is cut off after its work and before its end was written down, and is done once more."""
    async with running_service(seeded, hub, clock=clock, control=False) as first:
        store = first.context.store
        for name in ("m", "c", "d", "r"):
            await put(first, name, name.encode())
        await do(first, "delete", paths=["r"])
        (trashed,) = (await first.client().get(f"{F}/trash")).json()["items"]
        monkeypatch.setattr(runner_module.TaskRunner, "_end", killed)
        monkeypatch.setattr(runner_module, "PATIENCE", 0.2)
        for what, body in (
            ("move", {"source": "m", "target": "m2"}),
            ("copy", {"source": "c", "target": "c2"}),
            ("delete", {"paths": ["d"]}),
            (f"trash/{trashed['id']}/restore", {}),
        ):
            assert (await first.client().post(f"{F}/{what}", json=body)).json()["state"] == "Running"
        assert sorted(await names(first)) == ["c", "c2", "m2", "r"]
        monkeypatch.undo()
        clock.forward(60)
        async with running_service(seeded, hub, clock=clock, store=Kept(store)) as second:
            await second.round()
            assert second.context.controller is not None and second.context.controller.files is not None
            await second.context.controller.files.settle()
            await second.context.file_parts.runner.settle()
            tasks = (await second.client().get(f"{F}/tasks")).json()["items"]
            assert [t["state"] for t in tasks] == ["Succeeded"] * 5, tasks
            assert sorted(await names(second)) == ["c", "c2", "m2", "r"]
            (left,) = (await second.client().get(f"{F}/trash")).json()["items"]
            assert left["path"] == "d"
            # What changed while it was counted is counted again.
            second.context.controller.files.look_again()
            await second.round()
            await second.context.controller.files.settle()
            assert await used(second) == 5


# Storage.


async def test_over_the_limit_nothing_new_comes_in(service: Service) -> None:
    limit(service, "1000")
    assert (await put(service, "a", b"x" * 600)).status_code == 200
    refused = await put(service, "b", b"x" * 500)
    assert refused.status_code == 422
    (why,) = refused.json()["error"]["details"]["violations"]
    assert (why["resource"], why["used"], why["limit"], why["asked"]) == ("storage", 600, 1000, 500)
    copied = await service.client().post(f"{F}/copy", json={"source": "a", "target": "b"})
    assert copied.status_code == 422 and copied.json()["error"]["code"] == "quota_exceeded"
    assert (await put(service, "a", b"x" * 900)).status_code == 200
    limit(service, "100")
    assert (await put(service, "c", b"")).status_code == 422
    assert (await service.client().post(f"{F}/folders", json={"path": "d"})).status_code == 422
    # What grows no more is saved, what is there is read, and what is deleted for good makes room.
    assert (await put(service, "a", b"x" * 800)).status_code == 200
    assert len((await get(service, "a")).content) == 800
    await do(service, "delete", paths=["a"])
    assert (await service.client().get(f"{F}/storage")).json()["trash"] == 800
    await service.client().delete(f"{F}/trash")
    assert (await put(service, "c", b"1")).status_code == 200


async def test_copies_at_the_same_time_share_the_room(service: Service) -> None:
    await put(service, "a", b"x" * 300)
    limit(service, "1000")
    asked = [service.client().post(f"{F}/copy", json={"source": "a", "target": f"copy{n}"}) for n in range(8)]
    statuses = sorted(a.status_code for a in await asyncio.gather(*asked))
    assert statuses == [201] * 2 + [422] * 6
    assert await used(service) == 900
    with service.database.read() as uow:
        assert uow.reservations.live() == []


async def test_what_others_write_is_measured(service: Service, clock: Clock) -> None:
    await put(service, "a", b"12345")
    rounds = service.context.controller and service.context.controller.files
    assert rounds is not None
    await service.round()
    await rounds.settle()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 100

    # As a pod does it, behind our back.
    await service.context.store.write(Root("physics"), "pod", pieces(), replace=False)
    assert await used(service) == 5
    clock.forward(3600)
    rounds.look_again()
    await service.round()
    await rounds.settle()
    found = (await service.client().get(f"{F}/storage")).json()
    assert (found["used"], found["files"]) == (105, 2) and found["measured_at"]


async def test_counting_keeps_nobody_waiting(service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store, files = service.context.store, service.context.controller and service.context.controller.files
    assert files is not None
    await service.round()
    await files.settle()
    await put(service, "old", b"123")
    await do(service, "delete", paths=["old"])
    clock.forward(40 * 86400)
    counting, counted, owners = asyncio.Event(), asyncio.Event(), []

    async def measure(owner: str) -> Size:
        counting.set()
        await counted.wait()
        owners.append(owner)
        return Size()

    monkeypatch.setattr(store, "measure", measure)
    monkeypatch.setattr(file_rounds, "PATIENCE", 1 << 60)
    files.look_again()
    await service.round()
    # The trash is emptied while somebody's millions of files are counted.
    await counting.wait()
    while (await service.client().get(f"{F}/trash")).json()["items"]:
        await asyncio.sleep(0.01)
    assert not owners
    counted.set()
    await files.settle()
    with service.database.read() as uow:
        known = set(uow.stored.sizes())
    # One at a time, since it took so long; who changes all the time is not the only one whose turn comes.
    for _ in range(len(known) - 1):
        await service.database.writing(lambda uow: uow.stored.look_again(owners[0]))
        files.look_again()
        await service.round()
        await files.settle()
    assert sorted(owners) == sorted(known)


async def test_trash_and_its_list_agree_again(service: Service, clock: Clock) -> None:
    await put(service, "a", b"123")
    await put(service, "b", b"45")
    await do(service, "delete", paths=["a"])
    store, rounds = service.context.store, service.context.controller and service.context.controller.files
    assert rounds is not None
    await service.round()
    await rounds.settle()
    (row,) = (await service.client().get(f"{F}/trash")).json()["items"]
    await store.purge("physics", row["id"])
    assert await store.discard(Root("physics"), "b", "trs-of-nobody") == Size(1, 2)
    clock.forward(7200)
    rounds.look_again()
    await service.round()
    await rounds.settle()
    (found,) = (await service.client("ada").get(f"{F}/trash")).json()["items"]
    assert found["path"] == "unknown-trs-of-nobody"
    answer = await service.client("ada").post(f"{F}/trash/{found['id']}/restore", json={"path": "b"})
    assert answer.json()["state"] == "Succeeded"
    assert (await get(service, "b")).content == b"45"


# Archives.


async def test_zip_of_a_selection(service: Service) -> None:
    for name in ("x/a/one", "x/a/deep/two", "x/b", "x/c"):
        await put(service, name, name.encode() * 1000)
    await service.client().post(f"{F}/folders", json={"path": "x/a/empty"})
    answer = await service.client().get(f"{F}/archive", params={"path": ["x/a", "x/b", "x/a/one"]})
    assert answer.status_code == 200 and answer.headers["content-disposition"].endswith("''x.zip")
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert sorted(archive.namelist()) == ["a/", "a/deep/", "a/deep/two", "a/empty/", "a/one", "b"]
    assert archive.read("a/deep/two") == b"x/a/deep/two" * 1000
    single = await service.client().get(f"{F}/archive", params={"path": "x"})
    assert "x/a/one" in zipfile.ZipFile(io.BytesIO(single.content)).namelist()
    for query, status in (({"path": "none"}, 404), ({"path": "../x"}, 400), ({}, 400)):
        assert (await service.client().get(f"{F}/archive", params=query)).status_code == status, query


async def test_a_file_that_vanishes_breaks_the_archive_off(service: Service) -> None:
    await put(service, "a", b"x" * (4 << 20))
    await put(service, "b", b"y")
    async with service.client().stream("GET", f"{F}/archive", params={"path": ["a", "b"]}) as answer:
        assert answer.status_code == 200
        pieces = answer.aiter_raw(1024)
        await anext(pieces)
        await do(service, "delete", paths=["b"])
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in pieces:
                pass
