"""Turns a request into the exact program and environment of a run. Nothing is inherited from this process."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from collegium.backends.local.limits import Limiter
from collegium.backends.local.mounter import variables as mount_variables
from collegium.backends.ports import RunRequest, StartFailed, fill
from collegium.domain.catalog import Image
from collegium.domain.errors import DomainError
from collegium.domain.names import check_env_name
from collegium.domain.resources import gpus, size_hints
from collegium.domain.secrets import shapes

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: Carries the run's key in every process of the run, so that what outlives its supervisor can be found.
RUN_MARK = "COLLEGIUM_RUN"
#: The name of the environment that runs the hub itself.
HUB = "hub"


def interpreter(image: Image) -> str:
    """The image's Python. Raises StartFailed if the image is none that this backend can run."""
    if not image.environment:
        raise StartFailed(
            f"image {image.name} has no local environment: it names only a container image, which needs Kubernetes"
        )
    if image.environment == HUB:
        return sys.executable
    python = Path(image.environment) / "bin" / "python"
    if not python.is_absolute():
        raise StartFailed(f"image {image.name}: its environment {image.environment!r} is not an absolute path")
    if not os.access(python, os.X_OK):
        raise StartFailed(f"image {image.name}: its environment {image.environment} holds no bin/python that can run")
    return str(python)


def record(
    request: RunRequest, attempt: Path, limiter: Limiter, extra: Mapping[str, object], mounts: Sequence[str] = ()
) -> bytes:
    """The ``launch`` file of an attempt, as ``supervisor`` reads it; ``mounts`` are steps of its mounts. Raises
    StartFailed."""
    python = interpreter(request.image)
    work, artifacts = str(attempt / "work"), str(attempt / "artifacts")

    def filled(what: str, text: str) -> str:
        try:
            return fill(text, python, artifacts, work)
        except (LookupError, ValueError, AttributeError) as error:
            raise StartFailed(f"{what} holds a placeholder that is not known: {error}") from error

    argv = [filled("the command", word) for word in request.argv]
    if not argv or not argv[0]:
        raise StartFailed("the command is empty")
    environment = {
        "PATH": f"{Path(python).parent}:{SYSTEM_PATH}",
        "HOME": work,
        "USER": request.user,
        "LOGNAME": request.user,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(attempt / "tmp"),
        "COLLEGIUM_JOB_ID": request.job_id,
        "COLLEGIUM_GROUP": request.group,
        "COLLEGIUM_USER": request.user,
        "COLLEGIUM_ARTIFACTS": artifacts,
        **mount_variables(attempt, request.mounts),
        **({"TZ": os.environ["TZ"]} if "TZ" in os.environ else {}),
        **request.image.variables,
        **size_hints(request.resources),
        **{name: filled(f"environment variable {name}", value) for name, value in request.environment.items()},
        **request.secrets,
        RUN_MARK: request.key,
    }
    entries = [("arg", word) for word in argv]
    entries += [("env", f"{name}={value}") for name, value in environment.items()]
    # In this file and in no argument list: nobody else can read it, and the supervisor removes it with the run's end.
    entries += [("mask", os.fsdecode(shape)) for shape in shapes(request.secrets.values())]
    entries += [("limit", step) for step in limiter.plan(request.key, request.resources)]
    entries += [("mount", step) for step in mounts]
    entries += [(name, str(value)) for name, value in extra.items()]
    if gpus(request.resources) and (meter := shutil.which("nvidia-smi", path=SYSTEM_PATH)):
        entries += [("gpus", meter)]
    for name in environment:
        try:
            check_env_name(name)
        except DomainError as error:
            raise StartFailed(str(error)) from error
    if any("\0" in value for _, value in entries):
        raise StartFailed("the command and its environment must not hold NUL characters")
    try:
        return b"\0".join(os.fsencode(f"{name}={value}") for name, value in entries)
    except UnicodeEncodeError as error:
        raise StartFailed("the command and its environment must be valid Unicode") from error
