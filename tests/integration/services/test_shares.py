"""Share links: whom they open something for, and that whoever they open nothing for learns no more than that."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import argon2
import httpx
import pytest

from collegium import passwords
from collegium.cipher import Cipher
from collegium.db import Database
from collegium.domain.files import Root
from collegium.domain.groups import Role
from collegium.domain.shares import FileBounds, ShareLinks
from collegium.services.controller.options import ControlOptions
from collegium.services.shares.tokens import SKEW, make_token, read_token
from integration.services.harness import PREFIX, Clock, FakeHub, Service, running_service

F = "/groups/physics/files"
PAGE = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashing in a millisecond; the parameters are argon2-cffi's own otherwise."""
    monkeypatch.setattr(passwords, "_hasher", argon2.PasswordHasher(1, 8, 1))
    passwords._stand_in.cache_clear()


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
async def shared(service: Service) -> Service:
    """With a folder of files."""
    for path, data in (("set/a & b.txt", b"0123456789"), ("set/in/<b>.csv", b"x,y"), ("other.txt", b"secret")):
        await service.context.store.write(Root("physics"), path, pieces(data), replace=True)
    return service


async def allow(service: Service, links: str | None) -> None:
    answer = await service.client("ada").patch("/groups/physics/settings", json={"share_links": links})
    assert answer.status_code == 200, answer.text


async def share(service: Service, path: str = "set", user: str = "mia", **more: Any) -> dict[str, Any]:
    answer = await service.client(user).post(f"{F}/shares", json={"path": path, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def listed(service: Service) -> list[dict[str, Any]]:
    return list((await service.client().get(f"{F}/shares")).json()["items"])


async def visit(url: str, who: str | None = None, **more: Any) -> httpx.Response:
    """As a browser that knows nothing yet."""
    headers = {**PAGE, **({"Authorization": f"token {who}"} if who else {}), **more.pop("headers", {})}
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url, headers=headers, **more)


def plain(answer: httpx.Response) -> tuple[int, str, dict[str, str]]:
    """What a visitor sees, without what differs from request to request."""
    token = re.sub(r"cshr_[^/\"]*|not-a-token[^/\"]*", "TOKEN", answer.text)
    skipped = ("date", "x-request-id", "content-length")
    return answer.status_code, token, {k: v for k, v in answer.headers.items() if k not in skipped}


async def test_members_only_by_default(shared: Service) -> None:
    made = await share(shared, note=" for the paper ")
    url = made["url"]
    assert url.startswith(f"{shared.url}{PREFIX}share/cshr_")
    assert (made["kind"], made["public"], made["has_password"], made["note"]) == (
        "folder",
        False,
        False,
        "for the paper",
    )
    page = await visit(url, "vic")
    assert page.status_code == 200
    assert "a &amp; b.txt" in page.text
    assert "<script" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert (page.headers["cache-control"], page.headers["referrer-policy"]) == ("no-store", "no-referrer")
    inside = await visit(url, "vic", params={"path": "in"})
    assert "&lt;b&gt;.csv" in inside.text
    file = await visit(f"{url}/content", "vic", params={"path": "a & b.txt"}, headers={"Range": "bytes=2-4"})
    assert (file.status_code, file.content, file.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert file.headers["content-disposition"] == "attachment; filename*=UTF-8''a%20%26%20b.txt"
    assert file.headers["content-type"] == "application/octet-stream"
    for who in (None, "nobody", "zoe", "expired"):
        assert (await visit(url, who)).status_code == 404, who
    # Nothing beside what was shared, whatever the path.
    for path, wanted in (("../other.txt", 400), ("other.txt", 404), (".datasets/x", 404), ("a & b.txt/x", 409)):
        answer = await visit(f"{url}/content", "mia", params={"path": path})
        assert answer.status_code in (wanted, 404), (path, answer.text)
    one = await share(shared, "set/a & b.txt")
    page = await visit(one["url"], "mia")
    assert "10 bytes" in page.text
    assert (await visit(f"{one['url']}/content", "mia")).content == b"0123456789"
    assert (await visit(f"{one['url']}/content", "mia", params={"path": "x"})).status_code == 404
    # The page twice, and no part of a file.
    assert {s["id"]: s["opened"] for s in await listed(shared)} == {made["id"]: 2, one["id"]: 2}
    assert all("url" not in s for s in await listed(shared))


async def test_what_groups_and_the_platform_allow(shared: Service) -> None:
    assert (await shared.client().post(f"{F}/shares", json={"path": "set", "public": True})).status_code == 409
    await allow(shared, "login")
    of_login = (await share(shared))["url"]
    assert [(await visit(of_login, who)).status_code for who in ("nobody", "vic", None)] == [200, 200, 404]
    await allow(shared, "public")
    closed, public = (await share(shared))["url"], (await share(shared, public=True))["url"]
    assert [(await visit(public, who)).status_code for who in (None, "nobody", "expired")] == [200, 200, 200]
    assert [(await visit(closed, who)).status_code for who in (None, "nobody")] == [404, 200]
    # Less is allowed from now on: of links that are there, too.
    await allow(shared, None)
    assert [(await visit(public, who)).status_code for who in (None, "nobody", "vic")] == [404, 404, 200]
    await allow(shared, "off")
    assert [(await visit(public, who)).status_code for who in (None, "vic", "ada")] == [404, 404, 404]
    assert (await shared.client().post(f"{F}/shares", json={"path": "set"})).status_code == 409
    assert {s["problem"] for s in await listed(shared)} == {"The group's settings allow no share links."}
    settings = (await shared.client().get("/groups/physics/settings")).json()
    assert settings["share_links"] == {"own": "off", "holds": "off", "most": "public"}


async def test_a_platform_that_allows_less(seeded: Database, hub: FakeHub) -> None:
    options = ControlOptions(files=FileBounds(ShareLinks.PUBLIC, ShareLinks.MEMBERS, 30, 60))
    async with running_service(seeded, hub, options=options) as service:
        settings = (await service.client().get("/groups/physics/settings")).json()
        assert settings["share_links"] == {"own": None, "holds": "members", "most": "members"}
        assert settings["trash_days"] == {"own": None, "holds": 30, "most": 60}
        for asked in ({"share_links": "login"}, {"trash_days": 61}):
            refused = await service.client("ada").patch("/groups/physics/settings", json=asked)
            assert refused.status_code == 400
            assert "platform" in refused.json()["error"]["message"]
        assert (await service.client("mia").patch("/groups/physics/settings", json={})).status_code == 403


async def test_all_refusals_are_alike(seeded: Database, hub: FakeHub, clock: Clock) -> None:
    async with running_service(seeded, hub, clock=clock) as service:
        await service.context.store.write(Root("physics"), "set/a", pieces(b"a"), replace=True)
        await allow(service, "public")
        made = {name: (await share(service, "set/a", public=True)) for name in ("revoked", "over", "gone", "sharer")}
        members = await share(service, "set/a")
        await service.client().delete(f"{F}/shares/{made['revoked']['id']}")
        forged = made["gone"]["url"][:-1] + ("A" if made["gone"]["url"][-1] != "A" else "B")
        ours, _ = make_token(service.context.cipher, "shr-" + "0" * 26, clock() + timedelta(days=1))
        foreign, _ = make_token(Cipher.generate(), made["gone"]["id"], clock() + timedelta(days=1))
        base = made["gone"]["url"].rpartition("/")[0]
        # Another link's secret with this one's signature.
        parts, others = made["gone"]["url"].split("."), members["url"].split(".")
        urls = [made["revoked"]["url"], forged, f"{base}/{ours}", f"{base}/{foreign}", members["url"], f"{base}/cshr_x"]
        urls += [".".join([*parts[:2], others[2], parts[3]]), f"{base}/not-a-token%00", f"{base}/not-a-token%C3%A9"]
        seen = {str(plain(await visit(url))) for url in urls}
        assert len(seen) == 1, seen
        assert "404" in next(iter(seen))
        contents = {(await visit(f"{url}/content")).status_code for url in urls}
        assert contents == {404}
        posts = set()
        async with httpx.AsyncClient(trust_env=False) as client:
            for url in urls:
                answer = await client.post(url, data={"password": "x", "ticket": ""}, headers=PAGE)
                posts.add(str(plain(answer)))
        assert posts == seen
        # What is gone, or whose sharer is no member any more, looks the same; what comes back does, too.
        await service.context.store.move(Root("physics"), "set/a", Root("physics"), "set/b")
        assert str(plain(await visit(made["gone"]["url"]))) in seen
        await service.context.store.move(Root("physics"), "set/b", Root("physics"), "set/a")
        assert (await visit(made["sharer"]["url"])).status_code == 200
        with service.database.write() as uow:
            uow.memberships.replace_for_user("mia", {"physics": Role.VIEWER})
        assert str(plain(await visit(made["sharer"]["url"]))) in seen
        with service.database.write() as uow:
            uow.memberships.replace_for_user("mia", {"physics": Role.MEMBER})
        # Clocks differ: a minute after its end, and not a second more.
        clock.forward(timedelta(days=7).total_seconds() + SKEW.total_seconds() - 5)
        assert (await visit(made["over"]["url"])).status_code == 200
        clock.forward(5)
        assert str(plain(await visit(made["over"]["url"]))) in seen


async def test_forged_and_old_links_ask_no_database(shared: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    await allow(shared, "public")
    made = await share(shared, public=True)
    foreign, _ = make_token(Cipher.generate(), made["id"], Clock()() + timedelta(days=1))

    async def refuses(*_: object) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(shared.context.database, "reading", refuses)
    base = made["url"].rpartition("/")[0]
    assert (await visit(f"{base}/{foreign}")).status_code == 404
    assert (await visit(made["url"])).status_code == 500


async def test_passwords(shared: Service, clock: Clock) -> None:
    await allow(shared, "public")
    refused = await shared.client().post(f"{F}/shares", json={"path": "set", "password": "short"})
    assert refused.status_code == 400
    assert "short" not in refused.text.replace("string_too_short", "")
    made = await share(shared, "other.txt", public=True, password="correct horse")
    url = made["url"]
    with shared.database.read() as uow:
        row = uow.shares.get(made["id"])
    assert row is not None
    assert row.password_hash.startswith("$argon2id$")
    assert url.rpartition(".")[0].rpartition(".")[2] not in repr(row)
    async with httpx.AsyncClient(trust_env=False, headers=PAGE) as client:
        page = await client.get(url)
        assert 'type="password"' in page.text
        assert "other.txt" not in page.text
        assert "secret" not in (await client.get(f"{url}/content")).text
        wrong = await client.post(url, data={"password": "wrong horse"})
        assert (wrong.status_code, "not the password" in wrong.text) == (403, True)
        right = await client.post(url, data={"password": "correct horse"})
        assert right.status_code == 303
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "correct" not in cookie
        assert (await client.get(url)).status_code == 200
        assert (await client.get(f"{url}/content")).content == b"secret"
        # Another link of the same password is another matter, and so is a password after its time.
        second = await share(shared, "other.txt", public=True, password="correct horse")
        assert 'type="password"' in (await client.get(second["url"])).text
        clock.forward(13 * 3600)
        assert 'type="password"' in (await client.get(url)).text
    # Whoever tries again and again waits, without a look at the password.
    async with httpx.AsyncClient(trust_env=False, headers=PAGE) as client:
        found = [(await client.post(second["url"], data={"password": "x"})).status_code for _ in range(7)]
        assert found == [403] * 5 + [429] * 2
        assert (await client.post(second["url"], data={"password": "correct horse"})).status_code == 429


async def test_a_password_for_members(shared: Service) -> None:
    """The form carries who it was drawn for: a cookie of the hub alone changes nothing here."""
    made = await share(shared, password="correct horse")
    page = await visit(made["url"], "vic")
    ticket = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert ticket is not None
    sent = {"password": "correct horse", "ticket": ticket[1]}
    async with httpx.AsyncClient(trust_env=False, headers=PAGE) as client:
        assert (await client.post(made["url"], data={**sent, "ticket": ""})).status_code == 404
        assert (
            await client.post(made["url"], data={**sent, "ticket": f"{b'mia'.hex()}.{ticket[1][7:]}"})
        ).status_code == 404
        assert (await client.post(made["url"], data=sent)).status_code == 303
        # The password alone is not enough, either.
        assert (await client.get(made["url"])).status_code == 404
        assert (await client.get(made["url"], headers={"Authorization": "token vic"})).status_code == 200


async def test_made_listed_and_revoked(shared: Service) -> None:
    assert (await shared.client().post(f"{F}/shares", json={"path": "nothing"})).status_code == 404
    assert (await shared.client().post(f"{F}/shares", json={"path": ""})).status_code == 400
    assert (await shared.client().post(f"{F}/shares", json={"path": "set", "expires_in_days": 366})).status_code == 400
    assert (await shared.client("vic").post(f"{F}/shares", json={"path": "set"})).status_code == 403
    made = [await share(shared, "set") for _ in range(3)]
    first = (await shared.client().get(f"{F}/shares", params={"limit": 2})).json()
    rest = (await shared.client().get(f"{F}/shares", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [s["id"] for s in [*first["items"], *rest["items"]]] == [s["id"] for s in reversed(made)]
    assert (first["allowed"], first["problem"], rest["next_cursor"]) == ("members", "", None)
    named = f"{F}/shares/{made[0]['id']}"
    assert (await shared.client("max").delete(named)).status_code == 403
    assert (await shared.client("zoe").delete(named.replace("physics", "chemistry"))).status_code == 404
    assert (await visit(made[0]["url"], "mia")).status_code == 200
    revoked = (await shared.client("ada").delete(named)).json()
    assert revoked["revoked_at"] is not None
    assert (await shared.client("mia").delete(named)).json()["revoked_at"] == revoked["revoked_at"]
    assert (await visit(made[0]["url"], "mia")).status_code == 404
    lines = (await shared.client("ada").get("/groups/physics/audit")).json()["items"]
    told = [(line["action"], line["actor"], line["object"]) for line in lines if line["action"].startswith("share.")]
    assert told == [("share.revoke", "ada", made[0]["id"]), *(("share.create", "mia", s["id"]) for s in reversed(made))]
    assert "cshr_" not in str(lines)


def test_tokens() -> None:
    cipher, moment = Cipher.generate(), Clock()()
    token, kept = make_token(cipher, "shr-" + "a" * 26, moment)
    found = read_token(cipher, token, moment)
    assert found is not None
    assert found.token_hash == kept
    assert read_token(cipher, token, moment + SKEW) is None
    # A later end than was signed.
    first, end, *rest = token.split(".")
    assert read_token(cipher, ".".join([first, f"{int(end, 16) + 9:x}", *rest]), moment) is None
    assert len({make_token(cipher, "shr-" + "a" * 26, moment)[0] for _ in range(20)}) == 20


async def test_without_a_key_there_are_no_links(seeded: Database, hub: FakeHub) -> None:
    async with running_service(seeded, hub, cipher=Cipher.without()) as service:
        await service.context.store.write(Root("physics"), "a", pieces(b"a"), replace=True)
        answer = await service.client().post(f"{F}/shares", json={"path": "a"})
        assert answer.status_code == 503
        assert (await service.client().get(f"{F}/shares")).json()["problem"] != ""
