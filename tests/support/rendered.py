"""The chart's objects as helm renders them, without a cluster."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import yaml

from support.release import CHART, VERSION, merged, program

#: The least that an installation needs.
LEAST: dict[str, Any] = {
    "database": {"existingSecret": "database"},
    "files": {"volume": {"nfs": {"server": "files.example", "path": "/srv/collegium"}}},
}
Objects = dict[tuple[str, str], dict[str, Any]]


def helm(*arguments: str, values: Any = None) -> subprocess.CompletedProcess[str]:
    """Run helm, with values on its standard input."""
    given = ["-f", "-"] if values is not None else []
    return subprocess.run(
        [program("helm"), *arguments, *given],
        input=None if values is None else yaml.safe_dump(values),
        capture_output=True,
        text=True,
        timeout=120,
    )


def render(values: Any = None, *, least: bool = True, name: str = "lab", namespace: str = "control") -> Objects:
    """All objects by kind and name (``namespace/name`` for other namespaces); the test fails if helm does."""
    given = merged(LEAST, values or {}) if least else values
    done = helm("template", name, str(CHART), "-n", namespace, "--kube-version", VERSION, values=given)
    assert done.returncode == 0, done.stderr
    found: Objects = {}
    for document in yaml.safe_load_all(done.stdout):
        if document:
            place = document["metadata"].get("namespace", namespace)
            own = document["metadata"]["name"]
            key = (document["kind"], own if place == namespace else f"{place}/{own}")
            assert key not in found, f"{key} twice"
            found[key] = document
    return found


def refusal(values: Any, *, least: bool = True) -> str:
    """What helm says about values that it refuses; the test fails if it takes them."""
    given = merged(LEAST, values) if least else values
    done = helm("template", "lab", str(CHART), "-n", "control", "--kube-version", VERSION, values=given)
    assert done.returncode != 0, "helm took it"
    return done.stderr


def pod_specs(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod that these objects make, with its maker's name."""
    for (kind, name), body in objects.items():
        if kind == "Pod":
            yield name, body["spec"]
        elif kind in ("Deployment", "StatefulSet", "Job"):
            yield name, body["spec"]["template"]["spec"]
