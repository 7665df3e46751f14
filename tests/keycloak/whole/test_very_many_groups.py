"""A large realm. Last in this folder, for what is in the realm then goes with it."""

from __future__ import annotations

from support.installation import until
from support.keycloak_site import KeycloakSite, Person


def test_somebody_in_500_groups_of_2000(site: KeycloakSite, boss: Person) -> None:
    parents = [f"bulk{n}" for n in range(20)]
    children = [f"research group number {i}" for i in range(99)]
    for parent in parents:
        below = [{"name": child, "path": f"/{parent}/{child}"} for child in children]
        groups = [{"name": parent, "path": f"/{parent}", "subGroups": below}]
        site.realm.call("POST", "/partialImport", {"ifResourceExists": "FAIL", "groups": groups})
    paths = [f"/{parent}/{child}" for parent in parents for child in children]
    busy = site.newcomer("/botany", *paths[:500], word="busy")
    assert len(site.realm.groups_of(busy.name)) >= 100
    assert busy.roles == {"botany": "member"} and busy.cards == ["botany"]
    assert busy.try_submit("botany").status == 201
    until("the walk has met them all", lambda: site.report(boss)["groups"] >= 2000)
    said = site.report(boss)
    site.note("walk of 2,000 groups", said["seconds"])
    site.realm.remove_from_group(busy.name, "/botany")
    until("the change is seen", lambda: busy.roles == {})
