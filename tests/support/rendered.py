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
#: Logins by Keycloak: the least, and all three clients of the realm with every rule set otherwise than by default.
KEYCLOAK: dict[str, Any] = {
    "type": "keycloak",
    "keycloak": {"issuer": "https://login.example/realms/lab", "login": {"existingSecret": "login-secret"}},
}
KEYCLOAK_ALL: dict[str, Any] = {
    "type": "keycloak",
    "keycloak": {
        "issuer": "https://login.example:8443/auth/realms/lab",
        "login": {"clientId": "hub", "existingSecret": "clients", "key": "hub"},
        "sync": {
            "clientId": "reader",
            "existingSecret": "clients",
            "key": "reader",
            "interval": 2.5,
            "walkInterval": 60,
        },
        "accounts": {"clientId": "writer", "existingSecret": "writer-secret", "key": "writer"},
        "groups": {
            "claim": "paths",
            "marker": "here",
            "prefix": "/labs",
            "include": ["team-*"],
            "exclude": ["team-test*"],
            "names": {"/labs/Old Physics": "physics"},
            "create": True,
            "newLimits": {"memory": "8Gi", "nvidia.com/gpu": 1},
        },
        "roles": {
            "source": "client-role",
            "default": "viewer",
            "names": {"leads": "admin"},
            "claim": "our_roles",
            "pattern": "{role} of {group}",
        },
        "platformAdmin": {
            "realmRole": "",
            "realmClaim": "realm",
            "clientRole": "operator",
            "clientClaim": "our_roles",
        },
        "adoptUsers": True,
        "outageGrace": 60,
        "patience": 2.5,
        "caBundle": {"configMap": "authorities", "key": "bundle.pem"},
    },
}
MAIL: dict[str, Any] = {
    "host": "mail.example",
    "port": 2525,
    "security": "tls",
    "user": "collegium",
    "existingSecret": "mail-secret",
    "key": "word",
    "sender": "lab@mail.example",
    "patience": 5,
    "caBundle": {"secret": "mail-authority", "key": "mail.pem"},
}
Objects = dict[tuple[str, str], dict[str, Any]]


def with_keycloak(**changes: Any) -> dict[str, Any]:
    """Values with the least of Keycloak and these changes of auth.keycloak."""
    return {"auth": merged(KEYCLOAK, {"keycloak": changes})}


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
