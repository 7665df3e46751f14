"""An installation on a real cluster by our chart, as an operator makes it: helm in, helm out, and kubectl between."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from collegium.hub.visit import Visit
from support.cluster import OWN, Images
from support.installation import ROOT, until

CHART = ROOT / "helm" / "collegium"
#: Helm from the Go module does not know a version of Kubernetes to render for without a cluster.
VERSION = "1.35.4"
UID = 1000

CATALOG: dict[str, Any] = {
    "version": 1,
    "users": [
        {"name": "admin", "platform_admin": True},
        {"name": "ann", "display_name": "Ann, admin of physics"},
        {"name": "bob"},
        {"name": "cem"},
    ],
    "instance_types": [
        {
            "name": "small",
            "display_name": "Small",
            "limits": {"cpu": "500m", "memory": "512Mi"},
            "requests": {"cpu": "50m", "memory": "128Mi"},
            "everyone": True,
        }
    ],
    "groups": [
        {
            "name": "physics",
            "limits": {"cpu": "4", "memory": "4Gi"},
            "members": {"admin": "member", "ann": "admin", "bob": "member"},
        },
        {"name": "chemistry", "limits": {"cpu": "1", "memory": "1Gi"}, "members": {"cem": "member", "ann": "member"}},
    ],
}
#: An installation for a small machine.
VALUES: dict[str, Any] = {
    "images": {"pullPolicy": "IfNotPresent"},
    "database": {"bundled": {"enabled": True, "capacity": "1Gi"}},
    "files": {"capacity": "1Gi"},
    "homes": {"capacity": "100Mi"},
    "proxy": {"service": {"type": "NodePort"}},
    # DNS of test clusters runs on the node and not in a pod.
    "networkPolicy": {"dnsTo": [{"ipBlock": {"cidr": "10.200.0.0/16"}}]},
    "catalog": CATALOG,
}


def program(name: str) -> str:
    """helm or kubectl as the test cluster's set-up builds them, or the operator's own beside a cluster of theirs."""
    if os.environ.get(OWN) and (found := shutil.which(name)):
        return found
    return str(_built("helm" if name == "helm" else "kube")[name])


@functools.cache
def _built(part: str) -> Mapping[str, Path]:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import _programs
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    programs: Mapping[str, Path] = _programs.programs([part])
    return programs


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Values as helm merges them: mappings by key, all else as a whole; None in place of a mapping removes it."""
    made = dict(first)
    for key, value in second.items():
        there = made.get(key)
        if value is None and isinstance(there, Mapping):
            del made[key]
        else:
            made[key] = merged(there, value) if isinstance(there, Mapping) and isinstance(value, Mapping) else value
    return made


@dataclass
class Release:
    """``kubeconfig`` names the cluster; name and namespace are the same, so that releases never share anything."""

    kubeconfig: Path
    namespace: str
    values: Mapping[str, Any] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)

    @property
    def files(self) -> Path:
        """The files volume's folder on the node; hostPath, as the cluster has one node, beside its kubeconfig."""
        return self.kubeconfig.parent / "files" / self.namespace

    def group_namespace(self, group: str) -> str:
        """Where the group's pods are."""
        return f"{self.namespace}-{group}"

    def run(self, name: str, *arguments: str, check: bool = True, text: str | None = None) -> str:
        """helm or kubectl on this cluster; what it printed. With ``check``, a failure fails the test."""
        done = subprocess.run(
            [program(name), *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            input=text,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert not check or done.returncode == 0, f"{name} {arguments}:\n{done.stdout}\n{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    def kubectl(self, *arguments: str, check: bool = True, text: str | None = None) -> str:
        """kubectl in the control namespace, unless the arguments name another."""
        return self.run("kubectl", "-n", self.namespace, *arguments, check=check, text=text)

    def get(self, what: str, *arguments: str) -> dict[str, Any]:
        """An object or a list of them."""
        found: dict[str, Any] = json.loads(self.kubectl("get", what, *arguments, "-o", "json"))
        return found

    def install(self, **changes: Any) -> Release:
        """Install, or upgrade what is there, and wait until all is ready. ``changes`` are values."""
        self.files.mkdir(parents=True, exist_ok=True)
        os.chown(self.files, UID, UID)
        given = {
            "images": dataclasses.asdict(Images.from_environment()),
            "files": {"volume": {"hostPath": {"path": str(self.files)}}},
        }
        self.values = merged(merged(merged(VALUES, given), self.values), changes)
        made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        made["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}  # type: ignore[index]
        self.run("kubectl", "apply", "-f", "-", text=json.dumps(made))
        self.helm("upgrade", "--install", self.namespace, str(CHART), "--wait", "--timeout", "10m", "-f", "-")
        return self

    def helm(self, *arguments: str, check: bool = True) -> str:
        """helm with our values on its standard input, for what takes values."""
        values = yaml.safe_dump(dict(self.values)) if "-" in arguments else None
        return self.run("helm", "-n", self.namespace, *arguments, check=check, text=values)

    def uninstall(self) -> None:
        """Remove the release, its groups' namespaces and its files."""
        self.helm("uninstall", self.namespace, "--wait", "--ignore-not-found", check=False)
        ours = f"app.kubernetes.io/instance={self.namespace}"
        self.run("kubectl", "delete", "namespace", "-l", ours, "--wait=false", check=False)
        self.run("kubectl", "delete", "persistentvolume", "-l", ours, "--wait=false", check=False)
        self.run("kubectl", "delete", "namespace", self.namespace, "--wait=false", "--ignore-not-found", check=False)
        shutil.rmtree(self.files, ignore_errors=True)

    def secret(self, name: str) -> dict[str, str]:
        """A Secret's data, decoded."""
        return {key: base64.b64decode(data).decode() for key, data in self.get("secret", name)["data"].items()}

    @property
    def url(self) -> str:
        """The proxy, on the node's address."""
        addresses = self.get("nodes")["items"][0]["status"]["addresses"]
        address = next(a["address"] for a in addresses if a["type"] == "InternalIP")
        port = self.get("service", f"{self.namespace}-proxy")["spec"]["ports"][0]["nodePort"]
        return f"http://{address}:{port}"

    @property
    def api(self) -> str:
        """The REST API below it."""
        return f"{self.url}/services/collegium/api/v1"

    def password(self, user: str) -> str:
        """A password that works: the admin's first one from its Secret, for others one that is set now."""
        if user not in self.passwords:
            if user == "admin":
                self.passwords[user] = self.secret(f"{self.namespace}-admin")["admin"]
            else:
                self.passwords[user] = secrets.token_urlsafe(16)
                self.exec("hub", "collegium", "users", "set-password", user, "--password", self.passwords[user])
        return self.passwords[user]

    def visit(self, user: str = "admin") -> Visit:
        """A session of a user through the proxy, with a token."""
        visit = Visit(self.url, user)
        visit.login(self.password(user))
        visit.make_token("test", 3600)
        return visit

    def token(self, user: str = "admin") -> str:
        """A user's API token."""
        visit = self.visit(user)
        made = visit.ask("POST", f"hub/api/users/{user}/tokens", {"note": "test", "expires_in": 3600})
        return str(made["token"])

    def exec(self, component: str, *command: str) -> str:
        """Run a command in a pod of hub, proxy, api or controller."""
        return self.kubectl("exec", f"deploy/{self.namespace}-{component}", "--", *command)

    def logs(self, component: str, *arguments: str) -> str:
        """What all pods of a component have printed."""
        return self.kubectl(
            "logs", "-l", f"app.kubernetes.io/component={component}", "--tail=-1", "--prefix", *arguments
        )

    def pods(self, component: str) -> list[dict[str, Any]]:
        """The pods of a component."""
        return list(self.get("pods", "-l", f"app.kubernetes.io/component={component}")["items"])

    def until(self, what: str, check: Callable[[], Any], seconds: float = 180) -> Any:
        """Wait for a condition."""
        return until(what, check, seconds, 0.5)
