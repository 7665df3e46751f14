"""Who is watched, who has lost a right, and that two who decide about one person take turns; on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

from collegium.db import Database
from collegium.db.accounts import Member, User
from collegium.domain.groups import Group, Membership, Role
from collegium.domain.identity import Claims, Standing, UserIdentity
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import Resources
from collegium.identity.accept import accept, dismiss
from collegium.identity.settings import KeycloakSettings
from collegium.quota.ledger import Claim, Ledger
from collegium.quota.servers import server_workload

NOW = datetime(2027, 1, 1, tzinfo=UTC)
ISSUER = "https://kc.example/realms/lab"
RULES = KeycloakSettings.from_mapping(
    {"issuer": ISSUER, "login": {"client_id": "c", "client_secret_file": "/nowhere"}, "sync": None}
)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_suspects(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        roles = {"ann": Role.ADMIN, "mem": Role.MEMBER, "vic": Role.VIEWER, "dis": Role.MEMBER, "kim": Role.MEMBER}
        for name, role in roles.items():
            uow.memberships.put(Membership("physics", name, role))
        for name in [*roles, "out"]:
            for server in ("", "two"):
                key = server_workload(name, server)
                Ledger().reserve(uow, Claim("physics", name, WorkloadKind.SERVER, key, Resources()))
        Ledger().reserve(uow, Claim("physics", "deployer", WorkloadKind.DEPLOYMENT, "d-1", Resources()))
        uow.identities.put(UserIdentity("dis", ISSUER, "1", standing=Standing.DISABLED))
        uow.identities.put(UserIdentity("kim", ISSUER, "2"))
    with database.read() as uow:
        assert uow.revocations.suspects() == [
            ("physics", "dis", Role.MEMBER, Standing.DISABLED),
            ("physics", "out", None, Standing.ACTIVE),
            ("physics", "vic", Role.VIEWER, Standing.ACTIVE),
        ]


def test_people_of_a_group(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        for name in ("ann", "bob", "cem"):
            uow.memberships.put(Membership("physics", name, Role.MEMBER))
        uow.users.put(User("bob", "Bob"))
        uow.identities.put(UserIdentity("bob", ISSUER, "1", standing=Standing.DELETED))
    with database.read() as uow:
        assert uow.memberships.people("physics", "", 2) == [
            Member("ann", "", Role.MEMBER),
            Member("bob", "Bob", Role.MEMBER, Standing.DELETED),
        ]
        assert [p.name for p in uow.memberships.people("physics", "bob", 2)] == ["cem"]


def test_a_check_never_goes_back(database: Database) -> None:
    with database.write() as uow:
        for number, moment in enumerate([None, at(1), at(9)]):
            uow.identities.put(UserIdentity(f"u{number}", ISSUER, str(number), checked_at=moment))
        uow.identities.check(["u0", "u1", "u2", "nobody"], at(5))
    with database.write() as uow:
        found = uow.identities.locked(["u2", "u0", "u1"])
    assert [(i.user, i.checked_at) for i in found] == [("u0", at(5)), ("u1", at(5)), ("u2", at(9))]


def test_dismissed_again_is_confirmed(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        claims = Claims("s", "mia", frozenset({"/physics"}))
        accept(uow, RULES, claims, at(0))
        assert dismiss(uow, "mia", Standing.DISABLED, at(5), "test")
        assert not dismiss(uow, "mia", Standing.DISABLED, at(9), "test")
        # Asked before the second of these, heard after it.
        accept(uow, RULES, claims, at(7))
        assert not dismiss(uow, "mia", Standing.DELETED, at(8), "test")
        identity = uow.identities.of_user("mia")
    assert identity is not None and (identity.standing, identity.checked_at) == (Standing.DISABLED, at(9))


def test_two_who_decide_about_one_person_take_turns(database: Database) -> None:
    """A refresh in the hub and the sync in the controller, in the same moment, many times over."""
    with database.write() as uow:
        for name in ("physics", "chemistry"):
            uow.groups.put(Group(name, name))
        accept(uow, RULES, Claims("s", "mia", frozenset({"/physics", "/chemistry"})), at(0))
    errors: list[BaseException] = []

    def tell(start: threading.Barrier, paths: frozenset[str], moment: datetime) -> None:
        try:
            start.wait(30)
            with database.write() as uow:
                accept(uow, RULES, Claims("s", "mia", paths), moment)
        except BaseException as error:
            errors.append(error)

    for turn in range(1, 16):
        start = threading.Barrier(3)
        words: list[tuple[Any, ...]] = [
            (start, frozenset({"/physics"}), at(10 * turn)),
            (start, frozenset({"/chemistry"}), at(10 * turn + 1)),
            (start, frozenset[str](), at(10 * turn + 2)),
        ]
        threads = [threading.Thread(target=tell, args=w) for w in words]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        with database.read() as uow:
            assert uow.memberships.of_user("mia") == {}
