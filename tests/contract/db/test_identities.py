"""Accounts of a provider, its groups and state, revocations, audit and invitations: what the rows promise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from collegium.db import Database
from collegium.db.accounts import User
from collegium.domain.audit import AuditEntry, Outcome
from collegium.domain.groups import Group, ManagedBy, Role
from collegium.domain.identity import (
    GroupBinding,
    ProviderState,
    Revocation,
    RevocationReason,
    Standing,
    UserIdentity,
)
from collegium.domain.invitations import Invitation, InvitationState, hash_token, new_token
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger
from collegium.settings import Settings

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ISSUER = "https://login.example.org/realms/lab"


def ann(**more: object) -> UserIdentity:
    return replace(UserIdentity("ann", ISSUER, "s-ann", checked_at=NOW), **more)  # type: ignore[arg-type]


def test_an_account_is_found_by_subject_and_by_name(database: Database) -> None:
    with database.write() as uow:
        uow.identities.put(ann(email="ann@example.org", seen_at=NOW))
        uow.identities.put(ann(standing=Standing.DISABLED))
    with database.read() as uow:
        found = uow.identities.of_subject(ISSUER, "s-ann")
        assert found == uow.identities.of_user("ann") == ann(standing=Standing.DISABLED, seen_at=NOW)
        assert uow.identities.of_subject("https://other", "s-ann") is None


def test_a_subject_has_one_name(database: Database) -> None:
    with pytest.raises(sa.exc.IntegrityError), database.write() as uow:
        uow.identities.put(ann())
        uow.identities.put(ann(user="bob"))


def test_who_is_about_is_noted_to_the_minute(database: Database) -> None:
    with database.write() as uow:
        uow.identities.put(ann())
        assert uow.identities.see("ann", NOW)
        assert not uow.identities.see("ann", NOW + timedelta(seconds=59))
        assert uow.identities.see("ann", NOW + timedelta(seconds=61))
        assert not uow.identities.see("nobody", NOW)


def test_watched_are_those_about_or_with_work(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        for name, seen in (("ann", NOW), ("bob", NOW - timedelta(hours=1)), ("cem", None), ("mia", NOW)):
            uow.identities.put(UserIdentity(name, ISSUER, f"s-{name}", seen_at=seen))
        uow.identities.put(UserIdentity("mia", ISSUER, "s-mia", standing=Standing.DELETED))
        Ledger().reserve(uow, Claim("physics", "cem", WorkloadKind.SERVER, "cem/physics", Resources({"cpu": 1})))
        watched = [i.user for i in uow.identities.watched(ISSUER, NOW - timedelta(minutes=15))]
    assert watched == ["ann", "cem"]


def test_many_are_confirmed_at_once(database: Database) -> None:
    names = [f"u{n}" for n in range(1201)]
    with database.write() as uow:
        for name in names:
            uow.identities.put(UserIdentity(name, ISSUER, name))
        uow.identities.check(names, NOW)
        assert {i.checked_at for i in uow.identities.all(ISSUER)} == {NOW}


def test_the_provider_is_one_and_its_trouble_keeps_its_beginning(database: Database) -> None:
    later = NOW + timedelta(minutes=5)
    with database.write() as uow:
        assert uow.providers.current() is None
        uow.providers.begin(ISSUER, NOW)
        assert not uow.providers.say(ISSUER, ProviderState.OK, "", NOW)
        assert uow.providers.say(ISSUER, ProviderState.UNAVAILABLE, "no answer", NOW)
        assert not uow.providers.say(ISSUER, ProviderState.UNAVAILABLE, "no answer", later)
        assert uow.providers.say(ISSUER, ProviderState.MISCONFIGURED, "no groups claim", later)
        status = uow.providers.current()
        assert status is not None
        assert (status.state, status.since, status.ok) == (ProviderState.MISCONFIGURED, NOW, False)
        uow.providers.walked(ISSUER, {"groups": 3}, later)
        assert uow.providers.say(ISSUER, ProviderState.OK, "", later)
        status = uow.providers.current()
        assert status is not None
        assert (status.ok, status.since, status.synced_at, status.report) == (True, later, later, {"groups": 3})
        uow.providers.begin("https://elsewhere/realms/x", later)
        current = uow.providers.current()
        assert current is not None
        assert current.issuer == "https://elsewhere/realms/x"
        uow.providers.begin("", later)
        assert uow.providers.current() is None


def test_bindings_keep_roles_and_their_end(database: Database) -> None:
    binding = GroupBinding("physics", ISSUER, "/physics", "id-1", roles={"ann": Role.ADMIN})
    with database.write() as uow:
        uow.group_bindings.put(binding)
        uow.group_bindings.put(replace(binding, gone_at=NOW))
        assert uow.group_bindings.all() == [replace(binding, gone_at=NOW)]
        uow.group_bindings.delete("physics")
        assert uow.group_bindings.of_group("physics") is None


def test_one_open_revocation_per_person_and_group(database: Database) -> None:
    first = Revocation("r1", "physics", "ann", RevocationReason.REMOVED, NOW, NOW, ({"kind": "server", "id": "x"},))
    with database.write() as uow:
        uow.revocations.insert(first)
        uow.revocations.change(replace(first, ended_at=NOW, outcome="stopped"))
        uow.revocations.insert(replace(first, id="r2", noticed_at=NOW + timedelta(1)))
        assert [r.id for r in uow.revocations.open()] == ["r2"]
        assert [r.outcome for r in uow.revocations.of_group("physics")] == ["", "stopped"]
    with pytest.raises(sa.exc.IntegrityError), database.write() as uow:
        uow.revocations.insert(replace(first, id="r3"))


def test_the_audit_log_pages_and_finds(database: Database) -> None:
    with database.write() as uow:
        for n in range(7):
            group = "physics" if n % 2 else ""
            uow.audit.append(AuditEntry(NOW + timedelta(n), "ann", "job.cancel", f"job-{n}%", group, Outcome.REFUSED))
    with database.write() as uow:
        page = uow.audit.page(4)
        assert [e.object for e in page] == ["job-6%", "job-5%", "job-4%", "job-3%"]
        assert [e.object for e in uow.audit.page(9, page[-1].sequence)] == ["job-2%", "job-1%", "job-0%"]
        assert [e.object for e in uow.audit.page(9, group="physics")] == ["job-5%", "job-3%", "job-1%"]
        assert [e.object for e in uow.audit.page(9, text="B-3%")] == ["job-3%"]
        assert uow.audit.delete_before(NOW + timedelta(2)) == 2


def test_an_invitation_is_used_as_often_as_it_may_be(database: Database) -> None:
    token = new_token()
    made = Invitation("i1", "physics", Role.MEMBER, hash_token(token), "ann", NOW, NOW + timedelta(1), max_uses=2)
    with database.write() as uow:
        uow.invitations.insert(made)
        found = uow.invitations.of_token(hash_token(token), lock=True)
        assert found == made
        assert uow.invitations.take(made, "s-1", "bob", NOW) == "taken"
        assert uow.invitations.take(made, "s-1", "bob", NOW) == "taken"
        uow.invitations.finish(made, "s-1")
        assert uow.invitations.take(made, "s-1", "bob", NOW) == "done"
        uow.invitations.take(made, "s-2", "cem", NOW)
        assert [use[1:3] for use in uow.invitations.unfinished()] == [("s-2", "cem")]
        full = uow.invitations.get("physics", "i1")
        assert full is not None
        assert (full.uses, full.state(NOW)) == (2, InvitationState.USED_UP)
        uow.invitations.give_back(made, "s-2")
        uow.invitations.give_back(made, "s-1")
        uow.invitations.revoke(made, "ann", NOW)
        uow.invitations.revoke(made, "bob", NOW)
        (left,) = uow.invitations.of_group("physics")
        assert (left.uses, left.revoked_by, left.state(NOW)) == (1, "ann", InvitationState.REVOKED)
        assert uow.invitations.users(made) == ["bob"]
        assert uow.invitations.get("chemistry", "i1") is None


def test_rows_of_the_release_before_are_read(settings: Settings) -> None:
    settings.prepare()
    database = Database(settings.database_url)
    database.upgrade("0001")
    with database.write() as uow:
        uow._connection.execute(
            sa.text(
                "INSERT INTO groups (name, display_name, description, contact, limits, member_limits, managed_by)"
                " VALUES ('physics', 'Physics', '', '', '{}', '{}', 'file')"
            )
        )
    database.upgrade()
    with database.write() as uow:
        (group,) = uow.groups.all()
        assert (group.name, group.invitations) == ("physics", False)
        uow.users.put(User("ann", managed_by=ManagedBy.IDP))
        assert uow.providers.current() is None
    database.close()
