"""The cluster that all other tests of this folder stand on keeps what it promises."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cluster import STORAGE_CLASS, ClusterError, NeedsNode, TestCluster

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
POD_SECURITY = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "fsGroup": 1000}
SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
SERVE = "import http.server as s; s.ThreadingHTTPServer(('', 8080), s.SimpleHTTPRequestHandler).serve_forever()"


def pod(name: str, image: str, command: list[str] | None = None, /, **spec: Any) -> dict[str, Any]:
    """A pod that Pod Security *restricted* lets in; keywords go into its container, but ``labels`` and ``pod``."""
    labels, rest = spec.pop("labels", {"name": name}), spec.pop("pod", {})
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": SECURITY, **spec}
    if command:
        container["command"] = command
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "securityContext": POD_SECURITY,
            "containers": [container],
            **rest,
        },
    }


def within(namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "namespace": namespace}}


def eventually(what: str, condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait for something true and return it."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return found


@pytest.fixture
def place(cluster: TestCluster) -> Iterator[str]:
    with cluster.namespace(**RESTRICTED) as name:
        yield name


@pytest.fixture
def other(cluster: TestCluster) -> Iterator[str]:
    with cluster.namespace(**RESTRICTED, team="b") as name:
        yield name


def run(cluster: TestCluster, namespace: str, manifest: dict[str, Any]) -> str:
    """Run a pod to its end and return its log."""
    name = manifest["metadata"]["name"]
    cluster.apply(within(namespace, manifest))

    def ended() -> str | None:
        phase = cluster.get("pod", name, namespace)["status"].get("phase")
        return phase if phase in ("Succeeded", "Failed") else None

    phase = eventually(f"the end of {name}", ended, 90)
    log = cluster.kubectl("-n", namespace, "logs", name)
    assert phase == "Succeeded", log
    return log


def serve(cluster: TestCluster, namespace: str, name: str = "web", **labels: str) -> str:
    """A pod that answers on 8080; returns its address."""
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    ports = [{"name": "http", "containerPort": 8080}]
    server = pod(
        name,
        cluster.images.user,
        ["python", "-c", SERVE],
        labels={"name": name, **labels},
        readinessProbe=probe,
        ports=ports,
        workingDir="/etc/skel",
    )
    cluster.apply(within(namespace, server))
    cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", f"pod/{name}", "--timeout=90s")
    return str(cluster.get("pod", name, namespace)["status"]["podIP"])


def reaches(cluster: TestCluster, namespace: str, name: str, url: str) -> bool:
    """Can a running pod open this address?"""
    words = ["curl", "-s", "-o", "/dev/null", "--max-time", "2", url]
    try:
        cluster.kubectl("-n", namespace, "exec", name, "--", *words)
    except ClusterError:
        return False
    return True


def policy(namespace: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def test_a_pod_runs_as_us_and_not_as_root(cluster: TestCluster, place: str) -> None:
    for name, image in vars(cluster.images).items():
        log = run(cluster, place, pod(name, image, ["sh", "-c", "id -u; id -g; env | grep -ci proxy_url || true"]))
        assert log.split() == ["1000", "1000", "0"], name


def test_images_hold_what_the_chart_starts(cluster: TestCluster, place: str) -> None:
    script = (
        "set -e; configurable-http-proxy --version; jupyterhub --version; collegium --help >/dev/null;"
        "python -c 'import collegium.services, kubespawner, kubernetes.aio, psycopg'; command -v collegium-service"
    )
    hub = pod("hub", cluster.images.hub, ["sh", "-c", script])
    hub["spec"]["containers"][0]["securityContext"] = {**SECURITY, "readOnlyRootFilesystem": True}
    run(cluster, place, hub)
    script = "set -e; jupyterhub-singleuser --version; jupyter labextension list; python -c 'import papermill, sklearn'"
    log = run(cluster, place, pod("user", cluster.images.user, ["sh", "-c", f"({script}) 2>&1"]))
    assert "@collegium/lab" in log


def test_an_empty_home_gets_the_examples_and_a_used_one_nothing(cluster: TestCluster, place: str) -> None:
    home = {"volumeMounts": [{"name": "home", "mountPath": "/home/jovyan"}]}
    claim = {"volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": "home"}}]}
    cluster.apply(a_claim(place, "home", "1Gi"))
    first = pod("first", cluster.images.user, args=["sh", "-c", "ls; rm README.md"], pod=claim, **home)
    assert run(cluster, place, first).split() == ["README.md", "digits.ipynb"]
    second = pod("second", cluster.images.user, args=["ls"], pod=claim, **home)
    assert run(cluster, place, second).split() == ["digits.ipynb"]


def test_nothing_of_this_machine_is_in_the_images(cluster: TestCluster, place: str) -> None:
    left = "/build /fetched /source /proxy /sidebar /skeleton /etc/pip.conf /usr/etc/npmrc /etc/apt/sources.list.d/*"
    script = (
        f"ls -d {left} 2>/dev/null; env | grep -iE 'proxy=|^pip|cert'; cat /etc/hostname /etc/apt/sources.list; true"
    )
    for name, image in vars(cluster.images).items():
        host, *lines = run(cluster, place, pod(name, image, ["sh", "-c", script])).splitlines()
        assert host == "localhost" or host == name
        assert all(line.startswith("#") for line in lines), (name, lines)


def test_a_service_is_reached_by_its_name(cluster: TestCluster, place: str) -> None:
    serve(cluster, place)
    ports = [{"port": 80, "targetPort": "http"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": place}}
    cluster.apply({**service, "spec": {"selector": {"name": "web"}, "ports": ports}})
    eventually("an answer of the service", lambda: reaches(cluster, place, "web", f"http://web.{place}"))


def test_pod_security_refuses_root(cluster: TestCluster, place: str) -> None:
    rooted = pod("rooted", cluster.images.user, ["true"])
    rooted["spec"]["securityContext"] = {"runAsUser": 0}
    with pytest.raises(ClusterError, match="restricted"):
        cluster.apply(within(place, rooted))


def test_a_quota_refuses_what_is_too_large(cluster: TestCluster, place: str) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "limits", "namespace": place}}
    cluster.apply({**quota, "spec": {"hard": {"limits.memory": "64Mi", "limits.cpu": "1"}}})
    limits = {"limits": {"memory": "65Mi", "cpu": "100m"}}
    with pytest.raises(ClusterError, match=r"exceeded quota.*limits\.memory=65Mi"):
        cluster.apply(within(place, pod("large", cluster.images.user, ["true"], resources=limits)))


class TestPolicies:
    """NetworkPolicies decide between two namespaces; each is seen to be open first."""

    def test_a_namespace_that_is_closed_and_opened_for_a_label(
        self, cluster: TestCluster, place: str, other: str
    ) -> None:
        at = serve(cluster, place)
        serve(cluster, other, role="friend")
        serve(cluster, other, "stranger", role="stranger")
        url = f"http://{at}:8080"
        assert all(reaches(cluster, other, name, url) for name in ("web", "stranger"))
        cluster.apply(policy(place, "closed", {"podSelector": {}, "policyTypes": ["Ingress"]}))
        eventually("the namespace is closed", lambda: not reaches(cluster, other, "stranger", url))
        assert not reaches(cluster, other, "web", url)
        friends = {
            "namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["b"]}]},
            "podSelector": {"matchExpressions": [{"key": "role", "operator": "NotIn", "values": ["stranger"]}]},
        }
        rule = {"from": [friends], "ports": [{"port": "http"}]}
        cluster.apply(policy(place, "friends", {"podSelector": {"matchLabels": {"name": "web"}}, "ingress": [rule]}))
        eventually("the friend is let in", lambda: reaches(cluster, other, "web", url))
        assert not reaches(cluster, other, "stranger", url)

    def test_what_leaves_is_held_to_blocks_and_ports(self, cluster: TestCluster, place: str, other: str) -> None:
        here, near, far = serve(cluster, place), serve(cluster, other), serve(cluster, other, "far")
        assert all(reaches(cluster, place, "web", f"http://{at}:8080") for at in (near, far))
        net = {"cidr": "10.0.0.0/8", "except": [f"{far}/32"]}
        ports = [{"port": 8000, "endPort": 8080}]
        cluster.apply(
            policy(
                place,
                "out",
                {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": net}], "ports": ports}]},
            )
        )
        eventually("the excepted pod is cut off", lambda: not reaches(cluster, place, "web", f"http://{far}:8080"))
        assert reaches(cluster, place, "web", f"http://{near}:8080")
        assert reaches(cluster, other, "far", f"http://{here}:8080")
        cluster.apply(policy(place, "out", {"podSelector": {}, "policyTypes": ["Egress"]}))
        eventually("all are cut off", lambda: not reaches(cluster, place, "web", f"http://{near}:8080"))

    def test_rules_stand_while_the_api_server_is_away(self, cluster: TestCluster, place: str, other: str) -> None:
        at = serve(cluster, place)
        serve(cluster, other)
        cluster.apply(policy(place, "closed", {"podSelector": {}, "policyTypes": ["Ingress"]}))
        eventually("it is closed", lambda: not reaches(cluster, other, "web", f"http://{at}:8080"))
        cluster.component("apiserver", "kill")
        try:
            table = cluster.node_exec("nft", "list", "table", "ip", "cluster-netpol")
            assert f"ingress-{at.replace('.', '-')}" in table
        finally:
            cluster.component("apiserver", "start")
        eventually("the API server is back", lambda: answers(cluster))
        assert not reaches(cluster, other, "web", f"http://{at}:8080")
        cluster.kubectl("-n", place, "delete", "networkpolicy", "closed")
        eventually("it is open again", lambda: reaches(cluster, other, "web", f"http://{at}:8080"))


def answers(cluster: TestCluster) -> bool:
    try:
        return cluster.kubectl("get", "--raw", "/readyz", timeout=5) == "ok"
    except ClusterError:
        return False


def a_claim(namespace: str, name: str, size: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}},
    }


def test_a_claim_is_served_grown_and_taken_back(cluster: TestCluster, place: str) -> None:
    cluster.apply(a_claim(place, "data", "1Gi"))

    def state() -> dict[str, Any]:
        return cluster.get("pvc", "data", place)

    eventually("the claim is bound", lambda: state()["status"].get("phase") == "Bound")
    assert state()["spec"]["storageClassName"] == STORAGE_CLASS
    mount = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volume = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]}
    writer = pod("writer", cluster.images.user, ["sh", "-c", "echo kept > /data/f; cat /data/f"], pod=volume, **mount)
    assert run(cluster, place, writer) == "kept\n"

    cluster.kubectl("-n", place, "patch", "pvc", "data", "-p", resized("3Gi"))
    eventually("it has grown", lambda: state()["status"]["capacity"]["storage"] == "3Gi")
    name = state()["spec"]["volumeName"]
    found = cluster.get("pv", name)["spec"]
    assert found["capacity"]["storage"] == "3Gi"
    folder = Path(found["hostPath"]["path"])
    assert (folder / "f").read_text() == "kept\n"

    cluster.kubectl("-n", place, "delete", "pod", "writer")
    cluster.kubectl("-n", place, "delete", "pvc", "data")
    eventually("its folder is gone", lambda: not folder.exists())
    with pytest.raises(ClusterError, match="not found"):
        eventually("its volume is gone", lambda: cluster.get("pv", name) and False)


def resized(size: str) -> str:
    return json.dumps({"spec": {"resources": {"requests": {"storage": size}}}})


def test_the_files_folder_is_seen_by_pods_and_by_this_machine(cluster: TestCluster, place: str) -> None:
    shared = cluster.files_dir / place
    shared.mkdir()
    shared.chmod(0o777)
    source = {"hostPath": {"path": str(shared)}, "accessModes": ["ReadWriteMany"], "capacity": {"storage": "1Gi"}}
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": place}}
    bound = {"storageClassName": "", "claimRef": {"namespace": place, "name": "files"}}
    claim = a_claim(place, "files", "1Gi")
    claim["spec"] |= {"accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": place}
    cluster.apply({**volume, "spec": {**source, **bound}}, claim)
    try:
        mount = {"volumeMounts": [{"name": "f", "mountPath": "/f", "subPath": "one"}]}
        volumes = {"volumes": [{"name": "f", "persistentVolumeClaim": {"claimName": "files"}}]}
        (shared / "one").mkdir()
        (shared / "one").chmod(0o777)
        run(cluster, place, pod("w", cluster.images.user, ["sh", "-c", "echo hello > /f/log"], pod=volumes, **mount))
        written = shared / "one/log"
        assert written.read_text() == "hello\n"
        assert written.stat().st_uid == 1000
    finally:
        cluster.kubectl("delete", "pv", place, "--wait=false")


def test_a_users_own_cluster_has_no_node_to_touch(tmp_path: Path) -> None:
    theirs = TestCluster(tmp_path / "kubeconfig")
    with pytest.raises(NeedsNode, match="node_exec needs the project's own cluster: unset COLLEGIUM_TEST_KUBECONFIG"):
        theirs.node_exec("true")
    with pytest.raises(NeedsNode, match="files_dir"):
        _ = theirs.files_dir


def test_a_database_made_from_a_password_file(cluster: TestCluster, place: str) -> None:
    password = 'it\'s "50%" $HOME'
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pg", "namespace": place}}
    mounts = [
        {"name": "secret", "mountPath": "/etc/collegium/postgresql"},
        {"name": "data", "mountPath": "/var/lib/postgresql/data"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    volumes = [
        {"name": "secret", "secret": {"secretName": "pg"}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "pg"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    server = pod("pg", cluster.images.postgresql, volumeMounts=mounts, pod={"volumes": volumes})
    main = server["spec"]["containers"][0]
    main["securityContext"] = {**SECURITY, "readOnlyRootFilesystem": True}
    main["readinessProbe"] = {"exec": {"command": ["pg_isready", "-q"]}, "periodSeconds": 1}
    cluster.apply({**secret, "stringData": {"password": password}}, a_claim(place, "pg", "1Gi"), within(place, server))
    cluster.kubectl("-n", place, "wait", "--for=condition=Ready", "pod/pg", "--timeout=90s")
    at = cluster.get("pod", "pg", place)["status"]["podIP"]
    script = (
        "import os, psycopg\n"
        f"ask = lambda p: psycopg.connect(host={at!r}, user='collegium', dbname='collegium', password=p)\n"
        "with ask(open('/s/password').read()) as c: print(*c.execute('show server_encoding').fetchone())\n"
        "try: ask('wrong')\n"
        "except psycopg.OperationalError as e: print('refused' if 'password authentication' in str(e) else e)\n"
    )
    client = pod(
        "client",
        cluster.images.hub,
        ["python", "-c", script],
        volumeMounts=[{"name": "secret", "mountPath": "/s"}],
        pod={"volumes": volumes[:1]},
    )
    assert run(cluster, place, client).split() == ["UTF8", "refused"]
