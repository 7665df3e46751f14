"""What keeps groups inside their quota and apart from one another: the ledger first, Kubernetes behind it."""

from __future__ import annotations

import json
from typing import Any

from support.site import REQUESTS, Site


def test_a_group_at_its_quota(site: Site) -> None:
    filler = site.submit("ann", "physics", "sleep 3600", "large")
    site.wait("ann", filler, "Running")
    other = site.submit("bob", "physics", "sleep 3600", "medium")
    site.wait("bob", other, "Running")

    status, refusal = site.start_server("ann", "physics")
    if status in (201, 202):
        # The hub answers before the spawner does; the reason then stands in the server's progress.
        site.release.until("the start ended", lambda: not site.server("ann", "physics").get("pending"), 60)
        assert not site.server("ann", "physics").get("ready")
    text = json.dumps(refusal)
    assert "6 of 6 CPU in use; 1 CPU more was asked" in text, (status, text)
    assert site.pods("physics", "server") == []

    waiting = site.submit("ann", "physics", "echo at last")
    waiting = site.wait("ann", waiting, "Pending")
    site.release.until("it says for what", lambda: "6 of 6 CPU" in site.job("ann", waiting)["message"], 30)
    assert [p["metadata"]["name"] for p in site.pods("physics", "job") if waiting["id"] in json.dumps(p)] == []

    status, answer = site.request("POST", f"/groups/physics/jobs/{other['id']}/cancel", site.token("ann"))
    assert status in (200, 202), answer
    done = site.wait("ann", waiting, "Succeeded", "Failed")
    assert (done["state"], done["reason"]) == ("Succeeded", "Completed"), done
    assert site.request("POST", f"/groups/physics/jobs/{filler['id']}/cancel", site.token("ann"))[0] in (200, 202)
    site.wait("ann", filler, "Cancelled")


def test_a_pod_beyond_the_quota_made_by_hand(site: Site) -> None:
    namespace = site.release.group_namespace("physics")
    answer = site.release.run(
        "kubectl", "apply", "-f", "-", check=False, text=json.dumps(_pod(site, "by-hand", namespace, cpu="64"))
    )
    assert "exceeded quota" in answer and "limits.cpu" in answer, answer


def test_groups_do_not_reach_one_another(site: Site) -> None:
    """A listener in one group, and callers in both: the policies that the controller made decide."""
    run, physics, chemistry = site.release.run, *map(site.release.group_namespace, ("physics", "chemistry"))
    server = site.ready_server("bob", "physics")
    assert server["ready"]
    [pod] = site.pods("physics", "server")
    address = pod["status"]["podIP"]
    ask = (
        "import socket, sys\n"
        "try:\n"
        f"    socket.create_connection(({address!r}, 8888), 5).close()\n"
        "except OSError as error:\n"
        "    sys.exit(f'refused: {error}')\n"
        "print('reached')\n"
    )
    try:
        for name, namespace in (("caller-b", chemistry), ("caller-a", physics)):
            run("kubectl", "apply", "-f", "-", text=json.dumps(_pod(site, name, namespace, ["python3", "-c", ask])))
        for name, namespace in (("caller-b", chemistry), ("caller-a", physics)):
            site.release.until(
                f"{name} is over",
                lambda name=name, namespace=namespace: (
                    run("kubectl", "-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}")
                    in ("Succeeded", "Failed")
                ),
            )
            said = run("kubectl", "-n", namespace, "logs", name)
            assert "refused" in said and "reached" not in said, (name, said)
        # The hub's proxy does reach it: its user sees the server.
        status, _ = site.request("GET", f"{site.url}/user/bob/physics/api/status", site.token("bob"))
        assert status == 200
    finally:
        for name, namespace in (("caller-b", chemistry), ("caller-a", physics)):
            run("kubectl", "-n", namespace, "delete", "pod", name, "--ignore-not-found", "--wait=false")
        site.stop_server("bob", "physics")


def _pod(site: Site, name: str, namespace: str, command: list[str] | None = None, cpu: str = "100m") -> dict[str, Any]:
    container = {
        "name": "main",
        "image": site.cluster.images.user,
        "imagePullPolicy": "IfNotPresent",
        "command": command or ["sleep", "1"],
        "resources": {"limits": {"cpu": cpu, "memory": "128Mi"}, "requests": REQUESTS},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": security,
            "containers": [container],
        },
    }
