"""Trees of files in S3: kills at any call, prefixes apart, what goes wrong with a server, and buckets of others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from collegium.domain.errors import Conflict, DomainError, InvalidInput, Misconfigured, NotFound, Unavailable
from collegium.domain.files import EntryKind, Order, Root, Size
from collegium.stores.opening import open_store
from collegium.stores.port import FileStore, NewEntry, Transfer
from collegium.stores.s3 import S3Store
from collegium.stores.s3_source import S3Source
from collegium.stores.settings import FileSettings
from support.s3 import S3Server, _program, policy, s3_server
from support.s3_faults import faulty_s3
from support.s3_place import MiB, Place
from support.s3_sender import content

FILES, HEAD = Root("physics"), Root.head("physics", "digits")
VERSION = Root.version("physics", "digits", 1)
#: Each so manieth call is one to be killed at; 1 for all.
EVERY = int(os.environ.get("COLLEGIUM_S3_KILL_EVERY", "8"))
LOOPBACK = (ip_network("127.0.0.0/8"),)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def put(store: FileStore, path: str, data: bytes = b"x", root: Root = FILES) -> None:
    await store.write(root, path, pieces(data), replace=True)


async def read(store: FileStore, path: str, root: Root = FILES) -> bytes:
    async with store.open(root, path) as opened:
        return b"".join([piece async for piece in opened.read()])


async def tree(store: FileStore, root: Root = FILES, path: str = "") -> dict[str, bytes]:
    """Files with their content; folders with a slash."""
    found: dict[str, bytes] = {}
    async for entry in store.walk(root, path):
        inner = entry.path.removeprefix(path).lstrip("/")
        if entry.kind is EntryKind.FOLDER:
            found[inner + "/"] = b""
        else:
            found[inner] = await read(store, entry.path, root)
    return found


class Killed(BaseException):
    """Nothing catches it, as nothing catches a kill -9."""


def killed_after(store: S3Store, calls: int, only: str = "") -> None:
    """The process ends before the call after so many, of one verb or of all."""
    left = [calls]
    call = store._bucket._once

    async def counted(client: Any, verb: str, arguments: Any) -> Any:
        left[0] -= only in ("", verb)
        if left[0] < 0:
            raise Killed
        return await call(client, verb, arguments)

    store._bucket._once = counted  # type: ignore[method-assign]


Verb = Callable[[S3Store], Awaitable[object]]
WHOLE = {"one": b"1" * 10, "deep/": b"", "deep/two": b"2" * 20, "empty/": b""}


def filling() -> Iterator[NewEntry]:
    """What ``WHOLE`` is made of."""
    for path, data in WHOLE.items():
        yield NewEntry(path.rstrip("/"), None if path.endswith("/") else iter([data]))


VERBS: dict[str, tuple[Verb, Root, str]] = {
    "move": (lambda s: s.move(FILES, "a", HEAD, "b/c"), HEAD, "b/c"),
    "move of a file": (lambda s: s.move(FILES, "a/one", FILES, "b"), FILES, ""),
    "copy": (lambda s: s.copy(FILES, "a", FILES, "b", progress=lambda size: None), FILES, "b"),
    "fill": (lambda s: s.fill(FILES, "b", filling(), "tsk-1", lambda size: None), FILES, "b"),
    "discard": (lambda s: s.discard(FILES, "a", "t1"), FILES, ""),
    "restore": (lambda s: s.restore("physics", "t0", FILES, "b"), FILES, "b"),
    "snapshot": (lambda s: s.snapshot(HEAD, VERSION, lambda size: None), VERSION, ""),
}


@pytest.mark.parametrize("verb", VERBS)
async def test_killed_at_any_call_and_repeated(place: Place, verb: str) -> None:
    """What is where it goes is whole or not there, what was is nowhere lost, and a second try ends it."""
    act, root, target = VERBS[verb]
    first = place.open()
    await first._bucket.client()
    for calls in range(1, 200):
        store, victim, again = (another(first, f"{calls}") for _ in range(3))
        await prepare(store, verb)
        killed_after(victim, calls)
        try:
            await act(victim)
            ended = True
        except Killed:
            ended = False
        if calls % EVERY and not ended:
            continue
        found = await tree(store, root, target) if await there(store, root, target) else {}
        before = await tree(store)
        if verb == "move of a file":
            assert {name for name in ("a/one", "b") if name in before}, calls
        elif verb == "discard":
            assert found in ({}, {"a/": b"", **{f"a/{name}": data for name, data in WHOLE.items()}}), calls
        else:
            assert found in ({}, WHOLE), calls
            assert found or verb != "move" or await tree(store, FILES, "a") == WHOLE, calls
        if not (ended and verb in ("copy", "fill")):
            await act(again)
        if verb == "move of a file":
            assert await read(store, "b") == WHOLE["one"] and not await there(store, FILES, "a/one"), calls
        elif verb == "discard":
            assert await tree(store) == {}, calls
            await store.restore("physics", "t1", FILES, "back")
            assert await tree(store, FILES, "back") == WHOLE, calls
        else:
            assert await tree(store, root, target) == WHOLE, calls
        assert place.keys(f"{calls}/physics/work/") == [], calls
        if ended:
            return


def another(store: S3Store, prefix: str) -> S3Store:
    """What another process has, but for the connections."""
    made = S3Store(FileSettings(store="s3", bucket=store._bucket.name, prefix=prefix))
    made._bucket._clients = store._bucket._clients
    made._bucket._endpoint = store._bucket._endpoint
    return made


async def prepare(store: S3Store, verb: str) -> None:
    root, base = (HEAD, "") if verb == "snapshot" else (FILES, "t/" if verb == "restore" else "a/")
    for path, data in WHOLE.items():
        if path.endswith("/"):
            await store.make_folder(root, (base + path).rstrip("/"))
        else:
            await put(store, base + path, data, root)
    if verb == "restore":
        await store.discard(FILES, "t", "t0")


async def there(store: FileStore, root: Root, path: str) -> bool:
    try:
        await store.stat(root, path)
    except NotFound:
        return False
    return True


async def test_what_is_being_copied_is_nobodys(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collegium.stores.s3_copies.AT_ONCE", 1)
    store, victim = place.open(), place.open()
    for number in range(3):
        await put(store, f"a/{number}")
    await victim._bucket.client()
    killed_after(victim, 2, "copy_object")
    with pytest.raises(Killed):
        await victim.copy(FILES, "a", FILES, "b", progress=lambda size: None)
    assert place.keys("lab/physics/files/b/") != []
    # Nor is it in a version.
    made = await store.snapshot(FILES, Root.version("physics", "digits", 1), lambda size: None)
    assert [line.path for line in made] == ["a/0", "a/1", "a/2"]
    assert [entry.name for entry in (await store.list(FILES, "")).entries] == ["a"]
    assert (await store.search(FILES, "", "1")).entries[0].path == "a/1"
    for refused in (put(store, "b"), put(store, "b/new"), store.make_folder(FILES, "b/c")):
        with pytest.raises(Conflict, match="being copied"):
            await refused
    # Who gives up sweeps, once nobody can be at it any more.
    await store._copier.sweep("lab/physics/work/")
    assert place.keys("lab/physics/work/") != []
    store._copier.abandoned = store._copier.abandoned * 0
    await store.tickets("physics")
    assert place.keys("lab/physics/work/") == place.keys("lab/physics/files/b/") == []
    await put(store, "b")


async def test_a_large_object_is_copied_in_pieces(store: S3Store) -> None:
    data = content(2, 11 * MiB)
    await put(store, "a", data)
    store._copier.whole = store._copier.piece = 5 * MiB
    assert await store.copy(FILES, "a", HEAD, "b", progress=lambda size: None) == Size(1, len(data))
    assert await read(store, "b", HEAD) == data
    await store.move(FILES, "a", FILES, "c")
    assert await read(store, "c") == data


async def test_a_folder_of_thousands(place: Place, store: S3Store) -> None:
    """Put there by the file system behind the server: 1,100 entries are two answers of S3."""
    folder = place.server.folder / "data" / place.bucket / "lab/physics/files/many"
    folder.mkdir(parents=True)
    sizes = {f"f{number:04}": number * 7 % 100 for number in range(1100)}
    for name, size in sizes.items():
        (folder / name).write_bytes(b"x" * size)
    for order, key in ((Order.NAME, lambda n: n), (Order.SIZE, lambda n: (sizes[n], n))):
        for descending in (False, True):
            found: list[str] = []
            after = None
            for _ in range(2):
                page = await store.list(FILES, "many", order, descending, after, 1050)
                found += [entry.name for entry in page.entries]
                after = page.after
            assert after is None and found == sorted(sizes, key=key, reverse=descending)  # type: ignore[arg-type]
    assert len((await store.search(FILES, "", "f02?9", limit=100)).entries) == 10
    assert await store.measure("physics") == Size(1100, sum(sizes.values()))


async def test_no_path_leads_out_of_its_prefix(place: Place, store: S3Store) -> None:
    other = place.open(prefix="lab2")
    await put(other, "secret", b"other")
    await put(store, "mine", b"mine", Root("physics-2"))
    before = sorted(place.keys())
    hostile = [
        "..",
        "../physics-2/files/mine",
        "a/../../x",
        "../../lab2/physics/files/secret",
        "a\0b",
        ".",
        "a//b",
        "a\nb",
    ]
    hostile += [
        "x" * 256,
        "/".join(["d"] * 65),
        "\ud800",
        "y/" * 60 + "z" * 250 + "/" + "z" * 250 + "/" + "z" * 250,
        "\uffff",
    ]
    for path in hostile:
        for verb in (
            lambda p: put(store, p),
            lambda p: store.make_folder(FILES, p),
            lambda p: store.move(FILES, p, FILES, "to"),
            lambda p: store.copy(FILES, "from", FILES, p, progress=lambda size: None),
            lambda p: store.discard(FILES, p, "t"),
            lambda p: store.begin(Transfer("u", FILES, p, 1)),
            lambda p: store.stat(FILES, p),
            lambda p: read(store, p),
            lambda p: store.list(FILES, p),
        ):
            with pytest.raises(DomainError):
                await verb(path)
    for ticket in ("../x", "a/b", "", ".."):
        with pytest.raises(InvalidInput):
            await store.discard(FILES, "x", ticket)
    assert sorted(place.keys()) == before
    assert await tree(store) == {}


# A server that is not as it should be.


async def test_what_is_wrong_with_the_settings_is_said_without_a_key(place: Place, tmp_path: Path) -> None:
    server = place.server
    wrong = tmp_path / "wrong"
    wrong.write_text("another-secret-key-of-ours")
    cases: list[tuple[dict[str, Any], type[DomainError], str]] = [
        ({"secret_key_file": str(wrong)}, Misconfigured, "keys"),
        ({"access_key_file": str(wrong)}, Misconfigured, "keys"),
        ({"access_key_file": str(tmp_path / "none")}, Misconfigured, "cannot be read"),
        ({"endpoint": "http://127.0.0.1:9"}, Unavailable, "cannot be reached"),
    ]
    for changed, kind, words in cases:
        with pytest.raises(kind, match=words) as told:
            await place.open(attempts=1, **changed).list(FILES, "")
        text = repr(told.value) + str(told.value.details) + str(told.value.__cause__)
        assert server.access_key not in text and server.secret_key not in text and "another-secret" not in text
    store = S3Store(server.settings("no-such-bucket", "lab"))
    place.stores.append(store)
    with pytest.raises(Misconfigured, match="no bucket named no-such-bucket"):
        await put(store, "a")


async def test_keys_are_changed_without_a_restart(place: Place, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("not yet")
    store = place.open(secret_key_file=str(key))
    with pytest.raises(Misconfigured):
        await store.list(FILES, "")
    key.write_text(place.server.secret_key)
    assert (await store.list(FILES, "")).entries == ()


async def test_trouble_of_the_server(place: Place) -> None:
    async with faulty_s3(place.server.url) as proxy:
        store = place.open(endpoint=proxy.url, attempts=2)
        await put(store, "a")
        # Once is tried again, always is told.
        proxy.choose = lambda ask: "503" if len(proxy.happened) < 1 else ""
        assert await read(store, "a") == b"x"
        for fault in ("503", "reset", "cut"):
            proxy.choose = lambda ask, fault=fault: fault  # type: ignore[misc]
            with pytest.raises(Unavailable):
                await read(store, "a")


async def test_rights_of_one_prefix_reach_no_other(tmp_path: Path) -> None:
    """The keys of an installation need no more than its prefix."""
    with s3_server(tmp_path) as server:
        bucket = server.bucket()
        admin = [str(_program()), "admin", "-a", server.access_key, "-s", server.secret_key, "-er", server.url]
        user = ["create-user", "--access", "lab-one", "--secret", "secret-of-lab-one", "--role", "user"]
        done = subprocess.run([*admin, *user], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        server.client.put_bucket_policy(Bucket=bucket, Policy=policy(bucket, "lab-one", "one"))
        one = S3Server(tmp_path / "one", server.url, "lab-one", "secret-of-lab-one")
        one.folder.mkdir()
        stores = {prefix: S3Store(one.settings(bucket, prefix)) for prefix in ("one", "two")}
        await put(stores["one"], "a/b", b"mine")
        assert await tree(stores["one"]) == {"a/": b"", "a/b": b"mine"}
        await stores["one"].move(FILES, "a", FILES, "c")
        await stores["one"].discard(FILES, "c", "t")
        with pytest.raises(Misconfigured, match="rights") as refused:
            await put(stores["two"], "a")
        assert "secret-of" not in str(refused.value) and "lab-one" not in str(refused.value)
        for store in stores.values():
            await store.close()


def test_the_settings_choose_it(place: Place, tmp_path: Path) -> None:
    assert isinstance(open_store(place.server.settings(place.bucket), tmp_path), S3Store)
    with pytest.raises(InvalidInput):
        FileSettings(store="s3")


# Buckets of others.


@pytest.fixture
async def source(place: Place) -> AsyncIterator[S3Source]:
    client = place.server.client
    for key, data in (("data/train.csv", b"a,b\n1,2\n"), ("data/deep/er/x", b"x"), ("data/", b""), ("other", b"no")):
        client.put_object(Bucket=place.bucket, Key=key, Body=data)
    made = S3Source(described(place), secret(place), LOOPBACK)
    yield made
    await made.close()


def described(place: Place, **more: str) -> dict[str, str]:
    return {"bucket": place.bucket, "prefix": "data", "endpoint": place.server.url, **more}


def secret(place: Place) -> dict[str, str]:
    return {"access_key": place.server.access_key, "secret_key": place.server.secret_key}


async def test_a_bucket_of_others_is_read_and_never_written(place: Place, source: S3Source) -> None:
    await source.check()
    for root in (FILES, VERSION):
        assert await tree(source, root) == {
            "deep/": b"",
            "deep/er/": b"",
            "deep/er/x": b"x",
            "train.csv": b"a,b\n1,2\n",
        }
    assert [entry.path for entry in (await source.search(FILES, "", "x")).entries] == ["deep/er/x"]
    assert await source.measure("physics") == Size(2, 9)
    before = sorted(place.keys())
    for verb in (
        put(source, "new"),
        source.make_folder(FILES, "new"),
        source.move(FILES, "train.csv", FILES, "to"),
        source.copy(FILES, "train.csv", FILES, "to", progress=lambda size: None),
        source.discard(FILES, "train.csv", "t"),
        source.remove(FILES),
        source.snapshot(HEAD, VERSION, lambda size: None),
        source.begin(Transfer("u", FILES, "a", 1)),
    ):
        with pytest.raises(Conflict, match="only read"):
            await verb
    assert sorted(place.keys()) == before


async def test_a_list_pins_what_was_there(place: Place, source: S3Source) -> None:
    lines = {line["path"]: line async for line in source.lines()}
    assert {path: line["size"] for path, line in lines.items()} == {"train.csv": 8, "deep/er/x": 1}
    assert all("version_id" not in line and line["digest"].startswith("etag:") for line in lines.values())

    async def pinned(line: dict[str, Any]) -> bytes:
        async with source.open_line(line) as opened:
            return b"".join([piece async for piece in opened.read()])

    assert await pinned(lines["train.csv"]) == b"a,b\n1,2\n"
    place.server.client.put_object(Bucket=place.bucket, Key="data/train.csv", Body=b"changed!")
    with pytest.raises(Conflict, match="replaced"):
        await pinned(lines["train.csv"])
    # A bucket that keeps versions still has it.
    versioned = place.server.bucket()
    client = place.server.client
    client.put_bucket_versioning(Bucket=versioned, VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=versioned, Key="data/a", Body=b"first")
    client.put_object(Bucket=versioned, Key="data/gone", Body=b"gone")
    client.delete_object(Bucket=versioned, Key="data/gone")
    source = S3Source({**described(place), "bucket": versioned}, secret(place), LOOPBACK)
    (line,) = [line async for line in source.lines()]
    assert line["path"] == "a" and line["version_id"]
    client.put_object(Bucket=versioned, Key="data/a", Body=b"second")
    assert await pinned(line) == b"first"
    assert await read(source, "a") == b"second"
    await source.close()


async def test_what_is_wrong_with_a_source_is_said(place: Place, source: S3Source) -> None:
    cases: list[tuple[S3Source, type[DomainError], str]] = [
        (S3Source(described(place, prefix="none"), secret(place), LOOPBACK), NotFound, "nothing below none/"),
        (S3Source(described(place, bucket="no-such"), secret(place), LOOPBACK), Misconfigured, "no bucket"),
        (S3Source(described(place), {**secret(place), "secret_key": "x" * 20}, LOOPBACK), Misconfigured, "keys"),
        (S3Source(described(place), None, LOOPBACK), Misconfigured, "does not allow"),
        (S3Source(described(place, endpoint="http://127.0.0.1:9"), secret(place), LOOPBACK), Unavailable, "reached"),
        # A group's source in the inside of the network, by its address and by a name.
        (S3Source(described(place), secret(place)), Misconfigured, "loopback"),
        (
            S3Source(described(place, endpoint=place.server.url.replace("127.0.0.1", "localhost")), secret(place)),
            Misconfigured,
            "loopback",
        ),
    ]
    for one, kind, words in cases:
        one._bucket._attempts = 1
        with pytest.raises(kind, match=words) as told:
            await one.check()
        assert place.server.secret_key not in str(told.value)
        await one.close()
    anyone = S3Source(described(place), secret(place), None)
    await anyone.check()
    await anyone.close()


async def test_nobodys_keys_are_lent_to_a_source(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place.server.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place.server.secret_key)
    source = S3Source(described(place), None, LOOPBACK)
    with pytest.raises(Misconfigured):
        await source.check()
    await source.close()


async def test_a_redirect_leads_nowhere_inside(place: Place) -> None:
    """An endpoint that may be asked sends us on to one that may not."""
    from aiohttp import web

    async def away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect(place.server.url.replace("127.0.0.1", "127.0.0.2") + request.raw_path)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", away)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    source = S3Source(
        described(place, endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}"),
        secret(place),
        (ip_network("127.0.0.1/32"),),
    )
    with pytest.raises(DomainError):
        await source.check()
    await source.close()
    await runner.cleanup()
