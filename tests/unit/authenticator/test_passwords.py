from __future__ import annotations

import math

import argon2
import pytest

from collegium import passwords as hashes
from collegium.authenticator import passwords
from collegium.authenticator.banner import password_table
from collegium.db import Database
from collegium.domain.errors import InvalidInput, NotFound


@pytest.fixture(autouse=True)
def cheap(monkeypatch) -> None:
    """Hashing in a millisecond; the parameters are argon2-cffi's own otherwise."""
    monkeypatch.setattr(hashes, "_hasher", argon2.PasswordHasher(1, 8, 1))
    hashes._stand_in.cache_clear()


def test_generated_passwords_have_at_least_sixty_bits_and_differ() -> None:
    made = {passwords.generate() for _ in range(200)}
    assert len(made) == 200
    letters = len(next(iter(made)).replace("-", ""))
    assert letters * math.log2(len(passwords.ALPHABET)) >= 60
    assert not set("0o1li") & set(passwords.ALPHABET)


@pytest.mark.parametrize(
    ("stored", "password", "fits"),
    [
        ("secret", "secret", True),
        ("secret", "Secret", False),
        ("secret", "", False),
        ("pässwörd ☃", "pässwörd ☃", True),
        (None, "secret", False),
    ],
)
def test_verify(stored: str | None, password: str, fits: bool) -> None:
    hashed = passwords.hash_password(stored) if stored else None
    assert passwords.verify(hashed, password) is fits


def test_verify_of_a_broken_hash_or_an_endless_password_is_no() -> None:
    assert not passwords.verify("not a hash", "x")
    assert not passwords.verify(passwords.hash_password("x"), "x" * 100_000)


def test_an_unknown_user_costs_the_same_work(monkeypatch) -> None:
    calls = []
    real = hashes._hasher.verify

    class Counting:
        hash = staticmethod(hashes._hasher.hash)

        @staticmethod
        def verify(hashed: str, password: str) -> bool:
            calls.append(hashed)
            return real(hashed, password)

    monkeypatch.setattr(hashes, "_hasher", Counting)
    passwords.verify(None, "guess")
    assert len(calls) == 1
    assert calls[0].startswith("$argon2id$")


def test_too_long_a_password_is_refused_without_being_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        passwords.hash_password("geheim" * 1000)
    assert "geheim" not in caught.value.message


def test_first_run_makes_one_for_everybody_without_and_only_once(demo_database: Database) -> None:
    passwords.set_password(demo_database, "bob", "bobs own")
    made = passwords.first_run(demo_database)
    assert sorted(made) == ["admin", "ann", "cem", "mia", "vic", "zoe"]
    with demo_database.read() as uow:
        users = {u.name: u for u in uow.users.all()}
    assert all(passwords.verify(users[name].password_hash, made[name]) for name in made)
    assert users["admin"].platform_admin
    assert passwords.verify(users["bob"].password_hash, "bobs own")
    assert passwords.first_run(demo_database) == {}


def test_set_password_replaces_only_what_it_meant_to(demo_database: Database) -> None:
    passwords.set_password(demo_database, "ann", "one")
    passwords.set_password(demo_database, "ann", "two", replacing="$argon2id$other")
    with demo_database.read() as uow:
        user = uow.users.get("ann")
    assert user is not None
    assert passwords.verify(user.password_hash, "one")
    with pytest.raises(NotFound):
        passwords.set_password(demo_database, "nobody", "x")


def test_the_table_is_a_box_with_every_password() -> None:
    table = password_table({"ann": "aaaaa-bbbbb-ccccc", "admin": "ddddd-eeeee-fffff"}, {"admin"}, "http://h:8000")
    lines = table.strip().splitlines()
    assert len({len(line) for line in lines}) == 1
    assert "aaaaa-bbbbb-ccccc" in table
    assert "platform admin" in next(line for line in lines if "ddddd" in line)
    assert "http://h:8000" in table


def test_given_first_passwords_are_for_their_users_alone(demo_database: Database) -> None:
    assert passwords.first_run(demo_database, {"ann": "first", "nobody": "x"}) == {"ann": "first"}
    with demo_database.read() as uow:
        assert {u.name for u in uow.users.all() if u.password_hash} == {"ann"}
    # Once: what Ann has set since, stays.
    passwords.set_password(demo_database, "ann", "second")
    assert passwords.first_run(demo_database, {"ann": "first"}) == {}
    with demo_database.read() as uow:
        assert passwords.verify(uow.users.get("ann").password_hash, "second")


def test_first_passwords_from_a_mounted_secret(tmp_path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "ann").write_text("first one\n")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "ann").symlink_to("..data/ann")
    assert passwords.from_folder(tmp_path) == {"ann": "first one"}
    assert passwords.from_folder(tmp_path / "missing") == {}
    (tmp_path / "bob").write_bytes(b"\xffsecret")
    with pytest.raises(InvalidInput) as caught:
        passwords.from_folder(tmp_path)
    assert "secret" not in str(caught.value)
