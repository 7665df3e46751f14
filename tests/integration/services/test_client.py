"""The Python client against the real service, also where connections are cut under it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collegium_client import AsyncClient, Client, Retry, errors
from integration.services.harness import BODY, Service
from support.cutting import CuttingProxy, cutting_proxy

FAST = Retry(tries=8, first=0.01, most=0.05)


@pytest.fixture
async def proxy(service: Service) -> AsyncIterator[CuttingProxy]:
    async with cutting_proxy(service.url) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: CuttingProxy) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(proxy.url, "mia", "physics", retry=FAST) as client:
        yield client


async def running(service: Service, client: AsyncClient, **changes: Any) -> Any:
    """A job of mia's that runs, and its key at the backend."""
    job = await client.jobs.submit({**BODY, **changes})
    await service.round(2)
    return job


async def test_a_life(service: Service, client: AsyncClient) -> None:
    job = await client.jobs.submit(**BODY)
    assert (job.state, job.job.queue_position, job.created) == ("Pending", 1, True)
    assert [j.id async for j in client.jobs.list(state="Pending")] == [job.id]
    await service.round(2)
    assert (await job.refresh()).state == "Running"
    service.memory.write_log(f"{job.id}.1", b"hello\n")
    assert await job.logs() == "hello\n"
    waiting = asyncio.create_task(job.wait(30))
    service.memory.finish(f"{job.id}.1", 3)
    await service.round()
    over = await waiting
    assert (over.state, over.exit_code, job.exit_status) == ("Failed", 3, 3)
    again = await job.rerun()
    assert again.job.rerun_of == job.id
    await again.cancel()
    await service.round(2)
    assert (await again.wait(30)).state == "Cancelled"
    assert (await client.context()).user.name == "mia"


async def test_a_log_is_whole_though_connections_are_cut_again_and_again(
    service: Service, client: AsyncClient, proxy: CuttingProxy
) -> None:
    job = await running(service, client)
    lines = [f"{n} grün 🙂 {'x' * random.Random(n).randint(0, 300)}\n" for n in range(4000)]
    seed = random.Random(7)
    # Somewhere in the head, in an event, in a sign of several bytes: wherever it comes.
    proxy.cuts = [None if n % 12 == 11 else seed.randint(1, 150_000) for n in range(40)]
    await client.aclose()

    async def write() -> None:
        for start in range(0, len(lines), 200):
            service.memory.write_log(f"{job.id}.1", "".join(lines[start : start + 200]).encode())
            await asyncio.sleep(0)
        service.memory.finish(f"{job.id}.1", 0)
        await service.round()

    ends: list[Any] = []
    async with AsyncClient(proxy.url, "mia", "physics", retry=FAST) as follower:
        proxy.connections = 0
        writing = asyncio.create_task(write())
        text = "".join([p.text async for p in follower.jobs.follow(job.id, on_end=ends.append)])
        await writing
    assert text == "".join(lines)
    assert (ends[0].state, ends[0].exit_code) == ("Succeeded", 0)
    assert proxy.connections > 5


async def test_a_submit_whose_answer_was_lost_makes_one_job(
    service: Service, client: AsyncClient, proxy: CuttingProxy
) -> None:
    for cut in (0, 1, 50, 300):
        await client.aclose()
        proxy.cuts = [cut]
        async with AsyncClient(proxy.url, "mia", "physics", retry=FAST) as submitter:
            name = f"cut at {cut}"
            before = proxy.connections
            job = await submitter.jobs.submit({**BODY, "name": name})
            assert proxy.connections == before + 2
            found = [j.id async for j in submitter.jobs.list(text=name)]
            assert found == [job.id]


async def test_the_same_key_is_one_job_and_another_job_under_it_is_refused(client: AsyncClient) -> None:
    first = await client.jobs.submit(BODY, key="nightly")
    again = await client.jobs.submit(BODY, key="nightly")
    assert (first.created, again.created, again.id) == (True, False, first.id)
    with pytest.raises(errors.KeyUsedOtherwise):
        await client.jobs.submit({**BODY, "name": "other"}, key="nightly")


async def test_an_artifact_arrives_though_its_connection_is_cut(
    service: Service, client: AsyncClient, proxy: CuttingProxy, tmp_path: Path
) -> None:
    job = await running(service, client)
    content = random.Random(3).randbytes(300_000)
    service.memory.write_artifact(f"{job.id}.1", "plots/a b.bin", content)
    service.memory.finish(f"{job.id}.1", 0)
    await service.round()
    (artifact,) = await job.artifacts()
    assert (artifact.path, artifact.size) == ("plots/a b.bin", len(content))
    await client.aclose()
    proxy.cuts = [100, 100_000, None, 50_000]
    seen: list[tuple[int, int]] = []
    async with AsyncClient(proxy.url, "mia", "physics", retry=FAST) as fetcher:
        path = await fetcher.jobs.download(job.id, artifact.path, tmp_path, progress=lambda *at: seen.append(at))
    assert path.read_bytes() == content
    assert seen[-1] == (len(content), len(content))
    assert not proxy.cuts or proxy.connections >= 3


async def test_the_plain_client_does_the_same(service: Service, tmp_path: Path) -> None:
    def use() -> tuple[str, str, list[str]]:
        with Client(service.url, "mia", "physics", retry=FAST) as client:
            job = client.jobs.submit(BODY)
            asyncio.run_coroutine_threadsafe(end(job.id), loop).result(60)
            text = "".join(p.text for p in job.follow())
            return text, str(job.wait(30).state), [str(p) for p in job.download(tmp_path)]

    async def end(job: str) -> None:
        await service.round(2)
        service.memory.write_log(f"{job}.1", b"a line\n")
        service.memory.write_artifact(f"{job}.1", "out.txt", b"kept")
        service.memory.finish(f"{job}.1", 0)
        await service.round()

    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(use) == ("a line\n", "Succeeded", [str(tmp_path / "out.txt")])
    assert (tmp_path / "out.txt").read_bytes() == b"kept"


@pytest.mark.parametrize(
    ("token", "group", "body", "kind", "field"),
    [
        ("mia", "physics", {**BODY, "retries": 99}, errors.InvalidInput, "retries"),
        ("mia", "physics", {**BODY, "notebook": {"path": 3}}, errors.InvalidInput, "notebook.path"),
        ("mia", "physics", {**BODY, "colour": "red"}, errors.InvalidInput, "colour"),
        ("mia", "physics", {**BODY, "image": "secret"}, errors.CollegiumError, ""),
        ("mia", "physics", {**BODY, "instance_type": "huge"}, errors.QuotaExceeded, ""),
        ("vic", "physics", BODY, errors.Forbidden, ""),
        ("mia", "chemistry", BODY, errors.NotFound, "group"),
        ("nosuch", "physics", BODY, errors.NotAuthenticated, ""),
    ],
)
async def test_refusals(
    service: Service, token: str, group: str, body: dict[str, Any], kind: type[errors.CollegiumError], field: str
) -> None:
    async with AsyncClient(service.url, token, group, retry=FAST) as client:
        with pytest.raises(kind) as caught:
            await client.jobs.submit(body)
    assert caught.value.request_id
    assert caught.value.message
    assert not field or caught.value.field == field
