"""The same job again: exactly, or with what its names mean today."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from collegium.db import UnitOfWork
from collegium.domain.catalog import Grant, GrantKind, Image, InstanceType
from collegium.domain.groups import ManagedBy
from collegium.domain.quota import Limits
from collegium.domain.resources import Resources
from integration.services.harness import Service

JOBS = "/groups/physics/jobs"


def catalog(
    uow: UnitOfWork, cpu: str = "2", reference: str = "new", *, images: bool = True, types: bool = True
) -> None:
    """What the names of the first job mean from now on, and whether they are granted."""
    size = InstanceType("small", "Small", Resources.parse({"cpu": cpu, "memory": "1Gi"}))
    image = Image("base", "Base", reference=reference, environment="hub", variables={"A": reference})
    grants = [Grant("*", GrantKind.INSTANCE_TYPE, "small")] if types else []
    grants += [Grant("*", GrantKind.IMAGE, "base")] if images else []
    uow.catalog.replace(ManagedBy.FILE, [size], [image], [], grants)


async def again(service: Service, job: str, user: str = "mia", **body: Any) -> Any:
    return await service.client(user).post(f"{JOBS}/{job}/rerun", json=body)


async def finished(service: Service, **changes: Any) -> str:
    service.memory.write_home("mia", "physics", "a.py", b"first")
    job = await service.submit(
        working_directory={"path": ""}, parameters={"lr": {"type": "number"}}, values={"lr": 0.1}, **changes
    )
    await service.round(2)
    service.memory.finish(f"{job}.1")
    await service.round()
    return job


async def test_exactly_what_ran_runs_again(service: Service) -> None:
    await service.database.writing(lambda uow: catalog(uow, "1", "old"))
    job = await finished(service)
    earlier = await service.job(job)
    service.memory.write_home("mia", "physics", "a.py", b"second")
    await service.database.writing(catalog)
    answer = await service.client("max").post(f"{JOBS}/{job}/rerun")
    assert answer.status_code == 201, answer.text
    exact = await service.job(answer.json()["id"])
    assert (exact["rerun_of"], exact["user"], exact["resources"]) == (job, "max", earlier["resources"])
    same = {**earlier["launch"], "user": "max"}
    assert exact["launch"] == same and exact["spec"] == earlier["spec"]
    assert same["image"]["reference"] == "old" and same["files"] == {"count": 1, "bytes": 5}
    await service.round(2)
    request = service.memory.runs[f"{exact['id']}.1"].request
    assert request is not None
    got = (request.image.reference, request.resources["cpu"], request.image.variables)
    assert got == ("old", 1000, {"A": "old"})
    assert service.memory.sources[exact["id"]] == {"a.py": b"first"}
    # Resolved anew: the same wish and files, with today's image and size.
    anew = await service.job((await again(service, job, exact=False)).json()["id"])
    assert (anew["rerun_of"], anew["resources"]["cpu"], anew["launch"]["image"]["reference"]) == (job, "2", "new")
    assert service.memory.sources[anew["id"]] == {"a.py": b"first"}


async def test_what_is_not_granted_any_more_is_refused_with_the_reason(service: Service) -> None:
    job = await finished(service)
    for missing, field in (({"images": False}, "image"), ({"types": False}, "instance_type")):
        await service.database.writing(lambda uow, missing=missing: catalog(uow, **missing))
        for exact in (True, False):
            error = (await again(service, job, exact=exact)).json()["error"]
            assert (error["code"], error["details"]["field"]) == ("not_granted", field)
            assert f"has no {field.replace('_', ' ')}" in error["message"]
    await service.database.writing(catalog)
    assert (await again(service, job, "vic")).status_code == 403
    assert (await again(service, job, exact="yes")).json()["error"]["details"]["field"] == "exact"
    # What it was is asked of today's quota.
    await service.database.writing(lambda uow: uow.groups.put(_tight(uow)))
    error = (await again(service, job)).json()["error"]
    assert (error["code"], error["details"]["violations"][0]["limit"]) == ("quota_exceeded", 500)


def _tight(uow: UnitOfWork) -> Any:
    group = uow.groups.get("physics")
    assert group is not None
    return replace(group, limits=Limits.parse({"cpu": "500m"}))


async def test_a_job_that_was_deleted_meanwhile_is_not_run_without_its_files(
    service: Service, monkeypatch: Any
) -> None:
    job = await finished(service)
    reuse = service.memory.reuse_snapshot

    async def late(new: str, old: str) -> None:
        assert (await service.client().delete(f"{JOBS}/{job}")).status_code == 200
        await service.memory.discard(old)
        await reuse(new, old)

    monkeypatch.setattr(service.memory, "reuse_snapshot", late)
    assert (await again(service, job)).status_code == 404
    assert service.memory.sources == {}


async def test_keys_of_exact_and_new_ones_differ(service: Service) -> None:
    job = await finished(service)
    key = {"Idempotency-Key": "k"}
    first = await service.client().post(f"{JOBS}/{job}/rerun", headers=key)
    same = await service.client().post(f"{JOBS}/{job}/rerun", json={"exact": True}, headers=key)
    other = await service.client().post(f"{JOBS}/{job}/rerun", json={"exact": False}, headers=key)
    assert (same.json()["id"], other.json()["error"]["code"]) == (first.json()["id"], "idempotency_mismatch")


async def test_the_image_that_really_ran_runs_again(service: Service) -> None:
    await service.database.writing(lambda uow: catalog(uow, "1", "site/base:latest"))
    digest = f"site/base@sha256:{'a1' * 32}"
    job = await service.submit(retries=1)
    await service.round()
    run = service.memory.runs[f"{job}.1"]
    run.status = replace(run.status, image=digest)
    await service.round()
    kept = (await service.job(job))["launch"]["image"]
    assert (kept["reference"], kept["digest"]) == ("site/base:latest", digest)
    # One that ended before anybody saw it run is known by its end.
    service.memory.finish(f"{job}.1", 1)
    run.status = replace(run.status, image=digest.replace("a1", "b2"))
    await service.round()
    assert (await service.job(job))["launch"]["image"]["digest"] == digest.replace("a1", "b2")
    exact = await service.job((await again(service, job)).json()["id"])
    anew = await service.job((await again(service, job, exact=False)).json()["id"])
    references = [j["launch"]["image"]["reference"] for j in (exact, anew)]
    assert references == [digest.replace("a1", "b2"), "site/base:latest"]
