"""From the wire to a JobSpec: the rules that a schema cannot say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from collegium.domain.datasets import DatasetChoice
from collegium.domain.dependencies import Dependency
from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobSpec, NotebookSpec, Notify, WorkingDirectory
from collegium.domain.names import check_env_name, check_label, check_object_name, check_relative_path
from collegium.domain.parameters import MAX_PARAMETERS, Parameter, declare, resolve_values
from collegium.domain.retries import RetryPolicy
from collegium.domain.secrets import check_secret_variables
from collegium.domain.tags import check_tags
from collegium.services.jobs.batch import Entry, placed
from collegium.services.jobs.command import parameters_text
from collegium.services.jobs.models import BatchIn, JobIn, NotebookIn, ParameterIn, RetryIn, WorkingDirectoryIn
from collegium.services.jobs.submission import Submission

#: Linux takes at most 128 KiB in one argument; the rest is for what we add around it.
MAX_ARGUMENT = 120_000
#: Bytes of all environment variables together: Linux takes about 2 MiB with the arguments.
MAX_ENVIRONMENT = 512_000


def read_submission(body: JobIn) -> Submission:
    """All that a body asks for; raises InvalidInput naming the field."""
    depends = body.depends_on
    return Submission(
        spec=read_spec(body),
        default_timeout=body.timeout_seconds is None,
        priority=body.priority,
        notes=body.notes,
        tags=check_tags(body.tags),
        depends=Dependency(tuple(dict.fromkeys(depends.jobs)), depends.need, depends.ending) if depends else None,
    )


def read_batch(body: BatchIn) -> list[Entry]:
    """The jobs of a batch; raises InvalidInput with the place of the job in the field."""
    entries = []
    for index, job in enumerate(body.jobs):
        with placed(index):
            entries.append(Entry(job.key, read_submission(job)))
    return entries


def read_spec(body: JobIn) -> JobSpec:
    """The spec that a body asks for; raises InvalidInput naming the field."""
    if bool(body.command.strip()) == (body.notebook is not None):
        raise InvalidInput("command", "give exactly one of command and notebook")
    if len(body.command.encode()) > MAX_ARGUMENT:
        raise InvalidInput("command", f"is longer than {MAX_ARGUMENT} bytes; put it into a file", limit=MAX_ARGUMENT)
    parameters = tuple(declare(_parameter(n, p), f"parameters.{n}") for n, p in body.parameters.items())
    notebook = _notebook(body.notebook, parameters, body.values) if body.notebook else None
    values = {} if notebook else _values(parameters, body.values, "values")
    return JobSpec(
        name=check_label(body.name),
        instance_type=check_object_name(body.instance_type, "instance_type"),
        image=check_object_name(body.image, "image"),
        command="" if notebook else body.command,
        notebook=notebook,
        environment=_environment(body.environment),
        secrets=check_secret_variables(body.secrets, body.environment),
        working_directory=_directory(body.working_directory, notebook),
        timeout_seconds=body.timeout_seconds or 0,
        retries=body.retries,
        retry=_retry(body.retry),
        parameters=parameters,
        values=values,
        notify=tuple(Notify(n.channel, frozenset(n.on)) for n in body.notify),
        datasets=_datasets(body.datasets),
    )


def _datasets(names: list[str] | None) -> tuple[DatasetChoice, ...] | None:
    if names is None:
        return None
    chosen: dict[str, DatasetChoice] = {}
    for index, text in enumerate(names):
        choice = DatasetChoice.parse(text, f"datasets.{index}")
        if choice.name in chosen:
            raise InvalidInput(f"datasets.{index}", f"names {choice.name} once more", text)
        chosen[choice.name] = choice
    return tuple(chosen.values())


def _parameter(name: str, body: ParameterIn) -> Parameter:
    return Parameter(
        name,
        body.type,
        body.default,
        body.required,
        body.nullable,
        body.description,
        body.minimum,
        body.maximum,
        tuple(body.choices),
        body.items,
    )


def _retry(body: RetryIn | None) -> RetryPolicy:
    if body is None:
        return RetryPolicy()
    return RetryPolicy(body.base_seconds, body.factor, body.max_seconds, frozenset(body.on), frozenset(body.exit_codes))


def _values(parameters: tuple[Parameter, ...], given: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Checked against the declarations; where there is none, any value of any name goes."""
    if parameters:
        values = resolve_values(parameters, given, field)
    else:
        for name in given:
            check_env_name(name, field)
        values = dict(given)
    check_size(values, field)
    return values


def check_size(values: Mapping[str, Any], field: str) -> None:
    """Raise InvalidInput if these values are too long for an argument."""
    # Papermill takes them as YAML, a command as JSON.
    if max(len(parameters_text(values)), len(json.dumps(dict(values)))) > MAX_ARGUMENT:
        raise InvalidInput(field, f"are longer than {MAX_ARGUMENT} bytes together", limit=MAX_ARGUMENT)


def _notebook(body: NotebookIn, parameters: tuple[Parameter, ...], more: Mapping[str, Any]) -> NotebookSpec:
    path = check_relative_path(body.path, "notebook.path")
    if not path.endswith(".ipynb") or path.split("/")[-1] == ".ipynb":
        raise InvalidInput("notebook.path", "must be a file that ends in .ipynb", body.path)
    twice = sorted(body.parameters.keys() & more.keys())
    if twice:
        raise InvalidInput(f"values.{twice[0]}", "is given in notebook.parameters too", more[twice[0]])
    given = {**body.parameters, **more}
    if len(given) > MAX_PARAMETERS:
        raise InvalidInput("values", f"hold {len(given)} names, at most {MAX_PARAMETERS} are allowed")
    # Papermill writes a name into a cell as it is, so it must be a name and nothing else.
    values = _values(parameters, given, "values" if more else "notebook.parameters")
    kernel = check_label(body.kernel, "notebook.kernel", 63) if body.kernel else ""
    if kernel.startswith("-"):
        raise InvalidInput("notebook.kernel", "must not start with '-'", kernel)
    return NotebookSpec(path, values, kernel)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    for name in variables:
        check_env_name(name)
    size = sum(len(f"{name}={value}".encode()) + 1 for name, value in variables.items())
    if size > MAX_ENVIRONMENT:
        raise InvalidInput("environment", f"is larger than {MAX_ENVIRONMENT} bytes", size, MAX_ENVIRONMENT)
    return variables


def _directory(body: WorkingDirectoryIn | None, notebook: NotebookSpec | None) -> WorkingDirectory | None:
    if body is None:
        # A notebook alone goes along by itself.
        return WorkingDirectory("", (notebook.path,)) if notebook else None
    files = None
    if body.files is not None:
        files = tuple(check_relative_path(f, f"working_directory.files.{i}") for i, f in enumerate(body.files))
        if "" in files:
            raise InvalidInput(f"working_directory.files.{files.index('')}", "must name a file")
        if notebook and not any(notebook.path == f or notebook.path.startswith(f + "/") for f in files):
            raise InvalidInput("working_directory.files", "must include the notebook", notebook.path)
    return WorkingDirectory(check_relative_path(body.path, "working_directory.path"), files)
