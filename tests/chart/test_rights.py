"""Who may do what at Kubernetes, verb by verb."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.data import needed
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.cipher import VARIABLE, Cipher
from collegium.domain.catalog import AccessMode, Dataset, SourceKind
from collegium.domain.mounts import dataset_mount
from collegium.settings import Settings
from support.rendered import Objects, render

HUB = {
    ("", "pods"): "create delete get list watch",
    ("", "events"): "list",
    ("", "persistentvolumeclaims"): "create get patch",
}
CONTROLLER = {
    ("batch", "jobs"): "create delete get list patch watch",
    ("", "pods"): "create delete get list watch",
    ("", "events"): "list",
    ("", "persistentvolumeclaims"): "create get list patch",
    ("", "secrets"): "create delete patch",
    ("", "namespaces"): "get patch",
    ("", "serviceaccounts"): "create patch",
    ("", "resourcequotas"): "create patch",
    ("", "limitranges"): "create patch",
    ("networking.k8s.io", "networkpolicies"): "create delete list patch",
    ("rbac.authorization.k8s.io", "rolebindings", "lab-hub"): "delete",
}
CLUSTER = {
    ("", "namespaces"): "create get",
    ("rbac.authorization.k8s.io", "rolebindings"): "create patch",
    ("rbac.authorization.k8s.io", "clusterroles", "lab-hub", "lab-controller"): "bind",
    ("", "persistentvolumes"): "create get patch",
}


def rights(objects: Objects, role: str) -> dict[tuple[str, ...], str]:
    """(group, resource, names…) → verbs."""
    found: dict[tuple[str, ...], str] = {}
    for rule in objects["ClusterRole", role]["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                key = (group, resource, *rule.get("resourceNames", []))
                assert key not in found, key
                found[key] = " ".join(sorted(rule["verbs"]))
    return found


def bound(objects: Objects) -> dict[str, list[tuple[str, str]]]:
    """Cluster role → accounts that have it in the whole cluster."""
    return {
        body["roleRef"]["name"]: [(s["namespace"], s["name"]) for s in body["subjects"]]
        for (kind, _), body in objects.items()
        if kind == "ClusterRoleBinding"
    }


def test_exact_rights() -> None:
    objects = render()
    assert rights(objects, "lab-hub") == HUB
    assert rights(objects, "lab-controller") == CONTROLLER
    assert rights(objects, "lab-controller-cluster") == CLUSTER
    assert bound(objects) == {"lab-controller-cluster": [("control", "controller")]}
    # Rights in groups' namespaces come by the controller; the control namespace itself needs none.
    assert not [key for key in objects if key[0] in ("Role", "RoleBinding")]
    assert {name for kind, name in objects if kind == "ClusterRole"} == {
        "lab-hub",
        "lab-controller",
        "lab-controller-cluster",
    }


def test_volumes_only_where_there_is_a_source_for_them() -> None:
    objects = render({"files": {"existingClaim": "files", "volume": {"nfs": None}}})
    assert ("", "persistentvolumes") not in rights(objects, "lab-controller-cluster")
    assert ("ValidatingAdmissionPolicy", "lab-volumes") not in objects
    assert not [key for key in objects if key[0] == "PersistentVolume"]


def test_volumes_of_datasets_only_of_sources_that_the_operator_allows() -> None:
    twins = {"nfsServers": ["nas.example"], "hostPaths": ["/data/open"], "csi": {"driver": "s3.example"}}
    objects = render({"datasets": twins})
    assert rights(objects, "lab-controller")["", "persistentvolumeclaims"] == "create delete get list patch"
    assert rights(objects, "lab-controller-cluster")["", "persistentvolumes"] == "create delete get list patch"
    assert rights(objects, "lab-hub") == HUB
    policy = objects["ValidatingAdmissionPolicy", "lab-datasets"]["spec"]
    only, _, _, nfs, folder, csi, claim = (v["expression"] for v in policy["validations"])
    assert 'in ["nas.example"]' in nfs and '["/data/open"].exists' in folder and '== "s3.example"' in csi
    (pattern,) = {*re.findall(r"matches\('(\^data[^']*)'\)", json.dumps(policy))}
    settings = KubernetesSettings(instance="lab", dataset_nfs_servers=["nas.example"])
    nas = Dataset("maps", "Maps", SourceKind.NFS, {"server": "nas.example", "path": "/maps"})
    made = needed(settings, "physics", dataset_mount(nas, "physics", AccessMode.READ_ONLY))
    assert all(re.fullmatch(pattern, body["metadata"]["name"]) for _, body in made)
    assert made[0][1]["metadata"]["labels"]["collegium.io/kind"] == "data" and "== 'data'" in only
    assert "claimRef.name == object.metadata.name" in claim
    # The files volume's own fence leaves those alone, and holds all others.
    conditions = objects["ValidatingAdmissionPolicy", "lab-volumes"]["spec"]["matchConditions"]
    assert conditions[1]["expression"] == f"!request.name.matches('{pattern}')"


def test_secrets_of_runs_and_pull_secrets_never_to_be_read() -> None:
    objects = render({"groups": {"pullSecrets": ["one", "two"]}})
    secrets = {key: verbs for key, verbs in rights(objects, "lab-controller").items() if key[1] == "secrets"}
    assert secrets == {("", "secrets"): "create delete patch"}
    assert not [key for key in rights(objects, "lab-hub") if key[1] == "secrets"]
    names, of_ours = objects["ValidatingAdmissionPolicy", "lab-secrets"]["spec"]["validations"]
    assert "request.name in ['one','two']" in names["expression"]
    (pattern,) = re.findall(r"matches\('(.*)'\)", names["expression"])
    assert re.fullmatch(pattern, naming.job_name("job-a.1")) and not re.fullmatch(pattern, "lab-sealing")
    assert "variables.before" in of_ours["expression"]


def test_a_watch_of_the_cluster() -> None:
    objects = render({"groups": {"watch": "cluster"}})
    assert rights(objects, "lab-hub-watch") == {("", "pods"): "list watch"}
    assert rights(objects, "lab-controller-watch") == {("", "pods"): "list watch", ("batch", "jobs"): "list watch"}
    for account in ("hub", "controller"):
        assert bound(objects)[f"lab-{account}-watch"] == [("control", account)]


def test_namespaces_that_an_administrator_makes() -> None:
    values = {"groups": {"manageNamespaces": False, "namespaces": ["one"]}, "files": {"existingClaim": "files"}}
    objects = render({**values, "files": {"existingClaim": "files", "volume": {"nfs": None}}})
    assert bound(objects) == {}
    assert rights(objects, "lab-controller") == {
        key: "get" if key[1] == "namespaces" else verbs
        for key, verbs in CONTROLLER.items()
        if key[1] in ("jobs", "pods", "events", "persistentvolumeclaims", "namespaces", "secrets")
    }
    bindings = {name: body for (kind, name), body in objects.items() if kind == "RoleBinding"}
    assert set(bindings) == {"one/lab-hub", "one/lab-controller"}
    for name, body in ((name.removeprefix("one/"), body) for name, body in bindings.items()):
        assert body["roleRef"]["name"] == name
        assert body["subjects"] == [
            {"kind": "ServiceAccount", "name": name.removeprefix("lab-"), "namespace": "control"}
        ]
    assert not [key for key in objects if key[0] == "ValidatingAdmissionPolicy"]


@pytest.mark.parametrize("values", [{}, {"groups": {"watch": "cluster", "pullSecrets": ["one"]}}])
def test_nothing_that_leads_to_everything(values: Any) -> None:
    for (kind, name), body in render(values).items():
        if kind == "ClusterRole":
            for rule in body["rules"]:
                assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"], name
                assert not {"escalate", "impersonate"} & set(rule["verbs"]), name
                assert not {"pods/exec", "pods/attach", "nodes", "serviceaccounts/token"} & set(rule["resources"]), name
                if "secrets" in rule["resources"]:
                    assert not {"get", "list", "watch"} & set(rule["verbs"]), name


def test_every_policy_holds_the_controller_alone_and_is_bound() -> None:
    objects = render()
    policies = {name: body for (kind, name), body in objects.items() if kind == "ValidatingAdmissionPolicy"}
    assert set(policies) == {"lab-namespaces", "lab-rolebindings", "lab-secrets", "lab-volumes"}
    for name, body in policies.items():
        condition = body["spec"]["matchConditions"][0]
        assert condition["expression"] == "request.userInfo.username == 'system:serviceaccount:control:controller'"
        assert body["spec"]["failurePolicy"] == "Fail"
        binding = objects["ValidatingAdmissionPolicyBinding", name]
        assert binding["spec"] == {"policyName": name, "validationActions": ["Deny"]}


def test_the_key_of_secrets_is_for_the_service_alone_and_outlives_the_release() -> None:
    objects = render()
    made = objects["Secret", "lab-sealing"]
    assert made["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    key = base64.b64decode(made["data"]["secret-key"]).decode()
    assert Cipher.from_settings(Settings.at(Path("/nowhere")), {VARIABLE: key}, make=False).ready
    readers = {
        name
        for (kind, name), body in objects.items()
        if kind == "Deployment" and "lab-sealing" in json.dumps(body["spec"])
    }
    assert readers == {"lab-api", "lab-controller"}
    own = render({"secrets": {"sealing": "mine"}})
    assert ("Secret", "lab-sealing") not in own
    assert '"mine", "key": "secret-key", "optional": true' in json.dumps(own["Deployment", "lab-api"])
