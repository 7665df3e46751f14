"""Which refusals are worth a line, and that nobody fills the log with them."""

from __future__ import annotations

import pytest

from collegium.db import Database
from collegium.db.engine import now
from collegium.domain.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, Unavailable
from collegium.domain.policy import POLICY, Operation
from collegium.services.audit import refused
from collegium.services.audit.refused import OF_ALL, OF_ONE, RefusedAttempts, worth_a_line


class Ticks:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_that_is_open_to_the_world() -> None:
    """Whoever needs no token could fill the log."""
    told = {o for o in Operation if worth_a_line(o, Forbidden("no"), reading=False)}
    assert told == {o for o in Operation if o.value.startswith(("user.", "invitation.", "secret.")) and POLICY[o].scope}
    assert Operation.INVITATION_LOOK not in told
    assert Operation.INVITATION_REGISTER not in told


@pytest.mark.parametrize(
    ("error", "changing", "reading"),
    [
        (Forbidden("no"), True, True),
        (NotFound("no"), True, False),
        (Conflict("no"), True, False),
        (InvalidInput("field", "is wrong"), False, False),
        (Unavailable("later"), False, False),
        (None, False, False),
    ],
)
def test_what_is_an_attempt(error: DomainError | None, changing: bool, reading: bool) -> None:
    assert worth_a_line(Operation.USER_UPDATE, error, reading=False) is changing
    assert worth_a_line(Operation.USER_READ, error, reading=True) is reading


def test_what_is_written_down_already() -> None:
    error = Forbidden("no")
    error.written_down = True
    assert not worth_a_line(Operation.USER_UPDATE, error, reading=False)
    assert worth_a_line(Operation.USER_UPDATE, Forbidden("no"), reading=False)


async def test_many_attempts_are_a_number(sqlite_database: Database) -> None:
    ticks = Ticks()
    attempts = RefusedAttempts(sqlite_database, now, ticks)
    many = OF_ONE[0]

    async def tries(who: str, times: int) -> None:
        for _ in range(times):
            attempts.note(Operation.USER_DELETE, who, "id-bob", "", Forbidden("x" * 5000), "request-1")
        await attempts.settle()

    await tries("eve", many + 7)
    ticks.now += OF_ONE[1]
    await tries("eve", 1)
    await tries("bob", 1)
    with sqlite_database.read() as uow:
        lines = uow.audit.page(500)
    assert [(a.actor, a.details) for a in lines[:2]] == [("bob", {}), ("eve", {"left_out": 7})]
    assert len(lines) == many + 2
    assert max(len(a.reason) for a in lines) <= 300


async def test_many_people_are_not_many_more_lines(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "MAX_KEYS", 50)
    attempts = RefusedAttempts(sqlite_database, now, Ticks())
    for number in range(3 * OF_ALL[0]):
        attempts.note(Operation.INVITATION_ACCEPT, f"user{number}", "", "", NotFound("no"), "")
    await attempts.settle()
    with sqlite_database.read() as uow:
        assert len(uow.audit.page(500)) == OF_ALL[0]
    assert len(attempts._left_out) == 50
