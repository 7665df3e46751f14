from __future__ import annotations

import base64
import json
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.catalog.loader import load_catalog
from support.release import CHART
from support.rendered import KEYCLOAK, KEYCLOAK_ALL, MAIL, Objects, helm, pod_specs, refusal, render

VALUE_SETS: dict[str, dict[str, Any]] = {
    "least": {},
    "bundled database": {
        "database": {"existingSecret": "", "bundled": {"enabled": True, "storageClass": "fast", "volumeName": ""}}
    },
    "bundled on a named volume": {"database": {"existingSecret": "", "bundled": {"enabled": True, "volumeName": "v"}}},
    "own secrets": {
        "secrets": {"hub": "a", "proxy": "b", "service": "c"},
        "admin": {"existingSecret": "d", "key": "first"},
    },
    "hub's own database": {"database": {"key": "uri", "hubKey": "hub-uri", "port": 6432}},
    "images by digest": {"images": {"registry": "registry.example/lab", "hub": "hub@sha256:" + "0" * 64, "tag": "1.2"}},
    "images of their own": {
        "images": {"service": "service:2", "proxy": "proxy", "pullSecrets": ["mine"], "pullPolicy": "Always"}
    },
    "pull secrets": {"groups": {"pullSecrets": ["registry", "other.registry"]}},
    "cluster watch": {"groups": {"watch": "cluster"}},
    "one namespace": {"groups": {"namespace": "work"}, "files": {"existingClaim": "files"}},
    "long template": {"groups": {"namespace": "lab-of-{group}-people"}},
    "unmanaged namespaces": {
        "groups": {"manageNamespaces": False, "namespaces": ["one", "two"]},
        "files": {"existingClaim": "files", "volume": None},
    },
    "shared homes": {"homes": {"kind": "shared"}},
    "existing files claim": {"files": {"existingClaim": "files", "volume": {"nfs": None}}},
    "files by csi": {
        "files": {
            "volume": {
                "nfs": None,
                "csi": {
                    "driver": "files.example",
                    "volumeHandle": "lab#{namespace}",
                    "volumeAttributes": {"share": "/lab", "server": "10.0.0.9"},
                    "readOnly": False,
                },
            }
        }
    },
    "files on the node": {"files": {"volume": {"nfs": None, "hostPath": {"path": "/srv/files", "type": "Directory"}}}},
    "base URL": {"hub": {"baseUrl": "/lab/"}},
    "hub settings": {
        "hub": {
            "config": {"JupyterHub": {"concurrent_spawn_limit": 7}, "Authenticator": {"allow_all": True}},
            "extraConfig": {"10-banner": "c.JupyterHub.template_vars = {'announcement': 'hello'}\n", "20.py": "x = 1"},
            "extraEnv": [{"name": "TZ", "value": "Europe/Berlin"}],
        }
    },
    "placed": {
        part: {
            "nodeSelector": {"role": "control"},
            "tolerations": [{"key": "control", "operator": "Exists"}],
            "affinity": {"podAntiAffinity": {}},
            "priorityClassName": "control",
            "podLabels": {"team": "platform"},
            "podAnnotations": {"note": "x"},
        }
        for part in ("hub", "proxy", "api", "controller", "postgresql")
    },
    "many replicas": {"api": {"replicas": 5}, "controller": {"replicas": 2}},
    "ingress": {
        "ingress": {
            "enabled": True,
            "className": "public",
            "hosts": ["lab.example"],
            "tls": [{"secretName": "tls", "hosts": ["lab.example"]}],
            "annotations": {"a": "b"},
        }
    },
    "load balancer": {
        "proxy": {
            "service": {
                "type": "LoadBalancer",
                "port": 443,
                "nodePort": 30080,
                "annotations": {"lb": "internal"},
                "loadBalancerSourceRanges": ["192.0.2.0/24"],
            }
        }
    },
    "narrow network": {
        "networkPolicy": {
            "proxyFrom": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
            "metricsFrom": [{"namespaceSelector": {}}],
            "databaseTo": [{"ipBlock": {"cidr": "192.0.2.7/32"}}],
            "apiServer": {"ports": [6443], "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]},
            "hubEgress": [{"ports": [{"port": 8443, "protocol": "TCP"}]}],
        }
    },
    "no policies": {"networkPolicy": {"enabled": False}, "security": {"admissionPolicy": False}},
    "another user": {"security": {"uid": 70001, "gid": 70002}},
    "keycloak": {"auth": KEYCLOAK},
    "keycloak, all of it": {"auth": KEYCLOAK_ALL, "selftest": {"existingSecret": "token"}},
    "mail": {"mail": MAIL},
    "keycloak, own secrets": {"auth": KEYCLOAK, "secrets": {"hub": "a", "proxy": "b", "service": "c"}},
    "addon with keycloak": {
        "instance": "hub-release",
        "addon": {"enabled": True},
        "auth": KEYCLOAK_ALL,
        "mail": MAIL,
    },
    "addon": {"instance": "hub-release", "addon": {"enabled": True}},
    "addon, bundled": {
        "instance": "hub-release",
        "addon": {"enabled": True, "hubUrl": "http://hub.other.svc:9081"},
        "database": {"existingSecret": "", "bundled": {"enabled": True}},
    },
}


@pytest.fixture(scope="module", params=VALUE_SETS)
def objects(request) -> Objects:
    return render(VALUE_SETS[request.param])


def test_there_are_enough_sets() -> None:
    assert len(VALUE_SETS) >= 20


def test_all_objects_are_valid(objects: Objects) -> None:
    for body in objects.values():
        kubernetes_validate.validate(body, "1.35", strict=True)


def test_every_pod_is_restricted(objects: Objects) -> None:
    specs = dict(pod_specs(objects))
    assert len(specs) >= 3
    for name, spec in specs.items():
        assert_restricted(name, spec)


def assert_restricted(name: str, spec: dict[str, Any]) -> None:
    """Pod Security "restricted", and more: a read-only root, no token unless wanted, limits."""
    pod = spec["securityContext"]
    assert pod["runAsNonRoot"] is True, name
    assert pod["runAsUser"] >= 1 and pod["runAsGroup"] >= 1, name
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), name
    assert spec["enableServiceLinks"] is False, name
    # An identity at Kubernetes for those who need one.
    wanted = spec.get("serviceAccountName") in ("hub", "controller")
    assert spec["automountServiceAccountToken"] is wanted, name
    for volume in spec["volumes"]:
        kinds = volume.keys() - {"name"}
        assert kinds <= {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}, (name, volume)
        mode = volume.get("secret", volume.get("projected", {})).get("defaultMode", 0)
        assert mode & 0o007 == 0, (name, volume)
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert not any("hostPort" in port for port in container.get("ports", [])), name
        assert "memory" in container["resources"]["limits"] and "cpu" in container["resources"]["requests"], name
        assert any(mount["mountPath"] == "/tmp" for mount in container["volumeMounts"]), name
        if spec.get("restartPolicy") != "Never":
            assert {"livenessProbe", "readinessProbe", "startupProbe"} <= container.keys(), name


def test_no_secret_stands_in_an_argument_or_a_literal(objects: Objects) -> None:
    hidden = {
        base64.b64decode(data).decode()
        for (kind, _), body in objects.items()
        if kind == "Secret"
        for data in body["data"].values()
    }
    assert all(len(secret) >= 20 for secret in hidden)
    shown = json.dumps([body for (kind, _), body in objects.items() if kind != "Secret"])
    assert not [secret for secret in hidden if secret in shown]
    for name, spec in pod_specs(objects):
        for container in spec["containers"]:
            for variable in container.get("env", []):
                text = f"{name}: {variable['name']}"
                if re.search("TOKEN|SECRET|PASSWORD|DATABASE_URL", variable["name"]) and "value" in variable:
                    assert variable["value"].startswith("/"), text


def test_selectors_find_their_pods_and_nobody_elses(objects: Objects) -> None:
    templates = {
        name: body["spec"]["template"]["metadata"]["labels"]
        for (kind, name), body in objects.items()
        if kind in ("Deployment", "StatefulSet")
    }
    for (kind, name), body in objects.items():
        if kind in ("Deployment", "StatefulSet", "PodDisruptionBudget", "Service"):
            selector = body["spec"]["selector"]
            selector = selector.get("matchLabels", selector)
            found = [n for n, labels in templates.items() if selector.items() <= labels.items()]
            assert found == [name.replace("proxy-api", "proxy")], (kind, name)


def test_settings_and_catalog_are_read_by_our_own_code(objects: Objects, tmp_path) -> None:
    instance = next(name for kind, name in objects if kind == "ConfigMap").rsplit("-", 1)[0]
    config = objects["ConfigMap", f"{instance}-config"]["data"]
    settings = KubernetesSettings.from_mapping(json.loads(config["kubernetes.json"]))
    assert (settings.instance, settings.control_namespace) == (instance, "control")
    (tmp_path / "catalog.yaml").write_text(objects["ConfigMap", f"{instance}-catalog"]["data"]["catalog.yaml"])
    catalog = load_catalog(tmp_path / "catalog.yaml")
    assert all(image.reference for image in catalog.images)


def test_pods_roll_when_their_configuration_changes() -> None:
    def hashes(**values: Any) -> dict[str, str]:
        found = {}
        for (kind, name), body in render(values).items():
            if kind == "Deployment":
                annotations = body["spec"]["template"]["metadata"]["annotations"]
                found[name.removeprefix("lab-")] = annotations["collegium.io/configuration"]
        return found

    before = hashes()
    # Random secrets are no configuration: each render makes others, and an upgrade keeps what is there.
    assert hashes() == before

    def changed(**values: Any) -> set[str]:
        after = hashes(**values)
        return {name for name in before if before[name] != after[name]}

    assert changed(groups={"watch": "cluster"}) == {"hub", "api", "controller"}
    assert changed(hub={"extraConfig": {"a": "b = 1"}}) == {"hub"}
    assert changed(hub={"config": {"JupyterHub": {"log_level": 10}}}) == {"hub"}
    assert changed(catalog={"instance_types": []}) == {"hub"}
    assert changed(api={"replicas": 3}) == set()


def test_api_has_no_identity_and_only_the_hub_sees_passwords() -> None:
    objects = render()
    specs = dict(pod_specs(objects))
    assert "serviceAccountName" not in specs["lab-api"]
    assert specs["lab-controller"]["serviceAccountName"] == "controller"
    mounted = {name: json.dumps(spec) for name, spec in specs.items()}
    assert {name for name, text in mounted.items() if "lab-admin" in text} == {"lab-hub", "lab-selftest"}
    assert {name for name, text in mounted.items() if "cookie-secret" in text} == {"lab-hub"}
    assert {name for name, text in mounted.items() if "proxy-token" in text} == {"lab-hub", "lab-proxy"}
    assert {name for name, text in mounted.items() if "service-token" in text} == {
        "lab-hub",
        "lab-api",
        "lab-controller",
    }


def test_accounts_have_no_token_but_where_a_pod_asks() -> None:
    accounts = [body for (kind, _), body in render().items() if kind == "ServiceAccount"]
    assert {a["metadata"]["name"] for a in accounts} == {"hub", "controller"}
    assert all(a["automountServiceAccountToken"] is False for a in accounts)


def test_hub_and_proxy_are_replaced_and_not_doubled() -> None:
    objects = render({"api": {"replicas": 4}})
    for name in ("lab-hub", "lab-proxy"):
        spec = objects["Deployment", name]["spec"]
        assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    api = objects["Deployment", "lab-api"]["spec"]
    assert (api["replicas"], api["strategy"]["rollingUpdate"]["maxUnavailable"]) == (4, 0)
    assert api["template"]["spec"]["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"


def test_no_default_credentials() -> None:
    first, second = render(), render()
    for key, body in first.items():
        if key[0] == "Secret":
            assert body["data"] != second[key]["data"], key
    text = (CHART / "values.yaml").read_text()
    assert not re.search(r"(password|token|secret)\w*: *['\"]?\w", text, re.IGNORECASE)


def test_helm_lint() -> None:
    done = helm("lint", str(CHART), "--strict", "--kube-version", "1.35.4", values=yaml.safe_load(LINT))
    assert done.returncode == 0, done.stdout


LINT = "{database: {existingSecret: database}, files: {volume: {nfs: {server: files.example, path: /srv}}}}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"database": {"existingSecret": ""}}, ["database.existingSecret is empty", "PostgreSQL", "SQLite"]),
        ({"database": {"bundled": {"enabled": True}}}, ["give one of them"]),
        ({"database": {"url": "sqlite:////srv/db.sqlite"}}, ["/database", "'url' not allowed"]),
        ({"files": {"volume": {"nfs": None}}}, ["files.volume and files.existingClaim are empty"]),
        ({"files": {"volume": {"hostPath": {"path": "/"}}}}, ["/files/volume", "want 1"]),
        ({"files": {"volume": {"nfs": None, "local": {"path": "/"}}}}, ["/files/volume", "local"]),
        ({"hub": {"baseUrl": "lab"}}, ["/hub/baseUrl"]),
        ({"hub": {"replicas": 2}}, ["/hub", "'replicas' not allowed"]),
        ({"api": {"replicas": 0}}, ["/api/replicas", "want 1"]),
        ({"api": {"resources": {"limits": {"memory": "lots"}}}}, ["/api/resources/limits/memory"]),
        ({"nonsense": 1}, ["'nonsense' not allowed"]),
        ({"security": {"uid": 0}}, ["/security/uid", "want 1"]),
        ({"groups": {"namespace": "{group}"}}, ["groups.namespace is {group} alone"]),
        ({"groups": {"namespace": "Lab_{group}"}}, ["/groups/namespace"]),
        ({"groups": {"watch": "all"}}, ["/groups/watch", "'namespace', 'cluster'"]),
        ({"groups": {"namespaces": ["one"]}}, ["groups.namespaces", "manageNamespaces off"]),
        (
            {
                "admin": {"user": "root"},
                "catalog": {"users": [{"name": "pat", "platform_admin": True}, {"name": "ann"}]},
            },
            ["admin.user", '"root"', "there are: pat"],
        ),
        ({"catalog": {"groups": [{"name": "physics", "limits": {}}]}}, ["admin.user", '"admin"', "there are: none"]),
        ({"admin": {"user": "a b"}}, ["/admin/user"]),
        ({"catalog": {"grousp": []}}, ["/catalog", "grousp"]),
        ({"catalog": {"groups": [{"name": "physics", "limits": 3}]}}, ["/catalog/groups/0/limits"]),
        ({"instance": "-x"}, ["/instance"]),
        ({"ingress": {"enabled": True}}, ["ingress.hosts is empty"]),
        ({"addon": {"enabled": True}}, ["instance is empty", "Zero-to-JupyterHub"]),
        (
            {"instance": "z", "addon": {"enabled": True}, "ingress": {"enabled": True, "hosts": ["a"]}},
            ["ingress.enabled"],
        ),
    ],
)
def test_bad_values_are_refused_in_clear_words(values: Any, words: list[str]) -> None:
    text = refusal(values)
    assert all(word in text for word in words), text
