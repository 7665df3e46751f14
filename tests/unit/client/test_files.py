"""Files: what is sent and fetched when connections break, and how ``fsspec`` and the command show it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from collegium_client import AsyncClient, Client, Retry
from collegium_client.errors import Conflict, InvalidInput, Unreachable
from collegium_client.fs import CollegiumFileSystem
from collegium_client.sending import Sending
from unit.client.conftest import SITE, Made, error

MOMENT = "2026-11-01T10:00:00Z"
CHUNK = 4


@dataclass
class Store:
    """A service that keeps uploads and files in memory, and breaks off where it is told to."""

    files: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: What the next requests with these methods meet before they are served as usual.
    trouble: list[tuple[str, Exception | int]] = field(default_factory=list)
    direct: bool = False
    asked: list[httpx.Request] = field(default_factory=list)
    parts: dict[int, bytes] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        trouble = next((t for t in self.trouble if t[0] == request.method), None)
        if trouble is not None:
            self.trouble.remove(trouble)
            if isinstance(trouble[1], Exception):
                if request.method == "PATCH":
                    self._keep(request, half=True)
                raise trouble[1]
            return error(trouble[1], "unavailable")
        path = request.url.path.partition("/groups/physics/files/")[2]
        return self._uploads(request, path) if path.startswith(("uploads", "store")) else self._files(request, path)

    def _uploads(self, request: httpx.Request, path: str) -> httpx.Response:
        if path == "store":
            facts = {"kind": "posix", "direct": self.direct, "chunk_size": CHUNK, "max_size": None}
            return httpx.Response(200, json=facts)
        if path == "uploads" and request.method == "GET":
            return httpx.Response(200, json={"items": [self._out(i) for i in self.uploads], "next_cursor": None})
        if path == "uploads":
            return self._begin(request)
        upload, _, verb = path.partition("/")[2].partition("/")
        if verb == "parts":
            items = [{"number": n, "url": f"https://store.example/{n}"} for n in json.loads(request.content)["numbers"]]
            return httpx.Response(200, json={"items": items})
        if verb == "complete":
            self.uploads[upload]["data"] = b"".join(self.parts[n] for n in sorted(self.parts))
        elif request.method == "PATCH":
            self._keep(request)
            return httpx.Response(204, headers={"Upload-Offset": str(len(self.uploads[upload]["data"]))})
        elif request.method == "HEAD":
            return httpx.Response(200, headers={"Upload-Offset": str(len(self.uploads[upload]["data"]))})
        return httpx.Response(200, json=self._out(upload))

    def _begin(self, request: httpx.Request) -> httpx.Response:
        number = f"up-{len(self.uploads)}"
        if request.headers.get("Tus-Resumable") == "1.0.0":
            import base64

            pairs = dict(p.split(" ") for p in request.headers["Upload-Metadata"].split(","))
            asked: dict[str, Any] = {k: base64.b64decode(v).decode() for k, v in pairs.items()}
            asked |= {"size": int(request.headers["Upload-Length"]), "replace": asked["replace"] == "true"}
        else:
            asked = json.loads(request.content)
        self.uploads[number] = {**asked, "data": b"", "state": "Open"}
        if asked.get("direct"):
            return httpx.Response(201, json=self._out(number))
        return httpx.Response(201, headers={"Location": f"{request.url.path}/{number}"})

    def _keep(self, request: httpx.Request, half: bool = False) -> None:
        upload = self.uploads[request.url.path.rpartition("/")[2]]
        assert int(request.headers["Upload-Offset"]) == len(upload["data"])
        body = request.content
        upload["data"] += body[: len(body) // 2] if half else body

    def _out(self, upload: str) -> dict[str, Any]:
        row = self.uploads[upload]
        if row["state"] == "Open" and len(row["data"]) == row["size"]:
            wrong = row.get("sha256") and hashlib.sha256(row["data"]).hexdigest() != row["sha256"]
            row["state"] = "Failed" if wrong else "Done"
            self.files[row["path"]] = b"" if wrong else row["data"]
        size = 3 if row.get("direct") else None
        return {
            "id": upload,
            "path": row["path"],
            "size": row["size"],
            "offset": len(row["data"]),
            "user": "ann",
            "state": row["state"],
            "replace": row["replace"],
            "created_at": MOMENT,
            "expires_at": MOMENT,
            "message": "the checksum differs" if row["state"] == "Failed" else "",
            "part_size": size,
            "parts": size and -(-row["size"] // size),
            "received": sorted(self.parts) if size else None,
        }

    def _files(self, request: httpx.Request, path: str) -> httpx.Response:
        name = request.url.params.get("path", "")
        if path == "" or path == "entry":
            if path == "entry" and name not in self.files and not any(f.startswith(f"{name}/") for f in self.files):
                return error(404, "not_found")
            found = self._entry(name)
            if path == "entry":
                extra = {"writable": True, "sha256": None, "preview": "none", "mounted_at": "", "uri": ""}
                return httpx.Response(200, json={**found, **extra})
        if path == "content":
            data = self.files[name]
            first, _, last = request.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
            start, end = int(first), min(len(data), int(last) + 1 if last else len(data))
            if start >= len(data) > 0:
                return error(416, "range")
            headers = {"ETag": '"e1"', "Content-Type": "application/octet-stream"}
            if "Range" in request.headers:
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
                return httpx.Response(206, headers=headers, content=data[start:end])
            return httpx.Response(200, headers=headers, content=data)
        raise AssertionError(f"{request.method} {path}")

    def listing(self, request: httpx.Request) -> httpx.Response:
        folder = request.url.params.get("path", "")
        below = [f for f in self.files if not folder or f.startswith(f"{folder}/")]
        names = sorted({f[len(folder) :].lstrip("/").partition("/")[0] for f in below})
        items = [self._entry(f"{folder}/{n}".lstrip("/")) for n in names]
        return httpx.Response(200, json={"path": folder, "writable": True, "items": items, "next_cursor": None})

    def _entry(self, path: str) -> dict[str, Any]:
        data = self.files.get(path)
        return {
            "name": path.rpartition("/")[2],
            "path": path,
            "kind": "folder" if data is None else "file",
            "size": len(data or b""),
            "modified_at": MOMENT,
            "etag": "" if data is None else "e1",
            "media_type": "",
        }


def client_of(store: Store) -> Client:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/files"):
            return store.listing(request)
        return store(request)

    client = Client(settings=SITE, retry=Retry(4), transport=httpx.MockTransport(answer))
    client.pause = lambda failures, asked=None: None  # type: ignore[method-assign]
    return client


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    file = tmp_path / "data.bin"
    file.write_bytes(b"0123456789")
    return file


@pytest.mark.parametrize(
    "trouble",
    [
        [],
        [("PATCH", httpx.ReadError("gone"))],
        [("PATCH", 503), ("PATCH", httpx.ConnectError("no")), ("HEAD", 502)],
        [("PATCH", httpx.WriteError("gone")), ("PATCH", httpx.ReadTimeout("?"))],
    ],
)
def test_an_upload_goes_on_where_it_broke(
    store: Store, local: Path, trouble: list[tuple[str, Exception | int]]
) -> None:
    store.trouble, told = list(trouble), list[tuple[int, int]]()
    entry = client_of(store).files.upload(local, "/in/data.bin", progress=lambda *a: told.append(a))
    assert (entry.path, store.files) == ("in/data.bin", {"in/data.bin": b"0123456789"})
    assert told[-1] == (10, 10)
    assert all(len(r.content) <= CHUNK for r in store.asked if r.method == "PATCH")


async def test_the_async_client_does_the_same(store: Store, local: Path) -> None:
    client = AsyncClient(settings=SITE, retry=Retry(4), transport=httpx.MockTransport(store))

    async def pause(failures: int, asked: float | None = None) -> None:
        await asyncio.sleep(0)

    client.pause = pause  # type: ignore[method-assign]
    store.trouble = [("PATCH", httpx.ReadError("gone")), ("GET", 503)]
    await client.files.upload(local, "a")
    assert store.files == {"a": b"0123456789"}
    assert await client.files.read("a", start=2, end=5) == b"234"
    assert (await client.files.download("a", local.parent / "b")).read_bytes() == b"0123456789"


def test_what_another_program_left_is_gone_on_with(store: Store, local: Path) -> None:
    digest = hashlib.sha256(b"0123456789").hexdigest()
    row = {"path": "a", "size": 10, "replace": False, "sha256": digest, "state": "Open"}
    store.uploads = {"up-0": {**row, "data": b"0123456"}}
    client_of(store).files.upload(local, "a")
    assert store.files["a"] == b"0123456789"
    assert sum(len(r.content) for r in store.asked if r.method == "PATCH") == 3


def test_what_was_left_of_another_file_is_begun_anew(store: Store, local: Path) -> None:
    digest = hashlib.sha256(b"abcdefghij").hexdigest()
    row = {"path": "a", "size": 10, "replace": False, "sha256": digest, "state": "Open"}
    store.uploads = {"up-0": {**row, "data": b"abcdefg"}}
    client_of(store).files.upload(local, "a")
    assert store.files["a"] == b"0123456789"


def test_a_refusal_ends_an_upload(store: Store, local: Path) -> None:
    store.trouble = [("PATCH", 413)]
    with pytest.raises(Exception, match="no"):
        client_of(store).files.upload(local, "a")
    assert len([r for r in store.asked if r.method == "PATCH"]) == 1
    store.trouble = [("PATCH", httpx.ConnectError("no"))] * 9
    with pytest.raises(Unreachable):
        client_of(store).files.upload(local, "a", checksum=False)


def test_parts_go_straight_to_the_store_without_a_token(
    store: Store, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.direct, refused, real = True, [2], httpx.Client

    def taken(request: httpx.Request) -> httpx.Response:
        assert "Authorization" not in request.headers
        number = int(request.url.path[1:])
        if number in refused:
            refused.remove(number)
            return httpx.Response(503)
        store.parts[number] = request.read()
        return httpx.Response(200)

    client = client_of(store)
    monkeypatch.setattr("collegium_client.parts.httpx.Client", lambda **_: real(transport=httpx.MockTransport(taken)))
    client.files.upload(local, "a")
    assert store.parts == {1: b"012", 2: b"345", 3: b"678", 4: b"9"}
    assert store.files == {"a": b"0123456789"}


def test_a_download_goes_on_only_with_the_same_file(store: Store, tmp_path: Path) -> None:
    store.files["a"] = b"0123456789"
    store.trouble = [("GET", 503)]
    assert client_of(store).files.download("a", tmp_path).read_bytes() == b"0123456789"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_names_of_a_server_do_not_leave_the_folder(store: Store, tmp_path: Path) -> None:
    store.files = {"f/../../x": b"1"}
    with pytest.raises(Exception, match="leads out"):
        list(client_of(store).files.download_folder("f", tmp_path))


def test_a_file_that_shrinks_while_it_is_sent(local: Path) -> None:
    whole = Sending.of(local, "a", False, False)
    local.write_bytes(b"01")
    with pytest.raises(Exception, match="became shorter"):
        list(whole.pieces(0, 10))


def test_pages_of_tasks_and_failures(made: Made) -> None:
    task = {"id": "t", "kind": "move", "user": "ann", "source": "a", "target": "b", "total": None, "created_at": MOMENT}
    done = {"done": {"files": 0, "bytes": 0}, "finished_at": None}
    replies = [
        httpx.Response(201, json={**task, **done, "state": "Running", "message": ""}),
        httpx.Response(200, json={**task, **done, "state": "Failed", "message": "b is in the way"}),
    ]
    with pytest.raises(Conflict, match="b is in the way"):
        made.plain(*replies).files.move("a", "b")


class TestFileSystem:
    @pytest.fixture
    def fs(self, store: Store) -> CollegiumFileSystem:
        store.files = {"in/a.csv": b"x,y\n1,2\n", "in/deep/b": b"0123456789"}
        return CollegiumFileSystem(client=client_of(store), skip_instance_cache=True)

    def test_reads(self, fs: CollegiumFileSystem) -> None:
        assert fs.ls("collegium://physics/in", detail=False) == ["physics/in/a.csv", "physics/in/deep"]
        assert sorted(fs.find("collegium://physics/in")) == ["physics/in/a.csv", "physics/in/deep/b"]
        assert fs.isdir("physics/in/deep")
        assert fs.isfile("collegium://physics/in/a.csv")
        assert not fs.exists("physics/nothing")
        assert fs.cat("collegium://physics/in/deep/b") == b"0123456789"
        assert fs.cat_file("physics/in/deep/b", -3) == b"789"
        assert fs.cat_file("physics/in/deep/b", 2, 4) == b"23"
        with fs.open("collegium://physics/in/deep/b", block_size=4) as file:
            file.seek(5)
            assert file.read(3) == b"567"
        with fs.open("physics/in/a.csv", "r") as text:
            assert text.read() == "x,y\n1,2\n"
        with pytest.raises(FileNotFoundError):
            fs.open("physics/nothing")

    def test_writes(self, fs: CollegiumFileSystem, store: Store) -> None:
        with fs.open("collegium://physics/out/c", "wb") as file:
            file.write(b"whole" * 3)
        assert store.files["out/c"] == b"wholewholewhole"

    def test_is_found_by_its_name(self) -> None:
        import fsspec

        assert fsspec.get_filesystem_class("collegium") is CollegiumFileSystem


def test_commands(run: Callable[..., Result], tmp_path: Path) -> None:
    entry = {"name": "a", "path": "a", "kind": "file", "size": 2048, "etag": "e", "media_type": "", "modified_at": None}
    page = {
        "path": "",
        "writable": True,
        "items": [entry, {**entry, "name": "f", "kind": "folder"}],
        "next_cursor": None,
    }
    shown = run("files", "ls", replies=[httpx.Response(200, json=page)])
    assert [line.split() for line in shown.output.splitlines()] == [
        ["SIZE", "AGE", "NAME"],
        ["2.0", "KiB", "a"],
        ["f/"],
    ]
    folder = {
        **entry,
        "kind": "folder",
        "writable": True,
        "sha256": None,
        "preview": "none",
        "mounted_at": "",
        "uri": "",
    }
    refused = run("files", "get", "f", replies=[httpx.Response(200, json=folder)])
    assert "is a folder: say --recursive" in refused.output
    assert run("datasets", "create", "d", "--source", "nothing").exit_code == 2
    sent = run(
        "datasets", "grant", "d", "chemistry", replies=[httpx.Response(200, json={"group": "c", "access": "ro"})]
    )
    assert "chemistry may read d" in sent.output


def test_settings_of_a_share(made: Made) -> None:
    with pytest.raises(InvalidInput):
        made.plain(error(400, "invalid", field="expires_in_days", value="0")).files.share("a", expires_in_days=0)
