"""What changes in Keycloak takes effect here within seconds: with cookie, with token, and on open streams."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import time

import pytest

from support.installation import until
from support.keycloak import browser
from support.keycloak_pages import message, send_form
from support.keycloak_site import KeycloakSite, Person, Reader

REFUSED = (401, 403)


def work(person: Person, group: str) -> tuple[str, Reader]:
    """A job that talks, and somebody who listens."""
    job = person.submit(group)
    return job, person.read_log(group, job)


def denied(site: KeycloakSite, what: str, since: float, person: Person, path: str, *statuses: int) -> None:
    """Token and cookie are refused, whichever is asked first."""
    site.timed(f"{what}: token", since, lambda: person.status(path) in statuses)
    # Where the login itself is over, the cookie is sent to log in again.
    site.timed(f"{what}: cookie", since, lambda: person.cookie(path) in (*statuses, 302))


def ended(site: KeycloakSite, what: str, since: float, *streams: Reader) -> None:
    for stream in streams:
        until(f"{what}: the stream is over", lambda stream=stream: stream.over)
        assert stream.ended_at is not None
        site.note(f"{what}: stream", stream.ended_at - since)


@pytest.fixture(scope="module")
def ada(site: KeycloakSite) -> Person:
    """Group admin where others lose their rights."""
    site.realm.create_user("ada", "/astro/admins", "/metals/admins", "/optics/admins")
    return site.login("ada")


def revocation(admin: Person, group: str, user: str) -> dict[str, object]:
    """The newest of somebody in a group; empty if there is none."""
    answer = admin.ask("GET", f"/groups/{group}/revocations")
    assert answer.status == 200, answer
    return next((r for r in answer.json["items"] if r["user"] == user), {})


def test_added(site: KeycloakSite) -> None:
    eva = site.newcomer(word="eva")
    assert eva.roles == {} and eva.cards == []
    assert (eva.status("/groups/astro"), eva.cookie("/groups/astro")) == (404, 404)
    assert eva.try_submit("astro").status == 404
    assert eva.try_start("astro")[0] == 404
    since = time.monotonic()
    site.realm.add_to_group(eva.name, "/astro")
    site.timed("added: token", since, lambda: eva.status("/groups/astro") == 200)
    site.timed("added: cookie", since, lambda: eva.cookie("/groups/astro") == 200)
    site.timed("added: home page", since, lambda: eva.cards == ["astro"])
    assert eva.roles == {"astro": "member"}
    job = eva.submit("astro", "true")
    eva.start_server("astro")
    assert eva.server_answers("astro")
    until("the job is over", lambda: eva.job_state("astro", job) == "Succeeded")


def test_removed(site: KeycloakSite, ada: Person, boss: Person) -> None:
    """API and streams end at once; what runs is listed, announced, and stopped after the grace."""
    roy = site.newcomer("/astro", "/botany", word="roy")
    pid = roy.start_server("astro")
    job, log = work(roy, "astro")
    kept, other = work(roy, "botany")
    page_token = roy.page_token("astro")
    sidebar = roy.read_log("astro", job, page_token)
    events = Reader(site.hub, "/groups/astro/events", roy.token).begun(first=False)
    assert roy.cards == ["astro", "botany"]

    since = time.monotonic()
    site.realm.remove_from_group(roy.name, "/astro")
    denied(site, "removed", since, roy, "/groups/astro", 404)
    assert site.hub.request("GET", "/groups/astro", page_token)[0] == 404
    ended(site, "removed", since, log, sidebar, events)
    site.timed("removed: home page", since, lambda: roy.cards == ["botany"])
    assert roy.try_submit("astro").status == 404
    assert not other.over

    found = until("it is listed", lambda: revocation(ada, "astro", roy.name))
    site.note("removed: warned", time.monotonic() - since)
    assert (found["reason"], found["outcome"]) == ("removed", "")
    holders = found["holders"]
    assert isinstance(holders, list)
    assert {(h["kind"], h["live"], h["asked"]) for h in holders} == {("server", True, False), ("job", True, False)}
    assert ada.job_state("astro", job) == "Running" and os.path.exists(f"/proc/{pid}")

    until("the server is gone", lambda: not roy.server("astro") and not os.path.exists(f"/proc/{pid}"))
    until("the job is cancelled", lambda: ada.job_state("astro", job) == "Cancelled")
    until("all of it is told", lambda: revocation(ada, "astro", roy.name)["outcome"] == "stopped")
    actions = [line["action"] for line in site.audit(ada, "astro") if roy.name in f"{line['object']} {line['reason']}"]
    assert {
        "membership.add", "membership.remove", "revocation.open", "server.stop", "job.cancel", "revocation.stopped",
    } <= set(actions)  # fmt: skip
    (line,) = site.audit(boss, action="membership.remove", object=roy.name)
    assert (line["actor"], line["group"], line["reason"]) == ("collegium", "astro", "said by Keycloak")
    # The other group never noticed.
    assert roy.job_state("botany", kept) == "Running" and not other.over


def test_right_back_in_time(site: KeycloakSite, ada: Person) -> None:
    jan = site.newcomer("/astro", word="jan")
    job, _ = work(jan, "astro")
    site.realm.remove_from_group(jan.name, "/astro")
    until("it is noticed", lambda: revocation(ada, "astro", jan.name))
    site.realm.add_to_group(jan.name, "/astro")
    until("it is withdrawn", lambda: revocation(ada, "astro", jan.name)["outcome"] == "withdrawn")
    until("the log can be read again", lambda: jan.status(f"/groups/astro/jobs/{job}") == 200)
    # Whether the stream was looked at in that short time is chance.
    assert jan.job_state("astro", job) == "Running"
    assert site.audit(ada, "astro", action="revocation.withdrawn", object=jan.name)


def test_disabled(site: KeycloakSite, ada: Person, boss: Person) -> None:
    dan = site.newcomer("/astro", word="dan")
    pid = dan.start_server("astro")
    job, log = work(dan, "astro")
    since = time.monotonic()
    site.realm.set_enabled(dan.name, False)
    denied(site, "disabled", since, dan, "/groups/astro", *REFUSED)
    ended(site, "disabled", since, log)
    site.timed("disabled: page", since, lambda: not dan.logged_in)
    # There is no grace for those who may not be here at all.
    until("the server is gone", lambda: not dan.server("astro") and not os.path.exists(f"/proc/{pid}"))
    until("the job is cancelled", lambda: ada.job_state("astro", job) == "Cancelled")
    site.note("disabled: work ended", time.monotonic() - since)
    assert revocation(ada, "astro", dan.name)["reason"] == "disabled"
    assert site.audit(boss, action="user.disable", object=dan.name)
    with browser() as client:
        refused = site.land(client, dan.name)
        assert "disabled" in message(refused), refused.text

    site.realm.set_enabled(dan.name, True)
    until("the token counts again", lambda: dan.status("/groups/astro") == 200)
    # Keycloak ends no session here, so the browser's goes on where it was.
    assert dan.logged_in == bool(site.realm.sessions(dan.name))
    assert site.login(dan.name, token=False).cards == ["astro"]


def test_renamed(site: KeycloakSite) -> None:
    """Another name in Keycloak is the same person here: name, server, jobs and streams stay."""
    ron = site.newcomer("/botany", word="ron")
    pid = ron.start_server("botany")
    job, log = work(ron, "botany")
    site.realm.rename(ron.name, f"{ron.name}ald")
    site.realm.passwords[f"{ron.name}ald"] = site.realm.password(ron.name)
    seen = log.events
    subject = site.realm.user(f"{ron.name}ald")
    again = site.login(f"{ron.name}ald")
    assert again.name == ron.name
    assert again.roles == {"botany": "member"} == ron.roles
    assert again.job_state("botany", job) == "Running"
    assert again.server_answers("botany") and again.server_process("botany") == pid
    until("the log goes on", lambda: log.events > seen + 5)
    assert not log.over
    # Somebody new who takes the name that became free is not taken for its owner here.
    site.realm.create_user(ron.name, "/botany", email="another@example.test")
    assert site.realm.user(ron.name) != subject
    with browser() as client:
        refused = site.land(client, ron.name)
        assert refused.status_code == 403
        assert "belongs to another account" in refused.text


def test_deleted(site: KeycloakSite, ada: Person, boss: Person) -> None:
    del_ = site.newcomer("/astro", word="del")
    pid = del_.start_server("astro")
    job, log = work(del_, "astro")
    since = time.monotonic()
    site.realm.delete_user(del_.name)
    denied(site, "deleted", since, del_, "/groups/astro", *REFUSED)
    ended(site, "deleted", since, log)
    site.timed("deleted: page", since, lambda: not del_.logged_in)
    until("the server is gone", lambda: not del_.server("astro") and not os.path.exists(f"/proc/{pid}"))
    until("the job is cancelled", lambda: ada.job_state("astro", job) == "Cancelled")
    assert site.audit(boss, action="user.delete", object=del_.name)
    site.realm.create_user(del_.name, "/astro")
    with browser() as client:
        refused = site.land(client, del_.name)
        assert refused.status_code == 403 and "belongs to another account" in refused.text
        assert client.get(f"{site.hub.url}/hub/home", follow_redirects=False).status_code == 302
    assert del_.status("/groups/astro") in REFUSED
    assert del_.name not in [m["name"] for m in ada.ask("GET", "/groups/astro/members?limit=200").json["items"]]


def test_a_group_is_deleted_and_made_again(site: KeycloakSite, boss: Person) -> None:
    """One of the same name is another group: it gets nothing of the old one until an operator says so."""
    meg = site.newcomer("/metals", word="meg")
    job, log = work(meg, "metals")
    until("the group's id is known", lambda: "metals" in bound(site))
    since = time.monotonic()
    site.realm.delete_group("/metals")
    denied(site, "group deleted", since, meg, "/groups/metals", 404)
    ended(site, "group deleted", since, log)
    assert site.realm.groups_of(meg.name) == []

    site.realm.create_group("/metals")
    site.realm.add_to_group(meg.name, "/metals")
    site.realm.add_to_group(meg.name, "/botany")
    until("the change is seen", lambda: meg.roles == {"botany": "member"})
    assert meg.status("/groups/metals") == 404
    assert meg.status(f"/groups/metals/jobs/{job}") == 404

    said = collegium(site, "identity", "rebind", "metals")
    assert "metals is /metals again" in said
    until("the new group is the old one", lambda: "metals" in meg.roles)
    assert meg.status(f"/groups/metals/jobs/{job}") == 200


def bound(site: KeycloakSite) -> list[str]:
    """Groups whose id in Keycloak is known."""
    lines = [line.split("\t") for line in collegium(site, "identity", "status").splitlines() if "\t" in line]
    return [group for group, _, known in lines if known != "id not known yet"]


def collegium(site: KeycloakSite, *arguments: str) -> str:
    """The command line beside the running hub."""
    environment = site.hub.environment | {"COLLEGIUM_STATE_DIR": str(site.hub.state)}
    done = subprocess.run(
        [sys.executable, "-m", "collegium.cli", *arguments], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_group_is_renamed(site: KeycloakSite) -> None:
    olga = site.newcomer("/optics", word="olga")
    job, log = work(olga, "optics")
    until("the group's id is known", lambda: "optics" in bound(site))
    site.realm.rename_group("/optics", "photonics")
    seen = log.events
    until("the new path is known", lambda: "optics\t/photonics" in collegium(site, "identity", "status"))
    until("the log goes on", lambda: log.events > seen + 8)
    assert not log.over
    assert olga.roles == {"optics": "member"}
    assert olga.cookie(f"/groups/optics/jobs/{job}") == 200
    # Whoever comes by now finds the group under its name here.
    assert site.newcomer("/photonics", word="olaf").roles == {"optics": "member"}


def test_another_role(site: KeycloakSite, ada: Person) -> None:
    mo, max_ = site.newcomer("/astro", word="mo"), site.newcomer("/astro", word="max")
    job, log = work(mo, "astro")
    others = max_.submit("astro")
    since = time.monotonic()
    site.realm.add_to_group(mo.name, "/astro/viewers")
    site.realm.remove_from_group(mo.name, "/astro")
    site.timed("viewer: no submit", since, lambda: mo.try_submit("astro").status == 403)
    assert mo.roles == {"astro": "viewer"}
    # One who looks on may go on listening, and runs nothing.
    assert (mo.status(f"/groups/astro/jobs/{job}"), mo.cookie("/groups/astro/jobs")) == (200, 200)
    assert mo.try_start("astro")[0] == 403
    until("it is noticed", lambda: revocation(ada, "astro", mo.name).get("reason") == "demoted")
    assert not log.over

    since = time.monotonic()
    site.realm.add_to_group(mo.name, "/astro/admins")
    site.timed("admin: may", since, lambda: mo.status("/groups/astro/audit") == 200)
    assert mo.ask("POST", f"/groups/astro/jobs/{others}/cancel").status in (200, 202)
    assert max_.ask("POST", f"/groups/astro/jobs/{job}/cancel").status == 403
    until("it is withdrawn", lambda: revocation(ada, "astro", mo.name)["outcome"] == "withdrawn")

    since = time.monotonic()
    site.realm.remove_from_group(mo.name, "/astro/admins")
    site.timed("admin no more: denied", since, lambda: mo.status("/groups/astro/audit") == 403)


def test_a_platform_admin_comes_and_goes(site: KeycloakSite) -> None:
    pat = site.newcomer(word="pat")
    assert (pat.status("/audit"), pat.status("/groups/physics")) == (403, 404)
    site.realm.give_realm_role(pat.name, "platform-admin")
    until("the role counts", lambda: site.login(pat.name, token=False).cookie("/audit") == 200)
    assert pat.status("/groups/physics") == 200
    assert site.hub.as_admin("GET", f"/users/{pat.name}")[1]["admin"] is True
    since = time.monotonic()
    site.realm.take_realm_role(pat.name, "platform-admin")
    site.timed("platform admin no more: denied", since, lambda: pat.status("/audit") == 403)
    until("the hub knows", lambda: pat.logged_in and not site.hub.as_admin("GET", f"/users/{pat.name}")[1]["admin"])
    assert pat.status("/groups/physics") == 404


def test_a_session_is_revoked(site: KeycloakSite) -> None:
    """The browser's login is over; servers, jobs and tokens for programs are the account's and go on."""
    sue = site.newcomer("/astro", word="sue")
    sue.start_server("astro")
    job, log = work(sue, "astro")
    listening = sue.read_log("astro", job, sue.page_token("astro"))
    since = time.monotonic()
    site.realm.logout_user(sue.name)
    site.timed("session revoked: page", since, lambda: sue.page("/hub/home").status_code == 302)
    site.timed("session revoked: cookie", since, lambda: sue.cookie("/groups/astro") in (*REFUSED, 302))
    ended(site, "session revoked", since, listening)
    seen = log.events
    assert sue.roles == {"astro": "member"}
    assert sue.server_answers("astro")
    again = site.login(sue.name, token=False)
    assert again.cookie("/groups/astro") == 200
    until("the log goes on", lambda: log.events > seen + 5)
    assert not log.over and sue.job_state("astro", job) == "Running"


def test_logout_here_ends_the_session_there(site: KeycloakSite) -> None:
    lou = site.newcomer("/astro", word="lou")
    assert len(site.realm.sessions(lou.name)) == 1
    page = lou.client.get(f"{site.hub.url}/hub/logout")
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    assert fields["id_token_hint"] and fields["id_token_hint"] not in str(page.url)
    landed = send_form(lou.client, page, "keycloak-logout", {k: html.unescape(v) for k, v in fields.items()})
    assert str(landed.url).startswith(f"{site.hub.url}/hub/login"), landed.url
    assert site.realm.sessions(lou.name) == []
    assert not lou.logged_in
