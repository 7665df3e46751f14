"""jupyter-scheduler's own REST handlers in a real Jupyter server, whose scheduler is a Collegium."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyter_scheduler.models import SortDirection, SortField, Status

from collegium.backends.ports import RunPhase
from collegium_client.lab import mapping
from integration.services.harness import Service

TOKEN = "of-the-jupyter-server"
NAMES = {"scheduler": "CollegiumScheduler", "environment_manager": "CollegiumEnvironments"}
REST = ("jupyter_lsp", "jupyter_server_terminals", "jupyterlab", "notebook_shim")
CONFIG = {
    "ServerApp": {
        "jpserver_extensions": {"jupyter_scheduler": True, **dict.fromkeys(REST, False)},
        "root_dir": "{home}",
        "allow_root": True,
    },
    "SchedulerApp": {f"{n}_class": f"collegium_client.lab.{c}" for n, c in NAMES.items()}
    | {"job_files_manager_class": "collegium_client.lab.CollegiumJobFiles"},
}
NOTEBOOK: dict[str, Any] = {
    "cells": [{"cell_type": "code", "source": "lr = 0.1\nwho = ''", "metadata": {"tags": ["parameters"]}}],
    "metadata": {"kernelspec": {"name": "python3"}},
}
CREATE = {
    "name": "calibrate",
    "input_uri": "deep/calibrate.ipynb",
    "runtime_environment_name": "base",
    "compute_type": "small",
    "output_formats": ["ipynb", "html"],
    "parameters": {"lr": "0.5", "who": "'ann'"},
    "tags": ["physics"],
}


class Lab:
    """The Jupyter server of mia, as the interface talks to it."""

    def __init__(self, service: Service, home: Path, client: httpx.AsyncClient) -> None:
        self.service, self.home, self._client = service, home, client

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self._client.request(method, f"/scheduler/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, path: str, body: Any = None, status: int = 500) -> str:
        return str((await self.ask(method, path, body, status))["message"])

    async def rounds(self, times: int = 2) -> None:
        assert self.service.context.controller is not None
        for _ in range(times):
            await self.service.round()
            await self.service.context.controller.schedules.settle()

    async def finish(self, code: int = 0) -> None:
        await self.rounds()
        for key, run in list(self.service.memory.runs.items()):
            if run.status.phase is RunPhase.RUNNING:
                self.service.memory.finish(key, code)
        await self.rounds(1)


@pytest.fixture
async def lab(service: Service, tmp_path: Path) -> AsyncIterator[Lab]:
    home = tmp_path / "home"
    (home / "deep").mkdir(parents=True)
    (home / "deep/calibrate.ipynb").write_text(json.dumps(NOTEBOOK))
    service.memory.write_home("mia", "physics", "deep/calibrate.ipynb", json.dumps(NOTEBOOK).encode())
    settings = tmp_path / "config"
    settings.mkdir()
    text = json.dumps(CONFIG).replace("{home}", str(home))
    (settings / "jupyter_server_config.json").write_text(text)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # jupyter-scheduler makes a database of its own whatever its scheduler is, and no folder for it.
    (tmp_path / "jupyter_data_dir").mkdir()
    folders = {n: str(tmp_path / n.lower()) for n in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    ours = {"COLLEGIUM_URL": service.url, "COLLEGIUM_TOKEN": "mia", "COLLEGIUM_GROUP": "physics"}
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "COLLEGIUM"))}
    environment = {**keep, **folders, **ours, "HOME": str(home), "JUPYTER_CONFIG_DIR": str(settings)}
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "jupyter_server", *options, f"--IdentityProvider.token={TOKEN}"),
        env=environment,
        cwd=home,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stderr is not None
    said: list[bytes] = []
    try:
        while b"is running at" not in (line := await program.stderr.readline()):
            said.append(line)
            assert line, b"".join(said).decode()
        reading = asyncio.create_task(program.stderr.read())
        headers = {"Authorization": f"token {TOKEN}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            yield Lab(service, home, client)
    finally:
        program.kill()
        await program.wait()
    log = (await reading).decode()
    # Neither what it came with nor where it went to is anybody's business.
    assert "token mia" not in log


async def test_what_the_interface_does(lab: Lab) -> None:
    (environment,) = await lab.ask("GET", "runtime_environments")
    assert (environment["name"], environment["compute_types"]) == ("base", ["small", "big"])
    assert [f["name"] for f in environment["output_formats"]] == ["ipynb", "html"]
    features = (await lab.ask("GET", "config"))["supported_features"]
    assert features["stop_job"]
    assert not features["email_notifications"]

    # A job, with its state, its parameters as values, and its files.
    job = (await lab.ask("POST", "jobs", {**CREATE, "idempotency_token": "once"}))["job_id"]
    assert (await lab.ask("POST", "jobs", {**CREATE, "idempotency_token": "once"}))["job_id"] == job
    await lab.refused("POST", "jobs", {**CREATE, "name": "other", "idempotency_token": "once"}, 409)
    assert (await lab.service.job(job))["spec"]["notebook"]["parameters"] == {"lr": 0.5, "who": "ann"}
    shown = await lab.ask("GET", f"jobs/{job}")
    assert (shown["status"], shown["input_filename"], shown["compute_type"]) == ("QUEUED", "calibrate.ipynb", "small")
    assert (shown["parameters"], shown["tags"]) == ({"lr": "0.5", "who": "'ann'"}, ["physics"])
    await lab.rounds()
    assert (await lab.ask("GET", "jobs/count"))["count"] == 1
    for path in ("calibrate.ipynb", "calibrate.html", "plots/a.png"):
        lab.service.memory.write_artifact(f"{job}.1", path, path.encode())
    await lab.finish()
    assert (await lab.ask("GET", f"jobs/{job}"))["downloaded"] is False
    await lab.ask("GET", f"jobs/{job}/download_files", status=204)
    done = await lab.ask("GET", f"jobs/{job}")
    assert (done["status"], done["downloaded"]) == ("COMPLETED", True)
    files = {f["file_format"]: f["file_path"] for f in done["job_files"]}
    assert (lab.home / files["ipynb"]).read_text() == "calibrate.ipynb"
    assert (lab.home / files["html"]).read_text() == "calibrate.html"
    assert (lab.home / files["files"] / "plots/a.png").read_text() == "plots/a.png"
    assert files["input"] == "deep/calibrate.ipynb"

    # Stopped, listed, deleted.
    other = (await lab.ask("POST", "jobs", {**CREATE, "package_input_folder": True, "parameters": None}))["job_id"]
    assert (await lab.service.job(other))["spec"]["working_directory"] == {"path": "deep", "files": None}
    await lab.rounds()
    await lab.ask("PATCH", f"jobs/{other}", {"status": "STOPPED"}, 204)
    await lab.rounds()
    listed = await lab.ask("GET", "jobs?sort_by=asc(create_time)&max_items=1")
    assert ([j["job_id"] for j in listed["jobs"]], listed["total_count"]) == ([job], 2)
    following = await lab.ask("GET", f"jobs?sort_by=asc(create_time)&max_items=1&next_token={listed['next_token']}")
    assert [(j["job_id"], j["status"]) for j in following["jobs"]] == [(other, "STOPPED")]
    assert [j["job_id"] for j in (await lab.ask("GET", "jobs?status=COMPLETED"))["jobs"]] == [job]
    await lab.ask("DELETE", f"jobs/{other}", status=204)
    assert [j["job_id"] for j in (await lab.ask("GET", "jobs"))["jobs"]] == [job]


async def test_definitions_are_schedules(lab: Lab) -> None:
    nightly = {**CREATE, "name": "nightly", "schedule": "30 2 * * *", "timezone": "Europe/Berlin"}
    made = (await lab.ask("POST", "job_definitions", nightly))["job_definition_id"]
    shown = await lab.ask("GET", f"job_definitions/{made}")
    assert (shown["schedule"], shown["timezone"], shown["active"]) == ("30 2 * * *", "Europe/Berlin", True)
    assert (shown["input_filename"], shown["parameters"]) == ("calibrate.ipynb", CREATE["parameters"])
    await lab.ask("PATCH", f"job_definitions/{made}", {"schedule": "0 3 * * *", "timezone": "UTC"}, 204)
    await lab.ask("PATCH", f"job_definitions/{made}", {"active": False}, 204)
    (listed,) = (await lab.ask("GET", "job_definitions?sort_by=desc(create_time)"))["job_definitions"]
    assert (listed["schedule"], listed["timezone"], listed["active"]) == ("0 3 * * *", "UTC", False)
    await lab.ask("PATCH", f"job_definitions/{made}", {"active": True, "compute_type": "big"}, 204)

    # Run beside its times, as it is and with other parameters.
    asked = asyncio.create_task(lab.ask("POST", f"job_definitions/{made}/jobs", {}))
    while not asked.done():
        await lab.rounds(1)
    job = asked.result()["job_id"]
    assert [j["job_id"] for j in (await lab.ask("GET", f"jobs?job_definition_id={made}"))["jobs"]] == [job]
    assert (await lab.service.job(job))["instance_type"] == "big"
    other = (await lab.ask("POST", f"job_definitions/{made}/jobs", {"parameters": {"lr": "1"}}))["job_id"]
    assert (await lab.service.job(other))["values"] == {"lr": 1}
    await lab.ask("DELETE", f"job_definitions/{made}", status=204)
    assert (await lab.ask("GET", "job_definitions"))["total_count"] == 0

    # What cannot be, and why.
    for method, path, body, words in (
        ("POST", "jobs", {**CREATE, "input_uri": "none.ipynb"}, "'none.ipynb' does not exist"),
        ("POST", "jobs", {**CREATE, "compute_type": "huge"}, "can never fit"),
        ("POST", "jobs", {**CREATE, "output_formats": ["pdf"]}, "output_formats: pdf cannot be made"),
        ("POST", "jobs", {**CREATE, "parameters": {"rate": "1"}}, "notebook.parameters.rate"),
        ("POST", "job_definitions", CREATE, "schedule: a job definition needs a schedule"),
        ("POST", "job_definitions", {**nightly, "schedule": "0 0 30 2 *"}, "recurrence.expression"),
        ("PATCH", f"jobs/{job}", {"name": "new"}, "neither name nor compute type can be changed"),
        ("GET", "jobs?sort_by=asc(input_filename)", None, "cannot be put in the order of input_filename"),
        ("GET", "jobs?start_time=1", None, "cannot be filtered by their start"),
        ("GET", "jobs/job-none", None, "job-none"),
        ("GET", f"jobs/{other}/download_files", None, "The job left no files."),
    ):
        assert words in await lab.refused(method, path, body), words


def test_words_of_both_sides(tmp_path: Path) -> None:
    assert mapping.read_parameters({"a": "[1, None]", "b": "bare word", "c": "(1, True)"}) == {
        "a": [1, None],
        "b": "bare word",
        "c": [1, True],
    }
    with pytest.raises(Exception, match="cannot be said in JSON"):
        mapping.read_parameters({"a": "{1, 2}"})
    assert mapping.states_of(Status.IN_PROGRESS) == "Preparing,Running"
    assert mapping.states_of(Status.CREATED) == ""
    assert mapping.sort_of([SortField(name="end_time", direction=SortDirection.desc)]) == "-finished"
    (tmp_path / "home").mkdir()
    assert mapping.source_of(tmp_path, tmp_path / "home", "home/a.ipynb") == ("", "a.ipynb")
    with pytest.raises(Exception, match="outside of"):
        mapping.source_of(tmp_path, tmp_path / "home", "a.ipynb")
