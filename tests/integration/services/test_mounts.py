"""Datasets in jobs over HTTP: what was chosen, what a run gets, what is left out, and the lineage of all of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from collegium.db.engine import now
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.datasets import DatasetVersion, Health, SourceHealth, VersionState
from collegium.domain.files import Root
from collegium.domain.jobs import JobReason, JobState
from collegium.domain.quota import WorkloadKind
from collegium.services.controller.housekeeping import GRACE
from integration.services.harness import BODY, Service

JOBS = "/groups/physics/jobs"


def write(
    service: Service, *datasets: Dataset, access: AccessMode = AccessMode.READ_ONLY, group: str = "physics"
) -> None:
    """Datasets that are there, and granted."""
    with service.database.write() as uow:
        for each in datasets:
            uow.datasets.insert(each)
            uow.datasets.grant(group, each.name, access)


def ready(service: Service, name: str, number: int) -> None:
    """A version, without its files."""
    with service.database.write() as uow:
        assert uow.dataset_versions.next_number(name) == number
        uow.dataset_versions.insert(DatasetVersion(name, number, VersionState.READY, "mia", now(), owner="physics"))


def dataset(name: str, kind: SourceKind = SourceKind.MANAGED, owner: str = "", **source: str) -> Dataset:
    return Dataset(name, name.title(), kind, source, owner=owner, created_by="mia", created_at=now(), updated_at=now())


async def uses(service: Service, name: str = "digits") -> list[dict[str, Any]]:
    answer = await service.client().get(f"/groups/physics/datasets/{name}/uses")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def mounted(service: Service, key: str) -> dict[str, tuple[str, int | None, str]]:
    request = service.memory.runs[key].request
    assert request is not None
    return {m.dataset or "-": (m.path, m.version, m.access.value) for m in request.mounts}


async def test_the_version_is_settled_when_it_is_submitted_and_lineage_knows_it(service: Service) -> None:
    write(service, dataset("digits", owner="physics"), dataset("other"), access=AccessMode.READ_WRITE)
    ready(service, "digits", 1)
    ready(service, "digits", 2)
    job = await service.submit(datasets=["digits@latest"])
    ready(service, "digits", 3)
    await service.round()
    assert mounted(service, f"{job}.1") == {
        "-": ("/project/physics", None, "rw"),
        "digits": ("/datasets/digits", 2, "ro"),
    }
    (seen,) = (await service.job(job))["datasets"]
    told = {"name": "digits", "version": 2, "access": "ro", "path": "/datasets/digits", "problem": "", "enforced": True}
    assert seen == told
    (use,) = await uses(service)
    assert (use["version"], use["kind"], use["id"], use["label"], use["user"]) == (2, "job", job, "train", "mia")
    assert use["ended_at"] is None
    service.memory.finish(f"{job}.1")
    await service.round()
    assert (await uses(service))[0]["ended_at"] is not None
    # Once more, with what it had; and once as the same words mean today.
    for exact, version in ((True, 2), (False, 3)):
        answer = await service.client().post(f"{JOBS}/{job}/rerun", json={"exact": exact})
        assert answer.status_code == 201, answer.text
        assert answer.json()["datasets"][0]["version"] == version


async def test_all_that_was_granted_as_it_is_now_and_what_is_not_well_is_left_out(service: Service) -> None:
    nas = dataset("maps", SourceKind.NFS, server="nas", path="/maps")
    variables = dataset("api", SourceKind.ENVIRONMENT, key="from-dataset", **{"base-url": "u"})
    write(service, dataset("digits", owner="physics"), dataset("broken", SourceKind.FOLDER, path="/x"), nas, variables)
    write(service, dataset("theirs"), group="chemistry")
    with service.database.write() as uow:
        uow.dataset_health.put("broken", [SourceHealth("broken", Health.MISSING, "there is no folder /x", now())])
    # Found only when it is to be started: nobody has looked since.
    service.memory.data.problems["maps"] = SourceHealth("maps", Health.BROKEN, "the server does not answer")
    job = await service.submit(environment={"API_KEY": "from-job"})
    await service.round()
    run = service.memory.runs[f"{job}.1"]
    assert mounted(service, f"{job}.1").keys() == {"-", "digits", "api"}
    assert mounted(service, f"{job}.1")["digits"][2] == "rw"
    assert (run.environment["API_KEY"], run.environment["API_BASE_URL"]) == ("from-job", "u")
    assert await service.context.store.stat(Root.head("physics", "digits"), "")
    await service.round()
    seen = await service.job(job)
    assert seen["state"] == "Running"
    problems = {d["name"]: d["problem"] for d in seen["datasets"]}
    assert problems == {
        "api": "",
        "broken": "its source is missing: there is no folder /x",
        "digits": "",
        "maps": "the server does not answer",
    }
    assert "Without the datasets broken (its source is missing" in seen["message"] and "maps (the" in seen["message"]
    with service.database.read() as uow:
        assert {u.dataset for u in uow.dataset_uses.live()} == {"api", "digits"}
    # Chosen by name, none is left out in silence.
    controller = service.context.controller
    assert controller is not None and controller.dataset_health is not None
    await controller.dataset_health.settle()
    with service.database.write() as uow:
        uow.dataset_health.put("broken", [SourceHealth("broken", Health.MISSING, "there is no folder /x", now())])
        uow.dataset_health.put("maps", [SourceHealth("maps", Health.OK, "", now())])
    for name, said in (
        ("broken", "there is no folder /x"),
        ("theirs", "has no dataset theirs"),
        ("digits@9", "no version 9"),
    ):
        answer = await service.client().post(JOBS, json={**BODY, "datasets": [name]})
        assert answer.status_code in (400, 409, 422) and said in answer.text, answer.text
    chosen = await service.submit(datasets=["maps"])
    await service.round()
    ended = await service.job(chosen)
    assert (ended["state"], ended["reason"]) == ("Failed", "StartFailed") and "the server does not answer" in ended[
        "message"
    ]
    assert f"{chosen}.1" not in service.memory.runs


async def test_a_version_that_somebody_waits_for_stays_and_one_that_went_is_told(service: Service) -> None:
    write(service, dataset("digits", owner="physics"))
    for number in (1, 2):
        ready(service, "digits", number)
    blocker = await service.submit(instance_type="big")
    await service.round()
    job = await service.submit(datasets=["digits@1"])
    ada = service.client("ada")
    refused = await ada.delete("/groups/physics/datasets/digits/versions/1")
    assert refused.status_code == 409 and "in use by job train of mia" in refused.text
    assert refused.json()["error"]["details"]["uses"][0]["id"] == job
    assert (await ada.delete("/groups/physics/datasets/digits/versions/2")).status_code == 200
    # Lost in another way: the job says so instead of running with something else.
    with service.database.write() as uow:
        version = uow.dataset_versions.get("digits", 1)
        assert version is not None
        uow.dataset_versions.delete(version)
    service.memory.finish(f"{blocker}.1")
    await service.round(2)
    seen = await service.job(job)
    assert (seen["state"], seen["reason"]) == ("Failed", "NoLongerGranted")
    assert "dataset digits has no version 1 that is ready" in seen["message"]
    with service.database.read() as uow:
        assert uow.reservations.live_of(WorkloadKind.JOB, job) is None and uow.dataset_uses.live() == []


async def test_a_revoked_grant_counts_at_the_next_start(service: Service) -> None:
    write(service, dataset("digits"))
    first = await service.submit(retries=1)
    await service.round()
    assert "digits" in mounted(service, f"{first}.1")
    with service.database.write() as uow:
        uow.datasets.revoke("physics", "digits")
    service.memory.finish(f"{first}.1", 1)
    await service.round(3)
    assert mounted(service, f"{first}.2").keys() == {"-"}
    assert (await service.job(first))["datasets"] == []


async def test_places_that_are_swept_end_their_uses(service: Service) -> None:
    write(service, dataset("digits"))
    job = await service.submit()
    await service.round()
    with service.database.write() as uow:
        whole = uow.jobs.get("physics", job)
        assert whole is not None and len(uow.dataset_uses.live("digits")) == 1
        # As a restored backup may have it: the job is over, its place is not.
        uow.jobs.move(whole, JobState.FAILED, JobReason.LOST, "", now())
        place = uow.reservations.live_of(WorkloadKind.JOB, job)
        assert place is not None
        uow.reservations.set_bound(place.id, now() - GRACE - timedelta(days=1))
    controller = service.context.controller
    assert controller is not None
    await controller.housekeeping.sweep_jobs()
    with service.database.read() as uow:
        assert uow.dataset_uses.live() == []


@pytest.mark.parametrize("names", [["digits", "digits@1"], ["Digits"], ["digits@0"], ["a/b"], [""], ["x"] * 101])
async def test_choices_that_cannot_be(service: Service, names: list[str]) -> None:
    answer = await service.client().post(JOBS, json={**BODY, "datasets": names})
    assert answer.status_code == 400 and "datasets" in answer.json()["error"]["message"], answer.text


async def test_schedules_and_batches_carry_them(service: Service) -> None:
    write(service, dataset("digits"))
    ready(service, "digits", 1)
    template = {**BODY, "datasets": ["digits@1"]}
    every = {"kind": "interval", "every": 600, "zone": "UTC"}
    body = {"name": "nightly", "template": template, "recurrence": every}
    made = await service.client("mat").post("/groups/physics/schedules", json=body)
    assert made.status_code == 201, made.text
    wrong = {**body, "name": "other", "template": {**BODY, "datasets": ["none"]}}
    refused = await service.client("mat").post("/groups/physics/schedules", json=wrong)
    assert refused.status_code == 422 and "template.datasets: group physics has no dataset none" in refused.text
    batch = {"jobs": [{**template, "key": "a"}, {**BODY, "key": "b", "datasets": ["digits@2"]}]}
    refused = await service.client().post(f"{JOBS}/batch", json=batch)
    assert refused.status_code == 400 and "jobs.1.datasets" in refused.text
