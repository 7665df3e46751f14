"""User administration over HTTP, with a broker in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from collegium.db import Database
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.domain.groups import ManagedBy, Role
from collegium.domain.identity import ProviderState, Standing, UserIdentity
from collegium.identity.people import Account, NewAccount
from collegium.identity.settings import KeycloakSettings
from collegium.services.controller.options import ControlOptions
from integration.services.fake_broker import ISSUER, FakeBroker
from integration.services.harness import FakeHub, Service, running_service

NEW = {"username": "nina", "email": "nina@example.org", "first_name": "Nina", "last_name": "Nowak"}
HEAD = "username,email,first_name,last_name,enabled,groups"
CSV = {"Content-Type": "text/csv; charset=utf-8"}


@pytest.fixture
def broker() -> FakeBroker:
    broker = FakeBroker()
    for name in ("mia", "ada", "bob", "root"):
        broker.add(name)
    broker.add("lea", federation="some-directory")
    broker.places["id-mia"] = {"physics": Role.MEMBER}
    broker.places["id-bob"] = {"chemistry": Role.VIEWER}
    return broker


@pytest.fixture
async def service(seeded: Database, hub: FakeHub, broker: FakeBroker) -> AsyncIterator[Service]:
    with seeded.write() as uow:
        uow.providers.begin(ISSUER, now())
        mia = UserIdentity("mia", ISSUER, "id-mia", "mia@example.org", True, Standing.ACTIVE, now(), now())
        uow.identities.put(mia)
        uow.users.put(User("mia", "Mia", managed_by=ManagedBy.IDP))
    async with running_service(seeded, hub, broker=broker) as service:
        yield service


async def call(service: Service, method: str, path: str, status: int = 200, who: str = "root", **more: Any) -> Any:
    answer = await service.client(who).request(method, path, **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def refusal(service: Service, method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
    error: dict[str, Any] = (await call(service, method, path, status, **more))["error"]
    return error


def audit(service: Service) -> list[tuple[str, str, str, str]]:
    with service.database.read() as uow:
        return [(a.action, a.actor, a.object, a.outcome.value) for a in reversed(uow.audit.page(500))]


async def test_lists_join_what_the_provider_and_we_know(service: Service) -> None:
    found = await call(service, "GET", "/users")
    assert found["total"] == 5
    assert found["next_cursor"] is None
    people = {u["username"]: u for u in found["items"]}
    mia = people["mia"]
    assert (mia["id"], mia["name"], mia["standing"]) == ("id-mia", "mia", "active")
    assert mia["last_seen"]
    assert mia["groups"] == [{"group": "physics", "role": "member"}]
    # Never here, so the provider was asked.
    assert (people["bob"]["name"], people["bob"]["groups"]) == (None, [{"group": "chemistry", "role": "viewer"}])
    assert (people["lea"]["federated"], "directory" in people["lea"]["read_only"]) == (True, True)


async def test_pages_search_and_filter(service: Service, broker: FakeBroker) -> None:
    seen: list[str] = []
    cursor = None
    while True:
        page = await call(service, "GET", "/users", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [u["username"] for u in page["items"]]
        cursor = page["next_cursor"]
        if not cursor:
            break
    assert seen == ["ada", "bob", "lea", "mia", "root"]
    found = await call(service, "GET", "/users", params={"text": "bo"})
    assert ([u["username"] for u in found["items"]], found["total"]) == (["bob"], 1)
    broker.accounts["id-bob"] = replace(broker.accounts["id-bob"], enabled=False)
    found = await call(service, "GET", "/users", params={"enabled": "false"})
    assert [u["username"] for u in found["items"]] == ["bob"]
    await refusal(service, "GET", "/users", 400, params={"cursor": "x"})
    await refusal(service, "GET", "/users", 400, params={"limit": 1000})


async def test_one_account(service: Service) -> None:
    assert (await call(service, "GET", "/users/id-bob"))["out_of_bounds"] == ""
    assert "platform admin" in (await call(service, "GET", "/users/id-root"))["out_of_bounds"]
    for wrong in ("nobody", "..", "a%20b", "x" * 300, "%00"):
        assert (await service.client("root").get(f"/users/{wrong}")).status_code in (404, 400), wrong


async def test_create(service: Service, broker: FakeBroker) -> None:
    body = {**NEW, "groups": [{"group": "physics", "role": "admin"}, {"group": "chemistry"}]}
    made = await call(service, "POST", "/users", 201, json=body)
    assert (made["id"], made["problems"], made["required_actions"]) == (
        "id-nina",
        [],
        ["VERIFY_EMAIL", "UPDATE_PASSWORD"],
    )
    assert made["groups"] == [{"group": "chemistry", "role": "member"}, {"group": "physics", "role": "admin"}]
    assert broker.mails == [("id-nina", ("VERIFY_EMAIL", "UPDATE_PASSWORD"), 24)]
    assert audit(service) == [
        ("user.create", "root", "nina", "done"),
        ("user.groups", "root", "nina", "done"),
        ("user.groups", "root", "nina", "done"),
        ("user.mail", "root", "nina", "done"),
    ]
    error = await refusal(service, "POST", "/users", 409, json={**NEW, "email": "other@example.org"})
    assert error["details"]["field"] == "username"
    error = await refusal(service, "POST", "/users", 409, json={**NEW, "username": "other"})
    assert error["details"]["field"] == "email"


async def test_create_without_address_or_mail(service: Service, broker: FakeBroker) -> None:
    made = await call(service, "POST", "/users", 201, json={"username": "nina"})
    assert (made["required_actions"], broker.mails) == (["UPDATE_PASSWORD"], [])
    broker.mail_down = True
    made = await call(service, "POST", "/users", 201, json={**NEW, "username": "otto"})
    assert "no mail could be sent" in made["problems"][0]


async def test_nothing_is_made_with_a_group_that_cannot_be(service: Service, broker: FakeBroker) -> None:
    await refusal(service, "POST", "/users", 409, json={**NEW, "groups": [{"group": "biology"}]})
    for groups in (
        [{"group": "Bad!"}],
        [{"group": "physics", "role": "boss"}],
        [{"group": "physics"}, {"group": "physics"}],
    ):
        error = await refusal(service, "POST", "/users", 400, json={**NEW, "groups": groups})
        assert error["details"]["field"].startswith("groups.")
    assert broker.changes == 0


async def test_the_same_create_twice_is_one(service: Service, broker: FakeBroker) -> None:
    headers = {"Idempotency-Key": "abc"}
    first = await service.client("root").post("/users", json=NEW, headers=headers)
    second = await service.client("root").post("/users", json=NEW, headers=headers)
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.json()["id"] == first.json()["id"]
    assert len(broker.mails) == 1
    other = await service.client("root").post("/users", json={**NEW, "first_name": "N"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency_mismatch")


async def test_change(service: Service, broker: FakeBroker) -> None:
    changed = await call(service, "PATCH", "/users/id-bob", json={"enabled": False, "last_name": "Baker"})
    assert (changed["enabled"], changed["last_name"]) == (False, "Baker")
    before = broker.changes
    await call(service, "PATCH", "/users/id-bob", json={"enabled": False})
    await call(service, "PATCH", "/users/id-bob", json={})
    assert broker.changes == before
    assert audit(service) == [("user.update", "root", "bob", "done")]
    for body, field in (({"email": "no"}, "email"), ({"enabled": 1}, "enabled"), ({"username": "x"}, "username")):
        error = await refusal(service, "PATCH", "/users/id-bob", 400, json=body)
        assert error["details"]["field"] == field


async def test_delete(service: Service, broker: FakeBroker) -> None:
    assert await call(service, "DELETE", "/users/id-bob") == {"id": "id-bob"}
    await refusal(service, "DELETE", "/users/id-bob", 404)
    assert "id-bob" not in broker.accounts


async def test_a_password_is_shown_once_and_told_nowhere(
    service: Service, broker: FakeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    found = await call(service, "POST", "/users/id-bob/password")
    assert found == {"password": broker.passwords["id-bob"]}
    assert audit(service) == [("user.password", "root", "bob", "done")]
    with service.database.read() as uow:
        assert found["password"] not in repr(uow.audit.page(10))
    assert found["password"] not in caplog.text


async def test_mail(service: Service, broker: FakeBroker) -> None:
    body = {"actions": ["CONFIGURE_TOTP", "UPDATE_PROFILE", "CONFIGURE_TOTP"], "hours": 2}
    assert await call(service, "POST", "/users/id-bob/mail", json=body) == {"email": "bob@example.org"}
    assert broker.mails == [("id-bob", ("CONFIGURE_TOTP", "UPDATE_PROFILE"), 2)]
    for bad in ({"actions": []}, {"actions": ["DELETE_ACCOUNT"]}, {"actions": ["VERIFY_EMAIL"], "hours": 1000}):
        await refusal(service, "POST", "/users/id-bob/mail", 400, json=bad)
    broker.mail_down = True
    await refusal(service, "POST", "/users/id-bob/mail", 503, json=body)
    assert audit(service)[-1] == ("user.mail", "root", "bob", "failed")


async def test_groups_are_made_exactly_so(service: Service, broker: FakeBroker) -> None:
    broker.places["id-bob"] = {"chemistry": Role.VIEWER, "physics": Role.MEMBER}
    broker.no_place.add(("chemistry", Role.ADMIN))
    wanted = [{"group": "physics", "role": "admin"}]
    found = await call(service, "PUT", "/users/id-bob/groups", json={"groups": wanted})
    outcomes = [(r["group"], r["outcome"]) for r in found["results"]]
    assert outcomes == [("chemistry", "removed"), ("physics", "changed")]
    assert found["groups"] == wanted
    wanted = [{"group": "physics", "role": "admin"}, {"group": "chemistry", "role": "admin"}]
    found = await call(service, "PUT", "/users/id-bob/groups", json={"groups": wanted})
    assert [r["outcome"] for r in found["results"]] == ["refused", "unchanged"]
    assert "No group" in found["results"][0]["reason"]
    assert ("user.groups", "root", "bob", "refused") in audit(service)


async def test_administrators_and_people_of_a_directory(service: Service, broker: FakeBroker) -> None:
    for user, word in (("id-root", "platform admin"), ("id-lea", "directory")):
        for method, path, body in (
            ("PATCH", "", {"enabled": False}),
            ("DELETE", "", None),
            ("POST", "/password", None),
            ("POST", "/mail", {"actions": ["VERIFY_EMAIL"]}),
        ):
            error = await refusal(service, method, f"/users/{user}{path}", 403, json=body or {})
            assert word in error["message"]
    await refusal(service, "PUT", "/users/id-root/groups", 403, json={"groups": []})
    assert broker.changes == 0
    assert {a[3] for a in audit(service)} == {"refused"}


async def test_export(service: Service, broker: FakeBroker) -> None:
    broker.accounts["id-bob"] = replace(broker.accounts["id-bob"], first_name="=HYPERLINK(1)")
    answer = await service.client("root").get("/users/export")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.text.splitlines()
    assert lines[0] == HEAD
    assert "bob,bob@example.org,'=HYPERLINK(1),,true,chemistry:viewer" in lines
    report = await call(service, "POST", "/users/import", content=answer.text, headers=CSV)
    assert report["counts"] == {"unchanged": 5}


TABLE = "\n".join(
    [
        HEAD,
        "nina,nina@example.org,Nina,Nowak,,physics:admin;chemistry",
        "mia,,,,,",
        "bob,,Bob,,false,chemistry:member",
        "otto,,,,,",
        "lea,new@example.org,,,,",
        "root,,,,false,",
        "paul,paul@example.org,,,,biology",
        "b a d,,,,,",
        "pia,bob@example.org,,,,",
    ]
)
EXPECTED = ["create", "unchanged", "update", "refused", "refused", "refused", "refused", "refused"]


async def test_import_tells_of_every_line(service: Service, broker: FakeBroker) -> None:
    tried = await call(service, "POST", "/users/import", content=TABLE, headers=CSV, params={"dry_run": "true"})
    assert tried["dry_run"] is True
    assert [r["action"] for r in tried["rows"]] == [*EXPECTED, "create"]
    assert [r["line"] for r in tried["rows"]] == list(range(2, 11))
    assert broker.changes == 0
    assert audit(service) == []
    done = await call(service, "POST", "/users/import", content=TABLE, headers=CSV)
    # What only the provider knows: the address is taken.
    assert [r["action"] for r in done["rows"]] == [*EXPECTED, "refused"]
    said = {r["username"]: r["message"] for r in done["rows"]}
    assert "email" in said["otto"]
    assert "directory" in said["lea"]
    assert "platform admin" in said["root"]
    assert "biology" in said["paul"]
    assert "e-mail" in said["pia"]
    assert broker.places["id-nina"] == {"physics": Role.ADMIN, "chemistry": Role.MEMBER}
    assert broker.places["id-bob"] == {"chemistry": Role.MEMBER}
    assert broker.accounts["id-bob"].enabled is False
    assert broker.mails == []
    again = await call(service, "POST", "/users/import", json={"csv": TABLE})
    assert again["counts"] == {"unchanged": 3, "refused": 6}
    assert ("user.create", "root", "nina", "done") in audit(service)


async def test_import_can_send_mail(service: Service, broker: FakeBroker) -> None:
    text = f"{HEAD}\nnina,nina@example.org,,,,\n"
    broker.mail_down = True
    done = await call(service, "POST", "/users/import", json={"csv": text, "send_mail": True})
    assert done["rows"][0]["action"] == "create"
    assert "no mail could be sent" in done["rows"][0]["message"]


async def test_an_import_that_loses_the_provider_tells_of_the_rest(service: Service, broker: FakeBroker) -> None:
    real = broker.create

    async def create(new: NewAccount, place: tuple[str, Role] | None = None) -> Account:
        if new.username == "second":
            broker.down = True
        return await real(new, place)

    broker.create = create  # type: ignore[method-assign]
    text = "username,email\n" + "".join(f"{n},{n}@example.org\n" for n in ("first", "second", "third"))
    done = await call(service, "POST", "/users/import", json={"csv": text})
    assert len(done["rows"]) == 3
    assert {r["action"] for r in done["rows"]} <= {"create", "refused"}
    assert "not tried to the end" in done["rows"][1]["message"]


async def test_tables_that_cannot_be_read(service: Service) -> None:
    for content, headers, status in (
        (b"\xff\xfe", CSV, 400),
        (b"shoe\n", CSV, 400),
        (b"username\n" + b"".join(b"u%d\n" % i for i in range(2001)), CSV, 413),
        (b"username\n" + b"x" * (1 << 20), CSV, 413),
        (b"username\n", {"Content-Type": "text/csv; charset=latin-1"}, 415),
        (b"username\n", {"Content-Type": "text/plain"}, 415),
    ):
        answer = await service.client("root").post("/users/import", content=content, headers=headers)
        assert answer.status_code == status, (content[:20], answer.text)
    error = (await service.client("root").post("/users/import", json={"csv": "username\n" + "u\n" * 3000})).json()
    assert "2000" in error["error"]["message"]


OPERATIONS: list[tuple[str, str, Any]] = [
    ("GET", "/users", None),
    ("POST", "/users", NEW),
    ("GET", "/users/export", None),
    ("POST", "/users/import", {"csv": "username\nx\n"}),
    ("GET", "/users/id-bob", None),
    ("PATCH", "/users/id-bob", {"enabled": True}),
    ("DELETE", "/users/id-bob", None),
    ("POST", "/users/id-bob/password", None),
    ("POST", "/users/id-bob/mail", {"actions": ["VERIFY_EMAIL"]}),
    ("PUT", "/users/id-bob/groups", {"groups": []}),
]


async def every(service: Service, who: str = "root") -> list[httpx.Response]:
    found = []
    for method, path, body in OPERATIONS:
        more = {} if body is None else {"json": body}
        found.append(await service.client(who).request(method, path, **more))
    return found


async def test_group_admins_administer_no_users(service: Service, broker: FakeBroker) -> None:
    assert [a.status_code for a in await every(service, "ada")] == [403] * len(OPERATIONS)
    assert broker.changes == 0


async def test_who_tried_in_vain_is_written_down(service: Service, broker: FakeBroker) -> None:
    await every(service, "ada")
    await service.context.refused.settle()
    lines = set(audit(service))
    assert {("user.list", "ada", "", "refused"), ("user.password", "ada", "id-bob", "refused")} <= lines
    assert {outcome for *_, outcome in lines} == {"refused"}
    assert len(lines) == len(OPERATIONS)
    # Of her next ones only the number is told, and not before there is room for a line again.
    await every(service, "ada")
    await service.context.refused.settle()
    assert set(audit(service)) == lines


async def test_one_line_for_one_attempt(service: Service, broker: FakeBroker) -> None:
    root = service.client("root")
    assert (await root.post("/users", json={**NEW, "groups": [{"group": "biology"}]})).status_code == 409
    assert (await root.delete("/users/nobody")).status_code == 404
    assert (await root.delete("/users/id-root")).status_code == 403
    # What was only mistyped, only looked for, or failed here, is not an attempt.
    assert (await root.post("/users", json={"shoe": 1})).status_code == 400
    assert (await root.get("/users/nobody")).status_code == 404
    broker.down = True
    assert (await root.patch("/users/id-bob", json={"enabled": False})).status_code == 503
    assert (await service.client(None).get("/users")).status_code == 401
    await service.context.refused.settle()
    assert audit(service) == [
        ("user.create", "root", NEW["username"], "refused"),
        ("user.delete", "root", "nobody", "refused"),
        ("user.delete", "root", "root", "refused"),
    ]
    with service.database.read() as uow:
        assert "biology" in uow.audit.page(3)[2].reason


async def test_without_the_account_everything_says_what_is_missing(seeded: Database, hub: FakeHub) -> None:
    async with running_service(seeded, hub) as service:
        for answer in await every(service):
            error = answer.json()["error"]
            assert (answer.status_code, error["details"]["missing"]) == (409, "COLLEGIUM_KEYCLOAK"), answer.text
            assert "docs/keycloak.md" in error["message"]


async def test_with_keycloak_but_without_the_account(seeded: Database, hub: FakeHub, tmp_path: Any) -> None:
    client = {"client_id": "collegium", "client_secret_file": str(tmp_path / "none")}
    keycloak = KeycloakSettings.from_mapping({"issuer": ISSUER, "login": client})
    async with running_service(seeded, hub, options=ControlOptions(keycloak=keycloak), control=False) as service:
        for answer in await every(service):
            error = answer.json()["error"]
            assert (answer.status_code, error["details"]["missing"]) == (409, "keycloak.accounts"), answer.text
            assert "client_secret_file" in error["message"]


async def test_while_the_provider_is_silent(service: Service, broker: FakeBroker) -> None:
    broker.down = True
    assert [a.status_code for a in await every(service)] == [503] * len(OPERATIONS)
    broker.down = False
    with service.database.write() as uow:
        uow.providers.say(ISSUER, ProviderState.UNAVAILABLE, "no answer", now())
    statuses = [a.status_code for a in await every(service)]
    assert statuses == [200, 503, 200, 503, 200, 503, 503, 503, 503, 503]
    assert broker.changes == 0
