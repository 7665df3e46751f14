"""The chart on a real cluster: install, test, fences, upgrade, restarts, uninstall; in this order, on one release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.cluster import TestCluster
from support.release import Release

NAME = "charttest"
CONTROLLER = f"system:serviceaccount:{NAME}:controller"


@pytest.fixture(scope="module")
def release(cluster: TestCluster) -> Iterator[Release]:
    found = Release(cluster.kubeconfig, NAME, {"homes": {"kind": "shared"}})
    found.uninstall()
    try:
        yield found.install()
    finally:
        found.uninstall()


def test_all_pods_run_and_nobody_complains(release: Release) -> None:
    for component in ("hub", "proxy", "api", "controller", "postgresql"):
        pods = release.pods(component)
        assert len(pods) == (2 if component == "api" else 1), component
        for pod in pods:
            (status,) = pod["status"]["containerStatuses"]
            assert status["ready"] and status["restartCount"] == 0, (component, release.logs(component))


def test_the_notes_say_that_this_is_a_trial(release: Release) -> None:
    notes = release.helm("get", "notes", NAME)
    assert "FOR TRIALS ONLY" in notes
    assert f"get secret {NAME}-admin" in notes


def test_no_password_and_no_token_in_any_log(release: Release) -> None:
    hidden = [
        v
        for name in ("admin", "postgresql", "hub", "proxy", "service")
        for v in release.secret(f"{NAME}-{name}").values()
    ]
    assert len(hidden) == 6
    for component in ("hub", "proxy", "api", "controller", "postgresql"):
        text = release.logs(component)
        assert text
        assert not [component for secret in hidden if secret in text]
        assert "First passwords" not in text


def test_only_the_named_admin_can_log_in_until_a_password_is_set(release: Release) -> None:
    text = release.exec(
        "hub",
        "python",
        "-c",
        "from collegium.db.shared import shared_database as d\n"
        "with d().read() as u: print(sorted(x.name for x in u.users.all() if x.password_hash))",
    )
    assert text.strip() == "['admin']"
    assert release.visit("bob").ask("GET", "hub/api/user")["name"] == "bob"


def test_helm_test(release: Release) -> None:
    printed = release.helm("test", NAME, "--logs", "--timeout", "10m", check=False)
    assert "all is well" in printed, printed + release.logs("hub")
    for said in ("strangers are told nothing", "a server has started and answers", "a job has run"):
        assert said in printed
    # It has cleared up.
    assert release.visit().ask("GET", "hub/api/users/admin")["servers"] == {}
    group = release.group_namespace("physics")
    left = json.loads(
        release.run("kubectl", "-n", group, "get", "pods", "-l", "collegium.io/kind=server", "-o", "json")
    )
    assert left["items"] == []


VOLUME: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "PersistentVolume",
    "metadata": {"name": f"{NAME}-try"},
    "spec": {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "claimRef": {"namespace": f"{NAME}-physics", "name": f"{NAME}-files"},
    },
}


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


OURS = {"app.kubernetes.io/instance": NAME, "app.kubernetes.io/managed-by": "collegium"}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (namespace("kube-evil", **OURS, **RESTRICTED), f"named like {NAME}-{{group}}"),
        (namespace(f"{NAME}x", **OURS, **RESTRICTED), f"named like {NAME}-{{group}}"),
        (namespace(f"{NAME}-new", **RESTRICTED), "carry the labels of installation"),
        (namespace(f"{NAME}-new", **OURS), "enforce the Pod Security level restricted"),
        (
            namespace(f"{NAME}-new", **OURS, **{"pod-security.kubernetes.io/enforce": "privileged"}),
            "enforce the Pod Security level restricted",
        ),
        (namespace(f"{NAME}-new", **OURS, **RESTRICTED), ""),
    ],
)
def test_namespaces_that_the_controller_may_make(release: Release, body: Any, words: str) -> None:
    check(as_controller(release, "create", body), words)


@pytest.mark.parametrize(
    ("place", "role", "subject", "words"),
    [
        ("kube-system", f"{NAME}-controller", [NAME, "controller"], "only in namespaces of groups"),
        (NAME, f"{NAME}-controller", [NAME, "controller"], "only in namespaces of groups"),
        (f"{NAME}-physics", "cluster-admin", [NAME, "controller"], "attempting to grant RBAC permissions"),
        (f"{NAME}-physics", f"{NAME}-controller-cluster", [NAME, "controller"], "only the roles"),
        (f"{NAME}-physics", f"{NAME}-controller", [f"{NAME}-physics", "default"], "only to the account of that name"),
        (f"{NAME}-physics", f"{NAME}-controller", [NAME, "hub"], "only to the account of that name"),
        (f"{NAME}-physics", f"{NAME}-hub", [NAME, "hub"], ""),
    ],
)
def test_roles_that_the_controller_may_bind(
    release: Release, place: str, role: str, subject: list[str], words: str
) -> None:
    body = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": place},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "namespace": subject[0], "name": subject[1]}],
    }
    check(as_controller(release, "apply", body, "--server-side", "--force-conflicts"), words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hostPath": {"path": "/"}}, "only with path of files.volume.hostPath"),
        ({"hostPath": {"path": "{files}", "type": "Directory"}}, "only with the fields of files.volume.hostPath"),
        ({"nfs": {"server": "192.0.2.1", "path": "/"}}, "which is of kind hostPath"),
        ({"hostPath": {"path": "{files}"}, "claimRef": {"namespace": "default", "name": f"{NAME}-files"}}, "only for"),
        ({"hostPath": {"path": "{files}"}, "claimRef": {"namespace": f"{NAME}-physics", "name": "x"}}, "only for"),
        ({"hostPath": {"path": "{files}"}, "mountOptions": ["suid"]}, "only of files.volume"),
        ({"hostPath": {"path": "{files}"}}, ""),
    ],
)
def test_volumes_that_the_controller_may_make(release: Release, change: dict[str, Any], words: str) -> None:
    text = json.dumps({**VOLUME, "spec": {**VOLUME["spec"], **change}}).replace("{files}", str(release.files))
    check(as_controller(release, "create", json.loads(text)), words)


@pytest.mark.parametrize(
    ("verb", "what", "may"),
    [
        ("create", "pods", False),
        ("get", "secrets", False),
        ("list", "namespaces", False),
        ("delete", "namespaces", False),
        ("create", "clusterrolebindings", False),
        ("create", "persistentvolumes", True),
        ("get", "namespaces", True),
    ],
)
def test_what_the_controller_may_do_in_the_control_namespace(release: Release, verb: str, what: str, may: bool) -> None:
    answer = release.kubectl("auth", "can-i", verb, what, f"--as={CONTROLLER}", check=False)
    assert answer.startswith("yes" if may else "no"), answer


def test_the_hub_has_rights_in_groups_only(release: Release) -> None:
    hub = f"--as=system:serviceaccount:{NAME}:hub"
    group = release.group_namespace("physics")

    def may(*what: str) -> bool:
        return release.run("kubectl", "auth", "can-i", *what, hub, check=False).startswith("yes")

    assert may("create", "pods", "-n", group)
    assert not may("create", "pods", "-n", NAME)
    assert not may("create", "pods", "-n", "default")
    assert not may("get", "secrets", "-n", group)
    assert not may("create", "namespaces")


def test_api_has_no_token(release: Release) -> None:
    assert "No such file" in release.kubectl(
        "exec", f"deploy/{NAME}-api", "--", "ls", "/var/run/secrets/kubernetes.io/serviceaccount", check=False
    )


def test_a_root_that_cannot_be_written(release: Release) -> None:
    for component in ("hub", "proxy", "api", "controller"):
        refused = release.kubectl("exec", f"deploy/{NAME}-{component}", "--", "touch", "/srv/x", check=False)
        assert "Read-only file system" in refused, component
        release.exec(component, "touch", "/tmp/x")


def test_an_upgrade_keeps_secrets_and_rolls_what_changed(release: Release) -> None:
    before = {name: release.secret(f"{NAME}-{name}") for name in ("admin", "postgresql", "hub", "proxy", "service")}
    pods = {name: {p["metadata"]["uid"] for p in release.pods(name)} for name in ("hub", "proxy", "api", "controller")}
    token = release.token("bob")
    release.install(hub={"config": {"JupyterHub": {"log_level": 10}}})
    assert {name: release.secret(f"{NAME}-{name}") for name in before} == before
    after = {name: {p["metadata"]["uid"] for p in release.pods(name)} for name in pods}
    assert after["hub"] != pods["hub"]
    assert {n: after[n] for n in ("proxy", "api", "controller")} == {n: pods[n] for n in ("proxy", "api", "controller")}
    status, _ = release.visit("bob").request("GET", "services/collegium/api/v1/context", token=token)
    assert status == 200


def test_pull_secrets_reach_groups_and_can_be_read_by_nobody_of_ours(release: Release) -> None:
    config = json.dumps({"auths": {"registry.example": {"auth": "bm9ib2R5Om5vdGhpbmc="}}})
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "registry"},
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": config},
    }
    release.kubectl("apply", "-f", "-", text=json.dumps(secret))
    release.install(groups={"pullSecrets": ["registry"]})
    group = release.group_namespace("physics")

    def copied() -> bool:
        return release.run("kubectl", "-n", group, "get", "secret", "registry", check=False).startswith("NAME")

    release.until("the controller has copied it", copied)
    other = {**secret, "metadata": {"name": "other", "namespace": group}, "type": "Opaque"}
    assert "may touch only Secrets of runs and those that pull images" in as_controller(
        release, "apply", other, "--server-side"
    )
    account = f"--as={CONTROLLER}"
    for verb in ("get", "list", "watch"):
        assert release.run("kubectl", "auth", "can-i", verb, "secrets", "-n", group, account, check=False) == "no\n"


KNOCK = """
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(target, "open")
    except OSError as error:
        print(target, "closed")
"""


def test_strangers_reach_the_proxy_and_nothing_else(release: Release, cluster: TestCluster) -> None:
    targets = {
        f"{NAME}-{service}.{NAME}.svc:{port}": service == "proxy"
        for service, port in [("proxy", 80), ("hub", 8081), ("proxy-api", 8001), ("api", 10101), ("postgresql", 5432)]
    }
    with cluster.namespace("stranger") as elsewhere:
        there = ["kubectl", "-n", elsewhere]
        image = ["--restart=Never", "--image-pull-policy=IfNotPresent", f"--image={cluster.images.hub}"]
        release.run(*there, "run", "knock", *image, "--", "python", "-c", KNOCK, *targets)
        release.run(*there, "wait", "pod/knock", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=3m")
        printed = release.run(*there, "logs", "knock")
    found = {line.split()[0]: line.split()[1] == "open" for line in printed.splitlines() if line.startswith(NAME)}
    assert found == targets


def test_every_pod_may_be_killed(release: Release) -> None:
    visit = release.visit("bob")

    def well() -> bool:
        return visit.request("GET", "services/collegium/health")[0] == 200

    for component in ("proxy", "api", "controller", "postgresql", "hub"):
        for pod in release.pods(component):
            release.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=1", "--wait=true")
        release.until(f"{component} is back", lambda: _answers(visit, well))
    release.until("the hub answers", lambda: _answers(visit, lambda: visit.ask("GET", "hub/api/user")["name"] == "bob"))


def test_a_kept_secret_is_found_again(release: Release) -> None:
    before = release.secret(f"{NAME}-postgresql")
    printed = release.helm("uninstall", NAME, "--wait")
    assert f"{NAME}-postgresql" in printed and f"{NAME}-admin" in printed
    release.install()
    assert release.secret(f"{NAME}-postgresql") == before
    # The database is that of before: its volume has outlived the release, and bob's password with it.
    release.until("bob logs in", lambda: _answers(release.visit("bob"), lambda: True))


def _answers(visit: Any, check: Any) -> Any:
    try:
        return check()
    except Exception:
        return None


def as_controller(release: Release, verb: str, body: Any, *more: str) -> str:
    words = [f"--as={CONTROLLER}", verb, "--dry-run=server", *more, "-f", "-"]
    return release.run("kubectl", *words, check=False, text=json.dumps(body))


def check(answer: str, words: str) -> None:
    if words:
        assert words in answer and ("denied" in answer or "orbidden" in answer), answer
    else:
        assert "(server dry run)" in answer, answer
