"""``collegium identity``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from collegium.cli.__main__ import main
from collegium.db import Database
from collegium.db.accounts import User
from collegium.domain.groups import Group, ManagedBy, Membership, Role
from collegium.domain.identity import GroupBinding, ProviderState, UserIdentity
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger
from collegium.settings import STATE_VARIABLE

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
ISSUER = "https://kc.example/realms/lab"


@pytest.fixture
def database(sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.setenv(STATE_VARIABLE, str(tmp_path / "state"))
    monkeypatch.delenv("COLLEGIUM_DATABASE_URL", raising=False)
    return sqlite_database


def run(*arguments: str, status: int = 0, answer: str = "") -> str:
    result = CliRunner().invoke(main, ["identity", *arguments], input=answer)
    assert result.exit_code == status, result.output
    return result.output


def test_status(database: Database) -> None:
    assert run("status") == "No identity provider is in use.\n"
    with database.write() as uow:
        uow.providers.begin(ISSUER, NOW)
        uow.providers.walked(ISSUER, {"groups": 3, "people": 2, "refused": ["/a would be b"]}, NOW)
        uow.providers.say(ISSUER, ProviderState.UNAVAILABLE, "no answer", NOW)
        uow.group_bindings.put(GroupBinding("physics", ISSUER, "/physics", "id-1", NOW))
        uow.group_bindings.put(GroupBinding("biology", ISSUER, "/biology"))
    shown = run("status")
    for part in ("unavailable since 2027-01-01 12:00:00", "no answer", "groups 3, people 2", "refused: /a would be b"):
        assert part in shown
    assert "physics\t/physics\tid-1  (deleted in Keycloak 2027-01-01)" in shown
    assert "biology\t/biology\tid not known yet" in shown


def test_rebind(database: Database) -> None:
    assert "stands for no group" in run("rebind", "physics", status=1)
    with database.write() as uow:
        uow.group_bindings.put(GroupBinding("physics", ISSUER, "/physics", "id-1", NOW))
    assert "physics is /physics again" in run("rebind", "physics")
    with database.read() as uow:
        assert uow.group_bindings.of_group("physics") == GroupBinding("physics", ISSUER, "/physics")
        (entry,) = uow.audit.page(10)
        assert (entry.action, entry.group) == ("group.rebind", "physics") and "command line" in entry.actor


def test_release(database: Database) -> None:
    assert "is no account" in run("release", "mia", "--yes", status=1)
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        uow.users.put(User("mia", managed_by=ManagedBy.IDP))
        uow.identities.put(UserIdentity("mia", ISSUER, "s"))
        uow.memberships.put(Membership("physics", "mia", Role.MEMBER))
        Ledger().reserve(uow, Claim("physics", "mia", WorkloadKind.SERVER, "mia/physics", Resources()))
    assert "mia/physics" in run("release", "mia", "--yes", status=1)
    with database.write() as uow:
        Ledger().release(uow, WorkloadKind.SERVER, "mia/physics")
    run("release", "mia", status=1, answer="n\n")
    assert "is free" in run("release", "mia", answer="y\n")
    with database.read() as uow:
        assert (uow.identities.of_user("mia"), uow.users.get("mia"), uow.memberships.of_user("mia")) == (None, None, {})
        assert uow.audit.page(1)[0].details == {"issuer": ISSUER, "subject": "s"}
