"""On a whole installation: who leaves a group loses what they run there, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database
from collegium.domain.quota import WorkloadKind
from collegium.hub.configuration import DEMO_CATALOG
from collegium.settings import Settings
from support.installation import Installation, until
from support.rest import ask, job_of, submit, wait_state

#: The grace is long enough to see the warning, and to come back.
AFTER = 'c.JupyterHub.services[-1]["command"].append("--CollegiumService.revocation_grace=8")'


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Installation]:
    catalog = Path(shutil.copy(DEMO_CATALOG, tmp_path / "catalog.yaml"))
    running = Installation(tmp_path / "hub", catalog, after=AFTER)
    try:
        yield running.start()
    finally:
        running.stop()


def members(hub: Installation, database: Database, **changes: str | None) -> None:
    """Change who is in physics, as an operator does: in the file."""
    assert hub.catalog is not None
    text = yaml.safe_load(hub.catalog.read_text())
    physics = next(g for g in text["groups"] if g["name"] == "physics")
    for name, role in changes.items():
        physics["members"].pop(name, None)
        if role is not None:
            physics["members"][name] = role
    hub.catalog.write_text(yaml.safe_dump(text))
    apply_catalog(database, load_catalog(hub.catalog))


def start_server(hub: Installation, user: str, token: str, group: str) -> None:
    catalog = ask(hub, "GET", f"/groups/{group}/catalog", token).json
    wanted = {
        "group": group,
        "image": catalog["images"][0]["name"],
        "instance_type": next(t["name"] for t in catalog["instance_types"] if t["fits"] == "now"),
    }
    status, body = hub.as_admin("POST", f"/users/{user}/servers/{group}", wanted)
    assert status in (201, 202), body
    until(f"{user}'s server in {group} is ready", lambda: servers(hub, user).get(group, False))


def servers(hub: Installation, user: str) -> dict[str, bool]:
    status, body = hub.as_admin("GET", f"/users/{user}?include_stopped_servers=1")
    assert status == 200, body
    return {n: s["ready"] for n, s in body["servers"].items() if not s.get("stopped")}


def test_what_somebody_leaves_behind_ends(hub: Installation) -> None:
    database = Database(Settings.at(hub.state).database_url)
    token, admin = hub.token("bob"), hub.token("ann")
    members(hub, database, bob="member")
    start_server(hub, "bob", token, "physics")
    job = submit(hub, token, command="sleep 3600")["id"]
    wait_state(hub, token, job, "Running")

    # Gone and back in time: nothing is touched.
    members(hub, database, bob=None)
    revocations = partial(ask, hub, "GET", "/groups/physics/revocations", admin)
    until("it was noticed", lambda: [r["outcome"] for r in revocations().json["items"]] == [""])
    (ending,) = ask(hub, "GET", "/context", token).json["ending"]
    assert {h["kind"] for h in ending["holders"]} == {"server", "job"}
    members(hub, database, bob="member")
    until("it was withdrawn", lambda: [r["outcome"] for r in revocations().json["items"]] == ["withdrawn"])
    assert servers(hub, "bob") == {"physics": True}
    assert job_of(hub, admin, job)["state"] == "Running"

    # Gone for good.
    members(hub, database, bob=None)
    until("the server has ended", lambda: "physics" not in servers(hub, "bob"))
    assert wait_state(hub, admin, job)["state"] == "Cancelled"
    until("it is over", lambda: revocations().json["items"][0]["outcome"] == "stopped")
    with database.read() as uow:
        assert uow.reservations.live("physics", [WorkloadKind.SERVER, WorkloadKind.JOB], "bob") == []
    lines = ask(hub, "GET", "/groups/physics/audit?limit=500", admin).json["items"]
    assert [e["action"] for e in lines][::-1][-4:-1] == ["revocation.open", "server.stop", "job.cancel"]
    assert all(e["actor"] == "collegium" and e["reason"] for e in lines)
    database.close()
