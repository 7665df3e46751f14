"""Answers of logins, refreshes and the sync come in in any order; what was asked last is what counts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collegium.db import Database
from collegium.domain.groups import Group
from collegium.domain.identity import Standing
from collegium.identity.accept import accept, dismiss
from unit.identity.conftest import at, claims, keycloak

RULES = keycloak()
GROUPS = ("physics", "chemistry", "biology")
_numbers = count()


@dataclass(frozen=True)
class Said:
    """What the provider said when it was asked at ``asked``."""

    asked: int
    standing: Standing
    groups: frozenset[str]
    admin: bool


said = st.builds(
    lambda standing, groups, admin: (standing, groups, admin),
    st.sampled_from([Standing.ACTIVE, Standing.ACTIVE, Standing.DISABLED]),
    st.frozensets(st.sampled_from(GROUPS)),
    st.booleans(),
)


def tell(database: Database, name: str, word: Said) -> None:
    """As a refresh or the sync does, including what the sync does with whoever is as before."""
    with database.write() as uow:
        if word.standing is not Standing.ACTIVE:
            dismiss(uow, name, word.standing, at(word.asked), "test")
            return
        said = claims(name, *(f"/{g}" for g in word.groups), platform_admin=word.admin)
        accept(uow, RULES, said, at(word.asked))


@given(data=st.data(), words=st.lists(said, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_order_the_newest_question_wins(
    data: st.DataObject, words: list[tuple[Standing, frozenset[str], bool]], sqlite_database: Database, tmp_path: Path
) -> None:
    name = f"u{next(_numbers)}"
    with sqlite_database.write() as uow:
        for group in GROUPS:
            uow.groups.put(Group(group, group))
    tell(sqlite_database, name, Said(0, Standing.ACTIVE, frozenset({"physics"}), False))
    asked = [Said(i, *word) for i, word in enumerate(words, 1)]
    for word in data.draw(st.permutations(asked)):
        tell(sqlite_database, name, word)
    last = asked[-1]
    with sqlite_database.read() as uow:
        identity, user = uow.identities.of_user(name), uow.users.get(name)
        assert identity is not None and user is not None
        assert identity.standing is last.standing
        assert identity.checked_at == at(last.asked)
        active = last.standing is Standing.ACTIVE
        assert set(uow.memberships.of_user(name)) == (set(last.groups) if active else set())
        assert user.platform_admin is (last.admin and active)
