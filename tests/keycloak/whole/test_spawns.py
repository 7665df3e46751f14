"""Rights that change between form and submit, and while a server starts."""

from __future__ import annotations

import pytest

from support.installation import until
from support.keycloak_site import KeycloakSite, Person

GONE = (401, 403)
NO_GROUP = "no group crystals that you belong to"


@pytest.fixture(scope="module")
def amy(site: KeycloakSite) -> Person:
    """Group admin of the group that is started in."""
    site.realm.create_user("amy", "/crystals/admins")
    return site.login("amy")


def servers_in_use(admin: Person) -> int:
    answer = admin.ask("GET", "/groups/crystals/usage")
    assert answer.status == 200, answer
    return len([h for h in answer.json["holders"] if h["kind"] == "server"])


def test_removed_between_form_and_submit(site: KeycloakSite, amy: Person) -> None:
    ivy = site.newcomer("/crystals", word="ivy")
    form = ivy.page(f"/hub/spawn/{ivy.name}/crystals")
    assert 'id="spawn_form"' in form.text
    site.realm.remove_from_group(ivy.name, "/crystals")
    until("the change is seen", lambda: ivy.status("/groups/crystals") == 404)
    refused = ivy.fill_form("crystals", form)
    assert NO_GROUP in refused.text, refused.text[-3000:]
    assert not ivy.server("crystals") and not ivy.server_process("crystals")
    assert servers_in_use(amy) == 0


def test_added_between_form_and_submit(site: KeycloakSite) -> None:
    """Who was told that there is no group need not log in again."""
    ike = site.newcomer(word="ike")
    assert "No group available" in ike.page(f"/hub/spawn/{ike.name}").text
    site.realm.add_to_group(ike.name, "/crystals")
    until("the form is there", lambda: 'name="instance_type"' in ike.page(f"/hub/spawn/{ike.name}/crystals").text)
    assert ike.fill_form("crystals").status_code == 200
    until("the server is ready", lambda: ike.server("crystals").get("ready"))


def test_the_right_goes_while_a_server_starts(site: KeycloakSite, amy: Person) -> None:
    """What was accepted and has not begun yet does not begin."""
    people = [site.newcomer("/crystals", word=word) for word in ("rem", "vie", "dis", "del")]
    removed, viewer, disabled, deleted = people
    orphan = site.newcomer("/dunes", word="orphan")
    in_use = servers_in_use(amy)
    with site.holding(*people, orphan):
        for person in people:
            assert person.try_start("crystals")[0] == 202
        assert orphan.try_start("dunes")[0] == 202
        site.realm.remove_from_group(removed.name, "/crystals")
        site.realm.add_to_group(viewer.name, "/crystals/viewers")
        site.realm.remove_from_group(viewer.name, "/crystals")
        site.realm.set_enabled(disabled.name, False)
        site.realm.delete_user(deleted.name)
        site.realm.delete_group("/dunes")
        until("removed is seen", lambda: removed.status("/groups/crystals") == 404)
        until("the role is seen", lambda: viewer.roles == {"crystals": "viewer"})
        until("disabled is seen", lambda: disabled.status("/groups/crystals") in GONE)
        until("deleted is seen", lambda: deleted.status("/groups/crystals") in GONE)
        until("the group's end is seen", lambda: orphan.status("/groups/dunes") == 404)
        assert all(person.server("crystals").get("pending") for person in people)
        assert orphan.server("dunes").get("pending")
    for person, group in [*((p, "crystals") for p in people), (orphan, "dunes")]:
        until("the start is over", lambda person=person, group=group: not person.server(group))
        assert not person.server_process(group)
    assert servers_in_use(amy) == in_use
    told = removed.client.get(f"{site.hub.url}/hub/spawn-pending/{removed.name}/crystals")
    assert "Spawn failed" in told.text and NO_GROUP in told.text, told.text[-3000:]


def test_what_takes_no_right_away_stops_no_start(site: KeycloakSite) -> None:
    """Another name, an ended session, a renamed group: the start goes on."""
    renamed, ended = (site.newcomer("/crystals", word=word) for word in ("ren", "end"))
    moved = site.newcomer("/elms", word="moved")
    starts = [(renamed, "crystals"), (ended, "crystals"), (moved, "elms")]
    with site.holding(renamed, ended, moved):
        for person, group in starts:
            assert person.try_start(group)[0] == 202
        site.realm.rename(renamed.name, f"{renamed.name}amed")
        site.realm.logout_user(ended.name)
        site.realm.rename_group("/elms", "oaks")
        until("the session is over", lambda: not ended.logged_in)
        until("the new name is seen", lambda: site.newcomer("/oaks", word="oak").roles == {"elms": "member"})
    for person, group in starts:
        until("the server is ready", lambda person=person, group=group: person.server(group).get("ready"))
        assert person.server_answers(group)


def test_disabled_while_the_server_comes_up(site: KeycloakSite, amy: Person) -> None:
    """What has begun is ended, at whichever moment it is met."""
    uri = site.newcomer("/crystals", word="uri")
    in_use = servers_in_use(amy)
    assert uri.try_start("crystals")[0] in (201, 202)
    site.realm.set_enabled(uri.name, False)
    until("it is seen", lambda: uri.status("/groups/crystals") in GONE)
    until("no server is left", lambda: not uri.server("crystals") and not uri.server_process("crystals"))
    until("nothing is in use", lambda: servers_in_use(amy) == in_use)
