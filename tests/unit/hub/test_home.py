from __future__ import annotations

from types import SimpleNamespace

import pytest

from collegium.db import Database
from collegium.domain.errors import Unavailable
from collegium.hub import home
from collegium.hub.home import HomePage


def user(name: str, *spawners: SimpleNamespace) -> SimpleNamespace:
    return SimpleNamespace(name=name, all_spawners=lambda: list(spawners))


@pytest.fixture(autouse=True)
def shared(demo_database: Database, monkeypatch) -> Database:
    monkeypatch.setattr(home, "shared_database", lambda: demo_database)
    return demo_database


async def test_a_card_per_group_with_role_and_limits() -> None:
    page = await HomePage(user("ann")).load()
    assert [(c.name, c.role, c.state, c.may_start) for c in page.cards] == [
        ("chemistry", "member", "stopped", True),
        ("physics", "group admin", "stopped", True),
    ]
    assert [(m.label, m.whose, m.used, m.limit, m.left) for m in page.cards[0].meters] == [
        ("CPU", "group", "0", "4", "4"),
        ("CPU", "you", "0", "2", "2"),
        ("Memory", "group", "0", "6 GiB", "6 GiB"),
        ("Memory", "you", "0", "4 GiB", "4 GiB"),
        ("Servers", "you", "0", "1", "1"),
    ]
    assert page.names == {"chemistry", "physics"}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"pending": None, "ready": True, "active": True}, "running"),
        ({"pending": "spawn", "ready": False, "active": True}, "starting"),
        ({"pending": "stop", "ready": False, "active": True}, "stopping"),
        ({"pending": None, "ready": False, "active": False}, "stopped"),
        ({}, "stopped"),  # a row of the database that never ran in this process
    ],
)
async def test_the_state_of_its_server(facts: dict[str, object], state: str) -> None:
    page = await HomePage(user("bob", SimpleNamespace(name="physics", **facts))).load()
    assert [c.state for c in page.cards] == [state]


async def test_viewers_may_not_start_and_strangers_see_whom_to_ask() -> None:
    assert [c.may_start for c in (await HomePage(user("vic")).load()).cards] == [False]
    page = await HomePage(user("zoe")).load()
    assert (page.cards, page.admins) == ((), ("Pat (user admin)",))


async def test_without_a_database_the_page_says_so(monkeypatch) -> None:
    async def broken(_look):
        raise Unavailable("The database does not answer now.")

    monkeypatch.setattr(home, "shared_database", lambda: SimpleNamespace(reading=broken))
    assert (await HomePage(user("ann")).load()).problem == "The database does not answer now."
