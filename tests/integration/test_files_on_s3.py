"""Shared files and datasets of a whole installation whose store is a real S3 server, one day from end to end."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import httpx
import pytest

from support.faults import kill9
from support.installation import Installation, until
from support.s3 import S3Server, shared_server
from support.tus import Tus

MiB = 1 << 20
DATA = random.Random(7).randbytes(40 * MiB + 77)
#: More than two parts that go straight to the store.
DIRECT = DATA[: 32 * MiB + 1000]
CSV = b"name,age\nann,3\nbob,5\n"
#: A hub looks after its services each half minute: here it does each second.
SOON = "from jupyterhub.services import service as _hub_services\n_hub_services._ServiceSpawner.poll_interval = 1"
READS = """
import fsspec
with fsspec.open("collegium://chemistry/.datasets/people@1/set/people.csv", "r") as file:
    print(file.read().splitlines()[-1])
try:
    with fsspec.open("collegium://chemistry/.datasets/people@1/set/people.csv", "w") as file:
        file.write("x")
except OSError as error:
    print(type(error).__name__)
"""


class OnS3(Installation):
    """An installation whose files are in a bucket."""

    server: S3Server
    bucket: str

    @property
    def environment(self) -> dict[str, str]:
        settings = self.server.settings(self.bucket, "lab", direct=True)
        place = self.folder / "files.json"
        place.write_text(json.dumps(dataclasses.asdict(settings)))
        return {**super().environment, "COLLEGIUM_FILES": str(place)}

    def client(self, user: str) -> httpx.Client:
        headers = {"Authorization": f"token {self.token(user, note='test', scopes=['inherit'])}"}
        return httpx.Client(base_url=self.api, headers=headers, timeout=60, trust_env=False)

    def service(self) -> int:
        """The service's process; 0 while there is none."""
        return next(iter(self.processes("-m", "collegium.services")), 0)

    def parts(self) -> list[int]:
        """Sizes of parts of uploads that nobody sees yet, as the server itself lists them."""
        client, sizes = self.server.client, []
        for one in client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []):
            found = client.list_parts(Bucket=self.bucket, Key=one["Key"], UploadId=one["UploadId"])
            sizes += [int(part["Size"]) for part in found.get("Parts", [])]
        return sizes


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[OnS3]:
    OnS3.server = shared_server()
    OnS3.bucket = OnS3.server.bucket()
    running = OnS3(tmp_path / "hub", extra=SOON)
    try:
        yield running.start()
    finally:
        running.stop()


def told(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def done(client: httpx.Client, answer: httpx.Response, group: str = "physics") -> None:
    """A task that was begun, once it is over."""
    task = told(answer, 201)
    url = f"/groups/{group}/files/tasks/{task['id']}"
    until("the task ends", lambda: told(client.get(url))["state"] != "Running")
    assert told(client.get(url))["state"] == "Succeeded", told(client.get(url))


async def test_a_day_on_s3(hub: OnS3) -> None:
    ann, cem = hub.client("ann"), hub.client("cem")
    files = "/groups/physics/files"
    store = told(ann.get(f"{files}/store"))
    assert (told(ann.get(files))["items"], store["kind"], store["direct"]) == ([], "s3", True)
    assert told(ann.put(f"{files}/content?path=in/people.csv", content=CSV))["size"] == len(CSV)
    await resumed(hub, ann)
    direct(ann)

    # Bytes, by ranges over the border of parts, and as a zip.
    border = ann.get(f"{files}/content?path=in/large", headers={"Range": f"bytes={8 * MiB - 3}-{8 * MiB + 3}"})
    assert (border.status_code, border.content) == (206, DATA[8 * MiB - 3 : 8 * MiB + 4])
    assert ann.get(f"{files}/content?path=in/direct", headers={"Range": "bytes=-5"}).content == DIRECT[-5:]
    told(ann.put(f"{files}/content?path=set/people.csv", content=CSV))
    told(ann.put(f"{files}/content?path=set/deep/note.txt", content=b"note"))
    with zipfile.ZipFile(io.BytesIO(ann.get(f"{files}/archive?path=set").content)) as archive:
        assert archive.testzip() is None
        assert archive.read("set/people.csv") == CSV and archive.read("set/deep/note.txt") == b"note"

    # Moved, deleted, restored, shared.
    done(ann, ann.post(f"{files}/move", json={"source": "in", "target": "moved/in"}))
    assert [e["name"] for e in told(ann.get(f"{files}?path=moved/in"))["items"]] == ["direct", "large", "people.csv"]
    assert told(ann.get(f"{files}/checksum?path=moved/in/large"))["sha256"] == hashlib.sha256(DATA).hexdigest()
    done(ann, ann.post(f"{files}/delete", json={"paths": ["moved"]}))
    assert [e["name"] for e in told(ann.get(files))["items"]] == ["set"]
    (gone,) = told(ann.get(f"{files}/trash"))["items"]
    assert (gone["path"], gone["files"], gone["size"]) == ("moved", 3, len(DATA) + len(DIRECT) + len(CSV))
    done(ann, ann.post(f"{files}/trash/{gone['id']}/restore", json={"path": "again"}))
    assert ann.get(f"{files}/content?path=again/in/large").content == DATA
    share = told(ann.post(f"{files}/shares", json={"path": "set"}), 201)
    bob = hub.client("bob")
    assert "people.csv" in bob.get(share["url"], headers={"Accept": "text/html"}).text
    assert bob.get(f"{share['url']}/content?path=people.csv").content == CSV
    assert cem.get(f"{share['url']}/content?path=people.csv").status_code == 404

    # What is stored is known at once.
    stored = told(ann.get(f"{files}/storage"))
    size = len(DATA) + len(DIRECT) + 2 * len(CSV) + 4
    assert (stored["used"], stored["files"], stored["trash"], stored["uploads"]) == (size, 5, 0, 0)
    dataset(hub, ann, cem)
    stored = told(ann.get(f"{files}/storage"))
    # Two files of the dataset, of which one was changed, and of each of its versions; more once it is measured.
    assert stored["files"] >= 11 and stored["used"] >= size + 2 * (len(CSV) + 4) + len(b"changed") + 4
    assert stored["uploads"] == 0
    # No half upload, and no record of a copy that nobody ended.
    assert hub.parts() == []
    assert [key for key in hub.server.keys(hub.bucket) if "/uploads/" in key or "/work/" in key] == []


async def resumed(hub: OnS3, ann: httpx.Client) -> None:
    """An upload over the death of the service: what the store has by then is not sent again."""
    token = ann.headers["Authorization"].removeprefix("token ")
    tus = Tus(hub.url, httpx.URL(hub.api).path + "/groups/physics/files/uploads", token)
    created = await tus.create("in/large", len(DATA), sha256=hashlib.sha256(DATA).hexdigest())
    assert created.status == 201, created
    place, victim = created.headers["location"], hub.service()
    line = await tus.break_off(place, 0, DATA, 25 * MiB)
    until("parts are in the store", lambda: len(hub.parts()) >= 2, pause=0.02)
    assert kill9(victim)
    line.reset()
    until("another service was started", lambda: hub.service() not in (0, victim) and hub.answers())
    offset = (await tus.head(place)).offset
    assert 16 * MiB <= offset < len(DATA)
    assert [e["name"] for e in told(ann.get("/groups/physics/files?path=in"))["items"]] == ["people.csv"]
    answer = await tus.patch(place, offset, DATA[offset:])
    assert answer.status == 204 and answer.offset == len(DATA), answer
    upload = f"/groups/physics/files/uploads/{place.rpartition('/')[2]}"
    until("the file is there", lambda: told(ann.get(upload))["state"] in ("Done", "Failed"))
    assert told(ann.get(upload))["state"] == "Done", told(ann.get(upload))
    content = ann.get("/groups/physics/files/content?path=in/large").content
    assert hashlib.sha256(content).digest() == hashlib.sha256(DATA).digest()


def direct(ann: httpx.Client) -> None:
    """Parts that go to the store itself, the last one first."""
    uploads = "/groups/physics/files/uploads"
    made = told(ann.post(uploads, json={"path": "in/direct", "size": len(DIRECT), "direct": True}), 201)
    size, count = made["part_size"], made["parts"]
    assert count == -(-len(DIRECT) // size) >= 3
    signed = told(ann.post(f"{uploads}/{made['id']}/parts", json={"numbers": list(range(1, count + 1))}))["items"]
    complete = f"{uploads}/{made['id']}/complete"
    with httpx.Client(trust_env=False, timeout=60) as plain:
        for part in [signed[-1], *signed[1:-1], signed[0]]:
            refused = told(ann.post(complete), 409)["error"]["details"]
            assert part["number"] in refused["missing"]
            start = (part["number"] - 1) * size
            assert plain.put(part["url"], content=DIRECT[start : start + size]).status_code == 200
    assert len(told(ann.get(f"{uploads}/{made['id']}"))["received"]) == count
    assert told(ann.post(complete))["state"] == "Done"
    assert ann.get("/groups/physics/files/content?path=in/direct").content == DIRECT


def dataset(hub: OnS3, ann: httpx.Client, cem: httpx.Client) -> None:
    """A version, by every way into another group."""
    datasets, cems = "/groups/physics/datasets", "/groups/chemistry/files/content?path=.datasets"
    told(ann.post(datasets, json={"name": "people", "copy_from": ["set"]}), 201)
    until("the files are copied", lambda: not told(ann.get(f"{datasets}/people")).get("copying"))
    url = f"{datasets}/people/versions"
    with ThreadPoolExecutor(2) as pool:
        asked = list(pool.map(lambda note: told(ann.post(url, json={"note": note}), 201), ["one", "two"]))
    assert sorted(version["number"] for version in asked) == [1, 2]
    until("both are made", lambda: all(version["state"] != "Making" for version in told(ann.get(url))["items"]))
    for number in (1, 2):
        version = told(ann.get(f"{url}/{number}"))
        assert (version["state"], version["files"], version["size"]) == ("Ready", 2, len(CSV) + 4), version
        assert version["tables"][0]["rows"] == 2
    told(ann.put("/groups/physics/files/content?path=.datasets/people/set/people.csv", content=b"changed"))
    assert cem.get(f"{cems}/people@1/set/people.csv").status_code == 404
    told(ann.put(f"{datasets}/people/grants/chemistry", json={"access": "ro"}))
    assert cem.get(f"{cems}/people@1/set/people.csv").content == CSV
    assert cem.get(f"{cems}/people/set/people.csv").content == b"changed"
    for path in ("people@1", "people"):
        refused = cem.put(f"{cems}/{path}/set/people.csv", content=b"x")
        assert refused.status_code == 403, refused.text
    token = cem.headers["Authorization"].removeprefix("token ")
    mine = fsspec.filesystem("collegium", url=hub.url, token=token, skip_instance_cache=True)
    assert mine.cat("chemistry/.datasets/people@1/set/people.csv") == CSV
    assert mine.ls("chemistry/.datasets/people@1", detail=False) == ["chemistry/.datasets/people@1/set"]

    # A job has neither a folder of it nor a token of its own: its run's is enough, and its lineage shows the version.
    body = {"name": "read", "image": "scientific-python", "instance_type": "small", "datasets": ["people@1"]}
    job = told(cem.post("/groups/chemistry/jobs", json={**body, "command": f"python - <<'END'\n{READS}\nEND"}), 201)
    url = f"/groups/chemistry/jobs/{job['id']}"
    until("the job ends", lambda: told(cem.get(url))["state"] in ("Succeeded", "Failed", "Cancelled"))
    shown, log = told(cem.get(url)), cem.get(f"{url}/logs").text
    assert (shown["state"], log.splitlines()) == ("Succeeded", ["bob,5", "PermissionError"]), (shown["message"], log)
    assert [(d["name"], d["version"], d["access"]) for d in shown["datasets"]] == [("people", 1, "ro")], shown
    (use,) = told(ann.get(f"{datasets}/people/uses"))["items"]
    assert (use["kind"], use["id"], use["group"], use["version"]) == ("job", job["id"], "chemistry", 1)
    until("its use ends", lambda: told(ann.get(f"{datasets}/people/uses"))["items"][0]["ended_at"])
