"""A real hub on this machine, its servers as pods of a real cluster."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.settings import VARIABLE, KubernetesSettings
from collegium.domain.quota import WorkloadKind
from support.cluster import ClusterError, TestCluster
from support.hub import TOKEN, Hub, find_proxy, until

#: A value that Kubernetes would expand, and that no log may have.
CANARY = "canary-$(JUPYTERHUB_API_TOKEN)-$$\nsecond line"
CATALOG = """
version: 1
users:
  - {{name: ann}}
  - {{name: bob}}
  - {{name: cem}}
instance_types:
  - name: small
    display_name: Small
    limits: {{cpu: "1", memory: 768Mi}}
    requests: {{cpu: 10m, memory: 64Mi}}
    shared_memory: 32Mi
    everyone: true
  - name: large
    display_name: Large
    limits: {{cpu: "4", memory: 1Gi}}
    requests: {{cpu: 10m, memory: 64Mi}}
    everyone: true
  - name: gpu
    display_name: GPU
    limits: {{cpu: "1", memory: 768Mi, nobody-has.test/gpu: "2"}}
    requests: {{cpu: 10m, memory: 64Mi}}
    everyone: true
images:
  - {{name: lab, display_name: Lab, reference: "{user}", everyone: true, variables: {{CANARY: {canary}}}}}
  - {{name: misspelt, display_name: Misspelt, reference: "localhost/NoSuch/Image:1", everyone: true}}
  - {{name: no-lab, display_name: No JupyterLab, reference: "{user}", everyone: true, variables: {{PATH: /nowhere}}}}
  - {{name: crashing, display_name: Crashing, reference: "{postgresql}", everyone: true}}
groups:
  - {{name: physics, display_name: Physics, members: {{ann: admin, bob: member}}}}
  - {{name: narrow, display_name: Narrow, members: {{ann: member, cem: member}}}}
  - {{name: unready, display_name: Not ready, members: {{ann: member}}}}
"""
#: As in the chart.
RIGHTS = {
    "pods": ["get", "list", "watch", "create", "delete"],
    "events": ["list"],
    "persistentvolumeclaims": ["get", "create", "patch"],
}
GOOD = {"group": "physics", "instance_type": "small", "image": "lab"}


class Site:
    """The hub, its namespaces, and questions to both."""

    def __init__(self, cluster: TestCluster, folder: Path) -> None:
        self.cluster = cluster
        word = f"sp{uuid.uuid4().hex[:6]}"
        self.settings = KubernetesSettings(instance=word, namespace=word + "-{group}", home_capacity="64Mi")
        catalog, images = folder / "catalog.yaml", cluster.images
        catalog.write_text(CATALOG.format(user=images.user, postgresql=images.postgresql, canary=json.dumps(CANARY)))
        self.hub = Hub(folder / "hub", catalog, find_proxy())
        with (self.hub.folder / "config.py").open("a") as config:
            config.write(f"""
c.JupyterHub.spawner_class = "collegium.spawner.kube.GroupKubeSpawner"
c.JupyterHub.hub_ip = {cluster.host_ip!r}
c.JupyterHub.log_level = "DEBUG"
c.Spawner.start_timeout = 180
c.Spawner.http_timeout = 180
c.Spawner.poll_interval = 1
""")
        self.hub._environment |= {"KUBECONFIG": str(self.least_rights(folder)), VARIABLE: self.settings.to_json()}
        self.logs: list[str] = []

    def least_rights(self, folder: Path) -> Path:
        """A kubeconfig of an identity that may do what the chart's hub may, in the namespaces that are prepared."""
        word = self.settings.instance
        api, meta = "rbac.authorization.k8s.io/v1", {"name": word}
        rules = [{"apiGroups": [""], "resources": [kind], "verbs": verbs} for kind, verbs in RIGHTS.items()]
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta | {"namespace": "default"}},
            {"apiVersion": api, "kind": "ClusterRole", "metadata": meta, "rules": rules},
        )
        token = self.cluster.kubectl("create", "token", word, "-n", "default", "--duration=2h").strip()
        config = json.loads(self.cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token}}]
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def forget(self) -> None:
        """Take all of it off the cluster."""
        word = self.settings.instance
        for group in ("physics", "narrow"):
            self.cluster.kubectl("delete", "namespace", self.space(group), "--wait=false", "--ignore-not-found")
        self.cluster.kubectl("delete", "clusterrole", word, "--ignore-not-found")
        self.cluster.kubectl("delete", "serviceaccount", word, "-n", "default", "--ignore-not-found")

    def prepare(self, group: str, **quota: str) -> None:
        """A group's namespace, as the controller would make it, but without policies: this hub is not in a pod."""
        place, word = self.space(group), self.settings.instance
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        meta = {"namespace": place}
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place, "labels": labels}},
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta | {"name": naming.ACCOUNT}},
            {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "RoleBinding",
                "metadata": meta | {"name": "hub"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": word},
                "subjects": [{"kind": "ServiceAccount", "name": word, "namespace": "default"}],
            },
        )
        if quota:
            kind = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta | {"name": "group"}}
            self.cluster.apply(kind | {"spec": {"hard": quota}})

    def space(self, group: str) -> str:
        """A group's namespace."""
        return self.settings.namespace_of(group)

    def pods(self, group: str = "physics") -> list[dict[str, Any]]:
        """The pods in a group's namespace."""
        found: list[dict[str, Any]] = json.loads(
            self.cluster.kubectl("get", "pods", "-n", self.space(group), "-o", "json")
        )["items"]
        return found

    def inside(self, pod: dict[str, Any], script: str) -> str:
        """What a shell in the server prints."""
        meta = pod["metadata"]
        return self.cluster.kubectl("exec", "-n", meta["namespace"], meta["name"], "--", "sh", "-c", script)

    def places(self) -> list[str]:
        """Whose servers the ledger has."""
        database = self.hub.database()
        try:
            with database.read() as uow:
                return [r.workload_id for r in uow.reservations.live(kinds=[WorkloadKind.SERVER])]
        finally:
            database.close()

    def start(self, user: str, server: str, **options: str) -> httpx.Response:
        """Ask the hub for a server."""
        self.hub.api("POST", f"/users/{user}")
        return self.hub.api("POST", f"/users/{user}/servers/{server}", {**GOOD, **options})

    def wait_ready(self, user: str, server: str) -> dict[str, Any]:
        """Wait until the server is up, however busy this machine is; fails at once if the hub has given up."""

        def ready() -> dict[str, Any] | None:
            model = self.hub.server(user, server)
            assert model, f"the server was not started:\n{self.hub.log[-4000:]}"
            return model if model["ready"] else None

        return dict(until(ready, 240, "the server did not become ready"))

    def stop(self, user: str, server: str) -> None:
        """Stop it and wait until the hub has forgotten it."""
        self.hub.api("DELETE", f"/users/{user}/servers/{server}")
        until(lambda: not self.hub.server(user, server), 120, "the server did not stop")

    def told(self, user: str, server: str) -> list[dict[str, Any]]:
        """All that the spawn page is told until the start is over."""
        url = f"{self.hub.url}/hub/api/users/{user}/servers/{server}/progress"
        lines = []
        with httpx.stream("GET", url, headers={"Authorization": f"token {TOKEN}"}, timeout=240) as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    lines.append(json.loads(line.removeprefix("data: ")))
        return lines

    def page(self, user: str, server: str) -> int:
        """Whether the server itself answers, through the proxy."""
        return httpx.get(f"{self.hub.url}/user/{user}/{server}/api", timeout=20).status_code

    def restart(self) -> None:
        """kill -9 and start the hub again."""
        self.logs.append(self.hub.log)
        self.hub.kill()
        self.hub.start()

    def all_logs(self) -> str:
        """What every hub of this site has said."""
        return "\n".join([*self.logs, self.hub.log])


@pytest.fixture(scope="module")
def site(cluster: TestCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    found = Site(cluster, tmp_path_factory.mktemp("spawner"))
    found.prepare("physics")
    found.prepare("narrow", **{"limits.cpu": "3", "limits.memory": "8Gi", "pods": "10"})
    try:
        found.hub.start()
        yield found
    finally:
        found.hub.close()
        found.forget()


@pytest.fixture
def server(site: Site) -> Iterator[dict[str, Any]]:
    """Ann's server in physics, running."""
    if not site.hub.server("ann", "physics"):
        assert site.start("ann", "physics").status_code in (201, 202)
    site.wait_ready("ann", "physics")
    (pod,) = site.pods()
    yield pod
    assert site.page("ann", "physics") == 200


def test_a_server_runs_with_what_was_granted(site, server) -> None:
    assert site.page("ann", "physics") == 200
    spec, notes = server["spec"], server["metadata"]["annotations"]
    assert server["metadata"]["name"] == naming.server_pod_name("ann", "physics")
    assert json.loads(notes[naming.LAUNCH])["instance_type"] == "small"
    assert notes[naming.OWNER] == "ann"
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "768Mi"}
    script = 'id -u; id -g; printf "%s" "$CANARY"; echo; ls /var/run/secrets 2>&1 | tail -1; echo "$HOME"; pwd'
    script += (
        "; df -m /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/1/status"
    )
    out = site.inside(server, script)
    assert out.startswith(f"1000\n1000\n{CANARY}\n")
    assert "serviceaccount" not in out.splitlines()[4]
    assert out.splitlines()[5:8] == ["/home/jovyan", "/home/jovyan", "32"]
    assert [line.split()[1] for line in out.splitlines()[8:]] == ["0000000000000000", "1", "2"]
    claim = site.cluster.get("pvc", naming.home_claim_name("ann", "physics"), site.space("physics"))
    assert claim["metadata"]["annotations"] == claim["metadata"]["annotations"] | {
        naming.OWNER: "ann",
        naming.OWNER_GROUP: "physics",
    }
    assert "ann/physics" in site.places()


def test_a_hub_that_is_killed_finds_its_servers(site, server) -> None:
    site.restart()
    model = site.wait_ready("ann", "physics")
    assert model["ready"]
    (pod,) = site.pods()
    assert pod["metadata"]["uid"] == server["metadata"]["uid"]
    assert "ann/physics" in site.places()


def test_a_home_stays(site, server) -> None:
    site.inside(server, "echo kept > ~/note.txt")
    site.stop("ann", "physics")
    assert site.pods() == []
    assert "ann/physics" not in site.places()
    site.start("ann", "physics")
    site.wait_ready("ann", "physics")
    (pod,) = site.pods()
    assert site.inside(pod, "cat ~/note.txt") == "kept\n"


def test_servers_stay_while_the_api_server_is_away(site, server) -> None:
    site.cluster.component("apiserver", "stop")
    began = time.monotonic()
    answers: list[int] = []
    try:
        # KubeSpawner's own watcher gives up after some 51 s.
        while time.monotonic() - began < 70:
            answers.append(site.page("ann", "physics"))
            assert site.hub.server("ann", "physics")["ready"]
            time.sleep(1)
        # Nor is a hub that starts now led to believe that they are gone.
        site.restart()
        assert site.hub.server("ann", "physics")["ready"]
        answers.append(site.page("ann", "physics"))
        assert set(answers) == {200}
        # A start that is asked for now is done when it can be.
        site.start("bob", "physics")
    finally:
        site.cluster.component("apiserver", "start")
    until(lambda: _answers(site.cluster), 120, "the API server did not come back")
    site.wait_ready("bob", "physics")
    (pod,) = [p for p in site.pods() if p["metadata"]["annotations"][naming.OWNER] == "ann"]
    assert pod["metadata"]["uid"] == server["metadata"]["uid"]
    assert {"ann/physics", "bob/physics"} <= set(site.places())
    site.stop("bob", "physics")


def test_a_pod_that_is_deleted_by_hand_is_noticed(site) -> None:
    site.start("bob", "physics")
    site.wait_ready("bob", "physics")
    (pod,) = [p for p in site.pods() if p["metadata"]["annotations"][naming.OWNER] == "bob"]
    site.cluster.kubectl("delete", "pod", "-n", site.space("physics"), pod["metadata"]["name"], "--grace-period=1")
    until(lambda: not site.hub.server("bob", "physics"), 60, "the hub did not notice")
    until(lambda: "bob/physics" not in site.places(), 10, "the place was not given back")
    assert "its pod was deleted from outside" in site.all_logs()


def test_over_the_quota_of_the_namespace_the_numbers_are_told(site) -> None:
    site.start("cem", "narrow", group="narrow", instance_type="large")
    last = site.told("cem", "narrow")[-1]
    text = "The space of group narrow on the cluster is full: 0 of 3 CPU in use; 4 more was asked."
    assert last["failed"] and text in last["message"] and text in last["html_message"]
    assert site.pods("narrow") == []
    assert "cem/narrow" not in site.places()


def test_a_group_whose_space_is_not_there_yet(site) -> None:
    site.start("ann", "unready", group="unready")
    last = site.told("ann", "unready")[-1]
    assert last["failed"] and "is being prepared" in last["message"]
    assert "ann/unready" not in site.places()


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("misspelt", "The image localhost/NoSuch/Image:1 has a name that cannot be read"),
        ("no-lab", "The image has no program that starts a server"),
        ("crashing", "It ended 3 times while it was starting, last with exit code 1."),
    ],
)
def test_an_image_that_cannot_run_fails_fast_with_the_reason(site, image, text) -> None:
    began = time.monotonic()
    site.start("cem", "narrow", group="narrow", image=image)
    last = site.told("cem", "narrow")[-1]
    assert last["failed"] and text in last["message"]
    # Long before the time for a start is over.
    assert time.monotonic() - began < 120
    until(lambda: not site.pods("narrow"), 30, "the pod is still there")
    assert "cem/narrow" not in site.places()


def test_what_waits_for_a_node_says_so_and_can_be_cancelled(site) -> None:
    site.start("cem", "narrow", group="narrow", instance_type="gpu")
    lines: list[dict[str, Any]] = []
    listening = threading.Thread(target=lambda: lines.extend(site.told("cem", "narrow")))
    listening.start()
    until(lambda: any("Unschedulable" in json.dumps(p) for p in site.pods("narrow")), 60)
    assert "cem/narrow" in site.places()
    time.sleep(2)
    site.stop("cem", "narrow")
    listening.join(60)
    assert any("no node has 2 nobody-has.test/gpu free" in line["message"] for line in lines), lines
    percents = [line["progress"] for line in lines if "progress" in line]
    assert percents == sorted(percents)
    assert site.pods("narrow") == []
    assert "cem/narrow" not in site.places()


def test_a_hub_killed_in_the_middle_of_a_start_leaves_nothing(site) -> None:
    site.start("cem", "narrow", group="narrow", instance_type="gpu")
    until(lambda: site.pods("narrow"), 60)
    site.restart()
    until(lambda: not site.hub.server("cem", "narrow"), 180, "the half-started server is still there")
    until(lambda: not site.pods("narrow"), 60, "its pod is still there")
    assert "cem/narrow" not in site.places()


@pytest.mark.parametrize(
    "forged",
    [
        {"namespace": "kube-system"},
        {"image": "registry.example/evil:1"},
        {"environment": {"A": "$(JUPYTERHUB_API_TOKEN)"}},
        {"volumes": [{"name": "root", "hostPath": {"path": "/"}}]},
        {"extra_labels": {naming.GROUP: "narrow"}},
        {"pod_name": "x"},
        {"profile": "default"},
        {"group": "kube-system"},
        {"group": "physics/../narrow"},
        {"instance_type": ["large"]},
    ],
)
def test_forged_options_get_nothing(site, forged) -> None:
    before = {p["metadata"]["uid"] for g in ("physics", "narrow") for p in site.pods(g)}
    site.hub.api("POST", "/users/bob")
    answer = site.hub.api("POST", "/users/bob/servers/forged", {**GOOD, **forged})
    assert answer.status_code in (400, 403, 404), answer.text
    assert {p["metadata"]["uid"] for g in ("physics", "narrow") for p in site.pods(g)} == before
    assert "bob/forged" not in site.places()


def test_no_secret_of_a_server_is_in_a_log(site, server) -> None:
    environment = {e["name"]: e.get("value", "") for e in server["spec"]["containers"][0]["env"]}
    assert len(environment["JUPYTERHUB_API_TOKEN"]) > 20
    text = site.all_logs()
    assert environment["JUPYTERHUB_API_TOKEN"] not in text
    assert "second line" not in text and "canary-" not in text


def _answers(cluster: TestCluster) -> bool:
    try:
        return cluster.kubectl("get", "--raw", "/readyz", timeout=10) == "ok"
    except (ClusterError, TimeoutError):
        return False
