"""Datasets over HTTP: a real store in a folder, a real repository behind a real HTTPS server, a real S3 server."""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from collegium.db import Database
from collegium.db.engine import now
from collegium.db.tables import reservations
from collegium.domain.catalog import AccessMode
from collegium.domain.datasets import DatasetUse
from collegium.domain.files import Root
from collegium.services.controller.options import ControlOptions
from collegium.services.datasets import health
from collegium.services.datasets.options import DatasetOptions
from collegium.services.files.storage import StorageService
from integration.services.harness import FakeHub, Service, running_service
from support.git_server import HOST, GitServer, git_server
from support.s3 import s3_server

D, CSV = "/groups/physics/datasets", b"name,age\nann,3\nbob,5\n"
LOOPBACK = (ip_network("127.0.0.0/8"),)


async def lookup(host: str, port: int) -> list[tuple[int, Any]]:
    """Knows one name, which no other resolver knows."""
    if host == HOST:
        return [(socket.AF_INET, ("127.0.0.1", port))]
    raise OSError("no such name")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with git_server(tmp_path / "git") as found:
        yield found


@pytest.fixture
async def service(seeded: Database, hub: FakeHub, tmp_path: Path, server: GitServer) -> AsyncIterator[Service]:
    data = DatasetOptions(LOOPBACK, str(server.ca_file), work=tmp_path / "fetches")
    async with running_service(seeded, hub, options=ControlOptions(datasets=data), lookup=lookup) as service:
        yield service


async def ask(service: Service, method: str, url: str, user: str = "mia", status: int = 200, **body: Any) -> Any:
    content = {"json": body} if body else {}
    answer: httpx.Response = await service.client(user).request(method, url, **content)
    assert answer.status_code == status, answer.text
    return answer.json()


async def make(service: Service, name: str = "digits", group: str = "physics", user: str = "mia", **more: Any) -> Any:
    return await ask(service, "POST", f"/groups/{group}/datasets", user, 201, name=name, **more)


async def put(service: Service, path: str, data: bytes, user: str = "mia", group: str = "physics") -> httpx.Response:
    return await service.client(user).put(f"/groups/{group}/files/content", params={"path": path}, content=data)


async def get(service: Service, path: str, user: str = "mia", group: str = "physics") -> httpx.Response:
    return await service.client(user).get(f"/groups/{group}/files/content", params={"path": path})


async def settle(service: Service) -> None:
    """Rounds of the controller, with what they begin."""
    controller = service.context.controller
    assert controller is not None and controller.datasets is not None and controller.dataset_health is not None
    await service.round()
    await controller.datasets.settle()
    await controller.dataset_health.settle()
    await controller.volumes.settle()


async def version(service: Service, name: str = "digits", **body: Any) -> Any:
    """A version, made or failed."""
    made = await ask(service, "POST", f"{D}/{name}/versions", status=201, note="first", **body)
    assert made["state"] == "Making"
    await settle(service)
    return await ask(service, "GET", f"{D}/{name}/versions/{made['number']}")


def use(service: Service, number: int | None = None, group: str = "physics") -> None:
    with service.database.write() as uow:
        made = DatasetUse("digits", number, "job", "job-x", group, "max", AccessMode.READ_ONLY, now(), label="train")
        uow.dataset_uses.begin(made)


def end(service: Service) -> None:
    with service.database.write() as uow:
        assert uow.dataset_uses.end("job", "job-x", now()) == 1


# Made, shown, changed, found.


async def test_made_listed_changed_removed(service: Service) -> None:
    made = await make(service, display_name="Digits", description="Written by hand", tags=["b", "a"], licence="MIT")
    assert (made["owner"], made["mine"], made["access"], made["path"]) == ("physics", True, "rw", ".datasets/digits")
    assert (made["tags"], made["licence"], made["source"], made["grants"]) == (["a", "b"], "MIT", {}, [])
    await make(service, "letters", tags=["c"])
    assert [d["name"] for d in (await ask(service, "GET", D))["items"]] == ["digits", "letters"]
    assert [d["name"] for d in (await ask(service, "GET", f"{D}?search=HAND"))["items"]] == ["digits"]
    assert [d["name"] for d in (await ask(service, "GET", f"{D}?tag=c"))["items"]] == ["letters"]
    first = await ask(service, "GET", f"{D}?limit=1")
    assert [d["name"] for d in (await ask(service, "GET", f"{D}?cursor={first['next_cursor']}"))["items"]] == [
        "letters"
    ]
    changed = await ask(service, "PATCH", f"{D}/digits", description="Anew", tags=[])
    assert (changed["description"], changed["tags"], changed["licence"]) == ("Anew", [], "MIT")
    assert (await service.client("max").patch(f"{D}/digits", json={"licence": "x"})).status_code == 403
    assert (await service.client("mat").patch(f"{D}/digits", json={"licence": "x"})).status_code == 200
    assert (await service.client("mat").delete(f"{D}/digits")).status_code == 403
    await ask(service, "DELETE", f"{D}/digits", "ada")
    assert (await service.client().get(f"{D}/digits")).status_code == 404
    await ask(service, "POST", D, status=409, name="digits")
    await settle(service)
    assert (await make(service))["versions"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "No"}, "name"),
        ({"name": "a", "kind": "nfs", "source": {"server": "x", "path": "/y"}}, "kind"),
        ({"name": "a", "source": {"path": "/etc"}}, "source.path"),
        ({"name": "a", "kind": "git"}, "source.url"),
        ({"name": "a", "kind": "git", "source": {"url": "http://example.org/a"}}, "source.url"),
        ({"name": "a", "kind": "git", "source": {"url": "file:///etc/passwd"}}, "source.url"),
        ({"name": "a", "kind": "git", "source": {"url": "https://user:pw@example.org/a"}}, "source.url"),
        ({"name": "a", "kind": "git", "source": {"url": "https://10.0.0.1/a"}}, "source.url"),
        ({"name": "a", "kind": "git", "source": {"url": "git@169.254.169.254:a"}}, "source.url"),
        ({"name": "a", "kind": "git", "source": {"url": f"https://{HOST}/a", "revision": "--upload-pack=x"}}, None),
        ({"name": "a", "kind": "git", "source": {"url": f"https://{HOST}/a", "secret": "nosuch"}}, "source.secret"),
        ({"name": "a", "kind": "s3", "source": {"bucket": "bucket", "endpoint": "http://[::ffff:10.0.0.1]"}}, None),
        ({"name": "a", "kind": "s3", "source": {"bucket": "B"}}, "source.bucket"),
        ({"name": "a", "copy_from": ["nosuch"]}, None),
        ({"name": "a", "tags": ["x" * 64]}, None),
    ],
)
async def test_a_refusal_names_the_field(service: Service, body: dict[str, Any], field: str | None) -> None:
    answer = await service.client().post(D, json=body)
    assert answer.status_code in (400, 404), answer.text
    assert field is None or answer.json()["error"]["details"]["field"] == field
    assert (await ask(service, "GET", D))["items"] == []


# Files and versions.


async def test_versions_never_change_and_are_paged(service: Service) -> None:
    await make(service)
    for path, data in {"a.csv": CSV, "b/c.txt": b"c", "b/d.bin": b"\0" * 10}.items():
        assert (await put(service, f".datasets/digits/{path}", data)).status_code == 200
    first = await version(service)
    assert (first["state"], first["files"], first["size"], first["number"]) == ("Ready", 3, len(CSV) + 11, 1)
    (table,) = first["tables"]
    assert table["path"] == "a.csv" and table["rows"] == 2 and table["sample"] == [["ann", 3], ["bob", 5]]
    assert table["columns"] == [{"name": "name", "type": "text"}, {"name": "age", "type": "integer"}]
    listed = await ask(service, "GET", f"{D}/digits/versions/1/manifest?limit=2")
    rest = await ask(service, "GET", f"{D}/digits/versions/1/manifest?cursor={listed['next_cursor']}")
    assert [x["path"] for x in listed["items"] + rest["items"]] == ["a.csv", "b/c.txt", "b/d.bin"]
    assert all(x["digest"].startswith("sha256:") for x in listed["items"]) and rest["next_cursor"] is None
    assert (await put(service, ".datasets/digits/a.csv", b"new")).status_code == 200
    assert (await put(service, ".datasets/digits@1/a.csv", b"new")).status_code == 403
    assert (await get(service, ".datasets/digits@1/a.csv")).content == CSV
    assert (await get(service, ".datasets/digits@latest/a.csv")).content == CSV
    assert (await get(service, ".datasets/digits/a.csv")).content == b"new"
    second = await version(service)
    assert second["manifest"] != first["manifest"]
    shown = await ask(service, "GET", f"{D}/digits")
    assert (shown["versions"], shown["latest_version"], shown["health"]["state"]) == (2, 2, "ok")
    page = await ask(service, "GET", f"{D}/digits/versions?limit=1")
    assert [v["number"] for v in page["items"]] == [2] and page["next_cursor"]
    # Its number is never given out again, and the other's files stay.
    await ask(service, "DELETE", f"{D}/digits/versions/2")
    await settle(service)
    assert (await service.client().get(f"{D}/digits/versions/2")).status_code == 404
    assert (await version(service))["number"] == 3
    assert (await get(service, ".datasets/digits@1/a.csv")).content == CSV


async def test_two_versions_with_one_manifest(service: Service) -> None:
    await make(service)
    first, second = await version(service), await version(service)
    assert first["manifest"] == second["manifest"]
    await ask(service, "DELETE", f"{D}/digits/versions/1")
    await settle(service)
    assert (await ask(service, "GET", f"{D}/digits/versions/2/manifest"))["items"] == []


async def test_copied_from_shared_files(service: Service) -> None:
    for path in ("raw/a.csv", "raw/b.csv", "note.txt"):
        await put(service, path, CSV)
    made = await make(service, copy_from=["raw", "note.txt"])
    task = await ask(service, "GET", f"/groups/physics/files/tasks/{made['copying']}")
    assert (task["state"], task["kind"]) == ("Succeeded", "dataset-copy")
    again = await ask(service, "POST", f"{D}/digits/copy", paths=["note.txt"], target="more")
    assert again["state"] == "Succeeded", again
    for path in ("raw/a.csv", "note.txt", "more/note.txt"):
        assert (await get(service, f".datasets/digits/{path}")).content == CSV


async def test_what_it_holds_is_counted_when_that_changed(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PAUSE", "FRESH"):
        monkeypatch.setattr(health, name, 0.0)
    await make(service)
    await settle(service)
    assert (await ask(service, "GET", f"{D}/digits"))["files"] == 0
    await put(service, ".datasets/digits/a.csv", CSV)
    await settle(service)
    found = await ask(service, "GET", f"{D}/digits")
    assert (found["files"], found["size"]) == (1, len(CSV))


async def test_a_crash_between_files_and_row(service: Service) -> None:
    await make(service)
    await put(service, ".datasets/digits/a.csv", CSV)
    await ask(service, "POST", f"{D}/digits/versions", status=201, note="")
    # As if the process had been killed when the files were there and the row was not written.
    store = service.context.store
    await store.snapshot(Root.head("physics", "digits"), Root.version("physics", "digits", 1), lambda _: None)
    await put(service, ".datasets/digits/b.csv", CSV)
    await settle(service)
    made = await ask(service, "GET", f"{D}/digits/versions/1")
    assert (made["state"], made["files"]) == ("Ready", 1)
    # And when its files were gone and the row was not.
    await ask(service, "DELETE", f"{D}/digits")
    await store.remove(Root.version("physics", "digits", 1))
    await settle(service)
    assert (await make(service))["versions"] == 0


async def test_a_group_that_is_full_gets_no_version(service: Service) -> None:
    await make(service)
    await put(service, ".datasets/digits/a.bin", b"x" * 1000)
    with service.database.write() as uow:
        group = uow.groups.get("physics")
        assert group is not None
        uow.groups.put(replace(group, limits=group.limits.parse({"storage": "1500"})))
    failed = await version(service)
    assert failed["state"] == "Failed" and "storage" in failed["message"]


async def test_a_version_keeps_its_room_and_counts_when_it_is_ready(service: Service) -> None:
    await make(service)
    await put(service, ".datasets/digits/a.bin", b"x" * 1000)
    controller = service.context.controller
    assert controller is not None and controller.files is not None
    await settle(service)
    await ask(service, "POST", f"{D}/digits/versions", status=201, note="first")
    await StorageService(service.database).reserve("physics", "mia", "digits@1", "version 1", 1000)
    long_ago = now() - timedelta(hours=1)
    with service.database._engine.begin() as connection:
        connection.execute(sa.update(reservations).values(created_at=long_ago, expires_at=long_ago))
    # Making it takes longer than any request may.
    await controller.files.take_up()
    with service.database.read() as uow:
        assert [r.workload_id for r in uow.reservations.live("physics")] == ["digits@1"]
    await controller.datasets.round()  # type: ignore[union-attr]
    await controller.datasets.settle()  # type: ignore[union-attr]
    with service.database.read() as uow:
        assert uow.reservations.live("physics") == [] and uow.stored.get("physics").size.bytes >= 2000


# Grants and uses.


async def test_grants_between_groups(service: Service) -> None:
    await make(service)
    await put(service, ".datasets/digits/a.csv", CSV)
    zoe = service.client("zoe")
    assert (await get(service, ".datasets/digits/a.csv", "zoe", "chemistry")).status_code == 404
    assert (await service.client("mia").put(f"{D}/digits/grants/chemistry", json={})).status_code == 403
    assert await ask(service, "PUT", f"{D}/digits/grants/chemistry", "ada", access="ro") == {
        "group": "chemistry",
        "access": "ro",
    }
    seen = (await zoe.get("/groups/chemistry/datasets/digits")).json()
    assert (seen["access"], seen["mine"], seen["owner"], seen["source"], seen["grants"]) == (
        *("ro", False, "physics"),
        *(None, None),
    )
    assert (await get(service, ".datasets/digits/a.csv", "zoe", "chemistry")).content == CSV
    assert (await put(service, ".datasets/digits/a.csv", b"x", "zoe", "chemistry")).status_code == 403
    for method, url in (("DELETE", ""), ("PATCH", ""), ("DELETE", "/grants/chemistry"), ("PUT", "/grants/chemistry")):
        answer = await zoe.request(
            method, f"/groups/chemistry/datasets/digits{url}", json={} if method[0] == "P" else None
        )
        assert answer.status_code == 403, (method, url)
    assert (await zoe.post("/groups/chemistry/datasets/digits/versions", json={})).status_code == 403
    await ask(service, "PUT", f"{D}/digits/grants/chemistry", "ada", access="rw")
    assert (await put(service, ".datasets/digits/b.csv", b"x", "zoe", "chemistry")).status_code == 200
    use(service, group="chemistry")
    gone = await ask(service, "DELETE", f"{D}/digits/grants/chemistry", "ada")
    assert [(h["id"], h["group"], h["label"]) for h in gone["holders"]] == [("job-x", "chemistry", "train")]
    assert (await get(service, ".datasets/digits/a.csv", "zoe", "chemistry")).status_code == 404
    for grantee, status in (("nosuch", 404), ("physics", 409), ("*", 403), ("Not!", 400)):
        assert (await service.client("ada").put(f"{D}/digits/grants/{grantee}", json={})).status_code == status


async def test_what_is_used_stays(service: Service) -> None:
    await make(service)
    await version(service)
    await version(service)
    use(service, 1)
    for url in (f"{D}/digits", f"{D}/digits/versions/1"):
        refused = await ask(service, "DELETE", url, status=409)
        assert refused["error"]["details"]["uses"][0]["id"] == "job-x"
    await ask(service, "DELETE", f"{D}/digits/versions/2")
    (shown,) = (await ask(service, "GET", f"{D}/digits/uses?version=1&kind=job"))["items"]
    assert (shown["user"], shown["version"], shown["ended_at"]) == ("max", 1, None)
    end(service)
    await ask(service, "DELETE", f"{D}/digits")
    await settle(service)
    assert not await service.context.store.tickets("physics")
    with service.database.read() as uow:
        assert not uow.datasets.taken("digits") and not uow.dataset_uses.page("digits")


async def test_names_are_taken_without_a_word_more(service: Service) -> None:
    await make(service, group="chemistry", user="zoe")
    refused = await ask(service, "POST", D, status=409, name="digits")
    assert refused["error"]["message"] == "The name digits is taken." and "chemistry" not in str(refused)


# git.


async def test_a_revision_of_a_repository(service: Service, server: GitServer) -> None:
    hook = {"a.csv": CSV, "sub/.gitattributes": b"* filter=evil", "sub/b.txt": b"b"}
    commit = server.commit(hook, {"link": "/etc/passwd"})
    await make(service, kind="git", source={"url": server.url, "revision": "main"})
    assert (await service.client().get("/groups/physics/files", params={"path": ".datasets/digits"})).status_code == 409
    first = await version(service)
    assert (first["state"], first["revision"], first["files"]) == ("Ready", commit, 3), first
    assert "1 links" in first["message"] and first["tables"][0]["path"] == "a.csv"
    later = server.commit({"a.csv": b"changed"})
    second, third = await version(service), await version(service, revision=commit)
    assert (second["revision"], third["revision"]) == (later, commit)
    assert third["manifest"] == first["manifest"]
    # What is in a repository now is the newest version of it.
    assert (await get(service, ".datasets/digits/a.csv")).content == CSV
    assert (await get(service, ".datasets/digits@2/a.csv")).content == b"changed"
    assert (await put(service, ".datasets/digits/a.csv", b"x")).status_code == 403
    missing = await version(service, revision="nosuch")
    assert missing["state"] == "Failed" and "no such branch" in missing["message"]
    refused = await ask(service, "POST", f"{D}/digits/versions", status=400, note="", revision="a..b")
    assert refused["error"]["details"]["field"] == "revision"


async def test_a_folder_of_a_repository_and_its_end(service: Service, server: GitServer, tmp_path: Path) -> None:
    server.commit({"data/x.csv": CSV, "code.py": b""})
    await make(service, kind="git", source={"url": server.url, "folder": "data"})
    assert (await version(service))["files"] == 1
    assert (await get(service, ".datasets/digits/x.csv")).content == CSV
    await make(service, "other", kind="git", source={"url": server.url, "folder": "nosuch"})
    failed = await version(service, "other")
    assert failed["state"] == "Failed" and "no folder" in failed["message"]
    assert list((tmp_path / "fetches").iterdir()) == []


async def test_a_repository_behind_a_password(
    service: Service, server: GitServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.commit({"a.csv": CSV})
    server.login = "robot:marker-pw-83c1"
    fields = {"username": "robot", "password": "marker-pw-83c1"}
    await ask(service, "PUT", "/groups/physics/secrets/deploy", "ada", kind="git", fields=fields)
    await make(service, "open", kind="git", source={"url": server.url})
    failed = await version(service, "open")
    assert failed["state"] == "Failed" and "secret of kind git" in failed["message"]
    await make(service, kind="git", source={"url": server.url, "secret": "deploy"})
    assert (await version(service))["state"] == "Ready"
    assert server.seen[-1].startswith("Basic ")
    wrong = {"kind": "git", "fields": {**fields, "password": "marker-other"}}
    await ask(service, "PUT", "/groups/physics/secrets/deploy", "ada", **wrong)
    refused = await version(service)
    assert refused["state"] == "Failed" and "refuses" in refused["message"]
    in_use = await ask(service, "DELETE", "/groups/physics/secrets/deploy", "ada", status=409)
    assert [u["name"] for u in in_use["error"]["details"]["uses"]] == ["digits"]
    assert list((tmp_path / "fetches").iterdir()) == [] and "marker" not in caplog.text + str(refused)


async def test_a_server_that_leads_elsewhere_or_inside(service: Service, server: GitServer) -> None:
    server.commit({"a.csv": CSV})
    await make(service, kind="git", source={"url": f"https://{HOST}:{server.port}/elsewhere/data.git"})
    moved = await version(service)
    assert moved["state"] == "Failed" and "redirects" in moved["message"]
    # What the name meant when the dataset was made says nothing of what it means now.
    parts = service.context.dataset_parts
    await make(service, "other", kind="git", source={"url": server.url})
    parts.reach._networks = ()
    inside = await version(service, "other")
    assert inside["state"] == "Failed" and "dataset_networks" in inside["message"]


# S3.


async def test_a_bucket_of_somebody_elses(service: Service, tmp_path: Path) -> None:
    with s3_server(tmp_path / "s3") as s3:
        bucket = s3.bucket()
        for key, data in {"in/a.csv": CSV, "in/b/c.txt": b"c", "in/b/d.txt": b"d", "out.txt": b"no"}.items():
            s3.client.put_object(Bucket=bucket, Key=key, Body=data)
        keys = {"access_key": s3.access_key, "secret_key": s3.secret_key}
        await ask(service, "PUT", "/groups/physics/secrets/keys", "ada", kind="s3", fields=keys)
        source = {"bucket": bucket, "prefix": "in/", "endpoint": s3.url, "secret": "keys"}
        made = await make(service, kind="s3", source=source)
        assert (made["access"], made["source"]["prefix"]) == ("ro", "in")
        first = await version(service)
        assert (first["state"], first["files"], first["tables"][0]["path"]) == ("Ready", 3, "a.csv"), first
        lines = (await ask(service, "GET", f"{D}/digits/versions/1/manifest"))["items"]
        assert [x["path"] for x in lines] == ["a.csv", "b/c.txt", "b/d.txt"]
        assert all(x["digest"].startswith("etag:") for x in lines)
        s3.client.put_object(Bucket=bucket, Key="in/b/c.txt", Body=b"another")
        s3.client.delete_object(Bucket=bucket, Key="in/b/d.txt")
        assert (await get(service, ".datasets/digits/b/c.txt")).content == b"another"
        files = await service.client().get("/groups/physics/files", params={"path": ".datasets/digits@1/b"})
        assert [i["name"] for i in files.json()["items"]] == ["c.txt", "d.txt"] and not files.json()["writable"]
        assert (await get(service, ".datasets/digits@1/a.csv")).content == CSV
        broken = await get(service, ".datasets/digits@1/b/d.txt")
        assert broken.status_code == 409 and "no more holds" in broken.text
        assert (await put(service, ".datasets/digits/a.csv", b"x")).status_code == 403
        assert (await ask(service, "GET", f"{D}/digits"))["health"]["state"] == "ok"
        bad = {**source, "bucket": "nosuchbucket"}
        await make(service, "other", kind="s3", source=bad)
        await settle(service)
        failed = await version(service, "other")
        assert failed["state"] == "Failed" and "nosuchbucket" in failed["message"]


# The platform.


async def test_the_platforms_datasets(service: Service, server: GitServer) -> None:
    server.commit({"a.csv": CSV})
    root = service.client("root")
    for kind, source in {
        "nfs": {"server": "nfs.example.org", "path": "/data"},
        "claim": {"claim": "data", "size": "10Gi"},
        "folder": {"path": "/srv/data"},
        "environment": {"KEY": "marker-value"},
    }.items():
        answer = await root.post(
            "/datasets", json={"name": f"d-{kind}", "kind": kind, "source": source, "everyone": "ro"}
        )
        assert answer.status_code == 201 and "marker" not in answer.text, answer.text
    made = await ask(
        service, "POST", "/datasets", "root", 201, name="digits", kind="managed", grants=[{"group": "physics"}]
    )
    assert (made["owner"], made["grants"]) == (None, [{"group": "physics", "access": "ro", "managed_by": "api"}])
    names = [d["name"] for d in (await ask(service, "GET", D))["items"]]
    assert names == ["d-claim", "d-environment", "d-folder", "d-nfs", "digits"]
    assert (await ask(service, "GET", "/groups/chemistry/datasets", "zoe"))["items"][0]["name"] == "d-claim"
    refused = await service.client().get("/groups/physics/files", params={"path": ".datasets/d-nfs"})
    assert refused.status_code == 409 and "/datasets/d-nfs" in refused.text
    await ask(service, "POST", f"{D}/d-nfs/versions", "root", 409, note="")
    assert (await put(service, ".datasets/digits/a", b"x")).status_code == 403
    await ask(service, "PUT", "/datasets/digits/grants/physics", "root", access="rw")
    assert (await put(service, ".datasets/digits/a", b"x")).status_code == 200
    await settle(service)
    found = {d["name"]: d for d in (await ask(service, "GET", "/datasets", "root"))["items"]}
    assert found["digits"]["health"]["state"] == "ok" and (found["digits"]["files"], found["digits"]["size"]) == (1, 1)
    changed = await ask(service, "PATCH", "/datasets/d-environment", "root", source={"KEY": "…", "MORE": "2"})
    assert changed["source"] == {"KEY": "…", "MORE": "…"}
    with service.database.read() as uow:
        kept = uow.datasets.get("d-environment")
        assert kept is not None and kept.source == {"KEY": "marker-value", "MORE": "2"}
    use(service)
    assert (await ask(service, "GET", "/datasets/digits", "root"))["used_by"] == 1
    await ask(service, "DELETE", "/datasets/digits", "root", 409)
    end(service)
    assert (await ask(service, "DELETE", "/datasets/digits/grants/physics", "root"))["holders"] == []
    await ask(service, "DELETE", "/datasets/digits", "root")
    assert (await ask(service, "GET", "/datasets/digits", "root"))["deleting"]
    await settle(service)
    assert (await root.get("/datasets/digits")).status_code == 404


async def test_the_platforms_repository_is_fetched_by_itself(service: Service, server: GitServer) -> None:
    server.commit({"a.csv": CSV})
    # Whoever runs the platform may reach everything, and is not asked which networks are.
    service.context.dataset_parts.reach._networks = ()
    url = server.url.replace(HOST, "127.0.0.1")
    await ask(service, "POST", "/datasets", "root", 201, name="digits", kind="git", source={"url": url}, everyone="ro")
    await settle(service)
    (made,) = (await ask(service, "GET", f"{D}/digits/versions"))["items"]
    assert (made["number"], made["state"], made["created_by"]) == (1, "Ready", "root"), made
    assert (await get(service, ".datasets/digits/a.csv")).content == CSV


async def test_secrets_of_the_platform(service: Service) -> None:
    value = {"kind": "git", "fields": {"username": "robot", "password": "marker-1"}, "groups": ["physics"]}
    assert (await service.client("ada").put("/secrets/deploy", json=value)).status_code == 403
    made = await ask(service, "PUT", "/secrets/deploy", "root", **value)
    assert (made["kind"], made["groups"], made["used_by"]) == ("git", ["physics"], 0) and "marker" not in str(made)
    (seen,) = (await ask(service, "GET", "/groups/physics/secrets"))["items"]
    assert (seen["name"], seen["platform"], seen["kind"]) == ("deploy", True, "git")
    assert (await ask(service, "GET", "/groups/chemistry/secrets", "zoe"))["items"] == []
    await make(service, kind="git", source={"url": f"https://{HOST}/a", "secret": "deploy"})
    refused = await ask(service, "DELETE", "/secrets/deploy", "root", 409)
    assert refused["error"]["details"]["uses"][0]["kind"] == "dataset"
    await ask(service, "POST", "/groups/physics/jobs", status=400, **_job(secrets={"TOKEN": "deploy"}))
    for body, field in (
        ({"kind": "registry", "fields": {"username": "a", "password": "b"}}, "fields"),
        ({"kind": "registry", "fields": {"server": "https://x", "username": "a", "password": "b"}}, "fields.server"),
        ({"kind": "git", "fields": {"ssh_key": "nonsense"}}, "fields.ssh_key"),
        ({"kind": "git", "value": "x"}, "value"),
        ({"kind": "s3", "fields": {"key": "x"}}, "fields.key"),
        ({"value": "x", "fields": {}}, "fields"),
    ):
        answer = await ask(service, "PUT", "/groups/physics/secrets/new", "ada", 400, **body)
        assert answer["error"]["details"]["field"] == field
    changed = await ask(service, "PUT", "/secrets/deploy", "root", groups="*")
    assert changed["groups"] == "*"
    await ask(service, "PUT", "/secrets/deploy", "root", 400, kind="s3")


def _job(**more: Any) -> dict[str, Any]:
    return {"name": "train", "command": "true", "instance_type": "small", "image": "base", **more}


async def test_volumes_grow_and_never_shrink(service: Service) -> None:
    await service.memory.home("mia", "physics")
    await settle(service)
    found = (await ask(service, "GET", "/volumes", "root"))["items"]
    assert [(v["group"], v["kind"], v["name"]) for v in found if v["kind"] != "files"] == [
        ("physics", "home", "home-mia")
    ]
    page = await ask(service, "GET", "/volumes?limit=1", "root")
    assert len(page["items"]) == 1 and page["next_cursor"]
    body = {"group": "physics", "name": "home-mia"}
    asked = await ask(service, "POST", "/volumes/resize", "root", **body, size="2Gi")
    assert "is to have 2" in asked["message"]
    await settle(service)
    home = next(v for v in (await ask(service, "GET", "/volumes", "root"))["items"] if v["name"] == "home-mia")
    assert (home["capacity"], home["message"]) == (2 << 30, "")
    for wrong, status in ((dict(body, size="1Gi"), 400), ({"name": "memory", "size": "1Ti"}, 409)):
        await ask(service, "POST", "/volumes/resize", "root", status, **wrong)
    await ask(service, "POST", "/volumes/resize", "root", 404, group="physics", name="nosuch", size="9Gi")
    await ask(service, "POST", "/volumes/resize", "root", 409, group="physics", name="shared-files", size="9Gi")
