"""Figures that jobs tell of themselves and what they use: read while they run, kept, shown, and safe from anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from collegium.backends.local import create as create_local
from collegium.backends.local.limits import Limiter
from collegium.backends.memory import MemoryBackend
from collegium.db import Database
from collegium.domain.metrics import MAX_FILE, MAX_KEYS, MAX_POINTS
from collegium.domain.names import new_id
from collegium.domain.usage import Usage
from collegium.services.controller.lease import Lease
from collegium.services.jobs import figure_rounds
from collegium.services.jobs.figure_rounds import FigureRounds
from integration.services.harness import Clock, FakeHub, Service, running_service

JOBS = "/groups/physics/jobs"
FILE = "metrics.jsonl"


def line(step: int, **figures: float) -> bytes:
    return json.dumps({"step": step, **figures}).encode() + b"\n"


async def started(service: Service, **changes: Any) -> str:
    job = await service.submit(**changes)
    await service.round(2)
    assert (await service.job(job))["state"] == "Running"
    return job


async def figures(service: Service, job: str) -> dict[str, Any]:
    answer = await service.client().get(f"{JOBS}/{job}/metrics")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def look(service: Service) -> None:
    """A round that looks at every file, however lately it was looked at."""
    assert service.context.controller is not None
    service.context.controller.figures._due.clear()
    await service.round()


async def test_figures_of_a_running_job_and_its_end(service: Service) -> None:
    job = await started(service)
    assert await figures(service, job) == {"items": [], "problems": [], "complete": False}
    text = line(0, loss=4, acc=0.1) + line(1, loss=2, acc=0.2)
    service.memory.write_artifact(f"{job}.1", FILE, text + b'{"step": 2, "lo')
    await look(service)
    found = await figures(service, job)
    assert [(s["key"], s["step"], s["value"], s["count"]) for s in found["items"]] == [
        ("acc", 1, 0.2, 2),
        ("loss", 1, 2.0, 2),
    ]
    assert found["items"][1]["points"] == [[0, 4.0], [1, 2.0]]
    assert (found["items"][1]["minimum"], found["items"][1]["maximum"]) == (2.0, 4.0)
    # The rest of the line, a line that makes no sense, and a last one that is not ended.
    service.memory.write_artifact(f"{job}.1", FILE, text + line(2, loss=1) + b"nonsense\n" + line(3, loss=0.5)[:-1])
    service.memory.finish(f"{job}.1")
    await service.round(2)
    found = await figures(service, job)
    assert found["items"][1]["points"] == [[0, 4.0], [1, 2.0], [2, 1.0], [3, 0.5]]
    assert found["complete"] is True
    assert "1 line or figure" in found["problems"][0]
    # It is over: nothing is looked at any more.
    assert service.database is not None
    with service.database.read() as uow:
        assert uow.metrics.unread() == []


async def test_a_job_over_before_anybody_looked_is_read(service: Service) -> None:
    job = await service.submit()
    await service.round()
    service.memory.write_artifact(f"{job}.1", FILE, line(0, loss=1))
    service.memory.finish(f"{job}.1", 1)
    await service.round(2)
    found = await figures(service, job)
    assert ([s["value"] for s in found["items"]], found["complete"]) == ([1.0], True)


async def test_a_new_attempt_starts_over(service: Service) -> None:
    job = await started(service, retries=1)
    service.memory.write_artifact(f"{job}.1", FILE, line(0, loss=1, old=1))
    service.memory.measure(f"{job}.1", Usage(cpu=((1.0, 0.5),)))
    service.memory.finish(f"{job}.1", 1)
    await service.round()
    # Until the next one runs, what the last one told is shown.
    assert [s["key"] for s in (await figures(service, job))["items"]] == ["loss", "old"]
    await service.round()
    assert (await service.job(job))["state"] == "Running"
    assert (await figures(service, job))["items"] == []
    service.memory.write_artifact(f"{job}.2", FILE, line(0, loss=7))
    service.memory.finish(f"{job}.2")
    await service.round(2)
    assert [(s["key"], s["value"], s["count"]) for s in (await figures(service, job))["items"]] == [("loss", 7.0, 1)]
    usage = f"{JOBS}/{job}/usage"
    assert (await service.client().get(usage, params={"attempt": 1})).json()["cpu"] == [[1.0, 0.5]]
    assert (await service.client().get(usage)).json()["attempt"] == 2
    assert (await service.client().get(usage, params={"attempt": 3})).status_code == 404


class Killed(BaseException):
    """kill -9, as far as one process can play it."""


class Dying:
    """A database whose writer dies before or after its one write."""

    def __init__(self, database: Database, when: str) -> None:
        self.reading, self._writing, self._when = database.reading, database.writing, when

    async def writing(self, function: Any) -> Any:
        if self._when == "before":
            raise Killed
        result = await self._writing(function)
        if self._when == "after":
            raise Killed
        return result


async def test_killed_at_any_write_no_figure_is_lost_or_counted_twice(
    service: Service, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, text = await started(service), b""
    controller = service.context.controller
    assert controller is not None

    async def nothing() -> None:
        """The figures are left to those who die."""

    monkeypatch.setattr(controller.figures, "round", nothing)
    for number in range(10):
        text += line(number, loss=number)
        service.memory.write_artifact(f"{job}.1", FILE, text + b'{"st')
        if number == 9:
            service.memory.finish(f"{job}.1")
            await service.round()
        for when in ("before", "after", "after") if number % 2 else ("after", "before"):
            lease = Lease(cast(Any, Dying(service.database, when)), clock)
            lease._generation = controller.lease._generation
            lease.holder = controller.lease.holder
            with contextlib.suppress(Killed):
                await FigureRounds(
                    service.database, service.memory.backend.volumes, lease, service.context.metrics
                ).round()
    found = await figures(service, job)
    assert found["complete"]
    assert found["items"][0]["points"] == [[n, float(n)] for n in range(10)]
    assert found["items"][0]["count"] == 10


async def test_a_hostile_file_is_bounded(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure_rounds, "MAX_FILE", 3 << 20)
    hostile, good = await started(service), await started(service)
    keys = b"".join(line(0, **{f"key{i}": 1.0}) for i in range(MAX_KEYS + 50))
    flood = b"".join(line(i, key0=i) for i in range(90_000))
    assert len(flood) > 2 << 20
    service.memory.write_artifact(f"{hostile}.1", FILE, keys + flood + b"x" * (2 << 20))
    service.memory.write_artifact(f"{good}.1", FILE, line(0, loss=1))
    await look(service)
    with service.database.read() as uow:
        states = {f.job_id: f.offset for f in uow.metrics.unread()}
    # One round takes so much and no more, and the other job has its turn in it.
    assert 0 < states[hostile] <= figure_rounds.PIECE
    assert (await figures(service, good))["items"][0]["value"] == 1.0
    service.memory.finish(f"{hostile}.1")
    await service.round(8)
    found = await figures(service, hostile)
    assert (len(found["items"]), found["complete"]) == (MAX_KEYS, True)
    assert len(next(s for s in found["items"] if s["key"] == "key0")["points"]) <= MAX_POINTS
    assert "lines or figures" in found["problems"][0]


async def test_a_file_beyond_its_bound_says_so(service: Service) -> None:
    job = await started(service)
    with service.database.write() as uow:
        [file] = uow.metrics.unread()
        uow.metrics.take(file, figure_rounds.Found((), MAX_FILE - 10))
    service.memory.runs[f"{job}.1"].artifacts[FILE] = (Endless(), None)  # type: ignore[assignment]
    await look(service)
    found = await figures(service, job)
    assert found["complete"]
    assert "larger than 64 MiB" in found["problems"][0]


class Endless(bytes):
    """A file without end."""

    def __getitem__(self, place: Any) -> bytes:
        return b"x" * (place.stop - place.start)


async def test_trouble_with_one_file_is_its_own(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = await started(service), await started(service)
    for job in (bad, good):
        service.memory.write_artifact(f"{job}.1", FILE, line(0, loss=1))
    real = service.memory.open_artifact

    def broken(key: str, *args: Any) -> Any:
        if key.startswith(bad):
            raise OSError("the disk is gone")
        return real(key, *args)

    monkeypatch.setattr(service.memory, "open_artifact", broken)
    await look(service)
    assert (await figures(service, bad))["items"] == []
    assert len((await figures(service, good))["items"]) == 1
    monkeypatch.undo()
    await look(service)
    assert len((await figures(service, bad))["items"]) == 1


async def test_side_by_side(service: Service) -> None:
    jobs = [await started(service, name=f"run {i}") for i in range(3)]
    for i, job in enumerate(jobs[:2]):
        service.memory.write_artifact(f"{job}.1", FILE, b"".join(line(n, loss=n * i, acc=1) for n in range(3)))
    await look(service)
    client, path = service.client("vic"), "/groups/physics/metrics"
    found = (await client.get(path, params={"job": jobs, "key": "loss"})).json()
    assert (found["key"], found["keys"]) == ("loss", ["acc", "loss"])
    assert [(i["job"], i["name"], i["value"], i["point"]) for i in found["items"]] == [
        (jobs[0], "run 0", 0.0, None),
        (jobs[1], "run 1", 2.0, None),
        (jobs[2], "run 2", None, None),
    ]
    assert found["items"][1]["points"] == [[0, 0.0], [1, 1.0], [2, 2.0]]
    assert (await client.get(path, params={"job": jobs[:1]})).json()["key"] == "acc"
    for params, status in (
        ({}, 400),
        ({"job": jobs, "sweep": new_id("swp")}, 400),
        ({"job": "nonsense"}, 400),
        ({"job": jobs, "key": ["a", "b"]}, 400),
        ({"job": [new_id("job")]}, 404),
        ({"sweep": new_id("swp")}, 404),
    ):
        answer = await client.get(path, params=params)
        assert answer.status_code == status, answer.text


async def test_use_of_a_job_outlives_its_files(service: Service) -> None:
    waiting = await service.submit()
    none = (await service.client().get(f"{JOBS}/{waiting}/usage")).json()
    assert (none["attempt"], none["started_at"], none["cpu"]) == (0, None, [])
    assert none["limits"] == {"cpu": 1.0, "memory": 1 << 30, "gpu": None}
    await service.round(2)
    used = Usage(((2.0, 0.5), (4.0, 1.0)), ((0.0, 100),), ((2.0, 0.75),), ((2.0, 7),))
    service.memory.measure(f"{waiting}.1", used)
    expected = {
        "cpu": [[2.0, 0.5], [4.0, 1.0]],
        "memory": [[0.0, 100.0]],
        "gpu": [[2.0, 0.75]],
        "gpu_memory": [[2.0, 7.0]],
    }
    during = (await service.client().get(f"{JOBS}/{waiting}/usage")).json()
    assert {k: during[k] for k in expected} == expected
    service.memory.finish(f"{waiting}.1")
    await service.round()
    service.memory.runs.clear()
    after = (await service.client().get(f"{JOBS}/{waiting}/usage")).json()
    assert after == during
    assert after["started_at"] is not None


async def test_a_real_process_is_measured_and_heard(seeded: Database, hub: FakeHub, tmp_path: Path) -> None:
    backend = create_local(state_dir=tmp_path / "runs", homes_dir=tmp_path / "homes", limiter=Limiter("rlimit"))
    place = cast(MemoryBackend, SimpleNamespace(backend=backend))
    command = "for i in 3 2 1; do echo '{\"loss\":' $i'}' >> artifacts/metrics.jsonl; i=$(seq 200000 | tail -1); done"
    async with running_service(seeded, hub, memory=place) as service, asyncio.timeout(60):
        job = await service.submit(command=command)
        while not (found := await figures(service, job))["complete"]:
            await service.round()
        assert (await service.job(job))["state"] == "Succeeded"
        assert [s["points"] for s in found["items"]] == [[[0, 3.0], [1, 2.0], [2, 1.0]]]
        used = (await service.client().get(f"{JOBS}/{job}/usage")).json()
        assert sum(cores for _, cores in used["cpu"]) > 0
        assert used["memory"][-1][1] > 0
