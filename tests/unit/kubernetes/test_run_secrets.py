"""Secrets of runs on a cluster: where they are, for how long, and what of them is in logs."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import kubernetes_validate
import pytest

from collegium.backends.kubernetes import client, naming
from collegium.backends.kubernetes.job import job_manifest
from collegium.backends.kubernetes.logs import FileLogs, LogCaps, make_log, settle_log, trim_log
from collegium.backends.kubernetes.masks import Masks
from collegium.backends.kubernetes.records import Records
from collegium.backends.kubernetes.run_secrets import secret_manifest
from collegium.backends.kubernetes.runner import KubernetesRunner
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.views import Views
from collegium.backends.local.layout import Layout
from collegium.backends.ports import RunPhase, RunRequest, RunStatus, StartFailed
from collegium.cipher import Cipher
from collegium.domain.catalog import Image
from collegium.domain.errors import Misconfigured, Unavailable
from collegium.domain.resources import Resources
from support.memory_cluster import MemoryCluster

KEY = "job-06gvv87e5d082e24le379sngjk.2"
NAME = naming.job_name(KEY)
VALUE = "marker-7f3a9c"
REQUEST = RunRequest(
    KEY,
    KEY.rpartition(".")[0],
    "physics",
    "alice",
    ["/bin/sh", "-c", "true"],
    Image("base", "Base", reference="registry.example.org/base:1", variables={"TOKEN": "of the image"}),
    Resources.parse({"cpu": "1", "memory": "1Gi"}),
    secrets={"TOKEN": VALUE, "KEY": "two\nlines"},
)
CAPS = LogCaps(64 << 10, 256 << 10)


class Place:
    """A runner over a cluster of dictionaries, and its files."""

    def __init__(self, folder: Path, cipher: Cipher | None = None) -> None:
        self.cluster, self.layout = MemoryCluster(), Layout(folder)
        self.layout.prepare()
        self.settings = KubernetesSettings(files_dir=str(folder), uid=os.getuid() or 1000)
        self.masks = Masks(cipher or Cipher.generate())
        self.records = Records(self.layout, self.settings, CAPS, self.masks)
        self.views = Views(self.cluster, self.settings)
        self.runner = KubernetesRunner(self.cluster, self.settings, self.records, self.views)
        self.logs = FileLogs(self.layout, CAPS, self.masks)

    @property
    def secret(self) -> Mapping[str, str] | None:
        found = self.cluster.objects.get(("Secret", self.settings.namespace_of("physics"), NAME))
        return found and {name: base64.b64decode(text).decode() for name, text in found["data"].items()}

    @property
    def attempt(self) -> Path:
        return self.layout.attempt(KEY)

    def write(self, data: bytes) -> None:
        with open(self.attempt / "log" / "output", "ab") as file:
            file.write(data)

    def on_disk(self) -> bytes:
        return b"".join(p.read_bytes() for p in self.layout.root.rglob("*") if p.is_file())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_manifests() -> None:
    settings = KubernetesSettings()
    job, secret = job_manifest(settings, REQUEST, "runs/x/attempts/2"), secret_manifest(settings, REQUEST)
    kubernetes_validate.validate(job, "1.35", strict=True)
    kubernetes_validate.validate(secret, "1.35", strict=True)
    (container,) = job["spec"]["template"]["spec"]["containers"]
    env = [entry for entry in container["env"] if entry["name"] in REQUEST.secrets]
    assert env == [{"name": n, "valueFrom": {"secretKeyRef": {"name": NAME, "key": n}}} for n in ("TOKEN", "KEY")]
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": NAME,
            "namespace": settings.namespace_of("physics"),
            "labels": job["metadata"]["labels"],
            "annotations": {naming.KEY: KEY},
        },
        "type": "Opaque",
        "data": {"TOKEN": base64.b64encode(VALUE.encode()).decode(), "KEY": base64.b64encode(b"two\nlines").decode()},
    }
    assert VALUE not in json.dumps(job)
    assert secret_manifest(settings, replace(REQUEST, secrets={})) is None
    with pytest.raises(StartFailed, match=r"^LONG has 134,149 bytes") as refused:
        job_manifest(settings, replace(REQUEST, secrets={"LONG": "v" * (131 << 10)}), "x")
    assert "vvv" not in str(refused.value)


async def test_the_secret_comes_first_belongs_to_the_job_and_goes_with_it(place: Place) -> None:
    await place.runner.start(REQUEST)
    kinds = [(verb, kind) for verb, kind, _ in place.cluster.calls]
    assert kinds == [("apply", "Secret"), ("create", "Job"), ("patch", "Secret")]
    assert place.secret == REQUEST.secrets
    job = place.cluster.objects["Job", place.settings.namespace_of("physics"), NAME]
    secret = place.cluster.objects["Secret", place.settings.namespace_of("physics"), NAME]
    (owner,) = secret["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "batch/v1", "kind": "Job", "name": NAME, "uid": job["metadata"]["uid"]}
    assert VALUE.encode() not in place.on_disk()
    await place.runner.start(REQUEST)
    assert len(place.cluster.calls) == 3
    place.records.finish(KEY, RunStatus(KEY, RunPhase.SUCCEEDED))
    await place.runner.forget(KEY)
    assert place.cluster.objects == {}
    assert not (place.attempt / "mask").exists()


async def test_a_start_after_a_crash_has_the_newest_value_and_masks_both(place: Place) -> None:
    place.cluster.failures["create", "Job"] = [Unavailable("away")]
    with pytest.raises(Unavailable):
        await place.runner.start(REQUEST)
    place.cluster.failures["patch", "Secret"] = [Unavailable("away")]
    newer = replace(REQUEST, secrets={"TOKEN": "newer-value"})
    with pytest.raises(Unavailable):
        await place.runner.start(newer)
    assert place.records.read(KEY).created_at is None  # type: ignore[union-attr]
    await place.runner.start(newer)
    assert place.secret == newer.secrets
    place.write(f"{VALUE} newer-value\n".encode())
    assert (await place.logs.read(KEY)).data == b"*" * 13 + b" " + b"*" * 11 + b"\n"


async def test_what_the_cluster_does_not_take_leaves_no_secret(place: Place) -> None:
    place.cluster.failures["create", "Job"] = [client.Refused(422, "Invalid", "no such class")]
    with pytest.raises(StartFailed):
        await place.runner.start(REQUEST)
    assert place.secret is None


async def test_no_start_without_a_key(tmp_path: Path) -> None:
    place = Place(tmp_path, Cipher.without())
    with pytest.raises(Misconfigured):
        await place.runner.start(REQUEST)
    assert place.cluster.objects == {}


@pytest.fixture
def writing(place: Place) -> Place:
    (place.attempt / "log").mkdir(parents=True)
    make_log(place.attempt)
    place.masks.add(place.attempt, ["first-secret", "another"])
    return place


async def read(place: Place, at: int = 0, limit: int = 7) -> tuple[bytes, int]:
    """All there is from a place, in small pieces, and where it ends."""
    found = b""
    while True:
        chunk = await place.logs.read(KEY, at, limit)
        if not chunk.data:
            assert at <= await place.logs.size(KEY) or at == chunk.next_offset
            return found, at
        found, at = found + chunk.data, chunk.next_offset


async def test_masked_while_it_is_written(writing: Place) -> None:
    text = b"a first-secret, and another.\n" * 3
    shown = b"a ************, and *******.\n" * 3
    for at in range(0, len(text), 4):
        writing.write(text[at : at + 4])
        found, end = await read(writing)
        assert found == shown[:end] and end == await writing.logs.size(KEY)
        # What may still become a secret is held back, and nothing else.
        held = text[end : at + 4]
        assert not held or b"first-secret".startswith(held) or b"another".startswith(held)
    for start in range(len(text)):
        assert (await read(writing, start, 5))[0] == shown[start:]
    assert (await writing.logs.read(KEY, -9, 4)).data == shown[-9:][:4]


async def test_masked_for_good_when_it_is_over(writing: Place) -> None:
    writing.write(b"first-secret\n" * 10_000 + b"and first-sec")
    # A pod that does not know yet that it is over.
    with open(writing.attempt / "log" / "output", "ab") as late:
        assert settle_log(writing.attempt, CAPS, writing.masks) == 130_013
        (writing.attempt / "exit.json").write_text(json.dumps({"log_size": 130_013}))
        late.write(b"first-secret")
    assert not (writing.attempt / "mask").exists()
    stored = (writing.attempt / "log" / "output").read_bytes()
    assert stored == b"************\n" * 10_000 + b"and *********"
    assert b"first" not in writing.on_disk()
    assert (await read(writing, limit=50_000))[0] == stored


async def test_nothing_shows_where_the_middle_is_taken_out(writing: Place) -> None:
    text = b"first-secret" * 100_000
    writing.write(text)
    trim_log(writing.attempt, CAPS)
    for step in ("running", "over"):
        if step == "over":
            assert settle_log(writing.attempt, CAPS, writing.masks) == len(text)
            (writing.attempt / "exit.json").write_text(json.dumps({"log_size": len(text)}))
        for at in (0, CAPS.head - 20, CAPS.head, len(text) - CAPS.tail, len(text) - 30):
            chunk = await writing.logs.read(KEY, at, 1000)
            # At an edge fewer than four bytes can stand alone.
            assert len(chunk.data.replace(b"*", b"")) < 4, (step, at)
    with open(writing.attempt / "log" / "output", "rb") as file:
        assert b"first-secret" not in file.read(CAPS.head)
        file.seek(len(text) - CAPS.tail)
        assert b"first-secret" not in file.read()


async def test_without_the_key_there_is_no_log(writing: Place) -> None:
    writing.write(b"first-secret")
    other = Masks(Cipher.generate())
    with pytest.raises(Misconfigured, match="cannot be shown"):
        await FileLogs(writing.layout, CAPS, other).read(KEY)
    # A run ends all the same; with the key the log can be read.
    assert settle_log(writing.attempt, CAPS, other) == 12
    (writing.attempt / "exit.json").write_text(json.dumps({"log_size": 12}))
    assert (await read(writing))[0] == b"*" * 12
