"""Realms as people make them: odd names and look-alikes."""

from __future__ import annotations

from support.installation import until
from support.keycloak_site import KeycloakSite, Person

ODD = [
    "Übung 物理学",
    "قسم الفيزياء",
    "🔬 lab",
    "  spaces  ",
    "quote\"'`<b>",
    "per%20cent",
    "back\\slash",
    "x" * 255,
    "-",
    "..",
    "${jndi:ldap://127.0.0.1/a}",
]


def test_odd_names_harm_nobody(site: KeycloakSite, boss: Person) -> None:
    made = [site.realm.call("POST", "/groups", {"name": name}).headers["location"] for name in ODD]
    odd = site.newcomer("/botany", word="odd")
    for location in made:
        site.realm.call("PUT", f"/users/{site.realm.user(odd.name)}/groups/{location.rsplit('/', 1)[1]}")
    until("the walk has met them", lambda: any("物理学" in path for path in site.report(boss)["undeclared"]))
    assert len(site.realm.groups_of(odd.name)) == len(ODD) + 1
    again = site.login(odd.name)
    assert again.roles == {"botany": "member"} and again.cards == ["botany"]
    since = site.realm.groups_of(odd.name)
    site.realm.remove_from_group(odd.name, "/botany")
    until("the change is seen", lambda: again.roles == {})
    assert len(since) == len(ODD) + 1
    for location in made:
        site.realm.call("DELETE", f"/groups/{location.rsplit('/', 1)[1]}")


def test_look_alikes_do_not_get_in(site: KeycloakSite, boss: Person) -> None:
    """Of several names that would be one here, the one that is spelled so counts; a slash in a name never does."""
    true = site.newcomer("/bio-chem", word="true")
    until("the true one is known", lambda: true.roles == {"bio-chem": "member"})
    alike = ["Bio-Chem", "bio_chem", "BIO CHEM", "bio--chem"]
    made = {name: site.realm.call("POST", "/groups", {"name": name}).headers["location"] for name in alike}
    made["a/b"] = site.realm.call("POST", "/groups", {"name": "a/b"}).headers["location"]
    ids = {name: location.rsplit("/", 1)[1] for name, location in made.items()}
    nested = site.realm.create_group("/a/b")
    people = {}
    for name, group in {**ids, "nested": nested}.items():
        fake = f"fake{len(people)}"
        user = site.realm.create_user(fake)
        site.realm.call("PUT", f"/users/{user}/groups/{group}")
        people[name] = site.login(fake)
        assert people[name].roles == {}, name
        assert people[name].status("/groups/bio-chem") == 404
        assert people[name].status("/groups/a-b") == 404
    until("the walk tells", lambda: all(any(name in line for line in site.report(boss)["refused"]) for name in alike))
    assert any("a/b" in line and "slash" in line for line in site.report(boss)["refused"])
    # Whoever is in both is in the true one, once.
    site.realm.call("PUT", f"/users/{site.realm.user(true.name)}/groups/{ids['Bio-Chem']}")
    assert site.login(true.name).roles == {"bio-chem": "member"}
    site.realm.remove_from_group(true.name, "/bio-chem")
    until("the look-alike alone is nothing", lambda: true.roles == {})
    for group in (*ids.values(), site.realm.group("/a")):
        site.realm.call("DELETE", f"/groups/{group}")
