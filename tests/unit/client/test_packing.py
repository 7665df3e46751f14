"""A folder as one archive that is made while it is sent."""

from __future__ import annotations

import io
import os
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from collegium_client import packing
from collegium_client.errors import CollegiumError
from collegium_client.packing import Packed, default_target, place_beside

MOMENT = "2026-11-01T10:00:00Z"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "sub" / "empty").mkdir(parents=True)
    (made / "sub" / ("é" * 120)).write_bytes(b"long")
    (made / "large").write_bytes(random.Random(1).randbytes((2 << 20) + 5))
    for number in range(20):
        (made / "sub" / f"{number}").write_bytes(b"x" * (number * 100))
    (made / "way").symlink_to(made / "sub")
    (made / "link").symlink_to(made / "sub" / "7")
    return made


def test_an_archive_is_the_same_from_wherever_it_is_read(folder: Path) -> None:
    packed = Packed.folder(folder, "a.tar")
    told: list[tuple[int, int]] = []
    whole = b"".join(packed.pieces(0, packed.size, lambda *at: told.append(at)))
    assert len(whole) == packed.size and told[-1] == (packed.size, packed.size)
    with tarfile.open(fileobj=io.BytesIO(whole)) as archive:
        members = {member.name: member for member in archive}
        assert {name for name, member in members.items() if member.isdir()} == {"sub", "sub/empty"}
        assert all(member.isreg() or member.isdir() for member in members.values())
        for name in ("large", "link", "sub/9", f"sub/{'é' * 120}"):
            file = archive.extractfile(name)
            assert file is not None and file.read() == (folder / name).read_bytes()
    rolls = random.Random(2)
    starts = [0, packed.size - 1, *(m.start for m in packed.members[:5]), *rolls.sample(range(packed.size), 20)]
    for start in starts:
        count = rolls.randrange(1, packed.size - start + 1)
        assert b"".join(packed.pieces(start, count)) == whole[start : start + count]
    empty = folder / "sub" / "empty"
    assert b"".join(Packed.folder(empty, "a").pieces(0, 1024)) == bytes(1024)


def test_what_cannot_be_packed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = Packed.folder(folder, "a.tar")
    (folder / "sub" / "3").write_bytes(b"another")
    with pytest.raises(CollegiumError, match="changed while"):
        list(packed.pieces(0, packed.size))
    os.mkdir(os.fsencode(folder) + b"/\xff")
    with pytest.raises(CollegiumError, match="no name in UTF-8"):
        Packed.folder(folder, "a.tar")
    os.rmdir(os.fsencode(folder) + b"/\xff")
    monkeypatch.setattr(packing, "MAX_ENTRIES", 5)
    with pytest.raises(CollegiumError, match="more than 5"):
        Packed.folder(folder, "a.tar")
    with pytest.raises(CollegiumError, match="cannot be read"):
        Packed.folder(folder / "none", "a.tar")


def test_commands(run: Callable[..., Result], folder: Path) -> None:
    task = {"id": "t", "kind": "unpack", "state": "Succeeded", "user": "ann", "source": "a", "target": "b"}
    task |= {"done": {"files": 1, "bytes": 1}, "total": None, "message": "a was unpacked", "created_at": MOMENT}
    done = httpx.Response(201, json={**task, "finished_at": MOMENT})
    assert "a was unpacked" in run("files", "unpack", "in/a.tar.gz", replies=[done]).output
    assert "say --recursive, or --packed" in run("files", "put", str(folder), "in/", replies=[done]).output


def test_names() -> None:
    assert place_beside("new").startswith(".collegium-") and place_beside("a/b/new").startswith("a/b/.collegium-")
    names = {"a/b.tar.gz": "a/b", "b.TGZ": "b", "b.zip": "b", "a/.zip": "a/.zip.unpacked", ".tar": ".tar.unpacked"}
    assert {name: default_target(name) for name in names} == names
    assert default_target("data") == "data.unpacked"
