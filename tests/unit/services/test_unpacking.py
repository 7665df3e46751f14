"""Archives that people bring: what becomes of good ones, and that bad ones are refused before anything is written."""

from __future__ import annotations

import asyncio
import bz2
import contextlib
import gzip
import io
import lzma
import os
import random
import stat
import struct
import tarfile
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from collegium.domain.errors import DomainError, InvalidInput
from collegium.domain.files import Entry, EntryKind, Size
from collegium.services.unpacking import members, opening
from collegium.services.unpacking.opening import entries, survey
from collegium.services.unpacking.source import Source

Tree = dict[str, bytes]
LONG = "long/" + "n" * 120 + "/" + "m" * 130
#: Folders end in a slash.
TREE: Tree = {
    "readme.txt": b"hello",
    "data/": b"",
    "data/big.bin": random.Random(1).randbytes((2 << 20) + 77),
    "data/zeros": bytes(300_000),
    "data/empty": b"",
    "void/": b"",
    "deep/er/été.csv": b"a,b\n" * 200,
    LONG: b"n",
}
#: With the folders that nothing tells of.
WHOLE = TREE | {"deep/": b"", "deep/er/": b"", "long/": b"", LONG.rpartition("/")[0] + "/": b""}


@dataclass
class Opened:
    """A file as a store opens it."""

    entry: Entry
    fileno: int


def unpacked(data: bytes, target: str = "t", told: Callable[[opening.Survey], None] | None = None) -> Tree:
    """Look at it, then unpack it."""
    fd = os.memfd_create("archive")
    try:
        os.write(fd, data) if data else None
        source = Source(Opened(Entry("a", EntryKind.FILE, len(data)), fd), asyncio.new_event_loop())  # type: ignore[arg-type]
        seen = survey(source, target, None, lambda more: None)
        if told is not None:
            told(seen)
        found: Tree = {}
        for entry in entries(source, target, seen):
            name = entry.path + ("/" if entry.pieces is None else "")
            assert name not in found and (not os.path.dirname(entry.path) or os.path.dirname(entry.path) + "/" in found)
            pieces = list(entry.pieces or ())
            assert all(0 < len(piece) <= 1 << 20 for piece in pieces)
            found[name] = b"".join(pieces)
        assert Size(sum(not n.endswith("/") for n in found), sum(map(len, found.values()))) == seen.size
        return found
    finally:
        os.close(fd)


def zipped(tree: Tree, method: int = zipfile.ZIP_DEFLATED, far: bool = False) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        for name, data in tree.items():
            if name.endswith("/"):
                archive.writestr(name, b"")
                continue
            with archive.open(name, "w", force_zip64=far) as file:
                file.write(data)
    return made.getvalue()


def tarred(tree: Tree, form: int = tarfile.PAX_FORMAT, *more: tarfile.TarInfo) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, data in tree.items():
            info = tarfile.TarInfo(name.rstrip("/") if name != "/" else name)
            info.size, info.mode, info.uid = len(data), 0o4755, 0
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(data))
        for info in more:
            archive.addfile(info)
    return made.getvalue()


KINDS: dict[str, Callable[[Tree], bytes]] = {
    "zip": zipped,
    "zip, stored": lambda tree: zipped(tree, zipfile.ZIP_STORED),
    "zip, bzip2": lambda tree: zipped(tree, zipfile.ZIP_BZIP2),
    "zip64": lambda tree: far_end(zipped(tree, far=True)),
    "tar": tarred,
    "tar, gnu": lambda tree: tarred(tree, tarfile.GNU_FORMAT),
    "tar.gz": lambda tree: gzip.compress(tarred(tree), 1),
    "tar.gz of two": lambda tree: (d := tarred(tree)) and gzip.compress(d[:1000], 1) + gzip.compress(d[1000:], 1),
    "tar.bz2": lambda tree: bz2.compress(tarred(tree), 1),
    "tar.xz": lambda tree: lzma.compress(tarred(tree), preset=0),
    "tar.xz of two": lambda tree: (
        (d := tarred(tree)) and lzma.compress(d[:99], preset=0) + lzma.compress(d[99:], preset=0)
    ),
}


def far_end(data: bytes) -> bytes:
    """The end as archives of more than 65,535 entries or 4 GiB have it."""
    _, _, _, _, count, size, at, _ = struct.unpack("<4s4H2LH", data[-22:])
    far = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, at)
    place = struct.pack("<4sLQL", b"PK\6\7", 0, len(data) - 22, 1)
    return data[:-22] + far + place + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_give_the_same_tree(kind: str) -> None:
    data = KINDS[kind](TREE)
    assert unpacked(data) == WHOLE
    assert unpacked(KINDS[kind]({})) == {}
    # Names as macOS has them, and what begins as `tar c .` does.
    other = {"./": b"", "./" + unicodedata.normalize("NFD", "été"): b"1"}
    assert unpacked(KINDS[kind](other)) == {"été": b"1"}


NAMES = {
    "../x": "'..'",
    "a/../../x": "'..'",
    "/etc/passwd": "absolute",
    ".//etc/passwd": "absolute",
    "C:/x": "drive",
    "c:x": "drive",
    "a\\..\\b": "backslash",
    "a//b": "empty parts",
    "a/./b": "empty parts",
    "a\nb": "control",
    "a\x7fb": "control",
    "/".join("d" * 64): "deeper",
    "n" * 256: "longer than 255",
    "/".join(["n" * 200] * 21): "longer than 4096",
}


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("name", NAMES)
def test_names_stay_inside(name: str, make: Callable[[Tree], bytes]) -> None:
    with pytest.raises(InvalidInput, match=NAMES[name]) as refusal:
        unpacked(make({"good": b"1", name: b"2"}))
    assert refusal.value.details["field"] == "source"


def test_names_that_are_no_text() -> None:
    with pytest.raises(InvalidInput, match="control"):
        unpacked(zipped({"aXb": b"1"}).replace(b"aXb", b"a\0b"))
    with pytest.raises(InvalidInput, match="Unicode"):
        unpacked(tarred({"a\udcffb": b"1"}, tarfile.GNU_FORMAT))
    # Said to be UTF-8 and not so; not said, and UTF-8 or of an old PC all the same.
    said = zipped({"été": b"1"})
    with pytest.raises(InvalidInput, match="UTF-8"):
        unpacked(said.replace("été".encode(), b"\xe9t\xe9\xff\xff"))
    assert unpacked(zipped({"aXXb": b"1"}).replace(b"aXXb", "aéb".encode())) == {"aéb": b"1"}
    assert unpacked(zipped({"aXb": b"1"}).replace(b"aXb", b"a\x82b")) == {"aéb": b"1"}


@pytest.mark.parametrize("names", [("a", "a"), ("é", unicodedata.normalize("NFD", "é")), ("a", "./a"), ("a/", "a")])
def test_each_name_is_there_once(names: tuple[str, str]) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name in names:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            archive.addfile(info)
    with pytest.raises(InvalidInput, match="is there twice"):
        unpacked(made.getvalue())


@pytest.mark.parametrize("tree", [{"a": b"1", "a/b": b"2"}, {"a": b"1", "a/": b""}, {"x/y": b"1", "x/y/z/": b""}])
def test_a_file_where_a_folder_is_needed(tree: Tree) -> None:
    for make in (zipped, tarred):
        with pytest.raises(InvalidInput, match="needs a folder"):
            unpacked(make(tree))


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_links_and_devices_are_left_out_and_counted() -> None:
    others = [special("l", tarfile.SYMTYPE, "/etc"), special("f", tarfile.FIFOTYPE), special("c", tarfile.CHRTYPE)]
    seen: list[int] = []
    assert unpacked(tarred({"a": b"1"}, tarfile.PAX_FORMAT, *others), told=lambda s: seen.append(s.left_out)) == {
        "a": b"1"
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("l")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a", b"1")
    assert unpacked(made.getvalue(), told=lambda s: seen.append(s.left_out)) == {"a": b"1"}
    assert seen == [3, 1]
    # A way through a link that was left out is a folder like any other.
    assert unpacked(tarred({}, tarfile.PAX_FORMAT, special("l", tarfile.SYMTYPE, "/etc"), special("l/x", b"0"))) == {
        "l/": b"",
        "l/x": b"",
    }
    # What they hold would be missing.
    with pytest.raises(InvalidInput, match=r"h is a hard link.*hard-dereference"):
        unpacked(tarred({"a": b"1"}, tarfile.PAX_FORMAT, special("h", tarfile.LNKTYPE, "a")))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_cut_off_or_damaged(kind: str) -> None:
    """Wherever it ends, it is refused or whole; wherever it is damaged, nothing but a refusal comes of it."""
    tree = {"a": random.Random(2).randbytes(700), "b/": b"", "b/c": b"c" * 3000}
    data, rolls = KINDS[kind](tree), random.Random(3)
    for cut in sorted({rolls.randrange(len(data)) for _ in range(60)}):
        with contextlib.suppress(InvalidInput):
            assert unpacked(data[:cut]) == tree, cut
    for _ in range(150):
        bad = bytearray(data)
        for _ in range(rolls.choice((1, 3))):
            bad[rolls.randrange(len(bad))] = rolls.randrange(256)
        try:
            found = unpacked(bytes(bad))
        except DomainError:
            continue
        if kind != "tar" and kind != "tar, gnu":
            # A zip's names have no checksum.
            assert sorted(found.values()) == sorted(tree.values()) or kind.startswith("zip")


def test_what_is_no_archive() -> None:
    for data in (
        b"",
        b"x",
        b"PK",
        random.Random(4).randbytes(5000),
        b"#!/bin/sh\n" * 300,
        gzip.compress(b"text" * 500),
    ):
        with pytest.raises(InvalidInput, match="cannot be unpacked"):
            unpacked(data)
    with pytest.raises(InvalidInput, match="known are zip and tar"):
        unpacked(b"%PDF-1.7" * 200)


def directory(data: bytes, name: bytes) -> int:
    """Where a zip's list tells of an entry."""
    return data.rindex(name) - 46


def test_zips_that_lie() -> None:
    good = zipped({"a": b"abc" * 1000, "b": b"b"})
    at = directory(good, b"a")

    def changed(offset: int, form: str, value: int) -> bytes:
        data = bytearray(good)
        struct.pack_into(form, data, at + offset, value)
        return bytes(data)

    with pytest.raises(InvalidInput, match="larger than the 10 bytes"):
        unpacked(changed(24, "<L", 10))
    with pytest.raises(InvalidInput, match="3000 bytes and not the 4000"):
        unpacked(changed(24, "<L", 4000))
    with pytest.raises(InvalidInput, match="checksum"):
        unpacked(changed(16, "<L", 1))
    with pytest.raises(InvalidInput, match="encrypted"):
        unpacked(changed(8, "<H", 1))
    with pytest.raises(InvalidInput, match="method 9"):
        unpacked(changed(10, "<H", 9))
    with pytest.raises(InvalidInput, match="not where it should be"):
        unpacked(changed(42, "<L", 5))
    with pytest.raises(InvalidInput, match=r"cut off|damaged"):
        unpacked(changed(20, "<L", 5))
    # More in it by the second look than by the first.
    fd = os.memfd_create("archive")
    os.write(fd, good)
    source = Source(Opened(Entry("a", EntryKind.FILE, len(good)), fd), asyncio.new_event_loop())  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="changed while it was read"):
        for entry in entries(source, "t", opening.Survey(Size(2, 2999), 0)):
            list(entry.pieces or ())
    os.close(fd)


def test_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "ALWAYS", 1 << 20)
    zeros = bytes(8 << 20)
    for make in (zipped, KINDS["zip, bzip2"], KINDS["tar.gz"], KINDS["tar.bz2"], KINDS["tar.xz"]):
        with pytest.raises(InvalidInput, match="200 times"):
            unpacked(make({"zeros": zeros}))
    assert unpacked(zipped({"inner.zip": zipped({"zeros": zeros})})).keys() == {"inner.zip"}
    monkeypatch.setattr(members, "MAX_ENTRIES", 10)
    for tree in ({f"f{n}": b"" for n in range(11)}, {"/".join("abcdefghij") + "/f": b"", "g": b""}):
        for make in (zipped, tarred):
            with pytest.raises(InvalidInput, match="more than 10 files"):
                unpacked(make(tree))


def test_memory_has_a_bound() -> None:
    """Whatever is packed, and whatever it says of itself."""
    bomb = bz2.compress(bytes(32 << 20), 9)
    liar = zip_of(bomb, 12, 32 << 20, zlib.crc32(bytes(32 << 20)))
    pax = tarfile.TarInfo("p")
    pax.pax_headers = {"comment": "x" * (20 << 20)}
    headers = gzip.compress(tarred({}, tarfile.PAX_FORMAT, pax), 1)
    del pax
    tracemalloc.start()
    try:
        fd = os.memfd_create("archive")
        os.write(fd, liar)
        source = Source(Opened(Entry("a", EntryKind.FILE, len(liar)), fd), asyncio.new_event_loop())  # type: ignore[arg-type]
        seen = survey(source, "t", None, lambda more: None)
        size = sum(len(piece) for entry in entries(source, "t", seen) for piece in entry.pieces or ())
        os.close(fd)
        assert size == 32 << 20
        with pytest.raises(InvalidInput, match="tell of one entry"):
            unpacked(headers)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    with pytest.raises(InvalidInput, match="MiB of memory"):
        unpacked(lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 128 << 20}]))


def zip_of(packed: bytes, method: int, size: int, crc: int) -> bytes:
    """A zip with one entry, made by hand."""
    fields = (method, 0, 0, crc, len(packed), size, 1, 0)
    local = struct.pack("<4s2B4HL2L2H", b"PK\3\4", 20, 0, 0, *fields) + b"a"
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, *fields, 0, 0, 0, 0, 0) + b"a"
    start = len(local) + len(packed)
    return local + packed + entry + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(entry), start, 0)


def test_tar_headers_that_lie() -> None:
    good = tarred({"a": b"abc", "b": b"b"})
    for size in (b"\xff" * 12, b"\x80" + b"\xff" * 11, b"77777777777\0"):
        head = bytearray(good[:512])
        head[124:136] = size
        head[148:156] = b" " * 8
        head[148:156] = f"{sum(head):06o}\0 ".encode()
        for pack in (bytes, lambda d: gzip.compress(d, 1)):
            with pytest.raises(InvalidInput, match=r"cut off|below zero|leads back|more than"):
                unpacked(pack(bytes(head) + good[512:]))
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("s")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50)}
        info.size = 512
        archive.addfile(info, io.BytesIO(b"1\n0\n512\n".ljust(512, b"\0")))
    with pytest.raises(InvalidInput, match=r"sparse|damaged"):
        unpacked(made.getvalue())


def test_a_program_makes_what_we_read(tmp_path: Path) -> None:
    """Tar itself, with what it does by default."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / ("x" * 150)).write_bytes(b"1")
    (tmp_path / "in" / "link").symlink_to("/etc/passwd")
    assert os.system(f"tar -C {tmp_path}/in -czf {tmp_path}/made.tgz .") == 0
    assert unpacked((tmp_path / "made.tgz").read_bytes()) == {"sub/": b"", "sub/" + "x" * 150: b"1"}
