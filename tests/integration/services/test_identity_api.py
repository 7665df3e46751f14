"""Members, audit log, the provider's state, and the links of the profile menu."""

from __future__ import annotations

from pathlib import Path

import pytest

from collegium.db import Database
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.domain.audit import AuditEntry, Outcome
from collegium.domain.groups import Membership, Role
from collegium.domain.identity import ProviderState, Standing, UserIdentity
from collegium.services.controller.options import ControlOptions
from integration.services.harness import Clock, FakeHub, Service, running_service
from integration.services.test_sync import ISSUER, settings_of


async def test_members(service: Service) -> None:
    with service.database.write() as uow:
        uow.users.put(User("mia", "Mia Meyer"))
        uow.identities.put(UserIdentity("mia", ISSUER, "s", standing=Standing.DISABLED))
        uow.memberships.put(Membership("physics", "unknown", Role.VIEWER))
    answer = (await service.client("vic").get("/groups/physics/members")).json()
    names = {m["name"]: (m["display_name"], m["role"], m["standing"]) for m in answer["items"]}
    assert names["mia"] == ("Mia Meyer", "member", "disabled")
    assert names["ada"] == ("", "admin", "active")
    assert names["unknown"] == ("", "viewer", "active")
    assert answer["next_cursor"] is None
    found, cursor = [], None
    while True:
        query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await service.client("vic").get("/groups/physics/members", params=query)).json()
        assert len(page["items"]) <= 2
        found += [m["name"] for m in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == sorted(names)


async def test_the_audit_log_page_by_page(service: Service) -> None:
    with service.database.write() as uow:
        for number in range(7):
            group = "physics" if number % 2 else "chemistry"
            entry = AuditEntry(now(), "ada", "invitation.create", f"inv-{number}", group, details={"n": number})
            uow.audit.append(entry)
        uow.audit.append(AuditEntry(now(), "mia", "user.password", "max", outcome=Outcome.REFUSED, reason="100% no_t"))
    ada, root = service.client("ada"), service.client("root")
    page = (await ada.get("/groups/physics/audit", params={"limit": 2})).json()
    assert [e["object"] for e in page["items"]] == ["inv-5", "inv-3"]
    last = (await ada.get("/groups/physics/audit", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert ([e["object"] for e in last["items"]], last["next_cursor"]) == (["inv-1"], None)
    everything = (await root.get("/audit")).json()["items"]
    assert (len(everything), everything[0]["outcome"], everything[0]["group"]) == (8, "refused", "")
    found = (await root.get("/audit", params={"text": "INV-4"})).json()["items"]
    assert [e["details"] for e in found] == [{"n": 4}]
    assert (await root.get("/audit", params={"text": "%"})).json()["items"] == []
    assert (await ada.get("/audit")).status_code == 403


@pytest.mark.parametrize("path", ["/groups/physics/audit", "/groups/physics/members", "/groups/physics/jobs"])
@pytest.mark.parametrize("cursor", ["x", "YTE=", "bTE", "ajE", "0", "%00", "bS4u", "éé"])
async def test_foreign_cursors(service: Service, path: str, cursor: str) -> None:
    kind = {"audit": "a", "members": "m", "jobs": "j"}[path.rpartition("/")[2]]
    own = {"YTE=": "a", "bTE": "m", "ajE": "j"}.get(cursor)
    status = (await service.client("ada").get(path, params={"cursor": cursor})).status_code
    assert status == (200 if own == kind else 400)


async def test_old_lines_are_forgotten(service: Service, clock: Clock) -> None:
    with service.database.write() as uow:
        uow.audit.append(AuditEntry(now(), "ada", "x", "y", "physics"))
    controller = service.context.controller
    assert controller is not None
    await controller.lease.hold()
    for days, left in ((364, 1), (2, 0)):
        clock.forward(days * 86400)
        await controller.lease.hold()
        await controller.housekeeping.forget_old()
        assert len(service.database and (await service.client("root").get("/audit")).json()["items"]) == left


async def test_without_a_provider(service: Service) -> None:
    found = (await service.client("root").get("/identity")).json()
    assert (found["provider"], found["state"], found["issuer"]) == ("local", "ok", "")
    assert [m["what"] for m in found["missing"]] == ["Keycloak"]
    assert found["roles"] == []
    account = (await service.client().get("/context")).json()["account"]
    assert account == {
        "profile_url": None,
        "password_url": None,
        "tokens_url": "/hub/token",
        "logout_url": "/hub/logout",
    }
    assert (await service.client("ada").get("/identity")).status_code == 403


async def test_with_a_provider(seeded: Database, hub: FakeHub, clock: Clock, tmp_path: Path) -> None:
    with seeded.write() as uow:
        uow.identities.put(UserIdentity("mia", ISSUER, "s"))
        uow.providers.begin(ISSUER, clock())
        uow.providers.walked(ISSUER, {"groups": 3, "refused": ["/a is b"]}, clock())
        uow.providers.say(ISSUER, ProviderState.MISCONFIGURED, "The secret is wrong.", clock())
    options = ControlOptions(keycloak=settings_of(tmp_path))
    async with running_service(seeded, hub, clock=clock, options=options, control=False) as service:
        found = (await service.client("root").get("/identity")).json()
        assert (found["provider"], found["state"], found["message"]) == (
            "keycloak",
            "misconfigured",
            "The secret is wrong.",
        )
        assert found["report"] == {"groups": 3, "refused": ["/a is b"]}
        assert [m["what"] for m in found["missing"]] == ["invitations and user administration"]
        account = (await service.client().get("/context")).json()["account"]
        assert account["profile_url"] == f"{ISSUER}/account/"
        assert account["password_url"] == f"{ISSUER}/account/account-security/signing-in"
        # Whom Keycloak does not know has no profile there.
        assert (await service.client("max").get("/context")).json()["account"]["profile_url"] is None
