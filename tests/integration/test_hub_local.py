"""A real hub with the local authenticator and spawner, from the first login to a crash of the hub."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from collegium.domain.groups import Membership, Role
from collegium.domain.quota import Reservation, ReservationState
from collegium.spawner.process import ProcessId
from support.hub import Hub, find_proxy, printed_passwords, spawn_action, until

GOOD = {"group": "physics", "instance_type": "small", "image": "python"}
CATALOG = """
version: 1
users:
  - {{name: admin, platform_admin: true, display_name: "The <b>admin</b>"}}
  - name: ann
  - name: bob
  - name: cem
  - name: vic
  - name: zoe
instance_types:
  - {{name: small, limits: {{cpu: "1", memory: 1Gi}}, everyone: true}}
  - {{name: large, limits: {{cpu: "4", memory: 2Gi}}, everyone: true}}
images:
  - {{name: python, environment: hub, everyone: true}}
  - {{name: slow, environment: {slow}, everyone: true}}
  - {{name: broken, environment: {broken}, everyone: true}}
groups:
  - name: physics
    limits: {{cpu: "5", memory: 8Gi}}
    members: {{ann: admin, bob: member, vic: viewer}}
  - name: chemistry
    limits: {{cpu: "2"}}
    members: {{ann: member, cem: member}}
"""


def program(folder: Path, body: str) -> Path:
    path = folder / "bin" / "jupyterhub-singleuser"
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable}\n{body}\n")
    path.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    slow = program(folder / "slow", "import time; time.sleep(300)")
    broken = program(folder / "broken", "import sys; print('<i>libcuda is missing</i>', flush=True); sys.exit(5)")
    catalog = folder / "catalog.yaml"
    catalog.write_text(CATALOG.format(slow=slow, broken=broken))
    made = Hub(folder, catalog, find_proxy())
    yield made
    made.close()


@pytest.fixture(scope="module")
def known(hub: Hub) -> dict[str, str]:
    """The first passwords; starts the hub."""
    return printed_passwords(hub.start())


@pytest.fixture
def ann(hub: Hub, known: dict[str, str]) -> httpx.Client:
    return hub.login("ann", known["ann"])[0]


@pytest.fixture(autouse=True)
def everybody_is_known_and_nothing_runs(hub: Hub, known: dict[str, str]) -> Iterator[None]:
    # The hub knows a user from the first login on.
    for name, password in known.items():
        if hub.api("GET", f"/users/{name}").status_code == 404:
            hub.login(name, password)
    yield
    for name in known:
        for server in hub.api("GET", f"/users/{name}").json().get("servers", {}):
            hub.api("DELETE", f"/users/{name}/servers/{server}" if server else f"/users/{name}/server")
            until(lambda name=name, server=server: not hub.server(name, server))


def live(hub: Hub) -> list[Reservation]:
    database = hub.database()
    try:
        with database.read() as uow:
            return uow.reservations.live()
    finally:
        database.close()


def test_first_passwords_are_printed_for_everybody(hub: Hub, known: dict[str, str]) -> None:
    assert sorted(known) == ["admin", "ann", "bob", "cem", "vic", "zoe"]
    assert hub.url in hub.log
    assert "not isolated from one another" in hub.log


def test_login(hub: Hub, known: dict[str, str]) -> None:
    for user, password in (("ann", "wrong"), ("nobody", "wrong"), ("zoe", known["ann"])):
        _, page = hub.login(user, password)
        assert page.status_code == 403
        assert "Invalid username or password" in page.text
    _, page = hub.login("ann", known["ann"])
    assert (page.status_code, page.url.path) == (200, "/hub/home")
    assert "Start in physics" in page.text
    assert "Start in chemistry" in page.text
    model = hub.api("GET", "/users/ann").json()
    assert (sorted(model["groups"]), model["admin"]) == (["chemistry", "physics"], False)
    assert hub.api("GET", "/users/admin").json()["admin"] is True
    assert known["ann"] not in hub.log.replace(f"|  ann     {known['ann']}", "")


def test_too_many_failures_are_told_on_the_login_page(hub: Hub) -> None:
    for _ in range(10):
        assert hub.login("mallory", "x")[1].status_code == 403
    _, page = hub.login("mallory", "x")
    assert page.status_code == 429
    assert "Too many failed logins. Try again in 5 minutes." in page.text


def test_from_the_form_to_a_running_lab_and_back(hub: Hub, ann: httpx.Client) -> None:
    page = ann.get("/hub/spawn/ann/physics")
    assert "Start a server" in page.text
    answer = ann.post(spawn_action(page.text), data=GOOD)
    assert answer.status_code == 200
    model = hub.wait_ready("ann", "physics")
    assert model["user_options"] == GOOD
    lab = ann.get("/user/ann/physics/lab")
    assert (lab.status_code, lab.url.path) == (200, "/user/ann/physics/lab")
    assert "jupyter-config-data" in lab.text
    (place,) = live(hub)
    assert (place.state, place.workload_id, place.group) == (ReservationState.BOUND, "ann/physics", "physics")
    pid = model["state"]["process"][0]
    environment = dict(e.split("=", 1) for e in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in e)
    assert environment["HOME"] == str(hub.state / "homes/ann/physics")
    assert not {"HUB_SECRET", "COLLEGIUM_DATABASE_URL", "COLLEGIUM_STATE_DIR", "CONFIGPROXY_AUTH_TOKEN"} & set(
        environment
    )
    home = ann.get("/hub/home").text
    assert "running" in home
    assert "1 of 5" in home
    again = ann.get("/hub/spawn/ann")
    assert "open it</a>" in again.text
    hub.api("DELETE", "/users/ann/servers/physics")
    until(lambda: not ProcessId(*model["state"]["process"]).alive)
    until(lambda: live(hub) == [])


def test_by_the_api_with_json(hub: Hub) -> None:
    assert hub.api("POST", "/users/ann/servers/physics", GOOD).status_code in (201, 202)
    assert hub.wait_ready("ann", "physics")["state"]["collegium"]["instance_type"] == "small"


def test_with_a_users_own_token_and_the_new_body(hub: Hub) -> None:
    token = hub.api("POST", "/users/cem/tokens", {}).json()["token"]
    body = {"user_options": {**GOOD, "group": "chemistry"}, "display_name": "Mine"}
    assert hub.api("POST", "/users/cem/servers/chemistry", body, token).status_code in (201, 202)
    hub.wait_ready("cem", "chemistry")


@pytest.mark.parametrize(
    ("user", "server", "options", "status", "text"),
    [
        ("bob", "physics", {}, 400, "group: is required"),
        ("bob", "", None, 400, "group: is required"),
        ("bob", "physics", {"image": "python"}, 400, "group: is required"),
        ("bob", "physics", {**GOOD, "profile": "x"}, 400, "profile: is not an option"),
        ("bob", "physics", {**GOOD, "image": {"a": 1}}, 400, "image: must be"),
        ("bob", "physics", {**GOOD, "image": "nope"}, 403, "group physics has no image nope"),
        ("bob", "x", {**GOOD, "group": "chemistry"}, 404, "no group chemistry that you belong to"),
        ("bob", "x", {**GOOD, "group": "nonesuch"}, 404, "no group nonesuch that you belong to"),
        ("ann", "chemistry", GOOD, 403, "The server chemistry belongs to the group chemistry"),
        ("vic", "physics", GOOD, 403, "you are viewer"),
        ("zoe", "physics", GOOD, 404, "no group physics that you belong to"),
        ("admin", "physics", GOOD, 404, "no group physics that you belong to"),
        ("ann", "chemistry", {**GOOD, "group": "chemistry", "instance_type": "large"}, 409, "can never fit"),
    ],
)
def test_refused_by_the_api(hub: Hub, user: str, server: str, options: object, status: int, text: str) -> None:
    path = f"/users/{user}/servers/{server}" if server else f"/users/{user}/server"
    answer = hub.api("POST", path, options)
    assert answer.status_code == status
    assert text in answer.json()["message"]
    assert not hub.server(user, server)
    assert live(hub) == []


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        ({}, 400, "group: is required"),
        ({**GOOD, "group": ["physics", "chemistry"]}, 400, "group: was given more than once"),
        ({**GOOD, "x": "<script>alert(1)</script>"}, 400, "x: is not an option"),
        ({**GOOD, "group": "nonesuch"}, 404, "no group nonesuch"),
    ],
)
def test_refused_in_the_form(hub: Hub, ann: httpx.Client, data: dict[str, object], status: int, text: str) -> None:
    page = ann.get("/hub/spawn/ann")
    answer = ann.post(spawn_action(page.text), data=data)
    assert answer.status_code == status
    assert text in answer.text
    assert "spawn-error-msg" in answer.text
    assert "<script>alert" not in answer.text
    # The form is there again.
    assert 'id="collegium-start"' in answer.text
    assert live(hub) == []


def test_a_link_with_options_starts_at_once_and_a_bad_one_says_why(hub: Hub, ann: httpx.Client) -> None:
    bad = ann.get(
        "/hub/spawn/ann/physics", params={"opt-group": "physics", "opt-instance_type": "huge", "opt-image": "python"}
    )
    assert bad.status_code == 403
    assert "group physics has no instance type huge" in bad.text
    old = ann.get("/hub/spawn/ann/physics", params={"profile": "x"})
    assert old.status_code == 400
    ann.get("/hub/spawn/ann/physics", params={f"opt-{k}": v for k, v in GOOD.items()})
    hub.wait_ready("ann", "physics")


def test_without_a_group_there_is_no_button(hub: Hub, known: dict[str, str]) -> None:
    zoe, page = hub.login("zoe", known["zoe"])
    for text in (page.text, zoe.get("/hub/spawn/zoe").text):
        assert "No group available" in text
        assert "The &lt;b&gt;admin&lt;/b&gt;" in text
        assert 'type="submit"' not in text


def test_over_quota_is_refused_with_numbers_until_something_stops(hub: Hub, known: dict[str, str]) -> None:
    large = {**GOOD, "instance_type": "large"}
    assert hub.api("POST", "/users/ann/servers/physics", large).status_code in (201, 202)
    hub.wait_ready("ann", "physics")
    answer = hub.api("POST", "/users/bob/servers/physics", large)
    assert answer.status_code == 409
    wanted = "Group physics: 4 of 5 CPU in use; 4 CPU more was asked (ann holds 4)."
    assert answer.json()["message"] == wanted
    bob, _ = hub.login("bob", known["bob"])
    page = bob.get("/hub/spawn/bob/physics")
    assert wanted in page.text
    posted = bob.post(spawn_action(page.text), data=large)
    assert posted.status_code == 409
    assert f"<strong>Over quota.</strong> {wanted}" in posted.text
    assert hub.api("POST", "/users/bob/servers/physics", GOOD).status_code in (201, 202)
    hub.wait_ready("bob", "physics")
    hub.api("DELETE", "/users/ann/servers/physics")
    until(lambda: [r.user for r in live(hub)] == ["bob"])


def test_an_image_that_breaks_shows_its_last_words(hub: Hub, known: dict[str, str]) -> None:
    bob, _ = hub.login("bob", known["bob"])
    page = bob.get("/hub/spawn/bob/physics")
    bob.post(spawn_action(page.text), data={**GOOD, "image": "broken"})
    until(lambda: not hub.server("bob", "physics"))
    failed = bob.get("/hub/spawn-pending/bob/physics")
    assert failed.status_code == 503
    assert "&lt;i&gt;libcuda is missing" in failed.text
    assert live(hub) == []
    # The same object serves the next start.
    hub.api("POST", "/users/bob/servers/physics", GOOD)
    hub.wait_ready("bob", "physics")


def test_stopping_while_it_starts_leaves_nothing(hub: Hub) -> None:
    assert hub.api("POST", "/users/bob/servers/physics", {**GOOD, "image": "slow"}).status_code in (201, 202)
    records = hub.state / "servers"
    record = until(lambda: next((p for p in records.glob("*/process") if ProcessId.from_file(p)), None))
    identity = ProcessId.from_file(record)
    hub.api("DELETE", "/users/bob/servers/physics")
    until(lambda: not identity.alive)
    until(lambda: live(hub) == [])


def test_membership_taken_away_counts_at_the_next_start_even_for_programs(hub: Hub) -> None:
    database = hub.database()
    with database.write() as uow:
        uow.memberships.delete("physics", "bob")
    answer = hub.api("POST", "/users/bob/servers/physics", GOOD)
    assert answer.status_code == 404
    with database.write() as uow:
        uow.memberships.put(Membership("physics", "bob", Role.MEMBER))
    database.close()
    assert hub.api("GET", "/users/bob").json()["groups"] == []
    assert hub.api("POST", "/users/bob/servers/physics", GOOD).status_code in (201, 202)
    assert hub.api("GET", "/users/bob").json()["groups"] == ["physics"]


def test_a_crash_of_the_hub_keeps_the_server_and_its_place(hub: Hub, ann: httpx.Client) -> None:
    hub.api("POST", "/users/ann/servers/physics", GOOD)
    before = hub.wait_ready("ann", "physics")
    assert ann.get("/user/ann/physics/lab").status_code == 200
    (place,) = live(hub)
    hub.kill()
    printed = hub.start()
    assert "First passwords" not in printed
    after = hub.wait_ready("ann", "physics")
    assert after["state"] == before["state"]
    assert ProcessId(*after["state"]["process"]).alive
    assert live(hub) == [place]
    assert ann.get("/user/ann/physics/lab").status_code == 200
    hub.api("DELETE", "/users/ann/servers/physics")
    until(lambda: live(hub) == [])
    assert not ProcessId(*after["state"]["process"]).alive


def test_a_crash_in_the_middle_of_a_start_leaves_no_orphan(hub: Hub) -> None:
    assert hub.api("POST", "/users/bob/servers/physics", {**GOOD, "image": "slow"}).status_code in (201, 202)
    record = until(lambda: next((p for p in (hub.state / "servers").glob("*/process") if ProcessId.from_file(p)), None))
    orphan = ProcessId.from_file(record)
    hub.kill()
    assert orphan.alive
    assert [r.state for r in live(hub)] == [ReservationState.HELD]
    hub.start()
    until(lambda: not orphan.alive)
    until(lambda: live(hub) == [])
    hub.api("POST", "/users/bob/servers/physics", GOOD)
    hub.wait_ready("bob", "physics")


def test_a_user_taken_out_of_the_database_is_out(hub: Hub, known: dict[str, str]) -> None:
    hub.login("cem", known["cem"])
    database = hub.database()
    with database.read() as uow:
        row = uow.users.get("cem")
    with database.write() as uow:
        uow.users.delete("cem")
    try:
        answer = hub.api("POST", "/users/cem/servers/chemistry", {**GOOD, "group": "chemistry"})
        assert answer.status_code in (400, 403)
        assert "expired" in answer.json()["message"]
        assert hub.login("cem", known["cem"])[1].status_code == 403
    finally:
        with database.write() as uow:
            uow.users.put(row)
        database.close()


def test_a_lost_password_is_replaced_from_the_command_line(
    hub: Hub, known: dict[str, str], monkeypatch, capsys
) -> None:
    from collegium.authenticator.__main__ import main

    for name, value in hub.settings.environment().items():
        monkeypatch.setenv(name, value)
    assert main(["vic"]) == 0
    fresh = capsys.readouterr().out.strip()
    assert hub.login("vic", known["vic"])[1].status_code == 403
    assert hub.login("vic", fresh)[1].status_code == 200
    assert main(["nobody"]) == 1
    assert main([]) == 2
