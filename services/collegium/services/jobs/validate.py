"""From the wire to a JobSpec: the rules that a schema cannot say."""

from __future__ import annotations

from collegium.domain.errors import InvalidInput
from collegium.domain.jobs import JobSpec, NotebookSpec, WorkingDirectory
from collegium.domain.names import check_env_name, check_label, check_object_name, check_relative_path
from collegium.services.jobs.command import parameters_text
from collegium.services.jobs.models import JobIn, NotebookIn, WorkingDirectoryIn

#: Linux takes at most 128 KiB in one argument; the rest is for what we add around it.
MAX_ARGUMENT = 120_000
#: Bytes of all environment variables together: Linux takes about 2 MiB with the arguments.
MAX_ENVIRONMENT = 512_000


def read_spec(body: JobIn) -> JobSpec:
    """The spec that a body asks for; raises InvalidInput naming the field."""
    if bool(body.command.strip()) == (body.notebook is not None):
        raise InvalidInput("command", "give exactly one of command and notebook")
    if len(body.command.encode()) > MAX_ARGUMENT:
        raise InvalidInput("command", f"is longer than {MAX_ARGUMENT} bytes; put it into a file", limit=MAX_ARGUMENT)
    notebook = _notebook(body.notebook) if body.notebook else None
    return JobSpec(
        name=check_label(body.name),
        instance_type=check_object_name(body.instance_type, "instance_type"),
        image=check_object_name(body.image, "image"),
        command="" if notebook else body.command,
        notebook=notebook,
        environment=_environment(body.environment),
        working_directory=_directory(body.working_directory, notebook),
        timeout_seconds=body.timeout_seconds,
        retries=body.retries,
    )


def _notebook(body: NotebookIn) -> NotebookSpec:
    path = check_relative_path(body.path, "notebook.path")
    if not path.endswith(".ipynb") or path.split("/")[-1] == ".ipynb":
        raise InvalidInput("notebook.path", "must be a file that ends in .ipynb", body.path)
    for name in body.parameters:
        # Papermill writes the name into a cell as it is, so it must be a name and nothing else.
        check_env_name(name, "notebook.parameters")
    if len(parameters_text(body.parameters).encode()) > MAX_ARGUMENT:
        raise InvalidInput("notebook.parameters", f"are longer than {MAX_ARGUMENT} bytes together", limit=MAX_ARGUMENT)
    kernel = check_label(body.kernel, "notebook.kernel", 63) if body.kernel else ""
    if kernel.startswith("-"):
        raise InvalidInput("notebook.kernel", "must not start with '-'", kernel)
    return NotebookSpec(path, body.parameters, kernel)


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
