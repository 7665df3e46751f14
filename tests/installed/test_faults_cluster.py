"""What goes wrong on clusters: an API server away, pods deleted and out of memory, images missing, quotas lowered."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator

import pytest

from support.site import Site, demo_catalog

#: Seconds; longer than KubeSpawner's own watches try to come back (51).
OUTAGE = float(os.environ.get("COLLEGIUM_TEST_OUTAGE", "75"))


@pytest.fixture(autouse=True)
def bob(site: Site) -> Iterator[None]:
    """Each test ends without a server of bob's; without body JupyterHub would start a stopped one as it was."""
    yield
    site.stop_server("bob", "physics")


def test_the_api_server_is_away(site: Site) -> None:
    site.ready_server("bob", "physics")
    [pod] = site.pods("physics", "server")
    during = site.submit("ann", "physics", "sleep 20; echo done > $COLLEGIUM_ARTIFACTS/word")
    site.wait("ann", during, "Running")
    site.cluster.component("apiserver", "kill")
    try:
        waiting = site.submit("ann", "chemistry", "echo after")
        threading.Event().wait(OUTAGE)
        # Nothing is taken for dead because nobody could look.
        assert site.job("ann", during)["state"] in ("Running", "Succeeded")
        assert site.job("ann", waiting)["state"] in ("Pending", "Preparing")
        assert site.server("bob", "physics")["ready"]
        status, _ = site.request("GET", f"{site.url}/user/bob/physics/api/status", site.token("bob"))
        assert status == 200
    finally:
        site.cluster.component("apiserver", "start")
        # The cluster itself takes its node for lost for some seconds and closes all services on it.
        site.release.until("the proxy is reached again", site.answers, 300)
    ended = site.wait("ann", during, "Succeeded", "Failed", "Cancelled", seconds=240)
    assert (ended["state"], ended["attempt"]) == ("Succeeded", 1), ended
    ended = site.wait("ann", waiting, "Succeeded", "Failed", "Cancelled", seconds=240)
    assert (ended["state"], ended["attempt"]) == ("Succeeded", 1), ended
    [after] = site.pods("physics", "server")
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]


def test_a_server_deleted_by_hand_gives_its_place_back(site: Site) -> None:
    site.ready_server("bob", "physics")
    [pod] = site.pods("physics", "server")
    namespace = site.release.group_namespace("physics")
    site.release.run("kubectl", "-n", namespace, "delete", "pod", pod["metadata"]["name"], "--wait=false")

    def noticed() -> bool:
        holders = site.request("GET", "/groups/physics/usage", site.token("bob"))[1]["holders"]
        return not site.server("bob", "physics").get("ready") and holders == []

    site.release.until("hub and ledger noticed", noticed, 180)


def test_a_job_that_uses_too_much_memory(site: Site) -> None:
    job = site.submit("ann", "physics", "python3 -c 'x = bytearray(3 << 30)'")
    ended = site.wait("ann", job, "Failed", "Succeeded")
    assert (ended["state"], ended["reason"]) == ("Failed", "OutOfMemory"), ended
    assert "memory" in ended["message"]


def test_a_job_whose_pod_is_deleted_is_tried_again(site: Site) -> None:
    job = site.submit(
        "ann", "physics", "echo $COLLEGIUM_JOB_ATTEMPT; test $COLLEGIUM_JOB_ATTEMPT = 2 || sleep 3600", retries=1
    )
    site.wait("ann", job, "Running")
    [pod] = [p for p in site.pods("physics", "job") if p["metadata"]["labels"]["collegium.io/job"] == job["id"]]
    site.release.run(
        "kubectl", "-n", pod["metadata"]["namespace"], "delete", "pod", pod["metadata"]["name"], "--wait=false"
    )
    ended = site.wait("ann", job, "Succeeded", "Failed")
    assert (ended["state"], ended["attempt"]) == ("Succeeded", 2), ended


def test_environment_and_names_stay_text(site: Site) -> None:
    nasty = {"A": "$(B)", "B": "one\ntwo", "C": "`id`$(id)${PATH}", "D": 'ünï "quoted"'}
    program = "import json, os; print(json.dumps([os.environ[k] for k in 'ABCD']))"
    job = site.submit("ann", "physics", f'python3 -c "{program}"', name='x"; rm -rf / #$(id)', environment=nasty)
    ended = site.wait("ann", job, "Succeeded", "Failed")
    assert ended["state"] == "Succeeded", ended
    status, log = site.request("GET", f"/groups/physics/jobs/{job['id']}/logs", site.token("ann"))
    assert status == 200
    assert json.loads(log if isinstance(log, str) else json.dumps(log)) == list(nasty.values())


def test_forged_options_give_nothing(site: Site) -> None:
    good = {"group": "physics", "instance_type": "small", "image": "scientific-python"}
    forged = [
        {},
        {**good, "group": "chemistry"},
        {**good, "instance_type": "root"},
        {**good, "image": "localhost/evil:1"},
        {**good, "namespace": "kube-system"},
        {**good, "env": {"A": "b"}},
        {**good, "volumes": [{"hostPath": {"path": "/"}}]},
        {**good, "profile": "admin"},
        {**good, "instance_type": "x" * (1 << 20)},
    ]
    for options in forged:
        url = f"{site.url}/hub/api/users/bob/servers/physics"
        status, answer = site.request("POST", url, site.token("bob"), options)
        if status in (201, 202):
            site.release.until("the start ended", lambda: not site.server("bob", "physics").get("pending"), 60)
        else:
            assert 400 <= status < 500, (options, answer)
        assert not site.server("bob", "physics").get("ready"), options
        assert site.pods("physics", "server") == [], options


def test_a_missing_image_and_a_lowered_quota(site: Site) -> None:
    """Both come with a change of the catalog, by helm upgrade, while somebody works."""
    site.ready_server("bob", "physics")
    [pod] = site.pods("physics", "server")
    catalog = demo_catalog(site.cluster.images.user)
    catalog["images"].append(
        {"name": "gone", "display_name": "Gone", "reference": "localhost/nowhere:1", "everyone": True}
    )
    for group in catalog["groups"]:
        if group["name"] == "physics":
            group["limits"] = {"cpu": "500m", "memory": "512Mi"}
            group["member_limits"] = {}
            group["members"]["ann"] = "admin"
    try:
        site.release.install(catalog=catalog)
        [after] = site.pods("physics", "server")
        assert after["metadata"]["uid"] == pod["metadata"]["uid"]
        status, refusal = site.request(
            "POST",
            "/groups/physics/jobs",
            site.token("ann"),
            {"name": "x", "image": "scientific-python", "instance_type": "small", "command": "true"},
        )
        assert status in (409, 422) and "at most 0.5 CPU; 1 CPU was asked" in json.dumps(refusal), refusal
        job = site.submit("cem", "chemistry", "true", image="gone")
        ended = site.wait("cem", job, "Failed", "Succeeded", seconds=400)
        assert (ended["state"], ended["reason"]) == ("Failed", "StartFailed"), ended
        assert "localhost/nowhere:1" in ended["message"], ended
    finally:
        site.release.install(catalog=demo_catalog(site.cluster.images.user))
