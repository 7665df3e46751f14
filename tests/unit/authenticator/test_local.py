from __future__ import annotations

import dataclasses
import logging
from types import SimpleNamespace

import argon2
import pytest
from tornado import web

from collegium import passwords as hashes
from collegium.authenticator import passwords
from collegium.authenticator.local import LocalGroupsAuthenticator
from collegium.db import Database
from collegium.domain.errors import Unavailable
from collegium.domain.groups import Role

HANDLER = SimpleNamespace(request=SimpleNamespace(remote_ip="10.0.0.1"))


@pytest.fixture
def authenticator(demo_database: Database, monkeypatch) -> LocalGroupsAuthenticator:
    monkeypatch.setattr(hashes, "_hasher", argon2.PasswordHasher(1, 8, 1))
    hashes._stand_in.cache_clear()
    monkeypatch.setattr("collegium.authenticator.local.shared_database", lambda: demo_database)
    passwords.set_password(demo_database, "ann", "correct horse")
    passwords.set_password(demo_database, "admin", "battery staple")
    return LocalGroupsAuthenticator(max_failures=3)


async def login(authenticator: LocalGroupsAuthenticator, username: str, password: str):
    return await authenticator.get_authenticated_user(HANDLER, {"username": username, "password": password})


def test_secure_defaults(authenticator: LocalGroupsAuthenticator) -> None:
    a = authenticator
    assert (a.manage_groups, a.allow_all, a.refresh_pre_spawn, a.auth_refresh_strict) == (True,) * 4
    assert 0 < a.auth_refresh_age <= 60


async def test_login_brings_groups_and_says_of_admin_yes_or_no(authenticator: LocalGroupsAuthenticator) -> None:
    ann = await login(authenticator, "ann", "correct horse")
    assert (ann["name"], ann["admin"], ann["groups"]) == ("ann", False, ["chemistry", "physics"])
    admin = await login(authenticator, "admin", "battery staple")
    assert (admin["admin"], admin["groups"]) == (True, [])


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ann", "wrong"),
        ("ann", ""),
        ("", ""),
        ("nobody", "correct horse"),
        ("bob", ""),  # has no password
        ("ann\0", "correct horse"),
        ("../ann", "correct horse"),
        ("ann/physics", "correct horse"),
        ("a" * 500, "x"),
        ("' OR 1=1 --", "x"),
    ],
)
async def test_refused(authenticator: LocalGroupsAuthenticator, username: str, password: str) -> None:
    assert await login(authenticator, username, password) is None


async def test_missing_fields_are_a_failed_login(authenticator: LocalGroupsAuthenticator) -> None:
    assert await authenticator.authenticate(HANDLER, {}) is None


async def test_names_are_normalised(authenticator: LocalGroupsAuthenticator) -> None:
    assert (await login(authenticator, "ANN", "correct horse"))["name"] == "ann"


async def test_too_many_failures_pause_with_a_clear_message_even_for_the_right_password(
    authenticator: LocalGroupsAuthenticator,
) -> None:
    for _ in range(3):
        assert await login(authenticator, "ann", "wrong") is None
    with pytest.raises(web.HTTPError) as caught:
        await login(authenticator, "ann", "correct horse")
    assert caught.value.status_code == 429
    assert "Try again in 5 minutes" in str(caught.value.log_message)
    assert await login(authenticator, "admin", "battery staple")


async def test_passwords_reach_no_log(authenticator: LocalGroupsAuthenticator, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    authenticator.log = logging.getLogger("test")
    for _ in range(3):
        await login(authenticator, "ann", "s3cr3t-guess")
    with pytest.raises(web.HTTPError):
        await login(authenticator, "ann", "s3cr3t-guess")
    assert "s3cr3t" not in caplog.text


async def test_refresh_follows_the_database(authenticator: LocalGroupsAuthenticator, demo_database: Database) -> None:
    ann = SimpleNamespace(name="ann")
    assert (await authenticator.refresh_user(ann))["groups"] == ["chemistry", "physics"]
    with demo_database.write() as uow:
        uow.memberships.replace_for_user("ann", {"biology": Role.MEMBER})
        uow.users.put(dataclasses.replace(uow.users.get("ann"), platform_admin=True))
    fresh = await authenticator.refresh_user(ann)
    assert (fresh["groups"], fresh["admin"]) == (["biology"], True)
    with demo_database.write() as uow:
        uow.memberships.replace_for_user("ann", {})
        uow.users.put(dataclasses.replace(uow.users.get("ann"), platform_admin=False))
    fresh = await authenticator.refresh_user(ann)
    assert (fresh["groups"], fresh["admin"]) == ([], False)


async def test_a_user_who_is_gone_is_refused_at_refresh(
    authenticator: LocalGroupsAuthenticator, demo_database: Database
) -> None:
    with demo_database.write() as uow:
        uow.users.delete("ann")
    assert await authenticator.refresh_user(SimpleNamespace(name="ann")) is False


async def test_an_outdated_hash_is_renewed_at_login(
    authenticator: LocalGroupsAuthenticator, demo_database: Database, monkeypatch
) -> None:
    monkeypatch.setattr(hashes, "_hasher", argon2.PasswordHasher(2, 8, 1))
    assert await login(authenticator, "ann", "correct horse")
    with demo_database.read() as uow:
        assert "t=2" in uow.users.get("ann").password_hash
    assert await login(authenticator, "ann", "correct horse")


async def test_a_database_that_does_not_answer_is_503_and_not_a_login(
    authenticator: LocalGroupsAuthenticator, monkeypatch
) -> None:
    async def broken(_look):
        raise Unavailable("The database does not answer now.")

    monkeypatch.setattr("collegium.authenticator.local.shared_database", lambda: SimpleNamespace(reading=broken))
    with pytest.raises(web.HTTPError) as caught:
        await authenticator.refresh_user(SimpleNamespace(name="ann"))
    assert caught.value.status_code == 503


def test_the_table_is_printed_once_when_the_hub_starts(authenticator: LocalGroupsAuthenticator, capsys) -> None:
    app = SimpleNamespace(bind_url="http://127.0.0.1:8000")
    authenticator.get_handlers(app)
    printed = capsys.readouterr().err
    assert "First passwords" in printed
    assert " bob " in printed
    assert " ann " not in printed
    authenticator.get_handlers(app)
    assert capsys.readouterr().err == ""


def test_first_passwords_from_files_and_none_printed(
    authenticator: LocalGroupsAuthenticator, demo_database: Database, tmp_path, capsys, caplog
) -> None:
    (tmp_path / "bob").write_text("given to bob")
    (tmp_path / "nobody").write_text("given to nobody")
    authenticator.first_passwords = str(tmp_path)
    authenticator.log = logging.getLogger("test-first-passwords")
    with caplog.at_level(logging.INFO, "test-first-passwords"):
        authenticator.on_hub_start(SimpleNamespace(bind_url="http://x"))
    assert capsys.readouterr() == ("", "")
    text = "\n".join(caplog.messages)
    assert "bob may now log in" in text and "unknown users" in text and "nobody" in text
    assert "given to" not in text
    with demo_database.read() as uow:
        having = {u.name for u in uow.users.all() if u.password_hash}
    assert having == {"ann", "admin", "bob"}
