"""The generated part is what the description says now, and the async half has what the plain one has."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from collegium_client import (
    AsyncClient,
    AsyncJobHandle,
    AsyncSweepHandle,
    Client,
    JobHandle,
    JobIn,
    SweepHandle,
    models,
    operations,
)
from collegium_client.aio_jobs import AsyncJobs
from collegium_client.aio_schedules import AsyncSchedules
from collegium_client.aio_sweeps import AsyncSweeps
from collegium_client.jobs import Jobs
from collegium_client.schedules import Schedules
from collegium_client.sweeps import Sweeps
from unit.client.conftest import JOB

ROOT = Path(__file__).parents[3]


@pytest.fixture
def generator(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import _client_api

    yield _client_api
    for name in ("_client_api", "_client_types"):
        sys.modules.pop(name)


def test_the_files_are_what_the_description_makes(generator) -> None:
    assert generator.stale() == [], "run: .venv/bin/python scripts/client-api"


def test_a_schema_that_the_generator_does_not_know_is_no_guess(generator) -> None:
    with pytest.raises(ValueError, match="does not know such a schema"):
        generator.Types({}, {}).of({"not": {"type": "string"}})


@pytest.mark.parametrize(
    ("plain", "awaitable"),
    [
        (Client, AsyncClient),
        (Jobs, AsyncJobs),
        (JobHandle, AsyncJobHandle),
        (Schedules, AsyncSchedules),
        (Sweeps, AsyncSweeps),
        (SweepHandle, AsyncSweepHandle),
    ],
)
def test_both_halves_have_the_same_methods_and_arguments(plain: type, awaitable: type) -> None:
    renamed = {"close": "aclose"}

    def public(kind: type) -> dict[str, object]:
        return {n: v for n, v in inspect.getmembers(kind) if not n.startswith("_")}

    ours, theirs = public(plain), public(awaitable)
    assert {renamed.get(n, n) for n in ours} == set(theirs)
    for name, member in ours.items():
        if inspect.isfunction(member):
            other = theirs[renamed.get(name, name)]
            assert list(inspect.signature(member).parameters) == list(inspect.signature(other).parameters), name


def test_words_of_a_newer_server_are_text_and_its_fields_are_kept() -> None:
    job = models.JobOut.model_validate({**JOB, "state": "Hibernating", "mood": "good"})
    assert job.state == "Hibernating"
    assert job.model_dump()["mood"] == "good"
    known = models.JobOut.model_validate(JOB)
    assert known.state is models.JobState.PENDING
    assert known.created_at == datetime(2026, 11, 1, 10, tzinfo=UTC)


def test_only_what_was_given_is_sent_and_a_wrong_name_is_an_error_here() -> None:
    body = JobIn(name="n", command="true", image="base", instance_type="small")
    sent = operations.post_groups_group_jobs("physics", body).sent_body()
    assert sent == {"name": "n", "command": "true", "image": "base", "instance_type": "small"}
    with pytest.raises(ValidationError, match="nmae"):
        JobIn(nmae="n", image="base", instance_type="small")  # type: ignore[call-arg]


def test_values_cannot_leave_their_place_in_the_path() -> None:
    assert operations.get_groups_group_jobs_job("a/b", "../x?y#z").path == "/api/v1/groups/a%2Fb/jobs/..%2Fx%3Fy%23z"
    path = operations.get_groups_group_jobs_job_artifacts_path("g", "j", "plots/a b.png").path
    assert path.endswith("/artifacts/plots/a%20b.png")


def test_the_library_needs_nothing_of_the_command_and_nothing_of_the_server() -> None:
    """What a thin install has is enough."""
    missing = "for name in ('click', 'yaml', 'collegium', 'tornado', 'jupyterhub'): sys.modules[name] = None"
    code = f"import sys\n{missing}\nimport collegium_client\nprint(collegium_client.Client.__name__)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ran.stdout, ran.stderr) == ("Client\n", "")
    ran = subprocess.run(
        [sys.executable, "-c", code.replace("print(", "import collegium_client.__main__ as m; m.main() #")],
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "pip install 'collegium-client[cli]'" in ran.stderr
