"""From a JobSpec to what a backend runs: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from collegium.backends.ports import ARTIFACTS, PYTHON, WORK, RunRequest, literal
from collegium.domain.jobs import Job, JobSpec, NotebookSpec
from collegium.domain.mounts import Mount, variables_of
from collegium.services.jobs.manifest import manifest_image, manifest_placement, manifest_requests


def argv(spec: JobSpec) -> list[str]:
    """The argument vector, with the placeholders of ``ports`` where the backend knows better."""
    if spec.notebook is not None:
        return _papermill(spec.notebook)
    return ["/bin/sh", "-c", literal(spec.command)]


def run_request(
    job: Job, secrets: Mapping[str, str] | None = None, mounts: Sequence[Mount] = (), service_url: str = ""
) -> RunRequest:
    """One attempt of a job, as its manifest resolved it.

    The user's variables win over ours, which are a service and no protection. ``secrets`` are values by variable;
    ``service_url`` is where the run reaches us, empty if nobody said.
    """
    ours = {
        "COLLEGIUM_JOB_ID": job.id,
        "COLLEGIUM_JOB_ATTEMPT": str(job.attempt),
        "COLLEGIUM_GROUP": job.group,
        "COLLEGIUM_USER": job.user,
    }
    if job.sweep is not None:
        # Its index is in the spec, so that a rerun has it too.
        ours["COLLEGIUM_SWEEP_ID"] = job.sweep
    if service_url:
        ours["COLLEGIUM_SERVICE_URL"] = service_url
    ours |= value_variables(job.spec.values)
    image = manifest_image(job.launch)
    # Stronger than what datasets say is what the image says, which the backend adds.
    ours |= {name: value for name, value in variables_of(mounts).items() if name not in image.variables}
    environment = {name: literal(value) for name, value in {**ours, **job.spec.environment}.items()}
    environment.setdefault("COLLEGIUM_ARTIFACTS", ARTIFACTS)
    return RunRequest(
        key=job.run_key,
        job_id=job.id,
        group=job.group,
        user=job.user,
        argv=argv(job.spec),
        image=image,
        resources=job.resources,
        environment=environment,
        requests=manifest_requests(job.launch),
        placement=manifest_placement(job.launch),
        timeout_seconds=job.spec.timeout_seconds,
        secrets=secrets or {},
        mounts=mounts,
    )


def value_variables(values: Mapping[str, Any]) -> dict[str, str]:
    """How a command finds its values: text as it is, everything else as JSON, and all of them once more together."""
    if not values:
        return {}
    texts = {f"PARAM_{n}": v if isinstance(v, str) else json.dumps(v) for n, v in values.items()}
    return {**texts, "COLLEGIUM_PARAMETERS": json.dumps(dict(values))}


def _papermill(notebook: NotebookSpec) -> list[str]:
    # Papermill formats both paths with the parameters, so braces are doubled once for it and once for the backend.
    source = literal(literal(notebook.path))
    target = literal(literal(notebook.path.split("/")[-1]))
    command = [PYTHON, "-c", literal(_notebook_program()), f"{WORK}/{source}", f"{ARTIFACTS}/{target}"]
    command += ["--log-output", "--no-progress-bar", "--cwd", WORK]
    if notebook.parameters:
        command += ["--parameters_yaml", literal(parameters_text(notebook.parameters))]
    if notebook.kernel:
        command += ["--kernel", literal(notebook.kernel)]
    return command


@cache
def _notebook_program() -> str:
    """The text of ``notebook_program``: images hold papermill, and nothing of ours."""
    return files(__package__).joinpath("notebook_program.py").read_text("utf-8")


def parameters_text(parameters: Mapping[str, Any]) -> str:
    """Parameters as YAML that reads back as the very same values.

    JSON itself would not do: YAML 1.1 reads ``1e22`` as text and the halves of an escaped surrogate pair as two
    characters. The text is ASCII, so it survives any locale.
    """
    return _yaml(parameters)


def _yaml(value: Any) -> str:
    match value:
        case None | bool():
            return json.dumps(value)
        case int():
            return str(value)
        case float():
            return _float(value)
        case str():
            return _text(value)
        case Mapping():
            # "?" lifts YAML's limit on the length of a key.
            return "{" + ", ".join(f"? {_text(str(k))} : {_yaml(v)}" for k, v in value.items()) + "}"
        case _:
            return "[" + ", ".join(_yaml(v) for v in value) + "]"


def _float(value: float) -> str:
    mantissa, mark, exponent = repr(value).partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"
    return mantissa + mark + exponent


def _text(value: str) -> str:
    return '"' + "".join(_character(c) for c in value) + '"'


def _character(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    if " " <= c <= "~":
        return c
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
