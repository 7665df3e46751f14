"""Keycloak ends, hangs, comes back, and changes its keys, while people work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from support.installation import until
from support.keycloak import browser, fill_login_form
from support.keycloak_site import KeycloakSite, Person, Reader
from support.rest import Answer, ask

REFUSED_ACTIVITY = re.compile(r"(?:401|403|503) POST /hub/api/users/\S+/activity")
WAITS = "Starting a server waits until the identity provider answers again"


@pytest.fixture(scope="module")
def uma(site: KeycloakSite) -> Person:
    """Somebody with a server that was there before the trouble."""
    person = site.newcomer("/botany", "/geology", word="uma")
    person.start_server("botany")
    return person


def posts_activity(site: KeycloakSite, person: Person, group: str) -> int:
    """What the hub says to a server that tells it is alive, with the server's own token."""
    token = site.environment_of(person.server_process(group))["JUPYTERHUB_API_TOKEN"]
    moment = datetime.now(UTC).isoformat()
    body = {"servers": {group: {"last_activity": moment}}, "last_activity": moment}
    return site.ask_hub("POST", f"/users/{person.name}/activity", token, body).status


def login_page(site: KeycloakSite) -> Answer:
    """What somebody sees who wants to log in now."""
    return ask(site.hub, "GET", "//hub/oauth_login")


def goes_on(site: KeycloakSite, person: Person, job: str, log: Reader) -> None:
    """Running work and reading, by every way."""
    seen = log.events
    assert person.status("/groups/botany") == 200
    assert person.status(f"/groups/botany/jobs/{job}") == 200
    assert person.cookie("/groups/botany/jobs") == 200
    assert person.cards == ["botany", "geology"]
    assert person.server_answers("botany")
    assert posts_activity(site, person, "botany") == 200
    until("the log goes on", lambda: log.events > seen + 2)
    assert not log.over and person.job_state("botany", job) == "Running"


def waits(site: KeycloakSite, person: Person) -> None:
    """New power is refused with a time to come back; so is a login."""
    submit = person.try_submit("botany")
    assert (submit.status, submit.code) == (503, "unavailable"), submit
    assert int(submit.headers["retry-after"]) > 0
    assert "Keycloak" in submit.json["error"]["message"]
    status, start = person.try_start("geology")
    assert status == 503, start
    assert int(start.headers["retry-after"]) > 0
    assert not person.server("geology")
    assert WAITS in person.page(f"/hub/spawn/{person.name}/geology").text
    assert WAITS in person.fill_form("geology").text
    assert not person.server("geology")
    page = login_page(site)
    assert page.status == 503 and int(page.headers["retry-after"]) > 0
    assert b"Keycloak" in page.body and b"What runs goes on" in page.body


@contextmanager
def without(boss: Person, end: Callable[[], None], begin: Callable[[], None]) -> Iterator[None]:
    """No Keycloak for the time of the block; entered once it is noticed."""
    end()
    try:
        until("it is noticed", lambda: boss.ask("GET", "/identity").json.get("state") != "ok")
        yield
    finally:
        begin()


def works_again(site: KeycloakSite, person: Person) -> None:
    """Without a restart of anything of ours."""
    until("jobs are taken again", lambda: person.try_submit("botany").status == 201)
    until("the login page is there", lambda: login_page(site).status == 302)
    person.start_server("geology")
    assert site.newcomer("/botany", word="new").roles == {"botany": "member"}
    site.ask_hub("DELETE", f"/users/{person.name}/servers/geology", person.token)
    until("the server is gone", lambda: not person.server("geology"))


def test_ended_and_back_in_the_middle_of_a_login(site: KeycloakSite, uma: Person, boss: Person) -> None:
    job = uma.submit("botany")
    log = uma.read_log("botany", job)
    lars = site.realm.create_user("lars", "/botany") and "lars"
    hub = site.hub.process
    assert hub is not None
    with browser() as client:
        form = client.get(f"{site.hub.url}/hub/oauth_login?next=/hub/home")
        with without(boss, site.realm.stop, site.realm.start):
            waits(site, uma)
            goes_on(site, uma, job, log)
        # What Keycloak knew of the login under way is gone; at worst one begins anew.
        landed = fill_login_form(client, form, lars, site.realm.password(lars))
        home = f"{site.hub.url}/hub/home"
        until("the login ends at home", lambda: home in (str(landed.url), str(site.land(client, lars).url)))
    works_again(site, uma)
    goes_on(site, uma, job, log)
    assert hub.poll() is None
    assert not REFUSED_ACTIVITY.search(site.hub.log.read_text(errors="replace"))


def test_hangs(site: KeycloakSite, uma: Person, boss: Person) -> None:
    """It takes connections and says nothing: nobody waits for longer than our own patience."""
    until("all is well", lambda: boss.ask("GET", "/identity").json.get("state") == "ok")
    job = uma.submit("botany")
    log = uma.read_log("botany", job)
    with without(boss, site.realm.pause, site.realm.resume):
        waits(site, uma)
        goes_on(site, uma, job, log)
    works_again(site, uma)
    goes_on(site, uma, job, log)
    assert not REFUSED_ACTIVITY.search(site.hub.log.read_text(errors="replace"))


def test_new_keys_between_two_logins(site: KeycloakSite) -> None:
    before = site.newcomer("/botany", word="before")
    site.realm.rotate_keys()
    after = site.newcomer("/botany", word="after")
    assert after.roles == {"botany": "member"} and after.cookie("/groups/botany") == 200
    # A personal token is no session, and the sync's own tokens are new too: changes are still seen.
    assert before.status("/groups/botany") == 200
    site.realm.remove_from_group(before.name, "/botany")
    until("the change is seen", lambda: before.status("/groups/botany") == 404)
    assert site.login(before.name, token=False).cards == []


def test_a_code_is_good_once_and_a_state_is_ones_own(site: KeycloakSite) -> None:
    site.realm.create_user("otto", "/botany")
    with browser() as client, browser() as other:
        form = client.get(f"{site.hub.url}/hub/oauth_login?next=/hub/home")
        sent = fill_login_form(client, form, "otto", site.realm.password("otto"), follow=False)
        callback = sent.headers["location"]
        assert callback.startswith(f"{site.hub.url}/hub/oauth_callback?")
        # Somebody else's browser did not begin this login.
        stolen = other.get(callback)
        assert stolen.status_code == 400 and "begun elsewhere" in stolen.text
        assert client.get(callback).url.path == "/hub/home"
        again = client.get(callback)
        assert again.status_code == 400, again.text
        assert not [c for c in other.cookies.jar if c.name.startswith("jupyterhub-hub-login")]
