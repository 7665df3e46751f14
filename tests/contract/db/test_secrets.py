"""Rows of secrets, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

from collegium.db import Database
from collegium.domain.groups import Group
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.names import new_id
from collegium.domain.resources import Resources
from collegium.domain.secrets import Secret

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def secret(name: str, group: str = "physics") -> Secret:
    return Secret(group, name, "What for", "ann", MOMENT, "bob", MOMENT)


def job(**asked: dict[str, str]) -> Job:
    spec = JobSpec("train", "small", "base", command='echo "secrets": {}', **asked)  # type: ignore[arg-type]
    state = (JobState.PENDING, JobReason.SUBMITTED, "", MOMENT)
    return Job(new_id("job"), "physics", "ann", spec, Resources(), {}, *state)


def test_kept_replaced_and_removed(database: Database) -> None:
    with database.write() as uow:
        uow.secrets.put(secret("b"), "sealed-b")
        uow.secrets.put(secret("a"), "sealed-a")
        uow.secrets.put(secret("a", "chemistry"), "sealed-c")
        uow.secrets.put(secret("a"), None)
    with database.read() as uow:
        assert uow.secrets.all("physics") == [secret("a"), secret("b")]
        assert uow.secrets.usable("physics", ["a", "nosuch"]) == {"a": (secret("a"), "sealed-a")}
        assert (uow.secrets.count("physics"), set(uow.secrets.known("physics", ["b", "c"]))) == (2, {"b"})
        first = uow.secrets.every(limit=2)
        assert [s for _, s in first] == ["sealed-c", "sealed-a"]
        assert uow.secrets.every(("physics", "a")) == [(secret("b"), "sealed-b")]
    with database.write() as uow:
        # Somebody set another value meanwhile: the seal on the old one is not put back.
        uow.secrets.renew(secret("a"), "sealed-before", "sealed-anew")
        uow.secrets.renew(secret("b"), "sealed-b", "sealed-anew")
        assert [s for _, s in uow.secrets.every(("physics", ""))] == ["sealed-a", "sealed-anew"]
        uow.secrets.delete(secret("a"))
        assert (uow.secrets.get("physics", "a"), uow.secrets.get("chemistry", "a")) == (None, secret("a", "chemistry"))


def test_who_wants_it(database: Database) -> None:
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
        wanting = uow.jobs.insert(job(secrets={"ONE": "a", "TWO": "a"}))
        over = uow.jobs.insert(job(secrets={"ONE": "a"}))
        uow.jobs.move(over, JobState.CANCELLED, JobReason.CANCELLED, "", MOMENT)
        uow.jobs.insert(job(environment={"secrets": "a"}))
    with database.read() as uow:
        uses = uow.secrets.uses("physics")
        assert {name: [(u.kind, u.id) for u in found] for name, found in uses.items()} == {"a": [("job", wanting.id)]}
        assert uow.secrets.uses("chemistry") == {}
